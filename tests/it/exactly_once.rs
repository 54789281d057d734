//! No row is lost, and none is loaded twice: what the end of a load says, and what the table holds then.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rust_xlsxwriter::{Formula, Workbook};

use crate::support::import::{Run, rows, tables};
use crate::support::program::sheetload;
use crate::support::server::{TestDatabase, shared_server};

/// A workbook with the column `id` from 1 on, and `name`.
fn numbered(directory: &Path, rows: u32) -> PathBuf {
    let path = directory.join("numbered.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name"]).unwrap();
    for row in 1..=rows {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, format!("row {row}")).unwrap();
    }
    workbook.save(&path).unwrap();
    path
}

fn count(database: &TestDatabase) -> String {
    database.value("select count(*) || ' ' || count(distinct id) from numbered")
}

fn resume(database: &TestDatabase, args: &[&str]) -> Output {
    sheetload()
        .args(["resume", "--quiet", "--database-url", &database.url()])
        .args(args)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Stands between the program and the server, and cuts one connection when the server answers a certain commit.
struct LostAnswer {
    port: u16,
    was_lost: Arc<AtomicBool>,
}

impl LostAnswer {
    /// To the commit with this number, from 1.
    fn to_commit(number: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (commits, was_lost) = (
            Arc::new(AtomicU32::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let lost = Arc::clone(&was_lost);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let server = shared_server();
                let server = TcpStream::connect((server.host(), server.port())).unwrap();
                let (commits, lost) = (Arc::clone(&commits), Arc::clone(&lost));
                pass_on(&client.unwrap(), &server, number, commits, lost);
            }
        });
        Self { port, was_lost }
    }

    /// Imports by way of this; the answer must have been lost.
    fn import(&self, database: &TestDatabase, file: &Path, args: &[&str]) -> Output {
        let lost = self.import_if_lost(database, file, args);
        lost.expect("the answer was lost")
    }

    /// The same; none when there were fewer commits.
    fn import_if_lost(
        &self,
        database: &TestDatabase,
        file: &Path,
        args: &[&str],
    ) -> Option<Output> {
        let server = shared_server();
        let there = format!("@{}:{}/", server.host(), server.port());
        let here = format!("@127.0.0.1:{}/", self.port);
        let url = database.url();
        assert!(url.contains(&there), "{url}");
        let output = sheetload()
            .arg("import")
            .arg(file)
            .args(["--quiet", "--database-url"])
            .arg(format!("{}?sslmode=disable", url.replace(&there, &here)))
            .args(args)
            .output()
            .unwrap();
        self.was_lost.load(Ordering::Relaxed).then_some(output)
    }
}

fn pass_on(
    client: &TcpStream,
    server: &TcpStream,
    number: u32,
    commits: Arc<AtomicU32>,
    was_lost: Arc<AtomicBool>,
) {
    let loses_next = Arc::new(AtomicBool::new(false));
    let both = || (client.try_clone().unwrap(), server.try_clone().unwrap());
    let ((mut from, mut to), loses) = (both(), Arc::clone(&loses_next));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let text = buffer[..length].to_ascii_lowercase();
            if text.ends_with(b"commit\0") && commits.fetch_add(1, Ordering::Relaxed) + 1 == number
            {
                loses.store(true, Ordering::Relaxed);
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _gone = to.shutdown(Shutdown::Both);
    });
    let (mut to, mut from) = both();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if loses_next.load(Ordering::Relaxed) {
                was_lost.store(true, Ordering::Relaxed);
                break;
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _gone = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_commit_that_may_have_been_done_is_not_done_again_without_a_ledger() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300);
    database.query("create table numbered (id bigint, name text)");
    let output = LostAnswer::to_commit(1).import(&database, &file, &["--no-ledger"]);
    assert_eq!(count(&database), "300 300");
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("nothing tells whether"), "{said}");
    assert!(
        !said.to_lowercase().contains("nothing was committed"),
        "{said}"
    );
}

#[test]
fn a_new_table_that_may_be_there_is_left_alone_without_a_ledger() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300);
    // The first one makes the staging table, the second one is the only batch's.
    let output = LostAnswer::to_commit(3).import(&database, &file, &["--no-ledger"]);
    assert_eq!(tables(&database), ["numbered"]);
    assert_eq!(count(&database), "300 300");
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert!(stderr(&output).contains("nothing tells whether"));
}

#[test]
fn with_a_ledger_a_commit_without_an_answer_is_looked_up() {
    for args in [
        &["--if-exists", "append"][..],
        &["--commit", "batch"],
        &["--mode", "sequential"],
    ] {
        for number in 1..=8 {
            let database = TestDatabase::create();
            let directory = tempfile::tempdir().unwrap();
            let file = numbered(directory.path(), 300);
            database.query("create table numbered (id bigint, name text)");
            // Makes the ledger.
            let other = ["--table", "other"];
            Run::import(&database, &file, &other).document(0);
            let proxy = LostAnswer::to_commit(number);
            let Some(run) = proxy.import_if_lost(&database, &file, args) else {
                break;
            };
            assert_eq!(
                run.status.code(),
                Some(0),
                "{number} {args:?}: {}",
                stderr(&run)
            );
            assert_eq!(count(&database), "300 300", "{number} {args:?}");
        }
    }
}

