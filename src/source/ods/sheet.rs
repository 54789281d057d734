//! The rows and cells of one table (OpenDocument 1.3 part 3, 9.1).

use std::ops::ControlFlow;

use super::cell::{CellHead, count, saturated};
use super::duration::days_of_duration;
use super::repeats::{Excess, KeptRow, give_repeated};
use super::styles::Formats;
use super::tag::{Space, Tag};
use super::text::{Block, CellText};
use super::xml::{Node, Xml};
use crate::error::Result;
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS, MAX_ROWS};
use crate::model::cell::FormatId;
use crate::model::limits::Limit;
use crate::source::workbook::{Content, Flow, SheetVisitor, address, too_large};

/// The most merged ranges of a sheet.
const MAX_MERGES: usize = 1 << 20;

/// What all sheets of a workbook share.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    /// Number formats by styles.
    pub(super) formats: &'a Formats,
}

/// What to look for in a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What cells hold.
    Cells,
    /// Only which cells are merged.
    Merges,
}

/// A table that is being read.
pub(super) struct SheetReading<'a, 'v> {
    xml: Xml<'a>,
    shared: Shared<'a>,
    visitor: &'v mut dyn SheetVisitor,
    wanted: Wanted,
    /// Behind the last column of each stretch of columns, and the format of its cells; the default's as none.
    columns: Vec<(u32, Option<FormatId>)>,
    /// The row in hand.
    row: Row,
    head: CellHead,
    text: CellText,
    kept: KeptRow,
    excess: &'v mut Excess,
    merges: Vec<CellRange>,
}

/// A row's tag.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Its place, or that of the first it stands for.
    first: u32,
    /// How many it stands for.
    repeated: u64,
    format: Option<FormatId>,
    hidden: bool,
    /// The column of the next cell.
    column: u32,
}

impl Row {
    /// Behind the last row it stands for, as far as the sheet goes.
    fn end(&self) -> u32 {
        self.first
            .saturating_add(saturated(self.repeated))
            .min(MAX_ROWS)
    }
}

/// A child of a table.
enum Child {
    Column(Columns),
    Row(Row),
    Group,
    Other,
}

/// A column's tag.
struct Columns {
    repeated: u64,
    format: Option<FormatId>,
    hidden: bool,
}

/// A child of a row.
enum Part {
    Cell,
    Other,
}

impl<'a, 'v> SheetReading<'a, 'v> {
    /// The table whose start tag `xml` is behind.
    pub(super) fn new(
        xml: Xml<'a>,
        shared: Shared<'a>,
        visitor: &'v mut dyn SheetVisitor,
        wanted: Wanted,
        excess: &'v mut Excess,
    ) -> Self {
        Self {
            xml,
            shared,
            visitor,
            wanted,
            columns: Vec::new(),
            row: Row::default(),
            head: CellHead::default(),
            text: CellText::default(),
            kept: KeptRow::default(),
            excess,
            merges: Vec::new(),
        }
    }

    /// Reads the table to its end, or until the visitor breaks off. Gives the merged ranges if they are wanted.
    ///
    /// # Errors
    /// Whatever the visitor returns, and what is wrong with the file.
    pub(super) fn read(mut self) -> Result<Vec<CellRange>> {
        let mut has_rows = false;
        while self.xml.depth() > 0 {
            let next = self.row.end();
            let child = match self.xml.next()? {
                Node::Start(tag) => match tag.name() {
                    (Space::Table, "table-row") => {
                        Child::Row(row(&tag, next, self.shared.formats)?)
                    }
                    (Space::Table, "table-column") => {
                        Child::Column(columns(&tag, self.shared.formats)?)
                    }
                    (Space::Table, name) if is_group(name) => Child::Group,
                    _ => Child::Other,
                },
                _ => continue,
            };
            match child {
                Child::Row(row) => {
                    has_rows = true;
                    self.row = row;
                    if self.row()?.is_break() {
                        break;
                    }
                }
                Child::Column(columns) if !has_rows => {
                    self.columns(&columns);
                    self.xml.skip_element()?;
                }
                Child::Group => {}
                Child::Column(_) | Child::Other => self.xml.skip_element()?,
            }
        }
        Ok(self.merges)
    }

    fn columns(&mut self, columns: &Columns) {
        let first = self.columns.last().map_or(0, |(end, _)| *end);
        let end = first
            .saturating_add(saturated(columns.repeated))
            .min(MAX_COLUMNS);
        if first < end {
            self.columns.push((end, columns.format));
            if columns.hidden {
                self.visitor.hidden_columns(first, end - 1);
            }
        }
    }

