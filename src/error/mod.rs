//! What can go wrong, as kinds with facts.
//!
//! An [`Error`] says what happened (its [`ErrorKind`] and message), where (its [`Facts`]) and what to do
//! next. What follows from it (retry, reject, stop) is decided elsewhere, from the kind and the SQLSTATE,
//! never from the words.

mod sqlstate;

use std::error::Error as StdError;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use sqlstate::{QUERY_CANCELED, error_from_postgres, kind_of_sqlstate};

/// The result of every fallible function of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. The exit code follows from it, see [`crate::exit::code_for`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options contradict each other or are out of range.
    InvalidOptions,
    /// The input file cannot be opened or read.
    FileUnreadable,
    /// The input is not a workbook of a known format.
    NotAWorkbook,
    /// The input is a workbook, but damaged.
    WorkbookBroken,
    /// The workbook is protected by a password.
    WorkbookEncrypted,
    /// The workbook is larger than its format can be read safely.
    WorkbookTooLarge,
    /// The sheet asked for does not exist.
    SheetNotFound,
    /// The sheet has no header or no rows.
    SheetEmpty,
    /// The header and the table's columns do not fit each other.
    ColumnMismatch,
    /// The table exists, and the options say to stop then.
    TableExists,
    /// The target is not a table that rows can be loaded into.
    TableUnusable,
    /// A file could not be written.
    OutputUnwritable,
    /// No server answers at the address.
    DatabaseUnreachable,
    /// The server does not accept the user, password or certificate.
    AuthenticationFailed,
    /// No TLS connection as the options ask for it.
    TlsFailed,
    /// The server has no such database.
    DatabaseNotFound,
    /// The user lacks a right.
    PermissionDenied,
    /// The server has fewer free connections than the load needs.
    TooFewConnections,
    /// The connection broke while it was in use.
    ConnectionLost,
    /// The connection broke during a commit, and nothing tells whether that was done. Never tried again.
    OutcomeUnknown,
    /// The server refused a statement for another reason; the SQLSTATE says which.
    DatabaseRefused,
    /// A migration could not be applied.
    MigrationFailed,
    /// No PostgreSQL server programs on this machine.
    ServerNotInstalled,
    /// The private server could not be started, reached or stopped.
    ServerFailed,
    /// The private server's files belong to another major version of PostgreSQL.
    ServerVersionMismatch,
    /// A row was rejected, and the options say to stop then.
    RowRejected,
    /// More rows were rejected than the options allow.
    TooManyRejects,
    /// The file is in the table already.
    AlreadyLoaded,
    /// The file is not the one that the load began with, or was written while it was read.
    FileChanged,
    /// The ledger has no such load, or several that may be meant.
    LoadNotFound,
    /// The load cannot be resumed or undone as it is.
    LoadSettled,
    /// The table does not hold what was read from the source.
    VerificationFailed,
    /// The modes that were compared did not load the same rows.
    ResultsDiffer,
    /// The user interrupted the work.
    Interrupted,
    /// A defect of sheetload itself, such as a panic in a task.
    Internal,
}

/// Where it went wrong, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The file that was read or written.
    pub file: Option<PathBuf>,
    /// The sheet's name.
    pub sheet: Option<String>,
    /// The cell in A1 notation.
    pub cell: Option<String>,
    /// The column's name in the table.
    pub column: Option<String>,
    /// The table, as written in messages.
    pub table: Option<String>,
    /// The server's five-character error code (PostgreSQL documentation, appendix A).
    pub sqlstate: Option<String>,
}

/// An error: a kind, a message for people, facts, the next step, and the cause.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    facts: Facts,
    next_step: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind. The message names the thing, is a lower-case fragment and has no full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            facts: Facts::default(),
            next_step: None,
            source: None,
        }))
    }

    /// Adds what the user can do about it, as an imperative sentence without full stop.
    #[must_use]
    pub fn next_step(mut self, next_step: impl Into<String>) -> Self {
        self.0.next_step = Some(next_step.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the file.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        self.0.facts.file = Some(file.to_owned());
        self
    }

    /// Adds the sheet.
    #[must_use]
    pub fn in_sheet(mut self, sheet: impl Into<String>) -> Self {
        self.0.facts.sheet = Some(sheet.into());
        self
    }

    /// Adds the cell, in A1 notation.
    #[must_use]
    pub fn at_cell(mut self, cell: impl Into<String>) -> Self {
        self.0.facts.cell = Some(cell.into());
        self
    }

    /// Adds the table's column.
    #[must_use]
    pub fn in_column(mut self, column: impl Into<String>) -> Self {
        self.0.facts.column = Some(column.into());
        self
    }

    /// Adds the table.
    #[must_use]
    pub fn in_table(mut self, table: impl Into<String>) -> Self {
        self.0.facts.table = Some(table.into());
        self
    }

    /// Adds the server's error code.
    #[must_use]
    pub fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.0.facts.sqlstate = Some(sqlstate.into());
        self
    }

    /// Names another table wherever this one is named, because people know that one.
    pub fn rename_table(&mut self, table: &str, known: &str) {
        let Inner {
            message,
            facts,
            next_step,
            ..
        } = &mut *self.0;
        let texts = [Some(message), facts.table.as_mut(), next_step.as_mut()];
        for text in texts.into_iter().flatten() {
            if text.contains(table) {
                *text = text.replace(table, known);
            }
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same may succeed a little later: the connection was lost, or the server said so by SQLSTATE
    /// (PostgreSQL documentation, appendix A): serialization failure, deadlock, class 53 for a lack of resources, a lock
    /// not to be had, and 57P01 to 57P03 for a server that shuts down or starts.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        const DATABASE_DROPPED: &str = "57P04";
        let sqlstate = self.0.facts.sqlstate.as_deref();
        match self.0.kind {
            ErrorKind::ConnectionLost => sqlstate != Some(DATABASE_DROPPED),
            ErrorKind::DatabaseUnreachable | ErrorKind::TooFewConnections => true,
            ErrorKind::DatabaseRefused => sqlstate.is_some_and(|code| {
                matches!(code, "40001" | "40P01" | "55P03") || code.starts_with("53")
            }),
            _ => false,
        }
    }

    /// The message with its causes, each said once, in one line.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.0.message.clone();
        let mut source = self.source();
        while let Some(cause) = source {
            let words = cause.to_string();
            if !text.contains(&words) {
                text = format!("{text}: {words}");
            }
            source = cause.source();
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The message without facts, next step and cause.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it went wrong.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// What the user can do about it.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.next_step.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
