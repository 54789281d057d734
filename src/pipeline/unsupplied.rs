//! Columns of the table that the sheet lacks, and what their values become.

use std::pin::pin;

use deadpool_postgres::Object;

use super::import::{Context, interrupted_early, is_cancelled_statement};
use super::target::Target;
use crate::db::introspect::find_table;
use crate::error::{Result, error_from_postgres};
use crate::model::column::TableColumn;
use crate::model::table::{TableName, quote_identifier};

/// Of a table that keeps its rows so many are looked at: whether a column is in use is soon seen.
const ROWS_LOOKED_AT: u32 = 1_000;

/// What becomes of the rows that the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OldRows {
    /// They stay as they are.
    Stay,
    /// Those of the load take their place.
    Go,
}

impl Context<'_> {
    /// Finds columns with values that the sheet lacks, for the report. Changes nothing, and does not wait for a lock after
    /// an interrupt.
    pub(super) async fn look_at_unsupplied(&self, target: &mut Target) -> Result<()> {
        if target.unsupplied.is_some() {
            return Ok(());
        }
        let found = {
            let mut looking = pin!(async {
                let client = self.database.get().await?;
                target.find_unsupplied(&client).await
            });
            tokio::select! {
                found = &mut looking => found,
                () = self.interrupt.cancelled() => {
                    self.database.cancel_statements().await;
                    looking.await.map_err(|error| match is_cancelled_statement(&error) {
                        true => interrupted_early(),
                        false => error,
                    })
                }
            }
        };
        target.unsupplied = Some(found?);
        Ok(())
    }
}

impl Target {
    /// What becomes of the columns that the sheet lacks, in a line each.
    async fn find_unsupplied(&self, client: &Object) -> Result<Vec<String>> {
        if self.is_new() {
            return Ok(Vec::new());
        }
        let Some(table) = find_table(client, &self.name).await? else {
            return Ok(Vec::new());
        };
        let old_rows = match self.route.fills_the_table() {
            true => OldRows::Go,
            false => OldRows::Stay,
        };
        let written = self.written_columns();
        let lacking = table.columns.into_iter().filter(|column| {
            let is_written = written.iter().any(|one| one.name == column.column.name);
            // Where rows stay, a default is what the column is meant to have.
            !column.generated && !is_written && (old_rows == OldRows::Go || !column.has_default)
        });
        let lacking: Vec<TableColumn> = lacking.collect();
        let used = used_columns(client, &table.name, &lacking, old_rows).await?;
        let named = |has_default: bool| {
            let columns = used
                .iter()
                .filter(|column| column.has_default == has_default);
            let names = columns.map(|column| column.column.name.as_str());
            names.collect::<Vec<&str>>().join(", ")
        };
        let (null, default) = (named(false), named(true));
        let mut lines = Vec::new();
        if !null.is_empty() && old_rows == OldRows::Go {
            lines.push(format!(
                "the sheet has no column for {null}, which had values: NULL in every row"
            ));
        } else if !null.is_empty() {
            lines.push(format!(
                "the sheet has no column for {null}, which has values in other rows: NULL in those that are added"
            ));
        }
        if !default.is_empty() {
            lines.push(format!(
                "the sheet has no column for {default}, which had values: the default in every row"
            ));
        }
        Ok(lines)
    }
}

/// Those of the columns that hold values. What the user may not read may do so.
async fn used_columns(
    client: &Object,
    table: &TableName,
    columns: &[TableColumn],
    old_rows: OldRows,
) -> Result<Vec<TableColumn>> {
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error| error_from_postgres(error, &format!("look at table {}", table.plain()));
    let names: Vec<&str> = columns
        .iter()
        .map(|column| column.column.name.as_str())
        .collect();
    let readable = client
        .query(READABLE, &[&table.to_string(), &names])
        .await
        .map_err(failed)?;
    let readable: Vec<String> = readable.iter().map(|row| row.get(0)).collect();
    let mut used = Vec::new();
    for column in columns {
        let is_used = if readable.contains(&column.column.name) {
            let name = quote_identifier(&column.column.name);
            let rows = match old_rows {
                OldRows::Go => table.to_string(),
                OldRows::Stay => {
                    format!("(select {name} from {table} limit {ROWS_LOOKED_AT}) rows")
                }
            };
            let sql = format!("select exists (select from {rows} where {name} is not null)");
            client.query_one(&sql, &[]).await.map_err(failed)?.get(0)
        } else {
            old_rows == OldRows::Go
        };
        if is_used {
            used.push(column.clone());
        }
    }
    Ok(used)
}

const READABLE: &str = "\
select a.attname::text from pg_catalog.pg_attribute a \
where a.attrelid = pg_catalog.to_regclass($1)::oid and a.attname = any ($2::text[]) and not a.attisdropped \
  and pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select')";
