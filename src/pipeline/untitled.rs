//! Columns without title that hold cells: which they are, where the table has columns for them.

use std::collections::HashSet;

use tokio_util::sync::CancellationToken;

use super::infer::pass;
use super::observe::{LIMITS, Pass};
use super::progress::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::Cell;
use crate::source::RowSource;
use crate::transform::titles::HeaderFacts;

/// Finds the columns without title that hold cells, and lets the header reach over those of the sheet's columns, from 0,
/// that the table has a column for. Reads as many rows as it takes to see a cell in each of these. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn find_filled(
    source: &mut dyn RowSource,
    wanted: &[u32],
    facts: &mut HeaderFacts,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<()> {
    let header = &source.describe().header;
    let reach = header.first_column..header.sheet_column(header.width());
    let (first, last) = (wanted.iter().min(), wanted.iter().max());
    if let (Some(first), Some(last)) = (first, last) {
        let first = reach.start.min(*first);
        source.widen(first, reach.end.saturating_sub(1).max(*last));
    }
    let header = &source.describe().header;
    let titles = header.titles.iter().enumerate();
    let untitled = titles.filter(|(_, title)| title.trim().is_empty());
    let mut look = Look {
        pass: pass(interrupt, progress),
        empty: untitled.map(|(index, _)| index).collect(),
        wanted: wanted
            .iter()
            .map(|column| column.saturating_sub(header.first_column) as usize)
            .collect(),
        filled: HashSet::new(),
        is_done: false,
    };
    let batch = Batch::new(header.width(), LIMITS);
    match source.read(batch, &mut look) {
        Err(_stopped) if look.is_done => {}
        Err(error) => return Err(error),
        Ok(totals) => facts.outside = totals.first_outside_header.map(|cell| cell.column),
    }
    facts.filled = look.filled;
    Ok(())
}

/// Looks for cells in columns without title.
struct Look<'a> {
    pass: Pass<'a>,
    /// Those without title of which no cell was seen.
    empty: Vec<usize>,
    /// Those that the table has a column for.
    wanted: Vec<usize>,
    filled: HashSet<usize>,
    is_done: bool,
}

impl BatchExchange for Look<'_> {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        self.pass.check()?;
        self.pass.progress.inferred(full.row_count());
        for row in full.rows() {
            let filled = &mut self.filled;
            self.empty.retain(|index| {
                let is_empty = row
                    .cells
                    .get(*index)
                    .is_none_or(|cell| *cell == Cell::Empty);
                if !is_empty {
                    filled.insert(*index);
                }
                is_empty
            });
        }
        full.clear();
        if self.wanted.iter().all(|index| self.filled.contains(index)) {
            self.is_done = true;
            return Err(Error::new(ErrorKind::Interrupted, "enough is known"));
        }
        Ok(full)
    }
}
