//! A pass over all rows by which nothing is loaded: while one thread reads, another looks at what was read.

use std::panic;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::sheet::SheetTotals;
use crate::source::RowSource;

/// Batches that are looked at and emptied at once: small ones serve, which stay in the processor's caches.
pub(super) const LIMITS: BatchLimits = BatchLimits {
    rows: 4_096,
    bytes: 1 << 20,
};

/// Full batches that wait for the observer. With the one being filled and the one being looked at, there are three.
const WAITING: usize = 1;

/// Looks at the rows of a sheet.
pub(super) trait Observer: Send {
    /// Takes in all rows of a batch.
    fn observe(&mut self, batch: &Batch);
}

/// Who may end a pass, and who is told how far it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) interrupt: &'a CancellationToken,
    pub(super) progress: &'a Progress,
    /// What an interrupt is told as.
    pub(super) interrupted: &'static str,
}

impl Pass<'_> {
    /// Shows all rows of a sheet to the observer, in the order in which the source gives them. Blocks.
    ///
    /// A sheet of more than one batch is looked at on a thread of its own, which ends before this returns.
    ///
    /// # Errors
    /// What is wrong with the file; `Interrupted`.
    pub(super) fn show<O: Observer>(
        &self,
        source: &mut dyn RowSource,
        observer: O,
    ) -> Result<(O, SheetTotals)> {
        let first = Batch::new(source.describe().header.width(), LIMITS);
        let observer = Mutex::new(observer);
        let totals = thread::scope(|scope| {
            let mut exchange = Overlap {
                pass: *self,
                scope,
                observer: &observer,
                helper: Helper::NotNeeded,
            };
            let totals = source.read(first, &mut exchange);
            exchange.join();
            totals
        })?;
        let observer = observer
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Ok((observer, totals))
    }

    /// Whether the pass is to end.
    pub(super) fn check(&self) -> Result<()> {
        if self.interrupt.is_cancelled() {
            return Err(Error::new(ErrorKind::Interrupted, self.interrupted));
        }
        Ok(())
    }

    fn take_in<O: Observer>(&self, observer: &Mutex<O>, batch: &Batch) {
        // Nobody goes on after a panic.
        let mut observer = observer.lock().unwrap_or_else(PoisonError::into_inner);
        observer.observe(batch);
        self.progress.inferred(batch.row_count());
    }
}

/// The thread that looks at batches.
enum Helper<'scope> {
    /// All rows may fit one batch.
    NotNeeded,
    /// There is no second processor, or no thread to be had.
    Impossible,
    Running {
        full: SyncSender<Batch>,
        emptied: Receiver<Batch>,
        thread: ScopedJoinHandle<'scope, ()>,
    },
}

/// Hands full batches to the helper, or looks at them itself.
struct Overlap<'scope, 'env, O> {
    pass: Pass<'env>,
    scope: &'scope Scope<'scope, 'env>,
    observer: &'env Mutex<O>,
    helper: Helper<'scope>,
}

impl<'scope, 'env, O: Observer> Overlap<'scope, 'env, O> {
    fn start(&self) -> Helper<'scope>
    where
        'env: 'scope,
    {
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            return Helper::Impossible;
        }
        let (full, to_look_at) = sync_channel::<Batch>(WAITING);
        let (done, emptied) = sync_channel(WAITING + 2);
        let (pass, observer) = (self.pass, self.observer);
        let look = move || {
            for mut batch in to_look_at {
                pass.take_in(observer, &batch);
                batch.clear();
                // Without a place it is one too many, or the reader is gone.
                let _ = done.try_send(batch);
            }
        };
        let named = thread::Builder::new().name("observer".to_owned());
        match named.spawn_scoped(self.scope, look) {
            Ok(thread) => Helper::Running {
                full,
                emptied,
                thread,
            },
            Err(_no_thread) => Helper::Impossible,
        }
    }

    /// Waits for the helper to have looked at all batches. Its panic goes on here.
    fn join(self) {
        if let Helper::Running { full, thread, .. } = self.helper {
            drop(full);
            if let Err(payload) = thread.join() {
                panic::resume_unwind(payload);
            }
        }
    }
}

