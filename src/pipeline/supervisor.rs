//! Owns every task of a load: starts them, stops all when one fails, joins all, and keeps every error.

use std::sync::Arc;

use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::progress::{Progress, Snapshot};
use super::reader::{BatchSizes, ToWorkers, read_all};
use super::rejects::{RejectLog, Rejects};
use super::row_plan::RowPlan;
use super::totals::{TotalsLog, absorb_columns};
use super::widen::Widening;
use super::worker::{RejectFile, Surroundings, work};
use crate::error::{Error, ErrorKind, Result};
use crate::model::receipt::ColumnReceipt;
use crate::model::sheet::SheetTotals;
use crate::sink::Sink;
use crate::source::RowSource;

/// How a stage ended.
enum StageEnd {
    Reader(Box<dyn RowSource>, Result<SheetTotals>),
    Worker(Histogram<u64>, Result<()>),
    Widener(Result<()>),
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
    /// What the columns of the loaded rows hold.
    pub columns: Vec<ColumnReceipt>,
    /// All errors, the one that stopped the load first.
    pub errors: Vec<Error>,
}

/// What a load is made of.
pub(super) struct Parts<S> {
    pub(super) source: Box<dyn RowSource>,
    pub(super) plan: RowPlan,
    pub(super) sizes: BatchSizes,
    /// One for each worker.
    pub(super) sinks: Vec<S>,
    pub(super) widening: Option<Widening>,
    pub(super) reject_file: Option<RejectFile>,
    /// How many rejected rows are kept with their details.
    pub(super) kept_rejects: usize,
}

/// The tasks of one load.
pub(super) struct Supervisor {
    tasks: JoinSet<StageEnd>,
    stop: CancellationToken,
    rejects: Arc<RejectLog>,
    totals: Arc<TotalsLog>,
}

/// A histogram of microseconds up to an hour, to two significant digits.
fn histogram() -> Result<Histogram<u64>> {
    const HOUR: u64 = 3_600_000_000;
    Histogram::new_with_bounds(1, HOUR, 2).map_err(|error| {
        Error::new(ErrorKind::Internal, "latencies cannot be recorded").caused_by(error)
    })
}

impl Supervisor {
    /// Starts the reader and a worker for each sink. Cancelling `stop` ends all after the batch in hand; a failure
    /// cancels it.
    pub(super) fn start<S: Sink + 'static>(
        parts: Parts<S>,
        stop: CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let Parts {
            mut source,
            plan,
            sizes,
            sinks,
            widening,
            reject_file,
            kept_rejects,
        } = parts;
        // One batch waits for each worker: enough to keep it busy, and the bound of the load's memory.
        let (full_sender, full) = async_channel::bounded(sinks.len().max(1));
        let (emptied, emptied_receiver) = async_channel::bounded(sinks.len().max(1));
        let rejects = Arc::new(RejectLog::keeping(kept_rejects));
        let totals = Arc::default();
        let plan = Arc::new(plan);
        let (in_flight, drained) = watch::channel(0);
        let in_flight = Arc::new(in_flight);
        let mut tasks = JoinSet::new();
        let types = widening.map(|widening| {
            let (types, widener) = widening.start(&plan, drained, &stop);
            tasks.spawn(async move { StageEnd::Widener(widener.serve().await) });
            types
        });
        for sink in sinks {
            let around = Surroundings {
                plan: Arc::clone(&plan),
                full: full.clone(),
                emptied: emptied.clone(),
                in_flight: Arc::clone(&in_flight),
                stop: stop.clone(),
                progress: Arc::clone(progress),
                rejects: Arc::clone(&rejects),
                totals: Arc::clone(&totals),
                reject_file: reject_file.clone(),
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
            sizes,
            sequence: 0,
            plan,
            types,
            in_flight,
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
            totals,
        })
    }

    /// Waits for the reader and all workers. The first failure stops the others, which finish the batch in hand.
    pub(super) async fn join(mut self) -> Result<LoadEnd> {
        let mut end = LoadEnd {
            source: None,
            totals: None,
            rejects: Rejects::default(),
            latency: histogram()?,
            columns: Vec::new(),
            errors: Vec::new(),
        };
        while let Some(joined) = self.tasks.join_next().await {
            if let Err(error) = end.add(joined) {
                self.stop.cancel();
                // Workers that work at the same time find alike that there are too many bad rows: that is one reason.
                let is_told = error.kind() == ErrorKind::TooManyRejects
                    && end.errors.iter().any(|told| told.kind() == error.kind());
                if !is_told {
                    end.errors.push(error);
                }
            }
        }
        end.rejects = self.rejects.take();
        end.columns = self.totals.take();
        Ok(end)
    }
}

