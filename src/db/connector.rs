//! Opens one connection: tries the servers in order, with and without TLS as `sslmode` says
//! (PostgreSQL documentation, 34.1.1.3 and 34.19.3).

use std::future::{Future, Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::config::{
    ChannelBinding as DriverChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs,
};
use tokio_postgres::error::DbError;
use tokio_postgres::tls::{MakeTlsConnect, NoTlsStream, TlsConnect};
use tokio_postgres::{Client, Config, Error as DriverError, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::refusal::Refusal;
use crate::config::postgres::{
    ChannelBinding, DatabaseSettings, Endpoint, Host, TargetSession, TlsMode,
};
use crate::error::{Error, ErrorKind, Result};

/// A connection, and the task that moves its messages.
pub(super) type Opened = (Client, JoinHandle<()>);
type Rustls = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
type RustlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Our error out of the pool's, if [`Connector`] made it.
pub(super) fn from_driver_error(error: DriverError) -> Result<Error, Option<DriverSource>> {
    match error.into_source() {
        Some(source) => source.downcast::<Error>().map(|ours| *ours).map_err(Some),
        None => Err(None),
    }
}

/// The cause of a driver's error.
pub(super) type DriverSource = Box<dyn std::error::Error + Send + Sync>;

/// Opens a connection to one of the servers, with so much time for each.
pub(super) async fn open(
    settings: &DatabaseSettings,
    timeout: Option<Duration>,
    tls: &MakeRustlsConnect,
) -> Result<Opened> {
    let mut failures = Vec::new();
    for endpoint in &settings.endpoints {
        match open_endpoint(settings, endpoint, timeout, tls).await {
            Ok(opened) => return Ok(opened),
            Err(refusal) => {
                let go_on = refusal.lets_try_the_next_server();
                failures.push(refusal.explain(settings, endpoint));
                if !go_on {
                    break;
                }
            }
        }
    }
    Err(last_word(failures))
}

/// The only failure; or the one that ended the search; or all of them, if no server could be used.
fn last_word(mut failures: Vec<Error>) -> Error {
    let several = failures.len() > 1;
    match failures.pop() {
        Some(last) if several && last.kind() == ErrorKind::DatabaseUnreachable => {
            let mut words: Vec<String> = failures.iter().map(Error::to_string).collect();
            words.push(last.to_string());
            Error::new(ErrorKind::DatabaseUnreachable, words.join("; "))
                .next_step("Check that one of the servers is running and listens there")
        }
        Some(last) => last,
        None => Error::new(ErrorKind::Internal, "there is no server to connect to"),
    }
}

/// As many attempts as `sslmode` allows, in the time that one server has.
async fn open_endpoint(
    settings: &DatabaseSettings,
    endpoint: &Endpoint,
    timeout: Option<Duration>,
    tls: &MakeRustlsConnect,
) -> Result<Opened, Refusal> {
    let attempts = async {
        let mode = if endpoint.is_socket() {
            TlsMode::Disable
        } else {
            settings.tls.mode
        };
        let (first, second) = match mode {
            TlsMode::Disable => (SslMode::Disable, None),
            TlsMode::Allow => (SslMode::Disable, Some(SslMode::Require)),
            TlsMode::Prefer => (SslMode::Prefer, Some(SslMode::Disable)),
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => (SslMode::Require, None),
        };
        let refusal = match attempt(settings, endpoint, first, tls).await {
            Ok(opened) => return Ok(opened),
            Err(refusal) => refusal,
        };
        match second {
            Some(second) if refusal.depends_on_encryption() => {
                let again = attempt(settings, endpoint, second, tls).await;
                // What the server said first is the better explanation; a failed handshake is none.
                again.map_err(|later| match refusal {
                    Refusal::Handshake(_) => later,
                    first => first,
                })
            }
            _ => Err(refusal),
        }
    };
    match timeout {
        Some(limit) => match tokio::time::timeout(limit, Box::pin(attempts)).await {
            Ok(result) => result,
            Err(_) => Err(Refusal::TimedOut(limit)),
        },
        None => Box::pin(attempts).await,
    }
}

async fn attempt(
    settings: &DatabaseSettings,
    endpoint: &Endpoint,
    mode: SslMode,
    tls: &MakeRustlsConnect,
) -> Result<Opened, Refusal> {
    let progress = Arc::new(Progress::default());
    let handshaker = Handshaker {
        rustls: tls.clone(),
        progress: Arc::clone(&progress),
    };
    let config = driver_config(settings, endpoint, mode);
    match config.connect(handshaker).await {
        Ok((client, connection)) => {
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "the connection ended");
                }
            });
            Ok((client, task))
        }
        Err(error) => Err(classify(error, &progress, mode, settings.target_session)),
    }
}

