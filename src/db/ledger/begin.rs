//! The beginning and the end of a load in the ledger.

use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::history::IS_ALIVE;
use super::install::telling_rights;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::TableName;

/// A load that is about to begin.
#[derive(Debug, Clone)]
pub struct NewLoad {
    /// Its id.
    pub id: Uuid,
    /// The workbook's path.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its sheets that are loaded.
    pub sheets: Vec<String>,
    /// The cells that are loaded: empty for all, or a range or a name.
    pub selection: String,
    /// The table, with its schema.
    pub table: TableName,
    /// Its oid; none for one that is to be created at the end.
    pub table_oid: Option<u32>,
    /// The staging table in the same schema.
    pub staging: Option<String>,
    /// `in_place`, `one_transaction` or `staged`.
    pub route: &'static str,
    /// `append`, `create`, `replace` or `upsert`.
    pub effect: &'static str,
    /// Whether rows carry the load's id.
    pub has_lineage: bool,
    /// The mode's name.
    pub mode: &'static str,
    /// The commit mode's name.
    pub commit_mode: &'static str,
    /// The settings.
    pub options: Value,
    /// For each sheet, which of its columns goes where.
    pub columns: Value,
}

/// The connection that speaks for a load.
const SESSION: &str = "\
    (select backend_start from pg_catalog.pg_stat_activity where pid = pg_catalog.pg_backend_pid())";

/// Waits, until the end of the transaction that is open, for others that begin to load the same file into the same table.
///
/// # Errors
/// What the server says.
pub async fn lock_file(client: &Client, load: &NewLoad) -> Result<()> {
    let hex: String = load
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let locked = client
        .execute(
            "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))",
            &[&format!("sheetload {hex} {}", load.table)],
        )
        .await;
    locked.map(|_| ()).map_err(not_recorded)
}

/// Records that a load begins, spoken for by this connection. Gives its first attempt. When the same was tried before
/// over a connection that was lost, this one takes it up.
///
/// # Errors
/// What the server says.
pub async fn begin(client: &Client, load: &NewLoad) -> Result<i32> {
    let sql = format!(
        "insert into sheetload.loads \
             (id, file, file_sha256, sheets, selection, table_schema, table_name, table_oid, staging_name, route, \
              effect, has_lineage, mode, commit_mode, options, columns, session_pid, session_start) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
                 pg_catalog.pg_backend_pid(), {SESSION}) \
         on conflict (id) do update set session_pid = excluded.session_pid, session_start = excluded.session_start \
         returning attempt"
    );
    let begun = client
        .query_one(
            &sql,
            &[
                &load.id,
                &load.file,
                &&load.sha256[..],
                &load.sheets,
                &load.selection,
                &load.table.schema.as_deref().unwrap_or_default(),
                &load.table.table,
                &load.table_oid,
                &load.staging,
                &load.route,
                &load.effect,
                &load.has_lineage,
                &load.mode,
                &load.commit_mode,
                &load.options,
                &load.columns,
            ],
        )
        .await;
    begun.map(|row| row.get(0)).map_err(not_recorded)
}

/// Records that an unfinished load goes on, spoken for by this connection, and gives the new attempt. From then on no
/// batch of the attempt before can be committed: this waits for those that are being written.
///
/// # Errors
/// `LoadSettled` when another attempt began since `attempt`; what the server says.
pub async fn begin_again(client: &mut Client, id: Uuid, attempt: i32) -> Result<i32> {
    let sql = format!(
        "update sheetload.loads set attempt = attempt + 1, state = 'running', error = null, finished_at = null, \
             session_pid = pg_catalog.pg_backend_pid(), session_start = {SESSION} \
         where id = $1 and attempt = $2 and state not in ('complete', 'undone') returning attempt"
    );
    let transaction = client.transaction().await.map_err(not_recorded)?;
    transaction
        .batch_execute(&format!("set local lock_timeout = {LINGERING_MILLIS}"))
        .await
        .map_err(not_recorded)?;
    let begun = transaction.query_opt(&sql, &[&id, &attempt]).await;
    let begun = begun.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE) => lingers(id),
        _ => not_recorded(error),
    })?;
    let Some(begun) = begun else {
        return Err(Error::new(
            ErrorKind::LoadSettled,
            format!("load {id} was taken up by another `sheetload resume`"),
        )
        .next_step("See how it goes with `sheetload history`"));
    };
    let attempt: i32 = begun.get(0);
    // Rows that commit one by one are counted in these. Those of whole batches stay as they are, with the `xmin` by which
    // their rows are known.
    transaction
        .execute(
            "update sheetload.batches b set attempt = $2 from sheetload.loads l \
             where b.load_id = $1 and l.id = $1 and l.mode <> 'batch'",
            &[&id, &attempt],
        )
        .await
        .map_err(not_recorded)?;
    transaction.commit().await.map_err(not_recorded)?;
    Ok(attempt)
}

