//! Files of rejected rows: what is in them, and that a mended one is loaded as it is.

use std::fs;
use std::path::{Path, PathBuf};

use calamine::{Data, Reader as _};
use rust_xlsxwriter::{Format, Formula, Workbook};
use serde_json::Value;

use crate::support::import::{Run, columns, rows};
use crate::support::program::{sheetload, stdout};
use crate::support::server::TestDatabase;

/// The title of the column that says why a row was rejected.
const REASON: &str = "sheetload: why this row was rejected";

/// A sheet of stock in columns B to F from row 3. `price` has a text where the table takes a number in every third of
/// the rows.
fn stock(path: &Path, rows: u32, price: impl Fn(u32) -> Option<f64>) {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("Stock list").unwrap();
    for (column, title) in (1..).zip(["Article", "Price", "Since", "Note", "Share"]) {
        sheet.write(2, column, title).unwrap();
    }
    let padded = Format::new().set_num_format("00000");
    let date = Format::new().set_num_format("dd.mm.yyyy");
    let percent = Format::new().set_num_format("0.0%");
    for row in 0..rows {
        let at = row + 3;
        let number = f64::from(row);
        sheet
            .write_number_with_format(at, 1, number, &padded)
            .unwrap();
        match price(row) {
            Some(price) => sheet.write(at, 2, price).unwrap(),
            None => sheet.write(at, 2, "ask").unwrap(),
        };
        sheet
            .write_number_with_format(at, 3, 45_000.0 + number, &date)
            .unwrap();
        sheet.write(at, 4, format!("=cmd|{row}\n\"a\", b")).unwrap();
        sheet
            .write_number_with_format(at, 5, number / 1_000.0, &percent)
            .unwrap();
    }
    workbook.save(path).unwrap();
}

fn price(row: u32) -> f64 {
    f64::from(row) + 0.25
}

const TABLE: &str = "create table stock (article text primary key, price numeric not null, since date, note text, share numeric)";
const ROWS: &str = "select * from stock order by article";

/// The cells of a workbook's sheet by another reader, from A1.
fn cells(path: &Path, sheet: &str) -> Vec<Vec<Data>> {
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(path).unwrap();
    let range = book.worksheet_range(sheet).unwrap();
    let (last_row, last_column) = range.end().unwrap();
    (0..=last_row)
        .map(|row| {
            let cell = |column| range.get_value((row, column)).cloned().unwrap_or_default();
            (0..=last_column).map(cell).collect()
        })
        .collect()
}

