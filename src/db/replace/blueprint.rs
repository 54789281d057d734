//! A copy takes a table's place.

use std::collections::BTreeMap;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use super::facts::Facts;
use super::grants::{Grant, change, grants};
use super::obstacles::obstacles;
use super::relation::Relation;
use super::staging::{
    ForeignKey, Index, default_tablespace, foreign_keys, in_schema_of, indexes, numbered,
};
use crate::error::{Error, Result, error_from_postgres};
use crate::model::table::{TableName, quote_identifier};

/// All that a copy needs to take a table's place: what the table is, and what has to be given to the copy.
#[derive(Debug, Clone)]
pub struct Blueprint {
    relation: Relation,
    /// The table's definition, to notice when it changes.
    facts: Facts,
    storage: Storage,
    indexes: Vec<Index>,
    foreign_keys: Vec<ForeignKey>,
    sequences: Vec<Sequence>,
    grants: Vec<Grant>,
}

/// How and where a table is stored, and whose it is.
#[derive(Debug, Clone)]
struct Storage {
    unlogged: bool,
    /// The access method, quoted.
    method: String,
    /// The storage parameters with those of the TOAST table, as SQL.
    parameters: String,
    /// The tablespace's name as a literal; an empty one for the database's.
    tablespace: String,
    /// The owner, quoted, if it is not the user.
    other_owner: Option<String>,
    /// The comment on the table, as a literal or `NULL`.
    comment: String,
}

/// A sequence that belongs to a column.
#[derive(Debug, Clone)]
struct Sequence {
    column: String,
    name: TableName,
    /// Of an identity, for which the copy has a sequence of its own: how its numbers are generated, as SQL.
    identity: Option<String>,
}

