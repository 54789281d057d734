//! Whether a value in a table is the one that the other reader found in the cell.
//!
//! Nothing here is shared with the program: serials become dates by the calendar's arithmetic, and what the table
//! holds is read back from its text into the same terms.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// The type of a table's column, as far as it decides how a value must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    Boolean,
    Integer,
    Double,
    Numeric,
    Date,
    Timestamp,
    Time,
    Interval,
}

impl ColumnType {
    /// By the name that `format_type` gives.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "text" => Self::Text,
            "boolean" => Self::Boolean,
            "bigint" => Self::Integer,
            "double precision" => Self::Double,
            "numeric" => Self::Numeric,
            "date" => Self::Date,
            "timestamp without time zone" => Self::Timestamp,
            "time without time zone" => Self::Time,
            "interval" => Self::Interval,
            other => panic!("no created column has the type {other}"),
        }
    }
}

/// What a sheet's numbers mean as days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Epoch {
    From1900,
    From1904,
}

/// What becomes of error cells in a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errors {
    Named,
    Null,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A date or time as it stands in a table, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Since 1970-01-01 00:00.
    Dated(i64),
    /// Since midnight, or elapsed.
    Clock(i64),
}

/// Whether `found`, in a column of this type, is the cell's value. `found` is not NULL.
pub(super) fn agrees(
    cell: &Json,
    found: &str,
    column: ColumnType,
    epoch: Epoch,
    errors: Errors,
) -> bool {
    match cell {
        Json::Bool(truth) => match column {
            ColumnType::Boolean => found == if *truth { "t" } else { "f" },
            ColumnType::Text => found == if *truth { "TRUE" } else { "FALSE" },
            _ => false,
        },
        Json::Number(number) => number
            .as_f64()
            .is_some_and(|number| is_number(found, number, column)),
        Json::String(text) => column == ColumnType::Text && found == text,
        Json::Object(_) => match cell["t"].as_str() {
            Some("e") => {
                errors == Errors::Named && column == ColumnType::Text && cell["v"] == found
            }
            Some("big") => {
                let digits = cell["v"].as_str().unwrap();
                is_number(found, digits.parse().unwrap(), column)
            }
            Some("dt" | "d" | "time" | "dur") if cell["iso"] == true => is_iso(cell, found, column),
            Some(kind @ ("dt" | "d" | "time" | "dur")) => {
                let serial = cell["n"].as_f64().unwrap();
                is_serial(kind, serial, found, column, epoch)
            }
            other => panic!("the reading has an unknown kind of value: {other:?}"),
        },
        Json::Null | Json::Array(_) => false,
    }
}

/// Columns of cells of one kind, whose type is another: values are right in it, but nobody can count with them.
pub(super) fn untypical_columns(
    cells: &BTreeMap<(u32, u32), Json>,
    types: &BTreeMap<u32, ColumnType>,
) -> Vec<(u32, &'static str)> {
    use ColumnType as C;
    let mut kinds: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for ((_, column), cell) in cells {
        let kind = match cell {
            Json::Bool(_) => "booleans",
            Json::Number(_) => "numbers",
            Json::String(_) => "texts",
            other => other["t"].as_str().unwrap(),
        };
        // Errors are NULL.
        if kind != "e" {
            kinds.entry(*column).or_default().insert(kind);
        }
    }
    let mut untypical = Vec::new();
    for (column, kinds) in kinds {
        let found = types.get(&column).copied();
        let (fits, what) = match kinds.into_iter().collect::<Vec<_>>()[..] {
            ["booleans"] => (found == Some(C::Boolean), "holds booleans alone"),
            ["numbers"] => {
                // Some formats of durations are none for the other readers.
                let fits = [C::Integer, C::Double, C::Numeric, C::Interval];
                (
                    found.is_some_and(|found| fits.contains(&found)),
                    "holds numbers alone",
                )
            }
            ["texts"] => (found == Some(C::Text), "holds texts alone"),
            _ => continue,
        };
        if !fits {
            untypical.push((column, what));
        }
    }
    untypical
}

