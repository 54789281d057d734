//! Runs loads: the only module that spawns tasks.
//!
//! A [`Pipeline`] is one reader, one bounded queue and some workers: [`Pipeline::start`], then [`Pipeline::wait`].
//! [`import`] puts one together for a workbook and a table.

mod account;
mod attempt;
mod attempts;
mod brought_numbers;
mod cell_notes;
mod creation;
mod defaults;
mod earlier;
mod existing_table;
mod fingerprint;
mod finish;
pub mod groups;
pub mod import;
mod infer;
pub mod inspect;
mod key_columns;
mod lineage;
mod locate;
mod merged;
mod new_table;
mod observe;
pub mod progress;
mod publish;
mod put_in_place;
mod reader;
mod recorded_columns;
mod recording;
mod rehearsal;
mod reject_writer;
mod rejected_cells;
mod rejects;
mod report;
pub mod resume;
pub mod resume_choice;
mod route;
mod row_encoding;
mod row_plan;
mod sampled_again;
mod sequences;
mod shutdown;
mod storage;
mod supervisor;
mod table_watch;
pub mod target;
mod totals;
mod unsupplied;
mod untitled;
mod verification;
mod watch;
mod widen;
mod worker;
mod zones;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use rejects::{KEPT_REJECTS, Rejects};
pub use shutdown::{Signals, second_signal};
pub use supervisor::LoadEnd;

use crate::config::commit::{Patience, Rehearsal};
use crate::config::import::{ImportConfig, Mode};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::BatchLimits;
use crate::model::selection::ReadOptions;
use crate::model::table::TableName;
use crate::sink::Sink;
use crate::sink::answers::Answers;
use crate::sink::copy::CopySink;
use crate::sink::held::{HeldSink, HeldTransaction};
use crate::sink::ledger::BatchLedger;
use crate::sink::per_row::PerRowSink;
use crate::sink::retry::{Retry, TableWatch};
use crate::source::{self, Opened, RowSource};
use crate::transform::coerce::Coercion;
use crate::transform::display::display_number;
use crate::transform::mapping::MappedColumn;
use defaults::SheetDefaults;
use earlier::EarlierRows;
use lineage::{LineageValues, Ordinals, written_columns};
use locate::Locator;
use progress::{Phase, Progress};
use reader::BatchSizes;
use rejects::KEPT_REJECTS_OF_REHEARSALS;
use row_plan::{RejectLimits, RowPlan};
use supervisor::{Parts, Supervisor};
use widen::Widening;
use worker::RejectFile;

/// What a pipeline loads and by which rules.
pub struct Load {
    /// Where the rows come from.
    pub source: Box<dyn RowSource>,
    /// Which column goes where.
    pub columns: Vec<MappedColumn>,
    /// Columns after these that tell where a row comes from, and what they hold.
    lineage: Option<LineageValues>,
    /// Whether each row carries its place in the sheets.
    ordinals: Ordinals,
    /// The header's columns that are left out because they have no title; their cells are counted.
    untitled: Vec<usize>,
    /// For a table that was created from a sample of the rows.
    widening: Option<Widening>,
    /// The sheet's place among those of the load, from 0.
    sheet_place: i32,
    /// The rows that an earlier attempt at the load is done with.
    earlier: Arc<EarlierRows>,
    /// What empty cells become; none if they are NULL.
    defaults: Option<Arc<SheetDefaults>>,
    /// Where rejected rows are written to.
    reject_file: Option<RejectFile>,
    /// How many of them are kept with their details.
    kept_rejects: usize,
    /// How cells become values.
    pub coercion: Coercion,
    /// When a batch is full.
    pub limits: BatchLimits,
    /// At how many rows the first batch is full; each one after it takes twice as many, up to the limit.
    pub first_batch_rows: usize,
    /// When rejected rows stop the load.
    reject_limits: RejectLimits,
    /// The columns of the table's constraints and indexes, by name, to find the cell that violates one.
    pub constraint_columns: HashMap<String, Vec<String>>,
    /// Names in a staging table, and those by which people know them.
    known_as: Vec<(String, String)>,
}

