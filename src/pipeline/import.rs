//! One import from the file to the report.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::progress::{Phase, Progress, Snapshot};
use super::report::Milestones;
use super::target::Target;
use super::{Load, LoadEnd, Pipeline, report};
use crate::config::import::ImportConfig;
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::model::report::{LoadReport, LoadState};
use crate::source::RowSource;

/// What an import came to: always a report once rows were written, and the errors that ended it early.
#[derive(Debug)]
pub struct Imported {
    /// What was done.
    pub report: LoadReport,
    /// Why it ended early; empty for a complete import.
    pub errors: Vec<Error>,
}

/// What the stages of an import hand on.
struct Context<'a> {
    config: &'a ImportConfig,
    database: &'a Database,
    interrupt: &'a CancellationToken,
    progress: &'a Arc<Progress>,
    started: Instant,
}

/// Imports a sheet. `workers` connections write; cancelling `interrupt` ends it after the batches in hand.
///
/// # Errors
/// What keeps the load from starting; then the database is as it was. What ends it later is in [`Imported`].
pub async fn import(
    config: &ImportConfig,
    database: &Database,
    workers: usize,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Imported> {
    config.validate()?;
    let context = Context {
        config,
        database,
        interrupt,
        progress,
        started: Instant::now(),
    };
    let source = context.open().await?;
    let opened = Instant::now();
    if let Some(rows) = source.describe().declared_rows {
        progress.expect_rows(rows);
    }
    let client = database.get().await?;
    let (mut target, source) =
        Target::resolve(&client, source, config, interrupt, progress).await?;
    drop(client);
    let resolved = Instant::now();
    let (end, sheet) = context.load(&mut target, source, workers).await?;
    let milestones = Milestones {
        started: context.started,
        opened,
        resolved,
        loaded: Instant::now(),
    };
    context
        .finish(&target, &sheet, end, workers, milestones)
        .await
}

impl Context<'_> {
    async fn open(&self) -> Result<Box<dyn RowSource>> {
        self.progress.enter(Phase::Opening);
        super::open_source(&self.config.file, self.config.sheet.as_deref()).await
    }

    /// Writes all rows. When it could not start, what was created is removed again.
    async fn load(
        &self,
        target: &mut Target,
        source: Box<dyn RowSource>,
        workers: usize,
    ) -> Result<(LoadEnd, String)> {
        let client = self.database.get().await?;
        if self.interrupt.is_cancelled() {
            return Err(interrupted_early());
        }
        self.prepare(target, &client).await?;
        drop(client);
        let sheet = source.describe().sheet.clone();
        match self.run(target, source, workers).await {
            Ok(end) => Ok((end, sheet)),
            Err(error) => {
                let client = self.database.get().await?;
                target.clean_up(&client, 0).await?;
                Err(error)
            }
        }
    }

    /// Creates or empties the table. Nothing is loaded yet, so an interrupt does not wait for a lock on it.
    async fn prepare(&self, target: &mut Target, client: &Client) -> Result<()> {
        let mut preparing = pin!(target.prepare(client));
        tokio::select! {
            prepared = &mut preparing => return prepared,
            () = self.interrupt.cancelled() => self.database.cancel_statements().await,
        }
        preparing.await.map_err(|error| {
            if is_cancelled_statement(&error) {
                interrupted_early()
            } else {
                error
            }
        })
    }

    async fn run(
        &self,
        target: &Target,
        source: Box<dyn RowSource>,
        workers: usize,
    ) -> Result<LoadEnd> {
        let load = Load::new(
            self.config,
            source,
            target.columns().to_vec(),
            target.constraint_columns().clone(),
        );
        let pipeline = Pipeline::open(
            load,
            self.config.mode,
            target.written_table(),
            self.database,
            workers,
            self.interrupt,
            self.progress,
        )
        .await?;
        pipeline.wait().await
    }

    /// Puts staged rows in place, removes what is left over, and writes the report.
    async fn finish(
        &self,
        target: &Target,
        sheet: &str,
        mut end: LoadEnd,
        workers: usize,
        milestones: Milestones,
    ) -> Result<Imported> {
        let all_accounted = end.accounts_for_all_rows(&self.progress.snapshot());
        let mut interrupted = self.interrupt.is_cancelled() && !all_accounted;
        if end.errors.is_empty() && !interrupted && !all_accounted {
            end.errors.push(Error::new(
                ErrorKind::Internal,
                "the load ended without an error, but not all rows are accounted for",
            ));
        }
        let mut committed = self.progress.snapshot().loaded_rows;
        let complete = end.errors.is_empty() && !interrupted;
        if target.is_staged() {
            self.progress.enter(Phase::Publishing);
            let published = complete && self.publish(target, &mut end.errors).await;
            if !published {
                committed = 0;
            }
        }
        if self.interrupt.is_cancelled() {
            // Statements that were cancelled to stop at once: not a failure, but what was asked for.
            let before = end.errors.len();
            end.errors.retain(|error| !is_cancelled_statement(error));
            interrupted |= end.errors.len() < before;
        }
        if !complete || committed == 0 {
            self.clean_up(target, committed, &mut end.errors).await;
        }
        self.progress.enter(Phase::Done);
        let state = match (end.errors.is_empty(), interrupted) {
            (false, _) => LoadState::Failed,
            (true, true) => LoadState::Interrupted,
            (true, false) => LoadState::Complete,
        };
        let snapshot = Snapshot {
            loaded_rows: committed,
            ..self.progress.snapshot()
        };
        let facts = report::Facts {
            state,
            file: display_name(&self.config.file),
            sheet: sheet.to_owned(),
            target,
            mode: self.config.mode,
            workers,
        };
        let mut errors = std::mem::take(&mut end.errors);
        if state == LoadState::Interrupted {
            errors.push(Error::new(ErrorKind::Interrupted, "interrupted"));
        }
        Ok(Imported {
            report: report::write(facts, &end, snapshot, milestones),
            errors,
        })
    }

    async fn publish(&self, target: &Target, errors: &mut Vec<Error>) -> bool {
        let published = match self.database.get().await {
            Ok(mut client) => target.publish(&mut client).await,
            Err(error) => Err(error),
        };
        published.map_err(|error| errors.push(error)).is_ok()
    }

    async fn clean_up(&self, target: &Target, committed: u64, errors: &mut Vec<Error>) {
        let cleaned = match self.database.get().await {
            Ok(client) => target.clean_up(&client, committed).await,
            Err(error) => Err(error),
        };
        // A lost server is named once, by the error that ended the load.
        if let Err(error) = cleaned
            && errors.is_empty()
        {
            errors.push(error);
        }
    }
}

fn interrupted_early() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "interrupted before anything was loaded",
    )
}

/// Whether a statement ended by [`Database::cancel_statements`].
fn is_cancelled_statement(error: &Error) -> bool {
    error.facts().sqlstate.as_deref() == Some(QUERY_CANCELED)
}

fn display_name(file: &Path) -> String {
    file.display().to_string()
}
