//! The bench's command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::reading::Reader;
use crate::workloads::{FULL_ROWS, Workload};

/// Loads of sample workbooks into a real PostgreSQL server, timed against what else does the same.
#[derive(Debug, Parser)]
#[command(
    name = "end_to_end",
    bin_name = "cargo bench --bench end_to_end --",
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Task,
}

/// What shall be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Measure, and print the figures with their goals
    Run(RunArgs),
    /// Compare two reports; exits with 1 when something is worse, with 2 when nothing could be compared
    Check(CheckArgs),
    /// Print a report again
    Show(ShowArgs),
    /// Measure loads of orders under all combinations of options
    Sweep(SweepArgs),
    /// Read a workbook and print the number of its rows: what `reading-*` measure
    #[command(hide = true)]
    ReadOne {
        /// Who reads
        reader: Reader,
        /// The workbook
        file: PathBuf,
    },
}

/// What `run` and `sweep` measure, and where.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// A server to use, as a URL; a database of the bench's own is created in it and dropped. CHECKPOINT must be
    /// allowed. Default: a throw-away server with PostgreSQL's default settings, below TMPDIR
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Rows of the large workbooks, 1,000 or more; the goals are set for the default
    #[arg(long, value_name = "N", default_value_t = FULL_ROWS, value_parser = clap::value_parser!(u64).range(1_000..=1_048_575))]
    pub(crate) rows: u64,
    /// The program to measure instead of the one built along with the bench
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How often each one runs, after one run to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    pub(crate) runs: usize,
    /// Measure this workload alone; may be given several times
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) only: Vec<Workload>,
    /// Keep the report as JSON; written anew after each workload
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Print the block for benches/README.md
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The report to compare with
    pub(crate) before: PathBuf,
    /// The report to compare
    pub(crate) after: PathBuf,
    /// By how much a figure may be worse
    #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
    pub(crate) tolerance: f64,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The report
    pub(crate) report: PathBuf,
    /// As the block for benches/README.md
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Options of `sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How often each combination runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least_one)]
    pub(crate) runs: usize,
    /// Values of --workers
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2, 3, 4])]
    pub(crate) workers: Vec<u64>,
    /// Values of --batch-bytes, in MiB
    #[arg(long, value_name = "MIB,...", value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16])]
    pub(crate) batch_mib: Vec<u64>,
    /// Values of --reader-threads, if the program has that option
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 2, 3])]
    pub(crate) reader_threads: Vec<u64>,
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("a whole number from 1 is needed"),
    }
}
