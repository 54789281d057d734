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
use crate::error::{Error, ErrorKind, Result};
use crate::model::table::TableName;
use crate::pipeline::target::Target;
use crate::transform::mapping::target_columns;

/// What the names of all throw-away tables and their sequences begin with.
pub const NAME_PREFIX: &str = "sheetload_compare_";

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
    tables: Vec<ScratchTable>,
}

impl Scratch {
    /// Chooses names beside the target; the process and the time make them differ from all others.
    pub(super) fn plan(target: &TableName) -> Self {
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let tables = MODES.map(|mode| ScratchTable {
            mode,
            name: TableName {
                schema: target.schema.clone(),
                table: format!("{NAME_PREFIX}{}_{nanos}_{}", process::id(), mode.name()),
            },
            constraint_columns: HashMap::new(),
        });
        Self {
            tables: tables.into(),
        }
    }

    /// Creates the tables: like the target, or as an import would create it. A serial column gets a sequence of the
    /// throw-away table's own, so that the target's does not move.
    ///
    /// # Errors
    /// What the server says, such as no right to create tables. Some of the tables may be there then.
    pub(super) async fn create(&mut self, database: &Database, target: &Target) -> Result<()> {
        let client = database.get().await?;
        for table in &mut self.tables {
            create(&client, &table.name, target).await?;
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
            if let Err(error) = ddl::drop_table(&client, &table.name).await {
                left.push(table.name.to_string());
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), |error| Err(left_over(&left, error)))
    }
}

async fn create(client: &Client, name: &TableName, target: &Target) -> Result<()> {
    if target.is_new() {
        ddl::create_table(client, name, &target_columns(&target.columns_of(0))).await?;
    } else {
        ddl::create_table_like(client, name, target.name()).await?;
        ddl::give_own_sequences(client, name).await?;
    }
    ddl::comment_on_table(
        client,
        name,
        "throw-away table of a running sheetload compare",
    )
    .await
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
