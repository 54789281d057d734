//! A temporary table that takes rows only to refuse their bad cells, one after the other.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Statement};
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::cell_checks::{Check, PROBE, PROBE_CELL, PROBE_ROW, violated};
use super::classify::{Blame, blame, message, rows_before_fault};
use super::copy_stream::{CopyError, copy_rows, copy_rows_behind};
use super::encode::{EncodedBatch, FieldForm};
use super::failure::BatchFailure;
use super::suspects::{CellRefusal, Suspect};
use super::write_error;
use crate::error::Error;
use crate::model::table::TableName;

/// How many rows are tried at once: whatever is behind the first bad one is sent for nothing.
const ROWS_AT_ONCE: usize = 64;

/// A connection, and the table that the rows are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) answers: Answers,
    pub(super) table: &'a TableName,
}

impl Session<'_> {
    async fn run(&self, sql: &str) -> Result<(), BatchFailure> {
        let done = self.answered(self.client.batch_execute(sql)).await?;
        done.map_err(|error| self.failed(error))
    }

    pub(super) fn failed(&self, error: tokio_postgres::Error) -> BatchFailure {
        write_error(error, self.table).into()
    }

    pub(super) async fn answered<T>(&self, question: impl Future<Output = T>) -> Result<T, Error> {
        self.answers.wait(Box::pin(question), self.table).await
    }
}

/// The temporary table.
pub(super) struct Probe<'a> {
    session: Session<'a>,
    form: FieldForm,
    /// How many columns it has, but for the one with the row's place.
    width: usize,
    /// The COPY of all of them.
    all: Statement,
}

impl<'a> Probe<'a> {
    /// Creates it with columns of these types.
    pub(super) async fn create(
        session: Session<'a>,
        form: FieldForm,
        types: &[String],
    ) -> Result<Self, BatchFailure> {
        let columns = types.iter().enumerate();
        let columns = columns.map(|(place, name)| format!("{PROBE_CELL}{place} {name}, "));
        let create = format!(
            "create temporary table {PROBE} ({}{PROBE_ROW} integer) on commit drop",
            columns.collect::<String>()
        );
        session.run(&create).await?;
        let width = types.len();
        Ok(Self {
            session,
            form,
            width,
            all: prepare(session, form, width, &BTreeSet::new()).await?,
        })
    }

