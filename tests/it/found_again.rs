//! What one load named, the next load of the same sheet finds: columns without titles, with the same one, with odd ones.

use std::path::Path;

use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::support::import::{Run, columns, rows, tables};
use crate::support::server::TestDatabase;
use crate::support::sheet::{Cells, workbook, workbook_of};

/// Everything that keeps a title from being its column's name.
fn odd_titles() -> Vec<String> {
    let long = "ü".repeat(40);
    [
        "id", "", "Name", "name", "NAME", "name 2", "a.b", "a-b", "a b", "ctid", "xmin", "ctid 2",
        "%", "()", "Column B", "",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("{long} one"), format!("{long} two")])
    .collect()
}

/// Rows of which each cell says where it stands.
fn told_apart(width: usize) -> Vec<Cells> {
    let row = |row: usize| -> Cells {
        let cell = |column| match column {
            0 => json!(row),
            _ => json!(format!("{row}.{column}")),
        };
        (0..width).map(cell).collect()
    };
    (1..=3).map(row).collect()
}

fn of_row(width: usize, row: usize) -> String {
    let cell = |column| match column {
        0 => row.to_string(),
        _ => format!("{row}.{column}"),
    };
    (0..width).map(cell).collect::<Vec<String>>().join("|")
}

#[test]
fn the_same_sheet_is_loaded_again_in_every_way() {
    let directory = tempfile::tempdir().unwrap();
    let titles = odd_titles();
    let width = titles.len();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let file = workbook(directory.path(), "odd.xlsx", &titles, told_apart(width));
    let once: Vec<String> = (1..=3).map(|row| of_row(width, row)).collect();
    for (made, loaded) in [
        ("snake-case", "snake-case"),
        ("as-is", "as-is"),
        ("as-is", "snake-case"),
    ] {
        let database = TestDatabase::create();
        let made = style(made);
        Run::import(&database, &file, &[&made[..], &["--key", "id"]].concat()).document(0);
        let names = columns(&database, "odd");
        assert_eq!(names.len(), width);
        let loaded = style(loaded);
        let all = "select * from odd order by 1";
        assert_eq!(rows(&database, all), once);
        for args in [
            &["--again", "--key", "id", "--on-conflict", "update"][..],
            &["--if-exists", "replace"],
            &["--if-exists", "truncate"],
            &["--if-exists", "truncate", "--mode", "sequential"],
            &["--if-exists", "truncate", "--commit", "batch"],
        ] {
            let report = Run::import(&database, &file, &[args, &loaded].concat()).document(0);
            assert_eq!(report["warnings"], json!([]), "{args:?}");
            assert_eq!(rows(&database, all), once, "{args:?}");
        }
        Run::import(
            &database,
            &file,
            &[
                &["--again", "--dry-run", "--if-exists", "replace"][..],
                &loaded,
            ]
            .concat(),
        )
        .document(0);
        database.query("alter table odd drop constraint odd_pkey");
        Run::import(&database, &file, &[&["--again"][..], &loaded].concat()).document(0);
        let twice: Vec<String> = once
            .iter()
            .flat_map(|row| [row.clone(), row.clone()])
            .collect();
        assert_eq!(rows(&database, all), twice);
        assert_eq!(columns(&database, "odd"), names);
    }
}

fn style(name: &str) -> Vec<&str> {
    match name {
        "as-is" => vec!["--names", "as-is"],
        _ => Vec::new(),
    }
}

#[test]
fn mended_rejects_of_odd_titles_go_where_the_others_are() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let titles = odd_titles();
    let width = titles.len();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut cells = told_apart(width);
    let file = workbook(directory.path(), "odd.xlsx", &titles, cells.clone());
    Run::import(&database, &file, &[]).document(0);
    database.query("alter table odd alter id type integer");
    cells[1][0] = json!("two");
    let file = workbook(directory.path(), "odd.xlsx", &titles, cells);
    let rejected = directory.path().join("rejected.xlsx");
    let to = rejected.to_str().unwrap();
    let args = ["--if-exists", "replace", "--rejects", to];
    let report = Run::import(&database, &file, &args).document(3);
    assert_eq!(report["rejects"][0]["cell"], "Sheet1!A3");
    mend(&rejected, "two", 2.0);
    Run::import(&database, &rejected, &["--table", "odd"]).document(0);
    let wanted: Vec<String> = (1..=3).map(|row| of_row(width, row)).collect();
    assert_eq!(rows(&database, "select * from odd order by id"), wanted);
}