impl<'scope, 'env: 'scope, O: Observer> BatchExchange for Overlap<'scope, 'env, O> {
    fn exchange(&mut self, mut batch: Batch) -> Result<Batch> {
        self.pass.check()?;
        if matches!(self.helper, Helper::NotNeeded) && batch.is_full() {
            self.helper = self.start();
        }
        let Helper::Running { full, emptied, .. } = &self.helper else {
            self.pass.take_in(self.observer, &batch);
            batch.clear();
            return Ok(batch);
        };
        let width = batch.width();
        // Fails only after a panic, which is told when the helper is joined.
        full.send(batch)
            .map_err(|_gone| Error::new(ErrorKind::Interrupted, "reading was stopped"))?;
        Ok(emptied
            .try_recv()
            .unwrap_or_else(|_none| Batch::new(width, LIMITS)))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::model::cell::{Cell, FormatId};
    use crate::model::sheet::{DateSystem, Header, SheetDescription, Titled, Visibility};

    /// A sheet of one column with the numbers of its rows, which may break off.
    struct Numbers {
        sheet: SheetDescription,
        rows: u32,
        broken_at: Option<u32>,
    }

    impl Numbers {
        fn new(rows: u32) -> Self {
            Self {
                sheet: SheetDescription {
                    file: "book.xlsx".into(),
                    sheet: "Sheet1".into(),
                    visibility: Visibility::Visible,
                    date_system: DateSystem::From1900,
                    formats: Vec::new().into(),
                    header: Header {
                        first_row: 1,
                        first_column: 0,
                        titles: vec!["number".into()],
                        titled: Titled::Yes,
                    },
                    hidden_columns: Vec::new(),
                    declared_rows: None,
                    declared_columns: None,
                },
                rows,
                broken_at: None,
            }
        }
    }

    impl RowSource for Numbers {
        fn describe(&self) -> &SheetDescription {
            &self.sheet
        }

        fn read(&mut self, first: Batch, exchange: &mut dyn BatchExchange) -> Result<SheetTotals> {
            let mut batch = first;
            for row in 0..self.rows {
                if self.broken_at == Some(row) {
                    return Err(Error::new(ErrorKind::WorkbookBroken, "broken"));
                }
                if batch.is_full() {
                    batch = exchange.exchange(batch)?;
                    assert_eq!(batch.row_count(), 0);
                }
                batch.start_row(row);
                let value = f64::from(row);
                let format = FormatId(0);
                batch.set(0, Cell::Number { value, format });
            }
            if batch.row_count() > 0 {
                exchange.exchange(batch)?;
            }
            Ok(SheetTotals {
                rows: self.rows.into(),
                ..SheetTotals::default()
            })
        }

        fn widen(&mut self, _first_column: u32, _last_column: u32) {}
    }

    /// Keeps the rows it saw, and does something at a row.
    struct Keep<F> {
        rows: Vec<u32>,
        at: u32,
        act: F,
    }

    impl<F: Fn() + Send> Observer for Keep<F> {
        fn observe(&mut self, batch: &Batch) {
            self.rows.extend_from_slice(batch.sheet_rows());
            if self.rows.contains(&self.at) {
                (self.act)();
            }
        }
    }

    fn keep<F: Fn() + Send>(at: u32, act: F) -> Keep<F> {
        let rows = Vec::new();
        Keep { rows, at, act }
    }

    fn show<O: Observer>(
        source: &mut Numbers,
        observer: O,
        interrupt: &CancellationToken,
        progress: &Progress,
    ) -> Result<(O, SheetTotals)> {
        let pass = Pass {
            interrupt,
            progress,
            interrupted: "interrupted",
        };
        pass.show(source, observer)
    }

    #[test]
    fn each_row_is_seen_once_and_in_order() {
        for rows in [0, 1, 10, 4_096, 4_097, 100_000] {
            let (interrupt, progress) = (CancellationToken::new(), Progress::default());
            let observer = keep(u32::MAX, || ());
            let shown = show(&mut Numbers::new(rows), observer, &interrupt, &progress);
            let (observer, totals) = shown.unwrap();
            assert_eq!(observer.rows, (0..rows).collect::<Vec<_>>());
            assert_eq!(totals.rows, u64::from(rows));
            assert_eq!(progress.snapshot().inferred_rows, u64::from(rows));
        }
    }

    #[test]
    fn an_interrupt_ends_the_reading() {
        let (interrupt, progress) = (CancellationToken::new(), Progress::default());
        let observer = keep(5_000, || interrupt.cancel());
        let shown = show(
            &mut Numbers::new(1_000_000),
            observer,
            &interrupt,
            &progress,
        );
        let error = shown.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(error.to_string(), "interrupted");
        assert!(progress.snapshot().inferred_rows < 100_000);
    }

    #[test]
    fn what_is_wrong_with_the_file_is_told() {
        for broken_at in [3, 50_000] {
            let (interrupt, progress) = (CancellationToken::new(), Progress::default());
            let mut source = Numbers::new(100_000);
            source.broken_at = Some(broken_at);
            let shown = show(&mut source, keep(u32::MAX, || ()), &interrupt, &progress);
            let error = shown.map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        }
    }

    #[test]
    fn a_panic_of_the_observer_goes_on() {
        for at in [3, 50_000] {
            let (interrupt, progress) = (CancellationToken::new(), Progress::default());
            let observer = keep(at, || panic!("at {at}"));
            let mut source = Numbers::new(100_000);
            let show = || show(&mut source, observer, &interrupt, &progress).map(|_| ());
            let panic = catch_unwind(AssertUnwindSafe(show)).unwrap_err();
            let told = panic.downcast_ref::<String>().map(String::as_str);
            assert_eq!(told, Some(format!("at {at}").as_str()));
        }
    }
}
