//! Reads the texts that cells refer to by number ([MS-XLS] 2.4.265 SST).

use super::records::Joined;
use super::strings::shared;
use crate::model::limits::{Limit, Limits};
use crate::model::shared_strings::{SharedStrings, SharedStringsBuilder};
use crate::source::fidelity::Fidelity;

/// Reads as many texts as there are, whatever the record claims. One that is cut off is left out, and so are those behind
/// it.
///
/// # Errors
/// The limit that is passed: a record's bytes can stand for twice as many in UTF-8.
pub(super) fn read(mut from: Joined<'_>, limits: &Limits) -> Result<SharedStrings, Limit> {
    /// Two counts, neither of which is trusted.
    const HEADER_BYTES: usize = 8;
    let mut strings = SharedStringsBuilder::default();
    if from.skip(HEADER_BYTES).is_none() {
        return Ok(strings.finish());
    }
    while let Some(fidelity) = shared(&mut from, strings.text_mut()) {
        if fidelity == Fidelity::Replaced {
            strings.mark_replaced();
        }
        strings.end_within(limits)?;
    }
    Ok(strings.finish())
}
