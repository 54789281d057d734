//! How many cells the sheets of an xls span, before calamine makes room for them.
//!
//! calamine keeps each sheet, whether it is read or not, as a rectangle from its first to its last cell, and makes room
//! for what the DIMENSIONS record claims. A file of a few bytes can claim the corners of a sheet of 65536 x 65536
//! cells. So the records are walked first; only their positions are looked at.

use std::path::Path;

use super::limits::over_grid;
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::Limits;

/// The most cells that a DIMENSIONS record may claim: all of a sheet in this format, with room for writers that count
/// generously. calamine reserves address space, not memory, for as many.
const MAX_DECLARED_CELLS: u64 = 4 * 65_536 * 256;

/// How often the stream may be walked over. Once is right; sheets of macros can point to its beginning.
const MAX_OVERLAP: usize = 8;

// Record types ([MS-XLS] 2.3).
const FORMULA: u16 = 0x0006;
const EOF: u16 = 0x000A;
const FILE_PASS: u16 = 0x002F;
const BOUND_SHEET: u16 = 0x0085;
const MUL_RK: u16 = 0x00BD;
const RICH_STRING: u16 = 0x00D6;
const LABEL_SST: u16 = 0x00FD;
const DIMENSIONS: u16 = 0x0200;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const BOOL_OR_ERROR: u16 = 0x0205;
const RK: u16 = 0x027E;
const BOF: u16 = 0x0809;

/// Refuses a workbook stream whose sheets would need more memory than there should be.
pub(super) fn refuse_huge_sheets(path: &Path, stream: &[u8], limits: &Limits) -> Result<()> {
    let mut cells = 0_u64;
    let mut walked = 0;
    for start in sheet_starts(stream) {
        let sheet = Extents::of_sheet(stream.get(start..).unwrap_or_default());
        walked += sheet.bytes;
        // Each byte belongs to one sheet; sheets on top of each other would be read as often as they are listed.
        if walked > stream.len().saturating_mul(MAX_OVERLAP) {
            return Err(broken(path, "its sheets overlap"));
        }
        if sheet.declared > MAX_DECLARED_CELLS {
            return Err(broken(
                path,
                "a sheet claims more cells than the format has",
            ));
        }
        cells = cells.saturating_add(sheet.values.cells() + sheet.formulas.cells());
        if cells > limits.grid_cells {
            return Err(over_grid(path, limits));
        }
    }
    Ok(())
}

/// Where the sheets begin, by the workbook's list of them ([MS-XLS] 2.4.28). None in an encrypted workbook.
fn sheet_starts(stream: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    for record in Records(stream) {
        match record.kind {
            EOF => break,
            FILE_PASS => return Vec::new(),
            BOUND_SHEET => {
                if let Some(start) = record.body.first_chunk::<4>() {
                    starts.extend(usize::try_from(u32::from_le_bytes(*start)));
                }
            }
            _ => {}
        }
    }
    starts
}

/// What one sheet's records say.
#[derive(Debug, Default)]
struct Extents {
    values: Rectangle,
    formulas: Rectangle,
    declared: u64,
    bytes: usize,
}

impl Extents {
    /// Walks a sheet from its BOF to its EOF. Charts inside of it have cells of their own, which don't count.
    fn of_sheet(stream: &[u8]) -> Self {
        let mut extents = Self::default();
        let mut depth = 0_u32;
        for record in Records(stream) {
            extents.bytes += record.body.len() + 4;
            match record.kind {
                BOF => depth += 1,
                EOF if depth <= 1 => break,
                EOF => depth -= 1,
                _ if depth > 1 => {}
                DIMENSIONS => extents.declared = extents.declared.max(declared_cells(record.body)),
                NUMBER | LABEL | RICH_STRING | BOOL_OR_ERROR | RK | LABEL_SST | MUL_RK
                | FORMULA => extents.cell(&record),
                _ => {}
            }
        }
        extents
    }

    fn cell(&mut self, record: &Record<'_>) {
        let (Some(row), Some(column)) = (u16_at(record.body, 0), u16_at(record.body, 2)) else {
            return;
        };
        self.values.include(row, column);
        if record.kind == FORMULA {
            self.formulas.include(row, column);
        }
        if record.kind == MUL_RK
            && let Some(last) = record.body.last_chunk::<2>()
        {
            self.values.include(row, u16::from_le_bytes(*last));
        }
    }
}

/// The cells that a DIMENSIONS record claims, as calamine takes it ([MS-XLS] 2.4.90): rows of 16 bits in BIFF5, of 32
/// bits in BIFF8; the ends are exclusive.
fn declared_cells(body: &[u8]) -> u64 {
    let u32_at =
        |at: usize| Some(u32::from(u16_at(body, at)?) | u32::from(u16_at(body, at + 2)?) << 16);
    let corners = if body.len() == 10 {
        let narrow = |at| u16_at(body, at).map(u32::from);
        (narrow(0), narrow(2), u16_at(body, 4), u16_at(body, 6))
    } else {
        (u32_at(0), u32_at(4), u16_at(body, 8), u16_at(body, 10))
    };
    let (Some(top), Some(bottom), Some(left), Some(right)) = corners else {
        return 0;
    };
    if bottom == 0 || right == 0 {
        return 1;
    }
    let left = if left > 0xFF || right < left { 0 } else { left };
    // A last row above the first wraps round in calamine.
    let rows = u64::from(bottom.wrapping_sub(top));
    rows * u64::from(right - left)
}

