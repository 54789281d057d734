//! Numbers of more than 15 digits: those that the file has in digits, and the others, whose last ones may be wrong.

use super::coerce::{Attempt, CellNote, Coercion, float, integer_in_range};
use super::fault::{fault, sqlstate, wrong_type};
use super::profile::has_many_digits;
use crate::model::cell::FormatId;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::reject::{Fault, RejectReason};
use crate::model::value::{Decimal, MAX_EXACT_INTEGER, Value};
use crate::transform::number_format::FormatClass;

impl Coercion {
    /// A whole number that a double does not hold, in digits. A double is the only column that changes it; but the digits
    /// may be those that a program wrote of one.
    pub(super) fn whole_digits<'a>(
        &'a self,
        digits: &'a str,
        format: FormatId,
        column: &TargetColumn,
    ) -> Result<(Value<'a>, CellNote), Fault> {
        let number = digits.parse().unwrap_or(f64::INFINITY);
        let note = if is_written_of(number, digits) {
            CellNote::ManyDigits
        } else {
            CellNote::None
        };
        let exact = |value| Ok((value, note));
        match column.kind {
            ColumnKind::Text | ColumnKind::OtherText | ColumnKind::Other => {
                exact(match (self.class(format), digits.parse::<i64>(), note) {
                    // As of a double, of which no zeros in front are shown.
                    (_, _, CellNote::ManyDigits) => Value::Text(digits),
                    (FormatClass::ZeroPadded(padding), Ok(number), _) => Value::Padded {
                        number,
                        pattern: padding.pattern(number),
                    },
                    _ => Value::Text(digits),
                })
            }
            ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => {
                exact(integer_in_range(digits.parse().ok(), column)?)
            }
            ColumnKind::Numeric | ColumnKind::Money => exact(Value::DecimalText(digits)),
            ColumnKind::Float4 | ColumnKind::Float8 => {
                Ok((float(number, column)?, CellNote::ManyDigits))
            }
            ColumnKind::Bool => Err(wrong_type(column, "a number other than 0 and 1")),
            ColumnKind::Uuid => Err(wrong_type(column, "a number")),
            ColumnKind::Date
            | ColumnKind::Time
            | ColumnKind::Timestamp
            | ColumnKind::Interval
            | ColumnKind::TimestampTz
            | ColumnKind::TimeTz
            | ColumnKind::Moments(_) => Err(wrong_type(column, "a number without a date format")),
        }
    }
}

/// Whether digits are what programs write of a double: its shortest digits and zeros, or all of its digits.
fn is_written_of(number: f64, digits: &str) -> bool {
    digits == format!("{number}") || digits == format!("{number:.0}")
}

/// A double for a column of whole numbers. From 2^53 on one stands for several. Where few digits and zeros make the same
/// double, that is the number; of any other the file does not hold all digits, and an id of which the last ones are made
/// up is none.
pub(super) fn whole_number<'a>(value: f64, column: &TargetColumn) -> Attempt<'a> {
    if value.fract() != 0.0 {
        return Err(wrong_type(column, "a number with decimals"));
    }
    if value.abs() < MAX_EXACT_INTEGER {
        return integer_in_range(Some(value as i64), column);
    }
    match Decimal::of_large_double(value) {
        Some(few) => integer_in_range(Value::Decimal(few).to_string().parse().ok(), column),
        None => Err(fault(
            RejectReason::OutOfRange,
            sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
            "the number has more than 15 digits, and the file does not hold the others; store it as a text".to_owned(),
        )),
    }
}

/// A double for a column of decimals: at 15 digits, so that 0.1+0.2 is 0.3. Large whole numbers have no such noise, and all
/// digits that the double has; files have them with an exponent or in plain digits, and both are the same number.
pub(super) fn decimal_of(value: f64) -> Option<Decimal> {
    if value.fract() == 0.0 && value.abs() >= MAX_EXACT_INTEGER {
        Decimal::shortest(value)
    } else {
        Decimal::from_f64(value)
    }
}

/// What there is to say about a number that is loaded: nothing for the whole ones that a double holds.
#[inline]
pub(super) fn note_of(value: f64, class: FormatClass) -> CellNote {
    let is_whole_and_exact = value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER;
    let is_number = matches!(
        class,
        FormatClass::General
            | FormatClass::FixedDecimals
            | FormatClass::Money
            | FormatClass::Percent
            | FormatClass::ZeroPadded(_)
    );
    if is_number && !is_whole_and_exact && has_many_digits(value) {
        CellNote::ManyDigits
    } else {
        CellNote::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::TypeLimit;

    fn column(kind: ColumnKind) -> TargetColumn {
        TargetColumn {
            name: "c".into(),
            sql_type: "t".into(),
            kind,
            not_null: false,
            limit: TypeLimit::None,
        }
    }

    #[test]
    fn large_doubles_are_whole_numbers_where_few_digits_tell_which() {
        let whole = |value| whole_number(value, &column(ColumnKind::Int8));
        assert_eq!(
            whole(9_007_199_254_740_991.0),
            Ok(Value::Int(9_007_199_254_740_991))
        );
        assert_eq!(whole(1e17), Ok(Value::Int(100_000_000_000_000_000)));
        assert_eq!(
            whole(-1.2345e18),
            Ok(Value::Int(-1_234_500_000_000_000_000))
        );
        for unsure in [
            9_007_199_254_740_992.0,
            1_914_310_000_010_100_016.0,
            -1.234_567_890_123_456_7e18,
        ] {
            let fault = whole(unsure).unwrap_err();
            assert_eq!(fault.sqlstate, "22003");
            assert!(
                fault.message.contains("more than 15 digits"),
                "{}",
                fault.message
            );
        }
        assert!(whole(1e19).unwrap_err().message.contains("out of range"));
    }

    #[test]
    fn digits_that_a_double_may_have_are_told_of() {
        for (digits, wanted) in [
            ("9007199254740992", true),
            ("1914310000010100000", true),
            ("1914310000010100224", true),
            ("9007199254740993", false),
            ("1914310000010100016", false),
        ] {
            assert_eq!(
                is_written_of(digits.parse().unwrap(), digits),
                wanted,
                "{digits}"
            );
        }
    }

    #[test]
    fn numbers_whose_last_digits_may_be_wrong_are_told_of() {
        let note = |value| note_of(value, FormatClass::General);
        assert_eq!(note(0.1 + 0.2), CellNote::None);
        assert_eq!(note(9_007_199_254_740_991.0), CellNote::None);
        assert_eq!(note(9_007_199_254_740_992.0), CellNote::ManyDigits);
        assert_eq!(note(1_234_567_890_123.456_7), CellNote::ManyDigits);
        assert_eq!(note(1_234_567_890_123.25), CellNote::None);
        assert_eq!(note_of(9e15, FormatClass::Date), CellNote::None);
    }
}
