//! Finding PostgreSQL's server programs on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::error::{Error, ErrorKind, Result};

use super::account::Account;
use super::install::Platform;

/// The environment variable that names the directory of `postgres` and `initdb`.
pub const BINARIES_VARIABLE: &str = "SHEETLOAD_PG_BIN";

/// Since 12 the shared memory of a killed server protects its data directory even without the pid file, on which
/// the recovery from stale pid files relies (PostgreSQL 12 release notes, "Server Operation").
const OLDEST_MAJOR: u32 = 12;

/// Folders of the distributions, as parent and beginning of the name; a major version number follows.
const VERSIONED_FOLDERS: [(&str, &str); 11] = [
    // Debian, Ubuntu.
    ("/usr/lib/postgresql", ""),
    // The PostgreSQL project's own RPMs.
    ("/usr", "pgsql-"),
    // openSUSE; Gentoo; Alpine.
    ("/usr/lib", "postgresql"),
    ("/usr/lib64", "postgresql-"),
    ("/usr/libexec", "postgresql"),
    // Homebrew on Apple silicon, on Intel, on Linux.
    ("/opt/homebrew/opt", "postgresql@"),
    ("/usr/local/opt", "postgresql@"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
    // Postgres.app; the EDB installer; MacPorts.
    ("/Applications/Postgres.app/Contents/Versions", ""),
    ("/Library/PostgreSQL", ""),
    ("/opt/local/lib", "postgresql"),
];

/// Where to look, as a value, so that a search can be tested without changing this process's environment.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The directory that the user named; nothing else is looked at then.
    pub(super) chosen: Option<PathBuf>,
    /// The search path for programs.
    pub(super) path: OsString,
    /// Parents and beginnings of the distributions' folders.
    pub(super) versioned_folders: Vec<(PathBuf, String)>,
    /// Whether `pg_config` is asked when nothing else was found: it takes longer than all the rest.
    pub(super) asks_pg_config: bool,
    /// Decides the advice when nothing is found.
    pub(super) platform: Platform,
}

impl Search {
    pub(super) fn on_this_machine() -> Self {
        Self {
            chosen: std::env::var_os(BINARIES_VARIABLE)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from),
            path: std::env::var_os("PATH").unwrap_or_default(),
            versioned_folders: VERSIONED_FOLDERS
                .iter()
                .map(|(parent, start)| (PathBuf::from(parent), (*start).to_owned()))
                .collect(),
            asks_pg_config: true,
            platform: Platform::of_this_machine(),
        }
    }

    /// The server programs to use: for an existing data directory those of its major version, else the first
    /// that are found. `wanted` is the content of `PG_VERSION` and the data directory, for the message.
    pub(super) async fn find(
        &self,
        account: &Account,
        wanted: Option<(&str, &Path)>,
    ) -> Result<Binaries> {
        let mut others = Vec::new();
        for directory in self.directories() {
            if let Some(found) = check(directory, account, wanted, &mut others).await {
                return Ok(found);
            }
        }
        if others.is_empty()
            && let Some(directory) = self.ask_pg_config().await
            && let Some(found) = check(directory, account, wanted, &mut others).await
        {
            return Ok(found);
        }
        Err(match wanted {
            Some((major, data)) if !others.is_empty() => other_version(major, data, &others),
            _ => self.not_installed(&others),
        })
    }

    /// The directories with both programs, best first, each once.
    fn directories(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        let mut add = |directory: Option<PathBuf>| {
            if let Some(directory) = directory
                && !found.contains(&directory)
            {
                found.push(directory);
            }
        };
        if let Some(chosen) = &self.chosen {
            add(server_directory(chosen));
            return found;
        }
        std::env::split_paths(&self.path)
            .filter(|directory| directory.is_absolute())
            .for_each(|directory| add(server_directory(&directory)));
        for (parent, start) in &self.versioned_folders {
            for folder in newest_first(parent, start) {
                add(server_directory(&folder.join("bin")).or_else(|| server_directory(&folder)));
            }
        }
        found
    }

    /// The first file of this name on the search path.
    pub(super) fn on_path(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path)
            .map(|directory| directory.join(name))
            .find(|program| program.is_file())
    }

    async fn ask_pg_config(&self) -> Option<PathBuf> {
        if !self.asks_pg_config || self.chosen.is_some() {
            return None;
        }
        let output = Command::new("pg_config")
            .arg("--bindir")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .ok()?;
        server_directory(Path::new(String::from_utf8_lossy(&output.stdout).trim()))
    }

    fn not_installed(&self, too_old: &[Binaries]) -> Error {
        if let Some(chosen) = &self.chosen
            && too_old.is_empty()
        {
            return Error::new(
                ErrorKind::ServerNotInstalled,
                format!(
                    "{BINARIES_VARIABLE} is {}, which has no usable `postgres` and `initdb`",
                    chosen.display()
                ),
            )
            .next_step("Set it to the directory that holds both, or unset it to search for them");
        }
        let message = match too_old.first() {
            None => "the programs of a PostgreSQL server (`postgres` and `initdb`) were not found"
                .to_owned(),
            Some(old) => format!(
                "PostgreSQL {} in {} is too old: the private server needs {OLDEST_MAJOR} or later",
                old.version,
                old.directory.display()
            ),
        };
        let how = match self.platform.install_command() {
            Some(command) => format!("install them with `{command}`"),
            None => "install PostgreSQL's server package".to_owned(),
        };
        Error::new(ErrorKind::ServerNotInstalled, message).next_step(format!(
            "{how}, or set {BINARIES_VARIABLE} to their directory, or DATABASE_URL to a server that you have"
        ))
    }
}

