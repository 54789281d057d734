//! Which unfinished load is resumed where none is named: those that can only fail again are passed over.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use deadpool_postgres::Object;
use uuid::Uuid;

use super::blocking;
use super::fingerprint::Fingerprint;
use super::recording::loaded_since;
use super::resume::Resumed;
use super::route::oid_of;
use crate::config::import::ImportConfig;
use crate::db::ledger::{self, Unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::model::table::TableName;

/// An unfinished load that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its id.
    pub id: Uuid,
    /// The workbook's path.
    pub file: String,
    /// The table.
    pub table: TableName,
    /// Why it would fail again.
    pub obstacle: Obstacle,
}

/// What keeps an unfinished load from being resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It is running.
    Running,
    /// Its settings cannot be read.
    UnknownSettings,
    /// There is no such file.
    FileGone,
    /// The file is another one than the load began with.
    OtherFile,
    /// The table is gone.
    TableGone,
    /// Another table has its name.
    OtherTable,
    /// Another load brought rows of the file into the table.
    LoadedSince(Uuid),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("it is running"),
            Self::UnknownSettings => f.write_str("its settings cannot be read"),
            Self::FileGone => f.write_str("the file cannot be read"),
            Self::OtherFile => f.write_str("the file is not the one it began with"),
            Self::TableGone => f.write_str("the table is gone"),
            Self::OtherTable => f.write_str("the table is not the one it began with"),
            Self::LoadedSince(other) => write!(f, "load {other} brought rows of the file since"),
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            file,
            table,
            obstacle,
        } = self;
        write!(f, "load {id} ({file} into {}): {obstacle}", table.plain())
    }
}

impl Resumed {
    /// Other unfinished loads that can only fail again; none where the load was named.
    #[must_use]
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }
}

/// The only unfinished load that may succeed, and those that were passed over. A single unfinished load is the one: what
/// is wrong with it is told when it is tried. `file` is where the workbook is now, if the user says so.
///
/// # Errors
/// `LoadNotFound` when there is none, or more than one.
pub(super) async fn choose(
    client: &Object,
    file: Option<&Path>,
) -> Result<(Unfinished, Vec<PassedOver>)> {
    let found = ledger::all_unfinished(client, None).await?;
    if found.len() < 2 {
        return ledger::the_only_one(found).map(|load| (load, Vec::new()));
    }
    let (mut left, mut passed_over) = (Vec::new(), Vec::new());
    let mut files = Files::default();
    for load in found {
        match obstacle(client, &load, file, &mut files).await? {
            None => left.push(load),
            Some(obstacle) => passed_over.push(PassedOver {
                id: load.id,
                file: load.file,
                table: load.table,
                obstacle,
            }),
        }
    }
    if left.is_empty() {
        return Err(none_may_succeed(&passed_over));
    }
    ledger::the_only_one(left).map(|load| (load, passed_over))
}

fn none_may_succeed(passed_over: &[PassedOver]) -> Error {
    let loads: Vec<String> = passed_over.iter().map(ToString::to_string).collect();
    Error::new(
        ErrorKind::LoadNotFound,
        format!("none of the unfinished loads can be resumed: {}", loads.join("; ")),
    )
    .next_step("Put the file or the table back, name the file with --file, or take the rows back with `sheetload undo`")
}

/// The SHA-256 of files that were read; none for those that cannot be.
#[derive(Default)]
struct Files(HashMap<PathBuf, Option<[u8; 32]>>);

impl Files {
    async fn sha256(&mut self, path: &Path) -> Option<[u8; 32]> {
        if let Some(known) = self.0.get(path) {
            return *known;
        }
        let owned = path.to_owned();
        let read = blocking(move || {
            // A pipe would be waited for.
            let is_file = std::fs::metadata(&owned).is_ok_and(|file| file.is_file());
            let fingerprint = is_file.then(|| Fingerprint::of(&owned)).transpose();
            fingerprint.map(|found| found.map(|fingerprint| fingerprint.sha256))
        });
        let sha256 = read.await.ok().flatten();
        self.0.insert(path.to_owned(), sha256);
        sha256
    }
}

/// What keeps a load from being resumed, as far as that is known before it is tried.
async fn obstacle(
    client: &Object,
    load: &Unfinished,
    file: Option<&Path>,
    files: &mut Files,
) -> Result<Option<Obstacle>> {
    if load.is_alive {
        return Ok(Some(Obstacle::Running));
    }
    let Ok(config) = ImportConfig::from_document(&load.options) else {
        return Ok(Some(Obstacle::UnknownSettings));
    };
    match files.sha256(file.unwrap_or(&config.file)).await {
        None => return Ok(Some(Obstacle::FileGone)),
        Some(now) if now[..] != load.sha256[..] => return Ok(Some(Obstacle::OtherFile)),
        Some(_) => {}
    }
    let now = oid_of(client, &load.table).await?;
    let holds_rows = load.is_prepared && load.route == "in_place";
    // Staged rows are put into this table.
    let takes_rows = load.is_prepared && load.route == "staged" && load.effect != "create";
    Ok(match now {
        None if holds_rows || takes_rows => Some(Obstacle::TableGone),
        None => None,
        Some(oid) if holds_rows && load.table_oid != Some(oid) => Some(Obstacle::OtherTable),
        Some(oid) => {
            let other = loaded_since(client, &config, load, oid).await?;
            other.map(|other| Obstacle::LoadedSince(other.id))
        }
    })
}
