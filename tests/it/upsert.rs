//! Loads that find their rows in the table by a key.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::import::{Run, columns, rows, tables};
use crate::support::server::TestDatabase;
use crate::support::sheet::{Cells, workbook};

/// Known keys, new ones, some that come twice, and NULLs.
fn prices(directory: &Path) -> PathBuf {
    let row =
        |sku: &str, region: Value, price: f64| -> Cells { vec![json!(sku), region, json!(price)] };
    let cells = [
        row("a", json!("n"), 10.0),
        row("b", json!("n"), 20.5),
        row("x", json!("s"), 1.0),
        row("b", json!("n"), 21.5),
        row("c", Value::Null, 30.0),
        row("x", json!("s"), 2.0),
        row("y", json!("s"), 3.0),
    ];
    workbook(directory, "prices.xlsx", &["SKU", "Region", "Price"], cells)
}

const PRICES: &str = "create table prices (sku text, region text, price numeric, note text default 'new', \
        unique (sku, region)); \
    insert into prices values ('a', 'n', 1, 'old'), ('b', 'n', 2, 'old'), ('c', null, 3, 'old'), ('q', 'q', 4, 'old')";

const ALL: &str = "select sku, region, price, note from prices order by sku, region, price";

/// Every row that was read is one of these.
fn assert_accounted(report: &Value) {
    let skipped = &report["skipped"];
    let number = |value: &Value| value.as_u64().unwrap();
    let (inserted, updated) = (
        &report["upserted"]["inserted"],
        &report["upserted"]["updated"],
    );
    let parts = [
        inserted,
        updated,
        &skipped["kept_in_table"],
        &skipped["superseded"],
        &report["error_count"],
        &skipped["left_out_by_table"],
    ];
    let sum: u64 = parts.into_iter().map(number).sum();
    assert_eq!(number(&report["total_records"]), sum, "{report}");
    assert_eq!(
        number(&report["success_count"]),
        number(inserted) + number(updated),
        "{report}"
    );
}

/// Inserted, updated, kept, superseded, rejected.
fn counts(report: &Value) -> [u64; 5] {
    assert_accounted(report);
    let (upserted, skipped) = (&report["upserted"], &report["skipped"]);
    [
        &upserted["inserted"],
        &upserted["updated"],
        &skipped["kept_in_table"],
        &skipped["superseded"],
        &report["error_count"],
    ]
    .map(|value| value.as_u64().unwrap())
}

/// Each rejected row as `cell stored sqlstate`.
fn rejected(report: &Value) -> Vec<String> {
    let rejects = report["rejects"].as_array().unwrap();
    rejects
        .iter()
        .map(|reject| {
            let text = |key: &str| reject[key].as_str().unwrap_or("~").replace("Sheet1!", "");
            format!("{} {} {}", text("cell"), text("stored"), text("sqlstate"))
        })
        .collect()
}

