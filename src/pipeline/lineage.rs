//! Columns that tell where a row comes from.

use uuid::Uuid;

use crate::config::import::Lineage;
use crate::db::merge;
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::{ColumnKind, TableColumn, TargetColumn, TypeLimit};
use crate::model::table::TableName;
use crate::model::value::Value;
use crate::transform::mapping::{ExtraColumns, MappedColumn, target_columns};

/// What the lineage columns of one sheet's rows hold.
#[derive(Debug, Clone)]
pub(super) struct RowOrigin {
    file: String,
    sheet: String,
    load_id: Uuid,
    load_id_text: String,
}

/// The lineage columns of a load, and what they hold.
pub(super) type LineageValues = (Vec<TargetColumn>, RowOrigin);

/// Whether each row carries its place in the sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ordinals {
    None,
    Written,
}

/// All columns that a load writes, in the order of the values.
pub(super) fn written_columns(
    columns: &[MappedColumn],
    lineage: Option<&LineageValues>,
    ordinals: Ordinals,
) -> Vec<TargetColumn> {
    let mut columns = target_columns(columns);
    columns.extend(lineage.into_iter().flat_map(|(lineage, _)| lineage.clone()));
    if ordinals == Ordinals::Written {
        let [ordinal, _] = merge::staging_columns();
        columns.push(ordinal);
    }
    columns
}

/// A row's place in the sheets, as rows are merged by. The row counts from 1.
pub(super) fn ordinal(sheet_place: i32, row: u32) -> i64 {
    (i64::from(sheet_place) << 32) | i64::from(row)
}

/// The sheet's place and the row of an ordinal.
pub(super) fn of_ordinal(ordinal: i64) -> (usize, u32) {
    let place = usize::try_from(ordinal >> 32).unwrap_or_default();
    (place, (ordinal & i64::from(u32::MAX)) as u32)
}

/// The columns' names, in the order of [`RowOrigin::values`], and their types.
const COLUMNS: [(&str, &str, ColumnKind); 4] = [
    ("_file", "text", ColumnKind::Text),
    ("_sheet", "text", ColumnKind::Text),
    ("_row", "bigint", ColumnKind::Int8),
    ("_load_id", "uuid", ColumnKind::Uuid),
];

impl RowOrigin {
    pub(super) fn new(file: String, sheet: String, load_id: Uuid) -> Self {
        Self {
            file,
            sheet,
            load_id,
            load_id_text: load_id.to_string(),
        }
    }

    /// The values of a row with this number in the sheet, from 0, for these columns. People count rows from 1.
    pub(super) fn values(
        &self,
        sheet_row: u32,
        columns: &[TargetColumn],
    ) -> [Value<'_>; COLUMNS.len()] {
        let id_as_text = columns.last().is_some_and(|id| id.kind.is_text());
        [
            Value::Text(&self.file),
            Value::Text(&self.sheet),
            Value::Int(i64::from(sheet_row) + 1),
            if id_as_text {
                Value::Text(&self.load_id_text)
            } else {
                Value::Uuid(self.load_id.into_bytes())
            },
        ]
    }
}

fn new_column((name, sql_type, kind): (&str, &str, ColumnKind)) -> TargetColumn {
    TargetColumn {
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
        kind,
        not_null: false,
        limit: TypeLimit::None,
    }
}

/// The lineage columns of a table to be created.
pub(super) fn new_columns(lineage: Lineage) -> Vec<TargetColumn> {
    match lineage {
        Lineage::None => Vec::new(),
        Lineage::Columns => COLUMNS.map(new_column).to_vec(),
    }
}

/// The lineage columns of a table that exists.
#[derive(Debug, Default)]
pub(super) struct LineageColumns {
    /// All, in the order of [`RowOrigin::values`].
    pub(super) all: Vec<TargetColumn>,
    /// Those that the table lacks.
    pub(super) missing: Vec<TargetColumn>,
}

/// Takes the lineage columns out of an existing table's. Those that it lacks it gets, if it may get columns.
///
/// # Errors
/// `ColumnMismatch`, naming the columns that the table lacks, or that cannot hold what they should.
pub(super) fn take_columns(
    lineage: Lineage,
    extra: ExtraColumns,
    name: &TableName,
    table: &mut Vec<TableColumn>,
) -> Result<LineageColumns> {
    let mut columns = LineageColumns::default();
    if lineage == Lineage::None {
        return Ok(columns);
    }
    for wanted in COLUMNS {
        let found = table
            .iter()
            .position(|column| column.column.name == wanted.0);
        let Some(index) = found else {
            columns.missing.push(new_column(wanted));
            columns.all.push(new_column(wanted));
            continue;
        };
        let found = table.remove(index);
        if found.generated || !holds(found.column.kind, wanted.2) {
            return Err(unfit(
                name,
                &format!(
                    "has a column {} of type {}, which cannot hold the lineage",
                    wanted.0, found.column.sql_type
                ),
                "Rename that column, or leave --lineage out",
            ));
        }
        columns.all.push(found.column);
    }
    if columns.missing.is_empty() || extra == ExtraColumns::Add {
        return Ok(columns);
    }
    let missing: Vec<&str> = columns.missing.iter().map(|c| c.name.as_str()).collect();
    Err(unfit(
        name,
        &format!("has no column {} for the lineage", missing.join(", ")),
        "Say --extra-columns add to have them added, or leave --lineage out",
    ))
}

/// Whether a column of this kind takes what one of the other holds.
fn holds(kind: ColumnKind, wanted: ColumnKind) -> bool {
    kind == wanted
        || match wanted {
            // Every row number fits.
            ColumnKind::Int8 => kind == ColumnKind::Int4 || kind.is_text(),
            _ => kind.is_text(),
        }
}

fn unfit(table: &TableName, how: &str, next_step: &str) -> Error {
    Error::new(
        ErrorKind::ColumnMismatch,
        format!("table {} {how}", table.plain()),
    )
    .in_table(table.plain())
    .next_step(next_step)
}
