//! What a text looks like: a number, a date, a word for yes or for nothing.

use crate::transform::parse;

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextLook {
    /// A whole number without zeros in front, of at most 18 digits.
    Integer,
    /// A number with a decimal point.
    Decimal,
    /// A number with a decimal comma.
    DecimalComma,
    /// Digits, a comma and three more digits: thousands, or a decimal comma.
    CommaThousand,
    /// A date as ISO 8601 writes it.
    IsoDate,
    /// A date and time of day as ISO 8601 writes it.
    IsoTimestamp,
    /// A time of day.
    Time,
    /// Day and month in some order, and the year.
    DayMonth(DayMonth),
    /// Yes or no.
    Boolean,
    /// A word that may stand for nothing, or white space alone.
    Null,
    /// Anything else.
    Other,
}

/// A date whose order of day and month its numbers tell, or do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayMonth {
    pub(super) order: DayOrder,
    /// The character between day, month and year.
    pub(super) separator: char,
    pub(super) year_digits: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayOrder {
    DayFirst,
    MonthFirst,
    /// Both would be a month, and they differ.
    Ambiguous,
    /// Day and month are the same number.
    Either,
}

impl TextLook {
    /// How many there are to be counted.
    pub(super) const KINDS: usize = 11;
    /// The place of days and months in counts.
    pub(super) const DAY_MONTH: usize = 7;

    /// Its place in counts.
    pub(super) fn index(self) -> usize {
        match self {
            Self::Integer => 0,
            Self::Decimal => 1,
            Self::DecimalComma => 2,
            Self::CommaThousand => 3,
            Self::IsoDate => 4,
            Self::IsoTimestamp => 5,
            Self::Time => 6,
            Self::DayMonth(_) => Self::DAY_MONTH,
            Self::Boolean => 8,
            Self::Null => 9,
            Self::Other => 10,
        }
    }

    /// Looks at a text. Most texts are decided by their length or first character.
    #[inline]
    pub(super) fn of(text: &str) -> Self {
        /// Longer than any date with time or number of interest.
        const LONGEST: usize = 40;
        if text.len() > LONGEST {
            return Self::Other;
        }
        let text = text.trim();
        match text.as_bytes() {
            [] => Self::Null,
            [b'0'..=b'9' | b'.' | b',', ..] => Self::of_figures(text),
            [b'-', rest @ ..] if rest.iter().any(u8::is_ascii_digit) => Self::of_figures(text),
            _ if text.len() > 6 => Self::Other,
            _ if is_null_word(text) => Self::Null,
            [first, ..] if first.is_ascii_alphabetic() && parse::boolean(text).is_some() => {
                Self::Boolean
            }
            _ => Self::Other,
        }
    }

    fn of_figures(text: &str) -> Self {
        let (mut points, mut commas, mut others) = (0_u32, 0_u32, 0_u32);
        for byte in text.strip_prefix('-').unwrap_or(text).bytes() {
            match byte {
                b'0'..=b'9' => {}
                b'.' => points += 1,
                b',' => commas += 1,
                _ => others += 1,
            }
        }
        match (points, commas, others) {
            (0, 0, 0) => of_digits(text),
            (1, 0, 0) => of_decimal(text, '.', Self::Decimal),
            (_, 1, 0) => of_decimal(text, ',', Self::DecimalComma),
            _ => of_date(text),
        }
    }
}

/// Zeros in front make it a code rather than a number, and so do more digits than a bigint has.
fn of_digits(text: &str) -> TextLook {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > 18 || (digits.len() > 1 && digits.starts_with('0')) {
        TextLook::Other
    } else {
        TextLook::Integer
    }
}

fn of_decimal(text: &str, separator: char, look: TextLook) -> TextLook {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let Some((whole, fraction)) = unsigned.split_once(separator) else {
        return TextLook::Other;
    };
    let mut groups = whole.split('.');
    let first = groups.next().unwrap_or_default();
    let is_grouped = groups.clone().next().is_some();
    let well_formed = fraction.bytes().all(|byte| byte.is_ascii_digit())
        && !fraction.is_empty()
        && (first == "0" || !first.starts_with('0'))
        && groups.all(|group| group.len() == 3)
        && (!is_grouped || (1..=3).contains(&first.len()));
    if !well_formed {
        TextLook::Other
    } else if separator == ',' && fraction.len() == 3 && !is_grouped && first != "0" {
        TextLook::CommaThousand
    } else {
        look
    }
}

fn of_date(text: &str) -> TextLook {
    if let Some(day_month) = day_month(text) {
        TextLook::DayMonth(day_month)
    } else if parse::date(text).is_some() {
        TextLook::IsoDate
    } else if parse::timestamp(text).is_some() {
        TextLook::IsoTimestamp
    } else if parse::time(text).is_some() {
        TextLook::Time
    } else {
        TextLook::Other
    }
}

/// A text such as `03/04/2024` or `3.4.24`, with or without a time of day.
#[inline]
pub(super) fn day_month(text: &str) -> Option<DayMonth> {
    // The shortest is 1.1.24.
    if text.len() < 6 {
        return None;
    }
    match text.as_bytes().first()? {
        // Digits, and the first bytes of white space.
        b'0'..=b'9' | b'\t'..=b'\r' | b' ' | 0xC2 | 0xE1..=0xE3 => parse_day_month(text),
        _ => None,
    }
}

