//! Connections that break, everywhere, and commits whose answer is lost: nobody knows then whether they were done.

use super::book::Book;
use super::kills::undisturbed;
use super::random::{Choices, Plan, Trace, Usual};
use super::routes;
use super::stage::{Ended, Route, Stage, run};
use crate::support::proxy::{At, Fault, Proxy, Then};

/// The ways to load that differ in how they speak to the server.
const ROUTES: [Route; 7] = [
    routes::APPEND_ALL,
    routes::APPEND_BATCH,
    routes::CREATE_ALL,
    routes::REPLACE,
    routes::SEQUENTIAL,
    routes::CONCURRENT,
    routes::UPDATE,
];
/// Long enough for any number of new attempts; never waited out.
const PATIENT: [&str; 2] = ["--retry-for", "60s"];
const IMPATIENT: [&str; 2] = ["--retry-for", "0s"];
/// Random cuts of each way to load, half of them with an impatient program.
const CUTS: u64 = 3;
/// What `SHEETLOAD_CHAOS_KILLS` is measured by: long runs cut more in proportion to their kills.
const KILLS: u64 = 90;

#[test]
fn a_patient_load_outlives_cuts_anywhere_in_the_rows() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        let stage = Stage::new(&book, route);
        let proxy = Proxy::start(stage.database.port());
        // Row by row there is no COPY: there the INSERTs are cut.
        let (at, places) = if route.is_per_row() {
            (At::Sent, [20, 200, 201])
        } else {
            (At::SentRows, [2, 5, 6])
        };
        let ways = [Then::CutInside, Then::CutBefore, Then::CutAfter];
        let cuts = places.into_iter().zip(ways);
        let cuts = cuts.map(|(nth, then)| Fault::new(at, nth, then));
        proxy.add(route.in_the_rows(cuts.collect()));
        let ended = run(stage.import_in_batches(proxy.port()).args(PATIENT));
        ended.assert_code(0);
        assert_eq!(proxy.happened(), 3);
        stage.assert_complete();
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_done_once() {
    for route in ROUTES {
        // Row by row, each INSERT is a commit.
        let commit = At::Done(if route.is_per_row() {
            "INSERT"
        } else {
            "COMMIT"
        });
        cut_at_commits(route, commit, &[Then::CutBefore]);
    }
}

#[test]
fn a_commit_that_does_not_arrive_is_done_once() {
    for route in ROUTES.into_iter().filter(|route| !route.is_per_row()) {
        let ways = [Then::CutBefore, Then::CutInside, Then::CutAfter];
        cut_at_commits(route, At::SentStatement("commit"), &ways);
    }
}

/// Cuts the connection at the first, a middle and the last commit that a load of this kind has after its first rows.
fn cut_at_commits(route: Route, commit: At, ways: &[Then]) {
    let book = Book::new(route.rows());
    let stage = Stage::new(&book, route);
    let proxy = Proxy::start(stage.database.port());
    proxy.add(route.in_the_rows(vec![Fault::counting(commit)]));
    run(&mut stage.import_in_batches(proxy.port())).assert_code(0);
    let commits = proxy.counted();
    let chosen = [
        (1, PATIENT),
        (commits.div_ceil(2), IMPATIENT),
        (commits, PATIENT),
        (commits, IMPATIENT),
    ];
    for ((nth, retry), then) in chosen.into_iter().zip(ways.iter().cycle()) {
        let stage = Stage::new(&book, route);
        let proxy = Proxy::start(stage.database.port());
        proxy.add(route.in_the_rows(vec![Fault::new(commit, nth, *then)]));
        let ended = run(stage.import_in_batches(proxy.port()).args(retry));
        let what = format!("{commit:?} {nth} of {commits}, {then:?}, {retry:?}");
        assert_eq!(proxy.happened(), 1, "{what}: {ended:?}");
        check_after_cut(&stage, &ended, retry, &what);
    }
}

#[test]
fn a_server_that_refuses_for_a_while_is_tried_again() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        let stage = Stage::new(&book, route);
        let proxy = Proxy::start(stage.database.port());
        proxy.add(Fault::new(
            At::Sent,
            undisturbed(&book, route).half(),
            Then::CutBefore,
        ));
        // All connections are gone, and the next attempts to make new ones fail.
        let child = super::stage::start(stage.import_in_batches(proxy.port()).args(PATIENT));
        proxy.wait_for_faults(1);
        proxy.refuse_next(2);
        proxy.cut_all();
        super::stage::end(child).assert_code(0);
        assert_eq!(proxy.refused(), 2, "{}", route.name);
        stage.assert_complete();
    }
}

#[test]
fn sessions_that_the_server_ends_are_replaced() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        let half = undisturbed(&book, route).half();
        for retry in [PATIENT, IMPATIENT] {
            let stage = Stage::new(&book, route);
            let proxy = Proxy::start(stage.database.port());
            proxy.add(Fault::new(At::Sent, half, Then::Stall));
            let child = super::stage::start(stage.import_in_batches(proxy.port()).args(retry));
            proxy.wait_for_faults(1);
            // As an administrator does it: SQLSTATE 57P01.
            stage.database.query(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where application_name = 'sheetload' and datname = current_database()",
            );
            proxy.release();
            let ended = super::stage::end(child);
            check_after_cut(&stage, &ended, retry, "session ended");
        }
    }
}

#[test]
fn random_cuts_lose_nothing() {
    let plan = Plan::share(CUTS, KILLS);
    for route in ROUTES {
        let book = Book::new(route.rows());
        let usual = undisturbed(&book, route);
        for cycle in 0..plan.kills {
            let mut trace = Trace::new(plan.seed, &format!("cut: {}", route.name), cycle);
            let mut choices = Choices::new(plan.seed, "cut", cycle);
            cut_somewhere(&Stage::new(&book, route), usual, &mut choices, &mut trace);
        }
    }
}

fn cut_somewhere(stage: &Stage<'_>, usual: Usual, choices: &mut Choices, trace: &mut Trace) {
    let proxy = Proxy::start(stage.database.port());
    let retry = choices.one_of(&[PATIENT, IMPATIENT]);
    trace.choose(retry.join(" "));
    let mut is_early = false;
    for _ in 0..choices.up_to(3) {
        let place = choices.place(usual);
        let then = choices.one_of(&[Then::CutBefore, Then::CutInside, Then::CutAfter]);
        trace.choose(format!("{place:?}, {then:?}"));
        proxy.add(Fault::new(place.at, place.nth, then));
        is_early |= place.is_early;
    }
    let ended = run(stage.import_in_batches(proxy.port()).args(retry));
    trace.choose(format!("{ended:?}"));
    if is_early && ended.code == Some(5) {
        stage.wait_for_sessions_to_end();
        stage.assert_untouched();
        stage.finish(&[]);
        return;
    }
    check_after_cut(stage, &ended, retry, "random cut");
}

/// A patient load is complete; an impatient one says that the database failed, and a resume completes it.
fn check_after_cut(stage: &Stage<'_>, ended: &Ended, retry: [&str; 2], what: &str) {
    if retry == PATIENT {
        assert_eq!(ended.code, Some(stage.complete_code()), "{what}: {ended:?}");
        stage.assert_complete();
        return;
    }
    stage.wait_for_sessions_to_end();
    if ended.code == Some(stage.complete_code()) {
        stage.assert_complete();
        return;
    }
    assert_eq!(ended.code, Some(5), "{what}: {ended:?}");
    stage.assert_legal();
    if stage.loads() == ["complete"] {
        // The answer that was lost is that of the last commit.
        stage.assert_complete();
        return;
    }
    stage.finish(&[]);
}
