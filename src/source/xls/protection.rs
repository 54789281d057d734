//! Workbooks that are encrypted ([MS-XLS] 2.2.10 and 2.4.117 FilePass).

use std::path::Path;

use super::ciphers::{Cipher, Scheme};
use super::globals::kind_of_stream;
use super::kind;
use super::records::{Substream, Version, is_bof, u16_at};
use crate::error::{Error, ErrorKind, Result};
use crate::source::encryption::GIVE_PASSWORD;

/// What Excel encrypts with when a workbook is protected against changes but not against reading, and tries before it
/// asks ([MS-XLS] 2.2.10 points to it; it is the only password that is no secret).
const DEFAULT_PASSWORD: &str = "VelvetSweatshop";

/// Decrypts a workbook with its password, or one that Excel opens without asking for any.
pub(super) fn remove(path: &Path, stream: &mut [u8], password: Option<&str>) -> Result<()> {
    let (version, _) = kind_of_stream(path, stream)?;
    let Some(mut records) = Substream::open(stream, 0) else {
        return Ok(());
    };
    let Some(record) = records.find(|record| record.kind == kind::FILE_PASS) else {
        return Ok(());
    };
    let (scheme, body) = scheme(version, record.body);
    let mut passwords = password.into_iter().chain([DEFAULT_PASSWORD]);
    let Some(mut cipher) = passwords.find_map(|password| scheme.with_password(body, password))
    else {
        return Err(locked(path, scheme, password.is_some()));
    };
    let begin = records.position();
    decrypt(stream, begin, &mut cipher);
    Ok(())
}

/// How the workbook is encrypted, and what more the record says about it.
fn scheme(version: Version, body: &[u8]) -> (Scheme, &[u8]) {
    let rest = body.get(2..).unwrap_or_default();
    match (version, u16_at(body, 0), u16_at(body, 2)) {
        (Version::Biff8, Some(1), Some(1)) => (Scheme::Rc4, rest),
        (Version::Biff8, Some(1), _) => (Scheme::Rc4CryptoApi, rest),
        (Version::Biff8, ..) => (Scheme::Xor, rest),
        // Before there was a choice.
        _ => (Scheme::Xor, body),
    }
}

/// Decrypts all records from this place on. Their types and lengths are plain.
fn decrypt(stream: &mut [u8], begin: usize, cipher: &mut Cipher) {
    let mut at = begin;
    while let (Some(kind), Some(len)) = (u16_at(stream, at), u16_at(stream, at.saturating_add(2))) {
        let start = at + 4;
        let end = start + usize::from(len);
        let encrypted = start + plain_bytes(kind).min(usize::from(len));
        // The last record may be cut off.
        let until = end.min(stream.len());
        if let Some(bytes) = stream.get_mut(encrypted..until) {
            cipher.decrypt(bytes, encrypted, (start, end));
        }
        at = end;
    }
}

/// How many of a record's first bytes are not encrypted ([MS-XLS] 2.2.10).
fn plain_bytes(kind: u16) -> usize {
    const USER_EXCLUSIVE: u16 = 0x0194;
    const FILE_LOCK: u16 = 0x0195;
    const INTERFACE_HEADER: u16 = 0x00E1;
    const REVISION_INFO: u16 = 0x0196;
    const REVISION_HEAD: u16 = 0x0138;
    match kind {
        kind::FILE_PASS
        | USER_EXCLUSIVE
        | FILE_LOCK
        | INTERFACE_HEADER
        | REVISION_INFO
        | REVISION_HEAD => usize::MAX,
        // Where the sheet begins.
        kind::BOUND_SHEET => 4,
        kind if is_bof(kind) => usize::MAX,
        _ => 0,
    }
}

fn locked(path: &Path, scheme: Scheme, has_password: bool) -> Error {
    let (file, words) = (path.display(), scheme.words());
    let message = match has_password {
        true => format!("the password does not open {file} ({words})"),
        false => format!("{file} is protected by a password ({words})"),
    };
    Error::new(ErrorKind::WorkbookEncrypted, message)
        .in_file(path)
        .next_step(GIVE_PASSWORD)
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
