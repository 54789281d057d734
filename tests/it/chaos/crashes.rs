//! The server dies in the middle of a load: its processes killed, or shut down at once as `pg_ctl -m immediate` does
//! it, or as an administrator restarts it. The server is durable, as servers are where it matters.

use std::fs::OpenOptions;
use std::io::Write as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sheetload::db::embedded::{PrivateServer, Running, Status};

use super::book::Book;
use super::kills::undisturbed;
use super::random::{Choices, Plan, Trace};
use super::routes;
use super::stage::{Route, Stage, end, kill_9, start, wait_for};
use crate::support::import::rows;
use crate::support::proxy::{Fault, Proxy, Then};
use crate::support::server::{TestDatabase, block_on, server_directory};

/// How the server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// SIGKILL to all of its processes.
    Killed,
    /// SIGQUIT: it ends without writing anything, and without a word to its clients that could be relied on.
    Immediate,
    /// SIGINT: transactions are rolled back, clients are told.
    Fast,
}

const WAYS: [Way; 3] = [Way::Killed, Way::Immediate, Way::Fast];
const ROUTES: [Route; 6] = [
    routes::APPEND_ALL,
    routes::APPEND_BATCH,
    routes::CREATE_ALL,
    routes::REPLACE,
    routes::CONCURRENT,
    routes::UPDATE,
];
/// Crashes of each way in a short run, and the kills that a long run's number is measured by.
const CRASHES: u64 = 1;
const KILLS: u64 = 90;

/// A durable server of this test's own.
struct Server {
    server: PrivateServer,
    running: Running,
}

impl Server {
    fn start() -> Self {
        let server = PrivateServer::at(&server_directory());
        let running = block_on(server.start()).unwrap();
        // Before it recovers, a server flushes its directory file by file, which takes seconds; Linux can do it at once.
        let major = running.version().split('.').next().unwrap();
        if cfg!(target_os = "linux") && major.parse::<u32>().unwrap() >= 14 {
            let settings = running.data_directory().join("postgresql.conf");
            let mut settings = OpenOptions::new().append(true).open(settings).unwrap();
            settings
                .write_all(b"\nrecovery_init_sync_method = syncfs\n")
                .unwrap();
        }
        Self { server, running }
    }

    /// Ends the server; it answers nothing after this.
    fn crash(&self, stage: &Stage<'_>, way: Way) {
        let postmaster = self.running.pid();
        let processes = "select pid::text from pg_stat_activity";
        let processes = rows(&stage.database, processes);
        match way {
            Way::Killed => {
                kill_9(postmaster);
                for process in processes {
                    kill_9(process.parse().unwrap());
                }
            }
            Way::Immediate => signal(postmaster, Signal::SIGQUIT),
            Way::Fast => signal(postmaster, Signal::SIGINT),
        }
    }

    /// Starts the server again when it is gone.
    fn restart(&mut self) {
        let server = &self.server;
        wait_for("the server to end", || {
            matches!(block_on(server.status()).unwrap(), Status::Stopped { .. })
        });
        let port = self.running.port();
        self.running = block_on(server.start()).unwrap();
        assert_eq!(self.running.port(), port, "somebody took the port");
    }
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

#[test]
fn a_load_is_resumed_after_the_server_died() {
    crash_and_resume("impatient crash", "0s");
}

#[test]
fn a_patient_load_outlives_the_server() {
    crash_and_resume("patient crash", "120s");
}

fn crash_and_resume(name: &str, retry_for: &str) {
    let plan = Plan::share(CRASHES, KILLS);
    let mut server = Server::start();
    for cycle in 0..plan.kills {
        for way in WAYS {
            let mut choices = Choices::new(plan.seed, name, cycle * 3 + way as u64);
            let mut trace = Trace::new(plan.seed, name, cycle);
            let route = choices.one_of(&ROUTES);
            let book = Book::new(route.rows());
            let place = choices.place(undisturbed(&book, route));
            let (at, nth) = (place.at, place.nth);
            trace.choose(format!("{}, {way:?} at {at:?} {nth}", route.name));

            let database = TestDatabase::create_in(&server.running);
            let stage = Stage::over(database, &book, route);
            let proxy = Proxy::start(server.running.port());
            proxy.add(Fault::new(at, nth, Then::Stall));
            let mut import = stage.import_in_batches(proxy.port());
            let mut child = start(import.args(["--retry-for", retry_for]));
            if !proxy.wait_for_faults_or_end(1, &mut child) {
                // The place was the last one of a load that said less than usual.
                end(child).assert_code(0);
                stage.assert_complete();
                continue;
            }
            server.crash(&stage, way);
            proxy.release();
            if retry_for == "0s" {
                let ended = end(child);
                trace.choose(format!("{ended:?}"));
                server.restart();
                stage.assert_legal();
                if ended.code != Some(0) {
                    ended.assert_code(5);
                    if stage.loads() != ["complete"] {
                        stage.finish(&[]);
                    }
                }
            } else {
                server.restart();
                let ended = end(child);
                trace.choose(format!("{ended:?}"));
                ended.assert_code(0);
            }
            stage.assert_complete();
        }
    }
    block_on(server.server.destroy()).unwrap();
}
