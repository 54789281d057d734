//! The directory of a zip file, opened within bounds: it is held in memory, and claims how many entries it has.

use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::model::limits::Limits;

/// What an entry may take on average, with its name and its extra fields. Real ones stay below 150.
const ENTRY_BYTES: u64 = 512;
/// What may be read on top: the end of the file, and a directory that is not where its end says.
const SEARCH_BYTES: u64 = 16 << 20;
/// The end record (APPNOTE.TXT 4.3.16), and the longest comment behind it.
const END_BYTES: u64 = 22 + (1 << 16);
/// The locator of the end record with 64 bits, directly in front of the end record (4.3.15).
const LOCATOR_BYTES: usize = 20;
/// How far the end record with 64 bits may be from where the locator says.
const MAX_DISTANCE: u64 = 1 << 20;
const END: &[u8] = b"PK\x05\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";

/// Why a directory is not opened.
#[derive(Debug)]
pub(super) enum Fault {
    /// It has, or claims, more entries than there may be, or takes as much memory.
    TooManyParts,
    /// It is damaged, or not that of a zip file.
    Damaged(ZipError),
}

/// An archive whose directory has been read within bounds.
pub(super) type Archive<R> = ZipArchive<Metered<R>>;

/// Reads the directory.
///
/// # Errors
/// What is wrong with it.
pub(super) fn open<R: Read + Seek>(mut bytes: R, limits: &Limits) -> Result<Archive<R>, Fault> {
    let claimed = claimed_parts(&mut bytes).map_err(|error| Fault::Damaged(ZipError::Io(error)))?;
    if claimed > limits.parts {
        return Err(Fault::TooManyParts);
    }
    let left = limits.parts.saturating_mul(ENTRY_BYTES);
    let left = Rc::new(Cell::new(Some(left.saturating_add(SEARCH_BYTES))));
    let metered = Metered {
        inner: BufReader::new(bytes),
        left: Rc::clone(&left),
    };
    match ZipArchive::new(metered) {
        Ok(archive) if archive.len() as u64 > limits.parts => Err(Fault::TooManyParts),
        Ok(archive) => {
            left.set(Some(u64::MAX));
            Ok(archive)
        }
        Err(_) if left.get().is_none() => Err(Fault::TooManyParts),
        Err(error) => Err(Fault::Damaged(error)),
    }
}

/// The largest number of entries that anything which may be taken for the end of the directory claims. Room is made for as
/// many before the first is read.
fn claimed_parts(bytes: &mut (impl Read + Seek)) -> io::Result<u64> {
    let len = bytes.seek(SeekFrom::End(0))?;
    let start = len.saturating_sub(END_BYTES + LOCATOR_BYTES as u64);
    let tail = stretch(bytes, start, len)?;
    let mut most = 0;
    for at in memchr::memmem::find_iter(&tail, END) {
        most = most.max(number::<2>(&tail, at + 8));
        most = most.max(number::<2>(&tail, at + 10));
        let Some(locator) = at.checked_sub(LOCATOR_BYTES) else {
            continue;
        };
        if !tail
            .get(locator..)
            .is_some_and(|it| it.starts_with(LOCATOR))
        {
            continue;
        }
        let (said, end) = (number::<8>(&tail, locator + 8), start + locator as u64);
        if said >= end {
            continue;
        }
        if end - said > MAX_DISTANCE {
            return Err(io::Error::other("the directory is not where it says"));
        }
        let records = stretch(bytes, said, end)?;
        for at in memchr::memmem::find_iter(&records, END_64) {
            most = most.max(number::<8>(&records, at + 24));
            most = most.max(number::<8>(&records, at + 32));
        }
    }
    bytes.seek(SeekFrom::Start(0))?;
    Ok(most)
}

fn stretch(bytes: &mut (impl Read + Seek), start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut found = Vec::new();
    bytes.seek(SeekFrom::Start(start))?;
    bytes.take(end - start).read_to_end(&mut found)?;
    Ok(found)
}

/// A number of so many bytes; 0 where there are fewer.
fn number<const BYTES: usize>(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<BYTES>());
    let digits = found.into_iter().flatten().rev();
    digits.fold(0, |number, digit| number << 8 | u64::from(*digit))
}

