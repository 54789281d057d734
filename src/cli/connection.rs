//! Which database a command works on: the user's, or the private server.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::commit::duration;
use super::render;
use crate::config::commit::{Patience, PatienceChanges};
use crate::config::import::{ImportConfig, Mode};
use crate::config::postgres::{DatabaseSettings, Environment, Password};
use crate::db::embedded::{PrivateServer, Running, Status};
use crate::db::pool::{Database, Workers};
use crate::error::{Error, ErrorKind, Result};
use crate::sink::notices::Notices;
use crate::sink::retry::{Retry, RetryLog};
use crate::transform::mapping::EmptyCells;

/// What names the private server, where a database is expected.
const PRIVATE: &str = "private";

/// Where the database is.
#[derive(Debug, Clone, Args)]
pub(super) struct ConnectionArgs {
    /// The database, as a URL or key=value pairs, or `private` for the private server; default: DATABASE_URL, the PG*
    /// variables, else the private server if it runs or a terminal is there
    #[arg(short, long, value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl ConnectionArgs {
    /// The database that is named, whether or not it can be reached; none where that is not clear.
    pub(super) fn destination(&self) -> Option<Destination> {
        let url = self.database_url.as_deref();
        let named = url.filter(|url| *url != PRIVATE && !url.is_empty());
        if url.is_some() && named.is_none() {
            return None;
        }
        let settings = DatabaseSettings::resolve(named, &Environment::from_process());
        Some(Destination {
            url: settings.ok().flatten()?.describe(),
            private_server: None,
        })
    }
}

/// A database, and how many connections may write to it.
pub(super) struct Connected {
    pub(super) database: Database,
    pub(super) workers: usize,
    settings: DatabaseSettings,
    private_server: Option<PathBuf>,
}

/// Where rows go, or come from: part of every report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Destination {
    /// The database as a URL, without password.
    url: String,
    /// The directory of the private server; none for a database that the user named.
    private_server: Option<PathBuf>,
}

/// A command's JSON document, with the database.
#[derive(Debug, Serialize)]
pub(super) struct InDatabase<'a, T> {
    #[serde(flatten)]
    pub(super) document: &'a T,
    pub(super) database: Destination,
}

impl Destination {
    /// In words.
    pub(super) fn describe(&self) -> String {
        match &self.private_server {
            Some(directory) => format!("private server in {} ({})", directory.display(), self.url),
            None => self.url.clone(),
        }
    }
}

impl Connected {
    /// The database without its password.
    pub(super) fn describe(&self) -> String {
        self.destination().describe()
    }

    /// The database, for reports.
    pub(super) fn destination(&self) -> Destination {
        Destination {
            url: self.settings.describe(),
            private_server: self.private_server.clone(),
        }
    }

    /// A command that shows rows of a table.
    pub(super) fn psql_command(&self, table_sql: &str) -> String {
        let psql = if self.private_server.is_some() {
            format!("{} db psql", render::program())
        } else {
            self.settings.psql_hint()
        };
        format!(
            "{psql} -c {}",
            render::shell_quoted(&format!("select * from {table_sql} limit 5"))
        )
    }
}

/// Connections beside those of the workers: one speaks for a load that is recorded, as long as it runs, or claims the
/// name of a table that one without a ledger creates. What is looked at before the first row and after the last one is
/// looked at over the workers' connections.
const SPARE_CONNECTIONS: usize = 1;
/// And one changes the columns of a table that is made from a sample of the rows.
const WIDENING_CONNECTIONS: usize = 1;
/// And one evaluates defaults for empty cells.
const DRAWING_CONNECTIONS: usize = 1;
/// Connections of concurrent mode. Each waits for the disk with each row, and commits that wait together are written
/// together: 3,000 rows took 9.3 s over 2 connections, 3.1 s over 4 and 0.53 s over 8.
const CONCURRENT_CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

/// For how long a connection is tried to be had.
#[derive(Debug, Args)]
#[command(next_help_heading = "Patience")]
pub(super) struct RetryArgs {
    /// For how long a server that does not answer yet is tried again [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    retry_for: Option<Duration>,
}

impl RetryArgs {
    /// What is said.
    pub(super) fn patience(&self) -> Patience {
        let changes = PatienceChanges {
            retry_for: self.retry_for,
            ..PatienceChanges::default()
        };
        changes.over(Patience::default())
    }
}

/// How a command connects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// How patient it is.
    pub(super) patience: Patience,
    /// Whether nothing is said meanwhile.
    pub(super) quiet: bool,
}

/// The connections that a command needs.
#[derive(Debug, Clone, Copy)]
struct Need {
    workers: Workers,
    spare: usize,
    sessions: SessionNeed,
}

/// Whether a command opens several connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionNeed {
    One,
    Several,
}

/// Connects as many times as a load needs.
pub(super) async fn connect_to_load(
    args: &ConnectionArgs,
    config: &ImportConfig,
    quiet: bool,
) -> Result<Connected> {
    let drawing = match config.mapping.empty {
        EmptyCells::Null => 0,
        EmptyCells::Default => DRAWING_CONNECTIONS,
    };
    let widening = config.infer_rows.map_or(0, |_| WIDENING_CONNECTIONS);
    let need = Need {
        workers: workers_of(config.mode, config.workers),
        spare: SPARE_CONNECTIONS + widening + drawing,
        sessions: SessionNeed::Several,
    };
    let patience = config.patience;
    connect_workers(args, Unnamed::MayStart, need, Effort { patience, quiet }).await
}

