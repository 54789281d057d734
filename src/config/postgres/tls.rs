//! What the connection parameters ask of TLS (PostgreSQL documentation, 34.19).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::parameter::{Parameters, where_to_look};
use crate::error::{Error, ErrorKind, Result};

/// `sslmode`: whether to use TLS, and what to demand of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// Never TLS.
    Disable,
    /// TLS only if the server refuses a plain connection.
    Allow,
    /// TLS if the server has it, else a plain connection; nothing is verified.
    Prefer,
    /// Always TLS. The certificate is verified only if root certificates are given, then as in `verify-ca`.
    Require,
    /// Always TLS, and the certificate must be signed by a root certificate.
    VerifyCa,
    /// As `verify-ca`, and the certificate must be for the host's name.
    VerifyFull,
}

const MODES: [(&str, TlsMode); 6] = [
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Allow),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

impl TlsMode {
    /// The name as in `sslmode`.
    #[must_use]
    pub fn name(self) -> &'static str {
        MODES
            .iter()
            .find(|(_, mode)| *mode == self)
            .map_or("prefer", |(name, _)| name)
    }
}

/// The certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// Those in a PEM file.
    File(PathBuf),
    /// Those the operating system trusts (`sslrootcert=system`).
    System,
}

/// The certificate and key that this client shows the server, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate with its intermediates.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
}

/// What is verified of the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: the connection is encrypted, but with whom is not known.
    Nothing,
    /// That one of these roots signed it.
    Chain(RootCertificates),
    /// That one of these roots signed it, for the host's name.
    ChainAndName(RootCertificates),
}

/// What the connection parameters ask of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `sslmode`.
    pub mode: TlsMode,
    /// What follows from `sslmode` and `sslrootcert`.
    pub verification: Verification,
    /// `sslcert` and `sslkey`.
    pub client_certificate: Option<ClientCertificate>,
    /// `ssl_min_protocol_version` asks for TLS 1.3. TLS 1.2 is always the least.
    pub only_tls13: bool,
    /// `sslnegotiation=direct`: the handshake begins at once (PostgreSQL 17 and later).
    pub direct: bool,
}

impl TlsSettings {
    /// No TLS at all.
    #[must_use]
    pub fn disabled() -> Self {
        Self {
            mode: TlsMode::Disable,
            verification: Verification::Nothing,
            client_certificate: None,
            only_tls13: false,
            direct: false,
        }
    }

    pub(super) fn resolve(parameters: &Parameters, environment: &Environment) -> Result<Self> {
        let roots = root_certificates(parameters, environment)?;
        let asked = parameters.word("sslmode", &MODES)?;
        let system = roots == Some(RootCertificates::System);
        let mode = asked.unwrap_or(if system {
            TlsMode::VerifyFull
        } else {
            TlsMode::Prefer
        });
        // As libpq: anybody can get a certificate that the system trusts, so only the name tells.
        if system && mode != TlsMode::VerifyFull {
            return Err(invalid(
                "sslrootcert=system needs sslmode=verify-full",
                "sslmode",
            ));
        }
        let minimum = [
            ("TLSv1", false),
            ("TLSv1.1", false),
            ("TLSv1.2", false),
            ("TLSv1.3", true),
        ];
        let negotiation = [("postgres", false), ("direct", true)];
        let direct = parameters
            .word("sslnegotiation", &negotiation)?
            .unwrap_or(false);
        if direct && matches!(mode, TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer) {
            return Err(invalid(
                "sslnegotiation=direct needs sslmode=require or stronger",
                "sslmode",
            ));
        }
        Ok(Self {
            mode,
            verification: verification(mode, roots)?,
            client_certificate: client_certificate(mode, parameters, environment)?,
            only_tls13: parameters
                .word("ssl_min_protocol_version", &minimum)?
                .unwrap_or(false),
            direct,
        })
    }
}

/// `prefer` and `allow` verify nothing even where root certificates are found: they would only fall back
/// to a plain connection, which is worse.
fn verification(mode: TlsMode, roots: Option<RootCertificates>) -> Result<Verification> {
    match (mode, roots) {
        (TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer, _) | (TlsMode::Require, None) => {
            Ok(Verification::Nothing)
        }
        (TlsMode::Require | TlsMode::VerifyCa, Some(roots)) => Ok(Verification::Chain(roots)),
        (TlsMode::VerifyFull, Some(roots)) => Ok(Verification::ChainAndName(roots)),
        (TlsMode::VerifyCa | TlsMode::VerifyFull, None) => Err(Error::new(
            ErrorKind::TlsFailed,
            format!("sslmode={} needs root certificates, and there are none", mode.name()),
        )
        .next_step(
            "Put them into ~/.postgresql/root.crt, name their file in sslrootcert, or use sslrootcert=system",
        )),
    }
}

/// A file that is named must exist, whatever the mode (libpq overlooks it under `require`, and then
/// verifies nothing); the default file counts if it is there.
fn root_certificates(
    parameters: &Parameters,
    environment: &Environment,
) -> Result<Option<RootCertificates>> {
    match parameters.get("sslrootcert") {
        Some("system") => Ok(Some(RootCertificates::System)),
        Some(named) => {
            let file = PathBuf::from(named);
            must_exist(&file, "sslrootcert")?;
            Ok(Some(RootCertificates::File(file)))
        }
        None => Ok(default_file(environment, "root.crt").map(RootCertificates::File)),
    }
}

fn client_certificate(
    mode: TlsMode,
    parameters: &Parameters,
    environment: &Environment,
) -> Result<Option<ClientCertificate>> {
    let wanted = parameters
        .word("sslcertmode", &[("disable", false), ("allow", true)])?
        .unwrap_or(true);
    if !wanted || mode == TlsMode::Disable {
        return Ok(None);
    }
    let certificate = match parameters.get("sslcert") {
        Some(named) => {
            must_exist(Path::new(named), "sslcert")?;
            Some(PathBuf::from(named))
        }
        None => default_file(environment, "postgresql.crt"),
    };
    let Some(certificate) = certificate else {
        return Ok(None);
    };
    let key = match parameters.get("sslkey") {
        Some(named) => PathBuf::from(named),
        None => default_file(environment, "postgresql.key").ok_or_else(|| {
            invalid(
                "a client certificate is given, but not its private key",
                "sslkey",
            )
        })?,
    };
    must_exist(&key, "sslkey")?;
    refuse_readable_by_others(&key)?;
    Ok(Some(ClientCertificate { certificate, key }))
}

/// libpq's rule: at most 0600, or 0640 if root owns the file.
fn refuse_readable_by_others(key: &Path) -> Result<()> {
    let Ok(metadata) = key.metadata() else {
        return Ok(());
    };
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TlsFailed,
        format!("private key file {} can be read by others", key.display()),
    )
    .in_file(key)
    .next_step(format!("Run chmod 0600 {}", key.display())))
}

fn default_file(environment: &Environment, name: &str) -> Option<PathBuf> {
    let path = environment.home()?.join(".postgresql").join(name);
    path.exists().then_some(path)
}

fn must_exist(file: &Path, parameter: &str) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TlsFailed,
        format!(
            "the file that {parameter} names, {}, does not exist",
            file.display()
        ),
    )
    .in_file(file)
    .next_step(where_to_look(parameter)))
}

fn invalid(message: &str, parameter: &str) -> Error {
    Error::new(ErrorKind::InvalidOptions, message).next_step(where_to_look(parameter))
}