    /// Reads the row whose start was the last event, to its end.
    fn row(&mut self) -> Flow {
        // A cell is given as it comes where that is its only time.
        let is_repeated = self.row.repeated > 1;
        self.kept.clear();
        if self.row.hidden && !is_repeated && self.row.first < MAX_ROWS {
            let flow = self.visitor.hidden_row(self.row.first)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        let outside = self.xml.depth().saturating_sub(1);
        while self.xml.depth() > outside {
            let part = match self.xml.next()? {
                Node::Start(tag) => match tag.name() {
                    (Space::Table, "table-cell" | "covered-table-cell") => {
                        self.head.read(&tag, self.shared.formats)?;
                        Part::Cell
                    }
                    _ => Part::Other,
                },
                _ => continue,
            };
            match part {
                Part::Cell if self.cell()?.is_break() => return Ok(ControlFlow::Break(())),
                Part::Cell => {}
                Part::Other => self.xml.skip_element()?,
            }
        }
        if is_repeated {
            return self.repeated_rows();
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Gives the rows that the one in hand stands for.
    fn repeated_rows(&mut self) -> Flow {
        if self.kept.is_empty() && !self.row.hidden {
            return Ok(ControlFlow::Continue(()));
        }
        for row in self.row.first..self.row.end() {
            if self.row.hidden && self.visitor.hidden_row(row)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.kept.give(row, self.visitor)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads the cell whose start was the last event, to its end. What it covers or hides counts, as with any other
    /// cell: a spreadsheet program gives it back when the cells are parted.
    fn cell(&mut self) -> Flow {
        let first = self.row.column;
        let end = first.saturating_add(saturated(self.head.repeated));
        self.row.column = end;
        self.merge(first, end)?;
        self.text.clear();
        if self.wanted == Wanted::Merges || self.head.needs_no_text() {
            self.xml.skip_element()?;
        } else {
            self.read_text()?;
        }
        if self.wanted == Wanted::Merges {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(content) = self.head.content(self.text.as_str()) else {
            return Ok(ControlFlow::Continue(()));
        };
        if let Content::Text(text) = content {
            self.check_text(text)?;
        }
        let path = self.xml.path();
        address(path, self.row.first, first)?;
        let times = self.head.repeated.saturating_mul(self.row.repeated);
        if let Err(limit) = self.excess.add(content, times, self.xml.limits()) {
            return Err(self.xml.over(limit));
        }
        let format = self.head.format(self.shared.formats, || {
            inherited(&self.row, &self.columns, first, self.shared.formats)
        });
        let content = match content {
            Content::Iso(text) if self.shared.formats.is_elapsed(format) => {
                // Below a day it would otherwise be taken for a time of day.
                days_of_duration(text).map_or(content, Content::Number)
            }
            other => other,
        };
        let columns = (first, end.min(MAX_COLUMNS));
        if self.row.repeated > 1 {
            self.kept.push(columns, content, format);
            if self.kept.bytes() as u64 > self.xml.limits().row_text_bytes {
                return Err(self.xml.over(Limit::RowText));
            }
            return Ok(ControlFlow::Continue(()));
        }
        give_repeated(self.visitor, self.row.first, columns, content, format)
    }

    /// Refuses a text that no cell has: attributes may be longer than paragraphs.
    fn check_text(&self, text: &str) -> Result<()> {
        match text.len() as u64 > self.xml.limits().string_bytes {
            true => Err(self.xml.over(Limit::String)),
            false => Ok(()),
        }
    }

    /// Reads the paragraphs directly in the cell; comments, drawings and tables in it have texts of their own.
    fn read_text(&mut self) -> Result<()> {
        let outside = self.xml.depth().saturating_sub(1);
        while self.xml.depth() > outside {
            let block = match self.xml.next()? {
                Node::Start(tag) => Block::of(&tag),
                _ => continue,
            };
            match block {
                Block::Paragraph => self.text.read_paragraph(&mut self.xml)?,
                Block::Around => {}
                Block::Other => self.xml.skip_element()?,
            }
        }
        Ok(())
    }

    /// Notes the rectangles that the cell in hand covers, in each row and column that it stands for.
    fn merge(&mut self, first: u32, end: u32) -> Result<()> {
        let (width, height) = self.head.spanned;
        if self.wanted != Wanted::Merges || (width <= 1 && height <= 1) {
            return Ok(());
        }
        for row in self.row.first..self.row.end() {
            for column in first..end.min(MAX_COLUMNS) {
                if self.merges.len() >= MAX_MERGES {
                    let what = "has more merged cells than can be read";
                    return Err(too_large(self.xml.path(), what));
                }
                let last = |first: u32, size: u32, limit: u32| {
                    first.saturating_add(size - 1).min(limit - 1)
                };
                self.merges.push(CellRange {
                    first: CellAddress { row, column },
                    last: CellAddress {
                        row: last(row, height, MAX_ROWS),
                        column: last(column, width, MAX_COLUMNS),
                    },
                });
            }
        }
        Ok(())
    }
}

/// The format of a cell without a style: the row's default, or else the column's (19.619).
fn inherited(
    row: &Row,
    columns: &[(u32, Option<FormatId>)],
    column: u32,
    formats: &Formats,
) -> FormatId {
    let of_column = || {
        let place = columns.partition_point(|(end, _)| *end <= column);
        columns.get(place).and_then(|(_, format)| *format)
    };
    row.format
        .or_else(of_column)
        .unwrap_or_else(|| formats.default())
}

/// Elements around columns or rows.
fn is_group(name: &str) -> bool {
    matches!(
        name,
        "table-columns"
            | "table-header-columns"
            | "table-column-group"
            | "table-rows"
            | "table-header-rows"
            | "table-row-group"
    )
}

fn row(tag: &Tag<'_>, first: u32, formats: &Formats) -> Result<Row> {
    let columns = columns_or_row(tag, formats, "number-rows-repeated")?;
    Ok(Row {
        first,
        repeated: columns.repeated,
        format: columns.format,
        hidden: columns.hidden,
        column: 0,
    })
}

fn columns(tag: &Tag<'_>, formats: &Formats) -> Result<Columns> {
    columns_or_row(tag, formats, "number-columns-repeated")
}

fn columns_or_row(tag: &Tag<'_>, formats: &Formats, repeated: &str) -> Result<Columns> {
    let mut columns = Columns {
        repeated: 1,
        format: None,
        hidden: false,
    };
    for attribute in tag.attributes() {
        let attribute = attribute?;
        let (Space::Table, name) = attribute.name() else {
            continue;
        };
        match name {
            name if name == repeated => columns.repeated = count(attribute.raw()),
            "default-cell-style-name" => {
                columns.format = Some(formats.of_style(&attribute.value()?));
            }
            "visibility" => {
                columns.hidden = matches!(attribute.raw(), "collapse" | "filter");
            }
            _ => {}
        }
    }
    Ok(columns)
}
