//! No setting of the server, the database, the role or the connection changes what a value is.

use rust_xlsxwriter::{Format, Workbook};

use crate::support::import::{Run, rows};
use crate::support::server::TestDatabase;

/// Settings that people have, and that change what texts mean or what the server writes.
const FOREIGN: [(&str, &str); 10] = [
    ("datestyle", "'German, DMY'"),
    ("intervalstyle", "'sql_standard'"),
    ("timezone", "'America/New_York'"),
    ("extra_float_digits", "-10"),
    ("bytea_output", "'escape'"),
    ("xmloption", "'document'"),
    ("standard_conforming_strings", "off"),
    ("client_encoding", "'LATIN1'"),
    ("array_nulls", "off"),
    ("timezone_abbreviations", "'India'"),
];

/// Who has the settings.
#[derive(Debug, Clone, Copy)]
enum Holder {
    Database,
    Role,
    Options,
}

impl Holder {
    const ALL: [Self; 3] = [Self::Database, Self::Role, Self::Options];

    /// The text of `PGOPTIONS` that a program is to be run with, if that has them.
    fn set(self, database: &TestDatabase, settings: &[(&str, &str)]) -> Option<String> {
        match self {
            Self::Options => {
                let options = settings.iter().map(|(name, value)| {
                    let value = value.trim_matches('\'').replace(' ', "\\ ");
                    format!("-c {name}={value}")
                });
                Some(options.collect::<Vec<_>>().join(" "))
            }
            Self::Database | Self::Role => {
                let name = database.name();
                let whose = match self {
                    Self::Role => format!("role current_user in database {name}"),
                    _ => format!("database {name}"),
                };
                for (setting, value) in settings {
                    database.query(&format!("alter {whose} set {setting} = {value}"));
                }
                None
            }
        }
    }
}

/// Loads a file into a table under foreign settings.
fn import(database: &TestDatabase, holder: Holder, file: &std::path::Path, args: &[&str]) -> Run {
    let options = holder.set(database, &FOREIGN);
    let variables: Vec<(&str, &str)> = options
        .iter()
        .flat_map(|options| [("PGOPTIONS", options.as_str()), ("PGTZ", "Asia/Tokyo")])
        .chain([("PGDATESTYLE", "SQL, DMY")])
        .collect();
    Run::import_with(database, file, args, &variables)
}

/// Rows as the server writes them under settings that are the test's own.
fn read(database: &TestDatabase, query: &str) -> Vec<String> {
    let own = "set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set timezone = 'UTC'; \
               set bytea_output = 'hex'; set extra_float_digits = 1; set client_encoding = 'UTF8'; ";
    rows(database, &format!("{own}{query}"))
}

#[test]
fn values_of_types_that_the_server_reads_are_the_same_under_all_settings() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("values.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let cells = [
        ("spans", "{\"-1 2:03\",1:30}"),
        ("doc", "<a/>text"),
        ("bytes", "\\x00ff"),
        ("list", "{a,NULL}"),
        ("words", "äöü \\n"),
    ];
    for (column, (title, cell)) in (0..).zip(cells) {
        sheet.write(0, column, title).unwrap();
        sheet.write(1, column, cell).unwrap();
    }
    let plain = Format::new();
    sheet.write(0, 5, "ratio").unwrap();
    sheet.write_with_format(1, 5, 1.0 / 3.0, &plain).unwrap();
    book.save(&file).unwrap();
    for holder in Holder::ALL {
        for mode in ["batch", "sequential"] {
            let database = TestDatabase::create();
            database.query(
                "create table kept (spans interval[], doc xml, bytes bytea, list text[], words text, \
                 ratio double precision)",
            );
            import(
                &database,
                holder,
                &file,
                &["--table", "kept", "--mode", mode],
            )
            .document(0);
            assert_eq!(
                read(
                    &database,
                    "select spans::text, doc::text, bytes, list[2] is null, words, ratio from kept"
                ),
                ["{\"-1 days +02:03:00\",01:30:00}|<a/>text|\\x00ff|t|äöü \\n|0.3333333333333333"],
                "{holder:?} {mode}"
            );
        }
    }
}

