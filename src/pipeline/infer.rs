//! The types of a table to be created: all rows are read once, and each column's cells are joined.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::progress::{Phase, Progress};
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::cell::Cell;
use crate::model::sheet::SheetTotals;
use crate::source::RowSource;
use crate::transform::coerce::{Coercion, OnCellError};
use crate::transform::infer::InferredType;
use crate::transform::mapping::MappedColumn;
use crate::transform::names::column_names;
use crate::transform::text_rules::TextRules;

/// Batches of the inference are emptied at once, so small ones serve.
const LIMITS: BatchLimits = BatchLimits {
    rows: 4_096,
    bytes: 1 << 20,
};

/// Joins the cells of each column.
struct Observe {
    types: Vec<InferredType>,
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
        for row in full.rows() {
            for (inferred, cell) in self.types.iter_mut().zip(row.cells) {
                let text = match *cell {
                    Cell::Text(span) | Cell::Iso(span) => full.text(span),
                    _ => "",
                };
                *inferred = inferred.join(self.coercion.type_of(*cell, text));
            }
        }
        self.progress.inferred(full.row_count());
        full.clear();
        Ok(full)
    }
}

/// Reads all rows and gives the columns of the table to be created. Blocks. Cells without a title above them widen
/// the header, so that no cell is left out.
pub(super) fn infer_columns(
    source: &mut dyn RowSource,
    on_cell_error: OnCellError,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Vec<MappedColumn>> {
    progress.enter(Phase::Inferring);
    let (mut types, mut totals) = observe(source, on_cell_error, interrupt, progress)?;
    if totals.cells_outside_header > 0 {
        source.widen(totals.first_column.unwrap_or_default(), totals.last_column);
        (types, totals) = observe(source, on_cell_error, interrupt, progress)?;
    }
    if totals.rows == 0 {
        return Err(no_rows(source));
    }
    progress.expect_rows(totals.rows);
    let names = column_names(&source.describe().header);
    Ok(types
        .into_iter()
        .zip(names)
        .enumerate()
        .map(|(index, (inferred, name))| MappedColumn {
            source: index,
            target: inferred.to_column(name),
        })
        .collect())
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

/// Makes sure that there is a row below the header, before a table is touched. Blocks until the first is found.
pub(super) fn require_rows(source: &mut dyn RowSource) -> Result<()> {
    let limits = BatchLimits { rows: 1, ..LIMITS };
    let mut first = FirstRow::default();
    let batch = Batch::new(source.describe().header.width(), limits);
    match source.read(batch, &mut first) {
        _ if first.found => Ok(()),
        Ok(_totals) => Err(no_rows(source)),
        Err(error) => Err(error),
    }
}

fn no_rows(source: &dyn RowSource) -> Error {
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

fn observe(
    source: &mut dyn RowSource,
    on_cell_error: OnCellError,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<(Vec<InferredType>, SheetTotals)> {
    let sheet = source.describe();
    let width = sheet.header.width();
    let mut observe = Observe {
        types: vec![InferredType::Unknown; width],
        coercion: Coercion::for_sheet(sheet, on_cell_error, TextRules::default()),
        progress: Arc::clone(progress),
        interrupt: interrupt.clone(),
    };
    let totals = source.read(Batch::new(width, LIMITS), &mut observe)?;
    Ok((observe.types, totals))
}
