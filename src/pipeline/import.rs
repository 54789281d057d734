//! One import from the file to the reports: each sheet into a table of its own, or several into one.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::groups::{Group, Prepared, prepare};
use super::lineage::RowOrigin;
use super::progress::{Phase, Progress, Snapshot};
use super::report::Milestones;
use super::target::Target;
use super::{Load, LoadEnd, Pipeline, report};
use crate::config::import::ImportConfig;
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::model::report::{LoadReport, LoadState};
use crate::model::table::TableName;
use crate::source::RowSource;

/// What an import came to: always reports once rows were written, and the errors that ended it early.
#[derive(Debug, Default)]
pub struct Imported {
    /// What was done, for each table.
    pub reports: Vec<LoadReport>,
    /// Why it ended early; empty for a complete import.
    pub errors: Vec<Error>,
    /// Worksheets that were left out because they are hidden.
    pub hidden_sheets: Vec<String>,
    /// Worksheets that were left out because they are empty, or hold titles alone.
    pub empty_sheets: Vec<String>,
}

/// What the stages of an import hand on.
struct Context<'a> {
    config: &'a ImportConfig,
    database: &'a Database,
    workers: usize,
    interrupt: &'a CancellationToken,
    progress: &'a Arc<Progress>,
    load_id: Uuid,
    started: Instant,
}