/// Texts of moments, and the ones of each type that are loaded: dates, timestamps and timestamps with time zone read the
/// same, but for the zone.
const TEXTS: [&str; 22] = [
    "2024-02-29",
    "2024-02-29 10:00",
    "2024-02-29T10:00:00Z",
    "2024-02-29 10:00:00+02:00",
    "2024/02/29",
    "29.02.2024",
    "03/04/2024",
    "Feb 29, 2024",
    "20240229",
    "2024-02-29 10:00 EST",
    "2024-02-30",
    "2024-060",
    "45351",
    "infinity",
    "now",
    "today",
    "yesterday",
    "epoch",
    "12:30",
    "8:30 PM",
    "J2451187",
    "allballs",
];

fn texts_loaded(
    holder: Holder,
    sql_type: &str,
    cells: impl Iterator<Item = String>,
    args: &[&str],
) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("texts.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "txt").unwrap();
    sheet.write(0, 1, "v").unwrap();
    for (row, cell) in (1..).zip(cells) {
        sheet.write(row, 0, &cell).unwrap();
        sheet.write(row, 1, &cell).unwrap();
    }
    book.save(&file).unwrap();
    let database = TestDatabase::create();
    database.query("create domain moment as timestamptz; create domain days as date[]");
    database.query(&format!("create table kept (txt text, v {sql_type})"));
    let args = [&["--table", "kept"], args].concat();
    let run = import(&database, holder, &file, &args);
    assert!(matches!(run.code, 0 | 3), "{sql_type}: {}", run.stderr);
    read(
        &database,
        "select txt, v::text from kept order by txt collate \"C\"",
    )
}

#[test]
fn moments_are_read_from_texts_that_mean_one_thing() {
    let texts = || TEXTS.into_iter().map(str::to_owned);
    for holder in [Holder::Role, Holder::Options] {
        let loaded = |sql_type, args: &[&str]| texts_loaded(holder, sql_type, texts(), args);
        assert_eq!(loaded("date", &[]), ["2024-02-29|2024-02-29"]);
        assert_eq!(
            loaded("timestamp", &[]),
            [
                "2024-02-29|2024-02-29 00:00:00",
                "2024-02-29 10:00|2024-02-29 10:00:00"
            ]
        );
        for sql_type in ["timestamptz", "moment"] {
            assert_eq!(
                loaded(sql_type, &[]),
                [
                    "2024-02-29|2024-02-29 00:00:00+00",
                    "2024-02-29 10:00|2024-02-29 10:00:00+00",
                    "2024-02-29 10:00:00+02:00|2024-02-29 08:00:00+00",
                    "2024-02-29T10:00:00Z|2024-02-29 10:00:00+00",
                ],
                "{sql_type}"
            );
        }
        let own = ["--date-format", "DD/MM/YYYY"];
        for (sql_type, zone) in [
            ("date", ""),
            ("timestamp", " 00:00:00"),
            ("timestamptz", " 00:00:00+00"),
        ] {
            let found = loaded(sql_type, &own);
            let own = format!("03/04/2024|2024-04-03{zone}");
            assert!(found.contains(&own), "{sql_type}: {found:?}");
        }
        assert_eq!(loaded("time", &[]), ["12:30|12:30:00"]);
        assert_eq!(loaded("timetz", &[]), ["12:30|12:30:00+00"]);
        assert_eq!(loaded("interval", &[]), ["12:30|12:30:00"]);
    }
}

#[test]
fn moments_in_ranges_and_arrays_are_read_from_the_same_texts() {
    let inside = |open: &str, close: &str| {
        let texts = TEXTS.map(|text| format!("{open}{text}{close}"));
        texts.into_iter().filter(|text| !text.contains("infinity"))
    };
    for holder in [Holder::Role, Holder::Options] {
        let arrays = |sql_type| texts_loaded(holder, sql_type, inside("{", "}"), &[]);
        for sql_type in ["date[]", "days"] {
            assert_eq!(
                arrays(sql_type),
                ["{2024-02-29}|{2024-02-29}"],
                "{sql_type}"
            );
        }
        assert_eq!(
            arrays("timestamptz[]"),
            [
                "{2024-02-29 10:00:00+02:00}|{\"2024-02-29 08:00:00+00\"}",
                "{2024-02-29 10:00}|{\"2024-02-29 10:00:00+00\"}",
                "{2024-02-29T10:00:00Z}|{\"2024-02-29 10:00:00+00\"}",
                "{2024-02-29}|{\"2024-02-29 00:00:00+00\"}",
            ]
        );
        assert_eq!(arrays("time[]"), ["{12:30}|{12:30:00}"]);
        let ranges = |sql_type| texts_loaded(holder, sql_type, inside("[", ",)"), &[]);
        assert_eq!(ranges("daterange"), ["[2024-02-29,)|[2024-02-29,)"]);
        assert_eq!(
            ranges("tsrange"),
            [
                "[2024-02-29 10:00,)|[\"2024-02-29 10:00:00\",)",
                "[2024-02-29,)|[\"2024-02-29 00:00:00\",)"
            ]
        );
        assert_eq!(ranges("tstzrange").len(), 4);
    }
}

