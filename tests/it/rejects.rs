//! Files of rejected rows: a mended one is loaded as it is.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::Workbook;

use crate::support::import::{Run, columns, rows};
use crate::support::program::{sheetload, stdout};
use crate::support::server::TestDatabase;

/// The title of the column that says why a row was rejected.
const REASON: &str = "sheetload: why this row was rejected";

/// A workbook of rejected rows as the program writes it, made by hand.
fn by_hand(directory: &Path) -> PathBuf {
    let path = directory.join("by-hand.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name", REASON]).unwrap();
    for (row, id, name) in [(1, 7.0, "x"), (2, 8.0, "y")] {
        sheet.write(row, 0, id).unwrap();
        sheet.write(row, 1, name).unwrap();
        sheet.write(row, 2, "A9: too large (22003)").unwrap();
    }
    // Left when somebody empties a row.
    sheet.write(3, 2, "A10: too large (22003)").unwrap();
    workbook.save(&path).unwrap();
    path
}

#[test]
fn reasons_are_no_column_of_a_new_table_nor_of_an_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = by_hand(directory.path());
    let database = TestDatabase::create();
    let report = Run::import(&database, &path, &["--table", "new"]).document(0);
    assert_eq!(columns(&database, "new"), ["id bigint", "name text"]);
    assert_eq!(
        rows(&database, "select * from new order by id"),
        ["7|x", "8|y"]
    );
    assert_eq!(report["success_count"], 2, "{report}");

    database.query("create table old (id bigint, name text)");
    Run::import(
        &database,
        &path,
        &["--table", "old", "--extra-columns", "add"],
    )
    .document(0);
    assert_eq!(columns(&database, "old"), ["id bigint", "name text"]);
    // The file's rows of titles are not where those of the original were.
    database.query("create table third (id bigint, name text)");
    Run::import(&database, &path, &["--table", "third", "--header-row", "5"]).document(0);
    assert_eq!(
        rows(&database, "select * from third order by id"),
        ["7|x", "8|y"]
    );
}

#[test]
fn reasons_are_not_inspected() {
    let directory = tempfile::tempdir().unwrap();
    let path = by_hand(directory.path());
    for reader in ["own", "calamine"] {
        let output = sheetload()
            .args(["inspect", "--json", "--reader", reader])
            .arg(&path)
            .output()
            .unwrap();
        let shown = stdout(&output);
        assert!(shown.contains("\"name\""), "{shown}");
        assert!(!shown.contains("sheetload: why"), "{shown}");
        assert!(!shown.contains("22003"), "{shown}");
    }
}
