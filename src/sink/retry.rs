//! Trying again what may pass: after a pause that doubles, for a limited time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::classify::Evidence;
use super::notices::Notices;
use super::suspects::CellBudget;
use super::table_version::TableVersion;
use crate::error::{Error, ErrorKind};
use crate::model::notice::{Notice, Trouble};

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// For how long, and until when, something is tried again.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How long after the first failure in a row.
    pub retry_for: Duration,
    /// Ends a pause at once.
    pub stop: CancellationToken,
    /// How often something was tried again, and who is told.
    pub log: Arc<RetryLog>,
    /// How long an answer of the server is waited for.
    pub answers: Answers,
    /// What tells a row's fault from one of the table.
    pub watch: TableWatch,
}

/// What a load's writers know of the table together.
#[derive(Debug, Clone, Default)]
pub struct TableWatch {
    /// Whether it has taken a row.
    pub evidence: Evidence,
    /// What it must still be like when a batch is written; none where nobody else can alter it.
    pub version: Option<Arc<TableVersion>>,
    /// How many rows may still be looked at for all of their bad cells.
    pub cells: CellBudget,
}

/// What was tried again, and whether that is told: by the first of several that fail together, and by the last of them
/// that goes on.
#[derive(Debug, Default)]
pub struct RetryLog {
    notices: Arc<Notices>,
    state: Mutex<LogState>,
}

#[derive(Debug, Default)]
struct LogState {
    count: u64,
    /// Tries that have failed and neither succeeded nor given up yet.
    failing: usize,
    /// What of it was told.
    told: Option<Trouble>,
}

impl RetryLog {
    /// One whose notices go this way.
    #[must_use]
    pub fn telling(notices: &Arc<Notices>) -> Self {
        Self {
            notices: Arc::clone(notices),
            ..Self::default()
        }
    }

