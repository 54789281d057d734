//! Commits that are still under way on the server when the connection is lost: whoever looks at once does not find
//! them, and they are done nevertheless.
//!
//! A deferred trigger on the ledger's own tables holds the commit up until the test lets it go.

use super::book::Book;
use super::routes;
use super::stage::{Ended, Route, Stage, end, start, wait_for};
use crate::support::import::Run;
use crate::support::proxy::Proxy;

/// Which commit: of a batch or row in the middle, or the last one.
#[derive(Debug, Clone, Copy)]
enum Commit {
    InTheMiddle,
    Last,
}

const ROUTES: [Route; 6] = [
    routes::APPEND_ALL,
    routes::APPEND_BATCH,
    routes::CREATE_ALL,
    routes::REPLACE,
    routes::UPDATE,
    routes::CONCURRENT,
];

impl Stage<'_> {
    /// Makes the ledger, with no load in it.
    fn make_ledger(&self) {
        let another = &["--table", "another", "--all-sheets", "--union"];
        let import = Run::import(&self.database, self.book.path(), another);
        assert_eq!(import.code, 0, "{}", import.stderr);
        self.database
            .query("drop table another; delete from sheetload.loads");
    }

    /// Lets a commit wait for an advisory lock.
    fn hold_up(&self, commit: Commit) {
        let (table, event, condition) = match commit {
            // Row by row, each row moves on the record of its batch.
            Commit::InTheMiddle => {
                let event = if self.route.is_per_row() {
                    "update"
                } else {
                    "insert"
                };
                ("batches", event, "new.last_row between 160 and 310")
            }
            Commit::Last => ("loads", "update", "new.state = 'complete'"),
        };
        self.database.query(&format!(
            "create schema trouble; \
             create function trouble.hold_up() returns trigger language plpgsql as $$ begin \
               perform pg_advisory_xact_lock(77); return null; end $$; \
             create constraint trigger hold_up after {event} on sheetload.{table} \
               deferrable initially deferred for each row when ({condition}) execute function trouble.hold_up()"
        ));
    }

    /// How many sessions of the program are held up.
    fn held_up(&self) -> u32 {
        self.database
            .value(
                "select count(*)::text from pg_locks where locktype = 'advisory' and objid = 77 and not granted \
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .parse()
            .unwrap()
    }
}

#[tokio::test]
async fn a_patient_load_waits_for_its_own_commit() {
    for route in ROUTES {
        for commit in [Commit::InTheMiddle, Commit::Last] {
            let book = Book::new(route.rows());
            let stage = Stage::new(&book, route);
            stage.make_ledger();
            stage.hold_up(commit);
            let holder = stage.database.connect().await;
            let hold = "select pg_advisory_lock(77)";
            holder.batch_execute(hold).await.unwrap();
            let proxy = Proxy::start(stage.database.port());
            let mut import = stage.import_in_batches(proxy.port());
            let mut child = start(import.args(["--retry-for", "60s"]));
            wait_for("a commit that is held up", || stage.held_up() > 0);
            let before = proxy.traffic().connections;
            proxy.cut_all();
            // It is back, and has asked something.
            wait_for("new connections", || {
                proxy.traffic().connections > before || child.try_wait().unwrap().is_some()
            });
            let said = proxy.traffic().sent;
            wait_for("what it does", || {
                proxy.traffic().sent > said + 20
                    || stage.waiting() > 1
                    || stage.sessions() > 1
                    || child.try_wait().unwrap().is_some()
            });
            let go = "select pg_advisory_unlock_all()";
            holder.batch_execute(go).await.unwrap();
            let ended = end(child);
            assert_eq!(ended.code, Some(0), "{commit:?}: {ended:?}");
            stage.assert_complete();
        }
    }
}

#[tokio::test]
async fn a_resume_waits_for_the_commits_of_the_load_before() {
    for route in ROUTES {
        for commit in [Commit::InTheMiddle, Commit::Last] {
            let book = Book::new(route.rows());
            let stage = Stage::new(&book, route);
            stage.make_ledger();
            stage.hold_up(commit);
            let holder = stage.database.connect().await;
            let hold = "select pg_advisory_lock(77)";
            holder.batch_execute(hold).await.unwrap();
            let proxy = Proxy::start(stage.database.port());
            let child = start(&mut stage.import_in_batches(proxy.port()));
            wait_for("a commit that is held up", || stage.held_up() > 0);
            super::stage::kill_9(child.id());
            end(child);
            proxy.cut_all();
            let held_up = stage.sessions();
            let mut resume = start(&mut stage.resume(stage.database.port()));
            wait_for("the resume to begin, or to refuse", || {
                stage.sessions() > held_up || resume.try_wait().unwrap().is_some()
            });
            wait_for("the resume to wait, or to end", || {
                stage.waiting() > held_up || resume.try_wait().unwrap().is_some()
            });
            let go = "select pg_advisory_unlock_all()";
            holder.batch_execute(go).await.unwrap();
            let resumed: Ended = end(resume);
            stage.wait_for_sessions_to_end();
            stage.assert_legal();
            if stage.loads() != ["complete"] {
                let what = format!("{commit:?}: {resumed:?}");
                assert_ne!(resumed.code, Some(0), "{what}");
                stage.finish(&[]);
            }
            stage.assert_complete();
        }
    }
}
