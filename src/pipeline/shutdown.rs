//! Signals: the first asks the load to stop, the second ends the program.

use tokio::signal;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

/// Listens for SIGINT, SIGTERM, and SIGHUP: the end of a terminal or of a connection to the machine. Under `nohup`, where
/// the process was started to ignore SIGHUP, that stays ignored.
#[derive(Debug)]
pub struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
    hangup: Option<signal::unix::Signal>,
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
            hangup: if ignores_hangup() {
                None
            } else {
                Some(signal(SignalKind::hangup()).map_err(refused)?)
            },
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether SIGHUP was ignored from the beginning, as Linux tells it (proc(5), `SigIgn` of `/proc/self/status`). Listening
/// would end that, and the load with the terminal.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Cancels the token at the first signal and returns at the second.
pub async fn second_signal(signals: &mut Signals, interrupt: &CancellationToken) {
    signals.next().await;
    interrupt.cancel();
    signals.next().await;
}
