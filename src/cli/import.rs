//! `sheetload import`: a sheet into a table.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use super::connection::{self, ConnectionArgs};
use super::render;
use super::render::progress::ProgressView;
use crate::config::import::{IfExists, ImportConfig, Mode, OnError};
use crate::error::{ErrorKind, Result};
use crate::exit;
use crate::model::report::{LoadReport, LoadState};
use crate::model::table::TableName;
use crate::pipeline::import::{Imported, import};
use crate::pipeline::progress::Progress;
use crate::pipeline::{Signals, second_signal};
use crate::source;
use crate::transform::coerce::OnCellError;

/// Options of `sheetload import`.
#[derive(Debug, Args)]
#[command(after_help = "\
A missing table is created, with types found by reading all rows. An existing table's columns are matched to the \
header by name, whatever the case and punctuation.

Exit codes: 0 all loaded; 1 unexpected failure; 2 usage; 3 loaded, some rows rejected; 4 bad input file; \
5 database unreachable or refused; 6 stopped by --on-error abort; 130 interrupted.")]
pub(super) struct ImportArgs {
    /// The workbook: xlsx, xlsm, xlsb, xls or ods
    file: PathBuf,
    #[command(flatten)]
    target: TargetArgs,
    /// How rows are written
    #[arg(long, value_enum, default_value_t = ModeArg::Batch)]
    mode: ModeArg,
    #[command(flatten)]
    tuning: TuningArgs,
    /// What happens when the table exists
    #[arg(long, value_enum, default_value_t = IfExistsArg::Append)]
    if_exists: IfExistsArg,
    /// What happens when a row cannot be loaded
    #[arg(long, value_enum, default_value_t = OnErrorArg::Skip)]
    on_error: OnErrorArg,
    /// What becomes of cells that hold an error such as #N/A
    #[arg(long, value_enum, default_value_t = OnCellErrorArg::Null)]
    on_cell_error: OnCellErrorArg,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// Which sheet goes into which table.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// The table, or schema.table, spelled as it is; default: named after the file
    #[arg(short, long, value_name = "T")]
    pub(super) table: Option<TableName>,
    /// The sheet's name; default: the first visible one
    #[arg(short, long, value_name = "S")]
    pub(super) sheet: Option<String>,
}

/// How much at once.
#[derive(Debug, Args)]
pub(super) struct TuningArgs {
    /// Connections that write; default: as many as cores, as far as the server has room
    #[arg(short, long, value_name = "N")]
    pub(super) workers: Option<NonZeroUsize>,
    /// Rows in a batch; default: 50,000 in batch mode, 100 in the others
    #[arg(long, value_name = "N")]
    pub(super) batch_size: Option<NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    /// One connection, one INSERT and one commit a row
    Sequential,
    /// The same over several connections
    Concurrent,
    /// COPY, one transaction a batch, over several connections
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
    /// Stop; batches committed before stay
    Abort,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnCellErrorArg {
    /// NULL, and counted
    Null,
    /// Reject the row
    Reject,
    /// The error's name, in text columns
    Text,
}

impl ImportArgs {
    fn to_config(&self) -> ImportConfig {
        ImportConfig {
            file: self.file.clone(),
            sheet: self.target.sheet.clone(),
            table: self.target.table.clone(),
            mode: match self.mode {
                ModeArg::Sequential => Mode::Sequential,
                ModeArg::Concurrent => Mode::Concurrent,
                ModeArg::Batch => Mode::Batch,
            },
            workers: self.tuning.workers,
            batch_rows: self.tuning.batch_size,
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
        }
    }
}

pub(super) async fn run(args: ImportArgs) -> Result<u8> {
    let config = args.to_config();
    config.validate()?;
    // A file that is no workbook is told before a server is looked for, or started.
    source::check(&config.file)?;
    let connected = connection::connect(&args.connection, config.mode, config.workers).await?;
    let progress = Arc::new(Progress::default());
    let interrupt = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let view = ProgressView::new(&progress, args.quiet);
    let imported = tokio::select! {
        imported = Box::pin(import(
            &config,
            &connected.database,
            connected.workers,
            &interrupt,
            &progress,
        )) => Some(imported),
        () = view.show() => None,
        () = second_signal(&mut signals, &interrupt) => None,
    };
    drop(view);
    let Some(imported) = imported else {
        render::note("sheetload: stopped at once; batches not committed yet are rolled back");
        return Ok(exit::INTERRUPTED);
    };
    let Imported { report, errors } = imported?;
    if args.json {
        render::json(&report)?;
    } else {
        render::report::print(&report);
        if report.state == LoadState::Complete && report.success_count > 0 {
            render::line("");
            render::line(&format!(
                "Look at the rows: {}",
                connected.psql_command(&report.table_sql)
            ));
        }
    }
    Ok(exit_code(&report, &errors))
}

/// Prints the errors and what stays in the table, and gives the exit code.
fn exit_code(report: &LoadReport, errors: &[crate::error::Error]) -> u8 {
    let mut codes = errors.iter().map(|error| {
        if error.kind() == ErrorKind::Interrupted {
            exit::INTERRUPTED
        } else {
            render::failure_code(error)
        }
    });
    let Some(first) = codes.next() else {
        return if report.error_count > 0 {
            exit::LOADED_WITH_REJECTS
        } else {
            exit::SUCCESS
        };
    };
    codes.for_each(drop);
    let stays = match (report.success_count, report.table_created) {
        (0, true) => "nothing was committed, and the new table was removed".to_owned(),
        (0, false) => "nothing was committed".to_owned(),
        (count, _) => format!(
            "{} rows were committed to {} and stay there",
            render::grouped(count),
            report.table
        ),
    };
    let why = match report.state {
        LoadState::Interrupted => "interrupted",
        LoadState::Failed | LoadState::Complete => "stopped",
    };
    render::note(&format!("sheetload: {why}: {stays}"));
    first
}
