//! The cells of a worksheet part (ECMA-376 Part 1, §18.3.1.99 worksheet), as a stream.

use std::ops::ControlFlow;

use quick_xml::events::Event;

use super::plain_cell::{Next, PlainValue, plain_cell};
use super::plain_row::{PLAIN_DEPTH, PlainBounds, RowLabel, behind_blanks, next_row};
use super::tags::{
    CellTag, RowTag, Surroundings, cell_tag, hidden_columns, is_sheet, row_tag, shown,
};
use super::text;
use super::value::{self, CellType};
use crate::error::{Error, Result};
use crate::model::address::MAX_ROWS;
use crate::source::fidelity::Fidelity;
use crate::source::workbook::{Content, Flow, SheetVisitor, address};
use crate::source::xml::{self, XmlReader, is_blank};

/// One reading of a sheet.
pub(super) struct SheetScan<'a> {
    reader: XmlReader<'a>,
    around: Surroundings<'a>,
    visitor: &'a mut dyn SheetVisitor,
    /// Where the next cell is that has no reference.
    next: Next,
    /// Where the next row is that has no number.
    next_row: u32,
    /// What is read without the parser; `None` for nothing.
    bounds: Option<PlainBounds>,
    texts: Texts,
}

/// Which end of the row at hand may be read without the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowEnd {
    /// `</row>`, as the row began with `<row`.
    Plain,
    /// Any other: its name has a prefix, or elements are open in it.
    Other,
}

/// The texts of the cell at hand, in memory that is used again.
#[derive(Debug, Default)]
struct Texts {
    /// Its value as written.
    value: String,
    /// Its text, decoded.
    decoded: String,
    scratch: String,
    /// Of what is decoded.
    fidelity: Fidelity,
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
        let bounds = PlainBounds::within(reader.limits());
        Self {
            reader,
            around,
            visitor,
            next: Next {
                row: 0,
                column: 0,
                label: RowLabel::of(0),
            },
            next_row: 0,
            bounds,
            texts: Texts::default(),
        }
    }

    /// Leaves everything to the parser, to compare with.
    #[cfg(test)]
    pub(super) fn by_parser_alone(mut self) -> Self {
        self.bounds = None;
        self
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
                        let end = if tag.name().into_inner() == "row" {
                            RowEnd::Plain
                        } else {
                            RowEnd::Other
                        };
                        let row = row_tag(&tag, self.next_row, &self.around)?;
                        if self.start_row(row)?.is_break() || self.cells(end)?.is_break() {
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
        self.next.row = row.row;
        self.next.column = 0;
        self.next.label = RowLabel::of(row.row);
        self.next_row = row.row.saturating_add(1);
        if row.hidden && row.row < MAX_ROWS {
            return self.visitor.hidden_row(row.row);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the cells of the row that has just started, and of those behind it as far as all is plain.
    fn cells(&mut self, end: RowEnd) -> Flow {
        let outer = self.reader.depth();
        loop {
            let is_in_row = self.reader.depth() == outer;
            let end = if is_in_row { end } else { RowEnd::Other };
            if self.plain_cells(end)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            match self.reader.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "c" => {
                        let cell = cell_tag(&tag, self.next.row, self.next.column, &self.around)?;
                        self.place(cell);
                        if self.cell(cell)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    "AlternateContent" | "Fallback" => {}
                    _ => self.reader.skip(),
                },
                Event::Empty(tag) if tag.local_name().as_ref() == "c" => {
                    let cell = cell_tag(&tag, self.next.row, self.next.column, &self.around)?;
                    self.place(cell);
                }
                _ => {}
            }
            if self.reader.depth() < outer {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    /// Reads cells and rows in the common shapes, up to the first in another.
    fn plain_cells(&mut self, end: RowEnd) -> Flow {
        let deepest = self.reader.depth().saturating_add(PLAIN_DEPTH);
        let is_deep = u64::from(deepest) > self.reader.limits().xml_depth;
        let Some(bounds) = self.bounds.filter(|_| !is_deep) else {
            return Ok(ControlFlow::Continue(()));
        };
        while let Some(bytes) = self.reader.rest()? {
            let mut rest = bytes;
            loop {
                if let Some(cell) = plain_cell(rest, &self.next, bounds) {
                    let content = match cell.value {
                        None => None,
                        Some(PlainValue::Own(content)) => Some(content),
                        Some(PlainValue::Shared(index)) => {
                            if !self.around.strings.reach(index)? {
                                break; // the parser knows what it is called in the file
                            }
                            self.around.shared(index)
                        }
                    };
                    self.next.row = cell.row;
                    self.next.column = cell.column.saturating_add(1);
                    self.next_row = cell.row.saturating_add(1);
                    if let Some(content) = content {
                        let at = address(self.around.path, cell.row, cell.column)?;
                        let format = self.around.styles.format(cell.style);
                        if self.visitor.cell(at, content, format)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    rest = cell.rest;
                } else if end == RowEnd::Plain
                    && let Some((row, behind)) = next_row(rest, self.next_row, bounds)
                {
                    self.next.row = row;
                    self.next.column = 0;
                    self.next.label = RowLabel::of(row);
                    self.next_row = row.saturating_add(1);
                    rest = behind;
                } else if let Some(behind) = behind_blanks(rest) {
                    rest = behind;
                } else {
                    break;
                }
            }
            let (taken, is_all) = (bytes.len() - rest.len(), rest.is_empty());
            self.reader.take(taken);
            if taken == 0 || !is_all {
                break;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The next cell or row without a reference follows this one.
    fn place(&mut self, cell: CellTag) {
        self.next.row = cell.row;
        self.next.column = cell.column.saturating_add(1);
        self.next_row = cell.row.saturating_add(1);
    }

    /// Reads the elements of the cell that has just started.
    fn cell(&mut self, cell: CellTag) -> Flow {
        let outer = self.reader.depth();
        let mut elements = Elements::default();
        let texts = &mut self.texts;
        texts.value.clear();
        texts.fidelity = Fidelity::Exact;
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
                        texts.fidelity = text::read_item(
                            &mut self.reader,
                            &mut texts.scratch,
                            &mut texts.decoded,
                        )?;
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
        decode(cell, elements, texts);
        if texts.fidelity == Fidelity::Replaced {
            self.visitor.replaced();
        }
        let Some(content) = content(cell, elements, texts, &mut self.around)? else {
            return Ok(ControlFlow::Continue(()));
        };
        let at = address(path, cell.row, cell.column)?;
        self.visitor.cell(at, content, format)
    }
}

/// Decodes the text of a cell whose value is one, if it has escapes.
fn decode(cell: CellTag, elements: Elements, texts: &mut Texts) {
    let is_text = matches!(
        cell.cell_type,
        CellType::FormulaString | CellType::InlineString
    );
    let is_of_item = elements.inline && !texts.decoded.is_empty();
    let is_wanted = !is_of_item || cell.cell_type == CellType::FormulaString;
    if is_text && is_wanted && elements.value {
        texts.decoded.clear();
        texts.fidelity = text::unescape(&texts.value, &mut texts.decoded);
    }
}

/// What a cell holds; `None` for nothing.
fn content<'t>(
    cell: CellTag,
    elements: Elements,
    texts: &'t Texts,
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
    Ok(around.shared(index))
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
