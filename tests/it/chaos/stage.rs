//! A database with a table as it is before a load, the program over it, and what may be in the table at any time.

use std::collections::BTreeMap;
use std::fmt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::book::{self, Book, Fault, Row};
use super::content::{State, assert_same, counted, sorted};
use crate::support::import::rows;
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// The table that all loads are for.
pub(super) const TABLE: &str = "chaos";

/// Only a broken program or test takes that long.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is there before the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// A table with rows that the workbook does not have, and no constraint that would keep a row from being there
    /// twice.
    OtherRows,
    /// A table with a unique id: every third of the workbook's rows with other values, and some that it does not have.
    SomeKeys,
}

/// What the load does to the rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// They stay.
    Add,
    /// They go.
    Replace,
    /// Those with the workbook's keys take its values.
    Update,
    /// Those with the workbook's keys keep theirs.
    Ignore,
}

/// When others see rows of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visible {
    /// All at once.
    AtTheEnd,
    /// As they are committed.
    Gradually,
}

/// One way to load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) name: &'static str,
    pub(super) args: &'static [&'static str],
    pub(super) before: Before,
    pub(super) effect: Effect,
    pub(super) visible: Visible,
}

/// A database for one load.
pub(super) struct Stage<'a> {
    pub(super) database: TestDatabase,
    pub(super) book: &'a Book,
    pub(super) route: Route,
    before: State,
    after: Vec<String>,
}

/// How a run of the program ended.
pub(super) struct Ended {
    /// Nothing after a signal.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The beginning of the report has its state and counts.
        let begin: Vec<&str> = self.stdout.lines().take(12).map(str::trim).collect();
        write!(f, "{:?}: {} {}", self.code, self.stderr, begin.join(" "))
    }
}

impl Ended {
    /// Checks how it ended.
    pub(super) fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self:?}");
    }
}

impl<'a> Stage<'a> {
    /// A database in the shared server.
    pub(super) fn new(book: &'a Book, route: Route) -> Self {
        Self::over(TestDatabase::create(), book, route)
    }

    /// A database of somebody else, which must be empty.
    pub(super) fn over(database: TestDatabase, book: &'a Book, route: Route) -> Self {
        let old = old_rows(book, route.before);
        if route.before != Before::Nothing {
            let columns = book::COLUMNS;
            let key = if route.before == Before::SomeKeys {
                ", unique (id)"
            } else {
                ""
            };
            let check = "check (weight >= 0)";
            let values: Vec<String> = old.iter().map(Row::old_values).collect();
            database.query(&format!(
                "create table {TABLE} ({columns}{key}, {check}); insert into {TABLE} values {}",
                values.join(", ")
            ));
        }
        let mut after: BTreeMap<i64, String> = BTreeMap::new();
        if route.effect != Effect::Replace {
            after.extend(old.iter().map(|row| (row.id, row.line())));
        }
        for row in book.good() {
            if route.effect == Effect::Ignore {
                after.entry(row.id).or_insert_with(|| row.line());
            } else {
                after.insert(row.id, row.line());
            }
        }
        Self {
            before: (route.before != Before::Nothing)
                .then(|| sorted(old.iter().map(Row::line).collect())),
            after: sorted(after.into_values().collect()),
            database,
            book,
            route,
        }
    }

    /// `sheetload import`, over a server or proxy at this port.
    pub(super) fn import(&self, port: u16) -> Command {
        let mut command = sheetload();
        command
            .arg("import")
            .arg(self.book.path())
            .args(["--table", TABLE, "--json", "--quiet"])
            .args(["--database-url", &self.database.url_through(port)])
            .args(self.route.args);
        command
    }

    /// The same in batches so small that there are many.
    pub(super) fn import_in_batches(&self, port: u16) -> Command {
        let mut command = self.import(port);
        command.args(self.route.sizes());
        command
    }

    /// `sheetload resume` of the only load that is unfinished.
    pub(super) fn resume(&self, port: u16) -> Command {
        let mut command = sheetload();
        command
            .args(["resume", "--json", "--quiet", "--database-url"])
            .arg(self.database.url_through(port));
        command
    }

