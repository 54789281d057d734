//! Ctrl-C, SIGTERM and SIGHUP during an import: what is committed, what is said, and what is left over.
//!
//! Nothing here depends on time: a trigger lets rows from a certain one on wait for a lock that the test holds, so the
//! load stands still at a known row while the signals are sent.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};
use rust_xlsxwriter::Workbook;
use serde_json::Value;
use tokio_postgres::Client;

use crate::support::program::{sheetload, sheetload_at, stdout};
use crate::support::server::{TestDatabase, server_directory};

/// Rows of the workbook, with ids from 1.
const ROWS: u32 = 1_000;
/// The first row that waits, in the fourth batch of 100.
const GATE: u32 = 350;

/// A database where rows wait, and a workbook to be loaded into it.
struct Stage {
    database: TestDatabase,
    directory: tempfile::TempDir,
    /// The session that holds the gate shut.
    gatekeeper: Client,
}

impl Stage {
    /// Every table that is created lets rows from this id on wait.
    async fn new(first_waiting: u32) -> Self {
        let database = TestDatabase::create();
        database.query(&format!(
            "create function wait_for_gate() returns trigger language plpgsql as $$ begin \
               perform pg_advisory_xact_lock_shared(1); return new; end $$; \
             create function add_gate() returns event_trigger language plpgsql as $$ \
             declare created record; begin \
               for created in select * from pg_event_trigger_ddl_commands() \
                   where object_type = 'table' and schema_name <> 'sheetload' loop \
                 execute format('create trigger gate before insert on %s for each row \
                   when (new.id >= {first_waiting}) execute function wait_for_gate()', \
                   created.object_identity); \
               end loop; end $$; \
             create event trigger add_gate on ddl_command_end when tag in ('CREATE TABLE') \
               execute function add_gate()"
        ));
        let gatekeeper = database.connect().await;
        gatekeeper
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        Self {
            database,
            directory: tempfile::tempdir().unwrap(),
            gatekeeper,
        }
    }

    async fn open_gate(&self) {
        self.gatekeeper
            .batch_execute("select pg_advisory_unlock(1)")
            .await
            .unwrap();
    }

    /// A workbook with the columns `id` and `name`.
    fn workbook(&self) -> PathBuf {
        let path = self.directory.path().join("numbered.xlsx");
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.write_row(0, 0, ["id", "name"]).unwrap();
        for row in 1..=ROWS {
            sheet.write(row, 0, row).unwrap();
            sheet.write(row, 1, format!("row {row}")).unwrap();
        }
        workbook.save(&path).unwrap();
        path
    }

    fn import(&self, args: &[&str]) -> Import {
        Import::start(&self.database, &self.workbook(), args)
    }

    /// The state of the last load in the ledger, and how many rows it says are in the table.
    fn recorded(&self) -> (String, u64) {
        let found = self.database.query(
            "select state, rows_loaded::text from sheetload.loads order by started_at desc limit 1",
        );
        let [state, rows] = found[0].as_slice() else {
            panic!("{found:?}");
        };
        let rows = rows.as_ref().unwrap().parse().unwrap();
        (state.clone().unwrap(), rows)
    }

    /// Goes on with the load that was interrupted: then each row of the workbook is in the table once.
    fn assert_resumes(&self) {
        let resumed = sheetload()
            .args(["resume", "--quiet", "--database-url", &self.database.url()])
            .output()
            .unwrap();
        stdout(&resumed);
        let each = self.database.value(
            "select (count(*) = 1000 and count(distinct id) = 1000 and min(id) = 1 and max(id) = 1000 \
               and count(name) = 1000)::text from numbered",
        );
        assert_eq!(each, "true");
        assert_eq!(self.recorded(), ("complete".to_owned(), u64::from(ROWS)));
        self.assert_nothing_left(&["numbered"]);
    }

