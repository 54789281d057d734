//! The record of a batch, written in the transaction that writes its rows.

use futures_util::future::join;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;

use super::{Refusal, write_error};
use crate::error::ErrorKind;
use crate::model::reject::Reject;
use crate::model::table::TableName;

/// Which load and which attempt at it the batches belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLedger {
    /// The load.
    pub load_id: Uuid,
    /// The attempt that holds. A batch of an earlier one is not committed.
    pub attempt: i32,
    /// Whether each savepoint leaves a mark, so that the load's rows can be told from others by their transaction.
    pub marks: Marks,
}

/// Whether savepoints leave a mark in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// They do not.
    None,
    /// Each leaves one, with the `xmin` of its rows.
    Savepoints,
}

/// The rows of a batch as the ledger sees them. Rows are counted from 1, as spreadsheets do.
pub trait BatchRecord: Send + Sync {
    /// The sheet's place among those of the load, from 0.
    fn sheet(&self) -> i32;
    /// The first row that the batch is about.
    fn first_row(&self) -> i32;
    /// The last one.
    fn last_row(&self) -> i32;
    /// The row that an encoded row comes from.
    fn row_of(&self, encoded: usize) -> i32;
    /// Rows that were rejected before they were written.
    fn rejected(&self) -> &[Reject];
    /// A row that the server refused, named by its cell.
    fn refused(&self, refusal: &Refusal) -> Option<Reject>;
}

/// A record's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It is in the transaction.
    Yes,
    /// Another attempt at the load has begun: nothing of this one may be committed.
    Superseded,
}

/// The statements for one connection.
#[derive(Debug, Clone)]
pub(super) struct BatchRecorder {
    ledger: BatchLedger,
    batch: Statement,
    rejects: Statement,
    mark: Statement,
    look_up: Statement,
}

/// The lock on the load's row keeps another attempt from beginning until this transaction has ended; and where one has
/// begun, no row is found.
const BATCH: &str = "\
    insert into sheetload.batches (load_id, sheet, first_row, last_row, rows_loaded, attempt) \
    select id, $3, $4, $5, $6, attempt from sheetload.loads where id = $1 and attempt = $2 for share";

/// A row may have been rejected before, by an attempt that was killed in the midst of a batch.
const REJECTS: &str = "\
    insert into sheetload.rejects \
           (load_id, sheet, row, cell, column_name, stored, expected, sqlstate, reason, message) \
    select $1, $2, r.* from unnest($3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]) r \
    on conflict do nothing";

impl BatchRecorder {
    pub(super) async fn prepare(client: &Client, ledger: BatchLedger) -> Result<Self, Error> {
        Ok(Self {
            ledger,
            batch: client.prepare(BATCH).await?,
            rejects: client.prepare(REJECTS).await?,
            mark: client
                .prepare("insert into sheetload.savepoints (load_id) values ($1)")
                .await?,
            look_up: client
                .prepare(
                    "select from sheetload.batches where load_id = $1 and sheet = $2 and first_row = $3 and attempt = $4",
                )
                .await?,
        })
    }

    /// The load and the attempt.
    pub(super) fn ledger(&self) -> &BatchLedger {
        &self.ledger
    }

    /// Records a batch of which so many rows were loaded and these refused.
    pub(super) async fn record(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
        loaded: u64,
        refused: &[Refusal],
    ) -> Result<Recorded, Error> {
        let refused = refused.iter().filter_map(|refusal| record.refused(refusal));
        let rejects: Vec<Reject> = record.rejected().iter().cloned().chain(refused).collect();
        let last_row = record.last_row();
        self.insert(client, record, last_row, loaded, &rejects)
            .await
    }

    /// Records a batch of which no row is written yet.
    pub(super) async fn record_begun(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
    ) -> Result<Recorded, Error> {
        let last_row = record.first_row().saturating_sub(1);
        self.insert(client, record, last_row, 0, record.rejected())
            .await
    }

    /// Records the rows that were rejected before they were written, of a batch that is recorded already.
    pub(super) async fn record_rejected(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
    ) -> Result<(), Error> {
        let (id, sheet) = (self.ledger.load_id, record.sheet());
        insert_rejects(client, &self.rejects, id, sheet, record.rejected()).await
    }

