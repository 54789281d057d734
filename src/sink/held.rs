//! One transaction for the whole load: each batch is a COPY under a savepoint of it. Workers encode side by side and
//! write one after the other.

use std::sync::Arc;

use deadpool_postgres::Object;
use tokio::sync::Mutex;
use tokio_postgres::Client;

use super::answers::Answers;
use super::copy::abandon;
use super::copy_batch::CopyStatements;
use super::copy_stream::CopyInto;
use super::encode::EncodedBatch;
use super::failure::{BatchFailure, Driver};
use super::frame::Frame;
use super::ledger::{BatchLedger, BatchRecord};
use super::retry::Retry;
use super::suspects::{RefusedCells, Suspects};
use super::{Sink, WriteFailure, Written, write_error};
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;

/// serialization_failure (PostgreSQL documentation, appendix A).
const SERIALIZATION_FAILURE: &str = "40001";

/// When constraints that may be checked late are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateConstraints {
    /// As the table has it: at the end, where no row can be told from the others.
    AtCommit,
    /// With each row.
    Immediate,
}

/// How the server stores the rows of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoredRows {
    /// As any row; those of a batch can be taken back by themselves.
    #[default]
    Plain,
    /// Frozen (PostgreSQL documentation, "COPY", FREEZE), which takes a table that the transaction itself has created or
    /// emptied, and no savepoint since.
    Frozen,
}

/// A transaction that holds a load until it is committed. Clones share it.
#[derive(Debug, Clone)]
pub struct HeldTransaction {
    /// None once it is over.
    client: Arc<Mutex<Option<Object>>>,
    table: TableName,
    answers: Answers,
    rows: StoredRows,
}

impl HeldTransaction {
    /// Begins it.
    ///
    /// # Errors
    /// What the server says.
    pub async fn begin(
        client: Object,
        table: &TableName,
        late: LateConstraints,
        answers: Answers,
    ) -> Result<Self> {
        let sql = match late {
            LateConstraints::AtCommit => "begin",
            LateConstraints::Immediate => "begin; set constraints all immediate",
        };
        if let Err(error) = client.batch_execute(sql).await {
            abandon(client);
            return Err(write_error(error, table));
        }
        Ok(Self {
            client: Arc::new(Mutex::new(Some(client))),
            table: table.clone(),
            answers,
            rows: StoredRows::default(),
        })
    }

    /// The same with rows that are stored so.
    #[must_use]
    pub fn storing(self, rows: StoredRows) -> Self {
        Self { rows, ..self }
    }

    /// Does something in the transaction.
    ///
    /// # Errors
    /// What it gives, and `ConnectionLost` when the transaction is over.
    pub async fn run<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
        let client = self.client.lock().await;
        match &*client {
            Some(client) => work(client).await,
            None => Err(self.is_over()),
        }
    }

    /// The same with the connection itself.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_over<T>(&self, work: impl AsyncFnOnce(&mut Object) -> Result<T>) -> Result<T> {
        let mut client = self.client.lock().await;
        match &mut *client {
            Some(client) => work(client).await,
            None => Err(self.is_over()),
        }
    }

    /// Checks the constraints that may be checked late.
    ///
    /// # Errors
    /// A row violates one; the SQLSTATE says which kind.
    pub async fn check_late_constraints(&self) -> Result<()> {
        let table = &self.table;
        self.run(async |client| {
            let checked = client.batch_execute("set constraints all immediate");
            let checked = self.answers.wait(checked, table);
            checked.await?.map_err(|error| write_error(error, table))
        })
        .await
    }

    /// Commits, and gives the connection back.
    ///
    /// # Errors
    /// What the server says. When the connection was lost, whether it was committed is unknown.
    pub async fn commit(&self) -> Result<()> {
        let doing = "commit the rows of";
        // The server takes the commit of a transaction that has failed for a rollback, and says that all is well; any
        // other statement fails in such a transaction.
        let is_sound = self
            .run(async |client| {
                let asked = self
                    .answers
                    .wait(client.batch_execute("select"), &self.table);
                asked.await?.map_err(|error| self.failed(error, doing))
            })
            .await;
        match is_sound {
            Ok(()) => self.end("commit", doing).await,
            Err(error) => {
                // A connection that is lost has rolled back by itself.
                let _rolled_back = self.roll_back().await;
                Err(error)
            }
        }
    }

    /// Takes everything back. A connection that is lost has done so by itself.
    ///
    /// # Errors
    /// What the server says.
    pub async fn roll_back(&self) -> Result<()> {
        self.end("rollback", "take back the rows of").await
    }

    async fn end(&self, sql: &str, doing: &str) -> Result<()> {
        let Some(client) = self.client.lock().await.take() else {
            return Err(self.is_over());
        };
        let ended = self.answers.wait(client.batch_execute(sql), &self.table);
        let ended = ended
            .await
            .and_then(|ended| ended.map_err(|error| self.failed(error, doing)));
        ended.inspect_err(|_error| abandon(client))
    }

    fn failed(&self, error: tokio_postgres::Error, doing: &str) -> Error {
        error_from_postgres(error, &format!("{doing} {}", self.table.plain()))
            .in_table(self.table.plain())
    }

    fn is_over(&self) -> Error {
        Error::new(
            ErrorKind::ConnectionLost,
            format!("the transaction that loads {} is over", self.table.plain()),
        )
        .in_table(self.table.plain())
    }
}

