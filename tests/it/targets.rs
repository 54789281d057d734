//! Which table a load writes to, what it leaves alone there, and with whom it shares it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::import::{Run, rows, tables};
use crate::support::server::TestDatabase;
use crate::support::sheet::{Started, run, wait_for, wait_for_waiting, workbook};

/// Each way to write rows and to commit them.
const WAYS: [&[&str]; 4] = [
    &["--mode", "batch"],
    &["--mode", "batch", "--commit", "batch"],
    &["--mode", "sequential"],
    &["--mode", "concurrent"],
];

/// Ids from one to another, with a name each.
fn ids(directory: &Path, name: &str, ids: std::ops::RangeInclusive<u32>) -> PathBuf {
    let rows = ids.map(|id| vec![json!(id), json!(format!("row {id}"))]);
    workbook(directory, name, &["id", "name"], rows)
}

#[test]
fn a_table_is_emptied_without_those_that_inherit_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = ids(directory.path(), "p.xlsx", 1..=3);
    let database = TestDatabase::create();
    let mut ways: Vec<Vec<&str>> = WAYS.iter().map(|way| way.to_vec()).collect();
    ways.push(vec!["--freeze"]);
    ways.push(vec!["--defer-indexes"]);
    ways.push(vec!["--verify"]);
    for way in ways {
        database.query(
            "drop table if exists p cascade; create table p (id int primary key, name text); \
             create table c (more text) inherits (p); \
             insert into p values (70, 'old'); insert into c values (80, 'kept', 'too')",
        );
        let args = [&["--table", "p", "--if-exists", "truncate"], way.as_slice()].concat();
        let report = Run::import(&database, &file, &args).document(0);
        assert_eq!(report["success_count"], 3, "{way:?}");
        assert_eq!(
            rows(&database, "select * from only p order by id"),
            ["1|row 1", "2|row 2", "3|row 3"],
            "{way:?}"
        );
        assert_eq!(
            rows(&database, "select * from c"),
            ["80|kept|too"],
            "{way:?}"
        );
    }
    database.query(
        "create table q (id int, name text) partition by range (id); \
         create table q1 partition of q for values from (0) to (2); create table q2 partition of q default; \
         insert into q values (1, 'old'), (70, 'old')",
    );
    let args = ["--table", "q", "--if-exists", "truncate", "--verify"];
    Run::import(&database, &file, &args).document(0);
    assert_eq!(
        rows(&database, "select * from q order by id"),
        ["1|row 1", "2|row 2", "3|row 3"]
    );
}

#[test]
fn keys_of_a_table_are_not_those_of_tables_that_inherit_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = ids(directory.path(), "p.xlsx", 1..=2);
    let database = TestDatabase::create();
    for args in [
        &["--dry-run"][..],
        &["--key", "id", "--on-conflict", "fail"],
    ] {
        database.query(
            "drop table if exists p cascade; create table p (id int primary key, name text); \
             create table c () inherits (p); insert into c values (1, 'of the other table')",
        );
        let report = Run::import(&database, &file, &[&["--table", "p"], args].concat()).document(0);
        assert_eq!(report["success_count"], 2, "{args:?}");
    }
    assert_eq!(
        rows(&database, "select * from only p order by id"),
        ["1|row 1", "2|row 2"]
    );
}

