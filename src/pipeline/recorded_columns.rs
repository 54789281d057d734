//! Which column goes where, as the ledger keeps it, so that a resumed load puts every cell where the first attempt did.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::introspect::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::model::sheet::SheetDescription;
use crate::source::RowSource;
use crate::transform::mapping::MappedColumn;

/// The columns of one sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetColumns {
    /// The sheet's first and last column, from 0: cells beyond the titles may have widened it.
    first_column: u32,
    last_column: u32,
    /// Columns of the sheet, from 0 within these, and of the table.
    columns: Vec<(usize, String)>,
    /// Columns that are left out because they have no title.
    pub(super) untitled: Vec<usize>,
    /// For a table that is made from a sample of the rows: the name of each column, loaded so far or not.
    #[serde(default)]
    pub(super) names: Option<Vec<Option<String>>>,
}

impl SheetColumns {
    /// Those of a sheet that is about to be loaded.
    pub(super) fn new(
        sheet: &SheetDescription,
        columns: &[MappedColumn],
        untitled: &[usize],
        names: Option<&Vec<Option<String>>>,
    ) -> Self {
        let header = &sheet.header;
        Self {
            first_column: header.first_column,
            last_column: header.sheet_column(header.width().saturating_sub(1)),
            columns: columns
                .iter()
                .map(|column| (column.source, column.target.name.clone()))
                .collect(),
            untitled: untitled.to_vec(),
            names: names.cloned(),
        }
    }

    /// All sheets' columns, from the ledger.
    ///
    /// # Errors
    /// `LoadSettled` when they cannot be read.
    pub(super) fn from_document(document: &Value) -> Result<Vec<Self>> {
        Vec::<Self>::deserialize(document).map_err(|error| {
            unfit(&format!(
                "the columns of the load cannot be read from the ledger: {error}"
            ))
        })
    }

    /// Makes a sheet as wide as it was, and joins its columns to the table's.
    ///
    /// # Errors
    /// `LoadSettled` when the table lost one of them.
    pub(super) fn join(
        &self,
        source: &mut dyn RowSource,
        table: &Table,
    ) -> Result<Vec<MappedColumn>> {
        source.widen(self.first_column, self.last_column);
        let column = |(source, name): &(usize, String)| {
            let mut columns = table.columns.iter();
            let found = columns.find(|column| column.column.name == *name);
            let target = found.map(|column| column.column.clone()).ok_or_else(|| {
                unfit(&format!(
                    "table {} has no column {name} any more",
                    table.name.plain()
                ))
                .in_table(table.name.plain())
                .in_column(name)
            })?;
            Ok(MappedColumn {
                source: *source,
                target,
            })
        };
        self.columns.iter().map(column).collect()
    }
}

fn unfit(message: &str) -> Error {
    Error::new(ErrorKind::LoadSettled, message)
        .next_step(
        "Take the rows back with `sheetload undo`, or delete them, and load the file anew with `sheetload import --again`",
    )
}
