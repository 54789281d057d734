//! What the server refuses for a while: slow statements, locks, deadlocks, no room on the disk.
//!
//! A trigger on the table does it when a certain row comes, as often as the test wants: it counts with a sequence,
//! which no rollback sets back.

use super::book::Book;
use super::routes;
use super::stage::{Effect, Ended, Route, Stage, end, run, start, wait_for};

/// The row that brings trouble, in the middle of the load and of a batch.
const ROW: u32 = 190;

/// Ways to load that write into a table with a trigger. What goes by way of a staging table does so at the end.
const ROUTES: [Route; 5] = [
    routes::APPEND_ALL,
    routes::APPEND_BATCH,
    routes::TRUNCATE_BATCH,
    routes::SEQUENTIAL,
    routes::CONCURRENT,
];

/// A load whose row [`ROW`] meets these statements of PL/pgSQL the first `times` it comes, and nothing after that.
fn troubled<'a>(book: &'a Book, route: Route, times: u32, trouble: &str) -> Stage<'a> {
    let stage = Stage::new(book, route);
    stage.database.query(&format!(
        "create schema trouble; create sequence trouble.times; \
         create function trouble.make() returns trigger language plpgsql as $$ begin \
           if nextval('trouble.times') <= {times} then {trouble} end if; return new; end $$; \
         create trigger trouble before insert on chaos for each row when (new.id = {ROW}) \
           execute function trouble.make()"
    ));
    stage
}

/// With no time for new attempts the load ends with the database's exit code, and can be resumed.
fn gives_up_and_is_resumed(trouble: &str, args: &[&str]) {
    for route in ROUTES {
        let book = Book::new(400);
        let stage = troubled(&book, route, 1, trouble);
        let mut import = stage.import_in_batches(stage.database.port());
        let ended = run(import.args(["--retry-for", "0s"]).args(args));
        assert_eq!(ended.code, Some(5), "{}: {ended:?}", route.name);
        stage.wait_for_sessions_to_end();
        stage.assert_legal();
        stage.finish(&[]);
    }
}

/// With time for new attempts it goes on by itself.
fn is_tried_again(trouble: &str, args: &[&str]) {
    for route in ROUTES {
        let book = Book::new(400);
        let stage = troubled(&book, route, 2, trouble);
        let mut import = stage.import_in_batches(stage.database.port());
        let ended = run(import.args(["--retry-for", "60s"]).args(args));
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", route.name);
        let times = stage
            .database
            .value("select last_value::text from trouble.times");
        assert_eq!(times, "3", "{}", route.name);
        stage.assert_complete();
    }
}

const SLOW: &str = "perform pg_sleep(600);";
const TIMEOUT: [&str; 2] = ["--statement-timeout", "300ms"];

#[test]
fn a_statement_that_takes_too_long_ends_the_load_which_can_be_resumed() {
    gives_up_and_is_resumed(SLOW, &TIMEOUT);
}

/// A session that the database's owner sees blocking: the row waits for a lock that nobody will give back.
const SERIALIZATION: &str = "raise exception using errcode = 'serialization_failure';";
const DEADLOCK: &str = "raise exception using errcode = 'deadlock_detected';";
/// What a full tablespace makes the server say. A real one would need a file system of the test's own.
const DISK_FULL: &str = "raise exception using errcode = 'disk_full';";

#[test]
fn the_report_of_a_full_disk_ends_the_load_which_can_be_resumed() {
    gives_up_and_is_resumed(DISK_FULL, &[]);
}

#[test]
fn the_report_of_a_deadlock_ends_an_impatient_load_which_can_be_resumed() {
    gives_up_and_is_resumed(DEADLOCK, &[]);
}

#[test]
fn the_report_of_a_deadlock_or_a_serialization_failure_is_tried_again() {
    is_tried_again(DEADLOCK, &[]);
    is_tried_again(SERIALIZATION, &[]);
}

/// A lock on the table, held by the test.
#[tokio::test]
async fn a_lock_that_is_not_given_in_time_ends_the_load_which_can_be_resumed() {
    for route in ROUTES {
        let book = Book::new(400);
        let stage = Stage::new(&book, route);
        let holder = stage.database.connect().await;
        let lock = "begin; lock table chaos in exclusive mode";
        holder.batch_execute(lock).await.unwrap();
        let mut import = stage.import_in_batches(stage.database.port());
        let ended = run(import.args(["--retry-for", "0s", "--lock-timeout", "200ms"]));
        assert_eq!(ended.code, Some(5), "{}: {ended:?}", route.name);
        stage.wait_for_sessions_to_end();
        stage.assert_untouched();
        holder.batch_execute("rollback").await.unwrap();
        stage.finish(&[]);
    }
}

#[tokio::test]
async fn a_lock_that_is_given_late_is_waited_for() {
    for route in ROUTES {
        let book = Book::new(400);
        let stage = Stage::new(&book, route);
        let holder = stage.database.connect().await;
        let lock = "begin; lock table chaos in exclusive mode";
        holder.batch_execute(lock).await.unwrap();
        let mut import = stage.import_in_batches(stage.database.port());
        let child = start(import.args(["--retry-for", "60s", "--lock-timeout", "100ms"]));
        // One attempt has ended when the session that waited has stopped to.
        wait_for("an attempt", || stage.waiting() > 0);
        wait_for("its end", || stage.waiting() == 0);
        holder.batch_execute("rollback").await.unwrap();
        let ended = end(child);
        assert_eq!(ended.code, Some(0), "{}: {ended:?}", route.name);
        stage.assert_complete();
    }
}

