//! Servers that are not there yet, and networks that swallow everything: how long they are borne, and what is said.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rust_xlsxwriter::Workbook;

use crate::support::program::sheetload;
use crate::support::proxy::{At, Fault, Proxy, Then};
use crate::support::server::TestDatabase;

const ROWS: u32 = 2_000;
const MODES: [&[&str]; 5] = [
    &["--mode", "batch", "--commit", "all"],
    &["--mode", "batch", "--commit", "batch"],
    &["--mode", "batch", "--commit", "batch", "--no-ledger"],
    &["--mode", "sequential"],
    &["--mode", "concurrent", "--no-ledger"],
];

struct Case {
    database: TestDatabase,
    proxy: Proxy,
    directory: tempfile::TempDir,
}

struct Ended {
    code: Option<i32>,
    said: String,
}

impl Case {
    fn new() -> Self {
        let database = TestDatabase::create();
        Self {
            proxy: Proxy::start(database.port()),
            directory: tempfile::tempdir().unwrap(),
            database,
        }
    }

    /// A workbook of rows with ids from 1.
    fn workbook(&self) -> PathBuf {
        let path = self.directory.path().join("rows.xlsx");
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

    fn with_table(self) -> Self {
        self.database.query("create table rows (id int, name text)");
        self
    }

    fn url(&self) -> String {
        self.database.url_through(self.proxy.port())
    }

    fn import(&self, file: &Path, args: &[&str]) -> Command {
        let mut command = sheetload();
        command
            .arg("import")
            .arg(file)
            .args(["--table", "rows", "--batch-size", "100"])
            .args(["--database-url", &self.url()])
            .args(args);
        command
    }

    /// The ids that the table has, each once: whether they are the first ones, and how many.
    fn rows(&self) -> u32 {
        let rows = self
            .database
            .query("select count(*)::text, count(distinct id)::text from rows");
        assert_eq!(rows[0][0], rows[0][1], "rows are there twice");
        rows[0][0].as_ref().unwrap().parse().unwrap()
    }

    fn wait_for_sessions_to_end(&self) {
        let left = "select count(*)::text from pg_stat_activity \
                    where application_name = 'sheetload' and datname = current_database()";
        while self.database.value(left) != "0" {
            std::thread::yield_now();
        }
    }

    fn finish(&self, load_command: &[&str]) {
        let direct = self.database.url();
        let output = sheetload()
            .args(load_command)
            .args(["--quiet", "--database-url", &direct])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(self.rows(), ROWS);
    }
}

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(mut child: Child) -> Ended {
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    Ended {
        code: child.wait().unwrap().code(),
        said,
    }
}

#[test]
fn a_server_that_is_not_there_yet_is_tried_again_by_every_command() {
    let case = Case::new();
    let file = case.workbook();
    for args in [&["--no-ledger", "--mode", "sequential"][..], &[]] {
        case.database.query("drop table if exists rows");
        case.proxy.refuse_next(2);
        let ended = end(start(&mut case.import(&file, args)));
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(
            ended.said.contains("; trying again for up to 30 s\n"),
            "{}",
            ended.said
        );
        assert!(
            ended.said.contains("sheetload: connected again\n"),
            "{}",
            ended.said
        );
        assert_eq!(case.rows(), ROWS);
    }
    let id = case.database.value("select id::text from sheetload.loads");
    for command in [&["history"][..], &["undo", &id], &["migrate"]] {
        case.proxy.refuse_next(1);
        let ended = end(start(sheetload().args(command).args(["-d", &case.url()])));
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.said);
        assert!(ended.said.contains("trying again"), "{}", ended.said);
    }
    assert_eq!(case.proxy.refused(), 7);
}

