//! The merge: all rows at once, and without the bad ones if there are any.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Statement, Transaction};

use super::key::{Key, find_key};
use super::statements::{self, Taken};
use super::{Merge, Merged, ORDINAL_COLUMN};
use crate::config::commit::OnConflict;
use crate::db::pieces::{Attempt, Pieces, Tried, under_savepoint};
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::sink::Refusal;

/// Puts the staged rows into the table. The transaction is left open; what is refused is not in the table, all else is.
///
/// A row that the server refuses, for another unique index, a foreign key, a check or a trigger, is found by halving
/// under savepoints and left out; one of the same key that it went before takes its place.
///
/// # Errors
/// `ColumnMismatch` when the key is not among the written columns, `TableUnusable` when the table's unique index is gone
/// or a column can't be updated, and what the server says if no row is at fault. The transaction must then be rolled
/// back.
pub async fn merge(transaction: &mut Transaction<'_>, merge: &Merge<'_>) -> Result<Merged> {
    let key = find_key(transaction.client(), merge.table, merge.key).await?;
    if let Some(name) = merge.key.iter().find(|name| !merge.columns.contains(name)) {
        let message = format!("the sheet has no column for {name} of the key");
        return Err(Error::new(ErrorKind::ColumnMismatch, message)
            .in_table(merge.table.plain())
            .in_column(name.clone())
            .next_step("Map a column of the sheet to it with --map, or name another key"));
    }
    // A refusal shall name the statement, not the commit.
    let prepare = format!("set constraints all immediate; analyze {}", merge.staging);
    let prepared = transaction.batch_execute(&prepare).await;
    prepared.map_err(|error| failed(merge, error))?;
    let set = columns_to_set(transaction, merge).await?;
    let mut run = Run {
        merge,
        transaction,
        key,
        set,
        merged: Merged::default(),
    };
    run.all().await?;
    let mut merged = run.merged;
    merged.refused.sort_by_key(|(ordinal, _)| *ordinal);
    Ok(merged)
}

fn failed(merge: &Merge<'_>, error: tokio_postgres::Error) -> Error {
    let table = merge.table.plain();
    error_from_postgres(error, &format!("merge rows into {table}")).in_table(table)
}

/// The columns that an existing row gets: those that were written but for the key's.
async fn columns_to_set<'m>(
    transaction: &Transaction<'_>,
    merge: &'m Merge<'_>,
) -> Result<Vec<&'m String>> {
    let set: Vec<&String> = merge
        .columns
        .iter()
        .filter(|name| !merge.key.contains(name))
        .collect();
    if merge.on_conflict != OnConflict::Update {
        return Ok(set);
    }
    let fixed = transaction
        .query_opt(
            "select attname::text from pg_catalog.pg_attribute \
             where attrelid = pg_catalog.to_regclass($1)::oid and attname = any ($2::text[]) and attidentity = 'a'",
            &[&merge.table.to_string(), &set],
        )
        .await
        .map_err(|error| failed(merge, error))?;
    let Some(fixed) = fixed else {
        return Ok(set);
    };
    let name: String = fixed.get(0);
    let message = format!(
        "column {name} of {} is generated always as identity and can't be updated",
        merge.table.plain()
    );
    Err(Error::new(ErrorKind::TableUnusable, message)
        .in_table(merge.table.plain())
        .in_column(name)
        .next_step("Leave the column out with --map, or use it as the key"))
}

/// A merge that runs.
struct Run<'r, 't> {
    merge: &'r Merge<'r>,
    transaction: &'r mut Transaction<'t>,
    key: Key,
    set: Vec<&'r String>,
    merged: Merged,
}

