//! The statements that write rows one by one, and their parameters.

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Client, Error, Statement};

use super::Refusal;
use super::encode::{EncodedBatch, FieldForm};
use super::ledger::{BatchLedger, BatchRecord, BatchRecorder, Recorded, row_number};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// What a connection needs to write rows one by one.
#[derive(Debug)]
pub(super) struct RowStatements {
    insert: Statement,
    ledger: Option<LedgerStatements>,
}

/// The same for a load that is recorded: a batch has one row in the ledger, and each row of the sheet moves it on in the
/// statement that inserts it.
#[derive(Debug)]
struct LedgerStatements {
    recorder: BatchRecorder,
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

const LOOK_UP: &str = "\
    select last_row >= $5 from sheetload.batches \
    where load_id = $1 and sheet = $2 and first_row = $3 and attempt = $4";

impl RowStatements {
    pub(super) async fn prepare(
        client: &Client,
        table: &TableName,
        columns: &[TargetColumn],
        ledger: Option<BatchLedger>,
    ) -> Result<Self, Error> {
        let insert = client
            .prepare(&insert_sql(table, columns, ledger.is_some()))
            .await?;
        let ledger = match ledger {
            None => None,
            Some(ledger) => Some(LedgerStatements {
                recorder: BatchRecorder::prepare(client, ledger).await?,
                reject: client.prepare(REJECT).await?,
                look_up: client.prepare(LOOK_UP).await?,
            }),
        };
        Ok(Self { insert, ledger })
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

    /// Inserts a row and gives the number of rows inserted: none when the ledger did not take it, or when a trigger left
    /// it out.
    pub(super) async fn insert(
        &self,
        client: &Client,
        batch: &EncodedBatch,
        row: usize,
        record: &dyn BatchRecord,
    ) -> Result<u64, Error> {
        let form = batch.form();
        let numbers = self.ledger.as_ref().map(|ledger| {
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

fn insert_sql(table: &TableName, columns: &[TargetColumn], is_recorded: bool) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    let parameters: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let (names, values) = (names.join(", "), parameters.join(", "));
    if !is_recorded {
        return format!("insert into {table} ({names}) values ({values})");
    }
    let [id, sheet, first_row, attempt, row] =
        [1, 2, 3, 4, 5].map(|after| format!("${}", columns.len() + after));
    format!(
        "with counted as ( \
             update sheetload.batches set last_row = {row}, rows_loaded = rows_loaded + 1 \
             where load_id = {id} and sheet = {sheet} and first_row = {first_row} and attempt = {attempt} \
               and last_row < {row} returning 1) \
         insert into {table} ({names}) select {values} from counted"
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
