//! The program: parse, start, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheetload::telemetry::start();
    sheetload::cli::main()
}
