//! Why no connection could be opened, and how to say it.

use std::io;
use std::time::Duration;

use rustls::{CertificateError, Error as TlsError};
use tokio_postgres::error::{DbError, SqlState};

use super::tls::OldVersion;
use crate::config::postgres::{DatabaseSettings, Endpoint, Host};
use crate::error::{Error, ErrorKind, kind_of_sqlstate};

/// Why one server gave no connection.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nobody answers: no such host, no listener, no route.
    Unreachable(io::Error),
    /// No answer in this time.
    TimedOut(Duration),
    /// It answered, but hung up or spoke another language before the session began.
    HungUp(Option<io::Error>),
    /// The TLS handshake failed.
    Handshake(io::Error),
    /// TLS is required, and the server has none.
    NoTls,
    /// The server said no.
    Server(Box<DbError>),
    /// The server asks for a proof that was not given or that the driver cannot give.
    Proof,
    /// The session is not of the kind that `target_session_attrs` asks for.
    WrongSession,
}

impl Refusal {
    /// Whether the next server of the list may be tried: not where the user must mend something first.
    pub(super) fn lets_try_the_next_server(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) | Self::HungUp(_) | Self::WrongSession => true,
            Self::Handshake(_) | Self::NoTls | Self::Proof => false,
            Self::Server(refusal) => *refusal.code() == SqlState::CANNOT_CONNECT_NOW,
        }
    }

    /// Whether the server's rules (pg_hba.conf) may admit the same user with or without TLS instead.
    /// A wrong password (28P01) is not sent again.
    pub(super) fn depends_on_encryption(&self) -> bool {
        match self {
            Self::Handshake(_) => true,
            Self::Server(refusal) => {
                *refusal.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            }
            _ => false,
        }
    }

    /// The error to show.
    pub(super) fn explain(self, settings: &DatabaseSettings, endpoint: &Endpoint) -> Error {
        match self {
            Self::Unreachable(cause) => {
                unreachable(endpoint, format!("no server answers at {endpoint}")).caused_by(cause)
            }
            Self::TimedOut(limit) => unreachable(
                endpoint,
                format!("no answer from {endpoint} within {} s", limit.as_secs()),
            ),
            Self::HungUp(cause) => hung_up(endpoint, cause),
            Self::Handshake(cause) => handshake(endpoint, cause),
            Self::NoTls => Error::new(
                ErrorKind::TlsFailed,
                format!(
                    "the server at {endpoint} offers no TLS, and sslmode={} needs it",
                    settings.tls.mode.name()
                ),
            )
            .next_step(
                "Turn on ssl on the server, or use sslmode=prefer if the network is trusted",
            ),
            Self::Server(refusal) => by_the_server(&refusal, settings, endpoint),
            Self::Proof => proof(settings, endpoint),
            Self::WrongSession => Error::new(
                ErrorKind::DatabaseRefused,
                format!("the server at {endpoint} is not what target_session_attrs asks for"),
            )
            .next_step("Name the primary server, or leave target_session_attrs out"),
        }
    }
}

fn unreachable(endpoint: &Endpoint, message: String) -> Error {
    let step = match &endpoint.host {
        Host::Tcp { .. } => {
            "Check that the server is running and listens there: host, port, listen_addresses, firewall"
        }
        Host::Socket(_) => {
            "Check that the server is running, or name its host or socket directory in PGHOST"
        }
    };
    Error::new(ErrorKind::DatabaseUnreachable, message).next_step(step)
}

fn hung_up(endpoint: &Endpoint, cause: Option<io::Error>) -> Error {
    let message = format!("no session began with {endpoint}");
    let error = Error::new(ErrorKind::DatabaseUnreachable, message)
        .next_step("Check that a PostgreSQL server listens there, and look into its log");
    match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}

fn handshake(endpoint: &Endpoint, cause: io::Error) -> Error {
    let message = format!("no TLS connection with {endpoint}");
    let tls = cause
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<TlsError>());
    let step = match tls {
        // rustls would show it in its own notation only.
        Some(TlsError::InvalidCertificate(CertificateError::Other(reason)))
            if reason.0.downcast_ref::<OldVersion>().is_some() =>
        {
            return Error::new(ErrorKind::TlsFailed, message)
                .caused_by(OldVersion)
                .next_step(
                    "Make the server's certificate anew with openssl x509 -extfile, or use sslmode=require",
                );
        }
        Some(TlsError::InvalidCertificate(reason)) => match reason {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "Connect by a name that the certificate holds, or use sslmode=verify-ca"
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                "Renew the server's certificate, or correct this machine's clock"
            }
            _ => {
                "Put the certificate that signed the server's into the file that sslrootcert names"
            }
        },
        Some(TlsError::AlertReceived(_)) => {
            "Check sslcert and sslkey: the server did not accept this side of the handshake"
        }
        _ => "Check the server's ssl settings and its log",
    };
    Error::new(ErrorKind::TlsFailed, message)
        .caused_by(cause)
        .next_step(step)
}

fn proof(settings: &DatabaseSettings, endpoint: &Endpoint) -> Error {
    let user = &settings.user;
    if endpoint.password.is_none() {
        return Error::new(
            ErrorKind::AuthenticationFailed,
            format!(
                "the server at {endpoint} asks for the password of user {user:?}, and none is given"
            ),
        )
        .next_step("Set PGPASSWORD, or add a line to ~/.pgpass (mode 0600)");
    }
    Error::new(
        ErrorKind::AuthenticationFailed,
        format!("the server at {endpoint} and this client have no way in common to authenticate user {user:?}"),
    )
    .next_step("Use scram-sha-256 for this user in pg_hba.conf, and check channel_binding")
}

fn by_the_server(refusal: &DbError, settings: &DatabaseSettings, endpoint: &Endpoint) -> Error {
    let kind = kind_of_sqlstate(refusal.code());
    let (user, dbname) = (&settings.user, &settings.dbname);
    let said = refusal.message();
    let (message, step) = match kind {
        ErrorKind::AuthenticationFailed => (
            format!("the server at {endpoint} does not let user {user:?} in: {said}"),
            "Check PGPASSWORD or ~/.pgpass, and pg_hba.conf on the server".to_owned(),
        ),
        ErrorKind::DatabaseNotFound => (
            format!("the server at {endpoint} has no database {dbname:?}"),
            format!(
                "Create it with createdb {}, or name another",
                quoted(dbname)
            ),
        ),
        ErrorKind::TooFewConnections => (
            format!("the server at {endpoint} has no free connection: {said}"),
            "Close other sessions, use fewer --workers, or raise the limit on the server"
                .to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            format!("user {user:?} may not connect to database {dbname:?}: {said}"),
            format!("Ask its owner to grant connect on database {dbname:?} to {user:?}"),
        ),
        ErrorKind::DatabaseUnreachable => (
            format!("the server at {endpoint} is not ready: {said}"),
            "Wait until it has started, then try again".to_owned(),
        ),
        _ => (
            format!("the server at {endpoint} refuses the connection: {said}"),
            "Look into the server's log".to_owned(),
        ),
    };
    let error = Error::new(kind, message).with_sqlstate(refusal.code().code());
    error.next_step(step)
}

/// A name as a shell takes it.
fn quoted(name: &str) -> String {
    if name
        .chars()
        .all(|character| character.is_alphanumeric() || character == '_')
    {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}
