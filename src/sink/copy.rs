//! Batched COPY: each batch is one transaction.

use std::ops::Range;
use std::pin::pin;

use bytes::Bytes;
use deadpool_postgres::Object;
use futures_util::SinkExt as _;
use tokio_postgres::{Client, CopyInSink, Statement, Transaction};

use super::classify::row_fault;
use super::encode::text::copy_lines;
use super::encode::{EncodedBatch, FieldForm};
use super::{Sink, WriteFailure, Written, isolate};
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// Bytes handed to the driver at once. Pieces over 4 KiB go through it without being copied; much larger ones only
/// make the server wait for the first.
const PIECE_BYTES: usize = 128 * 1024;

/// The signature, flags and header extension that binary COPY starts with (PostgreSQL documentation, "COPY").
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count of -1 that it ends with.
const BINARY_TRAILER: &[u8] = &[0xFF, 0xFF];

/// Writes batches into one table over one connection.
#[derive(Debug)]
pub struct CopySink {
    /// None once a COPY failed for another reason than its rows: see [`CopySink::abandon`].
    client: Option<Object>,
    statement: Statement,
    table: TableName,
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
        form: FieldForm,
    ) -> Result<Self> {
        let names: Vec<String> = columns
            .iter()
            .map(|column| quote_identifier(&column.name))
            .collect();
        let format = match form {
            FieldForm::Binary => "binary",
            FieldForm::Text => "text",
        };
        let sql = format!(
            "copy {table} ({}) from stdin (format {format})",
            names.join(", ")
        );
        let statement = client
            .prepare(&sql)
            .await
            .map_err(|error| super::write_error(error, table))?;
        Ok(Self {
            client: Some(client),
            statement,
            table: table.clone(),
        })
    }
}

impl CopySink {
    async fn load(&mut self, batch: &EncodedBatch) -> Result<Written> {
        let Some(client) = &mut self.client else {
            return Err(Error::new(
                ErrorKind::ConnectionLost,
                format!(
                    "cannot write rows to {}: the connection was given up",
                    self.table.plain()
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
                isolate::load_without_bad_rows(client, &self.statement, &self.table, batch, fault)
                    .await
            }
            None => Err(error),
        };
        isolated.map_err(|error| {
            self.abandon();
            super::write_error(error, &self.table)
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
    async fn write(&mut self, batch: &EncodedBatch) -> Result<Written, WriteFailure> {
        // Of a batch that failed nothing was committed.
        self.load(batch).await.map_err(|error| WriteFailure {
            written: Written::default(),
            error,
        })
    }
}

/// Where a COPY can be started.
pub(super) trait CopyTarget: Sync {
    /// Starts it.
    fn start_copy(
        &self,
        statement: &Statement,
    ) -> impl Future<Output = Result<CopyInSink<Bytes>, tokio_postgres::Error>> + Send;
}

impl CopyTarget for Client {
    async fn start_copy(
        &self,
        statement: &Statement,
    ) -> Result<CopyInSink<Bytes>, tokio_postgres::Error> {
        self.copy_in(statement).await
    }
}

impl CopyTarget for Transaction<'_> {
    async fn start_copy(
        &self,
        statement: &Statement,
    ) -> Result<CopyInSink<Bytes>, tokio_postgres::Error> {
        self.copy_in(statement).await
    }
}

/// Runs one COPY with some of a batch's rows and gives the server's count.
pub(super) async fn copy_rows<T: CopyTarget>(
    target: &T,
    statement: &Statement,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, tokio_postgres::Error> {
    let sink = target.start_copy(statement).await?;
    let mut sink = pin!(sink);
    match batch.form() {
        FieldForm::Binary => {
            sink.feed(Bytes::from_static(BINARY_HEADER)).await?;
            send_pieces(&mut sink, batch.rows(rows)).await?;
            sink.feed(Bytes::from_static(BINARY_TRAILER)).await?;
        }
        FieldForm::Text => {
            let lines = rows.map(|row| batch.rows(row..row + 1));
            for piece in lines_by_piece(lines) {
                sink.feed(piece).await?;
            }
        }
    }
    // Without `finish` the server would drop the rows: dropping the sink aborts the COPY.
    sink.finish().await
}

async fn send_pieces(
    sink: &mut std::pin::Pin<&mut CopyInSink<Bytes>>,
    mut bytes: Bytes,
) -> Result<(), tokio_postgres::Error> {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
        sink.feed(piece).await?;
    }
    Ok(())
}

/// Rows as lines of text COPY, in pieces of about [`PIECE_BYTES`].
fn lines_by_piece(rows: impl Iterator<Item = Bytes>) -> impl Iterator<Item = Bytes> {
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        let mut piece = Vec::new();
        let mut bytes = 0;
        while bytes < PIECE_BYTES
            && let Some(row) = rows.next()
        {
            bytes += row.len();
            piece.push(row);
        }
        (!piece.is_empty()).then(|| copy_lines(piece.iter().map(|row| &row[..])))
    })
}
