//! The sheets' columns beside those of a table that exists.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::infer::infer_types;
use super::progress::Progress;
use crate::config::import::ImportConfig;
use crate::db::introspect::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::model::selection::Hidden;
use crate::model::sheet::{Header, SheetDescription};
use crate::model::table::TableName;
use crate::source::RowSource;
use crate::transform::infer::InferredType;
use crate::transform::mapping::{MappedColumn, Mismatch, NewColumn};

/// Finds the types of columns that the table gets.
pub(super) fn add_columns(
    sources: &mut [Box<dyn RowSource>],
    new_columns: &[Vec<NewColumn>],
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Vec<Vec<MappedColumn>>> {
    // A table that exists is not widened on the way, so that all rows are looked at.
    let config = ImportConfig {
        infer_rows: None,
        ..config.clone()
    };
    let mut joined: HashMap<&str, InferredType> = HashMap::new();
    for (source, new_columns) in sources.iter_mut().zip(new_columns) {
        let types = infer_types(source.as_mut(), &config, interrupt, progress)?.types;
        for column in new_columns {
            let inferred = types.get(column.source).copied().unwrap_or_default();
            let known = joined.entry(&column.name).or_default();
            *known = known.join(inferred);
        }
    }
    let mapped = |column: &NewColumn| {
        let inferred = joined.get(column.name.as_str()).copied();
        column.to_mapped(inferred.unwrap_or_default())
    };
    let sheets = new_columns.iter();
    Ok(sheets
        .map(|columns| columns.iter().map(mapped).collect())
        .collect())
}

/// The header without the titles of columns that shall be left out because they are hidden.
pub(super) fn visible_header(sheet: &SheetDescription, hidden: Hidden) -> Header {
    let mut header = sheet.header.clone();
    if hidden == Hidden::Skip {
        for (index, title) in header.titles.iter_mut().enumerate() {
            if sheet.is_hidden_column(index) {
                title.clear();
            }
        }
    }
    header
}

/// What the table lacks for rows that tell where they come from.
pub(super) fn no_lineage(table: &TableName, missing: &[&str]) -> Error {
    Error::new(
        ErrorKind::ColumnMismatch,
        format!(
            "table {} has no column {} for the lineage",
            table.plain(),
            missing.join(", ")
        ),
    )
    .in_table(table.plain())
    .next_step(
        "Add them (_file text, _sheet text, _row bigint, _load_id uuid), or leave --lineage out",
    )
}

/// Everything in the header that does not fit the table.
pub(super) fn mismatch_error(table: &Table, sheet: &str, mismatches: &[Mismatch]) -> Error {
    let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.column.name.as_str())
        .collect();
    Error::new(
        ErrorKind::ColumnMismatch,
        format!(
            "the header does not fit table {}: {}",
            table.name.plain(),
            list.join("; ")
        ),
    )
    .in_sheet(sheet)
    .in_table(table.name.plain())
    .next_step(format!("The table's columns are: {}", columns.join(", ")))
}
