//! Reads the texts that cells refer to by number ([MS-XLS] 2.4.265 SST).

use super::records::Joined;
use super::strings::shared;
use crate::source::shared_strings::SharedStrings;

/// Reads as many texts as there are, whatever the record claims. One that is cut off is left out, and so are those behind
/// it.
pub(super) fn read(mut from: Joined<'_>) -> SharedStrings {
    /// Two counts, neither of which is trusted.
    const HEADER_BYTES: usize = 8;
    let mut strings = SharedStrings::default();
    if from.skip(HEADER_BYTES).is_none() {
        return strings;
    }
    // A stream of a gigabyte has no more text than can be told.
    while shared(&mut from, strings.text_mut()).is_some() && strings.end() {}
    strings.finish();
    strings
}
