//! The statements that write rows one by one, and their parameters.

use bytes::BytesMut;
use futures_util::future::join3;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, Error, Statement};

use super::Refusal;
use super::classify::row_fault;
use super::encode::{EncodedBatch, FieldForm};
use super::ledger::{BatchLedger, BatchRecord, BatchRecorder, Recorded, row_number};
use super::table_version::{TableVersion, VersionCheck};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// What a connection needs to write rows one by one.
#[derive(Debug)]
pub(super) struct RowStatements {
    insert: Statement,
    ledger: Option<LedgerStatements>,
    check: Option<VersionCheck>,
}

/// The same for a load that is recorded: a batch has one row in the ledger, and each row of the sheet moves it on in the
/// statement that inserts it.
#[derive(Debug)]
struct LedgerStatements {
    recorder: BatchRecorder,
    /// Moves the batch on, where the statement that inserts a row cannot: the table has rules.
    count: Option<Statement>,
    reject: Statement,
    look_up: Statement,
}

/// What the ledger says about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowState {
    /// It is done with.
    Done,
    /// Another attempt at the load has begun.
    Superseded,
}

const REJECT: &str = "\
    with counted as ( \
        update sheetload.batches set last_row = $5 \
        where load_id = $1 and sheet = $2 and first_row = $3 and attempt = $4 and last_row < $5 returning 1) \
    insert into sheetload.rejects \
           (load_id, sheet, row, cell, column_name, stored, expected, sqlstate, reason, message) \
    select $1, $2, $5, $6, $7, $8, $9, $10, $11, $12 from counted on conflict do nothing";

/// What moves a batch on by a row.
const COUNT: &str = "\
    update sheetload.batches set last_row = $5, rows_loaded = rows_loaded + 1 \
    where load_id = $1 and sheet = $2 and first_row = $3 and attempt = $4 and last_row < $5";

const LOOK_UP: &str = "\
    select last_row >= $5 from sheetload.batches \
    where load_id = $1 and sheet = $2 and first_row = $3 and attempt = $4";

impl RowStatements {
    pub(super) async fn prepare(
        client: &Client,
        table: &TableName,
        columns: &[TargetColumn],
        ledger: Option<BatchLedger>,
        version: Option<&TableVersion>,
    ) -> Result<Self, Error> {
        let (insert, count) = prepare_insert(client, table, columns, ledger.is_some()).await?;
        let check = match version {
            Some(version) => Some(VersionCheck::prepare(client, table, columns, version).await?),
            None => None,
        };
        let ledger = match ledger {
            None => None,
            Some(ledger) => Some(LedgerStatements {
                recorder: BatchRecorder::prepare(client, ledger).await?,
                count,
                reject: client.prepare(REJECT).await?,
                look_up: client.prepare(LOOK_UP).await?,
            }),
        };
        Ok(Self {
            insert,
            ledger,
            check,
        })
    }

    /// Records the batch as one of which nothing is done yet, with the rows that were rejected before.
    pub(super) async fn begin_batch(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
    ) -> Result<Recorded, Error> {
        let Some(ledger) = &self.ledger else {
            return Ok(Recorded::Yes);
        };
        client.batch_execute("begin").await?;
        // After a commit whose outcome was unknown it may be there; or of an attempt before, with fewer rows than now.
        if ledger.recorder.is_recorded(client, record).await? {
            ledger.recorder.record_rejected(client, record).await?;
        } else {
            let recorded = ledger.recorder.record_begun(client, record).await?;
            if recorded == Recorded::Superseded {
                client.batch_execute("rollback").await?;
                return Ok(recorded);
            }
        }
        client.batch_execute("commit").await?;
        Ok(Recorded::Yes)
    }

    /// Makes sure that the table is as it was, if that is to be checked.
    ///
    /// # Errors
    /// As [`VersionCheck::require_same`].
    pub(super) async fn require_same_table(&self, client: &Client) -> crate::error::Result<()> {
        match &self.check {
            Some(check) => check.require_same(client).await,
            None => Ok(()),
        }
    }

