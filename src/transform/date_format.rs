//! How a user's texts write dates: a pattern as of strftime (`%d.%m.%Y`), or as of PostgreSQL's `to_date` and
//! spreadsheets (`DD.MM.YYYY HH24:MI`).

use std::fmt;
use std::str::FromStr;

use super::parse;
use crate::error::{Error, ErrorKind, Result};
use crate::model::calendar::days_from_civil;
use crate::model::text_form::serde_as_text;
use crate::model::value::MICROS_PER_DAY;

/// A pattern of dates, with or without a time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    /// As the user wrote it.
    pattern: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Weekday,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    HalfDay,
    Literal(char),
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// strftime's letters.
const STRFTIME: &[(char, &[Item])] = &[
    ('Y', &[Item::Year]),
    ('y', &[Item::ShortYear]),
    ('m', &[Item::Month]),
    ('b', &[Item::MonthName]),
    ('B', &[Item::MonthName]),
    ('h', &[Item::MonthName]),
    ('d', &[Item::Day]),
    ('e', &[Item::Day]),
    ('a', &[Item::Weekday]),
    ('A', &[Item::Weekday]),
    ('H', &[Item::Hour]),
    ('I', &[Item::Hour12]),
    ('M', &[Item::Minute]),
    ('S', &[Item::Second]),
    ('f', &[Item::Fraction]),
    ('p', &[Item::HalfDay]),
    ('P', &[Item::HalfDay]),
    ('%', &[Item::Literal('%')]),
    (
        'F',
        &[
            Item::Year,
            Item::Literal('-'),
            Item::Month,
            Item::Literal('-'),
            Item::Day,
        ],
    ),
    (
        'T',
        &[
            Item::Hour,
            Item::Literal(':'),
            Item::Minute,
            Item::Literal(':'),
            Item::Second,
        ],
    ),
    ('R', &[Item::Hour, Item::Literal(':'), Item::Minute]),
];

/// The words of PostgreSQL's and spreadsheets' patterns, whatever their case; a longer one before its own beginning.
const WORDS: &[(&str, Item)] = &[
    ("YYYY", Item::Year),
    ("YY", Item::ShortYear),
    ("MONTH", Item::MonthName),
    ("MON", Item::MonthName),
    ("MMMM", Item::MonthName),
    ("MMM", Item::MonthName),
    ("MM", Item::Month),
    ("MI", Item::Minute),
    ("MS", Item::Fraction),
    ("M", Item::Month),
    ("DDDD", Item::Weekday),
    ("DDD", Item::Weekday),
    ("DD", Item::Day),
    ("DAY", Item::Weekday),
    ("DY", Item::Weekday),
    ("D", Item::Day),
    ("HH24", Item::Hour),
    ("HH12", Item::Hour12),
    ("HH", Item::Hour),
    ("H", Item::Hour),
    ("SS", Item::Second),
    ("S", Item::Second),
    ("US", Item::Fraction),
    ("AM/PM", Item::HalfDay),
    ("AM", Item::HalfDay),
    ("PM", Item::HalfDay),
];

impl FromStr for DateFormat {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Self> {
        let items = if pattern.contains('%') {
            strftime_items(pattern)
        } else {
            word_items(pattern)
        }
        .map_err(|symbol| {
            Error::new(
                ErrorKind::InvalidOptions,
                format!("date format \"{pattern}\": \"{symbol}\" has no meaning"),
            )
            .next_step("Write it like DD.MM.YYYY, MM/DD/YY HH24:MI:SS or %d.%m.%Y, other words in double quotes")
        })?;
        let has = |wanted: &[Item]| items.iter().filter(|item| wanted.contains(item)).count() == 1;
        for (part, wanted) in [
            ("year", &[Item::Year, Item::ShortYear][..]),
            ("month", &[Item::Month, Item::MonthName][..]),
            ("day", &[Item::Day][..]),
        ] {
            if !has(wanted) {
                return Err(Error::new(
                    ErrorKind::InvalidOptions,
                    format!("date format \"{pattern}\" must have one {part}"),
                )
                .next_step("Write it like DD.MM.YYYY, MM/DD/YY HH24:MI:SS or %d.%m.%Y"));
            }
        }
        Ok(Self {
            pattern: pattern.to_owned(),
            items,
        })
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

serde_as_text!(DateFormat);

/// The items, or the symbol that is none.
fn strftime_items(pattern: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            items.push(Item::Literal(c));
            continue;
        }
        let mut letter = chars.next();
        // `%-d`: without zeros in front, which are never asked for.
        if letter == Some('-') {
            letter = chars.next();
        }
        let known = STRFTIME.iter().find(|(known, _)| Some(*known) == letter);
        let (_, meaning) =
            known.ok_or_else(|| format!("%{}", letter.map(String::from).unwrap_or_default()))?;
        items.extend_from_slice(meaning);
    }
    Ok(items)
}

