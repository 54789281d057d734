//! Writing rows. One trait, [`Sink`]; what it writes are encoded rows, so that a sink never converts anything.

mod classify;
pub mod copy;
mod copy_stream;
pub mod encode;
mod isolate;
pub mod null;
pub mod per_row;
pub mod reject_file;

use crate::error::{Error, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;
use encode::EncodedBatch;

/// A row that the server refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its index in the batch's encoded rows.
    pub row: usize,
    /// The server's error code.
    pub sqlstate: String,
    /// The server's message, with its detail.
    pub message: String,
    /// The column, where the server named it.
    pub column: Option<String>,
    /// The constraint, where the server named it.
    pub constraint: Option<String>,
}

/// What became of a batch's rows: `loaded + refused.len()` is their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows committed.
    pub loaded: u64,
    /// Rows refused, in their order.
    pub refused: Vec<Refusal>,
}

/// Why a batch could not be written to its end.
#[derive(Debug)]
pub struct WriteFailure {
    /// What was committed of the batch before.
    pub written: Written,
    /// The error.
    pub error: Error,
}

/// Writes encoded rows to where they belong.
pub trait Sink: Send {
    /// Writes all rows of a batch and commits them. Rows that the server refuses for what they hold are left out and
    /// named; every other error ends the load.
    ///
    /// # Errors
    /// The first error that is not a row's fault, with what was committed before it.
    fn write(
        &mut self,
        batch: &EncodedBatch,
    ) -> impl Future<Output = Result<Written, WriteFailure>> + Send;

    /// Writes these columns from now on, which the table has meanwhile.
    ///
    /// # Errors
    /// What the server says.
    fn set_columns(&mut self, columns: &[TargetColumn]) -> impl Future<Output = Result<()>> + Send;
}

/// The server's error with what was being done.
fn write_error(error: tokio_postgres::Error, table: &TableName) -> Error {
    let doing = format!("write rows to {}", table.plain());
    error_from_postgres(error, &doing).in_table(table.plain())
}
