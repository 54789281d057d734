//! Every format the program reads, from a workbook to a created table and back over a connection of the test's own.
//!
//! The expectations are written by hand from what the workbooks hold (`sample_data/README.md`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// A cell of a table as text.
type Text = Option<&'static str>;

const STOCK_COLUMNS: [&str; 14] = [
    "item", "count", "weight", "price", "code", "ref", "lot", "day", "seen_at", "opens", "took",
    "active", "ratio", "note",
];

const STOCK_TYPES: [&str; 14] = [
    "text",
    "bigint",
    "double precision",
    "numeric",
    "text",
    "text",
    "text",
    "date",
    "timestamp without time zone",
    "time without time zone",
    "interval",
    "boolean",
    "double precision",
    "text",
];

/// The rows of `stock.*`, in the sheet's order.
const STOCK_ROWS: [[Text; 14]; 4] = [
    [
        Some("Žluťoučký kůň"),
        Some("1"),
        Some("0.5"),
        Some("12.5"),
        Some("00042"),
        Some("007"),
        Some("123"),
        Some("2024-02-29"),
        Some("2024-02-29 13:45:30"),
        Some("08:30:00"),
        Some("26:15:00"),
        Some("t"),
        Some("0.25"),
        None,
    ],
    [
        Some("数据 😀 & <b>"),
        Some("-2"),
        Some("1.25"),
        Some("0.1"),
        Some("00007"),
        Some("000"),
        Some("1e5"),
        Some("1999-12-31"),
        Some("1999-12-31 23:59:59"),
        Some("23:59:59"),
        Some("00:45:00"),
        Some("f"),
        None,
        Some("two\nlines"),
    ],
    [
        Some("  spaced  "),
        Some("9007199254740991"),
        Some("-3"),
        Some("1234567.89"),
        Some("99999"),
        Some("0012"),
        Some("-5"),
        Some("1900-03-01"),
        Some("2000-01-01 00:00:00"),
        Some("00:00:00"),
        Some("100:00:00"),
        Some("t"),
        None,
        None,
    ],
    [
        None,
        None,
        Some("1e-07"),
        None,
        None,
        Some("x"),
        None,
        None,
        None,
        None,
        None,
        None,
        Some("2"),
        Some("last"),
    ],
];

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sample_data")
        .join(name)
}

/// Imports into the table `loaded`, which does not exist, and gives the exit code and the report.
fn run_import(database: &TestDatabase, file: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let output = sheetload()
        .arg("import")
        .arg(file)
        .args(["--table", "loaded", "--json", "--quiet"])
        .args(["--database-url", &database.url()])
        .args(args)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("{}: {error}: {stderr}", file.display())
    });
    (output.status.code(), report)
}

/// The same, where every row must go in.
fn import(database: &TestDatabase, file: &Path, args: &[&str]) -> Value {
    let (code, report) = run_import(database, file, args);
    assert_eq!(code, Some(0), "{}: {report}", file.display());
    report
}

/// The names and types of the table's columns, in its order.
fn columns(database: &TestDatabase) -> Vec<(String, String)> {
    let rows = database.query(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute \
         where attrelid = 'loaded'::regclass and attnum > 0 order by attnum",
    );
    rows.into_iter()
        .map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap()))
        .collect()
}

fn assert_rows(database: &TestDatabase, order_by: &str, wanted: &[&[Text]], file: &str) {
    let rows = database.query(&format!("select * from loaded order by {order_by}"));
    assert_eq!(rows.len(), wanted.len(), "{file}");
    for (row, wanted) in rows.iter().zip(wanted) {
        let row: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
        assert_eq!(row, *wanted, "{file}");
    }
}

/// Imports `stock.*` and compares everything. In stock.ods no cell has a number style.
fn assert_stock(file: &str) {
    let database = TestDatabase::create();
    let report = import(&database, &sample(file), &[]);
    assert_eq!(report["sheet"], "Stock", "{file}");
    assert_eq!(report["total_records"], 4, "{file}");
    assert_eq!(report["success_count"], 4, "{file}");
    assert_eq!(report["error_count"], 0, "{file}");
    assert_eq!(report["skipped"]["blank_rows"], 1, "{file}");
    assert_eq!(report["error_cells_as_null"], 2, "{file}");
    assert_eq!(report["rejects"], json!([]), "{file}");
    let warnings = report["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{file}: {warnings:?}");

    let (mut types, mut rows) = (STOCK_TYPES, STOCK_ROWS);
    if file == "stock.ods" {
        types[3] = "double precision";
        types[4] = "bigint";
        rows[0][4] = Some("42");
        rows[1][4] = Some("7");
    }
    let wanted: Vec<(String, String)> = STOCK_COLUMNS
        .iter()
        .zip(types)
        .map(|(name, sql_type)| ((*name).to_owned(), sql_type.to_owned()))
        .collect();
    assert_eq!(columns(&database), wanted, "{file}");
    let rows: Vec<&[Text]> = rows.iter().map(<[Text; 14]>::as_slice).collect();
    let order_by = "array_position(array['007', '000', '0012', 'x'], ref)";
    assert_rows(&database, order_by, &rows, file);
}

