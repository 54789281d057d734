//! The modes against each other: the same sheet into throw-away tables shaped like the target, on the same server.
//!
//! A [`scenario`](scenario::Scenario) says what is compared, the race runs it and takes [`Sample`]s, and the
//! [`CompareReport`] says what they come to.
//!
//! **What is timed:** a load of a workbook that is open already, into an empty table, over connections that are open
//! already: preparing the statements, reading the rows, converting, encoding, sending and committing them. Not timed:
//! opening the workbook, looking at the table, finding types, emptying the table, and all checks.
//!
//! **What makes it fair:** every run reads the same open workbook from its first row; one reading before the first
//! run warms the caches; each round runs every mode once, and each round begins with another mode.
//!
//! **What is verified:** after each run, that the table holds as many rows as were reported, and that the mode has
//! loaded and rejected the same rows as the others; at the end, that the tables hold equal rows.

mod leftovers;
mod race;
pub mod report;
mod scenario;
mod scratch;
mod verify;

use tokio_util::sync::CancellationToken;

pub use report::{CompareReport, ModeReport, Sample, Summary};
pub use scratch::NAME_PREFIX;

use crate::config::compare::CompareConfig;
use crate::config::import::Mode;
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, Result};
use leftovers::{Alive, drop_leftovers};
use race::Race;
use scenario::Scenario;
use scratch::Scratch;

/// The modes that are compared. The first is what the others are measured against.
pub const MODES: [Mode; 3] = [Mode::Sequential, Mode::Concurrent, Mode::Batch];

/// What happens during a comparison.
#[derive(Debug, Clone, Copy)]
pub enum CompareEvent<'a> {
    /// The workbook was read once, and the throw-away tables are there.
    Prepared {
        /// Rows of the sheet.
        rows: u64,
    },
    /// A run ended well.
    Measured {
        /// What it came to.
        sample: &'a Sample,
        /// How many runs of each mode there will be.
        runs: usize,
    },
    /// All runs are done; the tables are compared.
    Verifying,
}

/// Compares the modes. `workers` connections write where a mode may have several; the database must have two more.
/// Cancelling `interrupt` ends it after the batches, or the statement, in hand. However it ends, the throw-away tables
/// are dropped; the target is only looked at. Dropping the future leaves them to the next comparison: they are named
/// [`NAME_PREFIX`], the process's id, the time and the mode.
///
/// # Errors
/// What keeps a run from ending well; `ResultsDiffer` when the modes did not do the same; `Interrupted`. When the
/// throw-away tables cannot be dropped, the next step is the statement that drops them.
pub async fn compare(
    config: &CompareConfig,
    database: &Database,
    workers: usize,
    interrupt: &CancellationToken,
    listener: &mut dyn FnMut(CompareEvent<'_>),
) -> Result<CompareReport> {
    config.validate()?;
    let (scenario, source) =
        Box::pin(Scenario::prepare(config, database, workers, interrupt)).await?;
    let mut scratch = Scratch::plan(scenario.target.name());
    let alive = Alive::begin(database, scratch.prefix()).await?;
    drop_leftovers(database).await;
    // Nothing between here and `drop_all` may return: what is created must be dropped.
    let result = match scratch.create(database, &scenario.target).await {
        Ok(()) => {
            let race = Race::new(&scenario, &scratch, source, database, interrupt);
            Box::pin(run(race, listener)).await
        }
        Err(error) => Err(error),
    };
    let dropped = scratch.drop_all(database).await;
    alive.end().await;
    match (result, dropped) {
        (result, Ok(())) => result,
        (Ok(_), Err(left_over)) => Err(left_over),
        // What went wrong first is the error, but what is left behind must be said too.
        (Err(error), Err(left_over)) => Err(match left_over.advice() {
            Some(advice) => error.next_step(advice),
            None => error,
        }),
    }
}

async fn run(
    mut race: Race<'_>,
    listener: &mut dyn FnMut(CompareEvent<'_>),
) -> Result<CompareReport> {
    let rows = race.warm_up().await?;
    listener(CompareEvent::Prepared { rows });
    let runs = race.scenario.config.runs.get();
    let mut samples = Vec::with_capacity(runs * MODES.len());
    for run in 1..=runs {
        for mode in race::order(run) {
            let sample = race.measure(mode, run).await?;
            listener(CompareEvent::Measured {
                sample: &sample,
                runs,
            });
            samples.push(sample);
        }
    }
    check(race.interrupt)?;
    listener(CompareEvent::Verifying);
    race.verify_tables().await?;
    report::write(race.scenario, rows, samples)
}

/// Stops between two steps when the user wants it.
fn check(interrupt: &CancellationToken) -> Result<()> {
    if interrupt.is_cancelled() {
        Err(interrupted())
    } else {
        Ok(())
    }
}

fn interrupted() -> Error {
    Error::new(
        ErrorKind::Interrupted,
        "interrupted before the comparison was finished",
    )
}
