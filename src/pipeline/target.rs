//! The table that a load writes to: found or created, and joined to the header.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Object;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::defaults::FoundDefault;
use super::existing_table::ExistingTable;
use super::lineage;
use super::new_table::{Sampled, new_table};
use super::progress::Progress;
use super::recorded_columns::SheetColumns;
use super::route::{Publish, Route};
use super::storage;
use super::widen::Widening;
use crate::config::import::{IfExists, ImportConfig};
use crate::config::storage::{Indexes, Persistence};
use crate::db::copy_target::CopyTarget;
use crate::db::deferral::Deferral;
use crate::db::introspect::{Table, find_table, require_rights};
use crate::db::ledger;
use crate::db::pool::Database;
use crate::db::sequences::Brought;
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;
use crate::source::RowSource;
use crate::transform::mapping::MappedColumn;

/// A target that fits the sheets.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) name: TableName,
    /// For each sheet, which of its columns goes where.
    pub(super) sheets: Vec<Vec<MappedColumn>>,
    pub(super) lineage: Vec<TargetColumn>,
    pub(super) constraint_columns: HashMap<String, Vec<String>>,
    pub(super) route: Route,
    /// For a new table whose types come from a sample of the rows.
    pub(super) sampled: Option<Sampled>,
    /// Columns that the table gets before the load.
    pub(super) added: Vec<TargetColumn>,
    /// What the cells of a new table's columns lose, or which ones an existing table does not take, in a line each.
    pub(super) warnings: Vec<String>,
    /// What becomes of the table's columns that the sheet lacks, in a line each; none before it was looked at.
    pub(super) unsupplied: Option<Vec<String>>,
    /// What the table gives to empty cells; none before it was looked at, and where they are NULL.
    pub(super) defaults: Option<Vec<FoundDefault>>,
    /// The numbers of the sheets in columns whose empty cells may draw theirs.
    pub(super) brought: Vec<Brought>,
    /// For each sheet, its columns that are left out because they have no title.
    pub(super) untitled: Vec<Vec<usize>>,
    /// Names of indexes in the staging table, and in the table.
    pub(super) index_names: Vec<(String, String)>,
    /// Whether the table outlives a crash of the server.
    pub(super) persistence: Persistence,
    /// The parts of the table that wait for the rows.
    pub(super) deferral: Option<Box<Deferral>>,
}

/// What a target is found for.
pub(crate) struct Wanted<'a> {
    pub(crate) table: &'a TableName,
    pub(crate) config: &'a ImportConfig,
    pub(crate) load_id: Uuid,
    pub(crate) interrupt: &'a CancellationToken,
    pub(crate) progress: &'a Arc<Progress>,
}

/// The table as it is, and the way that rows take to it.
pub(crate) enum Place {
    /// It exists.
    Existing {
        /// What it is.
        table: Table,
        /// How rows get there.
        route: Route,
        /// The parts of it that wait for them.
        deferral: Option<Box<Deferral>>,
        /// What is to be known of them, in a line each.
        warnings: Vec<String>,
    },
    /// There is none of this name.
    New {
        /// Its name with the schema it will be in.
        name: TableName,
        /// How rows get there.
        route: Route,
    },
}

impl Place {
    /// Looks for the table. Changes nothing.
    ///
    /// # Errors
    /// `TableExists` under `--if-exists fail`, `TableUnusable`, `PermissionDenied`, what the server says.
    pub(crate) async fn find(client: &Object, wanted: &Wanted<'_>) -> Result<Self> {
        let Wanted {
            table,
            config,
            load_id,
            ..
        } = *wanted;
        let name = ledger::outside_of_the_ledger(client, table).await?;
        let Some(found) = find_table(client, &name).await? else {
            storage::require_for_new_table(config, &name)?;
            let route = Route::to_new_table(config, &name, load_id);
            return Ok(Self::New { name, route });
        };
        if config.if_exists == IfExists::Fail {
            return Err(Error::new(
                ErrorKind::TableExists,
                format!("table {} exists already", table.plain()),
            )
            .in_table(table.plain())
            .next_step("Name another table, or say --if-exists append, replace or truncate"));
        }
        storage::require_for_table(config, &found)?;
        let empties = matches!(config.if_exists, IfExists::Replace | IfExists::Truncate);
        require_rights(client, &found.name, empties).await?;
        let route = Route::to_existing_table(client, config, &found.name, load_id).await?;
        let copied = match route.is_copied_into(config.mode) {
            true => Some(CopyTarget::find(client, &found.name).await?),
            false => None,
        };
        if let Some(copied) = &copied {
            copied.require_copy(&found.name)?;
        }
        let deferral = match config.storage.indexes {
            Indexes::Kept => None,
            Indexes::Deferred => Some(Box::new(Deferral::plan(client, &found.name).await?)),
        };
        Ok(Self::Existing {
            warnings: copied
                .and_then(|copied| copied.warning(&found.name))
                .into_iter()
                .collect(),
            table: found,
            route,
            deferral,
        })
    }
}

