//! Rows of a staging table take the place of a table's rows, or the staging table takes a table's place.
//!
//! [`plan`] looks at the table before anything is read or created and chooses between two ways:
//!
//! - [`Replacement::Rename`]: the staging table is an exact copy of the table without its rows. At the end the table is
//!   dropped and the copy gets its name: the rows are written once. Only for a table on whose identity nothing hangs.
//! - [`Replacement::Rewrite`]: the staged rows go into the table itself, which was emptied in the same transaction. The
//!   table keeps all that hangs on it, and the rows are written twice. Tables that inherit from it keep their rows;
//!   partitions don't.
//!
//! Either way a reader finds the rows that were there before until the transaction is committed, and the new ones
//! afterwards; while a table is emptied by TRUNCATE and filled they wait. A transaction of isolation level REPEATABLE READ that began before and reads the table for the first time
//! afterwards is the exception that PostgreSQL itself makes for TRUNCATE (PostgreSQL documentation, "Concurrency
//! Control", "Caveats"): of a table emptied by TRUNCATE it sees no row, of a renamed one those that were staged when it
//! began.
//!
//! Numbers of serial columns are drawn from the table's sequence while a renamed copy is loaded; a load that fails
//! leaves a gap, as an INSERT that is rolled back does. The copy's default depends on that sequence: as long as a copy is
//! there, the table can be dropped with CASCADE only. An identity column of the copy has its own sequence, which
//! begins where the table's stands; a load that fails leaves the table's alone. In a rewritten table all numbers are
//! drawn when the rows are put into it.

mod blueprint;
mod created;
mod exchange;
pub(in crate::db) mod facts;
mod filling;
mod grants;
mod likeness;
mod obstacles;
mod references;
mod rehearsing;
mod relation;
mod rewrite;
mod staging;

use tokio_postgres::{Client, Transaction};

pub use blueprint::Blueprint;
pub use created::publish_created;
pub(in crate::db) use created::table_exists;
pub use filling::{Filling, judges_itself};
pub use rehearsing::TryIn;
pub use rewrite::Rewrite;

use crate::db::ddl;
use crate::db::merge::Merged;
use crate::error::{Error, ErrorKind, Result};
use crate::model::table::TableName;
use likeness::Likeness;
use relation::Relation;
use staging::numbered;

/// How a table's rows are replaced.
#[derive(Debug, Clone)]
pub enum Replacement {
    /// A copy takes the table's place.
    Rename(Blueprint),
    /// The staged rows are put into the table itself.
    Rewrite(Rewrite),
}

/// Decides how a table's rows will be replaced. Changes nothing.
///
/// # Errors
/// `TableUnusable`, naming what stands in the way: no such table, something that is not a table, rows of other tables
/// that refer to it, rules that would divert the rows. `PermissionDenied` without the right to delete rows where they
/// have to be. What the server says.
pub async fn plan(client: &Client, table: &TableName) -> Result<Replacement> {
    let relation = Relation::find(client, table).await?;
    relation.require_writable(client).await?;
    let obstacles = obstacles::obstacles(client, relation.oid)
        .await
        .map_err(|error| relation.failed_to_look(error))?;
    match obstacles.into_iter().next() {
        None => Blueprint::of(client, relation)
            .await
            .map(Replacement::Rename),
        Some(because) => Rewrite::of(client, relation, because)
            .await
            .map(Replacement::Rewrite),
    }
}

/// Creates a copy of the table that refuses the rows that the table refuses, but for what depends on the table's other
/// rows, to try rows in it: with the table's constraints, unique indexes and foreign keys, and sequences of its own.
/// Triggers and rules are not copied.
///
/// # Errors
/// What the server says.
pub async fn create_copy(client: &Client, copy: &TableName, table: &TableName) -> Result<()> {
    let relation = Relation::look_at(client, table).await?;
    let likeness = Likeness::of(client, &relation).await?;
    likeness.create(client, copy).await?;
    filling::add_ordinals(client, copy).await
}

/// The same for rows that are staged already, by an attempt whose copy may be of either kind: they are put into the table
/// itself.
///
/// # Errors
/// As [`plan`].
pub async fn plan_again(
    client: &Client,
    table: &TableName,
    staging: &TableName,
) -> Result<Replacement> {
    let relation = Relation::find(client, table).await?;
    relation.require_writable(client).await?;
    let because = "the load was resumed".to_owned();
    let rewrite = Rewrite::of(client, relation, because).await?;
    let rewrite = rewrite.of_staged(client, staging).await?;
    Ok(Replacement::Rewrite(rewrite))
}

