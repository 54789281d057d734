//! What `sheetload inspect` tells about a workbook, for people and as JSON, without a database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use insta::assert_snapshot;
use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::support::program::{sheetload, stdout};

/// Runs the inspection of a file in this directory.
fn inspect(directory: &Path, file: &str, args: &[&str]) -> Output {
    sheetload()
        .current_dir(directory)
        .arg("inspect")
        .arg(file)
        .args(args)
        // A database that is not there: none is asked.
        .env("DATABASE_URL", "postgresql://127.0.0.1:1/none")
        .output()
        .unwrap()
}

fn save(directory: &Path, name: &str, workbook: &mut Workbook) -> PathBuf {
    let path = directory.join(name);
    workbook.save(&path).unwrap();
    path
}

/// A column: its title, the cells below.
fn write_column(sheet: &mut Worksheet, column: u16, title: &str, cells: &[&str]) {
    sheet.write(0, column, title).unwrap();
    for (row, cell) in (1..).zip(cells) {
        if !cell.is_empty() {
            sheet.write(row, column, *cell).unwrap();
        }
    }
}

fn write_numbers(sheet: &mut Worksheet, column: u16, title: &str, format: &str, cells: &[f64]) {
    sheet.write(0, column, title).unwrap();
    let format = Format::new().set_num_format(format);
    for (row, cell) in (1..).zip(cells) {
        sheet
            .write_number_with_format(row, column, *cell, &format)
            .unwrap();
    }
}

/// A sheet with something of every kind of finding that a column of 100 rows or fewer can have.
fn hazards(sheet: &mut Worksheet) {
    write_numbers(
        sheet,
        0,
        "Card",
        "General",
        &[4_111_111_111_111_111.0, 12.0, 1e17, 3.0],
    );
    write_numbers(sheet, 1, "Price", "0.00", &[1.5, 20.25, 3.0]);
    sheet.write(4, 1, "on request").unwrap();
    write_numbers(
        sheet,
        2,
        "Born",
        "yyyy-mm-dd",
        &[59.0, 36_526.0, 45_292.0, -3.0],
    );
    write_column(
        sheet,
        3,
        "Due",
        &["03/04/2024", "25/04/2024", "5/6/2024", "6/6/2024"],
    );
    write_column(sheet, 4, "Note", &["a\u{0}b", "bell\u{7}", " both ", "N/A"]);
    write_column(sheet, 5, "Count", &["1", "22", "-3", "4"]);
    write_column(sheet, 6, "Weight", &["1,5", "0,25", "1.234,5", "-"]);
    write_column(sheet, 7, "Paid", &["yes", "no", "yes", "no"]);
    write_column(
        sheet,
        8,
        "Sent",
        &["2024-01-31", "2024-02-29", "", "2024-03-01"],
    );
    write_numbers(sheet, 9, "Zip", "00000", &[1_234.0, 99_999.0, 7.0, 7.0]);
    sheet.write(0, 10, "Total").unwrap();
    sheet
        .write_formula(1, 10, Formula::new("=1/0").set_result("#DIV/0!"))
        .unwrap();
    sheet.write(2, 10, 4).unwrap();
    sheet
        .write_formula(3, 10, Formula::new("=1+1").set_result(""))
        .unwrap();
    write_column(sheet, 12, "card", &["x"]);
    write_column(sheet, 13, &"A very long title ".repeat(4), &["x"]);
    sheet.write(1, 11, "below no title").unwrap();
    sheet.write(2, 15, "beside all titles").unwrap();
    let plain = Format::new();
    sheet.merge_range(3, 12, 4, 12, "merged", &plain).unwrap();
    sheet.set_row_hidden(2).unwrap();
    sheet.set_column_hidden(5).unwrap();
}

