//! Watches a load that stands still: tells which lock it waits for, and gives up connections on which nothing moves.
//!
//! The system gives a silent connection up after a quarter of an hour or never. TCP_USER_TIMEOUT would be sooner, but it
//! ends a connection, too, whose other end is there and takes no more bytes for a while: a server that waits for a lock in
//! the midst of a COPY. So the server is asked over another connection, and only where a load seems to stand still.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::import::Run;
use super::progress::{Phase, Snapshot};
use crate::db::lookout::{Doing, Lookout, SeenLine, Within, is_out_of_reach};
use crate::model::notice::{LockWait, Notice};

/// How often is looked whether the load stands still.
const TICK: Duration = Duration::from_secs(1);
/// After how long the server is asked.
const STANDSTILL: Duration = Duration::from_secs(1);
/// After how long a wait for the same lock is told again.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How long nothing may move on a connection: as long as is tried again, within these.
const SILENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));
/// The same once the load is to stop.
const SILENCE_AT_THE_END: Duration = Duration::from_secs(5);
/// Where the server has no connection for a look.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Runs a load and watches it meanwhile.
pub(super) async fn watched<T>(
    run: Run<'_>,
    retry_for: Duration,
    load: impl Future<Output = T>,
) -> T {
    let mut load = pin!(load);
    let watching = Box::pin(async move { Watch::over(&run, retry_for).watch().await });
    tokio::select! {
        biased;
        done = &mut load => done,
        never = watching => match never {},
    }
}

/// A load that is watched.
struct Watch<'r> {
    run: &'r Run<'r>,
    retry_for: Duration,
    lookout: Lookout<'r>,
    /// The counters, and since when they are so.
    counters: (Snapshot, Instant),
    /// What was seen at the look before.
    before: Vec<SeenLine>,
    /// Since when nothing has moved on any connection.
    unmoved_since: Option<Instant>,
    /// Since when no look was answered.
    unanswered_since: Option<Instant>,
    not_before: Instant,
    waiting: Option<Waiting>,
}

/// A wait for a lock that was told.
struct Waiting {
    lock: LockWait,
    since: Instant,
    told: Instant,
}

impl Drop for Watch<'_> {
    /// The load is over, and waits no more.
    fn drop(&mut self) {
        self.granted();
    }
}

impl<'r> Watch<'r> {
    fn over(run: &'r Run<'r>, retry_for: Duration) -> Self {
        let now = Instant::now();
        Self {
            run,
            retry_for,
            lookout: Lookout::over(run.database),
            counters: (run.progress.snapshot(), now),
            before: Vec::new(),
            unmoved_since: None,
            unanswered_since: None,
            not_before: now,
            waiting: None,
        }
    }

    async fn watch(mut self) -> Infallible {
        loop {
            sleep(TICK).await;
            if !self.stands_still() {
                self.goes_on();
            } else if Instant::now() >= self.not_before {
                self.look().await;
            }
        }
    }

    /// Whether the load seems to wait for the server.
    fn stands_still(&mut self) -> bool {
        let now = self.run.progress.snapshot();
        if now != self.counters.0 {
            self.counters = (now, Instant::now());
        }
        let is_still = self.counters.1.elapsed() >= STANDSTILL;
        match now.phase {
            Phase::Loading => {
                let write = self.run.progress.longest_write();
                write.is_some_and(|write| write >= STANDSTILL) || (is_still && self.is_to_stop())
            }
            Phase::Inferring | Phase::Done => is_still && self.is_to_stop(),
            Phase::Opening | Phase::Publishing => is_still,
        }
    }

    fn is_to_stop(&self) -> bool {
        self.run.interrupt.is_cancelled()
    }

    fn goes_on(&mut self) {
        self.granted();
        self.before.clear();
        self.unmoved_since = None;
        self.unanswered_since = None;
        self.lookout.rest();
    }

    /// How long nothing may move.
    fn limit(&self) -> Duration {
        match self.is_to_stop() {
            true => SILENCE_AT_THE_END,
            false => self.retry_for.clamp(SILENCE.0, SILENCE.1),
        }
    }

