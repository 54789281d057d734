//! Making a new data directory with `initdb`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::error::{Error, ErrorKind, Result};

use super::account::Account;
use super::binaries::Binaries;
use super::location::Layout;
use super::running::{Password, USER};
use super::{Durability, files};

/// 192 bits from the operating system, as hexadecimal digits: nothing that needs escaping anywhere.
const PASSWORD_BYTES: usize = 24;

/// Makes the data directory in a staging directory and renames it: it is there completely or not at all.
pub(super) async fn create(
    layout: &Layout,
    binaries: &Binaries,
    account: &Account,
    durability: Durability,
) -> Result<()> {
    // The password is on disk before the data directory that needs it.
    let password = match read_password(layout)? {
        Some(password) => password,
        None => generate_password(layout)?,
    };
    let staging = Staging::create(layout, account)?;
    let password_file = staging.path.join("password");
    files::create_secret(&password_file, password.expose())?;
    account.give(&password_file)?;

    let data = staging.path.join("data");
    run_initdb(binaries, account, &data, &password_file, durability).await?;
    std::fs::rename(&data, layout.data())
        .map_err(|error| files::failed("create", &layout.data(), error))?;
    files::sync_directory(layout.base())
}

/// Removes what killed starts left behind. Under the lock.
pub(super) fn remove_left_overs(layout: &Layout) -> Result<()> {
    for left_over in layout
        .left_over_stagings()
        .map_err(|error| files::failed("read", layout.base(), error))?
    {
        // The initdb of a killed start can still be writing there; then a later start removes it.
        if let Err(error) = files::remove_directory(&left_over) {
            tracing::debug!(%error, "a left-over staging directory stays for now");
        }
    }
    Ok(())
}

/// The password of an existing server.
pub(super) fn read_password(layout: &Layout) -> Result<Option<Password>> {
    let text = files::read_if_there(&layout.password())?;
    Ok(text
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .map(Password::new))
}

fn generate_password(layout: &Layout) -> Result<Password> {
    let password = Password::new(random_hex::<PASSWORD_BYTES>()?);
    files::remove_file(&layout.password())?;
    files::create_secret(&layout.password(), password.expose())?;
    Ok(password)
}

pub(super) fn random_hex<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            ErrorKind::ServerFailed,
            "the operating system gives no random bytes",
        )
        .caused_by(error.to_string())
    })?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// A directory that only the server's account can enter, removed at the end whatever happens.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn create(layout: &Layout, account: &Account) -> Result<Self> {
        let path = layout.staging(&random_hex::<8>()?);
        files::create_directory(&path, 0o700)?;
        let staging = Self { path };
        account.give(&staging.path)?;
        Ok(staging)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays is removed by the next start.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

async fn run_initdb(
    binaries: &Binaries,
    account: &Account,
    data: &Path,
    password_file: &Path,
    durability: Durability,
) -> Result<()> {
    let mut last = None;
    for locale in locale_choices(binaries.major()) {
        let mut command = binaries.command("initdb", account);
        command
            .arg("--pgdata")
            .arg(data)
            .args(["--username", USER])
            .arg("--pwfile")
            .arg(password_file)
            .args([
                "--auth-local=scram-sha-256",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
            ])
            .args(*locale)
            .kill_on_drop(true);
        if durability == Durability::None {
            command.arg("--no-sync");
        }
        let output = command.output().await.map_err(|error| {
            Error::new(ErrorKind::ServerFailed, "could not run initdb").caused_by(error)
        })?;
        if output.status.success() {
            return Ok(());
        }
        last = Some(output);
    }
    Err(initdb_failed(last.as_ref()))
}

/// The locales to try, in this order. Sorting by code point with Unicode's letter cases: the builtin provider
/// needs no operating system's locale (since 17), before it the libc locale `C.UTF-8` does it, which not every
/// system has; plain C always works, with letter cases for ASCII alone.
fn locale_choices(major: u32) -> &'static [&'static [&'static str]] {
    if major >= 17 {
        &[&[
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]]
    } else {
        &[&["--locale=C.UTF-8"], &["--locale=C"]]
    }
}

fn initdb_failed(output: Option<&Output>) -> Error {
    let said = output
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .unwrap_or_default();
    // initdb ends with what it removed; the reason is its first line.
    let reason = said
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it gave no reason");
    Error::new(
        ErrorKind::ServerFailed,
        format!("the private server's data directory could not be made: {reason}"),
    )
    .next_step("Check the free space and the rights of that directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ() {
        let first = random_hex::<PASSWORD_BYTES>().unwrap();
        let second = random_hex::<PASSWORD_BYTES>().unwrap();
        assert_eq!(first.len(), 48);
        assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(first, second);
    }

    #[test]
    fn before_17_plain_c_is_the_last_resort() {
        assert_eq!(locale_choices(16).last(), Some(&["--locale=C"].as_slice()));
        assert!(locale_choices(17)[0].contains(&"--locale-provider=builtin"));
    }
}