#[test]
fn rows_find_theirs_by_a_key_of_two_columns() {
    let directory = tempfile::tempdir().unwrap();
    let file = prices(directory.path());
    for commit in ["all", "batch"] {
        for (how, expected, code, left) in [
            (
                "update",
                [2, 2, 0, 2, 1],
                3,
                [
                    "a|n|10|old",
                    "b|n|21.5|old",
                    "c|~|3|old",
                    "q|q|4|old",
                    "x|s|2|new",
                    "y|s|3|new",
                ],
            ),
            (
                "ignore",
                // Of the two rows of b the first one counts, which the table keeps out.
                [2, 0, 2, 2, 1],
                3,
                [
                    "a|n|1|old",
                    "b|n|2|old",
                    "c|~|3|old",
                    "q|q|4|old",
                    "x|s|1|new",
                    "y|s|3|new",
                ],
            ),
            (
                "fail",
                [2, 0, 0, 0, 5],
                3,
                [
                    "a|n|1|old",
                    "b|n|2|old",
                    "c|~|3|old",
                    "q|q|4|old",
                    "x|s|1|new",
                    "y|s|3|new",
                ],
            ),
        ] {
            let database = TestDatabase::create();
            database.query(PRICES);
            let args = [
                "--key",
                "region,sku",
                "--on-conflict",
                how,
                "--commit",
                commit,
                "--batch-size",
                "2",
            ];
            let report = Run::import(&database, &file, &args).document(code);
            assert_eq!(counts(&report), expected, "{how} {commit}");
            assert_eq!(rows(&database, ALL), left, "{how} {commit}");
            assert_eq!(tables(&database), ["prices"], "{how} {commit}");
            assert_eq!(
                rows(
                    &database,
                    "select state, effect, rows_read, rows_loaded, rows_rejected from sheetload.loads"
                ),
                [format!(
                    "complete|upsert|7|{}|{}",
                    expected[0] + expected[1],
                    expected[4]
                )],
                "{how} {commit}"
            );
            if how == "fail" {
                // Either column of the key may be named.
                let named = report["rejects"].as_array().unwrap().iter();
                let named: Vec<String> = named
                    .map(|reject| format!("{} {}", reject["row"], reject["sqlstate"]))
                    .collect();
                let code = |row| if row == 6 { "23502" } else { "23505" };
                let expected = [2, 3, 5, 6, 7].map(|row| format!("{row} \"{}\"", code(row)));
                assert_eq!(named, expected, "{commit}");
                continue;
            }
            // A row without its whole key would be a new one each time.
            assert_eq!(rejected(&report), ["B6 ~ 23502"], "{how} {commit}");
            let message = report["rejects"][0]["message"].as_str().unwrap();
            assert!(message.starts_with("column region of the key"), "{message}");
            // The same once more changes nothing, and needs no leave.
            let report = Run::import(&database, &file, &args).document(3);
            let again = if how == "update" {
                [0, 4, 0, 2, 1]
            } else {
                [0, 0, 4, 2, 1]
            };
            assert_eq!(counts(&report), again, "{how} {commit}");
            assert_eq!(rows(&database, ALL), left, "{how} {commit}");
        }
    }
}

#[test]
fn a_new_table_gets_the_key_as_its_primary_key() {
    let directory = tempfile::tempdir().unwrap();
    let cells = [(1, "one"), (2, "two"), (1, "uno"), (3, "three")];
    let cells = cells.map(|(id, name)| vec![json!(id), json!(name)]);
    let file = workbook(directory.path(), "numbers.xlsx", &["Id", "Na\"me"], cells);
    for (how, expected, code, first) in [
        ("update", [3, 0, 0, 1, 0], 0, "uno"),
        ("ignore", [3, 0, 0, 1, 0], 0, "one"),
        ("fail", [3, 0, 0, 0, 1], 3, "one"),
    ] {
        let database = TestDatabase::create();
        let args = [
            "--key",
            "Id",
            "--on-conflict",
            how,
            "--names",
            "as-is",
            "--table",
            "\"My.Table\"",
        ];
        let report = Run::import(&database, &file, &args).document(code);
        assert_eq!(report["table_created"], true);
        assert_eq!(counts(&report), expected, "{how}");
        assert_eq!(
            rows(&database, "select * from \"My.Table\" order by 1"),
            [&format!("1|{first}"), "2|two", "3|three"],
            "{how}"
        );
        assert_eq!(
            database.value(
                "select pg_get_constraintdef(oid) from pg_constraint \
                 where conrelid = '\"My.Table\"'::regclass and contype = 'p'"
            ),
            "PRIMARY KEY (\"Id\")"
        );
        assert_eq!(tables(&database), ["My.Table"], "{how}");
    }
}

const ITEMS: &str = "\
    create table kinds (name text primary key); insert into kinds values ('k'); \
    create table items (id int primary key, code text unique, kind text references kinds, qty int check (qty > 0)); \
    create function no_13() returns trigger language plpgsql as $$ begin \
        if new.qty = 13 then raise exception 'no thirteens'; end if; return new; end $$; \
    create trigger no_13 before insert or update on items for each row execute function no_13(); \
    insert into items select n, 'c' || n, 'k', 1 from generate_series(1, 500) n";

