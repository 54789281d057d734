//! The key of an upsert, and the unique index behind it.

use tokio_postgres::Client;

use crate::config::commit::{OnConflict, Upsert};
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::{TableName, quote_identifier};

/// A key that a unique index stands for.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// The index.
    pub(super) index: String,
    /// Its columns, as the key names them.
    pub(super) columns: Vec<KeyColumn>,
    /// Whether NULL equals NULL.
    pub(super) nulls_equal: bool,
    /// Whether the table is partitioned.
    pub(super) partitioned: bool,
}

/// A column of the key.
#[derive(Debug, Clone)]
pub(super) struct KeyColumn {
    pub(super) name: String,
    /// The operator that the index compares by, as SQL: the search path may have another one of this name.
    equals: String,
}

impl Key {
    /// The condition that two rows have the same key.
    pub(super) fn equal(&self, one: &str, other: &str) -> String {
        let equal = |column: &KeyColumn| {
            let name = quote_identifier(&column.name);
            let same = format!("{one}.{name} {} {other}.{name}", column.equals);
            if self.nulls_equal {
                format!("({same} or {one}.{name} is null and {other}.{name} is null)")
            } else {
                same
            }
        };
        let columns: Vec<String> = self.columns.iter().map(equal).collect();
        columns.join(" and ")
    }

    /// The condition that a row's key can equal another one.
    pub(super) fn comparable(&self) -> String {
        if self.nulls_equal {
            return "true".to_owned();
        }
        let not_null =
            |column: &KeyColumn| format!("{} is not null", quote_identifier(&column.name));
        let columns: Vec<String> = self.columns.iter().map(not_null).collect();
        columns.join(" and ")
    }

    /// An expression for the place in the key, from 1, of the first column that is NULL; NULL if none is.
    pub(super) fn first_null(&self) -> String {
        let null = |(place, column): (i32, &KeyColumn)| {
            format!(
                " when {} is null then {place}",
                quote_identifier(&column.name)
            )
        };
        let columns: Vec<String> = (1..).zip(&self.columns).map(null).collect();
        format!("case{} end", columns.concat())
    }

    /// The key's columns as a list.
    pub(super) fn list(&self) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| quote_identifier(&column.name))
            .collect();
        names.join(", ")
    }

    /// An expression for the key's values, as the server writes them in its messages.
    pub(super) fn values(&self) -> String {
        let value = |column: &KeyColumn| {
            format!("coalesce({}::text, 'null')", quote_identifier(&column.name))
        };
        let values: Vec<String> = self.columns.iter().map(value).collect();
        values.join(" || ', ' || ")
    }
}

/// Makes sure, before the load starts, that rows can be merged into a table by a key: its columns exist, and a unique
/// index or primary key over exactly these finds at most one row for each key.
///
/// # Errors
/// `InvalidOptions` for a key without columns or with one twice, `ColumnMismatch` for columns that don't exist,
/// `TableUnusable` without such an index, with the statement that creates one, or for something that rows can't be merged
/// into; what the server says.
pub async fn check_key(client: &Client, table: &TableName, key: &[String]) -> Result<()> {
    find_key(client, table, key).await.map(|_key| ())
}

/// Makes sure, before the load starts, that the user may do to the table what a merge does besides inserting: look its
/// keys up, which making its likeness needs as well, and, when updating, update it.
///
/// # Errors
/// `PermissionDenied`, naming the right; what the server says.
pub async fn check_rights(client: &Client, table: &TableName, upsert: &Upsert) -> Result<()> {
    let row = client
        .query_opt(RIGHTS, &[&table.to_string()])
        .await
        .map_err(|error| failed_to_look(error, table))?;
    let Some(row) = row else {
        return Ok(());
    };
    let (select, update): (bool, bool) = (row.get(0), row.get(1));
    let lacks_update = upsert.on_conflict == OnConflict::Update && !update;
    let lacking = match (!select, lacks_update) {
        (false, false) => return Ok(()),
        (true, false) => "select",
        (false, true) => "update",
        (true, true) => "select, update",
    };
    let user: String = row.get(2);
    let message = format!(
        "user {user:?} lacks the right to {} table {}",
        lacking
            .replace("select", "select from")
            .replace(", ", " and "),
        table.plain()
    );
    Err(Error::new(ErrorKind::PermissionDenied, message)
        .in_table(table.plain())
        .with_sqlstate("42501")
        .next_step(format!(
            "Ask the table's owner to grant {lacking} on {table} to {}, or connect as another user",
            quote_identifier(&user)
        )))
}

const RIGHTS: &str = "\
select pg_catalog.has_table_privilege(r.oid, 'select'), \
       pg_catalog.has_any_column_privilege(r.oid, 'update'), session_user::text \
from (select pg_catalog.to_regclass($1)::oid) r (oid) where r.oid is not null";

fn failed_to_look(error: tokio_postgres::Error, table: &TableName) -> Error {
    error_from_postgres(error, &format!("look at table {}", table.plain())).in_table(table.plain())
}

