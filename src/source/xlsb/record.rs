//! The records that binary parts are made of ([MS-XLSB] 2.1.4), one after the other.

use std::io::{self, BufRead};
use std::path::Path;

use super::fields::TooShort;
use crate::error::{Error, Result};
use crate::model::limits::{Limit, Limits};
use crate::source::package::read_error;
use crate::source::workbook::{broken, over_limit};

/// The most bytes that a record may have which is read at all. A text has at most 32,767 characters, and twice as
/// much for its runs and its phonetic reading; lists of sheets in formulas have 12 bytes for each of 65,535.
const MAX_PAYLOAD_BYTES: usize = 16 << 20;
/// A record's size is told by up to this many bytes, of seven bits each.
const SIZE_BYTES: u32 = 4;

/// Record types by their number ([MS-XLSB] 2.3.2), as far as they are read. The short cells are in no specification,
/// but Excel reads them (<https://bz.apache.org/bugzilla/show_bug.cgi?id=65510>).
pub(super) mod id {
    pub(in crate::source::xlsb) const ROW_HEADER: u16 = 0;
    pub(in crate::source::xlsb) const CELL_BLANK: u16 = 1;
    pub(in crate::source::xlsb) const CELL_RK: u16 = 2;
    pub(in crate::source::xlsb) const CELL_ERROR: u16 = 3;
    pub(in crate::source::xlsb) const CELL_BOOL: u16 = 4;
    pub(in crate::source::xlsb) const CELL_REAL: u16 = 5;
    #[cfg(test)]
    pub(in crate::source::xlsb) const CELL_TEXT: u16 = 6;
    pub(in crate::source::xlsb) const CELL_SHARED_TEXT: u16 = 7;
    #[cfg(test)]
    pub(in crate::source::xlsb) const FORMULA_TEXT: u16 = 8;
    pub(in crate::source::xlsb) const FORMULA_NUMBER: u16 = 9;
    pub(in crate::source::xlsb) const FORMULA_BOOL: u16 = 10;
    pub(in crate::source::xlsb) const FORMULA_ERROR: u16 = 11;
    pub(in crate::source::xlsb) const SHORT_BLANK: u16 = 12;
    pub(in crate::source::xlsb) const SHORT_RK: u16 = 13;
    pub(in crate::source::xlsb) const SHORT_ERROR: u16 = 14;
    pub(in crate::source::xlsb) const SHORT_BOOL: u16 = 15;
    pub(in crate::source::xlsb) const SHORT_REAL: u16 = 16;
    #[cfg(test)]
    pub(in crate::source::xlsb) const SHORT_TEXT: u16 = 17;
    pub(in crate::source::xlsb) const SHORT_SHARED_TEXT: u16 = 18;
    pub(in crate::source::xlsb) const SHARED_STRING: u16 = 19;
    pub(in crate::source::xlsb) const NAME: u16 = 39;
    pub(in crate::source::xlsb) const NUMBER_FORMAT: u16 = 44;
    pub(in crate::source::xlsb) const CELL_FORMAT: u16 = 47;
    pub(in crate::source::xlsb) const COLUMN_INFO: u16 = 60;
    pub(in crate::source::xlsb) const CELL_RICH_TEXT: u16 = 62;
    pub(in crate::source::xlsb) const END_SHEET: u16 = 130;
    pub(in crate::source::xlsb) const END_SHEET_DATA: u16 = 146;
    pub(in crate::source::xlsb) const SHEET_DIMENSION: u16 = 148;
    pub(in crate::source::xlsb) const WORKBOOK_PROPERTIES: u16 = 153;
    pub(in crate::source::xlsb) const SHEET: u16 = 156;
    pub(in crate::source::xlsb) const MERGED_CELLS: u16 = 176;
    pub(in crate::source::xlsb) const TABLE: u16 = 343;
    pub(in crate::source::xlsb) const OTHER_BOOK: u16 = 355;
    pub(in crate::source::xlsb) const THIS_BOOK: u16 = 357;
    pub(in crate::source::xlsb) const SAME_SHEET: u16 = 358;
    pub(in crate::source::xlsb) const SHEET_REFERENCES: u16 = 362;
    pub(in crate::source::xlsb) const BEGIN_CELL_FORMATS: u16 = 617;
    pub(in crate::source::xlsb) const END_CELL_FORMATS: u16 = 618;
    pub(in crate::source::xlsb) const ADD_IN: u16 = 667;
}

