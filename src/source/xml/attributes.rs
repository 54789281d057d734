//! The attributes of a tag, and what their values mean.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use quick_xml::events::attributes::Attribute;
use quick_xml::name::QName;

use crate::source::namespaces::{Scopes, split};

/// The attributes of a tag as written, names with their prefixes: faster than quick-xml's, which look for duplicates and
/// blanks that nobody writes.
pub(in crate::source) fn attributes<'t>(tag: &'t BytesStart<'_>) -> Attributes<'t> {
    Attributes {
        rest: tag.attributes_raw(),
    }
}

/// See [`attributes`]. Ends at the first that is malformed.
pub(in crate::source) struct Attributes<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Attributes<'t> {
    type Item = (&'t str, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.rest.trim_start_matches(is_blank);
        let (name, rest) = start.split_at(memchr(b'=', start)?);
        let value = rest.get(1..)?.trim_start_matches(is_blank);
        let quote = *value.as_bytes().first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let value = value.get(1..)?;
        let end = memchr(quote, value)?;
        let (value, rest) = value.split_at(end);
        self.rest = rest.get(1..)?;
        Some((name.trim_end_matches(is_blank), value))
    }
}

fn memchr(wanted: u8, text: &str) -> Option<usize> {
    text.bytes().position(|byte| byte == wanted)
}

/// XML's white space (XML 1.0, 2.3).
pub(in crate::source) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The value of an attribute, decoded. Values that do not decode count as missing.
pub(in crate::source) fn attribute<'t>(
    tag: &'t BytesStart<'_>,
    name: &str,
) -> Option<Cow<'t, str>> {
    let (_, value) = attributes(tag).find(|(found, _)| *found == name)?;
    decode(value)
}

/// Whether a namespace is that of relationships (ECMA-376 Part 1, §22.8), in workbooks as Excel saves them or strict ones.
pub(in crate::source) fn is_of_relationships(uri: &str) -> bool {
    matches!(
        uri,
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
            | "http://purl.oclc.org/ooxml/officeDocument/relationships"
    )
}

/// The value of an attribute in the namespace of relationships, whatever the prefix. `scopes` says of which prefixes it is
/// known whether they stand for it; one that is not declared is believed to. Some programs leave the prefix out, where
/// nothing else has that name.
pub(in crate::source) fn relationship_id<'t>(
    tag: &'t BytesStart<'_>,
    scopes: &Scopes<bool>,
) -> Option<Cow<'t, str>> {
    let of_namespace = |name: &str, otherwise: bool| {
        let (prefix, local) = split(name);
        let is_known = scopes.meaning(prefix).unwrap_or(otherwise);
        local == "id" && !prefix.is_empty() && is_known
    };
    let find = |otherwise| attributes(tag).find(|(name, _)| of_namespace(name, otherwise));
    match find(false).or_else(|| find(true)) {
        Some((_, value)) => decode(value),
        None => attribute(tag, "id"),
    }
}

/// Whether an attribute says true (XML Schema, boolean), also in the words of programs that go by their own language.
pub(in crate::source) fn is_true(value: &str) -> bool {
    matches!(value, "1" | "true" | "True" | "TRUE" | "on")
}

fn decode(value: &str) -> Option<Cow<'_, str>> {
    if !value.contains(['&', '\t', '\n', '\r']) {
        return Some(Cow::Borrowed(value));
    }
    let attribute = Attribute {
        key: QName(""),
        value: Cow::Borrowed(value),
    };
    attribute.normalized_value(XmlVersion::Implicit1_0).ok()
}
