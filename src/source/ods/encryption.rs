//! Parts behind a password (OpenDocument 1.3 part 2, 4.3 to 4.8): what the manifest says about each, and their plain bytes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::tag::{Space, Tag};
use super::xml::{Node, Xml};
use crate::error::Result;
use crate::source::encryption::{Aes, BLOCK_BYTES};

/// The most rounds of the key's derivation. LibreOffice makes 100,000.
const MAX_ROUNDS: u32 = 10_000_000;
/// The most parts whose encryption is noted: a document has a few dozen.
const MAX_PARTS: usize = 1 << 12;
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
    derivation: String,
    salt: Vec<u8>,
    rounds: u32,
    key_bytes: usize,
    start_key: String,
    checksum_type: String,
    checksum: Vec<u8>,
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
                self.derivation = last_word(&text("key-derivation-name")?);
                self.salt = bytes("salt")?;
                self.rounds = text("iteration-count")?.trim().parse().unwrap_or(0);
                self.key_bytes = text("key-size")?.trim().parse().unwrap_or(16);
            }
            "start-key-generation" => {
                self.start_key = last_word(&text("start-key-generation-name")?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it is encrypted as programs have done it since OpenDocument 1.2.
    pub(super) fn is_supported(&self) -> bool {
        let algorithm = self.algorithm.as_deref().map(last_word);
        algorithm.is_some_and(|name| name.ends_with("-cbc"))
            && self.derivation == "pbkdf2"
            && self.start_key == "sha256"
            && self.checksum_type == "sha256-1k"
            && (1..=MAX_ROUNDS).contains(&self.rounds)
    }

    /// The part as it was before it was encrypted, which is deflated.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn decrypt(&self, password: &str, mut bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let start: [u8; BLOCK_BYTES] = *self.start.first_chunk().ok_or(Fault::Unsupported)?;
        if !self.is_supported() || bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK_BYTES) {
            return Err(Fault::Unsupported);
        }
        let key = self.key(password).ok_or(Fault::Unsupported)?;
        Aes::new(&key)
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

    /// The key of a password (RFC 8018, 5.2 PBKDF2, with HMAC-SHA-1).
    fn key(&self, password: &str) -> Option<Vec<u8>> {
        const MOST_BYTES: usize = 32;
        if self.key_bytes > MOST_BYTES {
            return None;
        }
        let start = Sha256::digest(password.as_bytes());
        let keyed = <Hmac<Sha1> as KeyInit>::new_from_slice(&start).ok()?;
        let mut key = Vec::new();
        for block in 1_u32.. {
            if key.len() >= self.key_bytes {
                break;
            }
            let first = keyed.clone().chain_update(&self.salt);
            let mut last = first
                .chain_update(block.to_be_bytes())
                .finalize()
                .into_bytes();
            let mut sum = last;
            for _ in 1..self.rounds {
                last = keyed.clone().chain_update(last).finalize().into_bytes();
                for (byte, other) in sum.iter_mut().zip(last) {
                    *byte ^= other;
                }
            }
            key.extend_from_slice(&sum);
        }
        key.truncate(self.key_bytes);
        Some(key)
    }
}

/// The last word of a URI, in lower case: some names stand alone.
fn last_word(uri: &str) -> String {
    let word = uri.rsplit(['#', '/']).next().unwrap_or(uri);
    word.to_ascii_lowercase()
}
