//! How many cells an ods spans, before calamine makes room for them, and whether its XML ends.
//!
//! A row of a few bytes can stand for a million rows of thousands of filled cells (`number-rows-repeated`), and calamine
//! writes all of them out, for every sheet. And it waits for the end of a table for ever when the content ends before.
//! So the content is walked first; only the repetitions are looked at.

use std::path::Path;

use quick_xml::events::{BytesStart, Event};

use super::limits::{over_grid, package};
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::Limits;
use crate::source::package::PartKind;
use crate::source::xml::XmlReader;

/// calamine lays out a cell's value, and its formula.
const GRIDS: u64 = 2;

/// Refuses an ods whose content does not end as XML does, or whose sheets span more cells than memory bears.
pub(super) fn refuse_unreadable_content(path: &Path, limits: &Limits) -> Result<()> {
    let Some(mut package) = package(path, limits) else {
        return Ok(()); // calamine says what is wrong
    };
    let verdict = match package.xml("content.xml", PartKind::List) {
        Ok(None) => Ok(Verdict::Fine),
        Ok(Some(content)) => walk(content, limits.grid_cells / GRIDS),
        Err(error) => Err(error),
    };
    match verdict {
        Ok(Verdict::Fine) => Ok(()),
        Ok(Verdict::TooLarge) => Err(over_grid(path, limits)),
        Err(error) if error.kind() != ErrorKind::WorkbookBroken => Err(error),
        Err(cause) => Err(Error::new(
            ErrorKind::WorkbookBroken,
            format!(
                "{} is damaged: its content is cut off or is not XML",
                path.display()
            ),
        )
        .in_file(path)
        .caused_by(cause)
        .next_step("Copy or download the file again, or save it anew with a spreadsheet program")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    TooLarge,
}

fn walk(mut content: XmlReader<'_>, most: u64) -> Result<Verdict> {
    let mut extents = Extents::default();
    loop {
        match content.next()? {
            Event::Start(tag) => extents.start(&tag),
            Event::Empty(tag) => {
                extents.start(&tag);
                extents.end(tag.name().as_ref());
            }
            Event::End(tag) => extents.end(tag.name().as_ref()),
            Event::Eof => return Ok(Verdict::Fine),
            _ => {}
        }
        if extents.cells > most {
            return Ok(Verdict::TooLarge);
        }
    }
}

/// What the tables read so far span, as rectangles from column A and the first filled row (ODF 1.2 part 1, §9.1).
#[derive(Debug, Default)]
struct Extents {
    /// Cells of all tables.
    cells: u64,
    /// Cells of the tables before this one.
    earlier_cells: u64,
    /// The rightmost filled column of this table, from 1.
    width: u64,
    /// Rows from the first filled one to the last filled one.
    height: u64,
    /// Empty rows since.
    empty_rows: u64,
    row: Row,
}

#[derive(Debug, Default)]
struct Row {
    repeated: u64,
    /// Columns up to the last filled one.
    width: u64,
    /// Empty cells since.
    empty_cells: u64,
}

impl Extents {
    fn start(&mut self, tag: &BytesStart<'_>) {
        match tag.name().as_ref() {
            "table:table" => {
                self.earlier_cells = self.cells;
                (self.width, self.height, self.empty_rows) = (0, 0, 0);
            }
            "table:table-row" => {
                self.row = Row {
                    repeated: number(tag, "table:number-rows-repeated"),
                    ..Row::default()
                };
            }
            "table:table-cell" | "table:covered-table-cell" => self.row.cell(tag),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if name != "table:table-row" {
            return;
        }
        let row = std::mem::take(&mut self.row);
        if row.width > 0 {
            self.width = self.width.max(row.width);
            self.height = self.height.saturating_add(self.empty_rows);
            self.height = self.height.saturating_add(row.repeated);
            self.empty_rows = 0;
            let cells = self.height.saturating_mul(self.width);
            self.cells = self.earlier_cells.saturating_add(cells);
        } else if self.height > 0 {
            self.empty_rows = self.empty_rows.saturating_add(row.repeated);
        }
    }
}

impl Row {
    fn cell(&mut self, tag: &BytesStart<'_>) {
        let repeated = number(tag, "table:number-columns-repeated");
        // A value or a formula; a style alone fills no cell.
        let is_filled = tag
            .attributes()
            .with_checks(false)
            .flatten()
            .any(|attribute| {
                let key = attribute.key.as_ref();
                key.starts_with("office:") || key == "table:formula"
            });
        if is_filled {
            self.width = self.width.saturating_add(self.empty_cells);
            self.width = self.width.saturating_add(repeated);
            self.empty_cells = 0;
        } else {
            self.empty_cells = self.empty_cells.saturating_add(repeated);
        }
    }
}

/// A repetition: 1 where the attribute is missing or no number.
fn number(tag: &BytesStart<'_>, name: &str) -> u64 {
    tag.attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.as_ref() == name)
        .and_then(|attribute| attribute.value.parse().ok())
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` for what is broken.
    fn walked(content: &str) -> Option<Verdict> {
        let limits = Limits::default();
        let path = Path::new("a.ods");
        let reader = XmlReader::open(path, "content.xml", content.as_bytes(), &limits);
        walk(reader.unwrap(), 8 << 20).ok()
    }

    fn verdict(tables: &str) -> Verdict {
        walked(&format!("<a><table:table>{tables}</table:table></a>")).unwrap()
    }

    const FILLED: &str = "<table:table-cell office:value=\"1\"/>";

    fn row(repeated: u64, cells: &str) -> String {
        format!(
            "<table:table-row table:number-rows-repeated=\"{repeated}\">{cells}</table:table-row>"
        )
    }

    #[test]
    fn content_that_ends_too_early_is_broken() {
        let content = format!("<a><table:table>{}</table:table></a>", row(1, FILLED));
        assert_eq!(walked(&content), Some(Verdict::Fine));
        for len in 1..content.len() {
            assert_eq!(walked(&content[..len]), None, "{len}");
        }
    }

    #[test]
    fn repeated_empty_cells_and_rows_at_the_end_are_free() {
        let empty =
            "<table:table-cell table:style-name=\"x\" table:number-columns-repeated=\"16384\"/>";
        let table = [
            row(1, &format!("{FILLED}{empty}")),
            row(1_048_575, empty),
            "</table:table><table:table>".into(),
            row(1_000_000, empty),
            row(1, FILLED),
        ];
        assert_eq!(verdict(&table.concat()), Verdict::Fine);
    }

    #[test]
    fn repeated_filled_cells_and_gaps_count() {
        let hundred =
            "<table:table-cell office:value=\"1\" table:number-columns-repeated=\"100\"/>";
        assert_eq!(verdict(&row(80_000, hundred)), Verdict::Fine);
        assert_eq!(verdict(&row(100_000, hundred)), Verdict::TooLarge);
        let gap = [row(1, hundred), row(1_000_000, ""), row(1, FILLED)].concat();
        assert_eq!(verdict(&gap), Verdict::TooLarge);
        let tables =
            [row(60_000, hundred), row(60_000, hundred)].join("</table:table><table:table>");
        assert_eq!(verdict(&tables), Verdict::TooLarge);
        let endless = row(u64::MAX, hundred);
        assert_eq!(verdict(&endless), Verdict::TooLarge);
    }
}
