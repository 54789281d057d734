//! An opened workbook: which of its sheets go into which table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fingerprint::Fingerprint;
use super::open_workbook;
use super::progress::{Phase, Progress};
use crate::config::commit::Ledger;
use crate::config::import::ImportConfig;
use crate::error::Result;
use crate::model::table::TableName;
use crate::source::{Opened, RowSource};
use crate::transform::names::numbered;

/// A workbook that is open, with its sheets and titles found. No database is needed for it, so that what is wrong with
/// the file, or with the options that name parts of it, is known before one is touched.
pub struct Prepared {
    pub(super) groups: Vec<Group>,
    pub(super) hidden: Vec<String>,
    pub(super) empty: Vec<String>,
    pub(super) opening: Duration,
    /// The file as it was before it was read; none where no load is recorded.
    pub(super) fingerprint: Option<Fingerprint>,
}

/// The sheets that go into one table.
pub(super) struct Group {
    pub(super) table: TableName,
    pub(super) sources: Vec<Box<dyn RowSource>>,
}

/// Opens the workbook and finds the sheets and their tables.
///
/// # Errors
/// `InvalidOptions`, and what is wrong with the file.
pub async fn prepare(config: &ImportConfig, progress: &Arc<Progress>) -> Result<Prepared> {
    config.validate()?;
    let started = Instant::now();
    progress.enter(Phase::Opening);
    let file = config.file.clone();
    let is_recorded = config.ledger == Ledger::Kept;
    // A large file takes a while for both, and they need not wait for each other.
    let (fingerprint, opened) = tokio::join!(
        super::blocking(move || is_recorded.then(|| Fingerprint::of(&file)).transpose()),
        open_workbook(&config.file, &config.read)
    );
    // What opening says is more to the point.
    let Opened {
        sheets,
        hidden,
        empty,
    } = opened?;
    let fingerprint = fingerprint?;
    Ok(Prepared {
        groups: group(config, sheets)?,
        hidden,
        empty,
        opening: started.elapsed(),
        fingerprint,
    })
}

/// Which sheets go into which table.
fn group(config: &ImportConfig, sheets: Vec<Box<dyn RowSource>>) -> Result<Vec<Group>> {
    let is_one_table =
        !config.has_placeholder() && (!config.is_several() || is_named(config, &sheets));
    if is_one_table {
        return Ok(vec![Group {
            table: config.table_name(),
            sources: sheets,
        }]);
    }
    let mut groups: Vec<Group> = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        let mut table = config.table_of_sheet(&sheet.describe().sheet)?;
        let own = table.table.clone();
        let mut number = 2;
        while groups.iter().any(|group| group.table == table) {
            table.table = numbered(&own, number);
            number += 1;
        }
        groups.push(Group {
            table,
            sources: vec![sheet],
        });
    }
    Ok(groups)
}

/// Whether options that may mean several sheets meant one, and its table is named.
fn is_named(config: &ImportConfig, sheets: &[Box<dyn RowSource>]) -> bool {
    config.table.is_some() && sheets.len() == 1
}
