//! Sequences behind columns that rows brought their own numbers for: moved on, so that no number is drawn that a row has.

use tokio_postgres::{Client, Row};

use crate::error::{Error, Result, error_from_postgres};
use crate::model::sequences::{SequenceMove, SequenceOutcome};
use crate::model::table::{TableName, quote_identifier};

/// The least and the greatest number that rows brought for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The column.
    pub column: String,
    /// The least one.
    pub least: i64,
    /// The greatest one.
    pub greatest: i64,
}

/// A sequence that belongs to a column of the table: of a serial or an identity one.
struct OwnedSequence {
    column: String,
    name: TableName,
    increment: i64,
    least: i64,
    greatest: i64,
    /// Whether the user may move it.
    updatable: bool,
    /// Whether the user may see where it stands.
    readable: bool,
    /// Whether the user may look at the column.
    column_readable: bool,
}

/// Moves the sequences of these columns behind the last number in the table, where they stand before the last one that
/// rows brought. None is moved backwards. PostgreSQL never takes back what is done to a sequence, so the numbers between
/// are lost if the transaction is rolled back.
///
/// # Errors
/// What the server says.
pub async fn move_behind(
    client: &Client,
    table: &TableName,
    brought: &[Brought],
) -> Result<Vec<SequenceMove>> {
    if brought.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<&str> = brought.iter().map(|one| one.column.as_str()).collect();
    let failed = |error| failed(error, table);
    let found = client
        .query(OWNED, &[&table.to_string(), &columns])
        .await
        .map_err(failed)?;
    let mut moves = Vec::new();
    for sequence in found.iter().map(owned_sequence) {
        let of_column = brought.iter().find(|one| one.column == sequence.column);
        let Some(of_column) = of_column else { continue };
        if let Some(moved) = sequence.move_behind(client, table, of_column).await? {
            moves.push(moved);
        }
    }
    Ok(moves)
}

/// Moves the sequences of these columns behind the last number that rows will bring, where the user may. Several sheets
/// may bring numbers for a column.
///
/// # Errors
/// What the server says.
pub async fn move_before_load(
    client: &Client,
    table: &TableName,
    brought: &[Brought],
) -> Result<()> {
    if brought.is_empty() {
        return Ok(());
    }
    let columns: Vec<&str> = brought.iter().map(|one| one.column.as_str()).collect();
    let found = client.query(OWNED, &[&table.to_string(), &columns]).await;
    let found = found.map_err(|error| failed(error, table))?;
    for sequence in found.iter().map(owned_sequence) {
        for one in brought.iter().filter(|one| one.column == sequence.column) {
            let last = sequence.last_of(one.least, one.greatest);
            // Of a sequence that nobody may look at it is not known where it stands.
            let may_move = sequence.updatable && sequence.readable;
            if may_move && !sequence.is_behind(client, table, last).await? {
                let last = last.clamp(sequence.least, sequence.greatest);
                sequence.set(client, table, last).await?;
            }
        }
    }
    Ok(())
}

fn failed(error: tokio_postgres::Error, table: &TableName) -> Error {
    let doing = format!("move the sequences of table {}", table.plain());
    error_from_postgres(error, &doing).in_table(table.plain())
}

impl OwnedSequence {
    async fn move_behind(
        &self,
        client: &Client,
        table: &TableName,
        brought: &Brought,
    ) -> Result<Option<SequenceMove>> {
        let last = self.last_of(brought.least, brought.greatest);
        if self.is_behind(client, table, last).await? {
            return Ok(None);
        }
        let Some(last) = self.last_in_table(client, table, last).await? else {
            return Ok(None);
        };
        let outcome = if self.updatable {
            // A sequence cannot go further than its bounds; it is used up then.
            let last = last.clamp(self.least, self.greatest);
            if !self.set(client, table, last).await? {
                return Ok(None);
            }
            SequenceOutcome::Moved { last }
        } else {
            let statement = self.statement(table);
            SequenceOutcome::NotAllowed { statement }
        };
        Ok(Some(SequenceMove {
            column: self.column.clone(),
            sequence: self.name.plain(),
            outcome,
        }))
    }

