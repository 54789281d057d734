//! Loads a batch without its bad rows: finds each by its COPY line or by halving, under savepoints.

use std::ops::Range;

use futures_util::future::join;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Statement};

use super::answers::Answers;
use super::classify::{
    Blame, Evidence, MOST_SUSPECTS, blame, column_of_fault, may_be_of_statement, refusal,
    rows_before_fault,
};
use super::copy_stream::{CopyError, copy_rows_behind};
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
    pub(super) evidence: &'a Evidence,
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
    let table = &isolation.target.table.table;
    let mut search = Search::new(batch.row_count());
    if let Some(fault) = first_fault {
        search.failed(rows_before_fault(fault, table));
    }
    let (mut written, mut suspects) = (Written::default(), Suspects::default());
    // Constraints that are checked at commit would fail the batch there, where no row can be told from the others.
    isolation
        .run(client, "set constraints all immediate")
        .await?;
    if first_fault.is_none_or(may_be_of_statement) {
        // What refuses no rows at all refuses the statement.
        let none = isolation.attempt(client, batch, 0..0).await?;
        none.map_err(|error| isolation.failure(error))?;
    }
    while let Some(rows) = search.next() {
        match isolation.attempt(client, batch, rows.clone()).await? {
            Ok(loaded) => {
                isolation.evidence.row_taken();
                written.loaded += loaded;
                search.succeeded();
            }
            Err(error) => {
                let Some(fault) = error.row_fault() else {
                    return Err(isolation.failure(error));
                };
                if rows.len() > 1 {
                    search.failed(rows_before_fault(fault, table));
                    continue;
                }
                let is_suspect = blame(fault) == Blame::Suspect;
                let refusal = isolation.target.refusal(rows.start, fault);
                written.refused.push(refusal);
                search.refused();
                suspects.add(is_suspect.then_some(error));
                if suspects.are_many() && !isolation.evidence.is_there() {
                    break;
                }
            }
        }
    }
    match suspects.all_refused() {
        Some(error) if !isolation.evidence.is_there() => Err(isolation.failure(error)),
        _ => Ok(written),
    }
}

/// Rows that were refused for what may have nothing to do with them, and the first one's error.
#[derive(Debug, Default)]
struct Suspects {
    rows: usize,
    first: Option<CopyError>,
}

impl Suspects {
    fn add(&mut self, suspect: Option<CopyError>) {
        self.rows += usize::from(suspect.is_some());
        self.first = self.first.take().or(suspect);
    }

    fn are_many(&self) -> bool {
        self.rows >= MOST_SUSPECTS
    }

    /// Why all rows were refused, where none was taken. A single one has nothing to compare it with.
    fn all_refused(self) -> Option<CopyError> {
        self.first.filter(|_| self.rows > 1)
    }
}

impl Isolation<'_> {
    fn failure(&self, error: CopyError) -> BatchFailure {
        BatchFailure::of_copy(error, &self.target.table)
    }

    async fn run(&self, client: &Client, sql: &str) -> Result<(), BatchFailure> {
        let table = &self.target.table;
        let done = self.answers.wait(client.batch_execute(sql), table);
        let done = done.await?;
        Ok(done.map_err(|error| write_error(error, table))?)
    }

    /// Copies some rows under a savepoint, which is gone afterwards.
    async fn attempt(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        rows: Range<usize>,
    ) -> Result<Result<u64, CopyError>, BatchFailure> {
        let table = &self.target.table;
        let begun = async {
            let begun = client.batch_execute("savepoint sheetload_rows").await;
            begun.map_err(CopyError::Refused)
        };
        let copied = copy_rows_behind(begun, client, self.copy, batch, rows);
        match self.answers.wait(Box::pin(copied), table).await? {
            Ok(loaded) => {
                let released = client.batch_execute("release savepoint sheetload_rows");
                let ended = join(mark(client, self.recorder), released);
                let (marked, released) = self.answers.wait(ended, table).await?;
                marked
                    .and(released)
                    .map_err(|error| write_error(error, table))?;
                Ok(Ok(loaded))
            }
            Err(error) if error.row_fault().is_some() => {
                let undo = "rollback to savepoint sheetload_rows; release savepoint sheetload_rows";
                self.run(client, undo).await?;
                Ok(Err(error))
            }
            Err(error) => Ok(Err(error)),
        }
    }
}
