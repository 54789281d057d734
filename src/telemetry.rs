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

/// The most memory that the process has had resident so far, in bytes. 0 if the system does not tell.
///
/// Linux counts it for the program (proc(5), `VmHWM`). Where that is not to be had, getrusage(2) tells, whose figure
/// on Linux may be that of a larger program which started this one in its own place, as `cargo run` does.
#[must_use]
pub fn peak_memory_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    // Linux counts in KiB, macOS in bytes.
    const UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };
    high_water_mark().unwrap_or_else(|| {
        getrusage(UsageWho::RUSAGE_SELF)
            .ok()
            .and_then(|usage| u64::try_from(usage.max_rss()).ok())
            .map_or(0, |peak| peak * UNIT)
    })
}

/// The line `VmHWM:    12345 kB` of the process's status.
fn high_water_mark() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_used_counts() {
        let used = vec![1_u8; 64 << 20];
        assert!(peak_memory_bytes() > used.iter().map(|byte| u64::from(*byte)).sum());
    }
}
