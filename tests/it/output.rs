//! What an import prints: the report for people, the JSON document, progress, and the line that shows the rows.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use insta::{assert_snapshot, with_settings};

use serde_json::Value;

use crate::support::program::{sheetload, sheetload_at, stdout};
use crate::support::server::{TestDatabase, server_directory, shared_server};

/// 300 listings.
fn listings(directory: &Path, defects: &str) -> PathBuf {
    let file = directory.join("listings.xlsx");
    let made = sheetload()
        .args(["sample", "--rows", "300", "--defects", defects, "-o"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    file
}

/// Imports the listings into the sample's table.
fn import(database: &TestDatabase, args: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    // 13 of them are bad.
    let file = listings(directory.path(), "showcase");
    let migrated = sheetload()
        .args(["migrate", "--database-url", &database.url()])
        .output()
        .unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    sheetload()
        .current_dir(directory.path())
        .arg("import")
        .arg(file.file_name().unwrap())
        .args(["--table", "businesses", "--workers", "2"])
        .args(["--database-url", &database.url()])
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn the_report_for_people_fits_into_80_columns() {
    let database = TestDatabase::create();
    let output = import(&database, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let (report, look) = text.split_once("\nLook at the rows: ").unwrap();
    for line in report.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(look.starts_with("psql postgresql://"), "{look}");
    assert!(
        !look.contains(shared_server().password().expose()),
        "{look}"
    );
    with_settings!({filters => vec![
        (r"(?m)(load +)[0-9a-f-]{36}$", "$1[load]"),
        (r"127.0.0.1:\d+/test_\d+", "[server]"),
        (r"\d+(\.\d+)? s\b", "[seconds]"),
        (r"\d+(\.\d+)? [KM]iB", "[bytes]"),
        (r"(?m)(records_per_second +)[\d,]+", "$1[rate]"),
        (r"p50 [\d.]+, p95 [\d.]+, p99 [\d.]+ ms", "[latency]"),
        (r"(?m)(bottleneck +).*\n( {10,}.*\n)?", "$1[words]\n"),
        (r"tuple \(\d+,\d+\)", "tuple [place]"),
    ]}, {
        assert_snapshot!(report, @r#"
        listings.xlsx (Businesses) into table public.businesses: batch mode, 2 workers

          database             postgresql://sheetload@[server]
          total_records        300
          success_count        287
          error_count          13 (missing value 4, error cell 4, NUL character 3, out
                               of range 2)
          committed            all rows together
          load                 [load]
          duration             [seconds]
          records_per_second   [rate]
          before loading       open [seconds]
          loading              read [seconds], encode [seconds], write [seconds]
          waiting              reader [seconds], workers [seconds]
          batches              1 ([bytes])
          batch latency        [latency]
          peak memory          [bytes]
          bottleneck           [words]

        Rejected rows:
          Businesses!A2 name: the cell holds the error #N/A, and the column must not be
            null [23502]
          Businesses!A28 name: the cell is empty, and the column must not be null
            [23502]
          Businesses!I59 description: the text holds a NUL character, which PostgreSQL
            cannot store [22021]
          Businesses!D83 email: index row size 3016 exceeds btree version 4 maximum 2704
            for index "businesses_email_idx": Index row references tuple [place] in
            relation "businesses". [54000]
          Businesses!A95 name: the cell is empty, and the column must not be null
            [23502]
          Businesses!A127 name: the cell holds the error #REF!, and the column must not
            be null [23502]
          Businesses!A162 name: the text holds a NUL character, which PostgreSQL cannot
            store [22021]
          Businesses!F163 city: index row size 3016 exceeds btree version 4 maximum 2704
            for index "businesses_city_idx": Index row references tuple [place] in
            relation "businesses". [54000]
          Businesses!A201 name: the cell holds the error #DIV/0!, and the column must
            not be null [23502]
          Businesses!E220 address: the text holds a NUL character, which PostgreSQL
            cannot store [22021]
          Businesses!A254 name: the cell is empty, and the column must not be null
            [23502]
          Businesses!A260 name: the cell holds the error #VALUE!, and the column must
            not be null [23502]
          Businesses!A301 name: the cell is empty, and the column must not be null
            [23502]
        "#);
    });
}

/// The figures of a report, from `total_records` to the one before `duration`, without the load's id.
fn figures(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("  total"));
    let lines = lines.take_while(|line| !line.starts_with("  duration"));
    let (id, figures): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with("  load "));
    assert_eq!(id.len(), 1, "{text}");
    figures
        .into_iter()
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn the_report_accounts_for_every_row_of_a_merge() {
    let database = TestDatabase::create();
    database.query(
        "create table listings (id int primary key, name text check (name <> 'bad')); \
         insert into listings values (1, 'old'), (2, 'old')",
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("listings.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name"]).unwrap();
    for (row, id, name) in [
        (1, 1, "one"),
        (2, 3, "three"),
        (3, 4, "bad"),
        (4, 3, "third"),
        (5, 5, "five"),
    ] {
        sheet.write(row, 0, id).unwrap();
        sheet.write(row, 1, name).unwrap();
    }
    workbook.save(&file).unwrap();
    let load = |args: &[&str]| {
        sheetload()
            .arg("import")
            .arg(&file)
            .args(["--database-url", &database.url(), "--key", "id"])
            .args(args)
            .output()
            .unwrap()
    };
    let updated = load(&["--on-conflict", "update", "--verify"]);
    assert_eq!(updated.status.code(), Some(3), "{updated:?}");
    assert_eq!(
        figures(&updated),
        [
            "total_records        5",
            "success_count        3 (inserted 2, updated 1)",
            "error_count          1 (constraint 1)",
            "superseded           1",
            "committed            all rows together",
            "verified             the rows agreed with the source before they were merged",
        ]
    );
    let ignored = load(&["--on-conflict", "ignore"]);
    assert_eq!(ignored.status.code(), Some(3), "{ignored:?}");
    assert_eq!(
        figures(&ignored),
        [
            "total_records        5",
            "success_count        0 (inserted 0, updated 0)",
            "error_count          1 (constraint 1)",
            "kept in the table    3",
            "superseded           1",
            "committed            all rows together",
        ]
    );
    let tried = load(&["--on-conflict", "ignore", "--dry-run"]);
    let tried = figures(&tried);
    assert!(
        tried.contains(&"committed            nothing".to_owned()),
        "{tried:?}"
    );
}

#[test]
fn the_report_tells_when_rows_were_committed_and_which_the_table_left_out() {
    let database = TestDatabase::create();
    database.query(
        "create function leave_out() returns trigger language plpgsql as $$ begin \
           return case when new.city like 'L%' then null else new end; end $$; \
         create table listings (name text, category text, phone text, email text, \
           address text, city text, country text, website text, description text); \
         create trigger leave_out before insert on listings \
           for each row execute function leave_out()",
    );
    let directory = tempfile::tempdir().unwrap();
    let file = listings(directory.path(), "none");
    for (args, committed) in [
        (&["--commit", "batch"][..], "each batch by itself"),
        (&["--mode", "sequential"], "each row by itself"),
    ] {
        database.query("truncate listings");
        let output = sheetload()
            .arg("import")
            .arg(&file)
            .args([
                "--again",
                "--table",
                "listings",
                "--database-url",
                &database.url(),
            ])
            .args(args)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let loaded: u32 = database
            .value("select count(*)::text from listings")
            .parse()
            .unwrap();
        assert!(loaded < 300);
        assert_eq!(
            figures(&output),
            [
                "total_records        300".to_owned(),
                format!("success_count        {loaded}"),
                "error_count          0".to_owned(),
                format!("left out by table    {}", 300 - loaded),
                format!("committed            {committed}"),
            ]
        );
    }
}

/// Leaves one rejected row and one column of the receipt, and takes out what differs from run to run.
fn redact(report: &mut Value) {
    report["rejects"].as_array_mut().unwrap().truncate(1);
    report["receipt"]["columns"]
        .as_array_mut()
        .unwrap()
        .truncate(1);
    for pointer in [
        "/duration",
        "/records_per_second",
        "/peak_memory_bytes",
        "/bottleneck",
        "/load_id",
        "/database/url",
    ] {
        *report.pointer_mut(pointer).unwrap() = "[measured]".into();
    }
    for pointer in ["/stages", "/batch_latency_ms"] {
        for value in report
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .values_mut()
        {
            *value = "[measured]".into();
        }
    }
}

/// Checks that what takes time and memory has taken some.
fn assert_measured(report: &Value) {
    assert_eq!(report["rejects"].as_array().unwrap().len(), 13);
    assert_eq!(report["receipt"]["columns"].as_array().unwrap().len(), 9);
    for pointer in [
        "/duration",
        "/records_per_second",
        "/stages/open",
        "/stages/read",
        "/stages/encode",
        "/stages/write",
        "/batch_latency_ms/p50",
        "/batch_latency_ms/p99",
        "/peak_memory_bytes",
    ] {
        let value = report.pointer(pointer).and_then(Value::as_f64);
        assert!(
            value.is_some_and(|value| value > 0.0),
            "{pointer}: {report}"
        );
    }
}

/// The JSON document of the import, which nothing is said beside.
fn document() -> Value {
    let database = TestDatabase::create();
    let output = import(&database, &["--json", "--quiet"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The document once its measured figures are checked and taken out.
fn document_without_measures() -> Value {
    let mut report = document();
    assert_measured(&report);
    redact(&mut report);
    report
}

#[test]
fn the_json_document_has_every_figure() {
    let mut report = document_without_measures();
    // They have a test of their own.
    report["rejects"].take();
    assert_snapshot!(serde_json::to_string_pretty(&report).unwrap(), @r##"
    {
      "batch_latency_ms": {
        "p50": "[measured]",
        "p95": "[measured]",
        "p99": "[measured]"
      },
      "batches": 1,
      "bottleneck": "[measured]",
      "bytes_sent": 82132,
      "commit": "all",
      "database": {
        "private_server": null,
        "url": "[measured]"
      },
      "deferred": null,
      "dry_run": false,
      "duration": "[measured]",
      "empty_sheets": [],
      "error_cells_as_null": 0,
      "error_count": 13,
      "errors": [],
      "file": "listings.xlsx",
      "frozen": false,
      "hidden": {
        "columns": 0,
        "rows_loaded": 0
      },
      "hidden_sheets": [],
      "load_id": "[measured]",
      "mode": "batch",
      "peak_memory_bytes": "[measured]",
      "receipt": {
        "columns": [
          {
            "name": "name",
            "sql_type": "text",
            "totals": {
              "nulls": 0,
              "values": 287
            }
          }
        ],
        "verified": null
      },
      "records_per_second": "[measured]",
      "rejected_by_reason": {
        "error_cell": 4,
        "missing_value": 4,
        "nul_character": 3,
        "out_of_range": 2
      },
      "rejects": null,
      "rejects_file": null,
      "replaced": null,
      "retries": 0,
      "sequences": [],
      "sheet": "Businesses",
      "skipped": {
        "blank_rows": 0,
        "hidden_rows": 0,
        "kept_in_table": 0,
        "left_out_by_table": 0,
        "rows_above_header": 0,
        "superseded": 0
      },
      "stages": {
        "encode": "[measured]",
        "infer": "[measured]",
        "open": "[measured]",
        "read": "[measured]",
        "reader_wait": "[measured]",
        "worker_wait": "[measured]",
        "write": "[measured]"
      },
      "state": "complete",
      "success_count": 287,
      "table": "public.businesses",
      "table_created": false,
      "table_unlogged": false,
      "total_records": 300,
      "upserted": null,
      "warnings": [],
      "workers": 2
    }
    "##);
}

#[test]
fn the_json_document_names_each_rejected_row() {
    let report = document_without_measures();
    assert_snapshot!(serde_json::to_string_pretty(&report["rejects"]).unwrap(), @r##"
    [
      {
        "cell": "Businesses!A2",
        "cells": [
          {
            "cell": "Businesses!A2",
            "column": "name",
            "expected": "text not null",
            "message": "the cell holds the error #N/A, and the column must not be null",
            "reason": "error_cell",
            "sqlstate": "23502",
            "stored": "#N/A"
          }
        ],
        "column": "name",
        "expected": "text not null",
        "message": "the cell holds the error #N/A, and the column must not be null",
        "reason": "error_cell",
        "row": 2,
        "sheet": "Businesses",
        "sqlstate": "23502",
        "stored": "#N/A"
      }
    ]
    "##);
}

#[test]
fn a_reader_that_goes_away_is_no_trouble() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = listings(directory.path(), "none");
    for args in [&[][..], &["--json"]] {
        let mut child = sheetload()
            .arg("import")
            .arg(&file)
            .args(["--again", "--database-url", &database.url()])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // As `| true` does.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        assert_eq!(output.status.code(), Some(0));
    }
    let count = database.value("select count(*)::text from listings");
    assert_eq!(count, "600");
}

#[cfg(target_os = "linux")]
#[test]
fn a_document_that_cannot_be_written_is_an_error() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = sheetload()
        .arg("import")
        .arg(listings(directory.path(), "none"))
        .args(["--json", "--database-url", &database.url()])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    sheetload: the JSON document could not be written to stdout: No space left on device (os error 28)
      Check the disk space; what was loaded stays loaded
    ");
}

#[test]
fn without_a_terminal_progress_is_a_line_at_intervals() {
    let database = TestDatabase::create();
    database.query("create table listings (name text, category text, phone text, email text, \
        address text, city text, country text, website text, description text); \
        create function wait_for_gate() returns trigger language plpgsql as $$ begin \
          perform pg_advisory_xact_lock_shared(1); return new; end $$; \
        create trigger gate before insert on listings for each row execute function wait_for_gate()");
    let directory = tempfile::tempdir().unwrap();
    let file = listings(directory.path(), "none");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gatekeeper = runtime.block_on(async {
        let client = database.connect().await;
        client
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        client
    });
    let mut child = sheetload()
        .arg("import")
        .arg(&file)
        .args(["--database-url", &database.url(), "--workers", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    // The load stands still until a line has come, besides those that say what it waits for.
    let mut line = "sheetload: waiting for".to_owned();
    while line.starts_with("sheetload: waiting for") {
        line.clear();
        stderr.read_line(&mut line).unwrap();
    }
    assert_eq!(
        line,
        "sheetload: loading: 0 of 300 rows, 0 rows/s; all read, 1 writing\n"
    );
    runtime
        .block_on(gatekeeper.batch_execute("select pg_advisory_unlock(1)"))
        .unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains('\r') && !rest.contains('\u{1b}'), "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_line_that_shows_the_rows_works_when_pasted() {
    // A name that both the shell and SQL take for something else unless it is quoted.
    let table = "it's a $HOME";
    let directory = tempfile::tempdir().unwrap();
    let file = listings(directory.path(), "none");
    let shown = |output: &Output, environment: &[(&str, &str)]| {
        let text = stdout(output);
        let (_, line) = text.split_once("Look at the rows: ").unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_sheetload"));
        let path = std::env::var("PATH").unwrap();
        let pasted = Command::new("/bin/sh")
            .args(["-c", line])
            .env(
                "PATH",
                format!("{}:{path}", program.parent().unwrap().display()),
            )
            .env("PAGER", "cat")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert!(stdout(&pasted).contains("(5 rows)"), "{line}: {pasted:?}");
    };
    let database = TestDatabase::create();
    let output = sheetload()
        .arg("import")
        .arg(&file)
        .args(["--table", table, "--database-url", &database.url()])
        .output()
        .unwrap();
    shown(
        &output,
        &[("PGPASSWORD", shared_server().password().expose())],
    );
    let base = server_directory();
    let output = sheetload_at(&base)
        .arg("import")
        .arg(&file)
        .args(["--table", table, "--database-url", "private"])
        .output()
        .unwrap();
    shown(&output, &[("SHEETLOAD_HOME", base.to_str().unwrap())]);
    stdout(
        &sheetload_at(&base)
            .args(["db", "destroy", "--yes"])
            .output()
            .unwrap(),
    );
}
