//! Texts: bytes of a code page up to BIFF5, Unicode in BIFF8 ([MS-XLS] 2.5.293 XLUnicodeRichExtendedString and 2.5.294
//! XLUnicodeString).

use super::code_pages::CodePage;
use super::fonts::FontPages;
use super::records::{Joined, Version};
use crate::source::fidelity::Fidelity;

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
    Whole(Fidelity),
    CutOff,
}

/// Reads texts as the workbook's version writes them.
#[derive(Debug)]
pub(super) enum TextReader {
    Bytes(Pages),
    Unicode,
}

/// The code pages of a workbook.
#[derive(Debug)]
pub(super) struct Pages {
    usual: CodePage,
    /// Its number, where the workbook does not say it.
    guessed: Option<u16>,
    /// Others, by number, and the place in this list that each XF record has.
    others: Vec<(u16, CodePage)>,
    of_xf: Vec<Option<usize>>,
}

impl Pages {
    /// One for all texts.
    fn of(usual: CodePage) -> Self {
        Self {
            usual,
            guessed: None,
            others: Vec::new(),
            of_xf: Vec::new(),
        }
    }

    /// Those of the fonts.
    fn guessed(fonts: FontPages) -> Self {
        /// Western Windows.
        const OTHERWISE: u16 = 1252;
        let usual = fonts.usual.unwrap_or(OTHERWISE);
        let mut others: Vec<(u16, CodePage)> = Vec::new();
        let mut place_of = |number: u16| {
            if number == usual {
                return None;
            }
            let known = others.iter().position(|(other, _)| *other == number);
            known.or_else(|| {
                others.push((number, CodePage::numbered(number)?));
                Some(others.len() - 1)
            })
        };
        let of_xf = fonts.of_xf.into_iter();
        let of_xf = of_xf.map(|page| page.and_then(&mut place_of)).collect();
        Self {
            usual: CodePage::numbered(usual).unwrap_or_else(CodePage::western),
            guessed: Some(usual),
            others,
            of_xf,
        }
    }

    /// The code page of a cell's texts, and its number if that is a guess.
    fn of_cell(&self, xf: Option<u16>) -> (&CodePage, Option<u16>) {
        let place = xf.and_then(|xf| self.of_xf.get(usize::from(xf)).copied().flatten());
        match place.and_then(|place| self.others.get(place)) {
            Some((number, page)) => (page, Some(*number)),
            None => (&self.usual, self.guessed),
        }
    }
}

impl TextReader {
    /// The code page has no say in BIFF8: texts there are UTF-16, or its lower halves. One that is asked for goes before the
    /// one that the workbook's record names.
    pub(super) fn new(
        version: Version,
        asked_for: Option<u16>,
        recorded: Option<u16>,
        stream: &[u8],
    ) -> Self {
        if version >= Version::Biff8 {
            return Self::Unicode;
        }
        let named = asked_for.or(recorded).and_then(CodePage::numbered);
        Self::Bytes(match named {
            Some(page) => Pages::of(page),
            None => Pages::guessed(FontPages::read(stream)),
        })
    }

    /// Appends the text of a cell with this XF record. Gives the code page, too, if it is a guess that matters.
    pub(super) fn read_in_cell(
        &self,
        xf: Option<u16>,
        from: &mut Joined<'_>,
        length: Length,
        text: &mut String,
    ) -> (Extent, Option<u16>) {
        let Self::Bytes(pages) = self else {
            return (self.read(from, length, text), None);
        };
        let (page, guessed) = pages.of_cell(xf);
        let Some(count) = count(from, length) else {
            return (Extent::CutOff, None);
        };
        let extent = bytes(from, count, page, text).map_or(Extent::CutOff, Extent::Whole);
        (extent, guessed.filter(|_| !text.is_ascii()))
    }

    /// Appends a text that begins with its length, as far as there is one.
    pub(super) fn read(&self, from: &mut Joined<'_>, length: Length, text: &mut String) -> Extent {
        match count(from, length) {
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
            Self::Bytes(pages) => bytes(from, count, &pages.usual, text),
            // Some programs leave out the byte of flags when there is nothing to say.
            Self::Unicode if count == 0 => Some(Fidelity::Exact),
            Self::Unicode => unicode(from, count, text),
        };
        whole.map_or(Extent::CutOff, Extent::Whole)
    }
}

