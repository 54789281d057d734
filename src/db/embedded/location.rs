//! Where the private server's files are.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// The environment variable that names the directory of the private server, instead of the default one.
pub const HOME_VARIABLE: &str = "SHEETLOAD_HOME";

/// The longest socket path, in bytes: `sun_path` less its closing NUL (unix(7) on Linux, unix(4) on macOS).
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The file name of a socket without its port (PostgreSQL documentation, `unix_socket_directories`).
pub(super) const SOCKET_PREFIX: &str = ".s.PGSQL.";

/// The environment that the default directory follows from, as a value, so that it can be tested.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    pub(super) home_variable: Option<OsString>,
    pub(super) xdg_data_home: Option<OsString>,
    pub(super) home: Option<OsString>,
    pub(super) is_root: bool,
    pub(super) is_macos: bool,
}

impl Surroundings {
    pub(super) fn of_this_process() -> Self {
        Self {
            home_variable: std::env::var_os(HOME_VARIABLE),
            xdg_data_home: std::env::var_os("XDG_DATA_HOME"),
            home: std::env::var_os("HOME"),
            is_root: nix::unistd::geteuid().is_root(),
            is_macos: cfg!(target_os = "macos"),
        }
    }
}

/// The default directory: `SHEETLOAD_HOME`; for root `/var/lib/sheetload`, because the server runs as another
/// user, who can't reach root's home; else the user's data directory (XDG Base Directory Specification 0.8:
/// a relative `XDG_DATA_HOME` is ignored).
pub(super) fn default_base(surroundings: &Surroundings) -> Result<PathBuf> {
    if let Some(chosen) = non_empty(surroundings.home_variable.as_ref()) {
        return std::path::absolute(&chosen).map_err(|error| {
            Error::new(
                ErrorKind::ServerFailed,
                format!("{HOME_VARIABLE} is not a usable path: {}", chosen.display()),
            )
            .caused_by(error)
        });
    }
    if surroundings.is_root {
        return Ok(PathBuf::from("/var/lib/sheetload"));
    }
    let xdg = non_empty(surroundings.xdg_data_home.as_ref()).filter(|path| path.is_absolute());
    let home = non_empty(surroundings.home.as_ref()).filter(|path| path.is_absolute());
    let parent = match (xdg, home) {
        (Some(xdg), _) => xdg,
        (None, Some(home)) if surroundings.is_macos => home.join("Library/Application Support"),
        (None, Some(home)) => home.join(".local/share"),
        (None, None) => {
            return Err(Error::new(
                ErrorKind::ServerFailed,
                "no place for the private server: HOME is not set",
            )
            .next_step(format!("Set {HOME_VARIABLE} to a directory for it")));
        }
    };
    Ok(parent.join("sheetload"))
}

fn non_empty(value: Option<&OsString>) -> Option<PathBuf> {
    value.filter(|text| !text.is_empty()).map(PathBuf::from)
}

/// The files below the private server's directory.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    base: PathBuf,
}

impl Layout {
    pub(super) fn new(base: &Path) -> Self {
        Self {
            base: base.to_owned(),
        }
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Says whose directory this is, to people and to [`super::PrivateServer::destroy`].
    pub(super) fn marker(&self) -> PathBuf {
        self.base.join("sheetload-server.txt")
    }

    /// PostgreSQL's data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.base.join("data")
    }

    /// The major version that made the data directory (PostgreSQL documentation, "Database File Layout").
    pub(super) fn version_file(&self) -> PathBuf {
        self.data().join("PG_VERSION")
    }

    /// Written by a running server: its process, port, socket directory and state.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    /// The password of the role `sheetload`.
    pub(super) fn password(&self) -> PathBuf {
        self.base.join("password")
    }

    /// The port of the last start.
    pub(super) fn port(&self) -> PathBuf {
        self.base.join("port")
    }

    /// Held while the server is started, stopped or destroyed.
    pub(super) fn lock(&self) -> PathBuf {
        self.base.join("lock")
    }

    /// What the server has to say.
    pub(super) fn log(&self) -> PathBuf {
        self.base.join("server.log")
    }

    /// The log before the last one.
    pub(super) fn old_log(&self) -> PathBuf {
        self.base.join("server.log.old")
    }

