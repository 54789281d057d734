//! A cell becomes a value of its column's type, or a fault that says why not.

use serde::{Deserialize, Serialize};

use super::fault::{fault, missing, out_of_range, sqlstate, wrong_type};
use super::infer::InferredType;
use super::number_digits::{decimal_of, note_of, whole_number};
use super::number_format::{FormatClass, classify};
use super::text_rules::TextRules;
use super::{serial_date, within};
use crate::model::cell::{Cell, FormatId};
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::reject::{Fault, RejectReason};
use crate::model::sheet::{DateSystem, SheetDescription};
use crate::model::value::{Decimal, MAX_EXACT_INTEGER, Value};

/// What becomes of an error cell such as `#N/A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// How text cells are read.
    pub text_rules: TextRules,
}

/// What there is to say about a cell that has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellNote {
    /// Nothing.
    None,
    /// It was an error that became NULL.
    ErrorAsNull,
    /// It is a number of more than 15 digits, of which the last ones may be wrong.
    ManyDigits,
}

/// A value, and what there is to say about its cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coerced<'a> {
    /// The value.
    pub value: Value<'a>,
    /// What is told of it.
    pub note: CellNote,
}

/// Either a value or the reason why there is none.
pub type Attempt<'a> = Result<Value<'a>, Fault>;

impl Coercion {
    /// For the cells of a sheet.
    #[must_use]
    pub fn for_sheet(
        sheet: &SheetDescription,
        on_cell_error: OnCellError,
        text_rules: TextRules,
    ) -> Self {
        Self {
            date_system: sheet.date_system,
            formats: sheet.formats.iter().map(classify).collect(),
            on_cell_error,
            text_rules,
        }
    }

    /// The class of a cell's format.
    pub(super) fn class(&self, format: FormatId) -> &FormatClass {
        self.formats
            .get(usize::from(format.0))
            .unwrap_or(&FormatClass::General)
    }

    /// Makes a cell's value for a column. `text` is the cell's text if it has one.
    ///
    /// # Errors
    /// A fault when the cell's value is not one of the column's type; nothing is converted with loss.
    pub fn coerce<'a>(
        &'a self,
        cell: Cell,
        text: &'a str,
        column: &TargetColumn,
    ) -> Result<Coerced<'a>, Fault> {
        let mut note = CellNote::None;
        let value = match cell {
            Cell::Empty => Value::Null,
            Cell::Bool(truth) => boolean(truth, column)?,
            Cell::Number { value, format } => {
                note = note_of(value, *self.class(format));
                // There is one zero only, whatever its sign.
                self.number(value + 0.0, self.class(format), column)?
            }
            Cell::Digits { format, .. } => {
                let (value, told) = self.whole_digits(text, format, column)?;
                note = told;
                value
            }
            Cell::Text(_) | Cell::Shared(_) => self.text_value(text, column)?,
            Cell::Iso(_) => self.iso_value(text, column)?,
            Cell::Error(error) => match self.on_cell_error {
                OnCellError::Null => {
                    note = CellNote::ErrorAsNull;
                    Value::Null
                }
                OnCellError::Text if column.kind.is_text() => Value::Text(error.name()),
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
        within::check(value, column)?;
        Ok(Coerced { value, note })
    }

    fn number<'a>(
        &'a self,
        value: f64,
        class: &'a FormatClass,
        column: &TargetColumn,
    ) -> Attempt<'a> {
        use InferredType as T;
        let inferred = T::of_number(value, *class, self.date_system);
        let is_moment = matches!(inferred, T::Date | T::Timestamp | T::Time | T::Interval);
        match column.kind {
            ColumnKind::Text | ColumnKind::OtherText | ColumnKind::Other => {
                Ok(self.displayed(value, class, inferred, column))
            }
            ColumnKind::Date
            | ColumnKind::Timestamp
            | ColumnKind::Time
            | ColumnKind::Interval
            | ColumnKind::TimestampTz
            | ColumnKind::TimeTz
            | ColumnKind::Moments(_) => self.moment(value, inferred, column),
            _ if is_moment => Err(wrong_type(column, "a date or time")),
            ColumnKind::Uuid => Err(wrong_type(column, "a number")),
            ColumnKind::Bool if value == 0.0 || value == 1.0 => Ok(Value::Bool(value == 1.0)),
            ColumnKind::Bool => Err(wrong_type(column, "a number other than 0 and 1")),
            ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => whole_number(value, column),
            ColumnKind::Float4 | ColumnKind::Float8 => float(value, column),
            ColumnKind::Numeric | ColumnKind::Money => decimal_of(value)
                .map(Value::Decimal)
                .ok_or_else(|| wrong_type(column, "not a finite number")),
        }
    }

    /// A number with a date or time format, for a column of such a type.
    fn moment<'a>(
        &'a self,
        value: f64,
        inferred: InferredType,
        column: &TargetColumn,
    ) -> Attempt<'a> {
        use InferredType as T;
        let made = match (column.kind, inferred) {
            (ColumnKind::Date, T::Date | T::Timestamp) => {
                serial_date::date(value, self.date_system).map(Value::Date)
            }
            (ColumnKind::Timestamp, T::Date | T::Timestamp) => {
                serial_date::timestamp(value, self.date_system).map(Value::Timestamp)
            }
            (ColumnKind::TimestampTz, T::Date | T::Timestamp) => {
                let micros = serial_date::timestamp(value, self.date_system);
                micros.map(|micros| self.zoned(micros))
            }
            (ColumnKind::Time, T::Time | T::Interval) => serial_date::time(value).map(Value::Time),
            (ColumnKind::TimeTz, T::Time | T::Interval) if self.text_rules.zone().is_utc() => {
                serial_date::time(value).map(Value::Time)
            }
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

    /// A number as text, as its format shows it. A moment at midnight is its day alone: a column of days in which a
    /// time turns up, and then a word, is the same text whether the types were known before or not.
    fn displayed<'a>(
        &'a self,
        value: f64,
        class: &'a FormatClass,
        inferred: InferredType,
        column: &TargetColumn,
    ) -> Value<'a> {
        use InferredType as T;
        let system = self.date_system;
        let moment = match inferred {
            T::Date => serial_date::date(value, system).map(Value::Date),
            T::Timestamp => serial_date::date(value, system)
                .filter(|_| column.kind.is_text())
                .map(Value::Date)
                .or_else(|| serial_date::timestamp(value, system).map(Value::Timestamp)),
            T::Time => serial_date::time(value).map(Value::Time),
            T::Interval => serial_date::duration(value).map(Value::Interval),
            _ => None,
        };
        moment.unwrap_or(match class {
            // Beyond, a double is no number of digits that anybody wrote.
            FormatClass::ZeroPadded(padding)
                if value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER =>
            {
                let number = value as i64;
                Value::Padded {
                    number,
                    pattern: padding.pattern(number),
                }
            }
            _ if value.fract() == 0.0 && value.abs() < 1e15 => Value::Int(value as i64),
            class => Value::Float(as_shown(value, *class)),
        })
    }
}

