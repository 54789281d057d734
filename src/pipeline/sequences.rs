//! The sequences of columns that the rows of a load brought their own numbers for.

use tokio_postgres::Client;

use super::import::Context;
use super::target::Target;
use crate::db::sequences::{Brought, move_behind};
use crate::error::Result;
use crate::model::column::ColumnKind;
use crate::model::receipt::{Extremes, Receipt};
use crate::model::sequences::{SequenceMove, SequenceOutcome};

impl Target {
    /// Moves the sequences of the table's columns behind the numbers that the rows have.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn move_sequences(
        &self,
        client: &Client,
        receipt: &Receipt,
    ) -> Result<Vec<SequenceMove>> {
        // A table that the load created has none.
        if self.is_new() {
            return Ok(Vec::new());
        }
        move_behind(client, &self.name, &self.brought(receipt)).await
    }

    /// The least and the greatest numbers of the columns that may have a sequence.
    fn brought(&self, receipt: &Receipt) -> Vec<Brought> {
        let written = self.written_columns();
        let integers = written.iter().filter(|column| {
            let kinds = [ColumnKind::Int2, ColumnKind::Int4, ColumnKind::Int8];
            kinds.contains(&column.kind)
        });
        let brought = integers.filter_map(|column| {
            let mut columns = receipt.columns.iter();
            let of_column = columns.find(|one| one.name == column.name)?;
            let Some(Extremes::Exact(least, greatest)) = of_column.totals.extremes() else {
                return None;
            };
            Some(Brought {
                column: column.name.clone(),
                least: least.to_string().parse().ok()?,
                greatest: greatest.to_string().parse().ok()?,
            })
        });
        brought.collect()
    }
}

impl Context<'_> {
    /// The same for an incomplete load whose committed rows stay. That it cannot be done is no second reason for its end.
    pub(super) async fn sequences_of_kept(
        &self,
        target: &Target,
        receipt: &Receipt,
    ) -> Vec<SequenceMove> {
        if target.route.is_all_or_nothing() {
            return Vec::new();
        }
        let moved = match self.database.get().await {
            Ok(client) => target.move_sequences(&client, receipt).await,
            Err(error) => Err(error),
        };
        moved.unwrap_or_else(|error| {
            tracing::debug!(%error, "the sequences of the table could not be moved");
            Vec::new()
        })
    }
}

/// What somebody else has to do.
pub(super) fn warnings(sequences: &[SequenceMove]) -> impl Iterator<Item = String> {
    sequences.iter().filter_map(|of_column| match &of_column.outcome {
        SequenceOutcome::Moved { .. } => None,
        SequenceOutcome::NotAllowed { statement } => Some(format!(
            "column {} will be given numbers that rows have already: sequence {} was not moved behind them, for lack of \
             the right to; its owner can: {statement}",
            of_column.column, of_column.sequence
        )),
    })
}
