//! Tables (ECMA-376 Part 1, §18.5) and merged cells (§18.3.1.55).

use std::collections::HashSet;

use quick_xml::events::{BytesStart, Event};

use super::workbook_part::text_attribute;
use crate::error::Result;
use crate::model::address::CellRange;
use crate::model::sheet::SheetTable;
use crate::source::package::{Package, PartKind};
use crate::source::workbook::too_large;
use crate::source::xml::{self, is_blank};

/// The most merged ranges of a sheet, which are held in memory.
const MAX_MERGED: usize = 1 << 22;

/// The tables of the sheet in this part, at this place in the list. Those without a range that can be are left out.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn tables(package: &mut Package, part: &str, sheet: usize) -> Result<Vec<SheetTable>> {
    let mut tables = Vec::new();
    for relationship in package.relationships(part)? {
        if relationship.kind != "table" || relationship.external {
            continue;
        }
        let Some(mut reader) = package.xml(&relationship.target, PartKind::List)? else {
            continue;
        };
        loop {
            match reader.next()? {
                Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "table" => {
                    tables.extend(table(&tag, sheet));
                    break;
                }
                Event::Eof => break,
                _ => {}
            }
        }
    }
    Ok(tables)
}

fn table(tag: &BytesStart<'_>, sheet: usize) -> Option<SheetTable> {
    let range: CellRange = xml::attribute(tag, "ref")?.parse().ok()?;
    let height = range.last.row - range.first.row + 1;
    let rows = |name: &str, otherwise: u32| -> u32 {
        let value = xml::attribute(tag, name);
        let value = value.and_then(|value| value.trim_matches(is_blank).parse().ok());
        value.unwrap_or(otherwise).min(height)
    };
    let header_rows = rows("headerRowCount", 1);
    Some(SheetTable {
        name: text_attribute(tag, "displayName").or_else(|| text_attribute(tag, "name"))?,
        sheet,
        range,
        header_rows,
        totals_rows: rows("totalsRowCount", 0).min(height - header_rows),
    })
}

/// The merged cells of the sheet in this part. References that are none are left out.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn merged_ranges(package: &mut Package, part: &str) -> Result<Vec<CellRange>> {
    let path = package.path().to_path_buf();
    let mut found = Vec::new();
    let mut known: HashSet<CellRange> = HashSet::new();
    let Some(mut reader) = package.xml(part, PartKind::Stream)? else {
        return Ok(found);
    };
    loop {
        match reader.next()? {
            Event::Start(tag) if tag.local_name().as_ref() == "sheetData" => reader.skip(),
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "mergeCell" => {
                let range = xml::attribute(&tag, "ref").and_then(|range| range.parse().ok());
                found.extend(range.filter(|range| known.insert(*range)));
            }
            Event::End(tag) if tag.local_name().as_ref() == "mergeCells" => break,
            Event::Eof => break,
            _ => {}
        }
        if found.len() > MAX_MERGED {
            return Err(too_large(&path, "has more merged cells than can be read"));
        }
    }
    Ok(found)
}