/// Writes the workbook's cells anew, as somebody does who mends it and saves: with the price that is right.
fn mend(path: &Path, sheet: &str, mended: &Path) {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet().set_name(sheet).unwrap();
    let padded = Format::new().set_num_format("00000");
    let date = Format::new().set_num_format("dd.mm.yyyy");
    for (row, cells) in (0..).zip(cells(path, sheet)) {
        for (column, cell) in (0..).zip(&cells) {
            match cell {
                Data::Empty => {}
                Data::String(text) if text == "ask" => {
                    let Data::Float(number) = cells[1] else {
                        panic!("no number in column B: {cells:?}");
                    };
                    worksheet.write(row, column, number + 0.25).unwrap();
                }
                Data::String(text) => {
                    worksheet.write_string(row, column, text).unwrap();
                }
                Data::Float(number) if column == 1 => {
                    worksheet
                        .write_number_with_format(row, column, *number, &padded)
                        .unwrap();
                }
                Data::Float(number) => {
                    worksheet.write(row, column, *number).unwrap();
                }
                Data::DateTime(day) => {
                    worksheet
                        .write_number_with_format(row, column, day.as_f64(), &date)
                        .unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
    workbook.save(mended).unwrap();
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A workbook of rejected rows as the program writes it, made by hand.
fn by_hand(directory: &Path) -> PathBuf {
    let path = directory.join("by-hand.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name", REASON]).unwrap();
    for (row, id, name) in [(1, 7.0, "x"), (2, 8.0, "y")] {
        sheet.write(row, 0, id).unwrap();
        sheet.write(row, 1, name).unwrap();
        sheet.write(row, 2, "A9: too large (22003)").unwrap();
    }
    // Left when somebody empties a row.
    sheet.write(3, 2, "A10: too large (22003)").unwrap();
    workbook.save(&path).unwrap();
    path
}

#[test]
fn reasons_are_no_column_of_a_new_table_nor_of_an_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = by_hand(directory.path());
    let database = TestDatabase::create();
    let report = Run::import(&database, &path, &["--table", "new"]).document(0);
    assert_eq!(columns(&database, "new"), ["id bigint", "name text"]);
    assert_eq!(
        rows(&database, "select * from new order by id"),
        ["7|x", "8|y"]
    );
    assert_eq!(report["success_count"], 2, "{report}");

    database.query("create table old (id bigint, name text)");
    Run::import(
        &database,
        &path,
        &["--table", "old", "--extra-columns", "add"],
    )
    .document(0);
    assert_eq!(columns(&database, "old"), ["id bigint", "name text"]);
    // The file's rows of titles are not where those of the original were.
    database.query("create table third (id bigint, name text)");
    Run::import(&database, &path, &["--table", "third", "--header-row", "5"]).document(0);
    assert_eq!(
        rows(&database, "select * from third order by id"),
        ["7|x", "8|y"]
    );
}

#[test]
fn reasons_are_not_inspected() {
    let directory = tempfile::tempdir().unwrap();
    let path = by_hand(directory.path());
    for reader in ["own", "calamine"] {
        let output = sheetload()
            .args(["inspect", "--json", "--reader", reader])
            .arg(&path)
            .output()
            .unwrap();
        let shown = stdout(&output);
        assert!(shown.contains("\"name\""), "{shown}");
        assert!(!shown.contains("sheetload: why"), "{shown}");
        assert!(!shown.contains("22003"), "{shown}");
    }
}

#[test]
fn a_mended_workbook_of_rejected_rows_is_loaded_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    stock(&at("stock.xlsx"), 300, |row| {
        (row % 3 != 0).then(|| price(row))
    });
    stock(&at("right.xlsx"), 300, |row| Some(price(row)));
    for mode in ["batch", "concurrent", "sequential"] {
        let expected = {
            let database = TestDatabase::create();
            database.query(TABLE);
            Run::import(&database, &at("right.xlsx"), &["--table", "stock"]).document(0);
            rows(&database, ROWS)
        };
        let database = TestDatabase::create();
        database.query(TABLE);
        let rejects = at("rejects.xlsx");
        let args = [
            "--table",
            "stock",
            "--mode",
            mode,
            "--rejects",
            rejects.to_str().unwrap(),
        ];
        let report = Run::import(&database, &at("stock.xlsx"), &args).document(3);
        assert_eq!(report["error_count"], 100, "{report}");

        let written = cells(&rejects, "Stock list");
        assert_eq!(written.len(), 101);
        let titles = ["", "Article", "Price", "Since", "Note", "Share", REASON];
        assert_eq!(
            written[0]
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            titles
        );
        // In the sheet's order, whatever worker was first.
        for (row, line) in (0..).step_by(3).zip(&written[1..]) {
            assert_eq!(line[1], Data::Float(f64::from(row)));
            assert_eq!(line[4], Data::String(format!("=cmd|{row}\n\"a\", b")));
            let reason = line[6].to_string();
            assert!(reason.starts_with(&format!("C{}: ", row + 4)), "{reason}");
            assert!(reason.ends_with("(22P02)"), "{reason}");
        }

        mend(&rejects, "Stock list", &at("mended.xlsx"));
        Run::import(
            &database,
            &at("mended.xlsx"),
            &["--table", "stock", "--mode", mode],
        )
        .document(0);
        assert_eq!(rows(&database, ROWS), expected, "{mode}");
    }
}

/// Rows are rejected by their cells, by the server as batches are written, and in the merge: all of them are in the
/// sheet's own sheet, in its order, and all come back.
#[test]
fn rows_that_a_merge_refuses_are_mended_and_loaded_with_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let write = |name: &str, is_mended: bool| {
        let mut workbook = Workbook::new();
        for sheet in ["north", "south"] {
            let worksheet = workbook.add_worksheet().set_name(sheet).unwrap();
            worksheet
                .write_row(0, 0, ["id", "kind", "qty", "span"])
                .unwrap();
            for row in 1..=200_u32 {
                let id = f64::from(row) + if sheet == "north" { 0.0 } else { 1_000.0 };
                worksheet.write(row, 0, id).unwrap();
                let (kind, qty, span) = match row % 40 {
                    _ if is_mended => ("known", "1", "[1,2)"),
                    11 => ("unknown", "1", "[1,2)"),
                    12 => ("known", "one", "[1,2)"),
                    13 => ("known", "1", "[2,1)"),
                    14 => ("known", "-1", "[1,2)"),
                    _ => ("known", "1", "[1,2)"),
                };
                worksheet.write(row, 1, kind).unwrap();
                worksheet.write(row, 2, qty).unwrap();
                worksheet.write(row, 3, span).unwrap();
            }
        }
        workbook.save(at(name)).unwrap();
    };
    write("bad.xlsx", false);
    write("good.xlsx", true);
    let bad: Vec<u32> = (1..=200)
        .filter(|row| (11..15).contains(&(row % 40)))
        .collect();
    let schema = "create table kinds (kind text primary key); insert into kinds values ('known'); \
         create table items (id bigint primary key, kind text references kinds, \
                             qty integer check (qty > 0), span int4range)";
    let database = TestDatabase::create();
    database.query(schema);
    for (format, sheets) in [
        ("xlsx", &["--sheet", "*", "--union"][..]),
        ("csv", &["--sheet", "*", "--union"]),
        ("jsonl", &["--sheet", "*", "--union"]),
        ("xlsx", &[]),
    ] {
        database.query("truncate items; drop schema if exists sheetload cascade");
        let path = at(&format!("rejected{}.{format}", sheets.len()));
        let key = ["--table", "items", "--key", "id", "--on-conflict", "update"];
        let args = [&key[..], sheets, &["--rejects", path.to_str().unwrap()]].concat();
        let report = Run::import(&database, &at("bad.xlsx"), &args).document(3);
        let names = ["north", "south"].into_iter();
        let names: Vec<&str> = names.take(if sheets.is_empty() { 1 } else { 2 }).collect();
        assert_eq!(report["error_count"], bad.len() * names.len(), "{report}");
        let expected = bad.iter().map(|row| u64::from(*row) + 1);
        let expected: Vec<u64> = names.iter().flat_map(|_| expected.clone()).collect();
        match format {
            "jsonl" => {
                let lines = json_lines(&path);
                let lines = lines.iter().map(|line| line["row"].as_u64().unwrap());
                assert_eq!(lines.collect::<Vec<_>>(), expected);
            }
            "csv" => {
                let mut reader = csv::Reader::from_path(&path).unwrap();
                let records = reader.records().map(|r| r.unwrap()[1].parse().unwrap());
                assert_eq!(records.collect::<Vec<u64>>(), expected);
            }
            _ => {
                let book: calamine::Xlsx<_> = calamine::open_workbook(&path).unwrap();
                assert_eq!(book.sheet_names(), names);
                mend_items(&path, &names, &at("mended.xlsx"));
                let args = [&key[..], sheets].concat();
                let report = Run::import(&database, &at("mended.xlsx"), &args).document(0);
                assert_eq!(report["success_count"], expected.len(), "{report}");
                let count = 200 * names.len();
                assert_eq!(
                    rows(
                        &database,
                        "select count(*), count(distinct id), sum(qty), min(kind) from items"
                    ),
                    [format!("{count}|{count}|{count}|known")]
                );
            }
        }
    }
}

/// Puts what is right into the rows of items.
fn mend_items(path: &Path, sheets: &[&str], mended: &Path) {
    let mut workbook = Workbook::new();
    for sheet in sheets {
        let worksheet = workbook.add_worksheet().set_name(*sheet).unwrap();
        for (row, cells) in (0..).zip(cells(path, sheet)) {
            for (column, cell) in (0..).zip(&cells) {
                match (row, column, cell) {
                    (1.., 1, _) => worksheet.write(row, column, "known"),
                    (1.., 2, _) => worksheet.write(row, column, "1"),
                    (1.., 3, _) => worksheet.write(row, column, "[1,2)"),
                    (_, _, Data::Float(number)) => worksheet.write(row, column, *number),
                    (_, _, other) => worksheet.write(row, column, other.to_string()),
                }
                .unwrap();
            }
        }
    }
    workbook.save(mended).unwrap();
}

#[test]
fn csv_and_json_lines_hold_all_rejected_rows() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // More than the report keeps.
    stock(&at("stock.xlsx"), 3_300, |row| {
        (row % 3 != 0).then(|| price(row))
    });
    for name in ["r.csv", "r.jsonl"] {
        let path = at(name);
        let database = TestDatabase::create();
        database.query(TABLE);
        let args = [
            "--table",
            "stock",
            "--batch-size",
            "100",
            "--rejects",
            path.to_str().unwrap(),
        ];
        Run::import(&database, &at("stock.xlsx"), &args).document(3);
        if name == "r.csv" {
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with("sheet,row,cell,column,stored,expected,sqlstate,reason,message,")
            );
            // Two lines each: the note has a line break.
            assert_eq!(text.lines().count(), 1 + 2 * 1_100);
            assert!(
                text.contains("\"'=cmd|3\n\"\"a\"\", b\""),
                "{}",
                &text[..400]
            );
        } else {
            let lines = json_lines(&path);
            let sheet_rows: Vec<u64> = lines
                .iter()
                .map(|line| line["row"].as_u64().unwrap())
                .collect();
            let expected: Vec<u64> = (0..3_300).step_by(3).map(|row| row + 4).collect();
            assert_eq!(sheet_rows, expected);
            assert_eq!(lines[1]["cell"], "'Stock list'!C7");
            assert_eq!(lines[1]["column"], "price");
            assert_eq!(lines[1]["stored"], "ask");
            assert_eq!(lines[1]["values"]["Article"], "00003");
            assert_eq!(lines[1]["values"]["Since"], "2023-03-18");
        }
    }
}