impl Target {
    /// Joins the table, or the types of one to be created, to the headers. Changes nothing.
    ///
    /// # Errors
    /// `ColumnMismatch` with everything that does not fit, and what is wrong with the file.
    pub(crate) async fn resolve(
        place: Place,
        wanted: Wanted<'_>,
        mut sources: Vec<Box<dyn RowSource>>,
    ) -> Result<(Self, Vec<Box<dyn RowSource>>)> {
        let config = wanted.config;
        let (interrupt, progress) = (wanted.interrupt.clone(), Arc::clone(wanted.progress));
        let owned = config.clone();
        match place {
            Place::Existing {
                table,
                route,
                deferral,
                warnings,
            } => {
                let persistence = table.persistence;
                let (joined, sources) = super::blocking(move || {
                    ExistingTable::join(table, &mut sources, &owned, &interrupt, &progress)
                        .map(|joined| (joined, sources))
                })
                .await?;
                let target = Self::existing(joined, route);
                target.require_key_columns(config)?;
                Ok((
                    Self {
                        persistence,
                        deferral,
                        warnings: [warnings, target.warnings].concat(),
                        ..target
                    },
                    sources,
                ))
            }
            Place::New { name, route } => {
                let (new, sources) = super::blocking(move || {
                    new_table(&mut sources, &owned, &interrupt, &progress).map(|new| (new, sources))
                })
                .await?;
                let mut target = Self {
                    route,
                    name,
                    sheets: new.sheets,
                    lineage: lineage::new_columns(config.lineage),
                    constraint_columns: HashMap::new(),
                    sampled: new.sampled,
                    added: Vec::new(),
                    warnings: new.warnings,
                    unsupplied: None,
                    defaults: None,
                    brought: Vec::new(),
                    untitled: Vec::new(),
                    index_names: Vec::new(),
                    persistence: config.storage.persistence,
                    deferral: None,
                };
                target.require_key(config)?;
                Ok((target, sources))
            }
        }
    }

    fn existing(table: ExistingTable, route: Route) -> Self {
        Self {
            name: table.name,
            sheets: table.sheets,
            lineage: table.lineage,
            constraint_columns: table.constraint_columns,
            route,
            sampled: None,
            added: table.added,
            warnings: table.warnings,
            unsupplied: None,
            defaults: None,
            brought: table.brought,
            untitled: table.untitled,
            index_names: Vec::new(),
            persistence: Persistence::Logged,
            deferral: None,
        }
    }

    /// All columns that are written.
    pub(super) fn written_columns(&self) -> Vec<TargetColumn> {
        let mut columns: Vec<TargetColumn> = Vec::new();
        for column in self.sheets.iter().flatten() {
            if !columns.iter().any(|known| known.name == column.target.name) {
                columns.push(column.target.clone());
            }
        }
        columns.extend_from_slice(&self.lineage);
        columns
    }

    /// Takes over what the server has made of the table: its schema, its constraints.
    pub(super) async fn look_at_written(&mut self, client: &Client) -> Result<()> {
        let Some(found) = find_table(client, self.written_table()).await? else {
            return Ok(());
        };
        match &mut self.route {
            Route::Staged { staging, .. } | Route::Rehearsed { copy: staging, .. } => {
                self.name.schema.clone_from(&found.name.schema);
                *staging = found.name;
            }
            Route::InPlace(_) | Route::OneTransaction(_) => self.name = found.name,
        }
        // Rows that wait are refused by the constraints of the table that they are for, too.
        self.constraint_columns.extend(found.constraint_columns);
        if let Route::Staged {
            staging,
            publish: Publish::Replace(replacement),
        } = &self.route
        {
            let names = self.constraint_columns.keys();
            self.index_names = names
                .filter_map(|name| {
                    let original = replacement.original_name(staging, name)?;
                    Some((name.clone(), original.to_owned()))
                })
                .collect();
            // One name may be the beginning of another.
            self.index_names
                .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        Ok(())
    }

    /// Which column goes where, for the ledger.
    ///
    /// # Errors
    /// `Internal`, if that has no form in JSON.
    pub(super) fn columns_document(&self, sources: &[Box<dyn RowSource>]) -> Result<Value> {
        let sheet = |(place, source): (usize, &dyn RowSource)| {
            let names = self
                .sampled
                .as_ref()
                .and_then(|sampled| sampled.names.get(place));
            let columns = self.sheets.get(place).map_or(&[][..], Vec::as_slice);
            SheetColumns::new(source.describe(), columns, self.untitled(place), names)
        };
        let sources = sources.iter().map(AsRef::as_ref);
        let sheets: Vec<SheetColumns> = sources.enumerate().map(sheet).collect();
        serde_json::to_value(sheets).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "the columns could not be written to the ledger",
            )
            .caused_by(error)
        })
    }

    /// The table's name, with its schema once it is known.
    #[must_use]
    pub fn name(&self) -> &TableName {
        &self.name
    }

    /// The table that rows are written to during the load.
    #[must_use]
    pub fn written_table(&self) -> &TableName {
        self.route.staging().unwrap_or(&self.name)
    }

    /// Whether this load creates the table.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.route.creates_the_table()
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
            name: self.written_table().clone(),
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

    /// What the cells of a new table's columns lose, or which ones an existing table does not take, in a line each.
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
