//! Whether a value is within what its column's type allows.
//!
//! The server would round a number or a time to its column's scale and cut a name, without a word. No value is changed
//! to make it fit, so what has more digits than the column keeps is refused here, with its cell. A number cell has 15
//! digits, as in the sheet, so what lies behind them is never an excess.

use super::fault::{fault, out_of_range, sqlstate};
use crate::model::column::{TargetColumn, TypeLimit};
use crate::model::reject::{Fault, RejectReason};
use crate::model::value::{Decimal, Value};

/// Checks a value.
///
/// # Errors
/// A fault that names the limit.
pub(super) fn check(value: Value<'_>, column: &TargetColumn) -> Result<(), Fault> {
    if let Value::Text(text) = value
        && holds_nul(text)
    {
        return Err(fault(
            RejectReason::NulCharacter,
            sqlstate::CHARACTER_NOT_IN_REPERTOIRE,
            "the text holds a NUL character, which PostgreSQL cannot store".to_owned(),
        ));
    }
    match (column.limit, value) {
        (TypeLimit::None, _) | (_, Value::Null) => Ok(()),
        (TypeLimit::Chars(_) | TypeLimit::Bytes(_), Value::Text(text)) => length(text, column),
        (TypeLimit::Chars(_) | TypeLimit::Bytes(_), other) => length(&other.to_string(), column),
        (TypeLimit::Digits { precision, scale }, value) => {
            let Some(digits) = Digits::of(value) else {
                return Ok(());
            };
            digits.fit(precision, scale, column)
        }
        (TypeLimit::SecondDecimals(decimals), value) => second_decimals(value, decimals, column),
    }
}

/// Whether a text holds a NUL character. Most texts are too short for a search to be worth its beginning.
#[inline]
pub(super) fn holds_nul(text: &str) -> bool {
    const LONG: usize = 64;
    let bytes = text.as_bytes();
    if bytes.len() >= LONG {
        return memchr::memchr(0, bytes).is_some();
    }
    let Some(last) = bytes.last_chunk() else {
        return bytes.contains(&0);
    };
    let (words, _) = bytes.as_chunks();
    words
        .iter()
        .fold(nul_bits(*last), |found, word| found | nul_bits(*word))
        != 0
}

/// The highest bit of the lowest byte that is 0, and none where no byte is (the borrow of a subtraction of 1 from each
/// byte first shows there).
#[inline]
fn nul_bits(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}

fn length(text: &str, column: &TargetColumn) -> Result<(), Fault> {
    let (count, max, unit) = match column.limit {
        // Most texts are so short that their characters need no counting.
        TypeLimit::Chars(max) if text.len() <= max as usize => return Ok(()),
        TypeLimit::Chars(max) => {
            let count = text.chars().count();
            // Blanks beyond the length are cut without an error, as SQL demands (documentation, "Character Types").
            let kept = text.trim_end_matches(' ').chars().count();
            if kept <= max as usize {
                return Ok(());
            }
            (count, max, "characters")
        }
        TypeLimit::Bytes(max) => (text.len(), max, "bytes"),
        _ => return Ok(()),
    };
    if count <= max as usize {
        return Ok(());
    }
    Err(fault(
        RejectReason::OutOfRange,
        sqlstate::STRING_DATA_RIGHT_TRUNCATION,
        format!(
            "the text has {count} {unit}, {} holds {max}",
            column.sql_type
        ),
    ))
}

/// Where a number's digits are: the powers of ten of its first and last digit that is not 0.
struct Digits {
    first: i64,
    last: i64,
}

impl Digits {
    /// `None` for zero, and for what is no decimal.
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Decimal(decimal) => Self::of_decimal(decimal),
            Value::DecimalText(text) => Self::of_text(text, '.'),
            Value::CommaDecimalText(text) => Self::of_text(text, ','),
            _ => None,
        }
    }

    fn of_decimal(decimal: Decimal) -> Option<Self> {
        let length = decimal.coefficient.checked_ilog10()?;
        let last = i64::from(decimal.exponent);
        Some(Self {
            first: last + i64::from(length),
            last,
        })
    }

    fn of_text(text: &str, point: char) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
        let whole_digits = whole.bytes().filter(u8::is_ascii_digit).count();
        let digits: Vec<u8> = whole
            .bytes()
            .chain(fraction.bytes())
            .filter(u8::is_ascii_digit)
            .collect();
        let power = |index: usize| whole_digits as i64 - 1 - index as i64 + exponent;
        let first = digits.iter().position(|digit| *digit != b'0')?;
        let last = digits.iter().rposition(|digit| *digit != b'0')?;
        Some(Self {
            first: power(first),
            last: power(last),
        })
    }

    fn fit(&self, precision: u16, scale: i16, column: &TargetColumn) -> Result<(), Fault> {
        let (precision, scale) = (i64::from(precision), i64::from(scale));
        if self.first >= precision - scale {
            return Err(out_of_range(column));
        }
        if self.last < -scale {
            return Err(fault(
                RejectReason::OutOfRange,
                sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
                format!(
                    "the number has {} decimals, {} would round it",
                    (-self.last).max(0),
                    column.sql_type
                ),
            ));
        }
        Ok(())
    }
}

