//! Columns of the table that the sheet does not fill: computed by the table, left to their defaults, or emptied, and told.

use serde_json::{Value, json};

use crate::support::import::{Run, rows};
use crate::support::server::TestDatabase;
use crate::support::sheet::workbook;

const GOODS: &str = "create table goods (id int generated always as identity primary key, name text, price numeric, \
                     qty int, total numeric generated always as (price * qty) stored)";

#[test]
fn columns_that_the_table_computes_are_refused_with_the_way_out_or_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let titles = ["id", "name", "price", "qty", "total"];
    let cells = [
        vec![json!(5), json!("a"), json!(1.5), json!(2), json!(99)],
        vec![json!(6), json!("b"), json!(2), json!(3), Value::Null],
    ];
    let file = workbook(directory.path(), "goods.xlsx", &titles, cells);
    for args in [
        &[][..],
        &["--dry-run"],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
        &["--key", "id", "--on-conflict", "update"],
        &["--commit", "batch"],
    ] {
        let database = TestDatabase::create();
        database.query(GOODS);
        let run = |more: &[&str]| Run::import(&database, &file, &[args, more].concat());
        let ways = ["column total", "--map \"-total\"", "--extra-columns ignore"];
        run(&[]).assert_fails(4, &ways);
        assert_eq!(rows(&database, "select * from goods"), [""; 0]);
        let report = run(&["--extra-columns", "ignore"]).document(0);
        assert_eq!(
            report["warnings"],
            json!(["column total was not loaded: the table computes it itself"]),
            "{args:?}"
        );
        let left: &[&str] = match args {
            ["--dry-run"] => &[],
            _ => &["5|a|1.5|2|3.0", "6|b|2|3|6"],
        };
        let all = "select * from goods order by id";
        assert_eq!(rows(&database, all), left, "{args:?}");
        let report = run(&["--map", "-total", "--again"]);
        if !args.is_empty() && args != ["--commit", "batch"] {
            assert_eq!(report.document(0)["warnings"], json!([]), "{args:?}");
            assert_eq!(rows(&database, all), left, "{args:?}");
        }
        run(&[
            "--extra-columns",
            "ignore",
            "--map",
            "total=total",
            "--again",
        ])
        .assert_fails(4, &ways[..1]);
    }
}

#[test]
fn columns_that_lose_their_values_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let cells = [vec![json!(1), json!("a")]];
    let file = workbook(directory.path(), "t.xlsx", &["id", "name"], cells);
    for (args, warnings, left) in [
        (
            &["--if-exists", "replace"][..],
            json!([
                "the sheet has no column for city, which had values: NULL in every row",
                "the sheet has no column for seen, which had values: the default in every row"
            ]),
            ["1|a|~|~|7"].as_slice(),
        ),
        (
            &["--if-exists", "truncate", "--mode", "sequential"],
            json!([
                "the sheet has no column for city, which had values: NULL in every row",
                "the sheet has no column for seen, which had values: the default in every row"
            ]),
            &["1|a|~|~|7"],
        ),
        (
            &["--if-exists", "append"],
            json!([
                "the sheet has no column for city, which has values in other rows: NULL in those that are added"
            ]),
            &["0|old|Rome|~|5", "1|a|~|~|7"],
        ),
        (
            &["--key", "id", "--on-conflict", "update"],
            json!([
                "the sheet has no column for city, which has values in other rows: NULL in those that are added"
            ]),
            &["0|old|Rome|~|5", "1|a|~|~|7"],
        ),
    ] {
        let database = TestDatabase::create();
        database.query(
            "create table t (id int primary key, name text, city text, note text, seen int default 7); \
             insert into t values (0, 'old', 'Rome', null, 5)",
        );
        let dry = Run::import(&database, &file, &[args, &["--dry-run"]].concat()).document(0);
        assert_eq!(dry["warnings"], warnings, "{args:?}");
        let report = Run::import(&database, &file, args).document(0);
        assert_eq!(report["warnings"], warnings, "{args:?}");
        assert_eq!(
            rows(&database, "select * from t order by id"),
            left,
            "{args:?}"
        );
    }
    // A load that changes nothing says nothing of it, and one that finds the columns empty does not, either.
    let database = TestDatabase::create();
    database.query("create table t (id int check (id > 5), name text, city text); insert into t values (7, 'old', 'Rome')");
    let failed = Run::import(
        &database,
        &file,
        &["--if-exists", "replace", "--max-errors", "0"],
    );
    assert_eq!(failed.document(6)["warnings"], json!([]));
    database.query("update t set city = null; alter table t drop constraint t_id_check");
    let report = Run::import(&database, &file, &["--if-exists", "replace"]).document(0);
    assert_eq!(report["warnings"], json!([]));
}
