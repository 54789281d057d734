//! One INSERT and one commit for each row: what the sequential and concurrent modes do, one sink a connection.

use std::sync::Arc;

use deadpool_postgres::Object;

use super::bad_cells::CellFinder;
use super::classify::{Blame, Evidence, MOST_SUSPECTS, blame, refusal, row_fault};
use super::copy::abandon;
use super::encode::EncodedBatch;
use super::frame::Frame;
use super::ledger::{BatchLedger, BatchRecord, Recorded, record_error};
use super::retry::{Retry, Tries};
use super::row_statements::{RowState, RowStatements};
use super::suspects::{CellRefusal, RefusedCells, Suspect, Suspects, may_be_of_cells};
use super::{Connections, Refusal, Sink, WriteFailure, Written, superseded, write_error};
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;

/// Writes rows into one table over one connection, and over another one when that is lost.
#[derive(Debug)]
pub struct PerRowSink<C> {
    connections: C,
    open: Option<(Object, RowStatements)>,
    table: TableName,
    columns: Vec<TargetColumn>,
    ledger: Option<BatchLedger>,
    retry: Retry,
    cells: Arc<CellFinder>,
}

/// What became of a row.
enum RowEnd {
    Loaded,
    LeftOut,
    Refused(Refusal),
}

impl<C: Connections> PerRowSink<C> {
    /// Connects and prepares the INSERT.
    ///
    /// # Errors
    /// No connection; whatever the server says to the statement: no such table, no right to insert.
    pub async fn prepare(
        connections: C,
        table: &TableName,
        columns: &[TargetColumn],
        ledger: Option<BatchLedger>,
        retry: Retry,
    ) -> Result<Self> {
        let mut sink = Self {
            connections,
            open: None,
            table: table.clone(),
            columns: columns.to_vec(),
            ledger,
            cells: Arc::new(CellFinder::new(table, columns, &retry)),
            retry,
        };
        let retry = sink.retry.clone();
        let mut tries = retry.tries();
        while sink.open.is_none() {
            match sink.connect().await {
                Ok(open) => sink.open = Some(open),
                Err(error) => tries.pause_after(error).await?,
            }
        }
        Ok(sink)
    }

    async fn connect(&self) -> Result<(Object, RowStatements)> {
        let client = self.connections.connect().await?;
        let statements = self.statements(&client, &self.columns).await?;
        Ok((client, statements))
    }

    async fn statements(&self, client: &Object, columns: &[TargetColumn]) -> Result<RowStatements> {
        let version = self.retry.watch.version.as_deref();
        let prepared = RowStatements::prepare(client, &self.table, columns, self.ledger, version);
        prepared
            .await
            .map_err(|error| write_error(error, &self.table))
    }

    /// Does something over the connection, which is given up when that fails.
    async fn over<T>(
        &mut self,
        work: impl AsyncFnOnce(&Object, &RowStatements, &TableName) -> Result<T>,
    ) -> Result<T> {
        let (client, statements) = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        match work(&client, &statements, &self.table).await {
            Ok(done) => {
                self.open = Some((client, statements));
                Ok(done)
            }
            Err(error) => {
                abandon(client);
                Err(error)
            }
        }
    }

