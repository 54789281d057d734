//! A cell becomes a value of its column's type, or a fault that says why not.

use std::borrow::Cow;

use super::infer::InferredType;
use super::number_format::FormatClass;
use super::{parse, serial_date};
use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::reject::{Fault, RejectReason};
use crate::model::sheet::DateSystem;
use crate::model::value::{Decimal, Value};

/// What becomes of an error cell such as `#N/A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnCellError {
    /// NULL, and counted.
    #[default]
    Null,
    /// The row is rejected.
    Reject,
    /// The error's name, in text columns; elsewhere the row is rejected.
    Text,
}

/// What coercion needs to know about the sheet and the options.
#[derive(Debug, Clone)]
pub struct Coercion {
    /// The sheet's epoch.
    pub date_system: DateSystem,
    /// The class of each of the sheet's formats.
    pub formats: Vec<FormatClass>,
    /// What becomes of error cells.
    pub on_cell_error: OnCellError,
}

/// A value, and whether it stands for an error cell that became NULL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coerced<'a> {
    /// The value.
    pub value: Value<'a>,
    /// Whether the cell was an error that became NULL.
    pub error_as_null: bool,
}

/// Either a value or the reason why there is none.
pub type Attempt<'a> = Result<Value<'a>, Fault>;

/// SQLSTATEs that the server would give for the same fault (PostgreSQL documentation, appendix A).
mod sqlstate {
    pub(super) const NOT_NULL_VIOLATION: &str = "23502";
    pub(super) const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
    pub(super) const INVALID_TEXT_REPRESENTATION: &str = "22P02";
    pub(super) const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
    pub(super) const STRING_DATA_RIGHT_TRUNCATION: &str = "22001";
    pub(super) const INVALID_DATETIME_FORMAT: &str = "22007";
}

impl Coercion {
    /// The class of a cell's format.
    fn class(&self, format: usize) -> FormatClass {
        self.formats
            .get(format)
            .copied()
            .unwrap_or(FormatClass::General)
    }

    /// Makes a cell's value for a column. `text` is the cell's text if it has one.
    ///
    /// # Errors
    /// A fault when the cell's value is not one of the column's type; nothing is converted with loss.
    pub fn coerce<'a>(
        &self,
        cell: Cell,
        text: &'a str,
        column: &TargetColumn,
    ) -> Result<Coerced<'a>, Fault> {
        let mut error_as_null = false;
        let value = match cell {
            Cell::Empty => Value::Null,
            Cell::Bool(truth) => boolean(truth, column)?,
            Cell::Number { value, format } => {
                self.number(value, self.class(usize::from(format.0)), column)?
            }
            Cell::Text(_) => from_text(text, column)?,
            Cell::Iso(_) => from_iso(text, column)?,
            Cell::Error(error) => match self.on_cell_error {
                OnCellError::Null => {
                    error_as_null = true;
                    Value::Null
                }
                OnCellError::Text if column.kind == ColumnKind::Text => Value::Text(error.name()),
                OnCellError::Text | OnCellError::Reject => {
                    return Err(fault(
                        RejectReason::ErrorCell,
                        sqlstate::INVALID_TEXT_REPRESENTATION,
                        format!("the cell holds the error {error}"),
                    ));
                }
            },
        };
        if value == Value::Null && column.not_null {
            return Err(missing(cell));
        }
        Ok(Coerced {
            value,
            error_as_null,
        })
    }

    fn number<'a>(&self, value: f64, class: FormatClass, column: &TargetColumn) -> Attempt<'a> {
        use InferredType as T;
        let inferred = T::of_number(value, class, self.date_system);
        let is_moment = matches!(inferred, T::Date | T::Timestamp | T::Time | T::Interval);
        match column.kind {
            ColumnKind::Text | ColumnKind::Other => self.displayed(value, class, inferred, column),
            ColumnKind::Date | ColumnKind::Timestamp | ColumnKind::Time | ColumnKind::Interval => {
                self.moment(value, inferred, column)
            }
            _ if is_moment => Err(wrong_type(column, "a date or time")),
            ColumnKind::Bool if value == 0.0 || value == 1.0 => Ok(Value::Bool(value == 1.0)),
            ColumnKind::Bool => Err(wrong_type(column, "a number other than 0 and 1")),
            ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => integer(value, column),
            ColumnKind::Float4 | ColumnKind::Float8 => float(value, column),
            ColumnKind::Numeric => Decimal::from_f64(value)
                .map(Value::Decimal)
                .ok_or_else(|| wrong_type(column, "not a finite number")),
        }
    }

    /// A number with a date or time format, for a column of such a type.
    fn moment<'a>(&self, value: f64, inferred: InferredType, column: &TargetColumn) -> Attempt<'a> {
        use InferredType as T;
        let made = match (column.kind, inferred) {
            (ColumnKind::Date, T::Date | T::Timestamp) => {
                serial_date::date(value, self.date_system).map(Value::Date)
            }
            (ColumnKind::Timestamp, T::Date | T::Timestamp) => {
                serial_date::timestamp(value, self.date_system).map(Value::Timestamp)
            }
            (ColumnKind::Time, T::Time | T::Interval) => serial_date::time(value).map(Value::Time),
            (ColumnKind::Interval, T::Time | T::Interval) => {
                serial_date::duration(value).map(Value::Interval)
            }
            _ => None,
        };
        made.ok_or_else(|| match (column.kind, inferred) {
            (ColumnKind::Date, T::Timestamp) => wrong_type(column, "a date with a time of day"),
            (_, T::Date) => wrong_type(column, "a date"),
            (_, T::Timestamp) => wrong_type(column, "a date with a time of day"),
            (_, T::Time | T::Interval) => wrong_type(column, "a time"),
            _ => wrong_type(column, "a number without a date format"),
        })
    }

    /// A number as text, as its format shows it.
    fn displayed<'a>(
        &self,
        value: f64,
        class: FormatClass,
        inferred: InferredType,
        column: &TargetColumn,
    ) -> Attempt<'a> {
        use InferredType as T;
        let system = self.date_system;
        let moment = match inferred {
            T::Date => serial_date::date(value, system).map(Value::Date),
            T::Timestamp => serial_date::timestamp(value, system).map(Value::Timestamp),
            T::Time => serial_date::time(value).map(Value::Time),
            T::Interval => serial_date::duration(value).map(Value::Interval),
            _ => None,
        };
        let shown = moment.unwrap_or(match class {
            FormatClass::ZeroPadded(width) if value.fract() == 0.0 => {
                return padded(value, width, column);
            }
            FormatClass::FixedDecimals => {
                Decimal::from_f64(value).map_or(Value::Float(value), Value::Decimal)
            }
            _ if value.fract() == 0.0 && value.abs() < 1e15 => Value::Int(value as i64),
            _ => Value::Float(value),
        });
        Ok(shown)
    }
}

