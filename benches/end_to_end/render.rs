//! Reports and comparisons for people.

use comfy_table::{CellAlignment, Table, presets};

use crate::check::{Comparison, Line};
use crate::report::{Figure, Goal, Measured, Metric, Report, Run, Side, Verdict};

/// The marks around the block in `benches/README.md` that a run's Markdown takes the place of.
const BLOCK_BEGINS: &str =
    "<!-- figures: what `end_to_end -- show REPORT.json --markdown` prints -->";
const BLOCK_ENDS: &str = "<!-- end of figures -->";

const HEADER: [&str; 8] = [
    "workload", "who", "rows", "wall", "CPU", "peak", "figure", "goal",
];

/// A report as a table on a terminal.
pub(crate) fn report(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEADER);
    for workload in &report.workloads {
        for row in rows(workload) {
            table.add_row(row);
        }
    }
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n\n{table}", about(report))
}

/// The same as the block of `benches/README.md`.
pub(crate) fn markdown(report: &Report) -> String {
    let mut lines = vec![BLOCK_BEGINS.to_owned(), about(report), String::new()];
    lines.push(format!("| {} |", HEADER.join(" | ")));
    lines.push("|---|---|--:|--:|--:|--:|---|---|".to_owned());
    for workload in &report.workloads {
        for row in rows(workload) {
            lines.push(format!("| {} |", row.join(" | ")));
        }
    }
    lines.push(BLOCK_ENDS.to_owned());
    lines.join("\n")
}

fn about(report: &Report) -> String {
    let Report {
        commit,
        version,
        date,
        profile,
        machine,
        server,
        ..
    } = report;
    let settings: Vec<String> = server
        .settings
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    format!(
        "sheetload {version} ({commit}, profile {profile}), {date}, on {}, {} cores, {:.0} GiB, {}; \
         PostgreSQL {} with {}. Times and memory are medians (least to greatest) of each one's runs.",
        machine.cpu,
        machine.cores,
        machine.memory_bytes as f64 / f64::from(1 << 30),
        machine.os,
        server.version,
        settings.join(", ")
    )
}

/// A row for each side; the first one also has the figure.
fn rows(workload: &Measured) -> Vec<[String; 8]> {
    let sides = workload.sides.iter().enumerate();
    sides
        .map(|(index, side)| {
            let first = |text: String| if index == 0 { text } else { String::new() };
            [
                first(workload.id.clone()),
                side.name.clone(),
                grouped(side.rows),
                spread(side, Metric::Wall),
                spread(side, Metric::Cpu),
                spread(side, Metric::Memory),
                first(figure(workload)),
                first(goal(&workload.figure)),
            ]
        })
        .collect()
}

fn spread(side: &Side, metric: Metric) -> String {
    let values = side.values(metric);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(0.0, f64::max);
    match side.median(metric) {
        Some(median) => format!(
            "{} ({} to {})",
            amount(metric, median),
            bare(metric, least),
            bare(metric, greatest)
        ),
        None => String::new(),
    }
}

fn figure(workload: &Measured) -> String {
    let Some(value) = workload.figure.value() else {
        return String::new();
    };
    match &workload.figure {
        Figure::Ratio { of, .. } => {
            let names: Vec<&str> = workload
                .sides
                .iter()
                .map(|side| side.name.as_str())
                .collect();
            format!("{} {}: {value:.3}", of.name(), names.join(" / "))
        }
        Figure::Median { of, .. } => format!("{} {}", of.name(), amount(*of, value)),
        Figure::Linearity { .. } => format!("per row above the fixed cost: {value:.3}"),
    }
}

fn goal(figure: &Figure) -> String {
    let Some(goal) = figure.goal() else {
        return "(set for other sizes)".to_owned();
    };
    let plain = |bound: f64| match figure {
        Figure::Median { of, .. } => amount(*of, bound),
        _ => bound.to_string(),
    };
    let bound = match goal {
        Goal::AtMost(bound) => format!("<= {}", plain(bound)),
        Goal::AtLeast(bound) => format!(">= {}", plain(bound)),
        Goal::AroundOne(bound) => format!("{} to {}", 1.0 - bound, 1.0 + bound),
    };
    match figure.verdict() {
        Verdict::Reached => format!("{bound}: reached"),
        Verdict::Missed(percent) => format!("{bound}: missed by {percent:.0} %"),
        Verdict::NotJudged => bound,
    }
}

/// What a run took, in a line.
pub(crate) fn run(run: &Run) -> String {
    let metrics = [Metric::Wall, Metric::Cpu, Metric::Memory];
    let amounts =
        metrics.map(|metric| format!("{} {}", metric.name(), amount(metric, metric.of(run))));
    amounts.join(", ")
}

/// A number of a metric with its unit.
pub(crate) fn amount(metric: Metric, value: f64) -> String {
    let unit = match metric {
        Metric::Wall | Metric::Cpu => "s",
        Metric::Memory => "MiB",
    };
    format!("{} {unit}", bare(metric, value))
}

fn bare(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Wall | Metric::Cpu if value < 1.0 => format!("{value:.3}"),
        Metric::Wall | Metric::Cpu => format!("{value:.2}"),
        Metric::Memory => format!("{:.1}", value / f64::from(1 << 20)),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A comparison as a table on a terminal.
pub(crate) fn comparison(comparison: &Comparison) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["workload", "figure", "before", "after", "worse by", ""]);
    for line in &comparison.lines {
        let remark = if line.is_worse { "WORSE" } else { "" };
        let worse = format!("{:+.1} %", line.worse_percent);
        let (before, after) = (quantity(line, line.before), quantity(line, line.after));
        table.add_row([
            &line.workload,
            &line.figure(),
            &before,
            &after,
            &worse,
            remark,
        ]);
    }
    let notes = comparison.notes.iter();
    let mut parts: Vec<String> = notes.map(|note| format!("note: {note}")).collect();
    if !comparison.lines.is_empty() {
        parts.push(table.to_string());
    }
    parts.join("\n")
}

fn quantity(line: &Line, value: f64) -> String {
    match line.metric {
        Some(metric) => amount(metric, value),
        None => format!("{value:.3}"),
    }
}
