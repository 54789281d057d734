//! The texts that a workbook's cells refer to by number, one behind the other in one piece of memory.

use std::path::Path;

use super::workbook::too_large;
use crate::error::Result;

/// The most bytes of text that a table of shared strings may have. It is held in memory that doubles as it grows, and a
/// small file can inflate to any size; with the string that goes beyond it this stays within 512 MiB.
const MAX_SHARED_TEXT_BYTES: usize = 448 << 20;
/// The most strings: their places take 4 bytes each, and the table is held in memory.
const MAX_STRINGS: usize = 1 << 26;

/// Shared strings by number, from 0.
#[derive(Debug, Default)]
pub(super) struct SharedStrings {
    text: String,
    /// Where each of them ends, in bytes.
    ends: Vec<u32>,
}

impl SharedStrings {
    /// Where the next string's text is appended, before it is ended.
    pub(super) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Ends a string; false if it goes beyond what a place can tell.
    pub(super) fn end(&mut self) -> bool {
        let end = u32::try_from(self.text.len()).ok();
        self.ends.extend(end);
        end.is_some()
    }

    /// Ends a string of a part that may inflate to any size.
    ///
    /// # Errors
    /// `WorkbookTooLarge` for more text or strings than are held in memory.
    pub(super) fn end_within_bounds(&mut self, path: &Path) -> Result<()> {
        let is_held = self.text.len() <= MAX_SHARED_TEXT_BYTES && self.ends.len() < MAX_STRINGS;
        if is_held && self.end() {
            return Ok(());
        }
        Err(too_large(path, "has more shared strings than can be read"))
    }

    /// Drops a text that was not ended, and the memory that no string needs.
    pub(super) fn finish(&mut self) {
        let whole = self.ends.last().map_or(0, |end| *end as usize);
        self.text.truncate(whole);
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The string with this number.
    pub(super) fn get(&self, index: u32) -> Option<&str> {
        let index = usize::try_from(index).ok()?;
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.text.get(start..end)
    }

    /// How many strings there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}