/// A rectangle around cells.
#[derive(Debug, Default)]
struct Rectangle {
    /// First and last row, first and last column.
    bounds: Option<(u16, u16, u16, u16)>,
}

impl Rectangle {
    fn include(&mut self, row: u16, column: u16) {
        let (top, bottom, left, right) = self.bounds.unwrap_or((row, row, column, column));
        self.bounds = Some((
            top.min(row),
            bottom.max(row),
            left.min(column),
            right.max(column),
        ));
    }

    fn cells(&self) -> u64 {
        self.bounds.map_or(0, |(top, bottom, left, right)| {
            (u64::from(bottom - top) + 1) * (u64::from(right - left) + 1)
        })
    }
}

/// A record: a type and up to 65535 bytes ([MS-XLS] 2.1.4).
struct Record<'a> {
    kind: u16,
    body: &'a [u8],
}

/// The records of a stream up to its end, or to a record that is cut off.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let kind = u16_at(self.0, 0)?;
        let len = usize::from(u16_at(self.0, 2)?);
        let body = self.0.get(4..4 + len)?;
        self.0 = &self.0[4 + len..];
        Some(Record { kind, body })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let (low, high) = (bytes.get(at)?, bytes.get(at + 1)?);
    Some(u16::from_le_bytes([*low, *high]))
}

fn broken(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookBroken,
        format!("{} is damaged: {what}", path.display()),
    )
    .in_file(path)
    .next_step("Save it anew with a spreadsheet program")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).unwrap();
        [&kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
    }

    fn number(row: u16, column: u16) -> Vec<u8> {
        let mut body = [0; 14];
        body[..2].copy_from_slice(&row.to_le_bytes());
        body[2..4].copy_from_slice(&column.to_le_bytes());
        record(NUMBER, &body)
    }

    /// A workbook of sheets with these records, each listed `times` times.
    fn workbook(sheets: &[Vec<u8>], times: usize) -> Vec<u8> {
        let listed = sheets.len() * times;
        let globals = record(BOF, &[0; 16]).len() + listed * record(BOUND_SHEET, &[0; 8]).len() + 4;
        let mut list = record(BOF, &[0; 16]);
        let mut bodies = Vec::new();
        for sheet in sheets {
            let start = u32::try_from(globals + bodies.len()).unwrap();
            for _ in 0..times {
                let body = [start.to_le_bytes(), [0; 4]].concat();
                list.extend(record(BOUND_SHEET, &body));
            }
            bodies.extend(record(BOF, &[0; 16]));
            bodies.extend_from_slice(sheet);
            bodies.extend(record(EOF, &[]));
        }
        list.extend(record(EOF, &[]));
        [list, bodies].concat()
    }

    fn verdict(stream: &[u8]) -> Option<ErrorKind> {
        refuse_huge_sheets(Path::new("a.xls"), stream, &Limits::default())
            .err()
            .map(|error| error.kind())
    }

    #[test]
    fn ordinary_sheets_pass() {
        let sheet = [number(0, 0), number(65_535, 255)].concat();
        assert_eq!(verdict(&workbook(std::slice::from_ref(&sheet), 1)), None);
        assert_eq!(verdict(&workbook(&[], 1)), None);
        assert_eq!(verdict(b""), None);
        // Cut off anywhere.
        let stream = workbook(&[sheet], 1);
        for len in 0..stream.len() {
            assert_eq!(verdict(&stream[..len]), None, "{len}");
        }
    }

    #[test]
    fn corners_far_apart_are_refused() {
        let sheet = [number(0, 0), number(65_535, 65_535)].concat();
        let kind = verdict(&workbook(&[sheet], 1));
        assert_eq!(kind, Some(ErrorKind::WorkbookTooLarge));
    }

    #[test]
    fn all_sheets_count() {
        let sheet = [number(0, 0), number(65_535, 255)].concat();
        let sheets = vec![sheet; 3];
        let kind = verdict(&workbook(&sheets, 1));
        assert_eq!(kind, Some(ErrorKind::WorkbookTooLarge));
    }

    #[test]
    fn a_sheet_listed_many_times_is_refused() {
        let sheet: Vec<u8> = (0..100).flat_map(|row| number(row, 0)).collect();
        let kind = verdict(&workbook(&[sheet], 100));
        assert_eq!(kind, Some(ErrorKind::WorkbookBroken));
    }

    #[test]
    fn dimensions_beyond_the_format_are_refused() {
        let claim = |top: u32, bottom: u32, left: u16, right: u16| {
            let mut body = [top.to_le_bytes(), bottom.to_le_bytes()].concat();
            body.extend(left.to_le_bytes());
            body.extend(right.to_le_bytes());
            body.extend([0, 0]);
            verdict(&workbook(&[record(DIMENSIONS, &body)], 1))
        };
        assert_eq!(claim(0, 65_536, 0, 256), None);
        assert_eq!(claim(0, 0, 0, 0), None);
        let broken = Some(ErrorKind::WorkbookBroken);
        assert_eq!(claim(0, u32::MAX, 0, 256), broken);
        assert_eq!(claim(10, 5, 0, 1), broken);
        assert_eq!(claim(0, 65_536, 0, u16::MAX), broken);
    }

    #[test]
    fn cells_of_an_embedded_chart_do_not_count() {
        let chart = [
            record(BOF, &[0; 16]),
            number(0, 0),
            number(65_535, 65_535),
            record(EOF, &[]),
            number(1, 1),
        ]
        .concat();
        assert_eq!(verdict(&workbook(&[chart], 1)), None);
    }
}
