//! The migrations, embedded in the program.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result};

mod sample {
    refinery::embed_migrations!("migrations/sample");
}

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
