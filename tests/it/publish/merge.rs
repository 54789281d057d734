//! Upserts.

use sheetload::ErrorKind;
use sheetload::config::commit::{OnConflict, Upsert};
use sheetload::db::merge::{Merge, Merged, check_key, check_rights, create_staging, merge};
use tokio_postgres::Client;

use super::{knows_version_15, names, staging_of, table};
use crate::support::import::rows;
use crate::support::server::TestDatabase;

/// Stages rows, given as values with their place in the sheet first, and merges them.
async fn merged(
    client: &mut Client,
    name: &str,
    (key, on_conflict): (&[&str], OnConflict),
    columns: &[&str],
    values: &str,
) -> Merged {
    let name = table(name);
    let staging = staging_of(&name);
    let key = names(key);
    check_key(client, &name, &key).await.unwrap();
    create_staging(client, &staging, &name).await.unwrap();
    let list: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let insert = format!(
        "insert into {staging} (sheetload_row, {}) {values}",
        list.join(", ")
    );
    client.batch_execute(&insert).await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    let columns = names(columns);
    let merge_of = Merge {
        table: &name,
        staging: &staging,
        key: &key,
        columns: &columns,
        on_conflict,
    };
    let merged = merge(&mut transaction, &merge_of).await.unwrap();
    transaction
        .batch_execute(&format!("drop table {staging}"))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    merged
}

/// Inserted, updated, kept, superseded, refused.
fn counts(merged: &Merged) -> [u64; 5] {
    let Merged {
        inserted,
        updated,
        kept,
        superseded,
        refused,
    } = merged;
    [
        *inserted,
        *updated,
        *kept,
        *superseded,
        refused.len() as u64,
    ]
}

/// Each refused row with the code and the constraint.
fn refusals(merged: &Merged) -> Vec<String> {
    merged
        .refused
        .iter()
        .map(|(ordinal, refusal)| {
            let constraint = refusal.constraint.as_deref().unwrap_or("~");
            format!("{ordinal} {} {constraint}", refusal.sqlstate)
        })
        .collect()
}

/// The table that most tests merge into.
const PRICES: &str = "\
    create table prices (sku text, region text, price numeric, note text default 'new', seen serial, \
                         unique (sku, region)); \
    insert into prices (sku, region, price, note) values \
        ('a', 'n', 1, 'old'), ('b', 'n', 2, 'old'), ('c', null, 3, 'old')";

/// New, known, known twice, new twice, and two with NULL in their keys, which have none.
const SHEET: &str = "values (11, 'n', 'x', 10), (12, 'n', 'a', 11), (13, 'n', 'b', 12), (14, 'n', 'b', 13), \
    (15, 's', 'y', 14), (16, 's', 'y', 15), (17, null, 'c', 16), (18, null, 'c', 17)";

const ROWS: &str = "select sku, region, price, note from prices order by sku, region, price";

#[tokio::test]
async fn the_last_row_of_a_key_updates() {
    let database = TestDatabase::create();
    database.query(PRICES);
    let mut client = database.connect().await;
    let key = (["sku", "region"].as_slice(), OnConflict::Update);
    let columns = ["region", "sku", "price"];
    let merged = merged(&mut client, "prices", key, &columns, SHEET).await;
    assert_eq!(counts(&merged), [2, 2, 0, 2, 2]);
    assert_eq!(refusals(&merged), ["17 23502 ~", "18 23502 ~"]);
    assert_eq!(
        rows(&database, ROWS),
        [
            "a|n|11|old",
            "b|n|13|old",
            "c|~|3|old",
            "x|n|10|new",
            "y|s|15|new",
        ]
    );
    // An update draws a number for the row that it would have inserted, as the server does it; the staging drew none.
    assert_eq!(
        database.value("select last_value::text from prices_seen_seq"),
        "7"
    );
}

