//! The database: a pool of connections, as many as the work needs and the server has.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};

use super::capacity::{self, Scarcest};
use super::connector::{Opened, from_driver_error};
use super::session::SessionSettings;
use super::sessions::Sessions;
use crate::config::commit::Patience;
use crate::config::postgres::DatabaseSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::Connections;
use crate::sink::retry::Retry;

/// How long to wait for a connection that is in use. The pool has one for each worker, so that waiting
/// at all means that something holds on to its connection.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a server may take to accept requests to cancel statements.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// How many connections work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One for each core, or as many as the server has free, whichever is less.
    Auto,
    /// This many, or as many as the server has free, whichever is less.
    AtMost(NonZeroUsize),
    /// This many, or an error.
    Exactly(NonZeroUsize),
}

/// A database that can be reached. Clones share the connections.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    sessions: Sessions,
    settings: Arc<DatabaseSettings>,
    description: String,
    /// Whether connections were given up.
    has_given_up: Arc<AtomicBool>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("description", &self.description)
            .field("server_version", &self.server_version())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens one connection, and asks the server for its version. The pool holds one connection until
    /// [`size_for`](Self::size_for) says how many are needed.
    ///
    /// Connections are taken as they are from the pool, without a test query: who gets a dead one learns
    /// it from the first statement, and loads handle that anyway.
    ///
    /// # Errors
    /// [`ErrorKind::DatabaseUnreachable`], [`ErrorKind::AuthenticationFailed`], [`ErrorKind::TlsFailed`],
    /// [`ErrorKind::DatabaseNotFound`], [`ErrorKind::PermissionDenied`], [`ErrorKind::TooFewConnections`],
    /// or [`ErrorKind::DatabaseRefused`] for the server's other reasons. No message shows a password.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self> {
        Self::connect_with(settings, Patience::default(), &Retry::never()).await
    }

    /// The same, with timeouts for the statements of all connections, and again as long as the server may be there a
    /// little later: it starts, it has no connection free, nobody answers.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(
        settings: &DatabaseSettings,
        patience: Patience,
        retry: &Retry,
    ) -> Result<Self> {
        let settings = Arc::new(settings.clone());
        let sessions = Sessions::new(Arc::clone(&settings), SessionSettings::new(patience))?;
        let manager = Manager::from_connect(
            tokio_postgres::Config::new(),
            sessions.clone(),
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
        let pool = Pool::builder(manager)
            .max_size(1)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "no connection pool").caused_by(error)
            })?;
        let database = Self {
            pool,
            sessions,
            description: settings.describe(),
            settings,
            has_given_up: Arc::default(),
        };
        let first = database.get_patiently(retry).await?;
        drop(first);
        Ok(database)
    }

    /// As [`get`](Self::get), and again after what may pass.
    async fn get_patiently(&self, retry: &Retry) -> Result<Object> {
        let mut tries = retry.tries();
        loop {
            match self.get().await {
                Ok(client) => return Ok(client),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }

    /// A connection, for as long as it is held.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), since a new connection may have to be opened; and
    /// [`ErrorKind::TooFewConnections`] if none comes free within 30 seconds.
    pub async fn get(&self) -> Result<Object> {
        let size = self.pool.status().max_size;
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => match from_driver_error(error) {
                Ok(ours) => ours,
                Err(cause) => no_connection(&self.description, cause),
            },
            PoolError::Timeout(TimeoutType::Wait) => Error::new(
                ErrorKind::TooFewConnections,
                format!("all {size} connections to {} are in use", self.description),
            ),
            other => no_connection(&self.description, Some(Box::new(other))),
        })
    }

    /// Makes room in the pool for the workers and `spare` connections beside them (one for the tables
    /// and the ledger), and gives the number of workers.
    ///
    /// The server's `max_connections` without those reserved, the role's and the database's limit are
    /// checked against the connections in use. What the server does not tell is not checked, nor is
    /// anything if a pooler stands between, known by another port than the server's own.
    ///
    /// # Errors
    /// [`ErrorKind::TooFewConnections`] with the limit, if not even one worker or not the exact number fits.
    pub async fn size_for(&self, workers: Workers, spare: usize) -> Result<usize> {
        let capacity = {
            let client = self.get().await?;
            capacity::ask(&client, &self.settings).await
        };
        // Of a pooler that gives sessions in turn, another one answers.
        if let Some(process) = capacity.process
            && !self.processes().contains(&process)
        {
            return Err(self.sessions.shared(process));
        }
        let scarcest = capacity.scarcest;
        // Those that the pool holds already count as used on the server, and are ours.
        let ours = self.pool.status().size;
        let free = scarcest.as_ref().map(|scarcest| scarcest.free + ours);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let workers = match plan(workers, spare, cores, free) {
            Ok(workers) => workers,
            Err(needed) => {
                return Err(too_few(&self.description, needed, spare, free, scarcest));
            }
        };
        self.pool.resize(workers + spare);
        Ok(workers)
    }

    /// Opens a second connection beside the first, and makes sure that each has a session of its own: a pooler in
    /// transaction mode is found out before anything is done. Whoever loads needs both; neither is closed.
    ///
    /// # Errors
    /// [`ErrorKind::DatabaseRefused`] for such a pooler; as [`get`](Self::get), after what may pass was tried again.
    pub async fn require_sessions(&self, retry: &Retry) -> Result<()> {
        let first = self.get_patiently(retry).await?;
        let second = self.get_patiently(retry).await?;
        drop((first, second));
        Ok(())
    }

    /// The server's version as `server_version_num` has it: 150004 is 15.4.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        self.sessions.server_version()
    }

    /// The database as a URL without password, for messages.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// What it was connected with.
    #[must_use]
    pub fn settings(&self) -> &DatabaseSettings {
        &self.settings
    }

    /// Asks the server to give up the statements that run on these connections, so that whoever waits for them gets an
    /// error with SQLSTATE 57014. Waits no longer than some seconds; does nothing where no statement runs.
    pub async fn cancel_statements(&self) {
        let cancelled = self.sessions.cancel_statements();
        if tokio::time::timeout(CANCEL_TIMEOUT, cancelled)
            .await
            .is_err()
        {
            tracing::debug!("the server does not take requests to cancel");
        }
    }

    /// The server's processes that serve the connections.
    pub(super) fn processes(&self) -> Vec<i32> {
        let processes = self.sessions.lines.processes();
        processes.iter().map(|process| process.number).collect()
    }

    /// A connection beside those of the pool, without settings.
    pub(super) async fn open_aside(&self) -> Result<Opened> {
        self.sessions.open_aside().await
    }

    /// Whether any connection is open.
    #[must_use]
    pub fn has_connections(&self) -> bool {
        !self.processes().is_empty()
    }

    /// Gives up the connections that these processes serve, or all: whoever waits for an answer over one learns that it
    /// is lost.
    pub fn give_up_connections(&self, processes: Option<&[i32]>) {
        self.has_given_up.store(true, Ordering::Relaxed);
        self.sessions.lines.give_up(processes);
    }

    /// Whether connections were given up because nothing moved on them any more.
    #[must_use]
    pub fn has_given_up_connections(&self) -> bool {
        self.has_given_up.load(Ordering::Relaxed)
    }

    /// From now on a connection is opened soon or not at all: the work is over, and what is left to do is to tidy up.
    pub fn hurry(&self) {
        self.sessions.hurry();
    }
}

