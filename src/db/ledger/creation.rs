//! One load creates a table, the others wait for it.

use tokio_postgres::Client;
use uuid::Uuid;

use super::begin::not_recorded;
use super::history::IS_ALIVE;
use crate::error::Result;
use crate::model::table::TableName;

/// Claims the right to create a table until the end of the transaction that is open, and says whether it was free.
///
/// # Errors
/// What the server says.
pub async fn claim_name(client: &Client, table: &TableName) -> Result<bool> {
    let claimed = client
        .query_one(
            "select pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))",
            &[&format!("sheetload table {table}")],
        )
        .await;
    claimed.map(|row| row.get(0)).map_err(not_recorded)
}

/// Whether a load that lives is about to create this table, by the ledger's word.
///
/// # Errors
/// What the server says.
pub async fn is_being_created(client: &Client, table: &TableName, except: Uuid) -> Result<bool> {
    let found = client
        .query_one(
            &format!(
                "select exists (select from sheetload.loads l where l.table_schema = $1 and l.table_name = $2 \
                     and l.effect = 'create' and l.state = 'running' and l.id <> $3 and {IS_ALIVE})"
            ),
            &[&table.schema.as_deref().unwrap_or_default(), &table.table, &except],
        )
        .await;
    found.map(|row| row.get(0)).map_err(not_recorded)
}