/// Puts a number in the place of a text, as somebody would who mends a workbook.
fn mend(file: &Path, text: &str, number: f64) {
    use calamine::{Data, Reader as _, Xlsx, open_workbook};
    let mut old: Xlsx<_> = open_workbook(file).unwrap();
    let mut new = Workbook::new();
    for name in old.sheet_names() {
        let sheet = new.add_worksheet().set_name(&name).unwrap();
        let range = old.worksheet_range(&name).unwrap();
        let (first_row, first_column) = range.start().unwrap();
        for (row, column, cell) in range.used_cells() {
            let row = first_row + u32::try_from(row).unwrap();
            let column = u16::try_from(first_column as usize + column).unwrap();
            match cell {
                Data::String(found) if found == text => sheet.write(row, column, number),
                Data::String(found) => sheet.write(row, column, found),
                Data::Float(found) => sheet.write(row, column, *found),
                other => panic!("{other:?}"),
            }
            .unwrap();
        }
    }
    new.save(file).unwrap();
}

#[test]
fn an_empty_column_without_title_takes_no_column_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    database.query(
        "create table t (id integer primary key, column_b integer not null default 5, name text)",
    );
    let titles = ["id", "", "name"];
    let empty = [
        vec![json!(1), Value::Null, json!("a")],
        vec![json!(2), Value::Null, json!("b")],
    ];
    let file = workbook(directory.path(), "empty.xlsx", &titles, empty.clone());
    let run = |file: &Path, args: &[&str]| {
        Run::import(
            &database,
            file,
            &[&["--table", "t", "--again"], args].concat(),
        )
    };
    let report = run(&file, &[]).document(0);
    assert_eq!(report["warnings"], json!([]));
    let all = "select * from t order by id";
    assert_eq!(rows(&database, all), ["1|5|a", "2|5|b"]);
    database.query("update t set column_b = 6");
    run(&file, &["--key", "id", "--on-conflict", "update"]).document(0);
    assert_eq!(rows(&database, all), ["1|6|a", "2|6|b"]);
    // With a cell in it, far below, it is the table's column.
    let filled = (1..=9_000).map(|id| match id {
        9_000 => vec![json!(id), json!(7), json!("z")],
        _ => vec![json!(id), Value::Null, json!("x")],
    });
    let file = workbook(directory.path(), "filled.xlsx", &titles, filled);
    database.query("alter table t alter column_b drop not null");
    run(&file, &["--if-exists", "replace"]).document(0);
    assert_eq!(
        rows(
            &database,
            "select column_b, count(*) from t group by 1 order by 1"
        ),
        ["7|1", "~|8999"]
    );
}

#[test]
fn cells_without_title_that_have_moved_are_not_lost_in_silence() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let first = vec![vec![json!(1), json!("kept"), json!("a")]];
    let file = workbook(directory.path(), "first.xlsx", &["id", "", "name"], first);
    Run::import(&database, &file, &["--table", "t"]).document(0);
    database.query("alter table t add city text");
    let second = vec![vec![json!(2), json!("Rome"), json!("moved"), json!("b")]];
    let file = workbook(
        directory.path(),
        "second.xlsx",
        &["id", "city", "", "name"],
        second,
    );
    let run = |args: &[&str]| Run::import(&database, &file, &[&["--table", "t"], args].concat());
    for if_exists in ["append", "replace", "truncate"] {
        run(&["--if-exists", if_exists]).assert_fails(
            4,
            &[
                "sheet column C",
                "column_b",
                "--map \"B=column\"",
                "--extra-columns ignore",
            ],
        );
        assert_eq!(rows(&database, "select * from t"), ["1|kept|a|~"]);
    }
    run(&["--if-exists", "replace", "--map", "C=column_b"]).document(0);
    assert_eq!(rows(&database, "select * from t"), ["2|moved|b|Rome"]);
    // Renamed, it is told apart by its new name alone.
    database.query("alter table t rename column_b to remark");
    let report = run(&["--again"]).document(0);
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("1 filled cells in columns without a title"),
        "{warnings}"
    );
    run(&["--if-exists", "replace", "--map", "C=remark"]).document(0);
    assert_eq!(rows(&database, "select * from t"), ["2|moved|b|Rome"]);
}