    /// How often something was tried again.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// Counts from the beginning.
    pub fn begin(&self) {
        self.state().count = 0;
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        // A panic elsewhere leaves whole numbers behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That something is tried again after the `nth` failure in a row.
    fn failed(&self, nth: u32, error: &Error, retry_for: Duration) {
        let mut state = self.state();
        state.count += 1;
        if nth == 1 {
            state.failing += 1;
        }
        let trouble = trouble(error);
        if state.told.is_none() && nth >= tells_from(trouble) {
            state.told = Some(trouble);
            self.notices.tell(Notice::TryingAgain {
                trouble,
                reason: error.with_causes(),
                retry_for,
            });
        }
    }

    /// That one of those that fail does so no more.
    fn ended(&self, end: TriesEnd) {
        let mut state = self.state();
        state.failing = state.failing.saturating_sub(1);
        if state.failing == 0
            && let Some(trouble) = state.told.take()
            && end == TriesEnd::Success
        {
            self.notices.tell(Notice::Recovered(trouble));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TriesEnd {
    Success,
    GivenUp,
}

fn trouble(error: &Error) -> Trouble {
    match error.kind() {
        ErrorKind::ConnectionLost => Trouble::ConnectionLost,
        ErrorKind::DatabaseUnreachable | ErrorKind::TooFewConnections => Trouble::NoConnection,
        _ => Trouble::Refused,
    }
}

/// At which failure in a row it is told: a deadlock is mostly over before anybody has read of it.
fn tells_from(trouble: Trouble) -> u32 {
    match trouble {
        Trouble::NoConnection | Trouble::ConnectionLost => 1,
        Trouble::Refused => 4,
    }
}

impl Retry {
    /// Never again.
    #[must_use]
    pub fn never() -> Self {
        Self {
            retry_for: Duration::ZERO,
            stop: CancellationToken::new(),
            log: Arc::default(),
            answers: Answers::default(),
            watch: TableWatch::default(),
        }
    }

    /// The tries at one thing.
    #[must_use]
    pub fn tries(&self) -> Tries<'_> {
        Tries {
            retry: self,
            failing_since: None,
            failures: 0,
            pause: FIRST_PAUSE,
        }
    }
}

/// The tries at one thing, of which some failed in a row.
#[derive(Debug)]
pub struct Tries<'r> {
    retry: &'r Retry,
    failing_since: Option<Instant>,
    /// Failures since it was told that one has passed.
    failures: u32,
    pause: Duration,
}

impl Drop for Tries<'_> {
    /// Who tries no more without having been told to give up has succeeded.
    fn drop(&mut self) {
        self.recovered();
    }
}

impl Tries<'_> {
    /// Pauses after a failure that may pass.
    ///
    /// # Errors
    /// The error itself, when the time is over, the load is being stopped, or the error is none that passes.
    pub async fn pause_after(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_transient() || self.retry.stop.is_cancelled() {
            return Err(self.give_up(error));
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let left = self.retry.retry_for.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(self.give_up(error));
        }
        let pause = with_jitter(self.pause).min(left);
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let log = &self.retry.log;
        log.failed(self.failures, &error, self.retry.retry_for);
        tracing::warn!(%error, ?pause, "trying again");
        tokio::select! {
            () = self.retry.stop.cancelled() => Err(self.give_up(error)),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    /// Tells that what failed has passed, although the tries are not over.
    pub fn recovered(&mut self) {
        self.end(TriesEnd::Success);
    }

    fn give_up(&mut self, error: Error) -> Error {
        self.end(TriesEnd::GivenUp);
        error
    }

    fn end(&mut self, end: TriesEnd) {
        if std::mem::take(&mut self.failures) > 0 {
            self.retry.log.ended(end);
        }
    }
}

/// Between half of the pause and all of it, so that workers that failed together do not come back together.
fn with_jitter(pause: Duration) -> Duration {
    // Without the system's random numbers the pause is whole.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    let share = f64::from(random) / f64::from(u32::MAX);
    pause.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn lost() -> Error {
        Error::new(ErrorKind::ConnectionLost, "the connection was lost")
    }

    fn for_secs(seconds: u64) -> Retry {
        Retry {
            retry_for: Duration::from_secs(seconds),
            ..Retry::never()
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_nothing_else() {
        let retry = for_secs(60);
        let mut tries = retry.tries();
        assert!(tries.pause_after(lost()).await.is_ok());
        let refused = Error::new(ErrorKind::DatabaseRefused, "no").with_sqlstate("42P01");
        assert!(tries.pause_after(refused).await.is_err());
        let deadlock = Error::new(ErrorKind::DatabaseRefused, "no").with_sqlstate("40P01");
        assert!(tries.pause_after(deadlock).await.is_ok());
        assert_eq!(retry.log.count(), 2);
    }

    #[tokio::test]
    async fn a_stop_and_no_time_end_the_tries() {
        assert!(Retry::never().tries().pause_after(lost()).await.is_err());
        let retry = for_secs(60);
        retry.stop.cancel();
        assert!(retry.tries().pause_after(lost()).await.is_err());
    }

    #[tokio::test]
    async fn an_outage_is_told_once_and_so_is_its_end() {
        let notices = Arc::new(Notices::default());
        let retry = Retry {
            log: Arc::new(RetryLog::telling(&notices)),
            ..for_secs(60)
        };
        {
            let (mut first, mut second) = (retry.tries(), retry.tries());
            assert!(first.pause_after(lost()).await.is_ok());
            assert!(second.pause_after(lost()).await.is_ok());
            assert!(first.pause_after(lost()).await.is_ok());
            assert_eq!(
                notices.take(),
                [Notice::TryingAgain {
                    trouble: Trouble::ConnectionLost,
                    reason: "the connection was lost".to_owned(),
                    retry_for: Duration::from_secs(60),
                }]
            );
            drop(first);
            assert_eq!(notices.take(), []);
        }
        assert_eq!(notices.take(), [Notice::Recovered(Trouble::ConnectionLost)]);
        // Nothing has passed when it is given up, and what passes at once is not told.
        let mut tries = retry.tries();
        assert!(tries.pause_after(lost()).await.is_ok());
        notices.take();
        let refused = Error::new(ErrorKind::DatabaseRefused, "no").with_sqlstate("42P01");
        assert!(tries.pause_after(refused).await.is_err());
        drop(tries);
        let deadlock = Error::new(ErrorKind::DatabaseRefused, "no").with_sqlstate("40P01");
        assert!(retry.tries().pause_after(deadlock).await.is_ok());
        assert_eq!(notices.take(), []);
    }

    #[test]
    fn jitter_stays_within_half_and_all() {
        for _ in 0..1_000 {
            let pause = with_jitter(Duration::from_secs(2));
            assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&pause));
        }
    }
}
