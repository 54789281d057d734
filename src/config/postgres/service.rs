//! The connection service file (PostgreSQL documentation, 34.17).

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::parameter::Parameters;
use crate::error::{Error, ErrorKind, Result};

/// Where the packages of Debian and Ubuntu keep the system-wide file; others have none there.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";

/// Fills what the parameters leave out from the service they name, if they name one.
pub(super) fn fill(parameters: &mut Parameters, environment: &Environment) -> Result<()> {
    let name = parameters
        .get("service")
        .or_else(|| environment.get("PGSERVICE"))
        .map(str::to_owned);
    let Some(name) = name else {
        return Ok(());
    };
    let named_file = parameters
        .get("servicefile")
        .or_else(|| environment.get("PGSERVICEFILE"))
        .map(PathBuf::from);
    if let Some(file) = &named_file
        && !file.exists()
    {
        return Err(Error::new(
            ErrorKind::InvalidOptions,
            format!("connection service file {} does not exist", file.display()),
        )
        .in_file(file)
        .next_step("Check PGSERVICEFILE"));
    }
    let user_file = named_file.or_else(|| Some(environment.home()?.join(".pg_service.conf")));
    let system_directory = environment.get("PGSYSCONFDIR").unwrap_or(SYSTEM_DIRECTORY);
    let system_file = Path::new(system_directory).join("pg_service.conf");
    for file in user_file.into_iter().chain([system_file]) {
        // A file that is missing or closed to us is passed over, as in libpq.
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        if fill_from_text(parameters, &text, &name).map_err(|reason| in_line(&file, &reason))? {
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::InvalidOptions,
        format!("connection service {name:?} is not defined"),
    )
    .next_step("Add it to ~/.pg_service.conf, or name the file in PGSERVICEFILE"))
}

/// Fills from the first section of that name; false if there is none. The first line of a name counts.
fn fill_from_text(parameters: &mut Parameters, text: &str, service: &str) -> Result<bool, String> {
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            if inside {
                return Ok(true);
            }
            inside = section.strip_suffix(']') == Some(service);
            continue;
        }
        if !inside {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .ok_or_else(|| format!("line {number} is not name=value"))?;
        if matches!(name, "service" | "servicefile") {
            return Err(format!("line {number} names another service"));
        }
        parameters
            .fill(name, value.to_owned())
            .map_err(|_| format!("line {number} is not a connection parameter"))?;
    }
    Ok(inside)
}

fn in_line(file: &Path, reason: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOptions,
        format!("connection service file {}: {reason}", file.display()),
    )
    .in_file(file)
    .next_step("Correct the line; the PostgreSQL documentation, 34.17, describes the file")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# ours\n[shop]\nhost = db.example\nport=5433\nport=9999\n\n[other]\nhost=no\nnonsense\n";

    fn filled(text: &str, service: &str) -> Result<Option<Parameters>, String> {
        let mut parameters = Parameters::default();
        Ok(fill_from_text(&mut parameters, text, service)?.then_some(parameters))
    }

    #[test]
    fn only_the_named_section_counts() {
        let Ok(Some(parameters)) = filled(FILE, "shop") else {
            panic!("the section is there");
        };
        assert_eq!(parameters.get("host"), Some("db.example"));
        assert_eq!(parameters.get("port"), Some("5433"));
        assert!(matches!(filled(FILE, "absent"), Ok(None)));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_not_repeated() {
        let reason = filled(FILE, "other").err().unwrap();
        assert_eq!(reason, "line 9 is not name=value");
        let reason = filled("[a]\npasword=hidden\n", "a").err().unwrap();
        assert_eq!(reason, "line 2 is not a connection parameter");
        assert!(filled("[a]\nservice=b\n", "a").is_err());
    }

    #[test]
    fn a_service_that_nobody_defines_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("services");
        std::fs::write(&path, FILE).unwrap();
        let environment = Environment::empty()
            .with("PGSERVICE", "absent")
            .with("PGSYSCONFDIR", directory.path().display().to_string())
            .with("PGSERVICEFILE", path.display().to_string());
        let error = fill(&mut Parameters::default(), &environment).unwrap_err();
        assert_eq!(
            error.message(),
            "connection service \"absent\" is not defined"
        );
        let environment = environment.with("PGSERVICEFILE", "/nowhere/services");
        let error = fill(&mut Parameters::default(), &environment).unwrap_err();
        assert!(error.message().contains("/nowhere/services"), "{error}");
    }
}
