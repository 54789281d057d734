//! The zone of moments that are written without one.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::text_form::serde_as_text;
use crate::error::{Error, ErrorKind, Result};

/// A time zone by its name, such as `Europe/Berlin`; by default UTC. Which names there are, the server knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeZone(Cow<'static, str>);

/// Coordinated universal time.
pub static UTC: TimeZone = TimeZone(Cow::Borrowed("UTC"));

impl TimeZone {
    /// Whether it is UTC.
    #[must_use]
    pub fn is_utc(&self) -> bool {
        *self == UTC
    }

    /// What stands behind a moment in this zone, as PostgreSQL reads it whatever its settings.
    #[must_use]
    pub fn suffix(&self) -> Suffix<'_> {
        Suffix(self)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// See [`TimeZone::suffix`].
#[derive(Debug, Clone, Copy)]
pub struct Suffix<'a>(&'a TimeZone);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_utc() {
            f.write_str("+00")
        } else {
            write!(f, " {}", self.0)
        }
    }
}

/// Takes names of zones. Offsets are none: in `UTC+2`, as PostgreSQL reads it, the sign is that of POSIX, and an offset has
/// no summer.
impl FromStr for TimeZone {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        /// Longer than any name of the IANA's.
        const MAX_BYTES: usize = 63;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
        let is_offset = text.contains(|c: char| c.is_ascii_digit()) && !text.contains('/');
        let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= MAX_BYTES
            && text.chars().all(is_plain)
            && !is_offset;
        if !is_name {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                "a time zone is named like Europe/Berlin, America/New_York or UTC",
            ));
        }
        let utc = ["UTC", "Z", "Zulu", "Etc/UTC"];
        if utc.iter().any(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(UTC.clone());
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

serde_as_text!(TimeZone);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names() {
        let read = |text: &str| {
            text.parse::<TimeZone>()
                .map(|zone| zone.suffix().to_string())
        };
        assert_eq!(read("Europe/Berlin").unwrap(), " Europe/Berlin");
        assert_eq!(
            read("America/Port-au-Prince").unwrap(),
            " America/Port-au-Prince"
        );
        assert_eq!(read("Etc/GMT+5").unwrap(), " Etc/GMT+5");
        assert_eq!(read("utc").unwrap(), "+00");
        for text in [
            "",
            "+02",
            "UTC+2",
            "GMT-5",
            "5",
            "Europe/Ber lin",
            "a'b",
            "EST5EDT",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
