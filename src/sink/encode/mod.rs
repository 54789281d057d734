//! Rows as the bytes that PostgreSQL takes.
//!
//! A row is laid out as in binary COPY (PostgreSQL documentation, "COPY", "Binary Format"): the number of fields in
//! 16 bits, then for each field its length in 32 bits and its bytes; a NULL has length -1. Binary COPY sends the rows
//! as they are, INSERT takes the fields as parameters, text COPY escapes them: one encoding serves all three.

pub mod binary;
pub mod numeric;
pub mod text;

use std::borrow::Cow;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::value::Value;

/// Whether the fields hold types' binary forms or their texts. One form for all columns, since COPY has only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldForm {
    /// What the types' receive functions read.
    Binary,
    /// What the types' input functions read, in UTF-8.
    Text,
}

impl FieldForm {
    /// Binary where every column has a binary form, else text.
    #[must_use]
    pub fn for_columns<'c>(columns: impl IntoIterator<Item = &'c TargetColumn>) -> Self {
        if columns
            .into_iter()
            .all(|column| column.kind.has_binary_form())
        {
            Self::Binary
        } else {
            Self::Text
        }
    }
}

/// Encodes rows one after another, value by value.
#[derive(Debug)]
pub struct RowEncoder {
    form: FieldForm,
    kinds: Vec<ColumnKind>,
    bytes: BytesMut,
    row_ends: Vec<usize>,
    row_start: usize,
    taken: Taken,
}

/// How much was taken last: the next rows are mostly as many.
#[derive(Debug, Default)]
struct Taken {
    bytes: usize,
    rows: usize,
}

/// Encoded rows.
#[derive(Debug, Clone)]
pub struct EncodedBatch {
    form: FieldForm,
    bytes: Bytes,
    row_ends: Vec<usize>,
}

impl RowEncoder {
    /// An encoder for rows of these columns, in this order.
    ///
    /// A row has at most 1,600 columns (PostgreSQL documentation, appendix K), so their number fits its 16 bits.
    #[must_use]
    pub fn new(form: FieldForm, kinds: Vec<ColumnKind>) -> Self {
        Self {
            form,
            kinds,
            bytes: BytesMut::new(),
            row_ends: Vec::new(),
            row_start: 0,
            taken: Taken::default(),
        }
    }