    /// A name for a data directory in the making.
    pub(super) fn staging(&self, suffix: &str) -> PathBuf {
        self.base.join(format!("{STAGING_PREFIX}{suffix}"))
    }

    /// The directory of the server's socket: below the base, or in `/tmp` when that path is too long for one, or
    /// when it has a comma, at which libpq splits a list of hosts.
    pub(super) fn socket_directory(&self) -> PathBuf {
        let usual = self.usual_socket_directory();
        // A port has at most five digits.
        let longest = usual.as_os_str().len() + "/".len() + SOCKET_PREFIX.len() + "65535".len();
        if longest <= LONGEST_SOCKET_PATH && !usual.as_os_str().as_bytes().contains(&b',') {
            usual
        } else {
            self.short_socket_directory()
        }
    }

    pub(super) fn usual_socket_directory(&self) -> PathBuf {
        self.base.join("run")
    }

    /// The same short path for the same base in every release: hence an own hash (FNV-1a, 64 bits).
    pub(super) fn short_socket_directory(&self) -> PathBuf {
        let hash = self
            .base
            .as_os_str()
            .as_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        PathBuf::from(format!("/tmp/sheetload-{hash:016x}"))
    }

    /// Data directories in the making that a killed start left behind.
    pub(super) fn left_over_stagings(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.base)? {
            let entry = entry?;
            if entry
                .file_name()
                .as_bytes()
                .starts_with(STAGING_PREFIX.as_bytes())
            {
                found.push(entry.path());
            }
        }
        Ok(found)
    }
}

const STAGING_PREFIX: &str = "staging-";

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            home: Some("/home/ann".into()),
            ..Surroundings::default()
        }
    }

    #[test]
    fn the_default_base_follows_the_platform() {
        let linux = surroundings();
        assert_eq!(
            default_base(&linux).unwrap(),
            Path::new("/home/ann/.local/share/sheetload")
        );
        let macos = Surroundings {
            is_macos: true,
            ..surroundings()
        };
        assert_eq!(
            default_base(&macos).unwrap(),
            Path::new("/home/ann/Library/Application Support/sheetload")
        );
        let root = Surroundings {
            is_root: true,
            ..surroundings()
        };
        assert_eq!(
            default_base(&root).unwrap(),
            Path::new("/var/lib/sheetload")
        );
    }

    #[test]
    fn xdg_data_home_counts_when_absolute_and_the_override_always() {
        let mut chosen = surroundings();
        chosen.xdg_data_home = Some("/data/ann".into());
        assert_eq!(
            default_base(&chosen).unwrap(),
            Path::new("/data/ann/sheetload")
        );
        chosen.xdg_data_home = Some("relative".into());
        assert_eq!(
            default_base(&chosen).unwrap(),
            Path::new("/home/ann/.local/share/sheetload")
        );
        chosen.is_root = true;
        chosen.home_variable = Some("/srv/pg".into());
        assert_eq!(default_base(&chosen).unwrap(), Path::new("/srv/pg"));
    }

    #[test]
    fn without_a_home_the_error_names_the_variable() {
        let error = default_base(&Surroundings::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerFailed);
        assert!(error.advice().unwrap().contains(HOME_VARIABLE));
    }

    #[test]
    fn a_long_base_gets_a_short_socket_directory() {
        let short = Layout::new(Path::new("/var/lib/sheetload"));
        assert_eq!(
            short.socket_directory(),
            Path::new("/var/lib/sheetload/run")
        );

        // "/run/.s.PGSQL.65535" is 19 bytes: the longest base that fits, and one byte more.
        let limit = LONGEST_SOCKET_PATH - 19;
        let fits = format!("/{}", "a".repeat(limit - 1));
        let too_long = format!("/{}", "a".repeat(limit));
        assert!(
            Layout::new(Path::new(&fits))
                .socket_directory()
                .starts_with(&fits)
        );
        let elsewhere = Layout::new(Path::new(&too_long)).socket_directory();
        assert!(elsewhere.starts_with("/tmp"));
        let comma = Layout::new(Path::new("/srv/a,b")).socket_directory();
        assert!(comma.starts_with("/tmp"));
        assert_ne!(
            elsewhere,
            Layout::new(Path::new(&format!("{too_long}b"))).socket_directory()
        );
    }
}