impl LoadEnd {
    /// The end of a load that has done nothing yet.
    ///
    /// # Errors
    /// `Internal`, when the statistics cannot be set up.
    pub(super) fn nothing() -> Result<Self> {
        Ok(Self {
            source: None,
            totals: Some(SheetTotals::default()),
            rejects: Rejects::default(),
            latency: histogram()?,
            columns: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// Adds what the load of the next sheet has done.
    pub(super) fn absorb(&mut self, next: Self) {
        self.totals = self
            .totals
            .zip(next.totals)
            .map(|(mine, next)| mine.plus(next));
        self.rejects.absorb(next.rejects);
        absorb_columns(&mut self.columns, next.columns);
        // Both have the same bounds, so adding cannot fail.
        let _same_bounds = self.latency.add(next.latency);
        self.errors.extend(next.errors);
    }

    /// Whether all rows were read, and each was loaded or rejected. Not so after a stop: batches that the reader had
    /// handed over may have been left where they were.
    #[must_use]
    pub fn accounts_for_all_rows(&self, counters: &Snapshot) -> bool {
        let done = counters.loaded_rows + counters.rejected_rows + counters.left_out_rows;
        self.totals.is_some_and(|totals| totals.rows == done)
    }

    /// Takes in how a stage ended, and gives its error. That it was told to stop is none.
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
            Ok(StageEnd::Widener(result)) => result,
            Ok(StageEnd::Worker(latency, result)) => {
                // Both have the same bounds, so adding cannot fail.
                let _same_bounds = self.latency.add(latency);
                match result {
                    Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                    result => result,
                }
            }
            Err(error) => Err(
                Error::new(ErrorKind::Internal, "a stage of the load panicked")
                    .caused_by(error)
                    .next_step("Run again with SHEETLOAD_LOG=debug and report what it prints"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::config::import::OnError;
    use crate::model::batch::{Batch, BatchExchange, BatchLimits};
    use crate::model::column::TargetColumn;
    use crate::model::sheet::{DateSystem, Header, SheetDescription, Visibility};
    use crate::pipeline::lineage::Ordinals;
    use crate::pipeline::locate::Locator;
    use crate::pipeline::progress::ReaderState;
    use crate::pipeline::rejects::KEPT_REJECTS;
    use crate::pipeline::row_plan::RejectLimits;
    use crate::sink::encode::EncodedBatch;
    use crate::sink::ledger::BatchRecord;
    use crate::sink::{WriteFailure, Written};
    use crate::transform::coerce::{Coercion, OnCellError};
    use crate::transform::text_rules::TextRules;

    /// A sheet of some rows, each a batch of its own.
    struct Rows {
        sheet: SheetDescription,
        count: u32,
    }

    impl RowSource for Rows {
        fn describe(&self) -> &SheetDescription {
            &self.sheet
        }

        fn read(
            &mut self,
            mut batch: Batch,
            exchange: &mut dyn BatchExchange,
        ) -> Result<SheetTotals> {
            for row in 1..=self.count {
                batch.start_row(row);
                batch = exchange.exchange(batch)?;
            }
            Ok(SheetTotals {
                rows: self.count.into(),
                ..SheetTotals::default()
            })
        }

        fn widen(&mut self, _first_column: u32, _last_column: u32) {}
    }

    fn all_of(batch: &EncodedBatch) -> Written {
        Written {
            loaded: batch.row_count() as u64,
            refused: Vec::new(),
        }
    }

    /// Asks for a stop while it writes its first batch, once the reader has handed over all rows.
    struct StopsWhenAllIsRead {
        progress: Arc<Progress>,
        interrupt: CancellationToken,
    }

    impl Sink for StopsWhenAllIsRead {
        async fn set_columns(&mut self, _columns: &[TargetColumn]) -> Result<()> {
            Ok(())
        }

        async fn write(
            &mut self,
            batch: &EncodedBatch,
            _record: &dyn BatchRecord,
        ) -> Result<Written, WriteFailure> {
            while self.progress.snapshot().reader != ReaderState::Done {
                tokio::task::yield_now().await;
            }
            self.interrupt.cancel();
            Ok(all_of(batch))
        }
    }

    /// Writes nothing until the reader can't go on, and keeps how many rows were read and not loaded then.
    struct Slow {
        progress: Arc<Progress>,
        rows: u64,
        most_in_flight: Arc<AtomicU64>,
    }

    impl Sink for Slow {
        async fn set_columns(&mut self, _columns: &[TargetColumn]) -> Result<()> {
            Ok(())
        }

        async fn write(
            &mut self,
            batch: &EncodedBatch,
            _record: &dyn BatchRecord,
        ) -> Result<Written, WriteFailure> {
            // A send that does not block looks like one that does for a moment, so it has to last.
            const LOOKS: u32 = 1_000;
            let (mut same, mut stalled) = (0, self.progress.snapshot());
            while same < LOOKS && stalled.read_rows < self.rows {
                tokio::task::yield_now().await;
                let now = self.progress.snapshot();
                let waits = now.reader == ReaderState::Waits && now.read_rows == stalled.read_rows;
                same = if waits { same + 1 } else { 0 };
                stalled = now;
            }
            let in_flight = stalled.read_rows.saturating_sub(stalled.loaded_rows);
            self.most_in_flight.fetch_max(in_flight, Ordering::Relaxed);
            Ok(all_of(batch))
        }
    }

    /// Starts a load of `count` batches of one row.
    fn start<S: Sink + 'static>(
        count: u32,
        sinks: Vec<S>,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Supervisor {
        let sheet = SheetDescription {
            file: "rows.xlsx".into(),
            sheet: "S".into(),
            date_system: DateSystem::From1900,
            formats: Vec::new().into(),
            visibility: Visibility::Visible,
            header: Header::default(),
            hidden_columns: Vec::new(),
            declared_columns: None,
            declared_rows: None,
        };
        let plan = RowPlan {
            locator: Locator::new(&sheet, HashMap::new()),
            columns: Vec::new(),
            lineage: None,
            ordinals: Ordinals::None,
            untitled: Vec::new(),
            coercion: Coercion {
                date_system: DateSystem::From1900,
                formats: Vec::new(),
                on_cell_error: OnCellError::Null,
                text_rules: TextRules::default(),
            },
            sheet_place: 0,
            limits: RejectLimits {
                on_error: OnError::Skip,
                max_errors: None,
            },
            earlier: Arc::default(),
            defaults: None,
        };
        let sizes = BatchSizes::new(1, BatchLimits { rows: 1, bytes: 1 });
        let source = Box::new(Rows { sheet, count });
        let parts = Parts {
            source,
            plan,
            sizes,
            sinks,
            widening: None,
            reject_file: None,
            kept_rejects: KEPT_REJECTS,
        };
        Supervisor::start(parts, interrupt.child_token(), progress).unwrap()
    }

    #[tokio::test]
    async fn rows_left_in_the_queue_are_not_accounted_for() {
        let (progress, interrupt) = (Arc::new(Progress::default()), CancellationToken::new());
        let sink = StopsWhenAllIsRead {
            progress: Arc::clone(&progress),
            interrupt: interrupt.clone(),
        };
        let end = start(2, vec![sink], &interrupt, &progress)
            .join()
            .await
            .unwrap();
        assert!(end.errors.is_empty());
        // The reader got to the end, and still one row was not loaded.
        assert_eq!(end.totals.map(|totals| totals.rows), Some(2));
        assert_eq!(progress.snapshot().loaded_rows, 1);
        assert!(!end.accounts_for_all_rows(&progress.snapshot()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn batches_in_memory_are_bounded_by_queue_and_workers() {
        const ROWS: u32 = 200;
        const WORKERS: u64 = 3;
        let (progress, interrupt) = (Arc::new(Progress::default()), CancellationToken::new());
        let most_in_flight = Arc::new(AtomicU64::new(0));
        let sinks = (0..WORKERS)
            .map(|_| Slow {
                progress: Arc::clone(&progress),
                rows: ROWS.into(),
                most_in_flight: Arc::clone(&most_in_flight),
            })
            .collect();
        let end = start(ROWS, sinks, &interrupt, &progress)
            .join()
            .await
            .unwrap();
        assert!(end.accounts_for_all_rows(&progress.snapshot()));
        // Read and not loaded: in the queue, which has a place for each worker, with the workers, and the one that the
        // reader waits with.
        let most = most_in_flight.load(Ordering::Relaxed);
        assert!((1..=2 * WORKERS + 1).contains(&most), "{most} batches");
    }
}
