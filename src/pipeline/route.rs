//! How the rows of a load get to where they belong, and what becomes of what was there.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::config::commit::{CommitMode, Upsert};
use crate::config::import::{IfExists, ImportConfig};
use crate::model::table::TableName;

/// How the rows get to where they belong.
#[derive(Debug, Clone)]
pub(super) enum Route {
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
}

/// What happens to the table before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// It is created.
    Create,
    /// It is emptied.
    Truncate,
}

/// What happens to the staging table at the end.
#[derive(Debug, Clone)]
pub(super) enum Publish {
    /// It becomes the table.
    Create,
    /// It, or its rows, take the place of the table's.
    Replace,
    /// Its rows are merged into the table's by a key.
    Merge(Upsert),
}

impl Route {
    /// For a table that there is not.
    pub(super) fn to_new_table(config: &ImportConfig, table: &TableName, load_id: Uuid) -> Self {
        match config.commit_mode() {
            CommitMode::All => Self::Staged {
                staging: staging_name(table, load_id),
                publish: Publish::Create,
            },
            CommitMode::Batch | CommitMode::Row => Self::InPlace(Before::Create),
        }
    }

    /// For a table that there is.
    pub(super) fn to_existing_table(
        config: &ImportConfig,
        table: &TableName,
        load_id: Uuid,
    ) -> Self {
        let staged = |publish| Self::Staged {
            staging: staging_name(table, load_id),
            publish,
        };
        let before = match (&config.upsert, config.if_exists) {
            (Some(upsert), IfExists::Append | IfExists::Fail) => {
                return staged(Publish::Merge(upsert.clone()));
            }
            (_, IfExists::Replace) => return staged(Publish::Replace),
            (_, IfExists::Truncate) => Before::Truncate,
            (None, IfExists::Append | IfExists::Fail) => Before::Nothing,
        };
        match config.commit_mode() {
            CommitMode::All => Self::OneTransaction(before),
            CommitMode::Batch | CommitMode::Row => Self::InPlace(before),
        }
    }

    /// Its name in the ledger.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::InPlace(_) => "in_place",
            Self::OneTransaction(_) => "one_transaction",
            Self::Staged { .. } => "staged",
        }
    }

    /// What it does to the table, as the ledger names it.
    pub(super) fn effect(&self) -> &'static str {
        match self {
            Self::InPlace(before) | Self::OneTransaction(before) => match before {
                Before::Nothing => "append",
                Before::Create => "create",
                Before::Truncate => "replace",
            },
            Self::Staged { publish, .. } => match publish {
                Publish::Create => "create",
                Publish::Replace => "replace",
                Publish::Merge(_) => "upsert",
            },
        }
    }

    /// Whether the table then holds the load's rows alone.
    pub(super) fn fills_the_table(&self) -> bool {
        matches!(self.effect(), "create" | "replace")
    }

    /// The staging table.
    pub(super) fn staging(&self) -> Option<&TableName> {
        match self {
            Self::Staged { staging, .. } => Some(staging),
            _ => None,
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
pub(super) async fn oid_of(client: &Client, table: &TableName) -> crate::Result<Option<u32>> {
    let found = client
        .query_one(
            "select pg_catalog.to_regclass($1)::oid",
            &[&table.to_string()],
        )
        .await;
    found.map(|row| row.get(0)).map_err(|error| {
        crate::error::error_from_postgres(error, &format!("look at table {}", table.plain()))
    })
}
