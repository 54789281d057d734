//! Widens the columns of a table that was created from a sample of the rows, while the load goes on.
//!
//! The reader looks at each batch before it hands it over. A cell that its column does not hold is no reason to fail: the
//! reader waits until all batches handed over are written, the table's column gets the wider type, and the load goes on
//! with the same batch. A cell in a column that was empty so far adds the column.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_channel::{Receiver, Sender};
use deadpool_postgres::Object;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::row_plan::RowPlan;
use crate::config::import::NewTypes;
use crate::db::ddl::{self, ColumnChange};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::model::batch::Batch;
use crate::model::column::TargetColumn;
use crate::model::table::TableName;
use crate::transform::coerce::Coercion;
use crate::transform::infer::{InferredType, SeenColumns};
use crate::transform::mapping::MappedColumn;
use crate::transform::widening::widening;

/// What a column of the new table holds.
#[derive(Debug, Clone)]
pub(super) enum ColumnState {
    /// What the user said, whatever the cells.
    Declared(TargetColumn),
    /// What the cells read so far come to.
    Inferred(InferredType),
}

/// The columns of a table that was created from a sample, shared by the loads of all its sheets.
#[derive(Debug, Clone, Default)]
pub(super) struct SampledTable(Arc<Mutex<HashMap<String, ColumnState>>>);

impl SampledTable {
    pub(super) fn new(columns: HashMap<String, ColumnState>) -> Self {
        Self(Arc::new(Mutex::new(columns)))
    }