    /// The one that is drawn later.
    fn last_of(&self, least: i64, greatest: i64) -> i64 {
        if self.increment < 0 { least } else { greatest }
    }

    /// Whether all numbers that will be drawn come behind this one. Not so of a sequence that nobody may look at.
    async fn is_behind(&self, client: &Client, table: &TableName, last: i64) -> Result<bool> {
        if !self.readable {
            return Ok(false);
        }
        let name = &self.name;
        let sql = format!("select last_value, is_called from {name}");
        let row = client.query_one(&sql, &[]).await;
        let row = row.map_err(|error| failed(error, table))?;
        let (value, is_called): (i64, bool) = (row.get(0), row.get(1));
        let next = i128::from(value)
            + if is_called {
                i128::from(self.increment)
            } else {
                0
            };
        let last = i128::from(last);
        Ok(if self.increment < 0 {
            next < last
        } else {
            next > last
        })
    }

    /// The last number that the table has; the last one brought where nobody may look.
    async fn last_in_table(
        &self,
        client: &Client,
        table: &TableName,
        brought: i64,
    ) -> Result<Option<i64>> {
        if !self.column_readable {
            return Ok(Some(brought));
        }
        let sql = format!("select ({})::bigint", self.last_of_table(table));
        let row = client.query_one(&sql, &[]).await;
        Ok(row.map_err(|error| failed(error, table))?.get(0))
    }

    fn last_of_table(&self, table: &TableName) -> String {
        let function = if self.increment < 0 { "min" } else { "max" };
        let column = quote_identifier(&self.column);
        format!("select pg_catalog.{function}({column}) from {table}")
    }

    /// Moves it, unless somebody has moved it further meanwhile, and says whether it did.
    async fn set(&self, client: &Client, table: &TableName, last: i64) -> Result<bool> {
        let name = &self.name;
        let literal = self.literal();
        let sql = if self.readable {
            let before = if self.increment < 0 { ">" } else { "<" };
            format!(
                "select pg_catalog.setval({literal}::pg_catalog.regclass, $1) from {name} \
                 where last_value {before} $1 or last_value = $1 and not is_called"
            )
        } else {
            format!("select pg_catalog.setval({literal}::pg_catalog.regclass, $1)")
        };
        let set = client.query_opt(&sql, &[&last]).await;
        let set = set.map_err(|error| failed(error, table))?;
        Ok(set.is_some())
    }

    /// The sequence's name as a literal, read alike whatever standard_conforming_strings says.
    fn literal(&self) -> String {
        let name = self.name.to_string();
        format!("E'{}'", name.replace('\\', r"\\").replace('\'', "''"))
    }

    /// What somebody who may has to run.
    fn statement(&self, table: &TableName) -> String {
        let (literal, last) = (self.literal(), self.last_of_table(table));
        format!("select setval({literal}, ({last}))")
    }
}

fn owned_sequence(row: &Row) -> OwnedSequence {
    OwnedSequence {
        column: row.get(0),
        name: TableName {
            schema: Some(row.get(1)),
            table: row.get(2),
        },
        increment: row.get(3),
        least: row.get(4),
        greatest: row.get(5),
        updatable: row.get(6),
        readable: row.get(7),
        column_readable: row.get(8),
    }
}

/// The sequences that belong to some of a table's columns, as `pg_get_serial_sequence` finds them.
const OWNED: &str = "\
select a.attname::text, n.nspname::text, s.relname::text, q.seqincrement, q.seqmin, q.seqmax, \
       pg_catalog.has_sequence_privilege(s.oid, 'update'), pg_catalog.has_sequence_privilege(s.oid, 'select'), \
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select') \
from pg_catalog.pg_attribute a \
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
     and d.refobjid = a.attrelid and d.refobjsubid = a.attnum and d.deptype in ('a', 'i') \
     and d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S' \
join pg_catalog.pg_sequence q on q.seqrelid = s.oid \
join pg_catalog.pg_namespace n on n.oid = s.relnamespace \
where a.attrelid = pg_catalog.to_regclass($1)::oid and a.attname = any ($2::text[]) \
  and a.attnum > 0 and not a.attisdropped \
order by a.attnum, 3";