impl Connections for Database {
    async fn connect(&self) -> Result<Object> {
        self.get().await
    }
}

/// The number of workers, or the number of workers that does not fit.
fn plan(workers: Workers, spare: usize, cores: usize, free: Option<usize>) -> Result<usize, usize> {
    let fits = free.map_or(usize::MAX, |free| free.saturating_sub(spare));
    let wanted = match workers {
        Workers::Auto => cores.min(fits).max(1),
        Workers::AtMost(workers) => workers.get().min(fits).max(1),
        Workers::Exactly(workers) => workers.get(),
    };
    if wanted <= fits {
        Ok(wanted)
    } else {
        Err(wanted)
    }
}

fn too_few(
    database: &str,
    workers: usize,
    spare: usize,
    free: Option<usize>,
    scarcest: Option<Scarcest>,
) -> Error {
    let free = free.unwrap_or(0);
    let (limit, remedy) = match scarcest {
        Some(Scarcest { limit, remedy, .. }) => (limit, remedy),
        None => (String::new(), String::new()),
    };
    let message = format!(
        "{} connections are needed ({workers} for workers, {spare} beside them), and {database} has {free} free ({limit})",
        workers + spare
    );
    let step = match free.saturating_sub(spare) {
        0 => format!("Close other sessions, or {remedy}"),
        fits => format!("Use --workers {fits} or fewer, or {remedy}"),
    };
    Error::new(ErrorKind::TooFewConnections, message).next_step(step)
}

fn no_connection(database: &str, cause: Option<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = Error::new(
        ErrorKind::ConnectionLost,
        format!("no connection to {database}"),
    );
    match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exactly(workers: usize) -> Workers {
        Workers::Exactly(NonZeroUsize::new(workers).unwrap())
    }

    #[test]
    fn auto_takes_the_cores_or_what_is_free_and_at_least_one() {
        assert_eq!(plan(Workers::Auto, 1, 8, None), Ok(8));
        assert_eq!(plan(Workers::Auto, 1, 8, Some(100)), Ok(8));
        assert_eq!(plan(Workers::Auto, 1, 8, Some(4)), Ok(3));
        assert_eq!(plan(Workers::Auto, 1, 8, Some(2)), Ok(1));
        assert_eq!(plan(Workers::Auto, 1, 8, Some(1)), Err(1));
    }

    #[test]
    fn at_most_takes_what_is_free_and_at_least_one() {
        let at_most = Workers::AtMost(NonZeroUsize::new(16).unwrap());
        assert_eq!(plan(at_most, 1, 2, None), Ok(16));
        assert_eq!(plan(at_most, 1, 2, Some(8)), Ok(7));
        assert_eq!(plan(at_most, 1, 2, Some(2)), Ok(1));
        assert_eq!(plan(at_most, 1, 2, Some(1)), Err(1));
    }

    #[test]
    fn an_exact_number_fits_or_fails() {
        assert_eq!(plan(exactly(7), 1, 2, Some(8)), Ok(7));
        assert_eq!(plan(exactly(8), 1, 2, Some(8)), Err(8));
        assert_eq!(plan(exactly(8), 1, 2, None), Ok(8));
    }

    #[test]
    fn too_few_names_figures_limit_and_way_out() {
        let scarcest = Scarcest {
            limit: "max_connections = 10".to_owned(),
            remedy: "raise max_connections on the server".to_owned(),
            free: 3,
        };
        let error = too_few("postgresql://a@b:5432/c", 8, 1, Some(4), Some(scarcest));
        assert_eq!(error.kind(), ErrorKind::TooFewConnections);
        assert_eq!(
            error.message(),
            "9 connections are needed (8 for workers, 1 beside them), and postgresql://a@b:5432/c has 4 free (max_connections = 10)"
        );
        assert_eq!(
            error.advice(),
            Some("Use --workers 3 or fewer, or raise max_connections on the server")
        );
    }
}