/// The items, or the symbol that is none.
fn word_items(pattern: &str) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some((_, item, after)) = word(rest) {
            // As in spreadsheets: `mm` after hours is minutes.
            let after_hours = items
                .iter()
                .rev()
                .find(|item| !matches!(item, Item::Literal(_)))
                .is_some_and(|item| matches!(item, Item::Hour | Item::Hour12));
            items.push(if item == Item::Month && after_hours {
                Item::Minute
            } else {
                item
            });
            rest = after;
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (literal, after) = quoted.split_once('"').ok_or("\"")?;
            items.extend(literal.chars().map(Item::Literal));
            rest = after;
        } else if c.is_ascii_alphabetic() && c != 'T' {
            let end = rest
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            return Err(rest[..end].to_owned());
        } else {
            items.push(Item::Literal(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    // With halves of a day, hours go to 12.
    if items.contains(&Item::HalfDay) {
        for item in items.iter_mut().filter(|item| **item == Item::Hour) {
            *item = Item::Hour12;
        }
    }
    Ok(items)
}

/// The word at the start of a pattern, and what follows it.
fn word(pattern: &str) -> Option<(&'static str, Item, &str)> {
    WORDS.iter().find_map(|(word, item)| {
        let (start, after) = pattern.split_at_checked(word.len())?;
        start
            .eq_ignore_ascii_case(word)
            .then_some((*word, *item, after))
    })
}

/// What a text said so far.
#[derive(Default)]
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    afternoon: Option<bool>,
}

impl DateFormat {
    /// Reads a text. Gives microseconds since 2000-01-01 00:00; without a time of day, those of midnight. A time of day
    /// that the pattern does not have may follow the date, in ISO 8601.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<i64> {
        let mut moment = Moment::default();
        let mut rest = text.trim();
        for item in &self.items {
            rest = moment.take(*item, rest)?;
        }
        let has_time = self
            .items
            .iter()
            .any(|item| matches!(item, Item::Hour | Item::Hour12));
        let following = match rest.strip_prefix([' ', 'T']) {
            Some(time) if !has_time => parse::time(time)?,
            _ if rest.is_empty() => 0,
            _ => return None,
        };
        Some(moment.micros()? + following)
    }
}

impl Moment {
    /// Takes one item from a text and gives what follows.
    fn take<'a>(&mut self, item: Item, text: &'a str) -> Option<&'a str> {
        let (value, rest) = match item {
            Item::Literal(c) if c.is_whitespace() => {
                let rest = text.trim_start();
                return (rest.len() < text.len()).then_some(rest);
            }
            Item::Literal(c) => return text.strip_prefix(c),
            Item::MonthName => {
                let (index, rest) = name(text, &MONTHS)?;
                self.month = index + 1;
                return Some(rest);
            }
            Item::Weekday => return name(text, &WEEKDAYS).map(|(_, rest)| rest),
            Item::HalfDay => {
                let (half, rest) = text.split_at_checked(2)?;
                self.afternoon = Some(match half.to_ascii_lowercase().as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                return Some(rest);
            }
            Item::Year => number(text, 4, 4)?,
            Item::ShortYear => number(text, 2, 2)?,
            Item::Fraction => {
                let (_, rest) = number(text, 1, 6)?;
                let digits = text.get(..text.len() - rest.len())?;
                (format!("{digits:0<6}").parse().ok()?, rest)
            }
            Item::Month | Item::Day | Item::Hour | Item::Hour12 | Item::Minute | Item::Second => {
                number(text, 1, 2)?
            }
        };
        match item {
            Item::Year => self.year = value,
            // As PostgreSQL does: 1970 to 2069.
            Item::ShortYear => {
                self.year = if value < 70 {
                    2000 + value
                } else {
                    1900 + value
                }
            }
            Item::Month => self.month = value,
            Item::Day => self.day = value,
            Item::Hour => self.hour = value,
            Item::Hour12 => self.hour = (1..=12).contains(&value).then_some(value)?,
            Item::Minute => self.minute = value,
            Item::Second => self.second = value,
            _ => self.micros = value,
        }
        Some(rest)
    }

    fn micros(&self) -> Option<i64> {
        let day = days_from_civil(
            i32::try_from(self.year).ok()?,
            u8::try_from(self.month).ok()?,
            u8::try_from(self.day).ok()?,
        )?;
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        Some(i64::from(day) * MICROS_PER_DAY + seconds * 1_000_000 + self.micros)
    }
}

/// As many digits as there are, up to `most`.
fn number(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let length = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, rest) = text.split_at_checked(length)?;
    (length >= least).then_some((digits.parse().ok()?, rest))
}

