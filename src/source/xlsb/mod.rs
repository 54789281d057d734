//! Binary workbooks ([MS-XLSB]), as a stream.

mod fields;
mod lists;
mod record;
mod strings;
mod styles;
mod table;
mod worksheet;

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::input::Input;
use super::package::{Package, PartKind, Relationship};
use super::workbook::{SheetVisitor, Workbook, broken};
use crate::error::Result;
use crate::model::address::CellRange;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetKind, SheetTable};
use lists::{Lists, SheetRecord};
use record::{PartPlace, Records};
use strings::SharedStrings;
use styles::Styles;
use worksheet::CellLists;

/// A binary workbook.
struct XlsbWorkbook {
    path: PathBuf,
    package: Package,
    sheets: Vec<SheetEntry>,
    /// The part of each sheet, if the package's relationships name one.
    parts: Vec<Option<String>>,
    date_system: DateSystem,
    names: Vec<NamedRange>,
    styles: Styles,
    strings: StringsPart,
}

/// The shared strings, which are read with the first sheet.
enum StringsPart {
    Unread(Option<String>),
    Read(SharedStrings),
}

/// Opens a workbook and reads its lists.
///
/// # Errors
/// `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `FileUnreadable`.
pub(super) fn open(path: &Path, input: Input) -> Result<Box<dyn Workbook>> {
    let mut package = Package::open(path, input)?;
    let main = package.main_part()?;
    let relationships = package.relationships(&main)?;
    let part = required_part(&mut package, path, &main, PartKind::Small)?;
    let lists = Lists::read(Records::new(PartPlace { path, part: &main }, part))?;
    let styles = match target(&relationships, "styles") {
        Some(name) => {
            let part = required_part(&mut package, path, name, PartKind::Small)?;
            Styles::read(Records::new(PartPlace { path, part: name }, part))?
        }
        None => Styles::default(),
    };
    let (sheets, parts) = lists
        .sheets
        .into_iter()
        .map(|sheet| with_part(sheet, &relationships))
        .unzip();
    Ok(Box::new(XlsbWorkbook {
        path: path.to_owned(),
        package,
        sheets,
        parts,
        date_system: lists.date_system,
        names: lists.names,
        styles,
        strings: StringsPart::Unread(target(&relationships, "sharedStrings").map(str::to_owned)),
    }))
}

impl Workbook for XlsbWorkbook {
    fn sheets(&self) -> &[SheetEntry] {
        &self.sheets
    }

    fn date_system(&self) -> DateSystem {
        self.date_system
    }

    fn formats(&self) -> &[NumberFormat] {
        &self.styles.formats
    }

    fn named_ranges(&mut self) -> Result<Vec<NamedRange>> {
        Ok(self.names.clone())
    }

    fn tables(&mut self) -> Result<Vec<SheetTable>> {
        let mut tables = Vec::new();
        for (index, (sheet, part)) in self.sheets.iter().zip(&self.parts).enumerate() {
            let Some(part) = part
                .as_deref()
                .filter(|_| sheet.kind == SheetKind::Worksheet)
            else {
                continue;
            };
            let relationships = self.package.relationships(part)?;
            for name in targets(&relationships, "table") {
                let path = &self.path;
                let part = required_part(&mut self.package, path, name, PartKind::Small)?;
                let records = Records::new(PartPlace { path, part: name }, part);
                tables.extend(table::read(records, index)?);
            }
        }
        Ok(tables)
    }

    fn merged_ranges(&mut self, sheet: usize) -> Result<Vec<CellRange>> {
        let (entry, name) = sheet_part(&self.path, &self.sheets, &self.parts, sheet)?;
        let path = &self.path;
        let part = required_part(&mut self.package, path, name, PartKind::Sheet)?;
        worksheet::merged_ranges(Records::new(PartPlace { path, part: name }, part))
            .map_err(|error| error.in_sheet(&entry.name))
    }

    fn read_sheet(&mut self, sheet: usize, visitor: &mut dyn SheetVisitor) -> Result<()> {
        let (entry, name) = sheet_part(&self.path, &self.sheets, &self.parts, sheet)?;
        let path = &self.path;
        let lists = CellLists {
            sheet: &entry.name,
            strings: self.strings.get(path, &mut self.package)?,
            styles: &self.styles,
        };
        let part = required_part(&mut self.package, path, name, PartKind::Sheet)?;
        worksheet::read(
            Records::new(PartPlace { path, part: name }, part),
            lists,
            visitor,
        )
    }
}

impl StringsPart {
    fn get(&mut self, path: &Path, package: &mut Package) -> Result<&SharedStrings> {
        if let Self::Unread(name) = self {
            let strings = match name {
                Some(name) => {
                    let part = required_part(package, path, name, PartKind::SharedStrings)?;
                    SharedStrings::read(Records::new(PartPlace { path, part: name }, part))?
                }
                None => SharedStrings::default(),
            };
            *self = Self::Read(strings);
        }
        match self {
            Self::Read(strings) => Ok(strings),
            Self::Unread(_) => Err(broken(path, "its shared strings are not read")),
        }
    }
}

/// A part that another one refers to.
fn required_part<'p>(
    package: &'p mut Package,
    path: &Path,
    name: &'p str,
    kind: PartKind,
) -> Result<impl BufRead> {
    package
        .part(name, kind)?
        .ok_or_else(|| broken(path, &format!("its part {name} is missing")))
}

fn target<'r>(relationships: &'r [Relationship], kind: &'r str) -> Option<&'r str> {
    targets(relationships, kind).next()
}

fn targets<'r>(relationships: &'r [Relationship], kind: &'r str) -> impl Iterator<Item = &'r str> {
    relationships
        .iter()
        .filter(move |one| one.kind == kind && !one.external)
        .map(|one| one.target.as_str())
}

/// A sheet is what its relationship says. Without one it may hold cells, for all that is known.
fn with_part(sheet: SheetRecord, relationships: &[Relationship]) -> (SheetEntry, Option<String>) {
    let relationship = sheet.relationship.and_then(|id| {
        relationships
            .iter()
            .find(|one| one.id == id && !one.external)
    });
    let kind = match relationship.map(|one| one.kind.as_str()) {
        None | Some("worksheet") => SheetKind::Worksheet,
        Some("chartsheet") => SheetKind::Chart,
        Some(_) => SheetKind::Other,
    };
    let entry = SheetEntry {
        name: sheet.name,
        kind,
        visibility: sheet.visibility,
    };
    (entry, relationship.map(|one| one.target.clone()))
}

/// A sheet and the name of its part.
fn sheet_part<'w>(
    path: &Path,
    sheets: &'w [SheetEntry],
    parts: &'w [Option<String>],
    index: usize,
) -> Result<(&'w SheetEntry, &'w str)> {
    let entry = sheets
        .get(index)
        .ok_or_else(|| broken(path, "it has no such sheet"))?;
    match parts.get(index) {
        Some(Some(part)) => Ok((entry, part)),
        _ => Err(broken(
            path,
            &format!("it has no part for its sheet \"{}\"", entry.name),
        )
        .in_sheet(&entry.name)),
    }
}
