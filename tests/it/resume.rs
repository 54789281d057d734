//! Going on with loads that did not come to their end. How they are stopped here: by a limit of rejected rows, by a row that
//! is refused, and by the loss of their connections.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::import::{Run, columns, rows, tables};
use crate::support::server::TestDatabase;
use crate::support::sheet::{
    Cells, Started, add_gate, run, wait_for, wait_for_waiting, workbook, workbook_of,
};

/// Rows of most sheets.
const COUNT: u32 = 2_000;
/// Stops at the first of these rows, which come late.
const BAD: [u32; 3] = [1_500, 1_600, 1_900];

fn cells(count: u32, bad: &[u32]) -> Vec<Cells> {
    (1..=count)
        .map(|id| {
            let qty = if bad.contains(&id) {
                json!("many")
            } else {
                json!(id % 7)
            };
            vec![json!(id), json!(format!("row {id}")), qty]
        })
        .collect()
}

const TITLES: &[&str] = &["id", "name", "qty"];

fn numbered(directory: &Path) -> PathBuf {
    workbook(directory, "numbered.xlsx", TITLES, cells(COUNT, &BAD))
}

const NUMBERED: &str = "create table numbered (id int primary key, name text, qty int)";

const STOPPING: [&str; 6] = [
    "--commit",
    "batch",
    "--batch-size",
    "100",
    "--max-errors",
    "0",
];

fn resume(database: &TestDatabase, args: &[&str]) -> Run {
    run(database, &[&["resume", "--json", "--quiet"], args].concat())
}

/// Stops a load half-way and gives its id.
fn stopped(database: &TestDatabase, file: &Path, args: &[&str]) -> String {
    let report = Run::import(database, file, &[&STOPPING, args].concat()).document(6);
    let committed = report["success_count"].as_u64().unwrap();
    assert!(
        (1_000..u64::from(COUNT)).contains(&committed),
        "{committed}"
    );
    report["load_id"].as_str().unwrap().to_owned()
}

fn assert_all_there(database: &TestDatabase, table: &str) {
    let good = u64::from(COUNT) - BAD.len() as u64;
    let sum = u64::from(COUNT) * u64::from(COUNT + 1) / 2 - BAD.map(u64::from).iter().sum::<u64>();
    assert_eq!(
        rows(
            database,
            &format!(
                "select count(*), count(distinct id), sum(id::bigint), count(distinct name) from {table}"
            )
        ),
        [format!("{good}|{good}|{sum}|{good}")]
    );
}

fn rejected(report: &Value) -> Vec<&str> {
    let rejects = report["rejects"].as_array().unwrap();
    rejects
        .iter()
        .map(|reject| reject["cell"].as_str().unwrap())
        .collect()
}

const REJECTED: [&str; 3] = ["Sheet1!C1501", "Sheet1!C1601", "Sheet1!C1901"];

#[test]
fn the_rest_is_loaded_whatever_the_workers_and_the_batches_are_now() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    let whole = TestDatabase::create();
    whole.query(NUMBERED);
    let uninterrupted = Run::import(&whole, &file, &["--commit", "batch"]).document(3);
    for (begun, going_on) in [
        (
            &["--workers", "1"][..],
            &["--workers", "2", "--batch-size", "77"][..],
        ),
        (
            &["--workers", "2"],
            &["--workers", "1", "--batch-size", "5000"],
        ),
        (&["--workers", "1", "--verify"], &[]),
        (
            &[
                "--workers",
                "2",
                "--lineage",
                "--extra-columns",
                "add",
                "--verify",
            ],
            &["--batch-size", "33"],
        ),
    ] {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        let id = stopped(&database, &file, begun);
        let rejects = directory.path().join(format!("rejects-{id}.csv"));
        let args = [
            &[
                &id[..18],
                "--max-errors",
                "3",
                "--rejects",
                rejects.to_str().unwrap(),
            ],
            going_on,
        ]
        .concat();
        let report = resume(&database, &args).document(3);
        assert_all_there(&database, "numbered");
        assert_eq!(report["load_id"], id.as_str());
        assert_eq!(rejected(&report), REJECTED, "{begun:?}");
        assert_eq!(report["total_records"], COUNT);
        assert_eq!(report["success_count"], COUNT - 3, "{begun:?}");
        assert_eq!(report["error_count"], 3);
        if !begun.contains(&"--lineage") {
            assert_eq!(
                report["receipt"]["columns"], uninterrupted["receipt"]["columns"],
                "{begun:?}"
            );
        }
        assert_eq!(
            report["receipt"]["verified"].is_null(),
            !begun.contains(&"--verify"),
            "{begun:?}"
        );
        let written = fs::read_to_string(&rejects).unwrap();
        for cell in ["C1501", "C1601", "C1901"] {
            assert_eq!(written.matches(cell).count(), 1, "{written}");
        }
        assert_eq!(
            rows(
                &database,
                "select state, attempt, rows_read, rows_loaded, rows_rejected from sheetload.loads"
            ),
            ["complete|2|2000|1997|3"],
            "{begun:?}"
        );
        assert_eq!(
            rows(&database, "select row from sheetload.rejects order by row"),
            ["1501", "1601", "1901"]
        );
        if begun.contains(&"--lineage") {
            assert_eq!(
                rows(
                    &database,
                    "select count(*) from numbered where _row = id + 1 and _sheet = 'Sheet1'"
                ),
                ["1997"]
            );
            assert_eq!(
                rows(&database, "select distinct _load_id from numbered"),
                [id.as_str()]
            );
        }
        resume(&database, &[&id]).assert_fails(2, &["is complete"]);
        resume(&database, &[]).assert_fails(2, &["no load to go on with"]);
        Run::import(&database, &file, &[]).assert_fails(7, &["numbered already"]);
    }
}

