//! The workbook part (ECMA-376 Part 1, §18.2): its sheets, its epoch and its names.

use std::collections::{HashMap, HashSet};

use quick_xml::events::{BytesStart, Event};

use super::text;
use crate::error::Result;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetKind, Visibility};
use crate::source::namespaces::Scopes;
use crate::source::package::{Package, PartKind, Relationship};
use crate::source::workbook::{broken, too_large};
use crate::source::xml::{self, is_blank};

/// The most names that a workbook may have.
const MAX_NAMES: usize = 1 << 20;
/// The most sheets. Excel's own bound is the machine's memory.
const MAX_SHEETS: usize = 1 << 16;

/// What the workbook part says.
#[derive(Debug, Default)]
pub(super) struct WorkbookPart {
    /// The sheets in their order.
    pub(super) sheets: Vec<SheetEntry>,
    /// The name of each sheet's part, if it has a relationship to any.
    pub(super) parts: Vec<Option<String>>,
    /// The epoch.
    pub(super) date_system: DateSystem,
    /// The names of ranges.
    pub(super) names: Vec<NamedRange>,
    /// The name of the styles part.
    pub(super) styles: String,
    /// The name of the shared strings' part.
    pub(super) shared_strings: String,
}

/// A name whose sheet is not looked up yet.
struct Definition {
    name: String,
    scope: Option<usize>,
    formula: String,
}

impl WorkbookPart {
    /// Reads the main part of a package, and its relationships.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read(package: &mut Package) -> Result<Self> {
        let path = package.path().to_path_buf();
        let part = package.main_part()?;
        let relationships = package.relationships(&part)?;
        let by_id = by_id(&relationships);
        let Some(mut reader) = package.xml(&part, PartKind::List)? else {
            return Err(broken(&path, &format!("its part {part} is missing")));
        };
        let mut workbook = Self::default();
        let mut definitions = Vec::new();
        let mut formula = String::new();
        let mut scopes = Scopes::default();
        loop {
            let depth = reader.depth();
            match reader.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "definedName" => {
                        let (name, scope) = definition(&tag);
                        formula.clear();
                        reader.text(&mut formula)?;
                        definitions.extend(name.map(|name| Definition {
                            name,
                            scope,
                            formula: formula.clone(),
                        }));
                    }
                    "extLst" => reader.skip(),
                    _ => {
                        enter(&mut scopes, &tag, depth + 1);
                        workbook.element(&tag, &by_id, &scopes);
                    }
                },
                Event::Empty(tag) => {
                    enter(&mut scopes, &tag, depth + 1);
                    workbook.element(&tag, &by_id, &scopes);
                    scopes.leave(depth);
                }
                Event::End(_) => scopes.leave(depth.saturating_sub(1)),
                Event::Eof => break,
                _ => {}
            }
            if workbook.sheets.len() > MAX_SHEETS || definitions.len() > MAX_NAMES {
                return Err(too_large(
                    &path,
                    "has more sheets or names than can be read",
                ));
            }
        }
        drop(reader);
        // A part is one sheet's. Thousands of sheets that all have the same one would cost as if each had its own.
        let mut known = HashSet::new();
        for (sheet, part) in workbook.sheets.iter_mut().zip(&mut workbook.parts) {
            let is_there = part.as_ref().is_some_and(|part| package.has(part));
            if part
                .as_ref()
                .is_some_and(|part| !known.insert(part.to_lowercase()))
            {
                *part = None;
            }
            if sheet.kind == SheetKind::Worksheet && !(is_there && part.is_some()) {
                sheet.kind = SheetKind::Missing;
            }
        }
        workbook.styles = list_part(package, &part, &relationships, "styles");
        workbook.shared_strings = list_part(package, &part, &relationships, "sharedStrings");
        workbook.names = named_ranges(definitions, &workbook.sheets);
        Ok(workbook)
    }

    fn element(&mut self, tag: &BytesStart<'_>, relationships: &ById<'_>, scopes: &Scopes<bool>) {
        match tag.local_name().as_ref() {
            "workbookPr" => {
                let is_1904 =
                    xml::attribute(tag, "date1904").is_some_and(|value| xml::is_true(&value));
                if is_1904 {
                    self.date_system = DateSystem::From1904;
                }
            }
            "sheet" => {
                let id = xml::relationship_id(tag, scopes);
                // A module of Excel 5 has an empty one: what it holds is with the macros.
                let is_module = id.as_ref().is_some_and(|id| id.is_empty());
                let to = id.and_then(|id| relationships.get(&*id));
                self.sheets.push(SheetEntry {
                    name: text_attribute(tag, "name").unwrap_or_default(),
                    kind: match to {
                        Some(to) => kind(&to.kind),
                        None if is_module => SheetKind::Other,
                        None => SheetKind::Missing,
                    },
                    visibility: visibility(tag),
                });
                self.parts.push(to.map(|to| to.target.clone()));
            }
            _ => {}
        }
    }
}

