//! Options on how the server stores the rows: what they ask of the table, and the parts of it that wait for the rows.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::attempt::Attempt;
use super::progress::Notice;
use super::target::Target;
use crate::config::commit::Rehearsal;
use crate::config::import::{IfExists, ImportConfig};
use crate::config::storage::{Indexes, Persistence, RowForm};
use crate::db::introspect::{Table, TableKind};
use crate::error::{Error, ErrorKind, Result};
use crate::model::deferred::{Deferred, DeferredOutcome};
use crate::model::table::TableName;
use crate::sink::classify::is_row_fault_code;
use crate::sink::held::{LateConstraints, StoredRows};

/// What became of indexes and foreign keys that were dropped for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rebuild {
    /// Nothing was dropped, or nothing is built again yet.
    Nothing,
    /// They were built in this time.
    Done(Duration),
    /// They could not be built over the rows.
    Refused,
}

/// Makes sure that a table which is to be created can be stored as the options say.
///
/// # Errors
/// `InvalidOptions`, with the way out.
pub(super) fn require_for_new_table(config: &ImportConfig, table: &TableName) -> Result<()> {
    if config.storage.indexes == Indexes::Deferred {
        return Err(refused(
            table,
            format!(
                "--defer-indexes is for tables that exist, and there is no table {}",
                table.plain()
            ),
            "Leave --defer-indexes out: a table that the load creates has no indexes to wait for",
        ));
    }
    if config.storage.rows == RowForm::Frozen && config.infer_rows.is_some() {
        return Err(refused(
            table,
            "--freeze does not go with --infer-rows: a table whose types change later is written anew".to_owned(),
            "Leave one of them out",
        ));
    }
    Ok(())
}

fn refused(table: &TableName, message: String, next_step: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOptions, message)
        .in_table(table.plain())
        .next_step(next_step)
}

/// The same of a table that exists.
///
/// # Errors
/// `InvalidOptions`, with the way out.
pub(super) fn require_for_table(config: &ImportConfig, table: &Table) -> Result<()> {
    let (wanted, name) = (config.storage, &table.name);
    if wanted.persistence == Persistence::Unlogged && table.persistence == Persistence::Logged {
        return Err(refused(
            name,
            format!(
                "--unlogged is for a table that the load creates, and {} exists and stays logged",
                name.plain()
            ),
            format!(
                "Leave --unlogged out, name another table, or say before: alter table {name} set unlogged"
            ),
        ));
    }
    if wanted.rows == RowForm::Plain {
        return Ok(());
    }
    if config.if_exists != IfExists::Truncate {
        return Err(refused(
            name,
            format!(
                "--freeze is for a table that the load creates or empties, and {} exists",
                name.plain()
            ),
            "Say --if-exists truncate, which removes the rows there are, or leave --freeze out",
        ));
    }
    if table.kind == TableKind::Other {
        return Err(refused(
            name,
            format!(
                "--freeze does not go with {}, which is partitioned, a view or on another server",
                name.plain()
            ),
            "Load into one of its partitions, or leave --freeze out",
        ));
    }
    Ok(())
}

/// How the rows of this load are stored.
pub(super) fn stored_rows(config: &ImportConfig) -> StoredRows {
    match (config.storage.rows, config.rehearsal) {
        (RowForm::Frozen, Rehearsal::No) => StoredRows::Frozen,
        // In a rehearsal every row is tried.
        (RowForm::Frozen, Rehearsal::DryRun) | (RowForm::Plain, _) => StoredRows::Plain,
    }
}

impl Target {
    /// Drops what waits for the rows, in the transaction that holds them; nothing where each row is to be checked at once.
    ///
    /// # Errors
    /// As [`crate::db::deferral::Deferral::drop_parts`].
    pub(super) async fn drop_deferred(
        &mut self,
        client: &Client,
        late: LateConstraints,
    ) -> Result<()> {
        // A rehearsal has a copy of the table, in which all is in place.
        let is_copy = self.route.staging().is_some();
        match (&mut self.deferral, late) {
            (Some(deferral), LateConstraints::AtCommit) if !is_copy => {
                deferral.drop_parts(client).await
            }
            (Some(deferral), LateConstraints::Immediate) if !is_copy => {
                deferral.keep_all();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Builds what was dropped, and says what became of it.
    ///
    /// # Errors
    /// As [`crate::db::deferral::Deferral::rebuild`].
    pub(super) async fn rebuild_deferred(
        &self,
        client: &Client,
        rebuild: &mut Rebuild,
    ) -> Result<()> {
        let Some(deferral) = &self.deferral else {
            return Ok(());
        };
        let started = Instant::now();
        match deferral.rebuild(client).await {
            Ok(true) => *rebuild = Rebuild::Done(started.elapsed()),
            Ok(false) => {}
            Err(error) => {
                if error
                    .facts()
                    .sqlstate
                    .as_deref()
                    .is_some_and(is_row_fault_code)
                {
                    *rebuild = Rebuild::Refused;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether rows kept parts of the table from being built, so that they have to be found with the parts in place. Why is
    /// not an error of the attempt then, but a warning.
    pub(super) fn was_refused_late(&mut self, attempt: &mut Attempt) -> bool {
        if attempt.rebuild != Rebuild::Refused || attempt.end.errors.len() != 1 {
            return false;
        }
        let reason = attempt.end.errors.pop();
        self.warnings.extend(reason.map(|error| {
            format!("{error}; all rows were loaded once more, with the indexes and foreign keys in place")
        }));
        true
    }

    /// What is to be known of a table that the load created.
    pub(super) fn storage_warning(&self) -> Option<String> {
        let is_unlogged = self.is_new() && self.persistence == Persistence::Unlogged;
        is_unlogged.then(|| {
            format!(
                "{} is unlogged: a crash of the server empties it, and it is not replicated; alter table {} set logged \
                 makes it safe",
                self.name.plain(),
                self.name
            )
        })
    }

    /// What is told before the first row.
    pub(super) fn notice(&self) -> Option<Notice> {
        let deferral = self.deferral.as_ref()?;
        Some(Notice::Deferring {
            table: self.name.plain(),
            parts: deferral.parts(),
        })
    }

    /// For the report.
    pub(super) fn deferred(&self, rebuild: Rebuild, is_in_place: bool) -> Option<Deferred> {
        let deferral = self.deferral.as_ref()?;
        let (outcome, time) = match rebuild {
            Rebuild::Done(time) if is_in_place => (DeferredOutcome::Rebuilt, time),
            _ if deferral.is_kept() => (DeferredOutcome::LoadedAgainInPlace, Duration::ZERO),
            _ => (DeferredOutcome::LeftInPlace, Duration::ZERO),
        };
        Some(Deferred {
            parts: deferral.parts(),
            outcome,
            rebuild: time.as_secs_f64(),
        })
    }
}
