//! Stopping the server and removing its files.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::error::{Error, ErrorKind, Result};

use super::files;
use super::location::Layout;
use super::postmaster::{self, Postmaster};
use super::{Stopped, cluster};

/// A fast shutdown ends with a checkpoint, which writes all that is in memory.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
const REMOVAL_PATIENCE: Duration = Duration::from_secs(5);
const REMOVAL_INTERVAL: Duration = Duration::from_millis(50);

/// Asks for a fast shutdown (SIGINT; PostgreSQL documentation, "Shutting Down the Server") and waits until the
/// process is gone. Under the lock.
pub(super) async fn stop(layout: &Layout) -> Result<Stopped> {
    let Postmaster::Alive(file) = Postmaster::look(layout)? else {
        return Ok(Stopped::WasNotRunning);
    };
    let pid = file.pid;
    match postmaster::send(pid, Signal::SIGINT) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => {
            return Err(Error::new(
                ErrorKind::ServerFailed,
                format!("could not stop the private server (process {pid})"),
            )
            .caused_by(error)
            .next_step("Stop it as the user who started it"));
        }
    }
    let deadline = Instant::now() + PATIENCE;
    // The number can't be somebody else's meanwhile: that process would not work in the data directory.
    while let Postmaster::Alive(found) = Postmaster::look(layout)?
        && found.pid == pid
    {
        if Instant::now() >= deadline {
            return Err(Error::new(
                ErrorKind::ServerFailed,
                format!(
                    "the private server (process {pid}) has not stopped within {} s",
                    PATIENCE.as_secs()
                ),
            )
            .next_step(format!("See {}", layout.log().display())));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(Stopped::Stopped { pid })
}

/// Removes the files that the private server made, and its directory if nothing else is in there. The server
/// is stopped, the lock held.
pub(super) async fn remove_files(layout: &Layout) -> Result<()> {
    // Renamed first: a removal that is interrupted leaves no half of a data directory behind.
    let doomed = layout.staging(&cluster::random_hex::<8>()?);
    match std::fs::rename(layout.data(), &doomed) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(files::failed("remove", &layout.data(), error));
        }
        _ => {}
    }
    for directory in layout
        .left_over_stagings()
        .map_err(|error| files::failed("read", layout.base(), error))?
        .iter()
        .chain([
            &layout.usual_socket_directory(),
            &layout.short_socket_directory(),
        ])
    {
        remove_persistently(directory).await?;
    }
    for file in [
        layout.password(),
        layout.port(),
        layout.log(),
        layout.old_log(),
        layout.marker(),
        layout.lock(),
    ] {
        files::remove_file(&file)?;
    }
    match std::fs::remove_dir(layout.base()) {
        // The user put something of their own in there.
        Err(error) if error.kind() != std::io::ErrorKind::DirectoryNotEmpty => {
            Err(files::failed("remove", layout.base(), error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory in which somebody may still be writing: the initdb of a killed start goes on until it
/// misses a file.
async fn remove_persistently(directory: &Path) -> Result<()> {
    let deadline = Instant::now() + REMOVAL_PATIENCE;
    loop {
        match files::remove_directory(directory) {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(REMOVAL_INTERVAL).await,
            result => return result,
        }
    }
}
