//! Foreign keys of other tables that point to a table whose rows are replaced.

use tokio_postgres::Client;

use super::relation::Relation;
use crate::error::Result;

/// Another table's foreign key that points to the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The other table, as SQL.
    table: String,
    pub(super) name: String,
    action: Action,
    /// Asks whether the other table has a row that refers to one here.
    query: String,
    readable: bool,
}

/// What a foreign key does when a row that it points to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Refuses at the end of the statement, unless the key is there again.
    None,
    /// Refuses at once.
    Restrict,
    /// Deletes or changes the rows that refer to it.
    Cascade,
}

impl Reference {
    /// Whether a row that it points to may go if one of the same key comes in the same statement.
    pub(super) fn lets_keys_come_back(&self) -> bool {
        self.action == Action::None
    }
}

/// The foreign keys of tables outside of this one's family that point to it or to one of its partitions.
pub(super) async fn references(client: &Client, relation: &Relation) -> Result<Vec<Reference>> {
    let rows = client
        .query(REFERENCES, &[&relation.oid])
        .await
        .map_err(|error| relation.failed_to_look(error))?;
    let reference = |row: &tokio_postgres::Row| Reference {
        table: row.get(0),
        name: row.get(1),
        action: match row.get::<_, &str>(2) {
            "a" => Action::None,
            "r" => Action::Restrict,
            _ => Action::Cascade,
        },
        query: row.get(3),
        readable: row.get(4),
    };
    Ok(rows.iter().map(reference).collect())
}

const REFERENCES: &str = "\
with recursive family (oid) as ( \
    select $1::oid \
    union select i.inhrelid from family join pg_catalog.pg_inherits i on i.inhparent = family.oid \
    join pg_catalog.pg_class c on c.oid = i.inhrelid and c.relispartition) \
select con.conrelid::pg_catalog.regclass::text, con.conname::text, con.confdeltype::text, \
       'select exists (select from ' || con.conrelid::pg_catalog.regclass::text || ' where ' || ( \
           select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' is not null', ' and ') \
           from pg_catalog.pg_attribute a where a.attrelid = con.conrelid and a.attnum = any (con.conkey)) || ')', \
       (select pg_catalog.bool_and(pg_catalog.has_column_privilege(con.conrelid, k, 'select')) \
        from pg_catalog.unnest(con.conkey) k) \
from pg_catalog.pg_constraint con \
where con.contype = 'f' and con.confrelid in (select oid from family) \
  and con.conrelid not in (select oid from family) \
order by 1, 2";

/// Makes sure that no row refers to one of the table.
///
/// # Errors
/// `TableUnusable`, naming the foreign key.
pub(super) async fn require_no_references(
    client: &Client,
    relation: &Relation,
    guards: &[Reference],
) -> Result<()> {
    for reference in guards {
        let refers = if reference.readable {
            let asked = client.query_one(&reference.query, &[]).await;
            asked
                .map_err(|error| relation.failed_to_look(error))?
                .get(0)
        } else {
            true
        };
        if !refers {
            continue;
        }
        let table = relation.name.plain();
        let what = match reference.action {
            Action::Cascade => "replacing the rows here would delete or change them",
            Action::None | Action::Restrict => "they keep the rows here from being replaced",
        };
        return Err(relation.unusable(
            format!(
                "rows of {} refer to {table} by foreign key {}, and {what}",
                reference.table, reference.name
            ),
            "Say --key and --on-conflict update to change the rows instead, or drop the foreign key before the load",
        ));
    }
    Ok(())
}
