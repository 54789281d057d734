//! What a load's columns hold, found from the source's values while they are encoded, so that the table can be asked
//! for the same figures afterwards.

mod decimal;
mod float;
mod numeric;
mod totals;
mod wide;

use serde::{Deserialize, Serialize};

pub use decimal::{NotANumber, Number};
pub use float::{FloatTotals, OUTSIZED};
pub use totals::{ColumnTotals, Extremes, Sum};

/// A column that was written, and what the loaded rows hold in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnReceipt {
    /// Its name in the table.
    pub name: String,
    /// Its type as SQL writes it.
    pub sql_type: String,
    /// What the loaded rows hold.
    pub totals: ColumnTotals,
}

/// With which rows of the table a receipt was compared, and agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// All rows: the load made the table or took the place of what it held.
    WholeTable,
    /// The rows that carry the load's id.
    Lineage,
    /// The rows that the load's transactions wrote.
    Transactions,
    /// The staged rows, before they were merged into the table by their key.
    Staged,
}

/// What a load put into a table, for each written column in the table's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The columns.
    pub columns: Vec<ColumnReceipt>,
    /// With what it was compared; nothing when it was not.
    #[serde(default)]
    pub verified: Option<Verified>,
    /// Columns of which the sums and extremes are not those of all rows: the server gave values that nobody knows.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

impl Receipt {
    /// The same with counts alone where nothing else is known.
    #[must_use]
    pub fn known(&self) -> Self {
        let mut known = self.clone();
        for column in &mut known.columns {
            if self.unknown.contains(&column.name) {
                column.totals.forget_figures();
            }
        }
        known
    }
}

#[cfg(test)]
mod tests;
