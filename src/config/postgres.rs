//! Where the user's database is and how to connect to it.
//!
//! As for `psql`, a setting is taken from the first of these that has it: the connection string
//! (`--database-url`, else `DATABASE_URL`), the connection service it or `PGSERVICE` names, the `PG*`
//! variables, the defaults. The password comes from the password file if nothing else gives one.
//! (PostgreSQL documentation, chapter 34: 34.1 parameters, 34.15 variables, 34.16 password file,
//! 34.17 service file, 34.19 TLS.)

mod describe;
mod endpoint;
mod environment;
mod parameter;
mod pgpass;
mod service;
mod tls;
mod url;

use std::path::PathBuf;
use std::time::Duration;

pub use crate::model::secret::Password;
pub use endpoint::{Endpoint, Host};
pub use environment::Environment;
pub use tls::{ClientCertificate, RootCertificates, TlsMode, TlsSettings, Verification};

use crate::error::{Error, ErrorKind, Result};
use parameter::{Parameters, where_to_look};

/// How long one server may take to accept a connection, TLS and password included. libpq waits for ever.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The name under which the connections show in `pg_stat_activity`.
const APPLICATION_NAME: &str = "sheetload";
/// `channel_binding`: whether the password exchange must be tied to the TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// If the server offers it.
    Prefer,
    /// Always.
    Require,
}

/// `target_session_attrs`: what kind of session is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetSession {
    /// Any.
    Any,
    /// One that can write. `primary` is taken as this.
    ReadWrite,
    /// One that cannot write. `standby` is taken as this.
    ReadOnly,
}

/// TCP keepalive: how a server that vanished is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes before the connection counts as lost.
    pub probes: u32,
}

impl Default for Keepalive {
    /// A vanished server is noticed after two minutes.
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(15),
            probes: 4,
        }
    }
}

/// Where the database is, who connects, and how. `Debug` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSettings {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) user: String,
    pub(crate) dbname: String,
    pub(crate) application_name: String,
    pub(crate) options: Option<String>,
    /// For each endpoint; none is for ever.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) tls: TlsSettings,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) target_session: TargetSession,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) tcp_user_timeout: Option<Duration>,
    warnings: Vec<String>,
}

impl DatabaseSettings {
    /// The settings of the user's database: from `url` (either form of connection string), else from
    /// `DATABASE_URL`, each completed from the `PG*` variables and the files they name.
    ///
    /// `None` if there is no connection string and no variable says where the database is or who
    /// connects (`PGHOST`, `PGHOSTADDR`, `PGPORT`, `PGDATABASE`, `PGUSER`, `PGPASSWORD`, `PGSERVICE`).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOptions`] for a malformed or unknown setting, [`ErrorKind::TlsFailed`] for
    /// certificates that are asked for and not there. No message shows a password or a part of one.
    pub fn resolve(url: Option<&str>, environment: &Environment) -> Result<Option<Self>> {
        let text = url.or_else(|| environment.get("DATABASE_URL"));
        let mut parameters = match text {
            Some(text) => url::parse(text)?,
            None if parameter::locates_a_server(environment) => Parameters::default(),
            None => return Ok(None),
        };
        service::fill(&mut parameters, environment)?;
        parameters.fill_from_environment(environment);
        parameters.refuse_unsupported()?;
        Self::from_parameters(&parameters, environment).map(Some)
    }