/// An English name, whole or by its first three letters.
fn name<'a>(text: &'a str, names: &[&str]) -> Option<(i64, &'a str)> {
    let length = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = text.split_at_checked(length)?;
    let word = word.to_ascii_lowercase();
    let index = names
        .iter()
        .position(|name| *name == word || name.get(..3) == Some(word.as_str()))?;
    Some((i64::try_from(index).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pattern: &str, text: &str) -> Option<i64> {
        pattern.parse::<DateFormat>().unwrap().parse(text)
    }

    /// 2000-01-02 03:04:05 in seconds since 2000-01-01.
    const MOMENT: i64 = 86_400 + 3 * 3_600 + 4 * 60 + 5;

    #[test]
    fn both_kinds_of_patterns_are_read() {
        let day = Some(MICROS_PER_DAY);
        for (pattern, text) in [
            ("%d.%m.%Y", "02.01.2000"),
            ("%d.%m.%Y", " 2.1.2000 "),
            ("%-m/%-d/%y", "1/2/00"),
            ("%Y%m%d", "20000102"),
            ("%e %B %Y", "2 January 2000"),
            ("%F", "2000-01-02"),
            ("DD.MM.YYYY", "02.01.2000"),
            ("dd/mm/yyyy", "2/1/2000"),
            ("MM/DD/YY", "01/02/00"),
            ("YYYYMMDD", "20000102"),
            ("DD MON YYYY", "02 JAN 2000"),
            ("dd-mmm-yy", "2-jan-00"),
            ("DDDD, MMMM D, YYYY", "Sunday, January 2, 2000"),
            ("DD. \"im\" MM YYYY", "2. im 1 2000"),
            ("YYYY年MM月DD日", "2000年1月2日"),
        ] {
            assert_eq!(read(pattern, text), day, "{pattern} {text}");
        }
        for (pattern, text) in [
            ("%d.%m.%Y %H:%M:%S", "02.01.2000 03:04:05"),
            ("%F %T", "2000-01-02 03:04:05"),
            ("DD.MM.YYYY HH24:MI:SS", "02.01.2000 3:04:05"),
            ("dd/mm/yyyy hh:mm:ss", "02/01/2000 03:04:05"),
            ("m/d/yy h:mm:ss AM/PM", "1/2/00 3:04:05 am"),
            ("YYYY-MM-DDTHH24:MI:SS", "2000-01-02T03:04:05"),
            ("DD.MM.YYYY", "02.01.2000 03:04:05"),
        ] {
            assert_eq!(
                read(pattern, text),
                Some(MOMENT * 1_000_000),
                "{pattern} {text}"
            );
        }
        assert_eq!(
            read("%Y-%m-%d %I:%M %p", "2000-01-01 12:30 AM"),
            Some(1_800_000_000)
        );
        assert_eq!(
            read("%Y-%m-%d %H:%M:%S.%f", "2000-01-01 00:00:00.5"),
            Some(500_000)
        );
    }

    #[test]
    fn short_years_turn_at_1970() {
        let year = |text| {
            read("DD.MM.YY", text).map(|micros| {
                let day = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap();
                crate::model::calendar::civil(day).0
            })
        };
        assert_eq!(year("01.01.69"), Some(2069));
        assert_eq!(year("01.01.70"), Some(1970));
        assert_eq!(year("01.01.2024"), None);
    }

    #[test]
    fn what_is_no_such_date_is_none() {
        for (pattern, text) in [
            ("DD.MM.YYYY", "31.02.2024"),
            ("DD.MM.YYYY", "1/2/2024"),
            ("DD.MM.YYYY", "01.02.24"),
            ("DD.MM.YYYY", "01.02.2024x"),
            ("DD.MM.YYYY", ""),
            ("DD.MM.YYYY HH24:MI", "01.02.2024"),
            ("DD.MM.YYYY HH24:MI", "01.02.2024 24:00"),
            ("DD.MM.YYYY HH12:MI AM", "01.02.2024 13:00 PM"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_says_nothing_is_refused() {
        for (pattern, word) in [
            ("DD.QQ.YYYY", "QQ"),
            ("%d.%Q.%Y", "%Q"),
            ("%d.%m.%", "%"),
            ("DD.MM", "year"),
            ("DD.MM.YYYY YY", "year"),
            ("YYYY-MM", "day"),
            ("HH:MM DD.YYYY", "month"),
            ("", "year"),
            ("TT.MM.JJJJ", "JJJJ"),
            ("DD.MM.YYYY \"x", "\""),
        ] {
            let error = pattern.parse::<DateFormat>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOptions);
            assert!(error.to_string().contains(word), "{pattern}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_and_text_is_handled(pattern in "\\PC{0,30}", text in "\\PC{0,30}") {
            if let Ok(format) = pattern.parse::<DateFormat>() {
                let _read = format.parse(&text);
            }
        }

        #[test]
        fn any_text_of_date_characters_is_handled(
            pattern in "(YYYY|MM|DD|HH24|MI|[./ :-]|%[YmdHMSf]|MON){1,9}",
            text in "[0-9./: a-zé-]{0,30}",
        ) {
            if let Ok(format) = pattern.parse::<DateFormat>() {
                let _read = format.parse(&text);
            }
        }
    }
}
