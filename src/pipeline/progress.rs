//! How far a load is: counters that the stages write and whoever listens reads.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cell_notes::{CellNotes, LongNumbers};
use super::row_plan::RowPlan;
pub use crate::model::notice::Notice;
use crate::sink::notices::Notices;
use crate::sink::retry::RetryLog;

/// What the load is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Opening the workbook, looking at the table.
    Opening,
    /// Reading all rows to find the types of a table to be created.
    Inferring,
    /// Reading, encoding and writing rows.
    Loading,
    /// Putting the loaded rows in place.
    Publishing,
    /// Nothing more.
    Done,
}

/// The counters of one load.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    expected_rows: AtomicU64,
    inferred_rows: AtomicU64,
    read_rows: AtomicU64,
    loaded_rows: AtomicU64,
    rejected_rows: AtomicU64,
    left_out_rows: AtomicU64,
    batches: AtomicU64,
    error_cells_as_null: AtomicU64,
    untitled_cells: AtomicU64,
    bytes_sent: AtomicU64,
    read_nanos: AtomicU64,
    reader_wait_nanos: AtomicU64,
    encode_nanos: AtomicU64,
    write_nanos: AtomicU64,
    worker_wait_nanos: AtomicU64,
    reader_waiting: AtomicU64,
    reader_done: AtomicBool,
    encoding: AtomicU64,
    writing: AtomicU64,
    waiting: AtomicU64,
    /// When the writes that are under way began.
    writes: Mutex<Vec<Instant>>,
    retries: Arc<RetryLog>,
    long_numbers: LongNumbers,
    notices: Arc<Notices>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// What the load is doing.
    pub phase: Phase,
    /// Rows that the sheet is believed to have; 0 when nothing is known.
    pub expected_rows: u64,
    /// Rows read to find types.
    pub inferred_rows: u64,
    /// Rows read to be loaded.
    pub read_rows: u64,
    /// Rows committed.
    pub loaded_rows: u64,
    /// Rows rejected.
    pub rejected_rows: u64,
    /// Rows that the table itself left out, by a trigger.
    pub left_out_rows: u64,
    /// Batches committed.
    pub batches: u64,
    /// Error cells that became NULL in loaded rows.
    pub error_cells_as_null: u64,
    /// Filled cells in columns that are left out because they have no title.
    pub untitled_cells: u64,
    /// Bytes of encoded rows that were sent.
    pub bytes_sent: u64,
    /// Time the reader read.
    pub read: Duration,
    /// Time the reader waited for a free place in the queue.
    pub reader_wait: Duration,
    /// Time all workers encoded.
    pub encode: Duration,
    /// Time all workers wrote.
    pub write: Duration,
    /// Time all workers waited for a batch.
    pub worker_wait: Duration,
    /// What the reader is doing.
    pub reader: ReaderState,
    /// Workers that encode.
    pub encoding: u64,
    /// Workers that write.
    pub writing: u64,
    /// Workers that wait for a batch.
    pub waiting: u64,
    /// How often something was tried again.
    pub retries: u64,
}

/// What the reader is doing while rows are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderState {
    /// Reading.
    Reads,
    /// Waiting for a free place in the queue.
    Waits,
    /// All rows are read.
    Done,
}

/// A stage's time, measured while the value lives; as long it counts as one that is doing this.
pub(super) struct Timed<'p> {
    counter: &'p AtomicU64,
    now: &'p AtomicU64,
    started: Instant,
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        add(self.counter, nanos(self.started.elapsed()));
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

// The counters are independent of each other, so their order in memory does not matter.
fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn timed<'p>(counter: &'p AtomicU64, now: &'p AtomicU64) -> Timed<'p> {
    add(now, 1);
    Timed {
        counter,
        now,
        started: Instant::now(),
    }
}

/// A batch that is being written.
pub(super) struct Writing<'p> {
    progress: &'p Progress,
    _timed: Timed<'p>,
    since: Instant,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut writes = self.progress.writes();
        if let Some(place) = writes.iter().position(|since| *since == self.since) {
            writes.swap_remove(place);
        }
    }
}

