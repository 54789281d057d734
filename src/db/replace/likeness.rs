//! A table that refuses the rows that another one refuses.

use tokio_postgres::Client;

use super::relation::Relation;
use super::staging::{ForeignKey, Index, foreign_keys, indexes, numbered};
use crate::db::ddl;
use crate::error::{Result, error_from_postgres};
use crate::model::table::TableName;

/// What a table's rows have to meet, as far as it does not depend on rows that the table has.
#[derive(Debug, Clone)]
pub(super) struct Likeness {
    table: TableName,
    indexes: Vec<Index>,
    foreign_keys: Vec<ForeignKey>,
    /// The condition that a partition's rows meet.
    partition: Option<String>,
}

impl Likeness {
    /// That of a table.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn of(client: &Client, relation: &Relation) -> Result<Self> {
        let partition = client
            .query_one(
                "select pg_catalog.pg_get_partition_constraintdef($1)",
                &[&relation.oid],
            )
            .await
            .map_err(|error| relation.failed_to_look(error))?;
        Ok(Self {
            table: relation.name.clone(),
            indexes: indexes(client, relation).await?,
            foreign_keys: foreign_keys(client, relation).await?,
            partition: partition.get(0),
        })
    }

    /// The indexes; the n-th one is a copy's n-th.
    pub(super) fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// Creates a table in its likeness: unlogged, with what refuses rows (NOT NULL, checks, indexes, exclusion
    /// constraints, foreign keys, the bounds of a partition) and with sequences of its own, so that the table's numbers
    /// are not drawn.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn create(&self, client: &Client, copy: &TableName) -> Result<()> {
        let table = &self.table;
        let mut statements = format!(
            "create unlogged table {copy} \
             (like {table} including all excluding indexes excluding statistics excluding comments); "
        );
        for (number, index) in (1..).zip(&self.indexes) {
            statements.push_str(&index.create_refusing(copy, &numbered(copy, number)));
        }
        for key in &self.foreign_keys {
            statements.push_str(&key.create(copy));
        }
        if let Some(condition) = &self.partition {
            statements.push_str(&format!("alter table {copy} add check ({condition}); "));
        }
        client.batch_execute(&statements).await.map_err(|error| {
            let doing = format!("create a table shaped like {}", table.plain());
            error_from_postgres(error, &doing).in_table(table.plain())
        })?;
        ddl::give_own_sequences(client, copy).await
    }
}