#[test]
fn rows_that_are_refused_in_the_merge_are_named_by_their_cells() {
    let directory = tempfile::tempdir().unwrap();
    let cells = (1..=1_000).map(|id| {
        let mut cells = vec![json!(id), json!(format!("c{id}")), json!("k"), json!(2)];
        match id {
            50 => cells[2] = json!("nowhere"),
            60 => cells[3] = json!(13),
            70 => cells[3] = json!(-1),
            80 => cells[3] = json!("many"),
            // The code of a row that the sheet leaves as it is.
            900 => cells[1] = json!("c90"),
            _ => {}
        }
        cells
    });
    let file = workbook(
        directory.path(),
        "items.xlsx",
        &["id", "code", "kind", "qty"],
        cells,
    );
    for commit in ["all", "batch"] {
        let rejects = directory.path().join(format!("{commit}.jsonl"));
        let database = TestDatabase::create();
        database.query(ITEMS);
        let args = [
            "--key",
            "id",
            "--on-conflict",
            "update",
            "--commit",
            commit,
            "--batch-size",
            "300",
            "--rejects",
            rejects.to_str().unwrap(),
        ];
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(counts(&report), [499, 496, 0, 0, 5], "{commit}");
        let mut named = rejected(&report);
        named.sort();
        assert_eq!(
            named,
            [
                "A61 ~ P0001",
                "B901 c90 23505",
                "C51 nowhere 23503",
                "D71 -1 23514",
                "D81 many 22P02"
            ],
            "{commit}"
        );
        let written = std::fs::read_to_string(&rejects).unwrap();
        let at: Vec<u64> = written
            .lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["row"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        // In the sheet's order, though some were refused in the merge alone.
        assert_eq!(at, [51, 61, 71, 81, 901], "{commit}");
        assert_eq!(
            rows(&database, "select row from sheetload.rejects order by row"),
            ["51", "61", "71", "81", "901"],
            "{commit}"
        );
        assert_eq!(
            rows(
                &database,
                "select count(*), sum(qty), count(*) filter (where qty = 1) from items"
            ),
            ["999|1994|4"],
            "{commit}"
        );
        // As many as may be.
        for (limit, code) in [("5", 3), ("4", 6)] {
            let before = rows(&database, "select xmin, * from items order by id");
            let run = Run::import(
                &database,
                &file,
                &[&args[..], &["--max-errors", limit]].concat(),
            );
            let report = run.document(code);
            if code == 6 {
                assert_eq!(report["success_count"], 0, "{commit}");
                assert_eq!(
                    rows(&database, "select xmin, * from items order by id"),
                    before,
                    "{commit}"
                );
                assert_eq!(tables(&database), ["items", "kinds"], "{commit}");
            }
        }
    }
}

#[test]
fn updated_rows_say_which_load_they_come_from() {
    let directory = tempfile::tempdir().unwrap();
    let file = prices(directory.path());
    let database = TestDatabase::create();
    database.query(PRICES);
    let args = [
        "--key",
        "sku,region",
        "--on-conflict",
        "update",
        "--lineage",
        "--extra-columns",
        "add",
    ];
    let report = Run::import(&database, &file, &args).document(3);
    assert_eq!(counts(&report), [2, 2, 0, 2, 1]);
    assert_eq!(
        columns(&database, "prices")[4..],
        ["_file text", "_sheet text", "_row bigint", "_load_id uuid"].map(String::from)
    );
    assert_eq!(
        rows(
            &database,
            "select sku, _file, _sheet, _row from prices where _row is not null order by _row"
        ),
        [
            "a|prices.xlsx|Sheet1|2",
            "b|prices.xlsx|Sheet1|5",
            "x|prices.xlsx|Sheet1|7",
            "y|prices.xlsx|Sheet1|8",
        ]
    );
    assert_eq!(
        rows(
            &database,
            "select distinct _load_id from prices where _row is not null"
        ),
        [report["load_id"].as_str().unwrap()]
    );
    assert_eq!(
        database.value("select count(*)::text from prices where _row is null"),
        "2"
    );
}

#[test]
fn columns_that_the_table_lacks_are_added_with_the_rows() {
    let directory = tempfile::tempdir().unwrap();
    let cells = [(1, 7), (600, 8)].map(|(id, weight)| vec![json!(id), json!(weight)]);
    let file = workbook(directory.path(), "items.xlsx", &["id", "Weight"], cells);
    for how in ["update", "ignore"] {
        let database = TestDatabase::create();
        database.query(ITEMS);
        let args = [
            "--key",
            "id",
            "--on-conflict",
            how,
            "--extra-columns",
            "add",
        ];
        Run::import(&database, &file, &args).document(0);
        let expected = if how == "update" {
            ["1|c1|7", "600|~|8"]
        } else {
            ["1|c1|~", "600|~|8"]
        };
        assert_eq!(
            rows(
                &database,
                "select id, code, weight from items where id in (1, 600) order by id"
            ),
            expected,
            "{how}"
        );
    }
}

#[test]
fn a_key_that_does_not_fit_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = prices(directory.path());
    let database = TestDatabase::create();
    database.query(&format!(
        "{PRICES}; create table plain (sku text, region text, price numeric); \
         create table narrow (sku text primary key, price numeric, region text, other int unique)"
    ));
    let before = rows(&database, ALL);
    for (args, code, texts) in [
        (
            &["--table", "prices", "--key", "none"][..],
            4,
            &["none"][..],
        ),
        (
            &["--table", "plain", "--key", "sku,region"],
            5,
            &["unique", "create unique index", "plain"],
        ),
        (
            &["--table", "prices", "--key", "sku"],
            5,
            &["unique", "create unique index"],
        ),
        // In the table, and not in the sheet.
        (&["--table", "narrow", "--key", "other"], 4, &["other"]),
        (&["--table", "fresh", "--key", "none"], 4, &["none"]),
    ] {
        for how in ["update", "ignore", "fail"] {
            let args = [args, &["--on-conflict", how]].concat();
            let run = Run::import(&database, &file, &args);
            run.assert_fails(code, texts);
        }
    }
    assert_eq!(rows(&database, ALL), before);
    assert_eq!(tables(&database), ["narrow", "plain", "prices"]);
    // What is said to do helps.
    let run = Run::import(
        &database,
        &file,
        &["--table", "plain", "--key", "sku,region"],
    );
    let at = run
        .stderr
        .to_lowercase()
        .find("create unique index")
        .unwrap();
    let statement = run.stderr[at..]
        .lines()
        .next()
        .unwrap()
        .split(['`', ';'])
        .next()
        .unwrap();
    database.query(statement);
    let args = [
        "--table",
        "plain",
        "--key",
        "sku,region",
        "--on-conflict",
        "update",
    ];
    let report = Run::import(&database, &file, &args).document(3);
    assert_eq!(counts(&report), [4, 0, 0, 2, 1]);
}

