//! What the ledger says of a load, and what the table holds of it.

use tokio_postgres::Transaction;

use crate::db::ledger::history::IS_ALIVE;
use crate::db::verify::{Scope, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::model::receipt::Receipt;
use crate::model::table::TableName;

type Answer<T> = Result<T, tokio_postgres::Error>;

/// A load's row in the ledger, as far as it matters for taking it back.
#[derive(Debug)]
pub(super) struct Entry {
    id: String,
    pub(super) state: String,
    pub(super) is_alive: bool,
    pub(super) superseded_by: Option<String>,
    route: String,
    pub(super) effect: String,
    pub(super) has_lineage: bool,
    pub(super) rows_loaded: i64,
    pub(super) table_oid: Option<u32>,
    pub(super) staging: Option<TableName>,
    is_prepared: bool,
    has_ended: bool,
    receipt: Option<String>,
}

impl Entry {
    /// Reads it, and keeps everybody from changing it before the transaction's end.
    pub(super) async fn locked(transaction: &Transaction<'_>, id: &str) -> Answer<Option<Self>> {
        let row = transaction
            .query_opt(
                "select from sheetload.loads where id = $1::text::uuid for update",
                &[&id],
            )
            .await?;
        if row.is_none() {
            return Ok(None);
        }
        let sql = format!(
            "select l.state, l.state = 'running' and {IS_ALIVE}, l.superseded_by::text, l.route, l.effect, \
                    l.has_lineage, coalesce((select sum(b.rows_loaded)::int8 \
                        from sheetload.batches b where b.load_id = l.id), l.rows_loaded, 0), \
                    l.table_oid, l.staging_name, l.table_schema, l.receipt::text, l.is_prepared, l.finished_at is not null \
             from sheetload.loads l where l.id = $1::text::uuid"
        );
        let row = transaction.query_one(&sql, &[&id]).await?;
        let staging: Option<String> = row.get(8);
        Ok(Some(Self {
            id: id.to_owned(),
            state: row.get(0),
            is_alive: row.get(1),
            superseded_by: row.get(2),
            route: row.get(3),
            effect: row.get(4),
            has_lineage: row.get(5),
            rows_loaded: row.get(6),
            table_oid: row.get(7),
            staging: staging.map(|table| TableName {
                schema: Some(row.get(9)),
                table,
            }),
            receipt: row.get(10),
            is_prepared: row.get(11),
            has_ended: row.get(12),
        }))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.state == "complete"
    }

    /// Whether anything of the load was committed into the table itself: always at its end, and before only where
    /// batches commit into it, once it has been made ready for them.
    pub(super) fn reached_table(&self) -> bool {
        self.is_complete() || self.route == "in_place" && self.is_prepared
    }

    /// Records that the load was taken back. A batch commits only under the attempt that holds; should a connection of
    /// a killed load still have one in hand, it comes too late.
    pub(super) async fn mark_undone(&self, transaction: &Transaction<'_>) -> Answer<()> {
        let undone = "update sheetload.loads set state = 'undone', attempt = attempt + 1, \
                      finished_at = coalesce(finished_at, now()) where id = $1::text::uuid";
        transaction.execute(undone, &[&self.id]).await?;
        let emptied = "delete from sheetload.savepoints where load_id = $1::text::uuid";
        transaction.execute(emptied, &[&self.id]).await?;
        Ok(())
    }
}

/// A table that is there.
#[derive(Debug)]
pub(super) struct PresentTable {
    pub(super) oid: u32,
    /// Its name now.
    pub(super) name: TableName,
    pub(super) has_load_id: bool,
}

/// Completed by a condition on `c`.
const TABLE: &str = "select c.oid, n.nspname::text, c.relname::text, \
           exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = '_load_id' \
                       and not a.attisdropped) \
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'p', 'f', 'v') and ";

impl PresentTable {
    /// The table that a load went into, whatever it is called now.
    pub(super) async fn of(transaction: &Transaction<'_>, entry: &Entry) -> Answer<Option<Self>> {
        let sql = format!("{TABLE} c.oid = $1");
        let row = transaction.query_opt(&sql, &[&entry.table_oid]).await?;
        Ok(row.as_ref().map(Self::read))
    }

    /// The table of this name.
    pub(super) async fn named(
        transaction: &Transaction<'_>,
        name: &TableName,
    ) -> Answer<Option<Self>> {
        let sql = format!("{TABLE} n.nspname = $1 and c.relname = $2");
        let row = transaction
            .query_opt(&sql, &[&name.schema, &name.table])
            .await?;
        Ok(row.as_ref().map(Self::read))
    }

    fn read(row: &tokio_postgres::Row) -> Self {
        Self {
            oid: row.get(0),
            name: TableName {
                schema: Some(row.get(1)),
                table: row.get(2),
            },
            has_load_id: row.get(3),
        }
    }
}

/// What in the table is not the load's, as the end of a sentence.
pub(super) async fn against_dropping(
    transaction: &Transaction<'_>,
    entry: &Entry,
    present: &PresentTable,
) -> Answer<Option<String>> {
    // What was rolled back is not in the table, and says nothing against it.
    let others = "select count(*), min(id::text) from sheetload.loads \
         where table_oid = $1 and id <> $2::text::uuid and state <> 'undone' and superseded_by is null \
           and (state in ('running', 'complete') or route = 'in_place')";
    let row = transaction
        .query_one(others, &[&present.oid, &entry.id])
        .await?;
    let (others, first): (i64, Option<String>) = (row.get(0), row.get(1));
    if let Some(first) = first.filter(|_| others > 0) {
        return Ok(Some(match others {
            1 => format!("load {first} went into it, too"),
            _ => format!("{others} other loads went into it, too, {first} among them"),
        }));
    }
    let sql = format!(
        "select count(*), count(*) filter (where age(loaded.xmin) < ({AGE_OF_LAST_COMMIT})) from {} as loaded",
        present.name
    );
    let row = transaction.query_one(&sql, &[&entry.id]).await?;
    let (rows, changed): (i64, i64) = (row.get(0), row.get(1));
    if rows != entry.rows_loaded {
        let loaded = entry.rows_loaded;
        return Ok(Some(format!(
            "it holds {rows} rows, and {loaded} were loaded"
        )));
    }
    Ok((changed > 0).then(|| {
        if entry.has_ended {
            format!("{changed} of its rows changed since")
        } else {
            // Rows of its last batch may be younger than the batch's record, where some were refused.
            format!(
                "{changed} of its rows may have changed since; `sheetload resume` would settle that"
            )
        }
    }))
}

/// How many transactions ago the load last wrote to the ledger, which it does with each commit. A row that was written
/// since was not written by it.
const AGE_OF_LAST_COMMIT: &str = "\
    select min(age(written.xid)) from ( \
        select xmin as xid from sheetload.loads where id = $1::text::uuid and finished_at is not null \
        union all select xmin from sheetload.batches where load_id = $1::text::uuid \
        union all select xmin from sheetload.savepoints where load_id = $1::text::uuid) written";

/// Whether the table's figures are other ones than the receipt's, as the end of a sentence.
pub(super) async fn against_receipt(
    transaction: &Transaction<'_>,
    entry: &Entry,
    present: &PresentTable,
) -> Result<Option<String>> {
    let Some(text) = &entry.receipt else {
        return Ok(None);
    };
    let receipt: Option<Receipt> = serde_json::from_str(text).map_err(|error| {
        let message = format!("the receipt of load {} can't be read", entry.id);
        Error::new(ErrorKind::Internal, message).caused_by(error)
    })?;
    // That of a load that was resumed has the rows of the last attempt alone.
    let has_all_rows = |receipt: &Receipt| {
        receipt.columns.first().is_some_and(|column| {
            let rows = column.totals.nulls().saturating_add(column.totals.values());
            i64::try_from(rows) == Ok(entry.rows_loaded)
        })
    };
    let Some(receipt) = receipt.filter(has_all_rows) else {
        return Ok(None);
    };
    let mismatches = verify(transaction, &present.name, Scope::WholeTable, &receipt, 0).await?;
    Ok(mismatches
        .first()
        .map(|first| format!("it does not hold what was loaded: {first}")))
}

/// Rows that refer to the load's and are not the load's own, as `table by constraint`. Deleting the load's would be
/// refused for them, or would change them.
pub(super) async fn referring_rows(
    transaction: &Transaction<'_>,
    entry: &Entry,
    present: &PresentTable,
) -> Answer<Option<String>> {
    for constraint in transaction.query(REFERENCES, &[&present.oid]).await? {
        let (name, table, is_own): (String, String, bool) =
            (constraint.get(0), constraint.get(1), constraint.get(2));
        let condition: String = constraint.get(3);
        let not_own = if is_own {
            "and referring.\"_load_id\"::text is distinct from $1"
        } else {
            ""
        };
        let sql = format!(
            "select exists (select from {table} as referring join {} as loaded on {condition} \
             where loaded.\"_load_id\"::text = $1 {not_own})",
            present.name
        );
        if transaction.query_one(&sql, &[&entry.id]).await?.get(0) {
            return Ok(Some(format!("{table} by {name}")));
        }
    }
    Ok(None)
}

/// The foreign keys to a table: name, the other table, whether that is the same one, and the condition under which a
/// row of it, `referring`, refers to a row of the table, `loaded`.
const REFERENCES: &str = "\
    select c.conname::text, c.conrelid::regclass::text, c.conrelid = c.confrelid, \
           string_agg(format('referring.%I = loaded.%I', theirs.attname, ours.attname), ' and ') \
    from pg_catalog.pg_constraint c \
    cross join unnest(c.conkey, c.confkey) as k (theirs, ours) \
    join pg_catalog.pg_attribute theirs on theirs.attrelid = c.conrelid and theirs.attnum = k.theirs \
    join pg_catalog.pg_attribute ours on ours.attrelid = c.confrelid and ours.attnum = k.ours \
    where c.contype = 'f' and c.confrelid = $1 \
    group by c.oid, c.conname, c.conrelid, c.confrelid order by c.conname";
