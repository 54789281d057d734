//! Diagnostic events on stderr, off unless `SHEETLOAD_LOG` asks for them.

use tracing_subscriber::EnvFilter;

/// The environment variable with the filter, in the syntax of `tracing`'s `EnvFilter`: `debug`, `sheetload=trace`.
pub const LOG_VARIABLE: &str = "SHEETLOAD_LOG";

/// Starts writing events to stderr if [`LOG_VARIABLE`] is set. A second call does nothing.
pub fn start() {
    let Ok(filter) = EnvFilter::try_from_env(LOG_VARIABLE) else {
        return;
    };
    // A second subscriber in one process is refused; the first one goes on.
    let _already_started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
