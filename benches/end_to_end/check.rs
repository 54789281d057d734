//! Two reports against each other: what has become worse, and what can be compared at all.

use super::report::{Better, FORMAT, Figure, Measured, Metric, Report, Side};

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// One line for each figure in both reports.
    pub(crate) lines: Vec<Line>,
    /// What was not compared and why, and what else to know.
    pub(crate) notes: Vec<String>,
}

/// A figure before and after.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// The workload.
    pub(crate) workload: String,
    /// Whose figure; none for that of the whole workload.
    pub(crate) side: Option<String>,
    /// Of what; none for a ratio.
    pub(crate) metric: Option<Metric>,
    /// In seconds, bytes, or no unit.
    pub(crate) before: f64,
    /// In the same unit.
    pub(crate) after: f64,
    /// By how many percent it has become worse; below 0, better.
    pub(crate) worse_percent: f64,
    /// Whether that is more than is tolerated.
    pub(crate) is_worse: bool,
}

/// How a comparison ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is worse by more than is tolerated.
    Good,
    /// So many figures are.
    Worse(usize),
    /// The reports have no figure in common: this says nothing, and must not look as if all were well.
    NothingComparable,
}

impl Line {
    /// The figure in words: `sheetload wall`, `ratio`.
    pub(crate) fn figure(&self) -> String {
        match (&self.side, self.metric) {
            (Some(side), Some(metric)) => format!("{side} {}", metric.name()),
            _ => "ratio".to_owned(),
        }
    }
}

impl Comparison {
    /// How it ends.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.lines.is_empty() {
            return Outcome::NothingComparable;
        }
        match self.lines.iter().filter(|line| line.is_worse).count() {
            0 => Outcome::Good,
            worse => Outcome::Worse(worse),
        }
    }
}

/// Compares medians: of the own side's wall time, CPU and memory where the machine is the same, and of the figures
/// that do not depend on the machine in any case. What the program is held against may change as it likes.
pub(crate) fn compare(before: &Report, after: &Report, tolerance_percent: f64) -> Comparison {
    let mut comparison = Comparison {
        lines: Vec::new(),
        notes: Vec::new(),
    };
    if before.format != FORMAT || after.format != FORMAT {
        let note = format!(
            "the reports have the formats {} and {}, this program knows {FORMAT}: nothing was compared",
            before.format, after.format
        );
        comparison.notes.push(note);
        return comparison;
    }
    if before.profile != after.profile {
        let note = format!(
            "the programs were built in the profiles {} and {}: nothing was compared",
            before.profile, after.profile
        );
        comparison.notes.push(note);
        return comparison;
    }
    let machine = same_machine(before, after, &mut comparison.notes);
    for old in &before.workloads {
        let Some(new) = after.workloads.iter().find(|new| new.id == old.id) else {
            let note = format!("{}: not in the second report", old.id);
            comparison.notes.push(note);
            continue;
        };
        if (old.rows, &old.shape) != (new.rows, &new.shape) {
            let note = format!(
                "{}: {} rows of {} before, {} of {} after: not compared",
                old.id, old.rows, old.shape, new.rows, new.shape
            );
            comparison.notes.push(note);
            continue;
        }
        comparison
            .lines
            .extend(lines_of(old, new, machine, tolerance_percent));
    }
    let known = |id: &str| before.workloads.iter().any(|old| old.id == id);
    for new in after.workloads.iter().filter(|new| !known(&new.id)) {
        let note = format!("{}: not in the first report", new.id);
        comparison.notes.push(note);
    }
    comparison
}

/// Whether two reports are of one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machines {
    Same,
    Different,
}

fn same_machine(before: &Report, after: &Report, notes: &mut Vec<String>) -> Machines {
    let (old, new) = (&before.machine, &after.machine);
    if before.server != after.server {
        let (old, new) = (&before.server.version, &after.server.version);
        notes.push(format!(
            "the servers differ in version or settings ({old} and {new}): mind that"
        ));
    }
    // The memory that a system says it has changes by some pages from one start to the next.
    let gib = |bytes: u64| (bytes as f64 / f64::from(1 << 30)).round() as u64;
    let same = (&old.cpu, old.cores, gib(old.memory_bytes))
        == (&new.cpu, new.cores, gib(new.memory_bytes));
    if same {
        return Machines::Same;
    }
    notes.push(format!(
        "the machines differ ({}, {} cores, {} GiB; {}, {} cores, {} GiB): only ratios were compared",
        old.cpu,
        old.cores,
        gib(old.memory_bytes),
        new.cpu,
        new.cores,
        gib(new.memory_bytes)
    ));
    Machines::Different
}

fn lines_of(old: &Measured, new: &Measured, machines: Machines, tolerance: f64) -> Vec<Line> {
    let mut lines = Vec::new();
    let line = |of: Option<(&str, Metric)>, before: f64, after: f64, worse: f64| Line {
        workload: old.id.clone(),
        side: of.map(|(side, _)| side.to_owned()),
        metric: of.map(|(_, metric)| metric),
        before,
        after,
        worse_percent: worse * 100.0,
        // What is not a number is not well.
        is_worse: worse * 100.0 > tolerance || worse.is_nan(),
    };
    if machines == Machines::Same {
        for old_side in old.sides.iter().filter(|side| side.is_ours) {
            // Several sides of a workload may have one name, and then other rows.
            let key = |side: &Side| (side.name.clone(), side.rows);
            let mut candidates = new.sides.iter();
            let Some(new_side) = candidates.find(|side| key(side) == key(old_side)) else {
                continue;
            };
            for metric in [Metric::Wall, Metric::Cpu, Metric::Memory] {
                if let (Some(before), Some(after)) =
                    (old_side.median(metric), new_side.median(metric))
                {
                    let of = Some((old_side.name.as_str(), metric));
                    lines.push(line(of, before, after, after / before - 1.0));
                }
            }
        }
    }
    if let (Some(before), Some(after)) = (old.figure.value(), new.figure.value()) {
        let worse = match old.figure {
            Figure::Ratio { better, .. } => match better {
                Better::Lower => after / before - 1.0,
                Better::Higher => before / after - 1.0,
            },
            Figure::Linearity { .. } => (after - 1.0).abs() - (before - 1.0).abs(),
            // The median of one side is among the lines above.
            Figure::Median { .. } => return lines,
        };
        lines.push(line(None, before, after, worse));
    }
    lines
}
