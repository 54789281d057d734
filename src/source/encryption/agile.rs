//! Agile encryption, as Excel writes it since 2010 ([MS-OFFCRYPTO] 2.3.4.10 to 2.3.4.15).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::Fault;
use super::primitives::{Aes, BLOCK_BYTES, Hash};
use crate::source::xml::attribute;

/// The most rounds that the password may be hashed ([MS-OFFCRYPTO] 2.3.4.10).
const MAX_SPIN_COUNT: u32 = 10_000_000;
/// The most bytes of a salt ([MS-OFFCRYPTO] 2.3.4.10).
const MAX_SALT_BYTES: usize = 65_536;
/// A package is encrypted in pieces of this many bytes, each by itself.
const SEGMENT_BYTES: usize = 4096;
/// Fills up what is too short for a key or a block.
const FILLER: u8 = 0x36;

/// What a hash is made for goes into it: [MS-OFFCRYPTO] 2.3.4.13 and 2.3.4.14.
mod purpose {
    pub(super) const VERIFIER: [u8; 8] = [0xFE, 0xA7, 0xD2, 0x76, 0x3B, 0x4B, 0x9E, 0x79];
    pub(super) const VERIFIER_HASH: [u8; 8] = [0xD7, 0xAA, 0x0F, 0x6D, 0x30, 0x61, 0x34, 0x4E];
    pub(super) const KEY: [u8; 8] = [0x14, 0x6E, 0x0B, 0xE7, 0xAB, 0xAC, 0xD0, 0xD6];
    pub(super) const INTEGRITY_KEY: [u8; 8] = [0x5F, 0xB2, 0xAD, 0x01, 0x0C, 0xB9, 0xE1, 0xF6];
    pub(super) const INTEGRITY_HASH: [u8; 8] = [0xA0, 0x67, 0x7F, 0x02, 0xB2, 0x2C, 0x84, 0x33];
}

/// What the file says about its encryption.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agile {
    package: Parameters,
    integrity: Option<Integrity>,
    password: PasswordKey,
}

/// A cipher, a hash and a salt, for the package or for its key.
#[derive(Debug, PartialEq, Eq)]
struct Parameters {
    key_bytes: usize,
    hash: Hash,
    salt: Vec<u8>,
}

/// The encrypted keyed hash of the package, and its key.
#[derive(Debug, PartialEq, Eq)]
struct Integrity {
    key: Vec<u8>,
    hash: Vec<u8>,
}

/// The package's key, encrypted by a password.
#[derive(Debug, PartialEq, Eq)]
struct PasswordKey {
    parameters: Parameters,
    spin_count: u32,
    verifier: Vec<u8>,
    verifier_hash: Vec<u8>,
    key: Vec<u8>,
}

impl Agile {
    /// Reads the XML that follows the version.
    pub(super) fn parse(xml: &[u8]) -> Result<Self, Fault> {
        let (mut package, mut integrity, mut password) = (None, None, None);
        let mut has_other_key = false;
        let mut reader = Reader::from_reader(xml);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => match tag.local_name().as_ref() {
                    "keyData" => package = Some(Parameters::parse(&tag)?),
                    "dataIntegrity" => integrity = Some(Integrity::parse(&tag)?),
                    // One for a certificate has no count.
                    "encryptedKey" if attribute(&tag, "spinCount").is_some() => {
                        password = Some(PasswordKey::parse(&tag)?);
                    }
                    "encryptedKey" => has_other_key = true,
                    _ => {}
                },
                Ok(Event::Eof) => break,
                Ok(_) => {}
                Err(_) => return Err(Fault::Nonsense("its description is no well-formed XML")),
            }
        }
        match (package, password) {
            (Some(package), Some(password)) => Ok(Self {
                package,
                integrity,
                password,
            }),
            (Some(_), None) if has_other_key => {
                Err(Fault::Unsupported("encryption for a certificate"))
            }
            _ => Err(Fault::Nonsense("its description is incomplete")),
        }
    }

    /// The encryption in words.
    pub(super) fn words(&self) -> String {
        format!(
            "agile encryption with AES-{} and {}",
            self.package.key_bytes * 8,
            self.package.hash.name()
        )
    }

    /// The package's key, if the password is the right one ([MS-OFFCRYPTO] 2.3.4.13).
    pub(super) fn unlock(&self, password: &str) -> Option<Aes> {
        let PasswordKey {
            parameters,
            spin_count,
            ..
        } = &self.password;
        let hash = parameters.hash;
        let spun = hash.spin(&parameters.salt, password, *spin_count);
        let decrypt = |purpose: &[u8], bytes: &[u8]| {
            let key = resized(hash.digest(&[&spun, purpose]), parameters.key_bytes);
            let mut bytes = bytes.to_vec();
            Aes::new(&key)?.decrypt_chain(block(&parameters.salt), &mut bytes);
            Some(bytes)
        };
        let verifier = decrypt(&purpose::VERIFIER, &self.password.verifier)?;
        let verifier = verifier.get(..parameters.salt.len()).unwrap_or(&verifier);
        let verifier_hash = decrypt(&purpose::VERIFIER_HASH, &self.password.verifier_hash)?;
        if !verifier_hash.starts_with(&hash.digest(&[verifier])) {
            return None;
        }
        let key = decrypt(&purpose::KEY, &self.password.key)?;
        Aes::new(key.get(..self.package.key_bytes)?)
    }

    /// Whether nobody has changed the encrypted package, its length in front included ([MS-OFFCRYPTO] 2.3.4.14).
    /// Some programs leave out what tells it.
    pub(super) fn is_intact(&self, aes: &Aes, encrypted: &[u8]) -> bool {
        let Some(integrity) = &self.integrity else {
            return true;
        };
        let hash = self.package.hash;
        let decrypt = |purpose: &[u8], bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let start = hash.digest(&[&self.package.salt, purpose]);
            aes.decrypt_chain(block(&start), &mut bytes);
            // What is beyond the hash fills up the last block.
            bytes.truncate(start.len());
            bytes
        };
        let key = decrypt(&purpose::INTEGRITY_KEY, &integrity.key);
        let wanted = decrypt(&purpose::INTEGRITY_HASH, &integrity.hash);
        hash.authenticates(&key, encrypted, &wanted)
    }

    /// Decrypts a package in its place ([MS-OFFCRYPTO] 2.3.4.15).
    pub(super) fn decrypt_package(&self, aes: &Aes, bytes: &mut [u8]) {
        for (segment, number) in bytes.chunks_mut(SEGMENT_BYTES).zip(0_u32..) {
            let start = [self.package.salt.as_slice(), &number.to_le_bytes()];
            aes.decrypt_chain(block(&self.package.hash.digest(&start)), segment);
        }
    }
}

