//! The command line: the only module that knows clap, and the only one that prints.

mod columns;
mod commit;
mod compare;
mod connection;
mod db;
mod failure;
mod history;
mod import;
mod inspect;
mod limits;
mod load;
mod migrate;
mod read;
mod render;
mod resume;
mod sample;
mod storage;
mod undo;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Answer;

use crate::error::{Error, ErrorKind, Result};

/// Load spreadsheets into PostgreSQL: nothing lost, nothing twice.
#[derive(Debug, Parser)]
#[command(name = "sheetload", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load a sheet into a table
    Import(Box<import::ImportArgs>),
    /// Go on with a load that did not come to its end
    Resume(Box<resume::ResumeArgs>),
    /// Tell what is in a workbook and what would become of it
    Inspect(Box<inspect::InspectArgs>),
    /// Race the modes on a file and a server
    Compare(Box<compare::CompareArgs>),
    /// Create the sample's table `businesses` in the database
    Migrate(migrate::MigrateArgs),
    /// List the loads into a database
    History(history::HistoryArgs),
    /// Take back what a load put into its table
    Undo(undo::UndoArgs),
    /// Control the private PostgreSQL server
    Db(db::DbArgs),
    /// Write a sample workbook
    Sample(sample::SampleArgs),
}

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return render::startup_failure(&error),
    };
    let answer = Answer::to(&cli.command);
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(dispatch(cli.command))));
    // A reader that nobody waits for any more must not keep the program.
    runtime.shutdown_background();
    match result {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) => ExitCode::from(answer.fail(&error)),
        Err(_panic) => ExitCode::from(
            answer.fail(
                &Error::new(
                    ErrorKind::Internal,
                    "a defect in sheetload ended the program",
                )
                .next_step("Run again with SHEETLOAD_LOG=error and report what it prints"),
            ),
        ),
    }
}

async fn dispatch(command: Command) -> Result<u8> {
    match command {
        Command::Db(args) => db::run(args).await,
        Command::Import(args) => Box::pin(import::run(*args)).await,
        Command::Resume(args) => Box::pin(resume::run(*args)).await,
        Command::Inspect(args) => Box::pin(inspect::run(*args)).await,
        Command::Compare(args) => Box::pin(compare::run(*args)).await,
        Command::History(args) => Box::pin(history::run(args)).await,
        Command::Undo(args) => Box::pin(undo::run(args)).await,
        Command::Migrate(args) => Box::pin(migrate::run(args)).await,
        Command::Sample(args) => sample::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
