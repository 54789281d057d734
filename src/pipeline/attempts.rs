//! The attempts at a load: one, and again from the first row where nothing was committed and the reason may pass.

use super::attempt::{Attempt, Start};
use super::import::Context;
use super::recording::Recording;
use super::target::Target;
use crate::error::Result;
use crate::sink::held::LateConstraints;
use crate::source::RowSource;

impl Context<'_> {
    /// Tries to load all rows, again from the first one where nothing was committed and the reason may pass.
    pub(super) async fn attempts(
        &self,
        target: &mut Target,
        mut sources: Vec<Box<dyn RowSource>>,
        recording: Option<&Recording>,
    ) -> Result<Attempt> {
        let retry = self.retry();
        let (mut tries, mut late) = (retry.tries(), LateConstraints::AtCommit);
        let sheets = sources.len();
        loop {
            let transaction = match self.make_ready(target, recording, late).await {
                Ok(transaction) => transaction,
                Err(error) => match tries.pause_after(error).await {
                    Ok(()) => continue,
                    Err(error) => {
                        self.record_failure(target, recording, &error).await;
                        return Err(error);
                    }
                },
            };
            tries.recovered();
            let mut attempt =
                Box::pin(self.attempt(target, sources, recording, transaction)).await?;
            target.tell(&mut attempt.end.errors);
            if late == LateConstraints::AtCommit
                && attempt.end.errors.is_empty()
                && self.violates_late_constraints(&mut attempt).await
            {
                // Once more, with each row checked at once, so that those at fault are found.
                late = LateConstraints::Immediate;
            } else {
                self.place(target, recording, &mut attempt).await;
                if attempt.sources.len() == sheets && target.was_refused_late(&mut attempt) {
                    late = LateConstraints::Immediate;
                } else {
                    let reason = self.may_begin_again(target, &attempt);
                    let Some(reason) = reason.filter(|_| attempt.sources.len() == sheets) else {
                        return self.attempted(target, recording, attempt).await;
                    };
                    let error = attempt.end.errors.swap_remove(reason);
                    if let Err(error) = tries.pause_after(error).await {
                        attempt.end.errors.insert(0, error);
                        return self.attempted(target, recording, attempt).await;
                    }
                }
            }
            if attempt.sources.len() < sheets {
                return Ok(attempt);
            }
            if let Some(transaction) = &attempt.transaction {
                // A connection that is lost has rolled back by itself.
                let _rolled_back = transaction.roll_back().await;
            }
            self.progress.begin_attempt();
            if let Some(rejects) = &self.rejects {
                rejects.restart().await?;
            }
            sources = attempt.sources;
        }
    }

    /// The last attempt; an error if it was none, after what was made for it is removed.
    async fn attempted(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        mut attempt: Attempt,
    ) -> Result<Attempt> {
        if attempt.start == Start::Made || attempt.end.errors.is_empty() {
            return Ok(attempt);
        }
        let error = attempt.end.errors.swap_remove(0);
        self.take_back(target, &attempt).await;
        self.record_failure(target, recording, &error).await;
        Err(error)
    }
}
