//! Batches by stretches of rows, for those who look at one column after the other.

use crate::model::batch::{Batch, Row};
use crate::model::cell::Cell;

/// The cells of a block stay in the processor's first cache while its columns are looked at.
const BLOCK_BYTES: usize = 16 << 10;
/// Fewer rows than this are not worth the change from column to column.
const LEAST_ROWS: usize = 16;

/// Gives the rows of a batch block by block.
pub(super) fn for_each_block<'a>(batch: &'a Batch, mut look: impl FnMut(&[Row<'a>])) {
    let row_bytes = batch.width().saturating_mul(size_of::<Cell>()).max(1);
    let block_rows = (BLOCK_BYTES / row_bytes).max(LEAST_ROWS);
    let mut rows = batch.rows();
    let mut block = Vec::with_capacity(block_rows.min(batch.row_count()));
    loop {
        block.clear();
        block.extend(rows.by_ref().take(block_rows));
        if block.is_empty() {
            return;
        }
        look(&block);
    }
}