    /// Finds the cells of all rows that are none of their types' values.
    pub(super) async fn settle_all(
        &self,
        rows: &mut [Row<'_>],
        stop: &CancellationToken,
    ) -> Result<(), BatchFailure> {
        let mut done = 0;
        while done < rows.len() && !stop.is_cancelled() {
            let end = done.saturating_add(ROWS_AT_ONCE).min(rows.len());
            let tried = rows.get(done..end).unwrap_or_default();
            let Some(fault) = self.attempt(&self.all, tried).await? else {
                done = end;
                continue;
            };
            // Whatever is wrong with the rows before it, their cells are read.
            let at = done + fault.row.min(tried.len().saturating_sub(1));
            if let Some(row) = rows.get_mut(at) {
                self.settle(row, fault).await?;
            }
            done = at + 1;
        }
        Ok(())
    }

    async fn prepare(&self, but: &BTreeSet<usize>) -> Result<Statement, BatchFailure> {
        prepare(self.session, self.form, self.width, but).await
    }

    /// Finds the further cells of a row.
    async fn settle(&self, row: &mut Row<'_>, first: ProbeFault) -> Result<(), BatchFailure> {
        let mut fault = Some(first);
        while let Some(found) = fault {
            if !row.take(found) {
                return Ok(());
            }
            fault = if row.omitted.is_empty() {
                self.attempt(&self.all, std::slice::from_ref(row)).await?
            } else {
                let statement = self.prepare(&row.omitted).await?;
                self.attempt(&statement, std::slice::from_ref(row)).await?
            };
        }
        row.is_read = true;
        Ok(())
    }

    /// Copies rows under a savepoint and takes them back. Gives the first cell that is refused.
    async fn attempt(
        &self,
        statement: &Statement,
        rows: &[Row<'_>],
    ) -> Result<Option<ProbeFault>, BatchFailure> {
        let refused = self.copy(statement, rows).await?.err();
        let undo = "rollback to savepoint sheetload_cells; release savepoint sheetload_cells";
        self.session.run(undo).await?;
        let fault = refused.as_ref().map(|error| match error.row_fault() {
            Some(fault) => ProbeFault::of(fault),
            None => ProbeFault::default(),
        });
        Ok(fault)
    }

    /// Copies rows behind a savepoint.
    async fn copy(
        &self,
        statement: &Statement,
        rows: &[Row<'_>],
    ) -> Result<Result<(), CopyError>, BatchFailure> {
        let lines = rows.iter().map(|row| row.fields_for(self.form, 0));
        let encoded = EncodedBatch::of_fields(self.form, lines);
        let begun = async {
            let begun = self
                .session
                .client
                .batch_execute("savepoint sheetload_cells")
                .await;
            begun.map_err(CopyError::Refused)
        };
        let copied = copy_rows_behind(
            begun,
            self.session.client,
            statement,
            &encoded,
            0..rows.len(),
        );
        match self.session.answered(copied).await? {
            Ok(_rows) => Ok(Ok(())),
            Err(error) if error.row_fault().is_some() => Ok(Err(error)),
            Err(error) => Err(BatchFailure::of_copy(error, self.session.table)),
        }
    }

    /// Finds the cells that violate checks, of rows whose cells are all read but for those that are known to be bad.
    pub(super) async fn check(
        &self,
        rows: &mut [Row<'_>],
        checks: &[Check],
    ) -> Result<(), BatchFailure> {
        self.copy_for_checks(rows).await?;
        let violated = self
            .session
            .answered(violated(self.session.client, checks))
            .await?;
        for (row, check) in violated.map_err(|error| self.session.failed(error))? {
            if let (Some(row), Some(check)) = (rows.get_mut(row), checks.get(check)) {
                row.violates(check);
            }
        }
        Ok(())
    }

    /// Copies the rows with their places, to be checked: together, but for those with a cell that takes no NULL.
    async fn copy_for_checks(&self, rows: &[Row<'_>]) -> Result<(), BatchFailure> {
        let readable: Vec<(usize, &Row<'_>)> =
            rows.iter().enumerate().filter(|(_, r)| r.is_read).collect();
        let (whole, others): (Vec<_>, Vec<_>) = readable
            .into_iter()
            .partition(|(_, row)| row.omitted.is_empty());
        self.keep(&self.all, &whole).await?;
        for other in others {
            let but = &other.1.omitted;
            let statement = self.prepare(but).await?;
            self.keep(&statement, &[other]).await?;
        }
        Ok(())
    }

    async fn keep(
        &self,
        statement: &Statement,
        rows: &[(usize, &Row<'_>)],
    ) -> Result<(), BatchFailure> {
        let lines = rows.iter();
        let lines = lines.map(|(place, row)| row.fields_for(self.form, *place));
        let encoded = EncodedBatch::of_fields(self.form, lines);
        let copied = copy_rows(self.session.client, statement, &encoded, 0..rows.len());
        let copied = self.session.answered(copied).await?;
        let kept = copied.map_err(|error| BatchFailure::of_copy(error, self.session.table));
        kept.map(|_rows| ())
    }
}

/// The COPY of all columns but these.
async fn prepare(
    session: Session<'_>,
    form: FieldForm,
    width: usize,
    but: &BTreeSet<usize>,
) -> Result<Statement, BatchFailure> {
    let places = (0..width).filter(|place| !but.contains(place));
    let names = places.map(|place| format!("{PROBE_CELL}{place}, "));
    let format = match form {
        FieldForm::Binary => "binary",
        FieldForm::Text => "text",
    };
    let sql = format!(
        "copy pg_temp.{PROBE} ({}{PROBE_ROW}) from stdin (format {format})",
        names.collect::<String>()
    );
    let prepared = session.answered(session.client.prepare(&sql)).await?;
    prepared.map_err(|error| session.failed(error))
}

/// The first cell that a COPY refuses.
#[derive(Debug, Default)]
struct ProbeFault {
    /// The row.
    row: usize,
    /// The cell, if the server names one and refuses it for what it holds.
    cell: Option<CellRefusal>,
}

impl ProbeFault {
    fn of(fault: &DbError) -> Self {
        let row = rows_before_fault(fault, PROBE).unwrap_or_default();
        let named = fault.where_().and_then(field_in_context);
        let named = named.filter(|_| blame(fault) == Blame::Row);
        let cell = named.map(|field| CellRefusal {
            field,
            sqlstate: fault.code().code().to_owned(),
            message: message(fault),
            constraint: fault.constraint().map(str::to_owned),
        });
        Self { row, cell }
    }
}

/// The column that the context of a failed COPY names: `COPY sheetload_probe, line 1, column sheetload_cell_3: "x"`. What
/// the cell holds comes behind it.
fn field_in_context(context: &str) -> Option<usize> {
    let (_, place) = context.split_once(PROBE)?;
    let (_, name) = place.split_once(PROBE_CELL)?;
    let end = name.find(|c: char| !c.is_ascii_digit());
    name.get(..end.unwrap_or(name.len()))?.parse().ok()
}

/// A row, and what is known of its cells.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    fields: &'a [Option<Vec<u8>>],
    /// Fields that NULL takes the place of.
    nulled: BTreeSet<usize>,
    /// Fields whose type does not take NULL either.
    omitted: BTreeSet<usize>,
    found: Vec<CellRefusal>,
    /// Whether the server has read all other cells.
    is_read: bool,
}

impl<'a> Row<'a> {
    pub(super) fn new(suspect: &'a Suspect) -> Self {
        Self {
            fields: &suspect.fields,
            nulled: suspect.known.iter().copied().collect(),
            omitted: BTreeSet::new(),
            found: Vec::new(),
            is_read: true,
        }
    }

    /// The cells that were found, in the order of the columns.
    pub(super) fn found(self) -> Vec<CellRefusal> {
        let mut found = self.found;
        found.sort_by_key(|cell| cell.field);
        found
    }

    /// Takes note of a refused cell, which is left out from now on. Says whether that is something new.
    fn take(&mut self, fault: ProbeFault) -> bool {
        self.is_read = false;
        let Some(cell) = fault.cell else {
            return false;
        };
        let field = cell.field;
        let Some(value) = self.fields.get(field) else {
            return false;
        };
        if self.nulled.insert(field) {
            self.found.push(cell);
            return value.is_some() || self.omitted.insert(field);
        }
        self.omitted.insert(field)
    }

    /// Takes note of a check that a cell violates. Of a cell that is left out nothing is known.
    fn violates(&mut self, check: &Check) {
        if self.nulled.contains(&check.field) {
            return;
        }
        self.nulled.insert(check.field);
        self.found.push(check.refusal());
    }

    /// What is copied of it, with its place among the rows.
    fn fields_for(&self, form: FieldForm, place: usize) -> Vec<Option<Cow<'a, [u8]>>> {
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        let number = match form {
            FieldForm::Binary => place.to_be_bytes().to_vec(),
            FieldForm::Text => place.to_string().into_bytes(),
        };
        let fields = self.fields.iter().enumerate();
        let fields = fields.filter(|(place, _)| !self.omitted.contains(place));
        fields
            .map(|(place, field)| field.as_deref().filter(|_| !self.nulled.contains(&place)))
            .map(|field| field.map(Cow::Borrowed))
            .chain([Some(Cow::Owned(number))])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_names_the_field_in_any_language() {
        for (context, field) in [
            (
                "COPY sheetload_probe, line 1, column sheetload_cell_12: \"x\"",
                Some(12),
            ),
            (
                "COPY sheetload_probe, Zeile 3, Spalte sheetload_cell_0: »1,5«",
                Some(0),
            ),
            (
                "COPY sheetload_probe, line 1, column sheetload_cell_7",
                Some(7),
            ),
            (
                "SQL function \"f\" statement 1\nCOPY sheetload_probe, line 1, column sheetload_cell_2: \"sheetload_cell_1\"",
                Some(2),
            ),
            ("COPY sheetload_probe, line 1", None),
            ("COPY other, line 1, column sheetload_cell_2", None),
            ("", None),
        ] {
            assert_eq!(field_in_context(context), field, "{context}");
        }
    }

    fn cell(field: usize) -> ProbeFault {
        let cell = CellRefusal {
            field,
            sqlstate: "22P02".into(),
            message: "no".into(),
            constraint: None,
        };
        ProbeFault {
            row: 0,
            cell: Some(cell),
        }
    }

    #[test]
    fn a_cell_is_nulled_first_and_left_out_then() {
        let suspect = Suspect {
            fields: vec![Some(b"x".to_vec()), None, Some(b"y".to_vec())],
            known: vec![2],
        };
        let mut row = Row::new(&suspect);
        assert!(row.take(cell(0)));
        let number = Some(Cow::Borrowed(&b"5"[..]));
        let fields = row.fields_for(FieldForm::Text, 5);
        assert_eq!(fields, [None, None, None, number.clone()]);
        // The type takes no NULL.
        assert!(row.take(cell(0)));
        assert_eq!(
            row.fields_for(FieldForm::Text, 5),
            [None, None, number.clone()]
        );
        assert!(!row.take(cell(0)));
        // An empty cell that is refused, and one that was known.
        assert!(row.take(cell(1)));
        assert!(row.take(cell(2)));
        assert_eq!(row.fields_for(FieldForm::Text, 5), [number]);
        assert!(!row.take(ProbeFault::default()));
        let found: Vec<usize> = row.found.iter().map(|cell| cell.field).collect();
        assert_eq!(found, [0, 1]);
    }
}
