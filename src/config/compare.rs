//! What to compare the modes on, and how often.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::import::{ImportConfig, Mode};
use crate::error::{Error, ErrorKind, Result};
use crate::model::selection::ReadOptions;
use crate::model::table::TableName;

/// Runs of each mode unless the user says otherwise: the fewest whose median no single bad run can move.
pub const DEFAULT_RUNS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);
/// More runs than anybody waits for.
pub const MAX_RUNS: usize = 1_000;

/// One comparison of the modes.
#[derive(Debug, Clone)]
pub struct CompareConfig {
    /// The workbook.
    pub file: PathBuf,
    /// Which sheet, and how it is read.
    pub read: ReadOptions,
    /// The table that the throw-away tables are shaped like; without one, the one named after the file.
    pub table: Option<TableName>,
    /// How often each mode runs.
    pub runs: NonZeroUsize,
    /// Connections that write in the modes that may have several; without a number, as for an import.
    pub workers: Option<NonZeroUsize>,
    /// Rows of a batch in `batch` mode; without a number, [`Mode::default_batch_rows`]. The other modes commit each
    /// row, so that a number of rows means nothing to them.
    pub batch_rows: Option<NonZeroUsize>,
}

impl CompareConfig {
    /// A comparison on this file with everything else at its default.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            read: ReadOptions::default(),
            table: None,
            runs: DEFAULT_RUNS,
            workers: None,
            batch_rows: None,
        }
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// `InvalidOptions`, naming the option and the way out.
    pub fn validate(&self) -> Result<()> {
        if self.runs.get() > MAX_RUNS {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("--runs {} is too many", self.runs),
            )
            .next_step(format!("Use at most {MAX_RUNS}")));
        }
        self.import(Mode::Batch).validate()
    }

    /// The import that a mode's run is.
    #[must_use]
    pub fn import(&self, mode: Mode) -> ImportConfig {
        ImportConfig {
            read: self.read.clone(),
            table: self.table.clone(),
            mode,
            workers: self.workers.filter(|_| mode != Mode::Sequential),
            batch_rows: self.batch_rows.filter(|_| mode == Mode::Batch),
            ..ImportConfig::new(self.file.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_gets_the_settings_that_mean_something_to_it() {
        let config = CompareConfig {
            workers: NonZeroUsize::new(4),
            batch_rows: NonZeroUsize::new(500),
            ..CompareConfig::new("a.xlsx".into())
        };
        config.validate().unwrap();
        for (mode, workers, batch_rows) in [
            (Mode::Sequential, None, 100),
            (Mode::Concurrent, NonZeroUsize::new(4), 100),
            (Mode::Batch, NonZeroUsize::new(4), 500),
        ] {
            let import = config.import(mode);
            import.validate().unwrap();
            assert_eq!(import.workers, workers, "{mode:?}");
            assert_eq!(import.batch_limits().rows, batch_rows, "{mode:?}");
        }
    }

    #[test]
    fn what_no_import_allows_is_refused() {
        let mut config = CompareConfig::new("a.xlsx".into());
        assert_eq!(config.runs.get(), 3);
        config.runs = NonZeroUsize::new(MAX_RUNS + 1).unwrap();
        assert_eq!(
            config.validate().unwrap_err().kind(),
            ErrorKind::InvalidOptions
        );
        config.runs = NonZeroUsize::MIN;
        config.workers = NonZeroUsize::new(100_000);
        assert_eq!(
            config.validate().unwrap_err().kind(),
            ErrorKind::InvalidOptions
        );
    }
}
