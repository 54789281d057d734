//! The rows of a batch become values and bytes.

use super::cell_notes::CellNotes;
use super::defaults::Given;
use super::lineage::{Ordinals, ordinal};
use super::row_plan::RowPlan;
use crate::model::batch::{Batch, Row};
use crate::model::cell::Cell;
use crate::model::reject::{Fault, Reject};
use crate::model::value::Value;
use crate::sink::encode::RowEncoder;
use crate::sink::suspects::Suspect;
use crate::transform::coerce::CellNote;
use crate::transform::column_coercion::{ColumnCoercion, ValueTaker};
use crate::transform::mapping::MappedColumn;

/// Makes values of a batch's cells, a row at a time.
pub(super) struct RowEncoding<'b> {
    plan: &'b RowPlan,
    batch: &'b Batch,
    columns: Vec<(&'b MappedColumn, ColumnCoercion<'b>)>,
    given: Option<&'b Given>,
    values: Vec<Value<'b>>,
    notes: CellNotes,
}

impl<'b> RowEncoding<'b> {
    /// For the rows of a batch, with what its empty cells become.
    pub(super) fn new(plan: &'b RowPlan, batch: &'b Batch, given: Option<&'b Given>) -> Self {
        let columns = plan.columns.iter();
        Self {
            plan,
            batch,
            columns: columns
                .map(|column| (column, plan.coercion.of_column(&column.target)))
                .collect(),
            given,
            values: Vec::with_capacity(plan.columns.len()),
            notes: CellNotes::default(),
        }
    }

    /// What there is to say about the cells so far; nothing is left.
    pub(super) fn take_notes(&mut self) -> CellNotes {
        std::mem::take(&mut self.notes)
    }

