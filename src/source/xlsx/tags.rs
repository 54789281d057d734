//! What the tags of a worksheet part say (ECMA-376 Part 1, §18.3.1).

use std::path::Path;

use quick_xml::events::BytesStart;

use super::shared_strings::SharedTexts;
use super::styles::Styles;
use super::value::{self, CellType};
use crate::error::{Error, Result};
use crate::model::address::MAX_COLUMNS;
use crate::source::workbook::{Content, broken};
use crate::source::xml;

/// What the cells of a sheet refer to.
pub(super) struct Surroundings<'a> {
    /// The workbook.
    pub(super) path: &'a Path,
    /// The sheet's name.
    pub(super) sheet: &'a str,
    /// The shared strings.
    pub(super) strings: &'a mut SharedTexts,
    /// The styles.
    pub(super) styles: &'a Styles,
}

impl Surroundings<'_> {
    /// The shared string with this number as a cell's content, if it is read and not empty.
    #[inline]
    pub(super) fn shared(&self, index: u32) -> Option<Content<'_>> {
        let text = self.strings.get(index).filter(|text| text.bytes > 0);
        text.map(Content::Shared)
    }

    /// The error of a sheet that is damaged.
    pub(super) fn broken(&self, how: &str) -> Error {
        broken(self.path, &format!("its sheet {:?} {how}", self.sheet))
    }
}

/// Root elements of the parts that a workbook's list of sheets may point to (§12.3).
pub(super) fn is_sheet(name: &str) -> bool {
    matches!(
        name,
        "worksheet" | "chartsheet" | "dialogsheet" | "macrosheet"
    )
}

/// What a cell's tag says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CellTag {
    /// The row, from 0; may be beyond any sheet.
    pub(super) row: u32,
    /// The column, from 0; may be beyond any sheet.
    pub(super) column: u32,
    /// The cell style.
    pub(super) style: usize,
    /// The type.
    pub(super) cell_type: CellType,
}

/// As much of a wrong value as an error shows.
pub(super) fn shown(value: &str) -> String {
    const SHOWN_CHARS: usize = 20;
    value.chars().take(SHOWN_CHARS).collect()
}

/// What a row's tag says.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowTag {
    /// The row, from 0; may be beyond any sheet.
    pub(super) row: u32,
    /// Whether it is hidden.
    pub(super) hidden: bool,
}

/// Reads a row's tag; `next` is where the row is without a reference.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn row_tag(
    tag: &BytesStart<'_>,
    next: u32,
    around: &Surroundings<'_>,
) -> Result<RowTag> {
    let mut row = RowTag {
        row: next,
        hidden: false,
    };
    for (name, value) in xml::attributes(tag) {
        match name {
            "r" => match row_number(value) {
                Some(number) => row.row = number,
                None if value.is_empty() => {}
                None => {
                    let how = format!("has a row with the number {:?}", shown(value));
                    return Err(around.broken(&how));
                }
            },
            "hidden" => row.hidden = xml::is_true(value),
            _ => {}
        }
    }
    Ok(row)
}

/// A row's number, from 0. Some programs write whole numbers as decimal fractions.
fn row_number(text: &str) -> Option<u32> {
    let number = match value::index(text) {
        Some(number) => number,
        None => {
            let (whole, fraction) = text.split_once('.')?;
            let is_whole = fraction.bytes().all(|digit| digit == b'0');
            value::index(whole).filter(|_| is_whole)?
        }
    };
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    number.checked_sub(1)
}

/// Reads a cell's tag; `row` and `next_column` are where the cell is without a reference.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn cell_tag(
    tag: &BytesStart<'_>,
    row: u32,
    next_column: u32,
    around: &Surroundings<'_>,
) -> Result<CellTag> {
    let mut cell = CellTag {
        row,
        column: next_column,
        style: 0,
        cell_type: CellType::Number,
    };
    for (name, value) in xml::attributes(tag) {
        match name {
            "r" => match reference(value.as_bytes()) {
                Some((row, column)) => (cell.row, cell.column) = (row, column),
                None if value.is_empty() => {}
                None => {
                    let how = format!("has a cell with the address {:?}", shown(value));
                    return Err(around.broken(&how));
                }
            },
            "s" => cell.style = value::index(value).unwrap_or(usize::MAX),
            "t" => cell.cell_type = CellType::of(value),
            _ => {}
        }
    }
    Ok(cell)
}

/// Row and column, from 0, of a reference such as `C17`. They may be beyond any sheet.
pub(super) fn reference(text: &[u8]) -> Option<(u32, u32)> {
    /// Enough for any sheet, and few enough for 32 bits.
    const MAX_LETTERS: usize = 5;
    const MAX_DIGITS: usize = 9;
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic());
    let (letters, digits) = text.split_at(letters.count());
    let is_sized = letters.len() <= MAX_LETTERS && digits.len() <= MAX_DIGITS;
    if !is_sized || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut column = 0_u32;
    for letter in letters {
        column = column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1;
    }
    let mut row = 0_u32;
    for digit in digits {
        row = row * 10 + u32::from(digit - b'0');
    }
    Some((row.checked_sub(1)?, column.checked_sub(1)?))
}

/// The columns, from 0, that a tag of columns (§18.3.1.13 col) hides.
pub(super) fn hidden_columns(tag: &BytesStart<'_>) -> Option<(u32, u32)> {
    let column = |name: &str| -> Option<u32> {
        let number = value::index(&xml::attribute(tag, name)?)?;
        u32::try_from(number).ok()?.checked_sub(1)
    };
    let hidden = xml::attribute(tag, "hidden").is_some_and(|hidden| xml::is_true(&hidden));
    let (first, last) = (column("min")?, column("max")?.min(MAX_COLUMNS - 1));
    (hidden && first <= last).then_some((first, last))
}
