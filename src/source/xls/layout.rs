//! What a sheet says apart from its cells: its extent, hidden rows and columns, merged cells.

use super::kind;
use super::records::{Record, Substream, u16_at, u32_at};
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS, MAX_ROWS};
use crate::source::workbook::SheetVisitor;

/// Tells the visitor the sheet's extent and its hidden columns, wherever the file says so.
pub(super) fn announce(records: Substream<'_>, visitor: &mut dyn SheetVisitor) {
    for record in records {
        match record.kind {
            kind::DIMENSIONS | kind::DIMENSIONS_2 => {
                if let Some(range) = dimensions(record.body) {
                    visitor.dimension(range);
                }
            }
            kind::COLUMN_INFO | kind::COLUMN_WIDTH_2 => {
                if let Some((first, last)) = hidden_columns(&record) {
                    visitor.hidden_columns(first, last);
                }
            }
            _ => {}
        }
    }
}

/// The cells that a DIMENSIONS record claims ([MS-XLS] 2.4.90): rows of 32 bits in BIFF8, of 16 before. The ends are
/// exclusive.
fn dimensions(body: &[u8]) -> Option<CellRange> {
    /// Four numbers of 32 or 16 bits, and two bytes of nothing.
    const WIDE_BYTES: usize = 12;
    let narrow = |at| u16_at(body, at).map(u32::from);
    let (top, bottom, left, right) = if body.len() >= WIDE_BYTES {
        (u32_at(body, 0)?, u32_at(body, 4)?, narrow(8)?, narrow(10)?)
    } else {
        (narrow(0)?, narrow(2)?, narrow(4)?, narrow(6)?)
    };
    let bottom = bottom.checked_sub(1)?.min(MAX_ROWS - 1);
    let right = right.checked_sub(1)?.min(MAX_COLUMNS - 1);
    (top <= bottom && left <= right).then_some(CellRange {
        first: CellAddress {
            row: top,
            column: left,
        },
        last: CellAddress {
            row: bottom,
            column: right,
        },
    })
}

/// The first and last of columns that nobody sees ([MS-XLS] 2.4.53 ColInfo; OpenOffice.org's documentation, 5.20
/// COLWIDTH): said so, or of no width.
fn hidden_columns(record: &Record<'_>) -> Option<(u32, u32)> {
    const HIDDEN: u16 = 0x0001;
    let body = record.body;
    let (first, last, hidden) = if record.kind == kind::COLUMN_WIDTH_2 {
        let (first, last) = (u32::from(*body.first()?), u32::from(*body.get(1)?));
        (first, last, u16_at(body, 2)? == 0)
    } else {
        let (first, last) = (u32::from(u16_at(body, 0)?), u32::from(u16_at(body, 2)?));
        let hidden = u16_at(body, 4)? == 0 || u16_at(body, 8)? & HIDDEN != 0;
        (first, last, hidden)
    };
    let last = last.min(MAX_COLUMNS - 1);
    (hidden && first <= last).then_some((first, last))
}

/// The row that a ROW record hides ([MS-XLS] 2.4.221 Row, fDyZero; OpenOffice.org's documentation, 5.88: in BIFF2 one of
/// no height).
pub(super) fn hidden_row(record: &Record<'_>) -> Option<u32> {
    const HIDDEN: u8 = 0x20;
    let hidden = match record.kind {
        // The uppermost bit, alone, would mean the height that all rows have.
        kind::ROW_2 => u16_at(record.body, 6)? == 0,
        _ => record.body.get(12)? & HIDDEN != 0,
    };
    let row = u16_at(record.body, 0)?;
    hidden.then_some(u32::from(row))
}

/// The merged cells of a sheet ([MS-XLS] 2.4.168 MergeCells), each rectangle once.
pub(super) fn merged(records: Substream<'_>) -> Vec<CellRange> {
    const RANGE_BYTES: usize = 8;
    let mut ranges = Vec::new();
    for record in records.filter(|record| record.kind == kind::MERGED_CELLS) {
        let count = u16_at(record.body, 0).map_or(0, usize::from);
        let listed = record.body.get(2..).unwrap_or_default();
        ranges.extend(
            listed
                .chunks_exact(RANGE_BYTES)
                .take(count)
                .filter_map(range),
        );
    }
    let mut seen = std::collections::HashSet::with_capacity(ranges.len());
    ranges.retain(|range| seen.insert(*range));
    ranges
}

/// First and last row, first and last column ([MS-XLS] 2.5.211 Ref8).
fn range(bytes: &[u8]) -> Option<CellRange> {
    let at = |at| u16_at(bytes, at).map(u32::from);
    let (top, bottom, left, right) = (at(0)?, at(2)?, at(4)?, at(6)?);
    let sound = top <= bottom && left <= right && right < MAX_COLUMNS;
    sound.then_some(CellRange {
        first: CellAddress {
            row: top,
            column: left,
        },
        last: CellAddress {
            row: bottom,
            column: right,
        },
    })
}
