//! What the server gives a column that a row leaves out: one value for all rows, or one for each.

use bytes::Bytes;
use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, Type};

use crate::error::{Result, error_from_postgres};
use crate::model::table::TableName;

/// A column's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDefault {
    /// The column.
    pub column: String,
    /// The default in SQL, of the column's type.
    expression: String,
    /// Whether each row gets a value of its own.
    pub is_volatile: bool,
}

/// A value in the forms that rows are written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultValue {
    /// Its binary form; nothing where that is not wanted.
    pub binary: Bytes,
    /// Its text.
    pub text: String,
}

/// The defaults of those of a table's columns that have one.
///
/// # Errors
/// What the server says.
pub async fn find_defaults(
    client: &Client,
    table: &TableName,
    columns: &[String],
) -> Result<Vec<ColumnDefault>> {
    let found = client
        .query(DEFAULTS, &[&table.to_string(), &columns])
        .await
        .map_err(|error| {
            let doing = format!("find the defaults of table {}", table.plain());
            error_from_postgres(error, &doing).in_table(table.plain())
        })?;
    let defaults = found.iter().map(|row| ColumnDefault {
        column: row.get(0),
        expression: row.get(1),
        is_volatile: row.get(2),
    });
    Ok(defaults.collect())
}

/// The forms that a value is wanted in. Not every type has a binary one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forms {
    /// As text.
    Text,
    /// As text and as bytes.
    Both,
}

impl ColumnDefault {
    /// Evaluates it so many times; none for NULL. What the server writes in a form, it reads in that form, whatever
    /// the type is.
    ///
    /// # Errors
    /// What the server says, which may lack the right to evaluate it.
    pub async fn evaluate(
        &self,
        client: &Client,
        table: &TableName,
        forms: Forms,
        times: usize,
    ) -> Result<Vec<Option<DefaultValue>>> {
        let times = i64::try_from(times).unwrap_or(i64::MAX);
        let binary = match forms {
            Forms::Both => "value",
            Forms::Text => "value::text",
        };
        // `offset` keeps the server from evaluating it twice.
        let sql = format!(
            "select {binary}, value::text from (select {} as value \
                 from pg_catalog.generate_series(1, $1::bigint) offset 0) drawn",
            self.expression
        );
        let rows = client.query(&sql, &[&times]).await.map_err(|error| {
            let doing = format!("evaluate the default of column {} of table {}", self.column, table.plain());
            error_from_postgres(error, &doing).in_table(table.plain()).in_column(&self.column).next_step(
                "Load as a user who may do so, leave the column out with --map, or load with --empty null",
            )
        })?;
        let values = rows.iter().map(|row| {
            let (binary, text): (Option<Field>, Option<String>) = (row.get(0), row.get(1));
            Some(DefaultValue {
                binary: binary?.0,
                text: text?,
            })
        });
        Ok(values.collect())
    }
}

/// The bytes of a value of any type.
struct Field(Bytes);

impl<'r> FromSql<'r> for Field {
    fn from_sql(
        _type: &Type,
        raw: &'r [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Bytes::copy_from_slice(raw)))
    }

    fn accepts(_type: &Type) -> bool {
        true
    }
}

/// The default of each column: its own, its identity's, or that of its domain. The length of a text or of bits is not
/// part of the cast, which would cut what does not fit. An expression that no volatile function is part of, such as
/// `now()`, is the same for all rows of a statement.
const DEFAULTS: &str = "\
select a.attname::text, \
       pg_catalog.format('(%s)::%s', \
           case when a.attidentity <> '' \
                then pg_catalog.format('pg_catalog.nextval(%L)', pg_catalog.pg_get_serial_sequence($1, a.attname::text)) \
                else coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), pg_catalog.pg_get_expr(t.typdefaultbin, 0)) end, \
           pg_catalog.format_type(a.atttypid, case when t.typcategory in ('S', 'V') then -1 else a.atttypmod end)), \
       a.attidentity <> '' or exists ( \
           select from pg_catalog.regexp_matches( \
                    coalesce(d.adbin::text, t.typdefaultbin::text), ':(?:op)?funcid ([0-9]+)', 'g') found, \
                pg_catalog.pg_proc p \
           where p.oid = found[1]::oid and p.provolatile = 'v') \
from pg_catalog.pg_attribute a \
join pg_catalog.pg_type t on t.oid = a.atttypid \
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
where a.attrelid = pg_catalog.to_regclass($1)::oid and a.attname = any ($2::text[]) \
  and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' \
  and (d.adbin is not null or a.attidentity <> '' or t.typdefaultbin is not null)";
