//! Which database a command works on: the user's, or the private server.

use std::num::NonZeroUsize;

use clap::Args;

use super::render;
use crate::config::commit::{Ledger, Patience};
use crate::config::import::{ImportConfig, Mode};
use crate::config::postgres::{DatabaseSettings, Environment, Password};
use crate::db::embedded::PrivateServer;
use crate::db::pool::{Database, Workers};
use crate::error::Result;

/// Where the database is.
#[derive(Debug, Args)]
pub(super) struct ConnectionArgs {
    /// The database, as a URL or key=value pairs; default: DATABASE_URL, the PG* variables, else the private server
    #[arg(short, long, value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// A database, and how many connections may write to it.
pub(super) struct Connected {
    pub(super) database: Database,
    pub(super) workers: usize,
    settings: DatabaseSettings,
    is_private: bool,
}

impl Connected {
    /// The database without its password.
    pub(super) fn describe(&self) -> String {
        self.settings.describe()
    }

    /// A command that shows rows of a table.
    pub(super) fn psql_command(&self, table_sql: &str) -> String {
        let psql = if self.is_private {
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

/// Connections beside those of the workers: one looks at tables and creates them.
const SPARE_CONNECTIONS: usize = 1;
/// And one speaks for a load that is recorded, as long as it runs.
const SESSION_CONNECTIONS: usize = 1;
/// Connections of concurrent mode. Each waits for the disk with each row, and commits that wait together are written
/// together: 3,000 rows took 9.3 s over 2 connections, 3.1 s over 4 and 0.53 s over 8.
const CONCURRENT_CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

/// Connects as many times as a load needs.
pub(super) async fn connect_to_load(
    args: &ConnectionArgs,
    config: &ImportConfig,
) -> Result<Connected> {
    let spare = match config.ledger {
        Ledger::Kept => SPARE_CONNECTIONS + SESSION_CONNECTIONS,
        Ledger::None => SPARE_CONNECTIONS,
    };
    let workers = workers_of(config.mode, config.workers);
    connect_workers(args, workers, spare, config.patience).await
}

/// Connects as many times as the mode needs.
pub(super) async fn connect(
    args: &ConnectionArgs,
    mode: Mode,
    workers: Option<NonZeroUsize>,
) -> Result<Connected> {
    let workers = workers_of(mode, workers);
    connect_workers(args, workers, SPARE_CONNECTIONS, Patience::default()).await
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
pub(super) async fn connect_one(args: &ConnectionArgs) -> Result<Connected> {
    let one = Workers::Exactly(NonZeroUsize::MIN);
    connect_workers(args, one, SPARE_CONNECTIONS, Patience::default()).await
}

async fn connect_workers(
    args: &ConnectionArgs,
    workers: Workers,
    spare: usize,
    patience: Patience,
) -> Result<Connected> {
    let environment = Environment::from_process();
    let resolved = DatabaseSettings::resolve(args.database_url.as_deref(), &environment)?;
    let (settings, is_private) = match resolved {
        Some(settings) => (settings, false),
        None => (private_server().await?, true),
    };
    for warning in settings.warnings() {
        render::note(&format!("sheetload: warning: {warning}"));
    }
    let database = Box::pin(Database::connect_with(&settings, patience)).await?;
    let workers = database.size_for(workers, spare).await?;
    Ok(Connected {
        database,
        workers,
        settings,
        is_private,
    })
}

/// Starts the private server if it does not run.
async fn private_server() -> Result<DatabaseSettings> {
    let running = PrivateServer::at_default_location()?.start().await?;
    if running.started_now() {
        render::note(&format!(
            "sheetload: the private PostgreSQL server was started (stop it with: {} db stop)",
            render::program()
        ));
    }
    // The socket saves a few percent against TCP; where it is no UTF-8 path, TCP serves.
    let socket = running.socket_directory().to_str();
    Ok(DatabaseSettings::from_parts(
        socket.unwrap_or(running.host()),
        running.port(),
        running.user(),
        Some(Password::new(running.password().expose())),
        running.database(),
    ))
}
