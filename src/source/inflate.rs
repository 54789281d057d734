//! Inflated bytes, held to what a workbook may cost.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::limits::{Limit, Limits};

/// What the parts of a package have inflated to so far.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: Limits,
    /// How many bytes the whole file has.
    file_bytes: u64,
    /// Parts may be read at the same time.
    inflated: Arc<Mutex<Inflated>>,
}

#[derive(Debug, Default)]
struct Inflated {
    total: u64,
    /// The most of each part, which may be read several times but counts once.
    by_part: HashMap<usize, u64>,
}

/// A part as the package lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    /// Its place.
    pub(super) index: usize,
    /// The compressed size, by the package's own word.
    pub(super) compressed: u64,
    /// The limit of its inflated bytes.
    pub(super) limit: Limit,
}

impl Ledger {
    /// For a file of so many bytes.
    pub(super) fn new(limits: Limits, file_bytes: u64) -> Self {
        Self {
            limits,
            file_bytes,
            inflated: Arc::default(),
        }
    }

    /// The limits.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// How many bytes the whole file has.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Counts the bytes of a part that is read from its start.
    pub(super) fn inflating<R>(&self, part: Listed, inner: R) -> Inflating<R> {
        Inflating {
            inner,
            used: 0,
            index: part.index,
            part_limit: part.limit.of(&self.limits),
            limit: part.limit,
            // It cannot lie in more bytes than there are.
            compressed: part.compressed.min(self.file_bytes).max(1),
            limits: self.limits,
            file_bytes: self.file_bytes.max(1),
            inflated: Arc::clone(&self.inflated),
        }
    }
}

/// The bytes of a part, and an error beyond a limit.
#[derive(Debug)]
pub(super) struct Inflating<R> {
    inner: R,
    used: u64,
    index: usize,
    limit: Limit,
    part_limit: u64,
    compressed: u64,
    limits: Limits,
    file_bytes: u64,
    inflated: Arc<Mutex<Inflated>>,
}

impl<R> Inflating<R> {
    /// The limit that is passed, and its figure.
    fn passed(&mut self) -> Option<(Limit, u64)> {
        let total = {
            let mut inflated = self.inflated.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = inflated.by_part.entry(self.index).or_default();
            let new = self.used.saturating_sub(*counted);
            *counted = self.used.max(*counted);
            inflated.total = inflated.total.saturating_add(new);
            inflated.total
        };
        let limits = &self.limits;
        let is_blown_up = |inflated: u64, from: u64| {
            inflated > limits.ratio_floor_bytes && inflated > from.saturating_mul(limits.ratio)
        };
        if self.used > self.part_limit {
            Some((self.limit, self.part_limit))
        } else if total > limits.total_bytes {
            Some((Limit::Total, limits.total_bytes))
        } else if is_blown_up(self.used, self.compressed) || is_blown_up(total, self.file_bytes) {
            Some((Limit::Ratio, limits.ratio))
        } else {
            None
        }
    }
}

impl<R: Read> Read for Inflating<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.used = self.used.saturating_add(read as u64);
        match self.passed() {
            None => Ok(read),
            Some((limit, most)) => Err(io::Error::other(Passed { limit, most })),
        }
    }
}

/// A limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// Which.
    pub(super) limit: Limit,
    /// Its figure.
    pub(super) most: u64,
}

impl Passed {
    /// The one that an error of a stream stands for.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.limit.passed(self.most))
    }
}

impl StdError for Passed {}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE_BYTES: u64 = 1_000;

    fn limits() -> Limits {
        Limits {
            total_bytes: 100,
            part_bytes: 60,
            list_bytes: 40,
            ratio: 10,
            ratio_floor_bytes: 30,
            ..Limits::default()
        }
    }

    /// Reads so many bytes of a part, and gives the limit that is passed.
    fn read(ledger: &mut Ledger, part: Listed, bytes: u64) -> Option<Passed> {
        let mut part = ledger.inflating(part, io::repeat(b'x').take(bytes));
        let read = io::copy(&mut part, &mut io::sink());
        read.err().map(|error| Passed::of(&error).unwrap())
    }

    fn part(index: usize, compressed: u64, limit: Limit) -> Listed {
        Listed {
            index,
            compressed,
            limit,
        }
    }

    fn passed(limit: Limit) -> Option<Passed> {
        let most = limit.of(&limits());
        Some(Passed { limit, most })
    }

    #[test]
    fn a_part_at_its_limit_passes_and_one_with_a_byte_more_does_not() {
        for (limit, most) in [(Limit::Part, 60), (Limit::List, 40)] {
            let mut ledger = Ledger::new(limits(), FILE_BYTES);
            assert_eq!(read(&mut ledger, part(0, most, limit), most), None);
            let mut ledger = Ledger::new(limits(), FILE_BYTES);
            let over = read(&mut ledger, part(0, most, limit), most + 1);
            assert_eq!(over, passed(limit));
        }
    }

    #[test]
    fn parts_count_once_in_the_total() {
        let mut ledger = Ledger::new(limits(), FILE_BYTES);
        for _ in 0..5 {
            assert_eq!(read(&mut ledger, part(0, 50, Limit::Part), 50), None);
        }
        assert_eq!(read(&mut ledger, part(1, 50, Limit::Part), 50), None);
        let over = read(&mut ledger, part(2, 50, Limit::Part), 1);
        assert_eq!(over, passed(Limit::Total));
    }

    #[test]
    fn the_ratio_counts_above_its_floor() {
        let mut ledger = Ledger::new(limits(), FILE_BYTES);
        assert_eq!(read(&mut ledger, part(0, 1, Limit::Part), 30), None);
        let over = read(&mut ledger, part(1, 3, Limit::Part), 31);
        assert_eq!(over, passed(Limit::Ratio));
        assert_eq!(read(&mut ledger, part(2, 4, Limit::Part), 31), None);
    }

    #[test]
    fn a_claim_of_compressed_bytes_ends_with_the_file() {
        // Of a file of 3 bytes no part has more, whatever it says.
        let mut ledger = Ledger::new(limits(), 3);
        let over = read(&mut ledger, part(0, u64::MAX, Limit::Part), 31);
        assert_eq!(over, passed(Limit::Ratio));
        // Parts that lie on top of each other are no more than the file either.
        let mut ledger = Ledger::new(limits(), 5);
        assert_eq!(read(&mut ledger, part(0, 5, Limit::Part), 25), None);
        let over = read(&mut ledger, part(1, 5, Limit::Part), 26);
        assert_eq!(over, passed(Limit::Ratio));
    }
}
