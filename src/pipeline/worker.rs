//! A writing stage: takes a batch, makes values of its cells, encodes the rows, writes them, names those that fail.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::lineage::{LineageValues, written_columns};
use super::locate::Locator;
use super::progress::Progress;
use super::rejects::RejectLog;
use crate::config::import::OnError;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, Row};
use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::reject::{Fault, Reject};
use crate::sink::encode::{EncodedBatch, FieldForm, RowEncoder};
use crate::sink::{Sink, WriteFailure, Written};
use crate::transform::coerce::Coercion;
use crate::transform::mapping::MappedColumn;

/// What all workers of a load share and none changes.
#[derive(Debug, Clone)]
pub(super) struct RowPlan {
    pub(super) columns: Vec<MappedColumn>,
    pub(super) lineage: Option<LineageValues>,
    /// The header's columns that are left out because they have no title.
    pub(super) untitled: Vec<usize>,
    pub(super) coercion: Coercion,
    pub(super) locator: Locator,
    pub(super) on_error: OnError,
}

impl RowPlan {
    /// An encoder for the plan's columns.
    fn encoder(&self) -> RowEncoder {
        let written = self.written_columns();
        let kinds: Vec<ColumnKind> = written.iter().map(|column| column.kind).collect();
        RowEncoder::new(FieldForm::for_columns(&written), kinds)
    }

    /// All columns that are written, in the order of the values.
    fn written_columns(&self) -> Vec<TargetColumn> {
        written_columns(&self.columns, self.lineage.as_ref())
    }
}

/// A batch on its way to a worker, and how its rows are written.
pub(super) struct Handed {
    pub(super) batch: Batch,
    pub(super) plan: Arc<RowPlan>,
}

/// Where a worker gets its batches from and puts what becomes of them.
pub(super) struct Surroundings {
    pub(super) plan: Arc<RowPlan>,
    pub(super) full: Receiver<Handed>,
    pub(super) emptied: Sender<Batch>,
    /// Batches handed over and not done with.
    pub(super) in_flight: Arc<watch::Sender<u64>>,
    pub(super) stop: CancellationToken,
    pub(super) progress: Arc<Progress>,
    pub(super) rejects: Arc<RejectLog>,
}

/// Works until there are no more batches or the token says stop; the batch in hand is always finished. Gives the
/// latencies of its batches in microseconds.
pub(super) async fn work<S: Sink>(
    mut sink: S,
    mut around: Surroundings,
    mut latency: Histogram<u64>,
) -> (Histogram<u64>, Result<()>) {
    let mut encoder = around.plan.encoder();
    let mut row_indexes = Vec::new();
    loop {
        let Some(Handed { batch, plan }) = next_batch(&around).await else {
            return (latency, Ok(()));
        };
        if !Arc::ptr_eq(&plan, &around.plan) {
            encoder = plan.encoder();
            around.plan = plan;
            if let Err(error) = sink.set_columns(&around.plan.written_columns()).await {
                return (latency, Err(error));
            }
        }
        let encoded = {
            let _timed = around.progress.encode();
            around.encode(&batch, &mut encoder, &mut row_indexes)
        };
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return (latency, Err(error)),
        };
        if encoded.row_count() > 0 {
            let started = std::time::Instant::now();
            let result = {
                let _timed = around.progress.write();
                sink.write(&encoded).await
            };
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            latency.saturating_record(micros);
            if let Err(error) = around.account(&batch, &encoded, &row_indexes, result) {
                return (latency, Err(error));
            }
        }
        let mut emptied = batch;
        emptied.clear();
        // The reader has enough spare batches when the queue is full.
        let _not_needed = around.emptied.try_send(emptied);
        around
            .in_flight
            .send_modify(|batches| *batches = batches.saturating_sub(1));
    }
}

