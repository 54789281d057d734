//! The loads that a database knows of, and taking them back: with ledgers and tables made by hand, and with loads.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::support::import::{Run, rows, tables};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// The ids that the tests use, by their last digit.
fn id(number: u32) -> String {
    format!("0193f5a{number}-1111-7000-8000-000000000001")
}

/// Columns of `sheetload.loads` that a test sets, as SQL; the others are those of a complete load that appended rows
/// to table `t`, batch by batch.
struct Load {
    number: u32,
    columns: Vec<(&'static str, String)>,
}

impl Load {
    fn new(number: u32) -> Self {
        let text = |value: &str| format!("'{value}'");
        Self {
            number,
            columns: vec![
                ("id", text(&id(number))),
                ("file", text("/data/shops.xlsx")),
                ("file_sha256", "sha256('x')".to_owned()),
                ("sheets", text("{Sheet1}")),
                ("selection", text("")),
                ("table_schema", text("public")),
                ("table_name", text("t")),
                ("table_oid", "to_regclass('t')".to_owned()),
                ("route", text("in_place")),
                ("effect", text("append")),
                ("has_lineage", "false".to_owned()),
                ("mode", text("batch")),
                ("commit_mode", text("batch")),
                ("options", text("{}")),
                ("columns", text("[]")),
                ("is_prepared", "true".to_owned()),
                ("state", text("complete")),
                (
                    "started_at",
                    format!("timestamptz '2026-01-0{number} 10:00:00Z'"),
                ),
                (
                    "finished_at",
                    format!("timestamptz '2026-01-0{number} 10:01:30Z'"),
                ),
                ("rows_read", "4".to_owned()),
                ("rows_loaded", "3".to_owned()),
                ("rows_rejected", "1".to_owned()),
            ],
        }
    }

    fn with(mut self, column: &'static str, sql: impl Into<String>) -> Self {
        self.columns.retain(|(name, _)| *name != column);
        self.columns.push((column, sql.into()));
        self
    }

    /// A load that says no more: its connection is gone.
    fn killed(self) -> Self {
        self.with("state", "'running'")
            .with("finished_at", "null")
            .with("rows_read", "null")
            .with("rows_loaded", "null")
            .with("rows_rejected", "null")
            .with("session_pid", "1")
            .with("session_start", "now()")
    }

    fn insert(&self) -> String {
        let (names, values): (Vec<&str>, Vec<&str>) = self
            .columns
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .unzip();
        format!(
            "insert into sheetload.loads ({}) values ({})",
            names.join(", "),
            values.join(", ")
        )
    }