/// A number as decimals show it: at 15 digits, so that a cell is the same number in every column.
fn as_shown(value: f64, class: FormatClass) -> f64 {
    if class.is_decimal() {
        decimal_of(value).map_or(value, Decimal::to_f64)
    } else {
        value
    }
}

fn boolean<'a>(truth: bool, column: &TargetColumn) -> Attempt<'a> {
    match column.kind {
        ColumnKind::Bool | ColumnKind::Other => Ok(Value::Bool(truth)),
        // As a spreadsheet displays it.
        ColumnKind::Text | ColumnKind::OtherText => {
            Ok(Value::Text(if truth { "TRUE" } else { "FALSE" }))
        }
        ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => Ok(Value::Int(truth.into())),
        _ => Err(wrong_type(column, "a boolean")),
    }
}

/// Checks an integer against the column's width. `None` is one beyond all widths.
pub(super) fn integer_in_range<'a>(value: Option<i64>, column: &TargetColumn) -> Attempt<'a> {
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

pub(super) fn float<'a>(value: f64, column: &TargetColumn) -> Attempt<'a> {
    let overflows = column.kind == ColumnKind::Float4 && (value as f32).is_infinite();
    if overflows || !value.is_finite() {
        return Err(out_of_range(column));
    }
    Ok(Value::Float(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cell::{CellError, TextSpan};
    use crate::model::column::TypeLimit;
    use crate::model::number_format::{ZeroPadding, ZeroPattern};

    const ANY_SPAN: TextSpan = TextSpan { start: 0, len: 0 };

    fn coercion(on_cell_error: OnCellError) -> Coercion {
        Coercion {
            date_system: DateSystem::From1900,
            formats: vec![
                FormatClass::General,
                FormatClass::Date,
                FormatClass::Time,
                FormatClass::ZeroPadded(ZeroPadding::always(ZeroPattern::digits(5).unwrap())),
                FormatClass::Duration,
            ],
            on_cell_error,
            text_rules: TextRules::default(),
        }
    }

    fn column(kind: ColumnKind) -> TargetColumn {
        TargetColumn {
            name: "c".into(),
            sql_type: "t".into(),
            kind,
            not_null: false,
            limit: TypeLimit::None,
        }
    }

    fn number(value: f64, format: u16) -> Cell {
        Cell::Number {
            value,
            format: FormatId(format),
        }
    }

    /// Values borrow from it.
    fn leaked() -> &'static Coercion {
        Box::leak(Box::new(coercion(OnCellError::Null)))
    }

    /// The value, or the SQLSTATE of the fault.
    fn make(cell: Cell, kind: ColumnKind) -> Result<Value<'static>, &'static str> {
        leaked()
            .coerce(cell, "", &column(kind))
            .map(|coerced| coerced.value)
            .map_err(|fault| fault.sqlstate)
    }

    fn make_text(text: &'static str, kind: ColumnKind) -> Result<Value<'static>, &'static str> {
        leaked()
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
        let shown = make(number(1_234.0, 3), ColumnKind::Text).unwrap();
        assert_eq!(shown.to_string(), "01234");
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
    fn error_cells_follow_their_policy() {
        let cell = Cell::Error(CellError::NotAvailable);
        let attempt = |policy, column: &TargetColumn| {
            coercion(policy)
                .coerce(cell, "", column)
                .map(|coerced| (coerced.value.to_string(), coerced.note))
                .map_err(|fault| (fault.reason, fault.sqlstate))
        };
        let text = column(ColumnKind::Text);
        assert_eq!(
            attempt(OnCellError::Null, &text),
            Ok((String::new(), CellNote::ErrorAsNull))
        );
        assert_eq!(
            attempt(OnCellError::Text, &text),
            Ok(("#N/A".to_owned(), CellNote::None))
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
        let empty = leaked().coerce(Cell::Empty, "", &required);
        assert_eq!(empty.unwrap_err().reason, RejectReason::MissingValue);
    }
}
