//! One COPY: from encoded rows to the server's count.

use std::ops::Range;
use std::pin::pin;

use bytes::Bytes;
use futures_util::SinkExt as _;
use futures_util::future::join;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, CopyInSink, Error, Statement};

use super::classify::row_fault;
use super::encode::text::copy_lines;
use super::encode::{EncodedBatch, FieldForm};

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
}

impl CopyError {
    /// What the driver says.
    pub(super) fn by_driver(&self) -> &Error {
        let (Self::Refused(error) | Self::Failed(error)) = self;
        error
    }

    /// The server's error, if a row is at fault.
    pub(super) fn row_fault(&self) -> Option<&DbError> {
        match self {
            // No row was sent.
            Self::Refused(_) => None,
            Self::Failed(error) => row_fault(error),
        }
    }
}

/// Runs one COPY with some of a batch's rows and gives the server's count.
pub(super) async fn copy_rows(
    client: &Client,
    statement: &Statement,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, CopyError> {
    let copy = client
        .copy_in(statement)
        .await
        .map_err(CopyError::Refused)?;
    send_rows(copy, batch, rows)
        .await
        .map_err(CopyError::Failed)
}

/// The same behind a statement that begins what the rows are written in. The server gets both at once, and no row
/// before it has taken both: none is written outside.
pub(super) async fn copy_rows_behind(
    beginning: impl Future<Output = Result<(), Error>>,
    client: &Client,
    statement: &Statement,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, CopyError> {
    // Requests go out in the order in which they are polled first.
    let (begun, copy) = join(beginning, client.copy_in(statement)).await;
    begun.map_err(CopyError::Refused)?;
    let copy = copy.map_err(CopyError::Refused)?;
    send_rows(copy, batch, rows)
        .await
        .map_err(CopyError::Failed)
}

async fn send_rows(
    sink: CopyInSink<Bytes>,
    batch: &EncodedBatch,
    rows: Range<usize>,
) -> Result<u64, Error> {
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