fn second_decimals(value: Value<'_>, decimals: u8, column: &TargetColumn) -> Result<(), Fault> {
    let (Value::Time(micros)
    | Value::Timestamp(micros)
    | Value::Zoned { micros, .. }
    | Value::Interval(micros)) = value
    else {
        return Ok(());
    };
    let unit = 10_i64.pow(6 - u32::from(decimals.min(6)));
    if micros % unit == 0 {
        return Ok(());
    }
    Err(fault(
        RejectReason::OutOfRange,
        sqlstate::DATETIME_FIELD_OVERFLOW,
        format!(
            "the time {value} has more decimals than {} keeps",
            column.sql_type
        ),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::column::ColumnKind;

    fn attempt(value: Value<'_>, limit: TypeLimit) -> Result<(), &'static str> {
        let column = TargetColumn {
            name: "c".into(),
            sql_type: "t".into(),
            kind: ColumnKind::Text,
            not_null: false,
            limit,
        };
        check(value, &column).map_err(|fault| fault.sqlstate)
    }

    #[test]
    fn long_texts_are_refused_but_for_blanks_at_the_end() {
        let three = TypeLimit::Chars(3);
        assert_eq!(attempt(Value::Text("äöü"), three), Ok(()));
        assert_eq!(attempt(Value::Text("abcd"), three), Err("22001"));
        assert_eq!(attempt(Value::Text("abc  "), three), Ok(()));
        assert_eq!(attempt(Value::Int(1234), three), Err("22001"));
        assert_eq!(
            attempt(Value::Text("äöü"), TypeLimit::Bytes(5)),
            Err("22001")
        );
        assert_eq!(attempt(Value::Text("a\0b"), TypeLimit::None), Err("22021"));
    }

    #[test]
    fn numbers_are_never_rounded_to_their_column() {
        let money = TypeLimit::Digits {
            precision: 5,
            scale: 2,
        };
        for good in [
            "0",
            "0.000",
            "999.99",
            "-999.990",
            "1e2",
            "0.0001e2",
            "000123.45",
        ] {
            assert_eq!(attempt(Value::DecimalText(good), money), Ok(()), "{good}");
        }
        for bad in ["1000", "0.001", "12.345", "1e3", "1e-3"] {
            assert_eq!(
                attempt(Value::DecimalText(bad), money),
                Err("22003"),
                "{bad}"
            );
        }
        assert_eq!(attempt(Value::CommaDecimalText("999,99"), money), Ok(()));
        assert_eq!(
            attempt(Value::CommaDecimalText("1.000"), money),
            Err("22003")
        );
        let hundreds = TypeLimit::Digits {
            precision: 3,
            scale: -2,
        };
        assert_eq!(attempt(Value::DecimalText("99900"), hundreds), Ok(()));
        assert_eq!(attempt(Value::DecimalText("99950"), hundreds), Err("22003"));
        assert_eq!(
            attempt(Value::DecimalText("100000"), hundreds),
            Err("22003")
        );
        let small = TypeLimit::Digits {
            precision: 2,
            scale: 4,
        };
        assert_eq!(attempt(Value::DecimalText("0.0099"), small), Ok(()));
        assert_eq!(attempt(Value::DecimalText("0.01"), small), Err("22003"));
    }

    #[test]
    fn times_are_never_rounded_to_their_column() {
        let whole = TypeLimit::SecondDecimals(0);
        assert_eq!(attempt(Value::Time(1_000_000), whole), Ok(()));
        assert_eq!(attempt(Value::Time(1_500_000), whole), Err("22008"));
        let millis = TypeLimit::SecondDecimals(3);
        assert_eq!(attempt(Value::Interval(-1_500), millis), Err("22008"));
        assert_eq!(attempt(Value::Timestamp(-5_000), millis), Ok(()));
    }

    proptest! {
        /// A number cell and its text are within the same limits.
        #[test]
        fn both_ways_to_give_a_number_agree(value in -1e6_f64..1e6, precision in 1_u16..10, scale in -2_i16..8) {
            let decimal = Decimal::from_f64(value).unwrap();
            let text = Value::Decimal(decimal).to_string();
            let limit = TypeLimit::Digits { precision, scale };
            prop_assert_eq!(
                attempt(Value::Decimal(decimal), limit),
                attempt(Value::DecimalText(&text), limit)
            );
        }

        /// Expected: a look at one character after another.
        #[test]
        fn a_nul_is_found_wherever_it_is(text in "[a\u{1}\u{80}äß\u{100}]{0,80}", at in any::<prop::sample::Index>()) {
            prop_assert!(!holds_nul(&text));
            let mut characters: Vec<char> = text.chars().collect();
            characters.insert(at.index(characters.len() + 1), '\0');
            prop_assert!(holds_nul(&characters.iter().collect::<String>()));
        }
    }
}
