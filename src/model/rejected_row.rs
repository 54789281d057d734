//! A rejected row with its cells, so that it can be written to a file, mended and loaded again.

use std::collections::HashSet;
use std::sync::Arc;

use super::address::{address_of, column_letters};
use super::cell::CellError;
use super::reject::{Reject, RejectedCell};
use super::sheet::{SheetDescription, Titled};

/// The title of the column that says why a row was rejected. A sheet's last titled column is no data if this is its
/// title, so that a file of rejected rows can be loaded as it is.
pub const REASON_TITLE: &str = "sheetload: why this row was rejected";

/// A sheet of which rows were rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedSheet {
    /// Its name.
    pub name: String,
    /// Whether it has titles.
    pub titled: Titled,
    /// The titles of the header's columns, empty where a column has none.
    pub titles: Vec<String>,
    /// The sheet's column of the header's first, from 0.
    pub first_column: u32,
    /// The header's columns that are hidden, from 0.
    pub hidden: Vec<usize>,
}

/// A rejected row.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRow {
    /// What is wrong with it.
    pub reject: Reject,
    /// The header's columns with the cells at fault, from 0. None when the row is refused as a whole.
    pub faults: Vec<usize>,
    /// Its cells, in the order of the header's columns.
    pub cells: Vec<StoredCell>,
}

/// A cell with all that is needed to write it again.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredCell {
    /// Nothing.
    Empty,
    /// A number, or a date or time as one.
    Number(StoredNumber),
    /// A text.
    Text(String),
    /// TRUE or FALSE.
    Bool(bool),
    /// An error value.
    Error(CellError),
}

/// A number with its format.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredNumber {
    /// The number. Days are counted as sheets of the 1900 system do, whatever the system of the sheet that it comes
    /// from.
    pub value: f64,
    /// The code of its format.
    pub format: Arc<str>,
    /// The text that stands for it where there are no formats.
    pub shown: String,
    /// Whether the number or the text is what people mean by it.
    pub meaning: Meaning,
}

/// What a number is where there are no formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A number.
    Number,
    /// What is shown: a date, a time, a number with zeros in front.
    Text,
}

impl RejectedSheet {
    /// The sheet of this description.
    #[must_use]
    pub fn of(sheet: &SheetDescription) -> Self {
        let columns = 0..sheet.header.width();
        Self {
            name: sheet.sheet.clone(),
            titled: sheet.header.titled,
            titles: sheet.header.titles.clone(),
            first_column: sheet.header.first_column,
            hidden: columns
                .filter(|index| sheet.is_hidden_column(*index))
                .collect(),
        }
    }

    /// The sheet's column of the header's `index`-th, from 0.
    #[must_use]
    pub fn sheet_column(&self, index: usize) -> u32 {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.first_column.saturating_add(index)
    }

    /// A name for each of the header's columns that no other has, and none of `taken`: its title, or `column C`, with
    /// the column's letters behind it where that is not enough.
    #[must_use]
    pub fn distinct_titles(&self, taken: &[&str]) -> Vec<String> {
        let mut used: HashSet<String> = taken.iter().map(|name| (*name).to_owned()).collect();
        let mut names = Vec::with_capacity(self.titles.len());
        for (index, title) in self.titles.iter().enumerate() {
            let letters = column_letters(self.sheet_column(index));
            let mut name = if title.trim().is_empty() {
                format!("column {letters}")
            } else {
                title.clone()
            };
            // Each round makes it longer, so that it is a new one at last.
            while !used.insert(name.clone()) {
                name = format!("{name} ({letters})");
            }
            names.push(name);
        }
        names
    }
}

impl RejectedRow {
    /// The row with these cells. Those at fault are the ones that the reject names, if it names a column.
    #[must_use]
    pub fn new(reject: Reject, sheet: &RejectedSheet, cells: Vec<StoredCell>) -> Self {
        let named = reject.column.as_ref().map(|_column| reject.cell.as_str());
        let named = named
            .into_iter()
            .chain(reject.cells.iter().map(|cell| cell.cell.as_str()));
        let mut faults: Vec<usize> = named
            .filter_map(address_of)
            .filter_map(|at| at.column.checked_sub(sheet.first_column))
            .filter_map(|index| usize::try_from(index).ok())
            .filter(|index| *index < cells.len())
            .collect();
        faults.sort_unstable();
        faults.dedup();
        Self {
            reject,
            faults,
            cells,
        }
    }

