//! `sheetload inspect`: what is in a workbook, before anything is loaded.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::read::ReadArgs;
use super::render;
use super::render::progress::ProgressView;
use crate::config::import::ImportConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::exit;
use crate::model::selection::{Area, Hidden, ReadOptions, SheetChoice};
use crate::pipeline::Signals;
use crate::pipeline::inspect::inspect;
use crate::pipeline::progress::Progress;

/// Options of `sheetload inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads each sheet once and tells its size, its columns with types, values and formats, what is hidden, values that \
would be lost or changed with their cells and the option of `sheetload import` that settles them, and the table that \
an import would create. All worksheets are looked at, hidden ones, too, unless the options name some. No database is \
needed.

Exit codes: 0 inspected, whatever was found; 1 unexpected failure; 2 usage; 4 bad input file; 130 interrupted.")]
pub(super) struct InspectArgs {
    /// The workbook: xlsx, xlsm, xlsb, xls or ods
    file: PathBuf,
    #[command(flatten)]
    read: ReadArgs,
    /// Print what is found as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

impl InspectArgs {
    fn to_config(&self) -> Result<ImportConfig> {
        Ok(ImportConfig {
            read: all_sheets(self.read.to_options()?),
            ..ImportConfig::new(self.file.clone())
        })
    }
}

/// An inspection leaves nothing out unless it is told to.
fn all_sheets(options: ReadOptions) -> ReadOptions {
    ReadOptions {
        sheets: match options.sheets {
            SheetChoice::FirstVisible if options.area == Area::Used => SheetChoice::All,
            asked_for => asked_for,
        },
        hidden: match options.hidden {
            Hidden::LoadRowsAndColumns => Hidden::Load,
            asked_for => asked_for,
        },
        ..options
    }
}

pub(super) async fn run(args: InspectArgs) -> Result<u8> {
    let config = args.to_config()?;
    let progress = Arc::new(Progress::default());
    let interrupt = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let view = ProgressView::new(&progress, args.quiet);
    let inspection = tokio::select! {
        inspection = inspect(&config, &interrupt, &progress) => inspection,
        () = view.show() => Err(interrupted()),
        // Nothing is to be cleaned up, so that the reading need not be waited for.
        () = signals.next() => {
            interrupt.cancel();
            Err(interrupted())
        }
    };
    drop(view);
    let inspection = inspection?;
    if args.json {
        render::json(&inspection)?;
    } else {
        render::line(&render::inspect::describe(&inspection));
    }
    Ok(exit::SUCCESS)
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted")
}