impl Blueprint {
    /// Reads what a copy needs.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn of(client: &Client, relation: Relation) -> Result<Self> {
        let failed = |error| relation.failed_to_look(error);
        let oid = relation.oid;
        let facts = Facts::of(client, oid).await.map_err(failed)?;
        let storage = client.query_one(STORAGE, &[&oid]).await.map_err(failed)?;
        let sequences = client.query(SEQUENCES, &[&oid]).await.map_err(failed)?;
        let sequence = |row: &tokio_postgres::Row| Sequence {
            column: row.get(0),
            name: TableName {
                schema: Some(row.get(1)),
                table: row.get(2),
            },
            identity: row.get(3),
        };
        Ok(Self {
            facts,
            storage: Storage {
                unlogged: storage.get(0),
                method: storage.get(1),
                parameters: storage.get(2),
                tablespace: storage.get(3),
                other_owner: storage.get(4),
                comment: storage.get(5),
            },
            indexes: indexes(client, &relation).await?,
            foreign_keys: foreign_keys(client, &relation).await?,
            sequences: sequences.iter().map(sequence).collect(),
            grants: grants(client, oid).await.map_err(failed)?,
            relation,
        })
    }

    /// The table whose place will be taken.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.relation.name
    }

    /// The table's indexes; the n-th one is the staging table's n-th.
    pub(super) fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// Creates the copy, empty, and compares it to the table. Gives what differs, if anything does; such a copy must not
    /// be used.
    ///
    /// # Errors
    /// What the server says.
    pub async fn create_staging(
        &self,
        client: &Client,
        staging: &TableName,
    ) -> Result<Option<String>> {
        let table = self.table();
        let doing = format!("create a table shaped like {}", table.plain());
        let failed = |error| error_from_postgres(error, &doing).in_table(table.plain());
        client
            .batch_execute(&self.creation(staging))
            .await
            .map_err(failed)?;
        let copy = Relation::find(client, staging).await?;
        let copied = Facts::of(client, copy.oid).await.map_err(failed)?;
        let originals: BTreeMap<String, String> = (1..)
            .zip(&self.indexes)
            .map(|(number, index)| (numbered(staging, number), index.name.clone()))
            .collect();
        let copied = copied.of_a_copy(&originals);
        let difference = self
            .facts
            .of_a_copy(&BTreeMap::new())
            .first_difference(&copied, |_| true);
        Ok(difference.map(|subject| format!("{} {}", subject.kind, subject.name)))
    }

    /// The statements that create the copy; the server runs them as one transaction.
    fn creation(&self, staging: &TableName) -> String {
        let table = self.table();
        let storage = &self.storage;
        let unlogged = if storage.unlogged { "unlogged " } else { "" };
        let mut statements = format!(
            "{}create {unlogged}table {staging} \
             (like {table} including all excluding identity excluding indexes excluding statistics) \
             using {}{}; ",
            default_tablespace(&storage.tablespace),
            storage.method,
            storage.parameters,
        );
        for (number, index) in (1..).zip(&self.indexes) {
            statements.push_str(&index.create(staging, &numbered(staging, number)));
        }
        for key in &self.foreign_keys {
            statements.push_str(&key.create(staging));
        }
        // LIKE would make all these sequences bigint.
        for sequence in &self.sequences {
            if let Some(generated) = &sequence.identity {
                statements.push_str(&format!(
                    "alter table {staging} alter column {} add generated {generated}; \
                     select pg_catalog.setval({}, last_value, is_called) from {}; ",
                    quote_identifier(&sequence.column),
                    own_sequence(staging, &sequence.column),
                    sequence.name,
                ));
            }
        }
        if let Some(owner) = &storage.other_owner {
            statements.push_str(&format!("alter table {staging} owner to {owner}; "));
        }
        statements
    }

    /// Puts the copy in the table's place: locks the table against everybody, makes sure that it is still what it was,
    /// hands its sequences, rights and comment on, drops it, and gives the copy its name and those of its indexes.
    ///
    /// # Errors
    /// `TableUnusable` when the table was changed since it was planned; what the server says, such as a refusal of a row
    /// by a deferred constraint, or a lock that cannot be had. The transaction must then be rolled back.
    pub async fn swap(&self, transaction: &Transaction<'_>, staging: &TableName) -> Result<()> {
        let table = self.table();
        let client = transaction.client();
        let doing = format!("put the rows of {} in place", table.plain());
        let failed = |error| error_from_postgres(error, &doing).in_table(table.plain());
        transaction
            .batch_execute(&format!(
                "set constraints all immediate; lock table {table} in access exclusive mode"
            ))
            .await
            .map_err(|error| {
                if error.code() == Some(&SqlState::UNDEFINED_TABLE) {
                    self.changed("it is gone")
                } else {
                    failed(error)
                }
            })?;
        self.require_unchanged(client).await?;
        let copy = Relation::find(client, staging).await?;
        let rights = grants(client, copy.oid).await.map_err(failed)?;
        let sequences = client
            .query(SEQUENCES, &[&copy.oid])
            .await
            .map_err(failed)?;
        let own_sequences: BTreeMap<String, String> = sequences
            .iter()
            .map(|row| (row.get(0), row.get(2)))
            .collect();
        let mut statements = self.hand_over(staging);
        statements.push_str(&change(staging, &rights, &self.grants));
        statements.push_str(&format!(
            "comment on table {staging} is {}; drop table {table}; alter table {staging} rename to {}; ",
            self.storage.comment,
            quote_identifier(&table.table)
        ));
        statements.push_str(&self.rename(staging, &own_sequences));
        transaction
            .batch_execute(&statements)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// The statements that give the copy the table's sequences, or their state.
    fn hand_over(&self, staging: &TableName) -> String {
        let mut statements = String::new();
        for Sequence {
            column,
            name,
            identity,
        } in &self.sequences
        {
            if identity.is_some() {
                // Numbers that were given to others while the load ran are not given again.
                statements.push_str(&format!(
                    "select pg_catalog.setval(s.seqrelid::pg_catalog.regclass, old.last_value, old.is_called) \
                     from {name} old, pg_catalog.pg_sequence s \
                     where s.seqrelid = {}::oid and pg_catalog.sign(s.seqincrement) \
                           * (old.last_value::numeric - coalesce(pg_catalog.pg_sequence_last_value(s.seqrelid), \
                              s.seqstart::numeric - s.seqincrement)) >= 0 and old.is_called; ",
                    own_sequence(staging, column),
                ));
            } else {
                let column = quote_identifier(column);
                statements.push_str(&format!(
                    "alter sequence {name} owned by {staging}.{column}; "
                ));
            }
        }
        statements
    }

    /// The statements that give what belongs to the copy the names of what belonged to the table.
    fn rename(&self, staging: &TableName, own_sequences: &BTreeMap<String, String>) -> String {
        let table = self.table();
        let mut statements = String::new();
        for (number, index) in (1..).zip(&self.indexes) {
            let index_there = in_schema_of(staging, &numbered(staging, number));
            statements.push_str(&format!(
                "alter index {index_there} rename to {}; ",
                quote_identifier(&index.name)
            ));
        }
        for sequence in &self.sequences {
            if let Some(own) = own_sequences.get(&sequence.column)
                && sequence.identity.is_some()
                && *own != sequence.name.table
            {
                statements.push_str(&format!(
                    "alter sequence {} rename to {}; ",
                    in_schema_of(table, own),
                    quote_identifier(&sequence.name.table)
                ));
            }
        }
        statements
    }

    async fn require_unchanged(&self, client: &Client) -> Result<()> {
        let failed = |error| self.relation.failed_to_look(error);
        let now = Relation::find(client, self.table()).await?;
        if now.oid != self.relation.oid {
            return Err(self.changed("it is another table now"));
        }
        let facts = Facts::of(client, now.oid).await.map_err(failed)?;
        if let Some(subject) = self.facts.first_difference(&facts, |_| true) {
            return Err(self.changed(&format!("{} {}", subject.kind, subject.name)));
        }
        let obstacles = obstacles(client, now.oid).await.map_err(failed)?;
        match obstacles.first() {
            Some(obstacle) => Err(self.changed(obstacle)),
            None => Ok(()),
        }
    }

    fn changed(&self, what: &str) -> Error {
        self.relation.unusable(
            format!(
                "table {} was changed while the load ran: {}",
                self.table().plain(),
                what.trim_end()
            ),
            "Run the load again",
        )
    }
}

