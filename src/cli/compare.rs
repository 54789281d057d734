//! `sheetload compare`: the modes against each other.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::connection::{self, ConnectionArgs, Effort, InDatabase, RetryArgs};
use super::import::{TargetArgs, at_least_one};
use super::load::stop_at_once;
use super::read::ReadArgs;
use super::render;
use crate::compare::{self, CompareEvent};
use crate::config::compare::{CompareConfig, DEFAULT_RUNS};
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::exit;
use crate::pipeline::{Signals, second_signal};
use crate::source;

/// Options of `sheetload compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each mode loads the sheet into a throw-away table shaped like the target, indexes included; the target itself is \
only looked at. A missing target's shape is what an import would create. Timed is the load of the open workbook into \
the empty table, from the first row read to the last commit. After each run the rows are counted, at the end the \
tables are checked to be equal, and dropped.

Exit codes: 0 compared; 1 unexpected failure, or the modes loaded different rows; 2 usage; 4 bad input file; \
5 database unreachable or refused; 130 interrupted.")]
pub(super) struct CompareArgs {
    /// The workbook: xlsx, xlsm, xlsb, xls or ods
    file: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// How often each mode runs
    #[arg(short, long, value_name = "N", default_value_t = DEFAULT_RUNS, value_parser = at_least_one)]
    runs: NonZeroUsize,
    /// Connections that write, in the modes that may have several; default: as many as cores, as far as the server
    /// has room
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    workers: Option<NonZeroUsize>,
    /// Rows in a batch, in batch mode [default: from 2,500 doubling up to 50,000]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    batch_size: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    retry: RetryArgs,
    /// Print all figures as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read: ReadArgs,
}

impl CompareArgs {
    fn to_config(&self) -> Result<CompareConfig> {
        Ok(CompareConfig {
            file: self.file.clone(),
            read: self.read.to_options()?,
            table: self.target.table.clone(),
            runs: self.runs,
            workers: self.workers,
            batch_rows: self.batch_size,
        })
    }
}

pub(super) async fn run(args: CompareArgs) -> Result<u8> {
    let config = args.to_config()?;
    config.validate()?;
    // A file that is no workbook is told before a server is looked for, or started.
    source::check(&config.file, &config.read.limits)?;
    let effort = Effort {
        patience: args.retry.patience(),
        quiet: args.quiet,
    };
    let connecting = connection::connect_to_compare(&args.connection, config.workers, effort);
    let connected = connecting.await?;
    let interrupt = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let mut listener = |event: CompareEvent<'_>| {
        if !args.quiet {
            render::note(&render::compare::progress(event));
        }
    };
    let mut comparing = Box::pin(compare::compare(
        &config,
        &connected.database,
        connected.workers,
        &interrupt,
        &mut listener,
    ));
    let ended = tokio::select! {
        report = &mut comparing => Some(report),
        () = second_signal(&mut signals, &interrupt) => {
            stop_at_once(comparing.as_mut(), &connected.database).await
        }
    };
    drop(comparing);
    let Some(report) = ended else {
        return Err(stopped_at_once());
    };
    let report = report.map_err(|error| stopped_by_user(error, &interrupt))?;
    if args.json {
        render::json(&InDatabase {
            document: &report,
            database: connected.destination(),
        })?;
    } else {
        render::line(&render::compare::describe(&report));
        render::line(&format!("database: {}", connected.describe()));
    }
    Ok(exit::SUCCESS)
}

fn stopped_at_once() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped at once").next_step(format!(
        "Tables named {}{}_... may be left over; the next `{} compare` drops them",
        compare::NAME_PREFIX,
        std::process::id(),
        render::program()
    ))
}

/// A statement that was cancelled because the user stops the comparison is no failure.
fn stopped_by_user(error: Error, interrupt: &CancellationToken) -> Error {
    let is_cancelled = error.facts().sqlstate.as_deref() == Some(QUERY_CANCELED);
    if is_cancelled && interrupt.is_cancelled() {
        Error::new(
            ErrorKind::Interrupted,
            "interrupted before the comparison was finished",
        )
    } else {
        error
    }
}
