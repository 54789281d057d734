//! Where a file of rejected rows goes.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Permissions of a new file, before the process's umask.
const NEW_FILE_MODE: u32 = 0o666;

/// The place of a file: behind a symbolic link the file that it points to, so that the link stays.
#[derive(Debug)]
pub(super) struct Place {
    target: PathBuf,
    there: Option<There>,
}

/// What is there already.
#[derive(Debug)]
struct There {
    /// Device and number of the file.
    id: (u64, u64),
    kind: Kind,
}

/// Whether what is there can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    /// A pipe or a device.
    Stream,
}

impl Place {
    /// Looks what is there.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    target: path.to_owned(),
                    there: None,
                });
            }
            Err(error) => return Err(error),
        };
        let kind = if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Directory
        } else {
            Kind::Stream
        };
        Ok(Self {
            target: match kind {
                Kind::File => fs::canonicalize(path)?,
                Kind::Directory | Kind::Stream => path.to_owned(),
            },
            there: Some(There {
                id: (metadata.dev(), metadata.ino()),
                kind,
            }),
        })
    }

    /// Whether it is this file, by whatever name.
    pub(super) fn is_file(&self, other: &Path) -> bool {
        let there = self.there.as_ref().filter(|there| there.kind == Kind::File);
        match (there, fs::metadata(other)) {
            (Some(there), Ok(other)) => there.id == (other.dev(), other.ino()),
            _ => false,
        }
    }

    /// Opens the file for rows that are written as they come, and empties it.
    pub(super) fn create(&self) -> io::Result<File> {
        File::create(&self.target)
    }

    /// Removes what is there, so that it does not pass for this load's, if a file can be put there.
    pub(super) fn clear(&self) -> io::Result<()> {
        drop(self.create_beside()?);
        match self.there.as_ref().map(|there| there.kind) {
            None => Ok(()),
            Some(Kind::File) => fs::remove_file(&self.target),
            Some(Kind::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            Some(Kind::Stream) => Err(io::Error::other("not a regular file")),
        }
    }

    /// Makes a file beside it that takes its place when it is complete.
    pub(super) fn create_beside(&self) -> io::Result<NamedTempFile> {
        let directory = self.directory();
        // Says that the directory is missing in the system's own words, without the temporary file's name.
        fs::metadata(directory)?;
        tempfile::Builder::new()
            .prefix(".sheetload-")
            .suffix(".part")
            .permissions(Permissions::from_mode(NEW_FILE_MODE))
            .tempfile_in(directory)
            .map_err(|error| io::Error::from(error.kind()))
    }

    /// Its directory, for scratch files: there is the space that the user chose.
    pub(super) fn directory(&self) -> &Path {
        match self.target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// Puts a file into its place.
    pub(super) fn take(&self, file: NamedTempFile) -> io::Result<()> {
        let persisted = file.persist(&self.target);
        persisted.map(drop).map_err(|error| error.error)
    }

    /// Removes the file; a pipe or device stays.
    pub(super) fn remove(&self) -> io::Result<()> {
        match self.there.as_ref().map(|there| there.kind) {
            None | Some(Kind::File) => fs::remove_file(&self.target),
            Some(Kind::Directory | Kind::Stream) => Ok(()),
        }
    }
}