#[tokio::test]
async fn the_first_row_of_a_key_counts_when_known_ones_are_ignored() {
    let database = TestDatabase::create();
    database.query(PRICES);
    let mut client = database.connect().await;
    let key = (["region", "sku"].as_slice(), OnConflict::Ignore);
    let columns = ["region", "sku", "price"];
    let merged = merged(&mut client, "prices", key, &columns, SHEET).await;
    assert_eq!(counts(&merged), [2, 0, 2, 2, 2]);
    assert_eq!(
        rows(&database, ROWS),
        [
            "a|n|1|old",
            "b|n|2|old",
            "c|~|3|old",
            "x|n|10|new",
            "y|s|14|new",
        ]
    );
}

#[tokio::test]
async fn known_keys_and_keys_that_come_twice_are_refused() {
    let database = TestDatabase::create();
    database.query(PRICES);
    let mut client = database.connect().await;
    let key = (["sku", "region"].as_slice(), OnConflict::Fail);
    let columns = ["region", "sku", "price"];
    let merged = merged(&mut client, "prices", key, &columns, SHEET).await;
    assert_eq!(counts(&merged), [2, 0, 0, 0, 6]);
    let messages: Vec<String> = merged
        .refused
        .iter()
        .filter(|(_, refusal)| refusal.sqlstate != "23502")
        .map(|(ordinal, refusal)| {
            assert_eq!(refusal.sqlstate, "23505");
            assert_eq!(refusal.constraint.as_deref(), Some("prices_sku_region_key"));
            format!("{ordinal}: {}", refusal.message)
        })
        .collect();
    assert_eq!(
        messages,
        [
            "12: duplicate key: (sku, region)=(a, n) is in the table already",
            "13: duplicate key: (sku, region)=(b, n) is in the table already",
            "14: duplicate key: (sku, region)=(b, n) is in the table already",
            "16: duplicate key: (sku, region)=(y, s) is in the sheet more than once",
        ]
    );
    assert_eq!(
        rows(
            &database,
            "select sku, price from prices where note = 'new' order by 1, 2"
        ),
        ["x|10", "y|14"]
    );
}

#[tokio::test]
async fn rows_that_the_server_refuses_are_found_and_the_others_merged() {
    let database = TestDatabase::create();
    database.query(
        "create table regions (name text primary key); insert into regions values ('n'); \
         create table items (\"Id\" int primary key, code int unique deferrable initially deferred, \
                             region text references regions deferrable initially deferred, qty int); \
         create function no_13() returns trigger language plpgsql as $$ begin \
             if new.qty = 13 then raise exception 'no thirteens'; end if; return new; end $$; \
         create trigger no_13 before insert or update on items for each row execute function no_13(); \
         insert into items select n, n, 'n', 0 from generate_series(1, 5000) n",
    );
    let mut client = database.connect().await;
    let columns = ["Id", "code", "region", "qty"];
    // 10,000 rows of which one has an unknown region, and one the code of another row.
    let values = "select n, n, case n when 7777 then 10001 when 42 then 43 else n end, \
                  case n when 2500 then 'x' else 'n' end, case n when 9000 then 13 else 1 end \
                  from generate_series(1, 10000) n";
    let key = (["Id"].as_slice(), OnConflict::Update);
    let merged = merged(&mut client, "items", key, &columns, values).await;
    assert_eq!(counts(&merged), [4_999, 4_998, 0, 0, 3]);
    assert_eq!(
        refusals(&merged),
        [
            "42 23505 items_code_key",
            "2500 23503 items_region_fkey",
            "9000 P0001 ~"
        ]
    );
    assert!(merged.refused[2].1.message.contains("no thirteens"));
    assert_eq!(
        rows(
            &database,
            "select \"Id\" from items where qty = 0 order by 1"
        ),
        ["42", "2500"]
    );
    assert_eq!(database.value("select count(*)::text from items"), "9999");
}

