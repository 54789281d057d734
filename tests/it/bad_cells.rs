//! Rows with several bad cells: each of them is named, in the report and in the files of rejected rows.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::import::{Run, rows};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::workbook;

/// Each way to write rows and to commit them.
const WAYS: [&[&str]; 10] = [
    &["--commit", "all"],
    &["--commit", "all", "--no-ledger"],
    &["--commit", "batch"],
    &["--commit", "batch", "--no-ledger"],
    &["--mode", "sequential"],
    &["--mode", "sequential", "--no-ledger"],
    &["--mode", "concurrent"],
    &["--key", "id"],
    &["--if-exists", "replace"],
    &["--dry-run"],
];

/// Each rejected row with its cells and their SQLSTATEs: `3: B3 22P02, C3 22003`.
fn bad_cells(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cell = |cell: &Value| {
        let at = text(&cell["cell"]);
        let (_, at) = at.rsplit_once('!').unwrap();
        format!("{at} {}", text(&cell["sqlstate"]))
    };
    let rejects = report["rejects"].as_array().unwrap().iter();
    let row = |reject: &Value| {
        let cells: Vec<String> = reject["cells"]
            .as_array()
            .unwrap()
            .iter()
            .map(cell)
            .collect();
        format!("{}: {}", reject["row"], cells.join(", "))
    };
    rejects.map(row).collect()
}

const ORDERS: &str = "create table orders (id int primary key, qty int not null, price numeric(6, 2), day date, \
     flag boolean not null, note varchar(5))";

fn orders(directory: &Path) -> PathBuf {
    let titles = ["id", "qty", "price", "day", "flag", "note"];
    let rows = [
        json!([1, 1, 1.5, "2024-01-01", true, "ok"]),
        json!(["x", "y", "1,5", "31.12.2024", "maybe", "too long"]),
        json!([3, null, 12_345_678, null, null, "fine"]),
        json!([4, 5, 6, null, true, "longer"]),
        json!([5, 6, null, null, false, null]),
    ];
    let rows = rows.map(|row| row.as_array().unwrap().clone());
    workbook(directory, "orders.xlsx", &titles, rows)
}

const ORDERS_REFUSED: [&str; 3] = [
    "3: A3 22P02, B3 22P02, C3 22P02, D3 22007, E3 22P02, F3 22001",
    "4: B4 23502, C4 22003, E4 23502",
    "5: F5 22001",
];

#[test]
fn all_cells_that_do_not_fit_their_columns_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = orders(directory.path());
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(ORDERS);
        let args = [&["--table", "orders"], way].concat();
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(bad_cells(&report), ORDERS_REFUSED, "{way:?}");
        assert_eq!(report["error_count"], 3, "{way:?}");
        assert_eq!(report["success_count"], 2, "{way:?}");
        let loaded: &[&str] = match way {
            ["--dry-run"] => &[],
            _ => &["1", "5"],
        };
        assert_eq!(rows(&database, "select id from orders order by id"), loaded);
        let first = &report["rejects"][0];
        assert_eq!(first["cell"], "Sheet1!A3");
        assert_eq!(first["column"], "id");
        assert_eq!(first["stored"], "x");
        assert_eq!(first["expected"], "integer not null");
        let third = &first["cells"][2];
        assert_eq!(third["column"], "price");
        assert_eq!(third["stored"], "1,5");
        assert_eq!(third["expected"], "numeric(6,2)");
        assert_eq!(third["reason"], "wrong_type");
        let message = third["message"].as_str().unwrap();
        assert!(message.contains("1,5"), "{message}");
    }
}

#[test]
fn people_see_a_line_for_each_bad_cell() {
    let directory = tempfile::tempdir().unwrap();
    let file = orders(directory.path());
    let database = TestDatabase::create();
    database.query(ORDERS);
    let output = sheetload()
        .arg("import")
        .arg(&file)
        .args(["--database-url", &database.url(), "--table", "orders"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let shown = String::from_utf8(output.stdout).unwrap();
    for (cell, column) in [
        ("A3", "id"),
        ("B3", "qty"),
        ("C3", "price"),
        ("D3", "day"),
        ("E3", "flag"),
        ("F3", "note"),
        ("B4", "qty"),
        ("C4", "price"),
        ("E4", "flag"),
        ("F5", "note"),
    ] {
        let line = format!("\n  Sheet1!{cell} {column}: ");
        assert_eq!(shown.matches(&line).count(), 1, "{line}{shown}");
    }
}

/// The style of a cell, as the part of its sheet has it.
fn style(part: &str, cell: &str) -> Option<String> {
    let (_, behind) = part.split_once(&format!("<c r=\"{cell}\""))?;
    let (tag, _) = behind.split_once('>')?;
    let (_, style) = tag.split_once(" s=\"")?;
    Some(style.split('"').next()?.to_owned())
}

#[test]
fn files_of_rejected_rows_have_all_bad_cells() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let file = orders(directory.path());
    for name in ["r.xlsx", "r.csv", "r.jsonl"] {
        let database = TestDatabase::create();
        database.query(ORDERS);
        let path = at(name);
        let args = ["--table", "orders", "--rejects", path.to_str().unwrap()];
        let report = Run::import(&database, &file, &args).document(3);
        match name {
            "r.jsonl" => {
                let text = fs::read_to_string(&path).unwrap();
                let lines: Vec<Value> = text
                    .lines()
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect();
                assert_eq!(bad_cells(&json!({ "rejects": lines })), ORDERS_REFUSED);
                assert_eq!(lines[0]["cells"], report["rejects"][0]["cells"]);
            }
            "r.csv" => {
                let mut reader = csv::Reader::from_path(&path).unwrap();
                let titles = reader.headers().unwrap().clone();
                let bad = titles.iter().position(|title| title == "bad_cells");
                assert_eq!(bad, Some(titles.len() - 1));
                let records: Vec<csv::StringRecord> =
                    reader.records().map(Result::unwrap).collect();
                assert_eq!(records[1].get(2), Some("Sheet1!B4"));
                let bad = &records[1][titles.len() - 1];
                let named: Vec<&str> = bad.split("; ").map(|why| &why[..3]).collect();
                assert_eq!(named, ["B4:", "C4:", "E4:"], "{bad}");
            }
            _ => {
                let mut archive = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
                let mut part = archive.by_name("xl/worksheets/sheet1.xml").unwrap();
                let part = std::io::read_to_string(&mut part).unwrap();
                let mark = style(&part, "A2");
                assert!(mark.is_some(), "{part}");
                let marked = |row: u32| {
                    let columns = ["A", "B", "C", "D", "E", "F"].into_iter();
                    let of_row = columns.filter(|c| style(&part, &format!("{c}{row}")) == mark);
                    of_row.collect::<String>()
                };
                assert_eq!([marked(2), marked(3), marked(4)], ["ABCDEF", "BCE", "F"]);
            }
        }
    }
}
