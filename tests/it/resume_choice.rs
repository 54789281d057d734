//! Which unfinished load is resumed where none is named, and what is said of one whose table was altered meanwhile.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::import::Run;
use crate::support::server::TestDatabase;
use crate::support::sheet::{run, workbook};

/// A workbook of 40 rows, of which the 3rd has no name and the 30th no number.
fn book(directory: &Path, name: &str) -> PathBuf {
    let cells = (1..=40).map(|row| {
        let name = if row == 3 {
            json!(null)
        } else {
            json!(format!("{name} {row}"))
        };
        let number = if row == 30 { json!("x") } else { json!(row) };
        vec![json!(row), name, number]
    });
    workbook(
        directory,
        &format!("{name}.xlsx"),
        &["id", "name", "n"],
        cells,
    )
}

const BATCHES: [&str; 8] = [
    "--commit",
    "batch",
    "--batch-size",
    "10",
    "--workers",
    "1",
    "--max-errors",
    "0",
];

/// Stops a load and gives its id.
fn stopped(database: &TestDatabase, file: &Path, args: &[&str]) -> String {
    let report = Run::import(database, file, args).document(6);
    report["load_id"].as_str().unwrap().to_owned()
}

fn resume(database: &TestDatabase, args: &[&str]) -> Run {
    run(
        database,
        &[&["resume", "--json", "--max-errors", "5"], args].concat(),
    )
}

fn count(database: &TestDatabase, table: &str) -> String {
    database.value(&format!("select count(*)::text from {table}"))
}

#[test]
fn loads_that_can_only_fail_again_are_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let create = |table: &str| {
        database.query(&format!("create table {table} (id int, name text, n int)"));
    };
    let mut ids = Vec::new();
    for table in ["gone", "dropped", "again", "changed", "good", "since"] {
        create(table);
        let file = book(directory.path(), table);
        let args = match table {
            "since" => &["--max-errors", "0"][..],
            _ => &BATCHES,
        };
        ids.push(stopped(&database, &file, args));
    }
    let path = |table: &str| directory.path().join(format!("{table}.xlsx"));
    std::fs::remove_file(path("gone")).unwrap();
    database.query("drop table dropped; drop table again");
    create("again");
    std::fs::write(path("changed"), std::fs::read(path("good")).unwrap()).unwrap();
    Run::import(&database, &path("since"), &["--max-errors", "5"]).document(3);

    let resumed = resume(&database, &[]);
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert_eq!(count(&database, "good"), "39");
    assert_eq!(count(&database, "since"), "39");
    for (id, why) in [
        (&ids[0], "the file cannot be read"),
        (&ids[1], "the table is gone"),
        (&ids[2], "the table is not the one it began with"),
        (&ids[3], "the file is not the one it began with"),
        (&ids[5], "brought rows of the file since"),
    ] {
        let told = resumed.stderr.lines();
        let told = told.filter(|line| line.contains(&format!("passed over load {id} (")));
        let told: Vec<&str> = told.collect();
        assert_eq!(told.len(), 1, "{}", resumed.stderr);
        assert!(
            told[0].ends_with(why) || told[0].contains(why),
            "{}",
            told[0]
        );
    }

    // None is left that may succeed.
    let failed = resume(&database, &["--quiet"]);
    failed.assert_fails(
        2,
        &[&ids[0], &ids[5], "the table is gone", "sheetload undo"],
    );
}

#[test]
fn one_file_tells_which_load_is_meant() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    database.query(
        "create table a (id int, name text, n int); create table b (id int, name text, n int)",
    );
    for table in ["a", "b"] {
        stopped(&database, &book(directory.path(), table), &BATCHES);
    }
    let both = resume(&database, &["--quiet"]);
    both.assert_fails(2, &["2 loads may be meant", "Name one by its id"]);
    let moved = directory.path().join("moved.xlsx");
    std::fs::rename(directory.path().join("a.xlsx"), &moved).unwrap();
    let resumed = resume(&database, &["--file", moved.to_str().unwrap()]);
    assert_eq!(resumed.code, 3, "{}", resumed.stderr);
    assert_eq!(count(&database, "a"), "39");
}

#[test]
fn a_table_that_was_altered_meanwhile_is_named_with_the_way_out() {
    for (alter, texts) in [
        (
            "delete from t where name is null; alter table t alter name set not null",
            ["row 4 of sheet", "name (text not null)"],
        ),
        (
            "delete from t; alter table t alter name type int using null",
            ["row 2 of sheet", "name (integer)"],
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let database = TestDatabase::create();
        database.query("create table t (id int, name text, n int)");
        let file = book(directory.path(), "t");
        let id = stopped(&database, &file, &BATCHES);
        database.query(alter);
        for _ in 0..2 {
            let failed = resume(&database, &["--quiet"]);
            assert_eq!(failed.code, 5, "{}", failed.stderr);
            for text in texts {
                assert!(failed.stderr.contains(text), "{}", failed.stderr);
            }
            for way_out in [&format!("sheetload undo {id}"), "sheetload import --again"] {
                assert!(failed.stderr.contains(way_out), "{}", failed.stderr);
            }
            assert!(
                !failed.stderr.contains("duplicate key"),
                "{}",
                failed.stderr
            );
        }
        database
            .query("delete from t; alter table t alter name drop not null, alter name type text");
        Run::import(&database, &file, &["--again"]).document(3);
        assert_eq!(count(&database, "t"), "39");
    }
}
