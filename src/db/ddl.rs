//! Statements that change tables. Every name is quoted; no value is ever part of a statement.

use tokio_postgres::Client;

use super::introspect::is_unlogged;
use super::replace::table_exists;
use crate::config::storage::Persistence;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// The most columns of a table (PostgreSQL documentation, appendix K).
pub const MAX_COLUMNS: usize = 1_600;

/// The most bytes of a name (PostgreSQL documentation, "Identifiers and Key Words"; NAMEDATALEN - 1).
const MAX_NAME_BYTES: usize = 63;

/// A table to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewTable<'a> {
    /// Its name.
    pub name: &'a TableName,
    /// Its columns.
    pub columns: &'a [TargetColumn],
    /// Whether it outlives a crash of the server.
    pub persistence: Persistence,
    /// The name by which people know it: of the table whose place it takes later, or does not.
    pub known: &'a TableName,
}

/// The statement that creates a table with these columns.
#[must_use]
pub fn create_table_sql(table: &TableName, columns: &[TargetColumn]) -> String {
    creation("create table", table, columns)
}

fn creation(create: &str, table: &TableName, columns: &[TargetColumn]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| {
            let not_null = if column.not_null { " not null" } else { "" };
            format!(
                "{} {}{not_null}",
                quote_identifier(&column.name),
                column.sql_type
            )
        })
        .collect();
    format!("{create} {table} ({})", columns.join(", "))
}

/// Creates a table.
///
/// # Errors
/// `WorkbookTooLarge` for more columns than a table can have; what the server says, such as a missing schema or right.
pub async fn create_table(
    client: &Client,
    table: &TableName,
    columns: &[TargetColumn],
) -> Result<()> {
    let new = NewTable {
        name: table,
        columns,
        persistence: Persistence::Logged,
        known: table,
    };
    create_new_table(client, new).await
}

/// Creates a table that may take the place of another one later, or may be unlogged.
///
/// # Errors
/// As [`create_table`].
pub async fn create_new_table(client: &Client, new: NewTable<'_>) -> Result<()> {
    let NewTable { columns, known, .. } = new;
    if columns.len() > MAX_COLUMNS {
        return Err(Error::new(
            ErrorKind::WorkbookTooLarge,
            format!(
                "the sheet has {} columns, a table at most {MAX_COLUMNS}",
                columns.len()
            ),
        )
        .in_table(known.plain())
        .next_step("Load fewer of them with --range, such as A:ZZ"));
    }
    let create = match new.persistence {
        Persistence::Logged => "create table",
        Persistence::Unlogged => "create unlogged table",
    };
    execute(
        client,
        &creation(create, new.name, columns),
        &format!("create table {}", known.plain()),
    )
    .await
    .map_err(|error| match error.facts().sqlstate.as_deref() {
        // Two that create it at the same time: the second one sees it in the catalog's own indexes.
        Some(DUPLICATE_TABLE | DUPLICATE_OBJECT | UNIQUE_VIOLATION) => table_exists(known),
        _ => error.in_table(known.plain()),
    })
}

const DUPLICATE_TABLE: &str = "42P07";
const DUPLICATE_OBJECT: &str = "42710";
const UNIQUE_VIOLATION: &str = "23505";

/// A change to a table's columns.
#[derive(Debug, Clone)]
pub enum ColumnChange {
    /// A new column, NULL in the rows there are.
    Add {
        /// The column.
        column: TargetColumn,
    },
    /// A wider type.
    Widen {
        /// The column as it shall be.
        column: TargetColumn,
        /// The expression that makes the wider value of each value there is.
        using: String,
    },
}

/// Changes columns, all in one statement: the table is written anew once at most.
///
/// # Errors
/// What the server says.
pub async fn change_columns(
    client: &Client,
    table: &TableName,
    changes: &[ColumnChange],
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let clauses: Vec<String> = changes
        .iter()
        .map(|change| match change {
            ColumnChange::Add { column } => format!(
                "add column {} {}",
                quote_identifier(&column.name),
                column.sql_type
            ),
            ColumnChange::Widen { column, using } => format!(
                "alter column {} type {} using {using}",
                quote_identifier(&column.name),
                column.sql_type
            ),
        })
        .collect();
    // Numbers become text in all their digits, whatever the database's settings; the setting ends with the statement.
    let digits = if changes
        .iter()
        .any(|change| matches!(change, ColumnChange::Widen { .. }))
    {
        "set local extra_float_digits = 1; "
    } else {
        ""
    };
    let sql = format!("{digits}alter table {table} {}", clauses.join(", "));
    let doing = format!("change the columns of {}", table.plain());
    execute(client, &sql, &doing)
        .await
        .map_err(|error| error.in_table(table.plain()))
}

