//! `sheetload import`: a sheet into a table.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::columns::ColumnArgs;
use super::commit::CommitArgs;
use super::connection::{self, ConnectionArgs};
use super::limits::size;
use super::load::{Showing, run_load};
use super::read::ReadArgs;
use super::render::progress::ProgressView;
use super::storage::StorageArgs;
use crate::config::import::{IfExists, ImportConfig, Lineage, Mode, OnError, SeveralSheets};
use crate::error::Result;
use crate::exit;
use crate::model::selection::{ReadOptions, ReaderThreads};
use crate::model::table::TableName;
use crate::pipeline::groups::prepare;
use crate::pipeline::import::import_prepared;
use crate::pipeline::progress::Progress;
use crate::transform::coerce::OnCellError;

/// Options of `sheetload import`.
#[derive(Debug, Args)]
#[command(after_help = "\
A missing table is created, with types found by reading all rows. An existing table's columns are matched to the \
header by name, whatever the case and punctuation.

Exit codes: 0 all loaded; 1 unexpected failure; 2 usage; 3 loaded, some rows rejected; 4 bad input file; \
5 database unreachable or refused; 6 stopped by --on-error abort or --max-errors; 7 this file is already in this \
table; 130 interrupted.")]
pub(super) struct ImportArgs {
    /// The workbook: xlsx, xlsm, xlsb, xls or ods
    file: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// Load several sheets with the same titles into one table, rather than each into its own
    #[arg(long)]
    union: bool,
    /// Add the columns _file, _sheet, _row and _load_id, which tell where each row comes from
    #[arg(long)]
    lineage: bool,
    /// How rows are written
    #[arg(long, value_enum, default_value_t = ModeArg::Batch)]
    mode: ModeArg,
    #[command(flatten)]
    tuning: TuningArgs,
    /// What happens when the table exists
    #[arg(long, value_name = "HOW", value_enum, default_value_t = IfExistsArg::Append)]
    if_exists: IfExistsArg,
    /// What happens when a row cannot be loaded
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnErrorArg::Skip)]
    on_error: OnErrorArg,
    /// What becomes of cells that hold an error such as #N/A
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnCellErrorArg::Null)]
    on_cell_error: OnCellErrorArg,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Print the report as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    columns: ColumnArgs,
    #[command(flatten)]
    commit: CommitArgs,
    #[command(flatten)]
    storage: StorageArgs,
}

/// The table.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// The table, or schema.table, spelled as it is; default: named after the file, or, of several sheets, after
    /// each; {sheet} in it stands for the sheet's name
    #[arg(short, long, value_name = "T")]
    pub(super) table: Option<TableName>,
}

/// How much at once.
#[derive(Debug, Args)]
pub(super) struct TuningArgs {
    /// Workers that encode and write, mostly over a connection each; default: as many as cores, 16 in concurrent mode,
    /// as far as the server has room
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    pub(super) workers: Option<NonZeroUsize>,
    /// Rows in a batch; default: from 2,500 doubling up to 50,000 in batch mode, 100 in the others
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(super) batch_size: Option<NonZeroUsize>,
    /// Bytes at which a batch closes before it has so many rows, such as 1 MiB; default: 2.5 MiB
    #[arg(long, value_name = "SIZE", value_parser = batch_bytes)]
    pub(super) batch_bytes: Option<NonZeroUsize>,
    /// Threads that read the file: the second one inflates ahead of the first, the third reads the shared strings of an
    /// xlsx; default: 3, with a single core 1
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    reader_threads: Option<NonZeroUsize>,
}

impl TuningArgs {
    /// How many threads read.
    pub(super) fn reader_threads(&self) -> ReaderThreads {
        self.reader_threads
            .map_or_else(ReaderThreads::default, ReaderThreads::new)
    }
}

fn batch_bytes(text: &str) -> Result<NonZeroUsize, String> {
    let bytes = usize::try_from(size(text)?).ok();
    bytes
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| "a size from 1 is needed".to_owned())
}

/// Reads a number from 1.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a whole number from 1 is needed")
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    /// One connection; one INSERT and one commit per row
    Sequential,
    /// The same over several connections
    Concurrent,
    /// COPY, by default all in one transaction
    Batch,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum IfExistsArg {
    /// Load nothing
    Fail,
    /// Add the rows
    Append,
    /// Put the rows in place of those there are, at the end and all at once
    Replace,
    /// Remove the rows there are first
    Truncate,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnErrorArg {
    /// Leave the row out, name its cell, load the others
    Skip,
    /// Stop; under --commit batch and row, what was committed before stays
    Abort,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnCellErrorArg {
    /// They become NULL, and are counted
    Null,
    /// The row is rejected
    Reject,
    /// They become the error's name, in text columns
    Text,
}

impl ImportArgs {
    fn to_config(&self) -> Result<ImportConfig> {
        let mut config = ImportConfig {
            read: ReadOptions {
                threads: self.tuning.reader_threads(),
                ..self.read.to_options()?
            },
            several: if self.union {
                SeveralSheets::Union
            } else {
                SeveralSheets::OneTableEach
            },
            table: self.target.table.clone(),
            lineage: if self.lineage {
                Lineage::Columns
            } else {
                Lineage::None
            },
            mode: match self.mode {
                ModeArg::Sequential => Mode::Sequential,
                ModeArg::Concurrent => Mode::Concurrent,
                ModeArg::Batch => Mode::Batch,
            },
            workers: self.tuning.workers,
            batch_rows: self.tuning.batch_size,
            batch_bytes: self.tuning.batch_bytes,
            if_exists: match self.if_exists {
                IfExistsArg::Fail => IfExists::Fail,
                IfExistsArg::Append => IfExists::Append,
                IfExistsArg::Replace => IfExists::Replace,
                IfExistsArg::Truncate => IfExists::Truncate,
            },
            on_error: match self.on_error {
                OnErrorArg::Skip => OnError::Skip,
                OnErrorArg::Abort => OnError::Abort,
            },
            on_cell_error: match self.on_cell_error {
                OnCellErrorArg::Null => OnCellError::Null,
                OnCellErrorArg::Reject => OnCellError::Reject,
                OnCellErrorArg::Text => OnCellError::Text,
            },
            ..ImportConfig::new(self.file.clone())
        };
        self.columns.apply(&mut config);
        self.commit.apply(&mut config);
        self.storage.apply(&mut config);
        Ok(config)
    }
}

pub(super) async fn run(args: ImportArgs) -> Result<u8> {
    let config = args.to_config()?;
    let showing = Showing {
        json: args.json,
        quiet: args.quiet,
    };
    let progress = Arc::new(Progress::default());
    // What is wrong with the file or its parts is told before a server is looked for, or started.
    let prepared = {
        let view = ProgressView::new(&progress, args.quiet);
        tokio::select! {
            prepared = prepare(&config, &progress) => prepared?,
            () = view.show() => return Ok(exit::FAILURE),
        }
    };
    let connected = connection::connect_to_load(&args.connection, &config, args.quiet).await?;
    run_load(&config, &connected, &progress, showing, async |parts| {
        import_prepared(&config, prepared, parts.on(&connected)).await
    })
    .await
}
