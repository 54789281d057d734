//! The plain way to find types and lossy values: each cell alone, row by row, by the exact rules. What the quick ways
//! make of any cells is held against it.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::class::CellClass;
use super::lossy::{LossyColumn, LossyValues};
use super::tests::{Given, any_given, batch, batch_of, sheet};
use super::text::{DayMonth, DayOrder, day_month};
use crate::model::batch::Batch;
use crate::model::cell::Cell;
use crate::model::limits::Limits;
use crate::model::shared_strings::{SharedStrings, SharedStringsBuilder};
use crate::model::sheet::{DateSystem, SheetDescription};
use crate::transform::coerce::{Coercion, OnCellError};
use crate::transform::infer::{InferredType, SeenColumns};
use crate::transform::text_rules::TextRules;

/// One column's cells, one by one.
fn observe_plainly(columns: &mut [LossyColumn], batch: &Batch, coercion: &Coercion) {
    for row in batch.rows() {
        for (column, cell) in columns.iter_mut().zip(row.cells) {
            let text = batch.text_of(*cell);
            match *cell {
                Cell::Empty | Cell::Error(_) => {}
                Cell::Bool(_) => column.add(CellClass::Bool, row.sheet_row),
                Cell::Number { value, format } => {
                    let class = *coercion.class(format);
                    let class = CellClass::of_number(value, class, coercion.date_system);
                    add_number(column, row.sheet_row, value, class, coercion.date_system);
                }
                Cell::Digits { format, .. } => {
                    let (value, class) = (text.parse().unwrap(), *coercion.class(format));
                    let class = CellClass::of_number(value, class, coercion.date_system);
                    add_number(column, row.sheet_row, value, class, coercion.date_system);
                }
                Cell::Iso(_) => column.add(CellClass::of_iso(text), row.sheet_row),
                _ => {
                    if let Some(text) = coercion.text_rules.content(text) {
                        add_text(column, row.sheet_row, text);
                    }
                }
            }
        }
    }
}

fn add_number(
    column: &mut LossyColumn,
    row: u32,
    value: f64,
    class: CellClass,
    system: DateSystem,
) {
    use CellClass as C;
    column.add(class, row);
    let is_exact = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    let has_digits = matches!(class, C::Integer | C::Decimal | C::Float | C::Padded);
    if has_digits && !is_exact && has_many_digits(value) {
        column.inexact.add(row);
    }
    let is_day = matches!(class, C::Date | C::Timestamp | C::NoDate);
    if is_day && system == DateSystem::From1900 && (0.0..61.0).contains(&value) {
        column.early_dates.add(row);
    }
}

fn add_text(column: &mut LossyColumn, row: u32, text: &str) {
    column.add(CellClass::Text, row);
    if text.contains('\0') {
        column.nul.add(row);
    }
    if let Some(found) = plain_day_month(text) {
        column.days.add(row, found);
    }
}

/// More than 15 digits; below 10^12 what lies behind them is noise.
fn has_many_digits(value: f64) -> bool {
    let size = value.abs();
    if size < 1e12 {
        return false;
    }
    let digits = format!("{size}");
    let digits = digits.trim_end_matches('0').bytes();
    size >= 9_007_199_254_740_992.0 || digits.filter(u8::is_ascii_digit).count() > 15
}

/// A date whose parts are numbers of the right sizes, with a time behind it or none.
fn plain_day_month(text: &str) -> Option<DayMonth> {
    if text.len() < 6 {
        return None;
    }
    let text = text.trim();
    let end = text.find([' ', 'T']).unwrap_or(text.len());
    let (day, time) = text.split_at(end);
    if let Some(time) = time.get(1..).map(str::trim) {
        let begins = time.starts_with(|c: char| c.is_ascii_digit());
        if !begins || !time.contains(':') {
            return None;
        }
    }
    for separator in ['/', '.', '-'] {
        let parts: Vec<&str> = day.split(separator).collect();
        let [first, second, year] = parts[..] else {
            continue;
        };
        let number = |part: &str, digits: &[usize]| {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && digits.contains(&part.len())).then(|| part.parse::<u32>().unwrap())
        };
        let (first, second) = (number(first, &[1, 2])?, number(second, &[1, 2])?);
        number(year, &[2, 4])?;
        let order = match (first, second) {
            (0, _) | (_, 0) => return None,
            (1..=12, 1..=12) if first == second => DayOrder::Either,
            (1..=12, 1..=12) => DayOrder::Ambiguous,
            (..=31, 1..=12) => DayOrder::DayFirst,
            (1..=12, ..=31) => DayOrder::MonthFirst,
            _ => return None,
        };
        return Some(DayMonth {
            order,
            separator,
            year_digits: year.len() as u8,
        });
    }
    None
}

fn seen_plainly(width: usize, batches: &[Batch], coercion: &Coercion) -> SeenColumns {
    let mut seen = SeenColumns::new(width);
    for batch in batches {
        for row in batch.rows() {
            for (index, cell) in row.cells.iter().enumerate() {
                seen.filled[index] |= *cell != Cell::Empty;
                let own = coercion.type_of(*cell, batch.text_of(*cell));
                seen.types[index] = seen.types[index].join(own);
            }
        }
    }
    seen
}

/// Cells of any kind, of which each column takes some over and over, as columns do.
#[derive(Debug, Clone)]
struct Cells {
    pool: Vec<Given>,
    width: usize,
    rows: usize,
    /// How many of the pool a column has.
    kinds: usize,
    /// Rows of the first batch.
    split: usize,
    ordered: bool,
    /// Whether texts are shared strings.
    shared: bool,
}

