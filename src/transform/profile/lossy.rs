//! Values that do not survive a load as people expect: found in the pass that finds the types, or by inspection.

use super::class::{CellClass, Family};
use super::findings;
use super::place::Places;
use super::tally::Tally;
use super::text::{DayMonth, DayOrder, day_month};
use crate::model::batch::Batch;
use crate::model::cell::{Cell, FormatId};
use crate::model::inspection::Finding;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, SheetDescription};
use crate::model::value::MAX_EXACT_INTEGER;
use crate::transform::infer::InferredType;
use crate::transform::number_format::{FormatClass, classify};
use crate::transform::text_rules::TextRules;

/// The least number with 16 digits before the point.
const SIXTEEN_DIGITS: f64 = 1e15;
/// From here on digits after the point are looked at. Below, what lies beyond the 15th digit is the noise of a
/// division, not something that anybody typed.
const LARGE_FRACTION: f64 = 1e12;
/// 1 March 1900 in the 1900 system: from here on serial dates are right.
const MARCH_1900: f64 = 61.0;

/// How the sheet's numbers are to be read.
#[derive(Debug, Clone)]
pub(super) struct NumberRules {
    pub(super) formats: Vec<NumberFormat>,
    pub(super) classes: Vec<FormatClass>,
    pub(super) date_system: DateSystem,
}

impl NumberRules {
    pub(super) fn of(sheet: &SheetDescription) -> Self {
        Self {
            classes: sheet.formats.iter().map(classify).collect(),
            formats: sheet.formats.clone(),
            date_system: sheet.date_system,
        }
    }

    #[inline]
    pub(super) fn class(&self, format: FormatId) -> FormatClass {
        let class = self.classes.get(usize::from(format.0)).copied();
        class.unwrap_or(FormatClass::General)
    }
}

/// The lossy values of one column.
#[derive(Debug, Clone, Default)]
pub(super) struct LossyColumn {
    classes: [Tally; CellClass::ALL.len()],
    /// Numbers of more than 15 digits.
    pub(super) many_digits: Tally,
    /// Those of them that a double does not hold exactly; whole numbers below 2^53 are loaded as they are.
    pub(super) inexact: Tally,
    pub(super) early_dates: Tally,
    pub(super) nul: Tally,
    pub(super) days: DayMonths,
}

/// Texts with day and month.
#[derive(Debug, Clone, Default)]
pub(super) struct DayMonths {
    pub(super) ambiguous: Tally,
    pub(super) day_first: Tally,
    pub(super) month_first: Tally,
    /// The row and shape of the first of them all.
    pub(super) first: Option<(u32, DayMonth)>,
}

impl DayMonths {
    pub(super) fn add(&mut self, row: u32, found: DayMonth) {
        match found.order {
            DayOrder::Ambiguous => self.ambiguous.add(row),
            DayOrder::DayFirst => self.day_first.add(row),
            DayOrder::MonthFirst => self.month_first.add(row),
            DayOrder::Either => {}
        }
        if self.first.is_none_or(|(first, _)| row < first) {
            self.first = Some((row, found));
        }
    }
}

impl LossyColumn {
    #[inline]
    pub(super) fn add(&mut self, class: CellClass, row: u32) {
        self.classes[class as usize].add(row);
    }

    #[inline]
    pub(super) fn number(&mut self, row: u32, value: f64, class: FormatClass, system: DateSystem) {
        let cell = CellClass::of_number(value, class, system);
        self.add(cell, row);
        match cell {
            CellClass::Integer | CellClass::Decimal | CellClass::Float | CellClass::Padded
                if value.abs() >= LARGE_FRACTION && has_many_digits(value) =>
            {
                self.many_digits.add(row);
                if value.fract() != 0.0 || value.abs() >= MAX_EXACT_INTEGER {
                    self.inexact.add(row);
                }
            }
            CellClass::Date | CellClass::Timestamp | CellClass::NoDate
                if system == DateSystem::From1900 && (0.0..MARCH_1900).contains(&value) =>
            {
                self.early_dates.add(row);
            }
            _ => {}
        }
    }

