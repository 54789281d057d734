//! What a name stands for, and whether its rows can be replaced at all.

use tokio_postgres::Client;

use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::TableName;

/// A table whose rows shall be replaced.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// Its name with its schema.
    pub(super) name: TableName,
    pub(super) oid: u32,
    pub(super) kind: Kind,
}

/// Kinds of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An ordinary one or a partition.
    Ordinary,
    /// One that is nothing but its partitions.
    Partitioned,
    /// One that lies on another server.
    Foreign,
    /// A view, whose rows are others'.
    View,
}

impl Relation {
    /// Finds a table by its name.
    ///
    /// # Errors
    /// `TableUnusable` if there is none, or something else.
    pub(super) async fn find(client: &Client, name: &TableName) -> Result<Self> {
        let found = Self::look_at(client, name).await?;
        if found.kind != Kind::View {
            return Ok(found);
        }
        let message = format!("{} is a view: its rows cannot be replaced", name.plain());
        Err(Error::new(ErrorKind::TableUnusable, message)
            .in_table(name.plain())
            .next_step("Name the table behind the view, or say --if-exists append"))
    }

    /// The same for a view, too.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) async fn look_at(client: &Client, name: &TableName) -> Result<Self> {
        let row = client
            .query_opt(
                "select c.oid, n.nspname::text, c.relname::text, c.relkind::text \
                 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                 where c.oid = pg_catalog.to_regclass($1)::oid",
                &[&name.to_string()],
            )
            .await
            .map_err(|error| failed_to_look(error, name))?;
        let Some(row) = row else {
            let gone = Error::new(
                ErrorKind::TableUnusable,
                format!("there is no table {}", name.plain()),
            );
            return Err(gone.in_table(name.plain()));
        };
        let kind = match row.get::<_, &str>(3) {
            "r" => Kind::Ordinary,
            "p" => Kind::Partitioned,
            "f" => Kind::Foreign,
            "v" => Kind::View,
            _ => {
                let other = format!(
                    "{} is not a table that rows can be loaded into",
                    name.plain()
                );
                return Err(Error::new(ErrorKind::TableUnusable, other)
                    .in_table(name.plain())
                    .next_step("Name a table with --table"));
            }
        };
        Ok(Self {
            oid: row.get(0),
            name: TableName {
                schema: Some(row.get(1)),
                table: row.get(2),
            },
            kind,
        })
    }

    /// Makes sure that no rule puts rows elsewhere than into the table.
    ///
    /// # Errors
    /// `TableUnusable`, naming the rule.
    pub(super) async fn require_writable(&self, client: &Client) -> Result<()> {
        let rule = client
            .query_opt(
                "select rulename::text from pg_catalog.pg_rewrite \
                 where ev_class = $1 and ev_type = '3' and is_instead and ev_enabled <> 'D' limit 1",
                &[&self.oid],
            )
            .await
            .map_err(|error| self.failed_to_look(error))?;
        let Some(rule) = rule else {
            return Ok(());
        };
        let rule: String = rule.get(0);
        let table = self.name.plain();
        Err(self.unusable(
            format!("rule {rule} of {table} puts rows elsewhere"),
            format!("Load into the table that the rule writes to, or drop rule {rule}"),
        ))
    }

    /// An error that says why the rows of this table cannot be replaced, and what to do.
    pub(super) fn unusable(&self, message: String, next_step: impl Into<String>) -> Error {
        Error::new(ErrorKind::TableUnusable, message)
            .in_table(self.name.plain())
            .next_step(next_step)
    }

    /// The server's error to a question about this table.
    pub(super) fn failed_to_look(&self, error: tokio_postgres::Error) -> Error {
        failed_to_look(error, &self.name)
    }
}

fn failed_to_look(error: tokio_postgres::Error, name: &TableName) -> Error {
    error_from_postgres(error, &format!("look at table {}", name.plain())).in_table(name.plain())
}
