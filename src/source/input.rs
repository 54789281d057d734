//! Where a workbook's bytes come from: the file itself, or memory once it is decrypted.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// The bytes of a workbook. Clones share them; those of a file share its position, too.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// As they are on the disk.
    File(Arc<File>),
    /// What an encrypted file holds.
    Decrypted(Cursor<Arc<[u8]>>),
}

impl Input {
    /// The bytes of an open file.
    pub(super) fn of_file(file: File) -> Self {
        Self::File(Arc::new(file))
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => file.metadata().map(|metadata| metadata.len()),
            Self::Decrypted(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }

    /// Reads bytes at a place, whatever the position, which stays as it is: several threads can do so at once.
    pub(super) fn read_at(&self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, place),
            Self::Decrypted(bytes) => {
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                let mut rest = bytes.get_ref().get(place..).unwrap_or_default();
                rest.read(buffer)
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => (&**file).read(buffer),
            Self::Decrypted(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => (&**file).seek(to),
            Self::Decrypted(bytes) => bytes.seek(to),
        }
    }
}