/// Notes which prefixes a tag declares for relationships, and which for anything else. Too many, the reader refuses.
fn enter(scopes: &mut Scopes<bool>, tag: &BytesStart<'_>, depth: u32) {
    let _refused_before = scopes.enter(tag, depth, xml::is_of_relationships);
}

/// The part of a list that the workbook has one of: by its relationships, or where it is by custom if these name none that
/// is there. Some programs write the part but not the relationship, and all readers go by the custom.
fn list_part(package: &Package, part: &str, relationships: &[Relationship], kind: &str) -> String {
    let mut of_kind = relationships.iter();
    let is_there =
        |one: &&Relationship| one.kind == kind && !one.external && package.has(&one.target);
    match of_kind.find(is_there) {
        Some(found) => found.target.clone(),
        None => {
            let folder = part.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{kind}.xml")
        }
    }
}

/// Relationships to other parts by their ids.
type ById<'a> = HashMap<&'a str, &'a Relationship>;

/// Of several with one id the first counts.
fn by_id(relationships: &[Relationship]) -> ById<'_> {
    let inside = relationships.iter().filter(|one| !one.external);
    inside.rev().map(|one| (one.id.as_str(), one)).collect()
}

/// Leaves out everything but single areas of one sheet of this workbook.
fn named_ranges(definitions: Vec<Definition>, sheets: &[SheetEntry]) -> Vec<NamedRange> {
    let places = sheets.iter().enumerate().rev();
    let places: HashMap<String, usize> = places
        .map(|(place, sheet)| (sheet.name.to_lowercase(), place))
        .collect();
    let named_range = |definition: Definition| {
        let (sheet, area) = qualified(definition.formula.trim_matches(is_blank))?;
        Some(NamedRange {
            scope: match definition.scope {
                Some(scope) if scope >= sheets.len() => return None,
                scope => scope,
            },
            sheet: *places.get(&sheet.to_lowercase())?,
            range: area.parse().ok()?,
            name: definition.name,
        })
    };
    definitions.into_iter().filter_map(named_range).collect()
}

fn definition(tag: &BytesStart<'_>) -> (Option<String>, Option<usize>) {
    let scope = xml::attribute(tag, "localSheetId")
        .map(|value| value.trim_matches(is_blank).parse().unwrap_or(usize::MAX));
    (text_attribute(tag, "name"), scope)
}

/// An attribute that is a text (§22.9.2.19 ST_Xstring).
pub(super) fn text_attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let value = xml::attribute(tag, name)?;
    let mut decoded = String::new();
    let _of_a_name = text::unescape(&value, &mut decoded);
    Some(decoded)
}

/// What a sheet is, by the type of its relationship (§12.3; [MS-OE376] for macro sheets).
fn kind(relationship: &str) -> SheetKind {
    match relationship {
        "chartsheet" => SheetKind::Chart,
        "dialogsheet" | "macrosheet" | "xlMacrosheet" | "xlIntlMacrosheet" => SheetKind::Other,
        _ => SheetKind::Worksheet,
    }
}

fn visibility(tag: &BytesStart<'_>) -> Visibility {
    match xml::attribute(tag, "state").as_deref() {
        Some("hidden") => Visibility::Hidden,
        Some("veryHidden") => Visibility::VeryHidden,
        _ => Visibility::Visible,
    }
}

/// Takes `'Bob''s'!$A$1:$B$2` apart.
fn qualified(formula: &str) -> Option<(String, &str)> {
    let Some(quoted) = formula.strip_prefix('\'') else {
        let (sheet, area) = formula.split_once('!')?;
        return Some((sheet.to_string(), area));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let (before, after) = rest.split_once('\'')?;
        name.push_str(before);
        if let Some(area) = after.strip_prefix('!') {
            return Some((name, area));
        }
        rest = after.strip_prefix('\'')?;
        name.push('\'');
    }
}
