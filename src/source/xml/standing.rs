//! Whether an element is part of the format, or an addition of some program.

use quick_xml::events::BytesStart;

use crate::source::namespaces::{Scopes, TooMany, declarations, split};

/// The namespaces of the parts that are read, in workbooks as Excel saves them and in strict ones (ECMA-376 Part 1, annex A,
/// and Part 2, annex E), and of alternate content.
const OWN_NAMESPACES: [&str; 5] = [
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
    "http://schemas.openxmlformats.org/markup-compatibility/2006",
    "http://schemas.openxmlformats.org/package/2006/relationships",
    "http://schemas.openxmlformats.org/package/2006/content-types",
];
/// How the namespaces of OpenDocument begin.
const OPEN_DOCUMENT_NAMESPACES: &str = "urn:oasis:names:tc:opendocument:xmlns:";

/// Whether elements of a namespace are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Own,
    /// Additions of some program, which may have the same local names.
    Foreign,
}

/// The namespace that the root's tag is in; empty for none.
pub(super) fn root_namespace(root: &BytesStart<'_>) -> String {
    let name = root.name();
    let (prefix, _) = split(name.into_inner());
    let mut declared = declarations(root);
    let own = declared.find(|(declared, _)| *declared == prefix);
    own.map(|(_, uri)| uri.to_owned()).unwrap_or_default()
}

/// Whether the element of a tag at this depth is part of the format. A prefix that nobody declares is taken for one that
/// is: programs have forgotten to.
pub(super) fn standing(
    scopes: &mut Scopes<Standing>,
    root: &str,
    tag: &BytesStart<'_>,
    depth: u32,
) -> Result<Standing, TooMany> {
    scopes.enter(tag, depth, |uri| {
        let is_own = uri == root
            || OWN_NAMESPACES.contains(&uri)
            || uri.starts_with(OPEN_DOCUMENT_NAMESPACES);
        match is_own {
            true => Standing::Own,
            false => Standing::Foreign,
        }
    })?;
    let name = tag.name();
    let (prefix, _) = split(name.into_inner());
    Ok(scopes.meaning(prefix).unwrap_or(Standing::Own))
}
