//! Where and when the bench runs, and of what.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use sheetload::model::calendar::civil;

use crate::report::Machine;

/// What cannot be found out.
pub(crate) const UNKNOWN: &str = "unknown";
/// Days from 1970-01-01, where the system's clock starts, to 2000-01-01, where [`civil`] does.
const DAYS_TO_2000: u64 = 10_957;
const SECONDS_A_DAY: u64 = 86_400;

/// This machine.
pub(crate) fn machine() -> Machine {
    Machine {
        cpu: cpu().unwrap_or_else(|| UNKNOWN.to_owned()),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_bytes: memory_bytes().unwrap_or(0),
        os: printed("uname", &["-sr"]).unwrap_or_else(|| UNKNOWN.to_owned()),
    }
}

/// What git calls the state of the sources.
pub(crate) fn commit() -> String {
    let sources = env!("CARGO_MANIFEST_DIR");
    printed("git", &["-C", sources, "describe", "--always", "--dirty"])
        .unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The profile that a program below a build directory was built in: the directory's name.
pub(crate) fn profile_of(program: &Path) -> String {
    let directory = program.parent().and_then(Path::file_name);
    directory.map_or(UNKNOWN.to_owned(), |name| {
        name.to_string_lossy().into_owned()
    })
}

/// Now, in UTC.
pub(crate) fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
    let days = i32::try_from(days.saturating_sub(DAYS_TO_2000)).unwrap_or(0);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn cpu() -> Option<String> {
    let listed = std::fs::read_to_string("/proc/cpuinfo").ok();
    let model = listed.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    model
        .or_else(|| printed("sysctl", &["-n", "machdep.cpu.brand_string"]))
        .or_else(|| printed("uname", &["-m"]))
}

fn memory_bytes() -> Option<u64> {
    let listed = std::fs::read_to_string("/proc/meminfo").ok();
    let kib = listed.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    kib.map(|kib| kib * 1024)
        .or_else(|| printed("sysctl", &["-n", "hw.memsize"])?.parse().ok())
}

/// What a program prints, if it is there and ends well.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
