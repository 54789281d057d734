//! The types of a table to be created: all rows are read once, and each column's cells are joined.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::progress::{Phase, Progress};
use crate::config::import::NewTypes;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::cell::Cell;
use crate::model::selection::Hidden;
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

/// What decides about types besides the cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct InferenceRules {
    pub(super) on_cell_error: OnCellError,
    pub(super) hidden: Hidden,
    pub(super) types: NewTypes,
}

/// Reads all rows of all sheets and gives the columns of the table to be created, for each sheet. Blocks.
pub(super) fn infer_columns(
    sources: &mut [Box<dyn RowSource>],
    rules: InferenceRules,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Vec<Vec<MappedColumn>>> {
    progress.enter(Phase::Inferring);
    let (mut sheets, mut rows) = (Vec::with_capacity(sources.len()), 0);
    for source in &mut *sources {
        let (columns, sheet_rows) = infer_sheet(source.as_mut(), rules, interrupt, progress)?;
        rows += sheet_rows;
        sheets.push(columns);
    }
    if rows == 0 {
        return Err(no_rows(sources));
    }
    progress.expect_rows(rows);
    join_sheets(sources, sheets)
}

/// A column of one sheet, with the type that its cells came to.
struct InferredColumn {
    source: usize,
    name: String,
    inferred: InferredType,
}

/// Gives columns of the same name the same type. All sheets must have the same columns, in any order.
fn join_sheets(
    sources: &[Box<dyn RowSource>],
    sheets: Vec<Vec<InferredColumn>>,
) -> Result<Vec<Vec<MappedColumn>>> {
    let mut types: HashMap<String, InferredType> = HashMap::new();
    for column in sheets.iter().flatten() {
        let joined = types
            .entry(column.name.clone())
            .or_insert(InferredType::Unknown);
        *joined = joined.join(column.inferred);
    }
    if let [first, others @ ..] = sheets.as_slice() {
        for (index, other) in others.iter().enumerate() {
            let names = |columns: &[InferredColumn], other: &[InferredColumn]| -> Vec<String> {
                let lacks = |name: &str| !other.iter().any(|column| column.name == name);
                let names = columns.iter().map(|column| column.name.clone());
                names.filter(|name| lacks(name)).collect()
            };
            let (more, less) = (names(other, first), names(first, other));
            if !more.is_empty() || !less.is_empty() {
                let name = |index: usize| -> &str {
                    sources
                        .get(index)
                        .map_or("", |source| &source.describe().sheet)
                };
                return Err(headers_differ(name(0), name(index + 1), &more, &less));
            }
        }
    }
    let mapped = |column: InferredColumn| {
        let joined = types.get(&column.name).copied();
        MappedColumn {
            source: column.source,
            target: joined.unwrap_or(column.inferred).to_column(column.name),
        }
    };
    let sheets = sheets.into_iter();
    Ok(sheets
        .map(|columns| columns.into_iter().map(mapped).collect())
        .collect())
}

fn headers_differ(first: &str, other: &str, more: &[String], less: &[String]) -> Error {
    let mut differences = Vec::new();
    if !more.is_empty() {
        differences.push(format!("has also {}", more.join(", ")));
    }
    if !less.is_empty() {
        differences.push(format!("lacks {}", less.join(", ")));
    }
    Error::new(
        ErrorKind::ColumnMismatch,
        format!(
            "the headers differ: sheet \"{other}\" {}, compared with \"{first}\"",
            differences.join(" and ")
        ),
    )
    .in_sheet(other)
    .next_step("Load them into a table each, without --union")
}

/// Reads all rows of one sheet. Cells without a title above them widen the header, so that no cell is left out.
fn infer_sheet(
    source: &mut dyn RowSource,
    rules: InferenceRules,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<(Vec<InferredColumn>, u64)> {
    let on_cell_error = rules.on_cell_error;
    let (mut types, mut totals) = observe(source, on_cell_error, interrupt, progress)?;
    if totals.cells_outside_header > 0 {
        source.widen(totals.first_column.unwrap_or_default(), totals.last_column);
        (types, totals) = observe(source, on_cell_error, interrupt, progress)?;
    }
    let sheet = source.describe();
    let names = column_names(&sheet.header);
    let columns = types.into_iter().zip(names).enumerate();
    let columns = columns
        .filter(|(source, _)| rules.hidden != Hidden::Skip || !sheet.is_hidden_column(*source));
    let columns = columns.map(|(source, (inferred, name))| InferredColumn {
        source,
        name,
        inferred: match rules.types {
            NewTypes::Inferred => inferred,
            NewTypes::Text => InferredType::Text,
        },
    });
    Ok((columns.collect(), totals.rows))
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

fn no_rows(sources: &[Box<dyn RowSource>]) -> Error {
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
