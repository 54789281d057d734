//! One COPY: from encoded rows to the server's count.

use std::ops::Range;
use std::pin::{Pin, pin};

use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::future::join;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, CopyInSink, Error, Statement};

use super::classify::row_fault;
use super::encode::text::copy_lines;
use super::encode::{EncodedBatch, FieldForm};
use super::held::StoredRows;
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// Bytes handed to the driver at once. Pieces over 4 KiB go through it without being copied; much larger ones only
/// make the server wait for the first.
const PIECE_BYTES: usize = 128 * 1024;

/// The signature, flags and header extension that binary COPY starts with (PostgreSQL documentation, "COPY").
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count of -1 that it ends with.
const BINARY_TRAILER: &[u8] = &[0xFF, 0xFF];

/// Why a COPY has not written its rows.
#[derive(Debug)]
pub(super) enum CopyError {
    /// It, or what was to precede it, was refused at its start. That leaves the driver one answer behind (rust-postgres,
    /// issue 1337): whoever uses the connection next would get the answer of somebody else.
    Refused(Error),
    /// It was refused for its rows, or at its end.
    Failed(Error),
    /// The table is not what the rows are encoded for.
    Altered(crate::error::Error),
}

impl CopyError {
    /// What the driver says.
    pub(super) fn by_driver(&self) -> Option<&Error> {
        match self {
            Self::Refused(error) | Self::Failed(error) => Some(error),
            Self::Altered(_) => None,
        }
    }

    /// The server's error, if a row may be at fault.
    pub(super) fn row_fault(&self) -> Option<&DbError> {
        match self {
            // No row was sent.
            Self::Refused(_) | Self::Altered(_) => None,
            Self::Failed(error) => row_fault(error),
        }
    }
}

/// What a COPY stands between.
pub(super) struct Around<B, E> {
    /// What begins what the rows are written in. The server gets it and the COPY at once, and no row before it has taken
    /// both: none is written outside.
    pub(super) beginning: B,
    /// What ends it. It goes out with the end of the rows; where those are refused, so is it.
    pub(super) end: E,
}

/// Where rows are copied to.
#[derive(Debug, Clone, Copy)]
pub(super) struct CopyInto<'a> {
    pub(super) table: &'a TableName,
    pub(super) columns: &'a [TargetColumn],
    pub(super) rows: StoredRows,
}

/// The statement that copies rows.
pub(super) fn copy_sql(into: CopyInto<'_>) -> String {
    let CopyInto { table, columns, .. } = into;
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    let format = match FieldForm::for_columns(columns) {
        FieldForm::Binary => "binary",
        FieldForm::Text => "text",
    };
    let freeze = match into.rows {
        StoredRows::Plain => "",
        StoredRows::Frozen => ", freeze",
    };
    format!(
        "copy {table} ({}) from stdin (format {format}{freeze})",
        names.join(", ")
    )
}

/// Runs one COPY with some of a batch's rows and gives the server's count.
pub(super) async fn copy_rows(
    client: &Client,
    statement: &Statement,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, CopyError> {
    let begun = std::future::ready(Ok(()));
    copy_rows_behind(begun, client, statement, batch, rows).await
}

/// The same behind a statement that begins what the rows are written in.
pub(super) async fn copy_rows_behind(
    beginning: impl Future<Output = Result<(), CopyError>>,
    client: &Client,
    statement: &Statement,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, CopyError> {
    let around = Around {
        beginning,
        end: std::future::ready(Ok(())),
    };
    copy_rows_between(around, client, statement, batch, rows).await
}

/// The same before a statement that ends what they are written in, too.
///
/// The driver gives the server's count as soon as the server has it, which is before a transaction of the COPY alone is
/// committed (rust-postgres, issue 832): constraints that are checked at the commit may still refuse all. So a COPY is
/// never left to commit by itself.
pub(super) async fn copy_rows_between(
    around: Around<
        impl Future<Output = Result<(), CopyError>>,
        impl Future<Output = Result<(), Error>>,
    >,
    client: &Client,
    statement: &Statement,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, CopyError> {
    // Requests go out in the order in which they are polled first.
    let (begun, copy) = join(around.beginning, client.copy_in(statement)).await;
    begun?;
    let copy = copy.map_err(CopyError::Refused)?;
    let mut sink = pin!(copy);
    send_rows(&mut sink, batch, rows)
        .await
        .map_err(CopyError::Failed)?;
    // Without `finish` the server would drop the rows: dropping the sink aborts the COPY.
    let (copied, ended) = join(sink.finish(), around.end).await;
    let copied = copied.map_err(CopyError::Failed)?;
    ended.map_err(CopyError::Failed)?;
    Ok(copied)
}

async fn send_rows(
    sink: &mut Pin<&mut CopyInSink<Bytes>>,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<(), Error> {
    match batch.form() {
        FieldForm::Binary => {
            sink.feed(Bytes::from_static(BINARY_HEADER)).await?;
            send_pieces(sink, batch.rows(rows)).await?;
            sink.feed(Bytes::from_static(BINARY_TRAILER)).await?;
        }
        FieldForm::Text => {
            let lines = rows.map(|row| batch.rows(row..row + 1));
            for piece in lines_by_piece(lines) {
                sink.feed(piece).await?;
            }
        }
    }
    Ok(())
}

async fn send_pieces(
    sink: &mut Pin<&mut CopyInSink<Bytes>>,
    mut bytes: Bytes,
) -> Result<(), Error> {
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
