//! Staging tables of loads that are over, and that nothing resumes or undoes any more.

use tokio_postgres::Client;
use uuid::Uuid;

use super::history::IS_ALIVE;
use crate::model::table::TableName;

/// How long a staging table may be in use by somebody else before it is left to the next load.
const LOCK_MILLIS: u32 = 1_000;

/// A load that is over: another one replaced what it was to load, or it came to its end.
const IS_OVER: &str = "(l.superseded_by is not null or l.state in ('complete', 'undone'))";

/// Drops the staging tables of loads into this table that are over, as far as the user may. Whoever has the right may do it
/// with a later load; nothing depends on it, so that no error is worth one of the load's.
pub async fn drop_leftovers(client: &mut Client, table: &TableName) {
    let schema = table.schema.as_deref().unwrap_or_default();
    let sql = format!(
        "select l.id, l.staging_name from sheetload.loads l \
         join pg_catalog.pg_namespace n on n.nspname = l.table_schema \
         join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = l.staging_name and c.relkind = 'r' \
         where l.table_schema = $1 and l.table_name = $2 and {IS_OVER} and not {IS_ALIVE} \
           and pg_catalog.pg_has_role(c.relowner, 'usage')"
    );
    let found = match client.query(&sql, &[&schema, &table.table]).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "staging tables of loads that are over were not looked for");
            return;
        }
    };
    for row in found {
        let (load, name): (Uuid, String) = (row.get(0), row.get(1));
        let staging = TableName {
            schema: table.schema.clone(),
            table: name,
        };
        if let Err(error) = drop_leftover(client, load, &staging).await {
            tracing::debug!(%error, table = staging.plain(), "a staging table of a load that is over was left");
        }
    }
}

/// Under a lock on the load's record, which a resume waits for.
async fn drop_leftover(
    client: &mut Client,
    load: Uuid,
    staging: &TableName,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(&format!("set local lock_timeout = {LOCK_MILLIS}"))
        .await?;
    let sql = format!(
        "select from sheetload.loads l where l.id = $1 and {IS_OVER} and not {IS_ALIVE} for update skip locked"
    );
    if transaction.query_opt(&sql, &[&load]).await?.is_some() {
        let drop = format!("drop table if exists {staging}");
        transaction.batch_execute(&drop).await?;
    }
    transaction.commit().await
}
