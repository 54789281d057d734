//! TLS as the settings ask for it, with rustls and its `ring` provider. No process-wide default is used,
//! so that a program that embeds the library keeps its own.

mod verifier;

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, SupportedProtocolVersion};

use crate::config::postgres::{ClientCertificate, RootCertificates, TlsSettings, Verification};
use crate::error::{Error, ErrorKind, Result};
use verifier::{Demand, ServerVerifier};

pub(super) use verifier::OldVersion;

/// The protocol's name in the handshake; servers from 17 on insist on it for a direct handshake
/// (PostgreSQL documentation, 54.2.13).
const ALPN: &[u8] = b"postgresql";

/// The TLS configuration for these settings. Reads the certificate files.
///
/// # Errors
/// [`ErrorKind::TlsFailed`] for a certificate or key file that cannot be used.
pub(super) fn client_config(settings: &TlsSettings) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let demand = match &settings.verification {
        Verification::Nothing => Demand::Nothing,
        Verification::Chain(roots) => Demand::Chain(trusted(roots)?),
        Verification::ChainAndName(roots) => Demand::ChainAndName(trusted(roots)?),
    };
    let verifier = ServerVerifier::new(demand, &provider)
        .map_err(|error| failed("no usable root certificate").caused_by(error))?;
    let versions: &[&SupportedProtocolVersion] = if settings.only_tls13 {
        &[&TLS13]
    } else {
        &[&TLS13, &TLS12]
    };
    let builder = builder(provider, versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = with_client_certificate(builder, settings.client_certificate.as_ref())?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

fn builder(
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| failed("TLS cannot be set up").caused_by(error))
}

fn with_client_certificate(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    client: Option<&ClientCertificate>,
) -> Result<ClientConfig> {
    let Some(ClientCertificate { certificate, key }) = client else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = read_certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        let message = format!("{} holds no private key that can be used", key.display());
        failed(message)
            .in_file(key)
            .caused_by(error)
            .next_step("Name a PEM file with an unencrypted key in sslkey")
    })?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| {
            failed("the client certificate and its key do not fit each other")
                .in_file(certificate)
                .caused_by(error)
                .next_step("Check sslcert and sslkey")
        })
}

fn trusted(roots: &RootCertificates) -> Result<Vec<CertificateDer<'static>>> {
    match roots {
        RootCertificates::File(file) => read_certificates(file),
        RootCertificates::System => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                return Err(
                    failed("this system has no trusted root certificates").next_step(
                        "Install the ca-certificates package, or name a file in sslrootcert",
                    ),
                );
            }
            Ok(found.certs)
        }
    }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(file).caused_by(error))?;
    if certificates.is_empty() {
        return Err(unreadable(file));
    }
    Ok(certificates)
}

fn unreadable(file: &Path) -> Error {
    failed(format!(
        "{} holds no certificates that can be read",
        file.display()
    ))
    .in_file(file)
    .next_step("Name a PEM file with certificates in sslrootcert or sslcert")
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::TlsFailed, message)
}
