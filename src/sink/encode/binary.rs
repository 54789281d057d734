//! Values in their types' binary form (PostgreSQL documentation, "COPY", "Binary Format"; each type's `…recv` function).

use bytes::{BufMut as _, BytesMut};

use super::numeric;
use crate::model::column::ColumnKind;
use crate::model::value::Value;

/// Appends the binary form of a value. Coercion has made sure that the value is of the column's type; one that is not
/// goes out as text and is refused by the server.
pub fn put(value: Value<'_>, kind: ColumnKind, out: &mut BytesMut) {
    match (kind, value) {
        (ColumnKind::Bool, Value::Bool(truth)) => out.put_u8(truth.into()),
        (ColumnKind::Int2, Value::Int(number)) => out.put_i16(number as i16),
        (ColumnKind::Int4, Value::Int(number)) => out.put_i32(number as i32),
        (ColumnKind::Int8, Value::Int(number)) => out.put_i64(number),
        (ColumnKind::Float4, Value::Float(number)) => out.put_f32(number as f32),
        (ColumnKind::Float8, Value::Float(number)) => out.put_f64(number),
        (ColumnKind::Numeric, Value::Decimal(decimal)) => numeric::put_decimal(decimal, out),
        (ColumnKind::Numeric, Value::DecimalText(text)) => numeric::put_text(text, out),
        (ColumnKind::Numeric, Value::CommaDecimalText(text)) => {
            numeric::put_comma_text(text, out);
        }
        (ColumnKind::Date, Value::Date(days)) => out.put_i32(days),
        (ColumnKind::Time, Value::Time(micros)) => out.put_i64(micros),
        (ColumnKind::Timestamp, Value::Timestamp(micros)) => out.put_i64(micros),
        (ColumnKind::Interval, Value::Interval(micros)) => {
            out.put_i64(micros);
            out.put_i32(0); // days
            out.put_i32(0); // months
        }
        (ColumnKind::Uuid, Value::Uuid(bytes)) => out.put_slice(&bytes),
        (_, value) => super::text::put(value, out),
    }
}
