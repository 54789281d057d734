//! What people see on a terminal and programs read from stdout. The only place that prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this module is the program's voice"
)]

use std::error::Error as _;
use std::fmt::Write as _;
use std::process::ExitCode;

use crate::error::Error;
use crate::exit;

/// Prints text on stdout, with a line break.
pub(super) fn line(text: &str) {
    println!("{text}");
}

/// Prints an error in one or two lines and gives its exit code.
pub(super) fn failure(error: &Error) -> ExitCode {
    eprintln!("{}", describe(error));
    ExitCode::from(exit::code_for(error.kind()))
}

/// Prints why the program could not start at all.
pub(super) fn startup_failure(error: &std::io::Error) -> ExitCode {
    eprintln!("sheetload: the runtime did not start: {error}");
    ExitCode::from(exit::FAILURE)
}

/// The error's message with its causes in the first line, the next step in the second.
fn describe(error: &Error) -> String {
    let mut text = format!("sheetload: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    if let Some(advice) = error.advice() {
        let _ = write!(text, "\n  {advice}");
    }
    text
}
