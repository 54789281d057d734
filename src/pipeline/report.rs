//! The report of a load, from its counters.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::LoadEnd;
use super::progress::Snapshot;
use super::sequences;
use super::storage::Rebuild;
use super::target::Target;
use crate::config::commit::{CommitMode, Rehearsal};
use crate::config::import::Mode;
use crate::config::storage::Persistence;
use crate::db::merge::Merged;
use crate::model::receipt::Receipt;
use crate::model::report::{
    HiddenContent, Latency, LoadReport, LoadState, Skipped, StageTimes, Upserted, rate,
};
use crate::model::sequences::SequenceMove;
use crate::sink::held::StoredRows;
use crate::telemetry::peak_memory_bytes;

/// What the counters do not know.
pub(super) struct Facts<'a> {
    pub(super) state: LoadState,
    pub(super) file: String,
    pub(super) sheet: String,
    pub(super) target: &'a Target,
    pub(super) mode: Mode,
    pub(super) workers: usize,
    pub(super) load_id: String,
    pub(super) hidden_columns: u64,
    pub(super) commit: CommitMode,
    pub(super) receipt: Receipt,
    pub(super) merged: Option<Merged>,
    pub(super) rehearsal: Rehearsal,
    pub(super) rebuild: Rebuild,
    pub(super) rows: StoredRows,
    pub(super) sequences: Vec<SequenceMove>,
}

/// When the stages before the load ended, for the report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Milestones {
    pub(super) started: Instant,
    pub(super) opened: Instant,
    pub(super) resolved: Instant,
    pub(super) loaded: Instant,
}

/// Writes the report.
pub(super) fn write(
    facts: Facts<'_>,
    end: &LoadEnd,
    counters: Snapshot,
    milestones: Milestones,
) -> LoadReport {
    let duration = milestones.started.elapsed();
    let is_in_place = facts.state == LoadState::Complete && facts.rehearsal == Rehearsal::No;
    let totals = end.totals.unwrap_or_default();
    let stages = stage_times(&counters, milestones, facts.target.is_new());
    let loading = seconds(milestones.resolved, milestones.loaded);
    let mut warnings = warnings(end, &counters);
    if is_in_place {
        warnings.extend(facts.target.storage_warning());
    }
    warnings.extend(sequences::warnings(&facts.sequences));
    LoadReport {
        load_id: facts.load_id,
        state: facts.state,
        file: facts.file,
        sheet: facts.sheet,
        table: facts.target.name().plain(),
        table_sql: facts.target.name().to_string(),
        table_created: facts.target.is_new(),
        table_unlogged: facts.target.persistence == Persistence::Unlogged,
        replaced: facts.target.replaced().filter(|_| is_in_place),
        frozen: is_in_place && facts.rows == StoredRows::Frozen,
        deferred: facts.target.deferred(facts.rebuild, is_in_place),
        sequences: facts.sequences,
        mode: facts.mode.name(),
        commit: facts.commit.name(),
        dry_run: facts.rehearsal == Rehearsal::DryRun,
        workers: facts.workers,
        total_records: end.totals.map_or(counters.read_rows, |totals| totals.rows),
        success_count: counters.loaded_rows,
        error_count: counters.rejected_rows,
        skipped: Skipped {
            blank_rows: totals.blank_rows,
            hidden_rows: totals.hidden_rows_skipped,
            rows_above_header: totals.rows_above_header,
            left_out_by_table: counters.left_out_rows,
            kept_in_table: facts.merged.as_ref().map_or(0, |merged| merged.kept),
            superseded: facts.merged.as_ref().map_or(0, |merged| merged.superseded),
        },
        upserted: facts.merged.map(|merged| Upserted {
            inserted: merged.inserted,
            updated: merged.updated,
        }),
        hidden: HiddenContent {
            rows_loaded: totals.hidden_rows_read,
            columns: facts.hidden_columns,
        },
        duration: duration.as_secs_f64(),
        records_per_second: rate(counters.loaded_rows, duration),
        retries: counters.retries,
        batches: counters.batches,
        bytes_sent: counters.bytes_sent,
        stages,
        batch_latency_ms: latency(&end.latency),
        peak_memory_bytes: peak_memory_bytes(),
        bottleneck: bottleneck(&stages, loading, facts.workers),
        error_cells_as_null: counters.error_cells_as_null,
        rejected_by_reason: end.rejects.by_reason.clone(),
        rejects: end.rejects.first.clone(),
        warnings,
        receipt: facts.receipt,
    }
}

