//! Options that say how the server stores the rows.

use clap::Args;

use crate::config::import::ImportConfig;
use crate::config::storage::{Indexes, Persistence, RowForm};

/// How the server stores the rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Storage")]
pub(super) struct StorageArgs {
    /// Create the table unlogged: less to write, but a crash of the server empties it, and it is not replicated
    #[arg(long)]
    unlogged: bool,
    /// Drop the secondary indexes and foreign keys of the table first, and build them again after the last row, all in the
    /// load's transaction; the table, and those that its foreign keys point to, are locked against everybody until then. If
    /// a row keeps one of them from being built, all rows are loaded once more with everything in place, to find it
    #[arg(long)]
    defer_indexes: bool,
    /// Store the rows of a table that is created or emptied frozen, so that no vacuum writes them again: over one
    /// connection, and a row that the server refuses ends the load
    #[arg(long)]
    freeze: bool,
}

impl StorageArgs {
    /// Adds what the options say.
    pub(super) fn apply(&self, config: &mut ImportConfig) {
        if self.unlogged {
            config.storage.persistence = Persistence::Unlogged;
        }
        if self.defer_indexes {
            config.storage.indexes = Indexes::Deferred;
        }
        if self.freeze {
            config.storage.rows = RowForm::Frozen;
        }
    }
}
