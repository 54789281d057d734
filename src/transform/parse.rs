//! Texts to values, for columns whose type is not text. The syntax is PostgreSQL's own where it is unambiguous.

use super::serial_date::MICROS_PER_DAY;
use crate::model::calendar::days_from_civil;

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
    let mut parts = text.trim().splitn(3, ':');
    let hour = fixed_digits(parts.next()?, 2)?;
    let minute = fixed_digits(parts.next()?, 2)?;
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => seconds_and_micros(seconds)?,
    };
    (hour < 24 && minute < 60 && second < 60)
        .then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// An ISO 8601 date, or date and time: `2024-01-31`, `2024-01-31T13:05:09`. Gives microseconds since 2000-01-01.
/// A time zone is not accepted: a timestamp without time zone would drop it.
#[must_use]
pub fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let (day, time_of_day) = match text.split_once(['T', 't', ' ']) {
        Some((day, rest)) => (date(day)?, time(rest)?),
        None => (date(text)?, 0),
    };
    Some(i64::from(day) * MICROS_PER_DAY + time_of_day)
}

/// A day: an ISO 8601 date, or a date and time at midnight. Gives days since 2000-01-01.
#[must_use]
pub fn day(text: &str) -> Option<i32> {
    let micros = timestamp(text)?;
    (micros.rem_euclid(MICROS_PER_DAY) == 0)
        .then(|| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok())?
}

/// An ISO 8601 duration of hours, minutes and seconds (`PT12H30M00S`, as OpenDocument stores times), or
/// `[h]h:mm[:ss[.ffffff]]`. Gives microseconds.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let micros = match text.strip_prefix("PT") {
        Some(rest) => iso_duration(rest)?,
        None => clock_duration(text)?,
    };
    Some(if negative { -micros } else { micros })
}

fn iso_duration(mut rest: &str) -> Option<i64> {
    let mut micros = 0_i64;
    if rest.is_empty() {
        return None;
    }
    for (unit, seconds_of_unit) in [('H', 3_600), ('M', 60)] {
        if let Some((amount, after)) = rest.split_once(unit) {
            micros =
                micros.checked_add(digits(amount, 9)?.checked_mul(seconds_of_unit * 1_000_000)?)?;
            rest = after;
        }
    }
    if !rest.is_empty() {
        let (seconds, fraction) = seconds_and_micros(rest.strip_suffix('S')?)?;
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

fn seconds_and_micros(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let scale = u32::try_from(fraction.len()).ok().filter(|len| *len <= 9)?;
    let nanos = digits(fraction, 9)? * 10_i64.pow(9 - scale);
    Some((digits(whole, 9)?, nanos / 1_000))
}

fn fixed_digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count).then(|| digits(text, count))?
}

fn digits(text: &str, at_most: usize) -> Option<i64> {
    let all_digits =
        !text.is_empty() && text.len() <= at_most && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
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
    }
}