/// Connects as many times as a comparison needs.
pub(super) async fn connect_to_compare(
    args: &ConnectionArgs,
    workers: Option<NonZeroUsize>,
    effort: Effort,
) -> Result<Connected> {
    let need = Need {
        workers: workers_of(Mode::Batch, workers),
        // One more says that the comparison is alive.
        spare: SPARE_CONNECTIONS + 1,
        sessions: SessionNeed::Several,
    };
    connect_workers(args, Unnamed::MayStart, need, effort).await
}

fn workers_of(mode: Mode, workers: Option<NonZeroUsize>) -> Workers {
    match (mode, workers) {
        (Mode::Sequential, _) => Workers::Exactly(NonZeroUsize::MIN),
        (_, Some(workers)) => Workers::Exactly(workers),
        (Mode::Concurrent, None) => Workers::AtMost(CONCURRENT_CONNECTIONS),
        (Mode::Batch, None) => Workers::Auto,
    }
}

/// Connects for a command that needs one connection.
pub(super) async fn connect_one(
    args: &ConnectionArgs,
    unnamed: Unnamed,
    effort: Effort,
) -> Result<Connected> {
    let need = Need {
        workers: Workers::Exactly(NonZeroUsize::MIN),
        spare: SPARE_CONNECTIONS,
        sessions: SessionNeed::One,
    };
    connect_workers(args, unnamed, need, effort).await
}

/// What becomes of the private server where no database is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// It is started if somebody sits at a terminal and sees that.
    MayStart,
    /// It is used if it runs: a new one holds no loads to look at.
    MustRun,
}

async fn connect_workers(
    args: &ConnectionArgs,
    unnamed: Unnamed,
    need: Need,
    effort: Effort,
) -> Result<Connected> {
    let (settings, private_server) = settings_of(args, unnamed).await?;
    for warning in settings.warnings() {
        render::note(&format!("sheetload: warning: {warning}"));
    }
    let notices = Arc::new(Notices::default());
    let retry = Retry {
        retry_for: effort.patience.retry_for,
        log: Arc::new(RetryLog::telling(&notices)),
        ..Retry::never()
    };
    let connecting = async {
        let database = Database::connect_with(&settings, effort.patience, &retry).await?;
        let workers = database.size_for(need.workers, need.spare).await?;
        if need.sessions == SessionNeed::Several {
            database.require_sessions(&retry).await?;
        }
        Ok::<_, Error>((database, workers))
    };
    let (database, workers) = told(&notices, effort.quiet, Box::pin(connecting)).await?;
    Ok(Connected {
        database,
        workers,
        settings,
        private_server,
    })
}

/// Says what is to be told while something is done; nothing when quiet.
async fn told<T>(notices: &Notices, quiet: bool, mut work: impl Future<Output = T> + Unpin) -> T {
    let say = || {
        for notice in notices.take() {
            if !quiet {
                render::note(&render::notice::text(&notice));
            }
        }
    };
    loop {
        tokio::select! {
            done = &mut work => {
                say();
                return done;
            }
            () = notices.added() => say(),
        }
    }
}

/// The settings of the database that is named, else of the private server, and then its directory.
async fn settings_of(
    args: &ConnectionArgs,
    unnamed: Unnamed,
) -> Result<(DatabaseSettings, Option<PathBuf>)> {
    let environment = Environment::from_process();
    let server = match args.database_url.as_deref() {
        Some(PRIVATE) => {
            let server = PrivateServer::at_default_location()?;
            return started(&server)
                .await
                .map(|settings| (settings, Some(server.base().to_owned())));
        }
        Some("") => return Err(nowhere("--database-url is empty")),
        url => match DatabaseSettings::resolve(url, &environment)? {
            Some(settings) => return Ok((settings, None)),
            None => PrivateServer::at_default_location()?,
        },
    };
    if let Some(variable) = DatabaseSettings::empty_variable(&environment) {
        return Err(nowhere(&format!("{variable} is set, but empty")));
    }
    let is_running = matches!(
        server.status().await?,
        Status::Running(_) | Status::Changing { .. }
    );
    // In a script nobody would notice that rows went to a server which did not exist before.
    let is_watched = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    if !is_running && (unnamed == Unnamed::MustRun || !is_watched) {
        return Err(nowhere(
            "no database is named, and the private server does not run",
        ));
    }
    render::note(&format!(
        "sheetload: no database is named; using the private PostgreSQL server in {}",
        server.base().display()
    ));
    let settings = started(&server).await?;
    Ok((settings, Some(server.base().to_owned())))
}

fn nowhere(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOptions, message).next_step(format!(
        "Pass --database-url or set DATABASE_URL; `--database-url {PRIVATE}` or `{} db start` starts the private server",
        render::program()
    ))
}

/// Starts the private server if it does not run.
async fn started(server: &PrivateServer) -> Result<DatabaseSettings> {
    let running = server.start().await?;
    if running.started_now() {
        render::note(&format!(
            "sheetload: the private PostgreSQL server was started (stop it with: {} db stop)",
            render::program()
        ));
    }
    Ok(settings_for(&running))
}

fn settings_for(running: &Running) -> DatabaseSettings {
    // The socket saves a few percent against TCP; where it is no UTF-8 path, TCP serves.
    let socket = running.socket_directory().to_str();
    DatabaseSettings::from_parts(
        socket.unwrap_or(running.host()),
        running.port(),
        running.user(),
        Some(Password::new(running.password().expose())),
        running.database(),
    )
}
