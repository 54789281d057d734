//! Values that do not survive a load as people expect: found in the pass that finds the types, or by inspection.

use std::sync::Arc;

use super::class::{CellClass, Family};
use super::findings;
use super::place::Places;
use super::quick::QuickClasses;
use super::tally::Tally;
use super::text::{DayMonth, DayOrder, day_month};
use crate::model::batch::{Batch, Row};
use crate::model::cell::{Cell, FormatId};
use crate::model::inspection::Finding;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, SheetDescription};
use crate::model::value::MAX_EXACT_INTEGER;
use crate::transform::blocks::for_each_block;
use crate::transform::coerce::OnCellError;
use crate::transform::infer::{InferredType, SeenColumns};
use crate::transform::number_format::{FormatClass, classify};
use crate::transform::text_rules::TextRules;

/// The least number with 16 digits before the point.
const SIXTEEN_DIGITS: f64 = 1e15;
/// From here on digits after the point are looked at. Below, what lies beyond the 15th digit is the noise of a
/// division, not something that anybody typed.
pub(in crate::transform) const LARGE_FRACTION: f64 = 1e12;
/// 1 March 1900 in the 1900 system: from here on serial dates are right.
const MARCH_1900: f64 = 61.0;

/// How the sheet's numbers are to be read.
#[derive(Debug, Clone)]
pub(super) struct NumberRules {
    pub(super) formats: Arc<[NumberFormat]>,
    pub(super) classes: Vec<FormatClass>,
    pub(super) quick: QuickClasses,
    pub(super) date_system: DateSystem,
}

impl NumberRules {
    pub(super) fn of(sheet: &SheetDescription) -> Self {
        let classes: Vec<FormatClass> = sheet.formats.iter().map(classify).collect();
        Self {
            quick: QuickClasses::of(&classes),
            classes,
            formats: Arc::clone(&sheet.formats),
            date_system: sheet.date_system,
        }
    }

    pub(super) fn class(&self, format: FormatId) -> FormatClass {
        let class = self.classes.get(usize::from(format.0)).copied();
        class.unwrap_or(FormatClass::General)
    }
}

/// The lossy values of one column.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LossyColumn {
    classes: [Tally; CellClass::ALL.len()],
    /// Numbers of more than 15 digits that a double does not hold exactly; whole ones below 2^53 are loaded as they are.
    pub(super) inexact: Tally,
    pub(super) early_dates: Tally,
    pub(super) nul: Tally,
    pub(super) days: DayMonths,
}

/// Texts with day and month.
#[derive(Debug, Clone, Default, PartialEq)]
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

/// What a text is, besides a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Telling,
}

impl LossyColumn {
    #[inline]
    pub(super) fn add(&mut self, class: CellClass, row: u32) {
        self.classes[class as usize].add(row);
    }

    /// Adds a number and says what it is.
    #[inline]
    pub(super) fn number(
        &mut self,
        row: u32,
        value: f64,
        format: FormatId,
        rules: &NumberRules,
    ) -> CellClass {
        if let Some(class) = rules.quick.of_number(value, format) {
            self.add(class, row);
            return class;
        }
        self.other_number(row, value, format, rules)
    }

    #[cold]
    fn other_number(
        &mut self,
        row: u32,
        value: f64,
        format: FormatId,
        rules: &NumberRules,
    ) -> CellClass {
        let system = rules.date_system;
        let class = CellClass::of_number(value, rules.class(format), system);
        self.add(class, row);
        let is_whole_and_exact = value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER;
        if class.has_digits() && !is_whole_and_exact && has_many_digits(value) {
            self.inexact.add(row);
        }
        let is_day = matches!(
            class,
            CellClass::Date | CellClass::Timestamp | CellClass::NoDate
        );
        if is_day && system == DateSystem::From1900 && (0.0..MARCH_1900).contains(&value) {
            self.early_dates.add(row);
        }
        class
    }

