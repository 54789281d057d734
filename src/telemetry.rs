//! Diagnostic events on stderr, off unless `SHEETLOAD_LOG` asks for them.

use tracing_subscriber::EnvFilter;

/// The environment variable with the filter, in the syntax of `tracing`'s `EnvFilter`: `debug`, `sheetload=trace`.
pub const LOG_VARIABLE: &str = "SHEETLOAD_LOG";

/// Starts writing events to stderr if [`LOG_VARIABLE`] is set. A second call does nothing.
///
/// Panics become events, too: each is caught and told as an error, so that its own message would be a second one.
pub fn start() {
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic)));
    let Ok(filter) = EnvFilter::try_from_env(LOG_VARIABLE) else {
        return;
    };
    // A second subscriber in one process is refused; the first one goes on.
    let _already_started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

/// The most memory that the process has had resident so far, in bytes (getrusage(2), `ru_maxrss`). 0 if the system
/// does not tell.
#[must_use]
pub fn peak_memory_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    // Linux counts in KiB, macOS in bytes.
    const UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };
    getrusage(UsageWho::RUSAGE_SELF)
        .ok()
        .and_then(|usage| u64::try_from(usage.max_rss()).ok())
        .map_or(0, |peak| peak * UNIT)
}
