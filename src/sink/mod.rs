//! Writing rows. One trait, [`Sink`]; what it writes are encoded rows, so that a sink never converts anything.

pub mod answers;
mod bad_cells;
mod cell_checks;
mod cell_probe;
pub(crate) mod classify;
pub mod copy;
mod copy_batch;
mod copy_stream;
pub mod encode;
mod failure;
mod frame;
pub mod held;
mod isolate;
pub mod ledger;
pub mod notices;
pub mod null;
pub mod per_row;
pub mod reject_file;
pub mod retry;
mod row_statements;
pub mod search;
pub mod suspects;
pub mod table_version;

use deadpool_postgres::Object;

use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;
use encode::EncodedBatch;
use ledger::BatchRecord;
use suspects::{CellRefusal, RefusedCells, Suspects};

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
    /// All of its cells that the server refuses; none if they were not looked for.
    pub cells: Option<Vec<CellRefusal>>,
}

/// What became of a batch's rows: loaded, refused, and those that the table itself left out, which a trigger can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows committed.
    pub loaded: u64,
    /// Rows refused, in their order.
    pub refused: Vec<Refusal>,
}

impl Written {
    /// Of so many rows those that are neither loaded nor refused: a trigger left them out.
    #[must_use]
    pub fn left_out(&self, rows: usize) -> u64 {
        (rows as u64)
            .saturating_sub(self.loaded)
            .saturating_sub(self.refused.len() as u64)
    }
}

/// Why a batch could not be written to its end.
#[derive(Debug)]
pub struct WriteFailure {
    /// What was committed of the batch before.
    pub written: Written,
    /// The error.
    pub error: Error,
}

impl From<Error> for WriteFailure {
    /// Nothing of the batch was committed.
    fn from(error: Error) -> Self {
        Self {
            written: Written::default(),
            error,
        }
    }
}

/// Where connections come from, when one was lost, too.
pub trait Connections: std::fmt::Debug + Clone + Send + Sync + 'static {
    /// A connection.
    ///
    /// # Errors
    /// What keeps it from being made.
    fn connect(&self) -> impl Future<Output = Result<Object>> + Send;
}

/// Writes encoded rows to where they belong.
pub trait Sink: Send {
    /// Writes all rows of a batch with its record in the ledger, if there is one. Rows that the server refuses for what
    /// they hold are left out and named; what may pass is tried again; every other error ends the load.
    ///
    /// # Errors
    /// The first error that is not a row's fault, with what was committed before it.
    fn write(
        &mut self,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
    ) -> impl Future<Output = Result<Written, WriteFailure>> + Send;

    /// Writes these columns from now on, which the table has meanwhile.
    ///
    /// # Errors
    /// What the server says.
    fn set_columns(&mut self, columns: &[TargetColumn]) -> impl Future<Output = Result<()>> + Send;

    /// Finds the cells that the server refuses in rows that are not loaded, as far as it can. It changes nothing, and
    /// nothing depends on it.
    fn find_bad_cells(&mut self, suspects: &Suspects) -> impl Future<Output = RefusedCells> + Send {
        std::future::ready(vec![Vec::new(); suspects.rows.len()])
    }
}

/// The server's error with what was being done.
fn write_error(error: tokio_postgres::Error, table: &TableName) -> Error {
    let doing = format!("write rows to {}", table.plain());
    error_from_postgres(error, &doing).in_table(table.plain())
}

/// Another attempt at the load has begun, so that this one must not commit anything.
fn superseded(table: &TableName) -> Error {
    Error::new(
        ErrorKind::LoadSettled,
        format!(
            "the load into {} was taken up by another `sheetload resume`",
            table.plain()
        ),
    )
    .in_table(table.plain())
    .next_step("Let the other one finish; `sheetload history` shows it")
}
