//! What becomes of the rows of a batch, and its record for the ledger.

use std::sync::Arc;

use super::defaults::Given;
use super::row_plan::RowPlan;
use crate::model::batch::Batch;
use crate::model::receipt::ColumnTotals;
use crate::model::reject::Reject;
use crate::model::value::Value;
use crate::sink::Refusal;
use crate::sink::ledger::{BatchRecord, row_number};
use crate::sink::suspects::{ROWS_LOOKED_AT, Suspect};

/// A row of a batch that is rejected.
#[derive(Debug, Clone)]
pub(super) struct RejectedAt {
    /// The row's index in the batch.
    pub(super) index: usize,
    /// Why.
    pub(super) reject: Reject,
}

/// The rows of a batch on their way.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Which of the batch's rows the encoded ones are.
    pub(super) row_indexes: Vec<usize>,
    /// The first row and the last of those that no earlier attempt is done with, from 1.
    pub(super) fresh: Option<(u32, u32)>,
    /// Rows that were rejected before they were written, for the ledger.
    pub(super) rejects: Vec<Reject>,
    /// All rejected rows of the batch, by their place in it.
    pub(super) rejected: Vec<RejectedAt>,
    /// Those of them that the server may refuse for further cells, by their place among them; not more than are looked at.
    pub(super) suspects: Vec<(usize, Suspect)>,
    /// Rows that an earlier attempt has loaded.
    pub(super) loaded_before: u64,
    /// What the columns of the loaded rows hold, those loaded before among them.
    pub(super) totals: Vec<ColumnTotals>,
    /// What its empty cells become; none if they are NULL.
    pub(super) given: Option<Arc<Given>>,
}

impl Account {
    /// Forgets the batch before.
    pub(super) fn begin(&mut self, totals: Vec<ColumnTotals>) {
        self.row_indexes.clear();
        self.fresh = None;
        self.rejects.clear();
        self.rejected.clear();
        self.suspects.clear();
        self.loaded_before = 0;
        self.totals = totals;
        self.given = None;
    }

    /// The row that is rejected next may have more bad cells.
    pub(super) fn suspect(&mut self, suspect: impl FnOnce() -> Suspect) {
        if self.suspects.len() < ROWS_LOOKED_AT {
            self.suspects.push((self.rejected.len(), suspect()));
        }
    }

    /// Adds a loaded row's values.
    pub(super) fn add(&mut self, values: &[Value<'_>]) {
        for (totals, value) in self.totals.iter_mut().zip(values) {
            totals.add(value);
        }
    }

    /// A row that no earlier attempt is done with.
    pub(super) fn fresh_row(&mut self, row: u32) {
        let (first, last) = self.fresh.unwrap_or((row, row));
        self.fresh = Some((first.min(row), last.max(row)));
    }
}

/// The record of a batch.
pub(super) struct Recorded<'a> {
    pub(super) plan: &'a RowPlan,
    pub(super) batch: &'a Batch,
    pub(super) account: &'a Account,
}

impl Recorded<'_> {
    /// A refused row, by its cell, and its place in the batch.
    pub(super) fn rejected_at(&self, refusal: &Refusal) -> Option<RejectedAt> {
        let index = *self.account.row_indexes.get(refusal.row)?;
        let row = self.batch.row(index)?;
        let columns = &self.plan.columns;
        let reject = self
            .plan
            .locator
            .refusal(self.batch, row, columns, refusal.clone());
        Some(RejectedAt { index, reject })
    }
}

impl BatchRecord for Recorded<'_> {
    fn sheet(&self) -> i32 {
        self.plan.sheet_place
    }

    fn first_row(&self) -> i32 {
        row_number(self.account.fresh.map_or(0, |(first, _)| first))
    }

    fn last_row(&self) -> i32 {
        row_number(self.account.fresh.map_or(0, |(_, last)| last))
    }

    fn row_of(&self, encoded: usize) -> i32 {
        let index = self.account.row_indexes.get(encoded);
        let row = index.and_then(|index| self.batch.sheet_rows().get(*index));
        row_number(row.map_or(0, |row| row.saturating_add(1)))
    }

    fn rejected(&self) -> &[Reject] {
        &self.account.rejects
    }

    fn refused(&self, refusal: &Refusal) -> Option<Reject> {
        self.rejected_at(refusal).map(|rejected| rejected.reject)
    }
}
