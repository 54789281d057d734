//! The command line: the only module that knows clap, and the only one that prints.

mod db;
mod render;
mod sample;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Result;

/// Load spreadsheets into PostgreSQL: nothing lost, nothing twice.
#[derive(Debug, Parser)]
#[command(name = "sheetload", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    match runtime.block_on(dispatch(cli.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => render::failure(&error),
    }
}

async fn dispatch(command: Command) -> Result<u8> {
    match command {
        Command::Db(args) => db::run(args).await,
        Command::Sample(args) => sample::run(&args),
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