impl Cells {
    fn batches(&self) -> Vec<Batch> {
        let row = |row: usize| {
            let cells = (0..self.width).map(|column| {
                let of_column = (row * row + column) % self.kinds;
                self.pool[(column + of_column) % self.pool.len()].clone()
            });
            let number = if self.ordered {
                row
            } else {
                row * 7_919 % 10_007
            };
            (number as u32, cells.collect())
        };
        let (one, other) = (0..self.rows)
            .map(row)
            .partition::<Vec<_>, _>(|(number, _)| *number as usize % 10_007 < self.split);
        let parts = [one, other];
        let parts = parts.iter().filter(|rows| !rows.is_empty());
        if !self.shared {
            return parts.map(|rows| batch(rows)).collect();
        }
        let (numbers, strings) = shared_strings(&self.pool);
        let refer = |batch: &mut Batch, text: &str| match text {
            "" => Cell::Empty,
            text => batch.refer(numbers[text], text.len(), &strings),
        };
        parts.map(|rows| batch_of(rows, refer)).collect()
    }
}

/// The texts as shared strings, and their numbers.
fn shared_strings(pool: &[Given]) -> (HashMap<&str, u32>, Arc<SharedStrings>) {
    let mut builder = SharedStringsBuilder::default();
    let mut numbers = HashMap::new();
    for given in pool {
        if let Given::Text(text) = given
            && !numbers.contains_key(text.as_str())
        {
            numbers.insert(text.as_str(), numbers.len() as u32);
            builder.text_mut().push_str(text);
            builder.end_within(&Limits::default()).unwrap();
        }
    }
    (numbers, Arc::new(builder.finish()))
}

fn any_cells() -> impl Strategy<Value = Cells> {
    let given = prop_oneof![3 => any_given(), 2 => lossy_given()];
    let shape = (
        prop_oneof![1_usize..4, 60_usize..70],
        1_usize..60,
        1_usize..6,
    );
    (
        prop::collection::vec(given, 1..40),
        shape,
        0_usize..100,
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(pool, (width, rows, kinds), split, (ordered, shared))| Cells {
                shared,
                pool,
                width,
                rows,
                kinds,
                split,
                ordered,
            },
        )
}

/// Cells that are at fault more often than others.
fn lossy_given() -> impl Strategy<Value = Given> {
    let digits = prop::sample::select(vec![1e11, 1e12, 1e15, 9_007_199_254_740_992.0, 1e17]);
    prop_oneof![
        (digits, -20_i32..20, 0..5_u16)
            .prop_map(|(size, steps, format)| Given::Number(size + f64::from(steps) / 8.0, format)),
        (-2_f64..70.0, 0..5_u16).prop_map(|(value, format)| Given::Number(value, format)),
        "[ \u{a0}]?[0-9]{1,2}[/.-][0-9]{1,2}[/.-]([0-9]{2}){1,2}([ T][0-9:]{1,5})?"
            .prop_map(Given::Text),
        "[ab0-9\0]{1,4}".prop_map(Given::Text),
        prop::sample::select(vec!["-", " ", " - ", "n/a"])
            .prop_map(|text| Given::Text(text.into())),
    ]
}

fn rules_of(null_words: bool, trim: bool) -> TextRules {
    TextRules {
        null_words: if null_words {
            vec!["n/a".into(), "-".into()]
        } else {
            Vec::new()
        },
        trim,
        ..TextRules::default()
    }
}

fn sheet_of(width: usize, system: DateSystem) -> SheetDescription {
    let titles: Vec<String> = (0..width).map(|index| format!("t{index}")).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    SheetDescription {
        date_system: system,
        ..sheet(&titles)
    }
}

proptest! {
    #[test]
    fn the_quick_way_finds_what_the_plain_way_finds(
        cells in any_cells(),
        rules in (any::<bool>(), any::<bool>()).prop_map(|(words, trim)| rules_of(words, trim)),
        system in prop::sample::select(vec![DateSystem::From1900, DateSystem::From1904]),
        on_cell_error in prop::sample::select(vec![OnCellError::Null, OnCellError::Text]),
    ) {
        let batches = cells.batches();
        let sheet = sheet_of(cells.width, system);
        let coercion = Coercion::for_sheet(&sheet, on_cell_error, rules.clone());
        let mut quick = LossyValues::of(&sheet, rules);
        let mut plain = vec![LossyColumn::default(); cells.width];
        let mut seen = SeenColumns::new(cells.width);
        for batch in &batches {
            quick.observe(batch);
            seen.observe(batch, &coercion);
            observe_plainly(&mut plain, batch, &coercion);
        }
        prop_assert_eq!(&quick.columns, &plain);
        let expected = seen_plainly(cells.width, &batches, &coercion);
        for (seen, how) in [(seen, "alone"), (quick.seen(on_cell_error), "with the lossy values")] {
            prop_assert_eq!(&seen.types, &expected.types, "{}", how);
            prop_assert_eq!(&seen.filled, &expected.filled, "{}", how);
        }
        let types: Vec<InferredType> = quick.types().collect();
        prop_assert_eq!(types, plain.iter().map(LossyColumn::inferred).collect::<Vec<_>>());
    }

    #[test]
    fn day_and_month_are_found_as_plainly(text in prop_oneof![
        "[ \t\u{a0}\u{3000}]?[0-9]{1,3}[/.-][0-9]{1,3}[/.-][0-9]{1,4}[ T]?[0-9:]{0,5}",
        "[0-9/. T:-]{5,14}",
        "\\PC{0,12}",
    ]) {
        prop_assert_eq!(day_month(&text), plain_day_month(&text));
    }
}