/// Where a record is read from, for errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartPlace<'a> {
    /// The workbook.
    pub(super) path: &'a Path,
    /// The part in the package.
    pub(super) part: &'a str,
}

impl PartPlace<'_> {
    /// `WorkbookBroken`, naming the part.
    pub(super) fn broken(self, how: &str) -> Error {
        broken(self.path, &format!("its part {} {how}", self.part))
    }

    /// `WorkbookTooLarge`, naming the part and the limit.
    pub(super) fn over(self, limit: Limit, limits: &Limits) -> Error {
        let place = format!("its part {}", self.part);
        over_limit(self.path, &place, limit, limit.of(limits))
    }

    /// `WorkbookBroken` for a record that lacks fields.
    pub(super) fn too_short(self, _fault: TooShort) -> Error {
        self.broken("has a record that is shorter than its fields")
    }

    fn failed(self, error: io::Error) -> Error {
        read_error(self.path, self.part, error)
    }
}

const CUT_OFF: &str = "ends in the middle of a record";

/// A part, record by record.
pub(super) struct Records<'a, R> {
    place: PartPlace<'a>,
    input: R,
    /// Bytes of the input's buffer that the record last given lies in.
    lent: usize,
    /// A record that does not lie in the input's buffer as a whole.
    copied: Vec<u8>,
}

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'r> {
    /// Its type.
    pub(super) id: u16,
    /// What it holds.
    pub(super) payload: &'r [u8],
}

impl<'a, R: BufRead> Records<'a, R> {
    /// Reads a part from its first byte.
    pub(super) fn new(place: PartPlace<'a>, input: R) -> Self {
        Self {
            place,
            input,
            lent: 0,
            copied: Vec::new(),
        }
    }

