//! The report of a load for people.

use super::{bytes, grouped, line, note, one_line, rounded, seconds};
use crate::model::deferred::{Deferred, DeferredOutcome};
use crate::model::receipt::Verified;
use crate::model::reject::Reject;
use crate::model::report::{LoadReport, LoadState, Replaced, Upserted};
use crate::model::sequences::{SequenceMove, SequenceOutcome};

/// How many rejected rows are listed; the JSON document has more.
const LISTED_REJECTS: usize = 20;
/// How many cells of each are; the JSON document has more.
const LISTED_CELLS: usize = 100;

/// The longest line, in characters, as far as words can be broken apart.
const WIDTH: usize = 80;
/// Where the figures begin: two spaces, the name, a space.
const FIGURE_INDENT: usize = 23;
/// How much of a message is shown of a rejected row, in characters; the JSON document has all of it.
const MESSAGE_CHARS: usize = 240;

/// Prints the report on stdout, with the database that the rows went to, and its warnings on stderr.
pub(in crate::cli) fn print(report: &LoadReport, database: &str) {
    line(&wrapped(&headline(report), 2));
    if report.dry_run {
        line("  dry run: every row was tried, and everything was taken back");
    }
    line("");
    let database = ("database", one_line(database));
    for (name, value) in std::iter::once(database).chain(figures(report)) {
        line(&wrapped(&format!("  {name:<20} {value}"), FIGURE_INDENT));
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
    let mut figures = vec![
        ("total_records", grouped(report.total_records)),
        ("success_count", with_upserted(report)),
        ("error_count", with_reasons(report)),
    ];
    for (name, count) in [
        ("kept in the table", report.skipped.kept_in_table),
        ("superseded", report.skipped.superseded),
        ("left out by table", report.skipped.left_out_by_table),
        ("blank rows skipped", report.skipped.blank_rows),
        ("hidden rows skipped", report.skipped.hidden_rows),
        ("rows above titles", report.skipped.rows_above_header),
        ("hidden rows loaded", report.hidden.rows_loaded),
        ("hidden columns", report.hidden.columns),
        ("retries", report.retries),
    ] {
        if count > 0 {
            figures.push((name, grouped(count)));
        }
    }
    figures.push(("committed", committed(report).to_owned()));
    if let Some(replaced) = &report.replaced {
        figures.push(("replaced", how_replaced(replaced)));
    }
    if report.frozen {
        figures.push(("stored", "frozen".to_owned()));
    }
    figures.push(("load", report.load_id.clone()));
    if let Some(deferred) = &report.deferred {
        figures.push(("indexes", built(deferred)));
    }
    figures.extend(report.sequences.iter().filter_map(moved));
    if let Some(verified) = report.receipt.verified {
        figures.push(("verified", compared_with(verified).to_owned()));
    }
    figures.push(("duration", seconds(report.duration)));
    figures.push(("records_per_second", rounded(report.records_per_second)));
    figures.extend(measured(report));
    figures
}

/// Where the time went.
fn measured(report: &LoadReport) -> Vec<(&'static str, String)> {
    let (stages, mut figures) = (&report.stages, Vec::new());
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
        format!("{} ({})", grouped(report.batches), bytes(report.bytes_sent)),
    ));
    figures.push((
        "batch latency",
        format!(
            "p50 {:.1}, p95 {:.1}, p99 {:.1} ms",
            latency.p50, latency.p95, latency.p99
        ),
    ));
    figures.push(("peak memory", bytes(report.peak_memory_bytes)));
    figures.push(("bottleneck", report.bottleneck.to_owned()));
    figures
}

/// How many rows were loaded; of those merged by a key, how many are new.
fn with_upserted(report: &LoadReport) -> String {
    let loaded = grouped(report.success_count);
    match report.upserted {
        Some(Upserted { inserted, updated }) => format!(
            "{loaded} (inserted {}, updated {})",
            grouped(inserted),
            grouped(updated)
        ),
        None => loaded,
    }
}

/// When rows were committed.
fn committed(report: &LoadReport) -> &'static str {
    match report.commit {
        _ if report.dry_run => "nothing",
        "batch" => "each batch by itself",
        "row" => "each row by itself",
        _ => "all rows together",
    }
}

/// How the table's old rows made way for the new ones.
fn how_replaced(replaced: &Replaced) -> String {
    match replaced {
        Replaced::Swapped => "a copy of the table took its place".to_owned(),
        Replaced::Rewritten { because } => one_line(&format!(
            "the table was emptied and written, because {because}"
        )),
    }
}

/// Where a sequence goes on; what could not be moved is a warning.
fn moved(of_column: &SequenceMove) -> Option<(&'static str, String)> {
    let SequenceOutcome::Moved { last } = of_column.outcome else {
        return None;
    };
    let (name, column) = (&of_column.sequence, &of_column.column);
    let text = format!("{name} of column {column} goes on behind {last}");
    Some(("sequence", one_line(&text)))
}