#[tokio::test]
async fn a_row_takes_the_place_of_a_refused_one_of_its_key() {
    for (on_conflict, expected, left) in [
        (OnConflict::Update, [2, 0, 0, 2, 3], ["1|3", "2|1"]),
        (OnConflict::Ignore, [2, 0, 0, 4, 1], ["1|2", "2|1"]),
        (OnConflict::Fail, [2, 0, 0, 0, 5], ["1|2", "2|1"]),
    ] {
        let database = TestDatabase::create();
        database.query("create table t (k int primary key, v int)");
        // The staging table would refuse these with a CHECK of the table; a trigger does so only at the merge.
        database.query(
            "create function positive() returns trigger language plpgsql as $$ begin \
                 if new.v < 0 then raise exception using errcode = '23514', message = 'negative'; end if; \
                 return new; end $$; \
             create trigger positive before insert or update on t for each row execute function positive()",
        );
        let mut client = database.connect().await;
        let values = "values (10, 1, -1), (11, 1, 2), (12, 1, 3), (13, 1, -4), (14, 1, -5), (20, 2, 1), (21, 2, -1)";
        let key = (["k"].as_slice(), on_conflict);
        let merged = merged(&mut client, "t", key, &["k", "v"], values).await;
        assert_eq!(counts(&merged), expected, "{on_conflict:?} {merged:?}");
        assert_eq!(
            rows(&database, "select * from t order by 1"),
            left,
            "{on_conflict:?}"
        );
    }
}

#[tokio::test]
async fn every_row_bad_and_no_row_at_all() {
    let database = TestDatabase::create();
    database.query(
        "create table r (id int primary key); create table t (k int primary key, r int references r)",
    );
    let mut client = database.connect().await;
    for on_conflict in [OnConflict::Update, OnConflict::Ignore, OnConflict::Fail] {
        let key = (["k"].as_slice(), on_conflict);
        let all_bad = "select n, n, n from generate_series(1, 100) n";
        let bad = merged(&mut client, "t", key, &["k", "r"], all_bad).await;
        assert_eq!(counts(&bad), [0, 0, 0, 0, 100], "{on_conflict:?}");
        let one = merged(&mut client, "t", key, &["k", "r"], "values (1, 1, 1)").await;
        assert_eq!(counts(&one), [0, 0, 0, 0, 1], "{on_conflict:?}");
        let none = merged(
            &mut client,
            "t",
            key,
            &["k", "r"],
            "select 1, 1, 1 where false",
        )
        .await;
        assert_eq!(counts(&none), [0; 5], "{on_conflict:?}");
    }
    assert_eq!(database.value("select count(*)::text from t"), "0");
}

#[tokio::test]
async fn an_update_of_nothing_but_keys_keeps_the_rows() {
    let database = TestDatabase::create();
    database.query(
        "create table t (k int primary key, v text default 'x'); insert into t values (1, 'old')",
    );
    let mut client = database.connect().await;
    let key = (["k"].as_slice(), OnConflict::Update);
    let merged = merged(
        &mut client,
        "t",
        key,
        &["k"],
        "values (1, 1), (2, 2), (3, 2)",
    )
    .await;
    assert_eq!(counts(&merged), [1, 0, 1, 1, 0]);
    assert_eq!(
        rows(&database, "select * from t order by 1"),
        ["1|old", "2|x"]
    );
}

#[tokio::test]
async fn partitioned_tables_tell_new_rows_from_known_ones() {
    let database = TestDatabase::create();
    database.query(
        "create table p (k int, v text, primary key (k)) partition by range (k); \
         create table p1 partition of p for values from (0) to (10); \
         create table p2 partition of p for values from (10) to (20); \
         insert into p values (1, 'old'), (11, 'old')",
    );
    let mut client = database.connect().await;
    let key = (["k"].as_slice(), OnConflict::Update);
    // 30 has no partition, which the server tells only now.
    let values =
        "values (1, 1, 'a'), (2, 2, 'b'), (3, 11, 'c'), (4, 12, 'd'), (5, 30, 'e'), (6, 13, 'f')";
    let merged = merged(&mut client, "p", key, &["k", "v"], values).await;
    assert_eq!(counts(&merged), [3, 2, 0, 0, 1]);
    assert_eq!(refusals(&merged), ["5 23514 ~"]);
    assert_eq!(
        rows(&database, "select * from p order by k"),
        ["1|a", "2|b", "11|c", "12|d", "13|f"]
    );
}

