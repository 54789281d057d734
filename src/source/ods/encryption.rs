//! Parts behind a password: what the manifest says about each, and their plain bytes.
//!
//! Up to OpenDocument 1.3 (part 2, 4.3 to 4.8) each part is encrypted by itself, with AES-CBC and a key that PBKDF2 derives.
//! LibreOffice has encrypted the whole package as one part since 24.2, with AES-GCM and a key that Argon2id derives.

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _, Nonce, Tag as Seal};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::tag::{Space, Tag};
use super::xml::{Node, Xml};
use crate::error::Result;
use crate::source::encryption::{Aes, BLOCK_BYTES};

/// The most rounds of PBKDF2. LibreOffice makes 100,000.
const MAX_ROUNDS: u32 = 10_000_000;
/// The most memory of Argon2id, in KiB. LibreOffice takes 65,536.
const MAX_MEMORY: u32 = 1 << 18;
/// The most passes over that memory, and lanes in it. LibreOffice makes 3 over 4.
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;
/// The most bytes of a key.
const MAX_KEY_BYTES: usize = 32;
/// The most parts whose encryption is noted: a document has a few dozen.
const MAX_PARTS: usize = 1 << 12;
/// Bytes in front of those that AES-GCM encrypted, and behind them.
const NONCE_BYTES: usize = 12;
const SEAL_BYTES: usize = 16;
/// Of how many of its first bytes a part has the checksum.
const CHECKED_BYTES: usize = 1024;

/// How a part is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EncryptedPart {
    /// Its name.
    pub(super) name: String,
    /// The cipher by the manifest's word; `None` where it says nothing.
    pub(super) algorithm: Option<String>,
    start: Vec<u8>,
    derivation: Derivation,
    salt: Vec<u8>,
    key_bytes: usize,
    start_key: String,
    checksum_type: String,
    checksum: Vec<u8>,
}

/// How a key is derived from the hash of a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Derivation {
    #[default]
    Unknown,
    /// RFC 8018, 5.2, with HMAC-SHA-1.
    Pbkdf2 { rounds: u32 },
    /// RFC 9106. The memory is in KiB.
    Argon2id {
        memory: u32,
        passes: u32,
        lanes: u32,
    },
}

/// The ciphers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cipher {
    /// XML Encryption 1.1, 5.2.2: with a checksum in the manifest.
    AesCbc,
    /// XML Encryption 1.1, 5.2.4: what authenticates the bytes is among them.
    Aes256Gcm,
}

/// Why a part is not decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It has another password, or is damaged.
    Password,
    /// In a way that is not read.
    Unsupported,
}

/// The encrypted parts that a manifest lists.
///
/// # Errors
/// What is wrong with the manifest.
pub(super) fn read(manifest: &mut Xml<'_>) -> Result<Vec<EncryptedPart>> {
    let mut parts: Vec<EncryptedPart> = Vec::new();
    let mut name = String::new();
    loop {
        match manifest.next()? {
            Node::Start(tag) => match tag.name() {
                (Space::Manifest, "file-entry") => {
                    let own = tag.attribute(Space::Manifest, "full-path")?;
                    name = own.unwrap_or_default();
                }
                (Space::Manifest, "encryption-data") if parts.len() < MAX_PARTS => {
                    let mut part = EncryptedPart {
                        name: name.clone(),
                        ..EncryptedPart::default()
                    };
                    part.note(&tag)?;
                    parts.push(part);
                }
                (Space::Manifest, _) => {
                    if let Some(part) = parts.last_mut() {
                        part.note(&tag)?;
                    }
                }
                _ => {}
            },
            Node::Eof => return Ok(parts),
            _ => {}
        }
    }
}

