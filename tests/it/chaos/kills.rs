//! Kill -9 of the program at random places of its conversation with the server, and of the resume after it.

use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use super::book::{Book, Fault as RowFault};
use super::random::{Choices, Place, Plan, Trace, Usual};
use super::routes;
use super::stage::{Route, Stage, Visible, end, kill_9, run, start};
use crate::support::proxy::{Fault, Proxy, Then};

/// The sum of the shares below: so many kills a run makes at least.
const ALL: u64 = 92;
const SHARE: u64 = 5;
/// Of so many cycles one also kills the resume.
const ONE_RESUME_IN: u64 = 4;

#[test]
fn an_append_in_one_transaction_is_done_once() {
    kill_and_resume(routes::APPEND_ALL);
}

#[test]
fn an_append_by_batches_is_done_once() {
    kill_and_resume(routes::APPEND_BATCH);
}

#[test]
fn a_created_table_appears_once_and_whole() {
    kill_and_resume(routes::CREATE_ALL);
}

#[test]
fn a_table_created_and_filled_by_batches_gets_each_row_once() {
    kill_and_resume(routes::CREATE_BATCH);
}

#[test]
fn a_replaced_table_has_the_old_rows_or_the_new_ones() {
    kill_and_resume(routes::REPLACE);
}

#[test]
fn a_table_emptied_in_one_transaction_has_the_old_rows_or_the_new_ones() {
    kill_and_resume(routes::TRUNCATE_ALL);
}

#[test]
fn a_table_emptied_and_filled_by_batches_gets_each_row_once() {
    kill_and_resume(routes::TRUNCATE_BATCH);
}

#[test]
fn rows_are_updated_by_key_all_at_once() {
    kill_and_resume(routes::UPDATE);
}

#[test]
fn rows_are_added_by_key_all_at_once() {
    kill_and_resume(routes::IGNORE);
}

#[test]
fn rows_one_by_one_are_inserted_once() {
    kill_and_resume(routes::SEQUENTIAL);
}

#[test]
fn rows_one_by_one_over_several_connections_are_inserted_once() {
    kill_and_resume(routes::CONCURRENT);
}

#[test]
fn rows_one_by_one_into_a_created_table_are_inserted_once() {
    kill_and_resume(routes::CONCURRENT_CREATE);
}

#[test]
fn a_column_that_changes_its_type_on_the_way_is_resumed() {
    kill_and_resume(routes::SAMPLE_ALL);
    kill_and_resume(routes::SAMPLE_BATCH);
}

#[test]
fn several_sheets_are_loaded_once() {
    for route in [routes::SHEETS_ALL, routes::SHEETS_BATCH] {
        kill_and_resume_with(route, &Book::in_sheets(route.rows(), 3), SHARE);
    }
}

#[test]
fn a_load_without_a_ledger_does_all_or_nothing() {
    let routes = [
        routes::APPEND_ALL,
        routes::CREATE_ALL,
        routes::REPLACE,
        routes::UPDATE,
    ];
    for route in routes {
        let book = Book::new(route.rows());
        let plan = Plan::share(2, ALL);
        for cycle in 0..plan.kills {
            let stage = Stage::new(&book, route);
            let import = |port| {
                let mut import = stage.import_in_batches(port);
                import.arg("--no-ledger");
                import
            };
            let name = format!("without ledger: {}", route.name);
            let mut killer = Killer::new(plan.seed, &name, cycle, undisturbed(&book, route));
            killer.run_and_kill(&stage, &import);
            stage.wait_for_sessions_to_end();
            if stage.assert_legal() == 0 {
                run(&mut import(stage.database.port())).assert_code(0);
            }
            stage.assert_exact();
            assert_eq!(stage.loads(), [""; 0]);
        }
    }
}

#[test]
fn rows_that_are_rejected_are_counted_once() {
    // Both those that the program and those that the server refuses, some in the same batch.
    let book = |route: Route| {
        Book::with_faults(route.rows(), |id| match id % 40 {
            7 => RowFault::Cell,
            8 | 23 if id % 3 == 0 => RowFault::Constraint,
            _ => RowFault::None,
        })
    };
    for route in [
        routes::APPEND_ALL,
        routes::APPEND_BATCH,
        routes::REPLACE,
        routes::UPDATE,
        routes::SEQUENTIAL,
        routes::CONCURRENT,
    ] {
        kill_and_resume_with(route, &book(route), 2);
    }
}

/// Kills loads of this kind until the test's share of kills is made.
fn kill_and_resume(route: Route) {
    kill_and_resume_with(route, &Book::new(route.rows()), SHARE);
}

fn kill_and_resume_with(route: Route, book: &Book, share: u64) {
    let usual = undisturbed(book, route);
    let plan = Plan::share(share, ALL);
    let mut kills = 0;
    // A load that is over before its kill is due counts for nothing; most are not.
    let cycles = 3 * plan.kills + 10;
    for cycle in 0..cycles {
        let mut killer = Killer::new(plan.seed, route.name, cycle, usual);
        killer.cycle(&Stage::new(book, route));
        kills += killer.kills;
        if kills >= plan.kills {
            return;
        }
    }
    panic!("{kills} kills in {cycles} loads");
}

