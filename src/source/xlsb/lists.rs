//! The workbook part ([MS-XLSB] 2.1.7.61): its sheets, its names, and from when it counts days.

use std::io::BufRead;

use super::fields::{Fields, Rectangle, TooShort};
use super::record::{PartPlace, Records, id};
use crate::error::Result;
use crate::model::sheet::{DateSystem, NamedRange, Visibility};
use crate::source::workbook::too_large;

/// The most sheets that are read; Excel's own bound is the machine's memory.
const MAX_SHEETS: usize = 1 << 16;
/// The most names that are read.
const MAX_NAMES: usize = 1 << 20;

/// What the workbook part lists.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// From which day serial dates count.
    pub(super) date_system: DateSystem,
    /// In the workbook's order.
    pub(super) sheets: Vec<SheetRecord>,
    /// Names of ranges.
    pub(super) names: Vec<NamedRange>,
}

/// A sheet as the workbook lists it (`BrtBundleSh`, [MS-XLSB] 2.4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SheetRecord {
    /// Its name.
    pub(super) name: String,
    /// Whether people see it.
    pub(super) visibility: Visibility,
    /// The relationship that leads to its part.
    pub(super) relationship: Option<String>,
}

/// A name for a range, before it is known where the range is (`BrtName`, [MS-XLSB] 2.4.711).
struct NameRecord {
    name: String,
    scope: Option<u32>,
    reference: u16,
    cells: Rectangle,
}

/// From which books formulas take sheets: an entry for each record, and which is the one for this book itself.
#[derive(Default)]
struct Books {
    count: u32,
    this: Option<u32>,
    /// By the number that formulas use: book, first and last sheet (`Xti`, [MS-XLSB] 2.5.173).
    references: Vec<(u32, u32, u32)>,
}

impl Lists {
    /// Reads the part.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookTooLarge`.
    pub(super) fn read(mut records: Records<'_, impl BufRead>) -> Result<Self> {
        let place = records.place();
        let mut lists = Self::default();
        let mut books = Books::default();
        let mut names = Vec::new();
        while let Some(record) = records.next(is_wanted)? {
            let fields = Fields::new(record.payload);
            match record.id {
                id::WORKBOOK_PROPERTIES => date_system(fields).map(|it| lists.date_system = it),
                id::SHEET => sheet(fields).map(|sheet| lists.sheets.push(sheet)),
                id::NAME => name(fields).map(|name| names.extend(name)),
                book => books.add(book, fields),
            }
            .map_err(|fault| place.too_short(fault))?;
            refuse_more_than(MAX_SHEETS, "sheets", lists.sheets.len(), place)?;
            refuse_more_than(MAX_NAMES, "names", names.len(), place)?;
        }
        if lists.sheets.is_empty() {
            return Err(place.broken("lists no sheets"));
        }
        let count = lists.sheets.len();
        lists.names = names
            .into_iter()
            .filter_map(|name| books.locate(name, count))
            .collect();
        Ok(lists)
    }
}

fn is_wanted(id: u16) -> bool {
    matches!(
        id,
        id::WORKBOOK_PROPERTIES
            | id::SHEET
            | id::NAME
            | id::OTHER_BOOK
            | id::THIS_BOOK
            | id::SAME_SHEET
            | id::ADD_IN
            | id::SHEET_REFERENCES
    )
}

fn refuse_more_than(most: usize, what: &str, count: usize, place: PartPlace<'_>) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(too_large(
        place.path,
        &format!("lists more than {most} {what}"),
    ))
}

/// `BrtWbProp` ([MS-XLSB] 2.4). Some programs write its flags alone.
fn date_system(mut fields: Fields<'_>) -> Result<DateSystem, TooShort> {
    const FROM_1904: u8 = 1;
    Ok(match fields.u8()? & FROM_1904 {
        0 => DateSystem::From1900,
        _ => DateSystem::From1904,
    })
}

fn sheet(mut fields: Fields<'_>) -> Result<SheetRecord, TooShort> {
    let visibility = match fields.u32()? {
        1 => Visibility::Hidden,
        2 => Visibility::VeryHidden,
        _ => Visibility::Visible,
    };
    let _id = fields.u32()?;
    Ok(SheetRecord {
        visibility,
        relationship: fields.nullable_text()?,
        name: fields.text()?,
    })
}

