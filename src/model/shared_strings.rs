//! The texts that a workbook's cells refer to by number (ECMA-376 Part 1, §18.4 shared string table).
//!
//! They lie one behind the other in segments of equally many strings. A segment is never changed once it is there, so
//! that cells can be resolved while later segments are still being read.

use std::sync::Arc;

use super::limits::{Limit, Limits};

/// Strings of a segment, but for the last one: few enough that the first is there soon.
const SEGMENT_STRINGS: usize = 1 << 13;

/// Shared strings by number, from 0: all that were read so far. Clones share the texts.
#[derive(Debug, Clone, Default)]
pub struct SharedStrings {
    segments: Vec<Arc<Segment>>,
    count: usize,
    has_nul: bool,
    has_replaced: bool,
}

#[derive(Debug, Default)]
struct Segment {
    text: String,
    /// Where each of its strings ends, in bytes.
    ends: Vec<u32>,
    /// Whether U+FFFD stands in one of them where the file has no character.
    has_replaced: bool,
}

impl Segment {
    #[inline]
    fn span(&self, index: usize) -> Option<(usize, usize)> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        Some((start, end))
    }
}

impl SharedStrings {
    /// The string with this number.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&str> {
        let (segment, within) = self.place(index)?;
        let (start, end) = segment.span(within)?;
        segment.text.get(start..end)
    }

    /// How many bytes the string with this number has. Does not look at the text itself.
    #[must_use]
    #[inline]
    pub fn byte_len(&self, index: u32) -> Option<usize> {
        let (segment, within) = self.place(index)?;
        let (start, end) = segment.span(within)?;
        end.checked_sub(start)
    }

    /// How many strings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds strings behind the last one. Those that are there must fill their segments, as [`SharedStringsBuilder::take`]
    /// gives them; otherwise nothing is added.
    pub fn append(&mut self, next: Self) {
        if self.count == self.segments.len() * SEGMENT_STRINGS {
            self.count += next.count;
            self.segments.extend(next.segments);
            self.has_nul |= next.has_nul;
            self.has_replaced |= next.has_replaced;
        }
    }

    /// Whether one of them holds U+0000, which no text in PostgreSQL can.
    #[must_use]
    pub fn has_nul(&self) -> bool {
        self.has_nul
    }

    /// Whether U+FFFD stands in the string with this number where the file has no character.
    #[must_use]
    #[inline]
    pub fn is_replaced(&self, index: u32) -> bool {
        self.has_replaced && self.looks_replaced(index)
    }

    #[cold]
    fn looks_replaced(&self, index: u32) -> bool {
        let place = self.place(index);
        let text = self.get(index).unwrap_or_default();
        place.is_some_and(|(segment, _)| segment.has_replaced)
            && text.contains(char::REPLACEMENT_CHARACTER)
    }

    #[inline]
    fn place(&self, index: u32) -> Option<(&Segment, usize)> {
        let index = usize::try_from(index).ok()?;
        let segment = self.segments.get(index / SEGMENT_STRINGS)?;
        Some((segment, index % SEGMENT_STRINGS))
    }
}

/// Collects strings.
#[derive(Debug, Default)]
pub struct SharedStringsBuilder {
    whole: SharedStrings,
    open: Segment,
    /// The strings, and the bytes of their texts, of all segments but the open one.
    count: usize,
    text_bytes: u64,
}

impl SharedStringsBuilder {
    /// Where the next string's text is appended, before it is ended.
    pub fn text_mut(&mut self) -> &mut String {
        &mut self.open.text
    }

    /// Notes that U+FFFD stands in the next string where the file has no character.
    pub fn mark_replaced(&mut self) {
        self.open.has_replaced = true;
    }

    /// Ends a string of a part that may inflate to any size, and says whether a segment is whole by it.
    ///
    /// # Errors
    /// The limit that is passed by it.
    pub fn end_within(&mut self, limits: &Limits) -> Result<SegmentState, Limit> {
        let last = self.open.ends.last().map_or(0, |end| *end as usize);
        let end = self.open.text.len();
        if end.saturating_sub(last) as u64 > limits.string_bytes {
            return Err(Limit::String);
        }
        if (self.count + self.open.ends.len()) as u64 >= limits.shared_strings {
            return Err(Limit::SharedStrings);
        }
        let fits = self.text_bytes.saturating_add(end as u64) <= limits.shared_text_bytes;
        match u32::try_from(end) {
            Ok(end) if fits => self.open.ends.push(end),
            _ => return Err(Limit::SharedText),
        }
        if self.open.ends.len() < SEGMENT_STRINGS {
            return Ok(SegmentState::Open);
        }
        self.close_segment();
        Ok(SegmentState::Closed)
    }

