//! Whole numbers that a double does not hold, where a format stores numbers in decimal digits (xlsx, ods).
//!
//! Spreadsheet programs write doubles, and large ones with an exponent. Ids of 16 digits and more in plain digits come
//! from other programs, and a double would change them: 9007199254740993 would be 9007199254740992.

use super::workbook::Content;
use crate::model::value::{Decimal, MAX_EXACT_INTEGER};

/// A number in decimal digits, and the double that is nearest to it.
pub(super) fn number_content(text: &str, number: f64) -> Content<'_> {
    if number.abs() >= MAX_EXACT_INTEGER && is_whole(text) && !is_double(text, number) {
        Content::Digits(text)
    } else {
        Content::Number(number)
    }
}

/// Whether a text is a whole number in digits alone, without zeros in front.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a double's, and few digits with zeros make the same: for 1e23 some programs write
/// 99999999999999991611392.
fn is_double(text: &str, number: f64) -> bool {
    let is_written = text == format!("{number}") || text == format!("{number:.0}");
    is_written && Decimal::of_large_double(number).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_kept_where_a_double_would_change_them() {
        for text in [
            "9007199254740992",
            "9007199254740993",
            "-9007199254740993",
            "1914310000010100016",
            "100000000000000005",
            "1914310000010100000",
            "12345678901234567890123456789012345678",
        ] {
            let number: f64 = text.parse().unwrap();
            assert_eq!(
                number_content(text, number),
                Content::Digits(text),
                "{text}"
            );
        }
        for text in [
            "9007199254740991",
            "1234567890123456",
            "0.30000000000000004",
            "1.9143100000101E+18",
            "9007199254740993.5",
            "09007199254740993",
            "100000000000000000",
            "99999999999999991611392",
        ] {
            let number: f64 = text.parse().unwrap();
            assert_eq!(
                number_content(text, number),
                Content::Number(number),
                "{text}"
            );
        }
    }
}
