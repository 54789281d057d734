//! `sheetload import`: a sheet into a table.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::columns::ColumnArgs;
use super::connection::{self, Connected, ConnectionArgs};
use super::read::ReadArgs;
use super::render;
use super::render::progress::ProgressView;
use crate::config::import::{IfExists, ImportConfig, Lineage, Mode, OnError, SeveralSheets};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::exit;
use crate::model::report::{LoadReport, LoadState};
use crate::model::selection::SheetChoice;
use crate::model::table::TableName;
use crate::pipeline::Signals;
use crate::pipeline::groups::prepare;
use crate::pipeline::import::{Imported, import_prepared};
use crate::pipeline::progress::Progress;
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
    connection: ConnectionArgs,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    columns: ColumnArgs,
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
    /// Connections that write; default: as many as cores, as far as the server has room
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    pub(super) workers: Option<NonZeroUsize>,
    /// Rows in a batch; default: from 2,500 doubling up to 50,000 in batch mode, 100 in the others
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(super) batch_size: Option<NonZeroUsize>,
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
    /// COPY over several connections, one transaction per batch
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
            read: self.read.to_options()?,
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
        Ok(config)
    }
}

pub(super) async fn run(args: ImportArgs) -> Result<u8> {
    let config = args.to_config()?;
    let progress = Arc::new(Progress::default());
    // What is wrong with the file or its parts is told before a server is looked for, or started.
    let prepared = {
        let view = ProgressView::new(&progress, args.quiet);
        tokio::select! {
            prepared = prepare(&config, &progress) => prepared?,
            () = view.show() => return Ok(exit::FAILURE),
        }
    };
    let connected = connection::connect(&args.connection, config.mode, config.workers).await?;
    let interrupt = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let view = ProgressView::new(&progress, args.quiet);
    let mut importing = Box::pin(import_prepared(
        &config,
        prepared,
        &connected.database,
        connected.workers,
        &interrupt,
        &progress,
    ));
    let ended = tokio::select! {
        imported = &mut importing => Some(imported),
        () = view.show() => None,
        () = second_signal(&mut signals, &interrupt, &view) => {
            stop_at_once(importing.as_mut(), &connected.database).await
        }
    };
    drop(view);
    let Some(imported) = ended else {
        render::note(
            "sheetload: stopped at once; the server rolls back batches that are not committed\n  \
             A table that this load created may be left over, named sheetload_staging_... for --if-exists replace",
        );
        return Ok(exit::INTERRUPTED);
    };
    let imported = imported?;
    show(&imported, &config, &args, &connected)?;
    let emptied = config.if_exists == IfExists::Truncate;
    Ok(conclude(&imported, emptied))
}

/// Prints the reports, and what was left out on stderr.
fn show(
    imported: &Imported,
    config: &ImportConfig,
    args: &ImportArgs,
    connected: &Connected,
) -> Result<()> {
    let (hidden_sheets, empty_sheets) = (&imported.hidden_sheets, &imported.empty_sheets);
    if args.json {
        match imported.reports.as_slice() {
            [report] if !config.is_several() => render::json(&OneReport {
                report,
                hidden_sheets,
                empty_sheets,
            })?,
            loads => render::json(&SeveralReports {
                loads,
                hidden_sheets,
                empty_sheets,
            })?,
        }
    } else {
        for (index, report) in imported.reports.iter().enumerate() {
            if index > 0 {
                render::line("");
            }
            print(report, connected);
        }
    }
    // Who names no sheet wants the one that is seen first.
    if config.read.sheets != SheetChoice::FirstVisible {
        for sheet in hidden_sheets {
            render::note(&format!(
                "sheetload: hidden sheet \"{sheet}\" was not loaded (--hidden load)"
            ));
        }
    }
    for sheet in empty_sheets {
        render::note(&format!("sheetload: sheet \"{sheet}\" has no rows"));
    }
    Ok(())
}

/// The JSON document of a load into one table.
#[derive(Debug, Serialize)]
struct OneReport<'a> {
    #[serde(flatten)]
    report: &'a LoadReport,
    /// Worksheets that were left out because they are hidden.
    hidden_sheets: &'a [String],
    /// Worksheets that were left out because they have no rows.
    empty_sheets: &'a [String],
}

/// The JSON document of loads into several tables.
#[derive(Debug, Serialize)]
struct SeveralReports<'a> {
    loads: &'a [LoadReport],
    hidden_sheets: &'a [String],
    empty_sheets: &'a [String],
}

fn print(report: &LoadReport, connected: &Connected) {
    if report.state != LoadState::Complete && report.success_count == 0 {
        return;
    }
    render::report::print(report);
    if report.state == LoadState::Complete && report.success_count > 0 {
        render::line("");
        render::line(&format!(
            "Look at the rows: {}",
            connected.psql_command(&report.table_sql)
        ));
    }
}

/// Asks for a stop at the first signal, says so, and returns at the second.
async fn second_signal(
    signals: &mut Signals,
    interrupt: &CancellationToken,
    view: &ProgressView<'_>,
) {
    signals.next().await;
    interrupt.cancel();
    view.note("sheetload: stopping after the batches in hand; once more to stop at once");
    signals.next().await;
}

/// How long a load may take to clean up behind itself once its statements are cancelled.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(3);

/// Cancels what the load has running on the server and lets it clean up; `None` if it does not come to an end.
async fn stop_at_once<F: Future<Output = Result<Imported>>>(
    importing: Pin<&mut F>,
    database: &Database,
) -> Option<Result<Imported>> {
    let stopping = async {
        let ((), imported) = tokio::join!(database.cancel_statements(), importing);
        imported
    };
    match tokio::time::timeout(CLEAN_UP_TIMEOUT, stopping).await {
        Ok(Err(error)) if error.facts().sqlstate.as_deref() == Some(QUERY_CANCELED) => {
            Some(Err(Error::new(
                ErrorKind::Interrupted,
                "interrupted before anything was loaded",
            )))
        }
        Ok(imported) => Some(imported),
        Err(_elapsed) => None,
    }
}

/// Prints the errors with what stays in the table, and gives the exit code.
fn conclude(imported: &Imported, emptied: bool) -> u8 {
    let reports = &imported.reports;
    let Some(first) = imported.errors.first() else {
        return if reports.iter().any(|report| report.error_count > 0) {
            exit::LOADED_WITH_REJECTS
        } else {
            exit::SUCCESS
        };
    };
    let stays = match reports
        .iter()
        .rfind(|report| report.state != LoadState::Complete)
    {
        Some(report) => what_stays(report, emptied),
        None => "the tables loaded before stay".to_owned(),
    };
    if first.kind() == ErrorKind::Interrupted {
        render::note(&format!("sheetload: interrupted: {stays}"));
    } else {
        render::failures(&imported.errors, &stays);
    }
    exit::code_for(first.kind())
}

/// What a load that did not come to its end left in the table.
fn what_stays(report: &LoadReport, emptied: bool) -> String {
    match (report.success_count, report.table_created) {
        (0, true) => "nothing was committed, and the new table was removed".to_owned(),
        (0, false) if emptied => {
            "nothing was committed; the rows that were there were removed before".to_owned()
        }
        (0, false) => "nothing was committed".to_owned(),
        (1, _) => format!("1 row was committed to {} and stays there", report.table),
        (count, _) => format!(
            "{} rows were committed to {} and stay there",
            render::grouped(count),
            report.table
        ),
    }
}
