//! Rows with several bad cells: each of them is named, in the report and in the files of rejected rows.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::import::{Run, rows};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::{Cells, run_as, url_of, workbook};

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
                let bad = titles.iter().position(|title| title == "other_bad_cells");
                assert_eq!(bad, Some(titles.len() - 1));
                let records: Vec<csv::StringRecord> =
                    reader.records().map(Result::unwrap).collect();
                assert_eq!(records[1].get(2), Some("Sheet1!B4"));
                let bad = &records[1][titles.len() - 1];
                let named: Vec<&str> = bad.split("; ").map(|why| &why[..3]).collect();
                assert_eq!(named, ["C4:", "E4:"], "{bad}");
                assert_eq!(&records[2][titles.len() - 1], "");
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

/// A table whose types and checks only the server knows.
const THINGS: &str = "\
    create type mood as enum ('good', 'bad'); \
    create domain small as int check (value < 10); \
    create domain word as text not null check (value ~ '^[a-z]+$'); \
    create table things (id int primary key, mood mood not null, tags text[], doc jsonb, size small, name word, \
        ip inet, span int4range, bits bit(3), \"Qty, net\" int check (\"Qty, net\" > 0), \
        code text collate \"C\" check (code ~ '^[A-Z]+$'), amount int, \
        check (amount <> size))";

/// The sheet's column of each.
const THINGS_TITLES: [&str; 12] = [
    "id", "mood", "tags", "doc", "size", "name", "ip", "span", "bits", "Qty, net", "code", "amount",
];

/// A good row of this id, with other values in some columns.
fn thing(id: u32, others: &[(usize, Value)]) -> Cells {
    let mut cells = json!([
        id,
        "good",
        "{a,b}",
        "{\"a\": 1}",
        3,
        "word",
        "10.0.0.1",
        "[1,2)",
        "101",
        5,
        "ABC",
        7
    ])
    .as_array()
    .unwrap()
    .clone();
    for (column, value) in others {
        cells[*column] = value.clone();
    }
    cells
}

fn things(directory: &Path) -> PathBuf {
    let bad = [
        (1, json!("Good")),
        (2, json!("{1")),
        (3, json!("{x")),
        (4, json!(50)),
        (5, json!("ABC")),
        (6, json!("10.0.0.300")),
        (7, json!("[2,1)")),
        (8, json!("1111")),
        (9, json!(-5)),
        (10, json!("abc")),
    ];
    let rows = [
        thing(1, &[]),
        thing(2, &bad),
        thing(
            3,
            &[
                (11, json!("x")),
                (6, json!("no")),
                (9, json!(0)),
                (5, json!(null)),
            ],
        ),
        thing(4, &[(1, json!(null)), (10, json!("a"))]),
        thing(5, &[]),
        thing(6, &[(5, json!("X")), (9, json!(-1))]),
        // Refused as a whole.
        thing(7, &[(11, json!(3))]),
        thing(8, &[(7, json!("1-2"))]),
    ];
    workbook(directory, "things.xlsx", &THINGS_TITLES, rows)
}

const THINGS_REFUSED: [&str; 6] = [
    "3: B3 22P02, C3 22P02, D3 22P02, E3 23514, F3 23514, G3 22P02, H3 22000, I3 22026, J3 23514, K3 23514",
    "4: F4 23502, G4 22P02, J4 23514, L4 22P02",
    "5: B5 23502, K5 23514",
    "7: F7 23514, J7 23514",
    "8: ",
    "9: H9 22P02",
];

/// The cells, with those of a check of several columns left out: which of them is named is chance.
fn without_row_8(report: &Value) -> Vec<String> {
    let mut cells = bad_cells(report);
    assert!(cells[4].starts_with("8: "), "{cells:?}");
    assert!(!cells[4].contains(','), "{cells:?}");
    cells[4] = "8: ".to_owned();
    cells
}

