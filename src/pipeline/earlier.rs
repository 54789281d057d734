//! The rows of a sheet that an earlier attempt at the load is done with.

use std::collections::BTreeMap;

use crate::model::reject::Reject;

/// What the ledger has of one sheet. Rows are counted from 1.
#[derive(Debug, Clone, Default)]
pub(super) struct EarlierRows {
    /// From the first row to the last, in order and apart.
    pub(super) ranges: Vec<(u32, u32)>,
    /// The rejected ones among them, and maybe others.
    pub(super) rejects: BTreeMap<u32, Reject>,
}

impl EarlierRows {
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
            rejects: BTreeMap::new(),
        };
        let inside: Vec<u32> = (0..25).filter(|row| earlier.contains(*row)).collect();
        let mut expected: Vec<u32> = (2..=4).collect();
        expected.push(7);
        expected.extend(10..=20);
        assert_eq!(inside, expected);
        assert!(!EarlierRows::default().contains(1));
    }
}
