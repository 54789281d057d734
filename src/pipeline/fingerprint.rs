//! A file as the ledger knows it again.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// What a file was when its load began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) sha256: [u8; 32],
    state: FileState,
}

/// What changes when somebody writes to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Fingerprint {
    /// Reads the file. Blocks.
    ///
    /// # Errors
    /// `FileUnreadable`.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let unreadable = |error: std::io::Error| unreadable(path, error);
        let mut file = File::open(path).map_err(unreadable)?;
        let state = FileState::of(&file.metadata().map_err(unreadable)?);
        let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece).map_err(unreadable)? {
                0 => break,
                read => hash.update(piece.get(..read).unwrap_or_default()),
            }
        }
        Ok(Self {
            sha256: hash.finalize().into(),
            state,
        })
    }

    /// Makes sure that nobody wrote to the file since.
    ///
    /// # Errors
    /// `FileChanged`; `FileUnreadable`.
    pub(super) fn still_holds(&self, path: &Path) -> Result<()> {
        let now = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if FileState::of(&now) == self.state {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::FileChanged,
            format!("{} was changed while it was loaded", path.display()),
        )
        .in_file(path)
        .next_step("Load it again when nobody writes to it"))
    }
}

impl FileState {
    fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::FileUnreadable,
        format!("cannot read {}", path.display()),
    )
    .in_file(path)
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_bytes_and_a_change_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let before = Fingerprint::of(file.path()).unwrap();
        // NIST FIPS 180-4, the first example.
        let hex: String = before.sha256.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(before.still_holds(file.path()).is_ok());
        std::fs::write(file.path(), "abcd").unwrap();
        let error = before.still_holds(file.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileChanged);
        std::fs::remove_file(file.path()).unwrap();
        let error = before.still_holds(file.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileUnreadable);
    }
}
