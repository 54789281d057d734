//! Start tags, whose names and attributes are told by their namespaces.

use std::borrow::Cow;
use std::path::Path;

use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use quick_xml::events::attributes::Attribute;

use crate::error::Result;
use crate::source::namespaces::{Scopes, TooMany, declarations, split};
use crate::source::workbook::broken;

/// The namespaces whose names mean something here (OpenDocument 1.3 part 1, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Office,
    Table,
    Text,
    Style,
    Number,
    Draw,
    Manifest,
    /// LibreOffice's additions to cells.
    Calcext,
    /// LibreOffice's other additions.
    Loext,
    /// Any other.
    Foreign,
}

impl Space {
    /// The customary prefixes, which some writers forget to declare.
    pub(super) const CUSTOMARY: [(&'static str, Self); 9] = [
        ("office", Self::Office),
        ("table", Self::Table),
        ("text", Self::Text),
        ("style", Self::Style),
        ("number", Self::Number),
        ("draw", Self::Draw),
        ("manifest", Self::Manifest),
        ("calcext", Self::Calcext),
        ("loext", Self::Loext),
    ];

    /// The namespace with this name: of the standard, of its drafts, or of OpenOffice.org before there was one.
    fn of(uri: &str) -> Self {
        const LIBRE_OFFICE: &str = "urn:org:documentfoundation:names:experimental:";
        let before_standard = ["http://openoffice.org/2000/", "http://openoffice.org/2001/"];
        let in_standard = [
            "urn:oasis:names:tc:opendocument:xmlns:",
            "urn:oasis:names:tc:openoffice:xmlns:",
        ];
        if let Some(rest) = uri.strip_prefix(LIBRE_OFFICE) {
            return match rest {
                rest if rest.contains(":calcext:") => Self::Calcext,
                rest if rest.contains(":loext:") => Self::Loext,
                _ => Self::Foreign,
            };
        }
        let name = |begin: &&str| {
            uri.strip_prefix(begin)
                .and_then(|rest| rest.split(':').next())
        };
        let mut begins = in_standard.iter().chain(&before_standard);
        match begins.find_map(name) {
            Some("office") => Self::Office,
            Some("table") => Self::Table,
            Some("text") => Self::Text,
            Some("style") => Self::Style,
            Some("datastyle") => Self::Number,
            Some("drawing") => Self::Draw,
            Some("manifest") => Self::Manifest,
            _ => Self::Foreign,
        }
    }
}

/// What the prefixes stand for at some place of a part.
pub(super) type Namespaces = Scopes<Space>;

/// A start tag, whose names are told by their namespaces.
pub(super) struct Tag<'x> {
    pub(super) tag: BytesStart<'x>,
    pub(super) namespaces: &'x Namespaces,
    pub(super) path: &'x Path,
}

impl Tag<'_> {
    /// Namespace and local name of the element.
    pub(super) fn name(&self) -> (Space, &str) {
        let (prefix, local) = split(self.tag.name().into_inner());
        (space(self.namespaces, prefix), local)
    }

    /// The attributes.
    ///
    /// # Errors
    /// `WorkbookBroken` for what is no attribute.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Result<TagAttribute<'_>>> {
        let mut attributes = self.tag.attributes();
        attributes.with_checks(false);
        attributes.map(move |attribute| match attribute {
            Ok(attribute) => Ok(TagAttribute {
                attribute,
                namespaces: self.namespaces,
                path: self.path,
            }),
            Err(error) => Err(broken(self.path, "a tag has no proper attributes").caused_by(error)),
        })
    }

    /// The value of the attribute with this namespace and local name.
    ///
    /// # Errors
    /// As [`Tag::attributes`] and [`TagAttribute::value`].
    pub(super) fn attribute(&self, space: Space, local_name: &str) -> Result<Option<String>> {
        for attribute in self.attributes() {
            let attribute = attribute?;
            if attribute.name() == (space, local_name) {
                return attribute.value().map(|value| Some(value.into_owned()));
            }
        }
        Ok(None)
    }

    /// Whether some attribute may have this local name: a look at the bytes.
    pub(super) fn may_have(&self, local_name: &str) -> bool {
        self.tag.attributes_raw().contains(local_name)
    }
}

/// An attribute of a [`Tag`].
pub(super) struct TagAttribute<'t> {
    attribute: Attribute<'t>,
    namespaces: &'t Namespaces,
    path: &'t Path,
}

impl TagAttribute<'_> {
    /// Namespace and local name. An attribute without a prefix is in no namespace (Namespaces in XML 1.0, 6.2).
    pub(super) fn name(&self) -> (Space, &str) {
        match split(self.attribute.key.0) {
            ("", local) => (Space::Foreign, local),
            (prefix, local) => (space(self.namespaces, prefix), local),
        }
    }

    /// The value as it is written, for what has no references in it.
    pub(super) fn raw(&self) -> &str {
        &self.attribute.value
    }

    /// The value as XML defines it (XML 1.0, 3.3.3).
    ///
    /// # Errors
    /// `WorkbookBroken` for an unknown reference.
    pub(super) fn value(&self) -> Result<Cow<'_, str>> {
        let is_special = |byte: &u8| matches!(byte, b'&' | b'\t' | b'\n' | b'\r');
        if !self.attribute.value.as_bytes().iter().any(is_special) {
            return Ok(Cow::Borrowed(&self.attribute.value));
        }
        self.attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| broken(self.path, "an attribute has no proper value").caused_by(error))
    }
}

fn space(namespaces: &Namespaces, prefix: &str) -> Space {
    namespaces.meaning(prefix).unwrap_or(Space::Foreign)
}

/// Takes note of the prefixes that a tag declares. Of the foreign ones only those matter that stand for something else
/// outside.
pub(super) fn declare(
    namespaces: &mut Namespaces,
    tag: &BytesStart<'_>,
    depth: u32,
) -> Result<(), TooMany> {
    for (prefix, uri) in declarations(tag) {
        let meaning = Space::of(uri);
        if space(namespaces, prefix) != meaning {
            namespaces.bind(prefix, meaning, depth)?;
        }
    }
    Ok(())
}
