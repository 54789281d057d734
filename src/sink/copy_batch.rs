//! One batch by COPY: whole if it can be, else without its bad rows, and recorded with what became of it.

use deadpool_postgres::Object;
use futures_util::future::join3;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{Client, Statement};

use super::answers::Answers;
use super::bad_cells::CellFinder;
use super::classify::{Blame, Evidence, blame, row_fault, row_named_by_copy};
use super::copy_stream::{
    Around, CopyError, CopyInto, copy_rows, copy_rows_behind, copy_rows_between, copy_sql,
};
use super::encode::EncodedBatch;
use super::failure::{BatchFailure, Driver};
use super::frame::Frame;
use super::held::StoredRows;
use super::isolate::{Isolation, WrittenColumns, load_without_bad_rows};
use super::ledger::{BatchLedger, BatchRecord, BatchRecorder, Recorded, mark, record_error};
use super::retry::Retry;
use super::table_version::VersionCheck;
use super::{Written, superseded, write_error};
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;

/// What a connection needs to write batches.
#[derive(Debug)]
pub(super) struct CopyStatements {
    copy: Statement,
    recorder: Option<BatchRecorder>,
    target: WrittenColumns,
    answers: Answers,
    evidence: Evidence,
    check: Option<VersionCheck>,
    /// Finds all bad cells of rejected rows.
    pub(super) cells: CellFinder,
}

impl CopyStatements {
    /// Prepares them.
    ///
    /// # Errors
    /// Whatever the server says: no such table, no right to insert.
    pub(super) async fn prepare(
        client: &Client,
        table: &TableName,
        columns: &[TargetColumn],
        ledger: Option<BatchLedger>,
        retry: &Retry,
    ) -> Result<Self> {
        let rows = StoredRows::Plain;
        let into = CopyInto {
            table,
            columns,
            rows,
        };
        Self::prepare_storing(client, into, ledger, retry).await
    }

