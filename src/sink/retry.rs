//! Trying again what may pass: after a pause that doubles, for a limited time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::classify::Evidence;
use super::table_version::TableVersion;
use crate::error::Error;

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
    /// How often something was tried again.
    pub count: Arc<AtomicU64>,
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
}

impl Retry {
    /// Never again.
    #[must_use]
    pub fn never() -> Self {
        Self {
            retry_for: Duration::ZERO,
            stop: CancellationToken::new(),
            count: Arc::default(),
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
            pause: FIRST_PAUSE,
        }
    }
}

/// The tries at one thing, of which some failed in a row.
#[derive(Debug)]
pub struct Tries<'r> {
    retry: &'r Retry,
    failing_since: Option<Instant>,
    pause: Duration,
}

impl Tries<'_> {
    /// Pauses after a failure that may pass.
    ///
    /// # Errors
    /// The error itself, when the time is over, the load is being stopped, or the error is none that passes.
    pub async fn pause_after(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_transient() || self.retry.stop.is_cancelled() {
            return Err(error);
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let left = self.retry.retry_for.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(error);
        }
        let pause = with_jitter(self.pause).min(left);
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.retry.count.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%error, ?pause, "trying again");
        tokio::select! {
            () = self.retry.stop.cancelled() => Err(error),
            () = tokio::time::sleep(pause) => Ok(()),
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
        assert_eq!(retry.count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_stop_and_no_time_end_the_tries() {
        assert!(Retry::never().tries().pause_after(lost()).await.is_err());
        let retry = for_secs(60);
        retry.stop.cancel();
        assert!(retry.tries().pause_after(lost()).await.is_err());
    }

    #[test]
    fn jitter_stays_within_half_and_all() {
        for _ in 0..1_000 {
            let pause = with_jitter(Duration::from_secs(2));
            assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&pause));
        }
    }
}
