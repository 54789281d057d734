//! Staged rows put in place: tables replaced, created and merged into, by the library's own functions.

mod merge;
mod refused;
mod replace;

use std::process::Command;

use sheetload::Result;
use sheetload::db::replace::{Replacement, plan};
use sheetload::model::table::TableName;
use tokio_postgres::Client;

use crate::support::import::rows;
use crate::support::server::TestDatabase;

fn table(name: &str) -> TableName {
    name.parse().unwrap()
}

/// The staging table for a table of the tests.
fn staging_of(table: &TableName) -> TableName {
    TableName {
        schema: table.schema.clone().or(Some("public".to_owned())),
        table: "sheetload_staging_4711_1763718392000000000".to_owned(),
    }
}

fn names(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|name| (*name).to_owned()).collect()
}

/// Replaces a table's rows as a load does: plans, stages, lets `load` fill the staging table, publishes. Gives the reason
/// if the table was rewritten.
async fn replace(
    client: &mut Client,
    name: &str,
    columns: &[&str],
    load: impl FnOnce(&TableName) -> String,
) -> Result<Option<String>> {
    let name = table(name);
    let staging = staging_of(&name);
    let mut replacement = plan(client, &name).await?;
    replacement.create_staging(client, &staging).await?;
    client.batch_execute(&load(&staging)).await.unwrap();
    publish(client, &replacement, &staging, columns).await?;
    Ok(replacement.because().map(str::to_owned))
}

async fn publish(
    client: &mut Client,
    replacement: &Replacement,
    staging: &TableName,
    columns: &[&str],
) -> Result<()> {
    let transaction = client.transaction().await.unwrap();
    let published = replacement
        .publish(&transaction, staging, &names(columns))
        .await;
    // Not left to its drop: the tests look at the table from a thread that this one waits for.
    match published {
        Ok(()) => transaction.commit().await.unwrap(),
        Err(_) => transaction.rollback().await.unwrap(),
    }
    published
}

/// Whether the server knows what came with PostgreSQL 15.
fn knows_version_15(database: &TestDatabase) -> bool {
    database.major_version() >= 15
}

/// Everything that a database's own tables are, as the catalogs tell it, without object ids and rows.
fn definitions(database: &TestDatabase) -> Vec<String> {
    rows(
        database,
        "with t as (select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                    where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema') \
         select format('%s %s.%s of %s', relkind, relnamespace::regnamespace, relname, relowner::regrole), \
                relpersistence::text, reloptions::text, \
                nullif(relacl, case relkind when 'S' then acldefault('s', relowner) else acldefault('r', relowner) end)::text, \
                (select spcname from pg_tablespace where oid = reltablespace), \
                (select x.reloptions::text from pg_class x where x.oid = t.reltoastrelid), \
                obj_description(oid, 'pg_class') from t \
         union all \
         select format('column %s %s.%s %s', row_number() over (partition by attrelid order by attnum), t.relname, \
                       attname, format_type(atttypid, atttypmod)), \
                format('%s %s %s %s %s', attnotnull, attidentity, attgenerated, attstorage, \
                       to_jsonb(pg_attribute) ->> 'attcompression'), \
                attacl::text, attcollation::regcollation::text, \
                (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum), \
                null, col_description(attrelid, attnum) \
         from t join pg_attribute on attrelid = t.oid \
         where attnum > 0 and not attisdropped and relkind not in ('S', 'i') \
         union all \
         select format('constraint %s of %s', conname, t.relname), pg_get_constraintdef(c.oid), \
                format('%s %s %s', condeferrable, condeferred, convalidated), null, null, null, \
                obj_description(c.oid, 'pg_constraint') \
         from t join pg_constraint c on conrelid = t.oid \
         union all \
         select format('index %s', indexrelid::regclass), pg_get_indexdef(indexrelid), \
                format('%s %s %s %s %s', indisprimary, indimmediate, indisvalid, indisclustered, indisreplident), \
                null, null, null, null \
         from t join pg_index on indrelid = t.oid \
         union all \
         select format('sequence %s', seqrelid::regclass), \
                format('%s %s %s %s %s %s %s', seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache, \
                       seqcycle), \
                format('%s of %s', deptype, refobjid::regclass), \
                (select attname from pg_attribute where attrelid = refobjid and attnum = refobjsubid), null, null, null \
         from pg_sequence left join pg_depend on objid = seqrelid and classid = 'pg_class'::regclass \
              and refclassid = 'pg_class'::regclass and deptype in ('a', 'i') \
         order by 1, 2",
    )
}

/// The whole database but its rows, as `pg_dump` writes it; nothing where there is no `pg_dump` for the server.
fn dump(database: &TestDatabase) -> Option<String> {
    let output = Command::new("pg_dump")
        .args(["--schema-only", "--dbname", &database.url()])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    // The key of each dump's own.
    let lines = text.lines().filter(|line| !line.contains("restrict "));
    output
        .status
        .success()
        .then(|| lines.collect::<Vec<_>>().join("\n"))
}

/// Compares definitions, and shows the lines that differ.
fn assert_same(before: &[String], after: &[String]) {
    let only_in = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter()
            .filter(|line| !other.contains(line))
            .cloned()
            .collect()
    };
    let none: Vec<String> = Vec::new();
    let differ = (only_in(before, after), only_in(after, before));
    assert_eq!(differ, (none.clone(), none), "before, after");
}
