//! Binary workbooks ([MS-XLSB]), as a stream.

mod fields;
mod lists;
mod record;
mod strings;
mod styles;
mod table;
mod worksheet;

use std::collections::{HashMap, HashSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::input::Input;
use super::package::{Package, PartKind, Relationship};
use super::read_ahead::Ahead;
use super::workbook::{SheetVisitor, Workbook, broken, missing_part};
use crate::error::Result;
use crate::model::address::CellRange;
use crate::model::limits::Limits;
use crate::model::number_format::NumberFormat;
use crate::model::selection::ReaderThreads;
use crate::model::shared_strings::SharedStrings;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetKind, SheetTable};
use lists::{Lists, SheetRecord};
use record::{PartPlace, Records};
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
    Read(Arc<SharedStrings>),
}

/// Opens a workbook and reads its lists.
///
/// # Errors
/// `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `FileUnreadable`.
pub(super) fn open(
    path: &Path,
    input: Input,
    limits: &Limits,
    threads: ReaderThreads,
) -> Result<Box<dyn Workbook>> {
    let mut package = Package::open(path, input, limits)?;
    package.set_ahead(Ahead::when(threads.inflates_ahead()));
    let main = package.main_part()?;
    let relationships = package.relationships(&main)?;
    let part = required_part(&mut package, path, &main, PartKind::List)?;
    let lists = Lists::read(Records::new(PartPlace { path, part: &main }, part))?;
    let styles = match list_part(&package, &main, &relationships, "styles") {
        Some(name) => {
            let part = required_part(&mut package, path, &name, PartKind::List)?;
            Styles::read(Records::new(PartPlace { path, part: &name }, part))?
        }
        None => Styles::default(),
    };
    let strings = list_part(&package, &main, &relationships, "sharedStrings");
    let internal = relationships.iter().filter(|one| !one.external);
    let by_id = internal.map(|one| (one.id.as_str(), one)).collect();
    let (mut sheets, mut parts): (Vec<_>, Vec<_>) = lists
        .sheets
        .into_iter()
        .map(|sheet| with_part(sheet, &by_id, &package))
        .unzip();
    // A part is one sheet's. Thousands of sheets that all have the same one would cost as if each had its own.
    let mut known = HashSet::new();
    for (sheet, part) in sheets.iter_mut().zip(&mut parts) {
        if part
            .as_ref()
            .is_some_and(|part: &String| !known.insert(part.to_lowercase()))
        {
            sheet.kind = SheetKind::Missing;
            *part = None;
        }
    }
    Ok(Box::new(XlsbWorkbook {
        path: path.to_owned(),
        package,
        sheets,
        parts,
        date_system: lists.date_system,
        names: lists.names,
        styles,
        strings: StringsPart::Unread(strings),
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
        // Each part once, however often a damaged list names it.
        let mut known = HashSet::new();
        for (index, (sheet, part)) in self.sheets.iter().zip(&self.parts).enumerate() {
            let Some(part) = part else { continue };
            if sheet.kind != SheetKind::Worksheet || !known.insert(part.clone()) {
                continue;
            }
            let relationships = self.package.relationships(part)?;
            for name in targets(&relationships, "table") {
                if !known.insert(name.to_owned()) {
                    continue;
                }
                let path = &self.path;
                let part = required_part(&mut self.package, path, name, PartKind::List)?;
                let records = Records::new(PartPlace { path, part: name }, part);
                tables.extend(table::read(records, index)?);
            }
        }
        Ok(tables)
    }

    fn merged_ranges(&mut self, sheet: usize) -> Result<Vec<CellRange>> {
        let (entry, name) = sheet_part(&self.path, &self.sheets, &self.parts, sheet)?;
        let path = &self.path;
        let part = required_part(&mut self.package, path, name, PartKind::Stream)?;
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
        let part = required_part(&mut self.package, path, name, PartKind::Stream)?;
        worksheet::read(
            Records::new(PartPlace { path, part: name }, part),
            lists,
            visitor,
        )
    }
}

impl StringsPart {
    fn get(&mut self, path: &Path, package: &mut Package) -> Result<&Arc<SharedStrings>> {
        if let Self::Unread(name) = self {
            let limits = package.limits();
            let strings = match name {
                Some(name) => {
                    let part = required_part(package, path, name, PartKind::Stream)?;
                    strings::read(Records::new(PartPlace { path, part: name }, part), &limits)?
                }
                None => SharedStrings::default(),
            };
            *self = Self::Read(Arc::new(strings));
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

/// The part of a list that the workbook has one of: by its relationships, or where it is by custom if these name none that
/// is there, as for XML parts. One that is named but nowhere is given, too, and is an error to whoever reads it.
fn list_part(
    package: &Package,
    main: &str,
    relationships: &[Relationship],
    kind: &str,
) -> Option<String> {
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
    let by_custom = format!("{folder}/{kind}.bin");
    let mut named = targets(relationships, kind);
    let is_there = |name: &&str| package.has(name);
    let found = named.find(is_there);
    found
        .or(Some(by_custom.as_str()).filter(is_there))
        .or_else(|| targets(relationships, kind).next())
        .map(str::to_owned)
}

fn targets<'r>(relationships: &'r [Relationship], kind: &'r str) -> impl Iterator<Item = &'r str> {
    relationships
        .iter()
        .filter(move |one| one.kind == kind && !one.external)
        .map(|one| one.target.as_str())
}

/// A sheet is what its relationship says. A module of Excel 5 has none: what it holds is with the macros.
fn with_part(
    sheet: SheetRecord,
    relationships: &HashMap<&str, &Relationship>,
    package: &Package,
) -> (SheetEntry, Option<String>) {
    let id = sheet.relationship.as_deref();
    let relationship = id.and_then(|id| relationships.get(id));
    let is_there = |one: &&Relationship| package.has(&one.target);
    let kind = match relationship.map(|one| one.kind.as_str()) {
        None if id.is_some_and(str::is_empty) => SheetKind::Other,
        None => SheetKind::Missing,
        Some("worksheet") if relationship.filter(|one| is_there(one)).is_none() => {
            SheetKind::Missing
        }
        Some("worksheet") => SheetKind::Worksheet,
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
        Some(Some(part)) if entry.kind == SheetKind::Missing => {
            let how = format!("the part {part} of its sheet {:?} is missing", entry.name);
            Err(missing_part(path, &how, &entry.name))
        }
        Some(Some(part)) => Ok((entry, part)),
        _ => {
            let how = format!("its sheet {:?} has no part of its own", entry.name);
            Err(missing_part(path, &how, &entry.name))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;

    use super::fields::tests::wide;
    use super::lists::tests::{references, sheet_entry};
    use super::record::id;
    use super::record::tests::record;
    use super::worksheet::tests::{Notes, cell, row, sheet};
    use super::*;
    use crate::error::ErrorKind;

    const KINDS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
    type Parts = Vec<(&'static str, Vec<u8>)>;

    fn relationships(entries: &[(&str, &str, &str)]) -> Vec<u8> {
        let mut xml = "<Relationships>".to_string();
        for (id, kind, target) in entries {
            let kind = format!("{KINDS}{kind}");
            xml += &format!("<Relationship Id=\"{id}\" Type=\"{kind}\" Target=\"{target}\"/>");
        }
        (xml + "</Relationships>").into_bytes()
    }

    /// A workbook outside of the folder that is the custom, with a sheet of everything and one without a part.
    fn parts() -> Parts {
        let main = [
            record(id::WORKBOOK_PROPERTIES, &[1, 0, 0, 0]),
            sheet_entry(0, "rId1", "Data"),
            sheet_entry(2, "rId2", "Chart"),
            sheet_entry(0, "rId7", "Lost"),
            sheet_entry(0, "rId8", "No part"),
            record(id::THIS_BOOK, &[]),
            references(&[[0, 0, 0]]),
        ];
        let data = sheet(&[
            row(0, false),
            cell(id::CELL_SHARED_TEXT, 0, 0, &[0; 4]),
            cell(id::CELL_RK, 1, 1, &26_u32.to_le_bytes()),
            cell(
                id::FORMULA_TEXT,
                2,
                0,
                &[wide("made"), vec![0; 10]].concat(),
            ),
        ]);
        let merged = record(
            id::MERGED_CELLS,
            &[0_u32, 1, 2, 3].map(u32::to_le_bytes).concat(),
        );
        let table = table::tests::part(
            [0, 1, 0, 1, 0, 1, 1, 0],
            &[wide("T"), wide("Table")].concat(),
        );
        vec![
            (
                "_rels/.rels",
                relationships(&[("a", "officeDocument", "wtf/book.bin")]),
            ),
            ("wtf/book.bin", main.concat()),
            (
                "wtf/_rels/book.bin.rels",
                relationships(&[
                    ("rId1", "worksheet", "sheets/one.bin"),
                    ("rId2", "chartsheet", "/wtf/sheets/two.bin"),
                    ("rId3", "styles", "styles.bin"),
                    ("rId4", "sharedStrings", "strings.bin"),
                    ("rId7", "worksheet", "sheets/gone.bin"),
                ]),
            ),
            ("wtf/sheets/one.bin", [data, merged].concat()),
            (
                "wtf/sheets/_rels/one.bin.rels",
                relationships(&[("t", "table", "../table.bin")]),
            ),
            ("wtf/sheets/two.bin", record(id::END_SHEET, &[])),
            ("wtf/table.bin", table),
            (
                "wtf/styles.bin",
                styles::tests::styles(&[(200, "0.0")], &[0, 200]),
            ),
            ("wtf/strings.bin", strings::tests::shared(&["head"])),
        ]
    }

    fn open_parts(parts: &Parts) -> Result<Box<dyn Workbook>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        open(
            Path::new("a.xlsb"),
            Input::Decrypted(Cursor::new(bytes.into())),
            &Limits::default(),
            ReaderThreads::default(),
        )
    }

    /// Reads all there is, as far as it can be read.
    fn read_all(parts: &Parts) -> Result<Vec<String>> {
        let mut workbook = open_parts(parts)?;
        let mut notes = Notes::default();
        workbook.named_ranges()?;
        let tables = workbook.tables();
        for index in 0..workbook.sheets().len().min(9) {
            let read = workbook.read_sheet(index, &mut notes);
            let merged = workbook.merged_ranges(index);
            for error in read.err().into_iter().chain(merged.err()) {
                assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
            }
        }
        tables.map(|_| notes.lines)
    }

    #[test]
    fn a_workbook_is_what_its_parts_say() {
        let mut workbook = open_parts(&parts()).unwrap();
        assert_eq!(workbook.date_system(), DateSystem::From1904);
        let kinds: Vec<_> = workbook.sheets().iter().map(|one| one.kind).collect();
        let worksheet = SheetKind::Worksheet;
        let missing = SheetKind::Missing;
        assert_eq!(kinds, [worksheet, SheetKind::Chart, missing, missing]);
        let codes: Vec<_> = workbook
            .formats()
            .iter()
            .map(|it| it.code.as_str())
            .collect();
        assert_eq!(codes, ["General", "0.0"]);
        let mut notes = Notes::default();
        workbook.read_sheet(0, &mut notes).unwrap();
        let wanted = [
            "A1 Text(\"head\") #0",
            "B1 Number(6.0) #1",
            "C1 Text(\"made\") #0",
        ];
        assert_eq!(notes.lines, wanted);
        workbook.read_sheet(0, &mut notes).unwrap();
        assert_eq!(notes.lines.len(), 6);
        assert_eq!(workbook.merged_ranges(0).unwrap()[0].to_string(), "C1:D2");
        let tables = workbook.tables().unwrap();
        assert_eq!((tables[0].name.as_str(), tables[0].sheet), ("Table", 0));
        assert_eq!(tables.len(), 1);
    }

    #[test]
    fn a_missing_part_is_never_an_empty_one() {
        let mut workbook = open_parts(&parts()).unwrap();
        for (sheet, name) in [(2, "gone.bin"), (3, "No part"), (4, "no such sheet")] {
            let error = workbook
                .read_sheet(sheet, &mut Notes::default())
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
            assert!(error.message().contains(name), "{error}");
            assert!(workbook.merged_ranges(sheet).is_err());
        }
        for lost in [
            "wtf/styles.bin",
            "wtf/strings.bin",
            "wtf/table.bin",
            "wtf/book.bin",
        ] {
            let mut parts = parts();
            parts.retain(|(name, _)| *name != lost);
            let is_read = open_parts(&parts).is_ok_and(|mut workbook| {
                let sheet = workbook.read_sheet(0, &mut Notes::default());
                sheet.and(workbook.tables().map(drop)).is_ok()
            });
            assert!(!is_read, "{lost}");
        }
    }

    #[test]
    fn lists_that_no_relationship_names_are_where_they_are_by_custom() {
        let mut parts = parts();
        for (name, content) in &mut parts {
            match *name {
                "wtf/_rels/book.bin.rels" => {
                    *content = relationships(&[("rId1", "worksheet", "sheets/one.bin")]);
                }
                "wtf/strings.bin" => *name = "wtf/sharedStrings.bin",
                _ => {}
            }
        }
        let mut workbook = open_parts(&parts).unwrap();
        let mut notes = Notes::default();
        workbook.read_sheet(0, &mut notes).unwrap();
        assert_eq!(
            notes.lines[..2],
            ["A1 Text(\"head\") #0", "B1 Number(6.0) #1"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn changed_bytes_give_cells_or_an_error(
            part in 0_usize..9,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut parts = parts();
            let bytes = &mut parts[part].1;
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Err(error) = read_all(&parts) {
                prop_assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
            }
        }
    }
}
