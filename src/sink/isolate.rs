//! Loads a batch without its bad rows: finds each by its COPY line or by halving, under savepoints.

use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Error, Statement};

use super::Refusal;
use super::Written;
use super::classify::{column_of_fault, refusal, row_fault, rows_before_fault};
use super::copy_stream::copy_rows;
use super::encode::EncodedBatch;
use super::ledger::BatchRecorder;
use super::search::Search;
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
    fn refusal(&self, row: usize, fault: &DbError) -> Refusal {
        let mut refusal = refusal(row, fault);
        if refusal.column.is_none() {
            refusal.column = column_of_fault(fault, &self.table.table, &self.columns).cloned();
        }
        refusal
    }
}

/// Loads the rows of a batch that failed as a whole and leaves out the bad ones. What the batch is written in has begun
/// anew; the caller ends it.
pub(super) async fn load_without_bad_rows(
    client: &Client,
    statement: &Statement,
    target: &WrittenColumns,
    batch: &EncodedBatch,
    first_fault: Option<&DbError>,
    recorder: Option<&BatchRecorder>,
) -> Result<Written, Error> {
    let mut search = Search::new(batch.row_count());
    if let Some(fault) = first_fault {
        search.failed(rows_before_fault(fault, &target.table.table));
    }
    let mut written = Written::default();
    // Constraints that are checked at commit would fail the batch there, where no row can be told from the others.
    client
        .batch_execute("set constraints all immediate")
        .await?;
    while let Some(rows) = search.next() {
        client.batch_execute("savepoint sheetload_rows").await?;
        match copy_rows(client, statement, batch, rows.clone()).await {
            Ok(loaded) => {
                if let Some(recorder) = recorder {
                    recorder.mark(client).await?;
                }
                client
                    .batch_execute("release savepoint sheetload_rows")
                    .await?;
                written.loaded += loaded;
                search.succeeded();
            }
            Err(error) => {
                let Some(fault) = row_fault(&error) else {
                    return Err(error);
                };
                client
                    .batch_execute(
                        "rollback to savepoint sheetload_rows; release savepoint sheetload_rows",
                    )
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