    /// Encodes a row with its index in the batch, or says which column is at fault. `is_done` says that an earlier
    /// attempt has loaded it.
    pub(super) fn encode(
        &mut self,
        (index, row): (usize, Row<'_>),
        is_done: bool,
        encoder: &mut RowEncoder,
    ) -> Result<(), (&'b MappedColumn, Fault)> {
        self.values.clear();
        match self.given {
            None => self.encode_cells(row, encoder)?,
            Some(given) => self.encode_cells_or(given, (index, row), is_done, encoder)?,
        }
        self.encode_origin(row, encoder);
        Ok(())
    }

    #[inline(always)]
    fn encode_cells(
        &mut self,
        row: Row<'_>,
        encoder: &mut RowEncoder,
    ) -> Result<(), (&'b MappedColumn, Fault)> {
        for (field, (column, coercion)) in self.columns.iter().enumerate() {
            let cell = row.cells.get(column.source).copied().unwrap_or(Cell::Empty);
            let mut written = Written {
                field,
                encoder: &mut *encoder,
                values: &mut self.values,
            };
            let note = coercion
                .coerce(cell, self.batch, &mut written)
                .map_err(|fault| (*column, fault))?;
            match note {
                CellNote::None => {}
                note => self.notes.add(note, field, row.sheet_row),
            }
        }
        Ok(())
    }

    /// The same where empty cells take defaults: apart, since it asks about each cell.
    fn encode_cells_or(
        &mut self,
        given: &'b Given,
        (index, row): (usize, Row<'_>),
        is_done: bool,
        encoder: &mut RowEncoder,
    ) -> Result<(), (&'b MappedColumn, Fault)> {
        for (field, (column, coercion)) in self.columns.iter().enumerate() {
            let cell = row.cells.get(column.source).copied().unwrap_or(Cell::Empty);
            let at = (field, index, is_done);
            if let Some(taken) = given.instead_of(cell, self.batch, &column.target, at) {
                let (binary, text) = taken.forms();
                encoder.field_in_either_form(binary, text);
                self.values.push(taken.value(column.target.kind));
                continue;
            }
            let mut written = Written {
                field,
                encoder: &mut *encoder,
                values: &mut self.values,
            };
            let note = coercion
                .coerce(cell, self.batch, &mut written)
                .map_err(|fault| (*column, fault))?;
            self.notes.add(note, field, row.sheet_row);
        }
        Ok(())
    }

    /// The faults of the cells in the columns behind `first`, of a row of which that is the first one at fault.
    #[cold]
    pub(super) fn further_faults(
        &self,
        row: Row<'_>,
        first: &MappedColumn,
    ) -> Vec<(&'b MappedColumn, Fault)> {
        let columns = self.columns.iter().enumerate();
        let behind = columns
            .skip_while(|(_, (column, _))| !std::ptr::eq(*column, first))
            .skip(1);
        let faults = behind.filter_map(|(field, (column, _))| {
            let fault = self.fault(row, field, column)?;
            Some((*column, fault))
        });
        faults.collect()
    }

    /// The row without the cells that do not fit their columns, so that the server can be asked about the others.
    #[cold]
    pub(super) fn suspect(&self, row: Row<'_>) -> Suspect {
        let (mut encoder, mut known) = (self.plan.encoder(), Vec::new());
        encoder.start_row();
        for (field, (column, _)) in self.columns.iter().enumerate() {
            let cell = row.cells.get(column.source).copied().unwrap_or(Cell::Empty);
            if self.takes_default(cell, field, column) {
                // The server gave it; of a row that is not loaded it is not asked for again.
                known.push(field);
                encoder.field(field, Value::Null);
                continue;
            }
            let text = self.batch.text_of(cell);
            let value = match self.plan.coercion.coerce(cell, text, &column.target) {
                Ok(coerced) => coerced.value,
                Err(_fault) => {
                    known.push(field);
                    Value::Null
                }
            };
            encoder.field(field, value);
        }
        self.encode_origin(row, &mut encoder);
        encoder.finish_row();
        Suspect::of_row(&encoder.take(), 0, known)
    }

    fn takes_default(&self, cell: Cell, field: usize, column: &MappedColumn) -> bool {
        let given = self.given;
        given.is_some_and(|given| given.takes_default(cell, self.batch, &column.target, field))
    }

    fn fault(&self, row: Row<'_>, field: usize, column: &MappedColumn) -> Option<Fault> {
        let cell = row.cells.get(column.source).copied().unwrap_or(Cell::Empty);
        if self.takes_default(cell, field, column) {
            return None;
        }
        let text = self.batch.text_of(cell);
        let coerced = self.plan.coercion.coerce(cell, text, &column.target);
        coerced.err()
    }

    /// A row that an earlier attempt has rejected, of which the ledger has the first cell alone, with the others that do not
    /// fit their columns.
    #[cold]
    pub(super) fn found_again(&self, row: Row<'_>, reject: &Reject) -> Reject {
        let columns = self.columns.iter().enumerate();
        let faults = columns.filter_map(|(field, (column, _))| {
            let fault = self.fault(row, field, column)?;
            Some((*column, fault))
        });
        let locator = &self.plan.locator;
        locator.with_faults(self.batch, row, reject.clone(), faults)
    }

    /// The values of the sheet's columns in the row that was encoded last.
    pub(super) fn values(&self) -> &[Value<'b>] {
        &self.values
    }

    /// What says where the row comes from.
    fn encode_origin(&self, row: Row<'_>, encoder: &mut RowEncoder) {
        let mut field = self.columns.len();
        if let Some((columns, origin)) = &self.plan.lineage {
            for value in origin.values(row.sheet_row, columns) {
                encoder.field(field, value);
                field += 1;
            }
        }
        if self.plan.ordinals == Ordinals::Written {
            let ordinal = ordinal(self.plan.sheet_place, row.sheet_row.saturating_add(1));
            encoder.field(field, Value::Int(ordinal));
        }
    }
}

/// Where the value of a field goes.
struct Written<'w, 'b> {
    field: usize,
    encoder: &'w mut RowEncoder,
    values: &'w mut Vec<Value<'b>>,
}

impl<'b> ValueTaker<'b> for Written<'_, 'b> {
    #[inline(always)]
    fn take(&mut self, value: Value<'b>) {
        self.encoder.field(self.field, value);
        self.values.push(value);
    }
}