#[test]
fn rows_that_commit_one_by_one_are_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    for mode in ["sequential", "concurrent"] {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        let args = ["--mode", mode, "--batch-size", "90", "--max-errors", "0"];
        let run = Run::import(&database, &file, &args);
        run.assert_fails(6, &["C1501", "sheetload resume"]);
        // Once more it stops at the next one.
        resume(&database, &["--batch-size", "50"]).document(6);
        let report = resume(&database, &["--batch-size", "70", "--max-errors", "3"]).document(3);
        assert_eq!(report["success_count"], COUNT - 3, "{mode}");
        assert_eq!(rejected(&report), REJECTED, "{mode}");
        assert_all_there(&database, "numbered");
    }
}

#[test]
fn new_and_replaced_tables_are_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    let old = format!("{NUMBERED}; insert into numbered values (-1, 'old', 1)");
    for (make, args, before) in [
        ("select 1", &["--map", "qty=qty:int"][..], None),
        (&old, &["--if-exists", "replace"], Some("1")),
        (&old, &["--if-exists", "truncate"], None),
    ] {
        let database = TestDatabase::create();
        database.query(make);
        let report = Run::import(&database, &file, &[&STOPPING, args].concat()).document(6);
        assert_eq!(report["state"], "failed", "{args:?}");
        if let Some(before) = before {
            assert_eq!(
                database.value("select count(*)::text from numbered"),
                before
            );
        }
        let report = resume(&database, &["--max-errors", "3", "--batch-size", "64"]).document(3);
        assert_eq!(report["success_count"], COUNT - 3, "{args:?}");
        assert_eq!(rejected(&report), REJECTED, "{args:?}");
        assert_all_there(&database, "numbered");
        assert_eq!(tables(&database), ["numbered"], "{args:?}");
    }
}

#[test]
fn what_cannot_be_gone_on_with_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    let database = TestDatabase::create();
    resume(&database, &[]).assert_fails(2, &["no load to go on with"]);
    database.query(NUMBERED);
    let first = stopped(&database, &file, &["--workers", "1"]);
    Run::import(&database, &file, &[])
        .assert_fails(7, &["did not come to its end", "sheetload resume", &first]);
    database.query("create table other (id int, name text, qty int)");
    let second = stopped(&database, &file, &["--table", "other"]);
    resume(&database, &[]).assert_fails(2, &["2 loads", &first, &second, "numbered", "other"]);
    resume(&database, &["ffff"]).assert_fails(2, &["ffff"]);
    // The file was changed, and then brought back to another place.
    let kept = directory.path().join("kept.xlsx");
    fs::rename(&file, &kept).unwrap();
    resume(&database, &[&second]).assert_fails(4, &["numbered.xlsx"]);
    workbook(directory.path(), "numbered.xlsx", TITLES, cells(COUNT, &[]));
    resume(&database, &[&second, "--max-errors", "9"])
        .assert_fails(4, &["is not the file", "--file"]);
    let count = "select count(*)::text from other";
    assert!(database.value(count).parse::<u32>().unwrap() < COUNT - 3);
    let moved = ["--file", kept.to_str().unwrap(), "--max-errors", "3"];
    resume(&database, &[&[second.as_str()], &moved[..]].concat()).document(3);
    assert_all_there(&database, "other");
    // Another table of the same name.
    database.query(&format!("drop table numbered; {NUMBERED}"));
    resume(&database, &[&[first.as_str()], &moved[..]].concat())
        .assert_fails(2, &["numbered is not the one", "sheetload import"]);
    database.query("drop table numbered");
    resume(&database, &[&[first.as_str()], &moved[..]].concat())
        .assert_fails(2, &["numbered is not the one", "sheetload import"]);
    assert_eq!(tables(&database), ["other"]);
}

