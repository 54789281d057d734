//! The migrations, embedded in the program.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result, error_from_postgres};

mod sample {
    refinery::embed_migrations!("migrations/sample");
}

mod ledger {
    refinery::embed_migrations!("migrations/ledger");
}

/// The table that records which of the ledger's migrations a database has, in the ledger's own schema.
const LEDGER_HISTORY_TABLE: &str = "sheetload.schema_history";

/// The table that records which migrations a database has.
const HISTORY_TABLE: &str = "sheetload_schema_history";

/// A migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
}

/// Creates the sample's `businesses` table, or brings it up to date. Gives what was applied now; nothing when the
/// database had it all.
///
/// # Errors
/// `MigrationFailed`, with the server's reason: a table of that name that is not ours, a missing right.
pub async fn apply_sample(client: &mut Client) -> Result<Vec<Applied>> {
    let mut runner = sample::migrations::runner();
    runner.set_migration_table_name(HISTORY_TABLE);
    apply(&runner, client).await
}

/// Creates the ledger's tables, or brings them up to date. The schema is there already.
///
/// # Errors
/// `MigrationFailed`, with the server's reason.
pub(super) async fn apply_ledger(client: &mut Client) -> Result<()> {
    let mut runner = ledger::migrations::runner();
    runner.set_migration_table_name(LEDGER_HISTORY_TABLE);
    apply(&runner, client).await.map(|_applied| ())
}

/// Whether the database has the newest of the ledger's migrations, by one query.
///
/// # Errors
/// What the server says, such as that the ledger belongs to somebody else.
pub(super) async fn ledger_is_current(client: &Client) -> Result<bool> {
    let failed = |error| error_from_postgres(error, "look for the ledger");
    let exists: bool = client
        .query_one(
            "select pg_catalog.to_regclass($1) is not null",
            &[&LEDGER_HISTORY_TABLE],
        )
        .await
        .map_err(failed)?
        .get(0);
    if !exists {
        return Ok(false);
    }
    let newest = ledger::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max();
    let applied: Option<i64> = client
        .query_one(
            &format!("select max(version)::bigint from {LEDGER_HISTORY_TABLE}"),
            &[],
        )
        .await
        .map_err(failed)?
        .get(0);
    // A newer program may have been here; its tables hold what this one writes.
    Ok(applied >= newest)
}

async fn apply(runner: &refinery::Runner, client: &mut Client) -> Result<Vec<Applied>> {
    let report = runner.run_async(client).await.map_err(|error| {
        Error::new(
            ErrorKind::MigrationFailed,
            "the migrations could not be applied",
        )
        .caused_by(error)
        .next_step("The database is as it was; see the reason above, mend it, and run it again")
    })?;
    Ok(report
        .applied_migrations()
        .iter()
        .map(|migration| Applied {
            version: i64::from(migration.version()),
            name: migration.name().to_owned(),
        })
        .collect())
}
