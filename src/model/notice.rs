//! What is told while work goes on, before its report.

use std::time::Duration;

use super::deferred::DeferredParts;

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Which indexes and foreign keys of a table will wait for the rows.
    Deferring {
        /// The table.
        table: String,
        /// Its parts.
        parts: DeferredParts,
    },
    /// Something failed that may pass.
    TryingAgain {
        /// What kind of failure it was.
        trouble: Trouble,
        /// The error with its causes.
        reason: String,
        /// How long it is tried again.
        retry_for: Duration,
    },
    /// What failed has passed.
    Recovered(Trouble),
    /// A statement waits for a lock that somebody else holds.
    WaitingForLock(LockWait),
    /// No statement waits for a lock any more.
    LockGranted {
        /// How long was waited, as far as it was seen.
        after: Duration,
    },
    /// Connections on which nothing moves any more were given up.
    GaveUpConnections {
        /// How long nothing moved.
        after: Duration,
    },
}

/// What may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection could be opened.
    NoConnection,
    /// A connection was lost.
    ConnectionLost,
    /// The server refused something for the moment: a deadlock, a lack of memory.
    Refused,
}

/// A lock that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockWait {
    /// What is locked.
    pub lock: Lock,
    /// Who holds it; none if the server does not tell.
    pub holder: Option<LockHolder>,
}

/// What a lock is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// A table or an index of it, with its schema.
    Relation(String),
    /// A row of a table, which another transaction has changed or refers to.
    Row(String),
    /// Another transaction's end.
    Transaction,
    /// A number that programs agree on.
    Advisory,
    /// Something else.
    Other,
}

/// The session that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockHolder {
    /// A transaction that was prepared and not committed: no session has it.
    PreparedTransaction,
    /// A session.
    Session {
        /// Its process on the server.
        process: i32,
        /// What it is doing, such as `idle in transaction`, and for how long; none if this role may not know.
        state: Option<(String, Duration)>,
    },
}

impl LockWait {
    /// Whether it is the same wait, however long it takes.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let process = |wait: &Self| {
            wait.holder.as_ref().map(|holder| match holder {
                LockHolder::PreparedTransaction => 0,
                LockHolder::Session { process, .. } => *process,
            })
        };
        self.lock == other.lock && process(self) == process(other)
    }
}
