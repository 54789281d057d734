//! The ledger's schema is no place for anybody's rows.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::TableName;

/// The ledger's schema.
const SCHEMA: &str = "sheetload";

/// A table's name with the schema that the search path gives it: the first one that has a table of this name, or the one
/// where it would be created. The ledger's schema is passed over, be it on the path by name or as that of the user.
///
/// # Errors
/// `TableUnusable` for a table of the ledger's schema, or when no other schema is on the path; what the server says.
pub async fn outside_of_the_ledger(client: &Client, table: &TableName) -> Result<TableName> {
    match table.schema.as_deref() {
        Some(SCHEMA) => return Err(reserved(table)),
        Some(_) => return Ok(table.clone()),
        None => {}
    }
    let found = client
        .query_one(PLACE, &[&table.table, &SCHEMA])
        .await
        .map_err(|error| error_from_postgres(error, "look at the search path"))?;
    let (has_it, creates_it, is_only_the_ledger): (Option<String>, Option<String>, bool) =
        (found.get(0), found.get(1), found.get(2));
    match has_it.or(creates_it) {
        None if is_only_the_ledger => Err(reserved(&TableName {
            schema: Some(SCHEMA.to_owned()),
            table: table.table.clone(),
        })),
        // Without any schema the server says what is wrong.
        schema => Ok(TableName {
            schema,
            table: table.table.clone(),
        }),
    }
}

fn reserved(table: &TableName) -> Error {
    Error::new(
        ErrorKind::TableUnusable,
        format!(
            "{} is in the schema of sheetload's own ledger, which holds no other tables",
            table.plain()
        ),
    )
    .in_table(table.plain())
    .next_step(format!(
        "Name a table of another schema, as in --table public.{}",
        table.table
    ))
}

const PLACE: &str = "\
with path as (select s.name, s.place from pg_catalog.unnest(pg_catalog.current_schemas(true)) with ordinality s (name, place) \
              where s.name <> $2) \
select (select p.name::text from path p join pg_catalog.pg_namespace n on n.nspname = p.name \
        join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = $1 order by p.place limit 1), \
       (select s.name::text from pg_catalog.unnest(pg_catalog.current_schemas(false)) with ordinality s (name, place) \
        where s.name <> $2 order by s.place limit 1), \
       pg_catalog.current_schema() = $2";