#[tokio::test]
async fn keys_are_compared_as_the_index_compares_them() {
    let database = TestDatabase::create();
    if !knows_version_15(&database) {
        return;
    }
    database.query(
        "create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         create table t (name text collate folded, region text, v int, unique nulls not distinct (name, region)); \
         insert into t values ('Ann', null, 1)",
    );
    let mut client = database.connect().await;
    let columns = ["name", "region", "v"];
    let sheet =
        "values (1, 'ANN', null, 2), (2, 'bob', null, 3), (3, 'BOB', null, 4), (4, 'ann', 'n', 5)";
    let key = (["name", "region"].as_slice(), OnConflict::Fail);
    let failed = merged(&mut client, "t", key, &columns, sheet).await;
    assert_eq!(counts(&failed), [2, 0, 0, 0, 2]);
    database.query("delete from t where v > 1");
    let key = (["name", "region"].as_slice(), OnConflict::Update);
    let updated = merged(&mut client, "t", key, &columns, sheet).await;
    assert_eq!(counts(&updated), [2, 1, 0, 1, 0]);
    assert_eq!(
        rows(&database, "select * from t order by v"),
        ["Ann|~|2", "BOB|~|4", "ann|n|5"]
    );
}

#[tokio::test]
async fn names_are_quoted_and_identities_written() {
    let database = TestDatabase::create();
    let long = "é".repeat(31);
    let quoted = format!("\"My \"\"Shop\"\"\".\"{long}\"");
    database.query(&format!(
        "create schema \"My \"\"Shop\"\"\"; \
         create table {quoted} (\"a.b \"\"c\"\"\" int generated always as identity primary key, \
                                \"select\" text not null check (\"select\" <> ''), \
                                double int generated always as (\"a.b \"\"c\"\"\" * 2) stored); \
         insert into {quoted} (\"select\") values ('one')"
    ));
    let mut client = database.connect().await;
    let name = sheetload::model::table::TableName {
        schema: Some("My \"Shop\"".to_owned()),
        table: long,
    };
    let (staging, key) = (staging_of(&name), names(&["a.b \"c\""]));
    check_key(&client, &name, &key).await.unwrap();
    create_staging(&client, &staging, &name).await.unwrap();
    client
        .batch_execute(&format!(
            "insert into {staging} (sheetload_row, \"a.b \"\"c\"\"\", \"select\") overriding system value \
             values (1, 1, 'ONE'), (2, 7, 'seven')"
        ))
        .await
        .unwrap();
    let columns = names(&["a.b \"c\"", "select"]);
    let mut transaction = client.transaction().await.unwrap();
    let merged = merge(
        &mut transaction,
        &Merge {
            table: &name,
            staging: &staging,
            key: &key,
            columns: &columns,
            on_conflict: OnConflict::Update,
        },
    )
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(counts(&merged), [1, 1, 0, 0, 0]);
    assert_eq!(
        rows(&database, &format!("select * from {quoted} order by 1")),
        ["1|ONE|2", "7|seven|14"]
    );
}

