//! The cells of a worksheet part (ECMA-376 Part 1, §18.3.1.99 worksheet), as a stream.

use std::ops::ControlFlow;

use quick_xml::events::Event;

use super::plain_cell::{PlainCell, plain_cell};
use super::tags::{
    CellTag, RowTag, Surroundings, cell_tag, hidden_columns, is_sheet, row_tag, shown,
};
use super::text;
use super::value::{self, CellType};
use crate::error::{Error, Result};
use crate::model::address::MAX_ROWS;
use crate::source::workbook::{Content, Flow, SheetVisitor, address};
use crate::source::xml::{self, XmlReader, is_blank};

/// One reading of a sheet.
pub(super) struct SheetScan<'a> {
    reader: XmlReader<'a>,
    around: Surroundings<'a>,
    visitor: &'a mut dyn SheetVisitor,
    /// The row at hand, and where the next one is that has no reference.
    row: u32,
    next_row: u32,
    /// Where the next cell is that has no reference.
    next_column: u32,
    texts: Texts,
}

/// The texts of the cell at hand, in memory that is used again.
#[derive(Debug, Default)]
struct Texts {
    /// Its value as written.
    value: String,
    /// Its text, decoded.
    decoded: String,
    scratch: String,
}

/// Which elements a cell has.
#[derive(Debug, Clone, Copy, Default)]
struct Elements {
    formula: bool,
    value: bool,
    inline: bool,
}

impl<'a> SheetScan<'a> {
    /// A reading from the part's start.
    pub(super) fn new(
        reader: XmlReader<'a>,
        around: Surroundings<'a>,
        visitor: &'a mut dyn SheetVisitor,
    ) -> Self {
        Self {
            reader,
            around,
            visitor,
            row: 0,
            next_row: 0,
            next_column: 0,
            texts: Texts::default(),
        }
    }

