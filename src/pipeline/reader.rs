//! The reading stage: a blocking thread that fills batches and waits when nobody takes them.

use std::sync::Arc;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::row_plan::RowPlan;
use super::widen::TypeWatch;
use super::worker::Handed;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::sheet::SheetTotals;
use crate::source::RowSource;

/// The sizes of batches, from the first to the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchSizes {
    next_rows: usize,
    limits: BatchLimits,
}

impl BatchSizes {
    /// Starts with `first_rows` and doubles up to the limits.
    pub(super) fn new(first_rows: usize, limits: BatchLimits) -> Self {
        Self {
            next_rows: first_rows,
            limits,
        }
    }

    /// The limits of the next batch.
    fn next(&mut self) -> BatchLimits {
        let rows = self.next_rows.clamp(1, self.limits.rows.max(1));
        self.next_rows = rows.saturating_mul(2);
        BatchLimits {
            rows,
            ..self.limits
        }
    }
}

/// Hands full batches to the workers and gives emptied ones back to the source.
pub(super) struct ToWorkers {
    pub(super) full: Sender<Handed>,
    pub(super) emptied: Receiver<Batch>,
    pub(super) sizes: BatchSizes,
    /// Batches handed over so far.
    pub(super) sequence: u64,
    /// How the rows of the next batch are written.
    pub(super) plan: Arc<RowPlan>,
    /// For a table whose columns may have to be widened.
    pub(super) types: Option<TypeWatch>,
    /// Batches handed over and not done with.
    pub(super) in_flight: Arc<watch::Sender<u64>>,
    pub(super) stop: CancellationToken,
    pub(super) progress: Arc<Progress>,
}

impl BatchExchange for ToWorkers {
    fn exchange(&mut self, full: Batch) -> Result<Batch> {
        if self.stop.is_cancelled() {
            return Err(stopped());
        }
        let (rows, width) = (full.row_count(), full.width());
        {
            let _waiting = self.progress.reader_wait();
            if let Some(types) = &self.types
                && let Some(plan) = types.admit(&full)?
            {
                self.plan = plan;
            }
            self.in_flight.send_modify(|batches| *batches += 1);
            // Before a worker rejects one of them: the share of rejected rows is one of these.
            self.progress.read(rows);
            let full = Handed {
                sequence: self.sequence,
                batch: full,
                plan: Arc::clone(&self.plan),
            };
            // Fails only when all workers are gone, and then their errors tell why.
            self.sequence += 1;
            self.full.send_blocking(full).map_err(|_closed| stopped())?;
        }
        let limits = self.sizes.next();
        Ok(match self.emptied.try_recv() {
            Ok(mut emptied) => {
                emptied.set_limits(limits);
                emptied
            }
            Err(_none) => Batch::new(width, limits),
        })
    }
}

/// Reads all rows. Runs on a blocking thread, which nothing can abort: it looks at the token with each batch.
pub(super) fn read_all(
    source: &mut dyn RowSource,
    mut to_workers: ToWorkers,
) -> Result<SheetTotals> {
    let first = Batch::new(source.describe().header.width(), to_workers.sizes.next());
    let waited_before = to_workers.progress.snapshot().reader_wait;
    let started = Instant::now();
    let result = source.read(first, &mut to_workers);
    let progress = &to_workers.progress;
    let waited = progress
        .snapshot()
        .reader_wait
        .saturating_sub(waited_before);
    progress.reader_done(started.elapsed().saturating_sub(waited));
    result
}

/// The reader's end when nobody wants more rows. Never the reason why a load ended.
fn stopped() -> Error {
    Error::new(ErrorKind::Interrupted, "reading was stopped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_double_up_to_the_limit() {
        let limits = BatchLimits {
            rows: 50_000,
            bytes: 1,
        };
        let mut sizes = BatchSizes::new(2_500, limits);
        let rows: Vec<usize> = (0..7).map(|_| sizes.next().rows).collect();
        assert_eq!(rows, [2_500, 5_000, 10_000, 20_000, 40_000, 50_000, 50_000]);
        let mut fixed = BatchSizes::new(
            700,
            BatchLimits {
                rows: 700,
                ..limits
            },
        );
        assert_eq!([fixed.next().rows, fixed.next().rows], [700, 700]);
    }
}
