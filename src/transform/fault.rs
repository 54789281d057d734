//! Faults of a cell, with the error codes that the server would give.

use std::borrow::Cow;

use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::reject::{Fault, RejectReason};

/// SQLSTATEs that the server would give for the same fault (PostgreSQL documentation, appendix A).
pub(super) mod sqlstate {
    pub(in crate::transform) const NOT_NULL_VIOLATION: &str = "23502";
    pub(in crate::transform) const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
    pub(in crate::transform) const INVALID_TEXT_REPRESENTATION: &str = "22P02";
    pub(in crate::transform) const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
    pub(in crate::transform) const STRING_DATA_RIGHT_TRUNCATION: &str = "22001";
    pub(in crate::transform) const INVALID_DATETIME_FORMAT: &str = "22007";
    pub(in crate::transform) const DATETIME_FIELD_OVERFLOW: &str = "22008";
}

pub(super) fn missing(cell: Cell) -> Fault {
    let (reason, message) = match cell {
        Cell::Error(error) => (
            RejectReason::ErrorCell,
            format!("the cell holds the error {error}, and the column must not be null"),
        ),
        _ => (
            RejectReason::MissingValue,
            "the cell is empty, and the column must not be null".to_owned(),
        ),
    };
    fault(reason, sqlstate::NOT_NULL_VIOLATION, message)
}

pub(super) fn wrong_type(column: &TargetColumn, what: &str) -> Fault {
    fault(
        RejectReason::WrongType,
        sqlstate::INVALID_TEXT_REPRESENTATION,
        format!(
            "the cell holds {what}, the column takes {}",
            column.sql_type
        ),
    )
}

pub(super) fn not_readable(text: &str, column: &TargetColumn) -> Fault {
    let code = match column.kind {
        ColumnKind::Date
        | ColumnKind::Time
        | ColumnKind::Timestamp
        | ColumnKind::Interval
        | ColumnKind::TimestampTz
        | ColumnKind::TimeTz
        | ColumnKind::Moments(_) => sqlstate::INVALID_DATETIME_FORMAT,
        _ => sqlstate::INVALID_TEXT_REPRESENTATION,
    };
    fault(
        RejectReason::WrongType,
        code,
        format!(
            "the text \"{}\" is not of type {}",
            shortened(text),
            column.sql_type
        ),
    )
}

pub(super) fn out_of_range(column: &TargetColumn) -> Fault {
    fault(
        RejectReason::OutOfRange,
        sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("the number is out of range for {}", column.sql_type),
    )
}

pub(super) fn fault(reason: RejectReason, sqlstate: &'static str, message: String) -> Fault {
    Fault {
        reason,
        sqlstate,
        message,
    }
}

/// A text cut to a length that fits a message.
#[must_use]
pub fn shortened(text: &str) -> Cow<'_, str> {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
