//! The table that a load writes to: found or created, joined to the header, and put in place at the end.

use std::collections::HashMap;
use std::process;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use deadpool_postgres::Object;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::infer::{infer_columns, require_rows};
use super::progress::Progress;
use crate::config::import::{IfExists, ImportConfig};
use crate::db::ddl;
use crate::db::introspect::{Table, find_table, require_rights};
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::sheet::Header;
use crate::model::table::{TableName, quote_identifier};
use crate::source::RowSource;
use crate::transform::mapping::{MappedColumn, Mismatch, match_columns, target_columns};

/// How the rows get to where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    /// Straight into the table, each batch visible when it is committed.
    InPlace,
    /// Straight into a table that this load creates.
    IntoNewTable,
    /// Into a staging table, whose rows take the place of the table's at the end.
    Replace { staging: TableName },
    /// Straight into the table, whose rows were removed before.
    AfterTruncate,
}

/// A target that fits the sheet.
#[derive(Debug, Clone)]
pub struct Target {
    name: TableName,
    columns: Vec<MappedColumn>,
    constraint_columns: HashMap<String, Vec<String>>,
    route: Route,
}

impl Target {
    /// Finds the table, or the types of one to be created, and joins it to the header. Changes nothing.
    ///
    /// # Errors
    /// `TableExists` under `--if-exists fail`, `ColumnMismatch` with everything that does not fit, `TableUnusable`,
    /// what the server says, and what is wrong with the file.
    pub(crate) async fn resolve(
        client: &Object,
        mut source: Box<dyn RowSource>,
        config: &ImportConfig,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<(Self, Box<dyn RowSource>)> {
        let (table, if_exists) = (config.table_name(), config.if_exists);
        match find_table(client, &table).await? {
            Some(_) if if_exists == IfExists::Fail => Err(Error::new(
                ErrorKind::TableExists,
                format!("table {} exists already", table.plain()),
            )
            .in_table(table.plain())
            .next_step("Name another table, or say --if-exists append, replace or truncate")),
            Some(found) => {
                let target = Self::existing(found, &source.describe().header, if_exists)?;
                let empties = matches!(if_exists, IfExists::Replace | IfExists::Truncate);
                require_rights(client, &target.name, empties).await?;
                let source =
                    super::blocking(move || require_rows(source.as_mut()).map(|()| source)).await?;
                Ok((target, source))
            }
            None => {
                let (interrupt, progress) = (interrupt.clone(), Arc::clone(progress));
                let on_cell_error = config.on_cell_error;
                let (columns, source) = super::blocking(move || {
                    infer_columns(source.as_mut(), on_cell_error, &interrupt, &progress)
                        .map(|columns| (columns, source))
                })
                .await?;
                let target = Self {
                    name: table,
                    columns,
                    constraint_columns: HashMap::new(),
                    route: Route::IntoNewTable,
                };
                Ok((target, source))
            }
        }
    }

    fn existing(found: Table, header: &Header, if_exists: IfExists) -> Result<Self> {
        let columns = match_columns(header, &found.columns)
            .map_err(|mismatches| mismatch_error(&found, &mismatches))?;
        let route = match if_exists {
            IfExists::Replace => Route::Replace {
                staging: staging_name(&found.name),
            },
            IfExists::Truncate => Route::AfterTruncate,
            IfExists::Append | IfExists::Fail => Route::InPlace,
        };
        Ok(Self {
            name: found.name,
            columns,
            constraint_columns: found.constraint_columns,
            route,
        })
    }

    /// Creates, or empties, what the rows are written to.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn prepare(&mut self, client: &Client) -> Result<()> {
        match &self.route {
            Route::InPlace => Ok(()),
            Route::AfterTruncate => ddl::truncate(client, &self.name).await,
            Route::IntoNewTable => {
                ddl::create_table(client, &self.name, &target_columns(&self.columns)).await?;
                // The schema that the search path chose.
                if let Some(created) = find_table(client, &self.name).await? {
                    self.name = created.name;
                }
                Ok(())
            }
            Route::Replace { staging } => {
                ddl::create_table_like(client, staging, &self.name).await?;
                if let Some(staged) = find_table(client, staging).await? {
                    self.constraint_columns = staged.constraint_columns;
                }
                Ok(())
            }
        }
    }

    /// Puts rows that went through a staging table in place, in one transaction, or leaves the table as it was.
    ///
    /// # Errors
    /// What the server says: a foreign key or a trigger may refuse the rows only now.
    pub(super) async fn publish(&self, client: &mut Object) -> Result<()> {
        let Route::Replace { staging } = &self.route else {
            return Ok(());
        };
        let failed = |error| {
            error_from_postgres(error, &format!("replace the rows of {}", self.name.plain()))
                .in_table(self.name.plain())
        };
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| quote_identifier(&column.target.name))
            .collect();
        let columns = columns.join(", ");
        let name = &self.name;
        let transaction = client.transaction().await.map_err(failed)?;
        transaction
            .batch_execute(&format!(
                "truncate {name}; \
                 insert into {name} ({columns}) select {columns} from {staging}; \
                 drop table {staging}"
            ))
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Removes what [`Self::prepare`] created, if the load left nothing of worth in it.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn clean_up(&self, client: &Client, committed_rows: u64) -> Result<()> {
        match &self.route {
            Route::Replace { staging } => ddl::drop_table(client, staging).await,
            Route::IntoNewTable if committed_rows == 0 => ddl::drop_table(client, &self.name).await,
            _ => Ok(()),
        }
    }

    /// The table's name, with its schema once it is known.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// The table that rows are written to during the load.
    #[must_use]
    pub fn written_table(&self) -> &TableName {
        match &self.route {
            Route::Replace { staging } => staging,
            _ => &self.name,
        }
    }

    /// Whether this load creates the table.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.route == Route::IntoNewTable
    }

    /// Whether rows become visible only at the end.
    #[must_use]
    pub fn is_staged(&self) -> bool {
        matches!(self.route, Route::Replace { .. })
    }

    /// Which of the header's columns goes where.
    #[must_use]
    pub fn columns(&self) -> &[MappedColumn] {
        &self.columns
    }

    /// The columns of the constraints and indexes of the table that is written, by name.
    #[must_use]
    pub fn constraint_columns(&self) -> &HashMap<String, Vec<String>> {
        &self.constraint_columns
    }
}

fn mismatch_error(table: &Table, mismatches: &[Mismatch]) -> Error {
    let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.column.name.as_str())
        .collect();
    Error::new(
        ErrorKind::ColumnMismatch,
        format!(
            "the header does not fit table {}: {}",
            table.name.plain(),
            list.join("; ")
        ),
    )
    .in_table(table.name.plain())
    .next_step(format!("The table's columns are: {}", columns.join(", ")))
}

/// A name in the table's schema that no other load uses: the process and the time make it differ.
fn staging_name(table: &TableName) -> TableName {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    TableName {
        schema: table.schema.clone(),
        table: format!("sheetload_staging_{}_{nanos}", process::id()),
    }
}
