//! What the server knows about a table.

use std::collections::HashMap;

use tokio_postgres::{Client, GenericClient};

use crate::config::storage::Persistence;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::{ColumnKind, MONEY, Moment, TableColumn, TargetColumn, TypeLimit};
use crate::model::table::{TableName, quote_identifier};

/// What holds the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// The table itself.
    Ordinary,
    /// Its partitions, another server, or the tables behind a view.
    Other,
}

/// A table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name with its schema.
    pub name: TableName,
    /// Its columns in their order.
    pub columns: Vec<TableColumn>,
    /// The columns of its constraints and indexes, by name.
    pub constraint_columns: HashMap<String, Vec<String>>,
    /// What holds its rows.
    pub kind: TableKind,
    /// Whether it outlives a crash of the server.
    pub persistence: Persistence,
}

/// Looks at a table; `None` if there is none of this name (on the search path, when no schema is named).
///
/// # Errors
/// `TableUnusable` when the name is that of something rows can't be copied into, such as a sequence.
pub async fn find_table(client: &Client, name: &TableName) -> Result<Option<Table>> {
    let failed = |error| error_from_postgres(error, &format!("look at table {}", name.plain()));
    // to_regclass takes a quoted name and gives null for one that does not exist.
    let relation = client
        .query_opt(
            "select c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence = 'u' \
             from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
             where c.oid = pg_catalog.to_regclass($1)::oid",
            &[&name.to_string()],
        )
        .await
        .map_err(failed)?;
    let Some(relation) = relation else {
        return Ok(None);
    };
    let (oid, schema, table, kind): (u32, String, String, String) = (
        relation.get(0),
        relation.get(1),
        relation.get(2),
        relation.get(3),
    );
    let name = TableName {
        schema: Some(schema),
        table,
    };
    // Tables, partitioned tables, foreign tables, and views, which may have INSTEAD OF triggers.
    if !matches!(kind.as_str(), "r" | "p" | "f" | "v") {
        return Err(Error::new(
            ErrorKind::TableUnusable,
            format!(
                "{} is not a table that rows can be loaded into",
                name.plain()
            ),
        )
        .in_table(name.plain())
        .next_step("Name a table with --table"));
    }
    let columns = client
        .query(COLUMNS, &[&oid])
        .await
        .map_err(failed)?
        .iter()
        .map(table_column)
        .collect();
    let constraint_columns = client
        .query(CONSTRAINT_COLUMNS, &[&oid])
        .await
        .map_err(failed)?
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    Ok(Some(Table {
        name,
        columns,
        constraint_columns,
        kind: match kind.as_str() {
            "r" => TableKind::Ordinary,
            _ => TableKind::Other,
        },
        persistence: Persistence::of_table(relation.get(4)),
    }))
}

/// Whether a crash of the server would empty a table.
///
/// # Errors
/// What the server says.
pub async fn is_unlogged(client: &Client, name: &TableName) -> Result<bool> {
    let found = client
        .query_opt(
            "select relpersistence = 'u' from pg_catalog.pg_class where oid = pg_catalog.to_regclass($1)::oid",
            &[&name.to_string()],
        )
        .await
        .map_err(|error| error_from_postgres(error, &format!("look at table {}", name.plain())))?;
    Ok(found.is_some_and(|row| row.get(0)))
}

/// `only ` for a table whose rows are its own, `""` for one that is nothing but its partitions, or a view: what comes
/// before the table's name in a statement that shall leave tables alone which inherit from it.
///
/// # Errors
/// What the server says.
pub async fn only_own_rows(
    client: &(impl GenericClient + Sync),
    name: &TableName,
) -> Result<&'static str> {
    let found = client
        .query_opt(
            "select relkind in ('r', 'f') from pg_catalog.pg_class where oid = pg_catalog.to_regclass($1)::oid",
            &[&name.to_string()],
        )
        .await
        .map_err(|error| error_from_postgres(error, &format!("look at table {}", name.plain())))?;
    Ok(match found.is_some_and(|row| row.get(0)) {
        true => "only ",
        false => "",
    })
}

