//! Several programs at once over one load or one file.

use super::book::Book;
use super::routes;
use super::stage::{Ended, Route, Stage, end, kill_9, start};
use crate::support::proxy::{At, Fault, Proxy, Then};

const ROUTES: [Route; 6] = [
    routes::APPEND_ALL,
    routes::APPEND_BATCH,
    routes::CREATE_ALL,
    routes::CREATE_BATCH,
    routes::CONCURRENT,
    routes::UPDATE,
];

/// A stage with a load that was killed in its middle.
fn half_done(book: &Book, route: Route) -> Stage<'_> {
    let stage = Stage::new(book, route);
    let proxy = Proxy::start(stage.database.port());
    let half = super::kills::undisturbed(book, route).half();
    proxy.add(Fault::new(At::Sent, half, Then::Stall));
    let child = start(&mut stage.import_in_batches(proxy.port()));
    proxy.wait_for_faults(1);
    kill_9(child.id());
    end(child);
    proxy.cut_all();
    stage.wait_for_sessions_to_end();
    assert!(stage.is_unfinished(), "{}", route.name);
    stage
}

#[test]
fn two_resumes_at_once_complete_the_load_once() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        let stage = half_done(&book, route);
        let port = stage.database.port();
        let both = [(); 2].map(|()| start(&mut stage.resume(port)));
        let ended = both.map(end);
        let what = format!("{}: {ended:?}", route.name);
        assert!(ended.iter().any(|ended| ended.code == Some(0)), "{what}");
        let is_clear = |ended: &Ended| ended.code == Some(0) || ended.stderr.lines().count() == 2;
        assert!(ended.iter().all(is_clear), "{what}");
        stage.assert_complete();
    }
}

#[test]
fn the_same_file_at_once_is_loaded_once() {
    for route in ROUTES.into_iter().filter(Route::adds_rows) {
        let book = Book::new(route.rows());
        let stage = Stage::new(&book, route);
        let port = stage.database.port();
        let both = [(); 2].map(|()| start(&mut stage.import_in_batches(port)));
        let ended = both.map(end);
        let what = format!("{}: {ended:?}", route.name);
        let loaded = ended.iter().filter(|ended| ended.code == Some(0));
        assert_eq!(loaded.count(), 1, "{what}");
        stage.assert_exact();
        stage.assert_nothing_left();
    }
}

#[test]
fn a_load_that_is_running_is_not_resumed() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        let stage = Stage::new(&book, route);
        let proxy = Proxy::start(stage.database.port());
        let half = super::kills::undisturbed(&book, route).half();
        proxy.add(Fault::new(At::Sent, half, Then::Stall));
        let child = start(&mut stage.import_in_batches(proxy.port()));
        proxy.wait_for_faults(1);
        let resumed = end(start(&mut stage.resume(stage.database.port())));
        proxy.release();
        let ended = end(child);
        let what = format!("{}: {resumed:?}, {ended:?}", route.name);
        assert_ne!(resumed.code, Some(0), "{what}");
        assert_eq!(ended.code, Some(0), "{what}");
        stage.assert_complete();
    }
}

#[test]
fn a_file_that_is_in_the_table_is_refused_after_a_resume() {
    for route in ROUTES.into_iter().filter(Route::adds_rows) {
        let book = Book::new(route.rows());
        let stage = half_done(&book, route);
        stage.finish(&[]);
        let port = stage.database.port();
        end(start(&mut stage.import_in_batches(port))).assert_code(7);
        stage.assert_complete();
    }
}
