//! From a fault to the cell: which sheet, row, column and stored value a rejected row is named by.

use std::collections::HashMap;

use crate::model::address::{CellAddress, address_of, qualified};
use crate::model::batch::{Batch, Row};
use crate::model::cell::Cell;
use crate::model::reject::{Fault, Reject, RejectReason, RejectedCell};
use crate::model::sheet::SheetDescription;
use crate::sink::Refusal;
use crate::sink::suspects::CellRefusal;
use crate::transform::fault::shortened;
use crate::transform::mapping::MappedColumn;

/// Names cells of one sheet.
#[derive(Debug, Clone)]
pub(super) struct Locator {
    sheet: String,
    first_column: u32,
    /// The columns of the table's constraints and indexes, by name: an error names only these.
    constraint_columns: HashMap<String, Vec<String>>,
    /// Names in a staging table, and those by which people know them.
    known_as: Vec<(String, String)>,
}

impl Locator {
    pub(super) fn new(
        sheet: &SheetDescription,
        constraint_columns: HashMap<String, Vec<String>>,
    ) -> Self {
        Self {
            sheet: sheet.sheet.clone(),
            first_column: sheet.header.first_column,
            constraint_columns,
            known_as: Vec::new(),
        }
    }

    /// Lets refusals name what people know, where rows are written to another table first.
    pub(super) fn known_as(mut self, known_as: Vec<(String, String)>) -> Self {
        self.known_as = known_as;
        self
    }

    fn known(&self, text: String) -> String {
        let names = self.known_as.iter();
        names.fold(text, |text, (staged, known)| text.replace(staged, known))
    }

    /// A row with cells that do not fit their columns. It is named by the first one.
    pub(super) fn fault(
        &self,
        batch: &Batch,
        row: Row<'_>,
        first: (&MappedColumn, Fault),
        others: Vec<(&MappedColumn, Fault)>,
    ) -> Reject {
        let reject = self.cell_fault(batch, row, first).by_first_cell();
        self.with_faults(batch, row, reject, others)
    }

    /// The row with more cells that do not fit their columns.
    pub(super) fn with_faults<'c>(
        &self,
        batch: &Batch,
        row: Row<'_>,
        mut reject: Reject,
        faults: impl IntoIterator<Item = (&'c MappedColumn, Fault)>,
    ) -> Reject {
        for fault in faults {
            add_cell(&mut reject, &self.cell_fault(batch, row, fault));
        }
        sort_cells(&mut reject);
        reject
    }

    fn cell_fault(
        &self,
        batch: &Batch,
        row: Row<'_>,
        (column, fault): (&MappedColumn, Fault),
    ) -> Reject {
        Reject {
            sqlstate: fault.sqlstate.to_owned(),
            reason: fault.reason,
            message: fault.message,
            expected: Some(expected(column)),
            ..self.at(batch, row, Some(column))
        }
    }

    /// A row that the server refused.
    pub(super) fn refusal(
        &self,
        batch: &Batch,
        row: Row<'_>,
        columns: &[MappedColumn],
        refusal: Refusal,
    ) -> Reject {
        let by_name = |name: &String| columns.iter().find(|column| column.target.name == *name);
        let constraint = refusal.constraint.as_ref();
        let column = refusal.column.as_ref().and_then(by_name).or_else(|| {
            let names = self.constraint_columns.get(constraint?)?;
            names.iter().filter_map(by_name).max_by_key(|column| {
                // Of an index's columns, the one with the longest text is the likeliest to be too long.
                text_of(batch, row, column.source).map_or(0, str::len)
            })
        });
        let cells = refusal.cells.unwrap_or_default();
        let reject = Reject {
            reason: reason(&refusal.sqlstate),
            sqlstate: refusal.sqlstate,
            message: self.known(refusal.message),
            expected: constraint
                .map(|name| self.known(name.clone()))
                .or_else(|| column.map(expected)),
            ..self.at(batch, row, column)
        };
        self.with_refusals(batch, row, columns, reject.by_first_cell(), cells)
    }

