//! How the rows of a load get to where they belong, and what becomes of what was there.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::config::commit::{CommitMode, Rehearsal, Upsert};
use crate::config::import::{IfExists, ImportConfig, Mode};
use crate::config::storage::RowForm;
use crate::db::merge;
use crate::db::replace::{self, Replacement, TryIn};
use crate::error::{Result, error_from_postgres};
use crate::model::table::TableName;

/// How the rows get to where they belong.
#[derive(Debug, Clone)]
pub(crate) enum Route {
    /// Straight into the table; each batch, or row, is visible when it is committed.
    InPlace(Before),
    /// Straight into the table, in one transaction.
    OneTransaction(Before),
    /// Into a staging table, which takes its place at the end.
    Staged {
        /// The staging table.
        staging: TableName,
        /// What its place is.
        publish: Publish,
    },
    /// Into a copy of the table, in one transaction that is rolled back.
    Rehearsed {
        /// The copy.
        copy: TableName,
        /// What it is a copy for.
        purpose: Rehearsed,
    },
}

/// What a rehearsal tries rows for.
#[derive(Debug, Clone)]
pub(crate) enum Rehearsed {
    /// A table that there is not.
    NewTable,
    /// The rows of a table, whose place they would take.
    InPlaceOfRows,
    /// A table, which they would be added to.
    BesideRows,
    /// The same for users who may not copy the table: the rows are put into it from a temporary table.
    InTheTable(Before),
    /// A table, which they would be merged into.
    Merge {
        /// The key, and what happens to rows that have it.
        upsert: Upsert,
        /// Whether there is no such table yet.
        creates: bool,
    },
}

/// What happens to the table before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing.
    Nothing,
    /// It is created.
    Create,
    /// It is emptied.
    Truncate,
}

impl Before {
    fn effect(self) -> &'static str {
        match self {
            Self::Nothing => "append",
            Self::Create => "create",
            Self::Truncate => "replace",
        }
    }
}

/// The schema of temporary tables (PostgreSQL documentation, "search_path").
const TEMPORARY_SCHEMA: &str = "pg_temp";

/// What happens to the staging table at the end.
#[derive(Debug, Clone)]
pub(crate) enum Publish {
    /// It becomes the table.
    Create,
    /// It, or its rows, take the place of the table's.
    Replace(Box<Replacement>),
    /// Its rows are merged into the table's by a key.
    Merge {
        /// The key, and what happens to rows that have it.
        upsert: Upsert,
        /// Whether the table is created for them, with the key as its primary key.
        creates: bool,
    },
}

impl Route {
    /// For a table that there is not.
    pub(super) fn to_new_table(config: &ImportConfig, table: &TableName, load_id: Uuid) -> Self {
        let staging = staging_name(table, load_id);
        if config.rehearsal == Rehearsal::DryRun {
            let purpose = match &config.upsert {
                None => Rehearsed::NewTable,
                Some(upsert) => Rehearsed::Merge {
                    upsert: upsert.clone(),
                    creates: true,
                },
            };
            return Self::Rehearsed {
                copy: staging,
                purpose,
            };
        }
        match (&config.upsert, config.commit_mode()) {
            (Some(upsert), _) => Self::Staged {
                staging,
                publish: Publish::Merge {
                    upsert: upsert.clone(),
                    creates: true,
                },
            },
            // A staging table would be made in a transaction of its own.
            (None, CommitMode::All) if config.storage.rows == RowForm::Frozen => {
                Self::OneTransaction(Before::Create)
            }
            (None, CommitMode::All) => Self::Staged {
                staging,
                publish: Publish::Create,
            },
            (None, CommitMode::Batch | CommitMode::Row) => Self::InPlace(Before::Create),
        }
    }

    /// For a table that there is. Changes nothing.
    ///
    /// # Errors
    /// What keeps the table from being replaced, or rows from being merged into it.
    pub(super) async fn to_existing_table(
        client: &Client,
        config: &ImportConfig,
        table: &TableName,
        load_id: Uuid,
    ) -> Result<Self> {
        let staged = |publish| Self::Staged {
            staging: staging_name(table, load_id),
            publish,
        };
        if config.rehearsal == Rehearsal::DryRun {
            let purpose = match (&config.upsert, config.if_exists) {
                (_, IfExists::Replace | IfExists::Truncate) => Rehearsed::InPlaceOfRows,
                (None, _) => Rehearsed::BesideRows,
                (Some(upsert), _) => {
                    merge::check_key(client, table, &upsert.key).await?;
                    Rehearsed::Merge {
                        upsert: upsert.clone(),
                        creates: false,
                    }
                }
            };
            if config.if_exists == IfExists::Replace {
                // What would keep the rows from being replaced is told now.
                replace::plan(client, table).await?;
            }
            let copy = staging_name(table, load_id);
            return match purpose {
                // A load that replaces or merges needs a table beside this one, too.
                purpose if config.if_exists == IfExists::Replace => {
                    Ok(Self::Rehearsed { copy, purpose })
                }
                Rehearsed::InPlaceOfRows => {
                    Self::tried(client, table, copy, purpose, Before::Truncate).await
                }
                Rehearsed::BesideRows => {
                    Self::tried(client, table, copy, purpose, Before::Nothing).await
                }
                purpose => Ok(Self::Rehearsed { copy, purpose }),
            };
        }
        let before = match (&config.upsert, config.if_exists) {
            (Some(upsert), IfExists::Append | IfExists::Fail) => {
                merge::check_key(client, table, &upsert.key).await?;
                return Ok(staged(Publish::Merge {
                    upsert: upsert.clone(),
                    creates: false,
                }));
            }
            (_, IfExists::Replace) => {
                let plan = replace::plan(client, table).await?;
                return Ok(staged(Publish::Replace(Box::new(plan))));
            }
            (_, IfExists::Truncate) => Before::Truncate,
            (None, IfExists::Append | IfExists::Fail) => Before::Nothing,
        };
        Ok(match config.commit_mode() {
            CommitMode::All => Self::OneTransaction(before),
            CommitMode::Batch | CommitMode::Row => Self::InPlace(before),
        })
    }