#[tokio::test]
async fn a_key_without_its_index_is_refused_before_the_load() {
    let database = TestDatabase::create();
    database.query(
        "create table t (a int, b text, c int, d text, primary key (a, b), unique (c) deferrable); \
         create unique index on t (b) where a > 0; create unique index on t (lower(b)); \
         create unique index on t (d text_pattern_ops); create index on t (c, d); \
         create view v as select * from t; \
         create table ruled (a int primary key); \
         create rule r as on insert to ruled do also select 1",
    );
    let client = database.connect().await;
    let check = async |name: &str, key: &[&str]| {
        let error = check_key(&client, &table(name), &names(key)).await;
        error.map_err(|error| {
            let step = error.advice().unwrap_or_default().to_owned();
            (error.kind(), format!("{error}; {step}"))
        })
    };
    check("t", &["b", "a"]).await.unwrap();
    check("public.t", &["a", "b"]).await.unwrap();
    for (name, key, kind, text) in [
        (
            "t",
            &["a"][..],
            ErrorKind::TableUnusable,
            "create unique index on \"t\" (\"a\")",
        ),
        (
            "t",
            &["b"],
            ErrorKind::TableUnusable,
            "no unique index on exactly (b)",
        ),
        (
            "t",
            &["c"],
            ErrorKind::TableUnusable,
            "no unique index on exactly (c)",
        ),
        (
            "t",
            &["d"],
            ErrorKind::TableUnusable,
            "no unique index on exactly (d)",
        ),
        (
            "t",
            &["c", "d"],
            ErrorKind::TableUnusable,
            "no unique index on exactly (c, d)",
        ),
        ("t", &["a", "b", "c"], ErrorKind::TableUnusable, "(a, b, c)"),
        (
            "t",
            &["a", "x", "Y"],
            ErrorKind::ColumnMismatch,
            "no column x and no column Y",
        ),
        (
            "t",
            &["a", "a"],
            ErrorKind::InvalidOptions,
            "names column a twice",
        ),
        ("t", &[], ErrorKind::InvalidOptions, "no columns"),
        (
            "v",
            &["a"],
            ErrorKind::TableUnusable,
            "no table of this server",
        ),
        ("ruled", &["a"], ErrorKind::TableUnusable, "rule r"),
        (
            "none",
            &["a"],
            ErrorKind::TableUnusable,
            "there is no table none",
        ),
    ] {
        let (found, message) = check(name, key).await.unwrap_err();
        assert_eq!(found, kind, "{name} {key:?}: {message}");
        assert!(message.contains(text), "{name} {key:?}: {message}");
    }
}

#[tokio::test]
async fn rights_that_a_merge_needs_are_asked_for_before_the_load() {
    let database = TestDatabase::create();
    database.query(
        "create table t (k int primary key, v text); create role merger; \
         grant create, usage on schema public to merger; grant insert on t to merger",
    );
    let mut client = database.connect().await;
    client.batch_execute("set role merger").await.unwrap();
    let modes = [OnConflict::Update, OnConflict::Ignore, OnConflict::Fail];
    let name = table("t");
    let lacking = async |client: &Client, on_conflict| {
        let key = names(&["k"]);
        let checked = check_rights(client, &name, &Upsert { key, on_conflict }).await;
        checked.err().map(|error| {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            error.message().to_owned()
        })
    };
    for (grant, expected) in [
        ("", ["select from and update", "select from", "select from"]),
        (
            "grant update (v) on t to merger",
            ["select from", "select from", "select from"],
        ),
        ("grant select on t to merger", ["", "", ""]),
        ("revoke update (v) on t from merger", ["update", "", ""]),
    ] {
        database.query(&format!("select 1; {grant}"));
        for (on_conflict, right) in modes.into_iter().zip(expected) {
            let message = lacking(&client, on_conflict).await;
            let wanted = (!right.is_empty())
                .then(|| format!("user \"sheetload\" lacks the right to {right} table t"));
            assert_eq!(message, wanted, "{grant} {on_conflict:?}");
            if wanted.is_none() {
                // The rights will do.
                let key = (["k"].as_slice(), on_conflict);
                let merged = merged(&mut client, "t", key, &["k", "v"], "values (1, 1, 'x')").await;
                assert_eq!(
                    counts(&merged)[..4].iter().sum::<u64>() + counts(&merged)[4],
                    1
                );
            }
        }
    }
    drop(client);
    database.query("drop owned by merger; drop role merger");
}
