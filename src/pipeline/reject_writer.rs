//! The stage that writes rejected rows to a file as the load goes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::blocking;
use crate::config::commit::RejectsTo;
use crate::error::{Error, ErrorKind, Result};
use crate::model::reject::RejectedCell;
use crate::model::rejected_row::{RejectedRow, RejectedSheet, StoredCell};
use crate::sink::reject_file::{Finished, RejectFile};

/// How many orders wait at most. They are small: a batch rarely has many rejected rows.
const QUEUE: usize = 16;
/// How many bytes of rows wait at most for a batch before them, in round figures.
const MAX_WAITING_BYTES: usize = 32 << 20;

/// Writes rejected rows on a thread of its own. However it ends, also when it is dropped, the file is completed with
/// the rows that were delivered.
pub(super) struct RejectWriter {
    sender: RejectSender,
    task: JoinHandle<Result<Finished>>,
}

/// Takes rejected rows to the writer.
#[derive(Debug, Clone)]
pub(super) struct RejectSender {
    orders: mpsc::Sender<Order>,
    /// The file, and why it could not be written.
    failure: Arc<Failure>,
}

#[derive(Debug)]
struct Failure {
    file: PathBuf,
    message: OnceLock<String>,
}

/// When the rows of a sheet are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// As they come: all of them are known once the sheet is read.
    AtOnce,
    /// When the load has ended: it may refuse more of the sheet's rows then, and they are in the sheet's order.
    AtTheEnd,
}

#[derive(Debug)]
enum Order {
    BeginSheet(RejectedSheet, Release),
    Rows {
        sequence: u64,
        rows: Vec<RejectedRow>,
    },
    Keep,
    Restart,
    Finish,
}

impl RejectWriter {
    /// Opens the file, for rows of the workbook `source`, and waits for rows.
    ///
    /// # Errors
    /// As [`RejectFile::open`].
    pub(super) async fn start(config: &RejectsTo, source: &std::path::Path) -> Result<Self> {
        let (path, source) = (config.file.clone(), source.to_owned());
        let file = blocking(move || RejectFile::open(&path, &source)).await?;
        let (orders, inbox) = mpsc::channel(QUEUE);
        let failure = Arc::new(Failure {
            file: config.file.clone(),
            message: OnceLock::new(),
        });
        let task = {
            let failure = Arc::clone(&failure);
            tokio::task::spawn_blocking(move || {
                write(file, inbox).inspect_err(|error| failure.remember(error))
            })
        };
        let sender = RejectSender { orders, failure };
        Ok(Self { sender, task })
    }

    /// A way to the writer, for each who has rows.
    pub(super) fn handle(&self) -> RejectSender {
        self.sender.clone()
    }

    /// Writes what is waiting, completes the file and joins the thread.
    ///
    /// # Errors
    /// `OutputUnwritable`; `Internal` for a panic.
    pub(super) async fn finish(self) -> Result<Finished> {
        // Where the writer has failed, its own result says why.
        let _failed = self.sender.give(Order::Finish).await;
        drop(self.sender);
        self.task.await.unwrap_or_else(|panic| {
            let message = "the writer of rejected rows panicked";
            Err(Error::new(ErrorKind::Internal, message).caused_by(panic))
        })
    }
}

impl RejectSender {
    /// The batches that follow are this sheet's, and their sequence begins at 0. All of the sheet before must have been
    /// delivered.
    ///
    /// # Errors
    /// `OutputUnwritable`, if the file could not be written before.
    pub(super) async fn begin_sheet(&self, sheet: RejectedSheet, release: Release) -> Result<()> {
        self.give(Order::BeginSheet(sheet, release)).await
    }

    /// Lets all rows so far stay when a load starts again: they are of another one, which is done.
    ///
    /// # Errors
    /// `OutputUnwritable`, if the file could not be written before.
    pub(super) async fn keep(&self) -> Result<()> {
        self.give(Order::Keep).await
    }

    /// Takes back the rows of a load that starts again from its first row. The next sheet has to be begun.
    ///
    /// # Errors
    /// `OutputUnwritable`, if the file could not be written before.
    pub(super) async fn restart(&self) -> Result<()> {
        self.give(Order::Restart).await
    }