    /// The variable that should say where the database is, where [`Self::resolve`] finds none, and is empty: a sign that
    /// somebody wanted a database of their own, as `DATABASE_URL="$URL"` is without `URL`.
    #[must_use]
    pub fn empty_variable(environment: &Environment) -> Option<&'static str> {
        parameter::empty_location(environment)
    }

    /// The settings of a server on this machine whose every part is known, without TLS. A host that
    /// begins with `/` is a socket's directory.
    #[must_use]
    pub fn from_parts(
        host: &str,
        port: u16,
        user: &str,
        password: Option<Password>,
        dbname: &str,
    ) -> Self {
        let endpoint = Endpoint {
            password,
            ..Endpoint::new(host, None, port)
        };
        Self {
            endpoints: vec![endpoint],
            user: user.to_owned(),
            dbname: dbname.to_owned(),
            application_name: APPLICATION_NAME.to_owned(),
            options: None,
            connect_timeout: Some(DEFAULT_CONNECT_TIMEOUT),
            tls: TlsSettings::disabled(),
            channel_binding: ChannelBinding::Prefer,
            target_session: TargetSession::Any,
            keepalive: Some(Keepalive::default()),
            tcp_user_timeout: None,
            warnings: Vec::new(),
        }
    }

    fn from_parameters(parameters: &Parameters, environment: &Environment) -> Result<Self> {
        let user = parameters
            .get("user")
            .or(environment.user())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidOptions,
                    "no user name is given, and this system user has none",
                )
                .next_step(where_to_look("user"))
            })?
            .to_owned();
        let endpoints = endpoint::resolve(parameters, environment)?;
        let mut settings = Self {
            dbname: parameters.get("dbname").unwrap_or(&user).to_owned(),
            user,
            application_name: parameters
                .get("application_name")
                .or(parameters.get("fallback_application_name"))
                .unwrap_or(APPLICATION_NAME)
                .to_owned(),
            options: parameters.get("options").map(str::to_owned),
            connect_timeout: connect_timeout(parameters)?,
            tls: if endpoints.iter().all(Endpoint::is_socket) {
                TlsSettings::disabled()
            } else {
                TlsSettings::resolve(parameters, environment)?
            },
            channel_binding: channel_binding(parameters)?,
            target_session: target_session(parameters)?,
            keepalive: keepalive(parameters)?,
            tcp_user_timeout: parameters
                .whole_number("tcp_user_timeout")?
                .filter(|milliseconds| *milliseconds > 0)
                .map(|milliseconds| Duration::from_millis(milliseconds.into())),
            warnings: Vec::new(),
            endpoints,
        };
        settings.find_passwords(parameters, environment);
        Ok(settings)
    }

    /// One password for all, or each server's own from the password file.
    fn find_passwords(&mut self, parameters: &Parameters, environment: &Environment) {
        if let Some(password) = parameters.get("password") {
            for endpoint in &mut self.endpoints {
                endpoint.password = Some(Password::new(password));
            }
            return;
        }
        let file = parameters
            .get("passfile")
            .map(PathBuf::from)
            .or_else(|| Some(environment.home()?.join(".pgpass")));
        let text = match file.map(|file| pgpass::read(&file)) {
            Some(Ok(Some(text))) => text,
            Some(Err(warning)) => return self.warnings.push(warning),
            Some(Ok(None)) | None => return,
        };
        for endpoint in &mut self.endpoints {
            let lookup = pgpass::Lookup {
                host: &endpoint.host_in_password_file(environment),
                port: endpoint.port,
                dbname: &self.dbname,
                user: &self.user,
            };
            endpoint.password = pgpass::find(&text, lookup);
        }
    }

    /// The same server and user with another database.
    #[must_use]
    pub fn with_dbname(mut self, dbname: impl Into<String>) -> Self {
        self.dbname = dbname.into();
        self
    }

    /// Another name in `pg_stat_activity`.
    #[must_use]
    pub fn with_application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// The user who connects.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database's name.
    #[must_use]
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// What the user should know although nothing failed, such as a password file that was ignored.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// 0 is for ever, and 1 counts as 2, as in libpq.
fn connect_timeout(parameters: &Parameters) -> Result<Option<Duration>> {
    Ok(match parameters.whole_number("connect_timeout")? {
        None => Some(DEFAULT_CONNECT_TIMEOUT),
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(u64::from(seconds.max(2)))),
    })
}

fn channel_binding(parameters: &Parameters) -> Result<ChannelBinding> {
    let words = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let binding = parameters.word("channel_binding", &words)?;
    Ok(binding.unwrap_or(ChannelBinding::Prefer))
}

fn target_session(parameters: &Parameters) -> Result<TargetSession> {
    let words = [
        ("any", TargetSession::Any),
        ("read-write", TargetSession::ReadWrite),
        ("primary", TargetSession::ReadWrite),
        ("read-only", TargetSession::ReadOnly),
        ("standby", TargetSession::ReadOnly),
    ];
    let session = parameters.word("target_session_attrs", &words)?;
    Ok(session.unwrap_or(TargetSession::Any))
}

fn keepalive(parameters: &Parameters) -> Result<Option<Keepalive>> {
    let defaults = Keepalive::default();
    let seconds = |name: &str, default: Duration| -> Result<Duration> {
        let given = parameters.whole_number(name)?.filter(|given| *given > 0);
        Ok(given.map_or(default, |given| Duration::from_secs(given.into())))
    };
    let keepalive = Keepalive {
        idle: seconds("keepalives_idle", defaults.idle)?,
        interval: seconds("keepalives_interval", defaults.interval)?,
        probes: parameters
            .whole_number("keepalives_count")?
            .filter(|given| *given > 0)
            .unwrap_or(defaults.probes),
    };
    let wanted = parameters.whole_number("keepalives")? != Some(0);
    Ok(wanted.then_some(keepalive))
}

#[cfg(test)]
#[path = "postgres/tests.rs"]
mod tests;
