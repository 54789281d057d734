//! One sheet of a workbook, or a part of it, as rows for a table.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::RowSource;
use super::assemble::{Refusal, RowAssembler};
use super::header::{DisplayNumber, SheetStart, read_start};
use super::merged::MergeFill;
use super::select::Selected;
use super::workbook::{Content, Flow, SheetVisitor, Workbook, late_row, over_limit};
use crate::error::{Error, Result};
use crate::model::address::{CellAddress, CellRange};
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::{Cell, FormatId};
use crate::model::code_page::CodePage;
use crate::model::limits::{Limit, Limits};
use crate::model::number_format::NumberFormat;
use crate::model::selection::{Hidden, MergedCells, ReadOptions};
use crate::model::sheet::{SheetDescription, SheetTotals};

/// A workbook whose sheets are read one after the other.
pub(super) type SharedWorkbook = Arc<Mutex<Box<dyn Workbook>>>;

/// A part of one sheet, ready to be read.
pub(super) struct SheetSource {
    workbook: SharedWorkbook,
    selected: Selected,
    description: SheetDescription,
    title_rows: Option<(u32, u32)>,
    reason_column: Option<u32>,
    hidden: Hidden,
    merged: Vec<CellRange>,
    limits: Limits,
}

impl SheetSource {
    /// Finds the sheet's header.
    ///
    /// # Errors
    /// `SheetEmpty`; what is wrong with the file.
    pub(super) fn open(
        path: &Path,
        workbook: &SharedWorkbook,
        selected: Selected,
        options: &ReadOptions,
        display: DisplayNumber,
        formats: &Arc<[NumberFormat]>,
    ) -> Result<Self> {
        let mut book = workbook.lock().unwrap_or_else(PoisonError::into_inner);
        let start = read_start(path, book.as_mut(), &selected, options, display)?;
        let merged = match options.merged {
            MergedCells::UpperLeft => Vec::new(),
            MergedCells::Fill => {
                let mut merged = book.merged_ranges(selected.sheet)?;
                // A title that is merged with the cells below it is no value of theirs.
                merged.retain(|range| range.first.row >= start.header.first_row);
                merged
            }
        };
        let SheetStart {
            header,
            title_rows,
            reason_column,
            hidden_columns,
            dimension,
        } = start;
        let last_row = dimension.map(|dimension| {
            let within = selected.range.map_or(u32::MAX, |range| range.last.row);
            dimension.last.row.min(within)
        });
        let declared_rows = last_row
            .filter(|last| *last > 0)
            .and_then(|last| last.checked_sub(header.first_row))
            .map(|rows| u64::from(rows) + 1);
        let entry = &book.sheets()[selected.sheet];
        let description = SheetDescription {
            file: path.to_owned(),
            sheet: entry.name.clone(),
            visibility: entry.visibility,
            date_system: book.date_system(),
            formats: Arc::clone(formats),
            header,
            hidden_columns,
            declared_columns: dimension
                .map(|dimension| declared_columns(dimension, selected.range, reason_column)),
            declared_rows,
        };
        drop(book);
        Ok(Self {
            workbook: Arc::clone(workbook),
            selected,
            description,
            title_rows,
            reason_column,
            hidden: options.hidden,
            merged,
            limits: options.limits,
        })
    }
}

impl RowSource for SheetSource {
    fn describe(&self) -> &SheetDescription {
        &self.description
    }

    fn read(&mut self, first: Batch, exchange: &mut dyn BatchExchange) -> Result<SheetTotals> {
        let mut workbook = self.workbook.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Rows {
            path: &self.description.file,
            assembler: RowAssembler::new(
                &self.description.header,
                first,
                self.limits.row_text_bytes,
                exchange,
            ),
            sheet: &self.description.sheet,
            cells_left: self.limits.cells,
            limits: &self.limits,
            range: self.selected.range,
            first_row: self.description.header.first_row,
            title_rows: self.title_rows,
            reason_column: self.reason_column,
            hidden: self.hidden,
            hidden_rows: RowSet::default(),
            last_above: None,
            last_skipped: None,
            lowest_row: 0,
            plain_row: None,
            doubts: Doubts::default(),
        };
        if self.merged.is_empty() {
            workbook.read_sheet(self.selected.sheet, &mut rows)?;
        } else {
            let mut fill = MergeFill::new(&mut rows, self.merged.clone());
            workbook.read_sheet(self.selected.sheet, &mut fill)?;
        }
        rows.assembler.finish()
    }

