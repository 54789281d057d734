//! Loads that wait for somebody else's lock: what is said meanwhile, and who is named.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use rust_xlsxwriter::Workbook;
use tokio_postgres::Client;

use crate::support::import::rows;
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

struct Case {
    database: TestDatabase,
    directory: tempfile::TempDir,
    /// The session that holds locks.
    holder: Client,
    pid: i32,
}

/// A load that runs.
struct Load {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Load {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Reads on stderr until a line has this text.
    fn wait_for_line(&mut self, text: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let length = self.stderr.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "no line with {text:?} but: {all}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
            all.push_str(&line);
        }
    }

    /// The exit code and the rest of what it said, after its end.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut said, mut out) = (String::new(), String::new());
        self.stderr.read_to_string(&mut said).unwrap();
        let mut stdout = self.child.stdout.take().unwrap();
        stdout.read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), said, out)
    }
}

impl Case {
    async fn new() -> Self {
        let database = TestDatabase::create();
        database.query("create table lk (id int primary key, name text)");
        let holder = database.connect().await;
        let pid = holder
            .query_one("select pg_backend_pid()", &[])
            .await
            .unwrap()
            .get(0);
        Self {
            database,
            directory: tempfile::tempdir().unwrap(),
            holder,
            pid,
        }
    }

    fn workbook(&self) -> PathBuf {
        let path = self.directory.path().join("l.xlsx");
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.write_row(0, 0, ["id", "name"]).unwrap();
        for row in 1..=3 {
            sheet.write(row, 0, row).unwrap();
            sheet.write(row, 1, "a").unwrap();
        }
        workbook.save(&path).unwrap();
        path
    }

    fn import(&self, url: &str, args: &[&str]) -> Command {
        let mut command = sheetload();
        command
            .arg("import")
            .arg(self.workbook())
            .args(["--table", "lk", "--database-url", url])
            .args(args);
        command
    }

    async fn hold(&self, sql: &str) {
        self.holder
            .batch_execute(&format!("begin; {sql}"))
            .await
            .unwrap();
    }

    async fn release(&self) {
        self.holder.batch_execute("rollback").await.unwrap();
    }

    fn assert_loaded(&self, what: &str) {
        let loaded = rows(
            &self.database,
            "select id::text || name from lk order by id",
        );
        assert_eq!(loaded, ["1a", "2a", "3a"], "{what}");
    }
}

#[tokio::test]
async fn a_load_says_whose_lock_it_waits_for() {
    let case = Case::new().await;
    let ways: [&[&str]; 9] = [
        &["--json"],
        &["--no-ledger"],
        &["--commit", "batch"],
        &["--mode", "sequential"],
        &["--mode", "concurrent", "--no-ledger"],
        &["--if-exists", "truncate"],
        &["--if-exists", "replace"],
        &["--key", "id", "--on-conflict", "update"],
        &["--dry-run"],
    ];
    for args in ways {
        case.database.query("truncate lk");
        case.hold("lock table lk in access exclusive mode").await;
        let again = [args, &["--again"]].concat();
        let mut load = Load::start(&mut case.import(&case.database.url(), &again));
        let line = load.wait_for_line("waiting for");
        let expected = format!(
            "sheetload: waiting for a lock on public.lk held by pid {} (idle in transaction for ",
            case.pid
        );
        assert!(line.starts_with(&expected), "{args:?}: {line}");
        assert!(line.ends_with(" s)"), "{args:?}: {line}");
        case.release().await;
        load.wait_for_line("no longer waiting for a lock, after ");
        let (code, said, out) = load.end();
        assert_eq!(code, Some(0), "{args:?}: {said}");
        if args == ["--json"] {
            serde_json::from_str::<serde_json::Value>(&out).unwrap();
        }
        if args != ["--dry-run"] {
            case.assert_loaded(&format!("{args:?}"));
        }
    }
}

#[tokio::test]
async fn a_row_that_another_transaction_has_is_named_by_its_table() {
    let case = Case::new().await;
    // A key that another transaction has inserted, which may roll back.
    case.hold("insert into lk values (2, 'b')").await;
    let mut load = Load::start(&mut case.import(&case.database.url(), &[]));
    let line = load.wait_for_line("waiting for");
    assert!(
        line.contains(&format!(
            "waiting for the end of another transaction held by pid {}",
            case.pid
        )),
        "{line}"
    );
    case.release().await;
    let (code, said, _) = load.end();
    assert_eq!(code, Some(0), "{said}");
    case.assert_loaded("key");
}

#[tokio::test]
async fn an_ordinary_role_is_told_the_process_alone() {
    let case = Case::new().await;
    let role = format!("plain_{}", case.database.name());
    case.database.query(&format!(
        "create role {role} login password 'x'; grant insert, select on lk to {role}"
    ));
    let url = format!(
        "postgresql://{role}:x@127.0.0.1:{}/{}",
        case.database.port(),
        case.database.name()
    );
    case.hold("lock table lk in share row exclusive mode").await;
    let mut load = Load::start(&mut case.import(&url, &["--no-ledger"]));
    let line = load.wait_for_line("waiting for");
    let expected = format!(
        "sheetload: waiting for a lock on public.lk held by pid {}",
        case.pid
    );
    assert_eq!(line, expected);
    case.release().await;
    assert_eq!(load.end().0, Some(0));
    case.assert_loaded("ordinary role");
    case.database
        .query(&format!("drop owned by {role}; drop role {role}"));
}
