//! One start, stop or removal at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

use super::files;

/// Longer than any start or stop may take, so that waiting for one never ends in an error.
const PATIENCE: Duration = Duration::from_secs(150);
const INTERVAL: Duration = Duration::from_millis(20);

/// Holds the server's lock file (flock(2)) until dropped. A killed process loses it, too.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock.
    pub(super) async fn acquire(path: &Path) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .mode(0o600)
                .open(path)
                .map_err(|error| files::failed("open", path, error))?;
            match file.try_lock() {
                Ok(()) if is_still_there(&file, path) => return Ok(Self { _file: file }),
                // Its holder removed the file: lock the new one.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(files::failed("lock", path, error)),
            }
            if Instant::now() >= deadline {
                return Err(Error::new(
                    ErrorKind::ServerFailed,
                    format!(
                        "another sheetload has been starting or stopping the private server for {} s",
                        PATIENCE.as_secs()
                    ),
                )
                .in_file(path)
                .next_step(format!("See who holds {}", path.display())));
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Whether the path still leads to the locked file: a lock on a removed file excludes nobody.
fn is_still_there(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(locked), Ok(named)) => locked.dev() == named.dev() && locked.ino() == named.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::Pin;
    use std::task::Poll;

    use super::*;

    /// Polls once.
    async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn the_second_waits_for_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = Lock::acquire(&path).await.unwrap();

        let waiting = Lock::acquire(&path);
        tokio::pin!(waiting);
        assert!(
            is_pending(waiting.as_mut()).await,
            "the lock was given twice"
        );
        drop(first);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_on_a_removed_file_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = Lock::acquire(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();

        let second = Lock::acquire(&path).await.unwrap();
        drop(first);
        let third = Lock::acquire(&path);
        tokio::pin!(third);
        assert!(is_pending(third.as_mut()).await);
        drop(second);
        third.await.unwrap();
    }
}
