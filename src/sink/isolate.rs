//! Loads a batch without its bad rows: finds each by its COPY line or by halving, under savepoints.

use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Statement};

use super::answers::Answers;
use super::classify::{column_of_fault, refusal, row_fault, rows_before_fault};
use super::copy_stream::copy_rows;
use super::encode::EncodedBatch;
use super::ledger::BatchRecorder;
use super::search::Search;
use super::{Refusal, Written, write_error};
use crate::error::Result;
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
) -> Result<Written> {
    let Isolation {
        copy,
        target,
        recorder,
        answers,
    } = *isolation;
    let failed = |error| write_error(error, &target.table);
    let answered = async |sql| {
        let done = answers.wait(client.batch_execute(sql), &target.table);
        done.await?.map_err(failed)
    };
    let mut search = Search::new(batch.row_count());
    if let Some(fault) = first_fault {
        search.failed(rows_before_fault(fault, &target.table.table));
    }
    let mut written = Written::default();
    // Constraints that are checked at commit would fail the batch there, where no row can be told from the others.
    answered("set constraints all immediate").await?;
    while let Some(rows) = search.next() {
        answered("savepoint sheetload_rows").await?;
        let copied = copy_rows(client, copy, batch, rows.clone());
        match answers.wait(copied, &target.table).await? {
            Ok(loaded) => {
                if let Some(recorder) = recorder {
                    recorder.mark(client).await.map_err(failed)?;
                }
                answered("release savepoint sheetload_rows").await?;
                written.loaded += loaded;
                search.succeeded();
            }
            Err(error) => {
                let Some(fault) = row_fault(&error) else {
                    return Err(failed(error));
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