    /// The columns that a sheet with these names has in the table so far.
    pub(super) fn columns_of(&self, names: &[Option<String>]) -> Vec<MappedColumn> {
        let states = self.lock();
        let column = |(source, name): (usize, &Option<String>)| {
            let name = name.as_ref()?;
            let target = match states.get(name)? {
                ColumnState::Declared(target) => target.clone(),
                ColumnState::Inferred(inferred) => inferred.to_column(name.clone()),
            };
            Some(MappedColumn { source, target })
        };
        names.iter().enumerate().filter_map(column).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ColumnState>> {
        // A panic elsewhere leaves whole values behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the reader asks for: these columns are to hold these types.
pub(super) struct Request {
    wider: Vec<(String, InferredType)>,
    reply: oneshot::Sender<Arc<RowPlan>>,
}

/// Looks at each batch before it is handed over.
pub(super) struct TypeWatch {
    coercion: Coercion,
    names: Vec<Option<String>>,
    new_types: NewTypes,
    table: SampledTable,
    requests: Sender<Request>,
}

impl TypeWatch {
    /// Makes the table hold a batch. Gives the new plan if it had to be changed; blocks until it is.
    ///
    /// # Errors
    /// `Interrupted` when the load is being stopped; why is told by whoever stopped it.
    pub(super) fn admit(&self, batch: &Batch) -> Result<Option<Arc<RowPlan>>> {
        let wider = self.wider_columns(batch);
        if wider.is_empty() {
            return Ok(None);
        }
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::new(ErrorKind::Interrupted, "reading was stopped");
        self.requests
            .send_blocking(Request { wider, reply })
            .map_err(|_closed| stopped())?;
        answer
            .blocking_recv()
            .map(Some)
            .map_err(|_dropped| stopped())
    }

    fn wider_columns(&self, batch: &Batch) -> Vec<(String, InferredType)> {
        let states = self.table.lock();
        let mut seen = SeenColumns::new(self.names.len());
        seen.observe(batch, &self.coercion);
        let SeenColumns { types, filled } = seen;
        // Columns between others are there even without a cell, as in a table made from all rows.
        let is_there = |index: &usize| {
            let name = self.names.get(*index).and_then(Option::as_ref);
            name.is_some_and(|name| states.contains_key(name)) || filled.get(*index) == Some(&true)
        };
        let first = (0..types.len()).find(is_there).unwrap_or_default();
        let last = (0..types.len()).rfind(is_there).unwrap_or_default();
        let mut wider = Vec::new();
        for (index, (name, seen)) in self.names.iter().zip(&types).enumerate() {
            let Some(name) = name else { continue };
            let seen = *seen;
            match states.get(name) {
                Some(ColumnState::Declared(_)) => {}
                Some(ColumnState::Inferred(known)) if known.holds(seen) => {}
                Some(ColumnState::Inferred(known)) => wider.push((name.clone(), known.join(seen))),
                None if index < first || index > last => {}
                None => wider.push((
                    name.clone(),
                    match self.new_types {
                        NewTypes::Inferred => seen,
                        NewTypes::Text => InferredType::Text,
                    },
                )),
            }
        }
        wider
    }
}

/// What it takes to widen a table during the load of a sheet.
pub(super) struct Widening {
    pub(super) client: Object,
    pub(super) database: Database,
    pub(super) name: TableName,
    /// The types of columns that are added.
    pub(super) new_types: NewTypes,
    /// For each of the header's columns its name in the table, if it is loaded.
    pub(super) names: Vec<Option<String>>,
    pub(super) table: SampledTable,
}

impl Widening {
    /// The reader's part and the task that serves it.
    pub(super) fn start(
        self,
        plan: &Arc<RowPlan>,
        in_flight: watch::Receiver<u64>,
        stop: &CancellationToken,
    ) -> (TypeWatch, Widener) {
        let (sender, requests) = async_channel::bounded(1);
        let types = TypeWatch {
            coercion: plan.coercion.clone(),
            names: self.names.clone(),
            new_types: self.new_types,
            table: self.table.clone(),
            requests: sender,
        };
        let widener = Widener {
            client: self.client,
            database: self.database,
            name: self.name,
            names: self.names,
            table: self.table,
            plan: Arc::clone(plan),
            requests,
            in_flight,
            stop: stop.clone(),
        };
        (types, widener)
    }
}

/// Changes the table when the reader asks for it.
pub(super) struct Widener {
    client: Object,
    database: Database,
    name: TableName,
    names: Vec<Option<String>>,
    table: SampledTable,
    plan: Arc<RowPlan>,
    requests: Receiver<Request>,
    /// Batches handed over and not done with.
    in_flight: watch::Receiver<u64>,
    stop: CancellationToken,
}

impl Widener {
    /// Serves requests until the reader is done or the load is stopped.
    ///
    /// # Errors
    /// What the server says to the change.
    pub(super) async fn serve(mut self) -> Result<()> {
        while let Ok(request) = self.requests.recv().await {
            tokio::select! {
                // After a stop the columns stay as they are, even if the last batch is done at the same time.
                biased;
                () = self.stop.cancelled() => return Ok(()),
                drained = self.in_flight.wait_for(|batches| *batches == 0) => {
                    // The counter lives as long as the workers; without them there is nothing to go on with.
                    if drained.is_err() {
                        return Ok(());
                    }
                }
            }
            let changes = self.changes(&request.wider);
            if !self.change(&changes).await? {
                return Ok(());
            }
            self.take_over(&request.wider);
            // A reader that is gone needs no answer.
            let _gone = request.reply.send(Arc::clone(&self.plan));
        }
        Ok(())
    }

    /// Changes the table's columns; false if the load was stopped before. Nothing is being written, so that a stop need
    /// not wait for whoever holds a lock on the table.
    async fn change(&self, changes: &[ColumnChange]) -> Result<bool> {
        let mut changing = pin!(ddl::change_columns(&self.client, &self.name, changes));
        let changed = tokio::select! {
            changed = &mut changing => changed,
            () = self.stop.cancelled() => {
                self.database.cancel_statements().await;
                changing.await
            }
        };
        match changed {
            Ok(()) => Ok(true),
            Err(error) if self.is_stopped_by(&error) => Ok(false),
            Err(error) if error.kind() != ErrorKind::DatabaseRefused => Err(error),
            Err(error) => Err(error.next_step(
                "Drop what depends on the table and load again, or leave --infer-rows out to have all rows looked at first",
            )),
        }
    }

    fn is_stopped_by(&self, error: &Error) -> bool {
        self.stop.is_cancelled() && error.facts().sqlstate.as_deref() == Some(QUERY_CANCELED)
    }

    fn changes(&self, wider: &[(String, InferredType)]) -> Vec<ColumnChange> {
        let states = self.table.lock();
        let change = |(name, to): &(String, InferredType)| {
            let column = to.to_column(name.clone());
            match states.get(name) {
                Some(ColumnState::Inferred(from)) => {
                    widening(*from, *to, name).map(|using| ColumnChange::Widen { column, using })
                }
                Some(ColumnState::Declared(_)) => None,
                None => Some(ColumnChange::Add { column }),
            }
        };
        wider.iter().filter_map(change).collect()
    }

    fn take_over(&mut self, wider: &[(String, InferredType)]) {
        let mut states = self.table.lock();
        for (name, to) in wider {
            states.insert(name.clone(), ColumnState::Inferred(*to));
        }
        drop(states);
        self.plan = Arc::new(RowPlan {
            columns: self.table.columns_of(&self.names),
            ..RowPlan::clone(&self.plan)
        });
    }
}