/// How long the transactions of the attempt before may take to end.
const LINGERING_MILLIS: u32 = 10_000;

fn lingers(id: Uuid) -> Error {
    Error::new(
        ErrorKind::LoadSettled,
        format!("the server still holds a transaction of load {id} open"),
    )
    .next_step(format!(
        "Wait until it gives it up, or end it: select pg_terminate_backend(pid) from pg_locks \
         where relation = 'sheetload.loads'::regclass and pid <> pg_backend_pid(); then run `sheetload resume {id}` again"
    ))
}

/// Forgets what an attempt has recorded, because its rows went with the table they were in. The next one begins anew.
///
/// # Errors
/// What the server says.
pub async fn forget_batches(client: &Client, id: Uuid) -> Result<()> {
    for table in ["batches", "rejects", "savepoints"] {
        client
            .execute(
                &format!("delete from sheetload.{table} where load_id = $1"),
                &[&id],
            )
            .await
            .map_err(not_recorded)?;
    }
    let begins_anew = "update sheetload.loads set is_prepared = false where id = $1";
    let updated = client.execute(begins_anew, &[&id]).await;
    updated.map(|_| ()).map_err(not_recorded)
}

/// Records, in the transaction that makes it so, that the table is as the first row needs it. One that is created at the
/// end has no oid yet.
///
/// # Errors
/// What the server says.
pub async fn set_prepared(client: &Client, id: Uuid, table: &TableName) -> Result<()> {
    let set = client
        .execute(
            "update sheetload.loads set is_prepared = true, table_oid = pg_catalog.to_regclass($2)::oid where id = $1",
            &[&id, &table.to_string()],
        )
        .await;
    set.map(|_| ()).map_err(not_recorded)
}

/// How the rows of a load get to where they belong, when that is settled anew.
#[derive(Debug, Clone)]
pub struct NewRoute {
    /// `in_place`, `one_transaction` or `staged`.
    pub route: &'static str,
    /// `append`, `create`, `replace` or `upsert`.
    pub effect: &'static str,
    /// The staging table in the table's schema.
    pub staging: Option<String>,
    /// For each sheet, which of its columns goes where.
    pub columns: Value,
}

/// Records that a load begins anew, by another way maybe.
///
/// # Errors
/// What the server says.
pub async fn set_route(client: &Client, id: Uuid, route: &NewRoute) -> Result<()> {
    let set = client
        .execute(
            "update sheetload.loads set is_prepared = false, route = $2, effect = $3, staging_name = $4, columns = $5 where id = $1",
            &[
                &id,
                &route.route,
                &route.effect,
                &route.staging,
                &route.columns,
            ],
        )
        .await;
    set.map(|_| ()).map_err(not_recorded)
}

/// Records that this connection speaks for a load from now on.
///
/// # Errors
/// What the server says.
pub async fn speak_for(client: &Client, id: Uuid, attempt: i32) -> Result<()> {
    let sql = format!(
        "update sheetload.loads set session_pid = pg_catalog.pg_backend_pid(), session_start = {SESSION} \
         where id = $1 and attempt = $2"
    );
    let set = client.execute(&sql, &[&id, &attempt]).await;
    set.map(|_| ()).map_err(not_recorded)
}

