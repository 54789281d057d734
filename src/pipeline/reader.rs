//! The reading stage: a blocking thread that fills batches and waits when nobody takes them.

use std::sync::Arc;
use std::time::Instant;

use async_channel::{Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::sheet::SheetTotals;
use crate::source::RowSource;

/// Hands full batches to the workers and gives emptied ones back to the source.
pub(super) struct ToWorkers {
    pub(super) full: Sender<Batch>,
    pub(super) emptied: Receiver<Batch>,
    pub(super) limits: BatchLimits,
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
            // Fails only when all workers are gone, and then their errors tell why.
            self.full.send_blocking(full).map_err(|_closed| stopped())?;
        }
        self.progress.read(rows);
        Ok(self
            .emptied
            .try_recv()
            .unwrap_or_else(|_none| Batch::new(width, self.limits)))
    }
}

/// Reads all rows. Runs on a blocking thread, which nothing can abort: it looks at the token with each batch.
pub(super) fn read_all(
    source: &mut dyn RowSource,
    mut to_workers: ToWorkers,
) -> Result<SheetTotals> {
    let first = Batch::new(source.describe().header.width(), to_workers.limits);
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
