//! The staged rows go into the table itself.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use super::exchange::Exchange;
use super::filling::{Filling, add_ordinals};
use super::likeness::Likeness;
use super::references::{Reference, references, require_no_references};
use super::relation::{Kind, Relation};
use super::staging::Index;
use crate::db::merge::{Merged, ORDINAL_COLUMN};
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::{TableName, quote_identifier};

/// How a table's rows are replaced where they are.
#[derive(Debug, Clone)]
pub struct Rewrite {
    relation: Relation,
    because: String,
    emptying: Emptying,
    likeness: Likeness,
    ordinals: StagedOrdinals,
}

/// Whether the staged rows carry their places in the sheets, by which those that the table refuses are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StagedOrdinals {
    /// They do.
    Written,
    /// They do not: one that the table refuses ends the load.
    None,
}

/// How the table is emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Emptying {
    /// With TRUNCATE.
    Truncate,
    /// With DELETE, where TRUNCATE is refused.
    Delete {
        /// The names of the foreign keys that point to the table.
        keys: Vec<String>,
        /// Those that would change or forbid more than a row that is replaced by one of the same key.
        guards: Vec<Reference>,
    },
}

impl Rewrite {
    /// Finds out how the table can be emptied.
    ///
    /// # Errors
    /// `TableUnusable` when it can't, `PermissionDenied` without the right to, and what the server says.
    pub(super) async fn of(client: &Client, relation: Relation, because: String) -> Result<Self> {
        let references = references(client, &relation).await?;
        let emptying = if references.is_empty() && relation.kind != Kind::Foreign {
            Emptying::Truncate
        } else {
            require_delete(client, &relation).await?;
            let keys = references.iter().map(|reference| reference.name.clone());
            let keys = keys.collect();
            let guards: Vec<Reference> = references
                .into_iter()
                .filter(|reference| !reference.lets_keys_come_back())
                .collect();
            require_no_references(client, &relation, &guards).await?;
            Emptying::Delete { keys, guards }
        };
        Ok(Self {
            because,
            emptying,
            likeness: Likeness::of(client, &relation).await?,
            relation,
            ordinals: StagedOrdinals::None,
        })
    }

