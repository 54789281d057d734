//! What became of rows that were merged by a key, and the cells of those that were refused only then.

use std::collections::HashMap;

use tokio_postgres::Client;
use uuid::Uuid;

use super::lineage::of_ordinal;
use super::locate::Locator;
use super::rejected_cells::CellKeeper;
use super::rejects::Rejects;
use super::target::Target;
use crate::db::merge::Merged;
use crate::error::Result;
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::reject::Reject;
use crate::model::rejected_row::{RejectedRow, RejectedSheet};
use crate::sink::Refusal;
use crate::sink::ledger::record_rejects;
use crate::source::RowSource;
use crate::transform::mapping::MappedColumn;

/// Batches are emptied at once, so small ones serve.
const LIMITS: BatchLimits = BatchLimits {
    rows: 4_096,
    bytes: 1 << 20,
};

/// What a merge did.
#[derive(Debug, Default)]
pub(super) struct MergedRows {
    /// The numbers.
    pub(super) merged: Merged,
    /// The refused rows of each sheet that has some, with the sheet's place.
    pub(super) refused: Vec<RefusedRows>,
}

/// The refused rows of one sheet.
#[derive(Debug)]
pub(super) struct RefusedRows {
    pub(super) place: usize,
    pub(super) sheet: RejectedSheet,
    pub(super) rows: Vec<RejectedRow>,
}

impl MergedRows {
    /// Rows that are in the table as the sheet has them.
    pub(super) fn loaded(&self) -> u64 {
        self.merged.inserted + self.merged.updated
    }

    /// Rows that were refused.
    pub(super) fn rejected(&self) -> u64 {
        self.merged.refused.len() as u64
    }

    /// The first refused row.
    pub(super) fn first_refused(&self) -> Option<&Reject> {
        let mut rows = self.refused.iter().flat_map(|sheet| &sheet.rows);
        rows.next().map(|row| &row.reject)
    }

    /// Records the refused rows in the ledger, in the transaction that is open.
    pub(super) async fn record(
        &self,
        client: &Client,
        load_id: Uuid,
    ) -> Result<(), tokio_postgres::Error> {
        for sheet in &self.refused {
            let rejects: Vec<Reject> = sheet.rows.iter().map(|row| row.reject.clone()).collect();
            let place = i32::try_from(sheet.place).unwrap_or(i32::MAX);
            record_rejects(client, load_id, place, &rejects).await?;
        }
        Ok(())
    }

    /// Adds the refused rows to those that were rejected before.
    pub(super) fn add_to(&self, rejects: &mut Rejects) {
        let rows = self.refused.iter().flat_map(|sheet| &sheet.rows);
        for row in rows {
            rejects.push(row.reject.clone());
        }
    }
}

/// Reads the sheets once more to find the cells of rows that were refused. Blocks.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn find_refused(
    merged: Merged,
    sources: &mut [Box<dyn RowSource>],
    target: &Target,
) -> Result<MergedRows> {
    let mut by_sheet: HashMap<usize, HashMap<u32, Refusal>> = HashMap::new();
    for (ordinal, refusal) in &merged.refused {
        let (place, row) = of_ordinal(*ordinal);
        by_sheet
            .entry(place)
            .or_default()
            .insert(row, refusal.clone());
    }
    let mut refused = Vec::new();
    for (place, source) in sources.iter_mut().enumerate() {
        let Some(wanted) = by_sheet.remove(&place) else {
            continue;
        };
        let sheet = source.describe();
        let keeper = CellKeeper::new(sheet);
        let mut find = Find {
            locator: Locator::new(sheet, target.constraint_columns().clone())
                .known_as(target.known_as()),
            columns: target.columns_of(place),
            wanted,
            keeper: &keeper,
            rows: Vec::new(),
        };
        let first = Batch::new(sheet.header.width(), LIMITS);
        source.read(first, &mut find)?;
        let rows = find.rows;
        refused.push(RefusedRows {
            place,
            sheet: keeper.sheet().clone(),
            rows,
        });
    }
    Ok(MergedRows { merged, refused })
}

struct Find<'a> {
    locator: Locator,
    columns: Vec<MappedColumn>,
    wanted: HashMap<u32, Refusal>,
    keeper: &'a CellKeeper,
    rows: Vec<RejectedRow>,
}

impl BatchExchange for Find<'_> {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        for row in full.rows() {
            let number = row.sheet_row.saturating_add(1);
            if let Some(refusal) = self.wanted.remove(&number) {
                let reject = self.locator.refusal(&full, row, &self.columns, refusal);
                self.rows.push(self.keeper.keep(reject, &full, row));
            }
        }
        full.clear();
        Ok(full)
    }
}
