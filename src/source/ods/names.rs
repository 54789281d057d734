//! Names of ranges and of tables, and the addresses in them (OpenDocument 1.3 part 3, 9.4.11, 9.4.15 and 18.3.3).

use std::collections::HashMap;

use super::tag::{Space, Tag};
use super::xml::{Node, Xml};
use crate::error::Result;
use crate::model::address::CellRange;
use crate::model::sheet::{NamedRange, SheetEntry, SheetTable};

/// How LibreOffice begins the names of ranges that have a filter but no name.
const ANONYMOUS: &str = "__Anonymous_Sheet_DB__";

/// The names of a workbook, as the file has them.
#[derive(Debug, Default)]
pub(super) struct Names {
    ranges: Vec<Named>,
    tables: Vec<Named>,
}

#[derive(Debug, Default)]
struct Named {
    name: String,
    /// The place of the sheet that alone knows the name.
    scope: Option<usize>,
    address: String,
    has_header: bool,
}

impl Names {
    /// Reads the list of names (`table:named-expressions` or `table:database-ranges`) whose start was the last event, to
    /// its end. `scope` is the place of the sheet that the list belongs to, if it does.
    ///
    /// # Errors
    /// What is wrong with the XML; `WorkbookTooLarge`.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>, scope: Option<usize>) -> Result<()> {
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            let (is_range, mut named) = match xml.next()? {
                Node::Start(tag) => match tag.name() {
                    (Space::Table, "named-range") => (true, Named::of(&tag)?),
                    (Space::Table, "database-range") => (false, Named::of(&tag)?),
                    _ => continue,
                },
                _ => continue,
            };
            xml.hold(named.name.len() + named.address.len())?;
            named.scope = scope;
            if named.name.is_empty() || named.name.starts_with(ANONYMOUS) {
                continue;
            }
            match is_range {
                true => self.ranges.push(named),
                false => self.tables.push(named),
            }
        }
        Ok(())
    }

    /// The names of ranges of these sheets.
    pub(super) fn ranges(&self, sheets: &[SheetEntry]) -> Vec<NamedRange> {
        let places = places(sheets);
        let ranges = self.ranges.iter().filter_map(|named| {
            let (sheet, range) = range_of(&named.address, &places)?;
            Some(NamedRange {
                name: named.name.clone(),
                scope: named.scope,
                sheet,
                range,
            })
        });
        ranges.collect()
    }

    /// The tables of these sheets.
    pub(super) fn tables(&self, sheets: &[SheetEntry]) -> Vec<SheetTable> {
        let places = places(sheets);
        let tables = self.tables.iter().filter_map(|named| {
            let (sheet, range) = range_of(&named.address, &places)?;
            Some(SheetTable {
                name: named.name.clone(),
                sheet,
                range,
                header_rows: u32::from(named.has_header),
                totals_rows: 0,
            })
        });
        tables.collect()
    }
}

impl Named {
    fn of(tag: &Tag<'_>) -> Result<Self> {
        let mut named = Self {
            has_header: true,
            ..Self::default()
        };
        let mut has_columns = true;
        for attribute in tag.attributes() {
            let attribute = attribute?;
            let (Space::Table, name) = attribute.name() else {
                continue;
            };
            let value = attribute.value()?;
            match name {
                "name" => named.name = value.into_owned(),
                "cell-range-address" | "target-range-address" => {
                    named.address = value.into_owned();
                }
                "contains-header" => named.has_header = value != "false",
                // Records side by side: the titles are no row.
                "orientation" => has_columns = value != "column",
                _ => {}
            }
        }
        named.has_header &= has_columns;
        Ok(named)
    }
}

/// The place of each sheet; of several with one name, the first.
fn places(sheets: &[SheetEntry]) -> HashMap<&str, usize> {
    let sheets = sheets.iter().enumerate().rev();
    sheets
        .map(|(place, sheet)| (sheet.name.as_str(), place))
        .collect()
}

