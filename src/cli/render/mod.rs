//! What people see on a terminal and programs read from stdout. The only place that prints.

pub(super) mod compare;
pub(super) mod history;
pub(super) mod inspect;
pub(super) mod notice;
pub(super) mod progress;
pub(super) mod report;

use std::error::Error as _;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::exit;

/// Prints text on stdout, with a line break.
///
/// Whoever read it may have gone (`| head`); the work is done all the same, so that is no error.
pub(super) fn line(text: &str) {
    let _reader_gone = writeln!(io::stdout(), "{text}");
}

/// Prints a remark on stderr, with a line break: not part of the result.
pub(super) fn note(text: &str) {
    let _reader_gone = writeln!(io::stderr(), "{text}");
}

/// Prints one JSON document on stdout.
pub(super) fn json(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            "the JSON document could not be written",
        )
        .caused_by(error)
    })?;
    match writeln!(io::stdout(), "{text}") {
        // Its reader has gone, see [`line`].
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            ErrorKind::OutputUnwritable,
            "the JSON document could not be written to stdout",
        )
        .caused_by(error)
        .next_step("Check the disk space; what was loaded stays loaded")),
        _ => Ok(()),
    }
}

/// Prints an error in one or two lines and gives its exit code as a number.
pub(super) fn failure_code(error: &Error) -> u8 {
    note(&describe(error));
    exit::code_for(error.kind())
}

/// Prints the errors that ended a load, the first one with what is left of the load. Several workers may have met the
/// same error; it is said once.
pub(super) fn failures(errors: &[Error], stays: &str) {
    let mut said = Vec::new();
    for error in errors {
        let first_line = first_line(error);
        if said.contains(&first_line) {
            continue;
        }
        let mut text = first_line.clone();
        let mut second_line = Vec::new();
        if said.is_empty() {
            second_line.push(capitalised(stays));
        }
        second_line.extend(error.advice().map(str::to_owned));
        if !second_line.is_empty() {
            text = format!("{text}\n  {}", second_line.join(". "));
        }
        note(&text);
        said.push(first_line);
    }
}

/// A fragment as the start of a sentence.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// Prints why the program could not start at all.
pub(super) fn startup_failure(error: &std::io::Error) -> ExitCode {
    note(&format!("sheetload: the runtime did not start: {error}"));
    ExitCode::from(exit::FAILURE)
}

/// The error's message with its causes in the first line, the next step in the second.
fn describe(error: &Error) -> String {
    let mut text = first_line(error);
    if let Some(advice) = error.advice() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n  {advice}");
    }
    text
}

/// The error's message with its causes.
fn first_line(error: &Error) -> String {
    let message = error.to_string();
    // Of several sheets, it must be said which.
    let place = match &error.facts().sheet {
        Some(sheet) if !names_sheet(&message, sheet) => format!("sheet \"{sheet}\": "),
        _ => String::new(),
    };
    let mut text = format!("sheetload: {}", one_line(&format!("{place}{message}")));
    let mut source = error.source();
    while let Some(cause) = source {
        // Libraries repeat the cause in their own text, or not; it is said once.
        let cause_text = one_line(&cause.to_string());
        if !text.contains(&cause_text) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Whether a message names the sheet, or a cell of it.
fn names_sheet(message: &str, sheet: &str) -> bool {
    [
        format!("\"{sheet}\""),
        format!("{sheet}!"),
        format!("{}'!", sheet.replace('\'', "''")),
    ]
    .iter()
    .any(|name| message.contains(name))
}

/// A number with thousands separators.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or a count that need not be exact, as a whole number with thousands separators.
pub(super) fn rounded(number: f64) -> String {
    grouped(number.max(0.0).round() as u64)
}

/// Bytes in binary units.
pub(super) fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

/// Seconds in a precision that fits their size.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds >= 100.0 {
        format!("{seconds:.0} s")
    } else if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{seconds:.3} s")
    }
}

/// An argument for a POSIX shell.
pub(super) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// This program in commands that people copy: the path by which it was called, so that it need not be installed.
pub(super) fn program() -> String {
    called_as(std::env::args_os().next())
}

fn called_as(first_argument: Option<OsString>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match first_argument.and_then(|name| name.into_string().ok()) {
        Some(path) if path.contains('/') && path.chars().all(plain) => path,
        Some(path) if path.contains('/') => shell_quoted(&path),
        _ => "sheetload".to_owned(),
    }
}

/// Text without line breaks, so that what a file or a server says cannot break out of its line.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(rounded(1_234.6), "1,235");
    }

    #[test]
    fn commands_name_the_program_as_it_was_called() {
        let called = |name: &str| called_as(Some(name.into()));
        assert_eq!(called("sheetload"), "sheetload");
        assert_eq!(
            called("target/release/sheetload"),
            "target/release/sheetload"
        );
        assert_eq!(called("/my tools/sheetload"), "'/my tools/sheetload'");
        assert_eq!(called_as(None), "sheetload");
    }

    #[test]
    fn an_error_is_one_line_and_its_advice_the_second() {
        let cause = std::io::Error::other("no\nsuch thing");
        let error = Error::new(ErrorKind::FileUnreadable, "a.xlsx cannot be read")
            .caused_by(cause)
            .next_step("Check the path");
        assert_eq!(
            describe(&error),
            "sheetload: a.xlsx cannot be read: no such thing\n  Check the path"
        );
    }
}