/// The next batch; none at the end and after a stop.
async fn next_batch(around: &Surroundings) -> Option<Handed> {
    let _waiting = around.progress.worker_wait();
    tokio::select! {
        biased;
        () = around.stop.cancelled() => None,
        batch = around.full.recv() => batch.ok(),
    }
}

impl Surroundings {
    /// Encodes the rows that can be, and rejects the others. `row_indexes` tells which of the batch's rows the encoded
    /// ones are.
    fn encode(
        &self,
        batch: &Batch,
        encoder: &mut RowEncoder,
        row_indexes: &mut Vec<usize>,
    ) -> Result<EncodedBatch> {
        row_indexes.clear();
        let (mut errors_as_null, mut untitled_cells) = (0, 0);
        for (index, row) in batch.rows().enumerate() {
            let untitled = self.plan.untitled.iter();
            untitled_cells += untitled
                .filter(|column| {
                    row.cells
                        .get(**column)
                        .is_some_and(|cell| *cell != Cell::Empty)
                })
                .count();
            encoder.start_row();
            match self.encode_row(batch, row, encoder) {
                Ok(errors) => {
                    encoder.finish_row();
                    row_indexes.push(index);
                    errors_as_null += errors;
                }
                Err((column, fault)) => {
                    encoder.cancel_row();
                    let reject = self.plan.locator.fault(batch, row, column, fault);
                    self.reject(reject)?;
                }
            }
        }
        self.progress.error_cells_as_null(errors_as_null);
        self.progress.untitled_cells(untitled_cells);
        Ok(encoder.take())
    }

    /// Encodes a row and counts its error cells, or says which column is at fault.
    fn encode_row<'p>(
        &'p self,
        batch: &Batch,
        row: Row<'_>,
        encoder: &mut RowEncoder,
    ) -> Result<u64, (&'p MappedColumn, Fault)> {
        let mut errors_as_null = 0;
        for (field, column) in self.plan.columns.iter().enumerate() {
            let cell = row.cells.get(column.source).copied().unwrap_or(Cell::Empty);
            let coerced = self
                .plan
                .coercion
                .coerce(cell, batch.text_of(cell), &column.target)
                .map_err(|fault| (column, fault))?;
            errors_as_null += u64::from(coerced.error_as_null);
            encoder.field(field, coerced.value);
        }
        if let Some((columns, origin)) = &self.plan.lineage {
            let first = self.plan.columns.len();
            let values = origin.values(row.sheet_row, columns);
            for (field, value) in values.into_iter().enumerate() {
                encoder.field(first + field, value);
            }
        }
        Ok(errors_as_null)
    }

    /// Counts what became of the encoded rows and names those that were refused.
    fn account(
        &self,
        batch: &Batch,
        encoded: &EncodedBatch,
        row_indexes: &[usize],
        result: Result<Written, WriteFailure>,
    ) -> Result<()> {
        let (written, failure) = match result {
            Ok(written) => (written, None),
            Err(WriteFailure { written, error }) => (written, Some(error)),
        };
        self.progress.loaded(written.loaded);
        if failure.is_none() {
            self.progress.batch_committed(encoded.byte_count());
        }
        for refusal in written.refused {
            let row = row_indexes
                .get(refusal.row)
                .and_then(|index| batch.row(*index));
            if let Some(row) = row {
                let reject = self
                    .plan
                    .locator
                    .refusal(batch, row, &self.plan.columns, refusal);
                self.reject(reject)?;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn reject(&self, reject: Reject) -> Result<()> {
        self.progress.rejected(1);
        let stop = (self.plan.on_error == OnError::Abort).then(|| {
            Error::new(
                ErrorKind::RowRejected,
                format!("{}: {}", reject.cell, reject.message),
            )
            .in_sheet(&reject.sheet)
            .at_cell(&reject.cell)
            .with_sqlstate(&reject.sqlstate)
            .next_step("Mend the cell, or load the other rows with --on-error skip")
        });
        self.rejects.push(reject);
        stop.map_or(Ok(()), Err)
    }
}
