//! Rows that a table's unique indexes would refuse for rows that the table has.

use tokio_postgres::Client;

use super::introspect::only_own_rows;
use crate::error::{Result, error_from_postgres};
use crate::model::table::{TableName, quote_identifier};

/// A row whose key the table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The row's place.
    pub ordinal: i64,
    /// The unique index.
    pub index: String,
}

/// A table's unique indexes that are over columns alone, and whether NULL equals NULL in them. Those over expressions,
/// of parts of the rows, exclusion constraints and keys WITHOUT OVERLAPS cannot be asked in this way.
const UNIQUE_INDEXES: &str = "\
    select c.relname::text, \
           array(select a.attname::text from pg_catalog.pg_attribute a \
                 where a.attrelid = i.indrelid and a.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])), \
           coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) \
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid \
    where i.indrelid = pg_catalog.to_regclass($1)::oid and i.indisunique and i.indisvalid and not i.indisexclusion \
      and i.indexprs is null and i.indpred is null \
    order by 1";

/// Finds the rows of `staged` that a unique index of `table` would refuse for a row of `table`. Indexes over columns that
/// are not written are left out: their values come from defaults.
///
/// # Errors
/// What the server says.
pub async fn find_conflicts(
    client: &Client,
    table: &TableName,
    staged: &TableName,
    written: &[String],
    ordinal: &str,
) -> Result<Vec<Conflict>> {
    let failed = |error| {
        error_from_postgres(error, &format!("look for keys in {}", table.plain()))
            .in_table(table.plain())
    };
    let indexes = client
        .query(UNIQUE_INDEXES, &[&table.to_string()])
        .await
        .map_err(failed)?;
    let ordinal = quote_identifier(ordinal);
    // An index knows nothing of tables that inherit from its own.
    let only = only_own_rows(client, table).await?;
    let mut conflicts = Vec::new();
    for index in indexes {
        let (name, columns): (String, Vec<String>) = (index.get(0), index.get(1));
        if columns.is_empty() || columns.iter().any(|column| !written.contains(column)) {
            continue;
        }
        let equals = if index.get(2) {
            "is not distinct from"
        } else {
            "="
        };
        let same: Vec<String> = columns
            .iter()
            .map(|column| {
                let column = quote_identifier(column);
                format!("has.{column} {equals} new.{column}")
            })
            .collect();
        let sql = format!(
            "select new.{ordinal} from {staged} new where exists (select from {only}{table} has where {})",
            same.join(" and ")
        );
        let found = client.query(&sql, &[]).await.map_err(failed)?;
        conflicts.extend(found.iter().map(|row| Conflict {
            ordinal: row.get(0),
            index: name.clone(),
        }));
    }
    Ok(conflicts)
}
