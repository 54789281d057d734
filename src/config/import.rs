//! What to load, where to, and how.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::commit::{
    CommitMode, Ledger, MaxErrors, Patience, Rehearsal, RejectsTo, SameFile, Upsert, Verify,
};
use super::storage::StorageOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::BatchLimits;
use crate::model::selection::{Area, ReadOptions, SheetChoice, SheetPattern};
use crate::model::table::TableName;
use crate::transform::coerce::OnCellError;
use crate::transform::mapping::MappingRules;
use crate::transform::names::{MAX_IDENTIFIER_BYTES, table_name};
use crate::transform::text_rules::TextRules;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One connection, one INSERT and one commit a row.
    Sequential,
    /// The same over several connections.
    Concurrent,
    /// COPY, one transaction a batch, over several connections.
    #[default]
    Batch,
}

impl Mode {
    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Concurrent => "concurrent",
            Self::Batch => "batch",
        }
    }

    /// Rows of a batch unless the user says otherwise. In `batch` mode few enough that a batch stays in the
    /// processor's caches' reach and many enough that the cost of a transaction vanishes; in the per-row modes a batch
    /// is only what a worker takes at once, so it is small, or a small sheet would keep one worker busy and the
    /// others idle.
    #[must_use]
    pub fn default_batch_rows(self) -> usize {
        match self {
            Self::Sequential | Self::Concurrent => 100,
            Self::Batch => 50_000,
        }
    }
}

/// What happens when the table exists. A missing table is created in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfExists {
    /// Nothing is loaded.
    Fail,
    /// The rows are added.
    #[default]
    Append,
    /// The rows take the place of those there are, in one transaction at the end of the load.
    Replace,
    /// The rows there are go first, at once.
    Truncate,
}

/// What happens when a row is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The others are loaded.
    #[default]
    Skip,
    /// The load stops.
    Abort,
}

/// Where the rows of several sheets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeveralSheets {
    /// Each sheet into a table of its own.
    #[default]
    OneTableEach,
    /// All into one table.
    Union,
}

/// The types of a table to be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewTypes {
    /// What the cells of each column come to.
    #[default]
    Inferred,
    /// text for all columns, with numbers in plain digits, moments in ISO 8601, and zeros in front as displayed.
    Text,
}

/// Whether rows tell where they come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lineage {
    /// They do not.
    #[default]
    None,
    /// In the columns `_file`, `_sheet`, `_row` and `_load_id`.
    Columns,
}

/// What stands for the sheet's name in a table's.
pub const SHEET_PLACEHOLDER: &str = "{sheet}";

/// One load. As a document, see [`ImportConfig::from_document`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default = "ImportConfig::without_file", deny_unknown_fields)]
pub struct ImportConfig {
    /// The workbook.
    #[serde(with = "super::document::path")]
    pub file: PathBuf,
    /// Which sheets and cells, and how they are read.
    pub read: ReadOptions,
    /// Where the rows of several sheets go.
    pub several: SeveralSheets,
    /// The table; without one, it is named after the file, or, of several, after its sheet. [`SHEET_PLACEHOLDER`] in
    /// it stands for the sheet's name.
    pub table: Option<TableName>,
    /// The types of a table to be created.
    pub types: NewTypes,
    /// Whether each row tells where it comes from.
    pub lineage: Lineage,
    /// How rows are written.
    pub mode: Mode,
    /// Connections that write; without a number, as many as the processor has cores and the server connections.
    pub workers: Option<NonZeroUsize>,
    /// Rows of a batch; without a number, [`Mode::default_batch_rows`].
    pub batch_rows: Option<NonZeroUsize>,
    /// Bytes of a batch's cells and texts; without a number, [`BATCH_BYTES`].
    pub batch_bytes: Option<NonZeroUsize>,
    /// What happens when the table exists.
    pub if_exists: IfExists,
    /// What happens when a row is rejected.
    pub on_error: OnError,
    /// What becomes of error cells.
    pub on_cell_error: OnCellError,
    /// How text cells are read.
    pub text_rules: TextRules,
    /// Names, types and omissions of columns.
    pub mapping: MappingRules,
    /// How many rows are read to find the types of a table to be created; without a number, all.
    pub infer_rows: Option<NonZeroUsize>,
    /// When rows are committed; without it, as the mode does it: [`ImportConfig::commit_mode`].
    pub commit: Option<CommitMode>,
    /// How rows find theirs in the table; without it, all are new.
    pub upsert: Option<Upsert>,
    /// How many rows may be rejected.
    pub max_errors: Option<MaxErrors>,
    /// Where rejected rows are written to.
    pub rejects: Option<RejectsTo>,
    /// Whether the load is recorded.
    pub ledger: Ledger,
    /// What happens when the table has the file's rows already.
    pub same_file: SameFile,
    /// Whether the table is compared to the source.
    pub verify: Verify,
    /// Whether what is done stays.
    pub rehearsal: Rehearsal,
    /// How patient the load is with the server.
    pub patience: Patience,
    /// How the server stores the rows.
    pub storage: StorageOptions,
}

