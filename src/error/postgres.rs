//! The driver's errors as ours, by SQLSTATE.

use super::{Error, ErrorKind};

/// The error of a statement; `doing` says what could not be done.
pub fn from_postgres(error: tokio_postgres::Error, doing: &str) -> Error {
    Error::new(ErrorKind::DatabaseRefused, doing).caused_by(error)
}
