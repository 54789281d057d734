//! One import from the file to the reports: each sheet into a table of its own, or several into one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::creation::Settled;
use super::fingerprint::Fingerprint;
use super::groups::{Group, Prepared, prepare};
use super::progress::Progress;
use super::recording::{Begun, Recording};
use super::reject_writer::{RejectSender, RejectWriter};
use super::report::Milestones;
use super::resume::Resumed;
use super::target::Target;
use super::watch::watched;
use crate::config::commit::{Ledger, Rehearsal};
use crate::config::import::ImportConfig;
use crate::db::ledger;
use crate::db::lookout::is_out_of_reach;
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::model::report::LoadReport;
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
    /// The file that the rejected rows were written to, and their number; none when there were none.
    pub rejects: Option<(std::path::PathBuf, u64)>,
}

/// What the stages of an import hand on.
pub(super) struct Context<'a> {
    pub(super) config: &'a ImportConfig,
    pub(super) database: &'a Database,
    pub(super) workers: usize,
    pub(super) interrupt: &'a CancellationToken,
    pub(super) progress: &'a Arc<Progress>,
    pub(super) load_id: Uuid,
    pub(super) started: Instant,
    /// The file as it was when it was opened; none where nothing is recorded.
    pub(super) fingerprint: Option<&'a Fingerprint>,
    /// Where rejected rows are written to.
    pub(super) rejects: Option<RejectSender>,
    /// The load that this one goes on with.
    pub(super) resumed: Option<&'a Resumed>,
}

/// Who does an import, and who watches it.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The server.
    pub database: &'a Database,
    /// Connections that write.
    pub workers: usize,
    /// Cancelling it ends the import after the batches in hand.
    pub interrupt: &'a CancellationToken,
    /// The counters.
    pub progress: &'a Arc<Progress>,
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
    let run = Run {
        database,
        workers,
        interrupt,
        progress,
    };
    import_prepared(config, prepared, run).await
}

/// The same for a workbook that is open already.
///
/// # Errors
/// As [`import`].
pub async fn import_prepared(
    config: &ImportConfig,
    prepared: Prepared,
    run: Run<'_>,
) -> Result<Imported> {
    let importing = Box::pin(import_or_resume(config, prepared, run, None));
    let imported = watched(run, config.patience.retry_for, importing).await;
    imported.map_err(|error| unless_interrupted(error, run))
}

/// That a connection was given up since the server was silent is what somebody has asked for who interrupts the load.
pub(super) fn unless_interrupted(error: Error, run: Run<'_>) -> Error {
    let has_given_up = run.interrupt.is_cancelled() && run.database.has_given_up_connections();
    match has_given_up && is_out_of_reach(&error) {
        true => interrupted_early(),
        false => error,
    }
}

/// The same, or what is left of a load that did not come to its end.
pub(super) async fn import_or_resume(
    config: &ImportConfig,
    prepared: Prepared,
    run: Run<'_>,
    resumed: Option<&Resumed>,
) -> Result<Imported> {
    let writer = match &config.rejects {
        Some(rejects) => Some(RejectWriter::start(rejects, &config.file).await?),
        None => None,
    };
    let sender = writer.as_ref().map(RejectWriter::handle);
    let imported = Box::pin(import_groups(config, prepared, run, resumed, sender)).await;
    let Some(writer) = writer else {
        return imported;
    };
    // The file is completed however the import ended.
    let finished = writer.finish().await;
    let mut imported = imported?;
    match finished {
        Ok(finished) => imported.rejects = finished.file.map(|path| (path, finished.rows)),
        Err(error) if imported.errors.is_empty() => imported.errors.push(error),
        Err(_told_already) => {}
    }
    Ok(imported)
}