/// Tries staged rows in place of a table's, in a transaction that must be rolled back.
///
/// # Errors
/// As [`plan`] and [`Replacement::publish`].
pub async fn try_in_place(transaction: &Transaction<'_>, filling: &Filling<'_>) -> Result<Merged> {
    let client = transaction.client();
    let relation = Relation::find(client, filling.table).await?;
    let because = "the rows are tried".to_owned();
    let rewrite = Rewrite::of(client, relation, because).await?;
    let rewrite = rewrite.of_staged(client, filling.staging).await?;
    rewrite
        .rewrite(transaction, filling.staging, filling.columns)
        .await
}

impl Replacement {
    /// Creates the staging table that the rows are loaded into, in the table's schema.
    ///
    /// A copy that turns out to differ from the table, in something that the server does not copy or that this program
    /// does not know, is not used: the table will be rewritten instead.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create_staging(&mut self, client: &Client, staging: &TableName) -> Result<()> {
        if let Self::Rename(blueprint) = self {
            let Some(difference) = blueprint.create_staging(client, staging).await? else {
                return Ok(());
            };
            ddl::drop_table(client, staging).await?;
            let because = format!("a copy of it would differ in {difference}");
            let relation = Relation::find(client, blueprint.table()).await?;
            *self = Self::Rewrite(Rewrite::of(client, relation, because).await?);
        }
        match self {
            Self::Rename(_) => Ok(()),
            Self::Rewrite(rewrite) => rewrite.create_staging(client, staging).await,
        }
    }

    /// Gives the staging table a column for the places of its rows in the sheets, [`crate::db::merge::ORDINAL_COLUMN`], where
    /// the table itself may refuse rows at the end: by these they are found. The load has to fill it then.
    ///
    /// # Errors
    /// What the server says.
    pub async fn number_rows(&mut self, client: &Client, staging: &TableName) -> Result<()> {
        match self {
            Self::Rename(_) => Ok(()),
            Self::Rewrite(rewrite) => rewrite.add_ordinals(client, staging).await,
        }
    }

    /// Puts the staged rows in place, and removes the staging table. `columns` are the columns that the load wrote; the
    /// table must have them. Where the table is rewritten its other columns get their defaults.
    ///
    /// # Errors
    /// `TableUnusable` when the table was changed meanwhile, and what the server says: a foreign key or a trigger of a
    /// rewritten table may refuse the rows only now. The transaction must then be rolled back.
    pub async fn publish(
        &self,
        transaction: &Transaction<'_>,
        staging: &TableName,
        columns: &[String],
    ) -> Result<()> {
        let rows = self.publish_rows(transaction, staging, columns).await?;
        let first = rows.and_then(|rows| rows.refused.into_iter().next());
        match first {
            None => Ok(()),
            Some((_, refusal)) => {
                let message = format!("a row cannot be put in place: {}", refusal.message);
                Err(Error::new(ErrorKind::RowRejected, message).with_sqlstate(refusal.sqlstate))
            }
        }
    }

    /// The same, but for rows that the table refuses. Says what became of the rows of a table that is rewritten.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn publish_rows(
        &self,
        transaction: &Transaction<'_>,
        staging: &TableName,
        columns: &[String],
    ) -> Result<Option<Merged>> {
        match self {
            Self::Rename(blueprint) => {
                blueprint.swap(transaction, staging).await?;
                Ok(None)
            }
            Self::Rewrite(rewrite) => {
                let rows = rewrite.rewrite(transaction, staging, columns).await?;
                ddl::drop_table(transaction.client(), staging).await?;
                Ok(Some(rows))
            }
        }
    }

    /// Whether the staged rows carry their places in the sheets.
    #[must_use]
    pub fn has_ordinals(&self) -> bool {
        match self {
            Self::Rename(_) => false,
            Self::Rewrite(rewrite) => rewrite.has_ordinals(),
        }
    }

    /// The table's own name of an index or a constraint that the server names in the staging table, to tell a user why a
    /// row was refused; `None` for one that has the same name in both.
    #[must_use]
    pub fn original_name(&self, staging: &TableName, name: &str) -> Option<&str> {
        let indexes = match self {
            Self::Rename(blueprint) => blueprint.indexes(),
            Self::Rewrite(rewrite) => rewrite.indexes(),
        };
        (1..)
            .zip(indexes)
            .find(|(number, _)| numbered(staging, *number) == name)
            .map(|(_, index)| index.name.as_str())
    }

    /// Why the rows have to be written twice, if they have to: completes "because".
    #[must_use]
    pub fn because(&self) -> Option<&str> {
        match self {
            Self::Rename(_) => None,
            Self::Rewrite(rewrite) => Some(rewrite.because()),
        }
    }
}