    /// For rows that are tried in a copy of the table, or in the table itself where the user may not make one.
    async fn tried(
        client: &Client,
        table: &TableName,
        copy: TableName,
        purpose: Rehearsed,
        before: Before,
    ) -> Result<Self> {
        Ok(match TryIn::find(client, table).await? {
            TryIn::Copy => Self::Rehearsed { copy, purpose },
            TryIn::TableFromTemporary => Self::Rehearsed {
                copy: TableName {
                    schema: Some(TEMPORARY_SCHEMA.to_owned()),
                    ..copy
                },
                purpose: Rehearsed::InTheTable(before),
            },
            TryIn::Table => Self::OneTransaction(before),
        })
    }

    /// Whether rows go by COPY into a table that there was before.
    pub(super) fn is_copied_into(&self, mode: Mode) -> bool {
        let is_existing = match self {
            Self::InPlace(before) | Self::OneTransaction(before) => *before != Before::Create,
            // What could not be loaded is told by the rehearsal, too.
            Self::Rehearsed { purpose, .. } => {
                matches!(purpose, Rehearsed::BesideRows | Rehearsed::InTheTable(_))
            }
            Self::Staged { .. } => false,
        };
        is_existing && mode == Mode::Batch
    }

    /// Whether each row carries its place in the sheets, by which rows are merged.
    pub(super) fn has_ordinals(&self) -> bool {
        matches!(
            self,
            Self::Staged {
                publish: Publish::Merge { .. },
                ..
            } | Self::Rehearsed {
                purpose: Rehearsed::InPlaceOfRows
                    | Rehearsed::BesideRows
                    | Rehearsed::InTheTable(_)
                    | Rehearsed::Merge { .. },
                ..
            }
        ) || matches!(self, Self::Staged { publish: Publish::Replace(plan), .. } if plan.has_ordinals())
    }

    /// Whether rows find theirs in the table by a key.
    pub(super) fn merges(&self) -> bool {
        matches!(
            self,
            Self::Staged {
                publish: Publish::Merge { .. },
                ..
            } | Self::Rehearsed {
                purpose: Rehearsed::Merge { .. },
                ..
            }
        )
    }

    /// Whether one transaction holds all rows.
    pub(super) fn is_one_transaction(&self) -> bool {
        matches!(self, Self::OneTransaction(_) | Self::Rehearsed { .. })
    }

    /// Whether there is no table of this name before the load.
    pub(super) fn creates_the_table(&self) -> bool {
        match self {
            Self::InPlace(before) | Self::OneTransaction(before) => *before == Before::Create,
            Self::Staged { publish, .. } => matches!(
                publish,
                Publish::Create | Publish::Merge { creates: true, .. }
            ),
            Self::Rehearsed { purpose, .. } => matches!(
                purpose,
                Rehearsed::NewTable | Rehearsed::Merge { creates: true, .. }
            ),
        }
    }

    /// Its name in the ledger.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::InPlace(_) => "in_place",
            Self::OneTransaction(_) | Self::Rehearsed { .. } => "one_transaction",
            Self::Staged { .. } => "staged",
        }
    }

    /// What it does to the table, as the ledger names it.
    pub(super) fn effect(&self) -> &'static str {
        match self {
            Self::InPlace(before) | Self::OneTransaction(before) => before.effect(),
            Self::Staged { publish, .. } => match publish {
                Publish::Create => "create",
                Publish::Replace(_) => "replace",
                Publish::Merge { creates: true, .. } => "create",
                Publish::Merge { creates: false, .. } => "upsert",
            },
            Self::Rehearsed { purpose, .. } => match purpose {
                Rehearsed::NewTable | Rehearsed::Merge { creates: true, .. } => "create",
                Rehearsed::InPlaceOfRows => "replace",
                Rehearsed::BesideRows => "append",
                Rehearsed::InTheTable(before) => before.effect(),
                Rehearsed::Merge { creates: false, .. } => "upsert",
            },
        }
    }

    /// Whether the table then holds the load's rows alone.
    pub(super) fn fills_the_table(&self) -> bool {
        matches!(self.effect(), "create" | "replace")
    }

    /// The table that rows are written to, if it is not the one that they are for.
    pub(super) fn staging(&self) -> Option<&TableName> {
        match self {
            Self::Staged { staging, .. } => Some(staging),
            Self::Rehearsed { copy, .. } => Some(copy),
            Self::InPlace(_) | Self::OneTransaction(_) => None,
        }
    }

    /// Whether nothing is visible before the end.
    pub(super) fn is_all_or_nothing(&self) -> bool {
        !matches!(self, Self::InPlace(_))
    }
}

/// A name in the table's schema that no other load uses.
fn staging_name(table: &TableName, load_id: Uuid) -> TableName {
    TableName {
        schema: table.schema.clone(),
        table: format!("sheetload_staging_{}", load_id.simple()),
    }
}

/// The table's oid, if there is one of this name.
///
/// # Errors
/// What the server says.
pub(super) async fn oid_of(client: &Client, table: &TableName) -> Result<Option<u32>> {
    let found = client
        .query_one(
            "select pg_catalog.to_regclass($1)::oid",
            &[&table.to_string()],
        )
        .await;
    found
        .map(|row| row.get(0))
        .map_err(|error| error_from_postgres(error, &format!("look at table {}", table.plain())))
}
