//! Names, types, omissions and additions of columns, and how text cells are read.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Format, Workbook};

use crate::support::import::{Run, columns, rows, tables};
use crate::support::server::TestDatabase;

/// What a test's cell holds: a number if the text is one, but for those in quotes.
fn write(sheet: &mut rust_xlsxwriter::Worksheet, row: u32, column: u16, text: &str) {
    if text.is_empty() {
        return;
    }
    match (text.strip_prefix('\''), text.parse::<f64>()) {
        (Some(text), _) => sheet.write(row, column, text),
        (None, Ok(number)) => sheet.write(row, column, number),
        (None, Err(_)) => sheet.write(row, column, text),
    }
    .unwrap();
}

/// A workbook with one sheet of these rows.
fn workbook(directory: &Path, table: &[&[&str]]) -> PathBuf {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in (0..).zip(table) {
        for (column, text) in (0..).zip(*cells) {
            write(sheet, row, column, text);
        }
    }
    let file = directory.join("prices.xlsx");
    workbook.save(&file).unwrap();
    file
}

const PRICES: &[&[&str]] = &[
    &["Article No", "Name", "Unit Price", "Notes"],
    &["'1", "apple", "0.5", "x"],
    &["'2", "pear", "'1.25", "y"],
];

struct Stage {
    database: TestDatabase,
    directory: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self {
            database: TestDatabase::create(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Loads these rows. What is said of columns is tried several times over with the same file.
    fn run(&self, table: &[&[&str]], args: &[&str]) -> Run {
        let file = workbook(self.directory.path(), table);
        Run::import(&self.database, &file, &[args, &["--again"]].concat())
    }

    fn columns(&self, table: &str) -> Vec<String> {
        columns(&self.database, table)
    }

    fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.database, query)
    }
}

#[test]
fn new_tables_get_the_names_and_types_that_are_asked_for() {
    let stage = Stage::new();
    let args = [
        "--map",
        "Article No=id:integer",
        "--map",
        "C=price:numeric(8,2)",
        "--map",
        "-Notes",
        "--map",
        "name=:varchar(10)",
    ];
    let report = stage.run(PRICES, &args).document(0);
    assert_eq!(report["table"], "public.prices");
    assert_eq!(
        stage.columns("prices"),
        [
            "id integer",
            "name character varying(10)",
            "price numeric(8,2)"
        ]
    );
    assert_eq!(
        stage.rows("select * from prices order by id"),
        ["1|apple|0.50", "2|pear|1.25"]
    );
    stage
        .run(
            PRICES,
            &["--table", "as_is", "--names", "as-is", "--types", "text"],
        )
        .document(0);
    assert_eq!(
        stage.columns("as_is"),
        [
            "Article No text",
            "Name text",
            "Unit Price text",
            "Notes text"
        ]
    );
}

#[test]
fn existing_columns_are_found_by_name_letter_or_place() {
    let stage = Stage::new();
    stage.database.query(
        "create table prices (id integer primary key, label text, \
         price numeric not null, currency text default 'EUR', noted text)",
    );
    let args = [
        "--map",
        "A=id",
        "--map",
        "Name=label",
        "--map",
        "unit price=price:numeric",
        "--map",
        "-Notes",
    ];
    stage.run(PRICES, &args).document(0);
    let all = "select * from prices order by id";
    assert_eq!(stage.rows(all), ["1|apple|0.5|EUR|~", "2|pear|1.25|EUR|~"]);
    // Without titles: those named go where they are sent, the others into what is left, in order.
    let untitled: &[&[&str]] = &[&["'3", "fig", "9", "n"], &["'4", "nut", "8", "m", "o"]];
    let args = ["--header-row", "none", "--map", "D=noted", "--map", "-E"];
    stage.run(untitled, &args).document(0);
    assert_eq!(
        stage.rows("select * from prices where id > 2 order by id"),
        ["3|fig|9|EUR|n", "4|nut|8|EUR|m"]
    );
    stage.database.query("truncate prices");
    stage.run(untitled, &["--header-row", "none"]).document(0);
    assert_eq!(stage.rows(all), ["3|fig|9|n|~", "4|nut|8|m|o"]);
}

#[test]
fn a_sheet_without_titles_that_is_wider_than_the_table_is_not_cut() {
    let stage = Stage::new();
    stage
        .database
        .query("create table prices (id integer, name text)");
    let table: &[&[&str]] = &[&["1", "apple", "5"]];
    let run = |args: &[&str]| stage.run(table, &[&["--header-row", "none"], args].concat());
    run(&[]).assert_fails(4, &["sheet column C", "--extra-columns"]);
    assert_eq!(stage.rows("select * from prices"), [""; 0]);
    run(&["--extra-columns", "ignore"]).document(0);
    run(&["--extra-columns", "add"]).document(0);
    assert_eq!(
        stage.columns("prices"),
        ["id integer", "name text", "column_c bigint"]
    );
    assert_eq!(
        stage.rows("select * from prices order by column_c nulls first"),
        ["1|apple|~", "1|apple|5"]
    );
}