    /// Waits until this many sessions of the load wait for a lock.
    fn wait_for_waiting(&self, sessions: u32) {
        wait_for("the load to stand still", || {
            self.database.value(&format!(
                "select (count(*) >= {sessions})::text from pg_stat_activity \
                 where application_name = 'sheetload' and wait_event_type = 'Lock' \
                   and wait_event <> 'extend' and datname = current_database()"
            )) == "true"
        });
    }

    fn count(&self, table: &str) -> u64 {
        self.database
            .value(&format!("select count(*)::text from {table}"))
            .parse()
            .unwrap()
    }

    /// No session, and no table but these, is left over.
    fn assert_nothing_left(&self, tables: &[&str]) {
        wait_for("the load's sessions to end", || {
            self.database.value(
                "select count(*)::text from pg_stat_activity \
                 where application_name = 'sheetload' and datname = current_database()",
            ) == "0"
        });
        let left: Vec<String> = self
            .database
            .query(
                "select relname::text from pg_class where relkind = 'r' \
                 and relnamespace = 'public'::regnamespace order by relname",
            )
            .into_iter()
            .map(|mut row| row.remove(0).unwrap())
            .collect();
        assert_eq!(left, tables);
    }
}

/// A running import.
struct Import {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

/// How an import ended.
struct Ended {
    code: Option<i32>,
    /// What it said after the first signal.
    said: String,
    stdout: String,
}

impl Ended {
    fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.said))
    }
}

