//! A count with the rows of the first cells.

/// How many cells are named.
const NAMED: usize = 3;

/// Counts cells and keeps the rows of the first ones, in whatever order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    count: u64,
    first_rows: [u32; NAMED],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            count: 0,
            first_rows: [u32::MAX; NAMED],
        }
    }
}

impl Tally {
    /// Counts the cell of a row.
    #[inline]
    pub(super) fn add(&mut self, row: u32) {
        self.count += 1;
        let [.., last] = self.first_rows;
        if row < last {
            self.keep(row);
        }
    }

    fn keep(&mut self, row: u32) {
        let [first, second, _] = self.first_rows;
        self.first_rows = if row < first {
            [row, first, second]
        } else if row < second {
            [first, row, second]
        } else {
            [first, second, row]
        };
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The rows of the first cells, from 0.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        let kept = usize::try_from(self.count).unwrap_or(usize::MAX);
        self.first_rows.into_iter().take(kept)
    }

    /// The cells of both.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        for row in other.rows() {
            self.add(row);
        }
        self.count = self.count - other.rows().count() as u64 + other.count;
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally(rows: &[u32]) -> Tally {
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.add(*row));
        tally
    }

    proptest! {
        #[test]
        fn the_first_rows_are_kept_in_any_order(
            rows in prop::collection::hash_set(0_u32..1000, 0..20),
            split in 0_usize..20,
        ) {
            let rows: Vec<u32> = rows.into_iter().collect();
            let whole = tally(&rows);
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            sorted.truncate(3);
            prop_assert_eq!(whole.count(), rows.len() as u64);
            prop_assert_eq!(whole.rows().collect::<Vec<_>>(), sorted);
            let (one, other) = rows.split_at(split.min(rows.len()));
            prop_assert_eq!(tally(one).plus(&tally(other)), whole);
        }
    }
}
