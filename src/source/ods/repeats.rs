//! Rows that stand for several: what they hold is kept, and given as often.

use std::ops::ControlFlow;

use crate::model::address::CellAddress;
use crate::model::cell::{CellError, FormatId};
use crate::model::limits::{Limit, Limits};
use crate::source::workbook::{Content, Flow, SheetVisitor};

/// What a cell counts besides its text.
const CELL_BYTES: u64 = 16;

/// How much more than the file has in it repetitions have made of a workbook's sheets. It counts as what a file inflates
/// to does: a few bytes cannot stand for a large table that somebody filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Excess {
    bytes: u64,
    file_bytes: u64,
}

impl Excess {
    /// What other sheets of a file of so many bytes have come to.
    pub(super) fn of_others(bytes: u64, file_bytes: u64) -> Self {
        Self { bytes, file_bytes }
    }

    /// What all have come to.
    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }

    /// Adds a cell that stands for `count` cells.
    ///
    /// # Errors
    /// The limit that is passed: more than anybody can mean.
    pub(super) fn add(
        &mut self,
        content: Content<'_>,
        count: u64,
        limits: &Limits,
    ) -> Result<(), Limit> {
        let bytes = match content {
            Content::Text(text) | Content::Iso(text) | Content::Digits(text) => {
                u64::try_from(text.len()).unwrap_or(u64::MAX)
            }
            Content::Shared(shared) => shared.bytes as u64,
            _ => 0,
        };
        let each = bytes.saturating_add(CELL_BYTES);
        self.bytes = self
            .bytes
            .saturating_add(each.saturating_mul(count.saturating_sub(1)));
        let of_file = self.file_bytes.max(1).saturating_mul(limits.ratio);
        if self.bytes > limits.repeated_bytes {
            Err(Limit::Repeated)
        } else if self.bytes > limits.ratio_floor_bytes.max(of_file) {
            Err(Limit::Ratio)
        } else {
            Ok(())
        }
    }
}

/// The cells of a row.
#[derive(Debug, Default)]
pub(super) struct KeptRow {
    cells: Vec<KeptCell>,
    texts: String,
}

#[derive(Debug, Clone, Copy)]
struct KeptCell {
    /// First column and the one behind the last.
    columns: (u32, u32),
    content: Kept,
    format: FormatId,
}

/// [`Content`] whose texts are stretches of [`KeptRow::texts`].
#[derive(Debug, Clone, Copy)]
enum Kept {
    Bool(bool),
    Number(f64),
    Digits(usize, usize),
    Text(usize, usize),
    Iso(usize, usize),
    Error(CellError),
    Uncached,
}

impl KeptRow {
    /// Forgets the last row.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.texts.clear();
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How many bytes its texts have.
    pub(super) fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Keeps a cell.
    pub(super) fn push(&mut self, columns: (u32, u32), content: Content<'_>, format: FormatId) {
        let mut keep = |text: &str| {
            let start = self.texts.len();
            self.texts.push_str(text);
            (start, self.texts.len())
        };
        let content = match content {
            Content::Bool(truth) => Kept::Bool(truth),
            Content::Number(number) => Kept::Number(number),
            Content::Error(error) => Kept::Error(error),
            Content::Uncached => Kept::Uncached,
            Content::Shared(shared) => {
                let (start, end) = keep(shared.text());
                Kept::Text(start, end)
            }
            Content::Text(text) => {
                let (start, end) = keep(text);
                Kept::Text(start, end)
            }
            Content::Iso(text) => {
                let (start, end) = keep(text);
                Kept::Iso(start, end)
            }
            Content::Digits(digits) => {
                let (start, end) = keep(digits);
                Kept::Digits(start, end)
            }
        };
        self.cells.push(KeptCell {
            columns,
            content,
            format,
        });
    }

    /// Gives the cells as those of this row.
    pub(super) fn give(&self, row: u32, visitor: &mut dyn SheetVisitor) -> Flow {
        for cell in &self.cells {
            let text = |start, end| self.texts.get(start..end).unwrap_or_default();
            let content = match cell.content {
                Kept::Bool(truth) => Content::Bool(truth),
                Kept::Number(number) => Content::Number(number),
                Kept::Text(start, end) => Content::Text(text(start, end)),
                Kept::Iso(start, end) => Content::Iso(text(start, end)),
                Kept::Digits(start, end) => Content::Digits(text(start, end)),
                Kept::Error(error) => Content::Error(error),
                Kept::Uncached => Content::Uncached,
            };
            if give_repeated(visitor, row, cell.columns, content, cell.format)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Gives one content to a stretch of a row's columns, from the first to before the last.
pub(super) fn give_repeated(
    visitor: &mut dyn SheetVisitor,
    row: u32,
    columns: (u32, u32),
    content: Content<'_>,
    format: FormatId,
) -> Flow {
    for column in columns.0..columns.1 {
        let at = CellAddress { row, column };
        if visitor.cell(at, content, format)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
