//! Cells that hold ISO 8601 instead of a number (ods, xlsx `t="d"`): what programs write there, and what it stands for.

use super::parse;
use crate::model::value::MICROS_PER_DAY;

/// Decimals of a second that a column keeps. Who writes more has a double, of which the last ones are noise.
const KEPT_DECIMALS: usize = 6;
/// How far such noise reaches, in microseconds: some units of the last place of a day of our time.
const NOISE: i64 = 10;
const MILLI: i64 = 1_000;

/// A date, or date and time. A `Z` behind the time goes: whoever has no use for the zone gets what is written. Gives
/// microseconds since 2000-01-01.
#[must_use]
pub fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let local = text
        .strip_suffix(['Z', 'z'])
        .filter(|t| t.contains(['T', 't', ' ']))
        .unwrap_or(text);
    Some(settled(local, parse::timestamp(local)?))
}

/// A day: a date, or a date and time at midnight, without a zone. Gives days since 2000-01-01.
#[must_use]
pub fn day(text: &str) -> Option<i32> {
    parse::whole_day(settled(text, parse::timestamp(text)?))
}

/// A time of day or a duration. Gives microseconds.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    Some(settled(text, parse::duration(text)?))
}

/// LibreOffice writes the seconds of a double with nine decimals: 7 seconds past a full minute in 2024 may come as
/// `06.999999686`. Within the noise of a double it is the whole millisecond, as it is of a serial number. With six
/// decimals or fewer, somebody meant them.
fn settled(text: &str, micros: i64) -> i64 {
    let decimals = text.rsplit_once(['.', ',']).map_or(0, |(_, fraction)| {
        fraction.bytes().take_while(u8::is_ascii_digit).count()
    });
    if decimals <= KEPT_DECIMALS {
        return micros;
    }
    match micros.rem_euclid(MILLI) {
        above @ 0..=NOISE => micros - above,
        below if below >= MILLI - NOISE => micros - below + MILLI,
        _ => micros,
    }
}

/// A moment with its zone: a date and time of ISO 8601 with `Z` or an offset from UTC behind it. Gives microseconds since
/// 2000-01-01 00:00 UTC.
#[must_use]
pub fn instant(text: &str) -> Option<i64> {
    let (local, offset) = with_offset(text)?;
    Some(timestamp(local).filter(|_| local.contains(':'))? - offset)
}

/// A time of day with its offset from UTC: `06:00+02`, `06:00:00Z`. Gives the microseconds since midnight there.
#[must_use]
pub fn time_with_offset(text: &str) -> Option<i64> {
    let (local, _offset) = with_offset(text)?;
    parse::time(local)
}

/// A text without the offset from UTC at its end, and that in microseconds east of Greenwich: `Z`, `+02`, `-0530`,
/// `+05:45`, `+01:24:30`, and the word UTC.
fn with_offset(text: &str) -> Option<(&str, i64)> {
    let text = text.trim();
    for utc in ["Z", "z", " UTC"] {
        if let Some(local) = text.strip_suffix(utc) {
            return Some((local.trim_end(), 0));
        }
    }
    // A date's hyphens stand before its first colon.
    let clock = text.find(':')?;
    let sign = clock + text.get(clock..)?.find(['+', '-'])?;
    let (local, offset) = text.split_at(sign);
    let east = if offset.starts_with('-') { -1 } else { 1 };
    let seconds = seconds_of_offset(offset.get(1..)?)?;
    Some((local.trim_end(), east * seconds * 1_000_000))
}

/// `hh`, `hhmm`, `hh:mm`, `hh:mm:ss`.
fn seconds_of_offset(text: &str) -> Option<i64> {
    /// The server takes no larger ones (PostgreSQL source, `MAX_TZDISP_HOUR`).
    const MAX_HOURS: i64 = 15;
    let two_digits = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok())?
    };
    let parts = match text.len() {
        4 => vec![text.get(..2)?, text.get(2..)?],
        _ => text.split(':').collect(),
    };
    let mut seconds = 0;
    for (part, (unit, most)) in parts.iter().zip([(3_600, MAX_HOURS), (60, 59), (1, 59)]) {
        seconds += two_digits(part).filter(|part| *part <= most)? * unit;
    }
    (parts.len() <= 3).then_some(seconds)
}

