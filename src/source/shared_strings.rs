//! The texts that a workbook's cells refer to by number, one behind the other in one piece of memory.

use crate::model::limits::{Limit, Limits};

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
    /// The limit that is passed by it.
    pub(super) fn end_within(&mut self, limits: &Limits) -> Result<(), Limit> {
        let last = self.ends.last().map_or(0, |end| *end as usize);
        if (self.text.len() - last) as u64 > limits.string_bytes {
            return Err(Limit::String);
        }
        if self.ends.len() as u64 >= limits.shared_strings {
            return Err(Limit::SharedStrings);
        }
        if self.text.len() as u64 > limits.shared_text_bytes || !self.end() {
            return Err(Limit::SharedText);
        }
        Ok(())
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
