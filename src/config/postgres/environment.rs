//! What the settings take from the process and the machine, as a value, so that tests need not change either.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

/// The directories where PostgreSQL's packages put the server's socket: Debian, Ubuntu, Red Hat; then
/// PostgreSQL's own default, which Homebrew keeps.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Environment variables, home directory, user name and socket directories.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    home: Option<PathBuf>,
    user: Option<String>,
    socket_directories: Vec<PathBuf>,
}

impl Environment {
    /// An environment with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The environment of this process. Only `DATABASE_URL` and the variables that begin with `PG` are
    /// kept; those that are not UTF-8 are left out. The home directory is `HOME`, else the one of the
    /// effective user, who also gives the user name (PostgreSQL documentation, 34.1.2).
    #[must_use]
    pub fn from_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("PG") || name == "DATABASE_URL")
            .collect();
        let account = User::from_uid(geteuid()).ok().flatten();
        let home = std::env::var_os("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
            .or_else(|| account.as_ref().map(|account| account.dir.clone()));
        Self {
            variables,
            home,
            user: account.map(|account| account.name),
            socket_directories: SOCKET_DIRECTORIES.iter().map(PathBuf::from).collect(),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Sets the home directory.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Sets the operating system's user name.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Adds a directory in which to look for a server's socket when no host is given.
    #[must_use]
    pub fn with_socket_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.socket_directories.push(directory.into());
        self
    }

    /// A variable's value. An empty one counts as not set, as in libpq.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a variable is set, to nothing.
    pub(super) fn is_empty_variable(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(String::is_empty)
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The operating system's user name.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The directories in which to look for a server's socket.
    #[must_use]
    pub fn socket_directories(&self) -> &[PathBuf] {
        &self.socket_directories
    }
}

/// Shows the names of the variables only: `PGPASSWORD` and `DATABASE_URL` hold secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("user", &self.user)
            .field("socket_directories", &self.socket_directories)
            .finish()
    }
}