#[test]
fn a_server_that_starts_and_a_role_without_a_connection_are_tried_again() {
    let case = Case::new();
    let file = case.workbook();
    let role = format!("few_{}", case.database.name());
    case.database.query(&format!(
        "create role {role} login password 'x' connection limit 0; grant create on schema public to {role}"
    ));
    let port = case.database.port();
    let url = format!(
        "postgresql://{role}:x@127.0.0.1:{port}/{}",
        case.database.name()
    );
    let mut child = start(sheetload().arg("import").arg(&file).args([
        "--table",
        "rows",
        "--no-ledger",
        "-d",
        &url,
    ]));
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("trying again"), "{line}");
    case.database
        .query(&format!("alter role {role} connection limit -1"));
    said.read_to_string(&mut line).unwrap();
    assert!(child.wait().unwrap().success(), "{line}");
    assert_eq!(case.rows(), ROWS);
    case.database
        .query(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    let case = Case::new();
    let file = case.workbook();
    let (good, name) = (case.database.url(), case.database.name());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (url, args) in [
        (
            good.replace(&format!("/{name}"), "/no_such_database"),
            &[][..],
        ),
        (good.replace("postgresql://", "postgresql://nobody_"), &[]),
        (format!("{good}?sslmode=verify-full"), &[]),
        (format!("postgresql://a@{closed}/b"), &["--retry-for", "0"]),
    ] {
        let mut command = sheetload();
        command
            .arg("import")
            .arg(&file)
            .args(["-d", &url])
            .args(args);
        let ended = end(start(&mut command));
        assert_eq!(ended.code, Some(5), "{url}: {}", ended.said);
        assert!(!ended.said.contains("trying again"), "{}", ended.said);
    }
}

#[test]
fn a_network_that_swallows_everything_is_given_up() {
    // All at once, since they spend their time waiting.
    std::thread::scope(|scope| {
        for args in MODES {
            scope.spawn(move || swallowed(args));
        }
    });
}

/// Everything is swallowed in the midst of the rows, and comes back when the load has ended.
fn swallowed(args: &[&str]) {
    let case = Case::new().with_table();
    let file = case.workbook();
    let is_recorded = !args.contains(&"--no-ledger");
    case.proxy.add(rows_under_way(args, Then::Silence));
    let args = [args, &["--retry-for", "1s"]].concat();
    let ended = end(start(
        case.import(&file, &args).env("PGCONNECT_TIMEOUT", "2"),
    ));
    assert_eq!(ended.code, Some(5), "{args:?}: {}", ended.said);
    assert!(
        ended.said.contains("the server has not answered for"),
        "{}",
        ended.said
    );
    case.proxy.cut_all();
    case.wait_for_sessions_to_end();
    assert!(case.rows() < ROWS, "{args:?}");
    if is_recorded {
        case.finish(&["resume"]);
    }
}

fn rows_under_way(args: &[&str], then: Then) -> Fault {
    match args.contains(&"batch") {
        true => Fault::new(At::SentRows, 3, then),
        false => Fault::new(At::Done("INSERT"), 20, then),
    }
}

#[test]
fn one_signal_ends_a_load_whose_server_is_silent() {
    std::thread::scope(|scope| {
        for args in MODES {
            for then in [Then::Silence, Then::Stall] {
                scope.spawn(move || interrupted(args, then));
            }
        }
    });
}

fn interrupted(args: &[&str], then: Then) {
    let case = Case::new().with_table();
    let file = case.workbook();
    let is_recorded = !args.contains(&"--no-ledger");
    case.proxy.add(rows_under_way(args, then));
    let args = [args, &["--retry-for", "10m", "--workers", "1"]].concat();
    let args: Vec<&str> = match args.contains(&"sequential") {
        true => args[..args.len() - 2].to_vec(),
        false => args,
    };
    let child = start(&mut case.import(&file, &args));
    case.proxy.wait_for_faults(1);
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let ended = end(child);
    let what = format!("{args:?} {then:?}: {}", ended.said);
    case.proxy.cut_all();
    case.wait_for_sessions_to_end();
    assert!(case.rows() < ROWS, "{what}");
    if is_recorded {
        assert_eq!(ended.code, Some(130), "{what}");
        assert!(ended.said.contains("The server does not answer"), "{what}");
        case.finish(&["resume"]);
    } else {
        // A commit may be under way of which nothing tells.
        assert!(matches!(ended.code, Some(5 | 130)), "{what}");
    }
}