#[test]
fn hidden_columns_of_a_sheet_without_titles_have_no_place() {
    let stage = Stage::new();
    stage
        .database
        .query("create table prices (id integer, name text)");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["1", "secret", "apple"]).unwrap();
    sheet.set_column_hidden(1).unwrap();
    let file = stage.directory.path().join("hidden.xlsx");
    workbook.save(&file).unwrap();
    let args = [
        "--table",
        "prices",
        "--header-row",
        "none",
        "--hidden",
        "skip",
    ];
    Run::import(&stage.database, &file, &args).document(0);
    assert_eq!(stage.rows("select * from prices"), ["1|apple"]);
}

#[test]
fn columns_that_the_table_lacks_are_refused_ignored_or_added() {
    for if_exists in ["append", "replace", "truncate"] {
        let stage = Stage::new();
        stage.database.query(
            "create table prices (name text, kept integer default 7); \
             insert into prices values ('old')",
        );
        let run = |extra: &str| {
            stage.run(
                PRICES,
                &["--extra-columns", extra, "--if-exists", if_exists],
            )
        };
        let all = "select name, kept from prices order by name";
        run("error").assert_fails(4, &["\"Article No\"", "\"Unit Price\"", "--extra-columns"]);
        assert_eq!(stage.rows(all), ["old|7"], "{if_exists}");
        run("ignore").document(0);
        let old: &[&str] = if if_exists == "append" {
            &["old|7"]
        } else {
            &[]
        };
        let loaded = [&["apple|7"], old, &["pear|7"]].concat();
        assert_eq!(stage.rows(all), loaded, "{if_exists}");
        run("add").document(0);
        assert_eq!(
            stage.columns("prices"),
            [
                "name text",
                "kept integer",
                "article_no text",
                "unit_price text",
                "notes text"
            ]
        );
        assert_eq!(
            stage.rows("select * from prices where notes is not null order by name"),
            ["apple|7|1|0.5|x", "pear|7|2|1.25|y"],
            "{if_exists}"
        );
        assert_eq!(tables(&stage.database), ["prices"], "{if_exists}");
    }
}

#[test]
fn a_replacement_that_fails_adds_no_column() {
    let stage = Stage::new();
    stage
        .database
        .query("create table prices (name text not null); insert into prices values ('old')");
    let table: &[&[&str]] = &[&["Name", "More"], &["", "1"]];
    let args = [
        "--extra-columns",
        "add",
        "--if-exists",
        "replace",
        "--on-error",
        "abort",
    ];
    let run = stage.run(table, &args);
    assert_eq!(run.code, 6, "{}", run.stderr);
    assert_eq!(stage.columns("prices"), ["name text"]);
    assert_eq!(stage.rows("select * from prices"), ["old"]);
    assert_eq!(tables(&stage.database), ["prices"]);
}

#[test]
fn added_columns_have_the_types_of_all_cells_below_their_titles() {
    let stage = Stage::new();
    stage.database.query("create table prices (name text)");
    // The cell left of the titles has none, and must not move the others.
    let table: &[&[&str]] = &[
        &["", "Name", "Count", "Mixed", "Amount"],
        &["", "apple", "1", "2", "'3,50"],
        &["9", "pear", "0.5", "two", "'4"],
    ];
    let args = [
        "--extra-columns",
        "add",
        "--infer-rows",
        "1",
        "--map",
        "Amount=amount:numeric",
        "--decimal-comma",
    ];
    let report = stage.run(table, &args).document(0);
    assert_eq!(
        stage.columns("prices"),
        [
            "name text",
            "count double precision",
            "mixed text",
            "amount numeric"
        ]
    );
    assert_eq!(
        stage.rows("select * from prices order by name"),
        ["apple|1|2|3.50", "pear|0.5|two|4"]
    );
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("the first is A3"), "{warnings}");
}

#[test]
fn cells_below_no_title_are_not_left_out_of_an_existing_table_in_silence() {
    let stage = Stage::new();
    stage
        .database
        .query("create table prices (a bigint, c bigint, more text)");
    let table: &[&[&str]] = &[
        &["A", "", "C"],
        &["1", "x", "2"],
        &["3", "", "4"],
        &["5", "y", "6"],
    ];
    let warnings = |args: &[&str]| stage.run(table, args).document(0)["warnings"].clone();
    let found = warnings(&[]).to_string();
    assert!(
        found.contains("2 filled cells in columns without a title"),
        "{found}"
    );
    assert_eq!(warnings(&["--map", "-B"]), serde_json::json!([]));
    assert_eq!(warnings(&["--map", "B=more"]), serde_json::json!([]));
    assert_eq!(
        stage.rows("select more from prices where more is not null order by 1"),
        ["x", "y"]
    );
}