    #[inline]
    fn text(&mut self, row: u32, text: &str) -> Look {
        self.add(CellClass::Text, row);
        match day_month(text) {
            Some(found) => {
                self.days.add(row, found);
                Look::Telling
            }
            None => Look::Plain,
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

/// The double for a number in digits.
pub(super) fn double_of(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::INFINITY)
}

/// Whether a number has more than 15 digits: what a spreadsheet program keeps and displays of a number.
#[inline]
pub(in crate::transform) fn has_many_digits(value: f64) -> bool {
    value.abs() >= LARGE_FRACTION && has_many_of_large(value.abs())
}

fn has_many_of_large(size: f64) -> bool {
    if size >= MAX_EXACT_INTEGER {
        return true;
    }
    if size.fract() == 0.0 {
        // At most 16 digits: the last one must be a zero.
        return size >= SIXTEEN_DIGITS && !(size as u64).is_multiple_of(10);
    }
    // The shortest decimal that is this double, without point and zeros in front.
    let shortest = format!("{size}");
    shortest.bytes().filter(u8::is_ascii_digit).count() > 15
}

/// Cells of a column that have no value, and yet the column is there.
#[derive(Debug, Clone, Copy, Default)]
struct WithoutValue {
    errors: bool,
    null_words: bool,
}

/// Finds the types of a sheet's columns, and with them the values that would be lost.
///
/// It is the cheap part of an inspection, for the pass over all rows that a table to be created needs anyway.
#[derive(Debug, Clone)]
pub struct LossyValues {
    rules: NumberRules,
    text_rules: TextRules,
    pub(super) columns: Vec<LossyColumn>,
    without_value: Vec<WithoutValue>,
    plain: PlainStrings,
}

/// Shared strings that were looked at and are values with nothing to say about: most are there many times, and their
/// texts are far from each other in memory. A bit for each.
#[derive(Debug, Clone, Default)]
struct PlainStrings(Vec<u64>);

impl PlainStrings {
    #[inline]
    fn has(&self, index: u32) -> bool {
        let bits = self.0.get(index as usize / 64).copied().unwrap_or_default();
        bits >> (index % 64) & 1 == 1
    }

    /// Adds one that there is: its number is bounded by how many the workbook has.
    fn add(&mut self, index: u32) {
        let place = index as usize / 64;
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(place) {
            *bits |= 1 << (index % 64);
        }
    }
}

impl LossyValues {
    /// For the columns of a sheet's header. Texts that stand for NULL by the user's rules are no values.
    #[must_use]
    pub fn of(sheet: &SheetDescription, text_rules: TextRules) -> Self {
        Self {
            rules: NumberRules::of(sheet),
            text_rules,
            columns: vec![LossyColumn::default(); sheet.header.width()],
            without_value: vec![WithoutValue::default(); sheet.header.width()],
            plain: PlainStrings::default(),
        }
    }

    /// Looks at all cells of a batch. All batches are of one workbook.
    pub fn observe(&mut self, batch: &Batch) {
        for_each_block(batch, |rows| {
            let columns = self.columns.iter_mut().zip(&mut self.without_value);
            for (index, (column, without_value)) in columns.enumerate() {
                let looking = Looking {
                    batch,
                    rules: &self.rules,
                    text_rules: &self.text_rules,
                    plain: &mut self.plain,
                };
                looking.at_column(rows, index, column, without_value);
            }
        });
        // Hardly a workbook has a NUL in any text.
        if batch.may_have_nul() {
            self.find_nul(batch);
        }
    }

    #[cold]
    fn find_nul(&mut self, batch: &Batch) {
        for row in batch.rows() {
            for (column, cell) in self.columns.iter_mut().zip(row.cells) {
                if let Cell::Text(_) | Cell::Shared(_) = cell
                    && let Some(text) = self.text_rules.content(batch.text_of(*cell))
                    && text.as_bytes().contains(&0)
                {
                    column.nul.add(row.sheet_row);
                }
            }
        }
    }

    /// The type of each column, as joining the types of its cells gives it. Error cells have none.
    pub fn types(&self) -> impl Iterator<Item = InferredType> + '_ {
        self.columns.iter().map(LossyColumn::inferred)
    }

    /// The same as [`SeenColumns::observe`] makes of these cells.
    #[must_use]
    pub fn seen(&self, on_cell_error: OnCellError) -> SeenColumns {
        let mut seen = SeenColumns::new(self.columns.len());
        let of_columns = seen.types.iter_mut().zip(&mut seen.filled);
        let columns = self.columns.iter().zip(&self.without_value);
        for ((inferred, filled), (column, without_value)) in of_columns.zip(columns) {
            *filled = column.values() > 0 || without_value.errors || without_value.null_words;
            *inferred = column.inferred();
            if without_value.errors {
                *inferred = inferred.join(InferredType::of_error(on_cell_error));
            }
        }
        seen
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

/// What a look at one column of some rows needs.
struct Looking<'a> {
    batch: &'a Batch,
    rules: &'a NumberRules,
    text_rules: &'a TextRules,
    plain: &'a mut PlainStrings,
}

impl Looking<'_> {
    #[inline]
    fn at_column(
        self,
        rows: &[Row<'_>],
        index: usize,
        column: &mut LossyColumn,
        without_value: &mut WithoutValue,
    ) {
        for row in rows {
            let (Some(cell), row) = (row.cells.get(index), row.sheet_row) else {
                continue;
            };
            match *cell {
                Cell::Empty => {}
                Cell::Number { value, format } => {
                    column.number(row, value, format, self.rules);
                }
                Cell::Digits { format, .. } => {
                    let value = double_of(self.batch.text_of(*cell));
                    column.number(row, value, format, self.rules);
                }
                Cell::Shared(index) if self.plain.has(index) => column.add(CellClass::Text, row),
                Cell::Shared(_) | Cell::Text(_) => {
                    let Some(text) = self.text_rules.content(self.batch.text_of(*cell)) else {
                        without_value.null_words = true;
                        continue;
                    };
                    let look = column.text(row, text);
                    if let (Cell::Shared(index), Look::Plain) = (*cell, look) {
                        self.plain.add(index);
                    }
                }
                Cell::Bool(_) => column.add(CellClass::Bool, row),
                Cell::Iso(_) => {
                    column.add(CellClass::of_iso(self.batch.text_of(*cell)), row);
                }
                Cell::Error(_) => without_value.errors = true,
            }
        }
    }
}