#[test]
fn per_row_modes_merge_alike() {
    let directory = tempfile::tempdir().unwrap();
    let file = prices(directory.path());
    for mode in ["sequential", "concurrent"] {
        let database = TestDatabase::create();
        database.query(PRICES);
        let args = [
            "--key",
            "sku,region",
            "--on-conflict",
            "update",
            "--mode",
            mode,
        ];
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(counts(&report), [2, 2, 0, 2, 1], "{mode}");
        assert_eq!(
            database.value("select sum(price)::text from prices"),
            "43.5",
            "{mode}"
        );
    }
}

/// Loads the same rows three times, and once as a dry run, and gives the reports of the first time and of the last.
fn thrice(database: &TestDatabase, file: &Path, how: &str, code: i32) -> (Value, Value) {
    let args = [
        "--table",
        "t",
        "--key",
        "code",
        "--on-conflict",
        how,
        "--again",
    ];
    let dry = Run::import(database, file, &[&args[..], &["--dry-run"]].concat()).document(code);
    let first = Run::import(database, file, &args).document(code);
    assert_eq!(counts(&dry), counts(&first), "{how}");
    let all = "select * from t order by t";
    let once = rows(database, all);
    Run::import(database, file, &args);
    let last = Run::import(database, file, &args);
    assert_eq!(rows(database, all), once, "{how}");
    (first, last.document(if how == "fail" { 3 } else { code }))
}