#[test]
fn the_ledgers_tables_are_nobodys_target() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    // The role is named as the schema, so that "$user" leads there.
    assert_eq!(database.value("select current_user::text"), "sheetload");
    for name in ["first", "loads", "batches", "rejects"] {
        let file = ids(directory.path(), &format!("{name}.xlsx"), 1..=2);
        for way in ["append", "replace", "truncate"] {
            let report =
                Run::import(&database, &file, &["--if-exists", way, "--again"]).document(0);
            assert_eq!(report["table"], format!("public.{name}"));
        }
        assert_eq!(
            rows(
                &database,
                &format!("select id from public.{name} order by id")
            ),
            ["1", "2"]
        );
        let own = format!("sheetload.{name}");
        for way in [
            &["--if-exists", "truncate"][..],
            &["--dry-run"],
            &["--no-ledger"],
        ] {
            let refused = Run::import(&database, &file, &[&["--table", &own], way].concat());
            assert_eq!(refused.code, 5, "{}{}", refused.stderr, refused.stdout);
            let text = format!("{own} is in the schema of sheetload's own ledger");
            assert!(refused.stderr.contains(&text), "{}", refused.stderr);
        }
    }
    let ledger = "select relname from pg_class where relnamespace = 'sheetload'::regnamespace and relkind = 'r' order by 1";
    let before = rows(&database, ledger);
    let name = database.name();
    let file = ids(directory.path(), "fresh.xlsx", 1..=2);
    database.query(&format!(
        "alter database {name} set search_path = sheetload, public"
    ));
    let report = Run::import(&database, &file, &[]).document(0);
    assert_eq!(report["table"], "public.fresh");
    let file = ids(directory.path(), "fresher.xlsx", 1..=2);
    database.query(&format!(
        "alter database {name} set search_path = sheetload"
    ));
    assert_eq!(Run::import(&database, &file, &[]).code, 5);
    assert_eq!(rows(&database, ledger), before);
}

#[test]
fn rows_that_a_trigger_leaves_out_are_not_missed_by_verify() {
    let directory = tempfile::tempdir().unwrap();
    let file = ids(directory.path(), "t.xlsx", 1..=10);
    let database = TestDatabase::create();
    let create = |body: &str| {
        database.query(&format!(
            "drop table if exists t; create table t (id int, name text); insert into t values (99, 'older'); \
             create or replace function odd() returns trigger language plpgsql as $$ begin {body} return new; end $$; \
             create trigger odd before insert on t for each row execute function odd()"
        ));
    };
    for way in [
        &["--if-exists", "append"][..],
        &["--if-exists", "truncate"],
        &["--lineage", "--extra-columns", "add"],
    ] {
        let args = [&["--table", "t", "--verify"], way].concat();
        create("if new.id % 2 = 0 then return null; end if;");
        let report = Run::import(&database, &file, &args).document(0);
        assert_eq!(report["success_count"], 5, "{way:?}");
        assert_eq!(report["skipped"]["left_out_by_table"], 5, "{way:?}");
        assert!(report["receipt"]["verified"].is_string(), "{way:?}");
        // One that changes rows besides is found out.
        create("if new.id % 2 = 0 then return null; end if; new.id := new.id + 100;");
        assert_eq!(Run::import(&database, &file, &args).code, 1, "{way:?}");
    }
}

#[test]
fn a_dry_run_that_fails_is_nothing_to_resume() {
    let directory = tempfile::tempdir().unwrap();
    let file = ids(directory.path(), "t.xlsx", 1..=2);
    let database = TestDatabase::create();
    database.query(
        "create function busy(int) returns bool language plpgsql as $$ begin raise exception 'busy' \
           using errcode = '40001'; end $$; create table t (id int check (busy(id)), name text)",
    );
    for (args, advised) in [(&["--dry-run"][..], false), (&[], true)] {
        let args = [&["--table", "t", "--retry-for", "1s"], args].concat();
        let failed = Run::import(&database, &file, &args);
        assert_ne!(failed.code, 0, "{}", failed.stdout);
        let advises = failed.stderr.contains("sheetload resume");
        assert_eq!(advises, advised, "{}", failed.stderr);
    }
}

