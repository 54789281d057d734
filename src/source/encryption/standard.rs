//! Standard encryption, as Excel 2007 writes it ([MS-OFFCRYPTO] 2.3.4.5 to 2.3.4.9).

use super::Fault;
use super::primitives::{Aes, Hash};

/// How often the password's hash is hashed again.
const SPIN_COUNT: u32 = 50_000;
const SALT_BYTES: usize = 16;
const VERIFIER_BYTES: usize = 16;
/// SHA-1 gives 20 bytes, which are encrypted as whole blocks.
const HASH_BYTES: usize = 20;
const ENCRYPTED_HASH_BYTES: usize = 32;

/// What the file says about its encryption.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standard {
    key_bytes: usize,
    salt: [u8; SALT_BYTES],
    encrypted_verifier: [u8; VERIFIER_BYTES],
    encrypted_hash: [u8; ENCRYPTED_HASH_BYTES],
}

impl Standard {
    /// Reads what follows the version: flags, `EncryptionHeader` and `EncryptionVerifier` ([MS-OFFCRYPTO] 2.3.2, 2.3.3).
    pub(super) fn parse(info: &[u8]) -> Result<Self, Fault> {
        const EXTERNAL: u32 = 1 << 4;
        const AES: u32 = 1 << 5;
        let mut info = info;
        let flags = number(&mut info)?;
        if flags & EXTERNAL != 0 {
            return Err(Fault::Unsupported("an encryption of another program"));
        }
        let header_bytes = usize::try_from(number(&mut info)?).map_err(|_| Fault::CutOff)?;
        let (mut header, mut verifier) =
            info.split_at_checked(header_bytes).ok_or(Fault::CutOff)?;
        let (_flags, _extra) = (number(&mut header)?, number(&mut header)?);
        let algorithm = number(&mut header)?;
        let (_hash, key_bits) = (number(&mut header)?, number(&mut header)?);
        let key_bytes = match (algorithm, key_bits) {
            (0x660E, _) => 16,
            (0x660F, _) => 24,
            (0x6610, _) => 32,
            // The flags decide; the size may be left to the program.
            (0, 0 | 128) if flags & AES != 0 => 16,
            (0, 192) if flags & AES != 0 => 24,
            (0, 256) if flags & AES != 0 => 32,
            _ => return Err(Fault::Unsupported("RC4 encryption")),
        };
        if number(&mut verifier)? as usize != SALT_BYTES {
            return Err(Fault::Nonsense("its salt has a wrong length"));
        }
        let salt = array(&mut verifier)?;
        let encrypted_verifier = array(&mut verifier)?;
        let _hash_bytes = number(&mut verifier)?;
        Ok(Self {
            key_bytes,
            salt,
            encrypted_verifier,
            encrypted_hash: array(&mut verifier)?,
        })
    }

    /// The encryption in words.
    pub(super) fn words(&self) -> String {
        format!("standard encryption with AES-{}", self.key_bytes * 8)
    }

    /// The key, if the password is the right one ([MS-OFFCRYPTO] 2.3.4.9).
    pub(super) fn unlock(&self, password: &str) -> Option<Aes> {
        let key = self.derive(password);
        let aes = Aes::new(key.get(..self.key_bytes)?)?;
        let (mut verifier, mut hash) = (self.encrypted_verifier, self.encrypted_hash);
        aes.decrypt_blocks(&mut verifier);
        aes.decrypt_blocks(&mut hash);
        let is_right = hash.starts_with(&Hash::Sha1.digest(&[&verifier]));
        is_right.then_some(aes)
    }

    /// 40 bytes that the key is cut from ([MS-OFFCRYPTO] 2.3.4.7).
    fn derive(&self, password: &str) -> Vec<u8> {
        const HASHED_BYTES: usize = 64;
        const PACKAGE: [u8; 4] = [0; 4];
        let spun = Hash::Sha1.spin(&self.salt, password, SPIN_COUNT);
        let last = Hash::Sha1.digest(&[&spun, &PACKAGE]);
        let mut key = Vec::with_capacity(2 * HASH_BYTES);
        for mask in [0x36_u8, 0x5C] {
            let mut masked = [mask; HASHED_BYTES];
            for (byte, hashed) in masked.iter_mut().zip(&last) {
                *byte ^= hashed;
            }
            key.extend(Hash::Sha1.digest(&[&masked]));
        }
        key
    }
}

fn number(bytes: &mut &[u8]) -> Result<u32, Fault> {
    array(bytes).map(u32::from_le_bytes)
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Fault> {
    let (first, rest) = bytes.split_first_chunk().ok_or(Fault::CutOff)?;
    *bytes = rest;
    Ok(*first)
}
