//! The server that is loaded into, and a database of the bench's own in it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use sheetload::db::embedded::PrivateServer;
use tempfile::TempDir;
use url::Url;

use crate::failure::{Result, While as _};
use crate::measure::{failed, plain};
use crate::report::ServerFacts;

/// The settings that decide how fast a server writes.
const SETTINGS: [&str; 7] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "max_wal_size",
    "shared_buffers",
    "checkpoint_timeout",
];

/// A server with an empty database that belongs to the bench.
#[derive(Debug)]
pub(crate) struct Server {
    psql: PathBuf,
    /// Of the database that the server has anyway.
    base: Url,
    /// Of the bench's database.
    url: Url,
    database: String,
    throw_away: Option<ThrowAway>,
}

/// A server that is destroyed at the end.
#[derive(Debug)]
struct ThrowAway {
    server: PrivateServer,
    /// Of the server alone.
    directory: TempDir,
}

impl Server {
    /// Takes the server behind the URL, or starts a throw-away one with the settings that PostgreSQL comes with, and
    /// creates a database.
    ///
    /// # Errors
    /// When there is no server, or no database can be created in it.
    pub(crate) async fn start(url: Option<&str>) -> Result<Self> {
        let (base, throw_away) = match url {
            Some(url) => (url.to_owned(), None),
            None => {
                let directory = tempfile::Builder::new()
                    .prefix("sheetload-bench-")
                    .tempdir()
                    .doing("make a directory for the server")?;
                // For root, the server is another user, who must get through.
                let mode = std::fs::Permissions::from_mode(0o711);
                std::fs::set_permissions(directory.path(), mode)
                    .doing("open the server's directory to it")?;
                let server = PrivateServer::at(&directory.path().join("server"));
                let running = server.start().await?;
                let throw_away = ThrowAway { server, directory };
                (running.url(), Some(throw_away))
            }
        };
        let base = Url::parse(&base).doing("read the database's URL")?;
        let programs = match &throw_away {
            Some(own) => own.server.clone(),
            // Nothing is there; whatever client is installed will do.
            None => PrivateServer::at(&std::env::temp_dir().join("sheetload-bench-no-server")),
        };
        let psql = programs.client_program("psql").await?;
        let database = format!("sheetload_bench_{}", std::process::id());
        let mut url = base.clone();
        url.set_path(&database);
        let server = Self {
            psql: psql.ok_or("psql is not installed")?,
            base,
            url,
            database,
            throw_away,
        };
        let created = server.run_in(
            &server.base,
            &[format!("CREATE DATABASE {}", server.database)],
        );
        if let Err(error) = created {
            server.remove().await?;
            return Err(error);
        }
        Ok(server)
    }

    /// Removes the database, or the whole server if it was started here.
    ///
    /// # Errors
    /// When something stays.
    pub(crate) async fn remove(&self) -> Result<()> {
        match &self.throw_away {
            Some(own) => {
                own.server.destroy().await?;
                let directory = own.directory.path();
                std::fs::remove_dir(directory).doing(format_args!("remove {}", directory.display()))
            }
            None => {
                let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
                self.run_in(&self.base, &[drop]).map(|_printed| ())
            }
        }
    }

    /// The client program.
    pub(crate) fn psql(&self) -> &PathBuf {
        &self.psql
    }

    /// The database's URL, with the password in it if it has one.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Runs statements, each by itself, and gives what psql prints.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) fn run(&self, statements: &[String]) -> Result<String> {
        self.run_in(&self.url, statements)
    }

    /// Counts a table's rows.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) fn count(&self, table: &str) -> Result<u64> {
        let printed = self.run(&[format!("SELECT count(*) FROM {table}")])?;
        printed.trim().parse().doing("read the number of rows")
    }

    /// What a report says about it.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) fn facts(&self) -> Result<ServerFacts> {
        let show = |name: &str| -> Result<String> {
            Ok(self.run(&[format!("SHOW {name}")])?.trim().to_owned())
        };
        let mut settings = BTreeMap::new();
        for name in SETTINGS {
            settings.insert(name.to_owned(), show(name)?);
        }
        Ok(ServerFacts {
            version: show("server_version")?,
            settings,
        })
    }

    fn run_in(&self, url: &Url, statements: &[String]) -> Result<String> {
        let mut command = Command::new(&self.psql);
        command
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(url.as_str());
        for statement in statements {
            command.arg("-c").arg(statement);
        }
        let output = plain(&mut command).output().doing("run psql")?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed("psql failed", &output))
        }
    }
}
