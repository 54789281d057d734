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

/// No batch takes more than this part of the rows that are left: when the last row is read, the server and the workers
/// have little left to do.
const PART_OF_THE_REST: u64 = 3;

/// The sizes of batches, from the first to the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchSizes {
    first_rows: usize,
    next_rows: usize,
    limits: BatchLimits,
    /// Rows that are left by the sheet's own word, which need not be true: it only makes batches smaller.
    left: Option<u64>,
}

impl BatchSizes {
    /// Starts with `first_rows` and doubles up to the limits.
    pub(super) fn new(first_rows: usize, limits: BatchLimits) -> Self {
        Self {
            first_rows,
            next_rows: first_rows,
            limits,
            left: None,
        }
    }

    /// Lets batches become smaller towards the end of a sheet of so many rows, if they may have different sizes.
    fn end_after(&mut self, rows: Option<u64>) {
        self.left = rows.filter(|_| self.first_rows < self.limits.rows);
    }

    /// So many rows were handed over.
    fn handed_over(&mut self, rows: usize) {
        // None, too, for a sheet that has more rows than it says.
        self.left = self.left.and_then(|left| left.checked_sub(rows as u64));
    }

    /// The limits of the next batch.
    fn next(&mut self) -> BatchLimits {
        let rows = self.next_rows.clamp(1, self.limits.rows.max(1));
        self.next_rows = rows.saturating_mul(2);
        let part = self.left.map_or(usize::MAX, |left| {
            let part = usize::try_from(left / PART_OF_THE_REST).unwrap_or(usize::MAX);
            part.max(self.first_rows.saturating_mul(2))
        });
        BatchLimits {
            rows: rows.min(part),
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
        self.sizes.handed_over(rows);
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
    let sheet = source.describe();
    to_workers.sizes.end_after(sheet.declared_rows);
    let first = Batch::new(sheet.header.width(), to_workers.sizes.next());
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
    use proptest::prelude::*;

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
        fixed.end_after(Some(1_000));
        assert_eq!([fixed.next().rows, fixed.next().rows], [700, 700]);
    }

    /// The sizes of a sheet's batches, when nothing but their rows limits them.
    fn sizes(declared: Option<u64>, rows: usize) -> Vec<usize> {
        let limits = BatchLimits {
            rows: 50_000,
            bytes: 1,
        };
        let (mut sizes, mut left, mut batches) = (BatchSizes::new(2_500, limits), rows, Vec::new());
        sizes.end_after(declared);
        while left > 0 {
            let rows = sizes.next().rows.min(left);
            sizes.handed_over(rows);
            left -= rows;
            batches.push(rows);
        }
        batches
    }

    #[test]
    fn batches_shrink_towards_the_end() {
        assert_eq!(
            sizes(Some(100_000), 100_000),
            [
                2_500, 5_000, 10_000, 20_000, 20_833, 13_889, 9_259, 6_173, 5_000, 5_000, 2_346
            ]
        );
        // A sheet of a few batches has the same as without.
        assert_eq!(sizes(Some(10_000), 10_000), sizes(None, 10_000));
    }

    proptest! {
        #[test]
        fn what_a_sheet_says_of_its_rows_only_makes_batches_smaller(
            declared in prop::option::of(any::<u64>()),
            rows in 1_usize..1_000_000,
        ) {
            let batches = sizes(declared, rows);
            prop_assert_eq!(batches.iter().sum::<usize>(), rows);
            let (_last, others) = batches.split_last().unwrap();
            prop_assert!(others.iter().all(|batch| (2_500..=50_000).contains(batch)));
        }
    }
}