    /// Tells the visitor what the sheet holds.
    ///
    /// # Errors
    /// Whatever the visitor returns, and what is wrong with the file.
    pub(super) fn run(mut self) -> Flow {
        let mut has_root = false;
        loop {
            let event = self.reader.next()?;
            let is_whole = matches!(event, Event::Empty(_));
            match event {
                Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                    name if !has_root => {
                        has_root = is_sheet(name);
                        if !has_root {
                            return Err(self.around.broken("is in a part that is no sheet"));
                        }
                    }
                    "dimension" => {
                        let range = xml::attribute(&tag, "ref");
                        if let Some(range) = range.and_then(|range| range.parse().ok()) {
                            self.visitor.dimension(range);
                        }
                    }
                    "col" => {
                        if let Some((first, last)) = hidden_columns(&tag) {
                            self.visitor.hidden_columns(first, last);
                        }
                    }
                    "sheetData" => {
                        if !is_whole && self.rows()?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                        self.reader.drain()?;
                        return Ok(ControlFlow::Continue(()));
                    }
                    _ => {}
                },
                Event::Eof if !has_root => {
                    return Err(self.around.broken("is in a part that is empty"));
                }
                Event::Eof => return Ok(ControlFlow::Continue(())),
                _ => {}
            }
        }
    }

    fn rows(&mut self) -> Flow {
        let outer = self.reader.depth();
        loop {
            match self.reader.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "row" => {
                        let row = row_tag(&tag, self.next_row, &self.around)?;
                        if self.start_row(row)?.is_break() || self.cells()?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    "AlternateContent" | "Fallback" => {}
                    _ => self.reader.skip(),
                },
                Event::Empty(tag) if tag.local_name().as_ref() == "row" => {
                    let row = row_tag(&tag, self.next_row, &self.around)?;
                    if self.start_row(row)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                _ => {}
            }
            if self.reader.depth() < outer {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn start_row(&mut self, row: RowTag) -> Flow {
        self.row = row.row;
        self.next_row = row.row.saturating_add(1);
        self.next_column = 0;
        if row.hidden && row.row < MAX_ROWS {
            return self.visitor.hidden_row(row.row);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn cells(&mut self) -> Flow {
        let outer = self.reader.depth();
        loop {
            if self.plain_cells()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            match self.reader.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "c" => {
                        let cell = cell_tag(&tag, self.row, self.next_column, &self.around)?;
                        self.place(cell);
                        if self.cell(cell)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    "AlternateContent" | "Fallback" => {}
                    _ => self.reader.skip(),
                },
                Event::Empty(tag) if tag.local_name().as_ref() == "c" => {
                    let cell = cell_tag(&tag, self.row, self.next_column, &self.around)?;
                    self.place(cell);
                }
                _ => {}
            }
            if self.reader.depth() < outer {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    /// Reads cells in the common shape, up to the first in another.
    fn plain_cells(&mut self) -> Flow {
        while let Some(rest) = self.reader.rest()? {
            let Some(plain) = plain_cell(rest, self.row, self.next_column) else {
                break;
            };
            let PlainCell { tag, value, bytes } = plain;
            self.row = tag.row;
            self.next_row = tag.row.saturating_add(1);
            self.next_column = tag.column.saturating_add(1);
            let (path, format) = (self.around.path, self.around.styles.format(tag.style));
            let content = match value {
                None => None,
                Some(value) if tag.cell_type == CellType::SharedString => {
                    shared(tag, value, &mut self.around)?
                }
                Some(value) => value::content(tag.cell_type, value),
            };
            if let Some(content) = content {
                let at = address(path, tag.row, tag.column)?;
                if self.visitor.cell(at, content, format)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.reader.take(bytes);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The next cell or row without a reference follows this one.
    fn place(&mut self, cell: CellTag) {
        self.row = cell.row;
        self.next_row = cell.row.saturating_add(1);
        self.next_column = cell.column.saturating_add(1);
    }

    /// Reads the elements of the cell that has just started.
    fn cell(&mut self, cell: CellTag) -> Flow {
        let outer = self.reader.depth();
        let mut elements = Elements::default();
        let texts = &mut self.texts;
        texts.value.clear();
        loop {
            match self.reader.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "v" => {
                        elements.value = true;
                        self.reader.text(&mut texts.value)?;
                    }
                    "f" => {
                        elements.formula = true;
                        self.reader.skip();
                    }
                    "is" => {
                        elements.inline = true;
                        texts.decoded.clear();
                        text::read_item(&mut self.reader, &mut texts.scratch, &mut texts.decoded)?;
                    }
                    "AlternateContent" | "Fallback" => {}
                    _ => self.reader.skip(),
                },
                Event::Empty(tag) if tag.local_name().as_ref() == "f" => elements.formula = true,
                _ => {}
            }
            if self.reader.depth() < outer {
                break;
            }
        }
        let (path, format) = (self.around.path, self.around.styles.format(cell.style));
        let Some(content) = content(cell, elements, texts, &mut self.around)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let at = address(path, cell.row, cell.column)?;
        self.visitor.cell(at, content, format)
    }
}

/// What a cell holds; `None` for nothing.
fn content<'t>(
    cell: CellTag,
    elements: Elements,
    texts: &'t mut Texts,
    around: &'t mut Surroundings<'_>,
) -> Result<Option<Content<'t>>> {
    let of_item = cell.cell_type == CellType::InlineString || !elements.value;
    if elements.inline && of_item && !(texts.decoded.is_empty() && elements.value) {
        let is_empty = texts.decoded.is_empty();
        return Ok((!is_empty).then_some(Content::Text(&texts.decoded)));
    }
    let is_blank_value = texts.value.trim_matches(is_blank).is_empty();
    match cell.cell_type {
        _ if !elements.value => Ok(elements.formula.then_some(Content::Uncached)),
        CellType::SharedString if is_blank_value => Ok(None),
        CellType::SharedString => shared(cell, &texts.value, around),
        CellType::FormulaString | CellType::InlineString => {
            if !texts.value.contains('_') {
                return Ok(value::content(cell.cell_type, &texts.value));
            }
            texts.decoded.clear();
            text::unescape(&texts.value, &mut texts.decoded);
            Ok(value::content(cell.cell_type, &texts.decoded))
        }
        _ if is_blank_value => Ok(elements.formula.then_some(Content::Uncached)),
        cell_type => Ok(value::content(cell_type, &texts.value)),
    }
}

fn shared<'t>(
    cell: CellTag,
    value: &str,
    around: &'t mut Surroundings<'_>,
) -> Result<Option<Content<'t>>> {
    let index = value::index(value).and_then(|index| u32::try_from(index).ok());
    let index = match index {
        Some(index) if around.strings.reach(index)? => index,
        _ => return Err(no_string(cell, value, around)?),
    };
    let text = around.strings.get(index).filter(|text| text.bytes > 0);
    Ok(text.map(Content::Shared))
}

/// The error of a cell that refers to a string that is not there.
#[cold]
fn no_string(cell: CellTag, value: &str, around: &mut Surroundings<'_>) -> Result<Error> {
    let at = address(around.path, cell.row, cell.column)?;
    let count = around.strings.read_all()?;
    let value = shown(value);
    Ok(around.broken(&format!(
        "refers in {at} to the shared string {value:?} of {count}"
    )))
}