#[test]
fn all_cells_that_the_server_refuses_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = things(directory.path());
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(THINGS);
        let args = [&["--table", "things"], way].concat();
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(without_row_8(&report), THINGS_REFUSED, "{way:?}");
        assert_eq!(report["error_count"], 6, "{way:?}");
        let loaded: &[&str] = match way {
            ["--dry-run"] => &[],
            _ => &["1", "5"],
        };
        assert_eq!(rows(&database, "select id from things order by id"), loaded);
        let rejects = &report["rejects"];
        assert_eq!(rejects[0]["cell"], "Sheet1!B3", "{way:?}");
        assert_eq!(rejects[0]["column"], "mood", "{way:?}");
        assert_eq!(rejects[0]["stored"], "Good", "{way:?}");
        let last = rejects[0]["cells"].as_array().unwrap().last().unwrap();
        assert_eq!(last["column"], "code");
        assert_eq!(last["stored"], "abc");
        assert_eq!(last["expected"], "things_code_check");
        assert_eq!(last["reason"], "constraint");
        // The cell that is named first is the client's.
        assert_eq!(rejects[1]["sqlstate"], "23502", "{way:?}");
        assert_eq!(rejects[5]["cell"], "Sheet1!H9", "{way:?}");
        let leftovers = "select count(*)::text from pg_class where relname like 'sheetload_probe%'";
        assert_eq!(database.value(leftovers), "0");
    }
}

#[test]
fn the_ledger_names_the_same_cell_in_every_mode() {
    let directory = tempfile::tempdir().unwrap();
    let file = things(directory.path());
    for mode in ["batch", "sequential", "concurrent"] {
        let database = TestDatabase::create();
        database.query(THINGS);
        let args = ["--table", "things", "--mode", mode];
        Run::import(&database, &file, &args).document(3);
        let recorded =
            "select cell, column_name, sqlstate from sheetload.rejects where row <> 8 order by row";
        assert_eq!(
            rows(&database, recorded),
            [
                "Sheet1!B3|mood|22P02",
                "Sheet1!F4|name|23502",
                "Sheet1!B5|mood|23502",
                "Sheet1!F7|name|23514",
                "Sheet1!H9|span|22P02"
            ],
            "{mode}"
        );
    }
}

#[test]
fn no_cell_is_named_of_a_row_that_is_refused_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let rows_of = [
        json!([1, "ok", 5]),
        json!([2, "ok", -5]),
        json!([3, "stop", -5]),
        json!([4, "Bad", -5]),
        json!([5, "ok", 0]),
    ];
    let rows_of = rows_of.map(|row| row.as_array().unwrap().clone());
    let file = workbook(directory.path(), "w.xlsx", &["id", "word", "qty"], rows_of);
    for way in &WAYS[..7] {
        let database = TestDatabase::create();
        database.query(
            "create domain word as text check (value ~ '^[a-z]+$'); \
             create table t (id int, word word, qty int check (qty > 0)); \
             create function judge() returns trigger language plpgsql as $$ begin \
               if new.word = 'stop' then raise exception 'stopped' using errcode = '22023'; end if; \
               new.qty := abs(new.qty); return new; end $$; \
             create trigger judge before insert on t for each row execute function judge()",
        );
        let args = [&["--table", "t"], *way].concat();
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(
            bad_cells(&report),
            ["4: ", "5: B5 23514", "6: C6 23514"],
            "{way:?}"
        );
        assert_eq!(report["rejects"][0]["column"], Value::Null, "{way:?}");
        assert_eq!(
            rows(&database, "select id, qty from t order by id"),
            ["1|5", "2|5"]
        );
    }
}

