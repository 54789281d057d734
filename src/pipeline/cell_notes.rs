//! What there is to say about loaded cells: errors that became NULL, and numbers whose last digits may be wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::row_plan::RowPlan;
use crate::model::inspection::{Finding, FindingKind};
use crate::transform::coerce::CellNote;

/// Of some rows of one sheet.
#[derive(Debug, Default)]
pub(super) struct CellNotes {
    errors_as_null: u64,
    /// Numbers of more than 15 digits by the place of their column, with the first row.
    long_numbers: BTreeMap<usize, (u64, u32)>,
}

impl CellNotes {
    /// Adds the note of a cell in the plan's column with this index.
    #[cold]
    pub(super) fn add(&mut self, note: CellNote, column: usize, sheet_row: u32) {
        match note {
            CellNote::None => {}
            CellNote::ErrorAsNull => self.errors_as_null += 1,
            CellNote::ManyDigits => {
                let (count, first) = self.long_numbers.entry(column).or_insert((0, sheet_row));
                *count += 1;
                *first = sheet_row.min(*first);
            }
        }
    }

    /// Errors that became NULL.
    pub(super) fn errors_as_null(&self) -> u64 {
        self.errors_as_null
    }
}

/// Numbers of more than 15 digits in all rows of a load.
#[derive(Debug, Default)]
pub(super) struct LongNumbers(Mutex<BTreeMap<String, InColumn>>);

#[derive(Debug, Clone)]
struct InColumn {
    count: u64,
    /// The first of them: the place of its sheet, its row, and what it is called.
    first: (i32, u32, String),
}

impl LongNumbers {
    /// Adds those of a batch.
    pub(super) fn add(&self, notes: &CellNotes, plan: &RowPlan) {
        if notes.long_numbers.is_empty() {
            return;
        }
        let mut columns = self.lock();
        for (place, (count, row)) in &notes.long_numbers {
            let Some(column) = plan.columns.get(*place) else {
                continue;
            };
            let cell = plan.locator.cell(*row, column.source);
            let first = (plan.sheet_place, *row, cell);
            match columns.get_mut(&column.target.name) {
                Some(known) => {
                    known.count += count;
                    if first < known.first {
                        known.first = first;
                    }
                }
                None => {
                    let count = *count;
                    columns.insert(column.target.name.clone(), InColumn { count, first });
                }
            }
        }
    }

    /// Forgets them all, for an attempt that is made again.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// A line for each column.
    pub(super) fn warnings(&self) -> Vec<String> {
        let columns = self.lock();
        let findings = columns.iter().map(|(name, found)| Finding {
            kind: FindingKind::MoreThan15Digits,
            column: Some(name.clone()),
            count: found.count,
            cells: vec![found.first.2.clone()],
            explanation: "spreadsheets keep 15 digits of a number: the others may be wrong in the file already"
                .to_owned(),
            flag: None,
        });
        findings.map(|finding| finding.to_string()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, InColumn>> {
        // A panic elsewhere leaves whole values behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
