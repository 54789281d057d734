//! What `postmaster.pid` says and whether it is true.
//!
//! The file's lines are: process id, data directory, start time, port, socket directory, listen address, shared
//! memory key, state (PostgreSQL source, `src/include/utils/pidfile.h`; the state since version 10). A server
//! that was killed leaves it behind, and its process id can meanwhile belong to anybody.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::Result;

use super::files;
use super::location::Layout;

/// The lines of `postmaster.pid`. A server that is starting has not written all of them yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    pub(super) port: Option<u16>,
    pub(super) socket_directory: Option<PathBuf>,
    pub(super) is_ready: bool,
}

impl PidFile {
    /// Reads the file's text; nothing if the first line is not a process id.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        // A standalone backend (`postgres --single`) writes its id negative.
        let pid = lines.next()?.trim_start_matches('-').parse().ok()?;
        let port = lines.nth(2).and_then(|line| line.parse().ok());
        let socket_directory = lines
            .next()
            .filter(|line| !line.is_empty())
            .map(PathBuf::from);
        let is_ready = lines.nth(2) == Some("ready");
        Some(Self {
            pid,
            port,
            socket_directory,
            is_ready,
        })
    }
}

/// What is known about the server from its pid file and the process table, without a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Postmaster {
    /// No pid file: never started, or stopped in order.
    Absent,
    /// A pid file, but no server: it was killed, or the machine went down.
    Stale,
    /// The server's process is alive.
    Alive(PidFile),
}

impl Postmaster {
    /// Looks at the pid file below this base.
    pub(super) fn look(layout: &Layout) -> Result<Self> {
        let Some(text) = files::read_if_there(&layout.pid_file())? else {
            return Ok(Self::Absent);
        };
        Ok(match PidFile::parse(&text) {
            Some(file) if is_server_of(file.pid, &layout.data()) => Self::Alive(file),
            _ => Self::Stale,
        })
    }
}

/// Sends a signal to the server's process.
pub(super) fn send(pid: u32, signal: Signal) -> Result<(), Errno> {
    kill(to_pid(pid)?, signal)
}

/// Whether this process is a PostgreSQL server over this data directory, and not merely a number that a dead
/// server had. A zombie is dead.
fn is_server_of(pid: u32, data_directory: &Path) -> bool {
    // Another user's process refuses the signal with EPERM: it exists, and what it is decides the process table.
    let exists = to_pid(pid).is_ok_and(|pid| kill(pid, None) != Err(Errno::ESRCH));
    exists && process::serves(pid, data_directory)
}

fn to_pid(pid: u32) -> Result<Pid, Errno> {
    match i32::try_from(pid) {
        // 0 and negative numbers mean groups of processes.
        Ok(pid) if pid > 0 => Ok(Pid::from_raw(pid)),
        _ => Err(Errno::ESRCH),
    }
}

#[cfg(target_os = "linux")]
mod process {
    //! The process table in `/proc` (proc(5)): `ps` is not installed everywhere.

    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    /// The server works in its data directory and has it as an argument. Both are looked at: the first can be
    /// hidden from root in a container without CAP_SYS_PTRACE, the second can be a relative path. A zombie has
    /// neither.
    pub(super) fn serves(pid: u32, data_directory: &Path) -> bool {
        let is_postgres =
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| is_server_name(&name));
        if !is_postgres {
            return false;
        }
        let works_there = match (
            fs::read_link(format!("/proc/{pid}/cwd")),
            data_directory.canonicalize(),
        ) {
            (Ok(working), Ok(data)) => working == data,
            _ => false,
        };
        works_there
            || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|arguments| {
                arguments
                    .split(|byte| *byte == 0)
                    .any(|argument| argument == data_directory.as_os_str().as_bytes())
            })
    }

    fn is_server_name(name: &str) -> bool {
        matches!(name.trim_end(), "postgres" | "postmaster")
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    //! The process table through `ps`, whose `-o` columns POSIX fixes.

    use std::path::Path;
    use std::process::Command;

    /// The server's command line names its program and its data directory; a zombie's does not.
    pub(super) fn serves(pid: u32, data_directory: &Path) -> bool {
        let listed = Command::new("ps")
            .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
            .output();
        listed.is_ok_and(|output| {
            let line = String::from_utf8_lossy(&output.stdout);
            line.contains("postgres") && line.contains(&*data_directory.to_string_lossy())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_server_s_file_is_understood() {
        // As PostgreSQL 15 writes it.
        let text =
            "4242\n/base/data\n1700000000\n40123\n/base/run\n127.0.0.1\n  123   456\nready   \n";
        assert_eq!(
            PidFile::parse(text),
            Some(PidFile {
                pid: 4242,
                port: Some(40123),
                socket_directory: Some(PathBuf::from("/base/run")),
                is_ready: true,
            })
        );
    }

    #[test]
    fn a_starting_server_s_file_is_incomplete() {
        let file = PidFile::parse("4242\n/base/data\n1700000000\n40123\n").unwrap();
        assert_eq!(file.port, Some(40123));
        assert_eq!(file.socket_directory, None);
        assert!(!file.is_ready);
        let stopping = "7\n/d\n1\n40123\n/r\n127.0.0.1\n1 2\nstopping\n";
        assert!(!PidFile::parse(stopping).unwrap().is_ready);
    }

    #[test]
    fn an_empty_or_foreign_file_is_no_pid_file() {
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("hello\n"), None);
    }

    #[test]
    fn this_process_serves_no_data_directory() {
        assert!(!is_server_of(std::process::id(), Path::new("/base/data")));
        assert!(!is_server_of(0, Path::new("/base/data")));
        assert!(!is_server_of(u32::MAX, Path::new("/base/data")));
    }
}