impl Load {
    /// The load of a source into these columns, by the import's settings.
    #[must_use]
    pub fn new(
        config: &ImportConfig,
        source: Box<dyn RowSource>,
        columns: Vec<MappedColumn>,
        constraint_columns: HashMap<String, Vec<String>>,
    ) -> Self {
        let sheet = source.describe();
        Self {
            coercion: Coercion::for_sheet(sheet, config.on_cell_error, config.text_rules.clone()),
            columns,
            lineage: None,
            ordinals: Ordinals::None,
            untitled: Vec::new(),
            widening: None,
            sheet_place: 0,
            earlier: Arc::default(),
            defaults: None,
            reject_file: None,
            kept_rejects: match config.rehearsal {
                Rehearsal::No => KEPT_REJECTS,
                Rehearsal::DryRun => KEPT_REJECTS_OF_REHEARSALS,
            },
            limits: config.batch_limits(),
            first_batch_rows: config.first_batch_rows(),
            reject_limits: RejectLimits {
                on_error: config.on_error,
                max_errors: config.max_errors,
            },
            constraint_columns,
            known_as: Vec::new(),
            source,
        }
    }

    /// As many connections as a sheet has batches, by its own word, and no more than there may be: each takes its time
    /// to open.
    fn connections(&self, most: usize) -> usize {
        /// For a sheet that has more rows than it says.
        const LEAST: usize = 2;
        let batch = (self.first_batch_rows as u64).max(1);
        let batches = self
            .source
            .describe()
            .declared_rows
            .map(|rows| rows.div_ceil(batch));
        let batches = batches.and_then(|batches| usize::try_from(batches).ok());
        batches.map_or(most, |batches| batches.max(LEAST).min(most))
    }
}

/// Where the rows of a load are written, and how.
#[derive(Debug)]
pub struct Writing<'a> {
    /// How rows are written.
    pub mode: Mode,
    /// The table.
    pub table: &'a TableName,
    /// Its server.
    pub database: &'a Database,
    /// Connections that write, or, within one transaction, tasks that encode.
    pub workers: usize,
    /// The transaction that holds the load; without one, each batch or row commits by itself.
    pub transaction: Option<HeldTransaction>,
    /// How batches are recorded, if they are.
    pub ledger: Option<BatchLedger>,
    /// How patient it is.
    pub patience: Patience,
    /// What its writers know of the table together.
    pub watch: TableWatch,
}

/// Opens a workbook on a thread of its own, see [`source::open`].
///
/// # Errors
/// As [`source::open`].
pub async fn open_workbook(file: &Path, options: &ReadOptions) -> Result<Opened> {
    let (file, options) = (file.to_owned(), options.clone());
    blocking(move || source::open(&file, &options, display_number)).await
}

/// A writer for each worker.
async fn sinks<S, F: Future<Output = Result<S>>>(
    workers: usize,
    prepare: impl Fn() -> F,
) -> Result<Vec<S>> {
    let mut sinks = Vec::with_capacity(workers);
    for _ in 0..workers {
        sinks.push(prepare().await?);
    }
    Ok(sinks)
}

/// Why a load did not start.
pub struct NotStarted {
    /// The reason.
    pub error: Error,
    /// The source, to be read later.
    pub source: Option<Box<dyn RowSource>>,
}

impl NotStarted {
    fn with(error: Error, load: Load) -> Self {
        Self {
            error,
            source: Some(load.source),
        }
    }
}

impl From<Error> for NotStarted {
    fn from(error: Error) -> Self {
        Self {
            error,
            source: None,
        }
    }
}

impl From<NotStarted> for Error {
    fn from(not_started: NotStarted) -> Self {
        not_started.error
    }
}

/// A load that runs.
pub struct Pipeline {
    supervisor: Supervisor,
}

