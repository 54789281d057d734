//! Texts: what is written in the parts as what people see.

use quick_xml::events::{BytesStart, Event};

use crate::error::Result;
use crate::source::fidelity::Fidelity;
use crate::source::xml::{self, XmlReader, is_blank};

/// Whether white space at the ends of a text counts (XML 1.0, 2.10 xml:space).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// As it is.
    Kept,
    /// Left out, as Excel does where nothing says that it counts.
    Trimmed,
}

/// Appends the text of a string item (ECMA-376 Part 1, §18.4.8 si, §18.3.1.53 is) that has just started: its runs joined,
/// without how to pronounce it. `scratch` is cleared first.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read_item(
    reader: &mut XmlReader<'_>,
    scratch: &mut String,
    into: &mut String,
) -> Result<Fidelity> {
    let mut fidelity = Fidelity::Exact;
    let (outer, before) = (reader.depth(), into.len());
    loop {
        if let Event::Start(tag) = reader.next()? {
            match tag.local_name().as_ref() {
                "t" => {
                    let ends = ends(&tag);
                    scratch.clear();
                    reader.text(scratch)?;
                    fidelity |= append(scratch, ends, into);
                    reader.check_text(into.len() - before)?;
                }
                "r" | "AlternateContent" | "Fallback" => {}
                _ => reader.skip(),
            }
        }
        if reader.depth() < outer {
            return Ok(fidelity);
        }
    }
}

fn ends(tag: &BytesStart<'_>) -> Ends {
    let mut attributes = xml::attributes(tag);
    match attributes.find(|(name, _)| *name == "xml:space") {
        Some((_, "preserve")) => Ends::Kept,
        _ => Ends::Trimmed,
    }
}

/// Appends a text from which markup is gone.
pub(super) fn append(text: &str, ends: Ends, into: &mut String) -> Fidelity {
    let text = match ends {
        Ends::Kept => text,
        Ends::Trimmed => text.trim_matches(is_blank),
    };
    unescape(text, into)
}

/// Decodes characters that XML cannot hold, written as `_xHHHH_` in UTF-16 (ECMA-376 Part 1, §22.9.2.19 ST_Xstring).
/// Halves of a pair without the other become U+FFFD.
pub(super) fn unescape(text: &str, into: &mut String) -> Fidelity {
    let mut rest = text;
    let mut high = None;
    let mut fidelity = Fidelity::Exact;
    while let Some(at) = rest.bytes().position(|byte| byte == b'_') {
        let (before, from) = rest.split_at(at);
        let Some(unit) = escape(from) else {
            let (before, after) = rest.split_at(at + 1);
            fidelity |= flush(&mut high, into);
            into.push_str(before);
            rest = after;
            continue;
        };
        if !before.is_empty() {
            fidelity |= flush(&mut high, into);
            into.push_str(before);
        }
        rest = from.get(ESCAPE_BYTES..).unwrap_or_default();
        if let Some(c) = high.and_then(|high| paired(high, unit)) {
            high = None;
            into.push(c);
            continue;
        }
        fidelity |= flush(&mut high, into);
        if is_high(unit) {
            high = Some(unit);
        } else {
            let c = char::from_u32(u32::from(unit));
            fidelity |= Fidelity::of(c.is_none());
            into.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
    if !rest.is_empty() {
        fidelity |= flush(&mut high, into);
        into.push_str(rest);
    }
    fidelity |= flush(&mut high, into);
    fidelity
}

/// The bytes of `_xHHHH_`.
const ESCAPE_BYTES: usize = 7;

fn is_high(unit: u16) -> bool {
    (0xD800..0xDC00).contains(&unit)
}

fn paired(high: u16, low: u16) -> Option<char> {
    char::decode_utf16([high, low]).next()?.ok()
}

fn flush(high: &mut Option<u16>, into: &mut String) -> Fidelity {
    let is_half = high.take().is_some();
    if is_half {
        into.push(char::REPLACEMENT_CHARACTER);
    }
    Fidelity::of(is_half)
}

/// The UTF-16 unit of the escape at the start.
fn escape(text: &str) -> Option<u16> {
    let digits = text.as_bytes().get(..ESCAPE_BYTES)?;
    let digits = digits.strip_prefix(b"_x")?.strip_suffix(b"_")?;
    let mut unit = 0_u16;
    for digit in digits {
        let digit = char::from(*digit).to_digit(16)?;
        unit = unit << 4 | u16::try_from(digit).ok()?;
    }
    Some(unit)
}
