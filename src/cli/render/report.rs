//! The report of a load for people.

use super::{bytes, grouped, line, note, one_line, rounded, seconds};
use crate::model::report::{LoadReport, LoadState};

/// How many rejected rows are listed; the JSON document has more.
const LISTED_REJECTS: usize = 20;

/// Prints the report on stdout and its warnings on stderr.
pub(in crate::cli) fn print(report: &LoadReport) {
    line(&headline(report));
    line("");
    for (name, value) in figures(report) {
        line(&format!("  {name:<20} {value}"));
    }
    print_rejects(report);
    for warning in &report.warnings {
        note(&format!("sheetload: warning: {}", one_line(warning)));
    }
}

fn headline(report: &LoadReport) -> String {
    let created = if report.table_created {
        ", created"
    } else {
        ""
    };
    let workers = if report.workers == 1 {
        "1 worker".to_owned()
    } else {
        format!("{} workers", report.workers)
    };
    let state = match report.state {
        LoadState::Complete => "",
        LoadState::Interrupted => " - interrupted",
        LoadState::Failed => " - failed",
    };
    one_line(&format!(
        "{} ({}) into table {}{created}: {} mode, {workers}{state}",
        report.file, report.sheet, report.table, report.mode
    ))
}

/// The figures with their names, in the order of their weight.
fn figures(report: &LoadReport) -> Vec<(&'static str, String)> {
    let stages = &report.stages;
    let mut figures = vec![
        ("total_records", grouped(report.total_records)),
        ("success_count", grouped(report.success_count)),
        ("error_count", with_reasons(report)),
    ];
    if report.skipped.blank_rows > 0 {
        figures.push(("blank rows skipped", grouped(report.skipped.blank_rows)));
    }
    figures.push(("duration", seconds(report.duration)));
    figures.push(("records_per_second", rounded(report.records_per_second)));
    let mut before = format!("open {}", seconds(stages.open));
    if stages.infer > 0.0 {
        before = format!("{before}, find types {}", seconds(stages.infer));
    }
    figures.push(("before loading", before));
    figures.push((
        "loading",
        format!(
            "read {}, encode {}, write {}",
            seconds(stages.read),
            seconds(stages.encode),
            seconds(stages.write)
        ),
    ));
    figures.push((
        "waiting",
        format!(
            "reader {}, workers {}",
            seconds(stages.reader_wait),
            seconds(stages.worker_wait)
        ),
    ));
    let latency = &report.batch_latency_ms;
    figures.push((
        "batches",
        format!(
            "{} ({}); latency p50 {:.1}, p95 {:.1}, p99 {:.1} ms",
            grouped(report.batches),
            bytes(report.bytes_sent),
            latency.p50,
            latency.p95,
            latency.p99
        ),
    ));
    figures.push(("peak memory", bytes(report.peak_memory_bytes)));
    figures.push(("bottleneck", report.bottleneck.to_owned()));
    figures
}

fn with_reasons(report: &LoadReport) -> String {
    let reasons: Vec<String> = report
        .rejected_by_reason
        .iter()
        .map(|(reason, count)| format!("{} {}", reason.describe(), grouped(*count)))
        .collect();
    if reasons.is_empty() {
        grouped(report.error_count)
    } else {
        format!("{} ({})", grouped(report.error_count), reasons.join(", "))
    }
}

fn print_rejects(report: &LoadReport) {
    if report.rejects.is_empty() {
        return;
    }
    line("");
    line("Rejected rows:");
    for reject in report.rejects.iter().take(LISTED_REJECTS) {
        let column = reject.column.as_deref().unwrap_or("(row)");
        line(&one_line(&format!(
            "  {} {column}: {} [{}]",
            reject.cell, reject.message, reject.sqlstate
        )));
    }
    let listed = report.rejects.len().min(LISTED_REJECTS) as u64;
    if report.error_count > listed {
        line(&format!(
            "  and {} more (--json lists the first 1,000)",
            grouped(report.error_count - listed)
        ));
    }
}
