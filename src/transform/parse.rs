//! Texts to values, for columns whose type is not text. The syntax is PostgreSQL's own where it is unambiguous.

use crate::model::calendar::days_from_civil;
use crate::model::value::MICROS_PER_DAY;

/// The words PostgreSQL takes for a boolean (documentation, "Boolean Type").
#[must_use]
pub fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is_one_of(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// An integer in decimal digits.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// A decimal in PostgreSQL's syntax for numeric constants, with a sign: gives the text without white space around.
#[must_use]
pub fn decimal(text: &str) -> Option<&str> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed =
        digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|e| {
        let unsigned = e.strip_prefix(['+', '-']).unwrap_or(e);
        !unsigned.is_empty() && unsigned.len() <= 4 && digits(unsigned)
    });
    (well_formed && exponent_fits).then_some(text)
}

/// A decimal with a comma for the point, with points between all thousands or none: `1.234,56`, `1234,5`. Gives the
/// text without white space around.
#[must_use]
pub fn comma_decimal(text: &str) -> Option<&str> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once(',').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split('.');
    let first = groups.next()?;
    let mut grouped = false;
    let well_grouped = groups.all(|group| {
        grouped = true;
        group.len() == 3 && digits(group)
    });
    let first_fits = digits(first) && (!grouped || (1..=3).contains(&first.len()));
    let has_digits = !(first.is_empty() && fraction.is_empty());
    (well_grouped && first_fits && digits(fraction) && has_digits).then_some(text)
}

/// A finite floating-point number.
#[must_use]
pub fn float(text: &str) -> Option<f64> {
    decimal(text)?.parse().ok().filter(|x: &f64| x.is_finite())
}

/// An ISO 8601 date: `2024-01-31`. Gives days since 2000-01-01.
#[must_use]
pub fn date(text: &str) -> Option<i32> {
    let mut parts = text.trim().splitn(3, '-');
    let year = fixed_digits(parts.next()?, 4)?;
    let month = fixed_digits(parts.next()?, 2)?;
    let day = fixed_digits(parts.next()?, 2)?;
    days_from_civil(
        i32::try_from(year).ok()?,
        u8::try_from(month).ok()?,
        u8::try_from(day).ok()?,
    )
}

/// An ISO 8601 time of day: `13:05`, `13:05:09`, `13:05:09.123456`. Gives microseconds since midnight.
#[must_use]
pub fn time(text: &str) -> Option<i64> {
    // A fraction just below the next midnight has been rounded to it.
    rounded_time(text).filter(|micros| *micros < MICROS_PER_DAY)
}

/// A time of day, or the midnight behind it: where its fraction is rounded to that, or it is written as 24:00:00 (XML
/// Schema part 2, 3.2.7 dateTime).
fn rounded_time(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, ':');
    let hour = fixed_digits(parts.next()?, 2)?;
    let minute = fixed_digits(parts.next()?, 2)?;
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => seconds_and_micros(seconds)?,
    };
    let is_end_of_day = (hour, minute, second, micros) == (24, 0, 0, 0);
    (is_end_of_day || hour < 24 && minute < 60 && second < 60)
        .then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// An ISO 8601 date, or date and time: `2024-01-31`, `2024-01-31T13:05:09`. Gives microseconds since 2000-01-01.
/// A time zone is not accepted: a timestamp without time zone would drop it. Of a fraction just below midnight, as
/// LibreOffice writes for a serial that is not exact, the moment is the next day's beginning, as it is of the serial.
#[must_use]
pub fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let (day, time_of_day) = match text.split_once(['T', 't', ' ']) {
        Some((day, rest)) => (date(day)?, rounded_time(rest)?),
        None => (date(text)?, 0),
    };
    Some(i64::from(day) * MICROS_PER_DAY + time_of_day)
}

/// The day of a moment at midnight: days since 2000-01-01.
#[must_use]
pub fn whole_day(micros: i64) -> Option<i32> {
    (micros.rem_euclid(MICROS_PER_DAY) == 0)
        .then(|| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok())?
}

/// An ISO 8601 duration of days, hours, minutes and seconds (`PT12H30M00S`, as OpenDocument stores times), or
/// `[h]h:mm[:ss[.ffffff]]`. Gives microseconds.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let micros = match text.strip_prefix('P') {
        Some(rest) => iso_duration(rest)?,
        None => clock_duration(text)?,
    };
    Some(if negative { -micros } else { micros })
}

/// Years and months have no length, so they must be 0 (XML Schema part 2, section 3.2.6 duration).
fn iso_duration(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let mut micros = 0_i64;
    let mut add = |rest: &mut &str, unit: char, seconds: i64| -> Option<()> {
        if let Some((amount, after)) = rest.split_once(unit) {
            let amount = digits(amount, 9)?;
            if seconds == 0 && amount != 0 {
                return None;
            }
            micros = micros.checked_add(amount.checked_mul(seconds * 1_000_000)?)?;
            *rest = after;
        }
        Some(())
    };
    let (mut date, mut time) = (date, time);
    add(&mut date, 'Y', 0)?;
    add(&mut date, 'M', 0)?;
    add(&mut date, 'D', 86_400)?;
    add(&mut time, 'H', 3_600)?;
    add(&mut time, 'M', 60)?;
    if !date.is_empty() {
        return None;
    }
    if !time.is_empty() {
        let (seconds, fraction) = seconds_and_micros(time.strip_suffix('S')?)?;
        micros = micros.checked_add(seconds * 1_000_000 + fraction)?;
    }
    Some(micros)
}