    /// Takes a batch's rejected rows, in the sheet's order; mostly there are none. `sequence` is the batch's place among
    /// the sheet's, from 0. Each batch is delivered once, so that rows are written in the sheet's order whatever batch is
    /// done first.
    ///
    /// # Errors
    /// `OutputUnwritable`, if the file could not be written before.
    pub(super) async fn deliver(&self, sequence: u64, rows: Vec<RejectedRow>) -> Result<()> {
        self.give(Order::Rows { sequence, rows }).await
    }

    async fn give(&self, order: Order) -> Result<()> {
        let sent = self.orders.send(order).await;
        sent.map_err(|_closed| self.failure.error())
    }
}

impl Failure {
    fn remember(&self, error: &Error) {
        let cause = std::error::Error::source(error);
        let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
        // There is one writer, which fails once.
        let _first = self.message.set(format!("{error}{cause}"));
    }

    fn error(&self) -> Error {
        let message =
            self.message.get().cloned().unwrap_or_else(|| {
                format!("cannot write rejected rows to {}", self.file.display())
            });
        Error::new(ErrorKind::OutputUnwritable, message)
            .in_file(&self.file)
            .next_step("Name a file in a directory that is yours to write to and has space")
    }
}

/// Writes until told to finish, or until nobody is left who could tell.
fn write(mut file: RejectFile, mut inbox: mpsc::Receiver<Order>) -> Result<Finished> {
    let (mut queue, mut held) = (Reorder::default(), HeldSheets::default());
    loop {
        match inbox.blocking_recv() {
            Some(Order::Rows { sequence, rows }) => {
                held.put(&mut file, queue.take(sequence, rows))?;
            }
            Some(Order::BeginSheet(sheet, release)) => {
                held.put(&mut file, queue.rest())?;
                queue = Reorder::default();
                match release {
                    Release::AtOnce => {
                        held.release(&mut file)?;
                        file.begin_sheet(&sheet)?;
                    }
                    Release::AtTheEnd => held.begin_sheet(sheet),
                }
            }
            Some(Order::Keep) => {
                held.put(&mut file, queue.rest())?;
                queue = Reorder::default();
                held.release(&mut file)?;
                file.keep()?;
            }
            Some(Order::Restart) => {
                queue = Reorder::default();
                held = HeldSheets::default();
                file.restart()?;
            }
            Some(Order::Finish) | None => {
                held.put(&mut file, queue.rest())?;
                held.release(&mut file)?;
                return file.finish();
            }
        }
    }
}

/// Rows of sheets that may get more, by sheet. No more bytes than [`MAX_WAITING_BYTES`] are held.
#[derive(Default)]
struct HeldSheets {
    sheets: Vec<(RejectedSheet, Vec<RejectedRow>)>,
    /// The sheet that rows come from; none where they are written at once.
    current: Option<usize>,
    bytes: usize,
}

impl HeldSheets {
    fn begin_sheet(&mut self, sheet: RejectedSheet) {
        let known = self.sheets.iter().position(|(known, _)| *known == sheet);
        self.current = Some(known.unwrap_or_else(|| {
            self.sheets.push((sheet, Vec::new()));
            self.sheets.len() - 1
        }));
    }

    /// Holds rows of the current sheet, or writes them where they need not be held.
    fn put(&mut self, file: &mut RejectFile, rows: Vec<RejectedRow>) -> Result<()> {
        let current = self
            .current
            .and_then(|current| self.sheets.get_mut(current));
        let Some((_, held)) = current else {
            return put(file, &rows);
        };
        self.bytes = self.bytes.saturating_add(rows.iter().map(bytes_of).sum());
        held.extend(rows);
        if self.bytes > MAX_WAITING_BYTES {
            return self.write(file);
        }
        Ok(())
    }

