//! Numbers in decimal digits, eight digits at a time.

use std::str;

const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
/// Added to a byte that is a digit's value it leaves the highest bit clear, to any other it sets it.
const BEYOND_NINE: u64 = u64::from_le_bytes([0x76; 8]);
const HIGHEST_BITS: u64 = u64::from_le_bytes([0x80; 8]);
/// What so many digits more multiply a number by.
const SCALES: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];
/// The powers of ten that are exact in 64 bits of floating point.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// What is read as a number has no more bytes.
pub(super) const MAX_NUMBER_BYTES: usize = 128;
/// Digits in front of the point, or behind it; few enough that there are not too many bytes.
const MAX_DIGITS: usize = 48;
/// Whole numbers up to this one are exact in 64 bits of floating point, and no other has the same nearest double.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// The digits that the bytes begin with, at most eight, as a number, and how many there are. `None` for less than eight
/// bytes of whatever kind.
#[inline]
pub(super) fn leading(bytes: &[u8]) -> Option<(u64, usize)> {
    let values = u64::from_le_bytes(*bytes.first_chunk()?) ^ ZEROS;
    // A carry only spoils bytes behind the first that is no digit.
    let others = (values.wrapping_add(BEYOND_NINE) | values) & HIGHEST_BITS;
    let count = others.trailing_zeros() / 8;
    // The first digit is in the lowest byte: what the shift brings in are zeros in front of it.
    let ones = values.unbounded_shl(64 - 8 * count);
    let pairs = (ones.wrapping_mul(10).wrapping_add(ones >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    let eights = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xFFFF_FFFF;
    Some((eights, count as usize))
}

/// The whole number that the bytes begin with, and what follows it. `None` for one of more than nine digits, and near the
/// end of the bytes.
#[inline]
pub(super) fn whole(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, count) = leading(bytes)?;
    let number = u32::try_from(number).ok()?;
    let rest = bytes.get(count..)?;
    match rest {
        [digit @ b'0'..=b'9', rest @ ..] if !rest.first()?.is_ascii_digit() => {
            Some((number * 10 + u32::from(digit - b'0'), rest))
        }
        [b'0'..=b'9', ..] => None,
        _ => (count > 0).then_some((number, rest)),
    }
}

/// The number that the bytes begin with, as [`super::value::number`] reads it from a text of its own, and what follows it.
/// `None` for whatever is better left to that, and near the end of the bytes.
#[inline]
pub(super) fn decimal(bytes: &[u8]) -> Option<(f64, &[u8])> {
    let (is_negative, unsigned) = match bytes {
        [b'-', unsigned @ ..] => (true, unsigned),
        _ => (false, bytes),
    };
    let whole = digits(unsigned, 0)?;
    let (all, fraction) = match whole.rest {
        [b'.', rest @ ..] => {
            let all = digits(rest, whole.number)?;
            (all, all.count)
        }
        _ => (whole, 0),
    };
    if whole.count + fraction == 0 {
        return None;
    }
    let power = EXACT_POWERS.get(fraction);
    let is_exact = all.number <= MAX_EXACT && !matches!(all.rest, [b'e' | b'E', ..]);
    let Some(power) = power.filter(|_| is_exact) else {
        // A whole number of so many digits is read as a text, which can keep them.
        let is_whole = all.rest.len() == whole.rest.len();
        return if is_whole && all.number > MAX_EXACT {
            None
        } else {
            inexact(bytes, all.rest)
        };
    };
    let mut number = all.number as f64;
    if fraction > 0 {
        // Both are exact, so that the one division rounds as the standard says (IEEE 754, 4.3.1).
        number /= power;
    }
    Some((if is_negative { -number } else { number }, all.rest))
}

#[derive(Debug, Clone, Copy)]
struct Digits<'b> {
    number: u64,
    count: usize,
    rest: &'b [u8],
}

/// Appends digits to a number. `None` where it becomes too large.
#[inline]
fn digits(bytes: &[u8], to: u64) -> Option<Digits<'_>> {
    let mut all = Digits {
        number: to,
        count: 0,
        rest: bytes,
    };
    loop {
        let (more, count) = leading(all.rest)?;
        let scale = SCALES.get(count)?;
        all.number = all.number.checked_mul(*scale)?.checked_add(more)?;
        all.count += count;
        all.rest = all.rest.get(count..)?;
        if count < 8 {
            return Some(all);
        }
        if all.count > MAX_DIGITS {
            return None;
        }
    }
}

