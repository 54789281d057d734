//! What every reader of a format gives: the list of sheets, and each sheet's cells as a stream.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS, MAX_ROWS};
use crate::model::cell::{CellError, FormatId};
use crate::model::code_page::CodePage;
use crate::model::limits::Limit;
use crate::model::number_format::NumberFormat;
use crate::model::shared_strings::SharedStrings;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetTable};

/// A workbook whose lists are read, and whose sheets can be, in any order and as often as needed. All calls block.
pub(super) trait Workbook: Send {
    /// All sheets in the workbook's order, worksheets or not.
    fn sheets(&self) -> &[SheetEntry];

    /// From which day serial dates count.
    fn date_system(&self) -> DateSystem;

    /// The number formats that cells refer to by index; the first is General.
    fn formats(&self) -> &[NumberFormat];

    /// The names of ranges. Names of anything else (constants, formulas, several areas, lost references) are left out.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn named_ranges(&mut self) -> Result<Vec<NamedRange>>;

    /// The tables of all worksheets. Formats without tables have none.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn tables(&mut self) -> Result<Vec<SheetTable>>;

    /// The merged cells of the sheet at this place in the list, each rectangle once.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn merged_ranges(&mut self, sheet: usize) -> Result<Vec<CellRange>>;

    /// Reads the sheet at this place in the list from its first cell to its last, or until the visitor breaks off.
    ///
    /// # Errors
    /// Whatever the visitor returns, and what is wrong with the file.
    fn read_sheet(&mut self, sheet: usize, visitor: &mut dyn SheetVisitor) -> Result<()>;
}

/// Whether the reading goes on.
pub(super) type Flow = Result<ControlFlow<()>>;

/// Is told what a sheet holds, in the file's order.
pub(super) trait SheetVisitor {
    /// The used range by the file's own word: a hint that may be missing, and may lie. Before any row.
    fn dimension(&mut self, range: CellRange);

    /// Columns that are hidden, first and last included, from 0. Before any row; several calls.
    fn hidden_columns(&mut self, first: u32, last: u32);

    /// A row that is hidden, before its cells if it has any. Rows that are not hidden are not announced.
    fn hidden_row(&mut self, row: u32) -> Flow;

    /// The text of the cell that comes next has U+FFFD where the file has no character. Of shared texts, the table knows.
    fn replaced(&mut self) {}

    /// The text of the cell that comes next has characters beyond ASCII, by a code page that the file does not name.
    fn guessed(&mut self, _page: CodePage) {}

    /// A cell that is not empty. Cells come row by row in nearly all files; a visitor must bear any order.
    fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow;
}

/// What a cell holds. Texts are decoded: no markup, no escapes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Content<'a> {
    /// TRUE or FALSE.
    Bool(bool),
    /// A number, of whatever meaning.
    Number(f64),
    /// A whole number that a double does not hold, in digits, behind a sign if it is negative.
    Digits(&'a str),
    /// A text that is not empty.
    Text(&'a str),
    /// A text that is not empty, of those that the workbook's cells share.
    Shared(SharedText<'a>),
    /// A date, time or duration stored as ISO 8601 text.
    Iso(&'a str),
    /// An error value.
    Error(CellError),
    /// A formula whose result the file does not hold.
    Uncached,
}

/// One of a workbook's shared strings.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedText<'a> {
    /// All that are read so far.
    pub(super) strings: &'a Arc<SharedStrings>,
    /// Its number.
    pub(super) index: u32,
    /// How long it is.
    pub(super) bytes: usize,
}

impl<'a> SharedText<'a> {
    /// The string with this number; none where there is none.
    #[inline]
    pub(super) fn find(strings: &'a Arc<SharedStrings>, index: u32) -> Option<Self> {
        let bytes = strings.byte_len(index)?;
        Some(Self {
            strings,
            index,
            bytes,
        })
    }

    /// The text itself.
    pub(super) fn text(self) -> &'a str {
        self.strings.get(self.index).unwrap_or_default()
    }
}

impl PartialEq for SharedText<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// A cell's place, which must be in a sheet. Files can say anything, and tables become as wide as their cells.
///
/// # Errors
/// `WorkbookBroken` beyond the last row or column that a sheet has.
#[inline]
pub(super) fn address(path: &Path, row: u32, column: u32) -> Result<CellAddress> {
    if row < MAX_ROWS && column < MAX_COLUMNS {
        return Ok(CellAddress { row, column });
    }
    Err(outside(path, row, column))
}

#[cold]
fn outside(path: &Path, row: u32, column: u32) -> Error {
    let place = format!(
        "it has a cell in row {} and column {}, outside of any sheet",
        u64::from(row) + 1,
        u64::from(column) + 1
    );
    broken(path, &place)
}

/// A workbook that is damaged, and how.
pub(super) fn broken(path: &Path, how: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookBroken,
        format!("{} is damaged: {how}", path.display()),
    )
    .in_file(path)
    .next_step("Copy or download the file again, or save it anew with a spreadsheet program")
}

/// A workbook that holds more than can be read, and what.
pub(super) fn too_large(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookTooLarge,
        format!("{} {what}", path.display()),
    )
    .in_file(path)
    .next_step("Split it into smaller workbooks")
}

/// A workbook that lacks the content of a sheet.
pub(super) fn missing_part(path: &Path, how: &str, sheet: &str) -> Error {
    broken(path, how).in_sheet(sheet).next_step(
        "Copy or download the file again, or name the sheets that are there with --sheet; `sheetload inspect` lists them",
    )
}

/// A workbook with a row that comes too late to be read.
#[cold]
pub(super) fn late_row(path: &Path, row: u32) -> Error {
    let row = u64::from(row) + 1;
    broken(path, &format!("its row {row} comes after rows below it")).next_step(
        "Open it in a spreadsheet program and save it again, which puts the rows in order",
    )
}

/// A workbook that passes one of its limits, whose figure is `most`. `place` is the part or sheet that does, such as `its
/// part xl/styles.xml`, or empty for the file.
pub(super) fn over_limit(path: &Path, place: &str, limit: Limit, most: u64) -> Error {
    let separator = if place.is_empty() { "" } else { ": " };
    let passed = limit.passed(most);
    Error::new(
        ErrorKind::WorkbookTooLarge,
        format!("{}{separator}{place} {passed}", path.display()),
    )
    .in_file(path)
    .next_step(format!(
        "Raise it with {} if you trust the file",
        limit.flag()
    ))
}
