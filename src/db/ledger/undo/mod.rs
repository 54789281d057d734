//! Taking back what a load put into a table: exactly, or not at all.
//!
//! | the load | what is done | on condition that |
//! |---|---|---|
//! | put nothing into the table, or all it did was rolled back | its staging table is dropped | |
//! | made the table | the table is dropped, never with what depends on it | it holds the loaded rows and no others, none was changed, no other load went into it |
//! | wrote its id into each row | the rows with the id are deleted | as many have it as were loaded, and no other table's rows refer to them |
//! | anything else | nothing | |
//!
//! That no row was changed is seen from the transactions that wrote the rows: none is younger than the last one in
//! which the load wrote to the ledger. Figures of the receipt are compared besides. What is not seen is a change that
//! was made while the load went on, and keeps number and figures of the rows; and what was done to the table without
//! touching rows, such as a new index, which goes with the table.

mod evidence;

use serde::Serialize;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use super::history::RecordedLoad;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::TableName;
use evidence::{Entry, PresentTable};

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// They were deleted from the table, which stays.
    Rows,
    /// The table was dropped.
    Table,
    /// There was nothing to remove.
    Nothing,
}

/// What taking back a load did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The load.
    pub load_id: String,
    /// Its file, which can be loaded again.
    pub file: String,
    /// The table: `schema.table`.
    pub table: String,
    /// What became of the rows.
    pub removed: Removed,
    /// How many rows were removed.
    pub rows: i64,
    /// The staging table that was dropped.
    pub staging_dropped: Option<String>,
    /// What else is to be known.
    pub note: Option<String>,
}

/// Takes back a load, in one transaction.
///
/// # Errors
/// `LoadSettled`, saying why it can't be taken back exactly and what can be done by hand; nothing is changed then.
/// What the server says.
pub async fn undo(client: &mut Client, load: &RecordedLoad) -> Result<Undone> {
    let undo = Undo {
        load,
        table: load.table.clone(),
    };
    let transaction = client.transaction().await.map_err(|e| undo.failed(e))?;
    let undone = undo.run(&transaction).await?;
    transaction.commit().await.map_err(|e| undo.failed(e))?;
    Ok(undone)
}

/// What a removal did.
struct Removal {
    removed: Removed,
    rows: i64,
    note: Option<String>,
}

impl Removal {
    fn nothing(note: Option<String>) -> Self {
        Self {
            removed: Removed::Nothing,
            rows: 0,
            note,
        }
    }
}

/// The work on one load.
struct Undo<'a> {
    load: &'a RecordedLoad,
    table: String,
}

