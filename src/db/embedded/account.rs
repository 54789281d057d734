//! Which user the server runs as.
//!
//! PostgreSQL refuses to run as root. So for root the server runs as `postgres`, else as `nobody`; for everyone
//! else it runs as the user who started it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};
use tokio::process::Command;

use crate::error::{Error, ErrorKind, Result};

use super::files;

/// The accounts tried in this order when root starts the server.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The user whom the server runs as.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// Set when the server runs as somebody else than this process.
    switch_to: Option<Identity>,
}

#[derive(Debug, Clone)]
struct Identity {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// The account for this process. Root goes on with the owner of an existing data directory: the choice made
    /// when it was created stays, also when a `postgres` account appears later.
    pub(super) fn choose(data_directory: &Path) -> Result<Self> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(Self { switch_to: None });
        }
        let owner = match fs::metadata(data_directory) {
            Ok(found) if found.uid() != 0 => User::from_uid(Uid::from_raw(found.uid())),
            _ => Ok(None),
        };
        if let Ok(Some(owner)) = owner {
            return Ok(Self::of(owner));
        }
        for name in UNPRIVILEGED {
            if let Ok(Some(user)) = User::from_name(name) {
                return Ok(Self::of(user));
            }
        }
        Err(Error::new(
            ErrorKind::ServerFailed,
            "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as",
        )
        .next_step("Run sheetload as an ordinary user, or create a user `postgres`"))
    }

    fn of(user: User) -> Self {
        Self {
            switch_to: Some(Identity {
                name: user.name,
                uid: user.uid,
                gid: user.gid,
            }),
        }
    }

    /// Makes a command run as this account. The standard library drops root's supplementary groups with it.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Some(identity) = &self.switch_to {
            command
                .uid(identity.uid.as_raw())
                .gid(identity.gid.as_raw());
        }
    }

    /// Gives a file or directory to this account.
    pub(super) fn give(&self, path: &Path) -> Result<()> {
        let Some(identity) = &self.switch_to else {
            return Ok(());
        };
        std::os::unix::fs::lchown(
            path,
            Some(identity.uid.as_raw()),
            Some(identity.gid.as_raw()),
        )
        .map_err(|error| files::failed("change the owner of", path, error))
    }

    /// The mode for the directory above the server's files: others pass through it when the server is another user.
    pub(super) fn base_mode(&self) -> u32 {
        if self.switch_to.is_some() {
            0o711
        } else {
            0o700
        }
    }

    /// The numeric id that files of the server belong to.
    pub(super) fn uid(&self) -> u32 {
        self.switch_to
            .as_ref()
            .map_or_else(nix::unistd::geteuid, |identity| identity.uid)
            .as_raw()
    }

    /// Refuses a path that the account cannot get to, naming the directory that is in the way.
    pub(super) fn require_reachable(&self, path: &Path) -> Result<()> {
        match self.obstacle(path) {
            None => Ok(()),
            Some((directory, name)) => Err(Error::new(
                ErrorKind::ServerFailed,
                format!(
                    "the server runs as user `{name}`, who can't get into {}",
                    directory.display()
                ),
            )
            .next_step(format!(
                "Set {} to a directory that everyone can pass through, such as one below /var/lib",
                super::location::HOME_VARIABLE
            ))),
        }
    }

    /// Whether the account can get to a path and, if it is a file, run it.
    pub(super) fn can_reach(&self, path: &Path) -> bool {
        self.obstacle(path).is_none()
    }

    /// The first part of the path that the account may not pass (search permission, path_resolution(7)).
    fn obstacle(&self, path: &Path) -> Option<(PathBuf, &str)> {
        let identity = self.switch_to.as_ref()?;
        let mut parts: Vec<&Path> = path.ancestors().collect();
        parts.reverse();
        parts
            .into_iter()
            .filter(|part| !part.as_os_str().is_empty())
            .find(|part| fs::metadata(part).is_ok_and(|found| !identity.may_pass(&found)))
            .map(|part| (part.to_owned(), identity.name.as_str()))
    }
}

impl Identity {
    fn may_pass(&self, found: &fs::Metadata) -> bool {
        let mode = found.permissions().mode();
        let bit = if found.uid() == self.uid.as_raw() {
            0o100
        } else if found.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_directory_is_an_obstacle_for_another_user() {
        let outer = tempfile::tempdir_in("/tmp").unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account {
            switch_to: Some(Identity {
                name: "stranger".to_owned(),
                uid: Uid::from_raw(54_321),
                gid: Gid::from_raw(54_321),
            }),
        };

        let error = stranger.require_reachable(&inner).unwrap_err();
        assert!(error.message().contains("`stranger`"));
        assert!(
            error
                .message()
                .contains(&outer.path().display().to_string())
        );

        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o711)).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o711)).unwrap();
        assert!(stranger.require_reachable(&inner).is_ok());
    }

    #[test]
    fn the_own_account_needs_no_check() {
        let own = Account { switch_to: None };
        assert!(own.can_reach(Path::new("/nowhere")));
        assert_eq!(own.base_mode(), 0o700);
    }
}
