//! What a user may do to try rows without keeping them: a dry run needs no right that the load does not need.

use tokio_postgres::Client;

use crate::error::{Result, error_from_postgres};
use crate::model::table::TableName;

/// Where rows can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryIn {
    /// A copy of the table beside it.
    Copy,
    /// The table itself, from a temporary table.
    TableFromTemporary,
    /// The table itself.
    Table,
}

/// A copy takes the right to make tables in the schema, to look at the table, and to refer to those that it refers to.
const RIGHTS: &str = "\
    select pg_catalog.has_schema_privilege(c.relnamespace, 'create') \
           and pg_catalog.has_table_privilege(c.oid, 'select') \
           and not exists (select from pg_catalog.pg_constraint k \
                           where k.conrelid = c.oid and k.contype = 'f' \
                             and not pg_catalog.has_table_privilege(k.confrelid, 'references')), \
           pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temporary') \
    from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)::oid";

impl TryIn {
    /// Where this user can try rows of a table.
    ///
    /// # Errors
    /// What the server says.
    pub async fn find(client: &Client, table: &TableName) -> Result<Self> {
        let found = client.query_opt(RIGHTS, &[&table.to_string()]).await;
        let found = found.map_err(|error| {
            error_from_postgres(error, &format!("look at table {}", table.plain()))
                .in_table(table.plain())
        })?;
        let rights = found.map_or((true, true), |row| (row.get(0), row.get(1)));
        Ok(match rights {
            (true, _) => Self::Copy,
            (false, true) => Self::TableFromTemporary,
            (false, false) => Self::Table,
        })
    }
}
