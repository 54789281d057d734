//! Values as text: as text columns show them, and as the types' input functions read them.

use std::fmt::{self, Write as _};

use super::value::{Decimal, Value};

/// Microseconds in a second, a minute, an hour and a day.
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Dates and times in ISO 8601, numbers in the shortest digits that give the same number.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Value::Null => Ok(()),
            Value::Bool(truth) => f.write_str(if truth { "true" } else { "false" }),
            Value::Int(number) => write!(f, "{number}"),
            // The fewest digits that read back as the same double, and never an exponent.
            Value::Float(number) => write!(f, "{number}"),
            Value::Decimal(number) => decimal(number, f),
            Value::DecimalText(text) | Value::Text(text) => f.write_str(text),
            Value::CommaDecimalText(text) => text.chars().try_for_each(|c| match c {
                '.' => Ok(()),
                ',' => f.write_char('.'),
                other => f.write_char(other),
            }),
            Value::Padded { number, pattern } => {
                pattern.write(number < 0, number.unsigned_abs(), f)
            }
            Value::Date(days) => date(days, f),
            Value::Time(micros) => clock(micros, f),
            Value::Timestamp(micros) => timestamp(micros, f),
            Value::Zoned { micros, zone } => {
                timestamp(micros, f)?;
                write!(f, "{}", zone.suffix())
            }
            Value::Uuid(bytes) => uuid(bytes, f),
            Value::Interval(micros) => {
                if micros < 0 {
                    f.write_char('-')?;
                }
                clock(micros.saturating_abs(), f)
            }
        }
    }
}

fn decimal(number: Decimal, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if number.negative { "-" } else { "" };
    let digits = number.coefficient;
    match number.exponent {
        0 => write!(f, "{sign}{digits}"),
        up @ 1.. => write!(f, "{sign}{digits}{:0<1$}", "", up.unsigned_abs() as usize),
        down => {
            let behind_point = down.unsigned_abs() as usize;
            // Zeros in front, so that there is a digit before the point.
            let digits = format!("{digits:0>width$}", width = behind_point + 1);
            let (whole, fraction) = digits.split_at(digits.len() - behind_point);
            write!(f, "{sign}{whole}.{fraction}")
        }
    }
}

/// Groups of 8, 4, 4, 4 and 12 digits.
fn uuid(bytes: [u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        let hyphen = if matches!(index, 4 | 6 | 8 | 10) {
            "-"
        } else {
            ""
        };
        write!(f, "{hyphen}{byte:02x}")?;
    }
    Ok(())
}

/// A day counted from 2000-01-01, as ISO 8601.
fn date(days: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (year, month, day) = super::calendar::civil(days);
    write!(f, "{year:04}-{month:02}-{day:02}")
}

fn timestamp(micros: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    date(i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX), f)?;
    f.write_char(' ')?;
    clock(micros.rem_euclid(DAY), f)
}

/// Hours, minutes, seconds, and as many decimals as are not zero.
fn clock(micros: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (hours, minutes, seconds) = (micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
    write!(f, "{hours:02}:{minutes:02}:{seconds:02}")?;
    let fraction = micros % SECOND;
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        write!(f, ".{}", digits.trim_end_matches('0'))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::number_format::ZeroPattern;

    fn text(value: Value<'_>) -> String {
        value.to_string()
    }

    #[test]
    fn numbers_are_short_and_exact() {
        assert_eq!(text(Value::Float(0.1)), "0.1");
        assert_eq!(text(Value::Float(-1e21)), "-1000000000000000000000");
        assert_eq!(text(Value::Float(1.5e-7)), "0.00000015");
        assert_eq!(text(Value::Float(123_456_789.25)), "123456789.25");
        let decimal = |value| text(Value::Decimal(Decimal::from_f64(value).unwrap()));
        assert_eq!(decimal(0.3), "0.3");
        assert_eq!(decimal(-0.05), "-0.05");
        assert_eq!(decimal(1234.5), "1234.5");
        assert_eq!(decimal(1e17), "100000000000000000");
        let pattern = ZeroPattern::digits(5).unwrap();
        let padded = Value::Padded {
            number: 1234,
            pattern: &pattern,
        };
        assert_eq!(text(padded), "01234");
        assert_eq!(text(Value::CommaDecimalText("-1.234,50")), "-1234.50");
    }

    #[test]
    fn dates_and_times_are_iso() {
        assert_eq!(text(Value::Date(0)), "2000-01-01");
        assert_eq!(text(Value::Timestamp(-1)), "1999-12-31 23:59:59.999999");
        assert_eq!(text(Value::Time(3_600_000_000)), "01:00:00");
        let zone = "Europe/Berlin".parse().unwrap();
        let zoned = |zone| {
            text(Value::Zoned {
                micros: 500_000,
                zone,
            })
        };
        assert_eq!(
            zoned(&crate::model::time_zone::UTC),
            "2000-01-01 00:00:00.5+00"
        );
        assert_eq!(zoned(&zone), "2000-01-01 00:00:00.5 Europe/Berlin");
        assert_eq!(text(Value::Interval(-90_000_000_000)), "-25:00:00");
        assert_eq!(text(Value::Interval(1_500_000)), "00:00:01.5");
    }
}