    /// What the table holds now.
    pub(super) fn state(&self) -> State {
        let is_there = format!("select (to_regclass('{TABLE}') is not null)::text");
        (self.database.value(&is_there) == "true")
            .then(|| sorted(rows(&self.database, &book::query(TABLE))))
    }

    /// The exit code of a load that is complete.
    pub(super) fn complete_code(&self) -> i32 {
        i32::from(self.book.bad() > 0) * 3
    }

    /// The table is as before the load.
    pub(super) fn assert_untouched(&self) {
        assert_same(self.state().as_ref(), self.before.as_ref());
    }

    /// The table holds what the load must leave, row by row.
    pub(super) fn assert_exact(&self) {
        assert_same(self.state().as_ref(), Some(&self.after));
    }

    /// The same without the workbook's row of this id.
    pub(super) fn assert_all_but(&self, id: i64) {
        let line = self
            .book
            .rows()
            .iter()
            .find(|row| row.id == id)
            .unwrap()
            .line();
        let mut after = self.after.clone();
        after.retain(|other| *other != line);
        assert_same(self.state().as_ref(), Some(&after));
    }

    /// The table holds what a load that is on its way, or was stopped, may leave. Gives how many rows of the workbook
    /// are in it.
    pub(super) fn assert_legal(&self) -> usize {
        let state = self.state();
        if state == self.before {
            return 0;
        }
        let state = state.expect("a table that was there before is gone");
        if self.route.visible == Visible::AtTheEnd {
            assert_same(Some(&state), Some(&self.after));
        }
        let kept: &[String] = match self.route.effect {
            Effect::Replace => &[],
            _ => self.before.as_deref().unwrap_or_default(),
        };
        if matches!(self.route.effect, Effect::Update | Effect::Ignore) {
            return self.assert_merged(&state);
        }
        let mut left = counted(&self.after);
        for line in &state {
            let left = left.get_mut(line.as_str());
            let left = left.unwrap_or_else(|| panic!("nobody has put this row there: {line}"));
            assert!(*left > 0, "twice there: {line}");
            *left -= 1;
        }
        for line in kept {
            assert_eq!(left[line.as_str()], 0, "lost from before: {line}");
        }
        state.len() - kept.len()
    }

    /// Each row is as before or as after.
    fn assert_merged(&self, state: &[String]) -> usize {
        let (before, after) = (self.before.as_deref().unwrap_or_default(), &self.after);
        for line in state {
            let is_known = before.contains(line) || after.contains(line);
            assert!(is_known, "nobody has put this row there: {line}");
        }
        let id = |line: &String| line.split('|').next().unwrap().to_owned();
        let mut ids: Vec<String> = state.iter().map(id).collect();
        ids.sort_unstable();
        assert!(
            before
                .iter()
                .all(|line| ids.binary_search(&id(line)).is_ok()),
            "a row from before is lost"
        );
        state.iter().filter(|line| !before.contains(line)).count()
    }

    /// The states of the loads in the ledger, in the order of their start; nothing without a ledger.
    pub(super) fn loads(&self) -> Vec<String> {
        let is_there = "select (to_regclass('sheetload.loads') is not null)::text";
        if self.database.value(is_there) == "false" {
            return Vec::new();
        }
        rows(
            &self.database,
            "select state from sheetload.loads order by started_at, id",
        )
    }

    /// How many rows the ledger has as loaded, and as rejected.
    pub(super) fn in_ledger(&self) -> (usize, usize) {
        let sums = self.database.query(
            "select (select coalesce(sum(rows_loaded), 0) from sheetload.batches)::text, \
                    (select count(*) from sheetload.rejects)::text",
        );
        let number = |place: usize| sums[0][place].as_ref().unwrap().parse().unwrap();
        (number(0), number(1))
    }

