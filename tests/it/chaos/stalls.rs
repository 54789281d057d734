//! Connections on which nothing moves any more, while both ends believe that they are alive: what a firewall that
//! forgets does. A message that was under way can arrive much later, when somebody else has long gone on.

use super::book::Book;
use super::routes;
use super::stage::{Route, Stage, end, kill_9, run, start, wait_for};
use crate::support::proxy::{At, Fault, Proxy, Then};

/// Where a connection stalls when rows are under way: before more of them, before their commit, and before its answer.
const PLACES: [(At, u64); 4] = [
    (At::SentRows, 2),
    (At::SentStatement("commit"), 1),
    (At::SentStatement("commit"), 3),
    (At::Done("COMMIT"), 1),
];
const ROUTES: [Route; 4] = [
    routes::APPEND_ALL,
    routes::APPEND_BATCH,
    routes::CREATE_ALL,
    routes::UPDATE,
];

#[test]
fn what_a_killed_load_has_under_way_and_arrives_late_does_no_harm() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        for (at, nth) in PLACES {
            let stage = Stage::new(&book, route);
            let proxy = Proxy::start(stage.database.port());
            proxy.add(route.in_the_rows(vec![Fault::new(at, nth, Then::Stall)]));
            let mut child = start(&mut stage.import_in_batches(proxy.port()));
            if !proxy.wait_for_faults_or_end(1, &mut child) {
                // So many of them this way of loading does not have.
                end(child).assert_code(0);
                stage.assert_complete();
                continue;
            }
            kill_9(child.id());
            assert_eq!(end(child).code, None);
            let what = format!("{}: {at:?} {nth}", route.name);
            // The server holds the session for alive. Whether a resume waits, refuses or ends it: the table is right.
            let mut early = start(&mut stage.resume(stage.database.port()));
            wait_for("the resume to end or to wait for a lock", || {
                early.try_wait().unwrap().is_some() || stage.waiting() > 0
            });
            stage.assert_legal();
            // Now it arrives.
            proxy.release();
            let early = end(early);
            stage.wait_for_sessions_to_end();
            stage.assert_legal();
            if early.code == Some(0) || stage.loads() == ["complete"] {
                stage.assert_complete();
                continue;
            }
            assert!(stage.is_unfinished(), "{what}: {early:?}");
            stage.finish(&[]);
        }
    }
}

/// The limit on statements is one on answers, too. The server itself can't tell a program that says nothing from one
/// that is slow.
#[test]
fn a_stalled_load_that_is_told_how_long_a_statement_may_take_ends() {
    let cases = [
        (routes::APPEND_BATCH, At::SentRows),
        (routes::APPEND_BATCH, At::SentStatement("commit")),
        (routes::CREATE_ALL, At::SentRows),
        (routes::CREATE_ALL, At::Done("COMMIT")),
    ];
    // All at once, since they spend their time waiting.
    std::thread::scope(|scope| {
        for (route, at) in cases {
            scope.spawn(move || {
                let book = Book::new(route.rows());
                end_of_stalled(&Stage::new(&book, route), at);
            });
        }
    });
}

fn end_of_stalled(stage: &Stage<'_>, at: At) {
    let proxy = Proxy::start(stage.database.port());
    let stall = Fault::new(at, 2, Then::Stall);
    proxy.add(stage.route.in_the_rows(vec![stall]));
    let args = ["--statement-timeout", "1s", "--retry-for", "60s"];
    let ended = run(stage.import_in_batches(proxy.port()).args(args));
    assert_eq!(proxy.happened(), 1);
    proxy.cut_all();
    if ended.code != Some(0) {
        // The session that the server still holds for alive was in the way of a new attempt.
        assert_eq!(ended.code, Some(5), "{at:?}: {ended:?}");
        stage.wait_for_sessions_to_end();
        stage.assert_legal();
        stage.finish(&[]);
    }
    stage.assert_complete();
}