    /// Where the records come from.
    pub(super) fn place(&self) -> PartPlace<'a> {
        self.place
    }

    /// The next record of a wanted type; `None` at the part's end. Others are passed over.
    ///
    /// # Errors
    /// `WorkbookBroken` when the part ends within a record, or a wanted one is too long to be true; `FileUnreadable`.
    pub(super) fn next(&mut self, wanted: impl Fn(u16) -> bool) -> Result<Option<Record<'_>>> {
        self.input.consume(std::mem::take(&mut self.lent));
        let place = self.place;
        loop {
            let Some((id, size)) = self.header()? else {
                return Ok(None);
            };
            if !wanted(id) {
                self.skip(size)?;
                continue;
            }
            if size > MAX_PAYLOAD_BYTES {
                return Err(place.broken("has a record of impossible length"));
            }
            let available = self.buffer()?.len();
            if available >= size {
                self.lent = size;
                let payload = self.buffer()?.get(..size).unwrap_or_default();
                return Ok(Some(Record { id, payload }));
            }
            self.copy(size)?;
            let payload = &self.copied;
            return Ok(Some(Record { id, payload }));
        }
    }

    /// A record's type and size ([MS-XLSB] 2.1.4).
    fn header(&mut self) -> Result<Option<(u16, usize)>> {
        let Some(&first) = self.buffer()?.first() else {
            return Ok(None);
        };
        self.input.consume(1);
        let mut id = u16::from(first);
        if first & 0x80 != 0 {
            id = u16::from(first & 0x7F) | u16::from(self.byte()? & 0x7F) << 7;
        }
        let mut size = 0_usize;
        for group in 0..SIZE_BYTES {
            let byte = self.byte()?;
            size |= usize::from(byte & 0x7F) << (7 * group);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(Some((id, size)))
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.buffer()?.first().copied();
        self.input.consume(1);
        byte.ok_or_else(|| self.place.broken(CUT_OFF))
    }

    fn skip(&mut self, size: usize) -> Result<()> {
        let mut missing = size;
        while missing > 0 {
            let available = self.buffer()?.len().min(missing);
            if available == 0 {
                return Err(self.place.broken(CUT_OFF));
            }
            self.input.consume(available);
            missing -= available;
        }
        Ok(())
    }

    /// Takes memory as bytes come in, whatever the size says.
    fn copy(&mut self, size: usize) -> Result<()> {
        self.copied.clear();
        while self.copied.len() < size {
            let missing = size - self.copied.len();
            let place = self.place;
            let bytes = self.input.fill_buf().map_err(|error| place.failed(error))?;
            if bytes.is_empty() {
                return Err(place.broken(CUT_OFF));
            }
            let bytes = bytes.get(..missing).unwrap_or(bytes);
            self.copied.extend_from_slice(bytes);
            let available = bytes.len();
            self.input.consume(available);
        }
        Ok(())
    }

    fn buffer(&mut self) -> Result<&[u8]> {
        let place = self.place;
        self.input.fill_buf().map_err(|error| place.failed(error))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    /// The bytes of a record.
    pub(in crate::source::xlsb) fn record(id: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if id < 0x80 {
            bytes.push(u8::try_from(id).unwrap());
        } else {
            bytes.push(u8::try_from(id & 0x7F | 0x80).unwrap());
            bytes.push(u8::try_from(id >> 7).unwrap());
        }
        let mut size = payload.len();
        while size >= 0x80 {
            bytes.push(u8::try_from(size & 0x7F | 0x80).unwrap());
            size >>= 7;
        }
        bytes.push(u8::try_from(size).unwrap());
        bytes.extend_from_slice(payload);
        bytes
    }

    pub(in crate::source::xlsb) fn place() -> PartPlace<'static> {
        PartPlace {
            path: Path::new("a.xlsb"),
            part: "xl/a.bin",
        }
    }

    /// All records, read through a buffer of this many bytes.
    fn read(bytes: &[u8], buffer: usize) -> Result<Vec<(u16, Vec<u8>)>> {
        let mut records = Records::new(place(), BufReader::with_capacity(buffer, bytes));
        let mut found = Vec::new();
        while let Some(record) = records.next(|id| id != 5)? {
            found.push((record.id, record.payload.to_vec()));
        }
        Ok(found)
    }

    #[test]
    fn ids_and_sizes_have_as_many_bytes_as_they_need() {
        let long = vec![7; 20_000];
        let bytes = [
            record(0, &[]),
            record(127, &[1; 127]),
            record(128, &[2; 128]),
            record(5, &[3; 300]),
            record(3072, &long),
            record(0x3FFF, &[9]),
        ]
        .concat();
        let wanted = vec![
            (0, vec![]),
            (127, vec![1; 127]),
            (128, vec![2; 128]),
            (3072, long),
            (0x3FFF, vec![9]),
        ];
        for buffer in [1, 2, 7, 1000, 1 << 20] {
            assert_eq!(read(&bytes, buffer).unwrap(), wanted, "{buffer}");
        }
        // A size may be longer than it needs to be.
        assert_eq!(
            read(&[1, 0x81, 0x80, 0x80, 0, 6], 9).unwrap(),
            [(1, vec![6])]
        );
    }

    #[test]
    fn a_part_that_ends_within_a_record_is_broken() {
        // The one is read, the other passed over.
        for whole in [record(300, &[1; 300]), record(5, &[1; 300])] {
            for len in 1..whole.len() {
                let error = read(&whole[..len], 64).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
                assert!(error.message().contains("xl/a.bin"), "{error}");
            }
        }
    }

    #[test]
    fn a_size_is_not_believed() {
        let error = read(&[1, 0xFF, 0xFF, 0xFF, 0x7F, 0], 64).unwrap_err();
        assert!(error.message().contains("impossible"), "{error}");
        let mut records = Records::new(place(), [1, 0xFF, 0xFF, 0xFF, 0x07, 0].as_slice());
        assert!(records.next(|_| true).is_err());
        assert!(records.copied.capacity() < 1 << 10);
    }

    proptest! {
        #[test]
        fn any_bytes_give_records_or_an_error(bytes: Vec<u8>, buffer in 1_usize..50) {
            let whole = read(&bytes, 1 << 16).ok();
            prop_assert_eq!(read(&bytes, buffer).ok(), whole);
        }
    }
}