#[test]
fn rows_of_views_and_row_security_have_their_cells_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = things(directory.path());
    let database = TestDatabase::create();
    let role = format!("writer_{}", database.name());
    database.query(THINGS);
    database.query(&format!(
        "create role {role} login password 'w'; grant insert on things to {role}; \
         create view shown as select * from things; grant insert on shown to {role}; \
         alter table things enable row level security; create policy all_of on things using (true)"
    ));
    let url = url_of(&database, &role, "w");
    for table in ["things", "shown"] {
        let file = file.to_str().unwrap();
        let args = ["import", file, "--table", table, "--json", "--quiet"];
        let args = [&args[..], &["--mode", "sequential", "--no-ledger"]].concat();
        let report = run_as(&url, &args).document(3);
        let expected: &[&str] = match table {
            "things" => &THINGS_REFUSED,
            // The checks are those of the table behind it.
            _ => &[
                "3: B3 22P02, C3 22P02, D3 22P02, E3 23514, F3 23514, G3 22P02, H3 22000, I3 22026",
                "4: F4 23502, G4 22P02, L4 22P02",
                "5: ",
                "7: F7 23514",
                "8: ",
                "9: H9 22P02",
            ],
        };
        let cells = bad_cells(&report);
        for (found, expected) in cells.iter().zip(expected) {
            let is_row_5_or_8 = found.starts_with("5: ") || found.starts_with("8: ");
            assert!(found == expected || is_row_5_or_8, "{table}: {cells:#?}");
        }
        assert_eq!(
            rows(&database, "select id from things order by id"),
            ["1", "5"]
        );
        database.query("delete from things");
    }
}

#[test]
fn rows_are_rejected_alike_where_no_temporary_table_may_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = things(directory.path());
    let database = TestDatabase::create();
    let role = format!("writer_{}", database.name());
    database.query(THINGS);
    database.query(&format!(
        "create role {role} login password 'w'; grant insert on things to {role}; \
         revoke temporary on database {} from public",
        database.name()
    ));
    let url = url_of(&database, &role, "w");
    for way in [
        &["--commit", "all"][..],
        &["--commit", "batch"],
        &["--mode", "sequential"],
    ] {
        let file = file.to_str().unwrap();
        let args = [
            "import",
            file,
            "--table",
            "things",
            "--json",
            "--quiet",
            "--no-ledger",
        ];
        let report = run_as(&url, &[&args[..], way].concat()).document(3);
        assert_eq!(report["error_count"], 6, "{way:?}");
        assert_eq!(
            rows(&database, "select id from things order by id"),
            ["1", "5"]
        );
        database.query("delete from things");
    }
}

/// The server is asked about 1,000 rows of a load, so that a sheet in which all are bad does not take forever.
#[test]
fn of_many_rejected_rows_the_first_cell_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let rows_of = (0..1_050).map(|row| vec![json!(row), json!("x"), json!("y")]);
    let titles = ["id", "one", "other"];
    let file = workbook(directory.path(), "many.xlsx", &titles, rows_of);
    let database = TestDatabase::create();
    database.query("create table t (id int, one inet, other inet)");
    let args = ["--table", "t", "--dry-run"];
    let report = Run::import(&database, &file, &args).document(3);
    assert_eq!(report["error_count"], 1_050);
    let rejects = report["rejects"].as_array().unwrap();
    let named = |cells: usize| {
        let rows = rejects.iter();
        rows.filter(|row| row["cells"].as_array().unwrap().len() == cells)
            .count()
    };
    assert_eq!((named(2), named(1)), (1_000, 50));
}

#[test]
fn numbers_are_not_drawn_and_triggers_not_fired_to_name_cells() {
    let directory = tempfile::tempdir().unwrap();
    let rows_of = [json!(["x", "y"]), json!(["10.0.0.1", "10.0.0.2"])];
    let rows_of = rows_of.map(|row| row.as_array().unwrap().clone());
    let file = workbook(directory.path(), "s.xlsx", &["one", "other"], rows_of);
    for way in [&["--commit", "all"][..], &["--mode", "sequential"]] {
        let database = TestDatabase::create();
        database.query(
            "create sequence fired; create table t (id serial, one inet, other inet); \
             create function note() returns trigger language plpgsql as $$ begin \
               perform nextval('fired'); return new; end $$; \
             create trigger note before insert on t for each row execute function note()",
        );
        let args = [&["--table", "t"], way].concat();
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(bad_cells(&report), ["2: A2 22P02, B2 22P02"]);
        let drawn = "select last_value from t_id_seq union all select last_value from fired";
        // One for the row that is loaded; INSERT draws for the refused row, too, as it always does.
        let most: i64 = rows(&database, drawn)
            .iter()
            .map(|value| value.parse::<i64>().unwrap())
            .max()
            .unwrap();
        assert!(most <= 2, "{way:?}: {most}");
    }
}
