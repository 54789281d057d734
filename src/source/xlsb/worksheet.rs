//! Worksheets ([MS-XLSB] 2.1.7.62): cells as a stream, and what lies above and below them.

use std::collections::HashSet;
use std::io::BufRead;

use super::fields::{Fields, TooShort, append_utf16};
use super::record::{PartPlace, Record, Records, id};
use super::strings::SharedStrings;
use super::styles::Styles;
use crate::error::{Error, Result};
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS};
use crate::model::cell::CellError;
use crate::source::workbook::{Content, Flow, SheetVisitor, address, too_large};

/// The most merged ranges of a sheet that are listed.
const MAX_MERGED_RANGES: usize = 1 << 22;

/// What cells refer to.
#[derive(Clone, Copy)]
pub(super) struct CellLists<'a> {
    pub(super) sheet: &'a str,
    pub(super) strings: &'a SharedStrings,
    pub(super) styles: &'a Styles,
}

/// Why a cell cannot be read.
enum Fault {
    TooShort(TooShort),
    NoSharedString(u32),
}

impl From<TooShort> for Fault {
    fn from(fault: TooShort) -> Self {
        Self::TooShort(fault)
    }
}

/// Reads the cells.
struct CellReader<'a, 'v> {
    place: PartPlace<'a>,
    lists: CellLists<'a>,
    visitor: &'v mut dyn SheetVisitor,
    /// The row that the last row header began.
    row: Option<u32>,
    /// Where a short cell is: right of the cell before it.
    next_column: u32,
    /// The text of the cell in hand.
    text: String,
}

/// Tells a visitor what the sheet holds, until it breaks off.
///
/// # Errors
/// Whatever the visitor returns; `WorkbookBroken`, also when the part ends before its cells do.
pub(super) fn read(
    mut records: Records<'_, impl BufRead>,
    lists: CellLists<'_>,
    visitor: &mut dyn SheetVisitor,
) -> Result<()> {
    let place = records.place();
    let mut reader = CellReader {
        place,
        lists,
        visitor,
        row: None,
        next_column: 0,
        text: String::new(),
    };
    while let Some(record) = records.next(is_of_cells)? {
        if record.id == id::END_SHEET_DATA || reader.take(record)?.is_break() {
            return Ok(());
        }
    }
    Err(place
        .broken("ends before its last row")
        .in_sheet(lists.sheet))
}

/// The merged cells, each rectangle once.
///
/// # Errors
/// `WorkbookBroken`, `WorkbookTooLarge`.
pub(super) fn merged_ranges(mut records: Records<'_, impl BufRead>) -> Result<Vec<CellRange>> {
    let place = records.place();
    let mut ranges = Vec::new();
    let mut known = HashSet::new();
    while let Some(record) = records.next(|id| id == id::MERGED_CELLS)? {
        let rectangle = Fields::new(record.payload)
            .rectangle()
            .map_err(|fault| place.too_short(fault))?;
        ranges.extend(rectangle.range().filter(|range| known.insert(*range)));
        if ranges.len() > MAX_MERGED_RANGES {
            let what = format!("has more than {MAX_MERGED_RANGES} merged ranges in a sheet");
            return Err(too_large(place.path, &what));
        }
    }
    Ok(ranges)
}

fn is_of_cells(id: u16) -> bool {
    matches!(
        id,
        id::ROW_HEADER
            ..=id::SHORT_SHARED_TEXT
                | id::CELL_RICH_TEXT
                | id::COLUMN_INFO
                | id::SHEET_DIMENSION
                | id::END_SHEET_DATA
    )
}

impl CellReader<'_, '_> {
    fn take(&mut self, record: Record<'_>) -> Flow {
        let mut fields = Fields::new(record.payload);
        let place = self.place;
        match record.id {
            id::SHEET_DIMENSION => {
                let rectangle = fields.rectangle().map_err(|fault| place.too_short(fault))?;
                if let Some(range) = rectangle.range() {
                    self.visitor.dimension(range);
                }
            }
            id::COLUMN_INFO => self
                .columns(fields)
                .map_err(|fault| place.too_short(fault))?,
            id::ROW_HEADER => {
                let (row, is_hidden) =
                    row_header(fields).map_err(|fault| place.too_short(fault))?;
                self.row = Some(row);
                self.next_column = 0;
                if is_hidden {
                    let row = address(place.path, row, 0)?.row;
                    return self.visitor.hidden_row(row);
                }
            }
            cell => return self.cell(cell, fields),
        }
        Ok(std::ops::ControlFlow::Continue(()))
    }