/// The number of characters, or bytes, that a text begins with.
fn count(from: &mut Joined<'_>, length: Length) -> Option<usize> {
    match length {
        Length::Byte => from.u8().map(usize::from),
        Length::Word => from.u16().map(usize::from),
    }
}

fn bytes(
    from: &mut Joined<'_>,
    count: usize,
    code_page: &CodePage,
    text: &mut String,
) -> Option<Fidelity> {
    let here = from.take_here(count);
    if here.len() == count {
        return Some(code_page.decode(here, text));
    }
    // A character of two bytes may be split between records.
    let mut all = here.to_vec();
    let mut end = Some(());
    while all.len() < count && end.is_some() {
        end = from.advance();
        all.extend_from_slice(from.take_here(count - all.len()));
    }
    let fidelity = code_page.decode(&all, text);
    end.map(|()| fidelity)
}

/// Flags, characters, and what comes behind them.
fn unicode(from: &mut Joined<'_>, count: usize, text: &mut String) -> Option<Fidelity> {
    let flags = from.u8()?;
    let runs = if flags & RICH == 0 { 0 } else { from.u16()? };
    let phonetic = if flags & EXTENDED == 0 {
        0
    } else {
        from.u32()?
    };
    let fidelity = characters(from, count, flags, text)?;
    let behind = usize::from(runs) * 4 + usize::try_from(phonetic).ok()?;
    // The text is whole, whatever is missing behind it.
    let _end = from.skip(behind);
    Some(fidelity)
}

/// A text of the table of shared strings ([MS-XLS] 2.5.293). `None` when the table ends before the text does.
pub(super) fn shared(from: &mut Joined<'_>, text: &mut String) -> Option<Fidelity> {
    let count = from.u16()?;
    unicode(from, usize::from(count), text)
}

/// Characters. Where they go on in another record, that says again how wide they are ([MS-XLS] 2.5.293, rgb).
fn characters(
    from: &mut Joined<'_>,
    count: usize,
    mut flags: u8,
    text: &mut String,
) -> Option<Fidelity> {
    let mut left = count;
    let mut split = None;
    let mut fidelity = Fidelity::Exact;
    while left > 0 {
        if flags & WIDE == 0 {
            let here = from.take_here(left);
            left -= here.len();
            if !here.is_empty() {
                fidelity |= lone(&mut split, text);
            }
            latin1(here, text);
        } else {
            let here = from.take_here(left.min(from.left_here() / 2) * 2);
            left -= here.len() / 2;
            fidelity |= utf16(here, &mut split, text);
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
    fidelity |= lone(&mut split, text);
    Some(fidelity)
}

/// Appends the lower halves of UTF-16 units.
fn latin1(bytes: &[u8], text: &mut String) {
    match std::str::from_utf8(bytes) {
        Ok(ascii) if bytes.is_ascii() => text.push_str(ascii),
        _ => text.extend(bytes.iter().map(|byte| char::from(*byte))),
    }
}

/// Appends UTF-16. The first half of a pair at the end stays in `split`, for the pair's second half.
fn utf16(bytes: &[u8], split: &mut Option<u16>, text: &mut String) -> Fidelity {
    let mut fidelity = Fidelity::Exact;
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
            fidelity = Fidelity::Replaced;
        }
        match (unit, char::from_u32(u32::from(unit))) {
            (_, Some(c)) => text.push(c),
            (0xD800..=0xDBFF, None) => *split = Some(unit),
            (_, None) => {
                text.push(char::REPLACEMENT_CHARACTER);
                fidelity = Fidelity::Replaced;
            }
        }
    }
    fidelity
}

/// Appends what stands for the first half of a pair that has no second.
fn lone(split: &mut Option<u16>, text: &mut String) -> Fidelity {
    let is_lone = split.take().is_some();
    if is_lone {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Fidelity::of(is_lone)
}
