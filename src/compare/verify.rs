//! What makes a time worth something: that every mode did the same work.

use tokio_util::sync::CancellationToken;

use super::scenario::Scenario;
use super::scratch::{Scratch, ScratchTable};
use super::{MODES, check};
use crate::config::import::Mode;
use crate::db::pool::Database;
use crate::error::error_from_postgres;
use crate::error::{Error, ErrorKind, Result};
use crate::model::reject::Reject;
use crate::model::table::quote_identifier;
use crate::pipeline::LoadEnd;
use crate::pipeline::progress::Snapshot;

/// SQLSTATEs of rows that are refused for another row that was there first: with several workers, which of the two
/// comes first is chance.
const REFUSED_FOR_ANOTHER_ROW: [&str; 2] = ["23505", "23P01"];

/// What a run did with the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    mode: Mode,
    run: usize,
    pub(super) loaded: u64,
    pub(super) rejected: u64,
    /// Cell and SQLSTATE of the first rejected rows.
    rejects: Vec<(String, String)>,
}

impl Outcome {
    pub(super) fn new(mode: Mode, run: usize, end: &LoadEnd, counters: &Snapshot) -> Self {
        let cell = |reject: &Reject| (reject.cell.clone(), reject.sqlstate.clone());
        Self {
            mode,
            run,
            loaded: counters.loaded_rows,
            rejected: counters.rejected_rows,
            rejects: end.rejects.first.iter().map(cell).collect(),
        }
    }

    fn describe(&self) -> String {
        format!(
            "{} (run {}) loaded {} rows and rejected {}",
            self.mode.name(),
            self.run,
            self.loaded,
            self.rejected
        )
    }

    /// Checks that another run loaded and rejected the same rows.
    ///
    /// # Errors
    /// `ResultsDiffer`, naming both runs and what differs.
    pub(super) fn same_as(&self, first: &Self) -> Result<()> {
        if (self.loaded, self.rejected) != (first.loaded, first.rejected) {
            return Err(self.differs(first, format!("{}, {}", first.describe(), self.describe())));
        }
        let mut pairs = first.rejects.iter().zip(&self.rejects);
        let Some((theirs, ours)) = pairs.find(|(theirs, ours)| theirs != ours) else {
            return Ok(());
        };
        let message = format!(
            "{} (run {}) rejected {} [{}], {} (run {}) {} [{}] in its place",
            first.mode.name(),
            first.run,
            theirs.0,
            theirs.1,
            self.mode.name(),
            self.run,
            ours.0,
            ours.1
        );
        Err(self.differs(first, message))
    }

    fn differs(&self, first: &Self, message: String) -> Error {
        let error = Error::new(ErrorKind::ResultsDiffer, message);
        let mut rejects = self.rejects.iter().chain(&first.rejects);
        if rejects.any(|(_, sqlstate)| REFUSED_FOR_ANOTHER_ROW.contains(&sqlstate.as_str())) {
            error.next_step(
                "The sheet has rows with the same key, and which of them comes first is chance with several workers: \
                 compare with --workers 1",
            )
        } else {
            error.next_step(
                "Do not trust the times; report this with the workbook and the table's definition",
            )
        }
    }
}

/// Checks that the table holds as many rows as the run reported, over a connection that did not write them.
///
/// # Errors
/// `ResultsDiffer` with both counts.
pub(super) async fn counted(
    database: &Database,
    table: &ScratchTable,
    outcome: &Outcome,
) -> Result<()> {
    let sql = format!("select count(*) from {}", table.name);
    let count: i64 = database
        .get()
        .await?
        .query_one(&sql, &[])
        .await
        .map_err(|error| error_from_postgres(error, "count the loaded rows"))?
        .get(0);
    if u64::try_from(count) == Ok(outcome.loaded) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ResultsDiffer,
        format!("{}, but its table holds {count}", outcome.describe()),
    )
    .next_step("Look for a rule or trigger on the table that adds or drops rows, or report this"))
}