impl Run<'_, '_> {
    async fn all(&mut self) -> Result<()> {
        if !self.key.nulls_equal {
            self.refuse_without_key().await?;
        }
        let fails = self.merge.on_conflict == OnConflict::Fail;
        if fails {
            let known = self
                .ordinals(&statements::mark_known(self.merge, &self.key))
                .await?;
            self.refuse_keys(&known, "is in the table already").await?;
        }
        let behind = self
            .ordinals(&statements::mark_behind(self.merge, &self.key))
            .await?;
        let mut behind: BTreeSet<i64> = behind.into_iter().collect();
        let refused = self.first_ones().await?;
        if !refused.is_empty() && !behind.is_empty() {
            self.those_behind(refused, &mut behind).await?;
        }
        if fails {
            let twice: Vec<i64> = behind.into_iter().collect();
            self.refuse_keys(&twice, "is in the sheet more than once")
                .await
        } else {
            self.merged.superseded = behind.len() as u64;
            Ok(())
        }
    }

    /// Merges the rows that no other one goes before, and gives the ordinals of those that were refused.
    async fn first_ones(&mut self) -> Result<Vec<i64>> {
        let statement = self.prepare(Taken::Between).await?;
        let count = statements::count(self.merge);
        let count = self.transaction.query_one(&count, &[]).await;
        let rows: i64 = count.map_err(|error| failed(self.merge, error))?.get(0);
        let rows = u64::try_from(rows).unwrap_or_default();
        let all = self
            .attempt(&statement, &[&i64::MIN, &i64::MAX], rows)
            .await?;
        if matches!(all, Attempt::Taken) {
            return Ok(Vec::new());
        }
        // Only now: an index is worth its making when rows are taken in pieces.
        let (staging, column) = (self.merge.staging, ORDINAL_COLUMN);
        let index = format!("create unique index on {staging} ({column})");
        let created = self.transaction.batch_execute(&index).await;
        created.map_err(|error| failed(self.merge, error))?;
        let ordinals = self.ordinals(&statements::ordinals(self.merge)).await?;
        self.search(Tried::Refused, &statement, Taken::Between, &ordinals)
            .await
    }

    /// Merges the rows behind those that were refused: of each key the next one, until one is merged or all are refused.
    async fn those_behind(&mut self, refused: Vec<i64>, behind: &mut BTreeSet<i64>) -> Result<()> {
        let chains = statements::chains(self.merge, &self.key);
        let rows = self.transaction.query(&chains, &[&refused]).await;
        let rows = rows.map_err(|error| failed(self.merge, error))?;
        let mut chains: Vec<VecDeque<i64>> = rows
            .iter()
            .map(|row| row.get::<_, Vec<i64>>(0).into())
            .collect();
        let statement = self.prepare(Taken::Listed).await?;
        // Each turn takes one row from each chain: there are as many turns as the longest one has rows.
        loop {
            let mut turn: Vec<(i64, VecDeque<i64>)> = chains
                .into_iter()
                .filter_map(|mut chain| chain.pop_front().map(|next| (next, chain)))
                .collect();
            if turn.is_empty() {
                return Ok(());
            }
            turn.sort_unstable_by_key(|(next, _)| *next);
            let ordinals: Vec<i64> = turn.iter().map(|(next, _)| *next).collect();
            for ordinal in &ordinals {
                behind.remove(ordinal);
            }
            let refused = self
                .search(Tried::No, &statement, Taken::Listed, &ordinals)
                .await?;
            let refused: BTreeSet<i64> = refused.into_iter().collect();
            chains = turn
                .into_iter()
                .filter(|(next, _)| refused.contains(next))
                .map(|(_, chain)| chain)
                .collect();
        }
    }

    /// Merges rows piece by piece, and gives the ordinals of those that were refused.
    async fn search(
        &mut self,
        tried: Tried,
        statement: &Statement,
        taken: Taken,
        ordinals: &[i64],
    ) -> Result<Vec<i64>> {
        let merge = self.merge;
        let merged = &self.merged;
        let pieces = Pieces {
            ordinals,
            tried,
            evidence: merged.inserted + merged.updated + merged.kept > 0,
        };
        let attempt = async |piece: &[i64]| {
            let rows = piece.len() as u64;
            let (first, last) = (piece.first().copied(), piece.last().copied());
            match taken {
                Taken::Between => self.attempt(statement, &[&first, &last], rows).await,
                Taken::Listed => self.attempt(statement, &[&piece], rows).await,
            }
        };
        let refused = pieces.put(|error| failed(merge, error), attempt).await?;
        let ordinals = refused.iter().map(|(ordinal, _)| *ordinal).collect();
        self.merged.refused.extend(refused);
        Ok(ordinals)
    }