/// Imports sheets, one table after the other. `workers` connections write; cancelling `interrupt` ends it after the
/// batches in hand. The first table that does not load to its end is the last one.
///
/// # Errors
/// What keeps the first load from starting; then the database is as it was. What ends it later is in [`Imported`].
pub async fn import(
    config: &ImportConfig,
    database: &Database,
    workers: usize,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Imported> {
    let prepared = prepare(config, progress).await?;
    import_prepared(config, prepared, database, workers, interrupt, progress).await
}

/// The same for a workbook that is open already.
///
/// # Errors
/// As [`import`].
pub async fn import_prepared(
    config: &ImportConfig,
    prepared: Prepared,
    database: &Database,
    workers: usize,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Imported> {
    let mut imported = Imported {
        hidden_sheets: prepared.hidden,
        empty_sheets: prepared.empty,
        ..Imported::default()
    };
    let (mut opening, mut without_rows) = (prepared.opening, None);
    let is_several = prepared.groups.len() > 1;
    for Group { table, sources } in prepared.groups {
        let started = Instant::now();
        let context = Context {
            config,
            database,
            workers,
            interrupt,
            progress,
            load_id: Uuid::now_v7(),
            // The first load's time begins with the opening of the workbook.
            started: started.checked_sub(opening).unwrap_or(started),
        };
        opening = Duration::ZERO;
        let sheet = sources
            .first()
            .map(|source| source.describe().sheet.clone());
        let named = |error: Error| match (&sheet, is_several && error.facts().sheet.is_none()) {
            (Some(sheet), true) => error.in_sheet(sheet),
            _ => error,
        };
        match Box::pin(context.load(&table, sources)).await {
            Ok((report, errors)) => {
                imported.reports.push(report);
                imported.errors = errors.into_iter().map(named).collect();
            }
            // One of several that has nothing to load keeps none of the others out.
            Err(error) if is_several && error.kind() == ErrorKind::SheetEmpty => {
                imported.empty_sheets.extend(sheet);
                without_rows.get_or_insert(error);
            }
            Err(error) if imported.reports.is_empty() => return Err(named(error)),
            Err(error) => imported.errors.push(named(error)),
        }
        if !imported.errors.is_empty() {
            break;
        }
    }
    match without_rows {
        Some(error) if imported.reports.is_empty() => Err(error),
        _ => Ok(imported),
    }
}

impl Context<'_> {
    /// Loads sheets into their table.
    async fn load(
        &self,
        table: &TableName,
        sources: Vec<Box<dyn RowSource>>,
    ) -> Result<(LoadReport, Vec<Error>)> {
        let opened = Instant::now();
        let expected = sources.iter().map(|source| source.describe().declared_rows);
        let expected: Option<u64> = expected.sum();
        self.progress.begin_load(expected.unwrap_or_default());
        let client = self.database.get().await?;
        let resolving = Target::resolve(
            &client,
            table,
            sources,
            self.config,
            self.interrupt,
            self.progress,
        );
        let (mut target, sources) = resolving.await?;
        drop(client);
        let resolved = Instant::now();
        let facts = SheetFacts::of(&sources);
        let end = self.run_all(&mut target, sources).await?;
        let milestones = Milestones {
            started: self.started,
            opened,
            resolved,
            loaded: Instant::now(),
        };
        self.finish(&target, facts, end, milestones).await
    }

    /// Writes all rows. When it could not start, what was created is removed again.
    async fn run_all(
        &self,
        target: &mut Target,
        sources: Vec<Box<dyn RowSource>>,
    ) -> Result<LoadEnd> {
        let client = self.database.get().await?;
        if self.interrupt.is_cancelled() {
            return Err(interrupted_early());
        }
        self.prepare(target, &client).await?;
        drop(client);
        let mut end = LoadEnd::nothing()?;
        for (index, source) in sources.into_iter().enumerate() {
            match Box::pin(self.run(target, index, source)).await {
                Ok(next) => end.absorb(next),
                Err(error) if index == 0 => {
                    let client = self.database.get().await?;
                    target.clean_up(&client, 0).await?;
                    return Err(error);
                }
                Err(error) => end.errors.push(error),
            }
            if !end.errors.is_empty() || end.totals.is_none() {
                break;
            }
        }
        Ok(end)
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

    /// Loads one sheet.
    async fn run(
        &self,
        target: &Target,
        index: usize,
        source: Box<dyn RowSource>,
    ) -> Result<LoadEnd> {
        let sheet = source.describe().sheet.clone();
        let mut load = Load::new(
            self.config,
            source,
            target.columns_of(index),
            target.constraint_columns().clone(),
        );
        load.untitled = target.untitled(index).to_vec();
        if !target.lineage().is_empty() {
            let file_name = self.config.file.file_name().unwrap_or_default();
            let file_name = file_name.to_string_lossy().into_owned();
            let origin = RowOrigin::new(file_name, sheet, self.load_id);
            load.lineage = Some((target.lineage().to_vec(), origin));
        }
        if target.is_sampled() {
            let client = self.database.get().await?;
            load.widening = target.widening(index, client, self.database);
        }
        let pipeline = Pipeline::open(
            load,
            self.config.mode,
            target.written_table(),
            self.database,
            self.workers,
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
        sheets: SheetFacts,
        mut end: LoadEnd,
        milestones: Milestones,
    ) -> Result<(LoadReport, Vec<Error>)> {
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
            sheet: sheets.names,
            target,
            mode: self.config.mode,
            workers: self.workers,
            load_id: self.load_id.to_string(),
            hidden_columns: sheets.hidden_columns,
        };
        let mut errors = std::mem::take(&mut end.errors);
        if state == LoadState::Interrupted {
            errors.push(Error::new(ErrorKind::Interrupted, "interrupted"));
        }
        let mut report = report::write(facts, &end, snapshot, milestones);
        report.warnings.splice(0..0, target.warnings().to_vec());
        Ok((report, errors))
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

/// What the report says about the sheets of a load.
struct SheetFacts {
    names: String,
    hidden_columns: u64,
}

impl SheetFacts {
    fn of(sources: &[Box<dyn RowSource>]) -> Self {
        let sheets = sources.iter().map(|source| source.describe());
        let names: Vec<&str> = sheets.clone().map(|sheet| sheet.sheet.as_str()).collect();
        let hidden = sheets.map(|sheet| {
            let hidden = (0..sheet.header.width()).filter(|index| sheet.is_hidden_column(*index));
            hidden.count() as u64
        });
        Self {
            names: names.join(", "),
            hidden_columns: hidden.sum(),
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
