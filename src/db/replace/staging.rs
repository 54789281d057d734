//! The statements that make a staging table in a table's likeness.

use tokio_postgres::Client;

use super::relation::Relation;
use crate::db::ddl::with_ending;
use crate::error::Result;
use crate::model::table::{TableName, quote_identifier};

/// An index of the table.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    /// What follows the table's name in the statement that creates it, as the server writes it.
    pub(super) definition: String,
    /// The tablespace's name as a literal; an empty one for the database's.
    pub(super) tablespace: String,
    pub(super) constraint: Option<IndexConstraint>,
    /// The comments on the index and on its constraint, as literals.
    pub(super) comments: [Option<String>; 2],
}

/// The constraint that an index stands for, of the same name.
#[derive(Debug, Clone)]
pub(super) struct IndexConstraint {
    pub(super) kind: IndexConstraintKind,
    /// As the server writes it.
    pub(super) definition: String,
    /// `deferrable initially deferred` or what of it applies.
    pub(super) timing: String,
}

/// Constraints with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexConstraintKind {
    PrimaryKey,
    Unique,
    Exclusion,
    /// A primary key or a unique one WITHOUT OVERLAPS, whose index no other statement makes.
    Temporal,
}

/// A foreign key of the table.
#[derive(Debug, Clone)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    /// As the server writes it.
    pub(super) definition: String,
    pub(super) comment: Option<String>,
}

/// The indexes of a table, in the order of their names.
///
/// # Errors
/// What the server says.
pub(super) async fn indexes(client: &Client, relation: &Relation) -> Result<Vec<Index>> {
    let rows = client
        .query(INDEXES, &[&relation.oid])
        .await
        .map_err(|error| relation.failed_to_look(error))?;
    Ok(rows
        .iter()
        .map(|row| {
            let kind = match (row.get::<_, Option<&str>>(5), row.get(9)) {
                (Some("p" | "u"), true) => Some(IndexConstraintKind::Temporal),
                (Some("p"), false) => Some(IndexConstraintKind::PrimaryKey),
                (Some("u"), false) => Some(IndexConstraintKind::Unique),
                (Some("x"), _) => Some(IndexConstraintKind::Exclusion),
                _ => None,
            };
            Index {
                name: row.get(0),
                unique: row.get(1),
                definition: row.get(2),
                tablespace: row.get(3),
                comments: [row.get(4), row.get(8)],
                constraint: kind.map(|kind| IndexConstraint {
                    kind,
                    definition: row.get(6),
                    timing: row.get(7),
                }),
            }
        })
        .collect())
}

const INDEXES: &str = "\
select ic.relname::text, i.indisunique, \
       pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), 1 + pg_catalog.length(pg_catalog.format( \
           'CREATE %sINDEX %I ON %s%I.%I', case when i.indisunique then 'UNIQUE ' else '' end, ic.relname, \
           case ic.relkind when 'I' then 'ONLY ' else '' end, n.nspname, c.relname))), \
       pg_catalog.quote_literal(coalesce(ts.spcname::text, '')), \
       pg_catalog.quote_literal(pg_catalog.obj_description(i.indexrelid, 'pg_class')), \
       con.contype::text, pg_catalog.pg_get_constraintdef(con.oid), \
       case when con.condeferrable then ' deferrable' else '' end \
           || case when con.condeferred then ' initially deferred' else '' end, \
       pg_catalog.quote_literal(pg_catalog.obj_description(con.oid, 'pg_constraint')), \
       coalesce((pg_catalog.to_jsonb(con) ->> 'conperiod')::boolean, false) \
from pg_catalog.pg_index i \
join pg_catalog.pg_class ic on ic.oid = i.indexrelid \
join pg_catalog.pg_class c on c.oid = i.indrelid \
join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
left join pg_catalog.pg_tablespace ts on ts.oid = ic.reltablespace \
left join pg_catalog.pg_constraint con on con.conindid = i.indexrelid and con.conrelid = i.indrelid \
     and con.contype in ('p', 'u', 'x') \
where i.indrelid = $1 order by ic.relname";

