//! The types of columns that a table does not have yet: rows are read once, and each column's cells are joined.

use std::ops::Range;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use crate::config::import::ImportConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::sheet::SheetTotals;
use crate::source::RowSource;
use crate::transform::coerce::Coercion;
use crate::transform::infer::{InferredType, SeenColumns};
use crate::transform::profile::LossyValues;

/// Batches of the inference are emptied at once, so small ones serve.
const LIMITS: BatchLimits = BatchLimits {
    rows: 4_096,
    bytes: 1 << 20,
};

/// Joins the cells of each column.
struct Observe {
    seen: SeenColumns,
    lossy: LossyValues,
    coercion: Coercion,
    progress: Arc<Progress>,
    interrupt: CancellationToken,
}

impl BatchExchange for Observe {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        if self.interrupt.is_cancelled() {
            return Err(Error::new(
                ErrorKind::Interrupted,
                "interrupted before anything was loaded",
            ));
        }
        self.seen.observe(&full, &self.coercion);
        self.lossy.observe(&full);
        self.progress.inferred(full.row_count());
        full.clear();
        Ok(full)
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
    progress: &Arc<Progress>,
) -> Result<Inferred> {
    if let Some(rows) = config.infer_rows
        && let Some(settled) = widen_to_declared(source)
        && let Some((observed, rows)) = sample(source, config, rows.get(), interrupt, progress)?
    {
        return Ok(observed.inferred(rows, settled));
    }
    let (mut observed, mut totals) = observe_all(source, config, interrupt, progress)?;
    if totals.cells_outside_header > 0 {
        source.widen(totals.first_column.unwrap_or_default(), totals.last_column);
        (observed, totals) = observe_all(source, config, interrupt, progress)?;
    }
    let all = 0..observed.seen.types.len();
    Ok(observed.inferred(totals.rows, all))
}

/// The types of the header's columns in all rows. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn types_of_columns(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<(Vec<InferredType>, u64)> {
    let (observed, totals) = observe_all(source, config, interrupt, progress)?;
    Ok((observed.seen.types, totals.rows))
}

/// The last column with a cell in any row. Blocks.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub(super) fn last_column(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<u32> {
    let (_observed, totals) = observe_all(source, config, interrupt, progress)?;
    Ok(totals.last_column)
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

impl Observe {
    fn new(
        source: &dyn RowSource,
        config: &ImportConfig,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Self {
        let sheet = source.describe();
        Self {
            seen: SeenColumns::new(sheet.header.width()),
            lossy: LossyValues::of(sheet, config.text_rules.clone()),
            coercion: Coercion::for_sheet(sheet, config.on_cell_error, config.text_rules.clone()),
            progress: Arc::clone(progress),
            interrupt: interrupt.clone(),
        }
    }

    fn inferred(self, rows: u64, settled: Range<usize>) -> Inferred {
        Inferred {
            settled,
            types: self.seen.types,
            filled: self.seen.filled,
            lossy: self.lossy,
            rows,
        }
    }
}

fn observe_all(
    source: &mut dyn RowSource,
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<(Observe, SheetTotals)> {
    let mut observe = Observe::new(source, config, interrupt, progress);
    let width = source.describe().header.width();
    let totals = source.read(Batch::new(width, LIMITS), &mut observe)?;
    Ok((observe, totals))
}

/// Stops reading after some rows.
struct Sample {
    observe: Observe,
    seen: usize,
    rows: usize,
}

impl BatchExchange for Sample {
    fn exchange(&mut self, full: Batch) -> Result<Batch> {
        self.seen += full.row_count();
        let mut emptied = self.observe.exchange(full)?;
        if self.seen >= self.rows {
            return Err(Error::new(ErrorKind::Interrupted, "the sample is complete"));
        }
        emptied.set_limits(limits_of(self.rows - self.seen));
        Ok(emptied)
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
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Option<(Observe, u64)>> {
    let mut sample = Sample {
        observe: Observe::new(source, config, interrupt, progress),
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
    Ok(Some((sample.observe, sample.seen as u64)))
}