    /// `BrtColInfo` ([MS-XLSB] 2.4.323): columns of one look.
    fn columns(&mut self, mut fields: Fields<'_>) -> Result<(), TooShort> {
        const HIDDEN: u8 = 1;
        let (first, last) = (fields.u32()?, fields.u32()?);
        let (_width, _style) = (fields.u32()?, fields.u32()?);
        let last = last.min(MAX_COLUMNS - 1);
        if fields.u8()? & HIDDEN != 0 && first <= last {
            self.visitor.hidden_columns(first, last);
        }
        Ok(())
    }

    /// Any of the cells: a `Cell` structure ([MS-XLSB] 2.5.10), which short cells have without its column, and a value.
    fn cell(&mut self, record: u16, mut fields: Fields<'_>) -> Flow {
        let place = self.place;
        let Some(row) = self.row else {
            return Err(place.broken("has a cell before its first row"));
        };
        let is_short = matches!(record, id::SHORT_BLANK..=id::SHORT_SHARED_TEXT);
        let column = if is_short {
            self.next_column
        } else {
            fields.u32().map_err(|fault| place.too_short(fault))?
        };
        self.next_column = column.saturating_add(1);
        if matches!(record, id::CELL_BLANK | id::SHORT_BLANK) {
            return Ok(std::ops::ControlFlow::Continue(()));
        }
        let at = address(place.path, row, column)?;
        self.text.clear();
        let style = style(&mut fields).map_err(|fault| place.too_short(fault))?;
        let content = content(record, fields, self.lists.strings, &mut self.text);
        match content.map_err(|fault| broken_cell(place, self.lists.sheet, at, &fault))? {
            Content::Text("") => Ok(std::ops::ControlFlow::Continue(())),
            content => self
                .visitor
                .cell(at, content, self.lists.styles.format(style)),
        }
    }
}

/// The row and whether it is hidden (`BrtRowHdr`, [MS-XLSB] 2.4.742).
fn row_header(mut fields: Fields<'_>) -> Result<(u32, bool), TooShort> {
    /// `fDyZero`.
    const HIDDEN: u8 = 1 << 4;
    let row = fields.u32()?;
    let (_style, _height, _spacing) = (fields.u32()?, fields.u16()?, fields.u8()?);
    Ok((row, fields.u8()? & HIDDEN != 0))
}

/// The style: 24 bits, and 8 that say whether phonetic readings are shown.
fn style(fields: &mut Fields<'_>) -> Result<u32, TooShort> {
    const STYLE: u32 = 0x00FF_FFFF;
    Ok(fields.u32()? & STYLE)
}

/// The value after the `Cell` structure. Behind the result of a formula comes the formula, which is not read.
fn content<'t>(
    record: u16,
    mut fields: Fields<'_>,
    strings: &'t SharedStrings,
    text: &'t mut String,
) -> Result<Content<'t>, Fault> {
    Ok(match record {
        id::CELL_RK | id::SHORT_RK => Content::Number(fields.rk()?),
        id::CELL_REAL | id::FORMULA_NUMBER | id::SHORT_REAL => Content::Number(fields.f64()?),
        id::CELL_BOOL | id::FORMULA_BOOL | id::SHORT_BOOL => Content::Bool(fields.u8()? != 0),
        id::CELL_ERROR | id::FORMULA_ERROR | id::SHORT_ERROR => {
            Content::Error(CellError::from_code(fields.u8()?))
        }
        id::CELL_SHARED_TEXT | id::SHORT_SHARED_TEXT => {
            let index = fields.u32()?;
            Content::Text(strings.get(index).ok_or(Fault::NoSharedString(index))?)
        }
        id::CELL_RICH_TEXT => {
            append_utf16(fields.rich()?, text);
            Content::Text(text)
        }
        _ => {
            append_utf16(fields.wide()?, text);
            Content::Text(text)
        }
    })
}

fn broken_cell(place: PartPlace<'_>, sheet: &str, at: CellAddress, fault: &Fault) -> Error {
    let how = match fault {
        Fault::TooShort(_) => format!("has a record for {at} that is shorter than its fields"),
        Fault::NoSharedString(index) => {
            format!("refers at {at} to the shared string {index}, which is not there")
        }
    };
    place.broken(&how).in_sheet(sheet).at_cell(at.to_string())
}
