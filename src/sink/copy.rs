//! Batched COPY: each batch is one transaction, and its record in the ledger is part of it.

use deadpool_postgres::Object;

use super::copy_batch::CopyStatements;
use super::encode::EncodedBatch;
use super::frame::Frame;
use super::ledger::{BatchLedger, BatchRecord};
use super::retry::Retry;
use super::suspects::{RefusedCells, Suspects};
use super::{Connections, Sink, WriteFailure, Written};
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;

/// Writes batches into one table over one connection, and over another one when that is lost.
#[derive(Debug)]
pub struct CopySink<C> {
    connections: C,
    open: Option<(Object, CopyStatements)>,
    table: TableName,
    columns: Vec<TargetColumn>,
    ledger: Option<BatchLedger>,
    retry: Retry,
}

impl<C: Connections> CopySink<C> {
    /// Connects and prepares the COPY.
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

    async fn connect(&self) -> Result<(Object, CopyStatements)> {
        let client = self.connections.connect().await?;
        let statements = CopyStatements::prepare(
            &client,
            &self.table,
            &self.columns,
            self.ledger,
            &self.retry,
        )
        .await;
        match statements {
            Ok(statements) => Ok((client, statements)),
            Err(error) => {
                abandon(client);
                Err(error)
            }
        }
    }

    /// One try. `pending` is what the batch came to if the commit of the try before succeeded.
    async fn try_once(
        &mut self,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
        pending: &mut Option<Written>,
    ) -> Result<Written> {
        // The connection comes back here only when all went well.
        let (client, statements) = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let written = match pending.take() {
            Some(written) => match statements.is_recorded(&client, record).await {
                Ok(true) => Ok(written),
                Ok(false) => {
                    *pending = Some(written);
                    statements
                        .write_and_commit(&client, batch, record, pending)
                        .await
                }
                Err(error) => {
                    *pending = Some(written);
                    Err(error)
                }
            },
            None => {
                statements
                    .write_and_commit(&client, batch, record, pending)
                    .await
            }
        };
        match written {
            Ok(written) => {
                self.open = Some((client, statements));
                Ok(written)
            }
            Err(error) => {
                abandon(client);
                Err(error)
            }
        }
    }
}

/// Closes the connection instead of giving it back: it may be in the midst of a transaction. And a COPY that the server
/// refuses at its start leaves the driver one answer behind (rust-postgres, issue 1337), so that the next user of the
/// connection would get it.
pub(super) fn abandon(client: Object) {
    drop(Object::take(client));
}

/// The batch may or may not be committed, and nothing can tell.
fn outcome_unknown(table: &TableName) -> Error {
    Error::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "the connection was lost while a batch for {} was being committed; without a ledger nothing tells whether it was",
            table.plain()
        ),
    )
    .in_table(table.plain())
    .next_step("Look which rows the table has before you load the file again; without --no-ledger this is looked up")
}

impl<C: Connections> Sink for CopySink<C> {
    async fn find_bad_cells(&mut self, suspects: &Suspects) -> RefusedCells {
        let nothing = vec![Vec::new(); suspects.rows.len()];
        let Some((client, statements)) = self.open.take() else {
            return nothing;
        };
        let cells = &statements.cells;
        match cells.find(&client, Frame::Transaction, suspects).await {
            Ok(found) => {
                self.open = Some((client, statements));
                found
            }
            Err(error) => {
                tracing::debug!(%error, "the bad cells of rejected rows are not looked for");
                abandon(client);
                nothing
            }
        }
    }

    async fn set_columns(&mut self, columns: &[TargetColumn]) -> Result<()> {
        self.columns = columns.to_vec();
        // Prepared for the new columns with the next batch, which is tried again where this is not.
        let Some((client, _)) = self.open.take() else {
            return Ok(());
        };
        let (ledger, retry) = (self.ledger, &self.retry);
        match CopyStatements::prepare(&client, &self.table, columns, ledger, retry).await {
            Ok(statements) => self.open = Some((client, statements)),
            Err(error) if error.is_transient() => abandon(client),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn write(
        &mut self,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
    ) -> Result<Written, WriteFailure> {
        let retry = self.retry.clone();
        let (mut tries, mut pending) = (retry.tries(), None);
        loop {
            let error = match self.try_once(batch, record, &mut pending).await {
                Ok(written) => return Ok(written),
                Err(_lost) if pending.is_some() && self.ledger.is_none() => {
                    return Err(outcome_unknown(&self.table).into());
                }
                Err(error) => error,
            };
            tries.pause_after(error).await?;
        }
    }
}
