//! The order of a sheet's cell records. Nearly all writers go row by row, but nothing in the format makes them ([MS-XLS]
//! 2.1.7.20.5): some keep the order in which their callers set the cells.

use super::kind;
use super::layout;
use super::records::{Record, Substream, Version, u16_at};

/// Where a cell's record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellRecord {
    row: u16,
    column: u16,
    /// The place of the record in the stream.
    pub(super) at: usize,
    /// The XF record of the cell, in BIFF2, where a record before it says so.
    pub(super) ixfe: Option<u16>,
}

impl CellRecord {
    /// The row of the cell, or of the first of several.
    pub(super) fn row(self) -> u32 {
        u32::from(self.row)
    }
}

/// What must be known of a sheet whose records do not stand row by row.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Row by row and from left to right; of two for one cell, the one that the file has later is later.
    pub(super) cells: Vec<CellRecord>,
    /// In ascending order.
    pub(super) hidden_rows: Vec<u32>,
}

/// Whether a record holds a cell, or several of one row, that may have a value.
pub(super) fn is_cell(kind: u16, version: Version) -> bool {
    match kind {
        kind::NUMBER_2 | kind::INTEGER_2 | kind::LABEL_2 | kind::BOOL_ERR_2 => {
            version <= Version::Biff4
        }
        kind::NUMBER
        | kind::RK
        | kind::MUL_RK
        | kind::LABEL_SST
        | kind::LABEL
        | kind::RICH_STRING
        | kind::BOOL_ERR
        | kind::FORMULA
        | kind::FORMULA_3
        | kind::FORMULA_4 => true,
        _ => false,
    }
}

/// The cells row by row; `None` where the file has them so already, with each hidden row before its cells.
pub(super) fn sorted(records: &Substream<'_>, version: Version) -> Option<Sorted> {
    if is_in_order(records.clone(), version) {
        return None;
    }
    let mut sorted = Sorted::default();
    let mut ixfe = None;
    let mut records = records.clone();
    while let Some(record) = records.next() {
        match record.kind {
            kind::IXFE => ixfe = u16_at(record.body, 0),
            kind::ROW | kind::ROW_2 => sorted.hidden_rows.extend(layout::hidden_row(&record)),
            kind if is_cell(kind, version) => sorted.cells.push(CellRecord {
                // One too short to say where it is keeps its place in front, and is an error to whoever reads it.
                row: row(&record).unwrap_or(0),
                column: u16_at(record.body, 2).unwrap_or(0),
                at: records.place_of(&record),
                ixfe,
            }),
            _ => {}
        }
    }
    sorted.cells.sort_by_key(|cell| (cell.row, cell.column));
    sorted.hidden_rows.sort_unstable();
    Some(sorted)
}

fn row(record: &Record<'_>) -> Option<u16> {
    u16_at(record.body, 0)
}

fn is_in_order(mut records: Substream<'_>, version: Version) -> bool {
    let mut last = None;
    records.all(|record| match record.kind {
        kind::ROW | kind::ROW_2 => {
            layout::hidden_row(&record).is_none_or(|hidden| last.is_none_or(|last| last < hidden))
        }
        kind if is_cell(kind, version) => {
            let row = row(&record).map(u32::from);
            let follows = last <= row;
            last = row;
            follows
        }
        _ => true,
    })
}
