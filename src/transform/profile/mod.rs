//! What the columns of a sheet hold: counts, extremes, samples, and the findings that follow from them.
//!
//! [`SheetProfile`] looks at every cell once and keeps a constant amount for each column. [`LossyValues`] is the part
//! that an import can afford in the pass that finds the types.

pub(super) mod class;
mod column;
mod distinct;
mod findings;
mod lossy;
mod place;
pub(super) mod quick;
#[cfg(test)]
mod reference;
mod sheet;
mod tally;
#[cfg(test)]
mod tests;
mod text;

pub use lossy::LossyValues;
pub(super) use lossy::{LARGE_FRACTION, has_many_digits};
pub use place::shell_argument;
pub use sheet::{SheetFacts, sheet_findings};

use column::ColumnProfile;
use lossy::NumberRules;
use place::Places;

use crate::model::address::column_letters;
use crate::model::batch::Batch;
use crate::model::column::TargetColumn;
use crate::model::inspection::{ColumnInspection, Finding};
use crate::model::sheet::SheetDescription;
use crate::transform::infer::InferredType;
use crate::transform::names::column_names;

/// The profile of a sheet's columns.
#[derive(Debug, Clone)]
pub struct SheetProfile {
    rules: NumberRules,
    rows: u64,
    columns: Vec<ColumnProfile>,
}

impl SheetProfile {
    /// For the columns of a sheet's header.
    #[must_use]
    pub fn of(sheet: &SheetDescription) -> Self {
        Self {
            rules: NumberRules::of(sheet),
            rows: 0,
            columns: vec![ColumnProfile::default(); sheet.header.width()],
        }
    }

    /// Looks at all cells of a batch.
    pub fn observe(&mut self, batch: &Batch) {
        for row in batch.rows() {
            for (column, cell) in self.columns.iter_mut().zip(row.cells) {
                column.observe(*cell, row.sheet_row, batch, &self.rules);
            }
        }
        self.rows += batch.row_count() as u64;
    }

    /// The type of each column, as joining the types of its cells gives it.
    pub fn types(&self) -> impl Iterator<Item = InferredType> + '_ {
        self.columns.iter().map(|column| column.lossy.inferred())
    }

    /// The places of the columns that have a title or a value.
    pub fn used_columns<'a>(
        &'a self,
        sheet: &'a SheetDescription,
    ) -> impl Iterator<Item = usize> + 'a {
        let titled = |index: usize| {
            let title = sheet.header.titles.get(index);
            title.is_some_and(|title| !title.is_empty())
        };
        let columns = self.types().enumerate();
        columns
            .filter(move |(index, inferred)| *inferred != InferredType::Unknown || titled(*index))
            .map(|(index, _)| index)
    }

    /// What the columns hold. The sheet is the one that the cells were read from.
    #[must_use]
    pub fn columns(&self, sheet: &SheetDescription) -> Vec<ColumnInspection> {
        let names = column_names(&sheet.header);
        let columns = self.columns.iter().zip(names).enumerate();
        columns
            .map(|(index, (column, name))| self.column(sheet, index, column, name))
            .collect()
    }

    fn column(
        &self,
        sheet: &SheetDescription,
        index: usize,
        column: &ColumnProfile,
        name: String,
    ) -> ColumnInspection {
        let TargetColumn { name, sql_type, .. } = column.lossy.inferred().to_column(name);
        let (values, errors) = (column.lossy.values(), column.errors.count());
        let (distinct, distinct_is) = column.distinct();
        let (min, max) = column.bounds_shown(&self.rules).unzip();
        ColumnInspection {
            letters: column_letters(sheet.header.sheet_column(index)),
            title: sheet.header.titles.get(index).cloned().unwrap_or_default(),
            name,
            sql_type,
            hidden: sheet.is_hidden_column(index),
            values,
            nulls: self.rows.saturating_sub(values + errors),
            errors,
            // An estimate knows nothing of how many values there are at all.
            distinct: distinct.min(values),
            distinct_is,
            min,
            max,
            longest_text: column.longest_text(),
            samples: column.samples_shown(&self.rules),
            formats: column.formats_seen(&self.rules),
        }
    }

    /// What a load of these cells would lose or change, column by column.
    #[must_use]
    pub fn findings(&self, sheet: &SheetDescription) -> Vec<Finding> {
        let places = Places::of(sheet);
        let mut found = Vec::new();
        for (column, place) in self.columns.iter().zip(places.columns()) {
            findings::lossy(&column.lossy, &column.many_digits, &place, &mut found);
            findings::others(column, &place, &mut found);
        }
        found
    }

    /// Columns whose only text stands in the first row below the titles: perhaps a title, too.
    #[must_use]
    pub fn columns_with_text_on_top(&self, first_row: u32) -> Vec<usize> {
        let is_one = |column: &ColumnProfile| {
            let texts = column.lossy.of_class(class::CellClass::Text);
            texts.count() == 1
                && column.lossy.values() > 1
                && texts.rows().next() == Some(first_row)
        };
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, column)| is_one(column))
            .map(|(index, _)| index)
            .collect()
    }
}