    /// Whether the table would take a row now. Nothing stays of it.
    pub(super) async fn would_take(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        row: usize,
        record: &dyn BatchRecord,
    ) -> Result<bool, Error> {
        client
            .batch_execute("begin; set constraints all immediate")
            .await?;
        let inserted = self.insert_alone(client, batch, row, record).await;
        client.batch_execute("rollback").await?;
        match inserted {
            Ok(_) => Ok(true),
            Err(error) if row_fault(&error).is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Inserts a row and gives the number of rows inserted: none when the ledger did not take it, or when a trigger left
    /// it out.
    pub(super) async fn insert(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        row: usize,
        record: &dyn BatchRecord,
    ) -> Result<u64, Error> {
        let ledger = self.ledger.as_ref();
        let count = ledger.and_then(|ledger| Some((ledger, ledger.count.as_ref()?)));
        let Some((ledger, count)) = count else {
            return self.insert_alone(client, batch, row, record).await;
        };
        let BatchLedger {
            load_id, attempt, ..
        } = ledger.recorder.ledger();
        let (sheet, first_row, number) = (record.sheet(), record.first_row(), record.row_of(row));
        let parameters: [&(dyn ToSql + Sync); 5] = [load_id, &sheet, &first_row, attempt, &number];
        // In one flight.
        let (begun, counted, inserted) = join3(
            client.batch_execute("begin"),
            client.execute(count, &parameters),
            self.insert_alone(client, batch, row, record),
        )
        .await;
        let (is_counted, inserted) = match begun.and(counted).and_then(|n| Ok((n > 0, inserted?))) {
            Ok(done) => done,
            Err(error) => {
                client.batch_execute("rollback").await?;
                return Err(error);
            }
        };
        let end = if is_counted { "commit" } else { "rollback" };
        client.batch_execute(end).await?;
        Ok(if is_counted { inserted } else { 0 })
    }

    /// The statement that inserts a row, by itself.
    async fn insert_alone(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        row: usize,
        record: &dyn BatchRecord,
    ) -> Result<u64, Error> {
        let form = batch.form();
        let recorded = self.ledger.as_ref().filter(|ledger| ledger.count.is_none());
        let numbers = recorded.map(|ledger| {
            let BatchLedger {
                load_id, attempt, ..
            } = ledger.recorder.ledger();
            let ints = [
                record.sheet(),
                record.first_row(),
                *attempt,
                record.row_of(row),
            ];
            (load_id.into_bytes(), ints.map(i32::to_be_bytes))
        });
        let recorded = numbers.iter().flat_map(|(id, ints)| {
            let ints = ints.iter().map(|int| &int[..]);
            std::iter::once(&id[..]).chain(ints).map(binary)
        });
        let fields = batch
            .fields(row)
            .map(|bytes| EncodedField { bytes, form })
            .chain(recorded);
        let fields: Vec<EncodedField<'_>> = fields.collect();
        client.execute_raw(&self.insert, fields).await
    }

    /// Records a row that the server refused.
    pub(super) async fn reject(
        &self,
        client: &Client,
        record: &dyn BatchRecord,
        refusal: &Refusal,
    ) -> Result<(), Error> {
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        let Some(reject) = record.refused(refusal) else {
            return Ok(());
        };
        let BatchLedger {
            load_id, attempt, ..
        } = ledger.recorder.ledger();
        let stored = reject
            .stored
            .as_ref()
            .map(|text| text.replace('\0', "\u{fffd}"));
        client
            .execute(
                &ledger.reject,
                &[
                    load_id,
                    &record.sheet(),
                    &record.first_row(),
                    attempt,
                    &row_number(reject.row),
                    &reject.cell,
                    &reject.column,
                    &stored,
                    &reject.expected,
                    &reject.sqlstate,
                    &reject.reason.name(),
                    &reject.message,
                ],
            )
            .await
            .map(|_| ())
    }

    /// What the ledger says about a row that was not inserted; none without a ledger.
    pub(super) async fn look_up(
        &self,
        client: &Client,
        row: usize,
        record: &dyn BatchRecord,
    ) -> Result<Option<RowState>, Error> {
        let Some(ledger) = &self.ledger else {
            return Ok(None);
        };
        let BatchLedger {
            load_id, attempt, ..
        } = ledger.recorder.ledger();
        let found = client
            .query_opt(
                &ledger.look_up,
                &[
                    load_id,
                    &record.sheet(),
                    &record.first_row(),
                    attempt,
                    &record.row_of(row),
                ],
            )
            .await?;
        let is_done = found.is_some_and(|row| row.get(0));
        Ok(Some(if is_done {
            RowState::Done
        } else {
            RowState::Superseded
        }))
    }
}

/// Prepares the statement that inserts a row and moves its batch on, or one for each: rules make several statements of an
/// INSERT, and the server takes no WITH before those.
async fn prepare_insert(
    client: &Client,
    table: &TableName,
    columns: &[TargetColumn],
    is_recorded: bool,
) -> Result<(Statement, Option<Statement>), Error> {
    let together = insert_sql(table, columns, is_recorded);
    match client.prepare(&together).await {
        Err(error) if is_recorded && error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
            let insert = client.prepare(&insert_sql(table, columns, false)).await?;
            Ok((insert, Some(client.prepare(COUNT).await?)))
        }
        prepared => prepared.map(|insert| (insert, None)),
    }
}

fn insert_sql(table: &TableName, columns: &[TargetColumn], is_recorded: bool) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    let parameters: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let (names, values) = (names.join(", "), parameters.join(", "));
    if !is_recorded {
        return format!("insert into {table} ({names}) overriding system value values ({values})");
    }
    let [id, sheet, first_row, attempt, row] =
        [1, 2, 3, 4, 5].map(|after| format!("${}", columns.len() + after));
    format!(
        "with counted as ( \
             update sheetload.batches set last_row = {row}, rows_loaded = rows_loaded + 1 \
             where load_id = {id} and sheet = {sheet} and first_row = {first_row} and attempt = {attempt} \
               and last_row < {row} returning 1) \
         insert into {table} ({names}) overriding system value select {values} from counted"
    )
}

fn binary(bytes: &[u8]) -> EncodedField<'_> {
    EncodedField {
        bytes: Some(bytes),
        form: FieldForm::Binary,
    }
}

/// A field that is encoded already, as a parameter.
#[derive(Debug)]
struct EncodedField<'a> {
    bytes: Option<&'a [u8]>,
    form: FieldForm,
}

impl ToSql for EncodedField<'_> {
    fn to_sql(
        &self,
        _type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match self.bytes {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_type: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_sql(ty, out)
    }

    fn encode_format(&self, _type: &Type) -> Format {
        match self.form {
            FieldForm::Binary => Format::Binary,
            FieldForm::Text => Format::Text,
        }
    }
}