#[test]
fn rows_without_a_key_are_rejected_however_often_they_are_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let cells = [
        vec![json!(1), json!("A"), json!("a")],
        vec![json!(2), Value::Null, json!("nocode")],
        vec![json!(3), json!("a"), json!("lower")],
        vec![json!(4), json!("B "), json!("space")],
        vec![json!(5), json!("B"), json!("b")],
        vec![json!(6), json!("-"), json!("a word for nothing")],
    ];
    let file = workbook(directory.path(), "k.xlsx", &["id", "code", "name"], cells);
    for how in ["update", "ignore", "fail"] {
        let database = TestDatabase::create();
        database.query("create table t (id int, code text unique, name text)");
        let (report, _) = thrice(&database, &file, how, 3);
        assert_eq!(rejected(&report), ["B3 ~ 23502"], "{how}");
        assert_eq!(database.value("select count(*)::text from t"), "5");
        let args = [
            "--table",
            "t",
            "--key",
            "code",
            "--on-conflict",
            how,
            "--null",
            "-",
            "--again",
        ];
        let rejects = rejected(&Run::import(&database, &file, &args).document(3));
        let without = rejects.iter().filter(|reject| reject.ends_with("23502"));
        assert_eq!(
            without.collect::<Vec<_>>(),
            ["B3 ~ 23502", "B7 - 23502"],
            "{how}"
        );
    }
    // A table that the load makes has a primary key, in which nothing is NULL.
    let database = TestDatabase::create();
    let report = Run::import(&database, &file, &["--table", "t", "--key", "code"]).document(3);
    assert_eq!(rejected(&report), ["B3 ~ 23502"]);
}

#[test]
fn null_is_a_key_where_the_index_says_so() {
    let database = TestDatabase::create();
    if database.value("select (current_setting('server_version_num')::int < 150000)::text")
        == "true"
    {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let row = |code: Value, name: &str| vec![code, json!(name)];
    let cells = [
        row(json!("A"), "a1"),
        row(Value::Null, "n1"),
        row(json!("A"), "a2"),
        row(Value::Null, "n2"),
    ];
    let file = workbook(directory.path(), "nnd.xlsx", &["code", "name"], cells);
    for (how, code, left) in [
        ("update", 0, ["A|a2", "~|n2"]),
        ("ignore", 0, ["A|a1", "~|n1"]),
        ("fail", 3, ["A|a1", "~|n1"]),
    ] {
        database.query("drop table if exists t; create table t (code text unique nulls not distinct, name text)");
        thrice(&database, &file, how, code);
        assert_eq!(
            rows(&database, "select * from t order by code"),
            left,
            "{how}"
        );
    }
}

#[test]
fn keys_that_come_twice_are_found_as_the_table_compares_them() {
    let directory = tempfile::tempdir().unwrap();
    for (make, one, other) in [
        (
            "create collation folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
             create table t (code text collate folded unique, name text)",
            json!("Ann"),
            json!("aNN"),
        ),
        (
            "create extension citext; create table t (code citext unique, name text)",
            json!("Ann"),
            json!("aNN"),
        ),
        (
            "create table t (code numeric unique, name text)",
            json!("1.0"),
            json!("1.00"),
        ),
        (
            "create table t (code char(5) unique, name text)",
            json!("a"),
            json!("a  "),
        ),
    ] {
        let cells = [vec![one, json!("first")], vec![other, json!("last")]];
        let file = workbook(directory.path(), "twice.xlsx", &["code", "name"], cells);
        for (how, code, name) in [
            ("update", 0, "last"),
            ("ignore", 0, "first"),
            ("fail", 3, "first"),
        ] {
            let database = TestDatabase::create();
            database.query(make);
            thrice(&database, &file, how, code);
            assert_eq!(
                rows(&database, "select name from t"),
                [name],
                "{how} {make}"
            );
        }
    }
}

#[test]
fn a_key_that_the_sheet_lacks_is_told_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    database.query("create table t (id serial primary key, name text)");
    let file = workbook(directory.path(), "k.xlsx", &["name"], [vec![json!("a")]]);
    for args in [&[][..], &["--dry-run"]] {
        let args = [
            &["--table", "t", "--key", "id", "--on-conflict", "update"],
            args,
        ]
        .concat();
        Run::import(&database, &file, &args).assert_fails(4, &["no column for id", "--map"]);
    }
    assert_eq!(database.value("select nextval('t_id_seq')::text"), "1");
    assert_eq!(
        database.value("select count(*)::text from pg_namespace where nspname = 'sheetload'"),
        "0"
    );
}