async fn import_groups(
    config: &ImportConfig,
    prepared: Prepared,
    run: Run<'_>,
    resumed: Option<&Resumed>,
    rejects: Option<RejectSender>,
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
            database: run.database,
            workers: run.workers,
            interrupt: run.interrupt,
            progress: run.progress,
            load_id: resumed.map_or_else(Uuid::now_v7, Resumed::id),
            // The first load's time begins with the opening of the workbook.
            started: started.checked_sub(opening).unwrap_or(started),
            fingerprint: prepared.fingerprint.as_ref(),
            rejects: rejects.clone(),
            resumed,
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
                if let Some(rejects) = &rejects {
                    // Where it cannot be written, the end says so.
                    let _told_later = rejects.keep().await;
                }
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
        let Settled {
            mut target,
            sources,
            recording,
            _claim,
        } = self.settle(table, sources).await?;
        if let Some(notice) = target.notice() {
            self.progress.tell(notice);
        }
        let resolved = Instant::now();
        let facts = SheetFacts::of(&sources);
        let attempt = self
            .attempts(&mut target, sources, recording.as_ref())
            .await?;
        let milestones = Milestones {
            started: self.started,
            opened,
            resolved,
            loaded: Instant::now(),
        };
        self.finish(&target, recording.as_ref(), facts, attempt, milestones)
            .await
    }

    /// The file's fingerprint, if the load is recorded.
    pub(super) fn recorded_file(&self) -> Option<&Fingerprint> {
        let is_recorded =
            self.config.ledger == Ledger::Kept && self.config.rehearsal == Rehearsal::No;
        self.fingerprint.filter(|_| is_recorded)
    }

    /// Does something over a connection, and again over another one after what may pass.
    pub(super) async fn patiently<T>(
        &self,
        work: impl AsyncFn(&deadpool_postgres::Object) -> Result<T>,
    ) -> Result<T> {
        let retry = self.retry();
        let mut tries = retry.tries();
        loop {
            let done = match self.database.get().await {
                Ok(client) => work(&client).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(done) => return Ok(done),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }

    /// Records the beginning, if it is to be; `None` while another load creates the table.
    pub(super) async fn begin_recording(
        &self,
        target: &Target,
        sources: &[Box<dyn RowSource>],
    ) -> Result<Option<Begun>> {
        let Some(fingerprint) = self.recorded_file() else {
            return Ok(Some(Begun::Unrecorded));
        };
        let retry = self.retry();
        let mut tries = retry.tries();
        loop {
            let begun = match self.database.get().await {
                Err(error) => Err(error),
                Ok(session) => match self.resumed {
                    Some(resumed) => {
                        let begun = resumed.begin(session, target, sources).await;
                        begun.map(|recording| Some(Begun::Recorded(Box::new(recording))))
                    }
                    None => {
                        self.record_beginning(session, fingerprint, target, sources)
                            .await
                    }
                },
            };
            match begun {
                Ok(begun) => return Ok(begun),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }

    async fn record_beginning(
        &self,
        mut session: deadpool_postgres::Object,
        fingerprint: &Fingerprint,
        target: &Target,
        sources: &[Box<dyn RowSource>],
    ) -> Result<Option<Begun>> {
        // Not before all else is known to fit: what is refused leaves nothing behind.
        ledger::install(&mut session).await?;
        let (id, config) = (self.load_id, self.config);
        let begun = Recording::begin(session, id, config, fingerprint, target, sources);
        let begun = begun.await.map_err(ledger::telling_rights)?;
        Ok(begun.map(Box::new).map(Begun::Recorded))
    }
}

/// What the report says about the sheets of a load.
pub(super) struct SheetFacts {
    pub(super) names: String,
    pub(super) hidden_columns: u64,
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

pub(super) fn interrupted_early() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "interrupted before anything was loaded",
    )
}

/// Whether a statement ended by [`Database::cancel_statements`].
pub(super) fn is_cancelled_statement(error: &Error) -> bool {
    error.facts().sqlstate.as_deref() == Some(QUERY_CANCELED)
}

pub(super) fn display_name(file: &Path) -> String {
    file.display().to_string()
}