/// Creates an empty table with the columns, defaults, constraints and indexes of another, unlogged if that is. Foreign
/// keys and triggers are not taken over (PostgreSQL documentation, "CREATE TABLE", LIKE).
///
/// # Errors
/// What the server says.
pub async fn create_table_like(
    client: &Client,
    table: &TableName,
    model: &TableName,
) -> Result<()> {
    let unlogged = is_unlogged(client, model).await?;
    let doing = format!("create a table shaped like {}", model.plain());
    let unlogged = if unlogged { "unlogged " } else { "" };
    let sql = format!("create {unlogged}table {table} (like {model} including all)");
    execute(client, &sql, &doing)
        .await
        .map_err(|error| error.in_table(model.plain()))
}

/// Gives a copy made by [`create_table_like`] sequences of its own where the model's defaults draw from sequences
/// (serial columns): otherwise each row in the copy would move the model's on. They go with the copy when it is
/// dropped. A default that draws from a sequence by way of a function of the user's still does.
///
/// # Errors
/// What the server says.
pub async fn give_own_sequences(client: &Client, table: &TableName) -> Result<()> {
    let failed = |error| {
        error_from_postgres(error, &format!("create the sequences of {}", table.plain()))
            .in_table(table.plain())
    };
    let mut number = 0;
    // Each turn replaces one sequence in one default, and what is replaced is not found again.
    while let Some(found) = client
        .query_opt(FOREIGN_SEQUENCE, &[&table.to_string()])
        .await
        .map_err(failed)?
    {
        let (column, default, literal): (String, String, String) =
            (found.get(0), found.get(1), found.get(2));
        number += 1;
        let own = TableName {
            schema: table.schema.clone(),
            table: with_ending(&table.table, &format!("_{number}")),
        };
        let own_literal = format!("'{}'::regclass", own.to_string().replace('\'', "''"));
        let own_default = default.replace(&literal, &own_literal);
        if own_default == default {
            return Err(Error::new(
                ErrorKind::TableUnusable,
                format!("the default of column {column} cannot be given a sequence of its own: {default}"),
            )
            .in_table(table.plain())
            .in_column(column));
        }
        let column = quote_identifier(&column);
        let sql = format!(
            "create sequence {own} owned by {table}.{column}; \
             alter table {table} alter column {column} set default {own_default}"
        );
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    Ok(())
}

/// Lets numbers that are drawn from a table's sequences in the open transaction be taken back with it: an altered
/// sequence is a copy until the commit (PostgreSQL documentation, "ALTER SEQUENCE"). Until then nobody else draws from
/// it. What belongs to another owner stays as it is, and its numbers are gone.
///
/// # Errors
/// What the server says.
pub async fn detach_sequences(client: &Client, table: &TableName) -> Result<()> {
    let failed = |error| {
        error_from_postgres(error, &format!("copy the sequences of {}", table.plain()))
            .in_table(table.plain())
    };
    let found = client
        .query(OWN_SEQUENCES, &[&table.to_string()])
        .await
        .map_err(failed)?;
    for row in found {
        let (sequence, increment): (String, i64) = (row.get(0), row.get(1));
        // That it is said is enough.
        let sql = format!("alter sequence {sequence} increment by {increment}");
        client.batch_execute(&sql).await.map_err(failed)?;
    }
    Ok(())
}

/// The sequences that a table's columns draw from, by way of an identity or a default, and that the user may alter.
const OWN_SEQUENCES: &str = "\
    select distinct pg_catalog.format('%I.%I', n.nspname, c.relname), s.seqincrement \
    from pg_catalog.pg_sequence s \
    join pg_catalog.pg_class c on c.oid = s.seqrelid \
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where pg_catalog.pg_has_role(c.relowner, 'usage') \
      and (exists (select from pg_catalog.pg_depend d \
                   where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid \
                     and d.refobjid = pg_catalog.to_regclass($1)::pg_catalog.oid and d.deptype = 'i') \
           or exists (select from pg_catalog.pg_attrdef a join pg_catalog.pg_depend d \
                          on d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and d.objid = a.oid \
                      where a.adrelid = pg_catalog.to_regclass($1)::pg_catalog.oid and d.refobjid = c.oid)) \
    order by 1";

/// A default that draws from a sequence which does not belong to its table: the column, the default, and the sequence
/// as it is written there (PostgreSQL documentation, "pg_depend": the default depends on the sequence, and a sequence
/// depends automatically on the table that owns it).
const FOREIGN_SEQUENCE: &str = "\
    select a.attname::text, pg_catalog.pg_get_expr(d.adbin, d.adrelid), \
           pg_catalog.quote_literal(s.oid::pg_catalog.regclass::text) || '::regclass' \
    from pg_catalog.pg_attrdef d \
    join pg_catalog.pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum \
    join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
         and uses.objid = d.oid and uses.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
    join pg_catalog.pg_class s on s.oid = uses.refobjid and s.relkind = 'S' \
    where d.adrelid = pg_catalog.to_regclass($1)::oid and not exists ( \
          select from pg_catalog.pg_depend owned \
          where owned.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and owned.objid = s.oid \
            and owned.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and owned.refobjid = d.adrelid) \
    limit 1";

/// Describes a table in the server's own words, for whoever comes across it. The text is one of the program's own.
///
/// # Errors
/// What the server says.
pub async fn comment_on_table(
    client: &Client,
    table: &TableName,
    comment: &'static str,
) -> Result<()> {
    let literal = comment.replace('\'', "''");
    execute(
        client,
        &format!("comment on table {table} is '{literal}'"),
        &format!("describe table {}", table.plain()),
    )
    .await
    .map_err(|error| error.in_table(table.plain()))
}

/// Makes columns the primary key of a table that has none.
///
/// # Errors
/// What the server says.
pub async fn add_primary_key(client: &Client, table: &TableName, key: &[String]) -> Result<()> {
    let columns: Vec<String> = key.iter().map(|name| quote_identifier(name)).collect();
    let sql = format!(
        "alter table {table} add primary key ({})",
        columns.join(", ")
    );
    execute(client, &sql, &format!("give {} its key", table.plain()))
        .await
        .map_err(|error| error.in_table(table.plain()))
}

/// Drops a table that sheetload created. One that does not exist is none to worry about.
///
/// # Errors
/// What the server says.
pub async fn drop_table(client: &Client, table: &TableName) -> Result<()> {
    execute(
        client,
        &format!("drop table if exists {table}"),
        &format!("drop table {}", table.plain()),
    )
    .await
    .map_err(|error| error.in_table(table.plain()))
}

/// Drops a table that has no rows, and says whether it did.
///
/// # Errors
/// What the server says.
pub async fn drop_empty_table(client: &mut Client, table: &TableName) -> Result<bool> {
    let failed = |error| {
        error_from_postgres(error, &format!("drop table {}", table.plain())).in_table(table.plain())
    };
    let transaction = client.transaction().await.map_err(failed)?;
    let name = table.to_string();
    let found = transaction
        .query_one("select pg_catalog.to_regclass($1) is not null", &[&name])
        .await;
    if !found.map_err(failed)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let row = format!("select from {table} limit 1");
    let lock = format!("lock table {table} in access exclusive mode");
    // Asked before as well, so that a table with rows is not waited for.
    for is_locked in [false, true] {
        if is_locked {
            transaction.batch_execute(&lock).await.map_err(failed)?;
        }
        let found = transaction.query_opt(&row, &[]).await;
        if found.map_err(failed)?.is_some() {
            return Ok(false);
        }
    }
    drop_table(transaction.client(), table).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(true)
}

async fn execute(client: &Client, sql: &str, doing: &str) -> Result<()> {
    client
        .batch_execute(sql)
        .await
        .map_err(|error| error_from_postgres(error, doing))
}

/// A name with an ending, of which the name is cut at a character if both are too long together.
pub(super) fn with_ending(name: &str, ending: &str) -> String {
    let mut end = name.len().min(MAX_NAME_BYTES.saturating_sub(ending.len()));
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(with_ending("orders", "_pkey"), "orders_pkey");
        let long = "ä".repeat(31);
        let cut = with_ending(&long, "_12");
        assert_eq!(cut, format!("{}_12", "ä".repeat(30)));
        assert!(cut.len() <= MAX_NAME_BYTES);
        assert_eq!(with_ending("", "_1"), "_1");
    }
}