    /// Writes what is held, each sheet's rows in its order.
    fn write(&mut self, file: &mut RejectFile) -> Result<()> {
        self.bytes = 0;
        for (sheet, rows) in &mut self.sheets {
            let mut rows = std::mem::take(rows);
            if rows.is_empty() {
                continue;
            }
            rows.sort_by_key(|row| row.reject.row);
            file.begin_sheet(sheet)?;
            put(file, &rows)?;
        }
        Ok(())
    }

    /// The same, and no more rows are held.
    fn release(&mut self, file: &mut RejectFile) -> Result<()> {
        self.write(file)?;
        *self = Self::default();
        Ok(())
    }
}

/// Writes rows, so that they are there whatever happens next.
fn put(file: &mut RejectFile, rows: &[RejectedRow]) -> Result<()> {
    for row in rows {
        file.row(row)?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    file.flush()
}

/// Puts batches into their order. A batch waits until those before it are there, but no more bytes than
/// [`MAX_WAITING_BYTES`] do: order is a comfort, memory is not. After a stop some batches never come.
#[derive(Default)]
struct Reorder {
    next: u64,
    waiting: BTreeMap<u64, Vec<RejectedRow>>,
    bytes: usize,
}

impl Reorder {
    /// Takes a batch, and gives the rows that can be written.
    fn take(&mut self, sequence: u64, rows: Vec<RejectedRow>) -> Vec<RejectedRow> {
        if sequence < self.next {
            return rows;
        }
        if sequence == self.next && self.waiting.is_empty() {
            self.next = sequence.saturating_add(1);
            return rows;
        }
        self.bytes = self.bytes.saturating_add(rows.iter().map(bytes_of).sum());
        self.waiting.entry(sequence).or_default().extend(rows);
        if self.bytes > MAX_WAITING_BYTES {
            return self.rest();
        }
        let mut ready = Vec::new();
        while let Some(rows) = self.waiting.remove(&self.next) {
            self.give(self.next, rows, &mut ready);
        }
        ready
    }

    /// Gives all rows that wait.
    fn rest(&mut self) -> Vec<RejectedRow> {
        let mut ready = Vec::new();
        while let Some((sequence, rows)) = self.waiting.pop_first() {
            self.give(sequence, rows, &mut ready);
        }
        ready
    }

    fn give(&mut self, sequence: u64, rows: Vec<RejectedRow>, ready: &mut Vec<RejectedRow>) {
        self.next = sequence.saturating_add(1);
        let bytes: usize = rows.iter().map(bytes_of).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
        ready.extend(rows);
    }
}

/// What a row takes in memory, in round figures.
fn bytes_of(row: &RejectedRow) -> usize {
    let texts = row.cells.iter().map(|cell| match cell {
        StoredCell::Text(text) => text.len(),
        StoredCell::Number(number) => number.shown.len(),
        StoredCell::Empty | StoredCell::Bool(_) | StoredCell::Error(_) => 0,
    });
    let cells = row.cells.len() * size_of::<StoredCell>();
    let faults = row.reject.cells.iter().map(|fault| {
        let stored = fault.stored.as_ref().map_or(0, String::len);
        size_of::<RejectedCell>() + fault.message.len() + stored
    });
    let texts = texts.sum::<usize>() + row.reject.message.len() + faults.sum::<usize>();
    size_of::<RejectedRow>() + cells + texts
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::model::reject::{Reject, RejectReason};
    use crate::model::sheet::Titled;

    fn row(number: u32) -> RejectedRow {
        RejectedRow {
            reject: Reject {
                sheet: "Sheet1".into(),
                row: number,
                cell: format!("Sheet1!A{number}"),
                column: Some("a".into()),
                stored: None,
                expected: None,
                sqlstate: "22003".into(),
                reason: RejectReason::OutOfRange,
                message: "too large".into(),
                cells: Vec::new(),
            },
            faults: vec![0],
            cells: vec![StoredCell::Text(format!("text {number}"))],
        }
    }

    fn sheet(name: &str) -> RejectedSheet {
        RejectedSheet {
            name: name.into(),
            titled: Titled::Yes,
            titles: vec!["a".into()],
            first_column: 0,
            hidden: Vec::new(),
        }
    }

    fn numbers(rows: &[RejectedRow]) -> Vec<u32> {
        rows.iter().map(|row| row.reject.row).collect()
    }

    fn to(file: PathBuf) -> RejectsTo {
        RejectsTo { file }
    }

    /// The rows' numbers, by the file's lines.
    fn in_file(path: &Path) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        let row = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["row"].as_u64().unwrap()
        };
        text.lines().map(row).collect()
    }

    proptest! {
        #[test]
        fn rows_are_in_order_whatever_batch_is_done_first(
            order in Just((0..40_u64).collect::<Vec<_>>()).prop_shuffle(),
            sizes in proptest::collection::vec(0..3_u32, 40),
            missing in proptest::collection::hash_set(0..40_u64, 0..4),
        ) {
            let mut queue = Reorder::default();
            let mut written = Vec::new();
            for sequence in order.iter().filter(|sequence| !missing.contains(sequence)) {
                let count = sizes[usize::try_from(*sequence).unwrap()];
                let rows = (0..count).map(|at| row(u32::try_from(*sequence).unwrap() * 10 + at));
                written.extend(numbers(&queue.take(*sequence, rows.collect())));
            }
            written.extend(numbers(&queue.rest()));
            let mut expected = Vec::new();
            for sequence in (0..40_u64).filter(|sequence| !missing.contains(sequence)) {
                let count = sizes[usize::try_from(sequence).unwrap()];
                expected.extend((0..count).map(|at| u32::try_from(sequence).unwrap() * 10 + at));
            }
            prop_assert_eq!(written, expected);
            prop_assert_eq!(queue.bytes, 0);
        }
    }

    #[test]
    fn no_more_rows_are_held_than_there_is_room_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.jsonl");
        let mut file = RejectFile::open(&path, Path::new("x")).unwrap();
        let mut held = HeldSheets::default();
        let mut large = row(5);
        large.cells = vec![StoredCell::Text("x".repeat(MAX_WAITING_BYTES))];
        held.begin_sheet(sheet("one"));
        held.put(&mut file, vec![large]).unwrap();
        assert_eq!(in_file(&path), [5]);
        held.put(&mut file, vec![row(7), row(6)]).unwrap();
        assert_eq!(in_file(&path), [5]);
        held.release(&mut file).unwrap();
        assert_eq!(in_file(&path), [5, 6, 7]);
    }

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let mut large = row(5);
        large.cells = vec![StoredCell::Text("x".repeat(MAX_WAITING_BYTES))];
        let mut queue = Reorder::default();
        assert!(queue.take(1, vec![row(1)]).is_empty());
        assert_eq!(numbers(&queue.take(5, vec![large])), [1, 5]);
        assert_eq!(queue.bytes, 0);
        assert_eq!(numbers(&queue.take(0, vec![row(0)])), [0], "late, not lost");
        assert_eq!(numbers(&queue.take(6, vec![row(6)])), [6]);
    }

    #[tokio::test]
    async fn rows_of_several_sheets_are_in_the_file_before_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rejects.jsonl");
        let source = directory.path().join("book.xlsx");
        let writer = RejectWriter::start(&to(path.clone()), &source)
            .await
            .unwrap();
        let sender = writer.handle();
        sender
            .begin_sheet(sheet("one"), Release::AtOnce)
            .await
            .unwrap();
        sender.deliver(1, vec![row(12)]).await.unwrap();
        sender.deliver(0, vec![row(2), row(3)]).await.unwrap();
        sender.deliver(3, vec![row(30)]).await.unwrap();
        sender
            .begin_sheet(sheet("two"), Release::AtOnce)
            .await
            .unwrap();
        sender.deliver(0, Vec::new()).await.unwrap();
        sender.deliver(1, vec![row(7)]).await.unwrap();
        // The queue is first in, first out: when there is room for more than it holds, the first are done.
        for sequence in 2..40 {
            sender.deliver(sequence, Vec::new()).await.unwrap();
        }
        assert_eq!(in_file(&path), [2, 3, 12, 30, 7]);
        let finished = writer.finish().await.unwrap();
        assert_eq!(finished.rows, 5);
        assert_eq!(finished.file.as_deref(), Some(path.as_path()));
        let error = sender.deliver(40, vec![row(1)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutputUnwritable);
        assert_eq!(in_file(&path), [2, 3, 12, 30, 7]);
    }

    #[tokio::test]
    async fn a_load_that_starts_again_leaves_nothing_of_before() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["r.jsonl", "r.csv", "r.xlsx"] {
            let path = directory.path().join(name);
            let writer = RejectWriter::start(&to(path.clone()), Path::new("x"))
                .await
                .unwrap();
            let sender = writer.handle();
            sender
                .begin_sheet(sheet("one"), Release::AtOnce)
                .await
                .unwrap();
            sender.deliver(0, vec![row(2)]).await.unwrap();
            sender.deliver(2, vec![row(20)]).await.unwrap();
            writer.handle().restart().await.unwrap();
            assert_eq!(
                writer.finish().await.unwrap(),
                Finished {
                    file: None,
                    rows: 0
                }
            );
            assert!(!path.exists(), "{name}");

            let writer = RejectWriter::start(&to(path.clone()), Path::new("x"))
                .await
                .unwrap();
            let sender = writer.handle();
            sender
                .begin_sheet(sheet("one"), Release::AtOnce)
                .await
                .unwrap();
            sender.deliver(0, vec![row(2)]).await.unwrap();
            writer.handle().restart().await.unwrap();
            sender
                .begin_sheet(sheet("one"), Release::AtOnce)
                .await
                .unwrap();
            sender.deliver(0, vec![row(3)]).await.unwrap();
            assert_eq!(writer.finish().await.unwrap().rows, 1);
            if name == "r.jsonl" {
                assert_eq!(in_file(&path), [3]);
            }
            assert!(path.exists(), "{name}");
        }
    }

    #[tokio::test]
    async fn rows_of_a_load_that_is_done_stay_when_the_next_starts_again() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["r.jsonl", "r.csv", "r.xlsx"] {
            let path = directory.path().join(name);
            let to = to(path.clone());
            let writer = RejectWriter::start(&to, Path::new("x")).await.unwrap();
            let sender = writer.handle();
            for (sheet_name, number) in [("one", 2), ("two", 30)] {
                sender
                    .begin_sheet(sheet(sheet_name), Release::AtOnce)
                    .await
                    .unwrap();
                sender.deliver(1, vec![row(number)]).await.unwrap();
                if sheet_name == "one" {
                    sender.keep().await.unwrap();
                }
            }
            for number in [31, 32] {
                sender.restart().await.unwrap();
                sender
                    .begin_sheet(sheet("two"), Release::AtOnce)
                    .await
                    .unwrap();
                sender.deliver(0, vec![row(number)]).await.unwrap();
            }
            assert_eq!(writer.finish().await.unwrap().rows, 2, "{name}");
            match name {
                "r.jsonl" => assert_eq!(in_file(&path), [2, 32]),
                "r.csv" => {
                    let text = fs::read_to_string(&path).unwrap();
                    let lines: Vec<&str> = text.lines().collect();
                    assert_eq!(lines.len(), 3, "{text}");
                    assert!(lines[0].starts_with("sheet,") && lines[1].contains("Sheet1!A2,"));
                    assert!(lines[2].contains("Sheet1!A32,"), "{text}");
                }
                _ => assert_eq!(
                    texts(&path),
                    [("one", "text 2"), ("two", "text 32")].map(pair)
                ),
            }
        }
    }

    fn pair((sheet, text): (&str, &str)) -> (String, String) {
        (sheet.to_owned(), text.to_owned())
    }

    /// The sheets of a workbook with their first texts.
    fn texts(path: &Path) -> Vec<(String, String)> {
        use crate::model::batch::{Batch, BatchExchange, BatchLimits};
        use crate::model::selection::{ReadOptions, SheetChoice};
        use crate::transform::display::display_number;

        struct First(String);
        impl BatchExchange for First {
            fn exchange(&mut self, full: Batch) -> Result<Batch> {
                let row = full.row(0).unwrap();
                self.0 = full.text_of(row.cells[0]).to_owned();
                assert_eq!(full.row_count(), 1);
                Ok(full)
            }
        }
        let options = ReadOptions {
            sheets: SheetChoice::All,
            ..ReadOptions::default()
        };
        let opened = crate::source::open(path, &options, display_number).unwrap();
        let read = |mut sheet: Box<dyn crate::source::RowSource>| {
            let limits = BatchLimits {
                rows: 9,
                bytes: 999,
            };
            let mut first = First(String::new());
            sheet.read(Batch::new(1, limits), &mut first).unwrap();
            (sheet.describe().sheet.clone(), first.0)
        };
        opened.sheets.into_iter().map(read).collect()
    }

    #[tokio::test]
    async fn rows_that_come_at_the_end_are_in_the_sheet_that_they_belong_to() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["r.jsonl", "r.xlsx"] {
            let path = directory.path().join(name);
            let writer = RejectWriter::start(&to(path.clone()), Path::new("x"))
                .await
                .unwrap();
            let sender = writer.handle();
            for (name, number) in [("one", 2), ("two", 30), ("one", 1), ("two", 40)] {
                sender
                    .begin_sheet(sheet(name), Release::AtTheEnd)
                    .await
                    .unwrap();
                sender.deliver(0, vec![row(number)]).await.unwrap();
            }
            assert_eq!(writer.finish().await.unwrap().rows, 4);
            match name {
                "r.jsonl" => assert_eq!(in_file(&path), [1, 2, 30, 40]),
                _ => {
                    use calamine::Reader as _;
                    let mut book: calamine::Xlsx<_> = calamine::open_workbook(&path).unwrap();
                    assert_eq!(book.sheet_names(), ["one", "two"]);
                    let mut texts = |sheet| -> Vec<String> {
                        let range = book.worksheet_range(sheet).unwrap();
                        range.rows().map(|row| row[0].to_string()).collect()
                    };
                    assert_eq!(texts("one"), ["a", "text 1", "text 2"]);
                    assert_eq!(texts("two"), ["a", "text 30", "text 40"]);
                }
            }
        }
    }

    #[tokio::test]
    async fn a_writer_that_is_dropped_completes_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.xlsx");
        let writer = RejectWriter::start(&to(path.clone()), Path::new("x"))
            .await
            .unwrap();
        let sender = writer.handle();
        sender
            .begin_sheet(sheet("one"), Release::AtOnce)
            .await
            .unwrap();
        sender.deliver(7, vec![row(2)]).await.unwrap();
        let RejectWriter { sender: own, task } = writer;
        drop((sender, own));
        assert_eq!(task.await.unwrap().unwrap().rows, 1);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_full_disk_reaches_those_who_deliver_and_the_end() {
        if !Path::new("/dev/full").exists() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.csv");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let writer = RejectWriter::start(&to(path), Path::new("x"))
            .await
            .unwrap();
        let sender = writer.handle();
        sender
            .begin_sheet(sheet("one"), Release::AtOnce)
            .await
            .unwrap();
        let mut failed = None;
        for sequence in 0..1_000 {
            if let Err(error) = sender.deliver(sequence, vec![row(2)]).await {
                failed = Some(error);
                break;
            }
        }
        let failed = failed.unwrap();
        assert_eq!(failed.kind(), ErrorKind::OutputUnwritable);
        assert!(failed.message().contains("r.csv"), "{failed}");
        let error = writer.finish().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutputUnwritable);
        assert!(Path::new("/dev/full").exists());
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_is_told_before_the_load() {
        for (path, kind) in [
            ("/nowhere/at/all.xlsx", ErrorKind::OutputUnwritable),
            ("/nowhere/at/all.csv", ErrorKind::OutputUnwritable),
            ("rejects.txt", ErrorKind::InvalidOptions),
            ("rejects", ErrorKind::InvalidOptions),
        ] {
            let error = RejectWriter::start(&to(path.into()), Path::new("x"))
                .await
                .err()
                .unwrap();
            assert_eq!(error.kind(), kind, "{path}");
            assert!(error.advice().is_some());
        }
    }
}