/// A range and the place of its sheet: `$Sheet1.$A$1:.$B$4`, `'Bob''s.sheet'.A1`. None for several areas, for areas over
/// several sheets, and for what is no address.
fn range_of(address: &str, sheets: &HashMap<&str, usize>) -> Option<(usize, CellRange)> {
    let (first, last) = corners(address.trim())?;
    let (sheet, first) = sheet_and_cell(first)?;
    let sheet = sheet_place(sheet, sheets)?;
    let last = match last {
        None => first,
        Some(last) => {
            let (last_sheet, last) = sheet_and_cell(last)?;
            let same = last_sheet.is_empty() || sheet_place(last_sheet, sheets) == Some(sheet);
            same.then_some(last)?
        }
    };
    // Whole rows and columns have no corner of their own: both are read together.
    let range = format!("{first}:{last}").parse().ok()?;
    Some((sheet, range))
}

/// The two sides of the colon that is outside of quotes. None with white space there: a list of areas.
fn corners(address: &str) -> Option<(&str, Option<&str>)> {
    let (mut quoted, mut colon) = (false, None);
    for (at, c) in address.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            ':' if colon.is_none() && !address[at..].starts_with("://") => colon = Some(at),
            c if c.is_whitespace() => return None,
            _ => {}
        }
    }
    Some(match colon {
        Some(at) => (&address[..at], Some(&address[at + 1..])),
        None => (address, None),
    })
}

/// A corner's sheet, which may be missing, and its cell.
fn sheet_and_cell(corner: &str) -> Option<(&str, &str)> {
    let (sheet, cell) = corner.rsplit_once('.')?;
    Some((sheet.strip_prefix('$').unwrap_or(sheet), cell))
}

fn sheet_place(name: &str, sheets: &HashMap<&str, usize>) -> Option<usize> {
    let place = |name: &str| sheets.get(name).copied();
    let unquoted = name
        .strip_prefix('\'')
        .and_then(|name| name.strip_suffix('\''))
        .map(|name| name.replace("''", "'"));
    // Sheets that mirror another file have quotes in their names.
    unquoted
        .and_then(|name| place(&name))
        .or_else(|| place(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sheet::{SheetKind, Visibility};

    fn range(address: &str) -> Option<(usize, String)> {
        let names = [
            "Sheet1",
            "My sheet",
            "Bob's: a.b",
            "'file:///a b.ods'#Sheet1",
        ];
        let sheets = names.map(|name| SheetEntry {
            name: name.into(),
            kind: SheetKind::Worksheet,
            visibility: Visibility::Visible,
        });
        range_of(address, &places(&sheets)).map(|(sheet, range)| (sheet, range.to_string()))
    }

    #[test]
    fn addresses_name_a_sheet_and_cells() {
        for (address, sheet, cells) in [
            ("$Sheet1.$A$1:.$B$4", 0, "A1:B4"),
            ("$Sheet1.$A$1:$Sheet1.$B$4", 0, "A1:B4"),
            ("Sheet1.C7", 0, "C7:C7"),
            ("$'My sheet'.$A$1:$'My sheet'.$B$4", 1, "A1:B4"),
            ("$'Bob''s: a.b'.$A$1:.$B$4", 2, "A1:B4"),
            ("'file:///a b.ods'#Sheet1.$A$7", 3, "A7:A7"),
            ("$Sheet1.$A:.$B", 0, "A1:B1048576"),
            ("$Sheet1.$3:.$4", 0, "A3:XFD4"),
        ] {
            assert_eq!(range(address), Some((sheet, cells.into())), "{address}");
        }
        for address in [
            "",
            ".",
            "'",
            "$Sheet1.#REF!",
            "Sheet9.A1",
            "Sheet1.A1:'My sheet'.B2",
            "Sheet1.A1 Sheet1.B2",
            "Sheet1.A1:.A2 Sheet1.B2:.B3",
            "Sheet1.A1:.B2:.C3",
            "A1",
        ] {
            assert_eq!(range(address), None, "{address}");
        }
    }
}
