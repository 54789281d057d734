//! Whether the table holds what was read from the source.

use tokio_postgres::Client;
use uuid::Uuid;

use super::route::{Before, Publish, Route};
use super::target::Target;
use crate::config::commit::{Ledger, Rehearsal, Verify};
use crate::config::import::{ImportConfig, Mode};
use crate::db::verify::{Scope, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::model::receipt::{Receipt, Verified};

/// How many differences are named.
const NAMED: usize = 5;

/// By what a load's rows are told from others in the table that they were written to.
#[derive(Debug, Clone, Copy)]
enum Own {
    /// There are no others.
    All,
    /// By the load's id.
    Lineage,
    /// By the transactions that wrote them.
    Transactions,
    /// Not at all.
    Unknown,
}

fn own_rows(target: &Target, config: &ImportConfig) -> Own {
    match &target.route {
        Route::Staged { .. } => Own::All,
        Route::InPlace(before) | Route::OneTransaction(before) if *before != Before::Nothing => {
            Own::All
        }
        _ if !target.lineage().is_empty() => Own::Lineage,
        _ if config.mode == Mode::Batch && config.ledger == Ledger::Kept => Own::Transactions,
        _ => Own::Unknown,
    }
}

/// Makes sure that the load's rows can be found again among others, before anything is read.
///
/// # Errors
/// `InvalidOptions`, with the way to mark them.
pub(super) fn require_verifiable(target: &Target, config: &ImportConfig) -> Result<()> {
    let is_wanted = config.verify == Verify::Totals && config.rehearsal == Rehearsal::No;
    match own_rows(target, config) {
        Own::Unknown if is_wanted => Err(Error::new(
            ErrorKind::InvalidOptions,
            format!(
                "--verify could not tell the rows of this load from others in {}",
                target.name.plain()
            ),
        )
        .in_table(target.name.plain())
        .next_step("Add --lineage, which marks them, or load in batch mode with a ledger")),
        _ => Ok(()),
    }
}

/// Compares the table that was written to the receipt, if that is wanted, and says so in the receipt. `left_out` of its rows
/// were left out by the table itself.
///
/// # Errors
/// `VerificationFailed`, with the figures; what the server says.
pub(super) async fn compare(
    client: &Client,
    target: &Target,
    config: &ImportConfig,
    load_id: Uuid,
    receipt: &mut Receipt,
    left_out: u64,
) -> Result<()> {
    if config.verify == Verify::No {
        return Ok(());
    }
    let (scope, verified) = match own_rows(target, config) {
        Own::All => (Scope::WholeTable, Verified::WholeTable),
        Own::Lineage => (Scope::Lineage(load_id), Verified::Lineage),
        Own::Transactions => (Scope::Transactions(load_id), Verified::Transactions),
        Own::Unknown => return Ok(()),
    };
    let table = target.written_table();
    let mismatches = verify(client, table, scope, &receipt.known(), left_out).await?;
    if mismatches.is_empty() {
        let is_merged = matches!(
            target.route,
            Route::Staged {
                publish: Publish::Merge { .. },
                ..
            }
        );
        receipt.verified = Some(if is_merged {
            Verified::Staged
        } else {
            verified
        });
        return Ok(());
    }
    let named: Vec<String> = mismatches
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let more = match mismatches.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Error::new(
        ErrorKind::VerificationFailed,
        format!(
            "the table does not hold what was read: {}{more}",
            named.join("; ")
        ),
    )
    .in_table(target.name.plain())
    .next_step(if target.route.is_all_or_nothing() {
        "Nothing was loaded. Look for triggers and generated values that change rows"
    } else {
        "The rows are in the table. Look for triggers, generated values and others who change rows; `sheetload undo` takes them back"
    }))
}
