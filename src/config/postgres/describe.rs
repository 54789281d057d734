//! Settings in words, without password.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::DatabaseSettings;
use super::endpoint::{Endpoint, Host};
use super::tls::{RootCertificates, TlsMode, Verification};

/// All but what a URL may hold as it is (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// In a parameter's value the slash may stand too, so that socket directories stay readable.
const ENCODED_IN_VALUES: &AsciiSet = &ENCODED.remove(b'/');

impl DatabaseSettings {
    /// The servers to be tried, for messages: `localhost:5432`.
    #[must_use]
    pub fn address(&self) -> String {
        let names: Vec<String> = self.endpoints.iter().map(Endpoint::to_string).collect();
        names.join(", ")
    }

    /// The database as a URL without password: `postgresql://user@host:5432/db`, or
    /// `postgresql://user@/db?host=/run/postgresql&port=5432` for a socket.
    #[must_use]
    pub fn describe(&self) -> String {
        self.url(&[])
    }

    /// A shell command that connects with `psql`, for a look at the rows. It holds no password.
    #[must_use]
    pub fn psql_hint(&self) -> String {
        let mut extra = Vec::new();
        let addresses = self.addresses();
        if addresses.iter().any(|address| !address.is_empty()) {
            extra.push(("hostaddr", addresses.join(",")));
        }
        if !matches!(self.tls.mode, TlsMode::Prefer | TlsMode::Disable) {
            extra.push(("sslmode", self.tls.mode.name().to_owned()));
        }
        match &self.tls.verification {
            Verification::Chain(roots) | Verification::ChainAndName(roots) => {
                extra.push((
                    "sslrootcert",
                    match roots {
                        RootCertificates::File(file) => file.display().to_string(),
                        RootCertificates::System => "system".to_owned(),
                    },
                ));
            }
            Verification::Nothing => {}
        }
        let url = self.url(&extra);
        // The only characters that the URL can hold and a shell reads as its own.
        if url.contains(['?', '&', '~', '[']) {
            format!("psql '{url}'")
        } else {
            format!("psql {url}")
        }
    }

    /// The numeric addresses that were given beside host names; empty where there is none.
    fn addresses(&self) -> Vec<String> {
        let address = |endpoint: &Endpoint| match &endpoint.host {
            Host::Tcp {
                name,
                address: Some(address),
            } if *name != address.to_string() => address.to_string(),
            _ => String::new(),
        };
        self.endpoints.iter().map(address).collect()
    }

    fn url(&self, extra: &[(&str, String)]) -> String {
        let mut parameters = Vec::new();
        let mut authority = String::new();
        let sockets = self.endpoints.iter().any(Endpoint::is_socket);
        if sockets {
            let join = |part: fn(&Endpoint) -> String| {
                self.endpoints
                    .iter()
                    .map(part)
                    .collect::<Vec<_>>()
                    .join(",")
            };
            parameters.push((
                "host",
                join(|endpoint| match &endpoint.host {
                    Host::Tcp { name, .. } => encode_value(name),
                    Host::Socket(directory) => encode_value(&directory.display().to_string()),
                }),
            ));
            parameters.push(("port", join(|endpoint| endpoint.port.to_string())));
        } else {
            let names: Vec<String> = self.endpoints.iter().map(Endpoint::to_string).collect();
            authority = names.join(",");
        }
        parameters.extend(
            extra
                .iter()
                .map(|(name, value)| (*name, encode_value(value))),
        );
        let mut url = format!(
            "postgresql://{}@{authority}/{}",
            encode(&self.user),
            encode(&self.dbname)
        );
        for (index, (name, value)) in parameters.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            // Writing to a String cannot fail.
            let _ = write!(url, "{separator}{name}={value}");
        }
        url
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn encode_value(text: &str) -> String {
    utf8_percent_encode(text, ENCODED_IN_VALUES).to_string()
}
