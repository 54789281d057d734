//! Staged rows take the place of those of a table that foreign keys point to.
//!
//! It is one statement that deletes and inserts, so that the keys which come back are there when the foreign keys are checked.
//! It tells of one row that the table refuses, not of which. So the rows are tried first in such a case, each together with
//! the removal of the rows of the table that have its unique keys; what is left of the trial is who was refused.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error as DriverError};

use super::filling::{BY_ORDINAL, Filling, between};
use crate::db::merge::{Merged, ORDINAL_COLUMN};
use crate::db::pieces::{Attempt, Pieces, RefusedRows, Tried, under_savepoint};
use crate::error::{Error, Result};
use crate::model::table::quote_identifier;

/// A table and the rows that take the place of its own.
pub(super) struct Exchange<'a> {
    /// The table and the rows.
    pub(super) rows: Filling<'a>,
    /// The table as what rows are deleted from.
    pub(super) rows_of: &'a str,
    /// The table.
    pub(super) oid: u32,
    /// The names of the foreign keys that point to it.
    pub(super) keys: &'a [String],
}

impl Exchange<'_> {
    /// Puts the rows in place, all but those that the table refuses, in the transaction that is open. They carry ordinals.
    ///
    /// # Errors
    /// What `failed` makes of what is no row's fault. The transaction must then be rolled back.
    pub(super) async fn put(
        &self,
        client: &Client,
        failed: impl Fn(DriverError) -> Error + Copy,
    ) -> Result<Merged> {
        let staged = self.rows.count(client).await?;
        let done = under_savepoint(client, self.all(client, BY_ORDINAL)).await;
        let mut refused = RefusedRows::new();
        let inserted = match done.map_err(failed)? {
            Ok(inserted) => inserted,
            Err(Some(error)) if self.is_of_a_key(&error) => return Err(failed(error)),
            Err(error) => {
                refused = self.find_refused(client, failed).await?;
                if let (true, Some(error)) = (refused.is_empty(), error) {
                    return Err(failed(error));
                }
                self.leave_out(client, &refused).await.map_err(failed)?;
                self.all(client, BY_ORDINAL).await.map_err(failed)?
            }
        };
        Ok(Merged::of_staged(staged, inserted, refused))
    }

    /// Replaces all rows at once: in the order of a column, if they have one to go by.
    pub(super) async fn all(
        &self,
        client: &Client,
        order_by: Option<&str>,
    ) -> Result<u64, DriverError> {
        let gone = [format!("delete from {}", self.rows_of)];
        let statement = self.statement(&gone, "true", order_by);
        client.execute(&statement, &[]).await
    }

    /// The statement that deletes rows and inserts staged ones for which a condition holds. What counts the deleted ones
    /// makes sure that they are gone before the first one is inserted.
    fn statement(&self, deletes: &[String], condition: &str, order_by: Option<&str>) -> String {
        let (mut with, mut condition) = (Vec::new(), condition.to_owned());
        for (number, delete) in (1..).zip(deletes) {
            with.push(format!("gone{number} as ({delete} returning 1)"));
            condition.push_str(&format!(
                " and (select pg_catalog.count(*) from gone{number}) >= 0"
            ));
        }
        let insert = self.rows.insert(&condition, order_by);
        match with.as_slice() {
            [] => insert,
            with => format!("with {} {insert}", with.join(", ")),
        }
    }

    /// Tries the rows, and leaves nothing of the trial.
    async fn find_refused(
        &self,
        client: &Client,
        failed: impl Fn(DriverError) -> Error + Copy,
    ) -> Result<RefusedRows> {
        let begin = "savepoint sheetload_trial";
        client.batch_execute(begin).await.map_err(failed)?;
        let ordinals = self.rows.indexed_ordinals(client).await?;
        let deletes = self.deletes_of_the_same(client).await.map_err(failed)?;
        let statement = self.statement(&deletes, &between("$1", "$2"), BY_ORDINAL);
        let statement = client.prepare(&statement).await.map_err(failed)?;
        let attempt = async |piece: &[i64]| {
            let ends: [&(dyn ToSql + Sync); 2] = [&piece.first(), &piece.last()];
            let done = under_savepoint(client, client.execute(&statement, &ends)).await;
            Ok(match (done.map_err(failed)?, piece) {
                (Ok(_rows), _) => Attempt::Taken,
                // It is not the row that is refused, but that others stay.
                (Err(Some(error)), [_]) if self.may_be_of_another_row(&error) => Attempt::Taken,
                (Err(refused), _) => Attempt::Refused(refused),
            })
        };
        let pieces = Pieces {
            ordinals: &ordinals,
            tried: Tried::Refused,
            evidence: false,
        };
        let refused = pieces.put(failed, attempt).await?;
        let end = "rollback to savepoint sheetload_trial; release savepoint sheetload_trial";
        client.batch_execute(end).await.map_err(failed)?;
        Ok(refused)
    }

    /// For each unique key that the load writes, what deletes the rows of the table that have it in the staged rows of
    /// a piece.
    async fn deletes_of_the_same(&self, client: &Client) -> Result<Vec<String>, DriverError> {
        let keys = client.query(UNIQUE_KEYS, &[&self.oid]).await?;
        let keys = keys.iter().map(|row| row.get::<_, Vec<String>>(0));
        let written = keys.filter(|key| key.iter().all(|name| self.rows.columns.contains(name)));
        let delete = |key: Vec<String>| {
            let same = key.iter().map(|name| {
                let name = quote_identifier(name);
                format!(" and t.{name} = s.{name}")
            });
            let (piece, same) = (between("$1", "$2"), same.collect::<String>());
            let (rows_of, staging) = (self.rows_of, self.rows.staging);
            format!("delete from {rows_of} as t using {staging} as s where s.{piece}{same}")
        };
        Ok(written.map(delete).collect())
    }

    /// Takes refused rows out of the staged ones.
    async fn leave_out(&self, client: &Client, refused: &RefusedRows) -> Result<(), DriverError> {
        let ordinals: Vec<i64> = refused.iter().map(|(ordinal, _)| *ordinal).collect();
        let delete = format!(
            "delete from {} where {ORDINAL_COLUMN} = any ($1)",
            self.rows.staging
        );
        client.execute(&delete, &[&ordinals]).await.map(drop)
    }

    /// Whether a row that another table refers to would be missing.
    fn is_of_a_key(&self, error: &DriverError) -> bool {
        let Some(error) = error.as_db_error() else {
            return false;
        };
        let missing = [
            SqlState::FOREIGN_KEY_VIOLATION,
            SqlState::RESTRICT_VIOLATION,
        ];
        let named = |name: &str| self.keys.iter().any(|key| key == name);
        missing.contains(error.code())
            && error.table() != Some(&self.rows.table.table)
            && error.constraint().is_some_and(named)
    }

    /// Whether a row may be refused for what is in the table only while rows are tried.
    fn may_be_of_another_row(&self, error: &DriverError) -> bool {
        let another = [SqlState::UNIQUE_VIOLATION, SqlState::EXCLUSION_VIOLATION];
        self.is_of_a_key(error) || error.code().is_some_and(|code| another.contains(code))
    }
}

/// The columns of each unique index over columns alone, and over all rows.
const UNIQUE_KEYS: &str = "\
    select pg_catalog.array_agg(a.attname::text order by k.place) \
    from pg_catalog.pg_index i \
    cross join pg_catalog.unnest(i.indkey::int2[]) with ordinality k (attnum, place) \
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum \
    where i.indrelid = $1 and i.indisunique and i.indpred is null and i.indexprs is null \
      and k.place <= i.indnkeyatts \
    group by i.indexrelid";
