//! What the columns of the loaded rows hold, from all workers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::column::TargetColumn;
use crate::model::receipt::{ColumnReceipt, ColumnTotals};

/// The columns of one load. A column whose type was widened on the way has an entry for each type.
#[derive(Debug, Default)]
pub(super) struct TotalsLog(Mutex<Vec<Entry>>);

#[derive(Debug, Clone)]
struct Entry {
    column: TargetColumn,
    totals: ColumnTotals,
}

impl TotalsLog {
    /// Adds what the rows of a batch hold.
    pub(super) fn absorb(&self, columns: &[TargetColumn], totals: &[ColumnTotals]) {
        let mut entries = self.lock();
        for (at, (column, totals)) in columns.iter().zip(totals).enumerate() {
            let is_it = |entry: &Entry| {
                entry.column.name == column.name && entry.column.kind == column.kind
            };
            // Mostly the columns are the same ones in the same places.
            let found = match entries.get(at) {
                Some(entry) if is_it(entry) => Some(at),
                _ => entries.iter().position(is_it),
            };
            match found.and_then(|at| entries.get_mut(at)) {
                Some(entry) => entry.totals.absorb(totals),
                None => entries.push(Entry {
                    column: column.clone(),
                    totals: totals.clone(),
                }),
            }
        }
    }

    /// The receipt's columns; nothing is left.
    pub(super) fn take(&self) -> Vec<ColumnReceipt> {
        let mut columns: Vec<ColumnReceipt> = Vec::new();
        let entries = std::mem::take(&mut *self.lock()).into_iter();
        let receipts = entries.map(|Entry { column, totals }| ColumnReceipt {
            name: column.name,
            sql_type: column.sql_type,
            totals,
        });
        absorb_columns(&mut columns, receipts.collect());
        columns
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // A panic elsewhere leaves whole values behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds columns to those of the same name.
pub(super) fn absorb_columns(columns: &mut Vec<ColumnReceipt>, next: Vec<ColumnReceipt>) {
    for column in next {
        match columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => {
                known.sql_type = column.sql_type;
                known.totals.absorb(&column.totals);
            }
            None => columns.push(column),
        }
    }
}