#[test]
fn a_file_of_the_users_is_left_alone_however_the_load_ends() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    stock(&at("good.xlsx"), 10, |row| Some(price(row)));
    stock(&at("bad.xlsx"), 10, |row| (row != 3).then(|| price(row)));
    fs::write(at("no.xlsx"), "no workbook").unwrap();
    for name in ["r.csv", "r.jsonl", "r.xlsx"] {
        let path = at(name);
        fs::write(&path, "mine").unwrap();
        let database = TestDatabase::create();
        database.query(TABLE);
        let run = |file: &str, args: &[&str]| {
            let rejects = ["--table", "stock", "--rejects", path.to_str().unwrap()];
            Run::import(&database, &at(file), &[&rejects, args].concat())
        };
        assert_eq!(run("good.xlsx", &[]).code, 0);
        assert_eq!(run("good.xlsx", &[]).code, 7, "loaded already");
        assert_eq!(run("good.xlsx", &["--if-exists", "fail"]).code, 2);
        assert_eq!(run("no.xlsx", &[]).code, 4);
        assert_eq!(run("bad.xlsx", &["--lock-timeout", "1x"]).code, 2);
        assert!(
            !at(&name.replace('.', "-2.")).exists(),
            "nothing was rejected"
        );
        for number in ["-2.", "-3."] {
            let report = run("bad.xlsx", &["--again"]).document(3);
            let numbered = at(&name.replace('.', number));
            assert_eq!(report["rejects_file"], numbered.to_str().unwrap());
            assert!(numbered.exists());
        }
        assert_eq!(fs::read(&path).unwrap(), b"mine", "{name}");
    }
    let names = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 3 + 3 * 3, "and nothing else is left");
}

