//! A table that somebody else alters, drops or makes anew while rows are loaded into it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::import::{Run, rows};
use crate::support::server::TestDatabase;
use crate::support::sheet::{Started, add_gate, wait_for, wait_for_waiting, workbook};

fn numbered(directory: &Path) -> PathBuf {
    let rows = (1..=600).map(|id| vec![json!(id), json!(id * 10)]);
    workbook(directory, "numbered.xlsx", &["id", "v"], rows)
}

const BATCHES: [&str; 4] = ["--batch-size", "100", "--workers", "1"];

/// Starts a load whose second batch stands still, lets these statements wait for the table, and then lets both go on: the
/// statements come between two batches, or two rows.
async fn load_and(database: &TestDatabase, file: &Path, args: &[&str], statements: &str) -> Run {
    add_gate(database, "t", 150);
    let (gatekeeper, other) = (database.connect().await, database.connect().await);
    let gate = "select pg_advisory_lock(1)";
    gatekeeper.batch_execute(gate).await.unwrap();
    let args = [&["--table", "t"], &BATCHES[..], args].concat();
    let load = Started::import(database, file, &args);
    wait_for_waiting(database, 1);
    let statements = statements.to_owned();
    let altering = tokio::spawn(async move { other.batch_execute(&statements).await.unwrap() });
    wait_for("the other to wait for the table", || {
        let waiting = "select count(*)::text from pg_locks \
            where not granted and mode = 'AccessExclusiveLock' and relation = 't'::regclass";
        database.value(waiting) == "1"
    });
    let gate = "select pg_advisory_unlock(1)";
    gatekeeper.batch_execute(gate).await.unwrap();
    altering.await.unwrap();
    tokio::task::spawn_blocking(|| load.end()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_not_written_as_types_that_the_columns_had() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    for ledger in [&[][..], &["--no-ledger"]] {
        for (statements, texts) in [
            (
                "alter table t alter v type double precision",
                ["column v", "double precision"],
            ),
            ("alter table t alter v type text", ["column v", "text"]),
            ("alter table t drop v", ["no column v", "public.t"]),
            ("alter table t rename v to w", ["no column v", "public.t"]),
            ("alter table t rename to u", ["public.t", "t"]),
        ] {
            let database = TestDatabase::create();
            database.query("create table t (id bigint, v bigint)");
            let args = [&["--commit", "batch"], ledger].concat();
            let run = load_and(&database, &file, &args, statements).await;
            assert_eq!(run.code, 5, "{statements}: {}{}", run.stderr, run.stdout);
            for text in texts {
                assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
            }
            let (table, column) = match statements {
                "alter table t rename to u" => ("u", "v"),
                "alter table t rename v to w" => ("t", "w"),
                "alter table t drop v" => ("t", "id * 10"),
                _ => ("t", "v"),
            };
            let found = format!(
                "select count(*) || ' ' || count(*) filter (where ({column})::text = (id * 10)::text) from {table}"
            );
            let report = run.document(5);
            let loaded = report["success_count"].as_u64().unwrap();
            assert!((100..=200).contains(&loaded), "{statements}: {loaded}");
            let expected = format!("{loaded} {loaded}");
            assert_eq!(database.value(&found), expected, "{statements}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_table_of_the_same_name_is_not_taken_for_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    for args in [
        &["--commit", "batch"][..],
        &["--commit", "batch", "--no-ledger"],
        &["--mode", "sequential"],
    ] {
        let database = TestDatabase::create();
        database.query("create table t (id bigint, v bigint)");
        let anew = "begin; alter table t rename to u; create table t (id bigint, v bigint); commit";
        let run = load_and(&database, &file, args, anew).await;
        assert_eq!(run.code, 5, "{args:?}: {}{}", run.stderr, run.stdout);
        assert!(run.stderr.contains("another table"), "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_by_rows_are_converted_by_the_server_and_the_load_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    for mode in ["sequential", "concurrent"] {
        for ledger in [&[][..], &["--no-ledger"]] {
            let database = TestDatabase::create();
            database.query("create table t (id bigint, v bigint)");
            let args = [&["--mode", mode], ledger].concat();
            let alter = "alter table t alter v type double precision";
            let run = load_and(&database, &file, &args, alter).await;
            assert_eq!(run.code, 5, "{mode}: {}{}", run.stderr, run.stdout);
            assert!(run.stderr.contains("column v"), "{}", run.stderr);
            let loaded = run.document(5)["success_count"].to_string();
            let right = "select count(*) || ' ' || count(*) filter (where v = id * 10) from t";
            let expected = format!("{loaded} {loaded}");
            assert_eq!(rows(&database, right), [expected]);
        }
    }
}