/// The programs of one PostgreSQL installation.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    directory: PathBuf,
    /// As the program says it: `15.18`, `18beta1`.
    version: String,
    /// As `PG_VERSION` has it: `15`.
    major: u32,
}

impl Binaries {
    /// A command for one of the programs: run by the account, in an environment that knows nothing of the
    /// user's database settings (`PGDATA`, `PGPORT`, locale, …).
    pub(super) fn command(&self, program: &str, account: &Account) -> Command {
        let mut command = bare_command(&self.program(program));
        account.apply(&mut command);
        command
    }

    /// The path of one of the programs, which need not be there.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }
}

/// The variables that programs may need to run at all.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

fn bare_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // Messages in English; and without a locale the server does not start on macOS.
    command.env("LC_ALL", "C");
    // The account may not be allowed into the user's working directory.
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Looks at one directory. Programs of a version that is not wanted go to `others`.
async fn check(
    directory: PathBuf,
    account: &Account,
    wanted: Option<(&str, &Path)>,
    others: &mut Vec<Binaries>,
) -> Option<Binaries> {
    let postgres = directory.join("postgres");
    if !account.can_reach(&postgres) {
        return None;
    }
    let output = bare_command(&postgres)
        .arg("--version")
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    let (version, major) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    let found = Binaries {
        directory,
        version,
        major,
    };
    let fits = match wanted {
        Some((wanted, _)) => wanted == major.to_string(),
        None => true,
    };
    if fits && major >= OLDEST_MAJOR {
        Some(found)
    } else {
        others.push(found);
        None
    }
}

/// The directory of the real `postgres` (links followed) if `initdb` is beside it; else the directory itself if
/// both are in there, which may be wrappers.
fn server_directory(directory: &Path) -> Option<PathBuf> {
    let postgres = directory.join("postgres");
    let real = postgres.canonicalize().ok()?;
    let has_initdb = |directory: &Path| directory.join("initdb").is_file();
    let parent = real.parent().filter(|parent| has_initdb(parent));
    if real.file_name() == postgres.file_name()
        && let Some(parent) = parent
    {
        return Some(parent.to_owned());
    }
    has_initdb(directory).then(|| directory.to_owned())
}

