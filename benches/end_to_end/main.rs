//! How long loads into a real server take, against what else does the same: `cargo bench --bench end_to_end -- run`.
//!
//! See `benches/README.md`. Without a command it prints its usage and does nothing, so that a plain `cargo bench`,
//! which starts every bench there is, does not run for minutes.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures go to stdout, progress to stderr"
)]

mod arguments;
mod check;
mod failure;
mod machine;
mod measure;
mod race;
mod reading;
mod render;
mod report;
mod server;
mod sweep;
mod workbooks;
mod workloads;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser as _, ValueEnum as _};
use sheetload::pipeline::Signals;

use arguments::{Arguments, CheckArgs, PlaceArgs, RunArgs, ShowArgs, SweepArgs, Task};
use check::{Outcome, compare};
use failure::{Result, While as _};
use report::{FORMAT, Report};
use server::Server;
use workloads::{Bench, Workload};

/// The exit code after a signal.
const INTERRUPTED: i32 = 130;
/// That of a comparison that says nothing.
const NOTHING_COMPARABLE: u8 = 2;

fn main() -> ExitCode {
    match dispatch(std::env::args_os().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("end_to_end: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments
        .first()
        .is_some_and(|first| first == measure::AS_PARENT)
    {
        return measure::as_parent(arguments.get(1..).unwrap_or_default());
    }
    // cargo says so to every bench.
    arguments.retain(|argument| argument != "--bench");
    let mut usage = Arguments::command();
    let is_for_us = arguments.first().is_some_and(|first| {
        let first = first.to_string_lossy();
        first.starts_with('-') || usage.find_subcommand(first.as_ref()).is_some()
    });
    if !is_for_us {
        // Nothing, or what `cargo bench NAME` passes to every bench to choose among those of criterion.
        usage.print_help()?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = OsString::from("end_to_end");
    let arguments = Arguments::parse_from(std::iter::once(program).chain(arguments));
    match arguments.command {
        Task::Run(args) => run(&args),
        Task::Check(args) => check(&args),
        Task::Show(args) => show(&args),
        Task::Sweep(args) => sweep(&args),
        Task::ReadOne { reader, file } => {
            println!("{}", reading::read_one(reader, &file)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run(args: &RunArgs) -> Result<ExitCode> {
    let chosen = match args.only.as_slice() {
        [] => Workload::value_variants(),
        only => only,
    };
    let date = machine::now();
    let report = with_bench(&args.place, args.runs, |bench| {
        let mut report = Report {
            format: FORMAT,
            commit: match args.place.program {
                // It may have been built from anything.
                Some(_) => machine::UNKNOWN.to_owned(),
                None => machine::commit(),
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            date,
            profile: machine::profile_of(bench.program),
            machine: machine::machine(),
            server: bench.server.facts()?,
            workloads: Vec::new(),
        };
        for workload in chosen {
            report.workloads.push(bench.measure(*workload)?);
            // Each time: what was measured is not lost with a run that fails later.
            if let Some(file) = &args.report {
                write_report(&report, file)?;
            }
        }
        Ok(report)
    })?;
    print_report(&report, args.markdown);
    Ok(ExitCode::SUCCESS)
}

fn write_report(report: &Report, file: &Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    std::fs::write(file, text).doing(format_args!("write {}", file.display()))
}

fn print_report(report: &Report, markdown: bool) {
    if markdown {
        println!("{}", render::markdown(report));
    } else {
        println!("{}", render::report(report));
    }
}

fn show(args: &ShowArgs) -> Result<ExitCode> {
    print_report(&read_report(&args.report)?, args.markdown);
    Ok(ExitCode::SUCCESS)
}

fn check(args: &CheckArgs) -> Result<ExitCode> {
    let (before, after) = (read_report(&args.before)?, read_report(&args.after)?);
    let comparison = compare(&before, &after, args.tolerance);
    println!("{}", render::comparison(&comparison));
    let tolerance = args.tolerance;
    Ok(match comparison.outcome() {
        Outcome::Good => {
            println!("no figure is worse by more than {tolerance} %");
            ExitCode::SUCCESS
        }
        Outcome::Worse(figures) => {
            println!("figures that are worse by more than {tolerance} %: {figures}");
            ExitCode::FAILURE
        }
        Outcome::NothingComparable => {
            println!("nothing could be compared");
            ExitCode::from(NOTHING_COMPARABLE)
        }
    })
}

fn sweep(args: &SweepArgs) -> Result<ExitCode> {
    let table = with_bench(&args.place, args.runs, |bench| sweep::sweep(bench, args))?;
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn read_report(file: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(file).doing(format_args!("read {}", file.display()))?;
    serde_json::from_str(&text).doing(format_args!("understand {}", file.display()))
}

/// Measures on a server, and removes what was made there, however it ends.
fn with_bench<T>(
    place: &PlaceArgs,
    runs: usize,
    work: impl FnOnce(&mut Bench<'_>) -> Result<T>,
) -> Result<T> {
    let built = || PathBuf::from(env!("CARGO_BIN_EXE_sheetload"));
    let program = place.program.clone().unwrap_or_else(built);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let server = runtime.block_on(Server::start(place.database_url.as_deref()))?;
    let server = Arc::new(server);
    let mut signals = runtime.block_on(async { Signals::listen() })?;
    let to_remove = Arc::clone(&server);
    runtime.spawn(async move {
        signals.next().await;
        // The programs that run lose their connections and end.
        if let Err(error) = to_remove.remove().await {
            eprintln!("end_to_end: {error}");
        }
        std::process::exit(INTERRUPTED);
    });
    let worked = work(&mut Bench {
        server: &server,
        program: &program,
        rows: place.rows,
        runs,
        tables: BTreeMap::new(),
    });
    let removed = runtime.block_on(server.remove());
    let worked = worked?;
    removed?;
    Ok(worked)
}
