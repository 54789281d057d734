//! One attempt at a load: from the first row to the last, with nothing put in place yet.

use std::pin::pin;
use std::sync::Arc;

use tokio_postgres::Client;

use super::earlier::EarlierRows;
use super::import::{Context, interrupted_early, is_cancelled_statement};
use super::lineage::{Ordinals, RowOrigin};
use super::merged::MergedRows;
use super::recording::Recording;
use super::reject_writer::Release;
use super::rejected_cells::CellKeeper;
use super::storage::{Rebuild, stored_rows};
use super::target::Target;
use super::worker::RejectFile;
use super::{Load, LoadEnd, NotStarted, Pipeline, Writing};
use crate::db::ledger;
use crate::error::{Error, Result, error_from_postgres};
use crate::model::receipt::Receipt;
use crate::model::sequences::SequenceMove;
use crate::sink::held::{HeldTransaction, LateConstraints};
use crate::sink::retry::TableWatch;
use crate::source::RowSource;

/// What an attempt has done.
pub(super) struct Attempt {
    pub(super) end: LoadEnd,
    /// The transaction that holds the rows.
    pub(super) transaction: Option<HeldTransaction>,
    /// The sheets, to be read again; fewer if a reader panicked.
    pub(super) sources: Vec<Box<dyn RowSource>>,
    /// Whether the first sheet came so far as to be read.
    pub(super) start: Start,
    /// What the columns hold.
    pub(super) receipt: Receipt,
    /// What became of the rows at the end; none while they are not in place.
    pub(super) placed: Option<Placed>,
    /// What became of indexes and foreign keys that waited for the rows.
    pub(super) rebuild: Rebuild,
}

/// What the rows of a sheet are written with.
struct SheetWriter<'a> {
    recording: Option<&'a Recording>,
    transaction: Option<HeldTransaction>,
    watch: TableWatch,
}

/// Rows that are in place.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// What a merge did.
    pub(super) merged: Option<MergedRows>,
    /// The sequences that stood before numbers of the rows.
    pub(super) sequences: Vec<SequenceMove>,
}

/// Whether an attempt was made at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Made,
    Failed,
}