    async fn insert(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
        last_row: i32,
        loaded: u64,
        rejects: &[Reject],
    ) -> Result<Recorded, Error> {
        let BatchLedger {
            load_id, attempt, ..
        } = &self.ledger;
        let loaded = i64::try_from(loaded).unwrap_or(i64::MAX);
        let (sheet, first_row) = (record.sheet(), record.first_row());
        let parameters: [&(dyn ToSql + Sync); 6] =
            [load_id, attempt, &sheet, &first_row, &last_row, &loaded];
        // In one flight. Where the batch is not recorded, nothing of what it is recorded in is kept.
        let (inserted, rejected) = join(
            client.execute(&self.batch, &parameters),
            insert_rejects(client, &self.rejects, *load_id, sheet, rejects),
        )
        .await;
        if inserted? == 0 {
            return Ok(Recorded::Superseded);
        }
        rejected?;
        Ok(Recorded::Yes)
    }

    /// Whether this attempt has committed the batch.
    pub(super) async fn is_recorded(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
    ) -> Result<bool, Error> {
        let BatchLedger {
            load_id, attempt, ..
        } = &self.ledger;
        let found = client
            .query_opt(
                &self.look_up,
                &[load_id, &record.sheet(), &record.first_row(), attempt],
            )
            .await?;
        Ok(found.is_some())
    }
}

/// Leaves the mark of a savepoint, if marks are wanted.
pub(super) async fn mark(client: &Client, recorder: Option<&BatchRecorder>) -> Result<(), Error> {
    match recorder {
        Some(recorder) if recorder.ledger.marks == Marks::Savepoints => {
            let parameters: [&(dyn ToSql + Sync); 1] = [&recorder.ledger.load_id];
            client
                .execute(&recorder.mark, &parameters)
                .await
                .map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Records rejected rows of a sheet alone, in the transaction that is open.
///
/// # Errors
/// What the server says.
pub async fn record_rejects(
    client: &Client,
    load_id: Uuid,
    sheet: i32,
    rejects: &[Reject],
) -> Result<(), Error> {
    let statement = client.prepare(REJECTS).await?;
    insert_rejects(client, &statement, load_id, sheet, rejects).await
}

async fn insert_rejects(
    client: &Client,
    statement: &Statement,
    load_id: Uuid,
    sheet: i32,
    rejects: &[Reject],
) -> Result<(), Error> {
    if rejects.is_empty() {
        return Ok(());
    }
    let texts = |text: fn(&Reject) -> Option<&str>| -> Vec<Option<String>> {
        // The server's texts hold no NUL; a cell's text may.
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        rejects.iter().map(|r| text(r).map(clean)).collect()
    };
    let rows: Vec<i32> = rejects.iter().map(|r| row_number(r.row)).collect();
    client
        .execute(
            statement,
            &[
                &load_id,
                &sheet,
                &rows,
                &texts(|r| Some(&r.cell)),
                &texts(|r| r.column.as_deref()),
                &texts(|r| r.stored.as_deref()),
                &texts(|r| r.expected.as_deref()),
                &texts(|r| Some(&r.sqlstate)),
                &texts(|r| Some(r.reason.name())),
                &texts(|r| Some(&r.message)),
            ],
        )
        .await
        .map(|_| ())
}

/// Why a batch could not be recorded. That it is recorded already passes: a commit whose outcome was unknown took its
/// time, and at the next try the ledger has the batch.
pub(super) fn record_error(error: Error, table: &TableName) -> crate::Error {
    let is_recorded_meanwhile = error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::UNIQUE_VIOLATION && error.constraint() == Some("batches_pkey")
    });
    if !is_recorded_meanwhile {
        return write_error(error, table);
    }
    crate::Error::new(
        ErrorKind::DatabaseRefused,
        format!("a batch for {} was committed meanwhile", table.plain()),
    )
    .in_table(table.plain())
    .with_sqlstate(SqlState::T_R_SERIALIZATION_FAILURE.code())
}

/// A sheet's row number as the ledger stores it. No sheet has more rows than it holds.
pub fn row_number(row: u32) -> i32 {
    i32::try_from(row).unwrap_or(i32::MAX)
}
