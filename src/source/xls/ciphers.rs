//! The ciphers of xls files ([MS-OFFCRYPTO] 2.3.5 to 2.3.7).

use md5::Md5;
use rc4::{KeyInit as _, Rc4, StreamCipher as _};
use sha1::{Digest, Sha1};

use super::records::{u16_at, u32_at};

/// How the record FILEPASS says that the workbook is protected ([MS-XLS] 2.4.117).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Xor,
    Rc4,
    Rc4CryptoApi,
}

impl Scheme {
    /// The scheme in words, for errors.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Xor => "XOR obfuscation",
            Self::Rc4 => "RC4",
            Self::Rc4CryptoApi => "RC4 CryptoAPI",
        }
    }

    /// The cipher that this password makes; `None` when the workbook has another. `body` is what follows the scheme.
    pub(super) fn with_password(self, body: &[u8], password: &str) -> Option<Cipher> {
        match self {
            Self::Xor => xor(body, password),
            Self::Rc4 => rc4(body, password),
            Self::Rc4CryptoApi => crypto_api(body, password),
        }
    }
}

/// Makes plain bytes of those in a workbook.
#[derive(Debug)]
pub(super) enum Cipher {
    /// 16 bytes, one after the other.
    Xor([u8; 16]),
    Rc4(Box<Blocks>),
}

/// Bytes of a stream that have one key.
const BLOCK_BYTES: usize = 1024;

/// A stream in blocks, each with a key of its own.
#[derive(Debug)]
pub(super) struct Blocks {
    keys: Keys,
    /// The block at hand, and what its bytes are combined with.
    current: Option<(u32, [u8; BLOCK_BYTES])>,
}

/// What the key of a block is made from.
#[derive(Debug)]
enum Keys {
    Md5([u8; 5]),
    Sha1 { hash: [u8; 20], key_bytes: usize },
}

impl Cipher {
    /// Decrypts `bytes`, which begin at this place of the stream, in a record that begins and ends at those.
    pub(super) fn decrypt(&mut self, bytes: &mut [u8], at: usize, record: (usize, usize)) {
        match self {
            Self::Xor(key) => {
                // The first byte of a record of n bytes at p has the key's byte (p + n) mod 16 ([MS-OFFCRYPTO] 2.3.7.3).
                let first = at.wrapping_add(record.1.wrapping_sub(record.0));
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = byte.rotate_left(3) ^ key[first.wrapping_add(index) % 16];
                }
            }
            Self::Rc4(blocks) => blocks.decrypt(bytes, at),
        }
    }
}

impl Blocks {
    fn cipher(keys: Keys) -> Cipher {
        Cipher::Rc4(Box::new(Self {
            keys,
            current: None,
        }))
    }

    fn decrypt(&mut self, mut bytes: &mut [u8], mut at: usize) {
        while !bytes.is_empty() {
            let within = at % BLOCK_BYTES;
            let here = bytes.len().min(BLOCK_BYTES - within);
            let (now, later) = bytes.split_at_mut(here);
            let key_stream = &self.block(at / BLOCK_BYTES)[within..];
            for (byte, key) in now.iter_mut().zip(key_stream) {
                *byte ^= key;
            }
            bytes = later;
            at += here;
        }
    }

    fn block(&mut self, index: usize) -> &[u8; BLOCK_BYTES] {
        // Streams are below a gigabyte.
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if self.current.as_ref().is_none_or(|(at, _)| *at != index) {
            self.current = None;
        }
        let keys = &self.keys;
        let (_, bytes) = self.current.get_or_insert_with(|| {
            let mut bytes = [0; BLOCK_BYTES];
            apply_rc4(&keys.block(index), &mut bytes);
            (index, bytes)
        });
        bytes
    }
}