impl Context<'_> {
    /// Writes all rows to a table that is ready.
    pub(super) async fn attempt(
        &self,
        target: &Target,
        sources: Vec<Box<dyn RowSource>>,
        recording: Option<&Recording>,
        transaction: Option<HeldTransaction>,
    ) -> Result<Attempt> {
        let mut attempt = Attempt {
            end: LoadEnd::nothing()?,
            transaction,
            sources: Vec::with_capacity(sources.len()),
            start: Start::Made,
            receipt: Receipt::default(),
            placed: None,
            rebuild: Rebuild::Nothing,
        };
        let watch = match self.watch(target).await {
            Ok(watch) => watch,
            Err(error) => {
                attempt.start = Start::Failed;
                attempt.sources = sources;
                attempt.end.errors.push(error);
                return Ok(attempt);
            }
        };
        let mut left = sources.into_iter().enumerate();
        for (index, source) in left.by_ref() {
            let writer = SheetWriter {
                recording,
                transaction: attempt.transaction.clone(),
                watch: watch.clone(),
            };
            match Box::pin(self.run(target, index, source, writer)).await {
                Ok(mut next) => {
                    attempt.sources.extend(next.source.take());
                    attempt.end.absorb(next);
                }
                Err(NotStarted { error, source }) => {
                    if index == 0 {
                        attempt.start = Start::Failed;
                    }
                    attempt.sources.extend(source);
                    attempt.end.errors.push(error);
                }
            }
            if !attempt.end.errors.is_empty() || attempt.end.totals.is_none() {
                break;
            }
        }
        attempt.sources.extend(left.map(|(_, source)| source));
        Ok(attempt)
    }

    /// Makes the table ready for its first row, and begins the transaction that holds them.
    pub(super) async fn make_ready(
        &self,
        target: &mut Target,
        recording: Option<&Recording>,
        late: LateConstraints,
    ) -> Result<Option<HeldTransaction>> {
        if self.interrupt.is_cancelled() {
            return Err(interrupted_early());
        }
        self.look_at_unsupplied(target).await?;
        self.find_defaults(target).await?;
        let transaction = if target.route.is_one_transaction() {
            let client = self.database.get().await?;
            let table = target.written_table();
            let begun = HeldTransaction::begin(client, table, late, self.retry().answers).await?;
            Some(begun.storing(stored_rows(self.config)))
        } else {
            None
        };
        let prepared = self.prepare(target, recording, transaction.as_ref(), late);
        match prepared.await {
            Ok(()) => Ok(transaction),
            Err(error) => {
                if let Some(transaction) = transaction {
                    // A connection that is lost has rolled back by itself.
                    let _rolled_back = transaction.roll_back().await;
                }
                Err(error)
            }
        }
    }

    /// Removes what was made for an attempt that did not start.
    pub(super) async fn take_back(&self, target: &Target, attempt: &Attempt) {
        let taken_back = match &attempt.transaction {
            Some(transaction) => transaction.roll_back().await,
            None if self.resumed.is_some() => Ok(()),
            None => self.remove_made(target, None).await,
        };
        if let Err(error) = taken_back {
            tracing::debug!(%error, "what was made for the load could not be removed");
        }
    }

    /// Creates or empties the table, unless an earlier attempt has. Nothing is loaded yet, so an interrupt does not wait
    /// for a lock on it.
    async fn prepare(
        &self,
        target: &mut Target,
        recording: Option<&Recording>,
        transaction: Option<&HeldTransaction>,
        late: LateConstraints,
    ) -> Result<()> {
        let mut preparing = pin!(async {
            if self.goes_on() {
                let client = self.database.get().await?;
                return target.look_at_written(&client).await;
            }
            match transaction {
                Some(transaction) => {
                    let prepare = async |client: &Client| {
                        // Before the table is emptied, which an index may not outlive as it was.
                        target.drop_deferred(client, late).await?;
                        target.prepare(client).await?;
                        target.hold(client).await
                    };
                    transaction.run(prepare).await
                }
                None => {
                    let table = target.name.plain();
                    let failed =
                        |error| error_from_postgres(error, &format!("prepare table {table}"));
                    let mut client = self.database.get().await?;
                    if let Some(recording) = recording
                        && ledger::is_prepared(&client, recording.load_id).await?
                    {
                        // The answer to it was lost.
                        return target.look_at_written(&client).await;
                    }
                    let transaction = client.transaction().await.map_err(failed)?;
                    target.prepare(transaction.client()).await?;
                    if let Some(recording) = recording {
                        let id = recording.load_id;
                        ledger::set_prepared(transaction.client(), id, &target.name).await?;
                    }
                    transaction.commit().await.map_err(failed)
                }
            }
        });
        tokio::select! {
            prepared = &mut preparing => return prepared,
            () = self.interrupt.cancelled() => self.database.cancel_statements().await,
        }
        preparing.await.map_err(|error| {
            if is_cancelled_statement(&error) {
                interrupted_early()
            } else {
                error
            }
        })
    }

    /// Whether rows of an earlier attempt are where this one writes.
    pub(super) fn goes_on(&self) -> bool {
        self.resumed.is_some_and(|resumed| resumed.keeps_rows)
    }

    /// Loads one sheet.
    async fn run(
        &self,
        target: &Target,
        index: usize,
        source: Box<dyn RowSource>,
        writer: SheetWriter<'_>,
    ) -> Result<LoadEnd, NotStarted> {
        let SheetWriter {
            recording,
            transaction,
            watch,
        } = writer;
        let sheet = source.describe().sheet.clone();
        let mut load = Load::new(
            self.config,
            source,
            target.columns_of(index),
            target.constraint_columns().clone(),
        );
        load.known_as = target.known_as();
        load.untitled = target.untitled(index).to_vec();
        load.sheet_place = i32::try_from(index).unwrap_or(i32::MAX);
        load.earlier = self.earlier(load.sheet_place);
        load.defaults = self.defaults_of(target, &load.columns);
        if !target.lineage().is_empty() {
            let file_name = self.config.file.file_name().unwrap_or_default();
            let file_name = file_name.to_string_lossy().into_owned();
            let origin = RowOrigin::new(file_name, sheet, self.load_id);
            load.lineage = Some((target.lineage().to_vec(), origin));
        }
        if target.route.has_ordinals() {
            load.ordinals = Ordinals::Written;
        }
        if target.is_sampled() {
            let client = self.database.get().await?;
            load.widening = target.widening(index, client, self.database);
        }
        if let Some(sender) = &self.rejects {
            let cells = CellKeeper::new(load.source.describe());
            // A merge may refuse rows of the sheet when all are read.
            let release = if target.route.has_ordinals() {
                Release::AtTheEnd
            } else {
                Release::AtOnce
            };
            let sheet = cells.sheet().clone();
            sender.begin_sheet(sheet, release).await?;
            load.reject_file = Some(RejectFile {
                sender: sender.clone(),
                cells: Arc::new(cells),
            });
        }
        let writing = Writing {
            mode: self.config.mode,
            table: target.written_table(),
            database: self.database,
            workers: self.workers,
            transaction,
            ledger: recording.map(|recording| recording.batch_ledger(self.config, &target.route)),
            patience: self.config.patience,
            watch,
        };
        let pipeline = Pipeline::open(load, writing, self.interrupt, self.progress).await?;
        Ok(pipeline.wait().await?)
    }

    /// The rows of a sheet that an earlier attempt is done with.
    fn earlier(&self, sheet: i32) -> Arc<EarlierRows> {
        let of_sheet = self.resumed.and_then(|resumed| resumed.earlier.get(&sheet));
        of_sheet.cloned().unwrap_or_default()
    }

    /// Whether the whole load may be tried again: nothing of it is in the table, and what ended it may pass.
    pub(super) fn may_begin_again(&self, target: &Target, attempt: &Attempt) -> Option<usize> {
        let is_held = target.route.is_one_transaction();
        let first = attempt.end.errors.iter().position(Error::is_transient);
        let is_over = attempt.placed.is_some() || self.interrupt.is_cancelled();
        first.filter(|_| is_held && !is_over)
    }
}
