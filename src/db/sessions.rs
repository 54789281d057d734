//! Opens connections for the pool, each with a session of the server of its own, set up and known by its process.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, Config, Error as DriverError};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::capacity::is_direct;
use super::connector::{Opened, as_driver_error, open};
use super::lines::{Line, Lines, Served};
use super::session::{Process, SessionFacts, SessionSettings, facts};
use super::tls;
use crate::config::postgres::DatabaseSettings;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};

/// How long a connection may take to open where the work is over and only tidies up.
const HURRIED_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection that was closed here may take to be so.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a pooler may take to find a second session.
const SECOND_SESSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens connections. Clones know of each other's.
#[derive(Clone)]
pub(super) struct Sessions {
    settings: Arc<DatabaseSettings>,
    tls: MakeRustlsConnect,
    session: SessionSettings,
    /// Those that are open.
    pub(super) lines: Lines,
    is_hurried: Arc<AtomicBool>,
    /// The server's version, once it has said that; it has been found then to give each connection a session.
    server_version: Arc<AtomicU32>,
}

impl Sessions {
    /// Reads the certificates that the settings name.
    pub(super) fn new(settings: Arc<DatabaseSettings>, session: SessionSettings) -> Result<Self> {
        let tls = MakeRustlsConnect::new(tls::client_config(&settings.tls)?);
        Ok(Self {
            settings,
            tls,
            session,
            lines: Lines::default(),
            is_hurried: Arc::default(),
            server_version: Arc::default(),
        })
    }

    /// The server's version as `server_version_num` has it; 0 before a connection was opened.
    pub(super) fn server_version(&self) -> u32 {
        self.server_version.load(Ordering::Relaxed)
    }

    /// From now on a connection is opened soon or not at all.
    pub(super) fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
    }

    /// Asks the server to give up what it is doing on any of the connections (PostgreSQL documentation, 55.2.8). There
    /// is no answer: the statements fail, or have ended before.
    pub(super) async fn cancel_statements(&self) {
        for token in self.lines.tokens() {
            if let Err(error) = token.cancel_query(self.tls.clone()).await {
                tracing::debug!(%error, "a statement could not be cancelled");
            }
        }
    }

    /// Opens a connection that does not count among those of the pool, without settings.
    pub(super) async fn open_aside(&self) -> Result<Opened> {
        open(&self.settings, self.timeout(), &self.tls).await
    }

    fn timeout(&self) -> Option<Duration> {
        let usual = self.settings.connect_timeout;
        match self.is_hurried.load(Ordering::Relaxed) {
            true => Some(usual.map_or(HURRIED_TIMEOUT, |usual| usual.min(HURRIED_TIMEOUT))),
            false => usual,
        }
    }

    async fn open_and_set_up(&self) -> Result<Opened> {
        let (client, task) = self.open_aside().await?;
        let setting = self.set_up(&client, task.abort_handle());
        // A server that went silent meanwhile is no other than one that never answered.
        let set = match self.timeout() {
            Some(limit) => match timeout(limit, setting).await {
                Ok(set) => set,
                Err(_elapsed) => Err(no_answer(&self.settings, limit)),
            },
            None => setting.await,
        };
        match set {
            Ok(()) => Ok((client, task)),
            Err(error) => {
                task.abort();
                Err(error)
            }
        }
    }

    /// Sets what a connection needs, and makes sure that its session is no other one's.
    async fn set_up(&self, client: &Client, task: AbortHandle) -> Result<()> {
        if self.server_version() == 0 {
            self.find_out(client).await?;
        }
        let closed_before = Instant::now() + CLOSING_TIMEOUT;
        loop {
            let known = self.lines.processes();
            let process = found(self.session.set(client, &known).await)?.process;
            let line = Line {
                process,
                token: client.cancel_token(),
                task: task.clone(),
            };
            if !known.contains(&process) && self.lines.add(line) == Served::One {
                return Ok(());
            }
            if Instant::now() >= closed_before {
                let reset = self.session.reset(client, process.number).await;
                reset.map_err(not_set_up)?;
                return Err(self.shared(process.number));
            }
            // A pooler in session mode may hand a session on before we know that the connection it was for is closed.
            sleep(CLOSING_TIMEOUT / 20).await;
        }
    }

    /// Finds out whether a pooler stands between that gives several connections one session, before anything is set. One
    /// on the server's own port is found out by the second connection.
    async fn find_out(&self, client: &Client) -> Result<()> {
        let SessionFacts {
            process,
            server_version,
            port,
        } = found(facts(client).await)?;
        if !is_direct(port, &self.settings) {
            // It gives the session that came free last, or the one that has been free for longest.
            let second = timeout(SECOND_SESSION_TIMEOUT, self.process_aside()).await;
            let mut others = vec![second.unwrap_or_else(|_none_free| Ok(None))?];
            for _ in 0..2 {
                others.push(Some(found(facts(client).await)?.process));
            }
            let is_shared = others[0] == Some(process)
                || others[1..].iter().any(|again| *again != Some(process));
            if is_shared {
                return Err(self.shared(process.number));
            }
        }
        self.server_version.store(server_version, Ordering::Relaxed);
        Ok(())
    }

    /// The process that serves another connection; none if there is no room for one.
    async fn process_aside(&self) -> Result<Option<Process>> {
        let Ok((client, task)) = self.open_aside().await else {
            return Ok(None);
        };
        let process = found(facts(&client).await).map(|facts| Some(facts.process));
        drop(client);
        task.abort();
        process
    }

    /// Several connections have one session of the server.
    pub(super) fn shared(&self, process: i32) -> Error {
        let url = self.settings.describe();
        Error::new(
            ErrorKind::DatabaseRefused,
            format!(
                "{url} is a pooler in transaction or statement mode: several connections were given one session (pid \
                 {process}), and a load needs sessions of its own"
            ),
        )
        .next_step(
            "Connect to the server's own port, or to a pooler in session mode (PgBouncer: pool_mode = session; Supabase: \
             port 5432)",
        )
    }
}

impl Connect for Sessions {
    /// The pool's own configuration is not used: it cannot hold a password for each server.
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Opened, DriverError>> + Send + '_>> {
        Box::pin(async move {
            match self.open_and_set_up().await {
                Ok(opened) => Ok(opened),
                Err(error) => as_driver_error(error).await,
            }
        })
    }
}

fn not_set_up(error: DriverError) -> Error {
    error_from_postgres(error, "set up the connection")
}

fn found(facts: Result<Option<SessionFacts>, DriverError>) -> Result<SessionFacts> {
    facts.map_err(not_set_up)?.ok_or_else(|| {
        Error::new(
            ErrorKind::DatabaseRefused,
            "cannot set up the connection: the server does not say which process serves it",
        )
        .next_step("Connect to a PostgreSQL server, or to a pooler in session mode")
    })
}

fn no_answer(settings: &DatabaseSettings, limit: Duration) -> Error {
    Error::new(
        ErrorKind::DatabaseUnreachable,
        format!(
            "no answer from {} within {} s",
            settings.describe(),
            limit.as_secs()
        ),
    )
    .next_step("Look into the network between here and the server, and into its log")
}
