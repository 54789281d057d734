//! The numbers that a sheet brings for columns whose empty cells draw theirs from a sequence: known before the first is
//! drawn, so that none is drawn that another row has.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::infer::pass;
use super::observe::{LIMITS, Pass};
use super::progress::Progress;
use crate::db::introspect::Table;
use crate::db::sequences::Brought;
use crate::error::Result;
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::Cell;
use crate::model::column::ColumnKind;
use crate::source::RowSource;
use crate::transform::mapping::MappedColumn;

/// The columns of a sheet that may draw numbers: of whole numbers, with a default or an identity.
pub(super) fn numbered_columns(columns: &[MappedColumn], table: &Table) -> Vec<(usize, String)> {
    let is_numbered = |mapped: &&MappedColumn| {
        let kinds = [ColumnKind::Int2, ColumnKind::Int4, ColumnKind::Int8];
        let mut columns = table.columns.iter();
        let has_default =
            columns.any(|column| column.column.name == mapped.target.name && column.has_default);
        has_default && kinds.contains(&mapped.target.kind)
    };
    let numbered = columns.iter().filter(is_numbered);
    numbered
        .map(|mapped| (mapped.source, mapped.target.name.clone()))
        .collect()
}

/// Reads all rows for the least and the greatest number in these columns of a sheet. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn find_brought(
    source: &mut dyn RowSource,
    columns: Vec<(usize, String)>,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Vec<Brought>> {
    let mut look = Look {
        pass: pass(interrupt, progress),
        columns,
        found: BTreeMap::new(),
    };
    let batch = Batch::new(source.describe().header.width(), LIMITS);
    source.read(batch, &mut look)?;
    let found = look.found.into_iter();
    Ok(found
        .map(|(column, (least, greatest))| Brought {
            column,
            least,
            greatest,
        })
        .collect())
}

struct Look<'a> {
    pass: Pass<'a>,
    /// The sheet's columns, and the table's.
    columns: Vec<(usize, String)>,
    found: BTreeMap<String, (i64, i64)>,
}

impl BatchExchange for Look<'_> {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        self.pass.check()?;
        self.pass.progress.inferred(full.row_count());
        for row in full.rows() {
            for (source, name) in &self.columns {
                let cell = row.cells.get(*source).copied().unwrap_or(Cell::Empty);
                let Some(number) = whole_number(cell, &full) else {
                    continue;
                };
                match self.found.get_mut(name) {
                    Some((least, greatest)) => {
                        *least = number.min(*least);
                        *greatest = number.max(*greatest);
                    }
                    None => {
                        self.found.insert(name.clone(), (number, number));
                    }
                }
            }
        }
        full.clear();
        Ok(full)
    }
}

fn whole_number(cell: Cell, batch: &Batch) -> Option<i64> {
    match cell {
        Cell::Number { value, .. } => {
            let whole = value as i64;
            (whole as f64 == value).then_some(whole)
        }
        Cell::Digits { .. } | Cell::Text(_) | Cell::Shared(_) => {
            batch.text_of(cell).trim().parse().ok()
        }
        Cell::Empty | Cell::Bool(_) | Cell::Iso(_) | Cell::Error(_) => None,
    }
}
