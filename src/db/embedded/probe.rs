//! Asking the server whether it answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::error::{Error, ErrorKind, Result};

use super::running::{DATABASE, Password, USER};

/// A server on this machine that takes longer is not working.
const PATIENCE: Duration = Duration::from_secs(5);

/// How to reach the server: its socket, because that has no address that somebody else could have taken.
#[derive(Debug, Clone)]
pub(super) struct Address<'a> {
    pub(super) socket_directory: &'a Path,
    pub(super) port: u16,
    pub(super) password: &'a Password,
    /// Named in messages.
    pub(super) password_file: PathBuf,
}

/// What came of a connection attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The server's version.
    Ready { version: String },
    /// It answers, but the database `sheetload` is not there.
    NoDatabase,
    /// No connection, or the server says that it is starting, stopping or recovering.
    NotYet,
}

impl Address<'_> {
    /// Connects to the database `sheetload` and asks for the version.
    pub(super) async fn ask(&self) -> Result<Answer> {
        match self.query(DATABASE, "SHOW server_version").await {
            Ok(Some(version)) => Ok(Answer::Ready {
                version: number_in(&version).to_owned(),
            }),
            Ok(None) => Ok(Answer::NotYet),
            Err(error) => match error.code() {
                Some(&SqlState::INVALID_CATALOG_NAME) => Ok(Answer::NoDatabase),
                Some(&SqlState::INVALID_PASSWORD) => Err(self.refused()),
                Some(&SqlState::TOO_MANY_CONNECTIONS) => Err(Error::new(
                    ErrorKind::TooFewConnections,
                    "the private server has no free connection",
                )
                .caused_by(error)
                .next_step(
                    "Close other connections to it, or restart it with `sheetload db stop`",
                )),
                _ => Ok(Answer::NotYet),
            },
        }
    }

    /// Creates the database `sheetload`, which `initdb` does not.
    pub(super) async fn create_database(&self) -> Result<()> {
        let created = self
            .query("postgres", &format!("CREATE DATABASE {DATABASE}"))
            .await;
        match created {
            // Somebody else created it meanwhile.
            Err(error) if error.code() != Some(&SqlState::DUPLICATE_DATABASE) => Err(Error::new(
                ErrorKind::ServerFailed,
                format!("could not create the database {DATABASE} in the private server"),
            )
            .caused_by(error)),
            _ => Ok(()),
        }
    }

    /// Runs one statement on a connection of its own; gives the first value of the first row. Nothing when the
    /// server took too long.
    async fn query(
        &self,
        database: &str,
        statement: &str,
    ) -> Result<Option<String>, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(self.socket_directory)
            .port(self.port)
            .user(USER)
            .password(self.password.expose())
            .dbname(database)
            .application_name("sheetload");
        let work = async {
            let (client, connection) = config.connect(NoTls).await?;
            let answer = client.simple_query(statement);
            // The connection must be polled for the answer to come; both stay in this task.
            tokio::select! {
                answer = answer => answer,
                end = connection => end.map(|()| Vec::new()),
            }
        };
        match tokio::time::timeout(PATIENCE, Box::pin(work)).await {
            Ok(messages) => Ok(messages?.iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })),
            Err(_elapsed) => Ok(None),
        }
    }

    fn refused(&self) -> Error {
        Error::new(
            ErrorKind::AuthenticationFailed,
            format!(
                "the private server does not accept the password in {}",
                self.password_file.display()
            ),
        )
        .next_step(format!(
            "Write the password of its role {USER} into that file, or start afresh with `sheetload db destroy`"
        ))
    }
}

/// The version without what a distribution adds: "15.18 (Debian 15.18-0+deb12u1)".
fn number_in(version: &str) -> &str {
    version.split_whitespace().next().unwrap_or(version)
}
