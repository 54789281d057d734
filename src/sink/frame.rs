//! What a batch is written in: a transaction of its own, or a savepoint in one that holds the whole load.

use futures_util::future::join;
use tokio_postgres::{Client, Error};

use super::copy_stream::CopyError;
use super::table_version::VersionCheck;

/// The statements around a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// The batch is committed by itself.
    Transaction,
    /// The batch is committed with all others.
    Savepoint,
}

impl Frame {
    /// Begins, and makes sure that the table is as it was, if that is to be checked.
    ///
    /// # Errors
    /// What the server says, and what is different.
    pub(super) async fn begin(
        self,
        client: &Client,
        check: Option<&VersionCheck>,
    ) -> Result<(), CopyError> {
        let sql = match self {
            Self::Transaction => BEGIN,
            Self::Savepoint => "savepoint sheetload_batch",
        };
        begin_by(sql, client, check).await
    }

    /// Undoes what was done since the beginning, and begins again.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(super) async fn begin_again(
        self,
        client: &Client,
        check: Option<&VersionCheck>,
    ) -> Result<(), CopyError> {
        match self {
            Self::Transaction => {
                let rolled_back = client.batch_execute("rollback");
                // In one flight.
                let (rolled_back, begun) = join(rolled_back, begin_by(BEGIN, client, check)).await;
                rolled_back.map_err(CopyError::Refused)?;
                begun
            }
            Self::Savepoint => {
                let undone = client.batch_execute("rollback to savepoint sheetload_batch");
                undone.await.map_err(CopyError::Refused)
            }
        }
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

/// Each statement sees what others have committed before it: a column that was altered, above all.
const BEGIN: &str = "begin isolation level read committed";

/// What begins goes out in one flight with what takes the lock and what checks.
async fn begin_by(
    sql: &str,
    client: &Client,
    check: Option<&VersionCheck>,
) -> Result<(), CopyError> {
    let Some(check) = check else {
        return client.batch_execute(sql).await.map_err(CopyError::Refused);
    };
    let begin = format!("{sql}; {}", check.lock());
    let both = join(client.batch_execute(&begin), check.require_same(client));
    // Large, and part of every future that writes a batch.
    let (begun, same) = Box::pin(both).await;
    begun.map_err(CopyError::Refused)?;
    same.map_err(CopyError::Altered)
}
