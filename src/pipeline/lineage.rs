//! Columns that tell where a row comes from.

use crate::config::import::Lineage;
use crate::model::column::{ColumnKind, TableColumn, TargetColumn, TypeLimit};
use crate::model::value::Value;

/// What the lineage columns of one sheet's rows hold.
#[derive(Debug, Clone)]
pub(super) struct RowOrigin {
    pub(super) file: String,
    pub(super) sheet: String,
    pub(super) load_id: String,
}

/// The columns' names, in the order of [`RowOrigin::values`], and their types.
const COLUMNS: [(&str, &str, ColumnKind); 4] = [
    ("_file", "text", ColumnKind::Text),
    ("_sheet", "text", ColumnKind::Text),
    ("_row", "bigint", ColumnKind::Int8),
    ("_load_id", "uuid", ColumnKind::Other),
];

impl RowOrigin {
    /// The values of a row with this number in the sheet, from 0. People count rows from 1.
    pub(super) fn values(&self, sheet_row: u32) -> [Value<'_>; COLUMNS.len()] {
        [
            Value::Text(&self.file),
            Value::Text(&self.sheet),
            Value::Int(i64::from(sheet_row) + 1),
            Value::Text(&self.load_id),
        ]
    }
}

/// The lineage columns of a table to be created.
pub(super) fn new_columns(lineage: Lineage) -> Vec<TargetColumn> {
    let column = |(name, sql_type, kind): (&str, &str, ColumnKind)| TargetColumn {
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
        kind,
        not_null: false,
        limit: TypeLimit::None,
    };
    match lineage {
        Lineage::None => Vec::new(),
        Lineage::Columns => COLUMNS.map(column).to_vec(),
    }
}

/// Takes the lineage columns out of an existing table's, and gives them.
///
/// # Errors
/// The names of those that the table lacks.
pub(super) fn take_columns(
    lineage: Lineage,
    table: &mut Vec<TableColumn>,
) -> Result<Vec<TargetColumn>, Vec<&'static str>> {
    if lineage == Lineage::None {
        return Ok(Vec::new());
    }
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (name, ..) in COLUMNS {
        match table.iter().position(|column| column.column.name == name) {
            Some(index) => found.push(table.remove(index).column),
            None => missing.push(name),
        }
    }
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(missing)
    }
}
