//! One run of one process: its wall time, its CPU time, its peak memory.
//!
//! A process learns what its children used only for all of them together, and the greatest memory of any. So each run
//! has a parent of its own: this program, started once more, which starts the one to be measured, waits for it, and
//! prints what [`getrusage`] says. Its own few MiB are the least peak memory that can be measured: the kernel counts
//! what a process held before it became the program.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

use crate::failure::{Result, While as _};
use crate::report::Run;

/// The hidden first argument that makes this program the parent of a run.
pub(crate) const AS_PARENT: &str = "measure-one";

/// What the parent prints in its last line.
#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    run: Run,
    /// The exit code; none after a signal.
    code: Option<i32>,
}

/// A run that ended well.
#[derive(Debug)]
pub(crate) struct Finished {
    /// What it took.
    pub(crate) run: Run,
    /// What it printed.
    pub(crate) printed: String,
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn measure(program: &Path, arguments: &[OsString]) -> Result<Finished> {
    let myself = std::env::current_exe().doing("find this program")?;
    let mut command = Command::new(myself);
    command.arg(AS_PARENT).arg(program).args(arguments);
    let output = plain(&mut command)
        .output()
        .doing("start this program again")?;
    let name = program.display();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let (printed, last) = printed
        .trim_end()
        .rsplit_once('\n')
        .unwrap_or(("", printed.trim_end()));
    let Ok(ended) = serde_json::from_str::<Ended>(last) else {
        return Err(failed(&format!("{name} could not be measured"), &output));
    };
    match ended.code {
        Some(0) => Ok(Finished {
            run: ended.run,
            printed: printed.to_owned(),
        }),
        Some(code) => Err(failed(&format!("{name} exited with {code}"), &output)),
        None => Err(failed(&format!("{name} was killed"), &output)),
    }
}

/// A sentence with what a process had to say about it.
pub(crate) fn failed(what: &str, output: &Output) -> crate::failure::Failure {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("{what}: {}", said.trim()).into()
}

/// Without the settings of this user's PostgreSQL and of the program, but for secrets and certificates that a server
/// named by its URL may ask for.
pub(crate) fn plain(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_secret = text.starts_with("PGPASS") || text.starts_with("PGSSL");
        let is_setting =
            text.starts_with("PG") || text.starts_with("SHEETLOAD_") || text == "DATABASE_URL";
        if is_setting && !is_secret {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null())
}

/// The parent of a run: starts the program that the arguments name, and prints what it took.
///
/// # Errors
/// When it cannot be started or waited for.
pub(crate) fn as_parent(arguments: &[OsString]) -> Result<ExitCode> {
    let (program, arguments) = arguments.split_first().ok_or("no program was named")?;
    let started = Instant::now();
    let status = Command::new(OsStr::new(program))
        .args(arguments)
        .status()
        .doing(format_args!("run {}", program.display()))?;
    let wall_seconds = started.elapsed().as_secs_f64();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).doing("see what it used")?;
    let cpu = used.user_time() + used.system_time();
    // POSIX leaves the unit open: KiB on Linux and the BSDs, bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let ended = Ended {
        run: Run {
            wall_seconds,
            cpu_seconds: cpu.num_microseconds() as f64 / 1e6,
            peak_memory_bytes: u64::try_from(used.max_rss()).unwrap_or(0) * unit,
        },
        code: status.code(),
    };
    println!("\n{}", serde_json::to_string(&ended)?);
    Ok(ExitCode::SUCCESS)
}
