//! Staged rows go where they belong piece by piece, without those that the table refuses.

use std::collections::VecDeque;

use futures_util::future::join;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as DriverError};

use crate::error::{Error, ErrorKind, Result};
use crate::sink::Refusal;
use crate::sink::classify::{Blame, MOST_SUSPECTS, blame, may_be_of_statement, refusal, row_fault};
use crate::sink::search::Search;

/// How an attempt to put rows where they belong ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// They are there.
    Taken,
    /// None of them is. With the server's error, if a row may be at fault; two rows for the same one of the table, by way of a
    /// trigger that changes keys, are not apart.
    Refused(Option<DriverError>),
}

/// Rows that were refused, each with its ordinal.
pub(super) type RefusedRows = Vec<(i64, Refusal)>;

/// The rows of one search, and whether any row was taken before it.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    /// The ordinals, in their order.
    pub(super) ordinals: &'a [i64],
    /// Whether all of them have been tried at once.
    pub(super) tried: Tried,
    /// Whether the table has taken a row of the load.
    pub(super) evidence: bool,
}

/// Whether all rows have been tried at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    No,
    Refused,
}

/// Whether the statement was tried without any row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    Untried,
    Tried,
}

impl Pieces<'_> {
    /// Puts the rows in place by attempts at some of them, and gives those that are refused. `failed` makes the error of a
    /// load whose rows are all refused for a reason that does not speak of them.
    ///
    /// # Errors
    /// What is no row's fault.
    pub(super) async fn put(
        &self,
        failed: impl Fn(DriverError) -> Error,
        mut attempt: impl AsyncFnMut(&[i64]) -> Result<Attempt>,
    ) -> Result<RefusedRows> {
        let mut search = Search::new(self.ordinals.len());
        if self.tried == Tried::Refused && self.ordinals.len() > 1 {
            search.failed(None);
        }
        let (mut refused, mut suspects) = (RefusedRows::new(), VecDeque::new());
        let (mut evidence, mut statement) = (self.evidence, Statement::Untried);
        while let Some(piece) = search.next().and_then(|rows| self.ordinals.get(rows)) {
            match (attempt(piece).await?, piece) {
                (Attempt::Taken, _) => {
                    evidence = true;
                    search.succeeded();
                }
                (Attempt::Refused(Some(error)), [ordinal]) => {
                    let Some(fault) = row_fault(&error) else {
                        return Err(failed(error));
                    };
                    refused.push((*ordinal, refusal(0, fault)));
                    search.refused();
                    if statement == Statement::Untried && may_be_of_statement(fault) {
                        statement = Statement::Tried;
                        // What refuses no rows at all refuses the statement.
                        if let Attempt::Refused(Some(error)) = attempt(&[]).await? {
                            return Err(failed(error));
                        }
                    }
                    let is_suspect = blame(fault) == Blame::Suspect;
                    if is_suspect && !evidence {
                        suspects.push_back(error);
                    }
                }
                // One row can't come twice; if the server says so all the same, no other row is at fault either.
                (Attempt::Refused(None), [_]) => {
                    let message = "a row was refused as one that comes twice, alone";
                    return Err(Error::new(ErrorKind::Internal, message));
                }
                (Attempt::Refused(_), _) => search.failed(None),
            }
            if !evidence && suspects.len() >= MOST_SUSPECTS {
                break;
            }
        }
        match suspects.len() {
            // A single one has nothing to compare it with.
            0 | 1 => Ok(refused),
            _ if evidence => Ok(refused),
            _ => match suspects.pop_front() {
                Some(first) => Err(failed(first)),
                None => Ok(refused),
            },
        }
    }
}

/// Runs a statement under a savepoint, in one flight. Nothing of it stays where a row may be at fault, the savepoint
/// neither: thousands of them within each other would make every statement slower.
///
/// # Errors
/// What the server says, if no row is at fault.
pub(super) async fn under_savepoint<T>(
    client: &Client,
    statement: impl Future<Output = Result<T, DriverError>>,
) -> Result<Result<T, Option<DriverError>>, DriverError> {
    let (begun, done) = join(client.batch_execute("savepoint sheetload_rows"), statement).await;
    begun?;
    let error = match done {
        Ok(done) => {
            client
                .batch_execute("release savepoint sheetload_rows")
                .await?;
            return Ok(Ok(done));
        }
        Err(error) => error,
    };
    let is_twice = error.code() == Some(&SqlState::CARDINALITY_VIOLATION);
    if !is_twice && row_fault(&error).is_none() {
        return Err(error);
    }
    client
        .batch_execute("rollback to savepoint sheetload_rows; release savepoint sheetload_rows")
        .await?;
    Ok(Err(if is_twice { None } else { Some(error) }))
}
