//! The private server: a real PostgreSQL in the user's own directory, for those who have no other.
//!
//! The server programs are found on the machine (`binaries`), a data directory is made once (`cluster`), and the
//! server runs on (`launch`) until it is stopped (`shutdown`). The directory of one private server:
//!
//! | name | what |
//! |---|---|
//! | `sheetload-server.txt` | says whose directory it is |
//! | `data/` | PostgreSQL's data directory |
//! | `run/` | the socket; in `/tmp/sheetload-…` when the path would be too long for one |
//! | `password` | the superuser's password, readable by the user alone |
//! | `port` | the port of the last start |
//! | `server.log` | the server's messages |
//! | `lock` | held while somebody starts or stops the server |
//!
//! The truth about a running server is its `postmaster.pid` and a connection that answers, never a state of our
//! own. PostgreSQL refuses to run as root; `account` says who runs it then.

mod account;
mod binaries;
mod cluster;
mod files;
mod install;
mod launch;
mod listening;
mod location;
mod lock;
mod postmaster;
mod probe;
mod running;
mod shutdown;

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

pub use binaries::BINARIES_VARIABLE;
pub use location::HOME_VARIABLE;
pub use running::{Password, Running};

use account::Account;
use binaries::Search;
use launch::{Connected, Launch};
use location::{Layout, Surroundings};
use lock::Lock;
use postmaster::Postmaster;

/// What the server promises about committed data when the machine goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A commit is on the disk (`fsync` on).
    #[default]
    Full,
    /// Fast, and lost with the machine: for throw-away servers in tests.
    None,
}

/// How a private server is made and started.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// What a commit is worth.
    pub durability: Durability,
}

/// The state of a private server.
#[derive(Debug, Clone)]
pub enum Status {
    /// There is no data directory.
    NotInitialised,
    /// There is a data directory, but no server.
    Stopped {
        /// The major version that made the data directory.
        version: String,
        /// Whether the server ended without a shutdown; the next start recovers it.
        crashed: bool,
    },
    /// The server's process is alive but does not answer: it is starting, stopping or recovering.
    Changing {
        /// The server's process id.
        pid: u32,
    },
    /// The server has just answered a query.
    Running(Running),
}

/// What a stop found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The server was stopped, and its process is gone.
    Stopped {
        /// The process id that it had.
        pid: u32,
    },
    /// There was no server to stop.
    WasNotRunning,
}

/// A private server, running or not: the directory that it lives in.
///
/// Several processes may use the same one; starts and stops exclude each other by a lock file. The server runs
/// on when this value is dropped and when the process ends.
#[derive(Debug, Clone)]
pub struct PrivateServer {
    layout: Layout,
    options: ServerOptions,
}

impl PrivateServer {
    /// The server in the default directory: `SHEETLOAD_HOME`, else for root `/var/lib/sheetload`, else
    /// `$XDG_DATA_HOME/sheetload` or `~/.local/share/sheetload`, on macOS
    /// `~/Library/Application Support/sheetload`. Touches no file.
    ///
    /// # Errors
    /// [`ErrorKind::ServerFailed`] if the environment gives no directory.
    pub fn at_default_location() -> Result<Self> {
        let base = location::default_base(&Surroundings::of_this_process())?;
        Ok(Self::at(&base))
    }

    /// The server in this directory, an absolute path. Touches no file.
    #[must_use]
    pub fn at(base: &Path) -> Self {
        Self {
            layout: Layout::new(base),
            options: ServerOptions::default(),
        }
    }

    /// With these options instead of the default ones; they count for a server that is started from here.
    #[must_use]
    pub fn with_options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// The directory of all its files.
    #[must_use]
    pub fn base(&self) -> &Path {
        self.layout.base()
    }

