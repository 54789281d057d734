//! Workbooks of a few cells, and runs of the program that a test watches while they go on.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rust_xlsxwriter::{Workbook, Worksheet};
use serde_json::Value;

use super::import::Run;
use super::program::sheetload;
use super::server::TestDatabase;

/// The cells of a row: numbers, texts, booleans, and nothing for null.
pub(crate) type Cells = Vec<Value>;

/// Writes a workbook of one sheet named `Sheet1`: titles in row 1, and rows from row 2.
pub(crate) fn workbook(
    directory: &Path,
    name: &str,
    titles: &[&str],
    rows: impl IntoIterator<Item = Cells>,
) -> PathBuf {
    workbook_of(
        directory,
        name,
        vec![("Sheet1", titles, rows.into_iter().collect())],
    )
}

/// The same with several sheets, each with its name and titles.
pub(crate) fn workbook_of(
    directory: &Path,
    name: &str,
    sheets: Vec<(&str, &[&str], Vec<Cells>)>,
) -> PathBuf {
    let path = directory.join(name);
    let mut workbook = Workbook::new();
    for (sheet, titles, rows) in sheets {
        let worksheet = workbook.add_worksheet().set_name(sheet).unwrap();
        worksheet.write_row(0, 0, titles.iter().copied()).unwrap();
        for (row, cells) in (1..).zip(&rows) {
            write(worksheet, row, cells);
        }
    }
    workbook.save(&path).unwrap();
    path
}

fn write(worksheet: &mut Worksheet, row: u32, cells: &[Value]) {
    for (column, cell) in (0..).zip(cells) {
        match cell {
            Value::Null => {}
            Value::Bool(is) => {
                worksheet.write(row, column, *is).unwrap();
            }
            Value::Number(number) => {
                worksheet
                    .write(row, column, number.as_f64().unwrap())
                    .unwrap();
            }
            Value::String(text) => {
                worksheet.write(row, column, text).unwrap();
            }
            other => panic!("no cell: {other}"),
        }
    }
}

/// Runs the program with these arguments, as the server's own user.
pub(crate) fn run(database: &TestDatabase, args: &[&str]) -> Run {
    run_as(&database.url(), args)
}

/// The same over this connection.
pub(crate) fn run_as(url: &str, args: &[&str]) -> Run {
    let output = sheetload()
        .args(args)
        .args(["--database-url", url])
        .output();
    ended(output.unwrap())
}

/// The database's URL for another user. Roles are the whole server's, so the name must be the test's own.
pub(crate) fn url_of(database: &TestDatabase, role: &str, password: &str) -> String {
    let url = database.url();
    let (_, server) = url.split_once('@').unwrap();
    format!("postgresql://{role}:{password}@{server}")
}

fn ended(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An import that goes on.
pub(crate) struct Started {
    child: Child,
}

impl Started {
    /// Starts an import with these options and `--json`. What it prints must fit into a pipe.
    pub(crate) fn import(database: &TestDatabase, file: &Path, args: &[&str]) -> Self {
        let child = sheetload()
            .arg("import")
            .arg(file)
            .args(["--json", "--quiet", "--database-url", &database.url()])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Run {
        ended(self.child.wait_with_output().unwrap())
    }
}

/// Waits for something outside of this process, with a limit that only a broken test reaches.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until so many of a load's sessions wait for a lock.
pub(crate) fn wait_for_waiting(database: &TestDatabase, sessions: u32) {
    wait_for("the load to stand still", || {
        database.value(&format!(
            "select (count(*) >= {sessions})::text from pg_stat_activity \
             where application_name = 'sheetload' and wait_event_type = 'Lock' \
               and wait_event <> 'extend' and datname = current_database()"
        )) == "true"
    });
}

/// Makes rows of this table wait for a lock from this id on: `select pg_advisory_lock(1)` shuts the gate.
pub(crate) fn add_gate(database: &TestDatabase, table: &str, first_waiting: u32) {
    database.query(&format!(
        "create or replace function wait_for_gate() returns trigger language plpgsql as $$ begin \
           perform pg_advisory_xact_lock_shared(1); return new; end $$; \
         create trigger gate before insert on {table} for each row when (new.id >= {first_waiting}) \
           execute function wait_for_gate()"
    ));
}
