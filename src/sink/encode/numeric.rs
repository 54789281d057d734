//! numeric's binary form: digits to the base 10,000 (PostgreSQL source, `numeric_recv` in `numeric.c`).
//!
//! The header holds, in 16 bits each: the number of digits, the weight of the first (its power of 10,000), the sign,
//! and how many decimal digits to show behind the point.

use bytes::{BufMut as _, BytesMut};

use super::put_measured;
use crate::model::value::Decimal;

/// Decimal digits in one digit to the base 10,000.
const DECIMALS_PER_DIGIT: i64 = 4;
/// The sign field of a number below zero.
const NEGATIVE: u16 = 0x4000;

/// The base of numeric's digits.
const BASE: u64 = 10_000;
/// Bytes of the header, and of the length in front of it.
const HEADER_BYTES: usize = 8;
const LENGTH_BYTES: usize = size_of::<i32>();

/// Appends a decimal with its length in front, as a field. Its digits are groups of four of the coefficient's, cut off
/// from the end one after another.
#[inline(always)]
pub(super) fn put_decimal_field(decimal: Decimal, out: &mut BytesMut) {
    let exponent = i64::from(decimal.exponent);
    // Zeros that fill up the last group.
    let filled = match exponent.rem_euclid(DECIMALS_PER_DIGIT) {
        0 => Some(decimal.coefficient),
        1 => decimal.coefficient.checked_mul(10),
        2 => decimal.coefficient.checked_mul(100),
        _ => decimal.coefficient.checked_mul(1_000),
    };
    let Some(mut rest) = filled else {
        return put_measured(out, |out| put_decimal(decimal, out));
    };
    let mut power = exponent.div_euclid(DECIMALS_PER_DIGIT);
    while rest != 0 && rest.is_multiple_of(BASE) {
        rest /= BASE;
        power += 1;
    }
    // The first digit ends up in the highest bits.
    let (mut digits, mut count) = (0_u128, 0_u8);
    while rest != 0 {
        digits = digits >> 16 | u128::from(rest % BASE) << 112;
        rest /= BASE;
        count += 1;
    }
    // Zero has neither a sign nor a weight.
    let (weight, sign) = match (count, decimal.negative) {
        (0, _) => (0, 0),
        (_, false) => (power + i64::from(count) - 1, 0),
        (_, true) => (power + i64::from(count) - 1, NEGATIVE),
    };
    let bytes = HEADER_BYTES + 2 * usize::from(count);
    let (weight, scale) = (clamped(weight) as u16, shown_behind_point(exponent));
    let front = (bytes as u64) << 32 | u64::from(count) << 16 | u64::from(weight);
    let end = out.len() + LENGTH_BYTES + bytes;
    // In pieces that registers hold; what is behind the last digit goes again.
    out.extend_from_slice(&front.to_be_bytes());
    out.extend_from_slice(&(u32::from(sign) << 16 | u32::from(scale)).to_be_bytes());
    out.extend_from_slice(&digits.to_be_bytes());
    out.truncate(end);
}

/// Appends any decimal, digit by digit.
fn put_decimal(decimal: Decimal, out: &mut BytesMut) {
    let mut buffer = [0_u8; 20];
    let mut start = buffer.len();
    let mut rest = decimal.coefficient;
    while rest > 0 {
        start -= 1;
        buffer[start] = (rest % 10) as u8;
        rest /= 10;
    }
    put_digits(
        decimal.negative,
        &buffer[start..],
        i64::from(decimal.exponent),
        out,
    );
}

/// Appends a decimal in PostgreSQL's syntax: sign, digits, point, exponent. Anything else in the text is passed over,
/// so the text must have been checked.
pub fn put_text(text: &str, out: &mut BytesMut) {
    put_with_point(text, '.', out);
}

/// The same for a text with a comma for the point and points between thousands.
pub fn put_comma_text(text: &str, out: &mut BytesMut) {
    put_with_point(text, ',', out);
}

fn put_with_point(text: &str, point: char, out: &mut BytesMut) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let fraction_len = mantissa
        .split_once(point)
        .map_or(0, |(_, fraction)| fraction.len());
    let digits: Vec<u8> = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect();
    put_digits(
        mantissa.starts_with('-'),
        &digits,
        exponent - fraction_len as i64,
        out,
    );
}

