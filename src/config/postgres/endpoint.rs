//! The addresses to try, in order (PostgreSQL documentation, 34.1.1.3).

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::environment::Environment;
use super::parameter::{Parameters, where_to_look};
use crate::error::{Error, ErrorKind, Result};
use crate::model::secret::Password;

/// PostgreSQL's port.
pub(super) const DEFAULT_PORT: u16 = 5432;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// On the network.
    Tcp {
        /// The name; also what its certificate must be for.
        name: String,
        /// The address, if the name is not to be looked up.
        address: Option<IpAddr>,
    },
    /// At a socket in this directory.
    Socket(PathBuf),
}

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub host: Host,
    /// Its port; for a socket, the number in the socket's name.
    pub port: u16,
    /// The password for this server, if there is one.
    pub password: Option<Password>,
}

impl Endpoint {
    /// The endpoint of a host as people write it: a name, an address, or an absolute directory.
    pub(super) fn new(host: &str, address: Option<IpAddr>, port: u16) -> Self {
        let host = match address {
            None if host.starts_with('/') => Host::Socket(PathBuf::from(host)),
            Some(address) if host.is_empty() || host.starts_with('/') => Host::Tcp {
                name: address.to_string(),
                address: Some(address),
            },
            address => Host::Tcp {
                name: host.to_owned(),
                address,
            },
        };
        Self {
            host,
            port,
            password: None,
        }
    }

    /// Whether it is a socket of this machine. No server speaks TLS there, and nobody listens in: as in
    /// libpq, `sslmode` is moot.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        matches!(self.host, Host::Socket(_))
    }

    /// The host as the password file names it: the default sockets' server is `localhost` there.
    pub(super) fn host_in_password_file(&self, environment: &Environment) -> String {
        match &self.host {
            Host::Tcp { name, .. } => name.clone(),
            Host::Socket(directory) if environment.socket_directories().contains(directory) => {
                "localhost".to_owned()
            }
            Host::Socket(directory) => directory.display().to_string(),
        }
    }
}

/// `host:5432`, or the socket's path.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            Host::Tcp { name, .. } => write!(f, "{name}:{}", self.port),
            Host::Socket(directory) => {
                write!(f, "{}/.s.PGSQL.{}", directory.display(), self.port)
            }
        }
    }
}

/// The endpoints that `host`, `hostaddr` and `port` name, at least one.
pub(super) fn resolve(parameters: &Parameters, environment: &Environment) -> Result<Vec<Endpoint>> {
    let hosts = list(parameters.get("host"));
    let addresses = list(parameters.get("hostaddr"));
    let ports = list(parameters.get("port"));
    let count = hosts.len().max(addresses.len()).max(1);
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err(invalid(
            "host and hostaddr name different numbers of servers",
            "hostaddr",
        ));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(invalid("there are not as many ports as hosts", "port"));
    }
    (0..count)
        .map(|index| {
            let port = parse_port(
                ports
                    .get(index)
                    .or(ports.first())
                    .copied()
                    .unwrap_or_default(),
            )?;
            let address = parse_address(addresses.get(index).copied().unwrap_or_default())?;
            let host = hosts.get(index).copied().unwrap_or_default();
            if host.is_empty() && address.is_none() {
                return Ok(default_endpoint(port, environment));
            }
            check_host(host)?;
            Ok(Endpoint::new(host, address, port))
        })
        .collect()
}

fn list(value: Option<&str>) -> Vec<&str> {
    value.map_or_else(Vec::new, |value| value.split(',').map(str::trim).collect())
}

/// Without a host: the first usual directory with a socket for this port, else this machine's network
/// address, where a server in a container listens.
fn default_endpoint(port: u16, environment: &Environment) -> Endpoint {
    let socket = environment
        .socket_directories()
        .iter()
        .find(|directory| directory.join(format!(".s.PGSQL.{port}")).exists());
    match socket {
        Some(directory) => Endpoint {
            host: Host::Socket(directory.clone()),
            port,
            password: None,
        },
        None => Endpoint::new("localhost", None, port),
    }
}

fn parse_port(text: &str) -> Result<u16> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| invalid("the port must be a number from 1 to 65535", "port"))
}

fn parse_address(text: &str) -> Result<Option<IpAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| invalid("hostaddr must be a numeric address", "hostaddr"))
}

/// Refuses what cannot be a host, without showing it: it may be the end of a mistyped password.
fn check_host(host: &str) -> Result<()> {
    let sound = host.starts_with('/')
        || host.parse::<IpAddr>().is_ok()
        || host
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '.' | '-' | '_'));
    if sound {
        Ok(())
    } else {
        Err(invalid(
            "the host is neither a name, nor an address, nor a directory",
            "host",
        ))
    }
}

fn invalid(message: &str, parameter: &str) -> Error {
    Error::new(ErrorKind::InvalidOptions, message).next_step(where_to_look(parameter))
}
