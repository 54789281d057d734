//! Loads a batch without its bad rows: finds each by its COPY line or by halving, under savepoints.

use deadpool_postgres::Object;
use tokio_postgres::Statement;
use tokio_postgres::error::DbError;

use super::Refusal;
use super::Written;
use super::classify::{column_of_fault, refusal, row_fault, rows_before_fault};
use super::copy_stream::copy_rows;
use super::encode::EncodedBatch;
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

/// Loads the rows of a batch that failed as a whole, leaves out the bad ones, and commits the others together.
pub(super) async fn load_without_bad_rows(
    client: &mut Object,
    statement: &Statement,
    target: &WrittenColumns,
    batch: &EncodedBatch,
    first_fault: &DbError,
) -> Result<Written, tokio_postgres::Error> {
    let mut search = Search::new(batch.row_count());
    search.failed(rows_before_fault(first_fault, &target.table.table));
    let mut written = Written::default();
    let mut transaction = client.transaction().await?;
    // Constraints that are checked at commit would fail the batch there, where no row can be told from the others.
    transaction
        .batch_execute("set constraints all immediate")
        .await?;
    while let Some(rows) = search.next() {
        let savepoint = transaction.savepoint("sheetload_rows").await?;
        match copy_rows(&*savepoint, statement, batch, rows.clone()).await {
            Ok(loaded) => {
                savepoint.commit().await?;
                written.loaded += loaded;
                search.succeeded();
            }
            Err(error) => {
                let Some(fault) = row_fault(&error) else {
                    return Err(error);
                };
                savepoint.rollback().await?;
                if rows.len() == 1 {
                    written.refused.push(target.refusal(rows.start, fault));
                    search.refused();
                } else {
                    search.failed(rows_before_fault(fault, &target.table.table));
                }
            }
        }
    }
    transaction.commit().await?;
    Ok(written)
}
