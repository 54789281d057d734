//! The types of columns that a table does not have yet: rows are read once, and each column's cells are joined.

use std::ops::Range;

use tokio_util::sync::CancellationToken;

use super::observe::{LIMITS, Observer, Pass};
use super::progress::Progress;
use crate::config::import::ImportConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::sheet::{SheetDescription, SheetTotals};
use crate::source::RowSource;
use crate::transform::infer::{InferredType, SeenColumns};
use crate::transform::profile::LossyValues;

const INTERRUPTED: &str = "interrupted before anything was loaded";

impl Observer for LossyValues {
    fn observe(&mut self, batch: &Batch) {
        Self::observe(self, batch);
    }
}

/// What the rows of a sheet say about its columns.
pub(super) struct Inferred {
    /// The types of the header's columns.
    pub(super) types: Vec<InferredType>,
    /// Which of them have cells, be they errors that are no values.
    pub(super) filled: Vec<bool>,
    /// What the cells lose in columns of these types.
    pub(super) lossy: LossyValues,
    /// How many rows they were found in.
    pub(super) rows: u64,
    /// The header's columns that there are whatever the rows that were not read hold.
    pub(super) settled: Range<usize>,
}

/// Finds the columns of a new table and their types. Reads the first rows if the options say how many, else all; cells
/// without a title above them widen the header, so that no cell is left out. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn infer_types(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<Inferred> {
    let pass = pass(interrupt, progress);
    if let Some(rows) = config.infer_rows
        && let Some(settled) = widen_to_declared(source)
        && let Some((lossy, rows)) = sample(source, config, rows.get(), pass)?
    {
        return Ok(Inferred::of(lossy, config, rows, settled));
    }
    let (mut lossy, mut totals) = show(source, config, pass)?;
    if totals.cells_outside_header > 0 {
        source.widen(totals.first_column.unwrap_or_default(), totals.last_column);
        (lossy, totals) = show(source, config, pass)?;
    }
    let all = 0..source.describe().header.width();
    Ok(Inferred::of(lossy, config, totals.rows, all))
}

pub(super) fn pass<'a>(interrupt: &'a CancellationToken, progress: &'a Progress) -> Pass<'a> {
    Pass {
        interrupt,
        progress,
        interrupted: INTERRUPTED,
    }
}

fn observer(sheet: &SheetDescription, config: &ImportConfig) -> LossyValues {
    LossyValues::of(sheet, config.text_rules.clone())
}

/// Looks at all rows.
fn show(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    pass: Pass<'_>,
) -> Result<(LossyValues, SheetTotals)> {
    let observer = observer(source.describe(), config);
    pass.show(source, observer)
}

impl Inferred {
    fn of(lossy: LossyValues, config: &ImportConfig, rows: u64, settled: Range<usize>) -> Self {
        let SeenColumns { types, filled } = lossy.seen(config.on_cell_error);
        Self {
            types,
            filled,
            lossy,
            rows,
            settled,
        }
    }
}

/// The types of the header's columns in all rows. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn types_of_columns(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<(Vec<InferredType>, u64)> {
    let (lossy, totals) = show(source, config, pass(interrupt, progress))?;
    Ok((lossy.seen(config.on_cell_error).types, totals.rows))
}

/// Counts rows and looks at no cell.
struct Pace<'a>(Pass<'a>);

impl BatchExchange for Pace<'_> {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        self.0.check()?;
        self.0.progress.inferred(full.row_count());
        full.clear();
        Ok(full)
    }
}

/// The first and the last column with a cell in any row. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn filled_columns(
    source: &mut dyn RowSource,
    interrupt: &CancellationToken,
    progress: &Progress,
) -> Result<(u32, u32)> {
    let batch = Batch::new(source.describe().header.width(), LIMITS);
    let totals = source.read(batch, &mut Pace(pass(interrupt, progress)))?;
    let first = totals.first_column.unwrap_or(totals.last_column);
    Ok((first, totals.last_column))
}