    async fn look(&mut self) {
        let since = *self.unanswered_since.get_or_insert_with(Instant::now);
        let (limit, is_to_stop) = (self.limit(), self.is_to_stop());
        let seen = tokio::select! {
            seen = self.lookout.look() => Some(seen),
            () = sleep_until(since + limit) => None,
            // Then the limit is another one.
            () = self.run.interrupt.cancelled(), if !is_to_stop => return,
        };
        match seen {
            Some(Ok(lines)) => {
                self.unanswered_since = None;
                self.look_at_locks(&lines);
                self.look_at_movement(lines).await;
            }
            Some(Err(error)) if !is_out_of_reach(&error) => {
                tracing::debug!(%error, "the load cannot be watched");
                self.unanswered_since = None;
                self.not_before = Instant::now() + LOOK_AGAIN_AFTER;
            }
            Some(Err(_)) | None if since.elapsed() >= limit => {
                self.give_up(None, since.elapsed());
                self.unanswered_since = None;
            }
            Some(Err(_)) | None => {}
        }
    }

    fn look_at_locks(&mut self, lines: &[SeenLine]) {
        let mut waits = lines.iter().filter_map(lock_of);
        // One that was there a moment ago, too: most are over sooner.
        let lasting = waits.find(|wait| {
            let mut before = self.before.iter().filter_map(lock_of);
            before.any(|before| before.is_same(wait))
        });
        let Some(wait) = lasting else {
            if lines.iter().all(|line| lock_of(line).is_none()) {
                self.granted();
            }
            return;
        };
        let now = Instant::now();
        let (since, is_told) = match &self.waiting {
            Some(told) => (
                told.since,
                told.lock.is_same(wait) && told.told.elapsed() < TELL_AGAIN_AFTER,
            ),
            None => (now, false),
        };
        if !is_told {
            self.waiting = Some(Waiting {
                lock: wait.clone(),
                since,
                told: now,
            });
            self.tell(Notice::WaitingForLock(wait.clone()));
        }
    }

    fn granted(&mut self) {
        // Of a load that is to stop other things are told.
        if let Some(waiting) = self.waiting.take()
            && !self.is_to_stop()
        {
            let after = waiting.since.elapsed();
            self.tell(Notice::LockGranted { after });
        }
    }

    /// Gives connections up when the server waits for us on all of them while we wait for the server.
    async fn look_at_movement(&mut self, lines: Vec<SeenLine>) {
        let limit = self.limit();
        let (is_to_stop, write) = (self.is_to_stop(), self.run.progress.longest_write());
        let waits_for_server = is_to_stop || write.is_some_and(|write| write >= limit);
        let waits_for_us = lines.iter().all(|line| match line.doing {
            Doing::WaitsForUs { within, .. } => within != Within::UnknownCopy || is_to_stop,
            Doing::Working | Doing::WaitsForLock(_) => false,
        });
        let is_unmoved = waits_for_us && lines == self.before;
        self.before = lines;
        if !is_unmoved {
            self.unmoved_since = None;
            return;
        }
        let since = *self.unmoved_since.get_or_insert_with(Instant::now);
        if !waits_for_server || since.elapsed() < limit {
            return;
        }
        let is_within = |line: &&SeenLine| {
            !matches!(
                line.doing,
                Doing::WaitsForUs {
                    within: Within::Nothing,
                    ..
                }
            )
        };
        // The connection that speaks for the load is idle, and may be sound.
        let within = self.before.iter().filter(is_within);
        let within: Vec<i32> = within.map(|line| line.process).collect();
        let silent = (!within.is_empty()).then_some(within);
        if let Some(processes) = &silent
            && let Err(error) = self.lookout.terminate(processes).await
        {
            tracing::debug!(%error, "silent sessions could not be ended");
        }
        self.give_up(silent.as_deref(), since.elapsed());
        self.unmoved_since = None;
    }

    fn give_up(&mut self, processes: Option<&[i32]>, after: Duration) {
        if self.run.database.has_connections() {
            self.tell(Notice::GaveUpConnections { after });
            self.run.database.give_up_connections(processes);
        }
        self.lookout.rest();
        self.before.clear();
    }

    fn tell(&self, notice: Notice) {
        self.run.progress.tell(notice);
    }
}

fn lock_of(line: &SeenLine) -> Option<&LockWait> {
    match &line.doing {
        Doing::WaitsForLock(wait) => Some(wait),
        Doing::Working | Doing::WaitsForUs { .. } => None,
    }
}