#[test]
fn xlsx_loads_as_displayed() {
    assert_stock("stock.xlsx");
}

#[test]
fn xlsm_loads_as_displayed() {
    assert_stock("stock.xlsm");
}

#[test]
fn xlsb_loads_as_displayed() {
    assert_stock("stock.xlsb");
}

#[test]
fn xls_loads_as_displayed() {
    assert_stock("stock.xls");
}

#[test]
fn ods_loads_as_displayed() {
    assert_stock("stock.ods");
}

#[test]
fn days_are_counted_from_1904_where_the_workbook_says_so() {
    let database = TestDatabase::create();
    import(&database, &sample("epoch-1904.xlsx"), &[]);
    let types: Vec<String> = columns(&database)
        .into_iter()
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(types, ["date", "timestamp without time zone", "interval"]);
    let rows: [[Text; 3]; 2] = [
        [
            Some("1904-01-01"),
            Some("1904-01-02 12:00:00"),
            Some("30:00:00"),
        ],
        [
            Some("1908-01-02"),
            Some("2004-01-02 18:00:00"),
            Some("12:00:00"),
        ],
    ];
    let rows: Vec<&[Text]> = rows.iter().map(<[Text; 3]>::as_slice).collect();
    assert_rows(&database, "day", &rows, "epoch-1904.xlsx");
}

#[test]
fn the_content_tells_the_format_not_the_name() {
    let database = TestDatabase::create();
    import(&database, &sample("really-xlsx.xls"), &[]);
    assert_rows(
        &database,
        "name",
        &[&[Some("ä"), Some("1")]],
        "really-xlsx.xls",
    );
    // And every format under a name without any meaning.
    let directory = tempfile::tempdir().unwrap();
    for extension in ["xlsx", "xlsm", "xlsb", "xls", "ods"] {
        let nameless = directory.path().join(format!("{extension}.bin"));
        std::fs::copy(sample(&format!("stock.{extension}")), &nameless).unwrap();
        database.query("drop table loaded");
        let report = import(&database, &nameless, &[]);
        assert_eq!(report["success_count"], 4, "{extension}");
    }
}

#[test]
fn error_cells_are_errors_in_every_format() {
    for extension in ["xlsx", "xlsm", "xlsb", "xls", "ods"] {
        let database = TestDatabase::create();
        let file = sample(&format!("stock.{extension}"));
        let (code, report) = run_import(&database, &file, &["--on-cell-error", "reject"]);
        assert_eq!(code, Some(3), "{extension}: {report}");
        assert_eq!(report["success_count"], 2, "{extension}");
        let rejects: Vec<(&str, &str)> = report["rejects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reject| {
                (
                    reject["cell"].as_str().unwrap(),
                    reject["stored"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            rejects,
            [("Stock!N5", "#DIV/0!"), ("Stock!N7", "#N/A")],
            "{extension}"
        );
        let left = database.value("select string_agg(ref, ' ' order by ref) from loaded");
        assert_eq!(left, "007 x", "{extension}");
    }
}

#[test]
fn every_mode_reads_every_format_alike() {
    for extension in ["xlsx", "xlsm", "xlsb", "xls", "ods"] {
        let database = TestDatabase::create();
        let file = sample(&format!("stock.{extension}"));
        for (mode, table) in [("sequential", "a"), ("concurrent", "b"), ("batch", "c")] {
            import(&database, &file, &["--mode", mode, "--batch-size", "1"]);
            database.query(&format!("alter table loaded rename to {table}"));
        }
        let differing = database.value(
            "select count(*)::text from ((table a except all table b) union all (table b except all table c) \
             union all (table c except all table a)) d",
        );
        assert_eq!(differing, "0", "{extension}");
    }
}