/// A real deadlock, which the load loses: it holds lock 2 and waits for 1, the test holds 1 and waits for 2.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    for (retry_for, code) in [("0s", 5), ("60s", 0)] {
        for route in ROUTES {
            let book = Book::new(400);
            let stage = Stage::new(&book, route);
            let ended = deadlock(&stage, retry_for).await;
            assert_eq!(ended.code, Some(code), "{}: {ended:?}", route.name);
            if code != 0 {
                stage.assert_legal();
                stage.finish(&[]);
            }
            stage.assert_complete();
        }
    }
}

/// Lock 3 is the gate that keeps the load from waiting for lock 1 before the test waits for lock 2: who waits last
/// finds the deadlock and loses.
async fn deadlock(stage: &Stage<'_>, retry_for: &str) -> Ended {
    stage.database.query(&format!(
        "create schema trouble; \
         create function trouble.make() returns trigger language plpgsql as $$ begin \
           perform pg_advisory_xact_lock(2); perform pg_advisory_xact_lock(3); \
           perform pg_advisory_xact_lock(1); return new; end $$; \
         create trigger trouble before insert on chaos for each row when (new.id = {ROW}) \
           execute function trouble.make(); \
         do $$ begin execute format('alter database %I set deadlock_timeout = %L', current_database(), '20ms'); end $$"
    ));
    let gatekeeper = stage.database.connect().await;
    let gate = "select pg_advisory_lock(3)";
    gatekeeper.batch_execute(gate).await.unwrap();
    let rival = stage.database.connect().await;
    rival
        .batch_execute("set deadlock_timeout = '600s'; select pg_advisory_lock(1)")
        .await
        .unwrap();
    let mut import = stage.import_in_batches(stage.database.port());
    let child = start(import.args(["--retry-for", retry_for]));
    wait_for("the load to come to the gate", || stage.waiting() > 0);
    let waiting = tokio::spawn(async move {
        rival
            .batch_execute("select pg_advisory_lock(2), pg_advisory_unlock_all()")
            .await
            .unwrap();
        rival
    });
    wait_for("the rival to wait", || {
        let waits = "select count(*)::text from pg_stat_activity \
                     where datname = current_database() and application_name <> 'sheetload' \
                       and wait_event_type = 'Lock'";
        stage.database.value(waits) == "1"
    });
    let gate = "select pg_advisory_unlock(3)";
    gatekeeper.batch_execute(gate).await.unwrap();
    // The rival gets its lock when the load has lost, and gives all back.
    waiting.await.unwrap();
    let ended = end(child);
    stage.wait_for_sessions_to_end();
    ended
}

/// Another writer has a key that the workbook has, too, in a transaction that ends one way or the other.
#[tokio::test]
async fn a_key_that_another_writer_takes_rejects_one_row_and_loses_none() {
    for commits in [true, false] {
        for route in ROUTES {
            let is_truncated = route.effect == Effect::Replace;
            // Whoever empties a table waits for its other writers first.
            if is_truncated {
                continue;
            }
            let book = Book::new(400);
            let stage = Stage::new(&book, route);
            stage.database.query("create unique index on chaos (id)");
            let writer = stage.database.connect().await;
            let taken = format!("begin; insert into chaos (id, code) values ({ROW}, 'taken')");
            writer.batch_execute(&taken).await.unwrap();
            let child = start(&mut stage.import_in_batches(stage.database.port()));
            wait_for("the load to wait for the other writer", || {
                stage.waiting() > 0
            });
            let end_of_writer = if commits { "commit" } else { "rollback" };
            writer.batch_execute(end_of_writer).await.unwrap();
            let ended = end(child);
            if !commits {
                ended.assert_code(0);
                stage.assert_complete();
                continue;
            }
            assert_eq!(ended.code, Some(3), "{}: {ended:?}", route.name);
            let theirs = stage.database.query(&format!(
                "delete from chaos where id = {ROW} returning code"
            ));
            assert_eq!(theirs, [[Some("taken".to_owned())]], "{}", route.name);
            stage.assert_all_but(i64::from(ROW));
            assert_eq!(stage.in_ledger(), (399, 1), "{}", route.name);
            let reject = "select row || ' ' || sqlstate from sheetload.rejects";
            assert_eq!(stage.database.value(reject), format!("{} 23505", ROW + 1));
        }
    }
}

/// By key, the row that another writer has inserted meanwhile is updated as if it had always been there.
#[tokio::test]
async fn a_key_that_another_writer_takes_is_updated() {
    let book = Book::new(400);
    let stage = Stage::new(&book, routes::UPDATE);
    let writer = stage.database.connect().await;
    // Not a multiple of three, so it is not there before.
    let taken = format!("begin; insert into chaos (id, code) values ({ROW}, 'taken')");
    writer.batch_execute(&taken).await.unwrap();
    let child = start(&mut stage.import_in_batches(stage.database.port()));
    wait_for("the load to wait for the other writer", || {
        stage.waiting() > 0
    });
    writer.batch_execute("commit").await.unwrap();
    end(child).assert_code(0);
    stage.assert_complete();
}
