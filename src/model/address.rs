//! Where a cell is, in A1 notation (ECMA-376 Part 1, §18.18.62 ST_Ref).

use std::fmt;

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
    fn sheet_names_are_quoted_as_formulas_quote_them() {
        let address = CellAddress { row: 16, column: 2 };
        assert_eq!(qualified("Sheet1", address), "Sheet1!C17");
        assert_eq!(qualified("Año.2024", address), "Año.2024!C17");
        assert_eq!(qualified("My sheet", address), "'My sheet'!C17");
        assert_eq!(qualified("Bob's", address), "'Bob''s'!C17");
        assert_eq!(qualified("2024", address), "'2024'!C17");
    }
}
