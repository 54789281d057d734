//! When rows become visible, what is recorded of them, and when a load gives up.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::import::{IfExists, ImportConfig, Mode};
use crate::error::{Error, ErrorKind, Result};

/// When the rows of a load are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitMode {
    /// All at the end and together, or none.
    All,
    /// Each batch by itself, together with its record in the ledger.
    Batch,
    /// Each row by itself.
    Row,
}

impl CommitMode {
    /// Its name on the command line and in the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Batch => "batch",
            Self::Row => "row",
        }
    }
}

/// What happens to a row whose key the table has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// The row in the table gets the new values. Of several rows in the sheet the last one counts.
    Update,
    /// The row in the table stays as it is, and the new one is left out. Of several rows in the sheet the first one
    /// counts.
    Ignore,
    /// The new row is rejected.
    #[default]
    Fail,
}

/// Rows of the sheet find their rows in the table by these columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upsert {
    /// The table's columns, spelled as they are there.
    pub key: Vec<String>,
    /// What happens to a row whose key the table has already.
    #[serde(default)]
    pub on_conflict: OnConflict,
}

/// How many rows may be rejected before the load stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MaxErrors {
    /// So many.
    Rows(u64),
    /// So many of a hundred rows read, in thousandths of a percent.
    Share {
        /// 2500 is 2.5 %.
        thousandths: u32,
    },
}

/// What a text that shall limit rejected rows lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotALimit;

impl fmt::Display for NotALimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of rows such as 100, or a share such as 2.5%, is needed")
    }
}

impl std::error::Error for NotALimit {}

impl FromStr for MaxErrors {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Rows).map_err(|_| NotALimit);
        };
        let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 3 || !is_number(whole) || !is_number(decimals) {
            return Err(NotALimit);
        }
        let thousandths: u32 = format!("{whole}{decimals:0<3}")
            .parse()
            .map_err(|_| NotALimit)?;
        if thousandths > 100_000 {
            return Err(NotALimit);
        }
        Ok(Self::Share { thousandths })
    }
}

impl fmt::Display for MaxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Share { thousandths } => {
                let (whole, decimals) = (thousandths / 1_000, thousandths % 1_000);
                let decimals = format!("{decimals:03}");
                match decimals.trim_end_matches('0') {
                    "" => write!(f, "{whole}%"),
                    decimals => write!(f, "{whole}.{decimals}%"),
                }
            }
        }
    }
}

impl TryFrom<String> for MaxErrors {
    type Error = NotALimit;

    fn try_from(text: String) -> Result<Self, NotALimit> {
        text.parse()
    }
}

impl From<MaxErrors> for String {
    fn from(limit: MaxErrors) -> Self {
        limit.to_string()
    }
}

/// Rows below which a share of them says nothing yet. At the end of a load the share counts whatever their number.
const ROWS_FOR_A_SHARE: u64 = 1_000;

impl MaxErrors {
    /// Whether so many rejected rows are too many of the rows read so far.
    #[must_use]
    pub fn is_exceeded(self, rejected: u64, read: u64, at_end: bool) -> bool {
        match self {
            Self::Rows(rows) => rejected > rows,
            Self::Share { thousandths } => {
                (at_end || read >= ROWS_FOR_A_SHARE)
                    && u128::from(rejected) * 100_000 > u128::from(read) * u128::from(thousandths)
            }
        }
    }
}

/// Whether loads are recorded in the database they go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ledger {
    /// In the schema `sheetload`.
    #[default]
    Kept,
    /// Not at all: such a load can be neither resumed nor undone, and nothing knows that it was done.
    None,
}

/// What happens when the table has the file's rows already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameFile {
    /// Nothing is loaded.
    #[default]
    Refuse,
    /// They are loaded again.
    Again,
}

/// Whether the table is compared to the source at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// It is not.
    #[default]
    No,
    /// Counts, sums, least and greatest values are computed in the table, too, and must be those of the source.
    Totals,
}

/// Whether what is done stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rehearsal {
    /// It stays.
    #[default]
    No,
    /// Every row is tried, and all of it is rolled back.
    DryRun,
}

/// Where rejected rows are written to, besides the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectsTo {
    /// The file; its extension, `xlsx`, `csv` or `jsonl`, says how.
    #[serde(with = "super::document::path")]
    pub file: PathBuf,
}

