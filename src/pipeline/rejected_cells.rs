//! Keeps a rejected row's cells as they can be written again.

use std::sync::Arc;

use crate::model::batch::{Batch, Row};
use crate::model::cell::{Cell, FormatId};
use crate::model::number_format::NumberFormat;
use crate::model::reject::Reject;
use crate::model::rejected_row::{Meaning, RejectedRow, RejectedSheet, StoredCell, StoredNumber};
use crate::model::sheet::{DateSystem, SheetDescription};
use crate::model::value::MICROS_PER_DAY;
use crate::transform::coerce::{Coercion, OnCellError};
use crate::transform::infer::InferredType;
use crate::transform::number_format::FormatClass;
use crate::transform::text_rules::TextRules;
use crate::transform::{parse, serial_date};

/// Days from the first of the 1900 system to the first of the 1904 system (ECMA-376 Part 1, §18.17.4.1).
const DAYS_TO_1904: f64 = 1_462.0;
/// The serial of 2000-01-01 in the 1900 system.
const EPOCH_2000: f64 = 36_526.0;
/// The longest format code, in UTF-16 units (Excel's specifications and limits).
const MAX_CODE_UNITS: usize = 255;

const DATE: &str = "yyyy-mm-dd";
const TIMESTAMP: &str = "yyyy-mm-dd hh:mm:ss";
const TIME: &str = "hh:mm:ss";
const DURATION: &str = "[h]:mm:ss";

/// Makes rejected rows of one sheet's batches.
#[derive(Debug, Clone)]
pub(super) struct CellKeeper {
    sheet: RejectedSheet,
    /// What displays cells.
    coercion: Coercion,
    /// The codes of the sheet's formats as they can be written; `None` for those that cannot.
    codes: Vec<Option<Arc<str>>>,
}

impl CellKeeper {
    /// For the rows of a sheet.
    pub(super) fn new(sheet: &SheetDescription) -> Self {
        let codes = sheet.formats.iter();
        Self {
            sheet: RejectedSheet::of(sheet),
            coercion: Coercion::for_sheet(sheet, OnCellError::Null, TextRules::default()),
            codes: codes
                .map(|format| is_writable(&format.code).then(|| Arc::from(&*format.code)))
                .collect(),
        }
    }

    /// The sheet.
    pub(super) fn sheet(&self) -> &RejectedSheet {
        &self.sheet
    }

    /// A row of a batch that was rejected.
    pub(super) fn keep(&self, reject: Reject, batch: &Batch, row: Row<'_>) -> RejectedRow {
        let cells = row.cells.iter().map(|cell| self.cell(*cell, batch));
        RejectedRow::new(reject, &self.sheet, cells.collect())
    }

    fn cell(&self, cell: Cell, batch: &Batch) -> StoredCell {
        match cell {
            Cell::Empty => StoredCell::Empty,
            Cell::Bool(truth) => StoredCell::Bool(truth),
            Cell::Error(error) => StoredCell::Error(error),
            Cell::Text(_) => StoredCell::Text(batch.text_of(cell).to_owned()),
            Cell::Iso(_) => self.iso(cell, batch.text_of(cell)),
            Cell::Number { value, format } => self.number(value, format),
        }
    }

    fn number(&self, value: f64, format: FormatId) -> StoredCell {
        let system = self.coercion.date_system;
        let shown = self.shown(Cell::Number { value, format }, "");
        // No file can hold it as a number.
        if !value.is_finite() {
            return StoredCell::Text(shown);
        }
        let index = usize::from(format.0);
        let class = self.coercion.formats.get(index).copied();
        let class = class.unwrap_or(FormatClass::General);
        let kind = InferredType::of_number(value, class, system);
        let is_moment = matches!(kind, InferredType::Date | InferredType::Timestamp);
        let code = match self.codes.get(index) {
            Some(Some(code)) => Arc::clone(code),
            Some(None) if matches!(class, FormatClass::ZeroPadded(_)) => {
                return StoredCell::Text(shown);
            }
            Some(None) => Arc::from(stand_in(class, kind)),
            None => Arc::from(NumberFormat::GENERAL_CODE),
        };
        StoredCell::Number(StoredNumber {
            value: match system {
                DateSystem::From1904 if is_moment => value + DAYS_TO_1904,
                _ => value,
            },
            format: code,
            shown,
            meaning: meaning(kind),
        })
    }

    /// A moment or time that is stored as text becomes a number, as most files have it, where that is the same moment
    /// to the microsecond.
    fn iso(&self, cell: Cell, text: &str) -> StoredCell {
        let shown = self.shown(cell, text);
        let kind = InferredType::of_iso(text);
        let days = |micros: i64| micros as f64 / MICROS_PER_DAY as f64;
        let number = match kind {
            InferredType::Date => parse::day(text).and_then(|day| {
                let serial = f64::from(day) + EPOCH_2000;
                let same = serial_date::date(serial, DateSystem::From1900) == Some(day);
                same.then_some((serial, DATE))
            }),
            InferredType::Timestamp => parse::cell_timestamp(text).and_then(|micros| {
                let serial = days(micros) + EPOCH_2000;
                let same = serial_date::timestamp(serial, DateSystem::From1900) == Some(micros);
                same.then_some((serial, TIMESTAMP))
            }),
            InferredType::Time | InferredType::Interval => {
                parse::duration(text).and_then(|micros| {
                    let code = match kind {
                        InferredType::Time => TIME,
                        _ => DURATION,
                    };
                    let same = serial_date::duration(days(micros)) == Some(micros);
                    same.then_some((days(micros), code))
                })
            }
            _ => None,
        };
        match number {
            Some((value, code)) => StoredCell::Number(StoredNumber {
                value,
                format: Arc::from(code),
                shown,
                meaning: Meaning::Text,
            }),
            None => StoredCell::Text(shown),
        }
    }

    /// A cell as a text column would have it.
    fn shown(&self, cell: Cell, text: &str) -> String {
        let column = InferredType::Text.to_column(String::new());
        let coerced = self.coercion.coerce(cell, text, &column);
        match (coerced, cell) {
            (Ok(coerced), _) => coerced.value.to_string(),
            (Err(_fault), Cell::Number { value, .. }) => value.to_string(),
            (Err(_fault), _) => text.to_owned(),
        }
    }
}

fn meaning(kind: InferredType) -> Meaning {
    match kind {
        InferredType::Integer | InferredType::Float | InferredType::Decimal => Meaning::Number,
        _ => Meaning::Text,
    }
}

/// Whether a workbook can have the code. One that only stands for others is none.
fn is_writable(code: &str) -> bool {
    code != NumberFormat::ANY_DATE_CODE
        && code.encode_utf16().take(MAX_CODE_UNITS + 1).count() <= MAX_CODE_UNITS
        && !code.contains(|c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

/// A code for numbers whose own cannot be written: it makes the same of the number.
fn stand_in(class: FormatClass, kind: InferredType) -> &'static str {
    match kind {
        InferredType::Date => DATE,
        InferredType::Timestamp => TIMESTAMP,
        InferredType::Time => TIME,
        InferredType::Interval => DURATION,
        _ => match class {
            FormatClass::FixedDecimals => "0.00",
            FormatClass::Money => "\"$\"#,##0.00",
            FormatClass::Percent => "0.00%",
            _ => NumberFormat::GENERAL_CODE,
        },
    }
}