fn driver_config(settings: &DatabaseSettings, endpoint: &Endpoint, mode: SslMode) -> Config {
    let mut config = Config::new();
    match &endpoint.host {
        Host::Tcp { name, address } => {
            config.host(name);
            if let Some(address) = address {
                config.hostaddr(*address);
            }
        }
        Host::Socket(directory) => {
            config.host_path(directory);
        }
    }
    config
        .port(endpoint.port)
        .user(&settings.user)
        .dbname(&settings.dbname)
        .application_name(&settings.application_name)
        .ssl_mode(mode)
        .target_session_attrs(match settings.target_session {
            TargetSession::Any => TargetSessionAttrs::Any,
            TargetSession::ReadWrite => TargetSessionAttrs::ReadWrite,
            TargetSession::ReadOnly => TargetSessionAttrs::ReadOnly,
        })
        .channel_binding(match settings.channel_binding {
            ChannelBinding::Disable => DriverChannelBinding::Disable,
            ChannelBinding::Prefer => DriverChannelBinding::Prefer,
            ChannelBinding::Require => DriverChannelBinding::Require,
        })
        .keepalives(settings.keepalive.is_some());
    if settings.tls.direct && mode == SslMode::Require {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    if let Some(password) = &endpoint.password {
        config.password(password.reveal());
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    if let Some(keepalive) = settings.keepalive {
        config
            .keepalives_idle(keepalive.idle)
            .keepalives_interval(keepalive.interval)
            .keepalives_retries(keepalive.probes);
    }
    if let Some(timeout) = settings.tcp_user_timeout {
        config.tcp_user_timeout(timeout);
    }
    config
}

/// How far an attempt came. The driver does not say it in its errors, but by what it calls.
#[derive(Debug, Default)]
struct Progress {
    /// A socket is open.
    reached: AtomicBool,
    /// The TLS handshake is done.
    secured: AtomicBool,
}

fn classify(
    error: DriverError,
    progress: &Progress,
    mode: SslMode,
    session: TargetSession,
) -> Refusal {
    let reached = progress.reached.load(Ordering::Relaxed);
    let secured = progress.secured.load(Ordering::Relaxed);
    if error.is_closed() {
        return Refusal::HungUp(None);
    }
    let Some(source) = error.into_source() else {
        return Refusal::HungUp(None);
    };
    let source = match source.downcast::<DbError>() {
        Ok(refusal) => return Refusal::Server(refusal),
        Err(source) => source,
    };
    let source = match source.downcast::<HandshakeFailed>() {
        Ok(failed) => return Refusal::Handshake(failed.0),
        Err(source) => source,
    };
    match source.downcast::<io::Error>() {
        Ok(cause) if !reached => Refusal::Unreachable(*cause),
        Ok(cause) if comes_from_tls(&cause) => Refusal::Handshake(*cause),
        // The driver's way to say that the session is not of the kind asked for.
        Ok(cause)
            if cause.kind() == io::ErrorKind::PermissionDenied && session != TargetSession::Any =>
        {
            Refusal::WrongSession
        }
        Ok(cause) => Refusal::HungUp(Some(*cause)),
        // Before the handshake, with an open socket, the driver's only other error is that the server
        // has no TLS; after it, that it has no answer to the server's demand for a proof.
        Err(_) if mode == SslMode::Require && !secured => Refusal::NoTls,
        Err(_) => Refusal::Proof,
    }
}

/// With TLS 1.3 a server says only after the handshake that it does not accept the client's certificate.
fn comes_from_tls(cause: &io::Error) -> bool {
    cause
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

/// A failed handshake, told from the driver's other errors by its type.
#[derive(Debug)]
struct HandshakeFailed(io::Error);

impl std::fmt::Display for HandshakeFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the TLS handshake failed")
    }
}

impl std::error::Error for HandshakeFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// rustls for the driver, noting how far the attempt came.
#[derive(Clone)]
struct Handshaker {
    rustls: MakeRustlsConnect,
    progress: Arc<Progress>,
}

impl MakeTlsConnect<Socket> for Handshaker {
    type Stream = RustlsStream;
    type TlsConnect = Handshake;
    type Error = HandshakeFailed;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, HandshakeFailed> {
        self.progress.reached.store(true, Ordering::Relaxed);
        let rustls = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.rustls, host)
            .map_err(|never| match never {})?;
        Ok(Handshake {
            rustls,
            progress: Arc::clone(&self.progress),
        })
    }
}

struct Handshake {
    rustls: Rustls,
    progress: Arc<Progress>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = RustlsStream;
    type Error = HandshakeFailed;
    type Future = Pin<Box<dyn Future<Output = Result<RustlsStream, HandshakeFailed>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let stream = self.rustls.connect(socket).await.map_err(HandshakeFailed)?;
            self.progress.secured.store(true, Ordering::Relaxed);
            Ok(stream)
        })
    }
}

/// Our error inside one of the driver's, which is all that the pool lets through.
///
/// Only the driver makes its errors, but it wraps whatever a TLS connector gives it, and with a direct
/// handshake the connector is the first thing it calls.
pub(super) async fn as_driver_error(error: Error) -> Result<Opened, DriverError> {
    let (client, connection) = Config::new()
        .user("none")
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct)
        .connect_raw(tokio::io::empty(), Refusing(error))
        .await?;
    // Never reached: a `NoTlsStream` has no values.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok((client, task))
}

/// A TLS connector that refuses.
struct Refusing(Error);

impl<S> TlsConnect<S> for Refusing {
    type Stream = NoTlsStream;
    type Error = Error;
    type Future = Ready<Result<NoTlsStream, Error>>;

    fn connect(self, _: S) -> Self::Future {
        ready(Err(self.0))
    }
}