/// The folders below `parent` that are called `start` and a number, highest number first.
fn newest_first(parent: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(start)?.parse().ok()?;
            Some((version, entry.path()))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The version in the output of `postgres --version`: "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
fn parse_version(output: &str) -> Option<(String, u32)> {
    let version = output
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let digits = version
        .find(|character: char| !character.is_ascii_digit())
        .map_or(version, |end| &version[..end]);
    Some((version.to_owned(), digits.parse().ok()?))
}

fn other_version(major: &str, data: &Path, others: &[Binaries]) -> Error {
    let mut here: Vec<u32> = others.iter().map(|binaries| binaries.major).collect();
    here.sort_unstable();
    here.dedup();
    let here: Vec<String> = here.iter().map(ToString::to_string).collect();
    Error::new(
        ErrorKind::ServerVersionMismatch,
        format!(
            "the private server's data in {} belong to PostgreSQL {major}, but this machine has PostgreSQL {}",
            data.display(),
            here.join(" and ")
        ),
    )
    .in_file(data)
    .next_step(format!(
        "Install PostgreSQL {major} as well (if it is not found, {BINARIES_VARIABLE} names its directory), or delete \
         the data and start afresh with `sheetload db destroy`"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A directory with programs that say they are this version.
    fn installation(directory: &Path, version: &str) {
        fs::create_dir_all(directory).unwrap();
        for program in ["postgres", "initdb"] {
            // Written by another process: a program that this one holds open for writing can't be run, and a
            // child that another test starts at this moment would inherit the open file.
            let written = std::process::Command::new("sh")
                .args([
                    "-c",
                    r#"printf '#!/bin/sh\necho "%s"\n' "$2" > "$1" && chmod 755 "$1""#,
                    "sh",
                ])
                .arg(directory.join(program))
                .arg(format!("{program} (PostgreSQL) {version}"))
                .status()
                .unwrap();
            assert!(written.success());
        }
    }

    fn reachable_directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        directory
    }

    fn account() -> Account {
        Account::choose(Path::new("/nonexistent")).unwrap()
    }

    fn debian() -> Platform {
        Platform {
            os_release: "ID=debian\n".to_owned(),
            is_macos: false,
            is_root: false,
        }
    }

    #[tokio::test]
    async fn nothing_found_names_the_install_command() {
        let search = Search {
            platform: debian(),
            ..Search::default()
        };
        let error = search.find(&account(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerNotInstalled);
        let advice = error.advice().unwrap();
        assert!(
            advice.contains("sudo apt-get install postgresql"),
            "{advice}"
        );
        assert!(advice.contains("SHEETLOAD_PG_BIN"), "{advice}");
    }

    #[tokio::test]
    async fn an_override_without_programs_is_named_and_nothing_else_is_tried() {
        let root = reachable_directory();
        let empty = root.path().join("empty");
        fs::create_dir(&empty).unwrap();
        installation(&root.path().join("16"), "16.2");
        let search = Search {
            chosen: Some(empty.clone()),
            path: root.path().join("16").into(),
            ..Search::default()
        };
        let error = search.find(&account(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerNotInstalled);
        assert!(error.message().contains(&empty.display().to_string()));
    }

    #[tokio::test]
    async fn a_link_on_the_path_leads_to_the_installation() {
        let root = reachable_directory();
        let real = root.path().join("cellar/16.2/bin");
        installation(&real, "16.2");
        let links = root.path().join("links");
        fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
        let search = Search {
            path: links.into(),
            ..Search::default()
        };
        let found = search.find(&account(), None).await.unwrap();
        assert_eq!(found.directory, real.canonicalize().unwrap());
        assert_eq!((found.version(), found.major()), ("16.2", 16));
    }

    #[tokio::test]
    async fn the_newest_folder_is_taken_unless_the_data_want_another() {
        let root = reachable_directory();
        for version in ["9", "15", "17"] {
            installation(
                &root.path().join(version).join("bin"),
                &format!("{version}.1"),
            );
        }
        let search = Search {
            versioned_folders: vec![(root.path().to_owned(), String::new())],
            ..Search::default()
        };
        let account = account();
        let data = Path::new("/base/data");
        assert_eq!(search.find(&account, None).await.unwrap().major(), 17);
        let wanted = search.find(&account, Some(("15", data))).await.unwrap();
        assert_eq!(wanted.major(), 15);

        let error = search.find(&account, Some(("14", data))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerVersionMismatch);
        for fact in ["PostgreSQL 14", "9 and 15 and 17", "/base/data"] {
            assert!(error.message().contains(fact), "{fact}: {error}");
        }
    }

    #[tokio::test]
    async fn an_old_server_is_not_used() {
        let root = reachable_directory();
        installation(root.path(), "9.6.24");
        let search = Search {
            path: root.path().into(),
            ..Search::default()
        };
        let error = search.find(&account(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServerNotInstalled);
        assert!(error.message().contains("9.6.24"));
    }

    #[test]
    fn versions_are_read() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some(("15.18".to_owned(), 15)));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 19beta1\n"),
            Some(("19beta1".to_owned(), 19))
        );
        assert_eq!(parse_version("something else"), None);
    }
}
