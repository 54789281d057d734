//! What the tags and texts of an XML part may cost.

use std::io::{self, BufRead, Read};
use std::path::Path;

use quick_xml::events::BytesStart;

use super::{attributes, damaged};
use crate::error::Error;
use crate::model::limits::{Limit, Limits};
use crate::source::inflate::Passed;
use crate::source::workbook::over_limit;

/// The longest name of an element: those of all open ones are held in memory.
const MAX_NAME_BYTES: usize = 1 << 10;
/// The fewest bytes of an attribute with the blank in front of it: ` a=""`.
pub(in crate::source) const MIN_ATTRIBUTE_BYTES: u64 = 5;
/// The least that the longest piece of markup or text may have, which is held in memory: as much as a text of the default
/// length whose characters are written as four times as many. Longer texts may be allowed, which raises it.
pub(in crate::source) const MIN_PIECE_BYTES: u64 = 64 << 20;

/// Why a tag is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Fault {
    /// The limit, and its figure.
    Over(Limit, u64),
    /// The name of its element is too long to be one.
    LongName,
}

impl Fault {
    /// The error of the part that has the tag.
    pub(in crate::source) fn in_part(self, path: &Path, part: &str) -> Error {
        match self {
            Self::Over(limit, most) => over_limit(path, &format!("its part {part}"), limit, most),
            Self::LongName => damaged(path, part, "has an element with an endless name"),
        }
    }
}

/// Holds a tag to the limits. Attributes are counted where there is room for too many of them alone, so that the tags of
/// real workbooks cost nothing.
///
/// # Errors
/// What the tag has too much of.
pub(in crate::source) fn check_tag(
    tag: &BytesStart<'_>,
    depth: u32,
    limits: &Limits,
) -> Result<(), Fault> {
    if u64::from(depth) > limits.xml_depth {
        return Err(Fault::Over(Limit::XmlDepth, limits.xml_depth));
    }
    let bytes = tag.len();
    if bytes > MAX_NAME_BYTES && tag.name().into_inner().len() > MAX_NAME_BYTES {
        return Err(Fault::LongName);
    }
    let most = limits.xml_attributes;
    let may_have_more = bytes as u64 > most.saturating_mul(MIN_ATTRIBUTE_BYTES);
    if may_have_more && attributes(tag).count() as u64 > most {
        return Err(Fault::Over(Limit::XmlAttributes, limits.xml_attributes));
    }
    Ok(())
}

/// Bytes of which only so many may be taken at a time: what the parser must hold as one piece.
pub(super) struct Metered<'a> {
    pub(super) inner: Box<dyn BufRead + Send + 'a>,
    pub(super) left: u64,
    /// How many they are.
    pub(super) piece: u64,
}

impl Metered<'_> {
    /// Lets as many bytes be taken again.
    pub(super) fn begin_piece(&mut self) {
        self.left = self.piece;
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl BufRead for Metered<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let (limit, most) = (Limit::String, self.piece);
            return Err(io::Error::other(Passed { limit, most }));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.inner.consume(amount);
    }
}
