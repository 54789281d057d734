//! The ciphers and hashes that encrypted packages are made with.

use aes::cipher::{Array, BlockCipherDecrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Bytes that AES works on at once.
pub(in crate::source) const BLOCK_BYTES: usize = 16;

/// A hash function by its name in [MS-OFFCRYPTO] 2.3.4.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The function with this name, however it is spelt.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "SHA1" | "SHA-1" => Some(Self::Sha1),
            "SHA256" | "SHA-256" => Some(Self::Sha256),
            "SHA384" | "SHA-384" => Some(Self::Sha384),
            "SHA512" | "SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Its name in words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The hash of these bytes, one after the other.
    pub(super) fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => digest::<Sha1>(parts),
            Self::Sha256 => digest::<Sha256>(parts),
            Self::Sha384 => digest::<Sha384>(parts),
            Self::Sha512 => digest::<Sha512>(parts),
        }
    }

    /// The hash of salt and password, hashed again `count` times with the number of the round before it
    /// ([MS-OFFCRYPTO] 2.3.4.7 and 2.3.4.11). The password is in UTF-16.
    pub(super) fn spin(self, salt: &[u8], password: &str, count: u32) -> Vec<u8> {
        let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let start: [&[u8]; 2] = [salt, &password];
        match self {
            Self::Sha1 => spin::<Sha1>(&start, count),
            Self::Sha256 => spin::<Sha256>(&start, count),
            Self::Sha384 => spin::<Sha384>(&start, count),
            Self::Sha512 => spin::<Sha512>(&start, count),
        }
    }

    /// Whether these bytes have this keyed hash (RFC 2104).
    pub(super) fn authenticates(self, key: &[u8], bytes: &[u8], hash: &[u8]) -> bool {
        match self {
            Self::Sha1 => authenticates::<Hmac<Sha1>>(key, bytes, hash),
            Self::Sha256 => authenticates::<Hmac<Sha256>>(key, bytes, hash),
            Self::Sha384 => authenticates::<Hmac<Sha384>>(key, bytes, hash),
            Self::Sha512 => authenticates::<Hmac<Sha512>>(key, bytes, hash),
        }
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().to_vec()
}

fn spin<D: Digest>(start: &[&[u8]], count: u32) -> Vec<u8> {
    let mut digest = D::new();
    for part in start {
        digest.update(part);
    }
    let mut hash = digest.finalize();
    for round in 0..count {
        hash = D::new()
            .chain_update(round.to_le_bytes())
            .chain_update(&hash)
            .finalize();
    }
    hash.to_vec()
}

fn authenticates<M: Mac + hmac::KeyInit>(key: &[u8], bytes: &[u8], hash: &[u8]) -> bool {
    <M as hmac::KeyInit>::new_from_slice(key)
        .is_ok_and(|mac| mac.chain_update(bytes).verify_slice(hash).is_ok())
}

/// AES with a key.
pub(in crate::source) enum Aes {
    Bits128(Aes128),
    Bits192(Aes192),
    Bits256(Aes256),
}

impl Aes {
    /// `None` for a key of a length that AES has not.
    pub(in crate::source) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(Self::Bits128),
            24 => Aes192::new_from_slice(key).ok().map(Self::Bits192),
            32 => Aes256::new_from_slice(key).ok().map(Self::Bits256),
            _ => None,
        }
    }

    /// Decrypts whole blocks, each by itself; a rest stays as it is.
    pub(super) fn decrypt_blocks(&self, bytes: &mut [u8]) {
        let (blocks, _rest) = bytes.as_chunks_mut::<BLOCK_BYTES>();
        for block in blocks {
            *block = self.decrypt(*block);
        }
    }

    /// Decrypts whole blocks, each chained to the one before it (CBC); a rest stays as it is.
    pub(in crate::source) fn decrypt_chain(&self, start: [u8; BLOCK_BYTES], bytes: &mut [u8]) {
        let mut previous = start;
        let (blocks, _rest) = bytes.as_chunks_mut::<BLOCK_BYTES>();
        for block in blocks {
            let encrypted = *block;
            let mut plain = self.decrypt(encrypted);
            for (byte, mask) in plain.iter_mut().zip(previous) {
                *byte ^= mask;
            }
            *block = plain;
            previous = encrypted;
        }
    }

    fn decrypt(&self, block: [u8; BLOCK_BYTES]) -> [u8; BLOCK_BYTES] {
        let mut block = Array::from(block);
        match self {
            Self::Bits128(aes) => aes.decrypt_block(&mut block),
            Self::Bits192(aes) => aes.decrypt_block(&mut block),
            Self::Bits256(aes) => aes.decrypt_block(&mut block),
        }
        block.into()
    }
}
