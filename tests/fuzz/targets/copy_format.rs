//! A reader of COPY's two formats (PostgreSQL documentation, "COPY") that knows nothing of the encoder.

use sheetload::model::column::ColumnKind;
use sheetload::model::value::Value;

/// The fields of rows; `None` is NULL.
pub(crate) type Rows = Vec<Vec<Option<Vec<u8>>>>;

/// Rows of the binary format, without the header and trailer of a stream.
pub(crate) fn binary_rows(mut bytes: &[u8]) -> Rows {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let count = take(&mut bytes, 2);
        let count = u16::from_be_bytes([count[0], count[1]]);
        let row = (0..count).map(|_| {
            let length = take(&mut bytes, 4);
            let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            (length != -1).then(|| {
                let length = usize::try_from(length).expect("a length below zero");
                take(&mut bytes, length).to_vec()
            })
        });
        rows.push(row.collect());
    }
    rows
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes
        .split_at_checked(count)
        .expect("a field goes beyond the end");
    *bytes = rest;
    taken
}

/// Lines of the text format.
pub(crate) fn text_rows(bytes: &[u8]) -> Rows {
    let Some(lines) = bytes.strip_suffix(b"\n") else {
        assert!(bytes.is_empty(), "the last line has no end");
        return Vec::new();
    };
    let lines = lines.split(|byte| *byte == b'\n');
    lines
        .map(|line| line.split(|byte| *byte == b'\t').map(unescaped).collect())
        .collect()
}

fn unescaped(field: &[u8]) -> Option<Vec<u8>> {
    if field == b"\\N" {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = field.iter();
    while let Some(byte) = rest.next() {
        assert_ne!(*byte, b'\r', "a carriage return ends a line");
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'\\') => b'\\',
                other => panic!("a backslash before {other:?}"),
            },
            other => *other,
        });
    }
    Some(bytes)
}

/// Whether a field of the binary format is a value.
pub(crate) fn assert_binary(field: Option<&[u8]>, value: Value<'_>, kind: ColumnKind) {
    let Some(field) = present(field, value) else {
        return;
    };
    match (kind, value) {
        (ColumnKind::Bool, Value::Bool(truth)) => assert_eq!(field, [u8::from(truth)]),
        (ColumnKind::Int2, Value::Int(number)) => assert_eq!(number_of(field, 2), number),
        (ColumnKind::Int4, Value::Int(number)) => assert_eq!(number_of(field, 4), number),
        (ColumnKind::Int8, Value::Int(number))
        | (ColumnKind::Time, Value::Time(number))
        | (ColumnKind::Timestamp, Value::Timestamp(number)) => {
            assert_eq!(number_of(field, 8), number);
        }
        (ColumnKind::Date, Value::Date(days)) => assert_eq!(number_of(field, 4), i64::from(days)),
        (ColumnKind::Interval, Value::Interval(micros)) => {
            let (time, days_and_months) = field.split_at(8);
            assert_eq!(number_of(time, 8), micros);
            assert_eq!(days_and_months, [0; 8]);
        }
        (ColumnKind::Float4, Value::Float(number)) => {
            assert_eq!(field, (number as f32).to_bits().to_be_bytes());
        }
        (ColumnKind::Float8, Value::Float(number)) => {
            assert_eq!(field, number.to_bits().to_be_bytes());
        }
        (ColumnKind::Uuid, Value::Uuid(bytes)) => assert_eq!(field, bytes),
        (
            ColumnKind::Numeric,
            Value::Decimal(_) | Value::DecimalText(_) | Value::CommaDecimalText(_),
        ) => assert_eq!(
            Digits::of_numeric(field),
            Digits::of_value(value),
            "{value:?}"
        ),
        (_, value) => assert_text(Some(field), value),
    }
}

/// Whether a field of the text format is a value.
pub(crate) fn assert_text(field: Option<&[u8]>, value: Value<'_>) {
    let Some(field) = present(field, value) else {
        return;
    };
    let text = std::str::from_utf8(field).expect("UTF-8");
    match value {
        Value::Null => unreachable!("a NULL has no field"),
        Value::Bool(truth) => assert!(matches!((text, truth), ("true", true) | ("false", false))),
        Value::Int(number) => assert_eq!(text.parse(), Ok(number)),
        Value::Float(number) => {
            let read: f64 = text.parse().expect("a number");
            assert!(read.to_bits() == number.to_bits() || read.is_nan() && number.is_nan());
        }
        Value::Decimal(_) | Value::DecimalText(_) | Value::CommaDecimalText(_) => {
            assert_eq!(Digits::of_text(text, '.'), Digits::of_value(value));
        }
        Value::Text(expected) => assert_eq!(text, expected),
        Value::Padded { number, .. } => assert!(number >= 0 || text.starts_with('-'), "{text}"),
        Value::Date(days) => assert_eq!(days_of(text), Some(i64::from(days)), "{text}"),
        Value::Time(micros) => assert_eq!(micros_of(text), Some(micros), "{text}"),
        Value::Timestamp(micros) => {
            let (date, time) = text.split_once(' ').expect("a date and a time");
            let (days, time) = (days_of(date).expect("a day"), micros_of(time));
            let time = time.expect("a time");
            assert!((0..86_400_000_000).contains(&time), "{text}");
            assert_eq!(days * 86_400_000_000 + time, micros, "{text}");
        }
        Value::Zoned { micros, zone } => {
            let suffix = zone.suffix().to_string();
            let local = text.strip_suffix(&suffix).expect("a zone").as_bytes();
            assert_text(Some(local), Value::Timestamp(micros));
        }
        Value::Interval(micros) => assert_eq!(micros_of(text), Some(micros), "{text}"),
        Value::Uuid(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text.replace('-', ""), digits);
            assert_eq!(text.len(), 36);
        }
    }
}

