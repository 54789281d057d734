use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::model::number_format::ZeroPattern;

/// Codes of public workbooks, of the specification and of spreadsheet programs' own lists, under the class that a
/// reader of the sheet would name.
const CODES: &str = include_str!("codes.txt");

fn class_name(class: FormatClass) -> &'static str {
    match class {
        FormatClass::General => "general",
        FormatClass::FixedDecimals => "decimals",
        FormatClass::Money => "money",
        FormatClass::Percent => "percent",
        FormatClass::ZeroPadded(_) => "padded",
        FormatClass::Date => "date",
        FormatClass::Timestamp => "timestamp",
        FormatClass::DateOrTimestamp => "any date",
        FormatClass::Time => "time",
        FormatClass::Duration => "duration",
    }
}

#[test]
fn real_codes_are_of_the_class_that_people_see() {
    let mut expected = "";
    let mut count = 0;
    let mut wrong = String::new();
    for line in CODES.lines().filter(|line| !line.is_empty()) {
        if let Some(class) = line.strip_prefix("= ") {
            expected = class;
            continue;
        }
        count += 1;
        let found = class_name(classify(&NumberFormat::new(line)));
        if found != expected {
            let _ = writeln!(wrong, "{line}: {found}, expected {expected}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 400, "{count}");
    assert_eq!(classify(&NumberFormat::new("")), FormatClass::General);
}

/// Built-in formats that are dates and times, by the list in ECMA-376 Part 1, §18.8.30.
#[test]
fn built_in_formats_are_of_the_class_that_people_see() {
    for id in 0..=58 {
        let Some(format) = NumberFormat::built_in(id) else {
            continue;
        };
        let expected = match id {
            0 | 1 | 3 | 11..=13 | 37 | 38 | 41 | 48 | 49 => "general",
            2 | 4 | 39 | 40 | 43 => "decimals",
            5..=8 | 42 | 44 => "money",
            9 | 10 => "percent",
            14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => "date",
            18..=21 | 45 | 47 => "time",
            22 => "timestamp",
            32..=35 | 55 | 56 => "any date",
            46 => "duration",
            _ => "",
        };
        assert_eq!(class_name(classify(&format)), expected, "{id}");
    }
}

/// Each of these would take hours if a piece were looked at once for each other piece.
#[test]
fn a_code_of_a_million_pieces_is_read() {
    for piece in ["eb", "m", "mh", "0", "\\x", "[h", "A/", ";", "_", "[$-"] {
        let _class = classify(&NumberFormat::new(piece.repeat(1_000_000)));
    }
}

fn shown(code: &str, number: i64) -> String {
    let FormatClass::ZeroPadded(padding) = classify(&NumberFormat::new(code)) else {
        return "not padded".to_owned();
    };
    let mut out = String::new();
    let pattern: &ZeroPattern = padding.pattern(number);
    pattern
        .write(number < 0, number.unsigned_abs(), &mut out)
        .unwrap();
    out
}

#[test]
fn padded_numbers_look_as_in_the_sheet() {
    for (code, number, text) in [
        ("00000", 1_234, "01234"),
        ("00000", 123_456, "123456"),
        ("000\\-00\\-0000", 123_456_789, "123-45-6789"),
        ("00000-0000", 12_345_678, "01234-5678"),
        ("(000) 000-0000", 5_551_234_567, "(555) 123-4567"),
        ("(000) 000-0000", 15_551_234_567, "(1555) 123-4567"),
        ("\"Nr. \"0000", 12, "Nr. 0012"),
        ("00\\:00", 930, "09:30"),
        ("\"〒\"000\\-0000", 640_941, "〒064-0941"),
        ("##00", 5, "05"),
        ("_-00_)", 5, "05"),
        ("00000", -12, "-00012"),
        ("[<=99999]00000;00000\\-0000", 1_234, "01234"),
        ("[<=99999]00000;00000\\-0000", 123_456_789, "12345-6789"),
        ("[>99999]00000\\-0000;00000", 1_234, "01234"),
        ("[<100000]00000;00000\\-0000", 100_000, "00010-0000"),
        (
            "\"a very long word that is in front of the number \"000",
            7,
            "007",
        ),
    ] {
        assert_eq!(shown(code, number), text, "{code}");
    }
}

proptest! {
    #[test]
    fn any_text_has_a_class(code in "\\PC{0,80}", number in any::<i64>()) {
        shown(&code, number);
    }

    #[test]
    fn any_mixture_of_pieces_has_a_class(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "0", "#", "?", ".", ",", "%", "/", "E+", "e", "@", ";", "[", "]", "[h]", "[Red]", "[>=1]",
                "[$€-407]", "[$-F800]", "\"", "\\", "_", "*", "General", "Gene", "AM/PM", "A/", "上午/下", "上午/下午",
                "yyyy", "m", "mm", "d", "h", "s", "b", "g", "aaa", "é", "年", " ", "-",
            ]),
            0..30,
        ),
        number in any::<i64>(),
    ) {
        shown(&pieces.concat(), number);
    }

    /// A pattern never loses a digit, and never makes one up but zeros in front.
    #[test]
    fn padding_keeps_all_digits(code in "[0\\-/ ().]{2,20}", number in 0_i64..1_000_000_000_000) {
        if let FormatClass::ZeroPadded(_) = classify(&NumberFormat::new(code.as_str())) {
            let digits: String = shown(&code, number).chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<i64>().unwrap(), number);
        }
    }
}