    fn widen(&mut self, first_column: u32, last_column: u32) {
        self.description.header.widen(first_column, last_column);
    }

    fn merged_ranges(&mut self) -> Result<Vec<CellRange>> {
        let mut workbook = self.workbook.lock().unwrap_or_else(PoisonError::into_inner);
        workbook.merged_ranges(self.selected.sheet)
    }
}

/// Hands the cells of the selected part to the assembler.
struct Rows<'a> {
    path: &'a Path,
    sheet: &'a str,
    /// How many more cells there may be.
    cells_left: u64,
    limits: &'a Limits,
    assembler: RowAssembler<'a>,
    range: Option<CellRange>,
    first_row: u32,
    title_rows: Option<(u32, u32)>,
    reason_column: Option<u32>,
    hidden: Hidden,
    hidden_rows: RowSet,
    last_above: Option<u32>,
    last_skipped: Option<u32>,
    /// The row furthest down of those that had a cell.
    lowest_row: u32,
    /// The row of the last cell, if all its cells are part of the table, whatever they hold.
    plain_row: Option<u32>,
    doubts: Doubts,
}

/// What is doubtful about the text of the cell that comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Doubts {
    /// Whether characters are none of the file's.
    replaced: bool,
    /// The code page that was guessed.
    guessed: Option<CodePage>,
}

impl Rows<'_> {
    /// The error of a sheet that passes a limit.
    #[cold]
    fn over(&self, limit: Limit) -> Error {
        let place = format!("its sheet {:?}", self.sheet);
        over_limit(self.path, &place, limit, limit.of(self.limits)).in_sheet(self.sheet)
    }

    fn is_title_row(&self, row: u32) -> bool {
        let mut title_rows = self.title_rows.into_iter();
        title_rows.any(|(first, last)| (first..=last).contains(&row))
    }

    #[cold]
    fn note(&mut self, doubts: Doubts, at: CellAddress) {
        let totals = self.assembler.totals_mut();
        if doubts.replaced {
            totals.replaced_texts += 1;
            totals.first_replaced.get_or_insert(at);
        }
        if let Some(page) = doubts.guessed {
            totals.guessed_texts += 1;
            totals.first_guessed.get_or_insert((at, page));
        }
    }

    /// Refuses a cell above the data that comes after data: the titles were found without it, so that it may be one of
    /// them. Data in any order is the assembler's.
    fn keep_order(&mut self, row: u32) -> Result<()> {
        if row < self.first_row && self.lowest_row >= self.first_row {
            return Err(late_row(self.path, row).in_sheet(self.sheet));
        }
        self.lowest_row = self.lowest_row.max(row);
        Ok(())
    }

    /// Whether a cell above the data, or one that is hidden, is not part of a row; then it is counted.
    fn is_left_out(&mut self, at: CellAddress, is_hidden: bool) -> bool {
        let is_above = at.row < self.first_row;
        if is_above && self.is_title_row(at.row) {
            return true;
        }
        if is_hidden && self.hidden == Hidden::Skip {
            if self.last_skipped.replace(at.row) != Some(at.row) {
                self.assembler.leave_out_hidden(at.row);
            }
            return true;
        }
        if is_above && self.last_above.replace(at.row) != Some(at.row) {
            self.assembler.totals_mut().rows_above_header += 1;
        }
        is_above
    }
}