/// The key with its index.
pub(super) async fn find_key(client: &Client, table: &TableName, key: &[String]) -> Result<Key> {
    let failed = |error| failed_to_look(error, table);
    require_distinct(key)?;
    let row = client
        .query_opt(TABLE, &[&table.to_string(), &key])
        .await
        .map_err(failed)?;
    let Some(row) = row else {
        let message = format!("there is no table {}", table.plain());
        return Err(Error::new(ErrorKind::TableUnusable, message).in_table(table.plain()));
    };
    let oid: u32 = row.get(0);
    let partitioned = match row.get::<_, &str>(1) {
        "r" => false,
        "p" => true,
        _ => return Err(not_a_table(table)),
    };
    let missing: Vec<String> = row.get(2);
    if !missing.is_empty() {
        return Err(missing_columns(table, &missing));
    }
    if let Some(rule) = row.get::<_, Option<String>>(3) {
        let message = format!(
            "rule {rule} of {} keeps rows from being merged",
            table.plain()
        );
        return Err(Error::new(ErrorKind::TableUnusable, message)
            .in_table(table.plain())
            .next_step(format!(
                "Drop rule {rule} before the load, or load without --key"
            )));
    }
    let index = client
        .query_opt(UNIQUE_INDEX, &[&oid, &key])
        .await
        .map_err(failed)?;
    let Some(index) = index else {
        return Err(no_index(table, key));
    };
    let equals: Vec<String> = index.get(2);
    if equals.len() != key.len() {
        return Err(no_index(table, key));
    }
    let columns = key.iter().zip(equals).map(|(name, equals)| KeyColumn {
        name: name.clone(),
        equals,
    });
    Ok(Key {
        index: index.get(0),
        nulls_equal: index.get(1),
        columns: columns.collect(),
        partitioned,
    })
}

fn require_distinct(key: &[String]) -> Result<()> {
    let twice = key
        .iter()
        .enumerate()
        .find(|(at, name)| key[..*at].contains(name));
    let message = match twice {
        Some((_, name)) => format!("the key names column {name} twice"),
        None if key.is_empty() => "the key has no columns".to_owned(),
        None => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidOptions, message)
        .next_step("Name each column of the key once, as in --key order_id,line"))
}

fn not_a_table(table: &TableName) -> Error {
    let message = format!(
        "{} is no table of this server: rows cannot be merged into it by a key",
        table.plain()
    );
    Error::new(ErrorKind::TableUnusable, message)
        .in_table(table.plain())
        .next_step("Name a table with --table, or load without --key")
}

fn missing_columns(table: &TableName, missing: &[String]) -> Error {
    let message = format!(
        "table {} has no column {}, which the key names",
        table.plain(),
        missing.join(" and no column ")
    );
    Error::new(ErrorKind::ColumnMismatch, message)
        .in_table(table.plain())
        .next_step("Name columns of the table in --key, spelled as they are there")
}

fn no_index(table: &TableName, key: &[String]) -> Error {
    let names: Vec<String> = key.iter().map(|name| quote_identifier(name)).collect();
    let message = format!(
        "table {} has no unique index on exactly ({}), so a key may stand for several rows",
        table.plain(),
        key.join(", ")
    );
    Error::new(ErrorKind::TableUnusable, message)
        .in_table(table.plain())
        .next_step(format!(
            "Create one with: create unique index on {table} ({})",
            names.join(", ")
        ))
}

/// The table, the key's columns that it lacks, and a rule that ON CONFLICT does not go with.
const TABLE: &str = "\
select c.oid, c.relkind::text, \
       array(select k from pg_catalog.unnest($2::text[]) with ordinality u (k, place) \
             where not exists (select from pg_catalog.pg_attribute a \
                               where a.attrelid = c.oid and a.attname = k and a.attnum > 0 and not a.attisdropped) \
             order by place), \
       (select r.rulename::text from pg_catalog.pg_rewrite r \
        where r.ev_class = c.oid and r.ev_type in ('2', '3') limit 1) \
from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)::oid";

/// An index that ON CONFLICT can use for exactly these columns and that compares them as GROUP BY does: its operator
/// classes are the types' own, its collations the columns' (PostgreSQL documentation, "pg_index", "pg_amop"). With the
/// operators for equality in the order of the key.
const UNIQUE_INDEX: &str = "\
select ic.relname::text, coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), \
       array(select 'operator(' || pg_catalog.quote_ident(opn.nspname) || '.' || op.oprname || ')' \
             from pg_catalog.unnest($2::text[]) with ordinality u (k, place) \
             join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attname = u.k \
             join pg_catalog.generate_series(0, i.indnkeyatts - 1) n (at) on i.indkey[n.at] = a.attnum \
             join pg_catalog.pg_opclass opc on opc.oid = i.indclass[n.at] \
             join pg_catalog.pg_amop amop on amop.amopfamily = opc.opcfamily and amop.amopstrategy = 3 \
                  and amop.amoplefttype = opc.opcintype and amop.amoprighttype = opc.opcintype \
             join pg_catalog.pg_operator op on op.oid = amop.amopopr \
             join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace \
             order by u.place) \
from pg_catalog.pg_index i join pg_catalog.pg_class ic on ic.oid = i.indexrelid \
join pg_catalog.pg_am am on am.oid = ic.relam and am.amname = 'btree' \
where i.indrelid = $1 and i.indisunique and i.indisvalid and i.indisready and i.indislive and i.indimmediate \
  and not i.indisexclusion and i.indpred is null and i.indexprs is null \
  and (select pg_catalog.array_agg(a.attname::text order by a.attname::text) \
       from pg_catalog.generate_series(0, i.indnkeyatts - 1) n (at) \
       join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[n.at] \
       join pg_catalog.pg_opclass opc on opc.oid = i.indclass[n.at] and opc.opcdefault \
       where a.attcollation = i.indcollation[n.at]) \
      = (select pg_catalog.array_agg(k order by k) from pg_catalog.unnest($2::text[]) k) \
order by 2, i.indisprimary desc, 1 limit 1";