impl Import {
    fn start(database: &TestDatabase, file: &Path, args: &[&str]) -> Self {
        let mut child = sheetload()
            .arg("import")
            .arg(file)
            .args(args)
            .args(["--database-url", &database.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    fn signal(&self, signal: Signal) {
        kill(
            Pid::from_raw(i32::try_from(self.child.id()).unwrap()),
            signal,
        )
        .unwrap();
    }

    /// Sends a signal and waits until the program says that it has got it.
    fn interrupt(&mut self, signal: Signal) {
        self.signal(signal);
        let mut line = String::new();
        while !line.contains("stopping after the batches in hand") {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended");
        }
    }

    fn end(mut self) -> Ended {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        let code = self.child.wait().unwrap().code();
        Ended { code, said, stdout }
    }
}

/// Waits for something outside of this process, with a limit that only a broken test reaches.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const MODES: [(&str, &str); 3] = [("sequential", "1"), ("concurrent", "2"), ("batch", "2")];

/// All or nothing, as batch mode does it.
fn all_args() -> Vec<&'static str> {
    vec![
        "--table",
        "numbered",
        "--batch-size",
        "100",
        "--workers",
        "2",
    ]
}

/// What is committed on the way stays.
fn mode_args<'a>(mode: &'a str, workers: &'a str) -> Vec<&'a str> {
    let mut args = vec!["--table", "numbered", "--batch-size", "100", "--mode", mode];
    if mode != "sequential" {
        args.extend(["--workers", workers]);
    }
    if mode == "batch" {
        args.extend(["--commit", "batch"]);
    }
    args
}

/// What is said when rows stay, with the load's id for the way on.
fn stays(committed: u64, report: &Value) -> String {
    let id = report["load_id"].as_str().unwrap();
    format!(
        "sheetload: interrupted: {committed} rows were committed to public.numbered and stay there; \
         go on with `sheetload resume {id}`\n"
    )
}

#[tokio::test]
async fn the_first_signal_lets_the_batches_in_hand_finish() {
    for (mode, workers) in MODES {
        let signals = if mode == "batch" {
            vec![Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        } else {
            vec![Signal::SIGINT]
        };
        for signal in signals {
            let stage = Stage::new(GATE).await;
            stage
                .database
                .query("create table numbered (id int primary key, name text)");
            let mut args = mode_args(mode, workers);
            args.push("--json");
            let mut import = stage.import(&args);
            stage.wait_for_waiting(workers.parse().unwrap());
            import.interrupt(signal);
            stage.open_gate().await;
            let ended = import.end();
            assert_eq!(ended.code, Some(130), "{mode}: {}", ended.said);
            // Three batches before the gate, and one in the hands of each worker.
            let committed = 300 + 100 * workers.parse::<u64>().unwrap();
            assert_eq!(stage.count("numbered"), committed, "{mode}");
            let report = ended.report();
            assert_eq!(report["success_count"], committed, "{mode}");
            assert_eq!(report["error_count"], 0, "{mode}");
            assert_eq!(report["state"], "interrupted", "{mode}");
            assert_eq!(ended.said, stays(committed, &report));
            stage.assert_nothing_left(&["numbered"]);
            assert_eq!(stage.recorded(), ("interrupted".to_owned(), committed));
            stage.assert_resumes();
        }
    }
}

#[tokio::test]
async fn by_default_nothing_of_an_interrupted_load_stays() {
    for signals in [
        &[Signal::SIGINT][..],
        &[Signal::SIGTERM],
        &[Signal::SIGHUP],
        &[Signal::SIGINT, Signal::SIGINT],
        &[Signal::SIGTERM, Signal::SIGINT],
        &[Signal::SIGHUP, Signal::SIGHUP],
    ] {
        let stage = Stage::new(GATE).await;
        stage.database.query(
            "create table numbered (id int primary key, name text); \
             insert into numbered values (0, 'old')",
        );
        let mut import = stage.import(&[&all_args()[..], &["--json"]].concat());
        // One connection writes.
        stage.wait_for_waiting(1);
        import.interrupt(signals[0]);
        match signals.get(1) {
            Some(second) => import.signal(*second),
            None => stage.open_gate().await,
        }
        let ended = import.end();
        assert_eq!(ended.code, Some(130), "{}", ended.said);
        assert_eq!(
            ended.said,
            "sheetload: interrupted: nothing was committed\n"
        );
        let report = ended.report();
        assert_eq!(report["success_count"], 0);
        assert_eq!(report["state"], "interrupted");
        stage.assert_nothing_left(&["numbered"]);
        assert_eq!(stage.database.value("select name from numbered"), "old");
        assert_eq!(stage.recorded(), ("interrupted".to_owned(), 0));
        if signals.len() > 1 {
            stage.open_gate().await;
        }
        stage.database.query("truncate numbered");
        if signals[0] == Signal::SIGINT {
            stage.assert_resumes();
        } else {
            // Nothing of the file is there, so nothing is refused.
            let file = stage.directory.path().join("numbered.xlsx");
            let again = Import::start(&stage.database, &file, &all_args()).end();
            assert_eq!(again.code, Some(0), "{}", again.said);
            assert_eq!(stage.count("numbered"), u64::from(ROWS));
        }
    }
}

#[tokio::test]
async fn the_second_signal_ends_it_while_a_batch_waits_for_a_lock() {
    for (mode, workers) in MODES {
        for second in [Signal::SIGINT, Signal::SIGTERM] {
            let stage = Stage::new(GATE).await;
            stage
                .database
                .query("create table numbered (id int primary key, name text)");
            let mut args = mode_args(mode, workers);
            args.push("--json");
            let mut import = stage.import(&args);
            stage.wait_for_waiting(workers.parse().unwrap());
            import.interrupt(Signal::SIGINT);
            import.signal(second);
            // The gate is still shut.
            let ended = import.end();
            assert_eq!(ended.code, Some(130), "{mode}: {}", ended.said);
            stage.assert_nothing_left(&["numbered"]);
            stage.open_gate().await;
            // Row by row, those before the gate are in; of a COPY's rows all or none.
            let committed = stage.count("numbered");
            let before_gate = if mode == "batch" { 300 } else { 349 };
            assert_eq!(committed, before_gate, "{mode}");
            assert_eq!(ended.report()["success_count"], committed, "{mode}");
            assert_eq!(ended.report()["state"], "interrupted", "{mode}");
            assert_eq!(stage.recorded(), ("interrupted".to_owned(), committed));
            stage.assert_resumes();
        }
    }
}

#[tokio::test]
async fn a_created_table_without_rows_is_removed() {
    for commit in ["all", "batch"] {
        for forced in [false, true] {
            // From the first row on, all wait.
            let stage = Stage::new(1).await;
            let args = ["--batch-size", "100", "--workers", "2", "--commit", commit];
            let mut import = stage.import(&args);
            stage.wait_for_waiting(2);
            import.interrupt(Signal::SIGINT);
            if forced {
                import.signal(Signal::SIGINT);
            } else {
                stage.open_gate().await;
            }
            let ended = import.end();
            assert_eq!(ended.code, Some(130));
            if !forced && commit == "batch" {
                assert_eq!(stage.count("numbered"), 200);
                assert!(
                    ended.said.contains("200 rows were committed"),
                    "{}",
                    ended.said
                );
                stage.assert_nothing_left(&["numbered"]);
                assert_eq!(stage.recorded(), ("interrupted".to_owned(), 200));
            } else {
                assert_eq!(
                    ended.said,
                    "sheetload: interrupted: nothing was committed, and no table was created\n"
                );
                assert_eq!(ended.stdout, "");
                stage.assert_nothing_left(&[]);
                assert_eq!(stage.recorded(), ("interrupted".to_owned(), 0));
            }
            if forced {
                stage.open_gate().await;
            }
            stage.assert_resumes();
        }
    }
}

#[tokio::test]
async fn a_replacement_that_is_interrupted_leaves_the_old_rows() {
    for forced in [false, true] {
        let stage = Stage::new(GATE).await;
        stage.database.query(
            "create table numbered (id int, name text); insert into numbered values (7, 'old')",
        );
        let args = [&all_args()[..], &["--if-exists", "replace", "--json"]].concat();
        let mut import = stage.import(&args);
        stage.wait_for_waiting(2);
        import.interrupt(Signal::SIGTERM);
        if forced {
            import.signal(Signal::SIGTERM);
        } else {
            stage.open_gate().await;
        }
        let ended = import.end();
        assert_eq!(ended.code, Some(130), "{}", ended.said);
        assert_eq!(ended.report()["success_count"], 0);
        assert_eq!(
            ended.said,
            "sheetload: interrupted: nothing was committed\n"
        );
        stage.assert_nothing_left(&["numbered"]);
        assert_eq!(stage.database.value("select name from numbered"), "old");
        assert_eq!(stage.recorded(), ("interrupted".to_owned(), 0));
    }
}

#[tokio::test]
async fn a_replacement_that_waits_to_be_put_in_place_can_be_stopped() {
    // A table with a trigger is emptied and filled at the end, a plain one makes way for its copy.
    for made_plain in [
        "",
        "; drop event trigger add_gate; drop trigger gate on numbered",
    ] {
        stopped_before_it_is_put_in_place(made_plain).await;
    }
}

async fn stopped_before_it_is_put_in_place(made_plain: &str) {
    let stage = Stage::new(ROWS + 1).await;
    stage.database.query(&format!(
        "create table numbered (id int, name text); insert into numbered values (7, 'old'){made_plain}"
    ));
    // A reader keeps the table from being touched at the end.
    let mut reader = stage.database.connect().await;
    let reading = reader.transaction().await.unwrap();
    reading
        .batch_execute("select * from numbered")
        .await
        .unwrap();
    let args = [&all_args()[..], &["--if-exists", "replace", "--json"]].concat();
    let mut import = stage.import(&args);
    stage.wait_for_waiting(1);
    import.interrupt(Signal::SIGINT);
    import.signal(Signal::SIGINT);
    let ended = import.end();
    reading.rollback().await.unwrap();
    assert_eq!(ended.code, Some(130), "{}", ended.said);
    assert_eq!(ended.report()["success_count"], 0);
    assert_eq!(ended.report()["state"], "interrupted");
    stage.assert_nothing_left(&["numbered"]);
    assert_eq!(stage.database.value("select name from numbered"), "old");
    assert_eq!(stage.recorded(), ("interrupted".to_owned(), 0));
    stage.assert_resumes();
}

#[tokio::test]
async fn a_table_that_cannot_be_emptied_yet_keeps_its_rows() {
    for commit in ["all", "batch"] {
        let stage = Stage::new(GATE).await;
        stage.database.query(
            "create table numbered (id int, name text); insert into numbered values (7, 'old')",
        );
        let mut reader = stage.database.connect().await;
        let reading = reader.transaction().await.unwrap();
        reading
            .batch_execute("select * from numbered")
            .await
            .unwrap();
        let import = stage.import(&["--if-exists", "truncate", "--commit", commit]);
        stage.wait_for_waiting(1);
        // Once is enough: nothing is in hand.
        import.signal(Signal::SIGINT);
        let ended = import.end();
        assert_eq!(ended.code, Some(130), "{commit}: {}", ended.said);
        assert!(
            ended
                .said
                .ends_with("sheetload: interrupted before anything was loaded\n"),
            "{commit}: {}",
            ended.said
        );
        reading.rollback().await.unwrap();
        stage.assert_nothing_left(&["numbered"]);
        assert_eq!(stage.database.value("select name from numbered"), "old");
        assert_eq!(stage.recorded(), ("interrupted".to_owned(), 0), "{commit}");
    }
}

#[tokio::test]
async fn a_signal_while_types_are_found_creates_nothing() {
    let stage = Stage::new(1).await;
    let file = stage.directory.path().join("orders.xlsx");
    let made = sheetload()
        .args(["sample", "--rows", "100000", "--shape", "orders", "-o"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success());
    let import = Import::start(&stage.database, &file, &[]);
    // Looking for the table is the last that the server hears before the rows are read for their types.
    wait_for("the table to be looked for", || {
        stage.database.value(
            "select count(*)::text from pg_stat_activity where application_name = 'sheetload' \
             and datname = current_database() and query like '%pg_class c join%to_regclass($1)%'",
        ) == "1"
    });
    import.signal(Signal::SIGINT);
    let ended = import.end();
    assert_eq!(ended.code, Some(130), "{}", ended.said);
    assert_eq!(ended.stdout, "");
    assert!(
        ended
            .said
            .ends_with("sheetload: interrupted before anything was loaded\n"),
        "{}",
        ended.said
    );
    stage.assert_nothing_left(&[]);
    // Nothing had begun that could be recorded.
    let ledger = "select (to_regnamespace('sheetload') is null)::text";
    assert_eq!(stage.database.value(ledger), "true");
}

#[test]
fn ctrl_c_in_the_terminal_does_not_reach_the_private_server() {
    let base = server_directory();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rows.xlsx");
    let made = sheetload()
        .args(["sample", "--rows", "10", "-o"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success());
    // A process group of its own, as a shell makes it for a command.
    let import = sheetload_at(&base)
        .args(["import", "--database-url", "private"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Pid::from_raw(i32::try_from(import.id()).unwrap());
    assert!(import.wait_with_output().unwrap().status.success());
    let status = sheetload_at(&base)
        .args(["db", "status", "--json"])
        .output()
        .unwrap();
    let status: Value = serde_json::from_str(&stdout(&status)).unwrap();
    let server = Pid::from_raw(i32::try_from(status["pid"].as_i64().unwrap()).unwrap());
    assert_ne!(getpgid(Some(server)).unwrap(), group);
    stdout(
        &sheetload_at(&base)
            .args(["db", "destroy", "--yes"])
            .output()
            .unwrap(),
    );
}

/// A workbook whose fifth batch of 100 does not fit the types of the first rows.
fn widening_workbook(stage: &Stage) -> PathBuf {
    let path = stage.directory.path().join("numbered.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["id", "name"]).unwrap();
    for row in 1..=ROWS {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, row).unwrap();
    }
    sheet.write(450, 1, "a word").unwrap();
    workbook.save(&path).unwrap();
    path
}

fn start_widening(stage: &Stage, mode: &str, workers: &str) -> Import {
    let mut args = mode_args(mode, workers);
    args.extend(["--infer-rows", "10", "--json"]);
    Import::start(&stage.database, &widening_workbook(stage), &args)
}

fn type_of_name(stage: &Stage) -> String {
    stage.database.value(
        "select format_type(atttypid, atttypmod) from pg_attribute \
         where attrelid = 'numbered'::regclass and attname = 'name'",
    )
}

#[tokio::test]
async fn a_signal_while_batches_are_waited_for_keeps_the_columns_as_they_are() {
    for (mode, workers) in MODES {
        let stage = Stage::new(GATE).await;
        let mut import = start_widening(&stage, mode, workers);
        // The fourth batch waits for the gate, and the reader for the fourth batch.
        stage.wait_for_waiting(1);
        wait_for("the batches before it", || stage.count("numbered") >= 300);
        import.interrupt(Signal::SIGINT);
        stage.open_gate().await;
        let ended = import.end();
        assert_eq!(ended.code, Some(130), "{mode}: {}", ended.said);
        assert_eq!(stage.count("numbered"), 400, "{mode}");
        assert_eq!(ended.report()["success_count"], 400, "{mode}");
        assert_eq!(type_of_name(&stage), "bigint", "{mode}");
        stage.assert_nothing_left(&["numbered"]);
        assert_eq!(stage.recorded(), ("interrupted".to_owned(), 400), "{mode}");
        stage.assert_resumes();
        assert_eq!(type_of_name(&stage), "text", "{mode}");
    }
}

#[tokio::test]
async fn by_default_a_signal_while_batches_are_waited_for_leaves_no_table() {
    for forced in [false, true] {
        let stage = Stage::new(GATE).await;
        let args = [&all_args()[..], &["--infer-rows", "10", "--json"]].concat();
        let mut import = Import::start(&stage.database, &widening_workbook(&stage), &args);
        stage.wait_for_waiting(1);
        wait_for("the batches before it", || {
            stage.count("sheetload.batches") >= 3
        });
        import.interrupt(Signal::SIGINT);
        if forced {
            import.signal(Signal::SIGTERM);
        } else {
            stage.open_gate().await;
        }
        let ended = import.end();
        assert_eq!(ended.code, Some(130), "{}", ended.said);
        assert_eq!(ended.report()["success_count"], 0);
        stage.assert_nothing_left(&[]);
        assert_eq!(stage.count("sheetload.batches"), 0);
        assert_eq!(stage.recorded(), ("interrupted".to_owned(), 0));
        if forced {
            stage.open_gate().await;
        }
        stage.assert_resumes();
        assert_eq!(type_of_name(&stage), "text");
    }
}

#[tokio::test]
async fn one_signal_ends_a_load_whose_column_waits_for_a_lock() {
    for (mode, workers) in MODES {
        let stage = Stage::new(GATE).await;
        let mut import = start_widening(&stage, mode, workers);
        stage.wait_for_waiting(1);
        wait_for("the batches before", || stage.count("numbered") >= 300);
        // Whoever reads the table keeps it from being changed, but not from being written.
        let reader = stage.database.connect().await;
        let lock = "begin; lock table numbered in access share mode";
        reader.batch_execute(lock).await.unwrap();
        stage.open_gate().await;
        wait_for("the change of the column to wait", || {
            stage.database.value(
                "select (count(*) = 1)::text from pg_stat_activity \
                 where application_name = 'sheetload' and wait_event_type = 'Lock' \
                   and datname = current_database() and query like '%alter table%'",
            ) == "true"
        });
        import.interrupt(Signal::SIGINT);
        let ended = import.end();
        assert_eq!(ended.code, Some(130), "{mode}: {}", ended.said);
        assert_eq!(ended.said, stays(400, &ended.report()), "{mode}");
        reader.batch_execute("rollback").await.unwrap();
        assert_eq!(stage.count("numbered"), 400, "{mode}");
        assert_eq!(type_of_name(&stage), "bigint", "{mode}");
        stage.assert_nothing_left(&["numbered"]);
        assert_eq!(stage.recorded(), ("interrupted".to_owned(), 400), "{mode}");
        stage.assert_resumes();
    }
}