    /// The record of a batch with that many rows.
    fn batch(&self, first_row: u32, rows: u32) -> String {
        format!(
            "insert into sheetload.batches values ('{}', 0, {first_row}, {first_row}, {rows}, 1)",
            id(self.number)
        )
    }
}

fn ledger() -> TestDatabase {
    let database = TestDatabase::create();
    // The tests' user is called like the schema, which would come first on the search path.
    database.query(&format!(
        "alter database {} set search_path = public",
        database.name()
    ));
    database.query("create schema if not exists sheetload");
    database.query(include_str!("../../migrations/ledger/V1__ledger.sql"));
    database
}

fn run(database: &TestDatabase, args: &[&str]) -> Run {
    let output = sheetload()
        .args(args)
        .args(["--database-url", &database.url()])
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn history(database: &TestDatabase, args: &[&str]) -> Value {
    run(database, &[&["history", "--json"], args].concat()).document(0)
}

fn undo(database: &TestDatabase, load: &str) -> Value {
    let mut undone = run(database, &["undo", load, "--json"]).document(0);
    // Which database it is changes with each test.
    let place = undone.as_object_mut().unwrap().remove("database").unwrap();
    let url = place["url"].as_str().unwrap();
    assert!(url.ends_with(&format!("/{}", database.name())), "{url}");
    undone
}

/// The state and attempt in the ledger.
fn standing(database: &TestDatabase, number: u32) -> String {
    let sql = format!(
        "select state || ' ' || attempt from sheetload.loads where id = '{}'",
        id(number)
    );
    database.value(&sql)
}

/// Checks that a load is refused with these texts, and that nothing changed.
fn assert_settled(database: &TestDatabase, load: &str, texts: &[&str]) {
    let everything = |database: &TestDatabase| {
        (
            rows(
                database,
                "select id::text, state, attempt::text from sheetload.loads order by 1",
            ),
            tables(database),
            rows(database, "select t::text from t order by 1"),
        )
    };
    let before = everything(database);
    run(database, &["undo", load]).assert_fails(2, texts);
    assert_eq!(everything(database), before);
}

#[test]
fn a_database_without_loads_has_an_empty_history() {
    let database = TestDatabase::create();
    let shown = run(&database, &["history"]);
    assert_eq!(shown.code, 0);
    assert!(
        shown.stdout.starts_with("Nothing was loaded into "),
        "{}",
        shown.stdout
    );
    assert_eq!(history(&database, &[]), json!([]));
    assert_eq!(history(&ledger(), &[]), json!([]));
    run(&database, &["undo", "0193f5a2"])
        .assert_fails(2, &["nothing was loaded into this database"]);
    // Nothing was made by looking.
    assert_eq!(
        rows(
            &database,
            "select nspname from pg_namespace where nspname = 'sheetload'"
        ),
        [""; 0]
    );
}

#[test]
fn loads_are_listed_from_the_newest() {
    let database = ledger();
    let failed = Load::new(1)
        .with("state", "'failed'")
        .with("error", "'the connection was lost'")
        .with("rows_read", "null");
    let killed = Load::new(2)
        .killed()
        .with("attempt", "2")
        .with("table_name", "'u'");
    let running = Load::new(3)
        .killed()
        .with(
            "session_pid",
            "(select pid from pg_stat_activity where backend_type = 'checkpointer')",
        )
        .with(
            "session_start",
            "(select backend_start from pg_stat_activity where backend_type = 'checkpointer')",
        );
    for load in [&failed, &killed, &running, &Load::new(4)] {
        database.query(&load.insert());
    }
    database.query(&format!("{}; {}", killed.batch(2, 10), killed.batch(12, 7)));
    database.query(&format!(
        "insert into sheetload.rejects \
         select '{}', 0, row, 'S!A' || row, null, null, null, '23502', 'missing_value', 'no value' \
         from unnest(array[13, 15]) row",
        id(2)
    ));
    database
        .query("update sheetload.batches set committed_at = timestamptz '2026-01-02 10:00:45Z'");
    let document = history(&database, &[]);
    let field = |name: &str| -> Vec<Value> {
        document
            .as_array()
            .unwrap()
            .iter()
            .map(|load| load[name].clone())
            .collect()
    };
    assert_eq!(field("id"), [id(4), id(3), id(2), id(1)]);
    assert_eq!(field("state"), ["complete", "running", "killed", "failed"]);
    assert_eq!(
        field("rows_read"),
        [json!(4), Value::Null, Value::Null, Value::Null]
    );
    assert_eq!(field("rows_loaded"), [3, 0, 17, 3]);
    assert_eq!(field("rows_rejected"), [1, 0, 2, 1]);
    assert_eq!(field("attempt"), [1, 1, 2, 1]);
    assert_eq!(
        field("table"),
        ["public.t", "public.t", "public.u", "public.t"]
    );
    assert_eq!(field("sheets")[0], json!(["Sheet1"]));
    assert_eq!(field("file")[0], "/data/shops.xlsx");
    assert_eq!(field("mode")[0], "batch");
    assert_eq!(field("commit")[0], "batch");
    assert_eq!(field("started")[0], "2026-01-04T10:00:00Z");
    assert_eq!(
        field("finished")[..2],
        [json!("2026-01-04T10:01:30Z"), Value::Null]
    );
    assert_eq!(field("duration")[0], 90.0);
    assert_eq!(field("duration")[2], 45.0);
    assert_eq!(field("error")[3], "the connection was lost");

    let of_u = history(&database, &["--table", "u"]);
    assert_eq!(of_u.as_array().unwrap().len(), 1);
    assert_eq!(history(&database, &["--table", "other.u"]), json!([]));
    let newest = history(&database, &["--limit", "2"]);
    assert_eq!(newest.as_array().unwrap().len(), 2);
    let shown = run(&database, &["history"]).stdout;
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    assert!(
        shown.contains("0193f5a1 failed: the connection was lost"),
        "{shown}"
    );
}

#[test]
fn a_load_is_found_by_the_beginning_of_its_id() {
    let database = ledger();
    database.query("create table t (n integer)");
    for number in [1, 2] {
        let load = Load::new(number).with("rows_loaded", "0");
        database.query(&load.insert());
    }
    for (text, message) in [
        (
            "0193f5a",
            "more than one load's id begins with 0193f5a, such as 0193f5a1 and 0193f5a2",
        ),
        ("019", "4 characters are needed at least"),
        ("0193%", "no load's id"),
        ("", "no load's id"),
        ("ffff0000", "there is no load ffff0000"),
    ] {
        let refused = run(&database, &["undo", text]);
        refused.assert_fails(2, &[message, "sheetload history"]);
    }
    assert_eq!(undo(&database, "0193F5A1")["load_id"], id(1));
    assert_eq!(undo(&database, &id(2))["load_id"], id(2));
}

const LINEAGE: &str = "create table t (n integer, _load_id uuid)";

fn lineage_rows(number: u32, values: &[i32]) -> String {
    let rows: Vec<String> = values
        .iter()
        .map(|n| format!("({n}, '{}')", id(number)))
        .collect();
    format!("insert into t values {}", rows.join(", "))
}

#[test]
fn rows_with_the_loads_id_are_deleted_and_no_others() {
    for column in [LINEAGE, "create table t (n integer, _load_id text)"] {
        let database = ledger();
        database.query(&format!(
            "{column}; insert into t values (10, null); {}; {}",
            lineage_rows(1, &[1, 2, 3]),
            lineage_rows(2, &[4])
        ));
        database.query(&Load::new(1).with("has_lineage", "true").insert());
        assert_eq!(
            undo(&database, "0193f5a1"),
            json!({
                "load_id": id(1),
                "file": "/data/shops.xlsx",
                "table": "public.t",
                "removed": "rows",
                "rows": 3,
                "staging_dropped": null,
                "note": null
            })
        );
        assert_eq!(
            rows(&database, "select n::text from t order by t.n"),
            ["4", "10"]
        );
        assert_eq!(standing(&database, 1), "undone 2");
        assert_settled(&database, "0193f5a1", &["was undone already"]);
        assert_eq!(history(&database, &[])[0]["state"], "undone");
    }
}

#[test]
fn rows_that_are_not_as_many_as_were_loaded_stay() {
    for values in [&[1, 2][..], &[1, 2, 3, 3], &[]] {
        let database = ledger();
        database.query(&format!("{LINEAGE}; insert into t values (10, null)"));
        if !values.is_empty() {
            database.query(&lineage_rows(1, values));
        }
        database.query(&Load::new(1).with("has_lineage", "true").insert());
        let there = format!(
            "has {} rows with its id in table public.t, and loaded 3",
            values.len()
        );
        assert_settled(&database, "0193f5a1", &[&there, "nothing was deleted"]);
    }
}

#[test]
fn rows_that_others_refer_to_stay() {
    for on_delete in ["no action", "cascade", "set null"] {
        let database = ledger();
        database.query(&format!(
            "create table t (n integer primary key, _load_id uuid, above integer references t on delete {on_delete}); \
             create table \"my orders\" (n integer constraint \"of t\" references t on delete {on_delete}); \
             {}",
            lineage_rows(1, &[1, 2, 3]).replace("t values", "t (n, _load_id) values")
        ));
        database.query(&Load::new(1).with("has_lineage", "true").insert());
        // Rows of the same load may refer to each other.
        database.query("update t set above = 1 where n = 2");
        database.query("insert into \"my orders\" values (null), (2)");
        assert_settled(
            &database,
            "0193f5a1",
            &["other rows refer to: \"my orders\" by of t"],
        );
        database.query("delete from \"my orders\" where n = 2; insert into t values (9, null, 3)");
        assert_settled(
            &database,
            "0193f5a1",
            &["other rows refer to: t by t_above_fkey"],
        );
        database.query("delete from t where n = 9");
        assert_eq!(undo(&database, "0193f5a1")["rows"], 3);
    }
}

/// How far the load of [`created`] comes.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Complete,
    Killed,
}

/// A table `t` that a load made with three rows in two batches, one of them under a savepoint.
fn created(load: Load, end: End) -> TestDatabase {
    let database = ledger();
    database.query("create table t (n integer, name text, _load_id uuid)");
    let load = load.with("effect", "'create'").killed();
    database.query(&load.insert());
    let row = |n: u32| format!("insert into t values ({n}, 'name', '{}')", id(load.number));
    database.query(&format!("begin; {}; {}; commit", row(1), load.batch(2, 1)));
    database.query(&format!(
        "begin; savepoint s; {}; insert into sheetload.savepoints values ('{}'); release s; {}; {}; commit",
        row(2),
        id(load.number),
        row(3),
        load.batch(3, 2)
    ));
    if end == End::Complete {
        database.query(
            "update sheetload.loads set state = 'complete', rows_loaded = 3, finished_at = now(), receipt = \
             '{\"columns\": [{\"name\": \"n\", \"sql_type\": \"integer\", \"totals\": {\"nulls\": 0, \"values\": 3, \
               \"figures\": {\"of\": \"integer\", \"sum\": \"6\", \"min\": \"1\", \"max\": \"3\"}}}]}'",
        );
    }
    database
}

#[test]
fn a_table_that_the_load_made_is_dropped() {
    for (end, meanwhile) in [
        (End::Complete, "select"),
        (End::Killed, "select"),
        (End::Complete, "delete from sheetload.savepoints"),
        (End::Complete, "alter table t rename to other"),
        (
            End::Complete,
            "create table u (n integer); alter table t set schema sheetload",
        ),
    ] {
        let database = created(Load::new(1), end);
        database.query(meanwhile);
        let done = undo(&database, "0193f5a1");
        assert_eq!(
            (&done["removed"], &done["rows"]),
            (&json!("table"), &json!(3)),
            "{meanwhile}"
        );
        let left = tables(&database);
        assert!(
            !left.iter().any(|table| table == "t" || table == "other"),
            "{left:?}"
        );
        assert_eq!(standing(&database, 1), "undone 2");
        assert_eq!(
            database.value("select count(*)::text from sheetload.savepoints"),
            "0"
        );
    }
}

#[test]
fn a_table_that_is_not_as_the_load_left_it_stays() {
    for end in [End::Complete, End::Killed] {
        for (change, reason) in [
            ("update t set name = 'other' where n = 2", "1 of its rows "),
            ("update t set name = name where n = 2", "1 of its rows "),
            (
                "delete from t where n = 1",
                "it holds 2 rows, and 3 were loaded",
            ),
            (
                "insert into t values (4)",
                "it holds 4 rows, and 3 were loaded",
            ),
            (
                "delete from t where n < 3; insert into t values (1), (2)",
                "2 of its rows ",
            ),
            (
                "create view v as select * from t",
                "view v depends on table t",
            ),
            (
                "alter table t add primary key (n); create table u (n integer references t)",
                "u_n_fkey on table u depends on table t",
            ),
        ] {
            let database = created(Load::new(1), end);
            database.query(change);
            assert_settled(&database, "0193f5a1", &["made table public.t", reason]);
        }
    }
}

#[test]
fn a_table_that_does_not_hold_what_the_receipt_says_stays() {
    let database = created(Load::new(1), End::Complete);
    database.query("update sheetload.loads set receipt = jsonb_set(receipt, '{columns,0,totals,figures,sum}', '\"7\"')");
    assert_settled(
        &database,
        "0193f5a1",
        &["column \"n\": the sum is 6, and 7 was loaded"],
    );
}

#[test]
fn a_table_that_other_loads_went_into_stays_until_they_are_undone() {
    let database = created(Load::new(1), End::Complete);
    database.query(&lineage_rows(2, &[7, 8, 9]).replace("t values", "t (n, _load_id) values"));
    database.query(&Load::new(2).with("has_lineage", "true").insert());
    // What failed and was rolled back is not in the table.
    let rolled_back = Load::new(3)
        .with("route", "'one_transaction'")
        .with("state", "'failed'");
    database.query(&rolled_back.insert());
    assert_settled(
        &database,
        "0193f5a1",
        &[&format!("load {} went into it, too", id(2))],
    );
    assert_eq!(undo(&database, "0193f5a2")["removed"], "rows");
    assert_eq!(undo(&database, "0193f5a1")["removed"], "table");
    assert_eq!(undo(&database, "0193f5a3")["removed"], "nothing");
}

#[test]
fn of_a_table_with_other_rows_too_the_loads_own_are_deleted() {
    let database = created(Load::new(1).with("has_lineage", "true"), End::Complete);
    database.query("insert into t values (4)");
    let done = undo(&database, "0193f5a1");
    assert_eq!(
        (&done["removed"], &done["rows"]),
        (&json!("rows"), &json!(3))
    );
    assert_eq!(rows(&database, "select n::text from t"), ["4"]);
}

#[test]
fn a_load_into_a_table_that_is_gone_is_undone_with_a_note() {
    for replacement in [
        "select",
        "create table t (n integer); insert into t values (1), (2), (3)",
    ] {
        let database = created(Load::new(1), End::Complete);
        database.query(&format!("drop table t; {replacement}"));
        let before = tables(&database);
        let done = undo(&database, "0193f5a1");
        assert_eq!(done["removed"], "nothing");
        assert!(
            done["note"]
                .as_str()
                .unwrap()
                .contains("not there any more"),
            "{done}"
        );
        assert_eq!(tables(&database), before);
        assert_eq!(standing(&database, 1), "undone 2");
    }
}

#[test]
fn what_a_load_left_behind_when_it_was_killed_goes() {
    let database = ledger();
    database.query(&format!(
        "{LINEAGE}; insert into t values (10, null); create table staging_1 (n integer)"
    ));
    let staged = Load::new(1)
        .with("route", "'staged'")
        .with("effect", "'replace'")
        .with("staging_name", "'staging_1'")
        .killed();
    database.query(&format!("{}; {}", staged.insert(), staged.batch(2, 5)));
    let done = undo(&database, "0193f5a1");
    assert_eq!(done["removed"], "nothing");
    assert_eq!(done["staging_dropped"], "public.staging_1");
    assert!(!tables(&database).contains(&"staging_1".to_owned()));

    // Rows that were committed batch by batch.
    database.query(&lineage_rows(2, &[1, 2]));
    let in_place = Load::new(2).with("has_lineage", "true").killed();
    database.query(&format!(
        "{}; {}; {}",
        in_place.insert(),
        in_place.batch(2, 1),
        in_place.batch(3, 1)
    ));
    assert_eq!(undo(&database, "0193f5a2")["rows"], 2);
    // One that came no further than its record has not emptied the table yet.
    let early = Load::new(4)
        .with("effect", "'replace'")
        .with("is_prepared", "false")
        .killed();
    database.query(&early.insert());
    assert_eq!(undo(&database, "0193f5a4")["removed"], "nothing");
    let together = Load::new(3).with("route", "'one_transaction'").killed();
    database.query(&together.insert());
    let shown = run(&database, &["undo", "0193f5a3"]);
    assert_eq!(
        shown.stdout,
        format!(
            "Load 0193f5a3 is undone: nothing of it is in table public.t.\n/data/shops.xlsx can be loaded again.\n\
             Database: postgresql://sheetload@127.0.0.1:{}/{}\n",
            database.port(),
            database.name()
        )
    );
    assert_eq!(rows(&database, "select n::text from t"), ["10"]);
}

#[test]
fn what_cannot_be_brought_back_is_left_alone() {
    for (load, texts) in [
        (
            Load::new(1),
            &["added 3 rows to table public.t that nothing tells from the others", "--lineage"][..],
        ),
        (
            Load::new(1).with("effect", "'replace'").with("has_lineage", "true"),
            &["took the place of the rows that table public.t had", "backup"],
        ),
        (
            Load::new(1).with("effect", "'upsert'").with("has_lineage", "true"),
            &["merged its rows into table public.t by key", "backup"],
        ),
        (
            Load::new(1)
                .killed()
                .with("session_pid", "(select pid from pg_stat_activity where backend_type = 'checkpointer')")
                .with(
                    "session_start",
                    "(select backend_start from pg_stat_activity where backend_type = 'checkpointer')",
                ),
            &["goes on", "Ctrl-C"],
        ),
    ] {
        let database = ledger();
        database.query(&format!("{LINEAGE}; {}", lineage_rows(1, &[1, 2, 3])));
        database.query(&load.insert());
        assert_settled(&database, "0193f5a1", texts);
    }
    let database = ledger();
    database.query(&format!("{LINEAGE}; {}", Load::new(2).insert()));
    database.query(
        &Load::new(1)
            .with("superseded_by", format!("'{}'", id(2)))
            .insert(),
    );
    assert_settled(
        &database,
        "0193f5a1",
        &["has no rows in table public.t any more", &id(2)],
    );
    assert!(run(&database, &["history"]).stdout.contains("replaced"));
}

/// A workbook with columns `Id` and `Name` and 30 rows.
fn workbook(directory: &Path) -> PathBuf {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["Id", "Name"]).unwrap();
    for row in 1..=30 {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, format!("name {row}")).unwrap();
    }
    let file = directory.join("names.xlsx");
    workbook.save(&file).unwrap();
    file
}

