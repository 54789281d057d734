//! A value that fits its column: what coercion makes of a cell, and what the encoders write.

use super::number_format::ZeroPattern;
use super::time_zone::TimeZone;

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
    #[inline(always)]
    pub fn from_f64(value: f64) -> Option<Self> {
        let magnitude = value.abs();
        let whole = magnitude as u64;
        if magnitude < MAX_EXACT_INTEGER && whole as f64 == magnitude {
            return Some(Self::normalised(value < 0.0, whole, 0));
        }
        let (coefficient, exponent) = few_decimals(magnitude)
            .or_else(|| fifteen_digits(magnitude))
            .or_else(|| fifteen_digits_of_text(magnitude))?;
        Some(Self::normalised(value < 0.0, coefficient, exponent))
    }

    /// The number that people mean by a double from 2^53 on, where one stands for several: the one of few digits with
    /// zeros behind them. `None` where there is none, as for most ids.
    #[must_use]
    pub fn of_large_double(value: f64) -> Option<Self> {
        /// Fewer digits than an id of this size has.
        const FEW_DIGITS: u64 = 10_000_000_000;
        Self::from_f64(value).filter(|few| few.coefficient < FEW_DIGITS && few.to_f64() == value)
    }

    /// The fewest digits that read back as the same double. `None` for infinities and NaN.
    #[must_use]
    pub fn shortest(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let coefficient = format!("{whole}{fraction}").parse().ok()?;
        let exponent = exponent.parse::<i16>().ok()? - i16::try_from(fraction.len()).ok()?;
        Some(Self::normalised(value < 0.0, coefficient, exponent))
    }

    /// Without zeros at the end of the coefficient.
    #[inline(always)]
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
        // Of two doubles that are exact, the quotient and the product are rounded once, and so correctly.
        let exact = self.coefficient < MAX_EXACT_INTEGER as u64;
        let power = usize::from(self.exponent.unsigned_abs());
        if let Some(ten) = EXACT_TENS.get(power).filter(|_| exact) {
            let coefficient = self.coefficient as f64;
            let magnitude = if self.exponent < 0 {
                coefficient / ten
            } else {
                coefficient * ten
            };
            return if self.negative { -magnitude } else { magnitude };
        }
        // Always a number, and correctly rounded.
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}e{}", self.coefficient, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }
}

/// The powers of ten that doubles hold exactly.
const EXACT_TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The same as integers.
const TENS: [u128; 23] = {
    let mut tens = [1; 23];
    let mut power = 1;
    while power < tens.len() {
        tens[power] = tens[power - 1] * 10;
        power += 1;
    }
    tens
};

/// Digits of a coefficient, as many as a spreadsheet shows.
const SHOWN_DIGITS: i32 = 15;

/// A positive number's coefficient and power of ten if it has up to four decimals. The quotient of two integers that
/// doubles hold is the double nearest to a decimal; and of a decimal of up to 15 digits, these are the nearest to its
/// double, too.
#[inline(always)]
fn few_decimals(magnitude: f64) -> Option<(u64, i16)> {
    let digits = (magnitude * 1e4 + 0.5) as i64;
    let is_it = digits < FIRST_OF_16_DIGITS && digits as f64 / 1e4 == magnitude;
    is_it.then_some((digits.unsigned_abs(), -4))
}

/// The least number of more digits than a spreadsheet shows.
const FIRST_OF_16_DIGITS: i64 = 1_000_000_000_000_000;

/// A positive number's nearest coefficient of 15 digits and its power of ten, in integers: the double's 53 bits times
/// the power of ten that brings 15 digits before the point fit 128 bits, and what lies behind the point is shifted out.
/// `None` where they do not fit, and for numbers half-way between two.
fn fifteen_digits(magnitude: f64) -> Option<(u64, i16)> {
    /// log10(2) in units of 2^-18.
    const LOG10_OF_2: i32 = 78_913;
    if !(1e-6..1e15).contains(&magnitude) {
        return None;
    }
    let bits = magnitude.to_bits();
    let exponent = (bits >> 52) as i32 - 1_023;
    let mantissa = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let shift = u32::try_from(52 - exponent).ok()?;
    // Below 2^53 * 10^22, or 2^127.
    let scaled = |power: i32| Some(mantissa * TENS.get(usize::try_from(power).ok()?)?);
    // By the power of two, the first digit's power of ten is known but for 1.
    let mut power = SHOWN_DIGITS - 1 - ((exponent * LOG10_OF_2) >> 18);
    let mut product = scaled(power)?;
    if product >> shift >= FIRST_OF_16_DIGITS as u128 {
        power -= 1;
        product = scaled(power)?;
    }
    let half = 1_u128 << (shift - 1);
    let rest = product & ((half << 1) - 1);
    if rest == half {
        return None;
    }
    let coefficient = (product >> shift) as u64 + u64::from(rest > half);
    let exponent = i16::try_from(-power).ok()?;
    // Short numbers end in many zeros.
    Some(if coefficient.is_multiple_of(100_000_000) {
        (coefficient / 100_000_000, exponent + 8)
    } else {
        (coefficient, exponent)
    })
}