    /// The load is complete: the table holds what it must, the ledger says the same, and nothing else is left.
    pub(super) fn assert_complete(&self) {
        self.assert_exact();
        assert_eq!(self.loads().last().map(String::as_str), Some("complete"));
        let bad = self.book.bad();
        let read = self.book.rows().len();
        assert_eq!(self.in_ledger(), (read - bad, bad));
        let counts = "select rows_read || ' ' || rows_loaded || ' ' || rows_rejected from sheetload.loads \
                      order by started_at desc, id desc limit 1";
        let loaded = if self.route.effect == Effect::Ignore {
            self.after.len() - self.before.as_ref().map_or(0, Vec::len)
        } else {
            read - bad
        };
        let expected = format!("{read} {loaded} {bad}");
        assert_eq!(self.database.value(counts), expected);
        let mut rejected = rows(&self.database, "select row::text from sheetload.rejects");
        rejected.sort_unstable();
        // The header is row 1.
        let expected = self
            .book
            .rows()
            .iter()
            .filter(|row| row.fault != Fault::None);
        assert_eq!(
            rejected,
            sorted(expected.map(|row| (row.id + 1).to_string()).collect())
        );
        self.assert_nothing_left();
    }

    /// Resumes the load, or loads the file if the ledger does not know of it, with everything in order again.
    pub(super) fn finish(&self, args: &[&str]) -> Ended {
        let port = self.database.port();
        let ended = if self.loads().is_empty() {
            self.assert_untouched();
            run(&mut self.import_in_batches(port))
        } else {
            run(self.resume(port).args(args))
        };
        ended.assert_code(self.complete_code());
        self.assert_complete();
        ended
    }

    /// Whether the ledger has a load that did not come to its end.
    pub(super) fn is_unfinished(&self) -> bool {
        self.loads().iter().any(|state| state != "complete")
    }

    /// Nothing but the table and the ledger is there.
    pub(super) fn assert_nothing_left(&self) {
        let left: Vec<String> = rows(
            &self.database,
            "select relnamespace::regnamespace::text || '.' || relname from pg_class \
             where relkind in ('r', 'p', 'S', 'v', 'm') \
               and relnamespace::regnamespace::text not in \
                   ('pg_catalog', 'information_schema', 'pg_toast', 'trouble') \
               and relname not in ('batches', 'loads', 'rejects', 'savepoints', 'schema_history')",
        );
        assert_eq!(left, [format!("public.{TABLE}")]);
    }

    /// Waits until the server has no session of the program any more.
    pub(super) fn wait_for_sessions_to_end(&self) {
        wait_for("the program's sessions to end", || self.sessions() == 0);
    }

    /// How many sessions the program has.
    pub(super) fn sessions(&self) -> u32 {
        self.database
            .value(
                "select count(*)::text from pg_stat_activity \
                 where application_name = 'sheetload' and datname = current_database()",
            )
            .parse()
            .unwrap()
    }

    /// Whether the server has so many sessions of the program that wait for a lock of somebody else.
    pub(super) fn waiting(&self) -> u32 {
        self.database
            .value(
                "select count(*)::text from pg_stat_activity \
                 where application_name = 'sheetload' and wait_event_type = 'Lock' \
                   and wait_event <> 'extend' and datname = current_database()",
            )
            .parse()
            .unwrap()
    }
}

impl Drop for Stage<'_> {
    #[expect(clippy::print_stderr, reason = "a failed test tells what it did")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while loading: {}", self.route.name);
        }
    }
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Ended {
    end(start(command))
}

/// Starts a command whose output is read at its end.
pub(super) fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a command that was started. What it prints is little enough for a pipe.
pub(super) fn end(mut child: Child) -> Ended {
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!(
                "it hung: {:?}",
                Ended::from(child.wait_with_output().unwrap())
            );
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap().into()
}

/// Kills a process that was not waited for yet.
pub(super) fn kill_9(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    // One that is gone already is found out by whoever waits for it.
    let _ = kill(pid, Signal::SIGKILL);
}

/// Waits for something outside of this process, with a limit that only a broken test reaches.
pub(super) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn old_rows(book: &Book, before: Before) -> Vec<Row> {
    match before {
        Before::Nothing => Vec::new(),
        Before::OtherRows => (1..=5).map(|id| Row::old(-id)).collect(),
        Before::SomeKeys => {
            let of_the_book = book
                .rows()
                .iter()
                .map(|row| row.id)
                .filter(|id| id % 3 == 0);
            (-5..=-1).chain(of_the_book).map(Row::old).collect()
        }
    }
}