/// The table's foreign keys that the user may have on a table of their own, but for those that point to the table itself.
///
/// # Errors
/// What the server says.
pub(super) async fn foreign_keys(client: &Client, relation: &Relation) -> Result<Vec<ForeignKey>> {
    let rows = client
        .query(
            "select con.conname::text, pg_catalog.pg_get_constraintdef(con.oid), \
                    pg_catalog.quote_literal(pg_catalog.obj_description(con.oid, 'pg_constraint')) \
             from pg_catalog.pg_constraint con \
             where con.conrelid = $1 and con.contype = 'f' and con.confrelid <> $1 \
               and not exists (select from pg_catalog.pg_constraint parent \
                               where parent.oid = con.conparentid and parent.conrelid = $1) \
               and pg_catalog.has_any_column_privilege(con.confrelid, 'references') \
             order by con.conname",
            &[&relation.oid],
        )
        .await
        .map_err(|error| relation.failed_to_look(error))?;
    let key = |row: &tokio_postgres::Row| ForeignKey {
        name: row.get(0),
        definition: row.get(1),
        comment: row.get(2),
    };
    Ok(rows.iter().map(key).collect())
}

impl Index {
    /// The statements that create this index on a staging table.
    pub(super) fn create(&self, staging: &TableName, name: &str) -> String {
        let comment = |what: &str, comment: &Option<String>| {
            let comment = comment.as_ref();
            comment.map_or_else(String::new, |text| format!("comment on {what} is {text}; "))
        };
        let quoted = quote_identifier(name);
        let index = in_schema_of(staging, name);
        let unique = if self.unique { "unique " } else { "" };
        let plain = format!(
            "create {unique}index {quoted} on {staging}{}; ",
            self.definition
        );
        let made = match &self.constraint {
            None => plain,
            Some(constraint) => {
                let add = format!("alter table {staging} add constraint {quoted}");
                let timing = &constraint.timing;
                match constraint.kind {
                    IndexConstraintKind::PrimaryKey => {
                        format!("{plain}{add} primary key using index {quoted}{timing}; ")
                    }
                    IndexConstraintKind::Unique => {
                        format!("{plain}{add} unique using index {quoted}{timing}; ")
                    }
                    IndexConstraintKind::Exclusion | IndexConstraintKind::Temporal => {
                        format!("{add} {}; ", constraint.definition)
                    }
                }
            }
        };
        let [on_index, on_constraint] = &self.comments;
        format!(
            "{}{made}{}{}",
            default_tablespace(&self.tablespace),
            comment(&format!("index {index}"), on_index),
            comment(&format!("constraint {quoted} on {staging}"), on_constraint),
        )
    }

    /// The statement that creates an index which refuses the same rows. Any may: what it holds of a row must fit into a
    /// part of a page, and an expression may have no value.
    pub(super) fn create_refusing(&self, staging: &TableName, name: &str) -> String {
        let quoted = quote_identifier(name);
        match &self.constraint {
            Some(IndexConstraint {
                kind: IndexConstraintKind::Exclusion | IndexConstraintKind::Temporal,
                definition,
                ..
            }) => format!("alter table {staging} add constraint {quoted} {definition}; "),
            _ => {
                let unique = if self.unique { "unique " } else { "" };
                let definition = &self.definition;
                format!("create {unique}index {quoted} on {staging}{definition}; ")
            }
        }
    }
}

impl ForeignKey {
    /// The statements that create this key on a staging table.
    pub(super) fn create(&self, staging: &TableName) -> String {
        let name = quote_identifier(&self.name);
        let comment = self.comment.as_ref().map_or_else(String::new, |text| {
            format!("comment on constraint {name} on {staging} is {text}; ")
        });
        format!(
            "alter table {staging} add constraint {name} {}; {comment}",
            self.definition
        )
    }
}

/// Where the following statements of the same transaction put tables and indexes, by a literal.
pub(super) fn default_tablespace(literal: &str) -> String {
    format!("set local default_tablespace = {literal}; ")
}

/// The name of the n-th index of a staging table, cut so that the server does not cut it.
pub(super) fn numbered(staging: &TableName, number: usize) -> String {
    with_ending(&staging.table, &format!("_i{number}"))
}

/// A name in a table's schema, quoted.
pub(super) fn in_schema_of(table: &TableName, name: &str) -> String {
    TableName {
        schema: table.schema.clone(),
        table: name.to_owned(),
    }
    .to_string()
}
