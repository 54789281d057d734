//! What a batch is written in: a transaction of its own, or a savepoint in one that holds the whole load.

use tokio_postgres::{Client, Error};

/// The statements around a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// The batch is committed by itself.
    Transaction,
    /// The batch is committed with all others.
    Savepoint,
}

impl Frame {
    /// Begins.
    pub(super) async fn begin(self, client: &Client) -> Result<(), Error> {
        client
            .batch_execute(match self {
                Self::Transaction => "begin",
                Self::Savepoint => "savepoint sheetload_batch",
            })
            .await
    }

    /// Undoes what was done since the beginning, and begins again.
    pub(super) async fn begin_again(self, client: &Client) -> Result<(), Error> {
        client
            .batch_execute(match self {
                Self::Transaction => "rollback; begin",
                Self::Savepoint => "rollback to savepoint sheetload_batch",
            })
            .await
    }

    /// Keeps what was done.
    pub(super) async fn end(self, client: &Client) -> Result<(), Error> {
        client
            .batch_execute(match self {
                Self::Transaction => "commit",
                Self::Savepoint => "release savepoint sheetload_batch",
            })
            .await
    }

    /// Undoes what was done.
    pub(super) async fn undo(self, client: &Client) -> Result<(), Error> {
        client
            .batch_execute(match self {
                Self::Transaction => "rollback",
                Self::Savepoint => {
                    "rollback to savepoint sheetload_batch; release savepoint sheetload_batch"
                }
            })
            .await
    }
}
