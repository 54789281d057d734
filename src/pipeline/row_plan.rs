//! How the rows of a sheet are written: what all workers share.

use std::sync::Arc;

use super::defaults::{Given, SheetDefaults};
use super::earlier::EarlierRows;
use super::lineage::{LineageValues, Ordinals, written_columns};
use super::locate::Locator;
use super::progress::Snapshot;
use crate::config::commit::MaxErrors;
use crate::config::import::OnError;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::Batch;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::receipt::ColumnTotals;
use crate::model::reject::Reject;
use crate::sink::encode::{FieldForm, RowEncoder};
use crate::transform::coerce::Coercion;
use crate::transform::mapping::MappedColumn;

/// What all workers of a load share and none changes.
#[derive(Debug, Clone)]
pub(super) struct RowPlan {
    /// The sheet's place among those of the load, from 0.
    pub(super) sheet_place: i32,
    pub(super) columns: Vec<MappedColumn>,
    pub(super) lineage: Option<LineageValues>,
    pub(super) ordinals: Ordinals,
    /// The header's columns that are left out because they have no title.
    pub(super) untitled: Vec<usize>,
    pub(super) coercion: Coercion,
    pub(super) locator: Locator,
    pub(super) limits: RejectLimits,
    /// The rows that an earlier attempt at the load is done with.
    pub(super) earlier: Arc<EarlierRows>,
    /// What empty cells become; none if they are NULL.
    pub(super) defaults: Option<Arc<SheetDefaults>>,
}

/// When rejected rows stop the load.
#[derive(Debug, Clone, Copy)]
pub(super) struct RejectLimits {
    pub(super) on_error: OnError,
    pub(super) max_errors: Option<MaxErrors>,
}

impl RowPlan {
    /// An encoder for the plan's columns.
    pub(super) fn encoder(&self) -> RowEncoder {
        let written = self.written_columns();
        let kinds: Vec<ColumnKind> = written.iter().map(|column| column.kind).collect();
        RowEncoder::new(FieldForm::for_columns(&written), kinds)
    }

    /// All columns that are written, in the order of the values.
    pub(super) fn written_columns(&self) -> Vec<TargetColumn> {
        written_columns(&self.columns, self.lineage.as_ref(), self.ordinals)
    }

    /// What the empty cells of a batch become; none if they are NULL.
    pub(super) async fn given(&self, batch: &Batch) -> Result<Option<Arc<Given>>> {
        let Some(defaults) = &self.defaults else {
            return Ok(None);
        };
        let given = defaults.for_batch(batch, &self.columns, &self.earlier);
        Ok(Some(Arc::new(given.await?)))
    }

    /// What an account of these columns begins with.
    pub(super) fn no_totals(&self) -> Vec<ColumnTotals> {
        let columns = self.columns.iter();
        columns
            .map(|column| ColumnTotals::new(column.target.kind))
            .collect()
    }
}

impl RejectLimits {
    /// Why the load stops after this row, if it does.
    pub(super) fn stop_after(self, reject: &Reject, counters: &Snapshot) -> Option<Error> {
        let at = |error: Error| {
            error
                .in_sheet(&reject.sheet)
                .at_cell(&reject.cell)
                .with_sqlstate(&reject.sqlstate)
        };
        if self.on_error == OnError::Abort {
            let message = format!("{}: {}", reject.cell, reject.message);
            return Some(
                at(Error::new(ErrorKind::RowRejected, message))
                    .next_step("Mend the cell, or load the other rows with --on-error skip"),
            );
        }
        let max_errors = self.max_errors?;
        let (rejected, read) = (counters.rejected_rows, counters.read_rows);
        let last = format!("the last at {}: {}", reject.cell, reject.message);
        max_errors
            .is_exceeded(rejected, read, false)
            .then(|| at(too_many_rejects(max_errors, rejected, &last)))
    }
}

/// More rows are rejected than the options allow.
pub(super) fn too_many_rejects(max_errors: MaxErrors, rejected: u64, which: &str) -> Error {
    let rows = match max_errors {
        MaxErrors::Rows(_) => format!("{max_errors} rows"),
        MaxErrors::Share { .. } => format!("{max_errors} of the rows"),
    };
    Error::new(
        ErrorKind::TooManyRejects,
        format!("more than {rows} were rejected: {rejected}, {which}"),
    )
    .next_step("Mend the rows (--rejects FILE.xlsx lists them), or raise --max-errors")
}
