//! How the server stores the rows of a load, where that may differ from what it does by itself.

use serde::{Deserialize, Serialize};

use super::commit::CommitMode;
use super::import::{IfExists, ImportConfig};
use crate::error::{Error, ErrorKind, Result};

/// Whether a table that a load creates outlives a crash of the server (PostgreSQL documentation, "CREATE TABLE").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Persistence {
    /// It does.
    #[default]
    Logged,
    /// A crash empties it, and it is not replicated; nothing is written to the write-ahead log for it.
    Unlogged,
}

impl Persistence {
    /// Of a table that is unlogged, or is not.
    #[must_use]
    pub fn of_table(is_unlogged: bool) -> Self {
        if is_unlogged {
            Self::Unlogged
        } else {
            Self::Logged
        }
    }
}

/// When the indexes and foreign keys of an existing table learn of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indexes {
    /// Row by row.
    #[default]
    Kept,
    /// After the last row: those that can be are dropped before the first one and built again in the same transaction.
    Deferred,
}

/// How the rows of a table that the load creates or empties are stored (PostgreSQL documentation, "COPY").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowForm {
    /// As any row.
    #[default]
    Plain,
    /// As VACUUM FREEZE would leave them, so that no page is written again later. It takes one transaction without
    /// savepoints, so that a row which the server refuses ends the load.
    Frozen,
}

/// How the server stores what it knows about the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageOptions {
    /// Of a table that the load creates.
    pub persistence: Persistence,
    /// Of a table that exists.
    pub indexes: Indexes,
    /// Of a table that the load creates or empties.
    pub rows: RowForm,
}

impl ImportConfig {
    /// Checks what is said about storage.
    pub(super) fn validate_storage(&self) -> Result<()> {
        if self.storage.indexes == Indexes::Deferred {
            self.require_one_transaction("--defer-indexes")?;
        }
        if self.storage.rows == RowForm::Frozen {
            self.require_one_transaction("--freeze")?;
        }
        Ok(())
    }

    /// Makes sure that the rows go into the table itself, in one transaction.
    fn require_one_transaction(&self, option: &str) -> Result<()> {
        let invalid = |with: &str, because: &str, step: &str| {
            Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("{option} does not go with {with}: {because}"),
            )
            .next_step(step))
        };
        let commit = self.commit_mode();
        if commit != CommitMode::All {
            let with = match self.commit {
                Some(_) => format!("--commit {}", commit.name()),
                None => format!("--mode {}", self.mode.name()),
            };
            return invalid(
                &with,
                "it needs one transaction for the whole load",
                &format!("Use --mode batch with --commit all, or leave {option} out"),
            );
        }
        if self.upsert.is_some() {
            return invalid(
                "--key",
                "rows are merged from a staging table, and find theirs by an index",
                "Leave one of them out",
            );
        }
        if self.if_exists == IfExists::Replace {
            return invalid(
                "--if-exists replace",
                "rows are staged in another table first",
                &format!("Say --if-exists truncate, or leave {option} out"),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::commit::Upsert;
    use crate::config::import::Mode;

    #[test]
    fn deferring_and_freezing_need_one_transaction_into_the_table_itself() {
        let mut config = ImportConfig::new("a.xlsx".into());
        config.storage.indexes = Indexes::Deferred;
        needs_one_transaction(&config, "--defer-indexes does not go");
        config.storage.indexes = Indexes::Kept;
        config.storage.rows = RowForm::Frozen;
        needs_one_transaction(&config, "--freeze does not go");
    }

    fn needs_one_transaction(config: &ImportConfig, message: &str) {
        assert!(config.validate().is_ok());
        for if_exists in [IfExists::Append, IfExists::Truncate, IfExists::Fail] {
            let config = ImportConfig {
                if_exists,
                ..config.clone()
            };
            assert!(config.validate().is_ok(), "{if_exists:?}");
        }
        let upsert = Upsert {
            key: vec!["id".to_owned()],
            on_conflict: crate::config::commit::OnConflict::Update,
        };
        let mode = |mode| ImportConfig {
            mode,
            ..config.clone()
        };
        for refused in [
            mode(Mode::Sequential),
            mode(Mode::Concurrent),
            ImportConfig {
                commit: Some(CommitMode::Batch),
                ..config.clone()
            },
            ImportConfig {
                upsert: Some(upsert),
                ..config.clone()
            },
            ImportConfig {
                if_exists: IfExists::Replace,
                ..config.clone()
            },
        ] {
            let error = refused.validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOptions);
            assert!(error.message().starts_with(message));
        }
    }
}