/// A name whose formula is one cell or one area of a sheet; `None` for any other.
fn name(mut fields: Fields<'_>) -> Result<Option<NameRecord>, TooShort> {
    const WHOLE_BOOK: u32 = u32::MAX;
    /// Macros ([MS-XLSB] 2.4.711: fFunc, fOB, fProc).
    const PROCEDURE: u32 = 0b1110;
    const BUILT_IN: u32 = 1 << 5;
    /// What other formats write before a built-in name (ECMA-376 Part 1, §18.2.5).
    const BUILT_IN_PREFIX: &str = "_xlnm.";
    let flags = fields.u32()?;
    let _shortcut = fields.u8()?;
    let scope = Some(fields.u32()?).filter(|scope| *scope != WHOLE_BOOK);
    let mut name = fields.text()?;
    if flags & BUILT_IN != 0 && !name.starts_with(BUILT_IN_PREFIX) {
        name.insert_str(0, BUILT_IN_PREFIX);
    }
    let len = usize::try_from(fields.u32()?).map_err(|_| TooShort)?;
    let formula = fields.bytes(len)?;
    if flags & PROCEDURE != 0 {
        return Ok(None);
    }
    Ok(range_formula(formula).map(|(reference, cells)| NameRecord {
        name,
        scope,
        reference,
        cells,
    }))
}

/// The number of the sheet and the cells that a formula is about, if it is a single `PtgRef3d` or `PtgArea3d`
/// ([MS-XLSB] 2.5.98.69 and 2.5.98.19). References that move with the cell count
/// from A1, as in other formats.
fn range_formula(formula: &[u8]) -> Option<(u16, Rectangle)> {
    /// The token without its data type: reference, value or array.
    const TOKEN: u8 = 0x9F;
    const CELL: u8 = 0x1A;
    const AREA: u8 = 0x1B;
    const COLUMN: u16 = 0x3FFF;
    let (token, operand) = formula.split_first()?;
    let has_type = token & !TOKEN != 0;
    let mut fields = Fields::new(operand);
    let reference = fields.u16().ok()?;
    let column = |fields: &mut Fields<'_>| fields.u16().map(|bits| u32::from(bits & COLUMN));
    let cells = match (token & TOKEN, operand.len()) {
        (CELL, 8) if has_type => {
            let row = fields.u32().ok()?;
            let column = column(&mut fields).ok()?;
            Rectangle {
                rows: (row, row),
                columns: (column, column),
            }
        }
        (AREA, 14) if has_type => Rectangle {
            rows: (fields.u32().ok()?, fields.u32().ok()?),
            columns: (column(&mut fields).ok()?, column(&mut fields).ok()?),
        },
        _ => return None,
    };
    Some((reference, cells))
}

