//! What is to be told while work goes on, from whoever finds it out to whoever shows it.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::notice::Notice;

/// Notices on their way.
#[derive(Debug, Default)]
pub struct Notices {
    waiting: Mutex<Vec<Notice>>,
    added: Notify,
}

impl Notices {
    /// Adds one.
    pub fn tell(&self, notice: Notice) {
        // A panic elsewhere leaves whole notices behind.
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(notice);
        drop(waiting);
        self.added.notify_one();
    }

    /// What there is to be told, each notice once.
    pub fn take(&self) -> Vec<Notice> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }

    /// Waits until there is something to be told.
    pub async fn added(&self) {
        self.added.notified().await;
    }
}