/// Whether a time of day is within a day.
#[must_use]
pub fn is_time_of_day(micros: i64) -> bool {
    (0..MICROS_PER_DAY).contains(&micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000;
    const TEN: i64 = MICROS_PER_DAY + 36_000 * SECOND;

    #[test]
    fn a_z_goes_where_no_zone_is_kept() {
        assert_eq!(timestamp("2000-01-02T10:00:00Z"), Some(TEN));
        assert_eq!(timestamp("2000-01-02T10:00:00"), Some(TEN));
        assert_eq!(timestamp("2000-01-02Z"), None);
        assert_eq!(timestamp("2000-01-02T10:00:00+01:00"), None);
    }

    #[test]
    fn noise_of_a_double_goes_and_what_was_meant_stays() {
        for (text, micros) in [
            ("2000-01-02T09:59:59.999999686", TEN),
            ("2000-01-02T09:59:59.999999057Z", TEN),
            ("2000-01-02T10:00:00.000003143", TEN),
            ("2000-01-02T10:00:00.499999371", TEN + 500_000),
            ("2000-01-02T10:00:00.123456789", TEN + 123_457),
            ("2000-01-02T10:00:00.000003", TEN + 3),
            ("2000-01-02T09:59:59.999998", TEN - 2),
        ] {
            assert_eq!(timestamp(text), Some(micros), "{text}");
        }
        assert_eq!(day("2000-01-01T23:59:59.999999497"), Some(1));
        assert_eq!(day("2000-01-01T23:59:59.999999"), None);
        assert_eq!(duration("PT00H00M06.999999686S"), Some(7 * SECOND));
        assert_eq!(duration("-PT00H00M06.999999686S"), Some(-7 * SECOND));
        assert_eq!(duration("PT00H00M06.999998S"), Some(7 * SECOND - 2));
    }

    #[test]
    fn an_offset_makes_an_instant() {
        let hour = 3_600 * SECOND;
        for (text, micros) in [
            ("2000-01-02T10:00:00Z", TEN),
            ("2000-01-02 10:00:00 UTC", TEN),
            ("2000-01-02T10:00+02", TEN - 2 * hour),
            ("2000-01-02 10:00:00 -0530", TEN + 5 * hour + hour / 2),
            (
                "2000-01-02T10:00:00.5+05:45",
                TEN + SECOND / 2 - 6 * hour + hour / 4,
            ),
            ("2000-01-02T10:00:00-00:00:30", TEN + 30 * SECOND),
        ] {
            assert_eq!(instant(text), Some(micros), "{text}");
        }
        for text in [
            "2000-01-02T10:00:00",
            "2000-01-02",
            "2000-01-02Z",
            "2000-01-02+02",
            "2000-01-02T10:00 EST",
            "2000-01-02T10:00+16",
            "2000-01-02T10:00+2",
            "2000-01-02T10:00+02:60",
            "2000-01-02T10:00+02:00:00:00",
            "02/01/2000 10:00Z",
            "now",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
        assert_eq!(time_with_offset("06:00+02"), Some(6 * hour));
        assert_eq!(time_with_offset("06:00:00.5Z"), Some(6 * hour + SECOND / 2));
        assert_eq!(time_with_offset("06:00"), None);
        assert_eq!(time_with_offset("6:00 PM +02"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9T:.,+Zz UTC]{0,40}") {
            let (_, _) = (timestamp(&text), duration(&text));
            if let Some(micros) = instant(&text) {
                prop_assert!(micros.abs() < 400 * 366 * 25 * MICROS_PER_DAY);
            }
        }
    }
}
