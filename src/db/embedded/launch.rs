//! Starting the server's process and waiting until it answers.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Child;

use crate::error::{Error, ErrorKind, Result};

use super::account::Account;
use super::binaries::Binaries;
use super::location::Layout;
use super::postmaster::{PidFile, Postmaster};
use super::probe::{Address, Answer};
use super::running::{HOST, Password, Running};
use super::{Durability, files, listening};

/// After a crash the server first replays its log, which takes a while when much was being loaded.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// A killed server's children can hold its shared memory for seconds.
const RETRY_PATIENCE: Duration = Duration::from_secs(20);
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// A log longer than this, in bytes, is put aside at the next start; two are kept.
const LONGEST_LOG: u64 = 8 << 20;

/// All that a start needs, under the lock.
pub(super) struct Launch<'a> {
    pub(super) layout: &'a Layout,
    pub(super) binaries: &'a Binaries,
    pub(super) account: &'a Account,
    pub(super) password: &'a Password,
    pub(super) durability: Durability,
}

impl Launch<'_> {
    /// Starts the server over an existing data directory; gives one that is running anyway.
    pub(super) async fn start(&self) -> Result<Running> {
        let retry_until = Instant::now() + RETRY_PATIENCE;
        let mut was_killed = false;
        let mut port = listening::remembered_port(self.layout)?;
        loop {
            match self.clear_the_way().await? {
                Way::Taken(running) => return Ok(running),
                Way::Clear { after_a_crash } => was_killed |= after_a_crash,
            }
            let free = listening::free_port(port)?;
            let log_length = self.rotate_log()?;
            let mut child = self.spawn(free)?;
            if let Some(running) = self.wait_until_ready(&mut child).await? {
                files::write(&self.layout.port(), &free.to_string())?;
                return Ok(running);
            }
            let port_was_taken = !listening::is_free(free);
            if !(was_killed || port_was_taken) || Instant::now() >= retry_until {
                return Err(self.did_not_start(log_length));
            }
            port = Some(free);
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Waits for a server that is alive but not ready (one that is stopping, or started by hand), and removes
    /// the pid file of a dead one: PostgreSQL itself believes in it as long as any process has that number.
    async fn clear_the_way(&self) -> Result<Way> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            match Postmaster::look(self.layout)? {
                Postmaster::Absent => {
                    return Ok(Way::Clear {
                        after_a_crash: false,
                    });
                }
                Postmaster::Stale => {
                    files::remove_file(&self.layout.pid_file())?;
                    return Ok(Way::Clear {
                        after_a_crash: true,
                    });
                }
                Postmaster::Alive(file) => {
                    if let Some(running) = self.connect(&file).await? {
                        return Ok(Way::Taken(running));
                    }
                    if Instant::now() >= deadline {
                        return Err(self.not_answering(file.pid));
                    }
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn spawn(&self, port: u16) -> Result<Child> {
        let socket_directory = self.layout.socket_directory();
        listening::prepare_socket_directory(&socket_directory, self.account)?;
        let log = open_log(&self.layout.log())?;
        let second = log
            .try_clone()
            .map_err(|error| files::failed("open", &self.layout.log(), error))?;
        let mut command = self.binaries.command("postgres", self.account);
        command.arg("-D").arg(self.layout.data());
        for (name, value) in settings(port, &socket_directory, self.durability) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(second))
            // Out of reach of the terminal's Ctrl-C: it outlives this program.
            .process_group(0)
            .kill_on_drop(false);
        command.spawn().map_err(|error| {
            Error::new(ErrorKind::ServerFailed, "could not run postgres").caused_by(error)
        })
    }

    /// Gives nothing when the process ended before it was ready.
    async fn wait_until_ready(&self, child: &mut Child) -> Result<Option<Running>> {
        let deadline = Instant::now() + START_PATIENCE;
        let pid = child.id();
        loop {
            let ended = child.try_wait().map_err(|error| {
                Error::new(
                    ErrorKind::ServerFailed,
                    "lost track of the server's process",
                )
                .caused_by(error)
            })?;
            if ended.is_some() {
                return Ok(None);
            }
            if let Postmaster::Alive(file) = Postmaster::look(self.layout)?
                && Some(file.pid) == pid
                && let Some(running) = self.connect(&file).await?
            {
                return Ok(Some(Running {
                    started_now: true,
                    ..running
                }));
            }
            if Instant::now() >= deadline {
                return Err(self.not_answering(pid.unwrap_or_default()));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Connects to the server of this pid file; creates the database when it is not there yet.
    async fn connect(&self, file: &PidFile) -> Result<Option<Running>> {
        match connect(self.layout, file, self.password).await? {
            Connected::Yes(running) => Ok(Some(running)),
            Connected::WithoutDatabase(address_of) => {
                address(self.layout, &address_of, self.password)
                    .create_database()
                    .await?;
                Ok(None)
            }
            Connected::No => Ok(None),
        }
    }

    /// Puts a long log aside; gives the length of the one to be written on.
    fn rotate_log(&self) -> Result<u64> {
        let path = self.layout.log();
        let length = fs::metadata(&path).map_or(0, |found| found.len());
        if length <= LONGEST_LOG {
            return Ok(length);
        }
        fs::rename(&path, self.layout.old_log())
            .map_err(|error| files::failed("rename", &path, error))?;
        Ok(0)
    }

    fn did_not_start(&self, log_length: u64) -> Error {
        let path = self.layout.log();
        let said = fs::File::open(&path).and_then(|mut log| {
            log.seek(SeekFrom::Start(log_length))?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        });
        let reason = said.as_deref().map_or(None, reason_in);
        let message = match reason {
            Some(reason) => format!("the private server did not start: {reason}"),
            None => "the private server did not start".to_owned(),
        };
        Error::new(ErrorKind::ServerFailed, message)
            .in_file(&path)
            .next_step(format!("Its log is {}", path.display()))
    }

    fn not_answering(&self, pid: u32) -> Error {
        Error::new(
            ErrorKind::ServerFailed,
            format!(
                "the private server (process {pid}) has not answered for {} s",
                START_PATIENCE.as_secs()
            ),
        )
        .next_step(format!(
            "See {}; if it is not recovering from a crash, `sheetload db stop` and start it again",
            self.layout.log().display()
        ))
    }
}

enum Way {
    Taken(Running),
    Clear { after_a_crash: bool },
}

/// What came of an attempt to reach the server of a pid file.
pub(super) enum Connected {
    Yes(Running),
    /// The server answers at this port and socket directory, but its database was never created.
    WithoutDatabase(Endpoint),
    No,
}

/// Where the pid file says that the server listens.
pub(super) struct Endpoint {
    socket_directory: PathBuf,
    port: u16,
}

/// Tries to reach the server of a pid file, once.
pub(super) async fn connect(
    layout: &Layout,
    file: &PidFile,
    password: &Password,
) -> Result<Connected> {
    let (true, Some(port), Some(socket_directory)) =
        (file.is_ready, file.port, file.socket_directory.clone())
    else {
        return Ok(Connected::No);
    };
    let endpoint = Endpoint {
        socket_directory,
        port,
    };
    Ok(match address(layout, &endpoint, password).ask().await? {
        Answer::NotYet => Connected::No,
        Answer::NoDatabase => Connected::WithoutDatabase(endpoint),
        Answer::Ready { version } => Connected::Yes(Running {
            pid: file.pid,
            port,
            socket_directory: endpoint.socket_directory,
            data_directory: layout.data(),
            log_file: layout.log(),
            version,
            started_now: false,
            password: password.clone(),
        }),
    })
}

fn address<'a>(layout: &'a Layout, endpoint: &'a Endpoint, password: &'a Password) -> Address<'a> {
    Address {
        socket_directory: &endpoint.socket_directory,
        port: endpoint.port,
        password,
        password_file: layout.password(),
    }
}

/// The settings that must hold whatever `postgresql.conf` says: the command line wins over it.
fn settings(
    port: u16,
    socket_directory: &Path,
    durability: Durability,
) -> Vec<(&'static str, String)> {
    // A list: its elements are separated by commas and quoted like identifiers.
    let quoted = socket_directory.to_string_lossy().replace('"', "\"\"");
    let mut settings = vec![
        ("listen_addresses", HOST.to_owned()),
        ("port", port.to_string()),
        ("unix_socket_directories", format!("\"{quoted}\"")),
        ("cluster_name", "sheetload".to_owned()),
        // The user has the name of the ledger's schema, which is no place for tables.
        ("search_path", "public, \"$user\"".to_owned()),
        // One log that this program opened, rather than the server's own collector.
        ("logging_collector", "off".to_owned()),
        ("log_destination", "stderr".to_owned()),
    ];
    match durability {
        Durability::Full => settings.push(("fsync", "on".to_owned())),
        Durability::None => settings.extend(
            ["fsync", "synchronous_commit", "full_page_writes"]
                .map(|name| (name, "off".to_owned())),
        ),
    }
    settings
}

/// The first message that ended the server, else its last line.
fn reason_in(log: &str) -> Option<&str> {
    let mut lines = log.lines().filter(|line| !line.trim().is_empty());
    let fatal = lines.clone().find_map(|line| {
        ["FATAL:", "PANIC:"]
            .iter()
            .find_map(|level| line.split_once(level))
    });
    fatal
        .map(|(_, message)| message.trim())
        .or_else(|| lines.next_back())
}

fn open_log(path: &Path) -> Result<fs::File> {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        // The server logs statements that failed, with the values in them.
        .mode(0o600)
        .open(path)
        .map_err(|error| files::failed("open", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_fatal_message() {
        let log = "2026-01-01 LOG:  starting\n2026-01-01 FATAL:  could not create lock file\n2026-01-01 LOG:  shut down\n";
        assert_eq!(reason_in(log), Some("could not create lock file"));
        assert_eq!(
            reason_in("postgres: bad option\n"),
            Some("postgres: bad option")
        );
        assert_eq!(reason_in("\n"), None);
    }

    #[test]
    fn only_tests_run_without_fsync() {
        let value = |durability, wanted: &str| {
            settings(5432, Path::new("/a \"b\", c/run"), durability)
                .into_iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        assert_eq!(value(Durability::Full, "fsync").as_deref(), Some("on"));
        assert_eq!(value(Durability::None, "fsync").as_deref(), Some("off"));
        assert_eq!(
            value(Durability::Full, "unix_socket_directories").as_deref(),
            Some("\"/a \"\"b\"\", c/run\"")
        );
    }
}