/// A reader that ends with an error when more is read than was agreed.
pub(super) struct Metered<R> {
    inner: BufReader<R>,
    /// `None` once more was wanted.
    left: Rc<Cell<Option<u64>>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.get();
        self.left
            .set(left.and_then(|left| left.checked_sub(read as u64)));
        match self.left.get() {
            Some(_) => Ok(read),
            None => Err(io::Error::other("the directory is too large")),
        }
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            // Stays in the buffer where it can.
            SeekFrom::Start(to) => {
                let at = self.inner.stream_position()?;
                let by = i64::try_from(to).ok().zip(i64::try_from(at).ok());
                match by.and_then(|(to, at)| to.checked_sub(at)) {
                    Some(by) => self.inner.seek_relative(by)?,
                    None => return self.inner.seek(SeekFrom::Start(to)),
                }
                Ok(to)
            }
            other => self.inner.seek(other),
        }
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.inner.stream_position()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip_of(parts: u64, name_bytes: usize) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for part in 0..parts {
            let name = format!("{part:0>name_bytes$}");
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(b"x").unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn limits(parts: u64) -> Limits {
        Limits {
            parts,
            ..Limits::default()
        }
    }

    /// The number of parts; `None` for too many.
    fn opened(bytes: &[u8], limit: u64) -> Option<usize> {
        match open(Cursor::new(bytes), &limits(limit)) {
            Ok(archive) => Some(archive.len()),
            Err(Fault::TooManyParts) => None,
            Err(Fault::Damaged(error)) => panic!("{error}"),
        }
    }

    /// A file whose end record, or that with 64 bits, claims so many entries.
    fn claiming(parts: u64) -> Vec<u8> {
        let mut bytes = zip_of(2, 1);
        let end = bytes.len() - 22;
        if let Ok(parts) = u16::try_from(parts) {
            bytes[end + 8..end + 10].copy_from_slice(&parts.to_le_bytes());
            bytes[end + 10..end + 12].copy_from_slice(&parts.to_le_bytes());
            return bytes;
        }
        let mut end_record = bytes.split_off(end);
        end_record[8..12].fill(0xFF);
        let at = (bytes.len() as u64).to_le_bytes();
        let directory = u64::from(u32::from_le_bytes(*end_record[16..].first_chunk().unwrap()));
        bytes.extend(END_64);
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(parts.to_le_bytes());
        bytes.extend(parts.to_le_bytes());
        bytes.extend((end as u64 - directory).to_le_bytes());
        bytes.extend(directory.to_le_bytes());
        bytes.extend(LOCATOR);
        bytes.extend([0; 4]);
        bytes.extend(at);
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(end_record);
        bytes
    }

    #[test]
    fn a_file_at_the_limit_opens_and_one_with_a_part_more_does_not() {
        let bytes = zip_of(5, 1);
        assert_eq!(opened(&bytes, 5), Some(5));
        assert_eq!(opened(&bytes, 4), None);
    }

    #[test]
    fn a_claim_of_many_parts_is_enough() {
        for parts in [1_001, 65_535, 1_000_000, u64::MAX] {
            assert_eq!(opened(&claiming(parts), 1_000), None, "{parts}");
        }
        assert!(open(Cursor::new(claiming(1_000)), &limits(1_000)).is_err());
        // What is no zip file claims nothing.
        let nothing = open(Cursor::new(b"PK\x05\x06"), &limits(1));
        assert!(matches!(nothing, Err(Fault::Damaged(_))));
    }

    #[test]
    fn names_of_any_length_are_not_held() {
        // 1,000 names of 60,000 bytes are within no budget of 100 or 2,000 entries.
        let bytes = zip_of(1_000, 60_000);
        assert_eq!(opened(&bytes, 2_000), None);
        assert_eq!(opened(&bytes, 1 << 20), Some(1_000));
    }

    proptest! {
        #[test]
        fn any_bytes_are_opened_or_not(start: Vec<u8>, end: Vec<u8>) {
            let bytes = [&start, END, &end].concat();
            let _ = open(Cursor::new(&bytes), &limits(3));
            let bytes = [&start, END_64, &end, LOCATOR, &start, END, &end].concat();
            let _ = open(Cursor::new(&bytes), &limits(3));
        }
    }
}
