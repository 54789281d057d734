//! The password file (PostgreSQL documentation, 34.16).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::model::secret::Password;

/// What a connection is looked up by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup<'a> {
    /// The host's name; `localhost` for the default socket; the directory for another socket.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) dbname: &'a str,
    pub(super) user: &'a str,
}

/// Reads the password file. `Ok(None)` if there is none; `Err` with a warning if it must not be used.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let Ok(mut file) = File::open(path) else {
        return Ok(None);
    };
    let Ok(metadata) = file.metadata() else {
        return Ok(None);
    };
    if !metadata.is_file() {
        return Err(format!(
            "password file {} is not a plain file; it is ignored",
            path.display()
        ));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(format!(
            "password file {} can be read by others; it is ignored until chmod 0600 {}",
            path.display(),
            path.display()
        ));
    }
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(_) => Err(format!(
            "password file {} is not UTF-8 text; it is ignored",
            path.display()
        )),
    }
}

/// The password of the first line that fits. Lines that begin with `#` are comments.
pub(super) fn find(text: &str, lookup: Lookup<'_>) -> Option<Password> {
    let port = lookup.port.to_string();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let rest = match_field(line, lookup.host)?;
            let rest = match_field(rest, &port)?;
            let rest = match_field(rest, lookup.dbname)?;
            match_field(rest, lookup.user)
        })
        .map(unescape)
        .filter(|password| !password.is_empty())
        .map(Password::new)
}

/// The rest of the line after its first field, if that field is `*` or means `wanted`.
fn match_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut wanted = wanted.chars();
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        let character = match character {
            ':' => return wanted.next().is_none().then(|| &line[at + 1..]),
            '\\' => characters.next()?.1,
            other => other,
        };
        if wanted.next() != Some(character) {
            return None;
        }
    }
    None
}

/// The last field: up to a bare colon or the line's end, without its backslashes.
fn unescape(field: &str) -> String {
    let mut password = String::new();
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' => break,
            '\\' => password.push(characters.next().unwrap_or('\\')),
            other => password.push(other),
        }
    }
    password
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn look(text: &str, host: &str, port: u16, dbname: &str, user: &str) -> Option<String> {
        let lookup = Lookup {
            host,
            port,
            dbname,
            user,
        };
        find(text, lookup).map(|password| password.reveal().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_wins() {
        let text = "# db:5432:shop:ann:comment\n\
                    db:5432:shop:ann:first\n\
                    db:5432:*:ann:second\n\
                    *:*:*:*:last\r\n";
        assert_eq!(
            look(text, "db", 5432, "shop", "ann").as_deref(),
            Some("first")
        );
        assert_eq!(
            look(text, "db", 5432, "other", "ann").as_deref(),
            Some("second")
        );
        assert_eq!(
            look(text, "elsewhere", 1, "x", "bob").as_deref(),
            Some("last")
        );
    }

    #[test]
    fn backslashes_escape_colons_and_backslashes() {
        let text = r"::1:5432:a:b:wrong
\:\:1:5432:a\:b:c\\d:p\:w\\q:ignored";
        assert_eq!(
            look(text, "::1", 5432, "a:b", r"c\d").as_deref(),
            Some(r"p:w\q")
        );
    }

    #[test]
    fn a_star_is_a_wildcard_only_alone() {
        assert_eq!(look("d*:5432:a:b:x", "db", 5432, "a", "b"), None);
        assert_eq!(look(r"\*:5432:a:b:x", "db", 5432, "a", "b"), None);
        assert_eq!(look("db:5432:a:b", "db", 5432, "a", "b"), None);
        assert_eq!(look("db:54321:a:b:x", "db", 5432, "a", "b"), None);
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        assert_eq!(read(&path), Ok(None));
        fs::write(&path, "*:*:*:*:hidden").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let warning = read(&path).unwrap_err();
        assert!(warning.contains("chmod 0600"), "{warning}");
        assert!(!warning.contains("hidden"), "{warning}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("*:*:*:*:hidden"));
        assert!(
            read(directory.path())
                .unwrap_err()
                .contains("not a plain file")
        );
    }

    /// Writes a field as the manual says.
    fn escape(field: &str) -> String {
        field.replace('\\', r"\\").replace(':', r"\:")
    }

    proptest! {
        #[test]
        fn escaped_fields_are_found_again(
            host in "[^\r\n\0#][^\r\n\0]{0,9}",
            dbname in "[^\r\n\0]{1,10}",
            user in "[^\r\n\0]{1,10}",
            password in "[^\r\n\0]{1,20}",
        ) {
            let line = [&host, "5432", &dbname, &user, &password].map(escape).join(":");
            prop_assert_eq!(look(&line, &host, 5432, &dbname, &user), Some(password));
        }
    }
}