/// Appends `0.d₁d₂… * 10^(digits + exponent)`, digits being 0 to 9.
fn put_digits(negative: bool, digits: &[u8], exponent: i64, out: &mut BytesMut) {
    let shown_behind_point = shown_behind_point(exponent);
    let leading_zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[leading_zeros..];
    let trailing_zeros = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let exponent = exponent + trailing_zeros as i64;
    let digits = &digits[..digits.len() - trailing_zeros];
    if digits.is_empty() {
        put_header(0, 0, false, shown_behind_point, out);
        return;
    }
    // Zeros in front so that the digits fall into groups of four whose borders are the powers of 10,000.
    let first_power = exponent + digits.len() as i64 - 1;
    let weight = first_power.div_euclid(DECIMALS_PER_DIGIT);
    let zeros_in_front = DECIMALS_PER_DIGIT - 1 - first_power.rem_euclid(DECIMALS_PER_DIGIT);
    let count = (digits.len() as i64 + zeros_in_front).div_ceil_by(DECIMALS_PER_DIGIT);
    put_header(count, weight, negative, shown_behind_point, out);
    let mut group = 0_u16;
    let mut filled = zeros_in_front;
    for digit in digits {
        group = group * 10 + u16::from(*digit);
        filled += 1;
        if filled == DECIMALS_PER_DIGIT {
            out.put_u16(group);
            (group, filled) = (0, 0);
        }
    }
    if filled > 0 {
        let missing = u32::try_from(DECIMALS_PER_DIGIT - filled).unwrap_or(0);
        out.put_u16(group * 10_u16.pow(missing));
    }
}

/// How many decimal digits a number with this exponent shows behind the point.
fn shown_behind_point(exponent: i64) -> u16 {
    u16::try_from((-exponent).clamp(0, i64::from(u16::MAX))).unwrap_or(0)
}

fn clamped(weight: i64) -> i16 {
    weight.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

fn put_header(
    count: i64,
    weight: i64,
    negative: bool,
    shown_behind_point: u16,
    out: &mut BytesMut,
) {
    // Numbers beyond these limits are refused by the server, whatever the header says.
    out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
    out.put_i16(clamped(weight));
    out.put_u16(if negative { NEGATIVE } else { 0 });
    out.put_u16(shown_behind_point);
}

/// Integer division that rounds up, for numbers that are not negative.
trait DivCeil {
    fn div_ceil_by(self, divisor: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, divisor: Self) -> Self {
        (self + divisor - 1) / divisor
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<u16> {
        let mut out = BytesMut::new();
        put_text(text, &mut out);
        out.chunks(2)
            .map(|word| u16::from_be_bytes([word[0], word[1]]))
            .collect()
    }

    /// Expected: what PostgreSQL 15's `numeric_send` gives for the same constants.
    #[test]
    fn digits_are_those_of_the_server() {
        assert_eq!(words("0"), [0, 0, 0, 0]);
        assert_eq!(words("0.00"), [0, 0, 0, 2]);
        assert_eq!(words("1"), [1, 0, 0, 0, 1]);
        assert_eq!(words("-1"), [1, 0, 0x4000, 0, 1]);
        assert_eq!(words("10000"), [1, 1, 0, 0, 1]);
        assert_eq!(words("12345"), [2, 1, 0, 0, 1, 2345]);
        assert_eq!(words("0.3"), [1, 0xFFFF, 0, 1, 3000]);
        assert_eq!(words("0.0001"), [1, 0xFFFF, 0, 4, 1]);
        assert_eq!(words("0.00001"), [1, 0xFFFE, 0, 5, 1000]);
        assert_eq!(words("123456.789"), [3, 1, 0, 3, 12, 3456, 7890]);
        assert_eq!(words("1e4"), [1, 1, 0, 0, 1]);
        assert_eq!(words("00012.50"), [2, 0, 0, 2, 12, 5000]);
    }

    #[test]
    fn both_ways_to_give_a_number_agree() {
        for (value, text) in [
            (0.3, "0.3"),
            (-1234.5, "-1234.5"),
            (1e20, "1e20"),
            (0.0, "0"),
        ] {
            let mut from_float = BytesMut::new();
            put_decimal(Decimal::from_f64(value).unwrap(), &mut from_float);
            let mut from_text = BytesMut::new();
            put_text(text, &mut from_text);
            assert_eq!(from_float, from_text, "{text}");
        }
        let (mut comma, mut point) = (BytesMut::new(), BytesMut::new());
        put_comma_text("-1.234.567,80", &mut comma);
        put_text("-1234567.80", &mut point);
        assert_eq!(comma, point);
    }

    proptest! {
        /// Groups of four digits at once are those that come of one digit after another.
        #[test]
        fn both_ways_to_cut_digits_agree(
            negative in any::<bool>(),
            coefficient in prop_oneof![
                any::<u64>(),
                (0..20_u32, any::<u64>()).prop_map(|(digits, any)| any % 10_u64.pow(digits)),
                (0..1_000_000_u64, 0..13_u32).prop_map(|(any, zeros)| any * 10_u64.pow(zeros)),
            ],
            exponent in prop_oneof![4 => -24..24_i16, 1 => any::<i16>()],
        ) {
            let decimal = Decimal { negative, coefficient, exponent };
            let (mut field, mut digits) = (BytesMut::new(), BytesMut::new());
            put_decimal_field(decimal, &mut field);
            put_decimal(decimal, &mut digits);
            prop_assert_eq!(&field[..4], (digits.len() as u32).to_be_bytes());
            prop_assert_eq!(&field[4..], &digits[..]);
        }
    }
}
