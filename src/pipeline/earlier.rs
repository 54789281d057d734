//! The rows of a sheet that an earlier attempt at the load is done with.

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind};
use crate::model::reject::Reject;

/// What the ledger has of one sheet. Rows are counted from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct EarlierRows {
    /// From the first row to the last, in order and apart.
    pub(super) ranges: Vec<(u32, u32)>,
    /// The rejected ones among them, and maybe others.
    pub(super) rejects: BTreeMap<u32, Reject>,
    /// The load's id.
    pub(super) load: String,
    /// The table, as messages name it.
    pub(super) table: String,
}

impl EarlierRows {
    /// Why a load ends that has loaded a row before which does not fit its table now: somebody altered the table.
    pub(super) fn no_longer_fits(&self, reject: &Reject) -> Error {
        let (load, table) = (&self.load, &self.table);
        let column = reject.column.as_deref().unwrap_or_default();
        let is_now = reject.expected.as_deref().unwrap_or_default();
        let error = Error::new(
            ErrorKind::TableUnusable,
            format!(
                "table {table} was altered since load {load} began: row {} of sheet \"{}\" was loaded before, \
                 and does not fit column {column} ({is_now}) now, by cell {}: {}",
                reject.row, reject.sheet, reject.cell, reject.message
            ),
        );
        error
            .in_table(table)
            .in_sheet(&reject.sheet)
            .at_cell(&reject.cell)
            .in_column(column)
            .with_sqlstate(&reject.sqlstate)
            .next_step(format!(
                "Take the rows back with `sheetload undo {load}`, or delete them, and load the file anew with \
                 `sheetload import --again`; or alter the column back and resume"
            ))
    }

    /// Whether a row is done with.
    pub(super) fn contains(&self, row: u32) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= row);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        before.is_some_and(|(_, last)| row <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_in_a_range_or_between_two() {
        let earlier = EarlierRows {
            ranges: vec![(2, 4), (7, 7), (10, 20)],
            ..EarlierRows::default()
        };
        let inside: Vec<u32> = (0..25).filter(|row| earlier.contains(*row)).collect();
        let mut expected: Vec<u32> = (2..=4).collect();
        expected.push(7);
        expected.extend(10..=20);
        assert_eq!(inside, expected);
        assert!(!EarlierRows::default().contains(1));
    }
}
