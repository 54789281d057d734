//! Rows that are not loaded and may have more bad cells than the one that is known, and how many of them are looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::encode::{EncodedBatch, FieldForm};

/// A row that is not loaded, in the form of its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Its fields.
    pub fields: Vec<Option<Vec<u8>>>,
    /// Those of which it is known that they are at fault. They are NULL.
    pub known: Vec<usize>,
}

/// Rows that are not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspects {
    /// What their fields hold.
    pub form: FieldForm,
    /// The rows.
    pub rows: Vec<Suspect>,
}

/// A cell that the server refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellRefusal {
    /// Its place among the written columns.
    pub field: usize,
    /// The server's error code.
    pub sqlstate: String,
    /// What is wrong with it.
    pub message: String,
    /// The constraint, where one is violated.
    pub constraint: Option<String>,
}

/// The refused cells of each of some rows.
pub type RefusedCells = Vec<Vec<CellRefusal>>;

impl Suspect {
    /// A row of a batch.
    #[must_use]
    pub fn of_row(batch: &EncodedBatch, row: usize, known: Vec<usize>) -> Self {
        let fields = batch.fields(row);
        Self {
            fields: fields.map(|field| field.map(<[u8]>::to_vec)).collect(),
            known,
        }
    }
}

/// How many rows a load looks at for all of their bad cells. Clones share it.
#[derive(Debug, Clone)]
pub struct CellBudget(Arc<AtomicUsize>);

/// Each takes the server as many tries as the row has bad cells, while the others wait.
pub const ROWS_LOOKED_AT: usize = 1_000;

impl Default for CellBudget {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(ROWS_LOOKED_AT)))
    }
}

impl CellBudget {
    /// Takes as many of so many rows as there are left.
    pub(super) fn take(&self, rows: usize) -> usize {
        let left = |left: usize| Some(left.saturating_sub(rows));
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        before.unwrap_or_default().min(rows)
    }
}

/// Whether a row that was refused with this code may have bad cells: a value that is none of its column's type, an empty
/// cell, a check. All others are about the row.
#[must_use]
pub fn may_be_of_cells(code: &str) -> bool {
    code.starts_with("22") || matches!(code, "23502" | "23514")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_rows_are_looked_at_than_there_are_left() {
        let budget = CellBudget::default();
        let same = budget.clone();
        assert_eq!(budget.take(ROWS_LOOKED_AT - 1), ROWS_LOOKED_AT - 1);
        assert_eq!(same.take(3), 1);
        assert_eq!(budget.take(3), 0);
    }
}
