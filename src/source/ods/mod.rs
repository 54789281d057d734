//! OpenDocument spreadsheets, as a stream (OpenDocument 1.3 part 3, 9).
//!
//! Opening reads `content.xml` once for what lies outside of cells, and for where each table begins. Reading a sheet
//! inflates to that place without looking, and parses from there.

mod cell;
mod data_styles;
mod digits;
mod duration;
mod encryption;
mod names;
mod outline;
mod package;
mod repeats;
mod sheet;
mod styles;
mod tag;
#[cfg(test)]
mod tests;
mod text;
mod xml;

use std::ops::ControlFlow;
use std::path::Path;

use outline::Outline;
use package::Package;
use repeats::Excess;
use sheet::{Shared, SheetReading, Wanted};

use super::input::Input;
use super::workbook::{Content, Flow, SheetVisitor, Workbook};
use crate::error::Result;
use crate::model::address::{CellAddress, CellRange};
use crate::model::cell::FormatId;
use crate::model::limits::Limits;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetTable};

/// Opens a workbook and reads its lists.
///
/// # Errors
/// `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `FileUnreadable`.
pub(super) fn open(
    path: &Path,
    input: Input,
    limits: &Limits,
    password: Option<&str>,
) -> Result<Box<dyn Workbook>> {
    let mut package = Package::open(path, input, limits)?;
    package.unlock(password)?;
    let outline = outline::read(&mut package)?;
    let excess = vec![0; outline.sheets.len()];
    Ok(Box::new(OdsWorkbook {
        package,
        outline,
        excess,
        total_excess: 0,
    }))
}

struct OdsWorkbook {
    package: Package,
    outline: Outline,
    /// What repeated cells have come to in each sheet, however often it was read, and in all.
    excess: Vec<u64>,
    total_excess: u64,
}

impl OdsWorkbook {
    fn read(
        &mut self,
        sheet: usize,
        visitor: &mut dyn SheetVisitor,
        wanted: Wanted,
    ) -> Result<Vec<CellRange>> {
        let Some(Some(start)) = self.outline.starts.get(sheet) else {
            return Ok(Vec::new());
        };
        let known = self.excess.get(sheet).copied().unwrap_or(0);
        let others = self.total_excess.saturating_sub(known);
        let mut excess = Excess::of_others(others, self.package.file_bytes());
        let content = self.package.content_from(start)?;
        let shared = Shared {
            formats: &self.outline.formats,
        };
        let read = SheetReading::new(content, shared, visitor, wanted, &mut excess).read();
        if let Some(own) = self.excess.get_mut(sheet) {
            *own = excess.bytes().saturating_sub(others).max(known);
            self.total_excess = others.saturating_add(*own);
        }
        read
    }
}

impl Workbook for OdsWorkbook {
    fn sheets(&self) -> &[SheetEntry] {
        &self.outline.sheets
    }

    fn date_system(&self) -> DateSystem {
        self.outline.date_system
    }

    fn formats(&self) -> &[NumberFormat] {
        self.outline.formats.list()
    }

    fn named_ranges(&mut self) -> Result<Vec<NamedRange>> {
        Ok(self.outline.names.ranges(&self.outline.sheets))
    }

    fn tables(&mut self) -> Result<Vec<SheetTable>> {
        Ok(self.outline.names.tables(&self.outline.sheets))
    }

    fn merged_ranges(&mut self, sheet: usize) -> Result<Vec<CellRange>> {
        self.read(sheet, &mut Nobody, Wanted::Merges)
    }

    fn read_sheet(&mut self, sheet: usize, visitor: &mut dyn SheetVisitor) -> Result<()> {
        self.read(sheet, visitor, Wanted::Cells).map(drop)
    }
}

/// A visitor for who does not look at cells.
struct Nobody;

impl SheetVisitor for Nobody {
    fn dimension(&mut self, _range: CellRange) {}

    fn hidden_columns(&mut self, _first: u32, _last: u32) {}

    fn hidden_row(&mut self, _row: u32) -> Flow {
        Ok(ControlFlow::Continue(()))
    }

    fn cell(&mut self, _at: CellAddress, _content: Content<'_>, _format: FormatId) -> Flow {
        Ok(ControlFlow::Continue(()))
    }
}
