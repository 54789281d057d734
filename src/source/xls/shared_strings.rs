//! The texts that cells refer to by number ([MS-XLS] 2.4.265 SST).

use super::records::Joined;
use super::strings::shared;

/// All texts one behind the other, and where each of them ends.
#[derive(Debug, Default)]
pub(super) struct SharedStrings {
    texts: String,
    ends: Vec<u32>,
}

impl SharedStrings {
    /// Reads as many texts as there are, whatever the record claims. One that is cut off is left out, and so are those
    /// behind it.
    pub(super) fn read(mut from: Joined<'_>) -> Self {
        /// Two counts, neither of which is trusted.
        const HEADER_BYTES: usize = 8;
        let mut strings = Self::default();
        if from.skip(HEADER_BYTES).is_none() {
            return strings;
        }
        while shared(&mut from, &mut strings.texts).is_some() {
            // A stream of a gigabyte has no more text than that.
            let Ok(end) = u32::try_from(strings.texts.len()) else {
                break;
            };
            strings.ends.push(end);
        }
        let whole = strings.ends.last().map_or(0, |end| *end as usize);
        strings.texts.truncate(whole);
        strings
    }

    /// The text with this number, from 0.
    pub(super) fn get(&self, index: u32) -> Option<&str> {
        let index = usize::try_from(index).ok()?;
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.texts.get(start..end)
    }
}
