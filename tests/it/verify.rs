//! Receipts compared with tables that were filled by hand.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::Workbook;
use sheetload::db::verify::{Mismatch, Scope, verify};
use sheetload::error::ErrorKind;
use sheetload::model::column::ColumnKind;
use sheetload::model::receipt::{ColumnReceipt, ColumnTotals, Receipt};
use sheetload::model::value::{Decimal, Value};
use uuid::Uuid;

use crate::support::import::Run;
use crate::support::server::{TestDatabase, block_on};

/// The receipt of columns with these values.
fn receipt(columns: &[(&str, &str, ColumnKind, &[Value<'_>])]) -> Receipt {
    let columns = columns.iter().map(|(name, sql_type, kind, values)| {
        let mut totals = ColumnTotals::new(*kind);
        values.iter().for_each(|value| totals.add(value));
        ColumnReceipt {
            name: (*name).to_owned(),
            sql_type: (*sql_type).to_owned(),
            totals,
        }
    });
    Receipt {
        columns: columns.collect(),
        verified: None,
        unknown: Vec::new(),
    }
}

fn mismatches(
    database: &TestDatabase,
    table: &str,
    scope: Scope,
    receipt: &Receipt,
) -> Vec<Mismatch> {
    block_on(async {
        let client = database.connect().await;
        verify(&client, &table.parse().unwrap(), scope, receipt, 0)
            .await
            .unwrap()
    })
}

/// The differences as `column figure expected found`.
fn differences(database: &TestDatabase, scope: Scope, receipt: &Receipt) -> Vec<String> {
    mismatches(database, "t", scope, receipt)
        .into_iter()
        .map(|found| {
            assert_eq!(found.table, "t");
            let column = found.column.as_deref().unwrap_or("-");
            format!(
                "{column}: {} {} -> {}",
                found.figure, found.expected, found.found
            )
        })
        .collect()
}

const THREE_ROWS: &str = "create table t (id integer, price numeric(10, 2), name text); \
    insert into t values (1, 9.50, 'a'), (2, null, 'b'), (3, 0.25, null)";

fn three_rows() -> Receipt {
    let price = |coefficient, exponent| {
        Value::Decimal(Decimal {
            negative: false,
            coefficient,
            exponent,
        })
    };
    receipt(&[
        (
            "id",
            "integer",
            ColumnKind::Int4,
            &[Value::Int(1), Value::Int(2), Value::Int(3)],
        ),
        (
            "price",
            "numeric(10,2)",
            ColumnKind::Numeric,
            &[price(95, -1), Value::Null, price(25, -2)],
        ),
        (
            "name",
            "text",
            ColumnKind::Text,
            &[Value::Text("a"), Value::Text("b"), Value::Null],
        ),
    ])
}

#[test]
fn a_table_that_holds_what_was_loaded_has_no_mismatch() {
    let database = TestDatabase::create();
    database.query(THREE_ROWS);
    assert_eq!(
        differences(&database, Scope::WholeTable, &three_rows()),
        [""; 0]
    );
}

#[test]
fn every_kind_of_difference_is_found() {
    for (change, expected) in [
        (
            "update t set price = 9.49 where id = 1",
            &[
                "price: sum 9.75 -> 9.74",
                "price: greatest value 9.5 -> 9.49",
            ][..],
        ),
        (
            "update t set name = null where id = 1",
            &["name: number of NULLs 1 -> 2"],
        ),
        (
            "delete from t where id = 2",
            &[
                "-: number of rows 3 -> 2",
                "id: sum 6 -> 4",
                "price: number of NULLs 1 -> 0",
            ],
        ),
        (
            "insert into t select * from t where id = 3",
            &[
                "-: number of rows 3 -> 4",
                "id: sum 6 -> 9",
                "price: sum 9.75 -> 10",
                "name: number of NULLs 1 -> 2",
            ],
        ),
        // One row twice and another one missing.
        (
            "update t set id = 1, price = 9.50, name = 'a' where id = 2",
            &[
                "id: sum 6 -> 5",
                "price: number of NULLs 1 -> 0",
                "price: sum 9.75 -> 19.25",
            ],
        ),
        (
            "truncate t",
            &[
                "-: number of rows 3 -> 0",
                "id: sum 6 -> 0",
                "id: least value 1 -> none",
                "id: greatest value 3 -> none",
                "price: number of NULLs 1 -> 0",
                "price: sum 9.75 -> 0",
                "price: least value 0.25 -> none",
                "price: greatest value 9.5 -> none",
                "name: number of NULLs 1 -> 0",
            ],
        ),
    ] {
        let database = TestDatabase::create();
        database.query(&format!("{THREE_ROWS}; {change}"));
        assert_eq!(
            differences(&database, Scope::WholeTable, &three_rows()),
            expected,
            "{change}"
        );
    }
}

#[test]
fn a_mismatch_says_what_is_where() {
    let database = TestDatabase::create();
    database.query(&format!("{THREE_ROWS}; update t set id = 30 where id = 3"));
    let found = mismatches(&database, "public.t", Scope::WholeTable, &three_rows());
    assert_eq!(
        found[0].to_string(),
        "table public.t, column \"id\": the sum is 33, and 6 was loaded"
    );
}

#[test]
fn empty_tables_and_columns_of_nulls_are_compared() {
    let database = TestDatabase::create();
    database.query("create table t (a bigint, b double precision, c numeric)");
    let columns = |values: &[Value<'_>]| {
        receipt(&[
            ("a", "bigint", ColumnKind::Int8, values),
            ("b", "double precision", ColumnKind::Float8, values),
            ("c", "numeric", ColumnKind::Numeric, values),
        ])
    };
    assert_eq!(
        differences(&database, Scope::WholeTable, &columns(&[])),
        [""; 0]
    );
    database.query("insert into t values (null, null, null), (null, null, null)");
    let nulls = columns(&[Value::Null, Value::Null]);
    assert_eq!(differences(&database, Scope::WholeTable, &nulls), [""; 0]);
    assert_eq!(
        differences(&database, Scope::WholeTable, &Receipt::default()),
        [""; 0]
    );
}

#[test]
fn long_numerics_are_compared_to_the_last_digit() {
    let long = format!("{}.{}", "1234567890".repeat(8), "0987654321".repeat(10));
    let database = TestDatabase::create();
    database.query(&format!(
        "create table t (x numeric); insert into t values ({long}), (-{long}), ({long}), (1e500), (-1e-500)"
    ));
    let texts = [
        long.clone(),
        format!("-{long}"),
        long.clone(),
        "1e500".into(),
        "-1e-500".into(),
    ];
    let values: Vec<Value<'_>> = texts.iter().map(|text| Value::DecimalText(text)).collect();
    let expected = receipt(&[("x", "numeric", ColumnKind::Numeric, &values)]);
    assert_eq!(
        differences(&database, Scope::WholeTable, &expected),
        [""; 0]
    );
    // One in the last place.
    database.query(&format!(
        "update t set x = x + 1e-100 where x < {long} and x > 0 or x = {long}"
    ));
    assert_eq!(
        differences(&database, Scope::WholeTable, &expected).len(),
        1
    );
}

#[test]
fn what_is_no_number_is_compared_as_the_server_orders_it() {
    let database = TestDatabase::create();
    // numeric has infinities since PostgreSQL 14.
    let (least, sum) = match database.major_version() {
        ..14 => ("-2.5", "1"),
        _ => ("-Infinity", "-Infinity"),
    };
    database.query(&format!(
        "create table t (n numeric, f double precision); \
         insert into t values ('NaN', 'NaN'), ('1.5', '1.5'), ('{least}', '-Infinity')",
    ));
    let found = receipt(&[
        (
            "n",
            "numeric",
            ColumnKind::Numeric,
            &["NaN", "1.5", least].map(Value::DecimalText),
        ),
        (
            "f",
            "double precision",
            ColumnKind::Float8,
            &[f64::NAN, 1.5, f64::NEG_INFINITY].map(Value::Float),
        ),
    ]);
    assert_eq!(differences(&database, Scope::WholeTable, &found), [""; 0]);
    database.query("update t set n = 2, f = 2 where n = 'NaN'");
    assert_eq!(
        differences(&database, Scope::WholeTable, &found),
        [
            &format!("n: sum NaN -> {sum}"),
            "n: greatest value NaN -> 2",
            "f: sum 1.5 -> 3.5",
            "f: greatest value NaN -> 2",
            "f: number of values beyond 1e280 or NaN 2 -> 1",
        ]
    );
}

#[test]
fn sums_of_floats_may_differ_as_far_as_rounding_goes() {
    let database = TestDatabase::create();
    // In the source's order the small ones add up; in the other one each is lost beside the great one.
    database.query(
        "create table t (d double precision, r real); \
         insert into t values (1e16, 16777217); \
         insert into t select 1, 0.1 from generate_series(1, 1000)",
    );
    let mut doubles = vec![Value::Float(1.0); 1_000];
    doubles.push(Value::Float(1e16));
    let mut reals = vec![Value::Float(0.1); 1_000];
    reals.push(Value::Float(16_777_217.0));
    let found = receipt(&[
        ("d", "double precision", ColumnKind::Float8, &doubles),
        ("r", "real", ColumnKind::Float4, &reals),
    ]);
    assert_eq!(differences(&database, Scope::WholeTable, &found), [""; 0]);
    database.query("update t set d = 1e16 + 4, r = 16777220 where d = 1e16");
    assert_eq!(
        differences(&database, Scope::WholeTable, &found),
        [
            "d: greatest value 10000000000000000 -> 10000000000000004",
            "r: sum 16777316.00000149 -> 16777320.00000149",
            "r: greatest value 16777216 -> 16777220",
        ]
    );
}

#[test]
fn the_widest_table_is_compared_in_one_statement() {
    let names: Vec<String> = (0..1_600).map(|n| format!("c{n}")).collect();
    let definitions: Vec<String> = names
        .iter()
        .map(|name| format!("{name} smallint"))
        .collect();
    let database = TestDatabase::create();
    database.query(&format!(
        "create table t ({}); insert into t values ({})",
        definitions.join(", "),
        vec!["7"; 1_600].join(", ")
    ));
    let values = [Value::Int(7)];
    let columns: Vec<(&str, &str, ColumnKind, &[Value<'_>])> = names
        .iter()
        .map(|name| (name.as_str(), "smallint", ColumnKind::Int2, &values[..]))
        .collect();
    assert_eq!(
        differences(&database, Scope::WholeTable, &receipt(&columns)),
        [""; 0]
    );
}

const LOAD: &str = "0193f5a2-0000-7000-8000-000000000001";

#[test]
fn only_rows_with_the_loads_id_are_compared() {
    for id_type in ["uuid", "text"] {
        let database = TestDatabase::create();
        database.query(&format!(
            "create table t (\"a b\"\"c\" integer, _load_id {id_type}); \
             insert into t values (5, '{LOAD}'), (6, '{LOAD}'), (7, null), (8, '{}')",
            Uuid::nil()
        ));
        let found = receipt(&[(
            "a b\"c",
            "integer",
            ColumnKind::Int4,
            &[Value::Int(6), Value::Int(5)],
        )]);
        let scope = Scope::Lineage(LOAD.parse().unwrap());
        assert_eq!(differences(&database, scope, &found), [""; 0]);
        assert_eq!(differences(&database, Scope::WholeTable, &found).len(), 3);
    }
}

#[test]
fn rows_are_told_from_others_by_their_transactions() {
    let database = TestDatabase::create();
    database.query(
        include_str!("../../migrations/ledger/V1__ledger.sql")
            .replacen(
                "create table",
                "create schema if not exists sheetload; create table",
                1,
            )
            .as_str(),
    );
    let batch = |sheet: i32, first_row: i32| {
        format!("insert into sheetload.batches values ('{LOAD}', {sheet}, {first_row}, 9, 1, 1)")
    };
    database.query(&format!(
        "create table t (n integer); insert into t values (1000); \
         insert into sheetload.loads (id, file, file_sha256, sheets, selection, table_schema, table_name, route, \
             effect, has_lineage, mode, commit_mode, options, columns) \
         values ('{LOAD}', '/f.xlsx', sha256('x'), '{{S}}', '', 'public', 't', 'in_place', 'append', false, 'batch', \
             'batch', '{{}}', '[]')"
    ));
    database.query(&format!(
        "begin; insert into t values (1); {}; commit",
        batch(0, 2)
    ));
    database.query(&format!(
        "begin; savepoint s; insert into t values (2); insert into sheetload.savepoints values ('{LOAD}'); \
         release s; savepoint s; insert into t values (99); insert into sheetload.savepoints values ('{LOAD}'); \
         rollback to s; insert into t values (3); insert into sheetload.savepoints values ('{LOAD}'); \
         release s; {}; commit",
        batch(0, 10)
    ));
    database.query("insert into t values (2000)");
    let found = receipt(&[("n", "integer", ColumnKind::Int4, &[1, 2, 3].map(Value::Int))]);
    let scope = Scope::Transactions(LOAD.parse().unwrap());
    assert_eq!(differences(&database, scope, &found), [""; 0]);
    database.query("update t set n = 1 where n = 1");
    assert_eq!(
        differences(&database, scope, &found),
        [
            "-: number of rows 3 -> 2",
            "n: sum 6 -> 5",
            "n: least value 1 -> 2"
        ]
    );
}

#[test]
fn a_missing_column_is_an_error() {
    let database = TestDatabase::create();
    database.query("create table t (a integer)");
    let error = block_on(async {
        let client = database.connect().await;
        verify(
            &client,
            &"t".parse().unwrap(),
            Scope::WholeTable,
            &three_rows(),
            0,
        )
        .await
        .unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::DatabaseRefused);
    assert_eq!(error.facts().sqlstate.as_deref(), Some("42703"));
}

/// A workbook with columns `Id`, `Name` and `Price` and 300 rows.
fn workbook(directory: &Path) -> PathBuf {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["Id", "Name", "Price"]).unwrap();
    for row in 1..=300 {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, format!("name {row}")).unwrap();
        sheet.write(row, 2, f64::from(row) / 8.0).unwrap();
    }
    let file = directory.join("prices.xlsx");
    workbook.save(&file).unwrap();
    file
}

#[test]
fn loads_are_verified_by_what_tells_their_rows_from_others() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path());
    let in_batches = &["--commit", "batch", "--batch-size", "70"][..];
    for (args, table_is_there, verified) in [
        (&[][..], false, "whole_table"),
        (in_batches, false, "whole_table"),
        (&["--if-exists", "replace"], true, "whole_table"),
        (&["--lineage"], true, "lineage"),
        (in_batches, true, "transactions"),
        (
            &["--commit", "all", "--batch-size", "70"],
            true,
            "transactions",
        ),
    ] {
        let database = TestDatabase::create();
        if table_is_there {
            // Rows are refused in the midst of batches.
            database.query(
                "create table public.t (id bigint, name text, price float8, \
                     _file text, _sheet text, _row bigint, _load_id uuid); \
                 insert into public.t values (100, 'by hand', 1e9); \
                 alter table public.t add check (id not in (10, 200, 201)) not valid",
            );
        }
        let args = [&["--table", "public.t", "--verify"], args].concat();
        let code = if table_is_there { 3 } else { 0 };
        let report = Run::import(&database, &file, &args).document(code);
        assert_eq!(report["receipt"]["verified"], verified, "{args:?}");
    }
}

#[test]
fn a_table_that_changes_what_is_loaded_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path());
    let database = TestDatabase::create();
    database.query(
        "create table public.t (id bigint, name text, price float8); \
         create function public.change() returns trigger language plpgsql as \
         $$ begin new.id := case new.id when 100 then 99 else new.id end; return new; end $$; \
         create trigger change before insert on public.t for each row execute function public.change()",
    );
    let run = Run::import(&database, &file, &["--table", "public.t", "--verify"]);
    assert_eq!(run.code, 1, "{}{}", run.stdout, run.stderr);
    let message = "column \"id\": the sum is 45149, and 45150 was loaded";
    assert!(run.stderr.contains(message), "{}", run.stderr);
    assert_eq!(database.value("select count(*) from public.t"), "0");
}