/// A deferred trigger that refuses all rows, with a reason that is none of a row.
const REFUSES_AT_THE_END: &str = "\
    create table numbered (id bigint, name text); \
    create function refuse() returns trigger language plpgsql as $$ begin \
      raise exception 'not now' using errcode = '55000'; end $$; \
    create constraint trigger refused after insert on numbered deferrable initially deferred \
      for each row execute function refuse()";

#[test]
fn a_transaction_that_fails_at_its_end_is_no_success() {
    for args in [&["--no-ledger"][..], &[]] {
        let database = TestDatabase::create();
        let directory = tempfile::tempdir().unwrap();
        let file = numbered(directory.path(), 300);
        database.query(REFUSES_AT_THE_END);
        let run = Run::import(&database, &file, args);
        assert_eq!(count(&database), "0 0");
        assert_eq!(run.code, 5, "{args:?} {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("not now"), "{}", run.stderr);
        assert!(
            run.stderr.contains("Nothing was committed"),
            "{}",
            run.stderr
        );
    }
}

/// A workbook of which row 251 cannot be a number.
fn stops_at_250(directory: &Path) -> PathBuf {
    let path = directory.join("numbered.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name"]).unwrap();
    for row in 1..=300 {
        sheet.write(row, 0, row).unwrap();
        sheet
            .write(row, 1, "x".repeat(if row == 251 { 20 } else { 5 }))
            .unwrap();
    }
    workbook.save(&path).unwrap();
    path
}

#[test]
fn a_resumed_load_that_fails_again_drops_no_rows_of_the_attempt_before() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("numbered.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name"]).unwrap();
    for row in 1..=300 {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, format!("row {row}")).unwrap();
    }
    let error = Formula::new("=NA()").set_result("#N/A");
    sheet.write_formula(251, 1, error).unwrap();
    workbook.save(&file).unwrap();
    let args = [
        "--commit",
        "batch",
        "--batch-size",
        "100",
        "--workers",
        "1",
        "--on-error",
        "abort",
        "--on-cell-error",
        "reject",
    ];
    let run = Run::import(&database, &file, &args);
    assert_eq!(run.code, 6, "{}{}", run.stdout, run.stderr);
    assert_eq!(count(&database), "200 200");
    // All rows are one batch now, and it is refused before any of its rows is counted.
    let resumed = resume(&database, &["--batch-size", "10000"]);
    assert_eq!(resumed.status.code(), Some(6), "{}", stderr(&resumed));
    assert_eq!(count(&database), "200 200");
    let said = stderr(&resumed);
    assert!(said.contains("200 rows were committed"), "{said}");
    let recorded = rows(&database, "select state, rows_loaded from sheetload.loads");
    assert_eq!(recorded, ["failed|200"]);
}

#[test]
fn a_load_whose_file_was_loaded_since_is_not_resumed() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300);
    database.query("create table numbered (id bigint constraint low check (id < 200), name text)");
    let run = Run::import(&database, &file, &["--on-error", "abort"]);
    assert_eq!(run.code, 6, "{}{}", run.stdout, run.stderr);
    database.query("alter table numbered drop constraint low");
    Run::import(&database, &file, &[]).document(0);
    let resumed = resume(&database, &[]);
    assert_eq!(resumed.status.code(), Some(7), "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("sheetload undo"));
    assert_eq!(count(&database), "300 300");
}

#[test]
fn a_killed_load_whose_rows_were_removed_by_a_later_one_is_not_resumed() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300);
    database.query("create table numbered (id bigint constraint low check (id < 200), name text)");
    let args = [
        "--commit",
        "batch",
        "--batch-size",
        "100",
        "--workers",
        "1",
        "--on-error",
        "abort",
    ];
    let run = Run::import(&database, &file, &args);
    assert_eq!(run.code, 6, "{}{}", run.stdout, run.stderr);
    // As a kill leaves it.
    database.query(
        "alter table numbered drop constraint low; \
         update sheetload.loads set state = 'running', session_pid = 1, session_start = now()",
    );
    Run::import(&database, &file, &["--if-exists", "truncate"]).document(0);
    let resumed = resume(&database, &[]);
    assert_eq!(resumed.status.code(), Some(2), "{}", stderr(&resumed));
    assert_eq!(count(&database), "300 300");
}

#[test]
fn rejected_rows_are_recorded_when_a_resumed_batch_has_more_rows() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = stops_at_250(directory.path());
    database.query(
        "create table numbered (id bigint, name varchar(10)); \
         create function refuse() returns trigger language plpgsql as $$ begin \
           raise exception 'not now' using errcode = '55000'; end $$; \
         create trigger refused before insert on numbered for each row execute function refuse()",
    );
    let args = ["--mode", "sequential", "--batch-size", "100"];
    let run = Run::import(&database, &file, &args);
    assert_eq!(run.code, 5, "{}{}", run.stdout, run.stderr);
    database.query("drop trigger refused on numbered");
    let resumed = resume(&database, &["--batch-size", "1000"]);
    assert_eq!(resumed.status.code(), Some(3), "{}", stderr(&resumed));
    assert_eq!(count(&database), "299 299");
    assert_eq!(
        rows(&database, "select row from sheetload.rejects"),
        ["252"]
    );
}
