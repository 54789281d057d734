//! Values in their types' binary form (PostgreSQL documentation, "COPY", "Binary Format"; each type's `…recv` function).

use bytes::{BufMut as _, BytesMut};

use super::{numeric, put_measured};
use crate::model::column::ColumnKind;
use crate::model::value::Value;

/// Appends the binary form of a value, its length in front. Coercion has made sure that the value is of the column's
/// type; one that is not goes out as text and is refused by the server.
#[inline(always)]
pub(super) fn put_field(value: Value<'_>, kind: ColumnKind, out: &mut BytesMut) {
    match (kind, value) {
        (ColumnKind::Bool, Value::Bool(truth)) => {
            out.extend_from_slice(&[0, 0, 0, 1, truth.into()]);
        }
        (ColumnKind::Int2, Value::Int(number)) => {
            let [high, low] = (number as i16).to_be_bytes();
            out.extend_from_slice(&[0, 0, 0, 2, high, low]);
        }
        (ColumnKind::Int4, Value::Int(number)) => put_4((number as i32).to_be_bytes(), out),
        (ColumnKind::Int8, Value::Int(number)) => put_8(number.to_be_bytes(), out),
        (ColumnKind::Float4, Value::Float(number)) => put_4((number as f32).to_be_bytes(), out),
        (ColumnKind::Float8, Value::Float(number)) => put_8(number.to_be_bytes(), out),
        (ColumnKind::Numeric, Value::Decimal(decimal)) => {
            numeric::put_decimal_field(decimal, out);
        }
        (ColumnKind::Date, Value::Date(days)) => put_4(days.to_be_bytes(), out),
        (ColumnKind::Time, Value::Time(micros))
        | (ColumnKind::Timestamp, Value::Timestamp(micros)) => put_8(micros.to_be_bytes(), out),
        (_, value) => put_measured(out, |out| put_seldom(value, kind, out)),
    }
}

/// The binary form of a value that fewer columns have, without its length.
fn put_seldom(value: Value<'_>, kind: ColumnKind, out: &mut BytesMut) {
    match (kind, value) {
        (ColumnKind::Numeric, Value::DecimalText(text)) => numeric::put_text(text, out),
        (ColumnKind::Numeric, Value::CommaDecimalText(text)) => {
            numeric::put_comma_text(text, out);
        }
        (ColumnKind::Interval, Value::Interval(micros)) => {
            out.put_i64(micros);
            out.put_i32(0); // days
            out.put_i32(0); // months
        }
        (ColumnKind::Uuid, Value::Uuid(bytes)) => out.put_slice(&bytes),
        (_, value) => super::text::put(value, out),
    }
}

/// A field of four bytes, in one piece with its length.
#[inline(always)]
fn put_4([a, b, c, d]: [u8; 4], out: &mut BytesMut) {
    out.extend_from_slice(&[0, 0, 0, 4, a, b, c, d]);
}

/// A field of eight bytes.
#[inline(always)]
fn put_8([a, b, c, d, e, f, g, h]: [u8; 8], out: &mut BytesMut) {
    out.extend_from_slice(&[0, 0, 0, 8, a, b, c, d, e, f, g, h]);
}