#[test]
fn a_load_that_stops_leaves_a_complete_file() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    stock(&at("stock.xlsx"), 300, |row| {
        (row % 3 != 0).then(|| price(row))
    });
    for stop in [&["--max-errors", "10"][..], &["--on-error", "abort"]] {
        let database = TestDatabase::create();
        database.query(TABLE);
        let path = at("r.xlsx");
        let mut args = vec![
            "--table",
            "stock",
            "--batch-size",
            "10",
            "--rejects",
            path.to_str().unwrap(),
        ];
        args.extend(stop);
        let run = Run::import(&database, &at("stock.xlsx"), &args);
        assert_eq!(run.code, 6, "{}", run.stderr);
        let written = cells(&path, "Stock list");
        assert!(written.len() > 1, "{stop:?}");
        assert_eq!(written[1][1], Data::Float(0.0), "{stop:?}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    stock(&at("stock.xlsx"), 3, |row| Some(price(row)));
    let source = at("stock.xlsx");
    let before = fs::read(&source).unwrap();
    for (rejects, code) in [
        ("/nowhere/at/all.xlsx", 1),
        ("rejects.txt", 2),
        (source.to_str().unwrap(), 2),
    ] {
        let database = TestDatabase::create();
        let run = Run::import(
            &database,
            &source,
            &["--table", "stock", "--rejects", rejects],
        );
        run.assert_fails(code, &[rejects]);
        assert_eq!(
            rows(&database, "select to_regclass('stock') is null"),
            ["t"]
        );
    }
    assert_eq!(fs::read(&source).unwrap(), before);
}

#[test]
fn every_sheet_has_its_rejected_rows_under_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("two.xlsx");
    let mut workbook = Workbook::new();
    for (name, title) in [("one", "a"), ("two", "b")] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, ["id", title]).unwrap();
        sheet.write(1, 0, 1).unwrap();
        sheet.write(1, 1, "fine").unwrap();
        sheet.write(2, 0, "many").unwrap();
        sheet
            .write_formula(2, 1, Formula::new("1/0").set_result("#DIV/0!"))
            .unwrap();
    }
    workbook.save(&path).unwrap();
    let database = TestDatabase::create();
    database.query("create table one (id bigint, a text); create table two (id bigint, b text)");
    let rejects = directory.path().join("r.xlsx");
    let args = ["--sheet", "*", "--rejects", rejects.to_str().unwrap()];
    Run::import(&database, &path, &args).document(3);
    for (sheet, title) in [("one", "a"), ("two", "b")] {
        let written = cells(&rejects, sheet);
        assert_eq!(written.len(), 2, "{sheet}");
        assert_eq!(written[0][1], Data::String(title.into()));
        assert_eq!(written[1][0], Data::String("many".into()));
        assert_eq!(written[1][1], Data::Error(calamine::CellErrorType::Div0));
    }
}

