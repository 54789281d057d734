//! A value that fits its column: what coercion makes of a cell, and what the encoders write.

use super::number_format::ZeroPattern;

/// A number in decimal digits: `coefficient * 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// Whether it is below zero.
    pub negative: bool,
    /// The digits.
    pub coefficient: u64,
    /// The power of ten.
    pub exponent: i16,
}

impl Decimal {
    /// The decimal that a spreadsheet shows for a number: its nearest with 15 significant digits, without trailing
    /// zeros, so that 0.1+0.2 is 0.3. Whole numbers below 2^53 keep all of their digits. `None` for infinities and NaN.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        if value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER {
            return Some(Self::normalised(value < 0.0, value.abs() as u64, 0));
        }
        // `d.dddddddddddddde±x`: one digit, a point, 14 digits, an exponent.
        let text = format!("{:.14e}", value.abs());
        let (mantissa, exponent) = text.split_once('e')?;
        let coefficient = mantissa
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0_u64, |digits, byte| digits * 10 + u64::from(byte - b'0'));
        let exponent = exponent.parse::<i16>().ok()? - 14;
        Some(Self::normalised(value < 0.0, coefficient, exponent))
    }

    /// Without zeros at the end of the coefficient.
    fn normalised(negative: bool, mut coefficient: u64, mut exponent: i16) -> Self {
        while coefficient != 0 && coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        Self {
            negative,
            coefficient,
            exponent,
        }
    }

    /// The double that is nearest to it.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        // Always a number, and correctly rounded, unlike a product of doubles.
        format!("{sign}{}e{}", self.coefficient, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }
}

/// Microseconds of a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// From here on, a double no longer holds every whole number.
pub const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// A typed value. Times are in microseconds, as PostgreSQL stores them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// boolean.
    Bool(bool),
    /// An integer that fits the column's width.
    Int(i64),
    /// double precision.
    Float(f64),
    /// numeric, from a number.
    Decimal(Decimal),
    /// numeric, from a text in PostgreSQL's syntax: sign, digits, point, exponent.
    DecimalText(&'a str),
    /// numeric, from a text with a comma for the point and points between thousands.
    CommaDecimalText(&'a str),
    /// Text without NUL characters; for types without an own variant, the type's text input.
    Text(&'a str),
    /// A whole number as text, padded with zeros.
    Padded {
        /// The number.
        number: i64,
        /// Where its digits stand.
        pattern: &'a ZeroPattern,
    },
    /// date: days since 2000-01-01.
    Date(i32),
    /// time: microseconds since midnight.
    Time(i64),
    /// timestamp: microseconds since 2000-01-01 00:00.
    Timestamp(i64),
    /// interval without months and days: microseconds.
    Interval(i64),
    /// uuid.
    Uuid([u8; 16]),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(negative: bool, coefficient: u64, exponent: i16) -> Option<Decimal> {
        Some(Decimal {
            negative,
            coefficient,
            exponent,
        })
    }

    #[test]
    fn numbers_become_the_decimals_that_a_spreadsheet_shows() {
        assert_eq!(Decimal::from_f64(0.1 + 0.2), decimal(false, 3, -1));
        assert_eq!(Decimal::from_f64(-1234.5), decimal(true, 12_345, -1));
        assert_eq!(Decimal::from_f64(1e20), decimal(false, 1, 20));
        assert_eq!(Decimal::from_f64(0.0), decimal(false, 0, 0));
        assert_eq!(Decimal::from_f64(-0.0), decimal(false, 0, 0));
        assert_eq!(
            Decimal::from_f64(1.0 / 3.0),
            decimal(false, 333_333_333_333_333, -15)
        );
        assert_eq!(
            Decimal::from_f64(9_007_199_254_740_991.0),
            decimal(false, 9_007_199_254_740_991, 0)
        );
        assert_eq!(Decimal::from_f64(0.1 + 0.2).map(Decimal::to_f64), Some(0.3));
        assert_eq!(Decimal::from_f64(f64::NAN), None);
        assert_eq!(Decimal::from_f64(f64::INFINITY), None);
    }
}
