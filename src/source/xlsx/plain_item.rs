//! Shared strings in the shape in which nearly all programs write them, read from the bytes without an XML parser.
//!
//! `<si><t>text</t></si>`, with or without `xml:space="preserve"`, the five entities of XML in it. Whatever else there is
//! (runs, phonetic hints, escapes, other references, line ends that XML changes, an item cut in two by the end of the
//! buffer) is left to the parser.

use memchr::{memchr, memchr3};

use super::text::Ends;
use crate::source::xml::is_blank;

/// Appends the text of the item that the bytes begin with, and gives how many bytes it takes; `None`, and nothing
/// appended, for an item in another shape.
pub(super) fn plain_item(bytes: &[u8], into: &mut String) -> Option<usize> {
    let rest = bytes.strip_prefix(b"<si><t")?;
    let (ends, rest) = match rest.strip_prefix(b">") {
        Some(rest) => (Ends::Trimmed, rest),
        None => (Ends::Kept, rest.strip_prefix(b" xml:space=\"preserve\">")?),
    };
    let end = memchr(b'<', rest)?;
    let (text, rest) = rest.split_at(end);
    let rest = rest.strip_prefix(b"</t></si>")?;
    let text = std::str::from_utf8(text).ok()?;
    // References are looked at after blanks at the ends, as a reference to one is no blank.
    let text = match ends {
        Ends::Kept => text,
        Ends::Trimmed => text.trim_matches(is_blank),
    };
    let before = into.len();
    if push_decoded(text, into).is_none() {
        into.truncate(before);
        return None;
    }
    Some(bytes.len() - rest.len())
}

/// Appends a text with its entities decoded; `None` when it has anything else that is not meant as it is written.
fn push_decoded(text: &str, into: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr3(b'&', b'_', b'\r', rest.as_bytes()) {
        let (before, from) = rest.split_at(at);
        into.push_str(before);
        let (character, after) = if let Some(after) = from.strip_prefix('_') {
            // Of `_xHHHH_` the x tells it from any other underscore.
            if after.starts_with('x') {
                return None;
            }
            ('_', after)
        } else {
            entity(from)?
        };
        into.push(character);
        rest = after;
    }
    into.push_str(rest);
    Some(())
}

/// The character of a predefined entity (XML 1.0, 4.6), and what follows it.
fn entity(text: &str) -> Option<(char, &str)> {
    const ENTITIES: [(&str, char); 5] = [
        ("&amp;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&apos;", '\''),
    ];
    let found = |(name, character): &(&str, char)| Some((*character, text.strip_prefix(name)?));
    ENTITIES.iter().find_map(found)
}