    /// The same for rows that are stored otherwise.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub(super) async fn prepare_storing(
        client: &Client,
        into: CopyInto<'_>,
        ledger: Option<BatchLedger>,
        retry: &Retry,
    ) -> Result<Self> {
        let CopyInto { table, columns, .. } = into;
        let failed = |error| write_error(error, table);
        let recorder = match ledger {
            Some(ledger) => Some(
                BatchRecorder::prepare(client, ledger)
                    .await
                    .map_err(failed)?,
            ),
            None => None,
        };
        let check = match &retry.watch.version {
            Some(version) => Some(
                VersionCheck::prepare(client, table, columns, version)
                    .await
                    .map_err(failed)?,
            ),
            None => None,
        };
        let copy = client.prepare(&copy_sql(into)).await.map_err(failed)?;
        Ok(Self {
            copy,
            recorder,
            target: WrittenColumns {
                table: table.clone(),
                columns: columns.iter().map(|column| column.name.clone()).collect(),
            },
            answers: retry.answers,
            evidence: retry.watch.evidence.clone(),
            check,
            cells: CellFinder::new(table, columns, retry),
        })
    }

    /// The table.
    pub(super) fn table(&self) -> &TableName {
        &self.target.table
    }

    /// Whether the ledger says that the batch is committed; without a ledger nothing says so.
    pub(super) async fn is_recorded(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
    ) -> Result<bool> {
        match &self.recorder {
            Some(recorder) => {
                let found = recorder.is_recorded(client, record).await;
                found.map_err(|error| write_error(error, self.table()))
            }
            None => Ok(false),
        }
    }

    /// Begins a frame, writes a batch in it, and leaves it open.
    async fn fill(
        &self,
        client: &Client,
        frame: Frame,
        batch: &EncodedBatch,
    ) -> Result<Written, BatchFailure> {
        let (begun, all) = (
            frame.begin(client, self.check.as_ref()),
            0..batch.row_count(),
        );
        let copied = copy_rows_behind(begun, client, &self.copy, batch, all);
        match self.answered(Box::pin(copied)).await? {
            Ok(loaded) => Ok(self.all_taken(loaded)),
            Err(error) => match error.row_fault() {
                None => Err(BatchFailure::of_copy(error, self.table())),
                Some(fault) => {
                    let begun = frame.begin_again(client, self.check.as_ref());
                    self.begun(self.answered(begun).await?)?;
                    self.without_bad_rows(client, batch, Some(fault)).await
                }
            },
        }
    }

    /// A batch of which no row was refused.
    fn all_taken(&self, loaded: u64) -> Written {
        self.evidence.row_taken();
        Written {
            loaded,
            refused: Vec::new(),
        }
    }

    /// That what a batch is written in could not begin.
    fn begun(&self, begun: Result<(), CopyError>) -> Result<(), BatchFailure> {
        begun.map_err(|error| BatchFailure::of_copy(error, self.table()))
    }

    async fn without_bad_rows(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        fault: Option<&DbError>,
    ) -> Result<Written, BatchFailure> {
        let recorder = self.recorder.as_ref();
        let isolation = Isolation {
            copy: &self.copy,
            target: &self.target,
            recorder,
            answers: self.answers,
            evidence: &self.evidence,
        };
        load_without_bad_rows(client, &isolation, batch, fault).await
    }

    async fn record(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
        written: &Written,
    ) -> Result<()> {
        let Some(recorder) = &self.recorder else {
            return Ok(());
        };
        let recorded = recorder.record(client, record, written.loaded, &written.refused);
        let recorded = self
            .answered(recorded)
            .await?
            .map_err(|error| record_error(error, self.table()))?;
        match recorded {
            Recorded::Yes => Ok(()),
            Recorded::Superseded => Err(superseded(self.table())),
        }
    }

    /// Writes a batch under a savepoint of the transaction that is open.
    ///
    /// # Errors
    /// What is no row's fault. The savepoint is rolled back where the connection still serves.
    pub(super) async fn write_under_savepoint(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
    ) -> Result<Written, BatchFailure> {
        let written = match self.fill(client, Frame::Savepoint, batch).await {
            Ok(written) => written,
            Err(failure) => {
                self.undo_savepoint(client, &failure).await;
                return Err(failure);
            }
        };
        // In one flight: the record counts what the server took, and where it fails, so does what comes after it.
        let ended = join3(
            self.record(client, record, &written),
            mark(client, self.recorder.as_ref()),
            Frame::Savepoint.end(client),
        );
        let (recorded, marked, released) = self.answered(Box::pin(ended)).await?;
        let is_open = released.is_err();
        let ended = marked.and(released);
        let ended = recorded.and(ended.map_err(|error| write_error(error, self.table())));
        // Of a load that was taken up by another the savepoint is released, and with the load all is rolled back.
        if let Err(error) = ended {
            let failure = BatchFailure::from(error);
            if is_open {
                self.undo_savepoint(client, &failure).await;
            }
            return Err(failure);
        }
        Ok(written)
    }

    /// Writes a batch in the transaction that is open, with nothing by which it could be taken back alone.
    ///
    /// # Errors
    /// Any; the transaction has failed then. `RowRejected` for a row that the server refuses, named by its cell where the
    /// server says which one it is.
    pub(super) async fn write_frozen(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
    ) -> Result<Written> {
        let copied = copy_rows(client, &self.copy, batch, 0..batch.row_count());
        let loaded = self.answered(copied).await?.map_err(|error| {
            let refused = error
                .row_fault()
                .filter(|fault| blame(fault) == Blame::Row)
                .map(|fault| self.refused_row(fault, record));
            refused.unwrap_or_else(|| BatchFailure::of_copy(error, self.table()).error)
        })?;
        let written = Written {
            loaded,
            refused: Vec::new(),
        };
        self.record(client, record, &written).await?;
        Ok(written)
    }

    /// The row that the server refuses, as what ends the load.
    fn refused_row(&self, fault: &DbError, record: &dyn BatchRecord) -> Error {
        let row = row_named_by_copy(fault, &self.table().table);
        let refusal = self.target.refusal(row.unwrap_or_default(), fault);
        let error = match row.and_then(|_| record.refused(&refusal)) {
            Some(reject) => Error::new(
                ErrorKind::RowRejected,
                format!("{}: {}", reject.cell, reject.message),
            )
            .in_sheet(&reject.sheet)
            .at_cell(&reject.cell),
            None => Error::new(
                ErrorKind::RowRejected,
                format!("a row cannot be loaded: {}", refusal.message),
            ),
        };
        error
            .in_table(self.table().plain())
            .with_sqlstate(&refusal.sqlstate)
            .next_step("Mend the row, or load without --freeze, which leaves it out")
    }

    /// Rolls a savepoint back. A connection that is lost cannot, and need not; and of one that is silent, or answers
    /// out of step, nothing more is asked.
    async fn undo_savepoint(&self, client: &Client, failure: &BatchFailure) {
        if failure.driver == Driver::InStep && failure.error.kind() != ErrorKind::ConnectionLost {
            let _rolled_back = self.answered(Frame::Savepoint.undo(client)).await;
        }
    }

    /// Writes a batch in a transaction of its own. `pending` is what the batch comes to if its commit succeeds, from the
    /// moment the commit is sent.
    ///
    /// # Errors
    /// What is no row's fault. The connection is in no state to be used again.
    pub(super) async fn write_and_commit(
        &self,
        client: &Object,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
        pending: &mut Option<Written>,
    ) -> Result<Written> {
        let failed = |error| write_error(error, self.table());
        if self.recorder.is_none() {
            return self.write_alone(client, batch, record, pending).await;
        }
        let written = self.fill(client, Frame::Transaction, batch).await?;
        self.record(client, record, &written).await?;
        match self.commit(client, &written, pending).await? {
            Ok(()) => Ok(written),
            // A constraint that is checked at commit.
            Err(error) if row_fault(&error).is_some() => {
                let begun = Frame::Transaction.begin(client, self.check.as_ref());
                self.begun(self.answered(begun).await?)?;
                let written = self.without_bad_rows(client, batch, None).await?;
                self.record(client, record, &written).await?;
                let committed = self.commit(client, &written, pending).await?;
                committed.map_err(failed).map(|()| written)
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn commit(
        &self,
        client: &Client,
        written: &Written,
        pending: &mut Option<Written>,
    ) -> Result<Result<(), tokio_postgres::Error>> {
        *pending = Some(written.clone());
        let committed = self.answered(Frame::Transaction.end(client)).await?;
        if committed.as_ref().is_err_and(is_rolled_back) {
            *pending = None;
        }
        Ok(committed)
    }

    /// The server's answer, or an error if there is none in time.
    async fn answered<T>(&self, question: impl Future<Output = T>) -> Result<T> {
        self.answers.wait(question, self.table()).await
    }

    /// Writes a batch that is recorded nowhere: as one COPY with its commit in the same flight, as long as all rows are good.
    async fn write_alone(
        &self,
        client: &Object,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
        pending: &mut Option<Written>,
    ) -> Result<Written> {
        let failed = |error| write_error(error, self.table());
        let loaded = batch.row_count() as u64;
        let all = Written {
            loaded,
            refused: Vec::new(),
        };
        *pending = Some(all);
        let around = Around {
            beginning: Frame::Transaction.begin(client, self.check.as_ref()),
            end: Frame::Transaction.end(client),
        };
        let copied = copy_rows_between(around, client, &self.copy, batch, 0..batch.row_count());
        let error = match self.answered(Box::pin(copied)).await? {
            Ok(loaded) => return Ok(self.all_taken(loaded)),
            Err(error) => error,
        };
        if error.by_driver().is_none_or(is_rolled_back) {
            *pending = None;
        }
        let Some(fault) = error.row_fault() else {
            return Err(BatchFailure::of_copy(error, self.table()).error);
        };
        let begun = Frame::Transaction.begin(client, self.check.as_ref());
        self.begun(self.answered(begun).await?)?;
        let written = self.without_bad_rows(client, batch, Some(fault)).await?;
        self.record(client, record, &written).await?;
        let committed = self.commit(client, &written, pending).await?;
        committed.map_err(failed).map(|()| written)
    }
}

/// Whether the server says that the transaction came to nothing. Not so when it only says that the session ends: the
/// commit may have been done before.
fn is_rolled_back(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    severity == Some(Severity::Error)
}
