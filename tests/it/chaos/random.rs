//! The seed of a run, and choices that it alone decides.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::support::proxy::{At, Traffic};

/// What the runs of a test have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// How many kills the test is to make.
    pub(super) kills: u64,
}

impl Plan {
    /// A share of the run's kills, whole or in part `SHEETLOAD_CHAOS_KILLS`, by `SHEETLOAD_CHAOS_SEED`.
    ///
    /// `default` is what the share is without those variables, `of` the sum of all shares.
    pub(super) fn share(default: u64, of: u64) -> Self {
        let kills = number("SHEETLOAD_CHAOS_KILLS").map_or(default, |all| {
            // Rounded up: many small shares must not come to less than what was asked for.
            (all * default).div_ceil(of)
        });
        Self {
            seed: number("SHEETLOAD_CHAOS_SEED").unwrap_or(1),
            kills,
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
    )
}

/// What a load says when nobody disturbs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    /// When its first rows are under way.
    pub(super) first_rows: Traffic,
    /// In all.
    pub(super) whole: Traffic,
}

impl Usual {
    /// The message half way between the first rows and the end.
    pub(super) fn half(&self) -> u64 {
        u64::midpoint(self.first_rows.sent, self.whole.sent)
    }
}

/// Somewhere in a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: At,
    pub(super) nth: u64,
    /// No row is under way yet.
    pub(super) is_early: bool,
}

/// A stream of choices of its own for each cycle of each test, so that one of them can be looked at alone.
pub(super) struct Choices(ChaCha8Rng);

impl Choices {
    pub(super) fn new(seed: u64, name: &str, cycle: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&cycle.to_le_bytes());
        for (place, byte) in name.bytes().enumerate() {
            key[16 + place % 16] ^= byte.rotate_left(u32::try_from(place / 16).unwrap());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number from 0 up to, not including, `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 1 up to `end`.
    pub(super) fn up_to(&mut self, end: u64) -> u64 {
        1 + self.below(end)
    }

    /// A place in a conversation: mostly after its first rows, and with as many chances for a short message as for one
    /// that is full of rows.
    pub(super) fn place(&mut self, usual: Usual) -> Place {
        let Usual { first_rows, whole } = usual;
        let (at, first_rows, end) = match self.below(10) {
            0..4 => (At::Sent, first_rows.sent, whole.sent),
            4..7 => (At::Answer, first_rows.answers, whole.answers),
            _ => (At::SentByte, first_rows.sent_bytes, whole.sent_bytes),
        };
        let is_early = self.below(4) == 0;
        let nth = if is_early {
            self.up_to(first_rows)
        } else {
            first_rows + self.up_to(end - first_rows)
        };
        Place { at, nth, is_early }
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// Says how a failed cycle can be run again.
pub(super) struct Trace {
    seed: u64,
    name: String,
    cycle: u64,
    /// What was chosen, and what came of it.
    chosen: Vec<String>,
}

impl Trace {
    pub(super) fn new(seed: u64, name: &str, cycle: u64) -> Self {
        Self {
            seed,
            name: name.to_owned(),
            cycle,
            chosen: Vec::new(),
        }
    }

    pub(super) fn choose(&mut self, what: impl Into<String>) {
        self.chosen.push(what.into());
    }
}

impl Drop for Trace {
    #[expect(clippy::print_stderr, reason = "a failed test tells its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "{}, cycle {}: {}\nAgain: SHEETLOAD_CHAOS_SEED={} (and SHEETLOAD_CHAOS_KILLS as it was)",
                self.name,
                self.cycle,
                self.chosen.join("; "),
                self.seed
            );
        }
    }
}
