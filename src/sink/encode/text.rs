//! Values as the text that their types' input functions read, and the escaping of text COPY.

use std::fmt::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::Fields;
use crate::model::value::Value;

/// Appends the text of a value; of NULL, nothing.
pub fn put(value: Value<'_>, out: &mut BytesMut) {
    match value {
        Value::Text(text) | Value::DecimalText(text) => out.put_slice(text.as_bytes()),
        other => {
            // BytesMut grows as needed, so writing to it cannot fail.
            let _ = write!(out, "{other}");
        }
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
    use super::*;

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