/// Makes sure, before anything is read or changed, that rows may be inserted into a table, and that it may be emptied
/// if the load does that.
///
/// # Errors
/// `PermissionDenied`, naming the right.
pub async fn require_rights(client: &Client, name: &TableName, empties: bool) -> Result<()> {
    let failed = |error| error_from_postgres(error, &format!("look at table {}", name.plain()));
    // A right to some columns will do; the server itself says which it lacks.
    let rights = client
        .query_opt(
            "select pg_catalog.has_any_column_privilege(r.oid, 'insert'), \
                    pg_catalog.has_table_privilege(r.oid, 'truncate'), session_user::text \
             from (select pg_catalog.to_regclass($1)::oid) r (oid) where r.oid is not null",
            &[&name.to_string()],
        )
        .await
        .map_err(failed)?;
    let Some(rights) = rights else {
        return Ok(());
    };
    let (insert, truncate, user): (bool, bool, String) =
        (rights.get(0), rights.get(1), rights.get(2));
    let lacking = match (insert, truncate || !empties) {
        (true, true) => return Ok(()),
        (false, true) => "insert",
        (true, false) => "truncate",
        (false, false) => "insert, truncate",
    };
    Err(Error::new(
        ErrorKind::PermissionDenied,
        format!(
            "user {user:?} lacks the right to {} table {}",
            lacking
                .replace("insert", "insert into")
                .replace(", ", " and "),
            name.plain()
        ),
    )
    .in_table(name.plain())
    .with_sqlstate("42501")
    .next_step(format!(
        "Ask the table's owner to grant {lacking} on {name} to {}, or connect as another user",
        quote_identifier(&user)
    )))
}

/// The columns with what decides how values are made for them (PostgreSQL documentation, "pg_attribute", "pg_type").
/// A domain takes the binary form of the type that it comes from, by way of other domains or not, and that type's
/// modifier; each domain on the way may refuse NULL. Its own name is kept for messages, and what it checks besides is
/// left to the server. Of ranges and arrays, however deep, the type inside is found: before version 14, there are no
/// multiranges, nor the catalog's column for them.
const COLUMNS: &str = "\
    with recursive types (attnum, oid, modifier, not_null, has_default) as ( \
        select a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.atthasdef or a.attidentity <> '' \
        from pg_catalog.pg_attribute a \
        where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped \
        union all \
        select types.attnum, d.typbasetype, d.typtypmod, types.not_null or d.typnotnull, \
               types.has_default or d.typdefault is not null \
        from types join pg_catalog.pg_type d on d.oid = types.oid and d.typtype = 'd'), \
    parts (attnum, oid) as ( \
        select attnum, oid from types \
        union \
        select parts.attnum, coalesce(nullif(p.typbasetype, 0), r.rngsubtype, p.typelem) \
        from parts join pg_catalog.pg_type p on p.oid = parts.oid \
        left join pg_catalog.pg_range r on p.typtype in ('r', 'm') \
            and p.oid::text in (r.rngtypid::text, pg_catalog.to_jsonb(r) ->> 'rngmultitypid') \
        where p.typtype in ('d', 'r', 'm') or p.typcategory = 'A') \
    select a.attname::text, \
           pg_catalog.format_type(a.atttypid, a.atttypmod), \
           case when t.typtype = 'b' and tn.nspname = 'pg_catalog' then t.typname::text \
                when t.typcategory = 'S' then 'S' else '' end, \
           types.modifier, \
           types.not_null, \
           types.has_default, \
           a.attgenerated <> '', \
           (select min(p.typname)::text from parts join pg_catalog.pg_type p on p.oid = parts.oid \
            where parts.attnum = types.attnum and p.typnamespace = 'pg_catalog'::regnamespace \
              and p.typname in ('date', 'timestamp', 'timestamptz', 'time', 'timetz')) \
    from types \
    join pg_catalog.pg_attribute a on a.attrelid = $1 and a.attnum = types.attnum \
    join pg_catalog.pg_type t on t.oid = types.oid and t.typtype <> 'd' \
    join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace \
    order by a.attnum";

/// The columns of constraints and of indexes without one, and of a domain's constraints where one column alone has the
/// domain: the server names the constraint that refuses a value, but no column.
const CONSTRAINT_COLUMNS: &str = "\
    select conname::text, array(select a.attname::text from pg_catalog.pg_attribute a \
                                where a.attrelid = conrelid and a.attnum = any (conkey)) \
    from pg_catalog.pg_constraint where conrelid = $1 \
    union \
    select c.relname::text, array(select a.attname::text from pg_catalog.pg_attribute a \
                                  where a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])) \
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid where i.indrelid = $1 \
    union \
    select d.conname::text, pg_catalog.array_agg(a.attname::text) \
    from pg_catalog.pg_constraint d join pg_catalog.pg_attribute a on a.atttypid = d.contypid \
    where d.contypid <> 0 and a.attrelid = $1 and a.attnum > 0 and not a.attisdropped \
      and not exists (select from pg_catalog.pg_constraint t where t.conrelid = $1 and t.conname = d.conname) \
    group by d.conname having pg_catalog.count(*) = 1";

