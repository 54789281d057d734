//! Worksheets ([MS-XLSB] 2.1.7.62): cells as a stream, and what lies above and below them.

use std::collections::HashSet;
use std::io::BufRead;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::fields::{Fields, TooShort, append_utf16};
use super::record::{PartPlace, Record, Records, id};
use super::styles::Styles;
use crate::error::{Error, Result};
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS};
use crate::model::cell::CellError;
use crate::model::shared_strings::SharedStrings;
use crate::source::fidelity::Fidelity;
use crate::source::workbook::{Content, Flow, SharedText, SheetVisitor, address, too_large};

/// The most merged ranges of a sheet that are listed.
const MAX_MERGED_RANGES: usize = 1 << 22;

/// What cells refer to.
#[derive(Clone, Copy)]
pub(super) struct CellLists<'a> {
    /// The sheet's name, for errors.
    pub(super) sheet: &'a str,
    /// What cells with shared texts refer to.
    pub(super) strings: &'a Arc<SharedStrings>,
    /// What every cell refers to.
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
        // A sheet of a chart ends without any data.
        let is_end = matches!(record.id, id::END_SHEET_DATA | id::END_SHEET);
        if is_end || reader.take(record)?.is_break() {
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
                | id::END_SHEET
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
        Ok(ControlFlow::Continue(()))
    }

    /// `BrtColInfo` ([MS-XLSB] 2.4): columns of one look.
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
            return Ok(ControlFlow::Continue(()));
        }
        let at = address(place.path, row, column)?;
        self.text.clear();
        let style = style(&mut fields).map_err(|fault| place.too_short(fault))?;
        let mut fidelity = Fidelity::Exact;
        let content = content(
            record,
            fields,
            self.lists.strings,
            &mut self.text,
            &mut fidelity,
        );
        if fidelity == Fidelity::Replaced {
            self.visitor.replaced();
        }
        match content.map_err(|fault| broken_cell(place, self.lists.sheet, at, &fault))? {
            Content::Text("") => Ok(ControlFlow::Continue(())),
            Content::Shared(shared) if shared.bytes == 0 => Ok(ControlFlow::Continue(())),
            content => self
                .visitor
                .cell(at, content, self.lists.styles.format(style)),
        }
    }
}