    /// The same for rows that are staged already.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn of_staged(self, client: &Client, staging: &TableName) -> Result<Self> {
        let numbered = client
            .query_one(
                "select exists (select from pg_catalog.pg_attribute a \
                 where a.attrelid = pg_catalog.to_regclass($1)::oid and a.attname = $2 and not a.attisdropped)",
                &[&staging.to_string(), &ORDINAL_COLUMN],
            )
            .await
            .map_err(|error| self.relation.failed_to_look(error))?;
        let ordinals = match numbered.get(0) {
            true => StagedOrdinals::Written,
            false => StagedOrdinals::None,
        };
        Ok(Self { ordinals, ..self })
    }

    /// Whether the staged rows carry their places in the sheets.
    pub(super) fn has_ordinals(&self) -> bool {
        self.ordinals == StagedOrdinals::Written
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.relation.name
    }

    /// Why a copy can't take the table's place: completes "because".
    #[must_use]
    pub fn because(&self) -> &str {
        &self.because
    }

    /// The table's indexes; the n-th one is the staging table's n-th.
    pub(super) fn indexes(&self) -> &[Index] {
        self.likeness.indexes()
    }

    /// Creates the staging table.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create_staging(&self, client: &Client, staging: &TableName) -> Result<()> {
        self.likeness.create(client, staging).await
    }

    /// Gives the staging table a column for the places of its rows in the sheets.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn add_ordinals(
        &mut self,
        client: &Client,
        staging: &TableName,
    ) -> Result<()> {
        add_ordinals(client, staging).await?;
        self.ordinals = StagedOrdinals::Written;
        Ok(())
    }

    /// Empties the table, puts the staged rows into it, and says what became of them. The other columns get their defaults.
    ///
    /// # Errors
    /// `TableUnusable` when rows cannot be removed; what the server says, which may refuse rows for a foreign key, a
    /// trigger or a policy. The transaction must then be rolled back.
    pub async fn rewrite(
        &self,
        transaction: &Transaction<'_>,
        staging: &TableName,
        columns: &[String],
    ) -> Result<Merged> {
        let rows_of = self.rows_of();
        let failed = |error| self.failed(error);
        let filling = Filling {
            table: self.table(),
            staging,
            columns,
        };
        transaction
            .batch_execute("set constraints all immediate")
            .await
            .map_err(failed)?;
        let client = transaction.client();
        match &self.emptying {
            Emptying::Truncate => {
                let truncate = format!("truncate {rows_of}");
                transaction.batch_execute(&truncate).await.map_err(failed)?;
                self.fill(client, &filling).await
            }
            // No foreign key can point to it.
            Emptying::Delete { .. } if self.relation.kind == Kind::Foreign => {
                let delete = format!("delete from {rows_of}");
                transaction.batch_execute(&delete).await.map_err(failed)?;
                let rows = self.fill(client, &filling).await?;
                self.require_swept(transaction, rows.inserted).await?;
                Ok(rows)
            }
            Emptying::Delete { keys, guards } => {
                // Nobody can refer to a row from here on: that needs a lock which this one excludes.
                let lock = format!("lock table {} in exclusive mode", filling.table);
                transaction.batch_execute(&lock).await.map_err(failed)?;
                require_no_references(client, &self.relation, guards).await?;
                let exchange = Exchange {
                    rows: filling,
                    rows_of: &rows_of,
                    oid: self.relation.oid,
                    keys,
                };
                let rows = match self.ordinals {
                    StagedOrdinals::Written => exchange.put(client, failed).await?,
                    StagedOrdinals::None => {
                        all_of(exchange.all(client, None).await.map_err(failed)?)
                    }
                };
                self.require_swept(transaction, rows.inserted).await?;
                Ok(rows)
            }
        }
    }

    /// Puts the staged rows into the table, which is empty.
    async fn fill(&self, client: &Client, filling: &Filling<'_>) -> Result<Merged> {
        match self.ordinals {
            StagedOrdinals::Written => filling.fill(client).await,
            StagedOrdinals::None => {
                let inserted = client.execute(&filling.insert("true", None), &[]).await;
                inserted.map_err(|error| self.failed(error)).map(all_of)
            }
        }
    }

    /// The table as what its rows are taken from: without those of tables that inherit from it, which are tables of
    /// their own, but with those of its partitions.
    fn rows_of(&self) -> String {
        match self.relation.kind {
            Kind::Ordinary | Kind::Foreign => format!("only {}", self.table()),
            Kind::Partitioned | Kind::View => self.table().to_string(),
        }
    }

    /// Makes sure that no trigger or rule kept a row from being deleted.
    async fn require_swept(&self, transaction: &Transaction<'_>, inserted: u64) -> Result<()> {
        let (table, rows_of) = (self.table(), self.rows_of());
        let row = transaction
            .query_one(&format!("select pg_catalog.count(*) from {rows_of}"), &[])
            .await
            .map_err(|error| self.failed(error))?;
        let rows: i64 = row.get(0);
        if u64::try_from(rows) == Ok(inserted) {
            return Ok(());
        }
        Err(self.relation.unusable(
            format!(
                "not all rows of {} can be replaced: it holds {rows} rows where {inserted} were put",
                table.plain()
            ),
            "Look for a trigger that keeps rows from being deleted, or say --if-exists append",
        ))
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let is_of_a_key = error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION)
            || error.code() == Some(&SqlState::RESTRICT_VIOLATION);
        let table = self.table().plain();
        let error =
            error_from_postgres(error, &format!("replace the rows of {table}")).in_table(table);
        if is_of_a_key && self.emptying != Emptying::Truncate {
            return error.next_step(
                "Load the rows that other tables refer to, too, or say --key and --on-conflict update instead",
            );
        }
        error
    }
}

/// Rows of which none was refused.
fn all_of(inserted: u64) -> Merged {
    Merged {
        inserted,
        ..Merged::default()
    }
}

/// Makes sure that DELETE removes all rows, and may.
async fn require_delete(client: &Client, relation: &Relation) -> Result<()> {
    let row = client
        .query_one(
            "select pg_catalog.has_table_privilege($1::oid, 'delete'), pg_catalog.row_security_active($1::oid), \
                    (select rulename::text from pg_catalog.pg_rewrite \
                     where ev_class = $1 and ev_type = '4' and ev_enabled <> 'D' limit 1), \
                    (pg_catalog.pg_relation_is_updatable($1::oid::pg_catalog.regclass, false) & 24) = 24, \
                    session_user::text",
            &[&relation.oid],
        )
        .await
        .map_err(|error| relation.failed_to_look(error))?;
    let table = relation.name.plain();
    let (allowed, filtered, rule, writable, user): (bool, bool, Option<String>, bool, String) =
        (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
    if !allowed {
        let message = format!("user {user:?} lacks the right to delete from table {table}");
        let step = format!(
            "Ask the table's owner to grant delete on {} to {}, or connect as another user",
            relation.name,
            quote_identifier(&user)
        );
        return Err(Error::new(ErrorKind::PermissionDenied, message)
            .in_table(table)
            .with_sqlstate("42501")
            .next_step(step));
    }
    if let Some(rule) = rule {
        return Err(relation.unusable(
            format!("rule {rule} of {table} keeps its rows from being deleted in the usual way"),
            format!("Drop rule {rule} before the load, or say --if-exists append"),
        ));
    }
    if filtered {
        return Err(relation.unusable(
            format!("row security keeps rows of {table} from being deleted"),
            "Connect as a user who bypasses row security, or say --if-exists append",
        ));
    }
    if !writable {
        return Err(relation.unusable(
            format!("{table} does not let its rows be replaced"),
            "Say --if-exists append",
        ));
    }
    Ok(())
}
