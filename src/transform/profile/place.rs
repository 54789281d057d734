//! Where findings are: cells and columns as people name them, on the command line, too.

use std::collections::HashMap;

use super::tally::Tally;
use crate::model::address::{CellAddress, column_letters, qualified};
use crate::model::inspection::{Finding, FindingKind};
use crate::model::sheet::SheetDescription;
use crate::transform::names::{column_names, snake_case};

/// A title that is longer than this is named by the words of its column's name.
const LONGEST_TITLE: usize = 40;

/// The columns of a sheet by their names.
#[derive(Debug)]
pub(super) struct Places<'a> {
    sheet: &'a SheetDescription,
    names: Vec<String>,
    /// How many titles have these words.
    words: HashMap<String, u32>,
}

/// One column of a sheet.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnPlace<'a> {
    places: &'a Places<'a>,
    index: usize,
    pub(super) name: &'a str,
}

impl<'a> Places<'a> {
    pub(super) fn of(sheet: &'a SheetDescription) -> Self {
        let mut words: HashMap<String, u32> = HashMap::new();
        for title in &sheet.header.titles {
            *words.entry(snake_case(title)).or_default() += 1;
        }
        Self {
            sheet,
            names: column_names(&sheet.header),
            words,
        }
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = ColumnPlace<'_>> {
        let names = self.names.iter().enumerate();
        names.map(|(index, name)| ColumnPlace {
            places: self,
            index,
            name,
        })
    }
}

impl ColumnPlace<'_> {
    pub(super) fn title(&self) -> &str {
        let titles = &self.places.sheet.header.titles;
        titles.get(self.index).map_or("", String::as_str)
    }

    /// A cell of the column.
    pub(super) fn cell(&self, row: u32) -> String {
        let column = self.places.sheet.header.sheet_column(self.index);
        qualified(&self.places.sheet.sheet, CellAddress { row, column })
    }

    /// A finding about counted cells.
    pub(super) fn finding(
        &self,
        kind: FindingKind,
        tally: &Tally,
        explanation: impl Into<String>,
        flag: Option<String>,
    ) -> Finding {
        Finding {
            kind,
            column: Some(self.name.to_owned()),
            count: tally.count(),
            cells: tally.rows().map(|row| self.cell(row)).collect(),
            explanation: explanation.into(),
            flag,
        }
    }

    /// The option that gives the column this type.
    pub(super) fn map_to(&self, sql_type: &str) -> String {
        let value = format!("{}={}:{sql_type}", self.source(), self.name);
        format!("--map {}", shell_argument(&value))
    }

    /// How the column is named on the command line: by its title, by the words of it, or by its letters.
    fn source(&self) -> String {
        let title = self.title();
        let words = snake_case(title);
        let is_only = self.places.words.get(&words) == Some(&1);
        let is_plain = |c: char| c.is_alphanumeric() || " _.,()/%&#+-€".contains(c);
        let is_short = title.chars().count() <= LONGEST_TITLE;
        if words.is_empty() || !is_only {
            column_letters(self.places.sheet.header.sheet_column(self.index))
        } else if is_short && title.chars().all(is_plain) && !title.starts_with('-') {
            title.to_owned()
        } else {
            words
        }
    }
}

/// An argument in double quotes, or, if it has a character that these do not protect, in single ones.
#[must_use]
pub fn shell_argument(text: &str) -> String {
    if text.contains(['"', '$', '`', '\\', '!']) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else {
        format!("\"{text}\"")
    }
}
