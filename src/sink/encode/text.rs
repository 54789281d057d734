//! Values as the text that their types' input functions read, and the escaping of text COPY.

use std::fmt::{self, Write as _};

use bytes::{BufMut as _, Bytes, BytesMut};

use super::Fields;
use crate::model::value::{Decimal, Value};

/// Microseconds in a second, a minute, an hour and a day.
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Appends the text of a value; of NULL, nothing.
pub fn put(value: Value<'_>, out: &mut BytesMut) {
    match value {
        Value::Text(text) | Value::DecimalText(text) => out.put_slice(text.as_bytes()),
        other => {
            // BytesMut grows as needed, so writing to it cannot fail.
            let _ = write!(out, "{}", Displayed(other));
        }
    }
}

/// A value as text: dates and times in ISO 8601, numbers in the shortest digits that give the same number.
struct Displayed<'a>(Value<'a>);

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => Ok(()),
            Value::Bool(truth) => f.write_str(if truth { "true" } else { "false" }),
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => float(number, f),
            Value::Decimal(number) => decimal(number, f),
            Value::DecimalText(text) | Value::Text(text) => f.write_str(text),
            Value::Padded {
                negative,
                digits,
                width,
            } => {
                let sign = if negative { "-" } else { "" };
                write!(f, "{sign}{digits:0width$}", width = usize::from(width))
            }
            Value::Date(days) => date(days, f),
            Value::Time(micros) => clock(micros, f),
            Value::Timestamp(micros) => {
                date(i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX), f)?;
                f.write_char(' ')?;
                clock(micros.rem_euclid(DAY), f)
            }
            Value::Interval(micros) => {
                if micros < 0 {
                    f.write_char('-')?;
                }
                clock(micros.saturating_abs(), f)
            }
        }
    }
}

/// A double in the fewest digits that read back as the same; with an exponent where plain digits would be long.
fn float(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        write!(f, "{number:E}")
    } else {
        write!(f, "{number}")
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

/// A day counted from 2000-01-01, as ISO 8601.
fn date(days: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (year, month, day) = crate::model::calendar::civil(days);
    write!(f, "{year:04}-{month:02}-{day:02}")
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

/// Encoded rows with text fields as lines of text COPY (PostgreSQL documentation, "COPY", "Text Format").
#[must_use]
pub fn copy_lines<'r>(rows: impl IntoIterator<Item = &'r [u8]>) -> Bytes {
    let mut lines = BytesMut::new();
    for row in rows {
        for (index, field) in Fields::of_row(row).enumerate() {
            if index > 0 {
                lines.put_u8(b'\t');
            }
            match field {
                None => lines.put_slice(b"\\N"),
                Some(field) => put_escaped(field, &mut lines),
            }
        }
        lines.put_u8(b'\n');
    }
    lines.freeze()
}

fn put_escaped(field: &[u8], out: &mut BytesMut) {
    let mut rest = field;
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r'))
    {
        out.put_slice(&rest[..at]);
        out.put_slice(match rest[at] {
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            _ => b"\\\\",
        });
        rest = &rest[at + 1..];
    }
    out.put_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value<'_>) -> String {
        let mut out = BytesMut::new();
        put(value, &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn numbers_are_short_and_exact() {
        assert_eq!(text(Value::Float(0.1)), "0.1");
        assert_eq!(text(Value::Float(-1e300)), "-1E300");
        assert_eq!(text(Value::Float(1e-7)), "1E-7");
        assert_eq!(text(Value::Float(123_456_789.25)), "123456789.25");
        let decimal = |value| text(Value::Decimal(Decimal::from_f64(value).unwrap()));
        assert_eq!(decimal(0.3), "0.3");
        assert_eq!(decimal(-0.05), "-0.05");
        assert_eq!(decimal(1234.5), "1234.5");
        assert_eq!(decimal(1e17), "100000000000000000");
        let padded = Value::Padded {
            negative: false,
            digits: 1234,
            width: 5,
        };
        assert_eq!(text(padded), "01234");
    }

    #[test]
    fn dates_and_times_are_iso() {
        assert_eq!(text(Value::Date(0)), "2000-01-01");
        assert_eq!(text(Value::Timestamp(-1)), "1999-12-31 23:59:59.999999");
        assert_eq!(text(Value::Time(3_600_000_000)), "01:00:00");
        assert_eq!(text(Value::Interval(-90_000_000_000)), "-25:00:00");
        assert_eq!(text(Value::Interval(1_500_000)), "00:00:01.5");
    }

    #[test]
    fn lines_escape_what_copy_would_take_for_syntax() {
        let mut row = vec![0, 3];
        for field in [Some(&b"a\tb\\c\r\n"[..]), None, Some(&b""[..])] {
            match field {
                Some(field) => {
                    row.extend((field.len() as i32).to_be_bytes());
                    row.extend(field);
                }
                None => row.extend((-1_i32).to_be_bytes()),
            }
        }
        assert_eq!(&copy_lines([&row[..]])[..], b"a\\tb\\\\c\\r\\n\t\\N\t\n");
    }
}