/// Checks that every mode's table holds the same rows as the first one's, each as often, in the loaded columns.
///
/// # Errors
/// `ResultsDiffer`, naming the modes and how many rows each has that the other lacks.
pub(super) async fn tables_equal(
    database: &Database,
    scenario: &Scenario<'_>,
    scratch: &Scratch,
    interrupt: &CancellationToken,
) -> Result<()> {
    let columns = compared_columns(scenario);
    let client = database.get().await?;
    let [first_mode, others @ ..] = MODES;
    let first = scratch.table(first_mode)?;
    for mode in others {
        check(interrupt)?;
        let table = scratch.table(mode)?;
        let row = client
            .query_one(&difference_sql(&columns, first, table), &[])
            .await
            .map_err(|error| error_from_postgres(error, "compare the tables"))?;
        let (only_first, only_other): (i64, i64) = (row.get(0), row.get(1));
        if (only_first, only_other) != (0, 0) {
            return Err(Error::new(
                ErrorKind::ResultsDiffer,
                format!(
                    "the tables differ: {only_first} rows only by {}, {only_other} rows only by {}",
                    first_mode.name(),
                    mode.name()
                ),
            )
            .next_step(
                "Do not trust the times; report this with the workbook and the table's definition",
            ));
        }
    }
    Ok(())
}

/// The loaded columns as text: every type has one, whether it has an equality or not, and texts tell 1.0 from 1.00.
fn compared_columns(scenario: &Scenario<'_>) -> String {
    let columns = scenario.target.columns_of(0);
    let columns = columns.iter().map(|column| {
        let name = quote_identifier(&column.target.name);
        format!("{name}::text collate \"C\"")
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// How many rows only the one table has, and how many only the other (PostgreSQL documentation, "Combining Queries").
fn difference_sql(columns: &str, one: &ScratchTable, other: &ScratchTable) -> String {
    let only_in = |this: &ScratchTable, that: &ScratchTable| {
        format!(
            "(select count(*) from (select {columns} from {} except all select {columns} from {}) as only_here)",
            this.name, that.name
        )
    };
    format!("select {}, {}", only_in(one, other), only_in(other, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(mode: Mode, loaded: u64, rejects: &[(&str, &str)]) -> Outcome {
        let text = |(cell, sqlstate): &(&str, &str)| ((*cell).to_owned(), (*sqlstate).to_owned());
        Outcome {
            mode,
            run: 2,
            loaded,
            rejected: rejects.len() as u64,
            rejects: rejects.iter().map(text).collect(),
        }
    }

    #[test]
    fn a_difference_names_the_modes_and_the_counts() {
        let first = outcome(Mode::Sequential, 9, &[("S!A2", "23502")]);
        assert!(
            outcome(Mode::Batch, 9, &[("S!A2", "23502")])
                .same_as(&first)
                .is_ok()
        );
        let error = outcome(Mode::Batch, 10, &[]).same_as(&first).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResultsDiffer);
        assert_eq!(
            error.message(),
            "sequential (run 2) loaded 9 rows and rejected 1, batch (run 2) loaded 10 rows and rejected 0"
        );
        let error = outcome(Mode::Batch, 9, &[("S!A3", "23502")])
            .same_as(&first)
            .unwrap_err();
        assert_eq!(
            error.message(),
            "sequential (run 2) rejected S!A2 [23502], batch (run 2) S!A3 [23502] in its place"
        );
    }

    #[test]
    fn chance_is_named_where_rows_have_the_same_key() {
        let first = outcome(Mode::Sequential, 9, &[("S!A3", "23505")]);
        let error = outcome(Mode::Concurrent, 9, &[("S!A2", "23505")])
            .same_as(&first)
            .unwrap_err();
        assert!(error.advice().unwrap().contains("--workers 1"));
    }
}
