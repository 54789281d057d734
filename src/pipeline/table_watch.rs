//! That the table is what rows are encoded for, however long the load takes and whoever alters it meanwhile.

use std::sync::Arc;

use tokio_postgres::Client;

use super::import::Context;
use super::route::{Before, Route};
use super::target::Target;
use crate::db::introspect::find_table;
use crate::error::{Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;
use crate::sink::retry::TableWatch;
use crate::sink::table_version::{TableVersion, altered, lock_sql};

/// A column of two tables that has not the same type in both.
const DIFFERENT_TYPE: &str = "\
    select a.attname::text, pg_catalog.format_type(s.atttypid, s.atttypmod), \
           pg_catalog.format_type(a.atttypid, a.atttypmod) \
    from pg_catalog.pg_attribute a join pg_catalog.pg_attribute s on s.attname = a.attname \
    where a.attrelid = pg_catalog.to_regclass($1)::oid and s.attrelid = pg_catalog.to_regclass($2)::oid \
      and a.attname = any ($3::text[]) and not a.attisdropped and not s.attisdropped \
      and (a.atttypid, a.atttypmod) is distinct from (s.atttypid, s.atttypmod) \
    order by a.attnum limit 1";

impl Context<'_> {
    /// What the table has to be like whenever a batch is written. A staging table is nobody else's, one transaction keeps
    /// its lock, and one that is widened by the load is altered by it.
    pub(super) async fn watch(&self, target: &Target) -> Result<TableWatch> {
        let watch = TableWatch::default();
        if !matches!(target.route, Route::InPlace(_)) || target.is_sampled() {
            return Ok(watch);
        }
        let columns = target.written_columns();
        let version = self
            .patiently(async |client| {
                let version = TableVersion::look(client, &target.name, &columns).await?;
                // What was altered before is seen now, what is altered later with the next batch.
                target.require_as_found(client).await?;
                Ok(version)
            })
            .await?;
        Ok(TableWatch {
            version: Some(Arc::new(version)),
            ..watch
        })
    }
}

impl Target {
    /// Keeps others from altering the table until the transaction that is open ends.
    ///
    /// # Errors
    /// `TableUnusable` if it was altered since it was looked at; what the server says.
    pub(super) async fn hold(&self, client: &Client) -> Result<()> {
        if !matches!(self.route, Route::OneTransaction(_)) {
            return Ok(());
        }
        let locked = client.batch_execute(&lock_sql(&self.name)).await;
        locked.map_err(|error| {
            let doing = format!("write rows to {}", self.name.plain());
            error_from_postgres(error, &doing).in_table(self.name.plain())
        })?;
        self.require_as_found(client).await
    }

    /// Makes sure that staged rows are of the types that the table's columns have when they come there: the server would
    /// convert them, and round what it has to. Keeps others from altering the table until the transaction that is open ends.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub(super) async fn require_like_staged(
        &self,
        client: &Client,
        staging: &TableName,
        columns: &[String],
    ) -> Result<()> {
        let table = &self.name;
        let failed = |error| {
            let doing = format!("put rows into {}", table.plain());
            error_from_postgres(error, &doing).in_table(table.plain())
        };
        let locked = client.batch_execute(&lock_sql(table)).await;
        locked.map_err(failed)?;
        let (table_name, staging) = (table.to_string(), staging.to_string());
        let altered_column = client
            .query_opt(DIFFERENT_TYPE, &[&table_name, &staging, &columns])
            .await
            .map_err(failed)?;
        match altered_column {
            None => Ok(()),
            Some(row) => {
                let (name, was, is): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
                let difference = format!("was altered: column {name} was {was}, and is {is}");
                Err(altered(table, &difference))
            }
        }
    }

    /// Makes sure that the columns of a table that there was before take what they took when it was looked at.
    async fn require_as_found(&self, client: &Client) -> Result<()> {
        let is_made = matches!(
            self.route,
            Route::InPlace(Before::Create) | Route::OneTransaction(Before::Create)
        );
        if is_made {
            return Ok(());
        }
        let Some(now) = find_table(client, &self.name).await? else {
            return Err(altered(&self.name, "was dropped or renamed"));
        };
        let is_added = |name: &str| self.added.iter().any(|added| added.name == name);
        let mapped = self.sheets.iter().flatten().map(|column| &column.target);
        for was in mapped.filter(|column| !is_added(&column.name)) {
            let is = now.columns.iter().find(|is| is.column.name == was.name);
            let Some(is) = is else {
                let difference = format!("has no column {} any more", was.name);
                return Err(altered(&self.name, &difference));
            };
            let takes = |column: &TargetColumn| (column.kind, column.limit);
            if takes(&is.column) != takes(was) {
                let difference = format!(
                    "was altered: column {} was {}, and is {}",
                    was.name, was.sql_type, is.column.sql_type
                );
                return Err(altered(&self.name, &difference));
            }
        }
        Ok(())
    }
}
