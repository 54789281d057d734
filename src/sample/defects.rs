//! The bad rows of a sample: which, where, and what the table's server says to each.

use serde::Serialize;

use super::businesses::{ADDRESS, CITY, COLUMNS, DESCRIPTION, EMAIL, NAME};
use super::column::Value;
use super::random::{Purpose, Random};
use crate::config::sample::{Defects, SampleConfig};

/// Longest entry of a B-tree index is 2,704 bytes (a third of a page, PostgreSQL documentation, "B-Tree
/// Implementation"); this text is longer and has no pattern to compress.
const TOO_LONG: usize = 3000;

/// Why a row cannot go into the table `businesses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DefectKind {
    /// No cell in a column that must have a value.
    Missing,
    /// A cell with an empty text in a column that must have a value.
    EmptyText,
    /// A formula whose result is an error, in a column that must have a value.
    ErrorValue,
    /// A text with the character U+0000, which PostgreSQL's text cannot hold.
    NulCharacter,
    /// A text longer than an entry of the column's index can be.
    TooLongForIndex,
}

/// A row that cannot go into the table, with the cell at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// The cell in A1 notation.
    pub cell: String,
    /// The row's number in the sheet; the header is row 1.
    pub row: u64,
    /// The table's column.
    pub column: String,
    /// Why.
    pub kind: DefectKind,
    /// The error code that the server has for it (PostgreSQL documentation, appendix A).
    pub sqlstate: String,
    /// What the cell holds, in words.
    pub holds: String,
}

impl DefectKind {
    /// The server's error code (PostgreSQL documentation, appendix A).
    #[must_use]
    pub fn sqlstate(self) -> &'static str {
        match self {
            // not_null_violation
            Self::Missing | Self::EmptyText | Self::ErrorValue => "23502",
            // character_not_in_repertoire
            Self::NulCharacter => "22021",
            // program_limit_exceeded
            Self::TooLongForIndex => "54000",
        }
    }
}

/// One bad row of the showcase.
struct Flaw {
    kind: DefectKind,
    column: usize,
    /// The formula and its result, for a cell with one.
    formula: Option<(&'static str, &'static str)>,
}

const fn flaw(kind: DefectKind, column: usize) -> Flaw {
    Flaw {
        kind,
        column,
        formula: None,
    }
}

const fn formula(kind: DefectKind, formula: &'static str, result: &'static str) -> Flaw {
    Flaw {
        kind,
        column: NAME,
        formula: Some((formula, result)),
    }
}

/// From the top down: the first is in the first row, the last in the last one, and those in the middle are neighbours.
const SHOWCASE: [Flaw; 13] = [
    formula(DefectKind::ErrorValue, "=NA()", "#N/A"),
    flaw(DefectKind::Missing, NAME),
    flaw(DefectKind::NulCharacter, DESCRIPTION),
    flaw(DefectKind::TooLongForIndex, EMAIL),
    formula(DefectKind::EmptyText, "=\"\"", ""),
    formula(DefectKind::ErrorValue, "=#REF!", "#REF!"),
    flaw(DefectKind::NulCharacter, NAME),
    flaw(DefectKind::TooLongForIndex, CITY),
    formula(DefectKind::ErrorValue, "=1/0", "#DIV/0!"),
    flaw(DefectKind::NulCharacter, ADDRESS),
    formula(DefectKind::EmptyText, "=\"\"", ""),
    formula(DefectKind::ErrorValue, "=VALUE(\"open\")", "#VALUE!"),
    flaw(DefectKind::Missing, NAME),
];

/// Which rows become bad, and how.
pub(super) struct Plan {
    random: Random,
    /// Counted from 0, in ascending order.
    rows: Vec<u64>,
}

impl Plan {
    /// The plan for a workbook; its rows must have been validated.
    pub(super) fn new(config: &SampleConfig) -> Self {
        let mut random = Random::new(config.seed, Purpose::Defects);
        let rows = match config.defects {
            Defects::None => Vec::new(),
            Defects::Showcase => spread(config.rows, &mut random),
        };
        Self { random, rows }
    }

    /// Makes the row with this number bad if the plan says so, and tells how.
    pub(super) fn apply(&mut self, row_number: u64, row: &mut [Value]) -> Option<Defect> {
        let index = self.rows.binary_search(&row_number).ok()?;
        let flaw = SHOWCASE.get(index)?;
        let value = row.get_mut(flaw.column)?;
        let column = COLUMNS.get(flaw.column)?;
        let (bad, holds) = flaw.value(value, &mut self.random);
        *value = bad;
        // The header is row 1, and there are fewer columns than letters.
        let row = row_number + 2;
        let letter = char::from(b'A' + flaw.column as u8);
        Some(Defect {
            cell: format!("{letter}{row}"),
            row,
            column: column.table_name(),
            kind: flaw.kind,
            sqlstate: flaw.kind.sqlstate().to_owned(),
            holds,
        })
    }
}

impl Flaw {
    /// The value that replaces `good`, and what it is in words.
    fn value(&self, good: &Value, random: &mut Random) -> (Value, String) {
        if let Some((formula, result)) = self.formula {
            let holds = if result.is_empty() {
                "an empty text, the result of a formula".to_owned()
            } else {
                format!("the error {result}, the result of a formula")
            };
            return (Value::Formula { formula, result }, holds);
        }
        match self.kind {
            DefectKind::NulCharacter => {
                let text = match good {
                    Value::Text(text) => text,
                    _ => "Broken",
                };
                let bad = Value::Text(format!("{text}\0{}", random.letters(4)));
                (bad, "a text with the character U+0000".to_owned())
            }
            DefectKind::TooLongForIndex => {
                let bad = Value::Text(random.letters(TOO_LONG));
                (bad, format!("a text of {TOO_LONG} bytes"))
            }
            _ => (Value::Empty, "nothing: there is no cell".to_owned()),
        }
    }
}

/// One row in each of 13 equal parts: the first, the last, two neighbours in the middle, the others by chance.
fn spread(rows: u64, random: &mut Random) -> Vec<u64> {
    let parts = SHOWCASE.len() as u64;
    let middle = parts / 2;
    (0..parts)
        .map(|part| {
            let first = part * rows / parts;
            let last = (part + 1) * rows / parts - 1;
            if part == 0 || part == middle + 1 {
                first
            } else if part == parts - 1 || part == middle {
                last
            } else {
                // A sheet has fewer rows than 2^32.
                first + u64::from(random.below((last - first + 1) as u32))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_rows_are_different_rows_and_reach_both_ends() {
        for rows in [13, 14, 100, 10_000, 1_048_575] {
            let spread = spread(rows, &mut Random::new(rows, Purpose::Defects));
            assert_eq!(spread.len(), 13);
            assert!(spread.is_sorted_by(|a, b| a < b), "{spread:?}");
            assert_eq!((spread[0], spread[12]), (0, rows - 1));
            assert_eq!(spread[6] + 1, spread[7]);
        }
    }
}