/// The row and whether it is hidden (`BrtRowHdr`, [MS-XLSB] 2.4.761).
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
    strings: &'t Arc<SharedStrings>,
    text: &'t mut String,
    fidelity: &mut Fidelity,
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
            Content::Shared(SharedText::find(strings, index).ok_or(Fault::NoSharedString(index))?)
        }
        id::CELL_RICH_TEXT => {
            *fidelity = append_utf16(fields.rich()?, text);
            Content::Text(text)
        }
        _ => {
            *fidelity = append_utf16(fields.wide()?, text);
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::model::cell::FormatId;
    use crate::source::xlsb::fields::tests::wide;
    use crate::source::xlsb::record::tests::{place, record};
    use crate::source::xlsb::strings::tests::shared;
    use crate::source::xlsb::styles::tests::styles;

    /// Writes down what it is told.
    #[derive(Default)]
    pub(in crate::source::xlsb) struct Notes {
        pub(in crate::source::xlsb) lines: Vec<String>,
        /// Breaks off after this many lines.
        stop_after: Option<usize>,
    }

    impl Notes {
        fn note(&mut self, line: String) -> Flow {
            self.lines.push(line);
            Ok(if self.stop_after == Some(self.lines.len()) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        }
    }

    impl SheetVisitor for Notes {
        fn dimension(&mut self, range: CellRange) {
            self.lines.push(format!("in {range}"));
        }
        fn hidden_columns(&mut self, first: u32, last: u32) {
            self.lines.push(format!("columns {first} to {last}"));
        }
        fn hidden_row(&mut self, row: u32) -> Flow {
            self.note(format!("row {row}"))
        }
        fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow {
            let content = match content {
                Content::Shared(shared) => Content::Text(shared.text()),
                content => content,
            };
            self.note(format!("{at} {content:?} #{}", format.0))
        }
    }

    fn numbers(id: u16, numbers: &[u32]) -> Vec<u8> {
        let payload: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        record(id, &payload)
    }

    pub(in crate::source::xlsb) fn row(row: u32, hidden: bool) -> Vec<u8> {
        let flags = if hidden { 0x10 } else { 0 };
        let mut payload = row.to_le_bytes().to_vec();
        payload.extend([0, 0, 0, 0, 44, 1, 0, flags, 0, 0, 0, 0, 0]);
        record(id::ROW_HEADER, &payload)
    }

    pub(in crate::source::xlsb) fn cell(id: u16, column: u32, style: u32, value: &[u8]) -> Vec<u8> {
        let mut payload = column.to_le_bytes().to_vec();
        // The upper eight bits are no part of the style.
        payload.extend((style | 0x0100_0000).to_le_bytes());
        payload.extend(value);
        record(id, &payload)
    }

    fn short(id: u16, style: u32, value: &[u8]) -> Vec<u8> {
        record(id, &[style.to_le_bytes().as_slice(), value].concat())
    }

    pub(in crate::source::xlsb) fn sheet(rows: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = [record(129, &[]), record(145, &[])].concat();
        bytes.extend(rows.concat());
        bytes.extend([record(id::END_SHEET_DATA, &[]), record(id::END_SHEET, &[])].concat());
        bytes
    }

    fn read_into(bytes: &[u8], notes: &mut Notes) -> Result<()> {
        let strings = shared(&["", "one", "two"]);
        let strings = crate::source::xlsb::strings::read(
            Records::new(place(), strings.as_slice()),
            &crate::model::limits::Limits::default(),
        )
        .unwrap();
        let styles = styles(&[], &[0, 14, 2]);
        let styles = Styles::read(Records::new(place(), styles.as_slice())).unwrap();
        let lists = CellLists {
            sheet: "S",
            strings: &Arc::new(strings),
            styles: &styles,
        };
        read(Records::new(place(), bytes), lists, notes)
    }

    fn notes(bytes: &[u8]) -> Vec<String> {
        let mut notes = Notes::default();
        read_into(bytes, &mut notes).unwrap();
        notes.lines
    }

    #[test]
    fn every_record_of_a_cell_is_read() {
        let formula = [9, 0, 4, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0];
        let with_formula = |value: &[u8]| [value, &formula].concat();
        let rich = [&[3_u8], wide("rich").as_slice(), &[9; 20]].concat();
        let lines = notes(&sheet(&[
            row(2, false),
            cell(id::CELL_BLANK, 0, 1, &[]),
            cell(id::CELL_RK, 1, 2, &26_u32.to_le_bytes()),
            cell(id::CELL_ERROR, 2, 0, &[0x07]),
            cell(id::CELL_BOOL, 3, 0, &[1]),
            cell(id::CELL_REAL, 4, 1, &0.1_f64.to_le_bytes()),
            cell(id::CELL_TEXT, 5, 0, &wide("inline _x0041_")),
            cell(id::CELL_SHARED_TEXT, 6, 9, &2_u32.to_le_bytes()),
            cell(id::CELL_RICH_TEXT, 7, 0, &rich),
            row(3, false),
            cell(id::FORMULA_TEXT, 0, 0, &with_formula(&wide("made"))),
            cell(
                id::FORMULA_NUMBER,
                1,
                1,
                &with_formula(&(-2.5_f64).to_le_bytes()),
            ),
            cell(id::FORMULA_BOOL, 2, 0, &with_formula(&[0])),
            cell(id::FORMULA_ERROR, 3, 0, &with_formula(&[0x2A])),
            cell(id::CELL_ERROR, 16_383, 0, &[0x99]),
        ]));
        let wanted = [
            "B3 Number(6.0) #2",
            "C3 Error(DivisionByZero) #0",
            "D3 Bool(true) #0",
            "E3 Number(0.1) #1",
            "F3 Text(\"inline _x0041_\") #0",
            "G3 Text(\"two\") #0",
            "H3 Text(\"rich\") #0",
            "A4 Text(\"made\") #0",
            "B4 Number(-2.5) #1",
            "C4 Bool(false) #0",
            "D4 Error(NotAvailable) #0",
            "XFD4 Error(Unknown) #0",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn short_cells_are_right_of_the_cell_before_them() {
        let lines = notes(&sheet(&[
            row(0, false),
            short(id::SHORT_BOOL, 0, &[1]),
            cell(id::CELL_BLANK, 3, 0, &[]),
            short(id::SHORT_REAL, 1, &1.5_f64.to_le_bytes()),
            short(id::SHORT_BLANK, 0, &[]),
            short(id::SHORT_RK, 2, &26_u32.to_le_bytes()),
            short(id::SHORT_ERROR, 0, &[0x17]),
            short(id::SHORT_TEXT, 0, &wide("in")),
            short(id::SHORT_SHARED_TEXT, 0, &1_u32.to_le_bytes()),
            row(1, false),
            short(id::SHORT_TEXT, 0, &wide("first")),
        ]));
        let wanted = [
            "A1 Bool(true) #0",
            "E1 Number(1.5) #1",
            "G1 Number(6.0) #2",
            "H1 Error(Reference) #0",
            "I1 Text(\"in\") #0",
            "J1 Text(\"one\") #0",
            "A2 Text(\"first\") #0",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn empty_texts_are_empty_cells() {
        let lines = notes(&sheet(&[
            row(0, false),
            cell(id::CELL_TEXT, 0, 0, &wide("")),
            cell(id::CELL_SHARED_TEXT, 1, 0, &[0; 4]),
            cell(id::FORMULA_TEXT, 2, 0, &[0; 20]),
            cell(id::CELL_RICH_TEXT, 3, 0, &[0; 5]),
        ]));
        assert_eq!(lines, [""; 0]);
    }

    #[test]
    fn hidden_rows_and_columns_are_announced() {
        let column = |first: u32, last: u32, flags: u8| {
            let mut payload = [first, last, 100, 0].map(u32::to_le_bytes).concat();
            payload.extend([flags, 0]);
            record(id::COLUMN_INFO, &payload)
        };
        let bytes = [
            numbers(id::SHEET_DIMENSION, &[1, 5, 0, 3]),
            numbers(id::SHEET_DIMENSION, &[5, 1, 0, 3]),
            column(1, 2, 1),
            column(3, 3, 0b1110),
            column(5, u32::MAX, 0b11),
            column(9, 8, 1),
            sheet(&[row(1, true), cell(id::CELL_BOOL, 0, 0, &[1]), row(4, true)]),
        ];
        let wanted = [
            "in A2:D6",
            "columns 1 to 2",
            "columns 5 to 16383",
            "row 1",
            "A2 Bool(true) #0",
            "row 4",
        ];
        assert_eq!(notes(&bytes.concat()), wanted);
        let mut stopped = Notes {
            stop_after: Some(4),
            ..Notes::default()
        };
        read_into(&bytes.concat(), &mut stopped).unwrap();
        assert_eq!(stopped.lines.len(), 4);
    }

    #[test]
    fn what_a_sheet_cannot_hold_is_broken() {
        let truth = |column| cell(id::CELL_BOOL, column, 0, &[1]);
        for (records, place) in [
            (vec![truth(0)], "before its first row"),
            (vec![row(1_048_576, false), truth(0)], "row 1048577"),
            (vec![row(u32::MAX, true)], "row 4294967296"),
            (vec![row(0, false), truth(16_384)], "column 16385"),
            (vec![row(0, false), truth(u32::MAX)], "column 4294967296"),
            (
                vec![row(0, false), cell(id::CELL_REAL, 1, 0, &[0; 7])],
                "B1",
            ),
            (
                vec![row(0, false), cell(id::CELL_TEXT, 1, 0, &[9; 8])],
                "B1",
            ),
            (
                vec![row(0, false), record(id::CELL_BOOL, &[0; 7])],
                "shorter",
            ),
            (vec![record(id::ROW_HEADER, &[0; 7])], "shorter"),
        ] {
            let error = read_into(&sheet(&records), &mut Notes::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
            assert!(error.message().contains(place), "{error}");
        }
        let lost = sheet(&[
            row(6, false),
            cell(id::CELL_SHARED_TEXT, 2, 0, &[3, 0, 0, 0]),
        ]);
        let error = read_into(&lost, &mut Notes::default()).unwrap_err();
        assert_eq!(error.facts().cell.as_deref(), Some("C7"));
        assert_eq!(error.facts().sheet.as_deref(), Some("S"));
    }

    #[test]
    fn a_sheet_without_its_end_is_broken() {
        let rows = [row(0, false), cell(id::CELL_BOOL, 0, 0, &[1])].concat();
        let error = read_into(&rows, &mut Notes::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        let chart = [record(129, &[]), record(id::END_SHEET, &[])].concat();
        assert_eq!(notes(&chart), [""; 0]);
    }

    #[test]
    fn merged_cells_are_listed_once() {
        let bytes = [
            sheet(&[]),
            numbers(177, &[5]),
            numbers(id::MERGED_CELLS, &[0, 1, 2, 3]),
            numbers(id::MERGED_CELLS, &[4, 4, 0, 1]),
            numbers(id::MERGED_CELLS, &[0, 1, 2, 3]),
            numbers(id::MERGED_CELLS, &[0, 1_048_576, 2, 3]),
        ]
        .concat();
        let ranges = merged_ranges(Records::new(place(), bytes.as_slice())).unwrap();
        let shown: Vec<_> = ranges.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["C1:D2", "A5:B5"]);
        let short = record(id::MERGED_CELLS, &[0; 15]);
        assert!(merged_ranges(Records::new(place(), short.as_slice())).is_err());
    }
}
