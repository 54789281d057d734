//! What a load did: the figures that people see as a table and programs read as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::deferred::Deferred;
use super::receipt::Receipt;
use super::reject::{Reject, RejectReason};
use super::sequences::SequenceMove;

/// How a load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadState {
    /// Every row was read, and loaded or rejected.
    Complete,
    /// The user stopped it; what was committed stays.
    Interrupted,
    /// It failed; what was committed stays.
    Failed,
}

/// Rows that were neither loaded nor rejected, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Rows without any cell between filled ones. They are not counted as records.
    pub blank_rows: u64,
    /// Rows left out because they are hidden.
    pub hidden_rows: u64,
    /// Filled rows above the titles.
    pub rows_above_header: u64,
    /// Rows that the table left out without an error, as a trigger can do. They count as records.
    pub left_out_by_table: u64,
    /// Rows whose key the table had, and that were left out for it. They count as records.
    pub kept_in_table: u64,
    /// Rows that another row of the sheet with the same key took the place of. They count as records.
    pub superseded: u64,
}

/// What a merge by a key did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Upserted {
    /// Rows that are new in the table.
    pub inserted: u64,
    /// Rows that the table had, with the sheet's values now.
    pub updated: u64,
}

/// How the rows of a table were replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Replaced {
    /// A copy of the table with the new rows took its place.
    Swapped,
    /// The table itself was emptied, and the staged rows were written into it.
    Rewritten {
        /// What kept a copy from taking its place, as in "because it has row security".
        because: String,
    },
}

/// What people do not see in the sheet and was loaded, or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HiddenContent {
    /// Hidden rows among the records.
    pub rows_loaded: u64,
    /// Hidden columns with a title.
    pub columns: u64,
}

/// Where the time went. Stages of several workers add up, so they may exceed the duration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StageTimes {
    /// Opening the workbook and finding the header, in seconds.
    pub open: f64,
    /// Reading all rows once to find the types of a table to be created, in seconds.
    pub infer: f64,
    /// Reading the rows, in seconds.
    pub read: f64,
    /// Converting and encoding, over all workers, in seconds.
    pub encode: f64,
    /// Sending and committing, over all workers, in seconds.
    pub write: f64,
    /// The reader waiting for a worker to take a batch, in seconds.
    pub reader_wait: f64,
    /// Workers waiting for a batch, in seconds.
    pub worker_wait: f64,
}

/// How long batches took from the first byte sent to the commit, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
}

/// What a load did. For every complete load `total_records` is `success_count + error_count`, and the records that were
/// left out: `left_out_by_table`, `kept_in_table` and `superseded`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    /// The load's id, which `_load_id` holds in each row with lineage.
    pub load_id: String,
    /// How it ended.
    pub state: LoadState,
    /// The workbook.
    pub file: String,
    /// The sheet; several that went into one table are joined by commas.
    pub sheet: String,
    /// The table, as `schema.table` where a schema was named.
    pub table: String,
    /// The table's name quoted for SQL.
    #[serde(skip)]
    pub table_sql: String,
    /// Whether this load created the table.
    pub table_created: bool,
    /// Whether a crash of the server empties the table.
    pub table_unlogged: bool,
    /// How its rows were replaced; none where they were not.
    pub replaced: Option<Replaced>,
    /// Whether its rows were stored frozen.
    pub frozen: bool,
    /// Indexes and foreign keys that were to be built after the rows; none where none were asked to wait.
    pub deferred: Option<Deferred>,
    /// Sequences that stood before numbers that rows brought, and what became of them.
    pub sequences: Vec<SequenceMove>,
    /// The mode: `sequential`, `concurrent` or `batch`.
    pub mode: &'static str,
    /// Whether everything was taken back at the end: then the figures say what a load would do.
    pub dry_run: bool,
    /// When rows were committed: `all`, `batch` or `row`.
    pub commit: &'static str,
    /// Connections that wrote, or tasks that encoded for one transaction.
    pub workers: usize,
    /// Rows read from the sheet that hold at least one cell.
    pub total_records: u64,
    /// Rows committed.
    pub success_count: u64,
    /// Rows rejected.
    pub error_count: u64,
    /// Rows that do not count as records.
    pub skipped: Skipped,
    /// What a merge by a key did; none without a key.
    pub upserted: Option<Upserted>,
    /// What people do not see in the sheet.
    pub hidden: HiddenContent,
    /// From opening the file to the last commit, in seconds.
    pub duration: f64,
    /// Rows committed for each second of the duration.
    pub records_per_second: f64,
    /// How often something was tried again that then passed, or did not.
    pub retries: u64,
    /// Batches committed.
    pub batches: u64,
    /// Bytes sent to the server as values.
    pub bytes_sent: u64,
    /// Where the time went.
    pub stages: StageTimes,
    /// Latency of batches.
    pub batch_latency_ms: Latency,
    /// The program's peak resident memory, in bytes.
    pub peak_memory_bytes: u64,
    /// What limited the load, in words.
    pub bottleneck: &'static str,
    /// Error cells that were loaded as NULL.
    pub error_cells_as_null: u64,
    /// Rejected rows by reason.
    pub rejected_by_reason: BTreeMap<RejectReason, u64>,
    /// The first rejected rows, by row number; `error_count` says how many there are.
    pub rejects: Vec<Reject>,
    /// What the user should know although nothing failed.
    pub warnings: Vec<String>,
    /// What the loaded rows hold in each column.
    pub receipt: Receipt,
}

/// Rows per second, 0 when no time passed.
#[must_use]
pub fn rate(rows: u64, duration: Duration) -> f64 {
    let seconds = duration.as_secs_f64();
    if seconds > 0.0 {
        rows as f64 / seconds
    } else {
        0.0
    }
}
