//! Whether the characters of a text are those that the file has, or some are none: half a surrogate pair, or a byte that
//! the code page has no character for.

use std::ops::BitOrAssign;

/// What became of a text's characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Fidelity {
    /// All are there.
    #[default]
    Exact,
    /// U+FFFD stands where the file has no character.
    Replaced,
}

impl Fidelity {
    /// Of a text that something was replaced in, or not.
    pub(super) fn of(was_replaced: bool) -> Self {
        match was_replaced {
            true => Self::Replaced,
            false => Self::Exact,
        }
    }
}

impl BitOrAssign for Fidelity {
    /// Of two texts one behind the other.
    fn bitor_assign(&mut self, next: Self) {
        if next == Self::Replaced {
            *self = next;
        }
    }
}
