//! Where the server listens: its socket's directory and its port.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

use super::account::Account;
use super::files;
use super::location::{HOME_VARIABLE, Layout, SOCKET_PREFIX};

/// Makes the socket's directory, for the server's account alone. One in `/tmp` could be somebody else's trap.
pub(super) fn prepare_socket_directory(path: &Path, account: &Account) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return account.give(path),
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(files::failed("create", path, error));
        }
        Err(_exists) => {}
    }
    let found =
        fs::symlink_metadata(path).map_err(|error| files::failed("look at", path, error))?;
    let owners = [account.uid(), nix::unistd::geteuid().as_raw()];
    let is_ours = found.is_dir() && owners.contains(&found.uid()) && found.mode() & 0o022 == 0;
    if is_ours {
        remove_sockets(path)?;
        return account.give(path);
    }
    Err(Error::new(
        ErrorKind::ServerFailed,
        format!(
            "{} is needed for the server's socket, but it belongs to somebody else",
            path.display()
        ),
    )
    .next_step(format!(
        "Remove it, or set {HOME_VARIABLE} to another (shorter) path"
    )))
}

/// Removes what a killed server left of its socket. The directory is this server's alone, and it is not running;
/// but PostgreSQL believes in a socket's lock file as long as any process, be it a zombie, has the number in it.
fn remove_sockets(directory: &Path) -> Result<()> {
    let entries =
        fs::read_dir(directory).map_err(|error| files::failed("read", directory, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| files::failed("read", directory, error))?;
        if entry
            .file_name()
            .as_bytes()
            .starts_with(SOCKET_PREFIX.as_bytes())
        {
            files::remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// The port of the last start.
pub(super) fn remembered_port(layout: &Layout) -> Result<Option<u16>> {
    let text = files::read_if_there(&layout.port())?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

/// The wanted port if nobody listens there, else any free one. Somebody may take it before the server does:
/// then the server ends, and the start is tried again.
pub(super) fn free_port(wanted: Option<u16>) -> Result<u16> {
    if let Some(port) = wanted.filter(|port| is_free(*port)) {
        return Ok(port);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| {
            Error::new(
                ErrorKind::ServerFailed,
                "no free port on the loopback interface",
            )
            .caused_by(error)
        })
}

pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_and_a_free_one_kept() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert_ne!(free_port(Some(taken)).unwrap(), taken);
        // Below the ports that systems hand out by themselves, so that no other test is given it meanwhile.
        let free = (20_000..21_000).find(|port| is_free(*port)).unwrap();
        assert_eq!(free_port(Some(free)).unwrap(), free);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let outer = tempfile::tempdir().unwrap();
        let trap = outer.path().join("run");
        fs::create_dir(&trap).unwrap();
        fs::set_permissions(&trap, fs::Permissions::from_mode(0o777)).unwrap();
        let account = Account::choose(Path::new("/nonexistent")).unwrap();
        let error = prepare_socket_directory(&trap, &account).unwrap_err();
        assert!(error.message().contains(&trap.display().to_string()));

        let link = outer.path().join("link");
        std::os::unix::fs::symlink(outer.path(), &link).unwrap();
        prepare_socket_directory(&link, &account).unwrap_err();
    }

    #[test]
    fn a_dead_server_s_socket_goes_and_other_files_stay() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("run");
        let account = Account::choose(Path::new("/nonexistent")).unwrap();
        prepare_socket_directory(&directory, &account).unwrap();
        for name in [".s.PGSQL.5999", ".s.PGSQL.5999.lock", "note"] {
            fs::write(directory.join(name), "").unwrap();
        }
        prepare_socket_directory(&directory, &account).unwrap();
        let left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["note"]);
    }
}
