//! Texts: bytes of a code page up to BIFF5, Unicode in BIFF8 ([MS-XLS] 2.5.293 XLUnicodeRichExtendedString and 2.5.294
//! XLUnicodeString).

use super::code_pages::CodePage;
use super::records::{Joined, Version};

/// Characters have two bytes, else one ([MS-XLS] 2.5.293, fHighByte).
const WIDE: u8 = 0x01;
/// Phonetic text comes behind the characters (fExtSt).
const EXTENDED: u8 = 0x04;
/// Changes of the font come behind the characters (fRichSt).
const RICH: u8 = 0x08;

/// Which number of characters, or bytes, a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Byte,
    Word,
}

/// How much of a text there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    CutOff,
}

/// Reads texts as the workbook's version writes them.
#[derive(Debug)]
pub(super) enum TextReader {
    Bytes(CodePage),
    Unicode,
}

impl TextReader {
    /// The code page, by its record, has no say in BIFF8: texts there are UTF-16, or its lower halves.
    pub(super) fn new(version: Version, code_page: Option<u16>) -> Self {
        if version < Version::Biff8 {
            Self::Bytes(CodePage::numbered(code_page))
        } else {
            Self::Unicode
        }
    }

    /// Appends a text that begins with its length, as far as there is one.
    pub(super) fn read(&self, from: &mut Joined<'_>, length: Length, text: &mut String) -> Extent {
        let count = match length {
            Length::Byte => from.u8().map(usize::from),
            Length::Word => from.u16().map(usize::from),
        };
        match count {
            None => Extent::CutOff,
            Some(count) => self.read_counted(from, count, text),
        }
    }

    /// Appends a text whose length is known. In BIFF8 a byte with its width comes before it.
    pub(super) fn read_counted(
        &self,
        from: &mut Joined<'_>,
        count: usize,
        text: &mut String,
    ) -> Extent {
        let whole = match self {
            Self::Bytes(code_page) => bytes(from, count, code_page, text),
            // Some programs leave out the byte of flags when there is nothing to say.
            Self::Unicode if count == 0 => Some(()),
            Self::Unicode => unicode(from, count, text),
        };
        match whole {
            Some(()) => Extent::Whole,
            None => Extent::CutOff,
        }
    }
}

fn bytes(
    from: &mut Joined<'_>,
    count: usize,
    code_page: &CodePage,
    text: &mut String,
) -> Option<()> {
    let here = from.take_here(count);
    if here.len() == count {
        code_page.decode(here, text);
        return Some(());
    }
    // A character of two bytes may be split between records.
    let mut all = here.to_vec();
    let mut end = Some(());
    while all.len() < count && end.is_some() {
        end = from.advance();
        all.extend_from_slice(from.take_here(count - all.len()));
    }
    code_page.decode(&all, text);
    end
}

/// Flags, characters, and what comes behind them.
fn unicode(from: &mut Joined<'_>, count: usize, text: &mut String) -> Option<()> {
    let flags = from.u8()?;
    let runs = if flags & RICH == 0 { 0 } else { from.u16()? };
    let phonetic = if flags & EXTENDED == 0 {
        0
    } else {
        from.u32()?
    };
    characters(from, count, flags, text)?;
    let behind = usize::from(runs) * 4 + usize::try_from(phonetic).ok()?;
    // The text is whole, whatever is missing behind it.
    let _end = from.skip(behind);
    Some(())
}

/// A text of the table of shared strings ([MS-XLS] 2.5.293). `None` when the table ends before the text does.
pub(super) fn shared(from: &mut Joined<'_>, text: &mut String) -> Option<()> {
    let count = from.u16()?;
    unicode(from, usize::from(count), text)
}

/// Characters. Where they go on in another record, that says again how wide they are ([MS-XLS] 2.5.293, rgb).
fn characters(from: &mut Joined<'_>, count: usize, mut flags: u8, text: &mut String) -> Option<()> {
    let mut left = count;
    let mut split = None;
    while left > 0 {
        if flags & WIDE == 0 {
            let here = from.take_here(left);
            left -= here.len();
            if !here.is_empty() {
                lone(&mut split, text);
            }
            latin1(here, text);
        } else {
            let here = from.take_here(left.min(from.left_here() / 2) * 2);
            left -= here.len() / 2;
            utf16(here, &mut split, text);
        }
        if left > 0 {
            if from.advance().is_none() {
                lone(&mut split, text);
                return None;
            }
            // A CONTINUE record may be empty.
            if from.left_here() > 0 {
                flags = from.u8()?;
            }
        }
    }
    lone(&mut split, text);
    Some(())
}

/// Appends the lower halves of UTF-16 units.
fn latin1(bytes: &[u8], text: &mut String) {
    match std::str::from_utf8(bytes) {
        Ok(ascii) if bytes.is_ascii() => text.push_str(ascii),
        _ => text.extend(bytes.iter().map(|byte| char::from(*byte))),
    }
}

/// Appends UTF-16. The first half of a pair at the end stays in `split`, for the pair's second half.
fn utf16(bytes: &[u8], split: &mut Option<u16>, text: &mut String) {
    let units = bytes
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    for unit in units {
        if let Some(high) = split.take() {
            if let Some(Ok(pair)) = char::decode_utf16([high, unit]).next() {
                text.push(pair);
                continue;
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
        match unit {
            0xD800..=0xDBFF => *split = Some(unit),
            _ => text.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }
}

/// Appends what stands for the first half of a pair that has no second.
fn lone(split: &mut Option<u16>, text: &mut String) {
    if split.take().is_some() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
}
