//! Findings about a sheet as a whole: titles, merged cells, cells beside the titles.

use std::collections::HashMap;

use super::SheetProfile;
use crate::model::address::{CellAddress, CellRange, column_letters, qualified};
use crate::model::inspection::{Finding, FindingKind};
use crate::model::sheet::{SheetDescription, SheetTotals, Titled};
use crate::transform::names::{MAX_IDENTIFIER_BYTES, snake_case};

/// How many cells are named.
const NAMED: usize = 3;

/// What one reading found, besides the cells.
#[derive(Debug, Clone, Copy)]
pub struct SheetFacts<'a> {
    /// The sheet, with a header that reaches over all cells.
    pub sheet: &'a SheetDescription,
    /// The counts of the reading with the header as it was found.
    pub totals: &'a SheetTotals,
    /// Its merged cells, as far as they are known.
    pub merged: &'a [CellRange],
    /// The most columns that a table can have.
    pub max_columns: usize,
}

/// What titles, merged cells and cells beside the titles mean for a load.
#[must_use]
pub fn sheet_findings(facts: &SheetFacts<'_>, profile: &SheetProfile) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(too_many_columns(facts, profile));
    found.extend(cells_without_title(facts));
    if facts.sheet.header.titled == Titled::Yes {
        found.extend(blank_titles(facts));
        found.extend(duplicate_titles(facts));
        found.extend(long_titles(facts));
        found.extend(several_title_rows(facts, profile));
    }
    found.extend(merged_cells(facts));
    found.extend(uncached_formulas(facts));
    found.extend(replaced_texts(facts));
    found.extend(guessed_texts(facts));
    found
}

fn finding(
    kind: FindingKind,
    count: u64,
    cells: Vec<String>,
    explanation: &str,
    flag: Option<&str>,
) -> Finding {
    Finding {
        kind,
        column: None,
        count,
        cells,
        explanation: explanation.to_owned(),
        flag: flag.map(str::to_owned),
    }
}

impl SheetFacts<'_> {
    fn cell(&self, at: CellAddress) -> String {
        qualified(&self.sheet.sheet, at)
    }

    /// The row of the titles, or the last of several, from 0.
    fn title_row(&self) -> u32 {
        self.sheet.header.first_row.saturating_sub(1)
    }

    fn title_cells(&self, columns: &[usize]) -> Vec<String> {
        let row = self.title_row();
        let columns = columns.iter().take(NAMED);
        let cell = |index: &usize| {
            let column = self.sheet.header.sheet_column(*index);
            self.cell(CellAddress { row, column })
        };
        columns.map(cell).collect()
    }

    /// A finding about titles.
    fn titles(
        &self,
        kind: FindingKind,
        columns: &[usize],
        explanation: &str,
        flag: Option<&str>,
    ) -> Option<Finding> {
        let cells = self.title_cells(columns);
        let found = || finding(kind, columns.len() as u64, cells, explanation, flag);
        (!columns.is_empty()).then(found)
    }

    fn columns_with(&self, fits: impl Fn(&str) -> bool) -> Vec<usize> {
        let titles = self.sheet.header.titles.iter().enumerate();
        titles
            .filter(|(_, title)| fits(title))
            .map(|(index, _)| index)
            .collect()
    }
}

fn too_many_columns(facts: &SheetFacts<'_>, profile: &SheetProfile) -> Option<Finding> {
    let used = profile.used_columns(facts.sheet);
    let beyond: Vec<usize> = used.skip(facts.max_columns).collect();
    let width = facts.max_columns.saturating_add(beyond.len());
    let letters = |index: usize| column_letters(facts.sheet.header.sheet_column(index));
    let flag = format!(
        "--range {}:{}",
        letters(0),
        letters(facts.max_columns.saturating_sub(1))
    );
    (!beyond.is_empty()).then(|| {
        finding(
            FindingKind::TooManyColumns,
            beyond.len() as u64,
            facts.title_cells(&beyond),
            &format!(
                "the sheet has {width} columns, a table at most {}",
                facts.max_columns
            ),
            Some(&flag),
        )
    })
}

fn cells_without_title(facts: &SheetFacts<'_>) -> Option<Finding> {
    let first = facts.totals.first_outside_header?;
    Some(finding(
        FindingKind::CellsWithoutTitle,
        facts.totals.cells_outside_header,
        vec![facts.cell(first)],
        "there is no title above them; their columns are named after their letters",
        Some("--header-row auto"),
    ))
}