/// The text of a value, where a column takes one of limited length.
fn within_length<'a>(text: &'a str, column: &TargetColumn) -> Attempt<'a> {
    if text.contains('\0') {
        return Err(fault(
            RejectReason::NulCharacter,
            sqlstate::CHARACTER_NOT_IN_REPERTOIRE,
            "the text holds a NUL character, which PostgreSQL cannot store".to_owned(),
        ));
    }
    if let Some(max) = column.max_chars {
        let count = text.chars().count();
        // Blanks beyond the length are cut without an error, as SQL demands (documentation, "Character Types").
        if count > max as usize && text.trim_end_matches(' ').chars().count() > max as usize {
            return Err(fault(
                RejectReason::OutOfRange,
                sqlstate::STRING_DATA_RIGHT_TRUNCATION,
                format!(
                    "the text has {count} characters, {} holds {max}",
                    column.sql_type
                ),
            ));
        }
    }
    Ok(Value::Text(text))
}

fn padded<'a>(value: f64, width: u8, column: &TargetColumn) -> Attempt<'a> {
    let (negative, digits) = (value < 0.0, value.abs());
    if digits >= 1e15 {
        return Err(fault(
            RejectReason::OutOfRange,
            sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
            format!(
                "the number has more than 15 digits, {} would not be exact",
                column.sql_type
            ),
        ));
    }
    Ok(Value::Padded {
        negative,
        digits: digits as u64,
        width,
    })
}

fn boolean<'a>(truth: bool, column: &TargetColumn) -> Attempt<'a> {
    match column.kind {
        ColumnKind::Bool | ColumnKind::Other => Ok(Value::Bool(truth)),
        // As a spreadsheet displays it.
        ColumnKind::Text => Ok(Value::Text(if truth { "TRUE" } else { "FALSE" })),
        ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => Ok(Value::Int(truth.into())),
        _ => Err(wrong_type(column, "a boolean")),
    }
}

fn integer<'a>(value: f64, column: &TargetColumn) -> Attempt<'a> {
    if value.fract() != 0.0 {
        return Err(wrong_type(column, "a number with decimals"));
    }
    let fits = value.abs() <= 9_007_199_254_740_992.0;
    integer_in_range(if fits { Some(value as i64) } else { None }, column)
}