#[test]
fn numbers_without_a_date_format_are_no_moments_and_no_char_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("numbers.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "v").unwrap();
    for (row, number) in (1..).zip([20_240_229.0, 45_351.0, 1_234.0, 0.5]) {
        sheet.write(row, 0, number).unwrap();
    }
    sheet.write(5, 0, true).unwrap();
    book.save(&file).unwrap();
    for sql_type in [
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "timetz",
        "interval",
        "tstzrange",
        "date[]",
        "\"char\"",
    ] {
        let database = TestDatabase::create();
        database.query(&format!("create table kept (v {sql_type})"));
        let report = Run::import(&database, &file, &["--table", "kept"]).document(3);
        assert_eq!(report["error_count"], 5, "{sql_type}: {report}");
        let made = format!("V=v:{sql_type}");
        let report =
            Run::import(&database, &file, &["--table", "made", "--map", &made]).document(3);
        assert_eq!(report["error_count"], 5, "{sql_type}: {report}");
    }
}

#[test]
fn money_is_the_amount_that_the_cell_has() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("money.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "m").unwrap();
    for (row, number) in (1..).zip([1234.5, 0.25, 1e6, 1.005]) {
        sheet.write(row, 0, number).unwrap();
    }
    for (row, text) in (5..).zip(["$1,234.50", "-0.5", "1.234,50", "1.005"]) {
        sheet.write(row, 0, text).unwrap();
    }
    book.save(&file).unwrap();
    let database = TestDatabase::create();
    // Which locales there are depends on the machine: the row tells in which one it was read.
    database
        .query("create table kept (m money, read_in text default current_setting('lc_monetary'))");
    database.query(&format!(
        "alter database {} set lc_monetary = 'POSIX'",
        database.name()
    ));
    let report = Run::import(&database, &file, &["--table", "kept"]).document(3);
    let cells = report["rejects"].as_array().unwrap().iter();
    let cells: Vec<&str> = cells
        .map(|reject| reject["cell"].as_str().unwrap())
        .collect();
    assert_eq!(cells, ["Sheet1!A5", "Sheet1!A8", "Sheet1!A9"]);
    assert_eq!(
        rows(
            &database,
            "select m::numeric::text, read_in from kept order by kept.m"
        ),
        [
            "-0.50|C",
            "0.25|C",
            "1234.50|C",
            "1234.50|C",
            "1000000.00|C"
        ]
    );
}

#[test]
fn who_has_another_time_zone_is_told_which_one_counts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("at.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write(0, 0, "at").unwrap();
    sheet.write(1, 0, "2024-07-01 12:00").unwrap();
    book.save(&file).unwrap();
    let database = TestDatabase::create();
    database.query(&format!(
        "create table kept (at timestamptz); alter database {} set timezone = 'Asia/Tokyo'",
        database.name()
    ));
    let load = |args: &[&str]| {
        let args = [&["--table", "kept", "--again"], args].concat();
        let report = Run::import(&database, &file, &args).document(0);
        report["warnings"].as_array().unwrap().len()
    };
    assert_eq!(load(&[]), 1);
    assert_eq!(load(&["--time-zone", "Asia/Tokyo"]), 0);
    assert_eq!(load(&["--time-zone", "UTC"]), 0);
    assert_eq!(
        rows(
            &database,
            "select (at at time zone 'UTC')::text from kept order by at"
        ),
        [
            "2024-07-01 03:00:00",
            "2024-07-01 12:00:00",
            "2024-07-01 12:00:00"
        ]
    );
}