fn table_column(row: &tokio_postgres::Row) -> TableColumn {
    let base_type: String = row.get(2);
    let modifier: i32 = row.get(3);
    let part: Option<String> = row.get(7);
    TableColumn {
        column: TargetColumn {
            name: row.get(0),
            sql_type: row.get(1),
            kind: column_kind(&base_type, part.as_deref()),
            not_null: row.get(4),
            limit: type_limit(&base_type, modifier),
        },
        has_default: row.get(5),
        generated: row.get(6),
    }
}

/// By the name of a type, and the one of dates or times that is inside of it.
fn column_kind(base_type: &str, part: Option<&str>) -> ColumnKind {
    match base_type {
        "bool" => ColumnKind::Bool,
        "int2" => ColumnKind::Int2,
        "int4" => ColumnKind::Int4,
        "int8" => ColumnKind::Int8,
        "float4" => ColumnKind::Float4,
        "float8" => ColumnKind::Float8,
        "numeric" => ColumnKind::Numeric,
        "text" | "varchar" | "bpchar" | "name" => ColumnKind::Text,
        "date" => ColumnKind::Date,
        "time" => ColumnKind::Time,
        "timestamp" => ColumnKind::Timestamp,
        "interval" => ColumnKind::Interval,
        "timestamptz" => ColumnKind::TimestampTz,
        "timetz" => ColumnKind::TimeTz,
        "money" => ColumnKind::Money,
        "uuid" => ColumnKind::Uuid,
        "S" => ColumnKind::OtherText,
        _ => match part {
            Some("date") => ColumnKind::Moments(Moment::Date),
            Some("timestamp") => ColumnKind::Moments(Moment::Timestamp),
            Some("timestamptz") => ColumnKind::Moments(Moment::TimestampTz),
            Some("time") => ColumnKind::Moments(Moment::Time),
            Some("timetz") => ColumnKind::Moments(Moment::TimeTz),
            _ => ColumnKind::Other,
        },
    }
}

/// What a type's modifier allows. -1 is none; the others are packed as each type's `typmodin` function does (PostgreSQL
/// source, `varchar.c`, `numeric.c`, `date.c`, `timestamp.c`).
fn type_limit(base_type: &str, modifier: i32) -> TypeLimit {
    match base_type {
        // A name is cut at NAMEDATALEN - 1 without a word, and "char" behind its first byte.
        "name" => return TypeLimit::Bytes(63),
        "char" => return TypeLimit::Bytes(1),
        "money" => return MONEY,
        _ => {}
    }
    if modifier < 0 {
        return TypeLimit::None;
    }
    let packed = modifier - 4;
    match base_type {
        "varchar" | "bpchar" => u32::try_from(packed).map_or(TypeLimit::None, TypeLimit::Chars),
        // Precision above, scale in the lower 11 bits with a sign (before version 15, without).
        "numeric" if packed >= 0 => TypeLimit::Digits {
            precision: u16::try_from(packed >> 16).unwrap_or(u16::MAX),
            scale: ((((packed & 0x7ff) ^ 0x400) - 0x400) & 0xffff) as u16 as i16,
        },
        "time" | "timestamp" | "timetz" | "timestamptz" => second_decimals(modifier),
        // The lower half is the precision, the upper one the fields that are kept.
        "interval" => second_decimals(modifier & 0xffff),
        _ => TypeLimit::None,
    }
}

fn second_decimals(decimals: i32) -> TypeLimit {
    match u8::try_from(decimals) {
        Ok(decimals @ 0..6) => TypeLimit::SecondDecimals(decimals),
        _ => TypeLimit::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: `select atttypmod` of PostgreSQL 15 for columns of these types.
    #[test]
    fn modifiers_are_read_as_the_server_packs_them() {
        for (base_type, modifier, limit) in [
            ("varchar", 24, TypeLimit::Chars(20)),
            ("varchar", -1, TypeLimit::None),
            ("name", -1, TypeLimit::Bytes(63)),
            ("char", -1, TypeLimit::Bytes(1)),
            ("timestamptz", 3, TypeLimit::SecondDecimals(3)),
            ("timestamp", 0, TypeLimit::SecondDecimals(0)),
            ("timestamp", 6, TypeLimit::None),
            ("interval", 0x7fff_0003, TypeLimit::SecondDecimals(3)),
            ("interval", 0x7fff_ffff, TypeLimit::None),
            ("int4", -1, TypeLimit::None),
        ] {
            assert_eq!(type_limit(base_type, modifier), limit, "{base_type}");
        }
        for (modifier, precision, scale) in [
            (655_366, 10, 2),
            (65_540, 1, 0),
            (65_536_004, 1_000, 0),
            (198_658, 3, -2),
        ] {
            let limit = TypeLimit::Digits { precision, scale };
            assert_eq!(type_limit("numeric", modifier), limit, "{modifier}");
        }
    }
}
