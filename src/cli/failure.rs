//! A command that failed: what people see of it, and the JSON document for programs that asked for one.

use std::error::Error as _;
use std::path::PathBuf;

use serde::Serialize;

use super::connection::{ConnectionArgs, Destination};
use super::{Command, render};
use crate::error::{Error, ErrorKind, Facts};
use crate::exit;

/// What a command was asked for, as far as its failure goes.
#[derive(Debug)]
pub(super) enum Answer {
    /// Text for people.
    Text,
    /// One JSON document. Some commands have a database.
    Json(Option<ConnectionArgs>),
}

impl Answer {
    /// What this command was asked for.
    pub(super) fn to(command: &Command) -> Self {
        let (json, connection) = match command {
            Command::Import(args) => (args.json, Some(&args.connection)),
            Command::Resume(args) => (args.json, Some(&args.connection)),
            Command::Compare(args) => (args.json, Some(&args.connection)),
            Command::History(args) => (args.json, Some(&args.connection)),
            Command::Undo(args) => (args.json, Some(&args.connection)),
            Command::Inspect(args) => (args.json, None),
            Command::Sample(args) => (args.json, None),
            Command::Db(args) => (args.is_json(), None),
            Command::Migrate(_) => (false, None),
        };
        match json {
            true => Self::Json(connection.cloned()),
            false => Self::Text,
        }
    }

    /// Prints the error in one or two lines, and the document on stdout if one is wanted. Gives the exit code.
    pub(super) fn fail(&self, error: &Error) -> u8 {
        let code = render::failure_code(error);
        if let Self::Json(connection) = self {
            let database = connection.as_ref().and_then(ConnectionArgs::destination);
            // Where it cannot be written, the lines say what is wrong.
            let _unwritten = render::json(&Document::new(error, code, database));
        }
        code
    }
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    state: &'static str,
    error: Described<'a>,
    /// As in the documents of loads.
    errors: [&'a str; 1],
    exit_code: u8,
    /// Where rows were to go, or come from, as far as that is known.
    database: Option<Destination>,
}

/// An error with all that is known of it.
#[derive(Debug, Serialize)]
pub(super) struct Described<'a> {
    kind: ErrorKind,
    message: &'a str,
    /// What lies behind it, the nearest first.
    causes: Vec<String>,
    next_step: Option<&'a str>,
    file: Option<&'a PathBuf>,
    sheet: Option<&'a str>,
    cell: Option<&'a str>,
    column: Option<&'a str>,
    table: Option<&'a str>,
    sqlstate: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn new(error: &'a Error, exit_code: u8, database: Option<Destination>) -> Self {
        Self {
            state: match exit_code {
                exit::INTERRUPTED => "interrupted",
                _ => "failed",
            },
            error: Described::of(error),
            errors: [error.message()],
            exit_code,
            database,
        }
    }
}

impl<'a> Described<'a> {
    /// This error.
    pub(super) fn of(error: &'a Error) -> Self {
        let Facts {
            file,
            sheet,
            cell,
            column,
            table,
            sqlstate,
        } = error.facts();
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(render::one_line(&cause.to_string()));
            source = cause.source();
        }
        Self {
            kind: error.kind(),
            message: error.message(),
            causes,
            next_step: error.advice(),
            file: file.as_ref(),
            sheet: sheet.as_deref(),
            cell: cell.as_deref(),
            column: column.as_deref(),
            table: table.as_deref(),
            sqlstate: sqlstate.as_deref(),
        }
    }
}
