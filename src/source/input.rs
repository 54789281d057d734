//! Where a workbook's bytes come from: the file itself, or memory once it is decrypted.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

/// The bytes of a workbook. Clones of one in memory share them.
#[derive(Debug)]
pub(super) enum Input {
    /// As they are on the disk.
    File(File),
    /// What an encrypted file holds.
    Decrypted(Cursor<Arc<[u8]>>),
}

impl Input {
    /// How many bytes there are.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => file.metadata().map(|metadata| metadata.len()),
            Self::Decrypted(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Decrypted(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Decrypted(bytes) => bytes.seek(to),
        }
    }
}
