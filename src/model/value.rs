//! A value that fits its column: what coercion makes of a cell, and what the encoders write.

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
    /// zeros, so that 0.1+0.2 is 0.3. `None` for infinities and NaN.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        // `d.dddddddddddddde±x`: one digit, a point, 14 digits, an exponent.
        let text = format!("{:.14e}", value.abs());
        let (mantissa, exponent) = text.split_once('e')?;
        let mut coefficient = mantissa
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0_u64, |digits, byte| digits * 10 + u64::from(byte - b'0'));
        let mut exponent = exponent.parse::<i16>().ok()? - 14;
        if coefficient == 0 {
            exponent = 0;
        }
        while coefficient != 0 && coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        Some(Self {
            negative: value < 0.0,
            coefficient,
            exponent,
        })
    }
}

/// Microseconds of a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

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
    /// Text without NUL characters; for types without an own variant, the type's text input.
    Text(&'a str),
    /// A whole number as text, padded with zeros.
    Padded {
        /// Whether it is below zero.
        negative: bool,
        /// The number without its sign.
        digits: u64,
        /// The least digits to show.
        width: u8,
    },
    /// date: days since 2000-01-01.
    Date(i32),
    /// time: microseconds since midnight.
    Time(i64),
    /// timestamp: microseconds since 2000-01-01 00:00.
    Timestamp(i64),
    /// interval without months and days: microseconds.
    Interval(i64),
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
        assert_eq!(Decimal::from_f64(f64::NAN), None);
        assert_eq!(Decimal::from_f64(f64::INFINITY), None);
    }
}
