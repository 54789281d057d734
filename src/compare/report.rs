//! What the samples come to.

use serde::Serialize;

use super::MODES;
use super::scenario::Scenario;
use crate::config::import::Mode;
use crate::error::{Error, ErrorKind, Result};

/// One run of one mode.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// The mode: `sequential`, `concurrent` or `batch`.
    pub mode: &'static str,
    /// Which of the mode's runs, from 1.
    pub run: usize,
    /// How long the load took, in seconds.
    pub seconds: f64,
    /// Rows loaded.
    pub rows: u64,
    /// Rows rejected.
    pub rejected: u64,
}

/// The times of several runs, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The shortest.
    pub min: f64,
    /// The longest.
    pub max: f64,
}

impl Summary {
    /// The summary of some times; none of no times.
    #[must_use]
    pub fn of(mut seconds: Vec<f64>) -> Option<Self> {
        seconds.sort_by(f64::total_cmp);
        let (min, max) = (*seconds.first()?, *seconds.last()?);
        let upper = seconds.len() / 2;
        let lower = (seconds.len() - 1) / 2;
        Some(Self {
            median: f64::midpoint(*seconds.get(lower)?, *seconds.get(upper)?),
            min,
            max,
        })
    }
}

/// What a mode's runs come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModeReport {
    /// The mode: `sequential`, `concurrent` or `batch`.
    pub mode: &'static str,
    /// Connections that wrote.
    pub workers: usize,
    /// Rows that a worker takes at once; in `batch` mode they are committed together.
    pub batch_size: usize,
    /// Runs.
    pub runs: usize,
    /// Their times.
    pub seconds: Summary,
    /// Rows loaded for each second of the median; `None` if no time passed.
    pub records_per_second: Option<f64>,
    /// The median of `sequential` divided by this one's; `None` if no time passed.
    pub speed_up: Option<f64>,
}

/// A comparison of the modes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompareReport {
    /// The workbook.
    pub file: String,
    /// The sheet.
    pub sheet: String,
    /// The table that the throw-away tables were shaped like.
    pub table: String,
    /// Whether it exists; if not, they were made as an import would have made it.
    pub table_exists: bool,
    /// The server's version, as it calls itself.
    pub server_version: String,
    /// This program's version.
    pub sheetload_version: &'static str,
    /// Rows of the sheet.
    pub rows: u64,
    /// Rows that every run loaded.
    pub loaded: u64,
    /// Rows that every run rejected.
    pub rejected: u64,
    /// Runs of each mode.
    pub runs: usize,
    /// The modes; the first is what the others are measured against.
    pub modes: Vec<ModeReport>,
    /// All runs, in the order in which they were run.
    pub samples: Vec<Sample>,
}

/// Writes the report.
///
/// # Errors
/// `Internal` when a mode has no sample.
pub(super) fn write(
    scenario: &Scenario<'_>,
    rows: u64,
    samples: Vec<Sample>,
) -> Result<CompareReport> {
    let no_sample = || Error::new(ErrorKind::Internal, "a mode was not run");
    let baseline = summary(MODES[0], &samples).ok_or_else(no_sample)?;
    let (loaded, rejected) = samples
        .first()
        .map(|sample| (sample.rows, sample.rejected))
        .ok_or_else(no_sample)?;
    let mut modes = Vec::with_capacity(MODES.len());
    for mode in MODES {
        let seconds = summary(mode, &samples).ok_or_else(no_sample)?;
        modes.push(ModeReport {
            mode: mode.name(),
            workers: scenario.workers_in(mode),
            batch_size: scenario.config.import(mode).batch_limits().rows,
            runs: samples.iter().filter(|s| s.mode == mode.name()).count(),
            seconds,
            records_per_second: ratio(loaded as f64, seconds.median),
            speed_up: ratio(baseline.median, seconds.median),
        });
    }
    Ok(CompareReport {
        file: scenario.config.file.display().to_string(),
        sheet: scenario.sheet.clone(),
        table: scenario.target.name().plain(),
        table_exists: !scenario.target.is_new(),
        server_version: scenario.server_version.clone(),
        sheetload_version: env!("CARGO_PKG_VERSION"),
        rows,
        loaded,
        rejected,
        runs: scenario.config.runs.get(),
        modes,
        samples,
    })
}

fn summary(mode: Mode, samples: &[Sample]) -> Option<Summary> {
    let of_mode = samples.iter().filter(|sample| sample.mode == mode.name());
    Summary::of(of_mode.map(|sample| sample.seconds).collect())
}

fn ratio(one: f64, other: f64) -> Option<f64> {
    (other > 0.0).then(|| one / other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        let of = |seconds: &[f64]| Summary::of(seconds.to_vec());
        assert_eq!(of(&[]), None);
        let odd = of(&[3.0, 1.0, 10.0]).unwrap();
        assert_eq!((odd.min, odd.median, odd.max), (1.0, 3.0, 10.0));
        let even = of(&[4.0, 1.0, 10.0, 2.0]).unwrap();
        assert_eq!((even.min, even.median, even.max), (1.0, 3.0, 10.0));
        let one = of(&[0.5]).unwrap();
        assert_eq!((one.min, one.median, one.max), (0.5, 0.5, 0.5));
    }

    #[test]
    fn a_ratio_to_no_time_is_none() {
        assert_eq!(ratio(6.0, 2.0), Some(3.0));
        assert_eq!(ratio(6.0, 0.0), None);
    }

    #[test]
    fn samples_are_summed_up_by_mode() {
        let sample = |mode: Mode, seconds| Sample {
            mode: mode.name(),
            run: 1,
            seconds,
            rows: 1,
            rejected: 0,
        };
        let samples = [
            sample(Mode::Sequential, 9.0),
            sample(Mode::Batch, 1.0),
            sample(Mode::Batch, 3.0),
        ];
        assert_eq!(summary(Mode::Batch, &samples).unwrap().median, 2.0);
        assert_eq!(summary(Mode::Concurrent, &samples), None);
    }
}