/// Whether the table is as the first row needs it: asked when the answer to that was lost.
///
/// # Errors
/// What the server says.
pub async fn is_prepared(client: &Client, id: Uuid) -> Result<bool> {
    let found = client
        .query_opt(
            "select is_prepared from sheetload.loads where id = $1 for share",
            &[&id],
        )
        .await;
    let found = found.map_err(not_recorded)?;
    Ok(found.is_some_and(|row| row.get(0)))
}

/// How a load ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// `complete`, `interrupted` or `failed`.
    pub state: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// Rows read, loaded and rejected.
    pub rows: [u64; 3],
    /// What was loaded, for each column.
    pub receipt: Value,
    /// Whether the rows took the place of all that were in the table before.
    pub replaces: bool,
}

/// Records the end of a load. Within the transaction that puts the rows in place both happen, or neither.
///
/// # Errors
/// `LoadSettled` when another attempt has begun; what the server says.
pub async fn end(
    client: &Client,
    id: Uuid,
    attempt: i32,
    table: &TableName,
    ending: &Ending,
) -> Result<()> {
    let [read, loaded, rejected] = ending
        .rows
        .map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
    let ended = client
        .execute(
            "update sheetload.loads set state = $3, error = $4, rows_read = $5, rows_loaded = $6, rows_rejected = $7, \
                 receipt = $8, finished_at = pg_catalog.clock_timestamp(), session_pid = null, session_start = null, \
                 table_oid = coalesce(pg_catalog.to_regclass($9)::oid, table_oid) \
             where id = $1 and attempt = $2 and state <> 'complete'",
            &[
                &id,
                &attempt,
                &ending.state,
                &ending.error,
                &read,
                &loaded,
                &rejected,
                &ending.receipt,
                &table.to_string(),
            ],
        )
        .await
        .map_err(not_recorded)?;
    if ended == 0 {
        return Err(Error::new(
            ErrorKind::LoadSettled,
            format!("load {id} was taken up by another `sheetload resume`"),
        )
        .next_step("See how it goes with `sheetload history`"));
    }
    if ending.state == "complete" {
        // The rows are verified, so that nobody asks for the marks any more.
        client
            .execute(
                "delete from sheetload.savepoints where load_id = $1",
                &[&id],
            )
            .await
            .map_err(not_recorded)?;
    }
    if ending.state == "complete" && ending.replaces {
        client
            .execute(
                // One that was killed counts as running until it is gone on with.
                &format!(
                    "update sheetload.loads l set superseded_by = $1 \
                     where id <> $1 and superseded_by is null and state <> 'undone' \
                       and (state <> 'running' or not {IS_ALIVE}) and table_schema = $2 and table_name = $3"
                ),
                &[
                    &id,
                    &table.schema.as_deref().unwrap_or_default(),
                    &table.table,
                ],
            )
            .await
            .map_err(not_recorded)?;
    }
    Ok(())
}

/// Whether the ledger says that a load is complete: asked when the connection was lost while that was being committed.
/// The server may still be at it; its transaction holds a lock on the load's row, and this waits for it to end.
///
/// # Errors
/// What the server says; a lock that cannot be had in time may be had later.
pub async fn is_complete(client: &mut Client, id: Uuid, attempt: i32) -> Result<bool> {
    let transaction = client.transaction().await.map_err(not_recorded)?;
    transaction
        .batch_execute(&format!("set local lock_timeout = {LINGERING_MILLIS}"))
        .await
        .map_err(not_recorded)?;
    let found = transaction
        .query_opt(
            "select state = 'complete' from sheetload.loads where id = $1 and attempt = $2 for share",
            &[&id, &attempt],
        )
        .await
        .map_err(not_recorded)?;
    transaction.commit().await.map_err(not_recorded)?;
    Ok(found.is_some_and(|row| row.get(0)))
}

pub(super) fn not_recorded(error: tokio_postgres::Error) -> Error {
    telling_rights(error_from_postgres(error, "write the ledger"))
}
