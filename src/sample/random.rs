//! Choices from a seed, the same in every release and on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of choices.
///
/// The way from bits to choices is written out here, because the one of the `rand` crate may change between its
/// releases and depends on its features.
pub(super) struct Random(ChaCha8Rng);

/// What a stream is for: streams of different purposes never share bits.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Businesses = 1,
    Orders = 2,
    Defects = 3,
}

impl Random {
    pub(super) fn new(seed: u64, purpose: Purpose) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number from 0 up to, not including, `end`; 0 if `end` is 0.
    ///
    /// The high half of a product: no number is more than 2^-32 likelier than another, which no sample can show.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(end)) >> 32) as u32
    }

    /// A number between both ends, both included.
    pub(super) fn between(&mut self, first: i64, last: i64) -> i64 {
        let width = u128::from(last.abs_diff(first)) + 1;
        let offset = (u128::from(self.0.next_u64()) * width) >> 64;
        first.saturating_add_unsigned(offset as u64)
    }

    /// True in `percent` of 100 calls.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// True in `n` of 1,000 calls.
    pub(super) fn per_mille(&mut self, n: u32) -> bool {
        self.below(1000) < n
    }

    /// One of the words.
    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        // A list of words never has 2^32 of them.
        let index = self.below(words.len() as u32) as usize;
        words.get(index).copied().unwrap_or_default()
    }

    /// Letters and digits without any pattern: `length` of them, each one byte.
    pub(super) fn letters(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..length)
            .map(|_| char::from(ALPHABET[self.below(62) as usize]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_choices_for_ever() {
        // From another implementation of ChaCha8, with the key's first bytes 7 and its ninth byte 2.
        let mut random = Random::new(7, Purpose::Orders);
        let choices: Vec<u32> = (0..6).map(|_| random.below(1000)).collect();
        assert_eq!(choices, [611, 909, 410, 574, 484, 899]);
        assert_eq!(
            random.between(-5_000_000_000, 5_000_000_000),
            -4_009_314_656
        );
    }

    #[test]
    fn choices_stay_inside_and_reach_both_ends() {
        let mut random = Random::new(1, Purpose::Businesses);
        let drawn: Vec<i64> = (0..1000).map(|_| random.between(-2, 2)).collect();
        assert_eq!(drawn.iter().min(), Some(&-2));
        assert_eq!(drawn.iter().max(), Some(&2));
        let drawn: Vec<u32> = (0..1000).map(|_| random.below(3)).collect();
        assert_eq!(drawn.iter().max(), Some(&2));
        assert_eq!(random.below(0), 0);
    }
}