impl EncryptedPart {
    /// Takes note of what an element of the description says.
    fn note(&mut self, tag: &Tag<'_>) -> Result<()> {
        let text = |name| -> Result<String> {
            Ok(tag.attribute(Space::Manifest, name)?.unwrap_or_default())
        };
        let bytes = |name| -> Result<Vec<u8>> {
            Ok(BASE64_STANDARD
                .decode(text(name)?.trim())
                .unwrap_or_default())
        };
        match tag.name().1 {
            "encryption-data" => {
                self.checksum_type = last_word(&text("checksum-type")?);
                self.checksum = bytes("checksum")?;
            }
            "algorithm" => {
                self.algorithm = tag.attribute(Space::Manifest, "algorithm-name")?;
                self.start = bytes("initialisation-vector")?;
            }
            "key-derivation" => {
                self.derivation = Derivation::of(tag)?;
                self.salt = bytes("salt")?;
                self.key_bytes = text("key-size")?.trim().parse().unwrap_or(16);
            }
            "start-key-generation" => {
                self.start_key = last_word(&text("start-key-generation-name")?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it is encrypted in a way that is read.
    pub(super) fn is_supported(&self) -> bool {
        let has_checksum = self.checksum_type == "sha256-1k";
        let is_known = match self.cipher() {
            Some(Cipher::AesCbc) => has_checksum,
            Some(Cipher::Aes256Gcm) => self.key_bytes == MAX_KEY_BYTES,
            None => false,
        };
        is_known
            && self.derivation.is_supported()
            && self.start_key == "sha256"
            && self.key_bytes <= MAX_KEY_BYTES
    }

    fn cipher(&self) -> Option<Cipher> {
        match last_word(self.algorithm.as_deref()?).as_str() {
            "aes256-gcm" => Some(Cipher::Aes256Gcm),
            name if name.ends_with("-cbc") => Some(Cipher::AesCbc),
            _ => None,
        }
    }

    /// The part as it was before it was encrypted, which is deflated. Blocks: the key is derived in a tenth of a second.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn decrypt(&self, password: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let cipher = self.cipher().filter(|_| self.is_supported());
        let cipher = cipher.ok_or(Fault::Unsupported)?;
        let key = self.key(password).ok_or(Fault::Unsupported)?;
        match cipher {
            Cipher::AesCbc => self.unchain(&key, bytes),
            Cipher::Aes256Gcm => unseal(&key, bytes),
        }
    }

    /// Decrypts blocks that are chained (CBC).
    fn unchain(&self, key: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let start: [u8; BLOCK_BYTES] = *self.start.first_chunk().ok_or(Fault::Unsupported)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK_BYTES) {
            return Err(Fault::Unsupported);
        }
        Aes::new(key)
            .ok_or(Fault::Unsupported)?
            .decrypt_chain(start, &mut bytes);
        // How many bytes fill up the last block, the last of them says (XML Encryption 1.1, 5.2).
        let filling = bytes.last().map_or(0, |last| usize::from(*last));
        if !(1..=BLOCK_BYTES).contains(&filling) {
            return Err(Fault::Password);
        }
        bytes.truncate(bytes.len() - filling);
        let checked = bytes.get(..CHECKED_BYTES).unwrap_or(&bytes);
        match Sha256::digest(checked).as_slice() == self.checksum {
            true => Ok(bytes),
            false => Err(Fault::Password),
        }
    }

    /// The key of a password.
    fn key(&self, password: &str) -> Option<Vec<u8>> {
        let start = Sha256::digest(password.as_bytes());
        let mut key = vec![0; self.key_bytes];
        match self.derivation {
            Derivation::Unknown => return None,
            Derivation::Pbkdf2 { rounds } => {
                pbkdf2_hmac::<Sha1>(&start, &self.salt, rounds, &mut key);
            }
            Derivation::Argon2id {
                memory,
                passes,
                lanes,
            } => {
                let params = Params::new(memory, passes, lanes, Some(self.key_bytes)).ok()?;
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(&start, &self.salt, &mut key)
                    .ok()?;
            }
        }
        Some(key)
    }
}

impl Derivation {
    /// What a `key-derivation` says.
    fn of(tag: &Tag<'_>) -> Result<Self> {
        let text =
            |space, name| -> Result<String> { Ok(tag.attribute(space, name)?.unwrap_or_default()) };
        let number =
            |space, name| -> Result<u32> { Ok(text(space, name)?.trim().parse().unwrap_or(0)) };
        // As LibreOffice has it, and as it is proposed for the standard.
        let either = |name| -> Result<u32> {
            Ok(number(Space::Loext, name)?.max(number(Space::Manifest, name)?))
        };
        let name = text(Space::Manifest, "key-derivation-name")?;
        // "#argon2id" and, by LibreOffice, "urn:...:manifest:argon2id".
        let name = last_word(&name);
        Ok(match name.rsplit(':').next() {
            Some("pbkdf2") => Self::Pbkdf2 {
                rounds: number(Space::Manifest, "iteration-count")?,
            },
            Some("argon2id") => Self::Argon2id {
                memory: either("argon2-memory")?,
                passes: either("argon2-iterations")?,
                lanes: either("argon2-lanes")?,
            },
            _ => Self::Unknown,
        })
    }

    /// Whether it takes no more time and memory than programs need.
    fn is_supported(self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Pbkdf2 { rounds } => (1..=MAX_ROUNDS).contains(&rounds),
            Self::Argon2id {
                memory,
                passes,
                lanes,
            } => {
                (1..=MAX_MEMORY).contains(&memory)
                    && (1..=MAX_PASSES).contains(&passes)
                    && (1..=MAX_LANES).contains(&lanes)
            }
        }
    }
}

/// Decrypts bytes between a nonce and a tag, which tells whether they and the key are right (GCM).
fn unseal(key: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let cipher = Aes256Gcm::new_from_slice(key).map_err(|_length| Fault::Unsupported)?;
    let seal_at = bytes.len().checked_sub(SEAL_BYTES);
    let seal: [u8; SEAL_BYTES] = *bytes.last_chunk().ok_or(Fault::Unsupported)?;
    bytes.truncate(seal_at.unwrap_or_default());
    let (nonce, sealed) = bytes
        .split_first_chunk_mut::<NONCE_BYTES>()
        .ok_or(Fault::Unsupported)?;
    cipher
        .decrypt_inout_detached(&Nonce::from(*nonce), b"", sealed.into(), &Seal::from(seal))
        .map_err(|_wrong| Fault::Password)?;
    bytes.drain(..NONCE_BYTES);
    Ok(bytes)
}

/// The last word of a URI, in lower case: some names stand alone.
fn last_word(uri: &str) -> String {
    let word = uri.rsplit(['#', '/']).next().unwrap_or(uri);
    word.to_ascii_lowercase()
}