/// More columns without a title than this are hardly filled, and each costs memory in every row.
const MOST_UNTITLED: u32 = 64;

/// A sample does not show how wide the sheet is, but most sheets say so themselves. Gives the header's columns before;
/// nothing when the sheet says nothing, or nothing credible, so that all rows must be read.
fn widen_to_declared(source: &mut dyn RowSource) -> Option<Range<usize>> {
    let sheet = source.describe();
    let (first, last) = sheet.declared_columns?;
    let (own_first, own_width) = (sheet.header.first_column, sheet.header.width());
    let own_last = sheet.header.sheet_column(own_width.checked_sub(1)?);
    if first > own_first || last < own_last {
        return None;
    }
    let before = own_first - first;
    if before.saturating_add(last - own_last) > MOST_UNTITLED {
        return None;
    }
    source.widen(first, last);
    let start = usize::try_from(before).ok()?;
    Some(start..start.checked_add(own_width)?)
}

/// Stops reading at the first row.
#[derive(Default)]
struct FirstRow {
    found: bool,
}

impl BatchExchange for FirstRow {
    fn exchange(&mut self, _full: Batch) -> Result<Batch> {
        self.found = true;
        Err(Error::new(ErrorKind::Interrupted, "one row is enough"))
    }
}

/// Makes sure that there is a row below a header, before a table is touched. Blocks until the first is found.
pub(super) fn require_rows(sources: &mut [Box<dyn RowSource>]) -> Result<()> {
    let limits = BatchLimits { rows: 1, ..LIMITS };
    for source in &mut *sources {
        let mut first = FirstRow::default();
        let batch = Batch::new(source.describe().header.width(), limits);
        match source.read(batch, &mut first) {
            _ if first.found => return Ok(()),
            Ok(_totals) => {}
            Err(error) => return Err(error),
        }
    }
    Err(no_rows(sources))
}

pub(super) fn no_rows(sources: &[Box<dyn RowSource>]) -> Error {
    let Some(source) = sources.first() else {
        return Error::new(ErrorKind::Internal, "no sheet was opened");
    };
    let sheet = source.describe();
    Error::new(
        ErrorKind::SheetEmpty,
        format!(
            "sheet \"{}\" of {} has a header, but no rows below it",
            sheet.sheet,
            sheet.file.display()
        ),
    )
    .in_file(&sheet.file)
    .in_sheet(&sheet.sheet)
    .next_step("Fill in rows, or name another sheet with --sheet")
}

/// Stops reading after some rows.
struct Sample<'a> {
    pass: Pass<'a>,
    lossy: LossyValues,
    seen: usize,
    rows: usize,
}

impl BatchExchange for Sample<'_> {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        self.pass.check()?;
        self.seen += full.row_count();
        self.lossy.observe(&full);
        self.pass.progress.inferred(full.row_count());
        if self.seen >= self.rows {
            return Err(Error::new(ErrorKind::Interrupted, "the sample is complete"));
        }
        full.clear();
        full.set_limits(limits_of(self.rows - self.seen));
        Ok(full)
    }
}

fn limits_of(rows: usize) -> BatchLimits {
    BatchLimits {
        rows: rows.min(LIMITS.rows),
        ..LIMITS
    }
}

/// The types in the first rows, and how many these are; nothing when they are all and show that the header is too narrow.
fn sample(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    rows: usize,
    pass: Pass<'_>,
) -> Result<Option<(LossyValues, u64)>> {
    let mut sample = Sample {
        pass,
        lossy: observer(source.describe(), config),
        seen: 0,
        rows,
    };
    let batch = Batch::new(source.describe().header.width(), limits_of(rows));
    match source.read(batch, &mut sample) {
        Err(_stopped) if sample.seen >= rows => {}
        Err(error) => return Err(error),
        Ok(totals) if totals.cells_outside_header > 0 => return Ok(None),
        Ok(_all) => {}
    }
    Ok(Some((sample.lossy, sample.seen as u64)))
}