impl Undo<'_> {
    async fn run(&self, transaction: &Transaction<'_>) -> Result<Undone> {
        let entry = Entry::locked(transaction, &self.load.id)
            .await
            .map_err(|error| self.failed(error))?;
        let entry = entry.ok_or_else(|| {
            self.settled(
                "is not in the ledger any more",
                "See what is there with: sheetload history",
            )
        })?;
        self.require_undoable(&entry)?;
        let staging_dropped = self.drop_staging(transaction, &entry).await?;
        let removal = self.remove(transaction, &entry).await?;
        entry
            .mark_undone(transaction)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(Undone {
            load_id: self.load.id.clone(),
            file: self.load.file.clone(),
            table: self.table.clone(),
            removed: removal.removed,
            rows: removal.rows,
            staging_dropped,
            note: removal.note,
        })
    }

    fn require_undoable(&self, entry: &Entry) -> Result<()> {
        if entry.state == "undone" {
            return Err(self.settled(
                "was undone already",
                "Load the file again with: sheetload import",
            ));
        }
        if entry.is_alive {
            return Err(self.settled(
                "goes on",
                "Wait for its end, or stop it with Ctrl-C where it runs, and undo it then",
            ));
        }
        if let Some(later) = &entry.superseded_by {
            return Err(self.settled(
                &format!(
                    "has no rows in table {} any more: load {later} took their place",
                    self.table
                ),
                "There is nothing to do for this load; look at the later one with: sheetload history",
            ));
        }
        Ok(())
    }

    /// Drops what a load that did not come to its end has left beside the table.
    async fn drop_staging(
        &self,
        transaction: &Transaction<'_>,
        entry: &Entry,
    ) -> Result<Option<String>> {
        let Some(staging) = entry.staging.as_ref().filter(|_| !entry.is_complete()) else {
            return Ok(None);
        };
        let is_there = PresentTable::named(transaction, staging).await;
        if is_there.map_err(|error| self.failed(error))?.is_none() {
            return Ok(None);
        }
        self.drop_table(transaction, staging).await?;
        Ok(Some(staging.plain()))
    }

    async fn remove(&self, transaction: &Transaction<'_>, entry: &Entry) -> Result<Removal> {
        if !entry.reached_table() || entry.table_oid.is_none() {
            return Ok(Removal::nothing(None));
        }
        let present = PresentTable::of(transaction, entry).await;
        let Some(present) = present.map_err(|error| self.failed(error))? else {
            return Ok(Removal::nothing(Some(format!(
                "table {} is not there any more, or is another one of that name, and was left as it is",
                self.table
            ))));
        };
        match entry.effect.as_str() {
            "create" => match self.why_not_drop(transaction, entry, &present).await? {
                None => self.drop_created(transaction, entry, &present).await,
                Some(_) if entry.has_lineage && present.has_load_id => {
                    self.delete_rows(transaction, entry, &present).await
                }
                Some(reason) => Err(self.settled(
                    &format!("made table {}, but {reason}", present.name.plain()),
                    "Drop the table or delete the rows by hand; with --lineage, a load can be told from the rest",
                )),
            },
            "append" if entry.rows_loaded == 0 => Ok(Removal::nothing(None)),
            "append" if entry.has_lineage && present.has_load_id => {
                self.delete_rows(transaction, entry, &present).await
            }
            _ => Err(self.not_reversible(entry, &present)),
        }
    }

    fn not_reversible(&self, entry: &Entry, present: &PresentTable) -> Error {
        let (table, rows) = (present.name.plain(), entry.rows_loaded);
        match entry.effect.as_str() {
            "replace" => self.settled(
                &format!("took the place of the rows that table {table} had, and those are gone"),
                "Restore the table from a backup, or load the former file with --if-exists replace",
            ),
            "upsert" => self.settled(
                &format!("merged its rows into table {table} by key, and the values before are gone"),
                "Restore the table from a backup, or load the former file with the same --key",
            ),
            _ => self.settled(
                &format!("added {rows} rows to table {table} that nothing tells from the others"),
                "Delete them by hand; a load with --lineage writes its id into each row, and can be undone",
            ),
        }
    }

    /// Why the table that the load made is more, or other, than what it made; nothing if it isn't. From here on nobody
    /// else changes it.
    async fn why_not_drop(
        &self,
        transaction: &Transaction<'_>,
        entry: &Entry,
        present: &PresentTable,
    ) -> Result<Option<String>> {
        let lock = format!("lock table {} in access exclusive mode", present.name);
        transaction
            .batch_execute(&lock)
            .await
            .map_err(|error| self.failed(error))?;
        let others = evidence::against_dropping(transaction, entry, present).await;
        match others.map_err(|error| self.failed(error))? {
            Some(reason) => Ok(Some(reason)),
            None => evidence::against_receipt(transaction, entry, present).await,
        }
    }

    async fn drop_created(
        &self,
        transaction: &Transaction<'_>,
        entry: &Entry,
        present: &PresentTable,
    ) -> Result<Removal> {
        self.drop_table(transaction, &present.name).await?;
        Ok(Removal {
            removed: Removed::Table,
            rows: entry.rows_loaded,
            note: None,
        })
    }

    /// Drops a table, unless something depends on it.
    async fn drop_table(&self, transaction: &Transaction<'_>, table: &TableName) -> Result<()> {
        let dropped = transaction
            .batch_execute(&format!("drop table {table}"))
            .await;
        dropped.map_err(|error| {
            let dependents = error
                .as_db_error()
                .filter(|error| *error.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST);
            let Some(dependents) = dependents else {
                return self.failed(error);
            };
            let detail = dependents.detail().unwrap_or_default();
            let detail = detail.split_whitespace().collect::<Vec<_>>().join(" ");
            self.settled(
                &format!(
                    "made table {}, on which other things depend: {detail}",
                    table.plain()
                ),
                "Drop those by hand first, and undo the load again",
            )
        })
    }

    async fn delete_rows(
        &self,
        transaction: &Transaction<'_>,
        entry: &Entry,
        present: &PresentTable,
    ) -> Result<Removal> {
        let referring = evidence::referring_rows(transaction, entry, present).await;
        if let Some(referring) = referring.map_err(|error| self.failed(error))? {
            return Err(self.settled(
                &format!(
                    "has rows in table {} that other rows refer to: {referring}",
                    present.name.plain()
                ),
                "Delete or change those by hand first, and undo the load again",
            ));
        }
        let sql = format!(
            "delete from {} as loaded where loaded.\"_load_id\"::text = $1",
            present.name
        );
        let deleted = transaction
            .execute(&sql, &[&self.load.id])
            .await
            .map_err(|error| self.failed(error))?;
        let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
        if deleted != entry.rows_loaded {
            return Err(self.settled(
                &format!(
                    "has {deleted} rows with its id in table {}, and loaded {}",
                    present.name.plain(),
                    entry.rows_loaded
                ),
                format!(
                    "Look at them with: select * from {} where \"_load_id\" = '{}'; nothing was deleted",
                    present.name, self.load.id
                ),
            ));
        }
        Ok(Removal {
            removed: Removed::Rows,
            rows: deleted,
            note: None,
        })
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let doing = format!("undo load {}", self.load.short_id);
        error_from_postgres(error, &doing).in_table(self.table.clone())
    }

    fn settled(&self, what: &str, next_step: impl Into<String>) -> Error {
        Error::new(
            ErrorKind::LoadSettled,
            format!("load {} {what}", self.load.short_id),
        )
        .in_table(self.table.clone())
        .next_step(next_step)
    }
}