#[test]
fn specifications_that_fit_nothing_touch_nothing() {
    let stage = Stage::new();
    let run = |args: &[&str]| stage.run(PRICES, args);
    run(&["--map", "Colour=c"]).assert_fails(4, &["\"Colour\"", "\"Article No\""]);
    run(&["--map", "Name=a", "--map", "B=b"]).assert_fails(4, &["sheet column B"]);
    run(&["--map", "Name=a", "--map", "Notes=a"]).assert_fails(4, &["\"Notes\""]);
    run(&["--map", "-A", "--map", "-B", "--map", "-C", "--map", "-D"])
        .assert_fails(4, &["left out"]);
    run(&["--map", "Name=_row", "--lineage"]).assert_fails(4, &["_row", "--lineage"]);
    assert_eq!(tables(&stage.database), [""; 0]);
    stage.database.query("create table prices (id integer)");
    run(&["--map", "Name=colour"]).assert_fails(4, &["\"Name\"", "colour"]);
    run(&["--map", "A=id:text"]).assert_fails(4, &["integer", "text"]);
    run(&["--extra-columns", "ignore"]).assert_fails(4, &["none of the sheet's columns"]);
    // What clap refuses it refuses in its own way.
    let nothing_said = run(&["--map", "Name"]);
    assert_eq!(nothing_said.code, 2);
    let advice = "Write Header=column";
    assert!(
        nothing_said.stderr.contains(advice),
        "{}",
        nothing_said.stderr
    );
    assert_eq!(run(&["--map", "Name=a:int; drop table prices"]).code, 2);
    assert_eq!(run(&["--date-format", "QQ"]).code, 2);
    assert_eq!(run(&["--infer-rows", "0"]).code, 2);
}

const VALUES: &[&[&str]] = &[
    &["Key", "Amount", "Day", "Moment", "Sure", "Word"],
    &["'1", "'1.234,50 ", "31.12.2024", "01.02.2024", "ja", " x "],
    &["'2", "N/A", "-", "-", "nein", "N/A"],
    &["'3", "7", "'2024-02-01", "2.3.2024", "JA", "-"],
];

const VALUE_OPTIONS: &[&str] = &[
    "--null",
    "N/A,-",
    "--trim",
    "--decimal-comma",
    "--date-format",
    "DD.MM.YYYY",
    "--true",
    "ja",
    "--false",
    "nein",
];

const LOADED_VALUES: [&str; 3] = [
    "1|1234.50|2024-12-31|2024-02-01 00:00:00|true|x",
    "2|~|~|~|false|~",
    "3|7|2024-02-01|2024-03-02 00:00:00|true|~",
];

const READ_VALUES: &str = "select key, amount, day::text, moment::timestamp, sure, word from prices \
                           order by key";

#[test]
fn text_cells_are_read_as_the_options_say_for_new_and_existing_tables() {
    let types = [
        "--map",
        "Amount=:numeric",
        "--map",
        "Day=:date",
        "--map",
        "Moment=:timestamp",
        "--map",
        "Sure=:boolean",
    ];
    let with_zone = [types.as_slice(), &["--map", "Moment=:timestamptz"]].concat();
    for mode in ["batch", "sequential"] {
        let stage = Stage::new();
        let args = [VALUE_OPTIONS, &types, &["--mode", mode]].concat();
        stage.run(VALUES, &args).document(0);
        assert_eq!(
            stage.rows(READ_VALUES).join("\n"),
            expected_values(),
            "{mode}"
        );
        // The server's own order of day and month must not matter.
        stage.database.query(&format!(
            "alter database {} set datestyle = 'ISO, MDY'; drop table prices; \
             create table prices (key text, amount numeric, day date, moment timestamptz, \
                                  sure boolean, word text)",
            stage.database.name()
        ));
        let args = [VALUE_OPTIONS, &["--mode", mode]].concat();
        stage.run(VALUES, &args).document(0);
        assert_eq!(
            stage.rows(READ_VALUES).join("\n"),
            expected_values(),
            "{mode}"
        );
        assert!(with_zone.len() > types.len());
    }
}

fn expected_values() -> String {
    let rows = LOADED_VALUES.map(|row| row.replace("|true|", "|t|").replace("|false|", "|f|"));
    rows.join("\n")
}