fn parse_day_month(text: &str) -> Option<DayMonth> {
    let text = text.trim();
    // Most texts that begin with a digit end here.
    match text.as_bytes() {
        [b'0'..=b'9', b'/' | b'.' | b'-', ..] => {}
        [b'0'..=b'9', b'0'..=b'9', b'/' | b'.' | b'-', ..] => {}
        _ => return None,
    }
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let looks_like_time = |time: &str| {
        let time = time.trim();
        time.starts_with(|c: char| c.is_ascii_digit()) && time.contains(':')
    };
    if !time.is_none_or(looks_like_time) {
        return None;
    }
    let separator = day.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '/' | '.' | '-') {
        return None;
    }
    let mut parts = day.split(separator);
    let (first, second) = (short_number(parts.next()?)?, short_number(parts.next()?)?);
    let year = parts.next()?;
    let year_digits = u8::try_from(year.len()).ok()?;
    let is_year = matches!(year_digits, 2 | 4) && year.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_year {
        return None;
    }
    let order = match (first, second) {
        (13..=31, 1..=12) => DayOrder::DayFirst,
        (1..=12, 13..=31) => DayOrder::MonthFirst,
        (1..=12, 1..=12) if first == second => DayOrder::Either,
        (1..=12, 1..=12) => DayOrder::Ambiguous,
        _ => return None,
    };
    Some(DayMonth {
        order,
        separator,
        year_digits,
    })
}

/// A number of one or two digits.
fn short_number(text: &str) -> Option<u8> {
    let is_short = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_short.then(|| text.parse().ok())?
}

/// Words that people write where there is no value.
pub(super) fn is_null_word(text: &str) -> bool {
    const WORDS: [&str; 14] = [
        "n/a", "na", "n.a.", "null", "(null)", "none", "nil", "nan", "#n/a", "-", "--", "–", "?",
        "\\N",
    ];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Control characters in a text, apart from tabs and line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controls {
    None,
    /// NUL, which PostgreSQL stores in no text.
    Nul,
    Others,
}

impl Controls {
    /// Looks for them.
    #[inline]
    pub(super) fn of(text: &str) -> Self {
        // One pass without branches per byte, and a second only for texts that may hold any.
        let suspect = text.bytes().fold(false, |suspect, byte| {
            suspect | (byte < b' ') | (byte == 0x7F) | (byte == 0xC2)
        });
        if suspect {
            Self::search(text)
        } else {
            Self::None
        }
    }

    fn search(text: &str) -> Self {
        let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        if text.as_bytes().contains(&0) {
            Self::Nul
        } else if text.chars().any(is_control) {
            Self::Others
        } else {
            Self::None
        }
    }
}

/// Whether a text begins or ends with white space.
#[inline]
pub(super) fn has_outer_white_space(text: &str) -> bool {
    let may_be = |byte: Option<&u8>| byte.is_some_and(|byte| *byte <= b' ' || *byte >= 0x80);
    let bytes = text.as_bytes();
    (may_be(bytes.first()) || may_be(bytes.last())) && text.trim().len() != text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_look_like_what_people_mean() {
        use TextLook as L;
        for (look, texts) in [
            (
                L::Integer,
                &["0", "42", "-7", " 12 ", "123456789012345678"][..],
            ),
            (L::Decimal, &["1.5", "0.25", "-.5", "1234.567"]),
            (
                L::DecimalComma,
                &["12,5", "0,125", "1.234,567", "1.234.567,89"],
            ),
            (L::CommaThousand, &["1,234", "12,345"]),
            (L::IsoDate, &["2024-01-31"]),
            (
                L::IsoTimestamp,
                &["2024-01-31T12:00:00", "2024-01-31 12:00"],
            ),
            (L::Time, &["08:30", "08:30:15"]),
            (L::Boolean, &["yes", "No", "TRUE", "f", "y"]),
            (L::Null, &["N/A", "-", " ", "NULL", "--", "\\N"]),
            (
                L::Other,
                &[
                    "",
                    "007",
                    "+49301234",
                    "1.2.3",
                    "10.0.0.1",
                    "1e5",
                    "12%",
                    "1,234.5",
                    "abc",
                    "2024-13-01",
                    "1234567890123456789",
                    "12,",
                    ".",
                    "00.5",
                    "-x",
                    "é",
                ][1..],
            ),
        ] {
            for text in texts {
                assert_eq!(L::of(text), look, "{text:?}");
            }
        }
    }

    #[test]
    fn day_and_month_are_told_apart_by_their_size() {
        let order = |text| day_month(text).map(|found| found.order);
        assert_eq!(order("03/04/2024"), Some(DayOrder::Ambiguous));
        assert_eq!(order("3.4.24 08:00"), Some(DayOrder::Ambiguous));
        assert_eq!(order("25/04/2024"), Some(DayOrder::DayFirst));
        assert_eq!(order("04-25-2024"), Some(DayOrder::MonthFirst));
        assert_eq!(order("04/04/2024"), Some(DayOrder::Either));
        for text in [
            "",
            "32/01/2024",
            "13/13/2024",
            "1/2",
            "1/2/3",
            "1/2/024",
            "2024-01-02",
            "1/2-2024",
            "1/2/2024 x",
            "1.2.3.4",
            "00/01/2024",
            "a/1/2024",
            "٣/4/2024",
        ] {
            assert_eq!(order(text), None, "{text:?}");
        }
    }

    #[test]
    fn control_characters_and_white_space_are_seen() {
        assert_eq!(Controls::of("a\tb\r\nc é ° \u{a0}"), Controls::None);
        assert_eq!(Controls::of("a\0\u{1}"), Controls::Nul);
        for text in ["\u{1b}[0m", "a\u{7f}", "\u{85}"] {
            assert_eq!(Controls::of(text), Controls::Others, "{text:?}");
        }
        for text in [" a", "a ", "\u{a0}a", "a\n", " "] {
            assert!(has_outer_white_space(text), "{text:?}");
        }
        for text in ["a", "a b", "é", ""] {
            assert!(!has_outer_white_space(text), "{text:?}");
        }
    }
}
