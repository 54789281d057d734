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
const CUTS: u64 = 4;
/// What `SHEETLOAD_CHAOS_KILLS` is measured by: long runs cut more in proportion to their kills.
const KILLS: u64 = 60;

#[test]
fn a_patient_load_outlives_cuts_anywhere_in_the_rows() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        let stage = Stage::new(&book, route);
        let proxy = Proxy::start(stage.database.port());
        // Row by row there is no COPY: there the INSERTs are cut.
        let (at, places) = if route.is_per_row() {
            (At::Sent, [60, 300, 301])
        } else {
            (At::SentRows, [2, 5, 6])
        };
        for (nth, then) in
            places
                .into_iter()
                .zip([Then::CutInside, Then::CutBefore, Then::CutAfter])
        {
            proxy.add(Fault::new(at, nth, then));
        }
        patient(&stage, &proxy).assert_code(0);
        assert_eq!(proxy.happened(), 3, "{}", route.name);
        stage.assert_complete();
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_done_once() {
    for route in ROUTES {
        let book = Book::new(route.rows());
        // The statement whose end makes rows permanent.
        let commits = commits(&book, route);
        let chosen = [1, commits.div_ceil(2), commits];
        for nth in chosen {
            for retry in [PATIENT, IMPATIENT] {
                let stage = Stage::new(&book, route);
                let proxy = Proxy::start(stage.database.port());
                proxy.add(Fault::new(committed_at(route), nth, Then::CutBefore));
                let ended = run(stage.import_in_batches(proxy.port()).args(retry));
                let what = format!("{}: commit {nth} of {commits}, {retry:?}", route.name);
                assert_eq!(proxy.happened(), 1, "{what}: {ended:?}");
                check_after_cut(&stage, &ended, retry, &what);
            }
        }
    }
}

#[test]
fn a_commit_that_does_not_arrive_is_done_once() {
    for route in ROUTES.into_iter().filter(|route| !route.is_per_row()) {
        let book = Book::new(route.rows());
        for (nth, then) in [
            (1, Then::CutBefore),
            (2, Then::CutInside),
            (2, Then::CutAfter),
        ] {
            for retry in [PATIENT, IMPATIENT] {
                let stage = Stage::new(&book, route);
                let proxy = Proxy::start(stage.database.port());
                proxy.add(Fault::new(At::SentStatement("commit"), nth, then));
                let ended = run(stage.import_in_batches(proxy.port()).args(retry));
                let what = format!("{}: commit {nth}, {then:?}, {retry:?}", route.name);
                assert_eq!(proxy.happened(), 1, "{what}: {ended:?}");
                check_after_cut(&stage, &ended, retry, &what);
            }
        }
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
        proxy.refuse_next(3);
        proxy.cut_all();
        super::stage::end(child).assert_code(0);
        assert_eq!(proxy.refused(), 3, "{}", route.name);
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
            check_after_cut(&stage, &ended, retry, route.name);
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
    for _ in 0..choices.up_to(3) {
        let (at, nth) = choices.place(usual);
        let then = choices.one_of(&[Then::CutBefore, Then::CutInside, Then::CutAfter]);
        trace.choose(format!("{at:?} {nth}, {then:?}"));
        proxy.add(Fault::new(at, nth, then));
    }
    let ended = run(stage.import_in_batches(proxy.port()).args(retry));
    trace.choose(format!("{ended:?}"));
    check_after_cut(stage, &ended, retry, stage.route.name);
}

fn patient(stage: &Stage<'_>, proxy: &Proxy) -> Ended {
    run(stage.import_in_batches(proxy.port()).args(PATIENT))
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

/// The answer that follows when rows have become permanent.
fn committed_at(route: Route) -> At {
    if route.is_per_row() {
        At::Done("INSERT")
    } else {
        At::Done("COMMIT")
    }
}

/// How many of them an undisturbed load gets.
fn commits(book: &Book, route: Route) -> u64 {
    let stage = Stage::new(book, route);
    let proxy = Proxy::start(stage.database.port());
    proxy.count(committed_at(route));
    run(&mut stage.import_in_batches(proxy.port())).assert_code(stage.complete_code());
    proxy.counted()
}
