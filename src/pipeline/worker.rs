//! A writing stage: takes a batch, makes values of its cells, encodes the rows, writes them, names those that fail.

use std::collections::HashSet;
use std::sync::Arc;

use async_channel::{Receiver, Sender};
use hdrhistogram::Histogram;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use super::account::{Account, Recorded, RejectedAt};
use super::progress::Progress;
use super::reject_writer::RejectSender;
use super::rejected_cells::CellKeeper;
use super::rejects::RejectLog;
use super::row_encoding::RowEncoding;
use super::row_plan::RowPlan;
use super::totals::TotalsLog;
use crate::error::Result;
use crate::model::batch::Batch;
use crate::model::cell::Cell;
use crate::sink::encode::{EncodedBatch, RowEncoder};
use crate::sink::suspects::{ROWS_LOOKED_AT, Suspect, Suspects, may_be_of_cells};
use crate::sink::{Refusal, Sink, WriteFailure, Written};
use crate::transform::mapping::target_columns;

/// A batch on its way to a worker, and how its rows are written.
pub(super) struct Handed {
    /// The batch's place among those of the sheet, from 0.
    pub(super) sequence: u64,
    pub(super) batch: Batch,
    pub(super) plan: Arc<RowPlan>,
}

/// Where the rejected rows of a sheet are written to.
#[derive(Debug, Clone)]
pub(super) struct RejectFile {
    pub(super) sender: RejectSender,
    pub(super) cells: Arc<CellKeeper>,
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
    pub(super) totals: Arc<TotalsLog>,
    /// Where rejected rows are written to.
    pub(super) reject_file: Option<RejectFile>,
}

/// Works until there are no more batches or the token says stop; the batch in hand is always finished. Gives the
/// latencies of its batches in microseconds.
pub(super) async fn work<S: Sink>(
    mut sink: S,
    mut around: Surroundings,
    mut latency: Histogram<u64>,
) -> (Histogram<u64>, Result<()>) {
    let result = around.work(&mut sink, &mut latency).await;
    (latency, result)
}

/// The batch's rows from the first one in the sheet to the last: a file may have them in another order, and what is
/// committed of a batch row by row is known by its last row.
fn order_of(batch: &Batch) -> impl Iterator<Item = usize> {
    let rows = batch.sheet_rows();
    // Nearly always they are in order.
    let order = (!rows.is_sorted()).then(|| {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|index| rows.get(*index).copied());
        order
    });
    (0..rows.len()).map(move |place| {
        let index = order.as_ref().and_then(|order| order.get(place));
        index.copied().unwrap_or(place)
    })
}