    /// Why it was rejected, in a line: `C17: the value is out of range (22003)`, and each further cell behind a semicolon.
    #[must_use]
    pub fn why(&self) -> String {
        let Reject {
            row,
            cell,
            message,
            sqlstate,
            cells,
            ..
        } = &self.reject;
        match cells.as_slice() {
            _ if self.faults.is_empty() => format!("row {row}: {message} ({sqlstate})"),
            [] | [_] => why(cell, message, sqlstate),
            cells => reasons(cells.iter()),
        }
    }

    /// The same of its cells beside the one that it is named by; mostly there are none.
    #[must_use]
    pub fn why_beside_first(&self) -> String {
        let cells = self.reject.cells.iter();
        reasons(cells.filter(|cell| cell.cell != self.reject.cell))
    }
}

fn reasons<'c>(cells: impl Iterator<Item = &'c RejectedCell>) -> String {
    let reasons = cells.map(|at| why(&at.cell, &at.message, &at.sqlstate));
    reasons.collect::<Vec<String>>().join("; ")
}

fn why(cell: &str, message: &str, sqlstate: &str) -> String {
    let at = address_of(cell).map(|at| at.to_string());
    format!("{}: {message} ({sqlstate})", at.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reject::RejectReason;

    fn sheet(titles: &[&str]) -> RejectedSheet {
        RejectedSheet {
            name: "a!b".into(),
            titled: Titled::Yes,
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
            first_column: 1,
            hidden: Vec::new(),
        }
    }

    fn reject(cell: &str, column: Option<&str>) -> Reject {
        Reject {
            sheet: "a!b".into(),
            row: 17,
            cell: cell.into(),
            column: column.map(str::to_owned),
            stored: None,
            expected: None,
            sqlstate: "22003".into(),
            reason: RejectReason::OutOfRange,
            message: "too large".into(),
            cells: Vec::new(),
        }
    }

    #[test]
    fn the_cell_at_fault_is_found_behind_any_name_of_a_sheet() {
        let cells = vec![StoredCell::Empty, StoredCell::Empty];
        let named = RejectedRow::new(
            reject("'a!b'!C17", Some("price")),
            &sheet(&["a", "b"]),
            cells.clone(),
        );
        assert_eq!(named.faults, [1]);
        assert_eq!(named.why(), "C17: too large (22003)");
        let unnamed = RejectedRow::new(reject("'a!b'!B17", None), &sheet(&["a", "b"]), cells);
        assert!(unnamed.faults.is_empty());
        assert_eq!(unnamed.why(), "row 17: too large (22003)");
        for wrong in ["A17", "D17", "C", "", "!", "a!b!é"] {
            let row = RejectedRow::new(reject(wrong, Some("c")), &sheet(&["a"]), vec![]);
            assert!(row.faults.is_empty(), "{wrong}");
        }
    }

    #[test]
    fn all_cells_at_fault_are_named_and_marked() {
        let first = reject("'a!b'!D17", Some("price")).first_cell().unwrap();
        let other = RejectedCell {
            cell: "'a!b'!B17".into(),
            message: "no number".into(),
            sqlstate: "22P02".into(),
            ..first.clone()
        };
        let row = RejectedRow::new(
            Reject {
                cells: vec![other, first],
                ..reject("'a!b'!D17", Some("price"))
            },
            &sheet(&["a", "b", "c"]),
            vec![StoredCell::Empty; 3],
        );
        assert_eq!(row.faults, [0, 2]);
        assert_eq!(row.why(), "B17: no number (22P02); D17: too large (22003)");
        assert_eq!(row.why_beside_first(), "B17: no number (22P02)");
    }

    #[test]
    fn every_column_gets_a_name_of_its_own() {
        let names = sheet(&["a", "", "a", "row", "a (D)", "a"]).distinct_titles(&["row"]);
        assert_eq!(
            names,
            ["a", "column C", "a (D)", "row (E)", "a (D) (F)", "a (G)"]
        );
    }
}
