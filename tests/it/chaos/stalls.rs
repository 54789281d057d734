//! Connections on which nothing moves any more, while both ends believe that they are alive: what a firewall that
//! forgets does. A message that was under way can arrive much later, when somebody else has long gone on.

use super::book::Book;
use super::routes;
use super::stage::{Route, Stage, end, kill_9, start, wait_for};
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