impl SheetVisitor for Rows<'_> {
    fn dimension(&mut self, _range: CellRange) {}

    fn hidden_columns(&mut self, _first: u32, _last: u32) {}

    fn hidden_row(&mut self, row: u32) -> Flow {
        self.plain_row = None;
        self.hidden_rows.insert(row);
        Ok(ControlFlow::Continue(()))
    }

    fn replaced(&mut self) {
        self.doubts.replaced = true;
    }

    fn guessed(&mut self, page: CodePage) {
        self.doubts.guessed = Some(page);
    }

    fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow {
        if let Content::Shared(shared) = content {
            self.doubts.replaced |= shared.strings.is_replaced(shared.index);
        }
        let doubts = std::mem::take(&mut self.doubts);
        match self.cells_left.checked_sub(1) {
            Some(left) => self.cells_left = left,
            None => return Err(self.over(Limit::Cells)),
        }
        let is_plain = self.plain_row == Some(at.row);
        let mut is_hidden = false;
        if !is_plain {
            let is_outside = self.range.is_some_and(|range| !range.contains(at));
            if is_outside || self.reason_column == Some(at.column) {
                return Ok(ControlFlow::Continue(()));
            }
            self.keep_order(at.row)?;
            is_hidden = self.hidden_rows.contains(at.row);
            if self.is_left_out(at, is_hidden) {
                if self.is_title_row(at.row) {
                    self.note(doubts, at);
                }
                return Ok(ControlFlow::Continue(()));
            }
        }
        if doubts != Doubts::default() {
            self.note(doubts, at);
        }
        if matches!(content, Content::Uncached) {
            let totals = self.assembler.totals_mut();
            totals.uncached_formulas += 1;
            totals.first_uncached.get_or_insert(at);
        }
        let make = |batch: &mut Batch| to_cell(batch, content, format);
        let begins_row = match self.assembler.cell(self.path, at, make) {
            Ok(begins_row) => begins_row,
            Err(Refusal::RowText) => return Err(self.over(Limit::RowText)),
            Err(Refusal::Other(error)) => return Err(error),
        };
        if !is_plain {
            self.assembler.totals_mut().hidden_rows_read += u64::from(begins_row && is_hidden);
            let is_sifted = is_hidden || self.range.is_some() || self.reason_column.is_some();
            self.plain_row = (!is_sifted).then_some(at.row);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The first and last column of a sheet's cells by the file's word, without those that are not read.
fn declared_columns(
    dimension: CellRange,
    range: Option<CellRange>,
    reason_column: Option<u32>,
) -> (u32, u32) {
    let (mut first, mut last) = (dimension.first.column, dimension.last.column);
    if let Some(range) = range {
        (first, last) = (first.max(range.first.column), last.min(range.last.column));
    }
    if reason_column == Some(last) {
        last = last.saturating_sub(1);
    }
    (first, last)
}

/// Puts a cell's text into the batch and gives the cell.
#[inline]
fn to_cell(batch: &mut Batch, content: Content<'_>, format: FormatId) -> Result<Cell> {
    Ok(match content {
        Content::Bool(truth) => Cell::Bool(truth),
        Content::Number(value) => Cell::Number { value, format },
        Content::Digits(digits) => Cell::Digits {
            text: batch.push_text(digits)?,
            format,
        },
        Content::Text(text) => Cell::Text(batch.push_text(text)?),
        Content::Shared(shared) => batch.refer(shared.index, shared.bytes, shared.strings),
        Content::Iso(text) => Cell::Iso(batch.push_text(text)?),
        Content::Error(error) => Cell::Error(error),
        Content::Uncached => Cell::Empty,
    })
}

/// Rows by number, a bit each: at most 128 KiB.
#[derive(Debug, Default)]
struct RowSet {
    words: Vec<u64>,
}

impl RowSet {
    fn insert(&mut self, row: u32) {
        let word = (row / 64) as usize;
        // No sheet has more rows; a file that says so is refused when it has a cell there.
        if word >= (crate::model::address::MAX_ROWS / 64) as usize {
            return;
        }
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (row % 64);
    }

    fn contains(&self, row: u32) -> bool {
        let word = self.words.get((row / 64) as usize);
        word.is_some_and(|word| word & (1 << (row % 64)) != 0)
    }
}
