//! Values as the text that their types' input functions read, and the escaping of text COPY.

use std::fmt::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::Fields;
use crate::model::calendar::civil;
use crate::model::value::{Decimal, MICROS_PER_DAY, Value};

/// Appends the text of a value; of NULL, nothing. It is the one that [`Value`] displays; the formatting of the standard
/// library would take several times as long for what most cells hold.
pub fn put(value: Value<'_>, out: &mut BytesMut) {
    let mut text = FromItsEnd::default();
    let is_written = match value {
        Value::Text(text) | Value::DecimalText(text) => {
            return out.extend_from_slice(text.as_bytes());
        }
        Value::Int(number) => {
            text.number(number.unsigned_abs(), 1);
            text.sign(number < 0)
        }
        Value::Decimal(decimal) => text.decimal(decimal),
        Value::Date(days) => text.date(days),
        Value::Time(micros) => text.clock(micros),
        Value::Timestamp(micros) => text.timestamp(micros),
        Value::Zoned { micros, zone } if zone.is_utc() => {
            text.number(0, 2);
            text.byte(b'+');
            text.timestamp(micros)
        }
        _ => false,
    };
    if is_written {
        out.extend_from_slice(text.bytes());
    } else {
        // BytesMut grows as needed, so writing to it cannot fail.
        let _ = write!(out, "{value}");
    }
}

/// More bytes than any of the texts has that are put together here.
const MOST_BYTES: usize = 48;

/// A text that is put together from its end, as the digits of a number come. Parts that say whether they are written
/// are, or the text is of no use.
#[derive(Debug)]
struct FromItsEnd {
    buffer: [u8; MOST_BYTES],
    start: usize,
}

impl Default for FromItsEnd {
    fn default() -> Self {
        Self {
            buffer: [0; MOST_BYTES],
            start: MOST_BYTES,
        }
    }
}

impl FromItsEnd {
    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn byte(&mut self, byte: u8) {
        let before = self.start.saturating_sub(1);
        if let Some(place) = self.buffer.get_mut(before) {
            *place = byte;
        }
        self.start = before;
    }

    fn sign(&mut self, negative: bool) -> bool {
        if negative {
            self.byte(b'-');
        }
        true
    }

    /// A number in at least so many digits.
    fn number(&mut self, mut number: u64, digits: usize) {
        let end = self.start;
        while number != 0 || end - self.start < digits {
            self.byte(b'0' + (number % 10) as u8);
            number /= 10;
        }
    }

    /// A decimal with its digits about the point.
    fn decimal(&mut self, decimal: Decimal) -> bool {
        let behind_point = match decimal.exponent {
            0 => 0,
            exponent @ -18..0 => exponent.unsigned_abs(),
            _ => return false,
        };
        let mut rest = decimal.coefficient;
        if behind_point > 0 {
            for _ in 0..behind_point {
                self.byte(b'0' + (rest % 10) as u8);
                rest /= 10;
            }
            self.byte(b'.');
        }
        self.number(rest, 1);
        self.sign(decimal.negative)
    }

    /// A day of a year of four digits.
    fn date(&mut self, days: i32) -> bool {
        let (year, month, day) = civil(days);
        let Some(year) = u64::try_from(year).ok().filter(|year| *year <= 9_999) else {
            return false;
        };
        self.number(u64::from(day), 2);
        self.byte(b'-');
        self.number(u64::from(month), 2);
        self.byte(b'-');
        self.number(year, 4);
        true
    }

    /// A date and a time of day.
    fn timestamp(&mut self, micros: i64) -> bool {
        self.clock(micros.rem_euclid(MICROS_PER_DAY)) && {
            self.byte(b' ');
            i32::try_from(micros.div_euclid(MICROS_PER_DAY)).is_ok_and(|days| self.date(days))
        }
    }

    /// A time of day, with as many decimals as are not zero.
    fn clock(&mut self, micros: i64) -> bool {
        let Some(micros) = u64::try_from(micros)
            .ok()
            .filter(|micros| *micros < MICROS_PER_DAY as u64)
        else {
            return false;
        };
        let (seconds, mut fraction) = (micros / 1_000_000, micros % 1_000_000);
        if fraction != 0 {
            let mut decimals = 6;
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                decimals -= 1;
            }
            self.number(fraction, decimals);
            self.byte(b'.');
        }
        self.number(seconds % 60, 2);
        self.byte(b':');
        self.number(seconds / 60 % 60, 2);
        self.byte(b':');
        self.number(seconds / 3_600, 2);
        true
    }
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
    use proptest::prelude::*;

    use super::*;
    use crate::model::time_zone::UTC;

    fn values() -> impl Strategy<Value = Value<'static>> {
        let moments = prop_oneof![
            any::<i64>(),
            -70_000_000_000_000_000..260_000_000_000_000_000_i64,
            0..MICROS_PER_DAY,
            (-800_000_i64..3_000_000, 0..86_400_i64)
                .prop_map(|(day, second)| day * MICROS_PER_DAY + second * 1_000_000),
        ];
        let coefficient = prop_oneof![any::<u64>(), 0..1_000_u64];
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            prop_oneof![any::<i64>(), -10..10_i64].prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            (any::<bool>(), coefficient, -30..30_i16).prop_map(
                |(negative, coefficient, exponent)| {
                    Value::Decimal(Decimal {
                        negative,
                        coefficient,
                        exponent,
                    })
                }
            ),
            prop_oneof![any::<i32>(), -800_000..3_000_000_i32].prop_map(Value::Date),
            moments.clone().prop_map(Value::Time),
            moments.clone().prop_map(Value::Timestamp),
            moments
                .clone()
                .prop_map(|micros| Value::Zoned { micros, zone: &UTC }),
            moments.prop_map(Value::Interval),
            any::<[u8; 16]>().prop_map(Value::Uuid),
            Just(Value::Null),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn the_text_of_a_value_is_what_it_displays(value in values()) {
            let mut out = BytesMut::new();
            put(value, &mut out);
            prop_assert_eq!(String::from_utf8(out.to_vec()).unwrap(), value.to_string());
        }
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