#[test]
fn cells_beside_the_titles_find_the_columns_that_were_made_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 1, ["id", "name"]).unwrap();
    sheet
        .write_row(1, 0, ["left", "one", "a", "right"])
        .unwrap();
    sheet.write_row(2, 1, ["two", "b"]).unwrap();
    let file = directory.path().join("notes.xlsx");
    workbook.save(&file).unwrap();
    let once = ["left|one|a|right", "~|two|b|~"];
    for args in [
        &[][..],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
    ] {
        let report = Run::import(&database, &file, args).document(0);
        assert_eq!(report["warnings"], json!([]), "{args:?}");
        assert_eq!(
            rows(&database, "select * from notes order by id"),
            once,
            "{args:?}"
        );
        assert_eq!(
            columns(&database, "notes"),
            ["column_a text", "id text", "name text", "column_d text"]
        );
    }
}

#[test]
fn a_sheet_without_titles_finds_its_columns_wherever_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let book = |name: &str, table: &[&[(u16, &str)]]| {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        for (row, cells) in (0..).zip(table) {
            for (column, text) in *cells {
                sheet.write(row, *column, *text).unwrap();
            }
        }
        let file = directory.path().join(name);
        workbook.save(&file).unwrap();
        file
    };
    let run = |file: &Path, args: &[&str]| {
        let common = ["--table", "t", "--header-row", "none"];
        Run::import(&database, file, &[&common, args].concat()).document(0)
    };
    let ragged = book(
        "a.xlsx",
        &[&[(1, "b1"), (2, "c1")], &[(0, "a2"), (1, "b2"), (2, "c2")]],
    );
    let all = "select * from t order by column_b";
    for args in [
        &[][..],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
    ] {
        run(&ragged, args);
        assert_eq!(rows(&database, all), ["~|b1|c1", "a2|b2|c2"], "{args:?}");
    }
    let narrow = book("b.xlsx", &[&[(1, "b3"), (2, "c3")]]);
    run(&narrow, &[]);
    assert_eq!(rows(&database, all), ["~|b1|c1", "a2|b2|c2", "~|b3|c3"]);
    // Into a table of somebody's own names, by place; the first row does not say where the sheet begins.
    database.query("drop table t; create table t (id text, name text, city text)");
    run(&ragged, &["--again"]);
    assert_eq!(
        rows(&database, "select * from t order by name"),
        ["~|b1|c1", "a2|b2|c2"]
    );
}

#[test]
fn sheets_that_go_into_one_table_find_their_columns_again() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let sheets: Vec<(&str, &[&str], Vec<Cells>)> = vec![
        (
            "One",
            &["name", "", "Name", "id"],
            vec![vec![json!("a"), json!("b"), json!("c"), json!(1)]],
        ),
        (
            "Two",
            &["id", "Name", "", "", "name"],
            vec![vec![
                json!(2),
                json!("d"),
                json!("e"),
                json!("f"),
                json!("g"),
            ]],
        ),
    ];
    let file = workbook_of(directory.path(), "t.xlsx", sheets);
    let all = "select name, name_2, column_b, column_c, column_d, id from t order by id";
    for if_exists in ["append", "replace", "truncate"] {
        let args = [
            "--union",
            "--all-sheets",
            "--table",
            "t",
            "--if-exists",
            if_exists,
        ];
        Run::import(&database, &file, &args).document(0);
        assert_eq!(
            rows(&database, all),
            ["a|c|b|~|~|1", "d|g|~|e|f|2"],
            "{if_exists}"
        );
    }
    assert_eq!(tables(&database), ["t"]);
}

#[test]
fn a_title_that_may_mean_two_columns_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let cells = vec![vec![json!("first"), json!("second")]];
    let file = workbook(directory.path(), "t.xlsx", &["Name", "Name"], cells);
    let run = |args: &[&str]| {
        Run::import(
            &database,
            &file,
            &[&["--table", "t", "--again"], args].concat(),
        )
    };
    run(&[]).document(0);
    run(&["--map", "-A"])
        .assert_fails(4, &["\"Name\" (sheet column B)", "name or name_2", "--map"]);
    run(&["--map", "-A", "--map", "B=name_2"]).document(0);
    let all = "select * from t order by name";
    assert_eq!(rows(&database, all), ["first|second", "~|second"]);
    // Hidden columns have names of their own, whether they are loaded or not.
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for row in [["Name", "Name"], ["hidden", "shown"]].iter().enumerate() {
        sheet
            .write_row(u32::try_from(row.0).unwrap(), 0, *row.1)
            .unwrap();
    }
    sheet.set_column_hidden(0).unwrap();
    let file = directory.path().join("hidden.xlsx");
    workbook.save(&file).unwrap();
    database.query("truncate t");
    let args = ["--table", "t", "--hidden", "skip"];
    Run::import(&database, &file, &args).document(0);
    assert_eq!(rows(&database, all), ["~|shown"]);
}