/// How patient a load is with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patience {
    /// For how long what may pass, such as a lost connection or a deadlock, is tried again.
    pub retry_for: Duration,
    /// How long one statement may take; without it, as the server has it.
    pub statement_timeout: Option<Duration>,
    /// How long one statement may wait for a lock; without it, as the server has it.
    pub lock_timeout: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retry_for: Duration::from_secs(30),
            statement_timeout: None,
            lock_timeout: None,
        }
    }
}

/// What is said about it beyond what was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PatienceChanges {
    /// As [`Patience::retry_for`].
    pub retry_for: Option<Duration>,
    /// As [`Patience::statement_timeout`].
    pub statement_timeout: Option<Duration>,
    /// As [`Patience::lock_timeout`].
    pub lock_timeout: Option<Duration>,
}

impl PatienceChanges {
    /// The patience that comes of it.
    #[must_use]
    pub fn over(self, before: Patience) -> Patience {
        Patience {
            retry_for: self.retry_for.unwrap_or(before.retry_for),
            statement_timeout: self.statement_timeout.or(before.statement_timeout),
            lock_timeout: self.lock_timeout.or(before.lock_timeout),
        }
    }
}

impl ImportConfig {
    /// Checks what is said about commits.
    pub(super) fn validate_commits(&self) -> Result<()> {
        let invalid = |message: String, step: &str| {
            Err(Error::new(ErrorKind::InvalidOptions, message).next_step(step))
        };
        let (mode, commit) = (self.mode.name(), self.commit_mode());
        match (self.mode, commit) {
            (Mode::Batch, CommitMode::Row) => {
                return invalid(
                    format!("--commit row does not go with --mode {mode}"),
                    "Use --mode sequential or concurrent, or --commit batch",
                );
            }
            (Mode::Sequential | Mode::Concurrent, CommitMode::All | CommitMode::Batch) => {
                return invalid(
                    format!(
                        "--commit {} does not go with --mode {mode}, which commits each row",
                        commit.name()
                    ),
                    "Use --mode batch, or leave --commit out",
                );
            }
            _ => {}
        }
        if let Some(upsert) = &self.upsert {
            if matches!(self.if_exists, IfExists::Replace | IfExists::Truncate) {
                return invalid(
                    "--key does not go with --if-exists replace and truncate, which leave no rows to find".to_owned(),
                    "Leave one of them out",
                );
            }
            let mut names: Vec<&String> = upsert.key.iter().collect();
            names.sort_unstable();
            names.dedup();
            let is_name = |name: &&String| !name.is_empty() && !name.contains('\0');
            if names.is_empty() || names.len() != upsert.key.len() || !names.iter().all(is_name) {
                return invalid(
                    format!(
                        "--key {} names a column twice, or none",
                        upsert.key.join(",")
                    ),
                    "Name each column of the key once",
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_shares() {
        assert_eq!("0".parse(), Ok(MaxErrors::Rows(0)));
        assert_eq!("17".parse(), Ok(MaxErrors::Rows(17)));
        for (text, thousandths, shown) in [
            ("2.5%", 2_500, "2.5%"),
            ("0%", 0, "0%"),
            ("0.001%", 1, "0.001%"),
            ("100%", 100_000, "100%"),
            ("7.000%", 7_000, "7%"),
        ] {
            let limit = MaxErrors::Share { thousandths };
            assert_eq!(text.parse(), Ok(limit));
            assert_eq!(limit.to_string(), shown);
        }
        for text in ["", "-1", "%", "1.2345%", "101%", "x%", "1,5%", ".5%", "+1%"] {
            assert_eq!(text.parse::<MaxErrors>(), Err(NotALimit), "{text}");
        }
    }

    #[test]
    fn a_limit_is_exceeded_by_one_more() {
        assert!(!MaxErrors::Rows(3).is_exceeded(3, 3, true));
        assert!(MaxErrors::Rows(3).is_exceeded(4, 1_000_000, false));
        let share = MaxErrors::Share { thousandths: 1_000 };
        assert!(!share.is_exceeded(1, 100, true));
        assert!(share.is_exceeded(2, 100, true));
        // The first rows say little about the rest.
        assert!(!share.is_exceeded(99, 100, false));
        assert!(share.is_exceeded(11, 1_000, false));
    }
}
