//! Options that say when rows are committed, what is recorded, and when a load gives up.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::config::commit::{
    CommitMode, Ledger, MaxErrors, OnConflict, PatienceChanges, Rehearsal, RejectsTo, SameFile,
    Upsert, Verify,
};
use crate::config::import::ImportConfig;

/// When rows are committed, and what becomes of those that cannot be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Commits and rejected rows")]
pub(super) struct CommitArgs {
    /// When rows are committed; default: all in batch mode, row in the others
    #[arg(long, value_name = "WHEN", value_enum)]
    commit: Option<CommitArg>,
    /// Columns of the table that tell which row a row of the sheet belongs to, such as id or "region,day"
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    key: Vec<String>,
    /// What happens to a row whose key the table has; default: fail
    #[arg(long, value_name = "WHAT", value_enum, requires = "key")]
    on_conflict: Option<OnConflictArg>,
    /// Stop when more rows are rejected than N, or than P% of the rows; with --commit all nothing is loaded then
    #[arg(long, value_name = "N|P%")]
    max_errors: Option<MaxErrors>,
    /// Write rejected rows and reasons to FILE.xlsx (to fix and load again), FILE.csv or FILE.jsonl; if FILE exists, to FILE-2
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Try every row in a copy of the table, report, and take everything back
    #[arg(long)]
    dry_run: bool,
    /// Compare the loaded rows to the source: counts, sums, least and greatest values
    #[arg(long)]
    verify: bool,
    /// Load the file although the table has its rows already
    #[arg(long)]
    again: bool,
    /// Record nothing in the schema sheetload; such a load can be neither resumed nor undone
    #[arg(long)]
    no_ledger: bool,
    #[command(flatten)]
    patience: PatienceArgs,
}

/// How patient a load is with the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Patience")]
pub(super) struct PatienceArgs {
    /// For how long a lost connection, a deadlock and the like are tried again [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    retry_for: Option<Duration>,
    /// How long one statement may take, such as 90s or 5m; default: as the server has it
    #[arg(long, value_name = "TIME", value_parser = duration)]
    statement_timeout: Option<Duration>,
    /// How long a statement may wait for a lock; default: as the server has it
    #[arg(long, value_name = "TIME", value_parser = duration)]
    lock_timeout: Option<Duration>,
}

impl PatienceArgs {
    /// What is said.
    pub(super) fn changes(&self) -> PatienceChanges {
        PatienceChanges {
            retry_for: self.retry_for,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CommitArg {
    /// Everything together at the end, or nothing
    All,
    /// Each batch with its record in the ledger; a load that stops can be resumed
    Batch,
    /// Each row by itself; for the modes sequential and concurrent
    Row,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnConflictArg {
    /// The row in the table gets the new values
    Update,
    /// The row in the table stays as it is
    Ignore,
    /// The new row is rejected
    Fail,
}

impl CommitArgs {
    /// Adds what the options say.
    pub(super) fn apply(&self, config: &mut ImportConfig) {
        config.commit = self.commit.map(|commit| match commit {
            CommitArg::All => CommitMode::All,
            CommitArg::Batch => CommitMode::Batch,
            CommitArg::Row => CommitMode::Row,
        });
        config.upsert = (!self.key.is_empty()).then(|| Upsert {
            key: self.key.clone(),
            on_conflict: match self.on_conflict {
                Some(OnConflictArg::Update) => OnConflict::Update,
                Some(OnConflictArg::Ignore) => OnConflict::Ignore,
                Some(OnConflictArg::Fail) | None => OnConflict::Fail,
            },
        });
        config.max_errors = self.max_errors;
        config.rejects = self.rejects.clone().map(|file| RejectsTo { file });
        if self.dry_run {
            config.rehearsal = Rehearsal::DryRun;
        }
        if self.verify {
            config.verify = Verify::Totals;
        }
        if self.again {
            config.same_file = SameFile::Again;
        }
        if self.no_ledger {
            config.ledger = Ledger::None;
        }
        config.patience = self.patience.changes().over(config.patience);
    }
}

/// Reads a time such as `500ms`, `90s`, `5m`, `1h30m`, or seconds without a unit.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "a time such as 500ms, 90s, 5m or 1h30m is needed";
    let whole = text.trim();
    if let Ok(seconds) = whole.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let (mut total, mut rest) = (Duration::ZERO, whole);
    if rest.is_empty() {
        return Err(WANTED.to_owned());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest[..digits].parse().map_err(|_| WANTED.to_owned())?;
        rest = &rest[digits..];
        let unit_length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let millis = match &rest[..unit_length] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return Err(WANTED.to_owned()),
        };
        total += Duration::from_millis(u64::from(number) * millis);
        rest = &rest[unit_length..];
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("90", 90_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            (" 2s ", 2_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "1.5s",
            "3 days",
            "5x",
            "99999999999s",
            "1m2",
            "é",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