#[test]
fn the_settings_of_the_beginning_hold() {
    let directory = tempfile::tempdir().unwrap();
    let rows_of = cells(COUNT, &BAD).into_iter().map(|mut cells| {
        let id = cells[0].as_u64().unwrap();
        cells[1] = if id % 2 == 0 {
            json!(" n/a ")
        } else {
            json!(format!(" row {id} "))
        };
        cells.push(json!("left out"));
        cells
    });
    let titles: &[&str] = &["Number", "name", "qty", "rest"];
    let sheets = vec![
        ("Cover", &["x"][..], vec![vec![json!(1)]]),
        ("Numbers", titles, rows_of.collect()),
    ];
    let file = workbook_of(directory.path(), "book.xlsx", sheets);
    let database = TestDatabase::create();
    let args = [
        "--sheet",
        "Numbers",
        "--map",
        "Number=id:int",
        "--map",
        "qty=qty:smallint",
        "--map",
        "-rest",
        "--null",
        "n/a",
        "--trim",
        "--range",
        "A1:D1801",
        "--table",
        "chosen",
        "--workers",
        "1",
    ];
    stopped(&database, &file, &args);
    let report = resume(&database, &["--max-errors", "5"]).document(3);
    assert_eq!(report["success_count"], 1_798);
    assert_eq!(
        columns(&database, "chosen"),
        ["id integer", "name text", "qty smallint"]
    );
    assert_eq!(
        rows(
            &database,
            "select count(*), max(id), count(name), count(*) filter (where name = 'row ' || id) from chosen"
        ),
        ["1798|1800|900|900"]
    );
}

#[test]
fn an_encrypted_workbook_needs_its_password_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/encrypted.xlsx");
    let password = directory.path().join("password");
    fs::write(&password, "secret").unwrap();
    let password = ["--password-file", password.to_str().unwrap()];
    let database = TestDatabase::create();
    database.query(
        "create table stock (id int, name text); \
         create function stop() returns trigger language plpgsql as $$ begin \
           raise exception 'not yet' using errcode = '58030'; end $$; \
         create trigger stop before insert on stock for each row when (new.name = 'b') execute function stop()",
    );
    let args = [
        "--table",
        "stock",
        "--commit",
        "batch",
        "--batch-size",
        "1",
        "--workers",
        "1",
    ];
    Run::import(&database, &file, &[&args[..], &password].concat()).document(5);
    assert_eq!(rows(&database, "select * from stock"), ["1|a"]);
    assert_eq!(
        rows(
            &database,
            "select count(*) from sheetload.loads l where l::text like '%secret%'"
        ),
        ["0"]
    );
    resume(&database, &[]).assert_fails(4, &["password"]);
    database.query("drop trigger stop on stock");
    resume(&database, &password).document(0);
    assert_eq!(
        rows(&database, "select * from stock order by id"),
        ["1|a", "2|b"]
    );
}

#[test]
fn columns_of_a_sampled_table_are_widened_when_the_load_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    // A text comes late in a column of numbers; the load stops before by a row that the table refuses.
    let rows_of = (1..=COUNT).map(|id| {
        let code = if id == 1_800 {
            json!("last")
        } else {
            json!(id)
        };
        vec![json!(id), code]
    });
    let file = workbook(directory.path(), "sampled.xlsx", &["id", "code"], rows_of);
    let database = TestDatabase::create();
    database.query(
        "create function stop() returns trigger language plpgsql as $$ begin \
           if new.id = 1000 then raise exception 'not yet' using errcode = '58030'; end if; return new; end $$; \
         create function add_stop() returns event_trigger language plpgsql as $$ declare created record; begin \
           for created in select * from pg_event_trigger_ddl_commands() \
               where object_type = 'table' and schema_name <> 'sheetload' loop \
             execute format('create trigger stop before insert on %s for each row execute function stop()', \
               created.object_identity); \
           end loop; end $$; \
         create event trigger add_stop on ddl_command_end when tag in ('CREATE TABLE') execute function add_stop()",
    );
    let args = [
        "--commit",
        "batch",
        "--batch-size",
        "100",
        "--workers",
        "1",
        "--infer-rows",
        "50",
    ];
    let run = Run::import(&database, &file, &args);
    run.assert_fails(5, &["not yet", "sheetload resume"]);
    assert_eq!(columns(&database, "sampled"), ["id bigint", "code bigint"]);
    assert_eq!(database.value("select count(*)::text from sampled"), "900");
    database.query("drop event trigger add_stop; drop trigger stop on sampled");
    let report = resume(&database, &[]).document(0);
    assert_eq!(report["success_count"], COUNT);
    assert_eq!(columns(&database, "sampled"), ["id bigint", "code text"]);
    assert_eq!(
        rows(
            &database,
            "select count(*), count(distinct id), count(*) filter (where code = id::text) from sampled"
        ),
        ["2000|2000|1999"]
    );
}

