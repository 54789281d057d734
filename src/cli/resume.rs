//! `sheetload resume`: the rest of a load that did not come to its end.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::commit::PatienceArgs;
use super::connection::{self, ConnectionArgs, Effort, Unnamed};
use super::import::TuningArgs;
use super::load::{Showing, run_load};
use super::read::PasswordArgs;
use super::render;
use crate::config::commit::{MaxErrors, Patience, RejectsTo};
use crate::error::Result;
use crate::pipeline::progress::Progress;
use crate::pipeline::resume::{Changes, find, resume};

/// Options of `sheetload resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
The rows that are missing are loaded, by the settings that the load began with, and each exactly once, whatever the \
number of workers and the size of batches now. The file must be the same, byte for byte.

Exit codes are those of sheetload import.")]
pub(super) struct ResumeArgs {
    /// The load's id or its beginning, as `sheetload history` shows it; default: the only unfinished one that can be
    /// resumed
    load: Option<String>,
    /// Where the workbook is now, if it was moved
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    #[command(flatten)]
    tuning: TuningArgs,
    /// Stop when more rows are rejected than N, or than P% of the rows
    #[arg(long, value_name = "N|P%")]
    max_errors: Option<MaxErrors>,
    /// Write rejected rows to FILE.xlsx, FILE.csv or FILE.jsonl, those of the attempts before among them
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Print the report as one JSON document
    #[arg(long)]
    pub(super) json: bool,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    patience: PatienceArgs,
}

impl ResumeArgs {
    fn changes(&self) -> Result<Changes> {
        Ok(Changes {
            file: self.file.clone(),
            password: self.password.read()?,
            workers: self.tuning.workers,
            batch_rows: self.tuning.batch_size,
            batch_bytes: self.tuning.batch_bytes,
            threads: self.tuning.reader_threads(),
            max_errors: self.max_errors,
            rejects: self.rejects.clone().map(|file| RejectsTo { file }),
            patience: self.patience.changes(),
        })
    }
}

pub(super) async fn run(args: ResumeArgs) -> Result<u8> {
    let changes = args.changes()?;
    let showing = Showing {
        json: args.json,
        quiet: args.quiet,
    };
    // How patient the load was at first is not known before it is found.
    let effort = Effort {
        patience: args.patience.changes().over(Patience::default()),
        quiet: args.quiet,
    };
    let (resumed, config) = {
        let one = connection::connect_one(&args.connection, Unnamed::MustRun, effort).await?;
        let mut client = one.database.get().await?;
        find(&mut client, args.load.as_deref(), changes).await?
    };
    if !args.quiet {
        for load in resumed.passed_over() {
            render::note(&format!("sheetload: passed over {load}"));
        }
        let load = resumed.unfinished();
        render::note(&format!(
            "sheetload: going on with load {} of {} into {}, which has {} rows of it",
            load.id,
            load.file,
            load.table.plain(),
            render::grouped(u64::try_from(load.rows).unwrap_or_default())
        ));
    }
    let connected = connection::connect_to_load(&args.connection, &config, args.quiet).await?;
    let progress = Arc::new(Progress::default());
    run_load(&config, &connected, &progress, showing, async |parts| {
        resume(resumed, &config, parts.on(&connected)).await
    })
    .await
}
