//! One throw-away server per test run, a database per test, and a watchdog that leaves nothing behind.
//!
//! The server is a [`PrivateServer`] without fsync in a directory below `/tmp`, started by the first test that
//! needs it. Statics are never dropped and a test run can be killed; so a watchdog process holds the other end
//! of a pipe and cleans up when this process is gone, however it went.

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sheetload::db::embedded::{Durability, PrivateServer, Running, ServerOptions};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Reads until the pipe closes, then kills each server below the directory and removes it. It works from the pid
/// files, because those are written by whoever runs, and more than once, because a killed run can have left an
/// initdb or a starting server behind that makes files meanwhile.
const WATCHDOG: &str = r#"
cat > /dev/null
for round in 1 2 3 4 5 6 7 8 9 10; do
    find "$1" -maxdepth 3 -name postmaster.pid 2> /dev/null | while read -r file; do
        pid=$(head -n 1 "$file" 2> /dev/null)
        # Only a server over this directory: a test may have written any number into the file.
        case "$(ps -ww -o args= -p "$pid" 2> /dev/null || tr '\0' ' ' < "/proc/$pid/cmdline")" in
            *postgres*"$1"*)
                # A long path's socket is outside of the directory.
                case "$(sed -n 5p "$file")" in /tmp/sheetload-*) rm -rf -- "$(sed -n 5p "$file")" ;; esac
                kill -QUIT "$pid" ;;
        esac
    done
    rm -rf -- "$1" 2> /dev/null
    sleep 0.3
    if [ ! -e "$1" ] && [ "$round" -gt 3 ]; then exit 0; fi
done
"#;

/// The directory of this test process, with everything that its tests make servers in.
struct TestRun {
    directory: PathBuf,
    /// Its stdin is the pipe; kept open as long as this process lives.
    _watchdog: Child,
}

impl TestRun {
    fn get() -> &'static Self {
        static RUN: OnceLock<TestRun> = OnceLock::new();
        RUN.get_or_init(|| {
            let directory = tempfile::Builder::new()
                .prefix("sheetload-test-")
                // Not the user's TMPDIR: sockets need short paths, and the server's user must get there.
                .tempdir_in("/tmp")
                .unwrap()
                .keep();
            std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o711)).unwrap();
            let watchdog = Command::new("/bin/sh")
                .args(["-c", WATCHDOG, "sheetload-test-watchdog"])
                .arg(&directory)
                .current_dir("/")
                .stdin(Stdio::piped())
                // Not the test run's output: whoever reads that would wait for the watchdog.
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                // Ctrl-C ends the tests, not the watchdog.
                .process_group(0)
                .spawn()
                .unwrap();
            Self {
                directory,
                _watchdog: watchdog,
            }
        })
    }
}

/// A new path for a private server of a test's own. Nothing is there yet; the watchdog cleans it up.
pub(crate) fn server_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    TestRun::get().directory.join(format!("server-{number}"))
}

/// A private server of a test's own, not started.
pub(crate) fn private_server(base: &Path) -> PrivateServer {
    PrivateServer::at(base).with_options(ServerOptions {
        durability: Durability::None,
    })
}

/// The server that all tests share, started by the first one. A test that can't have it fails.
pub(crate) fn shared_server() -> &'static Running {
    static SERVER: OnceLock<Running> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = private_server(&server_directory());
        block_on(async move { server.start().await.expect("the throw-away server starts") })
    })
}

/// Runs a future to its end on a thread of its own: inside of a runtime, too.
pub(crate) fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(future)
            })
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A database of one test's own, dropped at the end together with whoever is still connected to it.
pub(crate) struct TestDatabase {
    name: String,
    server: Running,
}

impl TestDatabase {
    /// Creates an empty database in the shared server. For `#[test]` and `#[tokio::test]` alike.
    pub(crate) fn create() -> Self {
        Self::create_in(shared_server())
    }

    /// The same in a server of a test's own. It may be restarted meanwhile.
    pub(crate) fn create_in(server: &Running) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // The server is this process's alone: a number is enough.
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let server = server.clone();
        run_in(&server, "postgres", &format!("CREATE DATABASE {name}"));
        Self { name, server }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A connection URL over TCP, with the password.
    pub(crate) fn url(&self) -> String {
        self.url_through(self.port())
    }

    /// The same by way of a proxy that listens on this port.
    pub(crate) fn url_through(&self, port: u16) -> String {
        format!(
            "postgresql://{}:{}@{}:{port}/{}",
            self.server.user(),
            self.server.password().expose(),
            self.server.host(),
            self.name
        )
    }

    /// The server's TCP port.
    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Runs statements and gives the rows of the last ones as text, NULL as nothing.
    pub(crate) fn query(&self, statements: &str) -> Vec<Vec<Option<String>>> {
        run_in(&self.server, &self.name, statements)
    }

    /// The single value of a query's single row.
    pub(crate) fn value(&self, statement: &str) -> String {
        let rows = self.query(statement);
        assert_eq!(rows.len(), 1, "{statement}: {rows:?}");
        assert_eq!(rows[0].len(), 1, "{statement}: {rows:?}");
        rows[0][0].clone().expect("a value, not NULL")
    }

    /// The server's major version.
    pub(crate) fn major_version(&self) -> u32 {
        let number: u32 = self
            .value("select current_setting('server_version_num')")
            .parse()
            .unwrap();
        number / 10_000
    }

    /// A connection, driven by a task of the calling test's runtime.
    pub(crate) async fn connect(&self) -> Client {
        connect_to(&self.server, &self.name).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A failed test is unwinding already; a second panic would end all tests.
        let (name, server) = (self.name.clone(), self.server.clone());
        let dropped = std::panic::catch_unwind(|| {
            let statement = format!("DROP DATABASE {name} WITH (FORCE)");
            run_in(&server, "postgres", &statement)
        });
        assert!(
            dropped.is_ok() || std::thread::panicking(),
            "could not drop {}",
            self.name
        );
    }
}

async fn connect_to(server: &Running, database: &str) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host_path(server.socket_directory())
        .port(server.port())
        .user(server.user())
        .password(server.password().expose())
        .dbname(database)
        .connect(NoTls)
        .await
        .expect("the throw-away server answers");
    tokio::spawn(connection);
    client
}

fn run_in(server: &Running, database: &str, statements: &str) -> Vec<Vec<Option<String>>> {
    block_on(async {
        let client = connect_to(server, database).await;
        let messages = client
            .simple_query(statements)
            .await
            .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
        messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|column| row.get(column).map(str::to_owned))
                        .collect(),
                ),
                _ => None,
            })
            .collect()
    })
}
