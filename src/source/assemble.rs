//! Cells with positions become rows of a batch.

use std::collections::HashMap;
use std::path::Path;

use super::workbook::late_row;
use crate::error::{Error, Result};
use crate::model::address::CellAddress;
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::Cell;
use crate::model::sheet::{Header, SheetTotals};

/// Puts cells into rows and full batches through the exchange.
///
/// Rows come in order in nearly all files. Where they do not, a cell joins its row as long as that is in the batch at
/// hand; a row cannot be taken back from a batch that is gone, so that such a file is refused.
pub(super) struct RowAssembler<'a> {
    exchange: &'a mut dyn BatchExchange,
    batch: Option<Batch>,
    first_row: u32,
    first_column: u32,
    width: usize,
    current_row: Option<u32>,
    /// The highest row of the batches that are gone.
    handed_over: Option<u32>,
    /// Where each row of the batch is, once rows were found out of order.
    places: Option<HashMap<u32, usize>>,
    /// Rows left out since the last one that was not, and those between rows that were not.
    left_out: u64,
    left_out_between: u64,
    totals: SheetTotals,
    /// The most bytes of texts in a row, and how large the batch may become with those of the row begun last.
    row_text_bytes: u64,
    full_at: u64,
}

/// Why a cell is not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Its row has more text than one may have.
    RowText,
    /// Anything else.
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl<'a> RowAssembler<'a> {
    /// Puts cells into the first batch, and no more than `row_text_bytes` of texts into a row.
    pub(super) fn new(
        header: &Header,
        first: Batch,
        row_text_bytes: u64,
        exchange: &'a mut dyn BatchExchange,
    ) -> Self {
        Self {
            row_text_bytes,
            full_at: row_text_bytes,
            exchange,
            batch: Some(first),
            first_row: header.first_row,
            first_column: header.first_column,
            width: header.width(),
            current_row: None,
            handed_over: None,
            places: None,
            left_out: 0,
            left_out_between: 0,
            totals: SheetTotals::default(),
        }
    }

    /// The counts, for what is left out before it gets here.
    pub(super) fn totals_mut(&mut self) -> &mut SheetTotals {
        &mut self.totals
    }

    /// Counts a filled row that is left out because it is hidden.
    pub(super) fn leave_out_hidden(&mut self, row: u32) {
        self.totals.hidden_rows_skipped += 1;
        self.left_out += u64::from(row >= self.first_row);
    }

    /// Takes the next filled cell of the data, and says whether it is the first of its row. `make` puts its text into
    /// the batch that it is given.
    ///
    /// # Errors
    /// `WorkbookBroken` for a row that was handed over before; too much text in a row; what the exchange and `make` return.
    #[inline]
    pub(super) fn cell(
        &mut self,
        path: &Path,
        address: CellAddress,
        make: impl FnOnce(&mut Batch) -> Result<Cell>,
    ) -> Result<bool, Refusal> {
        let leftmost = self.totals.first_column.unwrap_or(u32::MAX);
        self.totals.first_column = Some(leftmost.min(address.column));
        self.totals.last_column = self.totals.last_column.max(address.column);
        let Some(column) = self.column_under_header(address) else {
            return Ok(false);
        };
        let (mut place, mut begins) = (None, false);
        if self.current_row != Some(address.row) || self.places.is_some() {
            place = self.place_of(address.row);
            begins = place.is_none();
            if begins {
                self.begin_row(path, address.row)?;
            }
        }
        self.put(column, place, make)?;
        Ok(begins)
    }

    /// Hands over the last rows.
    pub(super) fn finish(mut self) -> Result<SheetTotals> {
        if let Some(batch) = self.batch.take()
            && batch.row_count() > 0
        {
            self.exchange.exchange(batch)?;
        }
        let last_row = self.totals.last_row;
        let spanned = last_row.map_or(0, |last| u64::from(last - self.first_row.min(last)) + 1);
        let filled = self.totals.rows + self.left_out_between;
        self.totals.blank_rows = spanned.saturating_sub(filled);
        Ok(self.totals)
    }

    #[inline]
    fn put(
        &mut self,
        column: usize,
        place: Option<usize>,
        make: impl FnOnce(&mut Batch) -> Result<Cell>,
    ) -> Result<(), Refusal> {
        if let Some(batch) = &mut self.batch {
            let cell = make(batch)?;
            let has_text = !matches!(
                cell,
                Cell::Empty | Cell::Bool(_) | Cell::Number { .. } | Cell::Error(_)
            );
            if has_text && batch.bytes() as u64 > self.full_at {
                return Err(Refusal::RowText);
            }
            match place {
                None => batch.set(column, cell),
                Some(row) => batch.set_in_row(row, column, cell),
            }
        }
        Ok(())
    }

    #[inline]
    fn column_under_header(&mut self, address: CellAddress) -> Option<usize> {
        let column = address
            .column
            .checked_sub(self.first_column)
            .and_then(|column| usize::try_from(column).ok())
            .filter(|column| *column < self.width);
        if column.is_none() {
            self.totals.cells_outside_header += 1;
            self.totals.first_outside_header.get_or_insert(address);
        }
        column
    }

    /// Where a row is in the batch, if it came before.
    fn place_of(&mut self, row: u32) -> Option<usize> {
        let batch = self.batch.as_ref()?;
        let in_order = self.current_row.is_none_or(|current| row > current);
        if in_order && self.places.is_none() {
            return None;
        }
        let places = self.places.get_or_insert_with(|| {
            let rows = batch.sheet_rows().iter().copied();
            rows.enumerate().map(|(place, row)| (row, place)).collect()
        });
        places.get(&row).copied()
    }

    fn begin_row(&mut self, path: &Path, row: u32) -> Result<()> {
        if let Some(batch) = self.batch.take() {
            self.batch = Some(if batch.is_full() {
                self.handed_over = self.totals.last_row;
                self.places = None;
                self.exchange.exchange(batch)?
            } else {
                batch
            });
        }
        if self.handed_over.is_some_and(|gone| row <= gone) {
            return Err(late_row(path, row));
        }
        if let Some(batch) = &mut self.batch {
            if let Some(places) = &mut self.places {
                places.insert(row, batch.row_count());
            }
            batch.start_row(row);
            self.full_at = self.row_text_bytes.saturating_add(batch.bytes() as u64);
        }
        // Those behind the last row are not between rows.
        self.left_out_between += self.left_out;
        self.left_out = 0;
        self.totals.rows += 1;
        self.totals.last_row = self.totals.last_row.max(Some(row));
        self.current_row = Some(row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::batch::BatchLimits;

    #[derive(Default)]
    struct Collect(Vec<Vec<u32>>);

    impl BatchExchange for Collect {
        fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
            self.0.push(full.rows().map(|row| row.sheet_row).collect());
            full.clear();
            Ok(full)
        }
    }

    fn assemble(cells: &[(u32, u32)]) -> (Vec<Vec<u32>>, SheetTotals) {
        let header = Header {
            first_row: 2,
            first_column: 1,
            titles: vec!["a".into(), "b".into()],
            titled: crate::model::sheet::Titled::Yes,
        };
        let limits = BatchLimits {
            rows: 2,
            bytes: usize::MAX,
        };
        let mut out = Collect::default();
        let mut assembler = RowAssembler::new(&header, Batch::new(2, limits), 10, &mut out);
        for (row, column) in cells {
            let address = CellAddress {
                row: *row,
                column: *column,
            };
            let path = Path::new("rows.xlsx");
            assembler
                .cell(path, address, |_batch| Ok(Cell::Bool(true)))
                .unwrap();
        }
        let totals = assembler.finish().unwrap();
        (out.0, totals)
    }

    #[test]
    fn rows_close_batches_and_the_last_one_is_handed_over() {
        let (batches, totals) = assemble(&[(2, 1), (2, 2), (3, 1), (4, 2)]);
        assert_eq!(batches, [vec![2, 3], vec![4]]);
        assert_eq!(totals.rows, 3);
        assert_eq!(totals.blank_rows, 0);
    }

    #[test]
    fn blank_rows_are_counted_between_filled_ones_only() {
        let (batches, totals) = assemble(&[(4, 1), (9, 1)]);
        assert_eq!(batches, [vec![4, 9]]);
        assert_eq!(totals.blank_rows, 2 + 4);
    }

    #[test]
    fn cells_beside_the_header_are_counted_and_named() {
        let (batches, totals) = assemble(&[(2, 0), (2, 1), (3, 7)]);
        assert_eq!(batches, [vec![2]]);
        assert_eq!(totals.cells_outside_header, 2);
        let first = totals.first_outside_header.unwrap();
        assert_eq!(first.to_string(), "A3");
        assert_eq!(totals.last_column, 7);
    }

    #[test]
    fn a_cell_joins_its_row_even_when_rows_are_out_of_order() {
        let (batches, totals) = assemble(&[(3, 1), (2, 1), (3, 2), (2, 2)]);
        assert_eq!(batches, [vec![3, 2]]);
        assert_eq!((totals.rows, totals.blank_rows), (2, 0));
    }

    #[test]
    fn a_row_that_is_gone_is_not_begun_again() {
        let header = Header {
            titles: vec![String::new()],
            ..Header::default()
        };
        let limits = BatchLimits {
            rows: 1,
            bytes: usize::MAX,
        };
        let mut out = Collect::default();
        let mut assembler = RowAssembler::new(&header, Batch::new(1, limits), 10, &mut out);
        let mut cell = |row| {
            let at = CellAddress { row, column: 0 };
            assembler.cell(Path::new("a.xlsx"), at, |_batch| Ok(Cell::Bool(true)))
        };
        assert!(cell(0).unwrap());
        assert!(cell(5).unwrap());
        assert!(cell(0).is_err());
    }

    #[test]
    fn a_row_has_as_much_text_as_the_limit_and_no_more() {
        let header = Header {
            titles: vec![String::new(); 2],
            ..Header::default()
        };
        let limits = BatchLimits {
            rows: 9,
            bytes: usize::MAX,
        };
        let mut out = Collect::default();
        let mut assembler = RowAssembler::new(&header, Batch::new(2, limits), 10, &mut out);
        let mut cell = |row, column, text: &str| {
            let at = CellAddress { row, column };
            let text = |batch: &mut Batch| batch.push_text(text).map(Cell::Text);
            assembler.cell(Path::new("a.xlsx"), at, text)
        };
        assert!(cell(0, 0, "01234").is_ok());
        assert!(cell(0, 1, "56789").is_ok());
        assert!(cell(1, 0, "0123456789").is_ok());
        assert!(matches!(cell(1, 1, "x"), Err(Refusal::RowText)));
    }

    #[test]
    fn no_cells_give_no_batch() {
        let (batches, totals) = assemble(&[]);
        assert!(batches.is_empty());
        assert_eq!(totals, SheetTotals::default());
    }
}