/// Bytes of a batch's cells and texts. With the queue and the workers it bounds the memory of a load.
///
/// Each COPY costs the server a millisecond beside its rows, however many there are: it keeps 1,000 of them ready, and
/// searches one list for each. 1,000,000 rows of 20 columns took its CPU 1.73 s in 88 batches, 1.59 s in 28 and 1.51 s
/// in one. But 8 MiB instead of 2.5 cost a load of these 32 MiB more of memory, and saved 7 % of its time.
pub const BATCH_BYTES: usize = 5 << 19;
/// Rows of the first batch in `batch` mode. 10,000 rows into a table with six indexes, with two workers, took 0.150 s
/// as one batch, and 0.101 s in batches that double from here (medians).
const FIRST_BATCH_ROWS: usize = 2_500;
/// A batch is held in memory several times.
const MAX_BATCH_BYTES: usize = 1 << 30;
/// More connections than this never help one load, and no server wants them.
pub const MAX_WORKERS: usize = 128;
/// More rows than a sheet has (ECMA-376 gives none; spreadsheet programs stop at 2^20).
pub const MAX_BATCH_ROWS: usize = 1 << 20;

impl ImportConfig {
    /// A load of this file with everything else at its default.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self {
            file,
            read: ReadOptions::default(),
            several: SeveralSheets::default(),
            table: None,
            types: NewTypes::default(),
            lineage: Lineage::default(),
            mode: Mode::default(),
            workers: None,
            batch_rows: None,
            batch_bytes: None,
            if_exists: IfExists::default(),
            on_error: OnError::default(),
            on_cell_error: OnCellError::default(),
            text_rules: TextRules::default(),
            mapping: MappingRules::default(),
            infer_rows: None,
            commit: None,
            upsert: None,
            max_errors: None,
            rejects: None,
            ledger: Ledger::default(),
            same_file: SameFile::default(),
            verify: Verify::default(),
            rehearsal: Rehearsal::default(),
            patience: Patience::default(),
            storage: StorageOptions::default(),
        }
    }

    /// When rows are committed.
    #[must_use]
    pub fn commit_mode(&self) -> CommitMode {
        self.commit.unwrap_or(match self.mode {
            Mode::Sequential | Mode::Concurrent => CommitMode::Row,
            Mode::Batch => CommitMode::All,
        })
    }

    /// What the fields are that a document lacks.
    fn without_file() -> Self {
        Self::new(PathBuf::new())
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// `InvalidOptions`, naming the option and the way out.
    pub fn validate(&self) -> Result<()> {
        if self.file.as_os_str().is_empty() {
            return Err(
                Error::new(ErrorKind::InvalidOptions, "no workbook is named")
                    .next_step("Name the file to load"),
            );
        }
        let workers = self.workers.map_or(1, NonZeroUsize::get);
        if self.mode == Mode::Sequential && workers > 1 {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("--workers {workers} does not go with --mode sequential, which has one"),
            )
            .next_step("Use --mode concurrent, or leave --workers out"));
        }
        if workers > MAX_WORKERS {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("--workers {workers} is too many"),
            )
            .next_step(format!("Use at most {MAX_WORKERS}")));
        }
        let batch_rows = self.batch_rows.map_or(1, NonZeroUsize::get);
        if batch_rows > MAX_BATCH_ROWS {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("--batch-size {batch_rows} is too large"),
            )
            .next_step(format!("Use at most {MAX_BATCH_ROWS}")));
        }
        let batch_bytes = self.batch_bytes.map_or(1, NonZeroUsize::get);
        if batch_bytes > MAX_BATCH_BYTES {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("--batch-bytes {batch_bytes} is too large"),
            )
            .next_step("Use at most 1 GiB"));
        }
        self.validate_commits()?;
        self.validate_storage()?;
        if self.several == SeveralSheets::Union && self.has_placeholder() {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                format!("--union loads into one table, and {SHEET_PLACEHOLDER} in --table means one each"),
            )
            .next_step("Leave one of them out"));
        }
        let is_certainly_several = match &self.read.sheets {
            SheetChoice::FirstVisible => false,
            SheetChoice::All => true,
            SheetChoice::Matching(patterns) => patterns.len() > 1,
        };
        if is_certainly_several
            && self.several == SeveralSheets::OneTableEach
            && !matches!(self.read.area, Area::Named(_))
            && !self.has_placeholder()
            && let Some(one) = &self.table
        {
            return Err(one_for_several(one));
        }
        Ok(())
    }

    /// Whether the options may mean several tables, whatever the workbook makes of them.
    #[must_use]
    pub fn is_several(&self) -> bool {
        let is_glob = |pattern: &SheetPattern| pattern.as_str().contains(['*', '?', '[']);
        self.several == SeveralSheets::OneTableEach
            && match &self.read.sheets {
                SheetChoice::FirstVisible => false,
                SheetChoice::All => true,
                SheetChoice::Matching(patterns) => {
                    patterns.len() > 1 || patterns.iter().any(is_glob)
                }
            }
    }

    /// Whether the table's name is made from the sheet's.
    #[must_use]
    pub fn has_placeholder(&self) -> bool {
        let table = self.table.as_ref();
        table.is_some_and(|table| table.table.contains(SHEET_PLACEHOLDER))
    }

    /// The table for all sheets: the one named, or one named after the file.
    #[must_use]
    pub fn table_name(&self) -> TableName {
        self.table.clone().unwrap_or_else(|| {
            let stem = self.file.file_stem().unwrap_or_default();
            TableName::unqualified(table_name(&stem.to_string_lossy()))
        })
    }

    /// The table of one sheet among several: named after the sheet, or by the pattern.
    ///
    /// # Errors
    /// `InvalidOptions` when a table is named that is the same for all.
    pub fn table_of_sheet(&self, sheet: &str) -> Result<TableName> {
        let own = table_name(sheet);
        match &self.table {
            None => Ok(TableName::unqualified(own)),
            Some(pattern) if self.has_placeholder() => {
                // The server would cut a longer name, and two sheets' names would become one.
                let around = pattern.table.replace(SHEET_PLACEHOLDER, "").len();
                let mut end = own
                    .len()
                    .min(MAX_IDENTIFIER_BYTES.saturating_sub(around).max(1));
                while !own.is_char_boundary(end) {
                    end -= 1;
                }
                Ok(TableName {
                    schema: pattern.schema.clone(),
                    table: pattern.table.replace(SHEET_PLACEHOLDER, &own[..end]),
                })
            }
            Some(one) => Err(one_for_several(one)),
        }
    }

    /// Rows of the first batch. Without a size from the user, batches in `batch` mode start small and double: so that
    /// a sheet of a few thousand rows is shared among the workers, and a large one pays for few transactions.
    #[must_use]
    pub fn first_batch_rows(&self) -> usize {
        match (self.batch_rows, self.mode) {
            (None, Mode::Batch) => FIRST_BATCH_ROWS,
            _ => self.batch_limits().rows,
        }
    }

    /// When a batch is full.
    #[must_use]
    pub fn batch_limits(&self) -> BatchLimits {
        BatchLimits {
            rows: self
                .batch_rows
                .map_or(self.mode.default_batch_rows(), NonZeroUsize::get),
            bytes: self.batch_bytes.map_or(BATCH_BYTES, NonZeroUsize::get),
        }
    }
}

fn one_for_several(table: &TableName) -> Error {
    Error::new(
        ErrorKind::InvalidOptions,
        format!("--table {} is one table for several sheets", table.plain()),
    )
    .next_step(format!(
        "Say --union to load all into it, or put {SHEET_PLACEHOLDER} into its name for a table each"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequential_has_one_worker() {
        let mut config = ImportConfig::new("a.xlsx".into());
        config.mode = Mode::Sequential;
        assert!(config.validate().is_ok());
        config.workers = NonZeroUsize::new(1);
        assert!(config.validate().is_ok());
        config.workers = NonZeroUsize::new(2);
        let error = config.validate().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOptions);
    }
}