/// The sequence of an identity column, as an expression.
fn own_sequence(table: &TableName, column: &str) -> String {
    // Read alike whatever standard_conforming_strings says.
    let literal = |text: &str| {
        let doubled = text.replace('\\', r"\\").replace('\'', "''");
        format!("E'{doubled}'")
    };
    format!(
        "pg_catalog.pg_get_serial_sequence({}, {})::pg_catalog.regclass",
        literal(&table.to_string()),
        literal(column)
    )
}

const STORAGE: &str = "\
select c.relpersistence = 'u', pg_catalog.quote_ident(am.amname), \
       coalesce((select ' with (' || pg_catalog.string_agg(pg_catalog.format('%s%I = %L', o.prefix, x.option_name, \
                                                             x.option_value), ', ') || ')' \
                 from (select '' as prefix, c.reloptions as options \
                       union all select 'toast.', t.reloptions \
                       from pg_catalog.pg_class t where t.oid = c.reltoastrelid) o, \
                      pg_catalog.pg_options_to_table(o.options) x), ''), \
       pg_catalog.quote_literal(coalesce(ts.spcname::text, '')), \
       (select pg_catalog.quote_ident(owner.rolname) from pg_catalog.pg_roles owner \
        where owner.oid = c.relowner and owner.rolname <> current_user), \
       coalesce(pg_catalog.quote_literal(pg_catalog.obj_description(c.oid, 'pg_class')), 'NULL') \
from pg_catalog.pg_class c \
join pg_catalog.pg_am am on am.oid = c.relam \
left join pg_catalog.pg_tablespace ts on ts.oid = c.reltablespace \
where c.oid = $1";

/// The sequences that belong to a table's columns: the column, the sequence, and how an identity's numbers are generated.
const SEQUENCES: &str = "\
select a.attname::text, n.nspname::text, s.relname::text, \
       case d.deptype when 'i' then pg_catalog.format( \
           '%s as identity (start %s increment %s minvalue %s maxvalue %s cache %s %s)', \
           case a.attidentity when 'a' then 'always' else 'by default' end, \
           q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, \
           case when q.seqcycle then 'cycle' else 'no cycle' end) end \
from pg_catalog.pg_depend d \
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S' \
join pg_catalog.pg_sequence q on q.seqrelid = s.oid \
join pg_catalog.pg_namespace n on n.oid = s.relnamespace \
join pg_catalog.pg_attribute a on a.attrelid = $1 and a.attnum = d.refobjsubid \
where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
  and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
  and d.refobjid = $1 and d.deptype in ('a', 'i') order by 3";
