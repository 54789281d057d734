//! Loads a batch without its bad rows: finds each by its COPY line or by halving, under savepoints.

use futures_util::future::join;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Statement};

use super::answers::Answers;
use super::classify::{column_of_fault, refusal, rows_before_fault};
use super::copy_stream::copy_rows_behind;
use super::encode::EncodedBatch;
use super::failure::BatchFailure;
use super::ledger::{BatchRecorder, mark};
use super::search::Search;
use super::{Refusal, Written, write_error};
use crate::model::table::TableName;

/// The columns that rows are copied into.
#[derive(Debug)]
pub(super) struct WrittenColumns {
    /// The table.
    pub(super) table: TableName,
    /// Its columns that are written.
    pub(super) columns: Vec<String>,
}

impl WrittenColumns {
    /// A refusal of one row, with the column if the server gave a sign of it.
    pub(super) fn refusal(&self, row: usize, fault: &DbError) -> Refusal {
        let mut refusal = refusal(row, fault);
        if refusal.column.is_none() {
            refusal.column = column_of_fault(fault, &self.table.table, &self.columns).cloned();
        }
        refusal
    }
}

/// What it takes to load a batch piece by piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Isolation<'a> {
    pub(super) copy: &'a Statement,
    pub(super) target: &'a WrittenColumns,
    pub(super) recorder: Option<&'a BatchRecorder>,
    pub(super) answers: Answers,
}

/// Loads the rows of a batch that failed as a whole and leaves out the bad ones. What the batch is written in has begun
/// anew; the caller ends it.
///
/// # Errors
/// What is no row's fault.
pub(super) async fn load_without_bad_rows(
    client: &Client,
    isolation: &Isolation<'_>,
    batch: &EncodedBatch,
    first_fault: Option<&DbError>,
) -> Result<Written, BatchFailure> {
    let Isolation {
        copy,
        target,
        recorder,
        answers,
    } = *isolation;
    let failed = |error| write_error(error, &target.table);
    let answered = async |sql| {
        let done = answers.wait(client.batch_execute(sql), &target.table);
        done.await?.map_err(failed).map_err(BatchFailure::from)
    };
    let mut search = Search::new(batch.row_count());
    if let Some(fault) = first_fault {
        search.failed(rows_before_fault(fault, &target.table.table));
    }
    let mut written = Written::default();
    // Constraints that are checked at commit would fail the batch there, where no row can be told from the others.
    answered("set constraints all immediate").await?;
    while let Some(rows) = search.next() {
        let begun = client.batch_execute("savepoint sheetload_rows");
        let copied = copy_rows_behind(begun, client, copy, batch, rows.clone());
        match answers.wait(copied, &target.table).await? {
            Ok(loaded) => {
                let released = client.batch_execute("release savepoint sheetload_rows");
                let ended = join(mark(client, recorder), released);
                let (marked, released) = answers.wait(ended, &target.table).await?;
                marked.and(released).map_err(failed)?;
                written.loaded += loaded;
                search.succeeded();
            }
            Err(error) => {
                let Some(fault) = error.row_fault() else {
                    return Err(BatchFailure::of_copy(error, &target.table));
                };
                answered("rollback to savepoint sheetload_rows; release savepoint sheetload_rows")
                    .await?;
                if rows.len() == 1 {
                    written.refused.push(target.refusal(rows.start, fault));
                    search.refused();
                } else {
                    search.failed(rows_before_fault(fault, &target.table.table));
                }
            }
        }
    }
    Ok(written)
}