/// The field, if both it and the value are there.
fn present<'f>(field: Option<&'f [u8]>, value: Value<'_>) -> Option<&'f [u8]> {
    assert_eq!(field.is_none(), value == Value::Null, "{value:?}");
    field
}

/// An integer of so many bytes, the highest first.
fn number_of(field: &[u8], bytes: usize) -> i64 {
    assert_eq!(field.len(), bytes);
    let sign = if field[0] >= 0x80 { -1 } else { 0 };
    field
        .iter()
        .fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

/// A number's decimal digits without zeros at either end, and the power of ten of the last.
#[derive(Debug, PartialEq, Eq)]
struct Digits {
    negative: bool,
    digits: Vec<u8>,
    power: i64,
}

impl Digits {
    fn new(mut negative: bool, mut digits: Vec<u8>, mut power: i64) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
            power += 1;
        }
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..zeros);
        if digits.is_empty() {
            // There is one zero.
            (negative, power) = (false, 0);
        }
        Self {
            negative,
            digits,
            power,
        }
    }

    fn of_value(value: Value<'_>) -> Self {
        match value {
            Value::Decimal(decimal) => {
                let digits = decimal.coefficient.to_string().into_bytes();
                let digits = digits.iter().map(|digit| digit - b'0').collect();
                Self::new(decimal.negative, digits, decimal.exponent.into())
            }
            Value::DecimalText(text) => Self::of_text(text, '.'),
            Value::CommaDecimalText(text) => Self::of_text(text, ','),
            other => panic!("{other:?} is no decimal"),
        }
    }

    fn of_text(text: &str, point: char) -> Self {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let lower = unsigned.to_lowercase();
        let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
        let exponent: i64 = exponent.parse().expect("an exponent");
        let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
        let whole = if point == ',' {
            whole.replace('.', "")
        } else {
            whole.to_owned()
        };
        let digits = format!("{whole}{fraction}");
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        let digits = digits.bytes().map(|digit| digit - b'0').collect();
        Self::new(negative, digits, exponent - fraction.len() as i64)
    }

    /// numeric's binary form: count, weight, sign, scale, and digits to the base 10,000.
    fn of_numeric(field: &[u8]) -> Self {
        let words: Vec<i16> = field
            .chunks(2)
            .map(|word| i16::from_be_bytes([word[0], word[1]]))
            .collect();
        let [count, weight, sign, scale, groups @ ..] = words.as_slice() else {
            panic!("a numeric without its header");
        };
        assert_eq!(groups.len(), usize::try_from(*count).expect("a count"));
        assert!(*sign == 0 || *sign == 0x4000, "sign {sign}");
        assert!((0..0x4000).contains(scale), "scale {scale}");
        assert_ne!(groups.first(), Some(&0), "a group of zeros in front");
        assert_ne!(groups.last(), Some(&0), "a group of zeros at the end");
        assert!(groups.iter().all(|group| (0..10_000).contains(group)));
        let digits: String = groups.iter().map(|group| format!("{group:04}")).collect();
        let digits = digits.bytes().map(|digit| digit - b'0').collect();
        let power = (i64::from(*weight) + 1 - groups.len() as i64) * 4;
        let number = Self::new(*sign != 0, digits, power);
        // The server shows no more than the scale, so it must reach to the last digit.
        assert!(
            i64::from(*scale) >= -number.power,
            "{number:?} at scale {scale}"
        );
        number
    }
}

/// The days since 2000-01-01 of an ISO date, counted year by year.
fn days_of(text: &str) -> Option<i64> {
    let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (year, month, day): (i64, usize, i64) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |year| if is_leap(year) { 366 } else { 365 };
    let years: i64 = if year >= 2000 {
        (2000..year).map(length).sum()
    } else {
        -(year..2000).map(length).sum::<i64>()
    };
    let february = if is_leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: i64 = lengths.get(..month.checked_sub(1)?)?.iter().sum();
    (1..=*lengths.get(month - 1)?)
        .contains(&day)
        .then_some(years + before + day - 1)
}

/// The microseconds of hours, minutes and seconds.
fn micros_of(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let (hours, minutes, seconds): (i64, i64, i64) = (
        hours.parse().ok()?,
        minutes.parse().ok()?,
        seconds.parse().ok()?,
    );
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    (minutes < 60 && seconds < 60 && fraction.len() <= 6)
        .then_some(sign * (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros))
}
