//! A row that could not be loaded, and why.

use serde::Serialize;

/// Why a row was rejected, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// A column that must not be null has no value.
    MissingValue,
    /// An error cell where a value is needed.
    ErrorCell,
    /// A text holds the NUL character, which PostgreSQL can't store.
    NulCharacter,
    /// The cell's value is not of the column's type.
    WrongType,
    /// The value is too large or too long for the column.
    OutOfRange,
    /// A constraint of the table refused the row.
    Constraint,
    /// The server refused the row for another reason.
    RefusedByServer,
}

impl RejectReason {
    /// All reasons.
    const ALL: [Self; 7] = [
        Self::MissingValue,
        Self::ErrorCell,
        Self::NulCharacter,
        Self::WrongType,
        Self::OutOfRange,
        Self::Constraint,
        Self::RefusedByServer,
    ];

    /// Its name in JSON and in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingValue => "missing_value",
            Self::ErrorCell => "error_cell",
            Self::NulCharacter => "nul_character",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::Constraint => "constraint",
            Self::RefusedByServer => "refused_by_server",
        }
    }

    /// The reason of this name; what a later program may have written counts as the server's.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|reason| reason.name() == name);
        found.unwrap_or(Self::RefusedByServer)
    }

    /// The reason in words, for tables of counts.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::MissingValue => "missing value",
            Self::ErrorCell => "error cell",
            Self::NulCharacter => "NUL character",
            Self::WrongType => "wrong type",
            Self::OutOfRange => "out of range",
            Self::Constraint => "constraint",
            Self::RefusedByServer => "refused by the server",
        }
    }
}

/// Why one cell does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason, for counting.
    pub reason: RejectReason,
    /// The error code that the server gives, or would have given.
    pub sqlstate: &'static str,
    /// What happened, in words.
    pub message: String,
}

/// A rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The sheet.
    pub sheet: String,
    /// The row's number in the sheet, from 1 as spreadsheets count.
    pub row: u32,
    /// The cell at fault (`Sheet1!C17`), or the row's first cell when the server did not say which column.
    pub cell: String,
    /// The table's column, if one is at fault.
    pub column: Option<String>,
    /// The value as stored in the sheet, cut to a readable length.
    pub stored: Option<String>,
    /// The column's type, or the constraint.
    pub expected: Option<String>,
    /// The server's error code.
    pub sqlstate: String,
    /// Why, for counting.
    pub reason: RejectReason,
    /// Why, in words.
    pub message: String,
    /// All of its cells that are known to be at fault, from left to right, the one above among them. None when the row is
    /// refused as a whole.
    pub cells: Vec<RejectedCell>,
}

/// A cell for which a row was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedCell {
    /// The cell (`Sheet1!C17`).
    pub cell: String,
    /// The table's column.
    pub column: String,
    /// The value as stored in the sheet, cut to a readable length.
    pub stored: Option<String>,
    /// The column's type, or the constraint.
    pub expected: Option<String>,
    /// The server's error code.
    pub sqlstate: String,
    /// Why, for counting.
    pub reason: RejectReason,
    /// Why, in words.
    pub message: String,
}

impl Reject {
    /// The cell that the row is named by, unless it is refused as a whole.
    #[must_use]
    pub fn first_cell(&self) -> Option<RejectedCell> {
        Some(RejectedCell {
            cell: self.cell.clone(),
            column: self.column.clone()?,
            stored: self.stored.clone(),
            expected: self.expected.clone(),
            sqlstate: self.sqlstate.clone(),
            reason: self.reason,
            message: self.message.clone(),
        })
    }

    /// With the cell that it is named by as the only one known to be at fault.
    #[must_use]
    pub fn by_first_cell(self) -> Self {
        Self {
            cells: self.first_cell().into_iter().collect(),
            ..self
        }
    }
}
