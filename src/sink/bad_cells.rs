//! All cells of a row that the server refuses, not only the first, which is the one that it speaks of.
//!
//! The rows are copied into a temporary table with the columns' types and nothing else, again and again without the cell
//! that was refused last; then the checks that are about one column each are asked. Nothing of it reaches the table, no
//! trigger is fired and no sequence drawn, and all of it is rolled back. Nothing depends on it either: where it fails,
//! rows are named by what the server said when they were written.

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::cell_checks::{COLUMNS, find_checks};
use super::cell_probe::{Probe, Row, Session};
use super::encode::FieldForm;
use super::failure::{BatchFailure, Driver};
use super::frame::Frame;
use super::retry::Retry;
use super::suspects::{CellBudget, RefusedCells, Suspects};
use super::write_error;
use crate::error::{ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;

/// Finds the cells of rows for one table.
#[derive(Debug, Clone)]
pub(super) struct CellFinder {
    table: TableName,
    columns: Vec<String>,
    answers: Answers,
    stop: CancellationToken,
    budget: CellBudget,
}

impl CellFinder {
    pub(super) fn new(table: &TableName, columns: &[TargetColumn], retry: &Retry) -> Self {
        Self {
            table: table.clone(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            answers: retry.answers,
            stop: retry.stop.clone(),
            budget: retry.watch.cells.clone(),
        }
    }

    /// The name of a written column.
    pub(super) fn column(&self, field: usize) -> Option<&String> {
        self.columns.get(field)
    }

    /// Finds the cells of rows, as far as so many may still be looked at; within a frame that is undone.
    ///
    /// # Errors
    /// What makes the connection useless.
    pub(super) async fn find(
        &self,
        client: &Client,
        frame: Frame,
        suspects: &Suspects,
    ) -> Result<RefusedCells> {
        let allowed = self.budget.take(suspects.rows.len());
        let rows = suspects.rows.iter().take(allowed);
        let mut rows: Vec<Row<'_>> = rows.map(Row::new).collect();
        if !rows.is_empty() && !self.stop.is_cancelled() {
            self.find_within(client, frame, suspects.form, &mut rows)
                .await?;
        }
        let found = rows.into_iter().map(Row::found);
        let mut found: RefusedCells = found.collect();
        found.resize(suspects.rows.len(), Vec::new());
        Ok(found)
    }

    async fn find_within(
        &self,
        client: &Client,
        frame: Frame,
        form: FieldForm,
        rows: &mut [Row<'_>],
    ) -> Result<()> {
        let table = &self.table;
        let session = Session {
            client,
            answers: self.answers,
            table,
        };
        let begun = session.answered(frame.begin(client, None)).await?;
        begun.map_err(|error| BatchFailure::of_copy(error, table).error)?;
        if let Err(BatchFailure { error, driver }) = self.search(session, form, rows).await {
            if driver == Driver::Behind || error.kind() == ErrorKind::ConnectionLost {
                return Err(error);
            }
            tracing::debug!(%error, "not all bad cells of rejected rows are looked for");
        }
        let undone = session.answered(frame.undo(client)).await?;
        undone.map_err(|error| write_error(error, table))
    }

    async fn search(
        &self,
        session: Session<'_>,
        form: FieldForm,
        rows: &mut [Row<'_>],
    ) -> Result<(), BatchFailure> {
        let Some(types) = self.types(session).await? else {
            return Ok(());
        };
        let probe = Probe::create(session, form, &types).await?;
        probe.settle_all(rows, &self.stop).await?;
        let checks = find_checks(session.client, &self.table, &self.columns);
        let checks = session.answered(checks).await?;
        let checks = checks.map_err(|error| session.failed(error))?;
        if !checks.is_empty() {
            probe.check(rows, &checks).await?;
        }
        Ok(())
    }

    /// The columns' types, as a definition has them; none if the table is not what it was.
    async fn types(&self, session: Session<'_>) -> Result<Option<Vec<String>>, BatchFailure> {
        let table = self.table.to_string();
        let parameters: [&(dyn ToSql + Sync); 2] = [&table, &self.columns];
        let found = session.answered(session.client.query(COLUMNS, &parameters));
        let found = found.await?.map_err(|error| session.failed(error))?;
        let types: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        Ok((types.len() == self.columns.len()).then_some(types))
    }
}
