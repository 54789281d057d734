//! The ledger's tables, made when they are first needed.

use tokio_postgres::Client;

use crate::db::migrate;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};

/// Two programs that begin at the same time make the tables one after the other. The number is the program's name in
/// ASCII, cut to eight bytes.
const INSTALL_LOCK: i64 = 0x7368_6565_746c_6f61;

/// Whether the database has a ledger.
///
/// # Errors
/// What the server says.
pub async fn is_installed(client: &Client) -> Result<bool> {
    let found = client
        .query_one(
            "select pg_catalog.to_regclass('sheetload.loads') is not null",
            &[],
        )
        .await;
    found
        .map(|row| row.get(0))
        .map_err(|error| telling_rights(error_from_postgres(error, "look for the ledger")))
}

/// Says which rights a role needs for a ledger that another one made.
pub fn telling_rights(error: Error) -> Error {
    if error.kind() != ErrorKind::PermissionDenied {
        return error;
    }
    error.next_step(
        "Ask for usage on the schema sheetload and for select, insert, update and delete on its tables; a load does without if --no-ledger is said",
    )
}

/// Makes the ledger's schema and tables, or brings them up to date.
///
/// # Errors
/// `PermissionDenied` or `MigrationFailed` when they cannot be made, with the way to do without.
pub async fn install(client: &mut Client) -> Result<()> {
    let failed = |error| error_from_postgres(error, "make the ledger");
    let is_current = migrate::ledger_is_current(client).await;
    if is_current.map_err(telling_rights)? {
        return Ok(());
    }
    let locked = client
        .execute("select pg_catalog.pg_advisory_lock($1)", &[&INSTALL_LOCK])
        .await;
    locked.map_err(failed)?;
    let made = make(client).await;
    // The lock ends with the session at the latest.
    let unlocked = client
        .execute("select pg_catalog.pg_advisory_unlock($1)", &[&INSTALL_LOCK])
        .await;
    made?;
    unlocked.map(|_| ()).map_err(failed)
}

async fn make(client: &mut Client) -> Result<()> {
    let created = client
        .batch_execute("create schema if not exists sheetload")
        .await
        .map_err(|error| error_from_postgres(error, "make the schema sheetload for the ledger"));
    match created {
        Ok(()) => migrate::apply_ledger(client).await,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(without_ledger(&error)),
        Err(error) => Err(error),
    }
}

fn without_ledger(cause: &Error) -> Error {
    Error::new(cause.kind(), cause.message())
        .with_sqlstate(cause.facts().sqlstate.as_deref().unwrap_or_default())
        .next_step(
            "Ask for the right to create schemas in this database, or load with --no-ledger; such a load cannot be resumed",
        )
}
