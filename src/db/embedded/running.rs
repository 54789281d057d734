//! A private server that answers, and how to connect to it.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The superuser role of the private server.
pub(super) const USER: &str = "sheetload";
/// The database that the private server offers.
pub(super) const DATABASE: &str = "sheetload";
/// The only address the server listens on, besides its socket.
pub(super) const HOST: &str = "127.0.0.1";

/// A password that does not show in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password itself, for a connection. Never for a message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A private server that has answered a query.
#[derive(Debug, Clone)]
pub struct Running {
    pub(super) pid: u32,
    pub(super) port: u16,
    pub(super) socket_directory: PathBuf,
    pub(super) data_directory: PathBuf,
    pub(super) log_file: PathBuf,
    pub(super) version: String,
    pub(super) started_now: bool,
    pub(super) password: Password,
}

impl Running {
    /// The process id of the server's first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The address for TCP connections: the loopback interface.
    #[must_use]
    pub fn host(&self) -> &str {
        HOST
    }

    /// The port, which is also part of the socket's name. It stays the same over restarts while it is free.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the server's Unix socket: libpq's `host` for a connection without TCP.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }

    /// The role to connect as, a superuser.
    #[must_use]
    pub fn user(&self) -> &str {
        USER
    }

    /// The database to connect to.
    #[must_use]
    pub fn database(&self) -> &str {
        DATABASE
    }

    /// The role's password.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.password
    }

    /// PostgreSQL's data directory.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// The file that the server's messages go to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log_file
    }

    /// The server's version: `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it was started by the call that gave this value, rather than found running.
    #[must_use]
    pub fn started_now(&self) -> bool {
        self.started_now
    }

    /// A connection URL for TCP (PostgreSQL documentation, "Connection URIs"), to be shown.
    #[must_use]
    pub fn url_without_password(&self) -> String {
        format!("postgresql://{USER}@{HOST}:{}/{DATABASE}", self.port)
    }

    /// A connection URL for TCP with the password in it, to be used and not shown.
    #[must_use]
    pub fn url(&self) -> String {
        let password = utf8_percent_encode(self.password.expose(), NON_ALPHANUMERIC);
        format!(
            "postgresql://{USER}:{password}@{HOST}:{}/{DATABASE}",
            self.port
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Running {
        Running {
            pid: 1,
            port: 40123,
            socket_directory: PathBuf::from("/base/run"),
            data_directory: PathBuf::from("/base/data"),
            log_file: PathBuf::from("/base/server.log"),
            version: "15.18".to_owned(),
            started_now: false,
            password: Password::new("p@ss/w%rd"),
        }
    }

    #[test]
    fn the_url_escapes_the_password() {
        let url = url::Url::parse(&running().url()).unwrap();
        assert_eq!(url.password(), Some("p%40ss%2Fw%25rd"));
        assert_eq!(url.port(), Some(40123));
        assert_eq!(url.path(), "/sheetload");
    }

    #[test]
    fn the_password_does_not_show() {
        let running = running();
        assert!(!format!("{running:?}").contains("p@ss"));
        assert_eq!(
            running.url_without_password(),
            "postgresql://sheetload@127.0.0.1:40123/sheetload"
        );
    }
}
