//! `sheetload compare`, end to end: what it reports, and that it leaves nothing behind, however it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::import::rows;
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::wait_for;

fn sample_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/businesses.xlsx")
}

/// A workbook of 300 orders.
fn orders_file(directory: &Path) -> PathBuf {
    let file = directory.join("orders.xlsx");
    let output = sheetload()
        .args(["sample", "--rows", "300", "--shape", "orders", "-o"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    file
}

fn compare(database: &TestDatabase, file: &Path, args: &[&str]) -> Output {
    sheetload()
        .arg("compare")
        .arg(file)
        .args(["--database-url", &database.url()])
        .args(args)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

fn migrate(database: &TestDatabase) {
    let output = sheetload()
        .args(["migrate", "--database-url", &database.url()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Everything that the user's schemas hold: tables, sequences, indexes, and how far the sequences are.
fn everything(database: &TestDatabase) -> Vec<Vec<Option<String>>> {
    database.query(
        "select relname::text, relkind::text, null from pg_class \
         where relnamespace::regnamespace::text in ('public', 'shop') \
         union all select sequencename::text, schemaname::text, last_value::text from pg_sequences \
         order by 1, 2, 3",
    )
}

#[test]
fn the_modes_load_the_same_rows_and_leave_nothing_behind() {
    let database = TestDatabase::create();
    migrate(&database);
    database.query("insert into businesses (name) values ('Old Ltd')");
    let before = everything(&database);
    let output = compare(
        &database,
        &sample_file(),
        &[
            "--runs",
            "2",
            "--workers",
            "2",
            "--batch-size",
            "3000",
            "--json",
        ],
    );
    let report = report(&output);
    assert_eq!(report["table"], "public.businesses");
    assert_eq!(report["table_exists"], true);
    assert_eq!(report["rows"], 10_000);
    // Run by run, and each run begins with another mode.
    let samples = report["samples"].as_array().unwrap();
    let order: Vec<(&str, u64)> = samples
        .iter()
        .map(|sample| {
            (
                sample["mode"].as_str().unwrap(),
                sample["run"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        order,
        [
            ("sequential", 1),
            ("concurrent", 1),
            ("batch", 1),
            ("concurrent", 2),
            ("batch", 2),
            ("sequential", 2),
        ]
    );
    for sample in samples {
        assert_eq!(sample["rows"], 9_987);
        assert_eq!(sample["rejected"], 13);
        assert!(sample["seconds"].as_f64().unwrap() > 0.0);
    }
    let workers: Vec<u64> = report["modes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mode| mode["workers"].as_u64().unwrap())
        .collect();
    assert_eq!(workers, [1, 2, 2]);
    assert_eq!(report["modes"][0]["speed_up"], 1.0);
    assert_eq!(report["modes"][2]["batch_size"], 3_000);
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("round 2/2 batch"), "{progress}");
    assert_eq!(everything(&database), before);
    assert_eq!(database.value("select count(*)::text from businesses"), "1");
}

#[test]
fn a_missing_target_stays_missing() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = orders_file(directory.path());
    let before = everything(&database);
    let report = report(&compare(
        &database,
        &file,
        &["--runs", "1", "--json", "--quiet"],
    ));
    assert_eq!(report["table_exists"], false);
    assert_eq!(report["loaded"], 300);
    assert_eq!(everything(&database), before);
}

#[test]
fn every_kind_of_default_and_type_is_taken_over_and_no_sequence_moves() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = orders_file(directory.path());
    // json has no equality, one sequence is shared by two columns and has an awkward name, one default uses it twice.
    database.query(
        "create schema shop; set search_path = shop; \
         create sequence \"Odd's \"\"Seq\"; \
         create unlogged table \"The Orders\" ( \
            id serial primary key, number bigint generated always as identity, \
            label text default 'L' || nextval('\"Odd''s \"\"Seq\"') || '-' || nextval('\"Odd''s \"\"Seq\"'), \
            other int default nextval('\"Odd''s \"\"Seq\"'), \
            order_id int, order_code text, transaction_id numeric, customer varchar(80), country text, sku text, \
            quantity int, unit_price numeric(12, 2), discount text, shipping money, total json, weight real, \
            rating jsonb, order_date date, created_at timestamptz, shipped_at timestamptz, delivery_time timetz, \
            paid boolean, gift boolean, note text, twice int generated always as (quantity * 2) stored, \
            check (order_id > 0)); \
         create index on \"The Orders\" using hash (customer); \
         insert into \"The Orders\" (order_id) values (7)",
    );
    let before = everything(&database);
    let output = compare(
        &database,
        &file,
        &[
            "--table",
            "shop.The Orders",
            "--runs",
            "1",
            "--workers",
            "2",
            "--json",
            "-q",
        ],
    );
    assert_eq!(report(&output)["loaded"], 300);
    assert!(output.stderr.is_empty(), "{output:?}");
    assert_eq!(everything(&database), before);
}

#[test]
fn modes_that_differ_are_an_error_that_names_them() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("numbers.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "Number").unwrap();
    for row in 1..=10 {
        sheet.write(row, 0, row).unwrap();
    }
    workbook.save(&file).unwrap();
    // A check that refuses one row and never again: only the mode that goes first meets it.
    database.query(
        "create sequence calls; \
         create function not_the_fifth() returns boolean language sql as $$ select nextval('public.calls') <> 5 $$; \
         create table numbers (number int check (not_the_fifth()))",
    );
    let output = compare(&database, &file, &["--runs", "1", "--quiet"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("sequential (run 1) loaded 9 rows and rejected 1")
            && stderr.contains("concurrent (run 1) loaded 10 rows and rejected 0"),
        "{stderr}"
    );
    assert_nothing_left(&database);
}

/// A comparison that goes on, and whose tables are there.
struct Going {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Going {
    fn start(database: &TestDatabase) -> Self {
        let mut child = sheetload()
            .arg("compare")
            .arg(sample_file())
            .args(["--database-url", &database.url(), "--runs", "1000"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first_line = String::new();
        stderr.read_line(&mut first_line).unwrap();
        assert!(
            first_line.contains("throw-away tables are ready"),
            "{first_line}"
        );
        Self { child, stderr }
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Its exit code and what it still said.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn an_interrupted_comparison_drops_its_tables() {
    let database = TestDatabase::create();
    migrate(&database);
    for signals in [
        &[Signal::SIGINT][..],
        &[Signal::SIGTERM],
        &[Signal::SIGHUP],
        &[Signal::SIGINT, Signal::SIGTERM],
    ] {
        let going = Going::start(&database);
        for signal in signals {
            going.send(*signal);
        }
        let (code, rest) = going.end();
        assert_eq!(code, Some(130), "{rest}");
        assert!(rest.contains("interrupted"), "{rest}");
        assert_nothing_left(&database);
    }
}

#[test]
fn what_a_killed_comparison_leaves_the_next_one_drops_and_nothing_of_a_living_one() {
    let database = TestDatabase::create();
    migrate(&database);
    let left = || {
        let query = "select relname::text from pg_class where relkind = 'r' and relname like 'sheetload_compare%' order by 1";
        rows(&database, query)
    };
    let killed = Going::start(&database);
    killed.send(Signal::SIGKILL);
    killed.end();
    wait_for("the sessions of the killed comparison to end", || {
        database.value(
            "select count(*)::text from pg_stat_activity \
             where application_name = 'sheetload' and datname = current_database()",
        ) == "0"
    });
    let of_killed = left();
    assert_eq!(of_killed.len(), 3, "{of_killed:?}");
    // Somebody's own table is nobody's to drop, whatever its name.
    database.query("create table sheetload_compare_1_1_batch (id int)");

    let living = Going::start(&database);
    let of_living = left();
    assert_eq!(of_living.len(), 4, "{of_living:?}");
    assert!(
        of_killed.iter().all(|table| !of_living.contains(table)),
        "{of_living:?}"
    );
    let directory = tempfile::tempdir().unwrap();
    let file = orders_file(directory.path());
    report(&compare(
        &database,
        &file,
        &["--runs", "1", "--json", "--quiet"],
    ));
    assert_eq!(left(), of_living);
    living.send(Signal::SIGTERM);
    assert_eq!(living.end().0, Some(130));
    assert_eq!(left(), ["sheetload_compare_1_1_batch"]);
}

fn assert_nothing_left(database: &TestDatabase) {
    let left = database
        .query("select relname::text from pg_class where relname like 'sheetload_compare%'");
    assert!(left.is_empty(), "{left:?}");
}
