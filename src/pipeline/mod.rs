//! Runs loads: the only module that spawns tasks.
//!
//! A [`Pipeline`] is one reader, one bounded queue and some workers: [`Pipeline::start`], then [`Pipeline::wait`].
//! [`import`] puts one together for a workbook and a table.

mod existing_table;
pub mod groups;
pub mod import;
mod infer;
pub mod inspect;
mod lineage;
mod locate;
mod new_table;
pub mod progress;
mod reader;
pub mod reject_writer;
pub mod rejected_cells;
mod rejects;
mod report;
mod shutdown;
mod supervisor;
pub mod target;
mod widen;
mod worker;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use rejects::{KEPT_REJECTS, Rejects};
pub use shutdown::{Signals, second_signal};
pub use supervisor::LoadEnd;

use crate::config::import::{ImportConfig, Mode, OnError};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::BatchLimits;
use crate::model::selection::ReadOptions;
use crate::model::table::TableName;
use crate::sink::Sink;
use crate::sink::copy::CopySink;
use crate::sink::per_row::PerRowSink;
use crate::source::{self, Opened, RowSource};
use crate::transform::coerce::Coercion;
use crate::transform::display::display_number;
use crate::transform::mapping::MappedColumn;
use lineage::{LineageValues, written_columns};
use locate::Locator;
use progress::{Phase, Progress};
use reader::BatchSizes;
use supervisor::Supervisor;
use widen::Widening;
use worker::RowPlan;

/// What a pipeline loads and by which rules.
pub struct Load {
    /// Where the rows come from.
    pub source: Box<dyn RowSource>,
    /// Which column goes where.
    pub columns: Vec<MappedColumn>,
    /// Columns after these that tell where a row comes from, and what they hold.
    lineage: Option<LineageValues>,
    /// The header's columns that are left out because they have no title; their cells are counted.
    untitled: Vec<usize>,
    /// For a table that was created from a sample of the rows.
    widening: Option<Widening>,
    /// How cells become values.
    pub coercion: Coercion,
    /// When a batch is full.
    pub limits: BatchLimits,
    /// At how many rows the first batch is full; each one after it takes twice as many, up to the limit.
    pub first_batch_rows: usize,
    /// What happens when a row is rejected.
    pub on_error: OnError,
    /// The columns of the table's constraints and indexes, by name, to find the cell that violates one.
    pub constraint_columns: HashMap<String, Vec<String>>,
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
            untitled: Vec::new(),
            widening: None,
            limits: config.batch_limits(),
            first_batch_rows: config.first_batch_rows(),
            on_error: config.on_error,
            constraint_columns,
            source,
        }
    }
}

/// Opens a workbook on a thread of its own, see [`source::open`].
///
/// # Errors
/// As [`source::open`].
pub async fn open_workbook(file: &Path, options: &ReadOptions) -> Result<Opened> {
    let (file, options) = (file.to_owned(), options.clone());
    blocking(move || source::open(&file, &options, display_number)).await
}

/// A load that runs.
pub struct Pipeline {
    supervisor: Supervisor,
}

impl Pipeline {
    /// Connects and prepares a writer for each worker as the mode asks, and starts.
    ///
    /// # Errors
    /// No connection; whatever the server says to the statements: no such table, no right to insert.
    pub async fn open(
        load: Load,
        mode: Mode,
        table: &TableName,
        database: &Database,
        workers: usize,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let columns = written_columns(&load.columns, load.lineage.as_ref());
        let mut clients = Vec::with_capacity(workers);
        for _ in 0..workers {
            clients.push(database.get().await?);
        }
        match mode {
            Mode::Sequential | Mode::Concurrent => {
                let mut sinks = Vec::with_capacity(workers);
                for client in clients {
                    sinks.push(PerRowSink::prepare(client, table, &columns).await?);
                }
                Self::start(load, sinks, interrupt, progress)
            }
            Mode::Batch => {
                let mut sinks = Vec::with_capacity(workers);
                for client in clients {
                    sinks.push(CopySink::prepare(client, table, &columns).await?);
                }
                Self::start(load, sinks, interrupt, progress)
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
        progress.enter(Phase::Loading);
        progress.reader_begins();
        let plan = RowPlan {
            locator: Locator::new(load.source.describe(), load.constraint_columns),
            columns: load.columns,
            lineage: load.lineage,
            untitled: load.untitled,
            coercion: load.coercion,
            on_error: load.on_error,
        };
        let sizes = BatchSizes::new(load.first_batch_rows, load.limits);
        let supervisor = Supervisor::start(
            load.source,
            plan,
            sizes,
            sinks,
            load.widening,
            interrupt,
            progress,
        )?;
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