impl Books {
    /// Takes one of the records that are about the books that formulas refer to (`BrtSupSelf`, `BrtExternSheet` and others,
    /// [MS-XLSB] 2.4).
    fn add(&mut self, record: u16, mut fields: Fields<'_>) -> Result<(), TooShort> {
        if record == id::SHEET_REFERENCES {
            let count = fields.u32()?;
            for _ in 0..count {
                self.references
                    .push((fields.u32()?, fields.u32()?, fields.u32()?));
            }
            return Ok(());
        }
        if record == id::THIS_BOOK {
            self.this.get_or_insert(self.count);
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The range of a name, if it is on one sheet of this book.
    fn locate(&self, name: NameRecord, sheets: usize) -> Option<NamedRange> {
        let (book, first, last) = *self.references.get(usize::from(name.reference))?;
        let as_sheet = |index: u32| usize::try_from(index).ok().filter(|index| *index < sheets);
        if self.this != Some(book) || first != last {
            return None;
        }
        Some(NamedRange {
            name: name.name,
            scope: match name.scope {
                Some(scope) => Some(as_sheet(scope)?),
                None => None,
            },
            sheet: as_sheet(first)?,
            range: name.cells.range()?,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::source::xlsb::fields::tests::wide;
    use crate::source::xlsb::record::tests::{place, record};

    pub(in crate::source::xlsb) fn sheet_entry(state: u32, relation: &str, name: &str) -> Vec<u8> {
        let mut payload = [state, 7].map(u32::to_le_bytes).concat();
        payload.extend(wide(relation));
        payload.extend(wide(name));
        record(id::SHEET, &payload)
    }

    pub(in crate::source::xlsb) fn references(entries: &[[u32; 3]]) -> Vec<u8> {
        let mut payload = u32::try_from(entries.len()).unwrap().to_le_bytes().to_vec();
        payload.extend(entries.concat().iter().flat_map(|n| n.to_le_bytes()));
        record(id::SHEET_REFERENCES, &payload)
    }

    /// A `BrtName` with flags and scope.
    fn name_entry(flags: u32, scope: u32, name: &str, formula: &[u8]) -> Vec<u8> {
        let mut payload = flags.to_le_bytes().to_vec();
        payload.push(0);
        payload.extend(scope.to_le_bytes());
        payload.extend(wide(name));
        payload.extend(u32::try_from(formula.len()).unwrap().to_le_bytes());
        payload.extend(formula);
        payload.extend([0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        record(id::NAME, &payload)
    }

    pub(in crate::source::xlsb) fn area(
        token: u8,
        reference: u16,
        rows: [u32; 2],
        columns: [u16; 2],
    ) -> Vec<u8> {
        let mut formula = vec![token];
        formula.extend(reference.to_le_bytes());
        formula.extend(rows.map(u32::to_le_bytes).concat());
        formula.extend(columns.map(u16::to_le_bytes).concat());
        formula
    }

    fn lists(parts: &[Vec<u8>]) -> Result<Lists> {
        let bytes = parts.concat();
        Lists::read(Records::new(place(), bytes.as_slice()))
    }

    #[test]
    fn sheets_keep_their_order_and_visibility() {
        let null = [&[0_u8; 8], [0xFF; 4].as_slice(), &wide("no part")].concat();
        let lists = lists(&[
            record(id::WORKBOOK_PROPERTIES, &[0x21, 0, 1, 0]),
            sheet_entry(0, "rId1", "Žluť"),
            sheet_entry(1, "rId2", "b"),
            sheet_entry(2, "rId3", "c"),
            record(id::SHEET, &null),
        ])
        .unwrap();
        assert_eq!(lists.date_system, DateSystem::From1904);
        let found: Vec<_> = lists
            .sheets
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.visibility,
                    one.relationship.as_deref(),
                )
            })
            .collect();
        let wanted = [
            ("Žluť", Visibility::Visible, Some("rId1")),
            ("b", Visibility::Hidden, Some("rId2")),
            ("c", Visibility::VeryHidden, Some("rId3")),
            ("no part", Visibility::Visible, None),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn names_of_ranges_in_this_book_are_found() {
        const WHOLE: u32 = u32::MAX;
        // C5, relative to nothing.
        let cell = [0x3A, 1, 0, 4, 0, 0, 0, 2, 0];
        let whole_columns = area(0x5B, 0, [0, 1_048_575], [0x4001, 0xC002]);
        let lists = lists(&[
            sheet_entry(0, "rId1", "One"),
            sheet_entry(0, "rId2", "Two"),
            record(id::OTHER_BOOK, &wide("rId9")),
            record(id::ADD_IN, &[]),
            record(id::THIS_BOOK, &[]),
            references(&[
                [2, 0, 0],
                [2, 1, 1],
                [0, 0, 0],
                [2, 0, 1],
                [2, WHOLE, WHOLE],
                [2, 2, 2],
            ]),
            name_entry(0, WHOLE, "cell", &cell),
            name_entry(0, 1, "columns", &whole_columns),
            name_entry(0x21, 0, "_FilterDatabase", &area(0x3B, 0, [1, 2], [0, 3])),
            // Of another book, over several sheets, of a sheet that is gone or never was.
            name_entry(0, WHOLE, "x", &area(0x3B, 2, [1, 2], [0, 3])),
            name_entry(0, WHOLE, "x", &area(0x3B, 3, [1, 2], [0, 3])),
            name_entry(0, WHOLE, "x", &area(0x3B, 4, [1, 2], [0, 3])),
            name_entry(0, WHOLE, "x", &area(0x3B, 5, [1, 2], [0, 3])),
            name_entry(0, WHOLE, "x", &area(0x3B, 6, [1, 2], [0, 3])),
            name_entry(0, 2, "x", &area(0x3B, 0, [1, 2], [0, 3])),
            // No range: rows in the wrong order, a lost reference, a sum, a constant, a macro, nothing.
            name_entry(0, WHOLE, "x", &area(0x3B, 0, [2, 1], [0, 3])),
            name_entry(0, WHOLE, "x", &area(0x3D, 0, [1, 2], [0, 3])),
            name_entry(0, WHOLE, "x", &area(0x1B, 0, [1, 2], [0, 3])),
            name_entry(0, WHOLE, "x", &[cell.as_slice(), &cell, &[0x03]].concat()),
            name_entry(0, WHOLE, "x", &[0x1E, 5, 0]),
            name_entry(0b1010, WHOLE, "x", &cell),
            name_entry(0, WHOLE, "x", &[]),
        ])
        .unwrap();
        let found: Vec<_> = lists
            .names
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.scope,
                    one.sheet,
                    one.range.to_string(),
                )
            })
            .collect();
        let wanted = [
            ("cell", None, 1, "C5:C5".to_string()),
            ("columns", Some(1), 0, "B1:C1048576".to_string()),
            ("_xlnm._FilterDatabase", Some(0), 0, "A2:D3".to_string()),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn counts_and_lengths_are_not_believed() {
        let sheet = sheet_entry(0, "rId1", "One");
        for damaged in [
            vec![],
            vec![
                sheet.clone(),
                record(id::SHEET_REFERENCES, &[0xFF, 0xFF, 0xFF, 0xFF, 0]),
            ],
            vec![sheet.clone(), record(id::NAME, &[0; 8])],
            vec![sheet.clone(), record(id::SHEET, &[0; 9])],
            vec![sheet, record(id::WORKBOOK_PROPERTIES, &[])],
        ] {
            let error = lists(&damaged).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        }
    }
}
