//! Owns every task of a load: starts them, stops all when one fails, joins all, and keeps every error.

use std::sync::Arc;

use hdrhistogram::Histogram;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::progress::{Progress, Snapshot};
use super::reader::{ToWorkers, read_all};
use super::rejects::{RejectLog, Rejects};
use super::worker::{RowPlan, Surroundings, work};
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::BatchLimits;
use crate::model::sheet::SheetTotals;
use crate::sink::Sink;
use crate::source::RowSource;

/// How a stage ended.
enum StageEnd {
    Reader(Box<dyn RowSource>, Result<SheetTotals>),
    Worker(Histogram<u64>, Result<()>),
}

/// What a load has done, however it ended.
pub struct LoadEnd {
    /// The source, to be read again; `None` if the reader panicked.
    pub source: Option<Box<dyn RowSource>>,
    /// What the reader found; `None` when it did not get to the end.
    pub totals: Option<SheetTotals>,
    /// The rejected rows.
    pub rejects: Rejects,
    /// Latencies of batches in microseconds.
    pub latency: Histogram<u64>,
    /// All errors, the one that stopped the load first.
    pub errors: Vec<Error>,
}

/// The tasks of one load.
pub(super) struct Supervisor {
    tasks: JoinSet<StageEnd>,
    stop: CancellationToken,
    rejects: Arc<RejectLog>,
}

/// A histogram of microseconds up to an hour, to two significant digits.
fn histogram() -> Result<Histogram<u64>> {
    const HOUR: u64 = 3_600_000_000;
    Histogram::new_with_bounds(1, HOUR, 2).map_err(|error| {
        Error::new(ErrorKind::Internal, "latencies cannot be recorded").caused_by(error)
    })
}

impl Supervisor {
    /// Starts the reader and a worker for each sink.
    pub(super) fn start<S: Sink + 'static>(
        mut source: Box<dyn RowSource>,
        plan: RowPlan,
        limits: BatchLimits,
        sinks: Vec<S>,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        // One batch waits for each worker: enough to keep it busy, and the bound of the load's memory.
        let (full_sender, full) = async_channel::bounded(sinks.len().max(1));
        let (emptied, emptied_receiver) = async_channel::bounded(sinks.len().max(1));
        let stop = interrupt.child_token();
        let rejects = Arc::new(RejectLog::default());
        let plan = Arc::new(plan);
        let mut tasks = JoinSet::new();
        for sink in sinks {
            let around = Surroundings {
                plan: Arc::clone(&plan),
                full: full.clone(),
                emptied: emptied.clone(),
                stop: stop.clone(),
                progress: Arc::clone(progress),
                rejects: Arc::clone(&rejects),
            };
            let latency = histogram()?;
            tasks.spawn(async move {
                let (latency, result) = work(sink, around, latency).await;
                StageEnd::Worker(latency, result)
            });
        }
        let to_workers = ToWorkers {
            full: full_sender,
            emptied: emptied_receiver,
            limits,
            stop: stop.clone(),
            progress: Arc::clone(progress),
        };
        tasks.spawn_blocking(move || {
            let result = read_all(source.as_mut(), to_workers);
            StageEnd::Reader(source, result)
        });
        Ok(Self {
            tasks,
            stop,
            rejects,
        })
    }

    /// Waits for the reader and all workers. The first failure stops the others, which finish the batch in hand.
    pub(super) async fn join(mut self) -> Result<LoadEnd> {
        let mut end = LoadEnd {
            source: None,
            totals: None,
            rejects: Rejects::default(),
            latency: histogram()?,
            errors: Vec::new(),
        };
        while let Some(joined) = self.tasks.join_next().await {
            if let Err(error) = end.add(joined) {
                self.stop.cancel();
                end.errors.push(error);
            }
        }
        end.rejects = self.rejects.take();
        Ok(end)
    }
}

impl LoadEnd {
    /// Whether all rows were read, and each was loaded or rejected. Not so after a stop: batches that the reader had
    /// handed over may have been left where they were.
    #[must_use]
    pub fn accounts_for_all_rows(&self, counters: &Snapshot) -> bool {
        let done = counters.loaded_rows + counters.rejected_rows;
        self.totals.is_some_and(|totals| totals.rows == done)
    }

    /// Takes in how a stage ended, and gives its error. That the reader was told to stop is none.
    fn add(&mut self, joined: Result<StageEnd, JoinError>) -> Result<()> {
        match joined {
            Ok(StageEnd::Reader(source, result)) => {
                self.source = Some(source);
                match result {
                    Ok(totals) => self.totals = Some(totals),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
                Ok(())
            }
            Ok(StageEnd::Worker(latency, result)) => {
                // Both have the same bounds, so adding cannot fail.
                let _same_bounds = self.latency.add(latency);
                result
            }
            Err(error) => Err(
                Error::new(ErrorKind::Internal, "a stage of the load panicked")
                    .caused_by(error)
                    .next_step("Run again with SHEETLOAD_LOG=debug and report what it prints"),
            ),
        }
    }
}
