//! Workbooks that are encrypted ([MS-XLS] 2.2.10 and 2.4.117 FilePass).

use std::path::Path;

use super::globals::kind_of_stream;
use super::kind;
use super::records::{Substream, Version, u16_at};
use crate::error::{Error, ErrorKind, Result};

/// Refuses a workbook that is encrypted.
pub(super) fn remove(path: &Path, stream: &mut [u8]) -> Result<()> {
    let (version, _) = kind_of_stream(path, stream)?;
    let records = Substream::open(stream, 0).into_iter().flatten();
    let mut records = records.filter(|record| record.kind == kind::FILE_PASS);
    let Some(record) = records.next() else {
        return Ok(());
    };
    let how = match (version, u16_at(record.body, 0), u16_at(record.body, 2)) {
        (Version::Biff8, Some(1), Some(1)) => "encrypted with a password (RC4)",
        (Version::Biff8, Some(1), _) => "encrypted with a password (RC4 CryptoAPI)",
        _ => "protected by a password (XOR obfuscation)",
    };
    Err(encrypted(path, how))
}

/// A workbook that only its password opens.
pub(super) fn encrypted(path: &Path, how: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookEncrypted,
        format!("{} is {how}", path.display()),
    )
    .in_file(path)
    .next_step("Remove the password in a spreadsheet program and save it again")
}
