//! Shared strings in the shape in which nearly all programs write them, read from the bytes without an XML parser.
//!
//! `<si><t>text</t></si>`, with or without `xml:space="preserve"`, the five entities of XML in it. Whatever else there is
//! (runs, phonetic hints, escapes, other references, line ends that XML changes, an item cut in two by the end of the
//! buffer) is left to the parser.

use memchr::{memchr, memchr3, memrchr};

use super::text::Ends;
use crate::source::xml::is_blank;

/// Appends the text of the item that the part begins with, and gives how many bytes it takes; `None`, and nothing
/// appended, for an item in another shape.
pub(super) fn plain_item(part: &str, into: &mut String) -> Option<usize> {
    let rest = part.strip_prefix("<si><t")?;
    let (ends, rest) = match rest.strip_prefix('>') {
        Some(rest) => (Ends::Trimmed, rest),
        None => (Ends::Kept, rest.strip_prefix(" xml:space=\"preserve\">")?),
    };
    let end = memchr(b'<', rest.as_bytes())?;
    let (text, rest) = rest.split_at(end);
    let rest = rest.strip_prefix("</t></si>")?;
    let text = match ends {
        Ends::Kept => text,
        Ends::Trimmed => text.trim_matches(is_blank),
    };
    let before = into.len();
    if push_decoded(text, into).is_none() {
        into.truncate(before);
        return None;
    }
    Some(part.len() - rest.len())
}

/// The front of the bytes as text, if they begin with an item in the common shape: whole tags, as many as are looked at in
/// one go. `None` where that is no UTF-8, or not even one tag.
///
/// Texts are short, and checked one by one their encoding would cost more than their reading.
pub(super) fn front(bytes: &[u8], most: usize) -> Option<&str> {
    if !bytes.starts_with(b"<si><t") {
        return None;
    }
    let front = bytes.get(..most).unwrap_or(bytes);
    let end = memrchr(b'>', front)?;
    simdutf8::basic::from_utf8(front.get(..=end)?).ok()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::limits::Limits;
    use crate::source::xlsx::text;
    use crate::source::xml::XmlReader;

    #[test]
    fn only_whole_items_in_the_common_shape_are_taken() {
        for (item, wanted) in [
            ("<si><t>a</t></si><si>", Some("a")),
            ("<si><t></t></si>", Some("")),
            ("<si><t> a\t</t></si>", Some("a")),
            ("<si><t xml:space=\"preserve\"> a </t></si>", Some(" a ")),
            (
                "<si><t>&lt;&amp;amp;&gt;&quot;&apos;</t></si>",
                Some("<&amp;>\"'"),
            ),
            ("<si><t>a_b__</t></si>", Some("a_b__")),
            ("<si><t>a__x</t></si>", None),
            ("<si><t>_x000D_</t></si>", None),
            ("<si><t>&#65;</t></si>", None),
            ("<si><t>a\rb</t></si>", None),
            ("<si><r><t>a</t></r></si>", None),
            ("<si><t>a</t><rPh/></si>", None),
            ("<si><t>a</t></s", None),
            ("<si><t>a", None),
            ("<x:si><t>a</t></x:si>", None),
            ("<si><t xml:space=\"default\">a</t></si>", None),
        ] {
            let mut text = String::from("before ");
            let taken = plain_item(item, &mut text);
            assert_eq!(
                text.strip_prefix("before "),
                Some(wanted.unwrap_or_default())
            );
            let whole = item.find("</si>").map(|end| end + "</si>".len());
            assert_eq!(taken, wanted.and(whole), "{item}");
        }
    }

    #[test]
    fn the_front_ends_with_a_tag() {
        let item = "<si><t>é</t></si>";
        let cut = format!("{item}<si");
        assert_eq!(front(cut.as_bytes(), 99), Some(item));
        assert_eq!(front(item.as_bytes(), 16), Some("<si><t>é</t>"));
        assert_eq!(front(item.as_bytes(), 8), Some("<si><t>"));
        assert_eq!(front(b"<si><t", 99), Some("<si>"));
        assert_eq!(front(b"<si/><si><t>", 99), None);
        assert_eq!(front(b"<si><t>\xFF</t>", 99), None);
    }

    /// What the XML parser makes of an item.
    fn parsed(item: &str) -> Option<String> {
        let limits = Limits::default();
        let part = std::io::Cursor::new(format!("<sst>{item}</sst>").into_bytes());
        let mut reader = XmlReader::open("a.xlsx".as_ref(), "part", part, &limits).unwrap();
        let (mut scratch, mut text) = (String::new(), String::new());
        let (_sst, _si) = (reader.next().map(drop).ok()?, reader.next().map(drop).ok()?);
        text::read_item(&mut reader, &mut scratch, &mut text).ok()?;
        Some(text)
    }

    proptest! {
        #[test]
        fn items_read_as_the_parser_reads_them(
            pieces in proptest::collection::vec(
                prop_oneof![
                    "[ -~]{0,6}".prop_map(|text| text.replace(['<', '&'], "")),
                    "\\PC{0,3}".prop_map(|text| text.replace(['<', '&'], "")),
                    "_x[0-9A-F]{4}_",
                    Just("_".to_owned()),
                    prop::sample::select(vec!["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#65;", "&#x20;", "&nbsp;"])
                        .prop_map(String::from),
                    prop::sample::select(vec![" ", "\t", "\n", "\r", "\r\n", "\u{a0}"]).prop_map(String::from),
                ],
                0..8,
            ),
            kept: bool,
        ) {
            let space = if kept { " xml:space=\"preserve\"" } else { "" };
            let item = format!("<si><t{space}>{}</t></si>", pieces.concat());
            let mut text = String::new();
            if let Some(bytes) = plain_item(&item, &mut text) {
                prop_assert_eq!(bytes, item.len());
                prop_assert_eq!(Some(text), parsed(&item));
            }
        }
    }
}
