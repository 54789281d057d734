//! What is verified of the server's certificate, with libpq's meaning of `sslmode`
//! (PostgreSQL documentation, 34.19.1).

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::{Certificate, Version};

/// What to demand of the server's certificate.
pub(super) enum Demand {
    /// Nothing.
    Nothing,
    /// That one of these signed it, or that it is one of these.
    Chain(Vec<CertificateDer<'static>>),
    /// The same, and that it is for the host's name.
    ChainAndName(Vec<CertificateDer<'static>>),
}

#[derive(Debug)]
struct Trusted {
    certificates: Vec<CertificateDer<'static>>,
    anchors: RootCertStore,
}

/// The certificate is of X.509 version 1, which `openssl x509` before 3.2 makes unasked. rustls verifies
/// only version 3.
#[derive(Debug)]
pub(in crate::db) struct OldVersion;

impl fmt::Display for OldVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its certificate is of X.509 version 1, which cannot be verified")
    }
}

impl std::error::Error for OldVersion {}

/// Verifies as much of the certificate as `sslmode` asks. That the server has the certificate's key is
/// verified always.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trusted: Option<Trusted>,
    check_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    /// A verifier with these demands.
    ///
    /// # Errors
    /// If none of the root certificates can be used.
    pub(super) fn new(demand: Demand, provider: &CryptoProvider) -> Result<Self, Error> {
        let (certificates, check_name) = match demand {
            Demand::Nothing => (None, false),
            Demand::Chain(certificates) => (Some(certificates), false),
            Demand::ChainAndName(certificates) => (Some(certificates), true),
        };
        Ok(Self {
            trusted: certificates.map(trust).transpose()?,
            check_name,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn verify_chain(
        &self,
        trusted: &Trusted,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // A self-signed server certificate that is its own root, as the manual's first recipe makes it
        // (19.9.5). rustls takes a certificate authority for no server; OpenSSL, and so libpq, does.
        if trusted.certificates.contains(certificate) {
            return verify_dates(certificate, now);
        }
        if parse(certificate)?.tbs_certificate.version != Version::V3 {
            return Err(CertificateError::Other(OtherError(Arc::new(OldVersion))).into());
        }
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(certificate)?,
            &trusted.anchors,
            intermediates,
            now,
            self.algorithms.all,
        )
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trusted) = &self.trusted {
            self.verify_chain(trusted, end_entity, intermediates, now)?;
        }
        if self.check_name {
            verify_name(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusted.is_some() {
            return verify_tls13_signature(message, certificate, signature, &self.algorithms);
        }
        // Where the certificate counts for nothing, only its key is read, so that servers with
        // certificates of X.509 version 1 can be used.
        let key = parse(certificate)?
            .tbs_certificate
            .subject_public_key_info
            .to_der()
            .map_err(|_| bad_encoding())?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn trust(certificates: Vec<CertificateDer<'static>>) -> Result<Trusted, Error> {
    let mut anchors = RootCertStore::empty();
    let (added, _) = anchors.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(bad_encoding());
    }
    Ok(Trusted {
        certificates,
        anchors,
    })
}

fn verify_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let validity = parse(certificate)?.tbs_certificate.validity;
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// By the alternative names; by the common name if the certificate has none of them (RFC 6125, 6.4.4).
fn verify_name(certificate: &CertificateDer<'_>, wanted: &ServerName<'_>) -> Result<(), Error> {
    let refusal = match verify_server_name(&ParsedCertificate::try_from(certificate)?, wanted) {
        Ok(()) => return Ok(()),
        Err(refusal) => refusal,
    };
    let ServerName::DnsName(wanted) = wanted else {
        return Err(refusal);
    };
    let parsed = parse(certificate)?.tbs_certificate;
    let has_alternatives = parsed
        .get::<SubjectAltName>()
        .map_err(|_| bad_encoding())?
        .is_some();
    let named = !has_alternatives
        && parsed
            .subject
            .0
            .iter()
            .flat_map(|part| part.0.iter())
            .filter(|attribute| attribute.oid == CN)
            .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok())
            .any(|name| names_host(name, wanted.as_ref()));
    if named { Ok(()) } else { Err(refusal) }
}

/// Whether a common name means this host; `*` stands for the first label alone.
fn names_host(common_name: &str, host: &str) -> bool {
    match common_name.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(_, rest)| parent.contains('.') && rest.eq_ignore_ascii_case(parent)),
        None => common_name.eq_ignore_ascii_case(host),
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| bad_encoding())
}

fn bad_encoding() -> Error {
    CertificateError::BadEncoding.into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
    };
    use rustls::crypto::ring;

    use super::*;

    fn self_signed(names: &[&str], common_name: &str, is_ca: bool) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn verify(
        demand: Demand,
        certificate: &CertificateDer<'_>,
        host: &str,
        year: u64,
    ) -> Result<(), Error> {
        let verifier = ServerVerifier::new(demand, &Arc::new(ring::default_provider())).unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
        verifier
            .verify_server_cert(certificate, &[], &name, &[], now)
            .map(|_| ())
    }

    #[test]
    fn a_self_signed_authority_is_its_own_root_while_it_is_valid() {
        let own = self_signed(&["db.example"], "x", true);
        let other = self_signed(&["db.example"], "x", true);
        let full = || Demand::ChainAndName(vec![own.clone()]);
        assert_eq!(verify(full(), &own, "db.example", 2025), Ok(()));
        assert!(verify(full(), &own, "elsewhere.example", 2025).is_err());
        assert!(verify(full(), &other, "db.example", 2025).is_err());
        assert_eq!(
            verify(full(), &own, "db.example", 2035),
            Err(CertificateError::Expired.into())
        );
        assert_eq!(
            verify(full(), &own, "db.example", 2015),
            Err(CertificateError::NotValidYet.into())
        );
    }

    #[test]
    fn the_common_name_counts_only_without_alternative_names() {
        let bare = self_signed(&[], "*.db.example", true);
        let full = || Demand::ChainAndName(vec![bare.clone()]);
        assert_eq!(verify(full(), &bare, "one.DB.example", 2025), Ok(()));
        assert!(verify(full(), &bare, "db.example", 2025).is_err());
        assert!(verify(full(), &bare, "a.one.db.example", 2025).is_err());
        let both = self_signed(&["alternative.example"], "common.example", true);
        let full = || Demand::ChainAndName(vec![both.clone()]);
        assert!(verify(full(), &both, "common.example", 2025).is_err());
    }

    #[test]
    fn verify_ca_asks_for_the_chain_and_not_the_name() {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["a.example".to_owned()])
            .unwrap()
            .signed_by(&key, &root)
            .unwrap();
        let trusted = vec![root.der().clone()];
        assert_eq!(
            verify(
                Demand::Chain(trusted.clone()),
                leaf.der(),
                "b.example",
                2025
            ),
            Ok(())
        );
        assert!(verify(Demand::ChainAndName(trusted), leaf.der(), "b.example", 2025).is_err());
        let stranger = self_signed(&["b.example"], "x", false);
        assert!(verify(Demand::Chain(vec![stranger]), leaf.der(), "b.example", 2025).is_err());
    }
}
