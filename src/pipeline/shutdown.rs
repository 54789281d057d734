//! Signals: the first asks the load to stop, the second ends the program.

use tokio::signal;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

/// Listens for SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

impl Signals {
    /// Starts to listen; from now on the signals do not end the program by themselves.
    ///
    /// # Errors
    /// `Internal` when the system refuses.
    pub fn listen() -> Result<Self> {
        use signal::unix::{SignalKind, signal};
        let refused = |error: std::io::Error| {
            Error::new(ErrorKind::Internal, "signals cannot be handled").caused_by(error)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Cancels the token at the first signal and returns at the second.
pub async fn second_signal(signals: &mut Signals, interrupt: &CancellationToken) {
    signals.next().await;
    interrupt.cancel();
    signals.next().await;
}