impl Pipeline {
    /// Connects and prepares a writer for each worker as the mode asks, and starts. Cancelling `interrupt` stops all
    /// after the batch in hand.
    ///
    /// # Errors
    /// No connection; whatever the server says to the statements: no such table, no right to insert. The source comes
    /// back with it, where it can.
    pub async fn open(
        load: Load,
        writing: Writing<'_>,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self, NotStarted> {
        let columns = written_columns(&load.columns, load.lineage.as_ref(), load.ordinals);
        let Writing { table, ledger, .. } = writing;
        let stop = interrupt.child_token();
        let retry = Retry {
            retry_for: writing.patience.retry_for,
            answers: Answers::within(writing.patience.statement_timeout),
            stop: stop.clone(),
            log: progress.retries(),
            watch: writing.watch,
        };
        let database = || writing.database.clone();
        match (writing.mode, &writing.transaction) {
            // A rehearsal of the other modes, too: what no other connection sees they could not write to.
            (_, Some(transaction)) => {
                let prepare =
                    || HeldSink::prepare(transaction.clone(), &columns, ledger, retry.clone());
                match sinks(writing.workers, prepare).await {
                    Ok(sinks) => Ok(Self::launch(load, sinks, stop, progress)?),
                    Err(error) => Err(NotStarted::with(error, load)),
                }
            }
            (Mode::Sequential | Mode::Concurrent, None) => {
                let prepare =
                    || PerRowSink::prepare(database(), table, &columns, ledger, retry.clone());
                match sinks(load.connections(writing.workers), prepare).await {
                    Ok(sinks) => Ok(Self::launch(load, sinks, stop, progress)?),
                    Err(error) => Err(NotStarted::with(error, load)),
                }
            }
            (Mode::Batch, None) => {
                let prepare =
                    || CopySink::prepare(database(), table, &columns, ledger, retry.clone());
                match sinks(writing.workers, prepare).await {
                    Ok(sinks) => Ok(Self::launch(load, sinks, stop, progress)?),
                    Err(error) => Err(NotStarted::with(error, load)),
                }
            }
        }
    }

    /// Starts reading, and a worker for each sink. Cancelling `interrupt` stops all after the batch in hand.
    ///
    /// # Errors
    /// `Internal`, when the statistics cannot be set up.
    pub fn start<S: Sink + 'static>(
        load: Load,
        sinks: Vec<S>,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        Self::launch(load, sinks, interrupt.child_token(), progress)
    }

    fn launch<S: Sink + 'static>(
        load: Load,
        sinks: Vec<S>,
        stop: CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        progress.enter(Phase::Loading);
        progress.reader_begins();
        let plan = RowPlan {
            sheet_place: load.sheet_place,
            locator: Locator::new(load.source.describe(), load.constraint_columns)
                .known_as(load.known_as),
            columns: load.columns,
            lineage: load.lineage,
            ordinals: load.ordinals,
            untitled: load.untitled,
            coercion: load.coercion,
            limits: load.reject_limits,
            earlier: load.earlier,
            defaults: load.defaults,
        };
        let parts = Parts {
            source: load.source,
            plan,
            sizes: BatchSizes::new(load.first_batch_rows, load.limits),
            sinks,
            widening: load.widening,
            reject_file: load.reject_file,
            kept_rejects: load.kept_rejects,
        };
        let supervisor = Supervisor::start(parts, stop, progress)?;
        Ok(Self { supervisor })
    }

    /// Joins the reader and all workers and gives what they did. No error hides another, or what was committed.
    ///
    /// # Errors
    /// `Internal`, when the statistics cannot be set up.
    pub async fn wait(self) -> Result<LoadEnd> {
        self.supervisor.join().await
    }
}

/// Runs work that blocks on a thread of its own and waits for it. A panic in it becomes an error.
///
/// # Errors
/// What the work gives, and `Internal` for a panic.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| {
            Err(Error::new(ErrorKind::Internal, "a blocking stage panicked").caused_by(panic))
        })
}
