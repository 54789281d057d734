//! A rehearsal: all rows were tried in a copy of the table, and what remains is what only the table's own rows tell.

use std::collections::BTreeMap;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::Client;

use super::publish::merge_rows;
use super::route::{Before, Rehearsed, Route};
use super::target::Target;
use crate::db::conflicts::{Conflict, find_conflicts};
use crate::db::ddl;
use crate::db::merge::{Merged, ORDINAL_COLUMN};
use crate::db::replace::{self, Filling};
use crate::db::truncate::truncate;
use crate::error::{Result, error_from_postgres};
use crate::sink::Refusal;

/// unique_violation (PostgreSQL documentation, appendix A).
const UNIQUE_VIOLATION: &str = "23505";

/// Finds out what would become of the rows of the copy, within the transaction that holds it. It must be rolled back
/// afterwards.
///
/// # Errors
/// What the server says.
pub(super) async fn rehearse(
    client: &mut Object,
    target: &Target,
    rows: u64,
) -> Result<Option<Merged>> {
    let Route::Rehearsed { copy, purpose } = &target.route else {
        return Ok(None);
    };
    let columns = target.written_columns();
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    match purpose {
        Rehearsed::NewTable => Ok(None),
        Rehearsed::InPlaceOfRows | Rehearsed::BesideRows
            if replace::judges_itself(client, &target.name).await? =>
        {
            require_added(client, target).await?;
            ddl::detach_sequences(client, &target.name).await?;
            let filling = Filling {
                table: &target.name,
                staging: copy,
                columns: &names,
            };
            if matches!(purpose, Rehearsed::BesideRows) {
                return filling.fill(client).await.map(Some);
            }
            let transaction = within(client, target).await?;
            replace::try_in_place(&transaction, &filling)
                .await
                .map(Some)
        }
        Rehearsed::InPlaceOfRows => Ok(None),
        Rehearsed::InTheTable(before) => {
            require_added(client, target).await?;
            if *before == Before::Truncate {
                truncate(client, &target.name).await?;
            }
            ddl::detach_sequences(client, &target.name).await?;
            let filling = Filling {
                table: &target.name,
                staging: copy,
                columns: &names,
            };
            filling.fill(client).await.map(Some)
        }
        Rehearsed::BesideRows => {
            let conflicts = find_conflicts(client, &target.name, copy, &names, ORDINAL_COLUMN);
            beside(conflicts.await?, rows).map(Some)
        }
        Rehearsed::Merge { upsert, creates } => {
            if *creates {
                target.create_with_key(client, &columns, upsert).await?;
            } else {
                require_added(client, target).await?;
                ddl::detach_sequences(client, &target.name).await?;
            }
            let mut transaction = within(client, target).await?;
            let merged = merge_rows(&mut transaction, &target.name, copy, upsert, &names).await?;
            Ok(Some(merged))
        }
    }
}

/// Begins within the transaction, about which the server warns and nothing more; what it ends with is a rollback of all.
async fn within<'c>(client: &'c mut Object, target: &Target) -> Result<Transaction<'c>> {
    let begun = client.transaction().await;
    begun.map_err(|error| {
        error_from_postgres(error, &format!("put rows into {}", target.name.plain()))
    })
}

/// The table gets the columns that the rows have and it lacks, as it would in earnest.
async fn require_added(client: &Client, target: &Target) -> Result<()> {
    super::publish::add_columns(client, &target.name, &target.added).await
}

fn beside(conflicts: Vec<Conflict>, rows: u64) -> Result<Merged> {
    let mut refused = BTreeMap::new();
    for conflict in conflicts {
        let refusal = Refusal {
            row: 0,
            sqlstate: UNIQUE_VIOLATION.to_owned(),
            message: format!(
                "duplicate key value violates unique constraint \"{}\"",
                conflict.index
            ),
            column: None,
            constraint: Some(conflict.index),
            cells: None,
        };
        refused.entry(conflict.ordinal).or_insert(refusal);
    }
    let refused: Vec<(i64, Refusal)> = refused.into_iter().collect();
    Ok(Merged {
        inserted: rows.saturating_sub(refused.len() as u64),
        refused,
        ..Merged::default()
    })
}
