//! Staged rows go into a table by INSERT, without those that it refuses: triggers, policies, partitions and foreign keys
//! speak only when rows come to the table itself.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error as DriverError};

use crate::db::merge::{Merged, ORDINAL_COLUMN};
use crate::db::pieces::{Attempt, Pieces, Tried, under_savepoint};
use crate::error::{Error, Result, error_from_postgres};
use crate::model::table::{TableName, quote_identifier};

/// The order of the sheet.
pub(super) const BY_ORDINAL: Option<&str> = Some(ORDINAL_COLUMN);

/// Which rows go where.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The table.
    pub table: &'a TableName,
    /// Where the rows are, with their ordinals.
    pub staging: &'a TableName,
    /// The columns that were written; the others get their defaults.
    pub columns: &'a [String],
}

/// The condition that holds for the rows with these ordinals, and for those between them.
pub(super) fn between(first: &str, last: &str) -> String {
    format!("{ORDINAL_COLUMN} between {first} and {last}")
}

impl Filling<'_> {
    /// The statement that takes all rows for which a condition holds: in the order of the sheet, if they have ordinals to
    /// go by.
    pub(super) fn insert(&self, condition: &str, order_by: Option<&str>) -> String {
        let Self { table, staging, .. } = self;
        let names = self.columns.iter().map(|name| quote_identifier(name));
        let names = names.collect::<Vec<String>>().join(", ");
        let order = order_by.map_or_else(String::new, |column| format!(" order by {column}"));
        let rows = format!("from {staging} where {condition}{order}");
        match names.as_str() {
            // A row of defaults for each one.
            "" => format!("insert into {table} select {rows}"),
            _ => format!(
                "insert into {table} ({names}) overriding system value select {names} {rows}"
            ),
        }
    }

    /// How many rows are staged.
    pub(super) async fn count(&self, client: &Client) -> Result<u64> {
        let count = format!("select pg_catalog.count(*) from {}", self.staging);
        let counted = client.query_one(&count, &[]).await;
        let rows: i64 = counted.map_err(|error| self.failed(error))?.get(0);
        Ok(u64::try_from(rows).unwrap_or_default())
    }

    fn failed(&self, error: DriverError) -> Error {
        let table = self.table.plain();
        error_from_postgres(error, &format!("put the rows into {table}")).in_table(table)
    }

    /// Puts the rows into the table, in the transaction that is open.
    ///
    /// # Errors
    /// What is no row's fault. The transaction must then be rolled back.
    pub async fn fill(&self, client: &Client) -> Result<Merged> {
        let wrong = |error| self.failed(error);
        let staging = self.staging;
        let ready = format!("set constraints all immediate; analyze {staging}");
        client.batch_execute(&ready).await.map_err(wrong)?;
        let staged = self.count(client).await?;
        let all = self.insert("true", BY_ORDINAL);
        let done = under_savepoint(client, client.execute(&all, &[])).await;
        if let Ok(inserted) = done.map_err(wrong)? {
            return Ok(Merged::of_staged(staged, inserted, Vec::new()));
        }
        let ordinals = self.indexed_ordinals(client).await?;
        let piece = self.insert(&between("$1", "$2"), BY_ORDINAL);
        let piece_statement = client.prepare(&piece).await.map_err(wrong)?;
        let mut inserted = 0;
        let attempt = async |piece: &[i64]| {
            let ends: [&(dyn ToSql + Sync); 2] = [&piece.first(), &piece.last()];
            let done = under_savepoint(client, client.execute(&piece_statement, &ends)).await;
            Ok(match done.map_err(wrong)? {
                Ok(rows) => {
                    inserted += rows;
                    Attempt::Taken
                }
                Err(refused) => Attempt::Refused(refused),
            })
        };
        let pieces = Pieces {
            ordinals: &ordinals,
            tried: Tried::Refused,
            evidence: false,
        };
        let refused = pieces.put(wrong, attempt).await?;
        Ok(Merged::of_staged(staged, inserted, refused))
    }

    /// The ordinals of the staged rows, and an index on them, which is worth its making when rows are taken in pieces.
    pub(super) async fn indexed_ordinals(&self, client: &Client) -> Result<Vec<i64>> {
        let wrong = |error| self.failed(error);
        let index = format!("create unique index on {} ({ORDINAL_COLUMN})", self.staging);
        client.batch_execute(&index).await.map_err(wrong)?;
        // As a stream, because a row of the driver takes many times their room.
        let sql = format!("select {ORDINAL_COLUMN} from {} order by 1", self.staging);
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = client.query_raw(&sql, none).await;
        let mut rows = pin!(rows.map_err(wrong)?);
        let mut ordinals = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            ordinals.push(row.get(0));
        }
        Ok(ordinals)
    }
}

/// Gives staged rows their ordinals' column.
///
/// # Errors
/// What the server says.
pub(super) async fn add_ordinals(client: &Client, staging: &TableName) -> Result<()> {
    let add = format!("alter table {staging} add column {ORDINAL_COLUMN} bigint not null");
    client.batch_execute(&add).await.map_err(|error| {
        let doing = format!("create a table for the rows of {}", staging.plain());
        error_from_postgres(error, &doing)
    })
}

/// Whether a table speaks of rows only when they come to it: by triggers, rules, policies, partitions, foreign keys to
/// itself, or indexes that cannot be asked beforehand.
///
/// # Errors
/// What the server says.
pub async fn judges_itself(client: &Client, table: &TableName) -> Result<bool> {
    let found = client.query_opt(JUDGES, &[&table.to_string()]).await;
    found
        .map(|row| row.is_some_and(|row| row.get(0)))
        .map_err(|error| {
            error_from_postgres(error, &format!("look at table {}", table.plain()))
                .in_table(table.plain())
        })
}

const JUDGES: &str = "\
    select c.relkind <> 'r' or pg_catalog.row_security_active(c.oid) \
        or exists (select from pg_catalog.pg_trigger t \
                   where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D') \
        or exists (select from pg_catalog.pg_rewrite r \
                   where r.ev_class = c.oid and r.ev_type = '3' and r.ev_enabled <> 'D') \
        or exists (select from pg_catalog.pg_constraint k \
                   where k.conrelid = c.oid and (k.contype = 'x' or k.contype = 'f' and k.confrelid = c.oid)) \
        or exists (select from pg_catalog.pg_index i \
                   where i.indrelid = c.oid and i.indisunique and (i.indexprs is not null or i.indpred is not null)) \
    from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)::oid";
