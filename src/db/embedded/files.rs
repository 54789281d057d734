//! Small file operations with modes and errors that name the path.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// An error of the private server that names a file: "could not read /var/lib/…".
pub(super) fn failed(action: &str, path: &Path, error: io::Error) -> Error {
    let denied = error.kind() == io::ErrorKind::PermissionDenied;
    let result = Error::new(
        ErrorKind::ServerFailed,
        format!("could not {action} {}", path.display()),
    )
    .in_file(path)
    .caused_by(error);
    if denied {
        result.next_step(format!(
            "Run as the user whose server this is, or set {} to a directory of your own",
            super::location::HOME_VARIABLE
        ))
    } else {
        result
    }
}

/// The text of a file, or nothing when there is no such file.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failed("read", path, error)),
    }
}

/// Creates a directory with exactly this mode, whatever the umask. An existing one stays as it is.
pub(super) fn create_directory(path: &Path, mode: u32) -> Result<()> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|error| failed("set the mode of", path, error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(failed("create", path, error)),
    }
}

/// Creates a file that only its owner can read, and writes it through to the disk. Refuses an existing one.
pub(super) fn create_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed("create", path, error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| failed("write", path, error))
}

/// Writes a file that only its owner can read or write, whatever the umask; what was in it is gone.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| failed("write", path, error))
}

/// Removes a file; a missing one is fine.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_missing(&error) => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it; a missing one is fine.
pub(super) fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if !is_missing(&error) => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

/// Makes renames and new names in a directory durable (fsync(2): the file's own sync does not).
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    fs::File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed("sync", path, error))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