    /// The file with the server's messages.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.layout.log()
    }

    /// The file with the superuser's password.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.layout.password()
    }

    /// Makes sure that the server runs and answers: makes its data directory if there is none, recovers it after a
    /// crash, and does nothing but a connection test if it runs already.
    ///
    /// # Errors
    /// [`ErrorKind::ServerNotInstalled`] without server programs, [`ErrorKind::ServerVersionMismatch`] if the data
    /// are of a major version that is not installed, [`ErrorKind::AuthenticationFailed`] if the password file does
    /// not fit, [`ErrorKind::TooFewConnections`] if the running server is full, else [`ErrorKind::ServerFailed`].
    pub async fn start(&self) -> Result<Running> {
        if let Some(running) = self.running().await? {
            return Ok(running);
        }
        let account = Account::choose(&self.layout.data())?;
        self.claim_base(&account)?;
        let _lock = Lock::acquire(&self.layout.lock()).await?;
        cluster::remove_left_overs(&self.layout)?;
        let search = Search::on_this_machine();
        let data = self.layout.data();
        let version = self.data_version()?;
        let wanted = version.as_deref().map(|version| (version, data.as_path()));
        let binaries = search.find(&account, wanted).await?;
        if version.is_none() {
            tracing::info!(base = %self.base().display(), version = binaries.version(), "making a data directory");
            cluster::create(&self.layout, &binaries, &account, self.options.durability).await?;
        }
        let password = self.password()?;
        Launch {
            layout: &self.layout,
            binaries: &binaries,
            account: &account,
            password: &password,
            durability: self.options.durability,
        }
        .start()
        .await
    }

    /// Looks at the server without changing anything.
    ///
    /// # Errors
    /// [`ErrorKind::ServerFailed`] if its files can't be read, [`ErrorKind::AuthenticationFailed`] if it runs with
    /// another password than that of its file, [`ErrorKind::TooFewConnections`] if it is full.
    pub async fn status(&self) -> Result<Status> {
        let Some(version) = self.data_version()? else {
            return Ok(Status::NotInitialised);
        };
        let found = Postmaster::look(&self.layout)?;
        let file = match &found {
            Postmaster::Alive(file) => file,
            Postmaster::Absent | Postmaster::Stale => {
                return Ok(Status::Stopped {
                    version,
                    crashed: found == Postmaster::Stale,
                });
            }
        };
        let password = self.password()?;
        Ok(
            match launch::connect(&self.layout, file, &password).await? {
                Connected::Yes(running) => Status::Running(running),
                Connected::WithoutDatabase(_) | Connected::No => Status::Changing { pid: file.pid },
            },
        )
    }

    /// Stops the server if it runs: open transactions are rolled back, connections closed. Returns when its
    /// process is gone.
    ///
    /// # Errors
    /// [`ErrorKind::ServerFailed`] if it can't be signalled or does not end in two minutes.
    pub async fn stop(&self) -> Result<Stopped> {
        if !self.layout.marker().exists() {
            return Ok(Stopped::WasNotRunning);
        }
        let _lock = Lock::acquire(&self.layout.lock()).await?;
        shutdown::stop(&self.layout).await
    }

    /// Stops the server and deletes its files with all databases in it; other files in its directory stay. Does
    /// nothing where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::ServerFailed`] if the directory is not a private server's, or a file can't be removed.
    pub async fn destroy(&self) -> Result<()> {
        if !self.base().exists() {
            return Ok(());
        }
        if !self.layout.marker().exists() {
            return Err(Error::new(
                ErrorKind::ServerFailed,
                format!(
                    "{} is not the directory of a private server: nothing was deleted",
                    self.base().display()
                ),
            )
            .next_step(format!("Check {HOME_VARIABLE}")));
        }
        let _lock = Lock::acquire(&self.layout.lock()).await?;
        shutdown::stop(&self.layout).await?;
        shutdown::remove_files(&self.layout).await
    }

    /// A client program such as `psql`: that of the server's own version if it is installed, else the one on the
    /// search path.
    ///
    /// # Errors
    /// [`ErrorKind::ServerFailed`] if the server's files can't be read.
    pub async fn client_program(&self, name: &str) -> Result<Option<PathBuf>> {
        let data = self.layout.data();
        let version = self.data_version()?;
        let wanted = version.as_deref().map(|version| (version, data.as_path()));
        let search = Search::on_this_machine();
        let beside = match search.find(&Account::choose(&data)?, wanted).await {
            Ok(binaries) => Some(binaries.program(name)),
            // The running server's programs may have been removed since; any client will do.
            Err(_) => None,
        };
        Ok(beside
            .filter(|program| program.is_file())
            .or_else(|| search.on_path(name)))
    }

    async fn running(&self) -> Result<Option<Running>> {
        Ok(match self.status().await? {
            Status::Running(running) => Some(running),
            _ => None,
        })
    }

    /// The major version that made the data directory, if there is one.
    fn data_version(&self) -> Result<Option<String>> {
        let text = files::read_if_there(&self.layout.version_file())?;
        Ok(text.map(|text| text.trim().to_owned()))
    }

    fn password(&self) -> Result<Password> {
        cluster::read_password(&self.layout)?.ok_or_else(|| {
            let path = self.password_file();
            Error::new(
                ErrorKind::AuthenticationFailed,
                format!("the private server's password is not in {}", path.display()),
            )
            .in_file(&path)
            .next_step("Put it back, or start afresh with `sheetload db destroy`")
        })
    }

    /// Makes the base directory and marks it as ours. Refuses one that holds something else.
    fn claim_base(&self, account: &Account) -> Result<()> {
        let base = self.base();
        // Before anything is made, and again when all of the path is there.
        account.require_reachable(base)?;
        if let Some(parent) = base.parent() {
            std::fs::create_dir_all(parent)
                .map_err(|error| files::failed("create", parent, error))?;
        }
        files::create_directory(base, account.base_mode())?;
        account.require_reachable(base)?;
        let is_empty = std::fs::read_dir(base)
            .map_err(|error| files::failed("read", base, error))?
            .next()
            .is_none();
        let marker = self.layout.marker();
        // Looked at after the listing: somebody else may be making the same server right now.
        if marker.exists() {
            return Ok(());
        }
        if !is_empty {
            return Err(Error::new(
                ErrorKind::ServerFailed,
                format!(
                    "{} holds other files: a private server needs a directory of its own",
                    base.display()
                ),
            )
            .next_step(format!("Set {HOME_VARIABLE} to an empty or new directory")));
        }
        files::write(&marker, MARKER_TEXT)
    }
}

const MARKER_TEXT: &str = "\
This directory belongs to sheetload's private PostgreSQL server.
`sheetload db status` tells about it, `sheetload db psql` opens a session,
`sheetload db destroy` stops it and deletes it with all its tables.
";