#[test]
fn a_bad_cell_of_a_declared_column_is_a_reject() {
    let stage = Stage::new();
    let table: &[&[&str]] = &[&["A", "B"], &["1", "'5"], &["2", "five"], &["3", "6"]];
    let run = stage.run(table, &["--map", "B=b:integer"]);
    let report = run.document(3);
    assert_eq!(report["rejects"][0]["cell"], "Sheet1!B3");
    assert_eq!(
        stage.rows("select * from prices order by a"),
        ["1|5", "3|6"]
    );
}

#[test]
fn lineage_tells_where_each_row_comes_from() {
    for mode in ["batch", "sequential", "concurrent"] {
        let stage = Stage::new();
        let args = ["--lineage", "--mode", mode, "--map", "-Notes"];
        let report = stage.run(PRICES, &args).document(0);
        assert_eq!(
            stage.columns("prices")[3..],
            ["_file text", "_sheet text", "_row bigint", "_load_id uuid"]
        );
        let id = report["load_id"].as_str().unwrap();
        let wanted = |row: u32| format!("prices.xlsx|Sheet1|{row}|{id}");
        let lineage = "select _file, _sheet, _row, _load_id from prices order by _row";
        assert_eq!(stage.rows(lineage), [wanted(2), wanted(3)], "{mode}");
        let again = stage.run(PRICES, &args).document(0);
        assert_ne!(again["load_id"], report["load_id"]);
        assert_eq!(
            stage.rows("select count(distinct _load_id) from prices"),
            ["2"]
        );
    }
}

#[test]
fn lineage_goes_into_columns_that_a_table_has_or_gets() {
    let stage = Stage::new();
    stage
        .database
        .query("create table prices (name text, _row integer, _load_id text)");
    let args = ["--lineage", "--extra-columns"];
    let run = |extra| stage.run(PRICES, &[&args[..], &[extra]].concat());
    run("ignore").assert_fails(4, &["_file, _sheet", "--extra-columns add"]);
    assert_eq!(stage.rows("select * from prices"), [""; 0]);
    let report = run("add").document(0);
    let id = report["load_id"].as_str().unwrap();
    assert_eq!(
        stage.rows("select name, _row, _load_id, _sheet, notes from prices order by _row"),
        [
            format!("apple|2|{id}|Sheet1|x"),
            format!("pear|3|{id}|Sheet1|y")
        ]
    );
    for if_exists in ["replace", "truncate"] {
        let args = ["--lineage", "--if-exists", if_exists];
        stage.run(PRICES, &args).document(0);
        assert_eq!(stage.rows("select _row from prices order by 1"), ["2", "3"]);
    }
    stage
        .database
        .query("drop table prices; create table prices (name text, _row boolean)");
    run("add").assert_fails(4, &["_row", "boolean"]);
}

#[test]
fn uuids_are_read_in_every_form_and_sent_in_every_mode() {
    for mode in ["batch", "sequential"] {
        let stage = Stage::new();
        stage
            .database
            .query("create table prices (n integer, id uuid, other jsonb)");
        let table: &[&[&str]] = &[
            &["n", "id", "other"],
            &["1", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{}"],
            &["2", "{a0eebc999c0b4ef8bb6d6bb9bd380a12}"],
            &["3", "a0eebc99"],
        ];
        let all = "select n, id from prices order by n";
        let wanted = [
            "1|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "2|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
        ];
        // With a column that has no binary form, and without.
        for drop in ["truncate prices", "alter table prices drop column other"] {
            let report = stage
                .run(table, &["--mode", mode, "--extra-columns", "ignore"])
                .document(3);
            assert_eq!(report["rejects"][0]["sqlstate"], "22P02", "{mode}");
            assert_eq!(stage.rows(all)[..2], wanted, "{mode}");
            stage.database.query(drop);
            stage.database.query("truncate prices");
        }
    }
}

#[test]
fn dates_shown_by_their_format_go_into_declared_columns() {
    let stage = Stage::new();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["Day", "Code"]).unwrap();
    let day = Format::new().set_num_format("dd/mm/yyyy");
    sheet.write_with_format(1, 0, 45_292, &day).unwrap();
    sheet.write(1, 1, 7).unwrap();
    sheet.write(2, 0, "02/01/2024").unwrap();
    let file = stage.directory.path().join("days.xlsx");
    workbook.save(&file).unwrap();
    let args = [
        "--map",
        "Day=:date",
        "--map",
        "Code=:text",
        "--date-format",
        "DD/MM/YYYY",
    ];
    Run::import(&stage.database, &file, &args).document(0);
    assert_eq!(
        stage.rows("select day::text, code from days order by day"),
        ["2024-01-01|7", "2024-01-02|~"]
    );
}