/// A worker's way into the transaction.
#[derive(Debug)]
pub struct HeldSink {
    transaction: HeldTransaction,
    statements: CopyStatements,
    ledger: Option<BatchLedger>,
    retry: Retry,
}

impl HeldSink {
    /// Prepares the COPY.
    ///
    /// # Errors
    /// Whatever the server says to the statement: no such table, no right to insert.
    pub async fn prepare(
        transaction: HeldTransaction,
        columns: &[TargetColumn],
        ledger: Option<BatchLedger>,
        retry: Retry,
    ) -> Result<Self> {
        let table = transaction.table.clone();
        let rows = transaction.rows;
        let statements = transaction
            .run(async |client| {
                let into = CopyInto {
                    table: &table,
                    columns,
                    rows,
                };
                CopyStatements::prepare_storing(client, into, ledger, &retry).await
            })
            .await?;
        Ok(Self {
            transaction,
            statements,
            ledger,
            retry,
        })
    }
}

impl Sink for HeldSink {
    async fn find_bad_cells(&mut self, suspects: &Suspects) -> RefusedCells {
        let nothing = vec![Vec::new(); suspects.rows.len()];
        // A savepoint would end what frozen rows take.
        if self.transaction.rows == StoredRows::Frozen {
            return nothing;
        }
        let mut held = self.transaction.client.lock().await;
        let Some(client) = &*held else {
            return nothing;
        };
        let cells = &self.statements.cells;
        match cells.find(client, Frame::Savepoint, suspects).await {
            Ok(found) => found,
            Err(error) => {
                // What ends the connection ends the transaction, as the next who writes is told.
                tracing::debug!(%error, "the bad cells of rejected rows are not looked for");
                if let Some(client) = held.take() {
                    abandon(client);
                }
                nothing
            }
        }
    }

    async fn set_columns(&mut self, columns: &[TargetColumn]) -> Result<()> {
        let (table, ledger) = (self.transaction.table.clone(), self.ledger);
        let (retry, rows) = (&self.retry, self.transaction.rows);
        self.statements = self
            .transaction
            .run(async |client| {
                let into = CopyInto {
                    table: &table,
                    columns,
                    rows,
                };
                CopyStatements::prepare_storing(client, into, ledger, retry).await
            })
            .await?;
        Ok(())
    }

    async fn write(
        &mut self,
        batch: &EncodedBatch,
        record: &dyn BatchRecord,
    ) -> Result<Written, WriteFailure> {
        let mut tries = self.retry.tries();
        let mut held = self.transaction.client.lock().await;
        // Nothing of a load that was stopped meanwhile will stay.
        if self.retry.stop.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted, "the load is being stopped").into());
        }
        if self.transaction.rows == StoredRows::Frozen {
            let Some(client) = &*held else {
                return Err(self.transaction.is_over().into());
            };
            let written = self.statements.write_frozen(client, batch, record).await;
            return written.map_err(|error| {
                // The transaction has failed: nobody else may write in it, and it is rolled back with its connection.
                self.retry.stop.cancel();
                if let Some(client) = held.take() {
                    abandon(client);
                }
                error.into()
            });
        }
        loop {
            let Some(client) = &*held else {
                return Err(self.transaction.is_over().into());
            };
            let written = self
                .statements
                .write_under_savepoint(client, batch, record)
                .await;
            let BatchFailure { error, driver } = match written {
                Ok(written) => return Ok(written),
                Err(failure) => failure,
            };
            // What ends the connection ends the transaction, and with it all that was written; and one that cannot be
            // serialized has to begin from the start.
            let is_over = client.is_closed()
                || driver == Driver::Behind
                || error.kind() == ErrorKind::ConnectionLost
                || error.facts().sqlstate.as_deref() == Some(SERIALIZATION_FAILURE);
            if is_over && let Some(client) = held.take() {
                abandon(client);
                return Err(error.into());
            }
            tries.pause_after(error).await?;
        }
    }
}