fn blank_titles(facts: &SheetFacts<'_>) -> Option<Finding> {
    facts.titles(
        FindingKind::BlankTitle,
        &facts.columns_with(|title| snake_case(title).is_empty()),
        "the columns are named after their letters",
        Some("--header-row N"),
    )
}

fn duplicate_titles(facts: &SheetFacts<'_>) -> Option<Finding> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let titles = facts.sheet.header.titles.iter().enumerate();
    let again = titles.filter_map(|(index, title)| {
        let words = snake_case(title);
        let count = seen.entry(words.clone()).or_default();
        *count += 1;
        (*count > 1 && !words.is_empty()).then_some(index)
    });
    let again: Vec<usize> = again.collect();
    facts.titles(
        FindingKind::DuplicateTitle,
        &again,
        "the columns' names get a number",
        Some("--map \"Header=column\""),
    )
}

fn long_titles(facts: &SheetFacts<'_>) -> Option<Finding> {
    let explanation =
        format!("a column's name has at most {MAX_IDENTIFIER_BYTES} bytes and is cut");
    facts.titles(
        FindingKind::LongTitle,
        &facts.columns_with(|title| title.len() > MAX_IDENTIFIER_BYTES),
        &explanation,
        Some("--map \"Header=column\""),
    )
}

/// Titles that are merged over several columns, and columns of other types with a text right below the title.
fn several_title_rows(facts: &SheetFacts<'_>, profile: &SheetProfile) -> Option<Finding> {
    let title_row = facts.title_row();
    let spans = |range: &&CellRange| {
        range.first.row <= title_row
            && title_row <= range.last.row
            && (range.first.column < range.last.column || range.last.row > title_row)
    };
    let merged = facts.merged.iter().filter(spans);
    let mut cells: Vec<String> = merged.map(|range| facts.cell(range.first)).collect();
    let first_row = facts.sheet.header.first_row;
    for index in profile.columns_with_text_on_top(first_row) {
        cells.push(facts.cell(CellAddress {
            row: first_row,
            column: facts.sheet.header.sheet_column(index),
        }));
    }
    let count = cells.len() as u64;
    cells.truncate(NAMED);
    let rows = format!(
        "--header-rows {}-{}",
        u64::from(title_row) + 1,
        u64::from(first_row) + 1
    );
    (count > 0).then(|| {
        finding(
            FindingKind::SeveralTitleRows,
            count,
            cells,
            "titles seem to go on in the row below",
            Some(&rows),
        )
    })
}

fn merged_cells(facts: &SheetFacts<'_>) -> Option<Finding> {
    let first_row = facts.sheet.header.first_row;
    let below = facts
        .merged
        .iter()
        .filter(|range| range.last.row >= first_row);
    let named = below.clone().take(NAMED);
    let cells: Vec<String> = named.map(|range| facts.cell(range.first)).collect();
    (!cells.is_empty()).then(|| {
        finding(
            FindingKind::MergedCells,
            below.count() as u64,
            cells,
            "only the upper left cell of a merged range has a value",
            Some("--fill-merged"),
        )
    })
}

fn replaced_texts(facts: &SheetFacts<'_>) -> Option<Finding> {
    let first = facts.totals.first_replaced?;
    Some(finding(
        FindingKind::DamagedCharacter,
        facts.totals.replaced_texts,
        vec![facts.cell(first)],
        "the file has half of a character or none there; U+FFFD is loaded in its place",
        None,
    ))
}

fn guessed_texts(facts: &SheetFacts<'_>) -> Option<Finding> {
    let (first, page) = facts.totals.first_guessed?;
    Some(finding(
        FindingKind::GuessedCodePage,
        facts.totals.guessed_texts,
        vec![facts.cell(first)],
        &format!("the file does not name the code page of its texts; they are read in {page}"),
        Some("--codepage NAME"),
    ))
}

fn uncached_formulas(facts: &SheetFacts<'_>) -> Option<Finding> {
    let first = facts.totals.first_uncached?;
    Some(finding(
        FindingKind::UncachedFormula,
        facts.totals.uncached_formulas,
        vec![facts.cell(first)],
        "the file has no result for them, so they are NULL; open and save it with a spreadsheet program",
        None,
    ))
}
