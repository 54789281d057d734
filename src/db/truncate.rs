//! Empties a table at once.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::introspect::only_own_rows;
use crate::error::{Result, error_from_postgres};
use crate::model::table::TableName;

/// Removes all rows of a table, with those of its partitions, and without those of tables that inherit from it: they are
/// tables of their own.
///
/// # Errors
/// What the server says, such as foreign keys that point to the table.
pub async fn truncate(client: &Client, table: &TableName) -> Result<()> {
    let doing = format!("empty table {}", table.plain());
    let only = only_own_rows(client, table).await?;
    let truncate = format!("truncate {only}{table}");
    client.batch_execute(&truncate).await.map_err(|error| {
        let error = error_from_postgres(error, &doing).in_table(table.plain());
        // The only such refusal of a table that can be truncated at all.
        if error.facts().sqlstate.as_deref() == Some(SqlState::FEATURE_NOT_SUPPORTED.code()) {
            return error.next_step(
                "Say --if-exists replace, by which the keys that other tables refer to may come back",
            );
        }
        error
    })
}
