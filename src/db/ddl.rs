//! Statements that change tables. Every name is quoted; no value is ever part of a statement.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// The most columns of a table (PostgreSQL documentation, appendix K).
pub const MAX_COLUMNS: usize = 1_600;

/// The statement that creates a table with these columns.
#[must_use]
pub fn create_table_sql(table: &TableName, columns: &[TargetColumn]) -> String {
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
    format!("create table {table} ({})", columns.join(", "))
}

/// Creates a table.
///
/// # Errors
/// `TableUnusable` for more columns than a table can have; what the server says, such as a missing schema or right.
pub async fn create_table(
    client: &Client,
    table: &TableName,
    columns: &[TargetColumn],
) -> Result<()> {
    if columns.len() > MAX_COLUMNS {
        return Err(Error::new(
            ErrorKind::TableUnusable,
            format!(
                "the sheet has {} columns, a table at most {MAX_COLUMNS}",
                columns.len()
            ),
        )
        .in_table(table.plain())
        .next_step("delete the columns that are not needed"));
    }
    execute(
        client,
        &create_table_sql(table, columns),
        &format!("table {} could not be created", table.plain()),
    )
    .await
    .map_err(|error| error.in_table(table.plain()))
}

/// Creates an empty table with the columns, defaults, constraints and indexes of another. Foreign keys and triggers
/// are not taken over (PostgreSQL documentation, "CREATE TABLE", LIKE).
///
/// # Errors
/// What the server says.
pub async fn create_table_like(
    client: &Client,
    table: &TableName,
    model: &TableName,
) -> Result<()> {
    execute(
        client,
        &format!("create table {table} (like {model} including all)"),
        &format!("a table shaped like {} could not be created", model.plain()),
    )
    .await
    .map_err(|error| error.in_table(model.plain()))
}

/// Drops a table that sheetload created. One that does not exist is none to worry about.
///
/// # Errors
/// What the server says.
pub async fn drop_table(client: &Client, table: &TableName) -> Result<()> {
    execute(
        client,
        &format!("drop table if exists {table}"),
        &format!("table {} could not be dropped", table.plain()),
    )
    .await
    .map_err(|error| error.in_table(table.plain()))
}

/// Removes all rows.
///
/// # Errors
/// What the server says, such as foreign keys that point to the table.
pub async fn truncate(client: &Client, table: &TableName) -> Result<()> {
    execute(
        client,
        &format!("truncate {table}"),
        &format!("table {} could not be emptied", table.plain()),
    )
    .await
    .map_err(|error| error.in_table(table.plain()))
}

async fn execute(client: &Client, sql: &str, doing: &str) -> Result<()> {
    client
        .batch_execute(sql)
        .await
        .map_err(|error| error_from_postgres(error, doing))
}
