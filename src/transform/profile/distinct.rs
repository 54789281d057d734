//! How many different values a column has: counted while they are few, then estimated in constant memory.

use crate::model::inspection::Exactness;

/// Up to this many values are counted.
const COUNTED: usize = 512;
/// Slots of the table of those; at most half of them are taken.
const SLOTS: usize = 2 * COUNTED;
/// The estimate keeps 2^12 registers, a byte each, and is off by 1.6 % on average (1.04 / sqrt(4096)).
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;

/// Counts different values by their hashes.
#[derive(Debug, Clone)]
pub(super) struct Distinct {
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// An open-addressed table; 0 is a free slot, so that no hash is 0.
    Few { slots: Vec<u64>, count: usize },
    /// HyperLogLog registers (Flajolet et al., 2007).
    Many(Vec<u8>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self {
            state: State::Few {
                slots: Vec::new(),
                count: 0,
            },
        }
    }
}

impl Distinct {
    /// Counts a value by its hash.
    #[inline]
    pub(super) fn add(&mut self, hash: u64) {
        match &mut self.state {
            State::Many(registers) => register(registers, hash),
            State::Few { slots, count } => {
                if insert(slots, hash.max(1)) {
                    *count += 1;
                }
                if *count > COUNTED {
                    let mut registers = vec![0; REGISTERS];
                    for hash in slots.iter().filter(|hash| **hash != 0) {
                        register(&mut registers, *hash);
                    }
                    self.state = State::Many(registers);
                }
            }
        }
    }

    /// How many values there are, and how well that is known.
    pub(super) fn count(&self) -> (u64, Exactness) {
        match &self.state {
            State::Few { count, .. } => (*count as u64, Exactness::Exact),
            State::Many(registers) => (estimate(registers), Exactness::Estimate),
        }
    }
}

/// Puts a hash into the table and says whether it is new.
fn insert(slots: &mut Vec<u64>, hash: u64) -> bool {
    if slots.is_empty() {
        slots.resize(SLOTS, 0);
    }
    let mut at = hash as usize % SLOTS;
    // At most half of the slots are taken, so a free one is found.
    for _ in 0..SLOTS {
        match slots[at] {
            0 => {
                slots[at] = hash;
                return true;
            }
            taken if taken == hash => return false,
            _ => at = (at + 1) % SLOTS,
        }
    }
    false
}

#[inline]
fn register(registers: &mut [u8], hash: u64) {
    let index = (hash >> (64 - INDEX_BITS)) as usize;
    let rank = ((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))).leading_zeros() as u8 + 1;
    let register = &mut registers[index];
    *register = (*register).max(rank);
}

fn estimate(registers: &[u8]) -> u64 {
    let size = registers.len() as f64;
    let sum: f64 = registers
        .iter()
        .map(|rank| f64::from(-i32::from(*rank)).exp2())
        .sum();
    let free = registers.iter().filter(|rank| **rank == 0).count();
    let raw = 0.7213 / (1.0 + 1.079 / size) * size * size / sum;
    // With many registers free, their number tells more.
    let estimate = if raw <= 2.5 * size && free > 0 {
        size * (size / free as f64).ln()
    } else {
        raw
    };
    estimate.round() as u64
}

/// Mixes the bits of a number (the finalizer of SplitMix64). The same in every run, so that estimates are, too.
#[inline]
pub(super) fn hash_bits(bits: u64) -> u64 {
    let mut hash = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

/// The hash of a text, eight bytes at a time.
#[inline]
pub(super) fn hash_text(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut hash = hash_seed(text.len());
    for word in words {
        hash = fold(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    hash_bits(fold(hash, u64::from_le_bytes(last)))
}

fn hash_seed(len: usize) -> u64 {
    0x2545_F491_4F6C_DD1D ^ len as u64
}

#[inline]
fn fold(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(0x9FB2_1C65_1E98_DF25_u64);
    (product as u64) ^ ((product >> 64) as u64) ^ hash.rotate_left(23)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(hashes: impl Iterator<Item = u64>) -> (u64, Exactness) {
        let mut distinct = Distinct::default();
        hashes.for_each(|hash| distinct.add(hash));
        distinct.count()
    }

    #[test]
    fn few_values_are_counted_and_many_estimated() {
        assert_eq!(count(std::iter::empty()), (0, Exactness::Exact));
        let few = (0..5_000_u64).map(|number| hash_bits(number % 512));
        assert_eq!(count(few), (512, Exactness::Exact));
        for many in [513, 3_000, 11_000, 100_000, 1_000_000_u64] {
            let (numbers, is) = count((0..many).map(hash_bits));
            assert_eq!(is, Exactness::Estimate);
            let off = numbers.abs_diff(many) as f64 / many as f64;
            assert!(off < 0.06, "{many}: {numbers}");
            let (texts, _) = count((0..many).map(|number| hash_text(&format!("item {number}"))));
            let off = texts.abs_diff(many) as f64 / many as f64;
            assert!(off < 0.06, "{many}: {texts}");
        }
    }

    proptest! {
        #[test]
        fn different_short_texts_have_different_hashes(texts in prop::collection::hash_set(".{0,20}", 0..60)) {
            let counted = count(texts.iter().chain(&texts).map(|text| hash_text(text)));
            prop_assert_eq!(counted, (texts.len() as u64, Exactness::Exact));
        }
    }
}
