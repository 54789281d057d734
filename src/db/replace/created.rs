//! A table that was created for the load gets its name.

use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;

use super::staging::in_schema_of;
use crate::db::ddl::with_ending;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::{TableName, quote_identifier};

/// Renames a staging table, which the load created for a table that did not exist, and with it the indexes, constraints
/// and sequences that the server named after it. `table` is in the staging table's schema.
///
/// # Errors
/// `TableExists` when somebody created something of this name meanwhile; what the server says. The transaction must then
/// be rolled back.
pub async fn publish_created(
    transaction: &Transaction<'_>,
    staging: &TableName,
    table: &TableName,
) -> Result<()> {
    let doing = format!("name table {}", table.plain());
    let failed = |error: tokio_postgres::Error| {
        let taken = [SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT];
        if error.code().is_some_and(|code| taken.contains(code)) {
            return table_exists(table);
        }
        error_from_postgres(error, &doing).in_table(table.plain())
    };
    let rename = format!(
        "set constraints all immediate; comment on table {staging} is null; alter table {staging} rename to {}",
        quote_identifier(&table.table)
    );
    transaction.batch_execute(&rename).await.map_err(failed)?;
    let created = TableName {
        schema: staging.schema.clone(),
        table: table.table.clone(),
    };
    let parts = transaction
        .query(PARTS, &[&created.to_string()])
        .await
        .map_err(failed)?;
    for part in &parts {
        let (kind, old): (&str, &str) = (part.get(0), part.get(1));
        let Some(new) = renamed(old, staging, table) else {
            continue;
        };
        let new = free_name(transaction, &created, &new)
            .await
            .map_err(failed)?;
        let new = quote_identifier(&new);
        let rename = match kind {
            "constraint" => format!(
                "alter table {created} rename constraint {} to {new}",
                quote_identifier(old)
            ),
            "index" => format!("alter index {} rename to {new}", in_schema_of(staging, old)),
            _ => format!(
                "alter sequence {} rename to {new}",
                in_schema_of(staging, old)
            ),
        };
        transaction.batch_execute(&rename).await.map_err(failed)?;
    }
    Ok(())
}

/// The name, with a number where something in the table's schema has it already, as the server itself does it.
async fn free_name(
    transaction: &Transaction<'_>,
    table: &TableName,
    name: &str,
) -> Result<String, tokio_postgres::Error> {
    const TRIES: usize = 100;
    let numbered = (1..TRIES).map(|number| with_ending(name, &number.to_string()));
    let candidates: Vec<String> = std::iter::once(name.to_owned()).chain(numbered).collect();
    let free = transaction
        .query_opt(
            "select name from pg_catalog.unnest($2::text[]) with ordinality u (name, place) \
             where not exists ( \
                 select from pg_catalog.pg_class taken \
                 join pg_catalog.pg_class here on here.relnamespace = taken.relnamespace \
                 where here.oid = pg_catalog.to_regclass($1)::oid and taken.relname = u.name) \
             order by place limit 1",
            &[&table.to_string(), &candidates],
        )
        .await?;
    Ok(free.map_or_else(|| name.to_owned(), |row| row.get(0)))
}

/// The name after the table that a name after its staging table becomes.
fn renamed(name: &str, staging: &TableName, table: &TableName) -> Option<String> {
    let ending = name.strip_prefix(staging.table.as_str())?;
    Some(with_ending(&table.table, ending))
}

/// The table was not there when the load began, and is there now.
pub(in crate::db) fn table_exists(table: &TableName) -> Error {
    let message = format!(
        "table {} was created by somebody else while the load ran",
        table.plain()
    );
    Error::new(ErrorKind::TableExists, message)
        .in_table(table.plain())
        .next_step("Name another table, or say --if-exists append, replace or truncate")
}

/// What the server names after a table: constraints, indexes without one, sequences of its columns.
const PARTS: &str = "\
with rel as (select pg_catalog.to_regclass($1)::oid as oid) \
select 'constraint', con.conname::text from rel join pg_catalog.pg_constraint con on con.conrelid = rel.oid \
where con.conparentid = 0 \
union all \
select 'index', c.relname::text from rel join pg_catalog.pg_index i on i.indrelid = rel.oid \
join pg_catalog.pg_class c on c.oid = i.indexrelid \
where not exists (select from pg_catalog.pg_constraint con \
                  where con.conindid = i.indexrelid and con.conrelid = i.indrelid and con.contype in ('p', 'u', 'x')) \
union all \
select 'sequence', s.relname::text from rel join pg_catalog.pg_depend d \
  on d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
 and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid = rel.oid and d.deptype in ('a', 'i') \
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'";
