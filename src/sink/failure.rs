//! Why a batch is not written, and what that leaves of its connection.

use super::copy_stream::CopyError;
use super::write_error;
use crate::error::Error;
use crate::model::table::TableName;

/// Why a batch is not written.
#[derive(Debug)]
pub(super) struct BatchFailure {
    /// The reason.
    pub(super) error: Error,
    /// Whether the connection can be asked anything else.
    pub(super) driver: Driver,
}

/// Whether the driver gives each statement its own answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    /// It does.
    InStep,
    /// It is an answer behind, so that the connection is of no use.
    Behind,
}

impl From<Error> for BatchFailure {
    fn from(error: Error) -> Self {
        Self {
            error,
            driver: Driver::InStep,
        }
    }
}

impl From<BatchFailure> for Error {
    /// For connections that are closed after any failure.
    fn from(failure: BatchFailure) -> Self {
        failure.error
    }
}

impl BatchFailure {
    /// A COPY has not written its rows.
    pub(super) fn of_copy(error: CopyError, table: &TableName) -> Self {
        let (driver, error) = match error {
            CopyError::Refused(error) => (Driver::Behind, write_error(error, table)),
            CopyError::Failed(error) => (Driver::InStep, write_error(error, table)),
            // A COPY was begun that nobody will end.
            CopyError::Altered(error) => (Driver::Behind, error),
        };
        Self { error, driver }
    }
}