/// What an undisturbed load of this kind says, after checking that it does what it must. Once for all tests.
pub(super) fn undisturbed(book: &Book, route: Route) -> Usual {
    static KNOWN: Mutex<Vec<((&str, usize), Usual)>> = Mutex::new(Vec::new());
    let key = (route.name, book.bad());
    let known = KNOWN
        .lock()
        .unwrap()
        .iter()
        .find(|(of, _)| *of == key)
        .copied();
    if let Some((_, usual)) = known {
        return usual;
    }
    let stage = Stage::new(book, route);
    let proxy = Arc::new(Proxy::start(stage.database.port()));
    let first_rows = Arc::new(OnceLock::new());
    let (seen, at) = (Arc::clone(&first_rows), Arc::clone(&proxy));
    proxy.add(
        route
            .in_the_rows(Vec::new())
            .call(move || seen.set(at.traffic()).unwrap()),
    );
    run(&mut stage.import_in_batches(proxy.port())).assert_code(stage.complete_code());
    stage.assert_complete();
    let usual = Usual {
        first_rows: *first_rows.get().unwrap(),
        whole: proxy.traffic(),
    };
    KNOWN.lock().unwrap().push((key, usual));
    usual
}

/// One load, killed and brought to its end.
struct Killer {
    choices: Choices,
    trace: Trace,
    usual: Usual,
    kills: u64,
}

impl Killer {
    fn new(seed: u64, name: &str, cycle: u64, usual: Usual) -> Self {
        Self {
            choices: Choices::new(seed, name, cycle),
            trace: Trace::new(seed, name, cycle),
            usual,
            kills: 0,
        }
    }

    fn cycle(&mut self, stage: &Stage<'_>) {
        let port_to_import = |port| stage.import_in_batches(port);
        if self.run_and_kill(stage, &port_to_import) {
            self.check_after_kill(stage);
        }
        let mut kills_of_resume = match self.choices.below(ONE_RESUME_IN) {
            0 => self.choices.up_to(2),
            _ => 0,
        };
        while kills_of_resume > 0 && stage.is_unfinished() {
            kills_of_resume -= 1;
            let sizes = self.other_sizes(stage.route);
            let port_to_resume = |port| {
                let mut resume = stage.resume(port);
                resume.args(sizes);
                resume
            };
            if self.run_and_kill(stage, &port_to_resume) {
                self.check_after_kill(stage);
            }
        }
        self.finish(stage);
    }

    /// Runs a command over a proxy that has it killed somewhere. Gives whether that was before its end.
    fn run_and_kill(&mut self, stage: &Stage<'_>, command: &dyn Fn(u16) -> Command) -> bool {
        let proxy = Proxy::start(stage.database.port());
        let pid = Arc::new(OnceLock::new());
        let known = Arc::clone(&pid);
        let Place { at, nth, .. } = self.choices.place(self.usual);
        let then = self.choices.one_of(&[
            Then::Forward,
            Then::CutBefore,
            Then::CutInside,
            Then::CutAfter,
        ]);
        self.trace.choose(format!("kill at {at:?} {nth}, {then:?}"));
        proxy.add(Fault::new(at, nth, then).call(move || kill_9(*known.wait())));
        let child = start(&mut command(proxy.port()));
        pid.set(child.id()).unwrap();
        let ended = end(child);
        self.trace.choose(format!("{ended:?}"));
        if ended.code.is_some() {
            // A resume that comes too early may refuse to begin.
            assert_eq!(proxy.happened(), 0, "it outlived a kill");
            return false;
        }
        self.kills += 1;
        true
    }

    /// Looks at the table, sometimes before the server has noticed that the program is gone.
    fn check_after_kill(&mut self, stage: &Stage<'_>) {
        if self.choices.below(2) == 0 {
            self.trace.choose("go on at once");
            stage.assert_legal();
            return;
        }
        stage.wait_for_sessions_to_end();
        let loaded = stage.assert_legal();
        // What is in the table is in the ledger, and nothing else.
        if stage.route.visible == Visible::Gradually && !stage.loads().is_empty() {
            assert_eq!(stage.in_ledger().0, loaded);
        }
    }

    /// Brings the load to its end, as a user would.
    fn finish(&mut self, stage: &Stage<'_>) {
        let sizes = self.other_sizes(stage.route);
        if stage.is_unfinished() && stage.sessions() > 0 {
            // The server may not have noticed yet that the one before is gone. Then the load must stay as it was.
            let early = run(stage.resume(stage.database.port()).args(sizes));
            self.trace.choose(format!("early {early:?}"));
            if early.code == Some(stage.complete_code()) {
                stage.assert_complete();
                return;
            }
            stage.assert_legal();
        }
        stage.wait_for_sessions_to_end();
        if stage.loads() == ["complete"] {
            stage.assert_complete();
            return;
        }
        stage.finish(&sizes);
    }

    /// Sizes for a resume: it does not depend on those of the load.
    fn other_sizes(&mut self, route: Route) -> [&'static str; 4] {
        let batch = if route.is_per_row() {
            self.choices.one_of(&["1", "10", "25", "60"])
        } else {
            self.choices.one_of(&["40", "97", "150", "1000"])
        };
        let workers = if route.is_sequential() {
            "1"
        } else {
            self.choices.one_of(&["1", "2", "3"])
        };
        let sizes = ["--workers", workers, "--batch-size", batch];
        self.trace.choose(sizes.join(" "));
        sizes
    }
}
