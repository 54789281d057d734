//! A cell becomes a value of its column's type, or a fault that says why not.

use super::fault::{fault, missing, not_readable, out_of_range, sqlstate, wrong_type};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cell::{CellError, FormatId, TextSpan};

    const ANY_SPAN: TextSpan = TextSpan { start: 0, len: 0 };

    fn coercion(on_cell_error: OnCellError) -> Coercion {
        Coercion {
            date_system: DateSystem::From1900,
            formats: vec![
                FormatClass::General,
                FormatClass::Date,
                FormatClass::Time,
                FormatClass::ZeroPadded(5),
                FormatClass::Duration,
            ],
            on_cell_error,
        }
    }

    fn column(kind: ColumnKind) -> TargetColumn {
        TargetColumn {
            name: "c".into(),
            sql_type: "t".into(),
            kind,
            not_null: false,
            max_chars: None,
        }
    }

    fn number(value: f64, format: u16) -> Cell {
        Cell::Number {
            value,
            format: FormatId(format),
        }
    }

    /// The value, or the SQLSTATE of the fault.
    fn make(cell: Cell, kind: ColumnKind) -> Result<Value<'static>, &'static str> {
        coercion(OnCellError::Null)
            .coerce(cell, "", &column(kind))
            .map(|coerced| coerced.value)
            .map_err(|fault| fault.sqlstate)
    }

    fn make_text(text: &'static str, kind: ColumnKind) -> Result<Value<'static>, &'static str> {
        coercion(OnCellError::Null)
            .coerce(Cell::Text(ANY_SPAN), text, &column(kind))
            .map(|coerced| coerced.value)
            .map_err(|fault| fault.sqlstate)
    }

    #[test]
    fn numbers_fit_their_column_or_are_refused() {
        use ColumnKind as K;
        assert_eq!(make(number(42.0, 0), K::Int2), Ok(Value::Int(42)));
        assert_eq!(make(number(40_000.0, 0), K::Int2), Err("22003"));
        assert_eq!(make(number(3e9, 0), K::Int4), Err("22003"));
        assert_eq!(make(number(3e9, 0), K::Int8), Ok(Value::Int(3_000_000_000)));
        assert_eq!(make(number(1e300, 0), K::Int8), Err("22003"));
        assert_eq!(make(number(1.5, 0), K::Int8), Err("22P02"));
        assert_eq!(make(number(1.5, 0), K::Float8), Ok(Value::Float(1.5)));
        assert_eq!(make(number(1e300, 0), K::Float4), Err("22003"));
        assert_eq!(make(number(1.0, 0), K::Bool), Ok(Value::Bool(true)));
        assert_eq!(make(number(2.0, 0), K::Bool), Err("22P02"));
        assert_eq!(make(number(7.0, 0), K::Text), Ok(Value::Int(7)));
        assert_eq!(make(number(0.5, 0), K::Text), Ok(Value::Float(0.5)));
    }

    #[test]
    fn dates_are_dates_only_by_their_format() {
        use ColumnKind as K;
        assert_eq!(make(number(36_526.0, 1), K::Date), Ok(Value::Date(0)));
        assert_eq!(make(number(36_526.5, 1), K::Date), Err("22P02"));
        assert_eq!(make(number(36_526.0, 0), K::Date), Err("22P02"));
        assert_eq!(make(number(36_526.0, 1), K::Int8), Err("22P02"));
        assert_eq!(
            make(number(36_526.5, 1), K::Timestamp),
            Ok(Value::Timestamp(43_200_000_000))
        );
        assert_eq!(
            make(number(0.5, 2), K::Time),
            Ok(Value::Time(43_200_000_000))
        );
        assert_eq!(
            make(number(1.5, 4), K::Interval),
            Ok(Value::Interval(129_600_000_000))
        );
        assert_eq!(make(number(36_526.0, 1), K::Text), Ok(Value::Date(0)));
    }

    #[test]
    fn zeros_in_front_survive_as_text() {
        let padded = Value::Padded {
            negative: false,
            digits: 1234,
            width: 5,
        };
        assert_eq!(make(number(1_234.0, 3), ColumnKind::Text), Ok(padded));
        assert_eq!(
            make(number(1_234.0, 3), ColumnKind::Int4),
            Ok(Value::Int(1234))
        );
    }

    #[test]
    fn texts_are_parsed_where_the_column_is_not_text() {
        use ColumnKind as K;
        assert_eq!(make_text(" 42 ", K::Int4), Ok(Value::Int(42)));
        assert_eq!(make_text("99999999999999999999", K::Int8), Err("22003"));
        assert_eq!(make_text("forty", K::Int4), Err("22P02"));
        assert_eq!(
            make_text("1.50", K::Numeric),
            Ok(Value::DecimalText("1.50"))
        );
        assert_eq!(make_text("yes", K::Bool), Ok(Value::Bool(true)));
        assert_eq!(make_text("2000-01-02", K::Date), Ok(Value::Date(1)));
        assert_eq!(make_text("2/1/2000", K::Date), Err("22007"));
        assert_eq!(make_text("  ", K::Date), Ok(Value::Null));
        assert_eq!(make_text(" 42 ", K::Text), Ok(Value::Text(" 42 ")));
        assert_eq!(make_text("a\0b", K::Text), Err("22021"));
    }

    #[test]
    fn long_texts_are_refused_but_for_blanks_at_the_end() {
        let mut column = column(ColumnKind::Text);
        column.max_chars = Some(3);
        let attempt = |text| from_text(text, &column).map_err(|fault| fault.sqlstate);
        assert_eq!(attempt("äöü"), Ok(Value::Text("äöü")));
        assert_eq!(attempt("abcd"), Err("22001"));
        assert_eq!(attempt("abc  "), Ok(Value::Text("abc  ")));
    }

    #[test]
    fn error_cells_follow_their_policy() {
        let cell = Cell::Error(CellError::NotAvailable);
        let attempt = |policy, column: &TargetColumn| {
            coercion(policy)
                .coerce(cell, "", column)
                .map(|coerced| (coerced.value, coerced.error_as_null))
                .map_err(|fault| (fault.reason, fault.sqlstate))
        };
        let text = column(ColumnKind::Text);
        assert_eq!(attempt(OnCellError::Null, &text), Ok((Value::Null, true)));
        assert_eq!(
            attempt(OnCellError::Text, &text),
            Ok((Value::Text("#N/A"), false))
        );
        let rejected = Err((RejectReason::ErrorCell, "22P02"));
        assert_eq!(attempt(OnCellError::Reject, &text), rejected);
        assert_eq!(
            attempt(OnCellError::Text, &column(ColumnKind::Int4)),
            rejected
        );
        let required = TargetColumn {
            not_null: true,
            ..text
        };
        assert_eq!(
            attempt(OnCellError::Null, &required),
            Err((RejectReason::ErrorCell, "23502"))
        );
        let empty = coercion(OnCellError::Null).coerce(Cell::Empty, "", &required);
        assert_eq!(empty.unwrap_err().reason, RejectReason::MissingValue);
    }
}