/// The number to its last bit; or, where a number format with fixed decimals can be behind it, to the 15 digits that
/// a spreadsheet shows. The other reader does not tell the formats of plain numbers.
fn is_number(found: &str, number: f64, column: ColumnType) -> bool {
    let is_plain = found
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"-+.eE".contains(&byte));
    let Some(parsed) = found.parse::<f64>().ok().filter(|_| is_plain) else {
        return false;
    };
    let shown: f64 = format!("{number:.14e}").parse().unwrap();
    match column {
        ColumnType::Integer | ColumnType::Double => parsed == number,
        ColumnType::Numeric | ColumnType::Text => parsed == number || parsed == shown,
        _ => false,
    }
}

/// A number that its format makes a date, a time or a duration (ECMA-376 Part 1, section 18.17.4).
fn is_serial(kind: &str, serial: f64, found: &str, column: ColumnType, epoch: Epoch) -> bool {
    let phantom = epoch == Epoch::From1900 && (60.0..61.0).contains(&serial);
    let is_dated = kind != "dur" && !(0.0..1.0).contains(&serial);
    if is_dated && (serial < 0.0 || phantom || serial >= 2_958_466.0) {
        // No such day: the number itself, so that nothing is lost.
        return column == ColumnType::Text && is_number(found, serial, ColumnType::Double);
    }
    let Some(moment) = moment(found).filter(|moment| fits(*moment, column)) else {
        return false;
    };
    let days_of_serial_0 = match epoch {
        Epoch::From1904 => -24_107,
        Epoch::From1900 if serial < 60.0 => -25_568,
        Epoch::From1900 => -25_569,
    };
    let micros = match moment {
        Moment::Dated(micros) if kind != "dur" => micros - days_of_serial_0 * DAY,
        // A serial below 1 is a time of day whatever the format: no spreadsheet shows a day for it.
        Moment::Clock(micros) if !is_dated => micros,
        _ => return false,
    };
    let wanted = serial * DAY as f64;
    // What a double of this size can tell apart, and the rounding to milliseconds; a number of six decimals tells no more
    // than the second.
    let tolerance = 500.0 + 2.0 * f64::EPSILON * wanted.abs();
    let off = (micros as f64 - wanted).abs();
    micros % 1_000 == 0 && off <= tolerance || micros % SECOND == 0 && off <= 0.5e-6 * DAY as f64
}

/// Whether `found` is the duration that this number of days is.
pub(super) fn is_duration(number: f64, found: &str) -> bool {
    is_serial("dur", number, found, ColumnType::Interval, Epoch::From1900)
}

/// A date, time or duration that the file stores as ISO 8601 text.
fn is_iso(cell: &Json, found: &str, column: ColumnType) -> bool {
    let wanted = match &cell["v"] {
        // Sheets know no time zones: `Z` says nothing, and a moment with another one is a text.
        Json::String(text) => match moment(text.trim_end_matches('Z')) {
            None => return column == ColumnType::Text && found == text,
            wanted => wanted,
        },
        seconds => seconds
            .as_f64()
            .map(|seconds| Moment::Clock((seconds * SECOND as f64).round() as i64)),
    };
    let found = moment(found).filter(|moment| fits(*moment, column));
    wanted.is_some() && wanted == found
}

/// Whether a column of this type holds such a moment, be it as text.
fn fits(moment: Moment, column: ColumnType) -> bool {
    matches!(
        (column, moment),
        (ColumnType::Text, _)
            | (ColumnType::Date | ColumnType::Timestamp, Moment::Dated(_))
            | (ColumnType::Time | ColumnType::Interval, Moment::Clock(_))
    )
}

