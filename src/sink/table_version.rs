//! Whether a table still is what rows are encoded for: somebody else may alter, drop or rename it while a load runs.
//!
//! Binary rows are read as the types that the columns have when they come. So each batch's transaction first takes the lock
//! that whoever alters the table has to wait for, and then looks at the columns.

use tokio_postgres::{Client, Statement};

use super::write_error;
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::table::TableName;

/// A table and some of its columns at a certain time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableVersion {
    oid: Option<u32>,
    columns: Vec<SeenColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenColumn {
    name: String,
    /// Its number, type and the type's modifier; none if there is no such column.
    facts: Option<(i16, u32, i32)>,
    type_name: Option<String>,
}

/// The table and the columns of these names.
const LOOK: &str = "\
    select r.oid, wanted.name, a.attnum, a.atttypid, a.atttypmod, pg_catalog.format_type(a.atttypid, a.atttypmod) \
    from (select pg_catalog.to_regclass($1)::oid) r (oid) \
    cross join pg_catalog.unnest($2::text[]) with ordinality wanted (name, place) \
    left join pg_catalog.pg_attribute a \
         on a.attrelid = r.oid and a.attname = wanted.name and a.attnum > 0 and not a.attisdropped \
    order by wanted.place";

/// The statement that takes a lock on a table for which a right to insert into any of its columns is enough, and does
/// nothing else.
#[must_use]
pub fn lock_sql(table: &TableName) -> String {
    format!("explain (costs off) insert into {table} default values")
}

impl TableVersion {
    /// Looks at a table.
    ///
    /// # Errors
    /// What the server says.
    pub async fn look(
        client: &Client,
        table: &TableName,
        columns: &[TargetColumn],
    ) -> Result<Self> {
        let failed = |error| write_error(error, table);
        let statement = client.prepare(LOOK).await.map_err(failed)?;
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let seen = seen(client, &statement, table, &names).await;
        seen.map_err(failed)
    }

    /// What of it concerns these columns.
    fn of_columns(&self, names: &[String]) -> Self {
        let columns = self.columns.iter();
        Self {
            oid: self.oid,
            columns: columns
                .filter(|column| names.contains(&column.name))
                .cloned()
                .collect(),
        }
    }

    /// How it differs from what it is now, as completes a sentence about the table.
    fn difference(&self, now: &Self) -> Option<String> {
        if now == self {
            return None;
        }
        if now.oid != self.oid {
            return Some(match now.oid {
                None => "was dropped or renamed".to_owned(),
                Some(_) => "was replaced by another table of its name".to_owned(),
            });
        }
        let pairs = self.columns.iter().zip(&now.columns);
        let changed = pairs.into_iter().find(|(was, is)| was != is);
        Some(match changed {
            Some((
                was,
                SeenColumn {
                    type_name: None, ..
                },
            )) => {
                format!("has no column {} any more", was.name)
            }
            Some((was, is)) => format!(
                "was altered: column {} was {}, and is now {}",
                was.name,
                was.type_name.as_deref().unwrap_or("missing"),
                is.type_name.as_deref().unwrap_or("missing"),
            ),
            None => "was altered".to_owned(),
        })
    }
}

async fn seen(
    client: &Client,
    statement: &Statement,
    table: &TableName,
    names: &Vec<String>,
) -> Result<TableVersion, tokio_postgres::Error> {
    let rows = client
        .query(statement, &[&table.to_string(), names])
        .await?;
    let column = |row: &tokio_postgres::Row| SeenColumn {
        name: row.get(1),
        facts: row
            .get::<_, Option<i16>>(2)
            .zip(row.get(3))
            .zip(row.get(4))
            .map(|((number, type_oid), modifier)| (number, type_oid, modifier)),
        type_name: row.get(5),
    };
    Ok(TableVersion {
        oid: rows.first().and_then(|row| row.get(0)),
        columns: rows.iter().map(column).collect(),
    })
}

/// Looks over one connection whether a table is still as it was.
#[derive(Debug)]
pub(super) struct VersionCheck {
    statement: Statement,
    lock: String,
    table: TableName,
    names: Vec<String>,
    expected: TableVersion,
}

impl VersionCheck {
    pub(super) async fn prepare(
        client: &Client,
        table: &TableName,
        columns: &[TargetColumn],
        version: &TableVersion,
    ) -> Result<Self, tokio_postgres::Error> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self {
            statement: client.prepare(LOOK).await?,
            lock: lock_sql(table),
            table: table.clone(),
            expected: version.of_columns(&names),
            names,
        })
    }

    /// The statement that takes the lock, within a transaction.
    pub(super) fn lock(&self) -> &str {
        &self.lock
    }

    /// Whether the table is as it was.
    ///
    /// # Errors
    /// `TableUnusable`, saying what is different; what the server says.
    pub(super) async fn require_same(&self, client: &Client) -> Result<()> {
        let table = &self.table;
        let now = seen(client, &self.statement, table, &self.names).await;
        let now = now.map_err(|error| write_error(error, table))?;
        match self.expected.difference(&now) {
            None => Ok(()),
            Some(difference) => Err(altered(table, &difference)),
        }
    }
}

/// Somebody else has changed the table meanwhile. `difference` completes a sentence about it.
#[must_use]
pub fn altered(table: &TableName, difference: &str) -> Error {
    Error::new(
        ErrorKind::TableUnusable,
        format!(
            "table {} {difference}, while rows were loaded into it",
            table.plain()
        ),
    )
    .in_table(table.plain())
    .next_step("Load while nobody alters the table, and check the rows that it has")
}
