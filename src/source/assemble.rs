//! Cells with positions, in the file's order, become rows of a batch.

use crate::error::Result;
use crate::model::address::CellAddress;
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::Cell;
use crate::model::sheet::{Header, SheetTotals};

/// Puts cells into rows and full batches through the exchange.
pub(super) struct RowAssembler<'a> {
    exchange: &'a mut dyn BatchExchange,
    batch: Option<Batch>,
    header_row: u32,
    first_column: u32,
    width: usize,
    current_row: Option<u32>,
    totals: SheetTotals,
}

impl<'a> RowAssembler<'a> {
    pub(super) fn new(header: &Header, first: Batch, exchange: &'a mut dyn BatchExchange) -> Self {
        Self {
            exchange,
            batch: Some(first),
            header_row: header.row,
            first_column: header.first_column,
            width: header.width(),
            current_row: None,
            totals: SheetTotals::default(),
        }
    }

    /// Takes the next filled cell below the header. `make` puts its text into the batch that it is given.
    pub(super) fn cell(
        &mut self,
        address: CellAddress,
        make: impl FnOnce(&mut Batch) -> Result<Cell>,
    ) -> Result<()> {
        if address.row <= self.header_row {
            return Ok(());
        }
        let leftmost = self.totals.first_column.unwrap_or(u32::MAX);
        self.totals.first_column = Some(leftmost.min(address.column));
        self.totals.last_column = self.totals.last_column.max(address.column);
        let Some(column) = self.column_under_header(address) else {
            return Ok(());
        };
        if self.current_row != Some(address.row) {
            self.begin_row(address.row)?;
        }
        if let Some(batch) = &mut self.batch {
            let cell = make(batch)?;
            batch.set(column, cell);
        }
        Ok(())
    }

    /// Hands over the last rows.
    pub(super) fn finish(mut self) -> Result<SheetTotals> {
        if let Some(batch) = self.batch.take()
            && batch.row_count() > 0
        {
            self.exchange.exchange(batch)?;
        }
        Ok(self.totals)
    }

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

    fn begin_row(&mut self, row: u32) -> Result<()> {
        if let Some(batch) = self.batch.take() {
            self.batch = Some(if batch.is_full() {
                self.exchange.exchange(batch)?
            } else {
                batch
            });
        }
        if let Some(batch) = &mut self.batch {
            batch.start_row(row);
        }
        let previous = self.current_row.unwrap_or(self.header_row);
        self.totals.blank_rows += u64::from(row.saturating_sub(previous).saturating_sub(1));
        self.totals.rows += 1;
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
            row: 1,
            first_column: 1,
            titles: vec!["a".into(), "b".into()],
        };
        let limits = BatchLimits {
            rows: 2,
            bytes: usize::MAX,
        };
        let mut out = Collect::default();
        let mut assembler = RowAssembler::new(&header, Batch::new(2, limits), &mut out);
        for (row, column) in cells {
            let address = CellAddress {
                row: *row,
                column: *column,
            };
            assembler
                .cell(address, |_batch| Ok(Cell::Bool(true)))
                .unwrap();
        }
        let totals = assembler.finish().unwrap();
        (out.0, totals)
    }

    #[test]
    fn rows_close_batches_and_the_last_one_is_handed_over() {
        let (batches, totals) = assemble(&[(0, 1), (1, 1), (2, 1), (2, 2), (3, 1), (4, 2)]);
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
    fn no_cells_give_no_batch() {
        let (batches, totals) = assemble(&[]);
        assert!(batches.is_empty());
        assert_eq!(totals, SheetTotals::default());
    }
}
