//! The flat batch: many rows in three allocations.

use std::sync::Arc;

use super::cell::{Cell, TextSpan};
use super::shared_strings::SharedStrings;
use crate::error::{Error, ErrorKind, Result};

/// When a batch is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// At this many rows.
    pub rows: usize,
    /// At this many bytes of cells and texts.
    pub bytes: usize,
}

/// Rows of one sheet, all of the same width. Emptied and filled again many times in a load.
#[derive(Debug)]
pub struct Batch {
    width: usize,
    limits: BatchLimits,
    cells: Vec<Cell>,
    sheet_rows: Vec<u32>,
    text: String,
    strings: Arc<SharedStrings>,
    /// Bytes of the shared strings that its cells refer to, each as often as it is referred to.
    shared_bytes: usize,
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The row's number in the sheet, from 0.
    pub sheet_row: u32,
    /// Its cells, as many as the header has columns.
    pub cells: &'a [Cell],
}

impl Batch {
    /// An empty batch for rows of `width` cells.
    #[must_use]
    pub fn new(width: usize, limits: BatchLimits) -> Self {
        Self {
            width,
            limits,
            cells: Vec::new(),
            sheet_rows: Vec::new(),
            text: String::new(),
            strings: Arc::default(),
            shared_bytes: 0,
        }
    }

    /// Changes when it is full.
    pub fn set_limits(&mut self, limits: BatchLimits) {
        self.limits = limits;
    }

    /// Starts a row of empty cells.
    pub fn start_row(&mut self, sheet_row: u32) {
        self.sheet_rows.push(sheet_row);
        self.cells
            .resize(self.sheet_rows.len() * self.width, Cell::Empty);
    }

    /// Puts a cell into the row started last. A column at or beyond the width is ignored.
    #[inline]
    pub fn set(&mut self, column: usize, cell: Cell) {
        if column < self.width && !self.sheet_rows.is_empty() {
            let row_start = self.cells.len() - self.width;
            self.cells[row_start + column] = cell;
        }
    }

    /// Puts a cell into the row with this index. A row or column that it does not have is ignored.
    pub fn set_in_row(&mut self, row: usize, column: usize, cell: Cell) {
        if column < self.width
            && let Some(place) = self.cells.get_mut(row * self.width + column)
        {
            *place = cell;
        }
    }

    /// The sheet's numbers of its rows, from 0.
    #[must_use]
    pub fn sheet_rows(&self) -> &[u32] {
        &self.sheet_rows
    }

    /// Keeps a text and says where it lies.
    ///
    /// # Errors
    /// `WorkbookTooLarge` when the batch's texts pass 4 GiB, which needs a single row of that size.
    #[inline]
    pub fn push_text(&mut self, text: &str) -> Result<TextSpan> {
        let (Ok(start), Ok(len)) = (u32::try_from(self.text.len()), u32::try_from(text.len()))
        else {
            return Err(Error::new(
                ErrorKind::WorkbookTooLarge,
                "the texts of one row are larger than 4 GiB",
            ));
        };
        self.text.push_str(text);
        Ok(TextSpan { start, len })
    }

    /// A cell that refers to a shared string of so many bytes. The strings of one workbook grow while it is read: a
    /// string keeps its number.
    #[inline]
    pub fn refer(&mut self, index: u32, bytes: usize, strings: &Arc<SharedStrings>) -> Cell {
        if !Arc::ptr_eq(&self.strings, strings) {
            self.strings = Arc::clone(strings);
        }
        self.shared_bytes = self.shared_bytes.saturating_add(bytes);
        Cell::Shared(index)
    }

    /// The text of a span that [`Self::push_text`] of this batch gave.
    #[must_use]
    pub fn text(&self, span: TextSpan) -> &str {
        let start = span.start as usize;
        self.text
            .get(start..start + span.len as usize)
            .unwrap_or_default()
    }

    /// The text of a cell of this batch, empty for those that have none.
    #[must_use]
    pub fn text_of(&self, cell: Cell) -> &str {
        match cell {
            Cell::Text(span) | Cell::Iso(span) | Cell::Digits { text: span, .. } => self.text(span),
            Cell::Shared(index) => self.strings.get(index).unwrap_or_default(),
            _ => "",
        }
    }

    /// Whether one of its texts, or any of the workbook's shared strings, may hold U+0000.
    #[must_use]
    pub fn may_have_nul(&self) -> bool {
        self.strings.has_nul() || memchr::memchr(0, self.text.as_bytes()).is_some()
    }

    /// How many rows it holds.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.sheet_rows.len()
    }

    /// How many cells a row has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes of cells and texts, shared ones included: what its rows make of them is not shared.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> usize {
        self.cells.len() * size_of::<Cell>() + self.text.len() + self.shared_bytes
    }

    /// Whether one of its limits is reached.
    #[must_use]
    #[inline]
    pub fn is_full(&self) -> bool {
        self.row_count() >= self.limits.rows || self.bytes() >= self.limits.bytes
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.cells.clear();
        self.sheet_rows.clear();
        self.text.clear();
        self.shared_bytes = 0;
    }

    /// The row with this index.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let sheet_row = *self.sheet_rows.get(index)?;
        let start = index * self.width;
        Some(Row {
            sheet_row,
            cells: self.cells.get(start..start + self.width)?,
        })
    }

    /// Its rows in the sheet's order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.row_count()).filter_map(|index| self.row(index))
    }
}

/// Takes full batches from a reader and gives empty ones.
pub trait BatchExchange {
    /// Takes a batch with rows, full or last, and gives an empty one of the same width.
    ///
    /// # Errors
    /// Any error ends the reading and is what the reader returns; `Interrupted` when nobody wants more rows.
    fn exchange(&mut self, full: Batch) -> Result<Batch>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits {
        rows: 3,
        bytes: 1_000,
    };

    #[test]
    fn rows_keep_their_sheet_numbers_and_gaps_are_empty() {
        let mut batch = Batch::new(3, LIMITS);
        batch.start_row(4);
        let span = batch.push_text("é").unwrap();
        batch.set(1, Cell::Text(span));
        batch.start_row(9);
        batch.set(2, Cell::Bool(true));
        batch.set(3, Cell::Bool(false));
        let rows: Vec<_> = batch.rows().collect();
        assert_eq!(rows[0].sheet_row, 4);
        assert_eq!(rows[0].cells[0], Cell::Empty);
        assert_eq!(batch.text(span), "é");
        assert_eq!(rows[1].sheet_row, 9);
        assert_eq!(rows[1].cells, [Cell::Empty, Cell::Empty, Cell::Bool(true)]);
    }

    #[test]
    fn a_batch_is_full_at_either_limit() {
        let mut batch = Batch::new(1, LIMITS);
        for row in 0..3 {
            assert!(!batch.is_full());
            batch.start_row(row);
        }
        assert!(batch.is_full());
        batch.clear();
        assert!(!batch.is_full());
        batch.start_row(0);
        batch.push_text(&"x".repeat(1_000)).unwrap();
        assert!(batch.is_full());
    }
}