/// A number that one division does not make, whose digits end where `rest` begins, but for an exponent.
#[cold]
fn inexact<'b>(bytes: &'b [u8], rest: &'b [u8]) -> Option<(f64, &'b [u8])> {
    let rest = match rest {
        [b'e' | b'E', rest @ ..] => {
            let unsigned = match rest {
                [b'-' | b'+', unsigned @ ..] => unsigned,
                _ => rest,
            };
            let is_digit = |byte: &&u8| byte.is_ascii_digit();
            unsigned.get(unsigned.iter().take_while(is_digit).count()..)?
        }
        _ => rest,
    };
    let text = bytes.get(..bytes.len() - rest.len())?;
    if text.len() > MAX_NUMBER_BYTES {
        return None;
    }
    let number: f64 = str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, prop_oneof, proptest};
    use proptest::strategy::Strategy;

    use super::*;
    use crate::source::xlsx::value;

    /// What follows a value in a cell, and then enough that nothing is near the end.
    const BEHIND: &str = "</v></c></row>";

    /// The number at the start, if all of the text belongs to it.
    fn decimal_of(text: &str) -> Option<f64> {
        let bytes = format!("{text}{BEHIND}");
        let (number, rest) = decimal(bytes.as_bytes())?;
        (rest == BEHIND.as_bytes()).then_some(number)
    }

    #[test]
    fn what_is_taken_is_what_the_text_says() {
        for (text, wanted) in [
            ("0", Some(0.0)),
            ("-0", Some(-0.0)),
            ("007", Some(7.0)),
            ("12345678", Some(12_345_678.0)),
            ("123456789", Some(123_456_789.0)),
            ("1201.77", Some(1201.77)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("-.5", Some(-0.5)),
            ("45518.289456018516", Some(45518.289456018516)),
            ("9007199254740991", Some(9_007_199_254_740_991.0)),
            ("9007199254740992", None),
            ("9007199254740993", None),
            ("9007199254740993E0", None),
            ("9007199254740993.5", Some(9_007_199_254_740_994.0)),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            ("0.0000000000000000000001", Some(1e-22)),
            ("0.00000000000000000000001", Some(1e-23)),
            ("1E5", Some(1e5)),
            ("2.5e-3", Some(0.0025)),
            ("1e+300", Some(1e300)),
            ("1e999", None),
            ("1e", None),
            ("1e+", None),
            (".", None),
            ("-", None),
            ("", None),
            ("+5", None),
            (" 5", None),
            ("5 ", None),
            ("inf", None),
            ("1.2.3", None),
            ("0x10", None),
            ("1_000", None),
        ] {
            let found = decimal_of(text);
            assert_eq!(
                found.map(f64::to_bits),
                wanted.map(f64::to_bits),
                "{text:?}"
            );
        }
        assert_eq!(decimal(b"12</v>"), None);
        assert_eq!(decimal(b""), None);
    }

    #[test]
    fn whole_numbers_of_nine_digits_are_read_and_no_longer_ones() {
        let read = |text: &str| whole(format!("{text}{BEHIND}").as_bytes()).map(|found| found.0);
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("12345678"), Some(12_345_678));
        assert_eq!(read("999999999"), Some(999_999_999));
        assert_eq!(read("1234567890"), None);
        assert_eq!(read(""), None);
        assert_eq!(read("-1"), None);
        assert_eq!(whole(b"1</v>"), None);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<f64>().prop_map(|number| format!("{number}")),
            any::<f64>().prop_map(|number| format!("{number:e}")),
            any::<f64>().prop_map(|number| format!("{number:.16E}")),
            (-1e7..1e7_f64).prop_map(|number| format!("{number}")),
            (-1e6..1e6_f64, 0..20_usize).prop_map(|(number, places)| format!("{number:.places$}")),
            any::<i64>().prop_map(|number| number.to_string()),
            (any::<u32>(), 0..10_u32).prop_map(|(number, down)| (number >> (3 * down)).to_string()),
            "[-+]?0{0,9}[0-9]{0,25}(\\.[0-9]{0,25})?([eE][-+]?[0-9]{0,4})?",
            "[-+.eE0-9 ]{0,12}",
            "[0-9]{0,9}.{0,3}",
        ]
    }

    proptest! {
        #[test]
        fn a_number_is_to_the_bit_what_the_standard_library_makes_of_its_text(text in any_text()) {
            if let Some(number) = decimal_of(&text) {
                let wanted = value::number(&text);
                prop_assert_eq!(Some(number.to_bits()), wanted.map(f64::to_bits), "{}", text);
            }
        }

        #[test]
        fn the_numbers_that_programs_write_are_all_taken(number in any::<f64>(), digits in 0..17_usize) {
            let number = if number.is_finite() { number } else { 0.5 };
            let wanted = |text: &str| text.parse::<f64>().ok().map(f64::to_bits);
            for text in [format!("{number:e}"), format!("{number:.digits$E}")] {
                prop_assert_eq!(decimal_of(&text).map(f64::to_bits), wanted(&text), "{}", text);
            }
            let short = number % 1e6;
            let text = short.to_string();
            if text.len() < 18 {
                prop_assert_eq!(decimal_of(&text).map(f64::to_bits), wanted(&text), "{}", text);
            }
        }

        #[test]
        fn digits_are_counted_and_summed(text in "[0-9]{0,8}[^0-9]{0,3}[ -~]{8}") {
            let digits = text.bytes().take(8).take_while(u8::is_ascii_digit).count();
            let number = text[..digits].parse().unwrap_or(0);
            prop_assert_eq!(leading(text.as_bytes()), Some((number, digits)));
        }

        #[test]
        fn any_bytes_are_counted_and_summed(bytes in proptest::collection::vec(any::<u8>(), 8)) {
            let digits: Vec<u8> = bytes.iter().copied().take_while(u8::is_ascii_digit).collect();
            let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
            prop_assert_eq!(leading(&bytes), Some((number, digits.len())));
        }
    }
}