impl Parameters {
    fn parse(tag: &BytesStart<'_>) -> Result<Self, Fault> {
        let is = |name: &str, wanted: &str| {
            attribute(tag, name).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        if !is("cipherAlgorithm", "AES") {
            return Err(Fault::Unsupported("another cipher than AES"));
        }
        if !is("cipherChaining", "ChainingModeCBC") {
            return Err(Fault::Unsupported("another chaining than CBC"));
        }
        if number(tag, "blockSize")? as usize != BLOCK_BYTES {
            return Err(Fault::Nonsense("its blocks have a wrong length"));
        }
        let hash = attribute(tag, "hashAlgorithm").and_then(|name| Hash::from_name(&name));
        let salt = bytes(tag, "saltValue")?;
        if salt.is_empty() || salt.len() > MAX_SALT_BYTES {
            return Err(Fault::Nonsense("its salt has a wrong length"));
        }
        Ok(Self {
            key_bytes: match number(tag, "keyBits")? {
                128 => 16,
                192 => 24,
                256 => 32,
                _ => return Err(Fault::Nonsense("its key has a wrong length")),
            },
            hash: hash.ok_or(Fault::Unsupported("another hash than SHA-1 and SHA-2"))?,
            salt,
        })
    }
}

impl Integrity {
    fn parse(tag: &BytesStart<'_>) -> Result<Self, Fault> {
        Ok(Self {
            key: bytes(tag, "encryptedHmacKey")?,
            hash: bytes(tag, "encryptedHmacValue")?,
        })
    }
}

impl PasswordKey {
    fn parse(tag: &BytesStart<'_>) -> Result<Self, Fault> {
        let spin_count = number(tag, "spinCount")?;
        if spin_count > MAX_SPIN_COUNT {
            return Err(Fault::Nonsense("its password is hashed too often"));
        }
        Ok(Self {
            parameters: Parameters::parse(tag)?,
            spin_count,
            verifier: bytes(tag, "encryptedVerifierHashInput")?,
            verifier_hash: bytes(tag, "encryptedVerifierHashValue")?,
            key: bytes(tag, "encryptedKeyValue")?,
        })
    }
}

fn number(tag: &BytesStart<'_>, name: &str) -> Result<u32, Fault> {
    attribute(tag, name)
        .and_then(|value| value.trim().parse().ok())
        .ok_or(Fault::Nonsense("its description lacks a number"))
}

fn bytes(tag: &BytesStart<'_>, name: &str) -> Result<Vec<u8>, Fault> {
    attribute(tag, name)
        .and_then(|value| BASE64_STANDARD.decode(value.trim()).ok())
        .ok_or(Fault::Nonsense("its description lacks a value"))
}

/// Cuts off or fills up.
fn resized(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    bytes.resize(len, FILLER);
    bytes
}

fn block(bytes: &[u8]) -> [u8; BLOCK_BYTES] {
    let mut block = [FILLER; BLOCK_BYTES];
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
    block
}

#[cfg(test)]
impl Agile {
    pub(super) fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    pub(super) fn spin_count(&self) -> u32 {
        self.password.spin_count
    }
}