    async fn begin_batch(&mut self, record: &dyn BatchRecord) -> Result<()> {
        let retry = self.retry.clone();
        let mut tries = retry.tries();
        loop {
            let begun = self
                .over(async |client, statements, table| {
                    let begun = statements.begin_batch(client, record).await;
                    match begun.map_err(|error| record_error(error, table))? {
                        Recorded::Yes => Ok(()),
                        Recorded::Superseded => Err(superseded(table)),
                    }
                })
                .await;
            match begun {
                Ok(()) => return Ok(()),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }

    async fn write_row(
        &mut self,
        batch: &EncodedBatch,
        row: usize,
        record: &dyn BatchRecord,
        tries: &mut Tries<'_>,
    ) -> Result<RowEnd> {
        let is_recorded = self.ledger.is_some();
        let evidence = self.retry.watch.evidence.clone();
        let cells = Arc::clone(&self.cells);
        let mut is_unknown = false;
        loop {
            let row = Row {
                batch,
                row,
                record,
                is_unknown,
                evidence: &evidence,
                cells: &cells,
            };
            let written = self
                .over(async |client, statements, table| row.write(client, statements, table).await)
                .await;
            let error = match written {
                Ok(end) => return Ok(end),
                Err(error) => error,
            };
            let is_lost = error.kind() == ErrorKind::ConnectionLost;
            if is_lost && !is_recorded {
                return Err(outcome_unknown(&error, &self.table));
            }
            is_unknown |= is_lost;
            tries.pause_after(error).await?;
        }
    }

    /// Makes sure that the table is as it was before: of rows that commit one by one none holds a lock that lasts.
    async fn require_same_table(&mut self) -> Result<()> {
        let retry = self.retry.clone();
        let mut tries = retry.tries();
        loop {
            let same = self
                .over(async |client, statements, _| statements.require_same_table(client).await)
                .await;
            match same {
                Ok(()) => return Ok(()),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }
}

/// A row to be inserted.
struct Row<'a> {
    batch: &'a EncodedBatch,
    row: usize,
    record: &'a dyn BatchRecord,
    /// Whether it may have been inserted before.
    is_unknown: bool,
    evidence: &'a Evidence,
    cells: &'a CellFinder,
}

impl Row<'_> {
    /// Inserts it, or tells what became of it.
    async fn write(
        &self,
        client: &Object,
        statements: &RowStatements,
        table: &TableName,
    ) -> Result<RowEnd> {
        let failed = |error| write_error(error, table);
        let Self {
            batch, row, record, ..
        } = *self;
        let error = match statements.insert(client, batch, row, record).await {
            Ok(1..) => {
                self.evidence.row_taken();
                return Ok(RowEnd::Loaded);
            }
            Ok(0) => {
                let state = statements.look_up(client, row, record).await;
                return match state.map_err(failed)? {
                    Some(RowState::Superseded) => Err(superseded(table)),
                    Some(RowState::Done) if self.is_unknown => Ok(RowEnd::Loaded),
                    Some(RowState::Done) | None => Ok(RowEnd::LeftOut),
                };
            }
            Err(error) => error,
        };
        let Some(fault) = row_fault(&error) else {
            return Err(failed(error));
        };
        if blame(fault) == Blame::Suspect {
            statements.require_same_table(client).await?;
            if !self.evidence.is_there() && !self.is_at_fault(client, statements, table).await? {
                return Err(failed(error));
            }
        }
        let refusal = self.named(client, refusal(row, fault)).await?;
        let recorded = statements.reject(client, record, &refusal).await;
        recorded.map_err(failed)?;
        Ok(RowEnd::Refused(refusal))
    }

    /// The refusal with the cells that are at fault. An INSERT does not say which one is: it is the first that is refused
    /// for the same.
    async fn named(&self, client: &Object, mut refusal: Refusal) -> Result<Refusal> {
        if !may_be_of_cells(&refusal.sqlstate) {
            return Ok(refusal);
        }
        let suspects = Suspects {
            form: self.batch.form(),
            rows: vec![Suspect::of_row(self.batch, self.row, Vec::new())],
        };
        let found = self.cells.find(client, Frame::Transaction, &suspects);
        let cells = found.await?.into_iter().next().unwrap_or_default();
        let is_same = |cell: &&CellRefusal| {
            cell.sqlstate == refusal.sqlstate && cell.constraint == refusal.constraint
        };
        let same = cells.iter().filter(is_same);
        let by_words = |cell: &&CellRefusal| cell.message == refusal.message;
        let named = same.clone().find(by_words).or(same.clone().next());
        if let (None, Some(cell)) = (&refusal.column, named) {
            refusal.column = self.cells.column(cell.field).cloned();
        }
        refusal.cells = Some(cells);
        Ok(refusal)
    }

    /// Whether the table takes another row of the batch, so that this one is at fault. A row without others is, too.
    async fn is_at_fault(
        &self,
        client: &Object,
        statements: &RowStatements,
        table: &TableName,
    ) -> Result<bool> {
        let others = self.row + 1..self.batch.row_count();
        for other in others.clone().take(MOST_SUSPECTS) {
            let taken = statements.would_take(client, self.batch, other, self.record);
            if taken.await.map_err(|error| write_error(error, table))? {
                self.evidence.row_taken();
                return Ok(true);
            }
        }
        Ok(others.is_empty())
    }
}

/// The row may or may not be there, and nothing can tell.
fn outcome_unknown(error: &Error, table: &TableName) -> Error {
    Error::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "{}; without a ledger nothing tells whether the last row was loaded",
            error.message()
        ),
    )
    .in_table(table.plain())
    .next_step("Look which rows the table has before you load the file again; without --no-ledger this is looked up")
}

impl<C: Connections> Sink for PerRowSink<C> {
    async fn find_bad_cells(&mut self, suspects: &Suspects) -> RefusedCells {
        let cells = Arc::clone(&self.cells);
        let found = self
            .over(async |client, _, _| cells.find(client, Frame::Transaction, suspects).await)
            .await;
        found.unwrap_or_else(|error| {
            tracing::debug!(%error, "the bad cells of rejected rows are not looked for");
            vec![Vec::new(); suspects.rows.len()]
        })
    }

    async fn set_columns(&mut self, columns: &[TargetColumn]) -> Result<()> {
        self.columns = columns.to_vec();
        self.cells = Arc::new(CellFinder::new(&self.table, columns, &self.retry));
        if let Some((client, _)) = self.open.take() {
            match self.statements(&client, columns).await {
                Ok(statements) => self.open = Some((client, statements)),
                // Prepared anew with the next batch, which is tried again.
                Err(error) if error.is_transient() => abandon(client),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn write(
        &mut self,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
    ) -> Result<Written, WriteFailure> {
        let mut written = Written::default();
        self.require_same_table().await?;
        if self.ledger.is_some() {
            self.begin_batch(record).await?;
        }
        let retry = self.retry.clone();
        for row in 0..batch.row_count() {
            let mut tries = retry.tries();
            match self.write_row(batch, row, record, &mut tries).await {
                Ok(RowEnd::Loaded) => written.loaded += 1,
                Ok(RowEnd::LeftOut) => {}
                Ok(RowEnd::Refused(refusal)) => written.refused.push(refusal),
                Err(error) => return Err(WriteFailure { written, error }),
            }
        }
        match self.require_same_table().await {
            Ok(()) => Ok(written),
            Err(error) => Err(WriteFailure { written, error }),
        }
    }
}