    /// Starts a row.
    pub fn start_row(&mut self) {
        if self.bytes.is_empty() {
            self.make_room();
        }
        self.row_start = self.bytes.len();
        let fields = i16::try_from(self.kinds.len()).unwrap_or(i16::MAX);
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    /// Adds the value of the row's `column`-th column. All columns must be given, in their order.
    #[inline(always)]
    pub fn field(&mut self, column: usize, value: Value<'_>) {
        match (self.form, value) {
            (_, Value::Null) => self.bytes.extend_from_slice(&NULL),
            // A text is the same in both forms, and of all types.
            (_, Value::Text(text)) => {
                self.bytes.reserve(size_of::<i32>() + text.len());
                self.bytes.extend_from_slice(&field_length(text.len()));
                self.bytes.extend_from_slice(text.as_bytes());
            }
            (FieldForm::Binary, value) => {
                let kind = self.kinds.get(column).copied().unwrap_or(ColumnKind::Text);
                binary::put_field(value, kind, &mut self.bytes);
            }
            (FieldForm::Text, value) => put_measured(&mut self.bytes, |out| text::put(value, out)),
        }
    }

    /// Adds a value that is there in both forms.
    pub fn field_in_either_form(&mut self, binary: &[u8], text: &str) {
        let bytes = match self.form {
            FieldForm::Binary => binary,
            FieldForm::Text => text.as_bytes(),
        };
        self.bytes.extend_from_slice(&field_length(bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    /// Ends the row.
    pub fn finish_row(&mut self) {
        self.row_ends.push(self.bytes.len());
    }

    /// Takes back the row that was started last and not finished.
    pub fn cancel_row(&mut self) {
        self.bytes.truncate(self.row_start);
    }

    /// The rows so far; the encoder starts anew.
    pub fn take(&mut self) -> EncodedBatch {
        self.taken = Taken {
            bytes: self.bytes.len(),
            rows: self.row_ends.len(),
        };
        EncodedBatch {
            form: self.form,
            bytes: self.bytes.split().freeze(),
            row_ends: std::mem::take(&mut self.row_ends),
        }
    }

    /// Room for as much as was taken last, in the same memory if nobody has that any more.
    fn make_room(&mut self) {
        let bytes = self.taken.bytes + self.taken.bytes / 16;
        self.bytes.reserve(bytes.min(MOST_BYTES_RESERVED));
        self.row_ends.reserve(self.taken.rows);
    }
}

/// The length of a NULL.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Memory beyond this is taken as it is needed: a batch that large costs more than the growing.
const MOST_BYTES_RESERVED: usize = 64 << 20;

/// A field's length as it stands before it.
fn field_length(bytes: usize) -> [u8; 4] {
    // A field is at most 1 GB for the server; a longer one is refused there.
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}

/// Appends what `put` appends, its length in front.
fn put_measured(out: &mut BytesMut, put: impl FnOnce(&mut BytesMut)) {
    let length_at = out.len();
    out.put_i32(0);
    let start = out.len();
    put(out);
    let length = field_length(out.len().saturating_sub(start));
    out[length_at..start].copy_from_slice(&length);
}

impl EncodedBatch {
    /// Rows of fields that are encoded already.
    pub fn of_fields<'f>(
        form: FieldForm,
        rows: impl IntoIterator<Item = Vec<Option<Cow<'f, [u8]>>>>,
    ) -> Self {
        let (mut bytes, mut row_ends) = (BytesMut::new(), Vec::new());
        for fields in rows {
            bytes.put_i16(i16::try_from(fields.len()).unwrap_or(i16::MAX));
            for field in &fields {
                let Some(field) = field else {
                    bytes.extend_from_slice(&NULL);
                    continue;
                };
                bytes.extend_from_slice(&field_length(field.len()));
                bytes.extend_from_slice(field);
            }
            row_ends.push(bytes.len());
        }
        Self {
            form,
            bytes: bytes.freeze(),
            row_ends,
        }
    }

    /// What the fields hold.
    #[must_use]
    pub fn form(&self) -> FieldForm {
        self.form
    }

    /// How many rows it holds.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.row_ends.len()
    }

    /// Bytes of all rows.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of some consecutive rows. Copies nothing.
    #[must_use]
    pub fn rows(&self, range: std::ops::Range<usize>) -> Bytes {
        let start = self.row_end(range.start);
        let end = self.row_end(range.end).max(start);
        self.bytes.slice(start..end)
    }

    /// The fields of a row.
    pub fn fields(&self, row: usize) -> impl Iterator<Item = Option<&[u8]>> {
        let bytes = &self.bytes[self.row_end(row)..self.row_end(row + 1)];
        Fields::of_row(bytes)
    }

    /// Where the row before `row` ends.
    fn row_end(&self, row: usize) -> usize {
        row.checked_sub(1)
            .and_then(|previous| self.row_ends.get(previous).copied())
            .unwrap_or(0)
    }
}

/// Walks the fields of encoded rows.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of one encoded row.
    pub(super) fn of_row(row: &'a [u8]) -> Self {
        Self(row.get(size_of::<i16>()..).unwrap_or_default())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Some(None);
        };
        let (field, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_row_leaves_the_others_as_they_were() {
        let mut encoder =
            RowEncoder::new(FieldForm::Binary, vec![ColumnKind::Text, ColumnKind::Int4]);
        for (text, number) in [("a", 1), ("b", 2), ("c", 3)] {
            encoder.start_row();
            encoder.field(0, Value::Text(text));
            if number == 2 {
                encoder.cancel_row();
                continue;
            }
            encoder.field(1, Value::Int(number));
            encoder.finish_row();
        }
        encoder.start_row();
        encoder.field(0, Value::Null);
        encoder.field(1, Value::Null);
        encoder.finish_row();
        let batch = encoder.take();
        assert_eq!(batch.row_count(), 3);
        let fields: Vec<Vec<Option<&[u8]>>> =
            (0..3).map(|row| batch.fields(row).collect()).collect();
        assert_eq!(fields[0], [Some(&b"a"[..]), Some(&[0, 0, 0, 1][..])]);
        assert_eq!(fields[1], [Some(&b"c"[..]), Some(&[0, 0, 0, 3][..])]);
        assert_eq!(fields[2], [None, None]);
        assert_eq!(
            batch.rows(1..3).len() + batch.rows(0..1).len(),
            batch.byte_count()
        );
        assert_eq!(encoder.take().row_count(), 0);
    }
}