impl Progress {
    /// Counters whose notices go this way.
    #[must_use]
    pub fn telling(notices: &Arc<Notices>) -> Self {
        Self {
            retries: Arc::new(RetryLog::telling(notices)),
            notices: Arc::clone(notices),
            ..Self::default()
        }
    }

    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let time = |counter: &AtomicU64| Duration::from_nanos(get(counter));
        Snapshot {
            phase: self.phase(),
            expected_rows: get(&self.expected_rows),
            inferred_rows: get(&self.inferred_rows),
            read_rows: get(&self.read_rows),
            loaded_rows: get(&self.loaded_rows),
            rejected_rows: get(&self.rejected_rows),
            left_out_rows: get(&self.left_out_rows),
            batches: get(&self.batches),
            error_cells_as_null: get(&self.error_cells_as_null),
            untitled_cells: get(&self.untitled_cells),
            bytes_sent: get(&self.bytes_sent),
            read: time(&self.read_nanos),
            reader_wait: time(&self.reader_wait_nanos),
            encode: time(&self.encode_nanos),
            write: time(&self.write_nanos),
            worker_wait: time(&self.worker_wait_nanos),
            reader: match (
                self.reader_done.load(Ordering::Relaxed),
                get(&self.reader_waiting),
            ) {
                (true, _) => ReaderState::Done,
                (false, 0) => ReaderState::Reads,
                (false, _) => ReaderState::Waits,
            },
            encoding: get(&self.encoding),
            writing: get(&self.writing),
            waiting: get(&self.waiting),
            retries: self.retries.count(),
        }
    }

    pub(super) fn tell(&self, notice: Notice) {
        self.notices.tell(notice);
    }

    /// What there is to be told, each notice once.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    /// Waits until there is something to be told.
    pub async fn noticed(&self) {
        self.notices.added().await;
    }

    /// Counts how often something is tried again, and tells of it.
    pub(super) fn retries(&self) -> Arc<RetryLog> {
        Arc::clone(&self.retries)
    }

    /// How long the write takes that began first of those under way.
    pub(super) fn longest_write(&self) -> Option<Duration> {
        let writes = self.writes();
        writes.iter().map(Instant::elapsed).max()
    }

    fn writes(&self) -> std::sync::MutexGuard<'_, Vec<Instant>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the load is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Opening,
            1 => Phase::Inferring,
            2 => Phase::Loading,
            3 => Phase::Publishing,
            _ => Phase::Done,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Forgets the load before, when several run one after the other.
    pub(super) fn begin_load(&self, expected_rows: u64) {
        self.inferred_rows.store(0, Ordering::Relaxed);
        self.retries.begin();
        self.begin_attempt();
        self.expect_rows(expected_rows);
        self.enter(Phase::Opening);
    }

    /// Forgets the rows of an attempt that is made again from the first row.
    pub(super) fn begin_attempt(&self) {
        for counter in [
            &self.read_rows,
            &self.loaded_rows,
            &self.rejected_rows,
            &self.left_out_rows,
            &self.batches,
            &self.error_cells_as_null,
            &self.untitled_cells,
            &self.bytes_sent,
            &self.read_nanos,
            &self.reader_wait_nanos,
            &self.encode_nanos,
            &self.write_nanos,
            &self.worker_wait_nanos,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
        self.long_numbers.forget();
    }

    /// A reader begins.
    pub(super) fn reader_begins(&self) {
        self.reader_done.store(false, Ordering::Relaxed);
    }

    pub(super) fn expect_rows(&self, rows: u64) {
        self.expected_rows.store(rows, Ordering::Relaxed);
    }

    pub(super) fn inferred(&self, rows: usize) {
        add(&self.inferred_rows, rows as u64);
    }

    pub(super) fn read(&self, rows: usize) {
        add(&self.read_rows, rows as u64);
    }

    pub(super) fn loaded(&self, rows: u64) {
        add(&self.loaded_rows, rows);
    }

    pub(super) fn batch_committed(&self, bytes: usize) {
        add(&self.batches, 1);
        add(&self.bytes_sent, bytes as u64);
    }

    pub(super) fn rejected(&self, rows: usize) {
        add(&self.rejected_rows, rows as u64);
    }

    pub(super) fn left_out(&self, rows: u64) {
        add(&self.left_out_rows, rows);
    }

    /// What there is to say about cells of a batch.
    pub(super) fn cells_noted(&self, notes: &CellNotes, plan: &RowPlan) {
        add(&self.error_cells_as_null, notes.errors_as_null());
        self.long_numbers.add(notes, plan);
    }

    /// The numbers whose last digits may be wrong.
    pub(super) fn long_numbers(&self) -> &LongNumbers {
        &self.long_numbers
    }

    pub(super) fn untitled_cells(&self, cells: usize) {
        add(&self.untitled_cells, cells as u64);
    }

    /// The reader has come to its end after so much time of reading.
    pub(super) fn reader_done(&self, duration: Duration) {
        self.reader_done.store(true, Ordering::Relaxed);
        add(&self.read_nanos, nanos(duration));
    }

    pub(super) fn reader_wait(&self) -> Timed<'_> {
        timed(&self.reader_wait_nanos, &self.reader_waiting)
    }

    pub(super) fn encode(&self) -> Timed<'_> {
        timed(&self.encode_nanos, &self.encoding)
    }

    pub(super) fn write(&self) -> Writing<'_> {
        let since = Instant::now();
        self.writes().push(since);
        Writing {
            progress: self,
            _timed: timed(&self.write_nanos, &self.writing),
            since,
        }
    }

    pub(super) fn worker_wait(&self) -> Timed<'_> {
        timed(&self.worker_wait_nanos, &self.waiting)
    }
}
