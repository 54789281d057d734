//! The search for the rows that the server refuses, apart from how they are written.

use std::ops::Range;

/// The most rows tried at once after a bad one. Doubles while all is well, so that bad rows far apart cost little and bad rows
/// close together do not send the whole rest again for each of them.
const ROWS_AFTER_A_FAULT: usize = 64;

/// The search for bad rows, as a value: which rows to try next, given how the last try went.
///
/// With `k` bad rows of `n` it needs `O(k log n)` tries, and `O(k)` where the server names the line.
#[derive(Debug)]
pub struct Search {
    rows: usize,
    /// Rows before this one are loaded or refused.
    done: usize,
    /// A bad row is known to lie before this one.
    suspect_end: usize,
    /// How many rows the next try takes.
    window: usize,
    /// Where the search went on after the last bad row.
    after_last_fault: usize,
}

impl Search {
    /// A search through this many rows.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            done: 0,
            suspect_end: 0,
            window: rows,
            after_last_fault: 0,
        }
    }

    /// The rows to try next; none when all are done.
    #[must_use]
    pub fn next(&self) -> Option<Range<usize>> {
        let end = self.done.saturating_add(self.window.max(1)).min(self.rows);
        (self.done < self.rows).then_some(self.done..end)
    }

    /// The last try loaded its rows.
    pub fn succeeded(&mut self) {
        self.done = self.next().map_or(self.rows, |tried| tried.end);
        self.window = if self.done < self.suspect_end {
            (self.suspect_end - self.done).div_ceil(2)
        } else {
            self.window.saturating_mul(2)
        };
    }

    /// The last try failed; `good_before` of its rows came before the bad one, by the server's word.
    pub fn failed(&mut self, good_before: Option<usize>) {
        let Some(tried) = self.next() else {
            return;
        };
        // Of an error at the end of the statement the last line may be named, whichever row it is about: then halving finds
        // it sooner than taking the server's word for one row after the other.
        match good_before.filter(|good| good.saturating_add(1) < tried.len()) {
            Some(good) => {
                self.suspect_end = tried.start + good + 1;
                self.window = good.max(1);
            }
            None => {
                self.suspect_end = tried.end;
                self.window = tried.len() / 2;
            }
        }
    }

    /// The last try was one row, and it is refused.
    pub fn refused(&mut self) {
        // As many rows as were good before this one: where all are bad each is tried once and alone.
        let good = self.done - self.after_last_fault;
        self.window = good.clamp(1, ROWS_AFTER_A_FAULT);
        self.done += 1;
        self.suspect_end = self.done;
        self.after_last_fault = self.done;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What the server says about the line.
    #[derive(Debug, Clone, Copy)]
    enum Context {
        Right,
        Missing,
        /// Always the last line, as for an error at the end of the statement.
        Last,
    }

    /// Plays the server: rows in `bad` make a try fail. Gives refused rows, loaded rows and the number of tries.
    fn play(rows: usize, bad: &BTreeSet<usize>, context: Context) -> (Vec<usize>, usize, usize) {
        let mut search = Search::new(rows);
        let (mut refused, mut loaded, mut tries) = (Vec::new(), 0, 0);
        while let Some(tried) = search.next() {
            tries += 1;
            assert!(!tried.is_empty());
            match bad.range(tried.clone()).next() {
                None => {
                    loaded += tried.len();
                    search.succeeded();
                }
                Some(first) if tried.len() == 1 => {
                    refused.push(*first);
                    search.refused();
                }
                Some(first) => search.failed(match context {
                    Context::Right => Some(first - tried.start),
                    Context::Missing => None,
                    Context::Last => Some(tried.len() - 1),
                }),
            }
        }
        (refused, loaded, tries)
    }

    proptest! {
        #[test]
        fn exactly_the_bad_rows_are_refused(
            rows in 1_usize..3_000,
            bad in prop::collection::btree_set(0_usize..3_000, 0..40),
            context in prop::sample::select(vec![Context::Right, Context::Missing, Context::Last]),
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|row| *row < rows).collect();
            let (refused, loaded, _tries) = play(rows, &bad, context);
            prop_assert_eq!(refused.len() + loaded, rows);
            prop_assert_eq!(refused, bad.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn tries_grow_with_the_bad_rows_not_with_all_rows() {
        let bad: BTreeSet<usize> = (0..50_000).step_by(100).collect();
        let (_, _, tries) = play(50_000, &bad, Context::Right);
        assert!(
            tries <= 4 * bad.len() + 20,
            "{tries} tries for {} bad rows",
            bad.len()
        );
        let (_, _, tries) = play(50_000, &bad, Context::Missing);
        assert!(
            tries <= 16 * bad.len() + 20,
            "{tries} tries for {} bad rows",
            bad.len()
        );
        let all: BTreeSet<usize> = (0..10_000).collect();
        for context in [Context::Right, Context::Missing, Context::Last] {
            let (_, _, tries) = play(10_000, &all, context);
            assert!(tries <= 10_100, "{tries} tries for 10,000 bad rows");
        }
        let (_, _, tries) = play(1_000_000, &BTreeSet::from([777_777]), Context::Missing);
        assert!(tries <= 45, "{tries} tries for one bad row in a million");
    }
}
