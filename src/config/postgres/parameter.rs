//! The connection parameters that libpq knows, and what becomes of each here
//! (PostgreSQL documentation, 34.1.2 "Parameter Key Words" and 34.15 "Environment Variables").

use std::collections::BTreeMap;

use super::environment::Environment;
use crate::error::{Error, ErrorKind, Result};

/// What becomes of a parameter.
#[derive(Debug, Clone, Copy)]
enum Treatment {
    /// It is obeyed.
    Obeyed,
    /// It only tunes, or concerns what does not exist here; ignoring it weakens nothing.
    Ignored,
    /// Ignoring it would weaken what the user asked for: only these values can be accepted.
    Only(&'static [&'static str]),
}

struct Keyword {
    name: &'static str,
    variable: Option<&'static str>,
    treatment: Treatment,
}

const fn obeyed(name: &'static str, variable: &'static str) -> Keyword {
    Keyword {
        name,
        variable: Some(variable),
        treatment: Treatment::Obeyed,
    }
}

const fn obeyed_without_variable(name: &'static str) -> Keyword {
    Keyword {
        name,
        variable: None,
        treatment: Treatment::Obeyed,
    }
}

const fn ignored(name: &'static str, variable: Option<&'static str>) -> Keyword {
    Keyword {
        name,
        variable,
        treatment: Treatment::Ignored,
    }
}

const fn only(
    name: &'static str,
    variable: Option<&'static str>,
    accepted: &'static [&'static str],
) -> Keyword {
    Keyword {
        name,
        variable,
        treatment: Treatment::Only(accepted),
    }
}