impl Keys {
    /// The key of a block ([MS-OFFCRYPTO] 2.3.5.2 and 2.3.6.2).
    fn block(&self, index: u32) -> Vec<u8> {
        /// A key of 40 bits is filled up with zeros to this many bytes.
        const SHORT: usize = 5;
        const FILLED_UP: usize = 16;
        match self {
            Self::Md5(hash) => {
                let key = Md5::new()
                    .chain_update(hash)
                    .chain_update(index.to_le_bytes());
                key.finalize().to_vec()
            }
            Self::Sha1 { hash, key_bytes } => {
                let key = Sha1::new()
                    .chain_update(hash)
                    .chain_update(index.to_le_bytes());
                let mut key = key.finalize().to_vec();
                key.truncate(*key_bytes);
                if *key_bytes == SHORT {
                    key.resize(FILLED_UP, 0);
                }
                key
            }
        }
    }
}

/// The password as UTF-16.
fn password_units(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// XOR obfuscation ([MS-OFFCRYPTO] 2.3.7): key and verifier say whether it is the password.
fn xor(body: &[u8], password: &str) -> Option<Cipher> {
    /// Excel takes no longer password for it.
    const MOST_CHARACTERS: usize = 15;
    /// Fills up the password ([MS-OFFCRYPTO] 2.3.7.2, PadArray).
    const PADDING: [u8; 15] = [
        0xBB, 0xFF, 0xFF, 0xBA, 0xFF, 0xFF, 0xB9, 0x80, 0x00, 0xBE, 0x0F, 0x00, 0xBF, 0x0F, 0x00,
    ];
    let password: Vec<u8> = password
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect::<Option<_>>()?;
    let password = password.get(..password.len().min(MOST_CHARACTERS))?;
    let key = xor_key(password);
    let recorded = (u16_at(body, 0)?, u16_at(body, 2)?);
    if password.is_empty() || recorded != (key, xor_verifier(password)) {
        return None;
    }
    let filled_up = password.iter().chain(&PADDING).copied();
    let halves = key.to_le_bytes().into_iter().cycle();
    let mut bytes = [0; 16];
    for (byte, (part, half)) in bytes.iter_mut().zip(filled_up.zip(halves)) {
        // The specification turns this to the right by one bit, and then with the data to the left by three.
        *byte = (part ^ half).rotate_left(2);
    }
    Some(Cipher::Xor(bytes))
}

/// The key of a password ([MS-OFFCRYPTO] 2.3.7.2, whose tables are the states of this register).
fn xor_key(password: &[u8]) -> u16 {
    const TAPS: u16 = 0x1020;
    let turned = |register: u16| {
        let register = register.rotate_left(1);
        if register & 1 == 0 {
            register
        } else {
            register ^ TAPS
        }
    };
    let (mut key, mut base, mut end) = (0, 0x8000, 0xFFFF);
    for byte in password.iter().rev() {
        for bit in 0..8 {
            base = turned(base);
            end = turned(end);
            if (byte & 0x7F) >> bit & 1 == 1 {
                key ^= base;
            }
        }
    }
    key ^ end
}

/// The verifier of a password ([MS-OFFCRYPTO] 2.3.7.1).
fn xor_verifier(password: &[u8]) -> u16 {
    const BITS: u32 = 15;
    const ALL: u16 = 0x7FFF;
    let length = u16::try_from(password.len()).unwrap_or(u16::MAX);
    let turned = (1..).zip(password).map(|(place, byte)| {
        let (byte, by) = (u16::from(*byte), place % BITS);
        (byte << by | byte >> (BITS - by)) & ALL
    });
    turned.fold(length ^ 0xCE4B, |sum, part| sum ^ part)
}

/// RC4 with keys of 40 bits ([MS-OFFCRYPTO] 2.3.6): version, salt, verifier and its hash.
fn rc4(body: &[u8], password: &str) -> Option<Cipher> {
    const TIMES: usize = 16;
    let salt = body.get(4..20)?;
    let password = Md5::digest(password_units(password));
    let mut hash = Md5::new();
    for _ in 0..TIMES {
        hash.update(password.get(..5)?);
        hash.update(salt);
    }
    let hash = hash.finalize();
    let keys = Keys::Md5(*hash.first_chunk()?);
    let mut verifier: [u8; 32] = *body.get(20..)?.first_chunk()?;
    apply_rc4(&keys.block(0), &mut verifier);
    let (verifier, wanted) = verifier.split_at(16);
    (Md5::digest(verifier).as_slice() == wanted).then(|| Blocks::cipher(keys))
}

/// RC4 with keys from SHA-1 ([MS-OFFCRYPTO] 2.3.5.1): version, flags, header, salt, verifier and its hash.
fn crypto_api(body: &[u8], password: &str) -> Option<Cipher> {
    const RC4: u32 = 0x6801;
    const SHA1: u32 = 0x8004;
    const MOST_KEY_BYTES: usize = 16;
    let header_len = usize::try_from(u32_at(body, 8)?).ok()?;
    let header = body.get(12..)?;
    let verifier = header.get(header_len..)?;
    let known = (u32_at(header, 8)?, u32_at(header, 12)?) == (RC4, SHA1);
    let key_bytes = match u32_at(header, 16)? {
        0 => 5,
        bits => usize::try_from(bits / 8).ok()?,
    };
    let salt = verifier.get(4..20)?;
    if !known || !(1..=MOST_KEY_BYTES).contains(&key_bytes) || u32_at(verifier, 0)? != 16 {
        return None;
    }
    let hash = Sha1::new()
        .chain_update(salt)
        .chain_update(password_units(password));
    let keys = Keys::Sha1 {
        hash: *hash.finalize().first_chunk()?,
        key_bytes,
    };
    let mut encrypted = [verifier.get(20..36)?, verifier.get(40..60)?].concat();
    apply_rc4(&keys.block(0), &mut encrypted);
    let (verifier, wanted) = encrypted.split_at(16);
    (Sha1::digest(verifier).as_slice() == wanted).then(|| Blocks::cipher(keys))
}

/// RC4, which is the same in both directions. A key that it cannot have changes nothing.
fn apply_rc4(key: &[u8], bytes: &mut [u8]) {
    if let Ok(mut cipher) = Rc4::new_from_slice(key) {
        cipher.apply_keystream(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_gives_the_bytes_of_its_published_examples() {
        // RFC 6229, 2: the key 0102030405, and the first 16 bytes of its stream.
        let mut stream = [0; 16];
        apply_rc4(&[1, 2, 3, 4, 5], &mut stream);
        let wanted = [
            0xB2, 0x39, 0x63, 0x05, 0xF0, 0x3D, 0xC0, 0x27, 0xCC, 0xC3, 0x52, 0x4A, 0x0A, 0x11,
            0x18, 0xA8,
        ];
        assert_eq!(stream, wanted);
    }

    #[test]
    fn key_and_verifier_are_those_of_the_password_that_all_know() {
        let password = b"VelvetSweatshop";
        assert_eq!(
            (xor_key(password), xor_verifier(password)),
            (0xB359, 0x9A0A)
        );
    }

    #[test]
    fn blocks_are_decrypted_in_pieces_of_any_size() {
        let cipher = || Blocks::cipher(Keys::Md5([1, 2, 3, 4, 5]));
        let mut whole = vec![0; 5_000];
        cipher().decrypt(&mut whole, 0, (0, 0));
        let mut pieces = vec![0; 5_000];
        let mut one = cipher();
        for (index, piece) in pieces.chunks_mut(700).enumerate() {
            one.decrypt(piece, index * 700, (0, 0));
        }
        assert_eq!(whole, pieces);
        assert_ne!(whole[..1024], whole[1024..2048]);
    }

    #[test]
    fn short_or_strange_records_open_nothing() {
        for scheme in [Scheme::Xor, Scheme::Rc4, Scheme::Rc4CryptoApi] {
            for len in 0..120 {
                for password in ["VelvetSweatshop", "", "é"] {
                    assert!(scheme.with_password(&vec![1; len], password).is_none());
                    assert!(scheme.with_password(&vec![0xFF; len], password).is_none());
                }
            }
        }
    }
}
