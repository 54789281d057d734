//! Loads workbooks by the program and reads the tables back.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;

use super::value::{ColumnType, Errors};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// No workbook of the corpus may take longer, in a build without optimisation and beside others.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// The shell limits the program's data segment, in KiB: an allocation beyond 1 GiB ends it.
const LIMITED: &str = "ulimit -d 1048576 && exec \"$@\"";

/// A way to load all sheets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) errors: Errors,
    options: &'static [&'static str],
}

/// Both ways. Error cells would make their columns text; so they are NULL where the types are to be seen.
pub(super) const WAYS: [Way; 2] = [
    Way {
        name: "text",
        errors: Errors::Named,
        options: &["--types", "text", "--on-cell-error", "text"],
    },
    Way {
        name: "typed",
        errors: Errors::Null,
        options: &["--on-cell-error", "null"],
    },
];

/// A table, as cells of the sheet.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) cells: BTreeMap<(u32, u32), String>,
    pub(super) types: BTreeMap<u32, ColumnType>,
}

/// What came of a run of the program.
#[derive(Debug)]
pub(super) struct Run {
    status: ExitStatus,
    reports: Vec<Json>,
    pub(super) stderr: String,
}

impl Run {
    /// All rows went in, or the report says which did not.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.status.code(), Some(0 | 3))
    }

    /// A load that ended otherwise says in one or two lines that the file is to blame.
    pub(super) fn is_clear(&self) -> bool {
        let lines = self.stderr.lines().count();
        let is_clear = self.status.code() == Some(4) && (1..=2).contains(&lines);
        (self.is_complete() || is_clear) && !self.stderr.contains("panicked")
    }

    pub(super) fn describe(&self) -> String {
        let stderr: String = self.stderr.chars().take(400).collect();
        format!("{}, {}", self.status, stderr.trim_end())
    }

    pub(super) fn peak_memory(&self) -> u64 {
        let peaks = self.reports.iter();
        let peaks = peaks.filter_map(|report| report["peak_memory_bytes"].as_u64());
        peaks.max().unwrap_or_default()
    }

    /// Each sheet that was loaded, and its table.
    pub(super) fn tables(&self, database: &TestDatabase) -> Vec<(String, Table)> {
        let loaded = self
            .reports
            .iter()
            .filter(|report| report["state"] == "complete");
        loaded
            .map(|report| {
                let (schema, table) = report["table"].as_str().unwrap().split_once('.').unwrap();
                let table = read_table(database, schema, table);
                (report["sheet"].as_str().unwrap().to_owned(), table)
            })
            .collect()
    }
}

/// Loads sheets of a workbook into tables in `schema`.
pub(super) fn load(
    file: &Path,
    sheets: &[&str],
    way: Way,
    database: &TestDatabase,
    schema: &str,
) -> Run {
    database.query(&format!("create schema if not exists {schema}"));
    let program = sheetload();
    let mut command = Command::new("sh");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["-c", LIMITED, "sh"])
        .arg(program.get_program())
        .arg("import")
        .arg(file)
        .args(sheets)
        .args(["--header-row", "none", "--lineage", "--json", "--quiet"])
        .args(way.options)
        .args(["--workers", "1"])
        .args(["--table", &format!("{schema}.{{sheet}}")])
        .args(["--database-url", &database.url()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = wait(command.spawn().unwrap());
    let json: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let reports = match &json["loads"] {
        Json::Array(reports) => reports.clone(),
        _ if json["table"].is_string() => vec![json],
        _ => Vec::new(),
    };
    Run {
        status: output.status,
        reports,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits for the program; kills it when it hangs, which no reading of its status takes for an end of its own.
fn wait(child: Child) -> Output {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output();
        // Nobody receives after the time limit.
        let _ = sender.send(());
        output
    });
    if receiver.recv_timeout(TIME_LIMIT).is_err() {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    waiting.join().unwrap().unwrap()
}

/// Reads a table whose columns are named after the sheet's letters, and whose `_row` counts from 1.
fn read_table(database: &TestDatabase, schema: &str, table: &str) -> Table {
    let name = format!("\"{schema}\".\"{}\"", table.replace('"', "\"\""));
    let columns = database.query(&format!(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute \
         where attrelid = '{}'::regclass and attnum > 0 order by attnum",
        name.replace('\'', "''")
    ));
    let text = |value: &Option<String>| value.clone().unwrap();
    let columns: Vec<(String, String)> = columns
        .iter()
        .map(|row| (text(&row[0]), text(&row[1])))
        .collect();
    let row_column = columns.iter().position(|(name, _)| name == "_row").unwrap();
    let mut read = Table::default();
    for (name, kind) in &columns {
        if let Some(letters) = name.strip_prefix("column_") {
            read.types
                .insert(column_index(letters), ColumnType::named(kind));
        }
    }
    for row in database.query(&format!("select * from {name}")) {
        let number: u32 = text(&row[row_column]).parse().unwrap();
        for ((name, _), value) in columns.iter().zip(row) {
            let (Some(letters), Some(value)) = (name.strip_prefix("column_"), value) else {
                continue;
            };
            // An empty text is no value, as the other reader has it.
            if !value.is_empty() {
                let cell = (number - 1, column_index(letters));
                let twice = read.cells.insert(cell, value);
                assert_eq!(
                    twice, None,
                    "{schema}.{table}: row {number} was loaded twice"
                );
            }
        }
    }
    read
}

/// `a` is 0, `z` is 25, `aa` is 26.
fn column_index(letters: &str) -> u32 {
    let digits = letters.bytes().map(|letter| u32::from(letter - b'a') + 1);
    digits.fold(0, |index, digit| index * 26 + digit) - 1
}