/// Reads `2024-02-29`, `2024-02-29 13:45:30.5` (or with a `T`), `-26:15:00` and `08:30:00.25`.
fn moment(text: &str) -> Option<Moment> {
    let Some((date, clock)) = text.split_at_checked(10).filter(|(date, _)| is_date(date)) else {
        let (sign, clock) = match text.strip_prefix('-') {
            Some(clock) => (-1, clock),
            None => (1, text),
        };
        return clock_micros(clock).map(|micros| Moment::Clock(sign * micros));
    };
    let days = days_since_1970(
        date[..4].parse().ok()?,
        date[5..7].parse().ok()?,
        date[8..].parse().ok()?,
    );
    let micros = match clock.strip_prefix([' ', 'T']) {
        None if clock.is_empty() => 0,
        None => return None,
        Some(clock) => clock_micros(clock)?,
    };
    Some(Moment::Dated(days * DAY + micros))
}

fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

fn clock_micros(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut seconds = 0;
    let mut parts = 0;
    for part in whole.split(':') {
        let is_digits = part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        seconds = seconds * 60 + part.parse::<i64>().ok().filter(|_| is_digits)?;
        parts += 1;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    (parts == 3 && fraction.len() <= 6).then_some(seconds * SECOND + micros)
}

/// Counts days by years, leap days and the lengths of months.
fn days_since_1970(year: i64, month: usize, day: i64) -> i64 {
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let is_leap = leaps(year) != leaps(year - 1);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month - 1];
    let leap_day = i64::from(is_leap && month > 2);
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before + leap_day + day - 1
}

#[test]
fn only_the_same_value_agrees() {
    use ColumnType as C;
    let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let day = r#"{"t":"dt","v":"","n":45351}"#;
    let moment = r#"{"t":"dt","v":"","n":45351.5}"#;
    let phantom = r#"{"t":"dt","v":"","n":60}"#;
    let early = r#"{"t":"dt","v":"","n":59}"#;
    let elapsed = r#"{"t":"dur","v":"","n":1.25}"#;
    let time = r#"{"t":"time","v":"","n":0.25}"#;
    let iso = r#"{"t":"d","v":"2024-02-29","iso":true}"#;
    let iso_elapsed = r#"{"t":"dur","v":94500.5,"iso":true}"#;
    let error = r##"{"t":"e","v":"#N/A"}"##;
    for (cell, found, column, wanted) in [
        ("1", "1", C::Integer, true),
        ("1", "1.0", C::Text, true),
        ("1", "2", C::Integer, false),
        ("0.30000000000000004", "0.3", C::Numeric, true),
        ("0.30000000000000004", "0.3", C::Double, false),
        ("1", "t", C::Boolean, false),
        ("true", "TRUE", C::Text, true),
        ("true", "t", C::Boolean, true),
        ("true", "true", C::Text, false),
        ("\"1\"", "1", C::Integer, false),
        ("\"1\"", "1", C::Text, true),
        (day, "2024-02-29", C::Date, true),
        (day, "2024-02-29 00:00:00", C::Timestamp, true),
        (day, "2024-03-01", C::Date, false),
        (day, "45351", C::Text, false),
        (moment, "2024-02-29 12:00:00", C::Text, true),
        (moment, "2024-02-29 12:00:00.001", C::Timestamp, false),
        (phantom, "60", C::Text, true),
        (phantom, "1900-02-28", C::Text, false),
        (early, "1900-02-28", C::Date, true),
        (elapsed, "30:00:00", C::Interval, true),
        (elapsed, "1900-01-01 06:00:00", C::Text, false),
        (time, "06:00:00", C::Time, true),
        (iso, "2024-02-29", C::Date, true),
        (iso, "2024-02-28", C::Date, false),
        (iso_elapsed, "26:15:00.5", C::Interval, true),
        (iso_elapsed, "26:15:00", C::Interval, false),
        (error, "#N/A", C::Text, true),
        (error, "#REF!", C::Text, false),
    ] {
        let found_same = agrees(&json(cell), found, column, Epoch::From1900, Errors::Named);
        assert_eq!(found_same, wanted, "{cell} {found} {column:?}");
    }
}