/// What became of indexes and foreign keys that were to wait.
fn built(deferred: &Deferred) -> String {
    let (indexes, keys) = (
        deferred.parts.indexes.len() as u64,
        deferred.parts.foreign_keys.len() as u64,
    );
    match deferred.outcome {
        DeferredOutcome::Rebuilt => format!(
            "{} built and {} checked after the rows, {}",
            counted(indexes, "index", "indexes"),
            counted(keys, "foreign key", "foreign keys"),
            seconds(deferred.rebuild)
        ),
        DeferredOutcome::LeftInPlace => "all in place during the load".to_owned(),
        DeferredOutcome::LoadedAgainInPlace => {
            "all in place during a second load of all rows".to_owned()
        }
    }
}

fn counted(number: u64, one: &str, several: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{} {several}", grouped(number)),
    }
}

/// Which rows of the table have the counts, sums, least and greatest values of the source.
fn compared_with(verified: Verified) -> &'static str {
    match verified {
        Verified::WholeTable => "all rows of the table agree with the source",
        Verified::Lineage => "the rows with this load's id agree with the source",
        Verified::Transactions => "the rows of this load agree with the source",
        Verified::Staged => "the rows agreed with the source before they were merged",
    }
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
    let most = if report.dry_run {
        usize::MAX
    } else {
        LISTED_REJECTS
    };
    for reject in report.rejects.iter().take(most) {
        for text in lines_of(reject) {
            line(&text);
        }
    }
    let listed = report.rejects.len().min(most) as u64;
    if report.error_count > listed {
        line(&format!(
            "  and {} more (--rejects FILE has all)",
            grouped(report.error_count - listed)
        ));
    }
}

/// A rejected row: a line for each of its cells at fault, or one if it is refused as a whole.
fn lines_of(reject: &Reject) -> Vec<String> {
    let text = |cell: &str, column: Option<&str>, message: &str, sqlstate: &str| {
        let column = column.unwrap_or("(row)");
        let message = shortened(&one_line(message));
        let text = one_line(&format!("  {cell} {column}: {message}"));
        wrapped(&format!("{text} [{sqlstate}]"), 4)
    };
    if reject.cells.is_empty() {
        let column = reject.column.as_deref();
        return vec![text(
            &reject.cell,
            column,
            &reject.message,
            &reject.sqlstate,
        )];
    }
    let cells = reject.cells.iter().take(LISTED_CELLS);
    let cells = cells.map(|at| text(&at.cell, Some(&at.column), &at.message, &at.sqlstate));
    let mut lines: Vec<String> = cells.collect();
    let more = reject.cells.len().saturating_sub(LISTED_CELLS) as u64;
    if more > 0 {
        let more = counted(more, "more cell", "more cells");
        lines.push(format!("  and {more} of row {}", reject.row));
    }
    lines
}

/// Breaks a line between words so that it fits; what follows the first line is indented.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let (mut out, mut width) = (String::new(), 0);
    for word in text.split_inclusive(' ') {
        let chars = word.trim_end().chars().count();
        if width + chars > WIDTH && width > indent {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            width = indent;
        }
        out.push_str(word);
        width += word.chars().count();
    }
    out
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reject::RejectReason;

    #[test]
    fn long_lines_are_broken_between_words_and_indented() {
        let text = format!("  name  {} end", "word ".repeat(20).trim_end());
        let out = wrapped(&text, 8);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[1].starts_with("        word"));
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&out), words(&text));
        assert_eq!(wrapped("  short   one", 2), "  short   one");
        // A word longer than a line stays whole, so that it can be copied.
        let long = format!("  {}", "x".repeat(100));
        assert_eq!(wrapped(&long, 4), long);
    }

    #[test]
    fn every_cell_at_fault_has_a_line_of_its_own() {
        let whole = Reject {
            sheet: "S".into(),
            row: 3,
            cell: "S!A3".into(),
            column: None,
            stored: None,
            expected: None,
            sqlstate: "23505".into(),
            reason: RejectReason::Constraint,
            message: "twice".into(),
            cells: Vec::new(),
        };
        assert_eq!(lines_of(&whole), ["  S!A3 (row): twice [23505]"]);
        let mut several = Reject {
            column: Some("qty".into()),
            ..whole
        };
        several.cells = vec![several.first_cell().unwrap(); LISTED_CELLS + 2];
        let lines = lines_of(&several);
        assert_eq!(lines[1], "  S!A3 qty: twice [23505]");
        assert_eq!(lines.len(), LISTED_CELLS + 1);
        assert_eq!(lines[LISTED_CELLS], "  and 2 more cells of row 3");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let cut = shortened(&"ä".repeat(MESSAGE_CHARS + 1));
        assert_eq!(cut.chars().count(), MESSAGE_CHARS + 1);
        assert!(cut.ends_with('…'));
        assert_eq!(shortened("ä"), "ä");
    }
}
