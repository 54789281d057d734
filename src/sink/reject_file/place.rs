//! Where a file of rejected rows goes: to a name that nothing has yet.
//!
//! What bears the wanted name already is somebody's: yesterday's rejects, perhaps not yet fixed, or a file that has
//! nothing to do with this program. It is never removed or written to; the new file gets a number instead.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek as _};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Permissions of a new file, before the process's umask.
const NEW_FILE_MODE: u32 = 0o666;
/// How many names are tried; whoever has more files of rejects has not looked at them for long.
const NAMES: u32 = 10_000;

/// The place of a file.
#[derive(Debug)]
pub(super) struct Place {
    wanted: PathBuf,
    kind: Kind,
}

/// What the name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file of this name, or of the next number that is free.
    File,
    /// A device such as `/dev/null`, perhaps behind a symbolic link: it is written to, and stays.
    Device,
}

/// A file that has no name yet, or one that goes with it.
pub(super) enum Unfinished {
    /// It is gone with the process, however that ends.
    Unnamed(File),
    /// Where the file system or the platform knows no files without names.
    Named(NamedTempFile),
}

impl Place {
    /// Looks what is there, and whether a file can be put beside it.
    ///
    /// # Errors
    /// A directory, a pipe or a socket of that name; no such directory, or one that cannot be written to.
    pub(super) fn find(path: &Path) -> io::Result<Self> {
        let kind = match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if there.file_type().is_char_device() => Kind::Device,
            // A pipe holds the load up until somebody reads it, and for ever where nobody does.
            Ok(there) if !there.is_file() => return Err(io::Error::other("not a regular file")),
            Ok(_) => Kind::File,
            // A link to nothing is a name that is taken, too; what it names is not this program's to make.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kind::File,
            Err(error) => return Err(error),
        };
        let place = Self {
            wanted: path.to_owned(),
            kind,
        };
        if kind == Kind::File {
            drop(place.create_unfinished()?);
        }
        Ok(place)
    }

    /// Whether it is this file, by whatever name.
    pub(super) fn is_file(&self, other: &Path) -> bool {
        match (fs::metadata(&self.wanted), fs::metadata(other)) {
            (Ok(there), Ok(other)) => {
                self.kind == Kind::File && (there.dev(), there.ino()) == (other.dev(), other.ino())
            }
            _ => false,
        }
    }

    /// Whether rows go to a device, which has neither an end nor a name to take.
    pub(super) fn is_device(&self) -> bool {
        self.kind == Kind::Device
    }

    /// Makes a new file, for rows that are written as they come. Gives its path, too.
    pub(super) fn create(&self) -> io::Result<(File, PathBuf)> {
        if self.kind == Kind::Device {
            let device = OpenOptions::new().write(true).open(&self.wanted)?;
            return Ok((device, self.wanted.clone()));
        }
        self.first_free(|path| {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(NEW_FILE_MODE)
                .open(path)
        })
    }

    /// Makes a file in the same directory that is given its name when it is complete.
    pub(super) fn create_unfinished(&self) -> io::Result<Unfinished> {
        let directory = self.directory();
        // Says that the directory is missing in the system's own words, without a temporary file's name.
        fs::metadata(directory)?;
        if let Some(file) = unnamed_in(directory) {
            return Ok(Unfinished::Unnamed(file));
        }
        self.create_beside().map(Unfinished::Named)
    }

    fn create_beside(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(".sheetload-")
            .suffix(".part")
            .permissions(Permissions::from_mode(NEW_FILE_MODE))
            .tempfile_in(self.directory())
            .map_err(|error| io::Error::from(error.kind()))
    }

    /// Its directory, for scratch files: there is the space that the user chose.
    pub(super) fn directory(&self) -> &Path {
        match self.wanted.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// Gives a complete file its name, and says which.
    pub(super) fn take(&self, file: Unfinished) -> io::Result<PathBuf> {
        let file = match file {
            Unfinished::Named(file) => file,
            Unfinished::Unnamed(mut file) => match self.first_free(|path| link(&file, path)) {
                Ok(((), path)) => return Ok(path),
                // No /proc, or a file system that gives no second names.
                Err(_) => {
                    let mut copy = self.create_beside()?;
                    file.rewind()?;
                    io::copy(&mut file, copy.as_file_mut())?;
                    copy
                }
            },
        };
        let mut file = Some(file);
        let named = self.first_free(|path| match file.take() {
            Some(part) => part.persist_noclobber(path).map(drop).map_err(|error| {
                file = Some(error.file);
                error.error
            }),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        named.map(|((), path)| path)
    }

    /// Tries names until one is free: `rejects.csv`, `rejects-2.csv`, ... `make` must fail where something has the name.
    fn first_free<T>(
        &self,
        mut make: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<(T, PathBuf)> {
        for number in 1..=NAMES {
            let path = self.numbered(number);
            match make(&path) {
                Ok(made) => return Ok((made, path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        if number == 1 {
            return self.wanted.clone();
        }
        let mut name = self.wanted.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = self.wanted.extension() {
            name.push(".");
            name.push(extension);
        }
        self.wanted.with_file_name(name)
    }
}

impl Unfinished {
    pub(super) fn as_file_mut(&mut self) -> &mut File {
        match self {
            Self::Unnamed(file) => file,
            Self::Named(file) => file.as_file_mut(),
        }
    }
}

/// Removes a file that this program made, unless somebody has put another one in its place.
pub(super) fn remove_own(file: &File, path: &Path) -> io::Result<()> {
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) if (there.dev(), there.ino()) == (own.dev(), own.ino()) => fs::remove_file(path),
        _ => Ok(()),
    }
}

/// A file without a name in this directory, where the system can make one.
#[cfg(target_os = "linux")]
fn unnamed_in(directory: &Path) -> Option<File> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(NEW_FILE_MODE)
        .custom_flags(nix::fcntl::OFlag::O_TMPFILE.bits())
        .open(directory);
    opened.ok()
}

#[cfg(not(target_os = "linux"))]
fn unnamed_in(_directory: &Path) -> Option<File> {
    None
}

/// Gives a file without a name this one (open(2), under `O_TMPFILE`).
fn link(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    use nix::fcntl::{AT_FDCWD, AtFlags};

    let open = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    nix::unistd::linkat(AT_FDCWD, &open, AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)
        .map_err(io::Error::from)
}