/// Checks an integer against the column's width. `None` is one beyond all widths.
fn integer_in_range<'a>(value: Option<i64>, column: &TargetColumn) -> Attempt<'a> {
    let range = match column.kind {
        ColumnKind::Int2 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        ColumnKind::Int4 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => i64::MIN..=i64::MAX,
    };
    value
        .filter(|value| range.contains(value))
        .map(Value::Int)
        .ok_or_else(|| out_of_range(column))
}

fn float<'a>(value: f64, column: &TargetColumn) -> Attempt<'a> {
    let overflows = column.kind == ColumnKind::Float4 && (value as f32).is_infinite();
    if overflows || !value.is_finite() {
        return Err(out_of_range(column));
    }
    Ok(Value::Float(value))
}

/// A text cell for any column.
fn from_text<'a>(text: &'a str, column: &TargetColumn) -> Attempt<'a> {
    match column.kind {
        ColumnKind::Text | ColumnKind::Other => return within_length(text, column),
        _ if text.trim().is_empty() => return Ok(Value::Null),
        _ => {}
    }
    let parsed = match column.kind {
        ColumnKind::Bool => parse::boolean(text).map(Value::Bool),
        ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => {
            return match parse::integer(text) {
                Some(value) => integer_in_range(Some(value), column),
                None if parse::decimal(text).is_some_and(|t| t.bytes().all(is_integer_byte)) => {
                    Err(out_of_range(column))
                }
                None => Err(not_readable(text, column)),
            };
        }
        ColumnKind::Float4 | ColumnKind::Float8 => {
            return match parse::float(text) {
                Some(value) => float(value, column),
                None => Err(not_readable(text, column)),
            };
        }
        ColumnKind::Numeric => parse::decimal(text).map(Value::DecimalText),
        ColumnKind::Date => parse::date(text).map(Value::Date),
        ColumnKind::Time => parse::time(text).map(Value::Time),
        ColumnKind::Timestamp => parse::timestamp(text).map(Value::Timestamp),
        ColumnKind::Interval => parse::duration(text).map(Value::Interval),
        ColumnKind::Text | ColumnKind::Other => None,
    };
    parsed.ok_or_else(|| not_readable(text, column))
}

/// A date, time or duration stored as ISO 8601 text.
fn from_iso<'a>(text: &'a str, column: &TargetColumn) -> Attempt<'a> {
    let made = match column.kind {
        ColumnKind::Text | ColumnKind::Other => return within_length(text, column),
        ColumnKind::Date => parse::day(text).map(Value::Date),
        ColumnKind::Timestamp => parse::timestamp(text).map(Value::Timestamp),
        ColumnKind::Time => parse::duration(text)
            .filter(|micros| (0..serial_date::MICROS_PER_DAY).contains(micros))
            .map(Value::Time),
        ColumnKind::Interval => parse::duration(text).map(Value::Interval),
        _ => None,
    };
    made.ok_or_else(|| not_readable(text, column))
}

fn is_integer_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'-' || byte == b'+'
}

fn missing(cell: Cell) -> Fault {
    let (reason, message) = match cell {
        Cell::Error(error) => (
            RejectReason::ErrorCell,
            format!("the cell holds the error {error}, and the column must not be null"),
        ),
        _ => (
            RejectReason::MissingValue,
            "the cell is empty, and the column must not be null".to_owned(),
        ),
    };
    fault(reason, sqlstate::NOT_NULL_VIOLATION, message)
}

fn wrong_type(column: &TargetColumn, what: &str) -> Fault {
    fault(
        RejectReason::WrongType,
        sqlstate::INVALID_TEXT_REPRESENTATION,
        format!(
            "the cell holds {what}, the column takes {}",
            column.sql_type
        ),
    )
}

fn not_readable(text: &str, column: &TargetColumn) -> Fault {
    let code = match column.kind {
        ColumnKind::Date | ColumnKind::Time | ColumnKind::Timestamp | ColumnKind::Interval => {
            sqlstate::INVALID_DATETIME_FORMAT
        }
        _ => sqlstate::INVALID_TEXT_REPRESENTATION,
    };
    fault(
        RejectReason::WrongType,
        code,
        format!(
            "the text \"{}\" is not of type {}",
            shortened(text),
            column.sql_type
        ),
    )
}

fn out_of_range(column: &TargetColumn) -> Fault {
    fault(
        RejectReason::OutOfRange,
        sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("the number is out of range for {}", column.sql_type),
    )
}

fn fault(reason: RejectReason, sqlstate: &'static str, message: String) -> Fault {
    Fault {
        reason,
        sqlstate,
        message,
    }
}

/// A text cut to a length that fits a message.
#[must_use]
pub fn shortened(text: &str) -> Cow<'_, str> {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