fn import(database: &TestDatabase, file: &Path, args: &[&str]) -> Run {
    Run::import(database, file, &[&["--table", "public.t"], args].concat())
}

/// The id of a load that went well.
fn loaded(database: &TestDatabase, file: &Path, args: &[&str]) -> String {
    let report = import(database, file, args).document(0);
    report["load_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_file_that_made_a_table_is_undone_and_loaded_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path());
    for args in [
        &[][..],
        &["--commit", "batch", "--batch-size", "7"],
        &["--mode", "concurrent", "--lineage"],
    ] {
        let database = TestDatabase::create();
        for _ in 0..2 {
            let load = loaded(&database, &file, args);
            let newest = history(&database, &["--limit", "1"])[0].clone();
            assert_eq!(newest["id"], load);
            assert_eq!(newest["state"], "complete");
            assert_eq!(newest["table"], "public.t");
            assert_eq!(
                (&newest["rows_read"], &newest["rows_loaded"]),
                (&json!(30), &json!(30))
            );
            assert_eq!(import(&database, &file, args).code, 7);
            let done = undo(&database, &load);
            assert_eq!(
                (&done["removed"], &done["rows"]),
                (&json!("table"), &json!(30)),
                "{args:?}"
            );
            assert_eq!(
                database.value("select to_regclass('public.t') is null"),
                "t"
            );
        }
    }
}

#[test]
fn a_change_to_a_loaded_table_keeps_it_from_being_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path());
    let database = TestDatabase::create();
    let load = loaded(&database, &file, &[]);
    database.query("update public.t set name = 'other' where id = 7");
    run(&database, &["undo", &load]).assert_fails(2, &["1 of its rows changed since"]);
    assert_eq!(database.value("select count(*) from public.t"), "30");
}

