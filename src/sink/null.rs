//! A sink that accepts everything and keeps nothing: what reading and encoding cost by themselves.

use super::encode::EncodedBatch;
use super::ledger::BatchRecord;
use super::{Sink, WriteFailure, Written};
use crate::error::Result;
use crate::model::column::TargetColumn;

/// Counts rows and drops them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullSink;

impl Sink for NullSink {
    async fn set_columns(&mut self, _columns: &[TargetColumn]) -> Result<()> {
        Ok(())
    }

    async fn write(
        &mut self,
        batch: &EncodedBatch,
        _record: &dyn BatchRecord,
    ) -> Result<Written, WriteFailure> {
        Ok(Written {
            loaded: batch.row_count() as u64,
            refused: Vec::new(),
        })
    }
}
