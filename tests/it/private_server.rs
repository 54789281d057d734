//! The private server: its life from the first start to its removal, and what goes wrong on the way.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sheetload::ErrorKind;
use sheetload::db::embedded::{PrivateServer, Running, Status, Stopped};
use tokio_postgres::NoTls;

use crate::support::import::Run;
use crate::support::program::{sheetload, sheetload_at, stdout};
use crate::support::server::{TestDatabase, private_server, server_directory, shared_server};

/// The first column of the first row, over the socket or over TCP.
async fn ask(running: &Running, over_tcp: bool, statement: &str) -> String {
    let mut config = tokio_postgres::Config::new();
    config
        .port(running.port())
        .user(running.user())
        .password(running.password().expose())
        .dbname(running.database());
    if over_tcp {
        config.host(running.host());
    } else {
        config.host_path(running.socket_directory());
    }
    let (client, connection) = config.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let value = client
        .query_one(statement, &[])
        .await
        .unwrap()
        .get::<_, String>(0);
    drop(client);
    connection.await.unwrap().unwrap();
    value
}

fn pid_file(base: &Path) -> PathBuf {
    base.join("data/postmaster.pid")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Waits for something outside of this process, with a limit that only a broken test reaches.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn running(status: Status) -> Running {
    match status {
        Status::Running(running) => running,
        other => panic!("not running: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_starts_is_reused_stops_and_starts_again_at_the_same_port() {
    let base = server_directory();
    let server = private_server(&base);
    assert!(matches!(
        server.status().await.unwrap(),
        Status::NotInitialised
    ));
    assert_eq!(server.stop().await.unwrap(), Stopped::WasNotRunning);

    let first = server.start().await.unwrap();
    assert!(first.started_now());
    assert_eq!(
        ask(&first, false, "SELECT current_database()::text").await,
        "sheetload"
    );
    assert_eq!(
        ask(&first, true, "SELECT current_user::text").await,
        "sheetload"
    );

    let again = server.start().await.unwrap();
    assert!(!again.started_now());
    assert_eq!(again.pid(), first.pid());
    let seen = running(server.status().await.unwrap());
    assert_eq!((seen.pid(), seen.port()), (first.pid(), first.port()));

    let stopped = server.stop().await.unwrap();
    assert_eq!(stopped, Stopped::Stopped { pid: first.pid() });
    assert!(matches!(
        server.status().await.unwrap(),
        Status::Stopped { crashed: false, .. }
    ));
    let second = server.start().await.unwrap();
    assert_ne!(second.pid(), first.pid());
    assert_eq!(second.port(), first.port());
    assert_eq!(second.password().expose(), first.password().expose());

    server.destroy().await.unwrap();
    assert!(!base.exists());
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn a_user_s_server_is_durable_private_and_speaks_utf8() {
    let base = server_directory();
    let server = PrivateServer::at(&base);
    let running = server.start().await.unwrap();

    for (setting, expected) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("server_encoding", "UTF8"),
        ("password_encryption", "scram-sha-256"),
    ] {
        let value = ask(
            &running,
            false,
            &format!("SELECT current_setting('{setting}')"),
        )
        .await;
        assert_eq!(value, expected, "{setting}");
    }
    let methods = "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules";
    assert_eq!(ask(&running, false, methods).await, "scram-sha-256");
    // Sorting by code point, whatever the machine's locale: Z before a before ä.
    let sorted = "SELECT string_agg(c, '' ORDER BY c) FROM unnest(ARRAY['ä', 'a', 'Z']) AS t(c)";
    assert_eq!(ask(&running, false, sorted).await, "Zaä");

    let password = base.join("password");
    assert_eq!(mode(&password), 0o600);
    assert_eq!(
        fs::metadata(&password).unwrap().uid(),
        nix::unistd::geteuid().as_raw()
    );
    assert_eq!(fs::read_to_string(&password).unwrap().len(), 48);
    for private in [base.join("data"), running.socket_directory().to_owned()] {
        assert_eq!(mode(&private), 0o700, "{}", private.display());
    }
    assert_eq!(mode(&base.join("server.log")), 0o600);
    let owner = fs::metadata(base.join("data")).unwrap().uid();
    assert_ne!(owner, 0, "the server runs as root");

    server.destroy().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_recovered_with_what_was_committed() {
    let base = server_directory();
    let server = PrivateServer::at(&base);
    let first = server.start().await.unwrap();
    let created = sheetload_at(&base)
        .args([
            "db",
            "psql",
            "-qc",
            "CREATE TABLE kept AS SELECT 42 AS answer",
        ])
        .output()
        .unwrap();
    stdout(&created);
    kill(
        Pid::from_raw(i32::try_from(first.pid()).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    // Its processes take a moment to end.
    let deadline = Instant::now() + Duration::from_secs(60);
    let crashed = loop {
        match server.status().await.unwrap() {
            Status::Stopped { crashed, .. } => break crashed,
            _ if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("still there: {other:?}"),
        }
    };
    assert!(crashed);
    let second = server.start().await.unwrap();
    assert!(second.started_now());
    assert_eq!(
        ask(&second, false, "SELECT answer::text FROM kept").await,
        "42"
    );
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_with_a_dead_or_a_foreign_process_is_stale() {
    let base = server_directory();
    let server = private_server(&base);
    let first = server.start().await.unwrap();
    let text = fs::read_to_string(pid_file(&base)).unwrap();
    server.stop().await.unwrap();

    // A process of the server's own user: PostgreSQL itself would refuse to start then.
    let owner = fs::metadata(base.join("data")).unwrap();
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600").stdout(Stdio::null());
    std::os::unix::process::CommandExt::uid(&mut sleeper, owner.uid());
    let mut sleeper = sleeper.spawn().unwrap();
    // No process has a number above the limit of 2^22 (proc(5), pid_max).
    for pid in [sleeper.id(), 4_194_305] {
        let forged = text.replacen(&first.pid().to_string(), &pid.to_string(), 1);
        fs::write(pid_file(&base), &forged).unwrap();
        std::os::unix::fs::chown(pid_file(&base), Some(owner.uid()), Some(owner.gid())).unwrap();
        let lock = first
            .socket_directory()
            .join(format!(".s.PGSQL.{}.lock", first.port()));
        fs::write(&lock, &forged).unwrap();

        assert!(matches!(
            server.status().await.unwrap(),
            Status::Stopped { crashed: true, .. }
        ));
        assert_eq!(server.stop().await.unwrap(), Stopped::WasNotRunning);
        let running = server.start().await.unwrap();
        assert_ne!(running.pid(), pid);
        server.stop().await.unwrap();
    }
    assert!(
        sleeper.try_wait().unwrap().is_none(),
        "the stranger was killed"
    );
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn data_of_another_major_version_are_left_alone() {
    let base = server_directory();
    let server = private_server(&base);
    server.start().await.unwrap();
    server.stop().await.unwrap();
    fs::write(base.join("data/PG_VERSION"), "9.6\n").unwrap();

    let error = server.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerVersionMismatch);
    let data = base.join("data").display().to_string();
    for fact in ["PostgreSQL 9.6", "this machine has PostgreSQL", &data] {
        assert!(error.message().contains(fact), "{fact}: {error}");
    }
    assert!(error.advice().unwrap().contains("sheetload db destroy"));
    assert!(matches!(
        server.status().await.unwrap(),
        Status::Stopped { version, .. } if version == "9.6"
    ));
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_one() {
    let base = server_directory().join("x".repeat(100));
    let server = private_server(&base);
    let running = server.start().await.unwrap();
    let socket = running.socket_directory().to_owned();
    assert!(!socket.starts_with(&base));
    assert_eq!(mode(&socket), 0o700);
    assert_eq!(ask(&running, false, "SELECT 'here'::text").await, "here");
    server.destroy().await.unwrap();
    assert!(!socket.exists());
}

#[test]
fn two_processes_that_start_at_once_share_one_server() {
    let base = server_directory();
    let starters: Vec<_> = (0..2)
        .map(|_| {
            sheetload_at(&base)
                .args(["db", "start"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let texts: Vec<String> = starters
        .into_iter()
        .map(|starter| stdout(&starter.wait_with_output().unwrap()))
        .collect();
    let started = texts.iter().filter(|text| text.contains("has started"));
    assert_eq!(started.count(), 1, "{texts:?}");
    let servers: Vec<_> = texts
        .iter()
        .map(|text| text.lines().find(|line| line.contains("process")).unwrap())
        .collect();
    assert_eq!(servers[0], servers[1]);
    stdout(
        &sheetload_at(&base)
            .args(["db", "destroy", "--yes"])
            .output()
            .unwrap(),
    );
}

#[tokio::test]
async fn a_start_that_was_killed_is_no_obstacle() {
    let base = server_directory();
    let server = private_server(&base);
    let mut killed = sheetload_at(&base)
        .args(["db", "start"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // In the middle of initdb, which goes on for a while.
    wait_for("a data directory in the making", || {
        fs::read_dir(&base).is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.path().join("data/base").exists()))
        })
    });
    killed.kill().unwrap();
    killed.wait().unwrap();

    let running = server.start().await.unwrap();
    assert_eq!(ask(&running, false, "SELECT 'here'::text").await, "here");
    server.destroy().await.unwrap();
    assert!(!base.exists());
}

#[tokio::test]
async fn directories_that_are_not_ours_are_neither_used_nor_deleted() {
    let base = server_directory();
    fs::create_dir(&base).unwrap();
    fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(base.join("letter"), "dear").unwrap();
    let server = private_server(&base);
    for error in [
        server.start().await.unwrap_err(),
        server.destroy().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::ServerFailed);
        assert!(error.message().contains(&base.display().to_string()));
    }
    assert_eq!(fs::read_dir(&base).unwrap().count(), 1);
}

#[tokio::test]
async fn destroy_leaves_other_people_s_files() {
    let base = server_directory();
    let server = private_server(&base);
    server.start().await.unwrap();
    fs::write(base.join("letter"), "dear").unwrap();
    server.destroy().await.unwrap();
    let left: Vec<_> = fs::read_dir(&base)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["letter"]);
}

#[tokio::test]
async fn a_wrong_or_missing_password_file_is_named() {
    let base = server_directory();
    let server = private_server(&base);
    server.start().await.unwrap();
    let path = base.join("password");
    let right = fs::read_to_string(&path).unwrap();

    fs::write(&path, "wrong").unwrap();
    let error = server.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);
    assert!(error.message().contains(&path.display().to_string()));
    assert!(!error.message().contains("wrong"));

    fs::remove_file(&path).unwrap();
    let error = server.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);

    fs::write(&path, right).unwrap();
    assert!(!server.start().await.unwrap().started_now());
    server.destroy().await.unwrap();
}

#[tokio::test]
async fn a_server_that_can_t_start_says_why() {
    let base = server_directory();
    let server = private_server(&base);
    server.start().await.unwrap();
    server.stop().await.unwrap();
    let settings = base.join("data/postgresql.conf");
    let before = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{before}\nno_such_setting = 1\n")).unwrap();

    let error = server.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerFailed);
    assert!(error.message().contains("postgresql.conf"), "{error}");
    let log = base.join("server.log").display().to_string();
    assert!(error.advice().unwrap().contains(&log));

    fs::write(&settings, before).unwrap();
    server.start().await.unwrap();
    server.destroy().await.unwrap();
}

#[test]
fn the_commands_tell_where_the_server_is() {
    let base = server_directory();
    let run = |args: &[&str]| {
        sheetload_at(&base)
            // Of some other database: they must not reach this one.
            .envs([
                ("PGHOST", "nowhere.invalid"),
                ("PGPORT", "1"),
                ("PGUSER", "nobody"),
            ])
            .arg("db")
            .args(args)
            .output()
            .unwrap()
    };
    let status = run(&["status", "--json"]);
    assert_eq!(status.status.code(), Some(5));
    let document: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(document["state"], "not_initialised");
    assert_eq!(run(&["url"]).status.code(), Some(5));

    let text = stdout(&run(&["start"]));
    let password = fs::read_to_string(base.join("password")).unwrap();
    for hint in [
        "postgresql://sheetload@127.0.0.1:",
        "sheetload db psql",
        "sheetload db stop",
    ] {
        assert!(text.contains(hint), "{hint}: {text}");
    }
    assert!(!text.contains(&password));

    let document: serde_json::Value =
        serde_json::from_str(&stdout(&run(&["status", "--json"]))).unwrap();
    assert_eq!(document["state"], "running");
    assert_eq!(document["directory"], base.display().to_string());
    assert!(!document.to_string().contains(&password));

    let plain = stdout(&run(&["url"]));
    assert!(!plain.contains(&password));
    let full = stdout(&run(&["url", "--with-password"]));
    assert_eq!(full.replace(&format!(":{password}"), ""), plain);
    let answer = run(&[
        "psql",
        "-XAtc",
        "SELECT current_user || '/' || current_database()",
    ]);
    assert_eq!(stdout(&answer), "sheetload/sheetload\n");

    let refused = run(&["destroy"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(base.exists());
    stdout(&run(&["destroy", "--yes"]));
    assert!(!base.exists());
}

#[test]
fn a_test_s_database_is_its_own_and_goes_with_it() {
    let name = {
        let database = TestDatabase::create();
        assert_eq!(database.value("SELECT current_database()"), database.name());
        let rows =
            database.query("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (NULL); TABLE t");
        assert_eq!(rows, [[Some("1".to_owned())], [None]]);
        database.name().to_owned()
    };
    let other = TestDatabase::create();
    let left = other.value(&format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{name}'"
    ));
    assert_eq!(left, "0");
    // The throw-away server alone runs without fsync.
    assert_eq!(other.value("SHOW fsync"), "off");
    let _shared: &Running = shared_server();
}

#[tokio::test]
async fn a_test_s_database_answers_in_async_tests_and_over_its_url() {
    let database = TestDatabase::create();
    let client = database.connect().await;
    client
        .batch_execute("CREATE TABLE here (a int)")
        .await
        .unwrap();
    let (other, connection) = tokio_postgres::connect(&database.url(), NoTls)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let count: i64 = other
        .query_one("SELECT count(*) FROM here", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 0);
    drop(other);
    connection.await.unwrap().unwrap();
}

#[test]
fn the_private_server_is_used_when_it_was_asked_for_and_reports_say_where_rows_went() {
    let base = server_directory();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rows.xlsx");
    let file = file.to_str().unwrap();
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        sheetload_at(&base)
            .envs(variables.iter().copied())
            .args(args)
            .output()
            .unwrap()
    };
    stdout(&run(&["sample", "--rows", "10", "-o", file], &[]));

    // Nobody sees what is said here: there is no terminal.
    let import = ["import", file, "--table", "rows", "--json"];
    let empty_url = [&import[..], &["--database-url", ""]].concat();
    for (args, variables, text) in [
        (&import[..], &[][..], "no database is named"),
        (&import[..], &[("DATABASE_URL", "")], "DATABASE_URL"),
        (&import[..], &[("PGHOST", "")], "PGHOST"),
        (&empty_url, &[], "--database-url"),
        (&["history"], &[], "no database is named"),
        (&["resume"], &[], "no database is named"),
    ] {
        let refused = run(args, variables);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{args:?} {variables:?}: {told}"
        );
        assert!(told.contains(text) && told.contains("db start"), "{told}");
        assert!(!base.exists(), "{args:?} {variables:?}: a server was made");
    }

    stdout(&run(&["db", "start"], &[]));
    let loaded = run(&import, &[]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&loaded)).unwrap();
    assert_eq!(report["database"]["private_server"], base.to_str().unwrap());
    let told = String::from_utf8(loaded.stderr).unwrap();
    assert!(told.contains(base.to_str().unwrap()), "{told}");
    // An empty variable is a sign of another database, whether the server runs or not.
    assert_eq!(run(&import, &[("DATABASE_URL", "")]).status.code(), Some(2));
    let text = stdout(&run(&["import", file, "--table", "rows", "--again"], &[]));
    assert!(
        text.contains(&format!(
            "database             private server in {}",
            base.display()
        )),
        "{text}"
    );
    let named = [
        "import",
        file,
        "--table",
        "rows",
        "--again",
        "--json",
        "--database-url",
        "private",
    ];
    stdout(&run(&named, &[("DATABASE_URL", "")]));
    stdout(&run(&["db", "destroy", "--yes"], &[]));
}

#[test]
fn reports_name_the_database_without_its_password() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rows.xlsx");
    let output = sheetload()
        .args(["sample", "--rows", "10", "-o"])
        .arg(&file)
        .output()
        .unwrap();
    stdout(&output);
    let report = Run::import(&database, &file, &["--table", "rows"]).document(0);
    let url = report["database"]["url"].as_str().unwrap();
    assert!(
        url.ends_with(&format!(":{}/{}", database.port(), database.name())),
        "{url}"
    );
    assert_eq!(
        report["database"]["private_server"],
        serde_json::Value::Null
    );
    let load = report["load_id"].as_str().unwrap();
    let undo = ["undo", load, "--json", "--database-url", &database.url()];
    let undone: serde_json::Value =
        serde_json::from_str(&stdout(&sheetload().args(undo).output().unwrap())).unwrap();
    assert_eq!(undone["database"]["url"], url);
}

#[test]
fn nobody_else_can_write_to_the_servers_files_whatever_the_umask() {
    let base = server_directory();
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "umask 0; exec \"$0\" db start",
            env!("CARGO_BIN_EXE_sheetload"),
        ])
        .env("SHEETLOAD_HOME", &base)
        .stdin(Stdio::null());
    stdout(&shell.output().unwrap());
    let found = Command::new("find")
        .arg(&base)
        .args(["!", "-type", "l", "!", "-type", "s", "-perm", "/022"])
        .output()
        .unwrap();
    assert_eq!(stdout(&found), "");
    stdout(
        &sheetload_at(&base)
            .args(["db", "destroy", "--yes"])
            .output()
            .unwrap(),
    );
}