    /// Merges rows under a savepoint.
    async fn attempt(
        &mut self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
        rows: u64,
    ) -> Result<Attempt> {
        let client = self.transaction.client();
        let done = under_savepoint(client, client.query_one(statement, parameters)).await;
        let counts = match done.map_err(|error| failed(self.merge, error))? {
            Ok(counts) => counts,
            Err(refused) => return Ok(Attempt::Refused(refused)),
        };
        let number = |at| u64::try_from(counts.get::<_, i64>(at)).unwrap_or_default();
        let (inserted, updated) = (number(0), number(1));
        self.merged.inserted += inserted;
        self.merged.updated += updated;
        self.merged.kept += rows.saturating_sub(inserted + updated);
        Ok(Attempt::Taken)
    }

    /// Refuses rows whose key has a NULL: they would be new ones each time that the sheet is loaded.
    async fn refuse_without_key(&mut self) -> Result<()> {
        let wrong = |error| failed(self.merge, error);
        let none: [&(dyn ToSql + Sync); 0] = [];
        let mark = statements::mark_without_key(self.merge, &self.key);
        let rows = self.transaction.query_raw(&mark, none).await;
        let mut rows = pin!(rows.map_err(wrong)?);
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            let (ordinal, place): (i64, i32) = (row.get(0), row.get(1));
            let place = usize::try_from(place - 1).unwrap_or_default();
            let column = self.merge.key.get(place);
            let name = column.map_or("", String::as_str);
            let refusal = Refusal {
                row: 0,
                sqlstate: SqlState::NOT_NULL_VIOLATION.code().to_owned(),
                message: format!(
                    "column {name} of the key has no value, and a row without its key finds no row in the table"
                ),
                column: column.cloned(),
                constraint: None,
                cells: None,
            };
            self.merged.refused.push((ordinal, refusal));
        }
        Ok(())
    }

    /// Refuses rows for their keys.
    async fn refuse_keys(&mut self, ordinals: &[i64], because: &str) -> Result<()> {
        if ordinals.is_empty() {
            return Ok(());
        }
        let keys = statements::keys_of(self.merge, &self.key);
        let rows = self.transaction.query(&keys, &[&ordinals]).await;
        let rows = rows.map_err(|error| failed(self.merge, error))?;
        let columns = self.merge.key.join(", ");
        let column = match self.merge.key {
            [only] => Some(only.clone()),
            _ => None,
        };
        for row in &rows {
            let (ordinal, values): (i64, &str) = (row.get(0), row.get(1));
            let refusal = Refusal {
                row: 0,
                sqlstate: SqlState::UNIQUE_VIOLATION.code().to_owned(),
                message: format!("duplicate key: ({columns})=({values}) {because}"),
                column: column.clone(),
                constraint: Some(self.key.index.clone()),
                cells: None,
            };
            self.merged.refused.push((ordinal, refusal));
        }
        Ok(())
    }

    async fn prepare(&self, taken: Taken) -> Result<Statement> {
        let sql = statements::merge_rows(self.merge, &self.key, &self.set, taken);
        let prepared = self.transaction.prepare(&sql).await;
        prepared.map_err(|error| failed(self.merge, error))
    }

    /// The ordinals that a statement gives: as a stream, because a row of the driver takes many times their room.
    async fn ordinals(&self, sql: &str) -> Result<Vec<i64>> {
        let wrong = |error| failed(self.merge, error);
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.transaction.query_raw(sql, none).await;
        let mut rows = pin!(rows.map_err(wrong)?);
        let mut ordinals = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(wrong)? {
            ordinals.push(row.get(0));
        }
        Ok(ordinals)
    }
}