fn clock_duration(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours = digits(parts.next()?, 6)?;
    let minutes = fixed_digits(parts.next()?, 2).filter(|minutes| *minutes < 60)?;
    let (seconds, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => seconds_and_micros(seconds)?,
    };
    (seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

/// Seconds with any number of decimals, rounded to microseconds.
fn seconds_and_micros(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let all_digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits {
        return None;
    }
    let first = fraction.get(..fraction.len().min(7))?;
    let tenths = digits(first, 7)? * 10_i64.pow(u32::try_from(7 - first.len()).ok()?);
    Some((digits(whole, 9)?, (tenths + 5) / 10))
}

fn fixed_digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count).then(|| digits(text, count))?
}

fn digits(text: &str, at_most: usize) -> Option<i64> {
    let all_digits =
        !text.is_empty() && text.len() <= at_most && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
}

/// A uuid as PostgreSQL reads it: 32 hexadecimal digits, with or without hyphens after each fourth and braces around
/// (documentation, "UUID Type").
#[must_use]
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let (mut bytes, mut digits) = ([0_u8; 16], 0_usize);
    for c in inner.chars() {
        match c.to_digit(16) {
            Some(digit) => {
                let byte = bytes.get_mut(digits / 2)?;
                *byte = *byte << 4 | u8::try_from(digit).ok()?;
                digits += 1;
            }
            None if c == '-' && digits > 0 && digits < 32 && digits.is_multiple_of(4) => {}
            None => return None,
        }
    }
    // Two hyphens in a row are the one thing that the loop lets pass.
    (digits == 32 && !inner.contains("--")).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_the_words_of_the_server() {
        assert_eq!(boolean(" Yes "), Some(true));
        assert_eq!(boolean("OFF"), Some(false));
        assert_eq!(boolean("2"), None);
        assert_eq!(boolean(""), None);
    }

    #[test]
    fn decimals_are_plain_numbers() {
        for good in ["1", "-1.5", "+.5", "1.", "1e10", "12E-3", " 7 "] {
            assert_eq!(decimal(good), Some(good.trim()), "{good}");
        }
        for bad in [
            "", ".", "1,5", "1e", "e1", "1e99999", "NaN", "0x1", "1 2", "--1",
        ] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
        assert_eq!(float("1e400"), None);
    }

    #[test]
    fn dates_must_exist() {
        assert_eq!(date("2000-01-01"), Some(0));
        assert_eq!(date("2024-02-29"), Some(8_825));
        assert_eq!(date("2023-02-29"), None);
        assert_eq!(date("2023-13-01"), None);
        assert_eq!(date("1/2/2023"), None);
        assert_eq!(date("2023-1-2"), None);
    }

    #[test]
    fn times_and_timestamps_keep_microseconds() {
        assert_eq!(time("01:02:03.000004"), Some(3_723_000_004));
        assert_eq!(time("24:00"), None);
        assert_eq!(
            timestamp("2000-01-02T00:00:01"),
            Some(MICROS_PER_DAY + 1_000_000)
        );
        assert_eq!(timestamp("2000-01-02 00:00:01+02"), None);
        assert_eq!(duration("PT25H00M01.5S"), Some(90_001_500_000));
        assert_eq!(duration("-100:30"), Some(-361_800_000_000));
        assert_eq!(duration("PT"), None);
        assert_eq!(duration("P"), None);
    }

    #[test]
    fn durations_of_other_programs_are_read() {
        for (text, micros) in [
            ("PT02H30M00S", 9_000_000_000),
            ("PT26H30M00.5S", 95_400_500_000),
            ("-PT1H", -3_600_000_000),
            ("P1DT2H", 93_600_000_000),
            ("P0Y0M0DT10H00M00S", 36_000_000_000),
            ("P2D", 172_800_000_000),
            ("PT5M", 300_000_000),
            ("PT10H30M15.123456789012S", 37_815_123_457),
            ("10:30:00", 37_800_000_000),
            ("10:30", 37_800_000_000),
        ] {
            assert_eq!(duration(text), Some(micros), "{text}");
        }
        for text in [
            "P1Y", "P1M", "PT1M2H", "PTS", "P1", "PT1.5H", "PTxS", "PT1.S", "--PT1H",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn comma_decimals_have_whole_groups() {
        for good in [
            "1.234,56",
            "1234,5",
            "-1.234.567",
            "1,5",
            "12",
            ",5",
            "+0,10",
            "1,",
        ] {
            assert_eq!(comma_decimal(good), Some(good), "{good}");
        }
        for bad in [
            "", ",", "1.5", "1.23,4", "1234.567", ".123", "1,234.5", "1,2,3", "1e5", "1..234",
        ] {
            assert_eq!(comma_decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn uuids_are_read_as_the_server_does() {
        let wanted = Some([
            0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38,
            0x0a, 0x11,
        ]);
        for text in [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            " A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11 ",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(uuid(text), wanted, "{text}");
        }
        for text in [
            "",
            "{}",
            "x",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a110",
            "a0eebc99--9c0b4ef8-bb6d-6bb9bd380a11",
            "a0e-ebc999c0b4ef8bb6d6bb9bd380a11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "-a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }
}
