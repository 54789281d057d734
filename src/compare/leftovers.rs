//! Throw-away tables of comparisons that were killed: known by a lock that a living one holds, and dropped by the next.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tokio_postgres::Client;

use super::scratch::COMMENT;
use crate::db::pool::Database;
use crate::error::{Error, Result, error_from_postgres};
use crate::model::table::TableName;

/// How long a table may be in use by somebody else before it is left to the next comparison.
const LOCK_MILLIS: u32 = 1_000;

/// The lock of a comparison by the name that its tables begin with, as the key of an advisory lock.
const KEY: &str = "pg_catalog.hashtextextended('sheetload compare ' || $1, 0)";

/// Tables as only comparisons make them, with the name that all of one begin with, as far as the user may drop them.
const FOUND: &str = "\
    select pg_catalog.regexp_replace(c.relname, '_[a-z]+$', ''), n.nspname::text, c.relname::text \
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where c.relkind = 'r' and c.relname ~ '^sheetload_compare_[0-9]+_[0-9]+_[a-z]+$' \
      and pg_catalog.obj_description(c.oid, 'pg_class') = $1 and pg_catalog.pg_has_role(c.relowner, 'usage')";

/// Tells others that a comparison is alive, for as long as the connection is. The transaction stays open, so that a pooler
/// keeps the connection to the server, too; it holds nothing else.
pub(super) struct Alive(Object);

impl Alive {
    /// For the comparison whose tables' names begin like this.
    ///
    /// # Errors
    /// No connection; what the server says.
    pub(super) async fn begin(database: &Database, tables: &str) -> Result<Self> {
        let client = database.get().await?;
        client.batch_execute("begin").await.map_err(failed)?;
        let sql = format!("select pg_catalog.pg_advisory_xact_lock({KEY})");
        client.execute(&sql, &[&tables]).await.map_err(failed)?;
        Ok(Self(client))
    }

    /// The tables are gone.
    pub(super) async fn end(self) {
        // A connection that is lost has ended by itself.
        let _ended = self.0.batch_execute("rollback").await;
    }
}

/// Drops the tables of comparisons that are not alive any more. Nothing depends on it, so that no error is worth the
/// comparison that does it.
pub(super) async fn drop_leftovers(database: &Database) {
    if let Err(error) = try_drop(database).await {
        tracing::debug!(%error, "tables of killed comparisons were not looked for");
    }
}

async fn try_drop(database: &Database) -> Result<()> {
    let mut client = database.get().await?;
    let found = client.query(FOUND, &[&COMMENT]).await.map_err(failed)?;
    let mut comparisons: BTreeMap<String, Vec<TableName>> = BTreeMap::new();
    for row in found {
        let table = TableName {
            schema: Some(row.get(1)),
            table: row.get(2),
        };
        comparisons.entry(row.get(0)).or_default().push(table);
    }
    for (tables, left) in comparisons {
        if let Err(error) = drop_dead(&mut client, &tables, &left).await {
            tracing::debug!(%error, tables, "the tables of a killed comparison were left");
        }
    }
    Ok(())
}

async fn drop_dead(
    client: &mut Client,
    tables: &str,
    left: &[TableName],
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(&format!("set local lock_timeout = {LOCK_MILLIS}"))
        .await?;
    let sql = format!("select pg_catalog.pg_try_advisory_xact_lock({KEY})");
    let is_dead: bool = transaction.query_one(&sql, &[&tables]).await?.get(0);
    if is_dead {
        let names: Vec<String> = left.iter().map(ToString::to_string).collect();
        let drop = format!("drop table if exists {}", names.join(", "));
        transaction.batch_execute(&drop).await?;
    }
    transaction.commit().await
}

fn failed(error: tokio_postgres::Error) -> Error {
    error_from_postgres(error, "prepare the throw-away tables")
}
