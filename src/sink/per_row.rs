//! One INSERT and one commit for each row: what the sequential and concurrent modes do, one sink a connection.

use bytes::BytesMut;
use deadpool_postgres::Object;
use tokio_postgres::Statement;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

use super::classify::{refusal, row_fault};
use super::encode::{EncodedBatch, FieldForm};
use super::{Sink, WriteFailure, Written};
use crate::error::Result;
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};

/// Writes rows into one table over one connection.
#[derive(Debug)]
pub struct PerRowSink {
    client: Object,
    statement: Statement,
    table: TableName,
}

impl PerRowSink {
    /// Prepares the INSERT on a connection.
    ///
    /// # Errors
    /// Whatever the server says to the statement: no such table, no right to insert.
    pub async fn prepare(
        client: Object,
        table: &TableName,
        columns: &[TargetColumn],
    ) -> Result<Self> {
        let statement = insert(&client, table, columns).await?;
        Ok(Self {
            client,
            statement,
            table: table.clone(),
        })
    }
}

async fn insert(client: &Object, table: &TableName, columns: &[TargetColumn]) -> Result<Statement> {
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    let parameters: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "insert into {table} ({}) values ({})",
        names.join(", "),
        parameters.join(", ")
    );
    let prepared = client.prepare(&sql).await;
    prepared.map_err(|error| super::write_error(error, table))
}

impl Sink for PerRowSink {
    async fn set_columns(&mut self, columns: &[TargetColumn]) -> Result<()> {
        self.statement = insert(&self.client, &self.table, columns).await?;
        Ok(())
    }

    async fn write(&mut self, batch: &EncodedBatch) -> Result<Written, WriteFailure> {
        let mut written = Written::default();
        for row in 0..batch.row_count() {
            let form = batch.form();
            let fields: Vec<EncodedField<'_>> = batch
                .fields(row)
                .map(|bytes| EncodedField { bytes, form })
                .collect();
            match self.client.execute_raw(&self.statement, fields).await {
                Ok(_one) => written.loaded += 1,
                Err(error) => match row_fault(&error) {
                    Some(fault) => written.refused.push(refusal(row, fault)),
                    None => {
                        return Err(WriteFailure {
                            written,
                            error: super::write_error(error, &self.table),
                        });
                    }
                },
            }
        }
        Ok(written)
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