fn stage_times(counters: &Snapshot, milestones: Milestones, inferred: bool) -> StageTimes {
    StageTimes {
        open: seconds(milestones.started, milestones.opened),
        infer: if inferred {
            seconds(milestones.opened, milestones.resolved)
        } else {
            0.0
        },
        read: counters.read.as_secs_f64(),
        encode: counters.encode.as_secs_f64(),
        write: counters.write.as_secs_f64(),
        reader_wait: counters.reader_wait.as_secs_f64(),
        worker_wait: counters.worker_wait.as_secs_f64(),
    }
}

fn latency(micros: &Histogram<u64>) -> Latency {
    let millis = |quantile| micros.value_at_quantile(quantile) as f64 / 1_000.0;
    Latency {
        p50: millis(0.50),
        p95: millis(0.95),
        p99: millis(0.99),
    }
}

/// What limited the load. A stage that never waits for the others is the one that all wait for.
fn bottleneck(stages: &StageTimes, loading: f64, workers: usize) -> &'static str {
    let idle_share = stages.worker_wait / (loading * workers as f64).max(f64::MIN_POSITIVE);
    if stages.open + stages.infer > loading {
        "reading the workbook before the load: opening it and finding the column types"
    } else if idle_share > 0.5 {
        "reading the workbook: the workers waited for rows"
    } else if stages.write >= stages.encode {
        "the server: the workers waited for it to take and commit the rows"
    } else {
        "encoding the rows"
    }
}

fn warnings(end: &LoadEnd, counters: &Snapshot) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(totals) = end.totals
        && let Some(first) = totals.first_outside_header
    {
        warnings.push(format!(
            "{} filled cells have no title above them and were not loaded, the first is {first}",
            totals.cells_outside_header
        ));
    }
    if counters.untitled_cells > 0 {
        warnings.push(format!(
            "{} filled cells in columns without a title were not loaded (--map \"C=column\" loads column C)",
            counters.untitled_cells
        ));
    }
    if let Some(totals) = end.totals
        && let Some(first) = totals.first_uncached
    {
        warnings.push(format!(
            "{} formulas have no result in the file and were loaded as NULL, the first is {first}; open and save it in a \
             spreadsheet program to have them computed",
            totals.uncached_formulas
        ));
    }
    if let Some(totals) = end.totals
        && let Some(first) = totals.first_replaced
    {
        warnings.push(format!(
            "{} texts have characters that are damaged in the file, such as half of a pair; U+FFFD stands for each of them, \
             the first text is in {first}",
            totals.replaced_texts
        ));
    }
    if let Some(totals) = end.totals
        && let Some((first, page)) = totals.first_guessed
    {
        warnings.push(format!(
            "{} texts are in a code page that the file does not name and were read in {page}, the first is in {first}; \
             --codepage NAME reads them in another",
            totals.guessed_texts
        ));
    }
    if let Some(totals) = end.totals
        && totals.rows_above_header > 0
    {
        warnings.push(format!(
            "{} rows above the titles were not loaded",
            totals.rows_above_header
        ));
    }
    if counters.left_out_rows > 0 {
        warnings.push(format!(
            "{} rows were left out by the table itself, by a trigger or a rule; the receipt's columns count them",
            counters.left_out_rows
        ));
    }
    if counters.error_cells_as_null > 0 {
        warnings.push(format!(
            "{} error cells were loaded as NULL (--on-cell-error changes that)",
            counters.error_cells_as_null
        ));
    }
    warnings
}

/// Seconds from one moment to a later one.
fn seconds(from: Instant, to: Instant) -> f64 {
    to.checked_duration_since(from)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_that_never_waits_is_the_bottleneck() {
        let waiting_for_rows = StageTimes {
            worker_wait: 18.0,
            ..StageTimes::default()
        };
        assert!(bottleneck(&waiting_for_rows, 10.0, 2).starts_with("reading the workbook:"));
        let busy_server = StageTimes {
            write: 9.0,
            encode: 1.0,
            ..StageTimes::default()
        };
        assert!(bottleneck(&busy_server, 10.0, 1).starts_with("the server"));
        let busy_encoder = StageTimes {
            write: 1.0,
            encode: 9.0,
            ..StageTimes::default()
        };
        assert_eq!(bottleneck(&busy_encoder, 10.0, 1), "encoding the rows");
        let inference = StageTimes {
            infer: 11.0,
            ..busy_server
        };
        assert!(bottleneck(&inference, 10.0, 1).contains("column types"));
    }
}