#[test]
fn appended_rows_with_lineage_are_undone_and_others_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path());
    for args in [
        &["--lineage"][..],
        &["--lineage", "--commit", "batch", "--batch-size", "7"],
    ] {
        let database = TestDatabase::create();
        database.query(
            "create table public.t (id bigint, name text, _file text, _sheet text, _row bigint, _load_id uuid); \
             insert into public.t values (0, 'by hand')",
        );
        let first = loaded(&database, &file, args);
        let second = loaded(&database, &file, &[args, &["--again"]].concat());
        assert_eq!(undo(&database, &first)["rows"], 30);
        let left = "select string_agg(distinct coalesce(_load_id::text, 'by hand'), ' ' order by \
                    coalesce(_load_id::text, 'by hand')), count(*) from public.t";
        assert_eq!(rows(&database, left), [format!("{second} by hand|31")]);
        // The second one has them.
        assert_eq!(import(&database, &file, args).code, 7);
        assert_eq!(undo(&database, &second)["rows"], 30);
        assert_eq!(rows(&database, "select name from public.t"), ["by hand"]);
        loaded(&database, &file, args);
    }
}

#[test]
fn rows_that_nothing_tells_from_others_or_that_are_gone_are_not_undone() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path());
    let database = TestDatabase::create();
    database.query(
        "create table public.t (id bigint, name text); insert into public.t values (0, 'by hand')",
    );
    let appended = loaded(&database, &file, &[]);
    run(&database, &["undo", &appended]).assert_fails(2, &["added 30 rows", "--lineage"]);
    assert_eq!(database.value("select count(*) from public.t"), "31");
    let replaced = loaded(&database, &file, &["--if-exists", "replace"]);
    run(&database, &["undo", &appended])
        .assert_fails(2, &["has no rows in table public.t any more", &replaced]);
    run(&database, &["undo", &replaced]).assert_fails(2, &["took the place of the rows"]);
    assert_eq!(database.value("select count(*) from public.t"), "30");
}
