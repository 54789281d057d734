//! What a run of the bench found, as the JSON document that is kept and compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the document; one that says another is not read.
pub(crate) const FORMAT: u32 = 1;

/// A run of the bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// What `git describe --always --dirty` says of the program's sources, or `unknown`.
    pub(crate) commit: String,
    /// The package's version.
    pub(crate) version: String,
    /// When the run began, in UTC: `2026-11-21T20:00:00Z`.
    pub(crate) date: String,
    /// The profile that the program was built in: `release`, `dist`.
    pub(crate) profile: String,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// What it loaded into.
    pub(crate) server: ServerFacts,
    /// What was measured, in the order of measuring.
    pub(crate) workloads: Vec<Measured>,
}

/// A machine, as far as figures depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) cpu: String,
    /// How many of its cores the bench may use.
    pub(crate) cores: usize,
    /// Main memory.
    pub(crate) memory_bytes: u64,
    /// The operating system and its release.
    pub(crate) os: String,
}

/// A PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerFacts {
    /// `server_version`.
    pub(crate) version: String,
    /// The settings that decide how fast it writes.
    pub(crate) settings: BTreeMap<String, String>,
}

/// A workload with all of its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Its name, as `--only` takes it.
    pub(crate) id: String,
    /// What is loaded, in words.
    pub(crate) what: String,
    /// The shape of the sample workbook.
    pub(crate) shape: String,
    /// Rows of the (largest) workbook.
    pub(crate) rows: u64,
    /// Who ran, in the order of their turns.
    pub(crate) sides: Vec<Side>,
    /// The one figure that the goal is set for.
    pub(crate) figure: Figure,
}

/// One of those that took turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is this project's program rather than what it is held against.
    pub(crate) is_ours: bool,
    /// Rows of its workbook.
    pub(crate) rows: u64,
    /// Its runs without the warm-up, in their order.
    pub(crate) runs: Vec<Run>,
}

/// One run of one process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// From the start of the process to its end.
    pub(crate) wall_seconds: f64,
    /// Of the process, in user and system mode together.
    pub(crate) cpu_seconds: f64,
    /// Its greatest resident set.
    pub(crate) peak_memory_bytes: u64,
}

/// What a run is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Elapsed seconds.
    Wall,
    /// Seconds of the processor.
    Cpu,
    /// Bytes of memory.
    Memory,
}

/// What becomes of the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Figure {
    /// The first side's metric over the second's, turn by turn.
    Ratio {
        /// Of what.
        of: Metric,
        /// Where it shall go.
        better: Better,
        /// The ratio of each turn; its median counts.
        turns: Vec<f64>,
        /// What it shall be, where the workload has the size that the goal is set for.
        goal: Option<Goal>,
    },
    /// The median of the only side's metric.
    Median {
        /// Of what.
        of: Metric,
        /// The median.
        value: f64,
        /// As above.
        goal: Option<Goal>,
    },
    /// How the time grows, see [`linearity`].
    Linearity {
        /// 1 where it grows with the rows.
        value: f64,
        /// As above.
        goal: Option<Goal>,
    },
}

/// Which of two ratios is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    /// The lower one: the program is above the line.
    Lower,
    /// The higher one: it is below.
    Higher,
}

/// A bound for a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// From 1 no further than this, up or down.
    AroundOne(f64),
}

/// How a figure stands to its goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// It is within.
    Reached,
    /// It is not, by this many percent of the bound.
    Missed(f64),
    /// There is no goal for this size.
    NotJudged,
}

impl Metric {
    /// This metric of a run, in seconds or bytes.
    pub(crate) fn of(self, run: &Run) -> f64 {
        match self {
            Self::Wall => run.wall_seconds,
            Self::Cpu => run.cpu_seconds,
            Self::Memory => run.peak_memory_bytes as f64,
        }
    }

    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "CPU",
            Self::Memory => "memory",
        }
    }
}

impl Side {
    /// The median of a metric; none without runs.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        median(&self.values(metric))
    }

    /// A metric of each run.
    pub(crate) fn values(&self, metric: Metric) -> Vec<f64> {
        self.runs.iter().map(|run| metric.of(run)).collect()
    }
}

impl Figure {
    /// The number that counts; none without runs.
    pub(crate) fn value(&self) -> Option<f64> {
        match self {
            Self::Ratio { turns, .. } => median(turns),
            Self::Median { value, .. } | Self::Linearity { value, .. } => Some(*value),
        }
    }

    /// The bound, if there is one for this size.
    pub(crate) fn goal(&self) -> Option<Goal> {
        match self {
            Self::Ratio { goal, .. } | Self::Median { goal, .. } | Self::Linearity { goal, .. } => {
                *goal
            }
        }
    }

    /// How it stands to its goal.
    pub(crate) fn verdict(&self) -> Verdict {
        let (Some(value), Some(goal)) = (self.value(), self.goal()) else {
            return Verdict::NotJudged;
        };
        let missed = match goal {
            Goal::AtMost(bound) => value / bound - 1.0,
            Goal::AtLeast(bound) => 1.0 - value / bound,
            Goal::AroundOne(bound) => (value - 1.0).abs() - bound,
        };
        if missed <= 0.0 {
            Verdict::Reached
        } else {
            // What is not a number has not reached anything either.
            Verdict::Missed(missed * 100.0)
        }
    }
}

/// The value in the middle, or between the two there; none of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => sorted.get(upper).copied(),
        _ => Some((sorted.get(upper - 1)? + sorted.get(upper)?) / 2.0),
    }
}

/// One side's metric over another's, turn by turn.
pub(crate) fn turn_ratios(metric: Metric, over: &Side, under: &Side) -> Vec<f64> {
    let pairs = over.runs.iter().zip(&under.runs);
    pairs
        .map(|(over, under)| metric.of(over) / metric.of(under))
        .collect()
}

/// How the time of three loads, from the smallest to the largest, grows with their rows.
///
/// A line through the medians of the two smaller ones has a fixed cost (its height at no rows) and a cost per row (its
/// slope). Of the largest one's median the fixed cost is taken away, the rest is divided by its rows, and that by the
/// slope: 1.1 says that a row of the largest load costs a tenth more than one between the smaller ones.
pub(crate) fn linearity(sides: &[Side]) -> Option<f64> {
    let [small, middle, large] = sides else {
        return None;
    };
    let rows = |side: &Side| side.rows as f64;
    let (first, second) = (small.median(Metric::Wall)?, middle.median(Metric::Wall)?);
    let per_row = (second - first) / (rows(middle) - rows(small));
    let fixed = first - per_row * rows(small);
    let largest = large.median(Metric::Wall)?;
    Some((largest - fixed) / rows(large) / per_row)
}