fn hazardous_workbook(directory: &Path) -> PathBuf {
    let mut workbook = Workbook::new();
    hazards(workbook.add_worksheet().set_name("Orders").unwrap());
    let hidden = workbook.add_worksheet().set_name("Old & hidden").unwrap();
    write_column(hidden, 0, "Id", &["A1"]);
    hidden.set_hidden(true);
    let very_hidden = workbook.add_worksheet().set_name("Macro data").unwrap();
    very_hidden.set_very_hidden(true);
    workbook.add_worksheet().set_name("Empty").unwrap();
    save(directory, "hazards.xlsx", &mut workbook)
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of them are what is printed")]
fn people_read_what_is_in_a_workbook_and_what_would_be_lost() {
    let directory = tempfile::tempdir().unwrap();
    hazardous_workbook(directory.path());
    let output = inspect(directory.path(), "hazards.xlsx", &[]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = stdout(&output);
    assert_80_columns(&text);
    assert_snapshot!(text, @r#"
    hazards.xlsx: xlsx, 4 sheets

    Sheet "Orders" (visible): 4 rows x 16 columns
      Cells A1:P5, titles in row 1
      Hidden: 1 row (loaded unless --hidden skip), column F

          Title             Type          Nulls   Distinct Min          Max
      A   Card              double            0          4 3            10000000000…
          4111111111111111 | 12 | 100000000000000000 | 3
      B   Price             text              0          4 1.5          20.25
          1.5 | 20.25 | 3 | on request  [0.00]
      C   Born              text              0          4 -3           2024-01-01
          1900-02-28 | 2000-01-01 | 2024-01-01 | -3  [yyyy-mm-dd]
      D   Due               text              0          4 03/04/2024   6/6/2024
          03/04/2024 | 25/04/2024 | 5/6/2024 | 6/6/2024
      E   Note              text              0          4  both        bell
          a b | bell  |  both  | N/A
      F   (hidden) Count    text              0          4 -3           4
          1 | 22 | -3 | 4
      G   Weight            text              0          4 -            1.234,5
          1,5 | 0,25 | 1.234,5 | -
      H   Paid              text              0          2 no           yes
          yes | no
      I   Sent              text              1          3 2024-01-31   2024-03-01
          2024-01-31 | 2024-02-29 | 2024-03-01
      J   Zip               text              0          3 00007        99999
          01234 | 99999 | 00007  [00000]
      K   Total             bigint            1          2 0            4
          4 | 0
      L                     text              3          1 below no ti… below no ti…
          below no title
      M   card              text              2          2 merged       x
          x | merged
      N   A very long titl… text              3          1 x            x
          x
      O                     text              4          0
      P                     text              3          1 beside all … beside all …
          beside all titles

      Findings:
        cells without title: 1 (Orders!P3)
          there is no title above them; their columns are named after their letters
          --header-row auto
        blank title: 3 (Orders!L1, Orders!O1, Orders!P1)
          the columns are named after their letters
          --header-row N
        duplicate title: 1 (Orders!M1)
          the columns' names get a number
          --map "Header=column"
        long title: 1 (Orders!N1)
          a column's name has at most 63 bytes and is cut
          --map "Header=column"
        merged cells: 1 (Orders!M4)
          only the upper left cell of a merged range has a value
          --fill-merged
        more than 15 digits in card: 2 (Orders!A2, Orders!A4)
          spreadsheets keep 15 digits of a number: the others may be wrong in the
          file already
          --map "A=card:text"
        mixed column in price: 1 (Orders!B5)
          1 text among 3 numbers makes the column text
          --map "Price=price:numeric"
        mixed column in born: 1 (Orders!C5)
          1 impossible date among 3 dates makes the column text
          --map "Born=born:date"
        date before March 1900 in born: 1 (Orders!C2)
          spreadsheets count a 29 February 1900 that never was; programs differ by a
          day before it
          --map "Born=born:text"
        ambiguous date in due: 2 (Orders!D2, Orders!D4)
          other values prove that the day stands first, such as Orders!D3
          --date-format "DD/MM/YYYY" --map "Due=due:date"
        NUL character in note: 1 (Orders!E2)
          PostgreSQL stores no NUL character in a text: the rows would be rejected
        control character in note: 1 (Orders!E3)
          they are loaded as they are
        white space at the ends in note: 1 (Orders!E4)
          texts begin or end with white space, and are loaded so
          --trim
        words for nothing in note: 1 (Orders!E5)
          N/A may stand for nothing; such cells are loaded as text
          --null "N/A"
        whole numbers as text in count: 4 (Orders!F2, Orders!F3, Orders!F4, …)
          each text is a whole number, and is loaded as text
          --map "Count=count:bigint"
        decimal comma in weight: 4 (Orders!G2, Orders!G3, Orders!G4, …)
          each text is a number with a decimal comma, and is loaded as text
          --decimal-comma --map "Weight=weight:numeric"
        words for nothing in weight: 1 (Orders!G5)
          - may stand for nothing; such cells are loaded as text
          --null "-"
        yes or no as text in paid: 4 (Orders!H2, Orders!H3, Orders!H4, …)
          each text is yes or no, and is loaded as text
          --map "Paid=paid:boolean"
        dates as text in sent: 3 (Orders!I2, Orders!I3, Orders!I5)
          each text is a date, and is loaded as text
          --map "Sent=sent:date"
        zeros in front in zip: 4 (Orders!J2, Orders!J3, Orders!J4, …)
          they are loaded as text, as displayed
          --map "Zip=zip:bigint"
        error cell in total: 1 (Orders!K2)
          they become NULL
          --on-cell-error reject

      create table "orders" (
        "card" double precision,
        "price" text,
        "born" text,
        "due" text,
        "note" text,
        "count" text,
        "weight" text,
        "paid" text,
        "sent" text,
        "zip" text,
        "total" bigint,
        "column_l" text,
        "card_2" text,
        "a_very_long_title_a_very_long_title_a_very_long_title_a_very_lo" text,
        "column_o" text,
        "column_p" text);

    Sheet "Old & hidden" (hidden): 1 row x 1 column
      Cells A1:A2, titles in row 1

          Title             Type          Nulls   Distinct Min          Max
      A   Id                text              0          1 A1           A1
          A1

      create table "old_hidden" (
        "id" text);

    Sheet "Macro data" (very hidden): empty

    Sheet "Empty" (visible): empty
    "#);
}

#[test]
fn programs_read_the_same_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("Stock").unwrap();
    write_column(sheet, 0, "Item", &["nut", "bolt ", "nut"]);
    write_numbers(sheet, 1, "Unit Price", "#,##0.00", &[0.5, 1_234.5, 0.5]);
    save(directory.path(), "stock.xlsx", &mut workbook);
    let output = inspect(directory.path(), "stock.xlsx", &["--json"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_snapshot!(stdout(&output), @r##"
    {
      "file": "stock.xlsx",
      "format": "xlsx",
      "sheets": [
        {
          "sheet": "Stock",
          "kind": "worksheet",
          "visibility": "visible",
          "content": {
            "cells": "A1:B4",
            "title_row": 1,
            "rows": 3,
            "blank_rows": 0,
            "hidden": {
              "rows_read": 0,
              "rows_skipped": 0,
              "columns": []
            },
            "columns": [
              {
                "letters": "A",
                "title": "Item",
                "name": "item",
                "type": "text",
                "hidden": false,
                "values": 3,
                "nulls": 0,
                "errors": 0,
                "distinct": 2,
                "distinct_is": "exact",
                "min": "bolt ",
                "max": "nut",
                "longest_text": 5,
                "samples": [
                  "nut",
                  "bolt "
                ],
                "formats": []
              },
              {
                "letters": "B",
                "title": "Unit Price",
                "name": "unit_price",
                "type": "numeric",
                "hidden": false,
                "values": 3,
                "nulls": 0,
                "errors": 0,
                "distinct": 2,
                "distinct_is": "exact",
                "min": "0.5",
                "max": "1234.5",
                "longest_text": null,
                "samples": [
                  "0.5",
                  "1234.5"
                ],
                "formats": [
                  {
                    "code": "#,##0.00",
                    "cells": 3
                  }
                ]
              }
            ],
            "findings": [
              {
                "kind": "outer_white_space",
                "column": "item",
                "count": 1,
                "cells": [
                  "Stock!A3"
                ],
                "explanation": "texts begin or end with white space, and are loaded so",
                "flag": "--trim"
              }
            ],
            "table": "stock",
            "ddl": "create table \"stock\" (\"item\" text, \"unit_price\" numeric)"
          }
        }
      ],
      "left_out": []
    }
    "##);
}

fn kinds(document: &Value) -> Vec<&str> {
    let findings = document["sheets"][0]["content"]["findings"]
        .as_array()
        .unwrap();
    findings
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

#[test]
fn more_columns_than_a_table_has_are_told_and_have_no_table() {
    let directory = tempfile::tempdir().unwrap();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for column in 0..1_601 {
        write_column(sheet, column, &format!("c{column}"), &["x"]);
    }
    save(directory.path(), "wide.xlsx", &mut workbook);
    let document = json(&inspect(directory.path(), "wide.xlsx", &["--json"]));
    assert_eq!(kinds(&document), ["too_many_columns"]);
    assert_eq!(document["sheets"][0]["content"]["ddl"], Value::Null);
    let text = stdout(&inspect(directory.path(), "wide.xlsx", &[]));
    assert!(
        text.contains("No table can have so many columns."),
        "{text}"
    );
    assert!(text.contains("too many columns: 1 (Sheet1!BIO1)"), "{text}");
    let part = json(&inspect(
        directory.path(),
        "wide.xlsx",
        &["--json", "--range", "A:BIN"],
    ));
    assert_eq!(kinds(&part), Vec::<&str>::new());
}

#[test]
fn the_options_say_which_part_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    hazardous_workbook(directory.path());
    let names = |args: &[&str]| -> Vec<String> {
        let args = [&["--json"], args].concat();
        let document = json(&inspect(directory.path(), "hazards.xlsx", &args));
        let sheets = document["sheets"].as_array().unwrap().iter();
        sheets
            .map(|sheet| {
                let content = &sheet["content"]["cells"];
                let cells = content.as_str().unwrap_or("empty");
                format!("{} {cells}", sheet["sheet"].as_str().unwrap())
            })
            .collect()
    };
    assert_eq!(names(&["--sheet", "old*"]), ["Old & hidden A1:A2"]);
    assert_eq!(names(&["--sheet", "Old & hidden"]), ["Old & hidden A1:A2"]);
    assert_eq!(names(&["--range", "B1:D3"]), ["Orders B1:D3"]);
    assert_eq!(
        names(&["--hidden", "skip"]),
        ["Orders A1:N5", "Empty empty"]
    );
}

#[test]
fn a_file_that_is_no_workbook_has_the_exit_code_of_bad_files() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("no.xlsx"), "no workbook").unwrap();
    for file in ["no.xlsx", "missing.xlsx"] {
        let output = inspect(directory.path(), file, &[]);
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert!(output.stdout.is_empty());
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.starts_with("sheetload: "), "{message}");
        assert!(message.lines().count() <= 2, "{message}");
    }
}

#[track_caller]
fn assert_80_columns(text: &str) {
    for line in text.lines() {
        assert!(line.width() <= 80, "{} columns: {line}", line.width());
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn no_line_is_wider_than_a_terminal_whatever_the_names() {
    let directory = tempfile::tempdir().unwrap();
    let titles = [
        "数据".repeat(60),
        "👩‍👩‍👧‍👦".repeat(30),
        "e\u{301}".repeat(90),
        "w".repeat(300),
        "مرحبا بالعالم ".repeat(20),
        "line\nbreak\ttab".repeat(9),
        "\u{202e}backwards".repeat(9),
    ];
    let mut workbook = Workbook::new();
    let sheet = workbook
        .add_worksheet()
        .set_name("数据".repeat(15))
        .unwrap();
    for (column, title) in (0..).zip(&titles) {
        let cells = [" 03/04/2024", "1", title.as_str()];
        write_column(sheet, column, title, &cells);
        sheet
            .write(4, column, 12_345_678_901_234_567_890_f64)
            .unwrap();
    }
    let file = format!("{}.xlsx", "长文件名".repeat(15));
    save(directory.path(), &file, &mut workbook);
    let text = stdout(&inspect(directory.path(), &file, &[]));
    assert_80_columns(&text);
    assert!(text.contains("more than 15 digits"), "{text}");
    let document = json(&inspect(directory.path(), &file, &["--json"]));
    let columns = document["sheets"][0]["content"]["columns"]
        .as_array()
        .unwrap();
    for (column, title) in columns.iter().zip(&titles) {
        assert_eq!(column["title"].as_str(), Some(title.as_str()));
    }
}