    /// The row with more cells that the server refuses.
    pub(super) fn with_refusals(
        &self,
        batch: &Batch,
        row: Row<'_>,
        columns: &[MappedColumn],
        mut reject: Reject,
        cells: Vec<CellRefusal>,
    ) -> Reject {
        for cell in cells {
            // What says where a row comes from is in no cell.
            let Some(column) = columns.get(cell.field) else {
                continue;
            };
            let constraint = cell.constraint.map(|name| self.known(name));
            let named = Reject {
                reason: reason(&cell.sqlstate),
                sqlstate: cell.sqlstate,
                message: self.known(cell.message),
                expected: constraint.or_else(|| Some(expected(column))),
                ..self.at(batch, row, Some(column))
            };
            add_cell(&mut reject, &named);
        }
        sort_cells(&mut reject);
        reject
    }

    /// A cell of the header's column with this index, as people name it.
    pub(super) fn cell(&self, sheet_row: u32, source: usize) -> String {
        let source = u32::try_from(source).unwrap_or(u32::MAX);
        let address = CellAddress {
            row: sheet_row,
            column: self.first_column.saturating_add(source),
        };
        qualified(&self.sheet, address)
    }

    /// The row, the cell and its value, with nothing said about what is wrong.
    fn at(&self, batch: &Batch, row: Row<'_>, column: Option<&MappedColumn>) -> Reject {
        let source = column.map_or(0, |column| column.source);
        Reject {
            sheet: self.sheet.clone(),
            row: row.sheet_row.saturating_add(1),
            cell: self.cell(row.sheet_row, source),
            column: column.map(|column| column.target.name.clone()),
            stored: column.and_then(|column| stored(batch, row, column.source)),
            expected: None,
            sqlstate: String::new(),
            reason: RejectReason::RefusedByServer,
            message: String::new(),
            cells: Vec::new(),
        }
    }
}

/// Adds the cell that `named` is about, if it is a new one: of each cell one reason is enough.
fn add_cell(reject: &mut Reject, named: &Reject) {
    let is_new = reject.cells.iter().all(|cell| cell.cell != named.cell);
    reject
        .cells
        .extend(named.first_cell().filter(|_cell| is_new));
}

/// Puts the cells in the order of the sheet.
fn sort_cells(reject: &mut Reject) {
    let column = |cell: &RejectedCell| address_of(&cell.cell).map(|at| at.column);
    reject.cells.sort_by_cached_key(column);
}

fn expected(column: &MappedColumn) -> String {
    let not_null = if column.target.not_null {
        " not null"
    } else {
        ""
    };
    format!("{}{not_null}", column.target.sql_type)
}

/// The reason to count a server's refusal under, by SQLSTATE class.
fn reason(sqlstate: &str) -> RejectReason {
    match sqlstate {
        "23502" => RejectReason::MissingValue,
        "22001" | "22003" | "22008" => RejectReason::OutOfRange,
        code if code.starts_with("54") => RejectReason::OutOfRange,
        code if code.starts_with("23") || code.starts_with("44") => RejectReason::Constraint,
        code if code.starts_with("22") => RejectReason::WrongType,
        _ => RejectReason::RefusedByServer,
    }
}

fn text_of<'b>(batch: &'b Batch, row: Row<'_>, source: usize) -> Option<&'b str> {
    match row.cells.get(source) {
        Some(cell @ (Cell::Text(_) | Cell::Shared(_) | Cell::Iso(_) | Cell::Digits { .. })) => {
            Some(batch.text_of(*cell))
        }
        _ => None,
    }
}

/// The cell's value as stored, cut to a readable length.
fn stored(batch: &Batch, row: Row<'_>, source: usize) -> Option<String> {
    let cell = row.cells.get(source)?;
    Some(match cell {
        Cell::Empty => return None,
        Cell::Bool(truth) => if *truth { "TRUE" } else { "FALSE" }.to_owned(),
        Cell::Number { value, .. } => value.to_string(),
        Cell::Error(error) => error.to_string(),
        Cell::Text(_) | Cell::Shared(_) | Cell::Iso(_) | Cell::Digits { .. } => {
            shortened(batch.text_of(*cell)).into_owned()
        }
    })
}
