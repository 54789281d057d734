//! The throw-away tables: one for each mode, shaped like the target, dropped at the end.

use std::collections::HashMap;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::Client;

use super::MODES;
use crate::config::import::Mode;
use crate::db::ddl;
use crate::db::introspect::find_table;
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result, error_from_postgres};
use crate::model::table::TableName;
use crate::pipeline::target::Target;
use crate::transform::mapping::target_columns;

/// What the names of all throw-away tables and their sequences begin with.
pub const NAME_PREFIX: &str = "sheetload_compare_";

/// What a throw-away table is, for whoever comes across one, and for the comparison that drops what a killed one left.
pub(super) const COMMENT: &str = "throw-away table of sheetload compare, which drops it; the next comparison does if this one was killed";

/// How often a table is tried to be dropped: requests to cancel go to one connection after the other, and the last ones
/// may come late.
const TRIES: usize = 3;

/// A mode's table.
#[derive(Debug)]
pub(super) struct ScratchTable {
    mode: Mode,
    pub(super) name: TableName,
    /// The columns of its constraints and indexes, by name. The server names a copy's indexes anew.
    pub(super) constraint_columns: HashMap<String, Vec<String>>,
}

/// All modes' tables.
#[derive(Debug)]
pub(super) struct Scratch {
    prefix: String,
    tables: Vec<ScratchTable>,
}

impl Scratch {
    /// Chooses names beside the target; the process and the time make them differ from all others.
    pub(super) fn plan(target: &TableName) -> Self {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let prefix = format!("{NAME_PREFIX}{}_{nanos}", process::id());
        let tables = MODES.map(|mode| ScratchTable {
            mode,
            name: TableName {
                schema: target.schema.clone(),
                table: format!("{prefix}_{}", mode.name()),
            },
            constraint_columns: HashMap::new(),
        });
        Self {
            prefix,
            tables: tables.into(),
        }
    }

    /// What the names of all its tables begin with, and no other comparison's.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Creates the tables: like the target, or as an import would create it. A serial column gets a sequence of the
    /// throw-away table's own, so that the target's does not move.
    ///
    /// # Errors
    /// What the server says, such as no right to create tables.
    pub(super) async fn create(&mut self, database: &Database, target: &Target) -> Result<()> {
        let failed = |error| error_from_postgres(error, "create the throw-away tables");
        let mut client = database.get().await?;
        // Together with the comments by which they are known.
        let transaction = client.transaction().await.map_err(failed)?;
        for table in &self.tables {
            create(transaction.client(), &table.name, target).await?;
        }
        transaction.commit().await.map_err(failed)?;
        for table in &mut self.tables {
            if let Some(created) = find_table(&client, &table.name).await? {
                table.constraint_columns = created.constraint_columns;
            }
        }
        Ok(())
    }

    /// The mode's table.
    pub(super) fn table(&self, mode: Mode) -> Result<&ScratchTable> {
        let found = self.tables.iter().find(|table| table.mode == mode);
        found.ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                format!("mode {} has no throw-away table", mode.name()),
            )
        })
    }

    /// Drops all that exist; one that resists does not save the others.
    ///
    /// # Errors
    /// The first reason, and as the next step the statement that drops what is left.
    pub(super) async fn drop_all(&self, database: &Database) -> Result<()> {
        let all: Vec<String> = self.tables.iter().map(|t| t.name.to_string()).collect();
        let client = match database.get().await {
            Ok(client) => client,
            Err(error) => return Err(left_over(&all, error)),
        };
        let (mut left, mut first_error) = (Vec::new(), None);
        for table in &self.tables {
            if let Err(error) = drop_patiently(&client, &table.name).await {
                left.push(table.name.to_string());
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), |error| Err(left_over(&left, error)))
    }
}

async fn drop_patiently(client: &Client, table: &TableName) -> Result<()> {
    let mut dropped = ddl::drop_table(client, table).await;
    for _ in 1..TRIES {
        match &dropped {
            Err(error) if error.facts().sqlstate.as_deref() == Some(QUERY_CANCELED) => {
                dropped = ddl::drop_table(client, table).await;
            }
            _ => break,
        }
    }
    dropped
}

async fn create(client: &Client, name: &TableName, target: &Target) -> Result<()> {
    if target.is_new() {
        ddl::create_table(client, name, &target_columns(&target.columns_of(0))).await?;
    } else {
        ddl::create_table_like(client, name, target.name()).await?;
        ddl::give_own_sequences(client, name).await?;
    }
    ddl::comment_on_table(client, name, COMMENT).await
}

fn left_over(tables: &[String], error: Error) -> Error {
    Error::new(error.kind(), "the throw-away tables could not be dropped")
        .caused_by(error)
        .next_step(format!("drop table if exists {};", tables.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_beside_the_target_and_differ() {
        let target = TableName {
            schema: Some("shop".into()),
            table: "orders".into(),
        };
        let scratch = Scratch::plan(&target);
        let mut names: Vec<&str> = Vec::new();
        for table in &scratch.tables {
            assert_eq!(table.name.schema.as_deref(), Some("shop"));
            assert!(table.name.table.starts_with(NAME_PREFIX));
            // NAMEDATALEN - 1, with room for the number of a sequence.
            assert!(table.name.table.len() <= 63 - 3, "{}", table.name.table);
            names.push(&table.name.table);
        }
        names.dedup();
        assert_eq!(names.len(), 3);
    }
}
