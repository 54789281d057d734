//! What becomes of cells in columns of each type, read back over a connection of the test's own.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Format, Workbook, Worksheet};
use serde_json::Value;
use sheetload::model::cell::{Cell, FormatId, TextSpan};
use sheetload::model::number_format::NumberFormat;
use sheetload::model::sheet::DateSystem;
use sheetload::transform::coerce::{Coercion, OnCellError};
use sheetload::transform::infer::InferredType;
use sheetload::transform::number_format::classify;
use sheetload::transform::text_rules::TextRules;
use sheetload::transform::widening::widening;

use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// A cell to be written.
#[derive(Clone, Copy)]
enum Put {
    Text(&'static str),
    Number(f64),
    Shown(f64, &'static str),
    Bool(bool),
}
use Put::{Bool, Number, Shown, Text};

fn put(sheet: &mut Worksheet, row: u32, column: u16, cell: Put) {
    match cell {
        Text(text) => sheet.write(row, column, text),
        Number(number) => sheet.write(row, column, number),
        Shown(number, code) => {
            let format = Format::new().set_num_format(code);
            sheet.write_with_format(row, column, number, &format)
        }
        Bool(truth) => sheet.write(row, column, truth),
    }
    .unwrap();
}

fn workbook(directory: &Path, titles: &[&str], rows: &[Vec<Put>]) -> PathBuf {
    let file = directory.join("cells.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("S").unwrap();
    for (column, title) in (0..).zip(titles) {
        sheet.write(0, column, *title).unwrap();
    }
    for (row, cells) in (1..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            put(sheet, row, column, *cell);
        }
    }
    workbook.save(&file).unwrap();
    file
}

fn import(database: &TestDatabase, file: &Path, table: &str, mode: &str) -> (i32, Value) {
    let output = sheetload()
        .arg("import")
        .arg(file)
        .args(["--table", table, "--mode", mode, "--json", "--quiet"])
        .args(["--database-url", &database.url()])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let report = serde_json::from_str(&stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {stdout}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), report)
}

/// Types of the tests' own.
const OWN_TYPES: &str = "\
    create extension citext; create extension hstore; \
    create type mood as enum ('sad', 'glad'); \
    create domain short as varchar(3); \
    create domain positive as integer check (value > 0); \
    create domain tiny as positive check (value < 10); \
    create domain price as numeric(6, 2) not null; ";

/// A type, cells for it, and the texts that the values have then.
const LOADED: &[(&str, &[(Put, &str)])] = &[
    (
        "smallint",
        &[
            (Number(-32_768.0), "-32768"),
            (Text(" 7 "), "7"),
            (Bool(true), "1"),
        ],
    ),
    (
        "integer",
        &[
            (Number(2_147_483_647.0), "2147483647"),
            (Text("-5"), "-5"),
            (Shown(3.0, "0.00"), "3"),
        ],
    ),
    (
        "bigint",
        &[
            (Number(9_007_199_254_740_991.0), "9007199254740991"),
            (Text("9223372036854775807"), "9223372036854775807"),
        ],
    ),
    (
        "numeric(10,2)",
        &[
            (Number(0.1 + 0.2), "0.30"),
            (Text("12345678.9"), "12345678.90"),
            (Shown(1234.5, "#,##0.00 \"kr\""), "1234.50"),
        ],
    ),
    (
        "numeric",
        &[
            (Number(1.0 / 3.0), "0.333333333333333"),
            (Text("1e-30"), "0.000000000000000000000000000001"),
        ],
    ),
    ("numeric(3,-2)", &[(Number(99_900.0), "99900")]),
    ("real", &[(Number(0.5), "0.5"), (Text("1e10"), "1e+10")]),
    (
        "double precision",
        &[
            (Number(0.1 + 0.2), "0.30000000000000004"),
            (Text("-1.5"), "-1.5"),
        ],
    ),
    (
        "text",
        &[
            (Number(5.0), "5"),
            (Bool(false), "FALSE"),
            (Shown(7.0, "00000"), "00007"),
            (Text(" x "), " x "),
        ],
    ),
    (
        "character varying(11)",
        &[
            (Shown(123_456_789.0, "000-00-0000"), "123-45-6789"),
            (Text("äöüäöüäöüäö"), "äöüäöüäöüäö"),
        ],
    ),
    (
        "character(5)",
        &[(Text("ab"), "ab   "), (Number(12_345.0), "12345")],
    ),
    (
        "citext",
        &[
            (Text("Ab"), "Ab"),
            (Bool(true), "TRUE"),
            (Shown(45_292.0, "yyyy-mm-dd"), "2024-01-01"),
        ],
    ),
    ("name", &[(Text("select"), "select"), (Number(1.5), "1.5")]),
    (
        "boolean",
        &[
            (Bool(true), "t"),
            (Number(0.0), "f"),
            (Text("Yes"), "t"),
            (Text("off"), "f"),
        ],
    ),
    (
        "date",
        &[
            (Shown(45_292.0, "d/m/yy"), "2024-01-01"),
            (Text("2024-02-29"), "2024-02-29"),
        ],
    ),
    (
        "time",
        &[
            (Shown(0.5, "h:mm"), "12:00:00"),
            (Text("01:02:03.5"), "01:02:03.5"),
            (Shown(0.25, "[h]:mm"), "06:00:00"),
        ],
    ),
    ("time(0)", &[(Shown(0.5, "h:mm"), "12:00:00")]),
    (
        "timestamp",
        &[
            (Shown(45_292.25, "d/m/yy h:mm"), "2024-01-01 06:00:00"),
            (Text("2024-01-01T06:00"), "2024-01-01 06:00:00"),
        ],
    ),
    (
        "timestamp(3)",
        &[(Text("2024-01-01 00:00:00.125"), "2024-01-01 00:00:00.125")],
    ),
    (
        "timestamptz",
        &[
            (Shown(45_292.25, "d/m/yy h:mm"), "2024-01-01 06:00:00+00"),
            (Text("2024-01-01 06:00+02"), "2024-01-01 04:00:00+00"),
        ],
    ),
    (
        "timetz",
        &[
            (Text("06:00+02"), "06:00:00+02"),
            (Shown(0.5, "h:mm"), "12:00:00+00"),
        ],
    ),
    (
        "interval",
        &[
            (Shown(1.5, "[h]:mm"), "36:00:00"),
            (Text("PT26H30M00.5S"), "26:30:00.5"),
            (Text("-0:30"), "-00:30:00"),
        ],
    ),
    (
        "uuid",
        &[(
            Text("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        )],
    ),
    (
        "json",
        &[
            (Text("{\"a\": 1}"), "{\"a\": 1}"),
            (Number(5.0), "5"),
            (Bool(true), "true"),
        ],
    ),
    (
        "jsonb",
        &[(Text("{\"a\":1}"), "{\"a\": 1}"), (Number(0.5), "0.5")],
    ),
    ("bytea", &[(Text("\\x00ff"), "\\x00ff")]),
    ("inet", &[(Text("192.168.0.1/24"), "192.168.0.1/24")]),
    ("mood", &[(Text("glad"), "glad")]),
    ("text[]", &[(Text("{a,\"b c\",NULL}"), "{a,\"b c\",NULL}")]),
    ("integer[]", &[(Text("{1,2}"), "{1,2}")]),
    ("int4range", &[(Text("[1,5)"), "[1,5)")]),
    ("hstore", &[(Text("a=>1"), "\"a\"=>\"1\"")]),
    ("money", &[(Shown(12.5, "$0.00"), "$12.50")]),
    ("bit(3)", &[(Text("101"), "101"), (Number(101.0), "101")]),
    ("short", &[(Text("abc"), "abc"), (Number(12.0), "12")]),
    ("tiny", &[(Number(9.0), "9"), (Text("1"), "1")]),
    (
        "price",
        &[(Number(9_999.99), "9999.99"), (Text("1"), "1.00")],
    ),
    ("xml", &[(Text("<a/>"), "<a/>")]),
    ("point", &[(Text("(1,2)"), "(1,2)")]),
    ("\"char\"", &[(Text("x"), "x")]),
    ("oid", &[(Number(42.0), "42")]),
];

/// The type, or what comes next to it on an older server.
fn known_type<'a>(database: &TestDatabase, sql_type: &'a str) -> &'a str {
    match (sql_type, database.major_version()) {
        // Negative scales came with PostgreSQL 15.
        ("numeric(3,-2)", ..15) => "numeric(5)",
        _ => sql_type,
    }
}

#[test]
fn every_type_takes_its_values() {
    let database = TestDatabase::create();
    database.query(OWN_TYPES);
    database.query(&format!(
        "alter database {0} set timezone to 'UTC'; alter database {0} set lc_monetary to 'C'",
        database.name()
    ));
    let titles: Vec<String> = (0..LOADED.len()).map(|index| format!("c{index}")).collect();
    let rows = LOADED.iter().map(|(_, cells)| cells.len()).max().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let titled: Vec<&str> = titles.iter().map(String::as_str).collect();
    // A type with fewer cells repeats its first, since not every type has NULL.
    let cells: Vec<Vec<Put>> = (0..rows)
        .map(|row| {
            LOADED
                .iter()
                .map(|(_, cells)| cells.get(row).unwrap_or(&cells[0]).0)
                .collect()
        })
        .collect();
    let file = workbook(directory.path(), &titled, &cells);
    for mode in ["batch", "concurrent"] {
        // All in one table, in the text form, and each in its own, binary where the type has a binary form.
        let columns: Vec<String> = titles
            .iter()
            .zip(LOADED)
            .map(|(title, (sql_type, _))| format!("{title} {}", known_type(&database, sql_type)))
            .collect();
        let table = format!("all_types_{mode}");
        database.query(&format!(
            "create table {table} (id serial, {})",
            columns.join(", ")
        ));
        let (code, report) = import(&database, &file, &table, mode);
        assert_eq!(code, 0, "{report}");
        for (title, (sql_type, cells)) in titles.iter().zip(LOADED) {
            assert_eq!(
                values(&database, &table, title, cells.len()),
                expected(cells),
                "{sql_type}, {mode}"
            );
        }
    }
    for (index, (sql_type, cells)) in LOADED.iter().enumerate() {
        let table = format!("one_type_{index}");
        let known = known_type(&database, sql_type);
        database.query(&format!("create table {table} (id serial, v {known})"));
        let rows: Vec<Vec<Put>> = cells.iter().map(|(cell, _)| vec![*cell]).collect();
        let file = workbook(directory.path(), &["v"], &rows);
        let (code, report) = import(&database, &file, &table, "batch");
        assert_eq!(code, 0, "{sql_type}: {report}");
        assert_eq!(
            values(&database, &table, "v", cells.len()),
            expected(cells),
            "{sql_type}"
        );
    }
}

fn values(database: &TestDatabase, table: &str, column: &str, count: usize) -> Vec<String> {
    // Several workers may load in any order; a small sheet is one batch for one of them.
    database
        .query(&format!(
            "select {column} from {table} order by id limit {count}"
        ))
        .into_iter()
        .map(|row| row[0].clone().unwrap_or_else(|| "NULL".to_owned()))
        .collect()
}

fn expected(cells: &[(Put, &str)]) -> Vec<String> {
    cells.iter().map(|(_, text)| (*text).to_owned()).collect()
}

/// A type, a cell that it does not take, and the error code.
const REFUSED: &[(&str, Put, &str)] = &[
    ("smallint", Number(32_768.0), "22003"),
    ("integer", Text("three"), "22P02"),
    ("integer", Number(1.5), "22P02"),
    ("integer", Shown(45_292.0, "yyyy-mm-dd"), "22P02"),
    ("bigint", Text("9223372036854775808"), "22003"),
    ("numeric(10,2)", Number(12.345), "22003"),
    ("numeric(10,2)", Text("1e9"), "22003"),
    ("numeric(4,1)", Text("1000"), "22003"),
    ("numeric", Bool(true), "22P02"),
    ("real", Number(1e300), "22003"),
    ("double precision", Text("1,5"), "22P02"),
    ("character varying(3)", Text("abcd"), "22001"),
    ("character varying(3)", Number(1_234.0), "22001"),
    (
        "name",
        Text("1234567890123456789012345678901234567890123456789012345678901234"),
        "22001",
    ),
    ("boolean", Text("perhaps"), "22P02"),
    ("boolean", Number(2.0), "22P02"),
    ("date", Text("1/2/2024"), "22007"),
    ("date", Number(45_292.0), "22P02"),
    ("date", Shown(45_292.5, "yyyy-mm-dd hh:mm"), "22P02"),
    ("time", Text("25:00"), "22007"),
    ("time", Shown(1.5, "[h]:mm"), "22P02"),
    ("timestamp", Text("2024-01-01 06:00+02"), "22007"),
    ("timestamp(0)", Text("2024-01-01 06:00:00.5"), "22008"),
    ("interval", Text("soon"), "22007"),
    ("timestamptz", Text("soon"), "22007"),
    ("uuid", Text("x"), "22P02"),
    ("uuid", Number(5.0), "22P02"),
    ("jsonb", Text("{"), "22P02"),
    ("inet", Text("x"), "22P02"),
    ("mood", Text("angry"), "22P02"),
    ("text[]", Text("plain"), "22P02"),
    ("short", Text("abcd"), "22001"),
    ("tiny", Number(10.0), "23514"),
    ("tiny", Number(-1.0), "23514"),
    ("price", Number(0.001), "22003"),
];

#[test]
fn a_cell_that_a_type_does_not_take_is_named() {
    let database = TestDatabase::create();
    database.query(OWN_TYPES);
    let directory = tempfile::tempdir().unwrap();
    for (index, (sql_type, cell, sqlstate)) in REFUSED.iter().enumerate() {
        let table = format!("refusing_{index}");
        database.query(&format!("create table {table} (a integer, v {sql_type})"));
        let good = LOADED.iter().find(|(loaded, _)| loaded == sql_type);
        let good = good.map_or(Text("1"), |(_, cells)| cells[0].0);
        let good = match *sql_type {
            "numeric(4,1)" => Number(1.0),
            "character varying(3)" => Text("abc"),
            "timestamp(0)" => Text("2024-01-01"),
            _ => good,
        };
        let rows = [
            vec![Number(1.0), good],
            vec![Number(2.0), *cell],
            vec![Number(3.0), good],
        ];
        let file = workbook(directory.path(), &["a", "v"], &rows);
        let (code, report) = import(&database, &file, &table, "batch");
        assert_eq!(code, 3, "{sql_type}: {report}");
        let reject = &report["rejects"][0];
        assert_eq!(report["error_count"], 1, "{sql_type}: {report}");
        assert_eq!(reject["sqlstate"], *sqlstate, "{sql_type}: {reject}");
        assert_eq!(reject["row"], 3, "{sql_type}: {reject}");
        assert_eq!(reject["cell"], "S!B3", "{sql_type}: {reject}");
        assert_eq!(reject["column"], "v", "{sql_type}: {reject}");
        let kept = database.value(&format!(
            "select string_agg(a::text, ',' order by a) from {table}"
        ));
        assert_eq!(kept, "1,3", "{sql_type}");
    }
}

#[test]
fn a_domain_that_refuses_null_is_a_column_that_does() {
    let database = TestDatabase::create();
    database.query(OWN_TYPES);
    database.query("create table prices (a integer, v price)");
    let directory = tempfile::tempdir().unwrap();
    let rows = [vec![Number(1.0), Number(2.0)], vec![Number(2.0)]];
    let file = workbook(directory.path(), &["a", "v"], &rows);
    let (code, report) = import(&database, &file, "prices", "batch");
    assert_eq!(code, 3, "{report}");
    assert_eq!(report["rejects"][0]["cell"], "S!B3");
    assert_eq!(report["rejects"][0]["sqlstate"], "23502");
}

/// Format codes and numbers of each type.
const CELLS: &[(InferredType, &str, &[f64])] = &[
    (
        InferredType::Integer,
        "General",
        &[
            0.0,
            -0.0,
            5.0,
            -1_234_567.0,
            1e14,
            1e15,
            9_007_199_254_740_991.0,
        ],
    ),
    (
        InferredType::Decimal,
        "0.00",
        &[
            0.0,
            0.30000000000000004,
            -1234.5,
            1e-7,
            1.5e-9,
            1e20,
            1e22,
            0.1,
            1.0 / 3.0,
            99.0,
        ],
    ),
    (
        InferredType::Float,
        "General",
        &[
            0.5,
            0.30000000000000004,
            -1.5e-7,
            1e-7,
            1e-6,
            1.5e300,
            -1e21,
            1e20,
            123_456_789.25,
            1.0 / 3.0,
        ],
    ),
    (
        InferredType::Date,
        "yyyy-mm-dd",
        &[1.0, 59.0, 61.0, 45_292.0, 2_958_465.0],
    ),
    (
        InferredType::Timestamp,
        "yyyy-mm-dd hh:mm",
        &[
            45_292.25,
            45_292.0,
            1.5,
            45_292.000_011_574_07,
            45_292.123_456,
        ],
    ),
    (
        InferredType::Time,
        "hh:mm",
        &[0.0, 0.5, 0.000_011_574_074, 0.123_456_789],
    ),
    (
        InferredType::Interval,
        "[h]:mm",
        &[0.0, 1.5, -0.25, 1_000.5, -4.123_456, 0.000_011_574_074],
    ),
];

#[test]
fn widening_a_column_gives_what_the_wider_type_would_have_loaded() {
    let database = TestDatabase::create();
    // Neither the order of day and month nor the style of intervals may matter.
    database.query(&format!(
        "alter database {0} set datestyle to 'German'; alter database {0} set intervalstyle to 'sql_standard'",
        database.name()
    ));
    let formats: Vec<_> = CELLS
        .iter()
        .map(|(_, code, _)| classify(&NumberFormat::new(*code)))
        .collect();
    let coercion = Coercion {
        date_system: DateSystem::From1900,
        formats,
        on_cell_error: OnCellError::Null,
        text_rules: TextRules::default(),
    };
    let mut cells = vec![
        (InferredType::Bool, Cell::Bool(true), ""),
        (InferredType::Bool, Cell::Bool(false), ""),
    ];
    for ((inferred, _, numbers), format) in CELLS.iter().zip(0..) {
        for number in *numbers {
            let cell = Cell::Number {
                value: *number,
                format: FormatId(format),
            };
            cells.push((*inferred, cell, ""));
        }
    }
    let span = TextSpan { start: 0, len: 0 };
    for iso in [
        "2024-01-02",
        "2024-01-02T10:30:00Z",
        "PT02H30M00S",
        "PT26H30M00.5S",
        "-PT1H",
    ] {
        cells.push((InferredType::of_iso(iso), Cell::Iso(span), iso));
    }
    let loaded_as = |cell: Cell, text: &str, inferred: InferredType| {
        let column = inferred.to_column("c".into());
        let value = coercion.coerce(cell, text, &column).unwrap().value;
        format!("'{value}'::{}", inferred.sql_type())
    };
    let mut checked = 0;
    for (inferred, cell, text) in cells {
        assert!(
            inferred.holds(coercion.type_of(cell, text)),
            "{inferred:?} {cell:?} {text}"
        );
        for between in WIDER.iter().filter(|wider| wider.holds(inferred)) {
            for wider in WIDER.iter().filter(|wider| wider.holds(*between)) {
                let Some(using) = widening(*between, *wider, "c") else {
                    continue;
                };
                // Of more than 15 digits a double has all, a decimal has these, and the one knows not what the other had.
                let is_double = [*between, *wider].contains(&InferredType::Float);
                if inferred == InferredType::Decimal && is_double && has_more_digits(cell) {
                    continue;
                }
                let narrow = loaded_as(cell, text, *between);
                let wide = loaded_as(cell, text, *wider);
                let found = database.query(&format!(
                    "select ({using}) is not distinct from {wide}, ({using})::text, ({wide})::text \
                     from (select {narrow} as c) t"
                ));
                let row: Vec<&str> = found[0]
                    .iter()
                    .map(|v| v.as_deref().unwrap_or("NULL"))
                    .collect();
                assert_eq!(
                    row[0], "t",
                    "{cell:?} {text} {between:?} {wider:?}: {row:?}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "{checked}");
    let nulls = widening(InferredType::Unknown, InferredType::Timestamp, "c").unwrap();
    let found = database.query(&format!("select {nulls} from (select null::text as c) t"));
    assert_eq!(found, [[None]]);
}

fn has_more_digits(cell: Cell) -> bool {
    let Cell::Number { value, .. } = cell else {
        return false;
    };
    format!("{value:.14e}").parse() != Ok(value)
}

const WIDER: [InferredType; 9] = [
    InferredType::Bool,
    InferredType::Integer,
    InferredType::Decimal,
    InferredType::Float,
    InferredType::Date,
    InferredType::Timestamp,
    InferredType::Time,
    InferredType::Interval,
    InferredType::Text,
];
