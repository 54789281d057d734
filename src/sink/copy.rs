//! Batched COPY: each batch is one transaction.

use deadpool_postgres::Object;
use tokio_postgres::Statement;

use super::classify::row_fault;
use super::copy_stream::copy_rows;
use super::encode::{EncodedBatch, FieldForm};
use super::isolate::WrittenColumns;
use super::{Sink, WriteFailure, Written, isolate};
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// Writes batches into one table over one connection.
#[derive(Debug)]
pub struct CopySink {
    /// None once a COPY failed for another reason than its rows: see [`CopySink::abandon`].
    client: Option<Object>,
    statement: Statement,
    target: WrittenColumns,
}

impl CopySink {
    /// Prepares the COPY on a connection.
    ///
    /// # Errors
    /// Whatever the server says to the statement: no such table, no right to insert.
    pub async fn prepare(
        client: Object,
        table: &TableName,
        columns: &[TargetColumn],
    ) -> Result<Self> {
        let statement = copy(&client, table, columns).await?;
        Ok(Self {
            client: Some(client),
            statement,
            target: WrittenColumns {
                table: table.clone(),
                columns: columns.iter().map(|column| column.name.clone()).collect(),
            },
        })
    }
}

async fn copy(client: &Object, table: &TableName, columns: &[TargetColumn]) -> Result<Statement> {
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    let format = match FieldForm::for_columns(columns) {
        FieldForm::Binary => "binary",
        FieldForm::Text => "text",
    };
    let sql = format!(
        "copy {table} ({}) from stdin (format {format})",
        names.join(", ")
    );
    let prepared = client.prepare(&sql).await;
    prepared.map_err(|error| super::write_error(error, table))
}

impl CopySink {
    async fn load(&mut self, batch: &EncodedBatch) -> Result<Written> {
        let Some(client) = &mut self.client else {
            return Err(Error::new(
                ErrorKind::ConnectionLost,
                format!(
                    "cannot write rows to {}: the connection was given up",
                    self.target.table.plain()
                ),
            ));
        };
        // A single COPY is a transaction of its own; savepoints are only needed once a row is known to be bad.
        let all = 0..batch.row_count();
        let loaded = copy_rows(&***client, &self.statement, batch, all).await;
        let error = match loaded {
            Ok(loaded) => {
                return Ok(Written {
                    loaded,
                    refused: Vec::new(),
                });
            }
            Err(error) => error,
        };
        let isolated = match row_fault(&error) {
            Some(fault) => {
                isolate::load_without_bad_rows(client, &self.statement, &self.target, batch, fault)
                    .await
            }
            None => Err(error),
        };
        isolated.map_err(|error| {
            self.abandon();
            super::write_error(error, &self.target.table)
        })
    }

    /// Closes the connection instead of giving it back. A COPY that the server refuses at its start leaves the driver
    /// one answer behind (rust-postgres, issue 1337), so that the next user of the connection would get it.
    fn abandon(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Sink for CopySink {
    async fn set_columns(&mut self, columns: &[TargetColumn]) -> Result<()> {
        if let Some(client) = &self.client {
            self.statement = copy(client, &self.target.table, columns).await?;
            self.target.columns = columns.iter().map(|column| column.name.clone()).collect();
        }
        Ok(())
    }

    async fn write(&mut self, batch: &EncodedBatch) -> Result<Written, WriteFailure> {
        // Of a batch that failed nothing was committed.
        self.load(batch).await.map_err(|error| WriteFailure {
            written: Written::default(),
            error,
        })
    }
}