/// The same for any number, through its text.
#[cold]
fn fifteen_digits_of_text(magnitude: f64) -> Option<(u64, i16)> {
    if !magnitude.is_finite() {
        return None;
    }
    // `d.dddddddddddddde±x`: one digit, a point, 14 digits, an exponent.
    let text = format!("{magnitude:.14e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let coefficient = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .fold(0_u64, |digits, byte| digits * 10 + u64::from(byte - b'0'));
    Some((coefficient, exponent.parse::<i16>().ok()? - 14))
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
    /// timestamp with time zone: microseconds since 2000-01-01 00:00 by the clocks of a zone.
    Zoned {
        /// What the clocks there show.
        micros: i64,
        /// The zone.
        zone: &'a TimeZone,
    },
    /// interval without months and days: microseconds.
    Interval(i64),
    /// uuid.
    Uuid([u8; 16]),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn the_shortest_digits_are_those_of_the_text() {
        for (value, negative, coefficient, exponent) in [
            (1.234_567_890_123_456_8e18, false, 12_345_678_901_234_568, 2),
            (-9_007_199_254_740_994.0, true, 9_007_199_254_740_994, 0),
            (1e300, false, 1, 300),
            (0.0, false, 0, 0),
        ] {
            let expected = decimal(negative, coefficient, exponent);
            assert_eq!(Decimal::shortest(value), expected, "{value}");
        }
        assert_eq!(Decimal::shortest(f64::NAN), None);
    }

    /// Numbers as cells hold them: decimals, sums of decimals, quotients, and any at all.
    fn numbers() -> impl Strategy<Value = f64> {
        let written = |(coefficient, places): (u64, i32)| -> f64 {
            format!("{coefficient}e-{places}").parse().unwrap()
        };
        let digits = (1_u32..=15).prop_flat_map(|digits| 0..10_u64.pow(digits));
        let short = (digits, 0..=10_i32).prop_map(written);
        let half_way = (0..10_u64.pow(15), 0..20_i32)
            .prop_map(move |(digits, places)| written((digits * 10 + 5, places)));
        prop_oneof![
            3 => short.clone(),
            2 => (short.clone(), short.clone()).prop_map(|(a, b)| a - b),
            1 => (short.clone(), short).prop_map(|(a, b)| a / b),
            1 => half_way,
            1 => (0..1_u64 << 53, 0..60).prop_map(|(bits, power)| bits as f64 / 2_f64.powi(power)),
            1 => 1e-7..1e-5,
            1 => any::<u64>().prop_map(f64::from_bits),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Expected: the standard library's digits.
        #[test]
        fn decimals_are_the_15_digits_that_the_text_has(value in numbers(), negative in any::<bool>()) {
            let value = if negative { -value } else { value };
            let text = format!("{value:.14e}");
            let Some(found) = Decimal::from_f64(value) else {
                prop_assert!(!value.is_finite());
                return Ok(());
            };
            prop_assert!(found.coefficient % 10 != 0 || found == decimal(false, 0, 0).unwrap());
            if value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER {
                let digits = format!("{}{}", found.coefficient, "0".repeat(found.exponent as usize));
                prop_assert_eq!(digits, format!("{}", value.abs()));
                prop_assert_eq!(found.negative, value < 0.0);
                return Ok(());
            }
            let same = if found.negative { "-" } else { "" };
            let same = format!("{same}{}e{}", found.coefficient, found.exponent);
            prop_assert_eq!(scientific(&same), scientific(&text), "{}", value);
        }

        /// Expected: the standard library's reading of the same digits.
        #[test]
        fn doubles_are_the_nearest_to_their_decimals(
            negative in any::<bool>(),
            coefficient in prop_oneof![any::<u64>(), 0..10_u64.pow(15), 0..1_000_u64, (1_u64 << 53) - 2..(1 << 53) + 3],
            exponent in prop_oneof![-30..30_i16, any::<i16>()],
        ) {
            let number = Decimal { negative, coefficient, exponent };
            let sign = if negative { "-" } else { "" };
            let expected: f64 = format!("{sign}{coefficient}e{exponent}").parse().unwrap();
            prop_assert_eq!(number.to_f64().to_bits(), expected.to_bits());
        }
    }

    /// A number's sign and digits without the zeros at their end, and the power of its first digit.
    fn scientific(text: &str) -> (bool, String, i64) {
        let negative = text.starts_with('-');
        let (mantissa, exponent) = text.trim_start_matches('-').split_once('e').unwrap();
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let first = exponent.parse::<i64>().unwrap() + whole.len() as i64 - 1;
        (negative, digits.trim_end_matches('0').to_owned(), first)
    }
}
