//! Indexes and foreign keys that are dropped before the first row of a load and built after the last one, all in the
//! transaction that holds the rows: whatever fails, the table is as it was.
//!
//! An index is updated faster by sorting all its entries at once than row by row, and a foreign key is checked faster by
//! one join than by a look-up for each row. What refuses rows by their key stays in place, so that the bad ones are found;
//! so does all that could not be made again exactly as it is. That nothing is lost is not believed but compared: the
//! catalogs must say the same before the first row and after the last one.

mod lookup;

use tokio_postgres::Client;

use crate::db::replace::facts::Facts;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::deferred::DeferredParts;
use crate::model::table::{TableName, quote_identifier};
use lookup::{ForeignKey, Index, Plan};

/// The parts of a table that wait for a load's rows.
#[derive(Debug, Clone)]
pub struct Deferral {
    plan: Plan,
    state: State,
}

/// Where the parts are.
#[derive(Debug, Clone)]
enum State {
    /// In place.
    InPlace,
    /// Dropped, in the transaction that is open.
    Dropped {
        /// The table's definition before.
        before: Facts,
    },
    /// In place, because rows that some part refuses have to be found.
    Kept,
}

impl Deferral {
    /// Looks which parts of a table can wait. Changes nothing.
    ///
    /// # Errors
    /// `PermissionDenied` for who may not drop or create indexes of the table; what the server says.
    pub async fn plan(client: &Client, table: &TableName) -> Result<Self> {
        let plan = Plan::of(client, table).await?;
        Ok(Self {
            plan,
            state: State::InPlace,
        })
    }

    /// Which parts wait, and which do not.
    #[must_use]
    pub fn parts(&self) -> DeferredParts {
        self.plan.parts()
    }

    /// Nothing waits after all: the rows that some part refuses have to be found.
    pub fn keep_all(&mut self) {
        self.state = State::Kept;
    }

    /// Whether parts could wait and do not.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self.state, State::Kept) && !self.plan.is_empty()
    }

    /// Locks the table against everybody, makes sure that it is what was planned for, and drops what waits. All of it is in
    /// the transaction that is open, and goes with it.
    ///
    /// # Errors
    /// `TableUnusable` when its indexes or foreign keys were changed since; what the server says.
    pub async fn drop_parts(&mut self, client: &Client) -> Result<()> {
        self.state = State::InPlace;
        if self.plan.is_empty() {
            return Ok(());
        }
        let table = &self.plan.table;
        let lock = format!("lock table only {table} in access exclusive mode");
        self.execute(client, &lock, "lock").await?;
        if Plan::of(client, table).await? != self.plan {
            return Err(Error::new(
                ErrorKind::TableUnusable,
                format!(
                    "the indexes or foreign keys of {} were changed since the load began",
                    table.plain()
                ),
            )
            .in_table(table.plain())
            .next_step("Run the load again"));
        }
        let before = self.facts(client).await?;
        for key in &self.plan.keys {
            let name = quote_identifier(&key.name);
            let sql = format!("alter table only {table} drop constraint {name}");
            let doing = format!("drop foreign key {} of", key.name);
            self.execute(client, &sql, &doing).await?;
        }
        for index in &self.plan.indexes {
            let sql = format!("drop index {}", self.plan.in_schema(&index.name));
            let doing = format!("drop index {} of", index.name);
            self.execute(client, &sql, &doing).await?;
        }
        self.state = State::Dropped { before };
        Ok(())
    }

    /// Builds what was dropped, and compares the table's definition to what it was. Says whether anything was dropped.
    ///
    /// # Errors
    /// What the server says: an index cannot hold a row's value, or a row has no counterpart in the other table of a
    /// foreign key. `Internal` when the table's definition is another one now. The transaction must then be rolled back.
    pub async fn rebuild(&self, client: &Client) -> Result<bool> {
        let State::Dropped { before } = &self.state else {
            return Ok(false);
        };
        let tablespace = self.setting(client).await?;
        for index in &self.plan.indexes {
            self.set_tablespace(client, &index.tablespace).await?;
            self.build_index(client, index).await?;
        }
        self.set_tablespace(client, &tablespace).await?;
        for key in &self.plan.keys {
            self.add_key(client, key).await?;
        }
        let after = self.facts(client).await?;
        // Other parts may have changed with the load: TRUNCATE makes an invalid index valid.
        let Some(subject) = before.first_difference(&after, |subject| self.plan.holds(subject))
        else {
            return Ok(true);
        };
        let table = self.plan.table.plain();
        Err(Error::new(
            ErrorKind::Internal,
            format!(
                "{} {} of {table} would not be what it was",
                subject.kind, subject.name
            ),
        )
        .in_table(table)
        .next_step("Load without --defer-indexes"))
    }

    async fn build_index(&self, client: &Client, index: &Index) -> Result<()> {
        let mut sql = index.definition.clone();
        let name = self.plan.in_schema(&index.name);
        for (column, target) in &index.statistics {
            sql.push_str(&format!(
                "; alter index {name} alter column {column} set statistics {target}"
            ));
        }
        if let Some(comment) = &index.comment {
            sql.push_str(&format!("; comment on index {name} is {comment}"));
        }
        let doing = format!("build index {} of", index.name);
        self.execute(client, &sql, &doing).await
    }

    async fn add_key(&self, client: &Client, key: &ForeignKey) -> Result<()> {
        let (table, name) = (&self.plan.table, quote_identifier(&key.name));
        let mut sql = format!(
            "alter table only {table} add constraint {name} {}",
            key.definition
        );
        if let Some(comment) = &key.comment {
            sql.push_str(&format!(
                "; comment on constraint {name} on {table} is {comment}"
            ));
        }
        let doing = format!("check foreign key {} of", key.name);
        self.execute(client, &sql, &doing).await
    }

    /// Where the following statements of the transaction put indexes.
    async fn set_tablespace(&self, client: &Client, tablespace: &str) -> Result<()> {
        let set = "select pg_catalog.set_config('default_tablespace', $1, true)";
        let set = client.query_one(set, &[&tablespace]).await;
        set.map(drop)
            .map_err(|error| self.failed(error, "build the indexes of"))
    }

    async fn setting(&self, client: &Client) -> Result<String> {
        let asked = client
            .query_one(
                "select pg_catalog.current_setting('default_tablespace')",
                &[],
            )
            .await;
        asked
            .map(|row| row.get(0))
            .map_err(|error| self.failed(error, "build the indexes of"))
    }

    async fn facts(&self, client: &Client) -> Result<Facts> {
        let facts = Facts::of(client, self.plan.oid).await;
        facts.map_err(|error| self.failed(error, "look at table"))
    }

    async fn execute(&self, client: &Client, sql: &str, doing: &str) -> Result<()> {
        let executed = client.batch_execute(sql).await;
        executed.map_err(|error| self.failed(error, doing))
    }

    fn failed(&self, error: tokio_postgres::Error, doing: &str) -> Error {
        let table = self.plan.table.plain();
        error_from_postgres(error, &format!("{doing} {table}")).in_table(table)
    }
}
