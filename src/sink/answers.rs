//! How long an answer of the server is waited for.

use std::time::Duration;

use super::TableName;
use crate::error::{Error, ErrorKind, Result};

/// The server itself ends a statement that takes too long; what it says of that needs a moment to come here.
const GRACE: Duration = Duration::from_secs(5);

/// How long an answer is waited for. With a connection that is cut without a word, which no end of it notices, an answer
/// would be waited for until the system gives the connection up, in hours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers {
    statement_timeout: Option<Duration>,
}

impl Answers {
    /// Answers to statements that the server ends after this time; without one, an answer may take as long as it does.
    #[must_use]
    pub fn within(statement_timeout: Option<Duration>) -> Self {
        Self { statement_timeout }
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// `ConnectionLost` when there is none in time.
    pub(super) async fn wait<T>(
        self,
        question: impl Future<Output = T>,
        table: &TableName,
    ) -> Result<T> {
        let Some(limit) = self.statement_timeout else {
            return Ok(question.await);
        };
        let limit = limit.saturating_add(GRACE);
        tokio::time::timeout(limit, question)
            .await
            .map_err(|_late| {
                Error::new(
                    ErrorKind::ConnectionLost,
                    format!(
                        "cannot write rows to {}: the server has not answered for {} seconds",
                        table.plain(),
                        limit.as_secs()
                    ),
                )
                .in_table(table.plain())
                .next_step("Look into the network between here and the server")
            })
    }
}