    /// The strings of the segments that became whole since they were taken last.
    #[must_use]
    pub fn take(&mut self) -> SharedStrings {
        std::mem::take(&mut self.whole)
    }

    /// All strings that were not taken. A text that was not ended is dropped.
    #[must_use]
    pub fn finish(mut self) -> SharedStrings {
        if !self.open.ends.is_empty() {
            self.close_segment();
        }
        self.whole
    }

    fn close_segment(&mut self) {
        let mut segment = std::mem::take(&mut self.open);
        let end = segment.ends.last().map_or(0, |end| *end as usize);
        segment.text.truncate(end);
        segment.text.shrink_to_fit();
        segment.ends.shrink_to_fit();
        self.text_bytes = self.text_bytes.saturating_add(end as u64);
        self.count += segment.ends.len();
        self.whole.count += segment.ends.len();
        self.whole.has_nul |= memchr::memchr(0, segment.text.as_bytes()).is_some();
        self.whole.has_replaced |= segment.has_replaced;
        self.whole.segments.push(Arc::new(segment));
    }
}

/// Whether a string was the last of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// More strings go into it.
    Open,
    /// It can be taken.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(strings: &[String], limits: &Limits) -> Result<SharedStrings, Limit> {
        let mut builder = SharedStringsBuilder::default();
        for string in strings {
            builder.text_mut().push_str(string);
            builder.end_within(limits)?;
        }
        builder.text_mut().push_str("cut off");
        Ok(builder.finish())
    }

    #[test]
    fn strings_are_found_across_segments() {
        for count in [
            0,
            1,
            SEGMENT_STRINGS - 1,
            SEGMENT_STRINGS,
            2 * SEGMENT_STRINGS + 1,
        ] {
            let strings: Vec<String> = (0..count).map(|n| "é".repeat(n % 4)).collect();
            let shared = built(&strings, &Limits::default()).unwrap();
            assert_eq!(
                (shared.len(), shared.is_empty()),
                (count, count == 0),
                "{count}"
            );
            for (index, string) in (0..).zip(&strings) {
                assert_eq!(shared.get(index), Some(&**string));
                assert_eq!(shared.byte_len(index), Some(string.len()));
            }
            assert_eq!(shared.get(count as u32), None);
            assert_eq!(shared.byte_len(u32::MAX), None);
        }
    }

    #[test]
    fn strings_taken_in_parts_are_those_taken_at_once() {
        let (mut builder, mut parts) = (SharedStringsBuilder::default(), SharedStrings::default());
        let count = 3 * SEGMENT_STRINGS + 5;
        for number in 0..count {
            builder.text_mut().push_str(&number.to_string());
            let state = builder.end_within(&Limits::default()).unwrap();
            assert_eq!(
                state == SegmentState::Closed,
                (number + 1) % SEGMENT_STRINGS == 0
            );
            if number == SEGMENT_STRINGS || state == SegmentState::Closed {
                parts.append(builder.take());
            }
        }
        parts.append(builder.finish());
        assert_eq!(parts.len(), count);
        for index in [0, SEGMENT_STRINGS - 1, SEGMENT_STRINGS, count - 1] {
            assert_eq!(parts.get(index as u32), Some(&*index.to_string()));
        }
    }

    #[test]
    fn a_table_at_its_limits_passes_and_one_beyond_does_not() {
        let strings: Vec<String> = ["ab", "", "cde"].map(String::from).to_vec();
        let at = Limits {
            string_bytes: 3,
            shared_strings: 3,
            shared_text_bytes: 5,
            ..Limits::default()
        };
        assert_eq!(built(&strings, &at).unwrap().len(), 3);
        for (limits, passed) in [
            (
                Limits {
                    string_bytes: 2,
                    ..at
                },
                Limit::String,
            ),
            (
                Limits {
                    shared_strings: 2,
                    ..at
                },
                Limit::SharedStrings,
            ),
            (
                Limits {
                    shared_text_bytes: 4,
                    ..at
                },
                Limit::SharedText,
            ),
        ] {
            assert_eq!(built(&strings, &limits).unwrap_err(), passed);
        }
    }
}
