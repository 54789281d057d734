//! The runs: one after another, each from an empty table, each checked before the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::report::Sample;
use super::scenario::Scenario;
use super::scratch::{Scratch, ScratchTable};
use super::verify::{self, Outcome};
use super::{MODES, check, interrupted};
use crate::config::commit::Patience;
use crate::config::import::Mode;
use crate::db::pool::Database;
use crate::db::truncate::truncate;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::progress::Progress;
use crate::pipeline::{Load, LoadEnd, Pipeline, Writing};
use crate::sink::null::NullSink;
use crate::sink::retry::TableWatch;
use crate::source::RowSource;

/// The order of the modes in a run, counted from 1. It is rotated from run to run, so that each mode goes first, last
/// and between equally often: what comes later meets warmer caches and a busier checkpointer.
pub(super) fn order(run: usize) -> [Mode; MODES.len()] {
    let mut modes = MODES;
    modes.rotate_left((run - 1) % MODES.len());
    modes
}

/// Runs the modes and keeps what the next run needs.
pub(super) struct Race<'a> {
    pub(super) scenario: &'a Scenario<'a>,
    pub(super) interrupt: &'a CancellationToken,
    scratch: &'a Scratch,
    database: &'a Database,
    /// The open workbook; away while a load reads it.
    source: Option<Box<dyn RowSource>>,
    /// What the first run did: all others must do the same.
    first: Option<Outcome>,
}

impl<'a> Race<'a> {
    pub(super) fn new(
        scenario: &'a Scenario<'a>,
        scratch: &'a Scratch,
        source: Box<dyn RowSource>,
        database: &'a Database,
        interrupt: &'a CancellationToken,
    ) -> Self {
        Self {
            scenario,
            interrupt,
            scratch,
            database,
            source: Some(source),
            first: None,
        }
    }

    /// Reads and encodes all rows once without writing them, and gives their number.
    pub(super) async fn warm_up(&mut self) -> Result<u64> {
        let load = self.load(Mode::Batch, self.scratch.table(Mode::Batch)?)?;
        let progress = Arc::new(Progress::default());
        let pipeline = Pipeline::start(load, vec![NullSink], self.interrupt, &progress)?;
        let end = self.finished(pipeline, &progress).await?;
        Ok(end.totals.map_or(0, |totals| totals.rows))
    }

    /// Runs a mode once and checks what it did.
    ///
    /// # Errors
    /// What ended the load; `ResultsDiffer`, when the table or another run tells something else; `Interrupted`.
    pub(super) async fn measure(&mut self, mode: Mode, run: usize) -> Result<Sample> {
        check(self.interrupt)?;
        let table = self.scratch.table(mode)?;
        let client = self.database.get().await?;
        truncate(&client, &table.name).await?;
        // The workers may need all connections but one.
        drop(client);
        let workers = self.scenario.workers_in(mode);
        let load = self.load(mode, table)?;
        let progress = Arc::new(Progress::default());
        let started = Instant::now();
        let writing = Writing {
            mode,
            table: &table.name,
            database: self.database,
            workers,
            transaction: None,
            ledger: None,
            patience: Patience {
                retry_for: Duration::ZERO,
                ..Patience::default()
            },
            watch: TableWatch::default(),
        };
        let pipeline = Box::pin(Pipeline::open(load, writing, self.interrupt, &progress)).await?;
        let end = self.finished(pipeline, &progress).await?;
        let seconds = started.elapsed().as_secs_f64();
        let outcome = Outcome::new(mode, run, &end, &progress.snapshot());
        verify::counted(self.database, table, &outcome).await?;
        let sample = Sample {
            mode: mode.name(),
            run,
            seconds,
            rows: outcome.loaded,
            rejected: outcome.rejected,
        };
        match &self.first {
            Some(first) => outcome.same_as(first)?,
            None => self.first = Some(outcome),
        }
        Ok(sample)
    }

    /// Checks that all modes' tables hold equal rows.
    pub(super) async fn verify_tables(&self) -> Result<()> {
        verify::tables_equal(self.database, self.scenario, self.scratch, self.interrupt).await
    }

    fn load(&mut self, mode: Mode, table: &ScratchTable) -> Result<Load> {
        let source = self.source.take().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the workbook was not given back by the run before",
            )
        })?;
        Ok(Load::new(
            &self.scenario.config.import(mode),
            source,
            self.scenario.target.columns_of(0),
            table.constraint_columns.clone(),
        ))
    }

    /// Waits for a load, takes the workbook back, and makes an error of everything but a complete load.
    async fn finished(&mut self, pipeline: Pipeline, progress: &Progress) -> Result<LoadEnd> {
        let mut end = Box::pin(pipeline.wait()).await?;
        self.source = end.source.take();
        if !end.errors.is_empty() {
            return Err(end.errors.swap_remove(0));
        }
        if end.accounts_for_all_rows(&progress.snapshot()) {
            Ok(end)
        } else if self.interrupt.is_cancelled() {
            Err(interrupted())
        } else {
            Err(Error::new(
                ErrorKind::Internal,
                "a load ended without an error, but not all rows are accounted for",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_goes_first_last_and_between_equally_often() {
        for place in 0..MODES.len() {
            for mode in MODES {
                let times = (1..=6).filter(|run| order(*run)[place] == mode).count();
                assert_eq!(times, 2, "{mode:?} in place {place}");
            }
        }
        assert_eq!(order(1), MODES);
    }
}
