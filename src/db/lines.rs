//! The connections that are open: which process of the server serves each, how its statement is cancelled, and how it is
//! given up when nothing moves on it any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio_postgres::CancelToken;

use super::session::Process;

/// A connection that is open.
#[derive(Clone)]
pub(super) struct Line {
    /// The process that serves it.
    pub(super) process: Process,
    pub(super) token: CancelToken,
    /// What moves its messages. Once it is ended, whoever waits for an answer learns that the connection is lost.
    pub(super) task: AbortHandle,
}

/// Whose a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// The connection's that was added.
    One,
    /// Another one's, too: it was not added.
    Several,
}

/// Connections that are open. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<Line>>>);

impl Lines {
    fn open(&self) -> MutexGuard<'_, Vec<Line>> {
        // A panic elsewhere leaves whole entries behind.
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| !line.task.is_finished());
        lines
    }

    /// Adds one, unless its process serves another one.
    pub(super) fn add(&self, line: Line) -> Served {
        let mut lines = self.open();
        if lines.iter().any(|other| other.process == line.process) {
            return Served::Several;
        }
        lines.push(line);
        Served::One
    }

    /// The processes that serve them.
    pub(super) fn processes(&self) -> Vec<Process> {
        self.open().iter().map(|line| line.process).collect()
    }

    /// How their statements are cancelled.
    pub(super) fn tokens(&self) -> Vec<CancelToken> {
        self.open().iter().map(|line| line.token.clone()).collect()
    }

    /// Gives up those that are served by processes of these numbers, or all.
    pub(super) fn give_up(&self, processes: Option<&[i32]>) {
        for line in self.open().iter() {
            if processes.is_none_or(|processes| processes.contains(&line.process.number)) {
                line.task.abort();
            }
        }
    }
}
