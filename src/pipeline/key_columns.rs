//! The columns of the key by which rows are merged: each sheet has to have them.

use super::target::Target;
use crate::config::import::ImportConfig;
use crate::error::{Error, ErrorKind, Result};

impl Target {
    /// Makes sure that each sheet has the columns of the key by which its rows are merged.
    pub(super) fn require_key_columns(&self, config: &ImportConfig) -> Result<()> {
        let Some(upsert) = config.upsert.as_ref().filter(|_| self.route.merges()) else {
            return Ok(());
        };
        for columns in &self.sheets {
            let is_there =
                |name: &&String| columns.iter().any(|column| column.target.name == **name);
            if let Some(name) = upsert.key.iter().find(|name| !is_there(name)) {
                let message = format!("the sheet has no column for {name} of the key");
                return Err(Error::new(ErrorKind::ColumnMismatch, message)
                    .in_table(self.name.plain())
                    .in_column(name)
                    .next_step("Map a column of the sheet to it with --map, or name another key"));
            }
        }
        Ok(())
    }

    /// Makes sure that a new table has the columns of its key, and that they are never NULL.
    pub(super) fn require_key(&mut self, config: &ImportConfig) -> Result<()> {
        let key = config.upsert.as_ref().map_or(&[][..], |upsert| &upsert.key);
        for name in key {
            for columns in &mut self.sheets {
                let mut columns = columns.iter_mut();
                let Some(column) = columns.find(|column| column.target.name == *name) else {
                    return Err(Error::new(
                        ErrorKind::ColumnMismatch,
                        format!("the sheet has no column for {name} of the key"),
                    )
                    .in_table(self.name.plain())
                    .in_column(name)
                    .next_step("Name columns of the new table with --key, as `sheetload inspect` shows them"));
                };
                column.target.not_null = true;
            }
        }
        Ok(())
    }
}
