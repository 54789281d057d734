//! What became of the rows that were not loaded: counts of all, details of the first.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::model::reject::{Reject, RejectReason};

/// How many rejected rows are kept with their details. The others are counted.
pub const KEPT_REJECTS: usize = 1_000;

/// How many a rehearsal keeps, which is there to tell them.
pub(super) const KEPT_REJECTS_OF_REHEARSALS: usize = 100_000;

/// How many cells the kept rows name together; those beyond are named by their first cell alone.
const KEPT_CELLS: usize = 200_000;

/// The rejected rows of one load, from all workers.
#[derive(Debug, Default)]
pub(super) struct RejectLog(Mutex<Rejects>);

/// Counts and details of rejected rows.
#[derive(Debug, Clone)]
pub struct Rejects {
    /// All rejected rows, by reason.
    pub by_reason: BTreeMap<RejectReason, u64>,
    /// Those with the lowest row numbers among the ones kept, by row number; mostly at most [`KEPT_REJECTS`].
    pub first: Vec<Reject>,
    kept: usize,
    /// How many cells they name together.
    cells: usize,
}

impl Default for Rejects {
    fn default() -> Self {
        Self::keeping(KEPT_REJECTS)
    }
}

impl Rejects {
    /// None yet, of which so many will be kept.
    pub(super) fn keeping(kept: usize) -> Self {
        Self {
            by_reason: BTreeMap::new(),
            first: Vec::new(),
            kept,
            cells: 0,
        }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, reject: Reject) {
        *self.by_reason.entry(reject.reason).or_default() += 1;
        let at = self.first.partition_point(|kept| kept.row <= reject.row);
        if at < self.kept {
            self.insert(at, reject);
            self.truncate();
        }
    }

    fn insert(&mut self, at: usize, mut reject: Reject) {
        if self.cells.saturating_add(reject.cells.len()) > KEPT_CELLS && reject.cells.len() > 1 {
            reject = reject.by_first_cell();
        }
        self.cells += reject.cells.len();
        self.first.insert(at, reject);
    }

    fn truncate(&mut self) {
        let beyond = self.first.drain(self.kept.min(self.first.len())..);
        self.cells -= beyond.map(|reject| reject.cells.len()).sum::<usize>();
    }

    /// Adds those of the next sheet.
    pub(super) fn absorb(&mut self, next: Self) {
        for (reason, count) in next.by_reason {
            *self.by_reason.entry(reason).or_default() += count;
        }
        self.kept = self.kept.max(next.kept);
        for reject in next.first {
            self.insert(self.first.len(), reject);
        }
        self.truncate();
    }
}

impl RejectLog {
    /// Keeps so many.
    pub(super) fn keeping(kept: usize) -> Self {
        Self(Mutex::new(Rejects::keeping(kept)))
    }

    /// Adds a row.
    pub(super) fn push(&self, reject: Reject) {
        // A panic in another worker leaves the counts as they were, so they can still be read.
        let mut rejects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rejects.push(reject);
    }

    /// What there is.
    pub(super) fn take(&self) -> Rejects {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_kept_and_all_are_counted() {
        let log = RejectLog::default();
        for row in (0..3_000).rev() {
            log.push(Reject {
                sheet: "Sheet1".into(),
                row,
                cell: format!("Sheet1!A{row}"),
                column: None,
                stored: None,
                expected: None,
                sqlstate: "22003".into(),
                reason: RejectReason::OutOfRange,
                message: String::new(),
                cells: Vec::new(),
            });
        }
        let rejects = log.take();
        assert_eq!(rejects.by_reason[&RejectReason::OutOfRange], 3_000);
        let rows: Vec<u32> = rejects.first.iter().map(|reject| reject.row).collect();
        assert_eq!(rows, (0..1_000).collect::<Vec<_>>());
    }
}
