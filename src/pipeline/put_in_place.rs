//! The rows of a complete load are put in place and recorded, in one transaction, and again after what may pass.

use std::pin::pin;

use tokio_postgres::Client;

use super::attempt::{Attempt, Placed};
use super::import::Context;
use super::merged::{MergedRows, RefusedRows, find_refused};
use super::progress::Snapshot;
use super::recording::{Recording, ending};
use super::rehearsal::rehearse;
use super::reject_writer::Release;
use super::row_plan::RejectLimits;
use super::target::Target;
use super::{LoadEnd, verification};
use crate::config::commit::Rehearsal;
use crate::db::ledger::{self, Ending};
use crate::db::merge::Merged;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::receipt::Receipt;
use crate::sink::answers::Answers;
use crate::sink::retry::{Retry, TableWatch};
use crate::source::RowSource;

/// What is put in place, and what becomes of it.
struct Placing<'a> {
    recording: Option<&'a Recording>,
    end: &'a LoadEnd,
    sources: &'a mut Vec<Box<dyn RowSource>>,
    counters: &'a Snapshot,
    receipt: &'a mut Receipt,
    placed: Placed,
}

impl Context<'_> {
    /// Publishes the rows and records the end, in one transaction.
    pub(super) async fn put_in_place(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        attempt: &mut Attempt,
        counters: &Snapshot,
    ) -> Result<Placed> {
        let Attempt {
            end,
            sources,
            transaction,
            receipt,
            rebuild,
            ..
        } = attempt;
        let mut placing = pin!(async {
            match transaction {
                Some(transaction) if self.config.rehearsal == Rehearsal::DryRun => {
                    let merged = transaction
                        .run_over(async |client| {
                            rehearse(client, target, counters.loaded_rows).await
                        })
                        .await?;
                    let Some(merged) = merged else {
                        return Ok(Placed::default());
                    };
                    let (read, rejected) = (counters.read_rows, counters.rejected_rows);
                    let rows = self.cells_of_refused(merged, target, sources).await?;
                    self.accept(&rows, [read, rows.loaded(), rejected + rows.rejected()])?;
                    Ok(Placed {
                        merged: Some(rows),
                        ..Placed::default()
                    })
                }
                Some(transaction) => {
                    let mut placed = Placed::default();
                    transaction
                        .run(async |client| {
                            target.rebuild_deferred(client, rebuild).await?;
                            self.compare(client, target, receipt, counters).await?;
                            placed.sequences = target.move_sequences(client, receipt).await?;
                            let ending = self.complete(target, end, counters, receipt)?;
                            self.record_end(client, target, recording, &ending).await
                        })
                        .await?;
                    match sure(transaction.commit().await, target, recording) {
                        Err(error) if error.kind() == ErrorKind::ConnectionLost => self
                            .settled(target, recording, error)
                            .await
                            .map(|()| placed),
                        committed => committed.map(|()| placed),
                    }
                }
                None => {
                    let mut placed = Placing {
                        recording,
                        end,
                        sources,
                        counters,
                        receipt,
                        placed: Placed::default(),
                    };
                    self.publish(target, &mut placed).await?;
                    Ok(placed.placed)
                }
            }
        });
        tokio::select! {
            placed = &mut placing => return placed,
            // It may wait for a lock.
            () = self.interrupt.cancelled() => self.database.cancel_statements().await,
        }
        placing.await
    }

    /// The end of a load whose rows are all accounted for.
    fn complete(
        &self,
        target: &Target,
        end: &LoadEnd,
        counters: &Snapshot,
        receipt: &Receipt,
    ) -> Result<Ending> {
        let totals = end.totals.unwrap_or_default();
        let document = serde_json::to_value(receipt.known()).map_err(|error| {
            Error::new(ErrorKind::Internal, "the receipt could not be written").caused_by(error)
        })?;
        let rows = [totals.rows, counters.loaded_rows, counters.rejected_rows];
        Ok(ending("complete", &[], rows, document, &target.route))
    }

    async fn compare(
        &self,
        client: &Client,
        target: &Target,
        receipt: &mut Receipt,
        counters: &Snapshot,
    ) -> Result<()> {
        let left_out = counters.left_out_rows;
        verification::compare(client, target, self.config, self.load_id, receipt, left_out).await
    }

    async fn record_end(
        &self,
        client: &Client,
        target: &Target,
        recording: Option<&Recording>,
        ending: &Ending,
    ) -> Result<()> {
        let Some(recording) = recording else {
            return Ok(());
        };
        let (id, attempt) = (recording.load_id, recording.attempt);
        ledger::end(client, id, attempt, &target.name, ending).await
    }

    /// Puts staged rows in place, if there are any, and records the end; again after what may pass.
    async fn publish(&self, target: &Target, placed: &mut Placing<'_>) -> Result<()> {
        let retry = self.retry();
        let (mut tries, mut was_lost) = (retry.tries(), false);
        loop {
            let Err(error) = self.publish_once(target, placed).await else {
                return Ok(());
            };
            // Once a connection was lost, what it began may have been done whatever the next one says.
            was_lost |= error.kind() == ErrorKind::ConnectionLost;
            let settled = match was_lost {
                true => self.settled(target, placed.recording, error).await,
                false => Err(error),
            };
            match settled {
                Ok(()) => return Ok(()),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }

    async fn publish_once(&self, target: &Target, placed: &mut Placing<'_>) -> Result<()> {
        let failed = |error| {
            error_from_postgres(error, &format!("put the rows into {}", target.name.plain()))
                .in_table(target.name.plain())
        };
        let mut client = self.database.get().await?;
        let mut transaction = client.transaction().await.map_err(failed)?;
        self.compare(
            transaction.client(),
            target,
            placed.receipt,
            placed.counters,
        )
        .await?;
        let mut ending = self.complete(target, placed.end, placed.counters, placed.receipt)?;
        placed.placed = Placed::default();
        if let Some(found) = target.publish(&mut transaction).await? {
            let rows = self.cells_of_refused(found, target, placed.sources).await?;
            let [read, _, rejected] = ending.rows;
            ending.rows = [read, rows.loaded(), rejected + rows.rejected()];
            self.accept(&rows, ending.rows)?;
            if let Some(recording) = placed.recording {
                let recorded = rows.record(transaction.client(), recording.load_id);
                recorded.await.map_err(failed)?;
            }
            placed.placed.merged = Some(rows);
        }
        let client = transaction.client();
        placed.placed.sequences = target.move_sequences(client, placed.receipt).await?;
        self.record_end(transaction.client(), target, placed.recording, &ending)
            .await?;
        let committed = transaction.commit().await.map_err(failed);
        sure(committed, target, placed.recording)
    }

    /// The cells of rows that were refused in the merge.
    async fn cells_of_refused(
        &self,
        merged: Merged,
        target: &Target,
        sources: &mut Vec<Box<dyn RowSource>>,
    ) -> Result<MergedRows> {
        if merged.refused.is_empty() {
            return Ok(MergedRows {
                merged,
                refused: Vec::new(),
            });
        }
        let (mut taken, target) = (std::mem::take(sources), target.clone());
        let (found, back) = super::blocking(move || {
            find_refused(merged, &mut taken, &target).map(|found| (found, taken))
        })
        .await?;
        *sources = back;
        Ok(found)
    }

    /// Whether so many refused rows may be.
    fn accept(&self, rows: &MergedRows, [read, _, rejected]: [u64; 3]) -> Result<()> {
        let Some(first) = rows.first_refused() else {
            return Ok(());
        };
        let limits = RejectLimits {
            on_error: self.config.on_error,
            max_errors: self.config.max_errors,
        };
        let counters = Snapshot {
            rejected_rows: rejected,
            read_rows: read,
            ..self.progress.snapshot()
        };
        limits.stop_after(first, &counters).map_or(Ok(()), Err)
    }

    /// Writes rows that were refused in the merge to the file of rejected rows.
    pub(super) async fn tell_refused(&self, merged: &MergedRows) -> Result<()> {
        let Some(sender) = &self.rejects else {
            return Ok(());
        };
        for RefusedRows { sheet, rows, .. } in &merged.refused {
            sender.begin_sheet(sheet.clone(), Release::AtTheEnd).await?;
            sender.deliver(0, rows.clone()).await?;
        }
        Ok(())
    }

    pub(super) fn retry(&self) -> Retry {
        Retry {
            retry_for: self.config.patience.retry_for,
            stop: self.interrupt.clone(),
            log: self.progress.retries(),
            answers: Answers::within(self.config.patience.statement_timeout),
            watch: TableWatch::default(),
        }
    }

    /// Finds out whether what failed was committed nevertheless: the connection may have been lost after that.
    async fn settled(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        error: Error,
    ) -> Result<()> {
        let Some(recording) = recording else {
            return Err(error);
        };
        let retry = self.retry();
        let mut tries = retry.tries();
        loop {
            let found = match self.database.get().await {
                Ok(mut client) => {
                    ledger::is_complete(&mut client, recording.load_id, recording.attempt).await
                }
                Err(error) => Err(error),
            };
            match found {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(error),
                // Nothing can be known before the server is back.
                Err(unknown) => match tries.pause_after(unknown).await {
                    Ok(()) => {}
                    Err(_unknown) => {
                        return Err(outcome_unknown(&error, target).next_step(format!(
                            "Look with `sheetload history` whether load {} is complete; if it is not, run `sheetload resume {}`",
                            recording.load_id, recording.load_id
                        )));
                    }
                },
            }
        }
    }
}

/// A commit without a ledger that could be asked whether it was done.
fn sure(committed: Result<()>, target: &Target, recording: Option<&Recording>) -> Result<()> {
    committed.map_err(|error| match (recording, error.kind()) {
        (None, ErrorKind::ConnectionLost) => outcome_unknown(&error, target).next_step(
            "Look which rows the table has before you load the file again; without --no-ledger this is looked up",
        ),
        _ => error,
    })
}

/// The rows may or may not be in place, and nothing can tell.
fn outcome_unknown(error: &Error, target: &Target) -> Error {
    let table = target.name.plain();
    Error::new(
        ErrorKind::OutcomeUnknown,
        format!(
            "{}; nothing tells whether the rows are in {table}",
            error.message()
        ),
    )
    .in_table(&table)
}