    #[inline]
    fn text(&mut self, row: u32, text: &str) {
        self.add(CellClass::Text, row);
        if text.as_bytes().contains(&0) {
            self.nul.add(row);
        }
        if let Some(found) = day_month(text) {
            self.days.add(row, found);
        }
    }

    pub(super) fn of_class(&self, class: CellClass) -> &Tally {
        &self.classes[class as usize]
    }

    /// The type that holds all cells.
    pub(super) fn inferred(&self) -> InferredType {
        let seen = CellClass::ALL.into_iter();
        seen.filter(|class| self.of_class(*class).count() > 0)
            .fold(InferredType::Unknown, |joined, class| {
                joined.join(class.inferred())
            })
    }

    /// The cells of a family.
    pub(super) fn of_family(&self, family: Family) -> Tally {
        let classes = CellClass::ALL.into_iter();
        classes
            .filter(|class| class.family() == family)
            .fold(Tally::default(), |sum, class| {
                sum.plus(self.of_class(class))
            })
    }

    /// Cells with a value.
    pub(super) fn values(&self) -> u64 {
        self.classes.iter().map(Tally::count).sum()
    }
}

/// Whether a number has more than 15 digits: what a spreadsheet program keeps and displays of a number.
fn has_many_digits(value: f64) -> bool {
    let size = value.abs();
    if size >= MAX_EXACT_INTEGER {
        return true;
    }
    if value.fract() == 0.0 {
        // At most 16 digits: the last one must be a zero.
        return size >= SIXTEEN_DIGITS && size % 10.0 != 0.0;
    }
    // The shortest decimal that is this double, without point and zeros in front.
    let shortest = format!("{size}");
    shortest.bytes().filter(u8::is_ascii_digit).count() > 15
}

/// Finds the types of a sheet's columns, and with them the values that would be lost.
///
/// It is the cheap part of an inspection, for the pass over all rows that a table to be created needs anyway.
#[derive(Debug, Clone)]
pub struct LossyValues {
    rules: NumberRules,
    text_rules: TextRules,
    columns: Vec<LossyColumn>,
}

impl LossyValues {
    /// For the columns of a sheet's header. Texts that stand for NULL by the user's rules are no values.
    #[must_use]
    pub fn of(sheet: &SheetDescription, text_rules: TextRules) -> Self {
        Self {
            rules: NumberRules::of(sheet),
            text_rules,
            columns: vec![LossyColumn::default(); sheet.header.width()],
        }
    }

    /// Looks at all cells of a batch.
    pub fn observe(&mut self, batch: &Batch) {
        for row in batch.rows() {
            for (column, cell) in self.columns.iter_mut().zip(row.cells) {
                let row = row.sheet_row;
                match *cell {
                    Cell::Empty | Cell::Error(_) => {}
                    Cell::Bool(_) => column.add(CellClass::Bool, row),
                    Cell::Number { value, format } => {
                        let class = self.rules.class(format);
                        column.number(row, value, class, self.rules.date_system);
                    }
                    Cell::Text(_) | Cell::Shared(_) => {
                        if let Some(text) = self.text_rules.content(batch.text_of(*cell)) {
                            column.text(row, text);
                        }
                    }
                    Cell::Iso(span) => column.add(CellClass::of_iso(batch.text(span)), row),
                }
            }
        }
    }

    /// The type of each column, as joining the types of its cells gives it. Error cells have none.
    pub fn types(&self) -> impl Iterator<Item = InferredType> + '_ {
        self.columns.iter().map(LossyColumn::inferred)
    }

    /// What would be lost, column by column, in those of the header's columns that `is_inferred` names: what the user
    /// declared is not to be warned of. The sheet is the one that the cells were read from.
    pub fn warnings(
        &self,
        sheet: &SheetDescription,
        is_inferred: impl Fn(usize) -> bool,
    ) -> Vec<Finding> {
        let places = Places::of(sheet);
        let mut found = Vec::new();
        let columns = self.columns.iter().zip(places.columns()).enumerate();
        for (_, (column, place)) in columns.filter(|(index, _)| is_inferred(*index)) {
            findings::lossy(column, &column.inexact, &place, &mut found);
        }
        found
    }
}
