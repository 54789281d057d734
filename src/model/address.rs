//! Where a cell is, in A1 notation (ECMA-376 Part 1, §18.18.62 ST_Ref).

use std::fmt;
use std::str::FromStr;

use super::text_form::serde_as_text;

/// A cell's position in its sheet. Both numbers count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellAddress {
    /// The row, from 0.
    pub row: u32,
    /// The column, from 0.
    pub column: u32,
}

impl fmt::Display for CellAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            column_letters(self.column),
            u64::from(self.row) + 1
        )
    }
}

/// Rows and columns of the largest sheet that Excel and LibreOffice make ([MS-XLSB] 2.5, UncheckedRw and UncheckedCol).
pub const MAX_ROWS: u32 = 1_048_576;
/// See [`MAX_ROWS`].
pub const MAX_COLUMNS: u32 = 16_384;

/// A rectangle of cells, both corners included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellRange {
    /// The upper left cell.
    pub first: CellAddress,
    /// The lower right cell; not above or left of the first.
    pub last: CellAddress,
}

impl CellRange {
    /// Whether a cell is in it.
    #[must_use]
    pub fn contains(&self, at: CellAddress) -> bool {
        (self.first.row..=self.last.row).contains(&at.row)
            && (self.first.column..=self.last.column).contains(&at.column)
    }
}

impl fmt::Display for CellRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.first, self.last)
    }
}

impl FromStr for CellAddress {
    type Err = NotAnAddress;

    /// Reads `C17`, in any case and with or without `$`.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        match Corner::parse(text)? {
            Corner {
                row: Some(row),
                column: Some(column),
            } => Ok(Self { row, column }),
            _ => Err(NotAnAddress),
        }
    }
}

impl FromStr for CellRange {
    type Err = NotAnAddress;

    /// Reads `A3:F200`, `B:D` (whole columns), `3:20` (whole rows) and `C17`, in any case, with or without `$`, the
    /// corners in any order.
    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let (one, other) = text.split_once(':').unwrap_or((text, text));
        let (one, other) = (Corner::parse(one)?, Corner::parse(other)?);
        let is_whole = |corner: Corner| corner.row.is_none() || corner.column.is_none();
        if one.row.is_some() != other.row.is_some()
            || one.column.is_some() != other.column.is_some()
            || (is_whole(one) && !text.contains(':'))
        {
            return Err(NotAnAddress);
        }
        let span = |one: Option<u32>, other: Option<u32>, size: u32| match (one, other) {
            (Some(one), Some(other)) => (one.min(other), one.max(other)),
            _ => (0, size - 1),
        };
        let rows = span(one.row, other.row, MAX_ROWS);
        let columns = span(one.column, other.column, MAX_COLUMNS);
        Ok(Self {
            first: CellAddress {
                row: rows.0,
                column: columns.0,
            },
            last: CellAddress {
                row: rows.1,
                column: columns.1,
            },
        })
    }
}

serde_as_text!(CellRange);

/// The text is no cell or range in A1 notation, or none that a sheet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAddress;

impl fmt::Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cell or range such as A3:F200")
    }
}

impl std::error::Error for NotAnAddress {}

/// One side of a range.
#[derive(Debug, Clone, Copy)]
struct Corner {
    row: Option<u32>,
    column: Option<u32>,
}

impl Corner {
    fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.strip_prefix('$').unwrap_or(text);
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (letters, digits) = text.split_at(letters);
        let digits = match digits.strip_prefix('$') {
            Some(rest) if !letters.is_empty() => rest,
            _ => digits,
        };
        if letters.is_empty() && digits.is_empty() || letters.len() > 3 || digits.len() > 7 {
            return Err(NotAnAddress);
        }
        let mut column = 0_u32;
        for letter in letters.bytes() {
            column = column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1;
        }
        let row = if digits.is_empty() {
            None
        } else if digits.bytes().all(|digit| digit.is_ascii_digit()) {
            let row: u32 = digits.parse().map_err(|_| NotAnAddress)?;
            Some(row.checked_sub(1).ok_or(NotAnAddress)?)
        } else {
            return Err(NotAnAddress);
        };
        let column = column.checked_sub(1);
        if row.is_some_and(|row| row >= MAX_ROWS) || column.is_some_and(|at| at >= MAX_COLUMNS) {
            return Err(NotAnAddress);
        }
        Ok(Self { row, column })
    }
}

/// The letters of a column counted from 0: 0 is `A`, 26 is `AA`.
#[must_use]
pub fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        let digit = ((rest - 1) % 26) as u8;
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// A cell with its sheet, as formulas write it: `Sheet1!C17`, `'My sheet'!C17`.
#[must_use]
pub fn qualified(sheet: &str, address: CellAddress) -> String {
    let plain = sheet
        .chars()
        .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        && sheet.chars().next().is_some_and(|c| !c.is_numeric());
    if plain {
        format!("{sheet}!{address}")
    } else {
        format!("'{}'!{address}", sheet.replace('\'', "''"))
    }
}

/// The address of a cell that is named with its sheet.
#[must_use]
pub fn address_of(cell: &str) -> Option<CellAddress> {
    let sheet_end = cell.rfind('!').map_or(0, |mark| mark + 1);
    cell.get(sheet_end..)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_follow_the_spreadsheet_alphabet() {
        for (column, letters) in [
            (0, "A"),
            (25, "Z"),
            (26, "AA"),
            (51, "AZ"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ] {
            assert_eq!(column_letters(column), letters);
        }
        assert_eq!(column_letters(u32::MAX), "MWLQKWV");
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        for (text, shown) in [
            ("A3:F200", "A3:F200"),
            ("$a$3:$f$200", "A3:F200"),
            ("F200:A3", "A3:F200"),
            ("F3:A200", "A3:F200"),
            ("B:D", "B1:D1048576"),
            ("3:20", "A3:XFD20"),
            ("$3:$20", "A3:XFD20"),
            ("C17", "C17:C17"),
        ] {
            let range: CellRange = text.parse().unwrap();
            assert_eq!(range.to_string(), shown, "{text}");
        }
        for text in [
            "",
            ":",
            "A",
            "3",
            "A0",
            "A1:",
            "A1:B",
            "1:B",
            "XFE1",
            "A1048577",
            "A1:B2:C3",
            "AB",
            "A-1",
            "A+1",
            "A1 ",
            "AAAAAAAA1",
            "$",
            "$$A1",
            "é1",
            "A99999999999",
        ] {
            assert_eq!(text.parse::<CellRange>(), Err(NotAnAddress), "{text}");
        }
        assert_eq!("c17".parse(), Ok(CellAddress { row: 16, column: 2 }));
    }

    #[test]
    fn sheet_names_are_quoted_as_formulas_quote_them() {
        let address = CellAddress { row: 16, column: 2 };
        assert_eq!(qualified("Sheet1", address), "Sheet1!C17");
        assert_eq!(qualified("Año.2024", address), "Año.2024!C17");
        assert_eq!(qualified("My sheet", address), "'My sheet'!C17");
        assert_eq!(qualified("Bob's", address), "'Bob''s'!C17");
        assert_eq!(qualified("2024", address), "'2024'!C17");
    }
}