#[test]
fn several_sheets_go_on_in_the_one_that_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let sheet = |name, bad: &[u32]| (name, TITLES, cells(COUNT, bad));
    let sheets = vec![sheet("One", &[]), sheet("Two", &BAD), sheet("Three", &[])];
    let file = workbook_of(directory.path(), "book.xlsx", sheets);
    // Into one table.
    let database = TestDatabase::create();
    database.query("create table whole (id int, name text, qty int, _file text, _sheet text, _row bigint, _load_id uuid)");
    let args = [
        &STOPPING[..],
        &[
            "--all-sheets",
            "--union",
            "--table",
            "whole",
            "--lineage",
            "--workers",
            "1",
        ],
    ]
    .concat();
    let report = Run::import(&database, &file, &args).document(6);
    assert_eq!(report["success_count"], 3_400, "{report}");
    let report = resume(&database, &["--max-errors", "3", "--batch-size", "333"]).document(3);
    assert_eq!(report["success_count"], 5_997);
    assert_eq!(rejected(&report), ["Two!C1501", "Two!C1601", "Two!C1901"]);
    let per_sheet = "select _sheet, count(*), count(distinct id) from whole group by 1 order by 1";
    assert_eq!(
        rows(&database, per_sheet),
        ["One|2000|2000", "Three|2000|2000", "Two|1997|1997"]
    );
    // Into a table each: the one that stopped is gone on with, those behind it were not begun.
    let database = TestDatabase::create();
    for table in ["one", "two", "three"] {
        database.query(&format!(
            "create table {table} (id int, name text, qty int)"
        ));
    }
    let args = [&STOPPING[..], &["--all-sheets", "--workers", "1"]].concat();
    let run = Run::import(&database, &file, &args);
    assert_eq!(run.code, 6, "{}", run.stderr);
    let counts = "select (select count(*) from one), (select count(*) from two), (select count(*) from three)";
    assert_eq!(rows(&database, counts), ["2000|1400|0"]);
    let run = resume(&database, &["--max-errors", "3"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(rows(&database, counts), ["2000|1997|0"]);
}

#[tokio::test]
async fn a_load_whose_connections_are_lost_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path(), "numbered.xlsx", TITLES, cells(COUNT, &[]));
    for args in [
        &["--commit", "batch", "--workers", "1"][..],
        &["--commit", "batch", "--workers", "2", "--verify"],
        &["--mode", "sequential"],
        &["--mode", "concurrent"],
        &["--commit", "all"],
    ] {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        add_gate(&database, "numbered", 1_500);
        let holder = database.connect().await;
        holder
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        let args = [args, &["--batch-size", "100", "--retry-for", "0s"]].concat();
        let load = Started::import(&database, &file, &args);
        wait_for_waiting(&database, 1);
        database.query(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where application_name = 'sheetload' and datname = current_database()",
        );
        let ended = load.end();
        assert_eq!(ended.code, 5, "{args:?} {}", ended.stderr);
        holder
            .batch_execute("select pg_advisory_unlock(1)")
            .await
            .unwrap();
        wait_for("its sessions to end", || {
            database.value(
                "select count(*)::text from pg_stat_activity \
                 where application_name = 'sheetload' and datname = current_database()",
            ) == "0"
        });
        let report = resume(&database, &[]).document(0);
        assert_eq!(report["success_count"], COUNT, "{args:?}");
        assert_eq!(
            rows(
                &database,
                "select count(*), count(distinct id), max(id) from numbered"
            ),
            ["2000|2000|2000"],
            "{args:?}"
        );
        assert_eq!(
            rows(
                &database,
                "select state, rows_read, rows_loaded from sheetload.loads"
            ),
            ["complete|2000|2000"],
            "{args:?}"
        );
    }
}

#[test]
fn a_merge_that_stopped_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path());
    let database = TestDatabase::create();
    database.query(&format!(
        "{NUMBERED}; insert into numbered select n, 'old', 0 from generate_series(1, 100) n"
    ));
    let args = [&STOPPING[..], &["--key", "id", "--on-conflict", "update"]].concat();
    Run::import(&database, &file, &args).document(6);
    assert_eq!(database.value("select count(*)::text from numbered"), "100");
    let report = resume(&database, &["--max-errors", "3"]).document(3);
    assert_eq!(report["upserted"]["updated"], 100);
    assert_eq!(report["upserted"]["inserted"], COUNT - 103);
    assert_all_there(&database, "numbered");
    assert_eq!(tables(&database), ["numbered"]);
}