#[tokio::test]
async fn what_a_killed_replacement_left_goes_with_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = ids(directory.path(), "t.xlsx", 1..=20);
    let database = TestDatabase::create();
    database.query(
        "create function gate(int) returns bool language plpgsql as $$ begin \
           perform pg_advisory_xact_lock_shared(1); return true; end $$; \
         create table t (id int check (gate(id)), name text); create table other (id int check (gate(id)), name text)",
    );
    let gatekeeper = database.connect().await;
    for table in ["other", "t"] {
        gatekeeper
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        let args = ["--table", table, "--if-exists", "replace"];
        let started = Started::import(&database, &file, &args);
        wait_for_waiting(&database, 1);
        let killed = Command::new("kill")
            .args(["-9", &started.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        gatekeeper
            .batch_execute("select pg_advisory_unlock(1)")
            .await
            .unwrap();
        wait_for("the server to notice", || {
            database.value(
                "select (count(*) = 0)::text from pg_stat_activity \
                 where application_name = 'sheetload' and datname = current_database()",
            ) == "true"
        });
        drop(started);
    }
    assert_eq!(tables(&database).len(), 4, "{:?}", tables(&database));
    let args = ["--table", "t", "--if-exists", "replace"];
    Run::import(&database, &file, &args).document(0);
    // That of the other table can still be resumed.
    assert_eq!(tables(&database).len(), 3, "{:?}", tables(&database));
    assert_eq!(database.value("select count(*)::text from t"), "20");
    let resumed = run(&database, &["resume", "--json", "--quiet"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(tables(&database), ["other", "t"]);
    assert_eq!(database.value("select count(*)::text from other"), "20");
}

#[test]
fn loads_that_begin_together_share_the_table_that_one_of_them_creates() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..3)
        .map(|n| {
            ids(
                directory.path(),
                &format!("{n}.xlsx"),
                n * 100 + 1..=n * 100 + 50,
            )
        })
        .collect();
    for way in WAYS {
        for ledger in [&[][..], &["--no-ledger"]] {
            let database = TestDatabase::create();
            let args = [&["--table", "shared"], way, ledger].concat();
            let start = |file: &PathBuf| Started::import(&database, file, &args);
            let started: Vec<Started> = files.iter().map(start).collect();
            for load in started {
                load.end().document(0);
            }
            assert_eq!(
                rows(&database, "select count(*), count(distinct id) from shared"),
                ["150|150"],
                "{args:?}"
            );
            assert_eq!(tables(&database), ["shared"], "{args:?}");
        }
    }
}

#[test]
fn one_file_that_is_loaded_twice_at_once_into_a_new_table_is_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = ids(directory.path(), "same.xlsx", 1..=50);
    for way in WAYS {
        let database = TestDatabase::create();
        let start = || Started::import(&database, &file, &[&["--table", "same"], way].concat());
        let started: Vec<Started> = (0..3).map(|_| start()).collect();
        let mut codes: Vec<i32> = started.into_iter().map(|load| load.end().code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 7, 7], "{way:?}");
        assert_eq!(database.value("select count(*)::text from same"), "50");
    }
}

#[test]
fn keys_without_overlaps_are_kept_when_rows_are_replaced() {
    let database = TestDatabase::create();
    if database.value("select (current_setting('server_version_num')::int < 180000)::text")
        == "true"
    {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let titles = ["id", "at"];
    let rows_of_file = [
        vec![json!("[1,2)"), json!("[10,20)")],
        vec![json!("[1,2)"), json!("[20,30)")],
    ];
    let file = workbook(directory.path(), "t.xlsx", &titles, rows_of_file);
    database.query(
        "create table t (id int4range, at int4range, primary key (id, at without overlaps))",
    );
    let args = ["--table", "t", "--if-exists", "replace"];
    let report = Run::import(&database, &file, &args).document(0);
    assert_eq!(report["replaced"]["how"], "rewritten");
    let key = "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 't'::regclass and contype = 'p'";
    assert_eq!(
        rows(&database, key),
        ["PRIMARY KEY (id, at WITHOUT OVERLAPS)"]
    );
    assert_eq!(
        rows(&database, "select * from t order by at"),
        ["[1,2)|[10,20)", "[1,2)|[20,30)"]
    );
}

#[test]
fn a_table_that_others_refer_to_is_replaced_rather_than_truncated() {
    let directory = tempfile::tempdir().unwrap();
    let rows_of_file = [vec![json!(1), json!("new")]];
    let file = workbook(directory.path(), "t.xlsx", &["id", "name"], rows_of_file);
    let database = TestDatabase::create();
    database.query(
        "create table t (id int primary key, name text); insert into t values (1, 'old'); \
         create table child (t int references t); insert into child values (1)",
    );
    let truncate = ["--table", "t", "--if-exists", "truncate"];
    Run::import(&database, &file, &truncate).assert_fails(5, &["--if-exists replace"]);
    assert_eq!(rows(&database, "select name from t"), ["old"]);
    let replace = ["--table", "t", "--if-exists", "replace"];
    Run::import(&database, &file, &replace).document(0);
    assert_eq!(rows(&database, "select name from t"), ["new"]);
}