const KEYWORDS: &[Keyword] = &[
    obeyed("host", "PGHOST"),
    obeyed("hostaddr", "PGHOSTADDR"),
    obeyed("port", "PGPORT"),
    obeyed("dbname", "PGDATABASE"),
    obeyed("user", "PGUSER"),
    obeyed("password", "PGPASSWORD"),
    obeyed("passfile", "PGPASSFILE"),
    obeyed("service", "PGSERVICE"),
    obeyed("servicefile", "PGSERVICEFILE"),
    obeyed("options", "PGOPTIONS"),
    obeyed("application_name", "PGAPPNAME"),
    obeyed_without_variable("fallback_application_name"),
    obeyed("connect_timeout", "PGCONNECT_TIMEOUT"),
    obeyed("channel_binding", "PGCHANNELBINDING"),
    obeyed("target_session_attrs", "PGTARGETSESSIONATTRS"),
    obeyed("sslmode", "PGSSLMODE"),
    obeyed("sslnegotiation", "PGSSLNEGOTIATION"),
    obeyed("sslrootcert", "PGSSLROOTCERT"),
    obeyed("sslcert", "PGSSLCERT"),
    obeyed("sslkey", "PGSSLKEY"),
    obeyed("sslcertmode", "PGSSLCERTMODE"),
    obeyed("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    obeyed_without_variable("keepalives"),
    obeyed_without_variable("keepalives_idle"),
    obeyed_without_variable("keepalives_interval"),
    obeyed_without_variable("keepalives_count"),
    obeyed_without_variable("tcp_user_timeout"),
    // The driver always speaks UTF-8, whatever the terminal does.
    ignored("client_encoding", Some("PGCLIENTENCODING")),
    ignored("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ignored("sslcompression", Some("PGSSLCOMPRESSION")),
    ignored("sslsni", Some("PGSSLSNI")),
    ignored("krbsrvname", Some("PGKRBSRVNAME")),
    ignored("gsslib", Some("PGGSSLIB")),
    ignored("gssdelegation", Some("PGGSSDELEGATION")),
    ignored("min_protocol_version", Some("PGMINPROTOCOLVERSION")),
    ignored("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    only("gssencmode", Some("PGGSSENCMODE"), &["disable", "prefer"]),
    only("replication", None, &["false", "off", "no", "0"]),
    only(
        "ssl_max_protocol_version",
        Some("PGSSLMAXPROTOCOLVERSION"),
        &["TLSv1.3"],
    ),
    only("require_auth", Some("PGREQUIREAUTH"), &[]),
    only("requirepeer", Some("PGREQUIREPEER"), &[]),
    only("sslcrl", Some("PGSSLCRL"), &[]),
    only("sslcrldir", Some("PGSSLCRLDIR"), &[]),
    only("sslpassword", None, &[]),
];

/// The variables that say where the database is or who connects. One of them is enough for sheetload to
/// use the user's server rather than its private one.
const LOCATING_VARIABLES: [&str; 7] = [
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGSERVICE",
];

/// Whether the environment says where the database is or who connects.
pub(super) fn locates_a_server(environment: &Environment) -> bool {
    LOCATING_VARIABLES
        .iter()
        .any(|name| environment.get(name).is_some())
}

/// The first variable that would say where the database is, and is set to nothing: most likely by mistake.
pub(super) fn empty_location(environment: &Environment) -> Option<&'static str> {
    std::iter::once("DATABASE_URL")
        .chain(LOCATING_VARIABLES)
        .find(|name| environment.is_empty_variable(name))
}

/// Parameters by name, each set once: by the first source that has it. It has no `Debug`: values are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(BTreeMap<&'static str, String>);

/// A parameter name that libpq does not know either.
#[derive(Debug)]
pub(super) struct UnknownParameter;

impl Parameters {
    /// Sets a parameter, over an earlier value. An empty value counts as not given.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<(), UnknownParameter> {
        let keyword = find(name).ok_or(UnknownParameter)?;
        if !value.is_empty() {
            self.0.insert(keyword.name, value);
        }
        Ok(())
    }

    /// Sets a parameter that no source before has set.
    pub(super) fn fill(&mut self, name: &str, value: String) -> Result<(), UnknownParameter> {
        let keyword = find(name).ok_or(UnknownParameter)?;
        if !value.is_empty() {
            self.0.entry(keyword.name).or_insert(value);
        }
        Ok(())
    }

    /// Fills what is still missing from the environment's variables.
    pub(super) fn fill_from_environment(&mut self, environment: &Environment) {
        for keyword in KEYWORDS {
            if let Some(value) = keyword.variable.and_then(|name| environment.get(name)) {
                self.0
                    .entry(keyword.name)
                    .or_insert_with(|| value.to_owned());
            }
        }
    }

    /// A parameter's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses parameters that cannot be obeyed and must not be ignored.
    pub(super) fn refuse_unsupported(&self) -> Result<()> {
        for keyword in KEYWORDS {
            let (Treatment::Only(accepted), Some(value)) =
                (keyword.treatment, self.get(keyword.name))
            else {
                continue;
            };
            if !accepted.contains(&value) {
                return Err(unsupported(keyword, accepted));
            }
        }
        Ok(())
    }

    /// One of several words, case-sensitive as in libpq. The value is never shown: in a URL that was
    /// typed wrong it may be a piece of the password.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(Error::new(
                    ErrorKind::InvalidOptions,
                    format!(
                        "the connection parameter {name} must be one of {}",
                        names.join(", ")
                    ),
                )
                .next_step(where_to_look(name)))
            }
        }
    }

    /// A whole number; negative ones count as 0, as in libpq.
    pub(super) fn whole_number(&self, name: &str) -> Result<Option<u32>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number: i64 = value.trim().parse().map_err(|_| {
            Error::new(
                ErrorKind::InvalidOptions,
                format!("the connection parameter {name} must be a whole number"),
            )
            .next_step(where_to_look(name))
        })?;
        Ok(Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX)))
    }
}

/// Where the user can mend a parameter: names the variable, if the parameter has one.
pub(super) fn where_to_look(name: &str) -> String {
    match find(name).and_then(|keyword| keyword.variable) {
        Some(variable) => format!("Check {name} in the connection URL, or the variable {variable}"),
        None => format!("Check {name} in the connection URL"),
    }
}

fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

fn unsupported(keyword: &Keyword, accepted: &[&str]) -> Error {
    let message = if accepted.is_empty() {
        format!("the connection parameter {} is not supported", keyword.name)
    } else {
        format!(
            "the connection parameter {} is supported only as {}",
            keyword.name,
            accepted.join(" or ")
        )
    };
    let step = match keyword.variable {
        Some(variable) => format!(
            "Leave {} out of the connection URL, and unset {variable}",
            keyword.name
        ),
        None => format!("Leave {} out of the connection URL", keyword.name),
    };
    Error::new(ErrorKind::InvalidOptions, message).next_step(step)
}