/// Does what takes a processor for a while. Where the runtime has several threads, this one's other tasks go to another
/// first: the one that was woken last, mostly the worker whose turn it is to write, would have to wait for this one.
fn beside_others<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
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
    async fn work<S: Sink>(&mut self, sink: &mut S, latency: &mut Histogram<u64>) -> Result<()> {
        let mut encoder = self.plan.encoder();
        let mut account = Account::default();
        while let Some(handed) = next_batch(self).await {
            let Handed {
                sequence,
                batch,
                plan,
            } = handed;
            if !Arc::ptr_eq(&plan, &self.plan) {
                encoder = plan.encoder();
                self.plan = plan;
                sink.set_columns(&self.plan.written_columns()).await?;
            }
            account.begin(self.plan.no_totals());
            let given = self.plan.given(&batch).await;
            account.given = given.inspect_err(|_error| self.stop.cancel())?;
            let encoding = {
                let _timed = self.progress.encode();
                beside_others(|| self.encode(&batch, &mut encoder, &mut account))
            };
            let written = match encoding {
                Ok(encoded) => {
                    let started = std::time::Instant::now();
                    let result = self.write(sink, &batch, &encoded, &mut account).await;
                    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                    if encoded.row_count() > 0 {
                        latency.saturating_record(micros);
                    }
                    result
                }
                Err(stop) => Err(stop),
            };
            if written.is_err() {
                // The reader and the others need not wait until the supervisor hears of it.
                self.stop.cancel();
            }
            // What was rejected is told even if it ends the load.
            let delivered = self.deliver(sequence, &batch, &mut account).await;
            written.and(delivered)?;
            self.totals
                .absorb(&target_columns(&self.plan.columns), &account.totals);
            self.give_back(batch);
        }
        Ok(())
    }

    fn give_back(&self, mut batch: Batch) {
        batch.clear();
        // The reader has enough spare batches when the queue is full.
        let _not_needed = self.emptied.try_send(batch);
        self.in_flight
            .send_modify(|batches| *batches = batches.saturating_sub(1));
    }

    /// Encodes the rows that can be, and rejects the others.
    fn encode(
        &self,
        batch: &Batch,
        encoder: &mut RowEncoder,
        account: &mut Account,
    ) -> Result<EncodedBatch> {
        let mut untitled_cells = 0;
        let given = account.given.clone();
        let mut rows = RowEncoding::new(&self.plan, batch, given.as_deref());
        for index in order_of(batch) {
            let Some(row) = batch.row(index) else {
                continue;
            };
            let number = row.sheet_row.saturating_add(1);
            let is_done = self.plan.earlier.contains(number);
            if is_done && let Some(reject) = self.plan.earlier.rejects.get(&number) {
                let reject = rows.found_again(row, reject);
                if may_be_of_cells(&reject.sqlstate) {
                    account.suspect(|| rows.suspect(row));
                }
                self.progress.rejected(1);
                account.rejected.push(RejectedAt { index, reject });
                continue;
            }
            let untitled = self.plan.untitled.iter();
            untitled_cells += untitled
                .filter(|column| {
                    row.cells
                        .get(**column)
                        .is_some_and(|cell| *cell != Cell::Empty)
                })
                .count();
            if !is_done {
                account.fresh_row(number);
            }
            encoder.start_row();
            match rows.encode((index, row), is_done, encoder) {
                Ok(()) => {
                    account.add(rows.values());
                    if is_done {
                        encoder.cancel_row();
                        account.loaded_before += 1;
                    } else {
                        encoder.finish_row();
                        account.row_indexes.push(index);
                    }
                }
                Err(first) => {
                    encoder.cancel_row();
                    let others = rows.further_faults(row, first.0);
                    let reject = self.plan.locator.fault(batch, row, first, others);
                    if is_done {
                        return Err(self.plan.earlier.no_longer_fits(&reject));
                    }
                    account.rejects.push(reject.clone());
                    account.suspect(|| rows.suspect(row));
                    self.reject(RejectedAt { index, reject }, account)?;
                }
            }
        }
        self.progress.cells_noted(&rows.take_notes(), &self.plan);
        self.progress.untitled_cells(untitled_cells);
        Ok(encoder.take())
    }

    /// Writes the encoded rows, and counts what became of them.
    async fn write<S: Sink>(
        &self,
        sink: &mut S,
        batch: &Batch,
        encoded: &EncodedBatch,
        account: &mut Account,
    ) -> Result<()> {
        self.progress.loaded(account.loaded_before);
        if encoded.row_count() == 0 && account.rejects.is_empty() {
            // All of it is done already.
            let mut nothing = Written::default();
            self.find_bad_cells(sink, batch, encoded, &mut nothing, account)
                .await;
            return Ok(());
        }
        let (mut written, failure) = {
            let _timed = self.progress.write();
            let record = Recorded {
                plan: &self.plan,
                batch,
                account,
            };
            match sink.write(encoded, &record).await {
                Ok(written) => (written, None),
                Err(WriteFailure { written, error }) => (written, Some(error)),
            }
        };
        self.progress.loaded(written.loaded);
        if failure.is_none() {
            self.progress.batch_committed(encoded.byte_count());
            self.progress
                .left_out(written.left_out(encoded.row_count()));
        }
        if failure.is_none() && !self.stop.is_cancelled() {
            self.find_bad_cells(sink, batch, encoded, &mut written, account)
                .await;
        }
        let refused = self.take_refused(batch, &written, account);
        match failure {
            Some(error) => Err(error),
            None => refused,
        }
    }

    /// Asks the server about the further cells of rejected rows, and adds those that it refuses.
    async fn find_bad_cells<S: Sink>(
        &self,
        sink: &mut S,
        batch: &Batch,
        encoded: &EncodedBatch,
        written: &mut Written,
        account: &mut Account,
    ) {
        let refused = written.refused.iter_mut();
        let mut refused: Vec<&mut Refusal> = refused
            .filter(|refusal| refusal.cells.is_none() && may_be_of_cells(&refusal.sqlstate))
            .take(ROWS_LOOKED_AT)
            .collect();
        let rows = refused.iter();
        let rows = rows.map(|refusal| Suspect::of_row(encoded, refusal.row, Vec::new()));
        let mut suspects = Suspects {
            form: encoded.form(),
            rows: rows.collect(),
        };
        let (places, known): (Vec<usize>, Vec<Suspect>) =
            std::mem::take(&mut account.suspects).into_iter().unzip();
        suspects.rows.extend(known);
        if suspects.rows.is_empty() {
            return;
        }
        let mut found = sink.find_bad_cells(&suspects).await.into_iter();
        for (refusal, cells) in refused.iter_mut().zip(found.by_ref()) {
            refusal.cells = Some(cells);
        }
        for (place, cells) in places.into_iter().zip(found) {
            let Some(rejected) = account.rejected.get_mut(place) else {
                continue;
            };
            if let Some(row) = batch.row(rejected.index) {
                let (locator, columns) = (&self.plan.locator, &self.plan.columns);
                let reject = rejected.reject.clone();
                rejected.reject = locator.with_refusals(batch, row, columns, reject, cells);
            }
        }
    }

    /// Names the rows that the server refused.
    fn take_refused(&self, batch: &Batch, written: &Written, account: &mut Account) -> Result<()> {
        if written.refused.is_empty() {
            return Ok(());
        }
        let record = Recorded {
            plan: &self.plan,
            batch,
            account,
        };
        let refused = written.refused.iter();
        let refused: Vec<RejectedAt> = refused.filter_map(|r| record.rejected_at(r)).collect();
        let indexes: HashSet<usize> = refused.iter().map(|rejected| rejected.index).collect();
        self.count_again(batch, &indexes, account);
        let mut result = Ok(());
        for rejected in refused {
            let stop = self.reject(rejected, account);
            if result.is_ok() {
                result = stop;
            }
        }
        result
    }

    /// Adds up the columns of the loaded rows without those that were refused. Least and greatest values cannot be taken
    /// back, so the batch is coerced once more.
    fn count_again(&self, batch: &Batch, refused: &HashSet<usize>, account: &mut Account) {
        account.totals = self.plan.no_totals();
        let (mut encoder, given) = (self.plan.encoder(), account.given.clone());
        let mut rows = RowEncoding::new(&self.plan, batch, given.as_deref());
        for (index, row) in batch.rows().enumerate() {
            let number = row.sheet_row.saturating_add(1);
            let is_done = self.plan.earlier.contains(number);
            let was_rejected = is_done && self.plan.earlier.rejects.contains_key(&number);
            if refused.contains(&index) || was_rejected {
                continue;
            }
            encoder.start_row();
            if rows.encode((index, row), is_done, &mut encoder).is_ok() {
                account.add(rows.values());
            }
            encoder.cancel_row();
        }
    }

    /// Counts a rejected row and keeps it, or says that it is one too many.
    fn reject(&self, rejected: RejectedAt, account: &mut Account) -> Result<()> {
        self.progress.rejected(1);
        let counters = self.progress.snapshot();
        let stop = self.plan.limits.stop_after(&rejected.reject, &counters);
        account.rejected.push(rejected);
        stop.map_or(Ok(()), Err)
    }

    /// Keeps the batch's rejected rows for the report, and hands them to the file that they are written to.
    async fn deliver(&self, sequence: u64, batch: &Batch, account: &mut Account) -> Result<()> {
        for rejected in &account.rejected {
            self.rejects.push(rejected.reject.clone());
        }
        let Some(RejectFile { sender, cells }) = &self.reject_file else {
            return Ok(());
        };
        let mut rejected = std::mem::take(&mut account.rejected);
        rejected.sort_by_key(|rejected| rejected.index);
        let rows = rejected.into_iter().filter_map(|rejected| {
            let row = batch.row(rejected.index)?;
            Some(cells.keep(rejected.reject, batch, row))
        });
        sender.deliver(sequence, rows.collect()).await
    }
}
