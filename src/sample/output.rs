//! The file that appears when it is complete.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

/// Permissions of a new file, before the process's umask.
const NEW_FILE_MODE: u32 = 0o666;

/// An output file in the making.
pub(super) struct Output {
    path: PathBuf,
    place: Place,
}

enum Place {
    /// A file beside `target` that takes its place at the end.
    Beside {
        file: NamedTempFile,
        target: PathBuf,
    },
    /// A device or a pipe: nothing to replace.
    Stream(File),
}

impl Output {
    /// Opens a place to write to; nothing appears under `path` before [`Output::finish`].
    ///
    /// # Errors
    /// [`ErrorKind::OutputUnwritable`]
    pub(super) fn create(path: &Path) -> Result<Self> {
        let place = place_for(path).map_err(|error| unwritable(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            place,
        })
    }

    /// The directory for scratch files: the output's own, where the space is that the user chose.
    pub(super) fn scratch_directory(&self) -> Option<&Path> {
        match &self.place {
            Place::Beside { file, .. } => file.path().parent(),
            Place::Stream(_) => None,
        }
    }

    /// A writer into the file that fails once `stop` is cancelled.
    pub(super) fn writer<'a>(&'a mut self, stop: &'a CancellationToken) -> impl Write + Send + 'a {
        let file = match &mut self.place {
            Place::Beside { file, .. } => file.as_file_mut(),
            Place::Stream(file) => file,
        };
        Stoppable { file, stop }
    }

    /// Puts the file into its place.
    ///
    /// # Errors
    /// [`ErrorKind::OutputUnwritable`]
    pub(super) fn finish(self) -> Result<()> {
        if let Place::Beside { file, target } = self.place {
            file.persist(target)
                .map_err(|error| unwritable(&self.path, error.error))?;
        }
        Ok(())
    }
}

/// The error for a file that cannot be written.
pub(super) fn unwritable(
    path: &Path,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let message = format!("cannot write {}", path.display());
    Error::new(ErrorKind::OutputUnwritable, message)
        .in_file(path)
        .caused_by(cause)
        .next_step("Name a file in a directory that exists, is yours to write to and has space")
}

fn place_for(path: &Path) -> io::Result<Place> {
    let existing = match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let Some(existing) = existing else {
        return beside(path.to_owned(), Permissions::from_mode(NEW_FILE_MODE));
    };
    // Also says what is wrong with a directory or a file that is not the user's to write.
    let file = File::options().write(true).open(path)?;
    if existing.is_file() {
        // Through a symbolic link: the link stays, the file that it points to is replaced.
        beside(fs::canonicalize(path)?, existing.permissions())
    } else {
        Ok(Place::Stream(file))
    }
}

fn beside(target: PathBuf, permissions: Permissions) -> io::Result<Place> {
    let directory = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // Says that the directory is missing in the system's own words, without the temporary file's name.
    fs::metadata(directory)?;
    let file = tempfile::Builder::new()
        .prefix(".sheetload-")
        .suffix(".part")
        .permissions(permissions)
        .tempfile_in(directory)
        .map_err(|error| io::Error::from(error.kind()))?;
    Ok(Place::Beside { file, target })
}

/// Passes bytes on until told to stop.
struct Stoppable<'a> {
    file: &'a mut File,
    stop: &'a CancellationToken,
}

impl Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            // Not `ErrorKind::Interrupted`, which writers take as a wish to try again.
            return Err(io::Error::other("interrupted"));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_appears_before_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.xlsx");
        fs::write(&path, "old").unwrap();
        let stop = CancellationToken::new();

        let mut output = Output::create(&path).unwrap();
        output.writer(&stop).write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read(&path).unwrap(), b"old");

        let mut output = Output::create(&path).unwrap();
        output.writer(&stop).write_all(b"whole").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = Output::create(&link).unwrap();
        let stop = CancellationToken::new();
        output.writer(&stop).write_all(b"new").unwrap();
        output.finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn a_device_is_written_to_not_replaced() {
        let output = Output::create(Path::new("/dev/null")).unwrap();
        assert!(output.scratch_directory().is_none());
        output.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = Output::create(Path::new("/nowhere/at/all.xlsx"))
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::OutputUnwritable);
        assert!(error.message().contains("/nowhere/at/all.xlsx"));
    }
}
