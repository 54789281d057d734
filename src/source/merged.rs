//! Gives all cells of a merged range its value.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::workbook::{Content, Flow, SheetVisitor};
use crate::model::address::{CellAddress, CellRange};
use crate::model::cell::{CellError, FormatId};
use crate::model::code_page::CodePage;

/// The value of a range's upper left cell, kept until the last row of the range.
#[derive(Debug, Clone)]
enum Kept {
    Bool(bool),
    Number(f64),
    Digits(String),
    Text(String),
    Iso(String),
    Error(CellError),
    Uncached,
}

impl Kept {
    fn of(content: Content<'_>) -> Self {
        match content {
            Content::Bool(truth) => Self::Bool(truth),
            Content::Number(value) => Self::Number(value),
            Content::Digits(digits) => Self::Digits(digits.to_owned()),
            Content::Text(text) => Self::Text(text.to_owned()),
            Content::Shared(shared) => Self::Text(shared.text().to_owned()),
            Content::Iso(text) => Self::Iso(text.to_owned()),
            Content::Error(error) => Self::Error(error),
            Content::Uncached => Self::Uncached,
        }
    }

    fn content(&self) -> Content<'_> {
        match self {
            Self::Bool(truth) => Content::Bool(*truth),
            Self::Number(value) => Content::Number(*value),
            Self::Digits(digits) => Content::Digits(digits),
            Self::Text(text) => Content::Text(text),
            Self::Iso(text) => Content::Iso(text),
            Self::Error(error) => Content::Error(*error),
            Self::Uncached => Content::Uncached,
        }
    }
}

/// Stands between a reader and a visitor, and adds the cells that merged ranges cover.
///
/// Rows that have no cell of their own are added only above one that has: what is below the last cell is no row.
pub(super) struct MergeFill<'a> {
    inner: &'a mut dyn SheetVisitor,
    /// By upper left cell.
    waiting: BTreeMap<CellAddress, CellRange>,
    /// Ranges whose value is known and that reach further down, by their first column.
    open: Vec<(CellRange, Kept, FormatId)>,
    row: u32,
}

impl<'a> MergeFill<'a> {
    pub(super) fn new(inner: &'a mut dyn SheetVisitor, merged: Vec<CellRange>) -> Self {
        let waiting = merged.into_iter().map(|range| (range.first, range));
        Self {
            inner,
            waiting: waiting.collect(),
            open: Vec::new(),
            row: 0,
        }
    }

    /// Adds the covered cells of the rows up to this one.
    fn advance(&mut self, row: u32) -> Flow {
        while self.row < row {
            if self.open.is_empty() {
                self.row = row;
                break;
            }
            self.row += 1;
            let at = self.row;
            self.open.retain(|(range, ..)| range.last.row >= at);
            for (range, kept, format) in &self.open {
                for column in range.first.column..=range.last.column {
                    let at = CellAddress { row: at, column };
                    if self.inner.cell(at, kept.content(), *format)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn is_covered(&self, at: CellAddress) -> bool {
        let mut open = self.open.iter();
        open.any(|(range, ..)| range.contains(at) && range.first != at)
    }
}

impl SheetVisitor for MergeFill<'_> {
    fn dimension(&mut self, range: CellRange) {
        self.inner.dimension(range);
    }

    fn hidden_columns(&mut self, first: u32, last: u32) {
        self.inner.hidden_columns(first, last);
    }

    fn hidden_row(&mut self, row: u32) -> Flow {
        self.inner.hidden_row(row)
    }

    fn replaced(&mut self) {
        self.inner.replaced();
    }

    fn guessed(&mut self, page: CodePage) {
        self.inner.guessed(page);
    }

    fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow {
        if self.advance(at.row)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        // A value below a merged range is not displayed; the range's is.
        if self.is_covered(at) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.inner.cell(at, content, format)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let Some(range) = self.waiting.remove(&at) else {
            return Ok(ControlFlow::Continue(()));
        };
        for column in range.first.column.saturating_add(1)..=range.last.column {
            let at = CellAddress { column, ..at };
            if self.inner.cell(at, content, format)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.open.push((range, Kept::of(content), format));
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Collect(Vec<(String, String)>);

    impl SheetVisitor for Collect {
        fn dimension(&mut self, _range: CellRange) {}
        fn hidden_columns(&mut self, _first: u32, _last: u32) {}
        fn hidden_row(&mut self, _row: u32) -> Flow {
            Ok(ControlFlow::Continue(()))
        }
        fn cell(&mut self, at: CellAddress, content: Content<'_>, _format: FormatId) -> Flow {
            let text = match content {
                Content::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            };
            self.0.push((at.to_string(), text));
            Ok(ControlFlow::Continue(()))
        }
    }

    #[test]
    fn covered_cells_get_the_value_down_to_the_last_row_with_a_cell() {
        let mut out = Collect::default();
        let merged = ["A1:A4", "B1:C2", "B4:B9"].map(|range| range.parse().unwrap());
        let mut fill = MergeFill::new(&mut out, merged.to_vec());
        for (at, text) in [
            ("A1", "a"),
            ("B1", "b"),
            ("C2", "below"),
            ("D2", "d"),
            ("B4", "e"),
            ("C5", "f"),
        ] {
            let at = at.parse().unwrap();
            assert!(
                fill.cell(at, Content::Text(text), FormatId(0))
                    .unwrap()
                    .is_continue()
            );
        }
        let cells: Vec<String> = out
            .0
            .iter()
            .map(|(at, text)| format!("{at}={text}"))
            .collect();
        assert_eq!(
            cells,
            [
                "A1=a", "B1=b", "C1=b", "A2=a", "B2=b", "C2=b", "D2=d", "A3=a", "A4=a", "B4=e",
                "B5=e", "C5=f"
            ]
        );
    }
}