#[test]
fn a_sheet_that_is_loaded_twice_keeps_the_rejected_rows_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("two.xlsx");
    let mut workbook = Workbook::new();
    for name in ["one", "two"] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write_row(0, 0, ["id"]).unwrap();
        sheet.write_column(1, 0, ["1", "x", "1", "2"]).unwrap();
    }
    workbook.save(&path).unwrap();
    let database = TestDatabase::create();
    // What is checked at the commit alone makes the load of the second sheet begin again, row by row.
    database.query(
        "create table one (id bigint); \
         create table two (id bigint unique deferrable initially deferred)",
    );
    for name in ["r.xlsx", "r.csv", "r.jsonl"] {
        database.query("truncate one, two");
        let rejects = directory.path().join(name);
        let args = [
            "--sheet",
            "*",
            "--again",
            "--rejects",
            rejects.to_str().unwrap(),
        ];
        Run::import(&database, &path, &args).document(3);
        assert_eq!(rows(&database, "select * from two order by id"), ["1", "2"]);
        match name {
            "r.xlsx" => {
                assert_eq!(cells(&rejects, "one").len(), 2);
                let twice = cells(&rejects, "two");
                assert_eq!(twice.len(), 3, "{twice:?}");
                assert!(twice[2][1].to_string().contains("(23505)"), "{twice:?}");
            }
            "r.csv" => assert_eq!(fs::read_to_string(&rejects).unwrap().lines().count(), 4),
            _ => {
                let lines = json_lines(&rejects);
                let places = lines.iter().map(|line| line["cell"].as_str().unwrap());
                assert_eq!(places.collect::<Vec<_>>(), ["one!A3", "two!A3", "two!A4"]);
            }
        }
    }
}
