//! The program under test.

use std::path::Path;
use std::process::{Command, Output};

/// The program, with an environment that no setting of the machine's user reaches.
pub(crate) fn sheetload() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sheetload"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("PG")
            || name_text == "DATABASE_URL"
            || name_text == "SHEETLOAD_HOME"
            || name_text == "SHEETLOAD_LOG"
        {
            command.env_remove(&name);
        }
    }
    command.stdin(std::process::Stdio::null());
    command
}

/// The program with its private server in this directory.
pub(crate) fn sheetload_at(base: &Path) -> Command {
    let mut command = sheetload();
    command.env("SHEETLOAD_HOME", base);
    command
}

/// What a run printed on stdout, after checking that it went well.
pub(crate) fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}
