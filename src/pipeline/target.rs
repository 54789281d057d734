//! The table that a load writes to: found or created, joined to the header, and put in place at the end.

use std::collections::HashMap;
use std::process;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use deadpool_postgres::Object;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::existing_table::ExistingTable;
use super::lineage;
use super::new_table::{Sampled, new_table};
use super::progress::Progress;
use super::widen::Widening;
use crate::config::import::{IfExists, ImportConfig};
use crate::db::ddl::{self, ColumnChange};
use crate::db::introspect::{find_table, require_rights};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};
use crate::source::RowSource;
use crate::transform::mapping::MappedColumn;

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

/// A target that fits the sheets.
#[derive(Debug, Clone)]
pub struct Target {
    name: TableName,
    /// For each sheet, which of its columns goes where.
    sheets: Vec<Vec<MappedColumn>>,
    lineage: Vec<TargetColumn>,
    constraint_columns: HashMap<String, Vec<String>>,
    route: Route,
    /// For a new table whose types come from a sample of the rows.
    sampled: Option<Sampled>,
    /// Columns that the table gets before the load.
    added: Vec<TargetColumn>,
    /// What the cells of a new table's columns lose, in a line each.
    warnings: Vec<String>,
    /// For each sheet, its columns that are left out because they have no title.
    untitled: Vec<Vec<usize>>,
}

impl Target {
    /// Finds the table, or the types of one to be created, and joins it to the headers. Changes nothing.
    ///
    /// # Errors
    /// `TableExists` under `--if-exists fail`, `ColumnMismatch` with everything that does not fit, `TableUnusable`,
    /// what the server says, and what is wrong with the file.
    pub(crate) async fn resolve(
        client: &Object,
        table: &TableName,
        mut sources: Vec<Box<dyn RowSource>>,
        config: &ImportConfig,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<(Self, Vec<Box<dyn RowSource>>)> {
        let if_exists = config.if_exists;
        match find_table(client, table).await? {
            Some(_) if if_exists == IfExists::Fail => Err(Error::new(
                ErrorKind::TableExists,
                format!("table {} exists already", table.plain()),
            )
            .in_table(table.plain())
            .next_step("Name another table, or say --if-exists append, replace or truncate")),
            Some(found) => {
                let empties = matches!(if_exists, IfExists::Replace | IfExists::Truncate);
                require_rights(client, &found.name, empties).await?;
                let (interrupt, progress) = (interrupt.clone(), Arc::clone(progress));
                let owned = config.clone();
                let (joined, sources) = super::blocking(move || {
                    ExistingTable::join(found, &mut sources, &owned, &interrupt, &progress)
                        .map(|joined| (joined, sources))
                })
                .await?;
                Ok((Self::existing(joined, if_exists), sources))
            }
            None => {
                let (interrupt, progress) = (interrupt.clone(), Arc::clone(progress));
                let owned = config.clone();
                let (new, sources) = super::blocking(move || {
                    new_table(&mut sources, &owned, &interrupt, &progress).map(|new| (new, sources))
                })
                .await?;
                let target = Self {
                    name: table.clone(),
                    sheets: new.sheets,
                    lineage: lineage::new_columns(config.lineage),
                    constraint_columns: HashMap::new(),
                    route: Route::IntoNewTable,
                    sampled: new.sampled,
                    added: Vec::new(),
                    warnings: new.warnings,
                    untitled: Vec::new(),
                };
                Ok((target, sources))
            }
        }
    }

    fn existing(table: ExistingTable, if_exists: IfExists) -> Self {
        let route = match if_exists {
            IfExists::Replace => Route::Replace {
                staging: staging_name(&table.name),
            },
            IfExists::Truncate => Route::AfterTruncate,
            IfExists::Append | IfExists::Fail => Route::InPlace,
        };
        Self {
            name: table.name,
            sheets: table.sheets,
            lineage: table.lineage,
            constraint_columns: table.constraint_columns,
            route,
            sampled: None,
            added: table.added,
            warnings: Vec::new(),
            untitled: table.untitled,
        }
    }

    /// All columns that are written.
    fn written_columns(&self) -> Vec<TargetColumn> {
        let mut columns: Vec<TargetColumn> = Vec::new();
        for column in self.sheets.iter().flatten() {
            if !columns.iter().any(|known| known.name == column.target.name) {
                columns.push(column.target.clone());
            }
        }
        columns.extend_from_slice(&self.lineage);
        columns
    }

    /// Creates, or empties, what the rows are written to.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn prepare(&mut self, client: &Client) -> Result<()> {
        match &self.route {
            Route::InPlace => self.add_columns(client, &self.name).await,
            Route::AfterTruncate => {
                self.add_columns(client, &self.name).await?;
                ddl::truncate(client, &self.name).await
            }
            Route::IntoNewTable => {
                ddl::create_table(client, &self.name, &self.written_columns()).await?;
                // The schema that the search path chose.
                if let Some(created) = find_table(client, &self.name).await? {
                    self.name = created.name;
                }
                Ok(())
            }
            Route::Replace { staging } => {
                ddl::create_table_like(client, staging, &self.name).await?;
                // The table itself gets them with the rows.
                self.add_columns(client, staging).await?;
                if let Some(staged) = find_table(client, staging).await? {
                    self.constraint_columns = staged.constraint_columns;
                }
                Ok(())
            }
        }
    }

    async fn add_columns(&self, client: &Client, table: &TableName) -> Result<()> {
        let add = |column: &TargetColumn| ColumnChange::Add {
            column: column.clone(),
        };
        let changes: Vec<ColumnChange> = self.added.iter().map(add).collect();
        ddl::change_columns(client, table, &changes).await
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
            .written_columns()
            .iter()
            .map(|column| quote_identifier(&column.name))
            .collect();
        let columns = columns.join(", ");
        let name = &self.name;
        let transaction = client.transaction().await.map_err(failed)?;
        self.add_columns(transaction.client(), name).await?;
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

    /// Which of the header's columns goes where, for the sheet at this place.
    #[must_use]
    pub fn columns_of(&self, sheet: usize) -> Vec<MappedColumn> {
        if let Some(sampled) = &self.sampled
            && let Some(names) = sampled.names.get(sheet)
        {
            // The sheets before may have widened the table.
            return sampled.table.columns_of(names);
        }
        self.sheets.get(sheet).cloned().unwrap_or_default()
    }

    /// What it takes to widen the table while a sheet is loaded; none for a table whose types are settled.
    pub(super) fn widening(
        &self,
        sheet: usize,
        client: Object,
        database: &Database,
    ) -> Option<Widening> {
        let sampled = self.sampled.as_ref()?;
        Some(Widening {
            client,
            database: database.clone(),
            name: self.name.clone(),
            new_types: sampled.new_types,
            names: sampled.names.get(sheet)?.clone(),
            table: sampled.table.clone(),
        })
    }

    /// Whether the table may be widened while it is loaded.
    pub(super) fn is_sampled(&self) -> bool {
        self.sampled.is_some()
    }

    /// The header's columns that are left out because they have no title, for the sheet at this place.
    pub(super) fn untitled(&self, sheet: usize) -> &[usize] {
        self.untitled.get(sheet).map_or(&[], Vec::as_slice)
    }

    /// The columns that tell where a row comes from.
    #[must_use]
    pub fn lineage(&self) -> &[TargetColumn] {
        &self.lineage
    }

    /// What the cells of a new table's columns lose, in a line each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The columns of the constraints and indexes of the table that is written, by name.
    #[must_use]
    pub fn constraint_columns(&self) -> &HashMap<String, Vec<String>> {
        &self.constraint_columns
    }
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
