//! Rows' tags in the shape in which nearly all programs write them, read from the bytes without an XML parser.
//!
//! `</row><row r="2" spans="1:20" ht="15">`, with rows without cells in between, `<row r="2"/>`. Rows that are hidden, and
//! whatever is not in that shape, are left to the parser.

use super::digits::{self, MAX_NUMBER_BYTES};
use crate::model::limits::Limits;
use crate::source::xml::MIN_ATTRIBUTE_BYTES;

/// What plain tags and texts may have at most, so that they are within the limits of a workbook whatever stands in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlainBounds {
    /// Bytes of a tag.
    pub(super) tag_bytes: usize,
    /// Bytes of a text.
    pub(super) text_bytes: usize,
}

impl PlainBounds {
    /// The bounds that hold what is plain to the limits; `None` where even a number may be too long.
    pub(super) fn within(limits: &Limits) -> Option<Self> {
        let bytes = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
        let bounds = Self {
            tag_bytes: bytes(limits.xml_attributes.saturating_mul(MIN_ATTRIBUTE_BYTES)),
            text_bytes: bytes(limits.string_bytes),
        };
        (bounds.text_bytes >= MAX_NUMBER_BYTES).then_some(bounds)
    }
}

/// How deep elements lie in a row that is plain: `<c><is><t>`.
pub(super) const PLAIN_DEPTH: u32 = 3;
/// How much white space between tags is passed over.
const MAX_BLANKS: usize = 64;

/// Ends the row at hand and starts the next one that has cells. Gives its number, from 0, and what follows its tag. `next`
/// is where the row behind the one at hand is without a number.
pub(super) fn next_row(bytes: &[u8], next: u32, bounds: PlainBounds) -> Option<(u32, &[u8])> {
    let mut rest = bytes.strip_prefix(b"</row>")?;
    let mut next = next;
    loop {
        let tag = row_tag(behind_blanks(rest).unwrap_or(rest), next, bounds)?;
        rest = tag.rest;
        if tag.has_content {
            return Some((tag.row, rest));
        }
        next = tag.row.saturating_add(1);
    }
}

/// What follows a little white space in front of a tag; `None` where there is none, or more.
pub(super) fn behind_blanks(bytes: &[u8]) -> Option<&[u8]> {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let blanks = bytes.iter().take(MAX_BLANKS).take_while(is_blank).count();
    let rest = bytes.get(blanks..)?;
    (blanks > 0 && rest.first() == Some(&b'<')).then_some(rest)
}

#[derive(Debug)]
struct PlainRowTag<'b> {
    row: u32,
    has_content: bool,
    rest: &'b [u8],
}

fn row_tag(bytes: &[u8], next: u32, bounds: PlainBounds) -> Option<PlainRowTag<'_>> {
    let mut rest = bytes.strip_prefix(b"<row")?;
    let mut row = next;
    let (has_content, rest) = loop {
        rest = match rest {
            [b'>', rest @ ..] => break (true, rest),
            [b'/', b'>', rest @ ..] => break (false, rest),
            [b' ', b'r', b'=', b'"', rest @ ..] => {
                let (number, rest) = digits::whole(rest)?;
                row = number.checked_sub(1)?;
                rest.strip_prefix(b"\"")?
            }
            _ => {
                let (name, rest) = attribute(rest.strip_prefix(b" ")?)?;
                if name == b"hidden" || name == b"r" {
                    return None;
                }
                rest
            }
        };
    };
    let is_short = bytes.len() - rest.len() <= bounds.tag_bytes;
    is_short.then_some(PlainRowTag {
        row,
        has_content,
        rest,
    })
}

/// The name of the attribute that the bytes begin with, and what follows its value: one without references, white space
/// other than blanks, and characters beyond ASCII.
pub(super) fn attribute(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    /// Names and values that are longer are the parser's.
    const MAX_BYTES: usize = 64;
    let is_of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b':';
    let count = bytes.iter().take(MAX_BYTES).take_while(is_of_name).count();
    let (name, value) = bytes.split_at(count);
    let value = value.strip_prefix(b"=\"")?;
    let is_plain = |byte: &&u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'<' | b'&');
    let count = value.iter().take(MAX_BYTES).take_while(is_plain).count();
    let rest = value.get(count..)?.strip_prefix(b"\"")?;
    let is_plain = !name.is_empty() && !name.starts_with(b"xmlns");
    is_plain.then_some((name, rest))
}

/// The number of a row as the references to its cells end with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLabel {
    row: u32,
    /// The digits and the quote behind them, the first in the lowest byte.
    bytes: u64,
    mask: u64,
    length: usize,
}

impl RowLabel {
    /// The label of a row, counted from 0.
    pub(super) fn of(row: u32) -> Self {
        /// Rows of more digits have no label; no sheet has any.
        const MAX_LENGTH: usize = 8;
        let mut number = u64::from(row) + 1;
        let (mut bytes, mut length) = (u64::from(b'"'), 1);
        while number > 0 && length < MAX_LENGTH {
            bytes = (bytes << 8) | (u64::from(b'0') + number % 10);
            number /= 10;
            length += 1;
        }
        if number > 0 {
            // Nothing is like this, whatever is masked.
            return Self {
                row,
                bytes: 1,
                mask: 0,
                length: 0,
            };
        }
        let mask = u64::MAX.unbounded_shr(64 - 8 * u32::try_from(length).unwrap_or(8));
        Self {
            row,
            bytes,
            mask,
            length,
        }
    }

    /// The row, if the bytes begin with its label, and what follows the quote.
    #[inline]
    pub(super) fn strip<'b>(&self, bytes: &'b [u8]) -> Option<(u32, &'b [u8])> {
        let label = u64::from_le_bytes(*bytes.first_chunk()?) & self.mask;
        let rest = bytes.get(self.length..)?;
        (label == self.bytes).then_some((self.row, rest))
    }
}
