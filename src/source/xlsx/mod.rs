//! Office Open XML workbooks (ECMA-376 Part 1, §18): xlsx and xlsm, as a stream.

mod digits;
mod plain_cell;
mod plain_item;
mod plain_row;
mod shared_strings;
mod sheet;
mod styles;
mod tables;
mod tags;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod workbook_part;

use std::path::{Path, PathBuf};

use shared_strings::SharedTexts;
use sheet::SheetScan;
use styles::Styles;
use tags::Surroundings;
use workbook_part::WorkbookPart;

use super::input::Input;
use super::package::{Package, PartKind};
use super::read_ahead::Ahead;
use super::workbook::{SheetVisitor, Workbook, broken, missing_part};
use crate::error::Result;
use crate::model::address::CellRange;
use crate::model::limits::Limits;
use crate::model::number_format::NumberFormat;
use crate::model::selection::ReaderThreads;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetKind, SheetTable};

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
    let workbook = WorkbookPart::read(&mut package)?;
    let styles = Styles::read(&mut package, &workbook.styles)?;
    Ok(Box::new(Xlsx {
        path: path.to_path_buf(),
        package,
        strings_ahead: Ahead::when(threads.reads_strings_ahead()),
        workbook,
        styles,
        strings: None,
    }))
}

struct Xlsx {
    path: PathBuf,
    package: Package,
    strings_ahead: Ahead,
    workbook: WorkbookPart,
    styles: Styles,
    /// The shared strings, once they were all read.
    strings: Option<SharedTexts>,
}

impl Xlsx {
    /// The part of a sheet that the list has. Workbooks that lost a part must not look like ones with an empty sheet.
    fn part_of(&self, sheet: usize) -> Result<&str> {
        let Some(entry) = self.workbook.sheets.get(sheet) else {
            return Err(broken(
                &self.path,
                &format!("it has no sheet number {sheet}"),
            ));
        };
        match self.workbook.parts.get(sheet).and_then(Option::as_deref) {
            Some(part) if self.package.has(part) => Ok(part),
            Some(part) => {
                let how = format!("the part {part} of its sheet {:?} is missing", entry.name);
                Err(missing_part(&self.path, &how, &entry.name))
            }
            None => {
                let how = format!("its sheet {:?} has no part of its own", entry.name);
                Err(missing_part(&self.path, &how, &entry.name))
            }
        }
    }
}

impl Workbook for Xlsx {
    fn sheets(&self) -> &[SheetEntry] {
        &self.workbook.sheets
    }

    fn date_system(&self) -> DateSystem {
        self.workbook.date_system
    }

    fn formats(&self) -> &[NumberFormat] {
        self.styles.formats()
    }

    fn named_ranges(&mut self) -> Result<Vec<NamedRange>> {
        Ok(self.workbook.names.clone())
    }

    fn tables(&mut self) -> Result<Vec<SheetTable>> {
        let mut all = Vec::new();
        for (sheet, entry) in self.workbook.sheets.iter().enumerate() {
            let part = self.workbook.parts.get(sheet).and_then(Option::as_deref);
            if let (SheetKind::Worksheet, Some(part)) = (entry.kind, part) {
                all.extend(tables::tables(&mut self.package, part, sheet)?);
            }
        }
        Ok(all)
    }

    fn merged_ranges(&mut self, sheet: usize) -> Result<Vec<CellRange>> {
        let part = self.part_of(sheet)?.to_string();
        tables::merged_ranges(&mut self.package, &part)
    }

    fn read_sheet(&mut self, sheet: usize, visitor: &mut dyn SheetVisitor) -> Result<()> {
        let part = self.part_of(sheet)?.to_string();
        // Those of a reading that was broken off are read anew: it did not need many.
        let mut strings = match self.strings.take() {
            Some(strings) => strings,
            None => SharedTexts::open(
                &mut self.package,
                &self.workbook.shared_strings,
                self.strings_ahead,
            )?,
        };
        let Some(reader) = self.package.xml(&part, PartKind::Stream)? else {
            return Ok(());
        };
        let surroundings = Surroundings {
            path: &self.path,
            sheet: self
                .workbook
                .sheets
                .get(sheet)
                .map_or("", |entry| &entry.name),
            strings: &mut strings,
            styles: &self.styles,
        };
        if SheetScan::new(reader, surroundings, visitor)
            .run()?
            .is_continue()
        {
            // Damage in the table is damage of the workbook, whether this sheet refers to what comes behind it or not.
            strings.read_all()?;
            self.strings = Some(strings);
        }
        Ok(())
    }
}
