//! The records of a worksheet: cells, hidden rows and columns, merged cells ([MS-XLS] 2.1.7.20.5, Worksheet Substream).

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::formats::Styles;
use super::kind;
use super::layout;
use super::order::{self, Sorted};
use super::records::{Joined, Record, Substream, Version, u16_at, u32_at, u64_at};
use super::strings::{Extent, Length, TextReader};
use crate::error::Result;
use crate::model::address::CellAddress;
use crate::model::cell::{CellError, FormatId};
use crate::model::code_page::CodePage;
use crate::model::shared_strings::SharedStrings;
use crate::source::fidelity::Fidelity;
use crate::source::workbook::{Content, Flow, SharedText, SheetVisitor, address, broken};

/// What the reading of a sheet needs to know of the workbook.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) path: &'a Path,
    pub(super) version: Version,
    pub(super) text: &'a TextReader,
    pub(super) styles: &'a Styles,
    pub(super) strings: &'a Arc<SharedStrings>,
}

/// Tells the visitor what a worksheet holds.
pub(super) fn read(
    around: Surroundings<'_>,
    mut records: Substream<'_>,
    visitor: &mut dyn SheetVisitor,
) -> Result<()> {
    layout::announce(records.clone(), visitor);
    let mut reader = SheetReader {
        around,
        visitor,
        ixfe: None,
        waiting: None,
        scratch: String::new(),
    };
    let flow = match order::sorted(&records, around.version) {
        None => reader.in_stream_order(&mut records)?,
        Some(sorted) => {
            let flow = reader.row_by_row(&sorted, &records)?;
            // To know whether the sheet has its end.
            records.by_ref().for_each(drop);
            flow
        }
    };
    if flow.is_break() {
        return Ok(());
    }
    if records.is_cut_off() {
        return Err(broken(around.path, "it ends in the middle of a sheet"));
    }
    Ok(())
}

/// A cell's place and looks.
#[derive(Debug, Clone, Copy)]
struct CellHead {
    at: CellAddress,
    format: FormatId,
    /// Its XF record, where the cell has its number.
    xf: Option<u16>,
}

/// Where the fields of a record begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Row, column and three bytes of attributes.
    Attributes,
    /// Row, column and the number of an XF record.
    Xf,
}

impl Layout {
    /// Where what comes behind the head begins.
    fn content(self) -> usize {
        match self {
            Self::Attributes => 7,
            Self::Xf => 6,
        }
    }

    fn length(self) -> Length {
        match self {
            Self::Attributes => Length::Byte,
            Self::Xf => Length::Word,
        }
    }
}

struct SheetReader<'a, 'v> {
    around: Surroundings<'a>,
    visitor: &'v mut dyn SheetVisitor,
    /// The XF record of the cells that follow, in BIFF2.
    ixfe: Option<u16>,
    /// The formula whose text has yet to come.
    waiting: Option<CellHead>,
    /// Each text in turn.
    scratch: String,
}

const CONTINUE: Flow = Ok(ControlFlow::Continue(()));

impl SheetReader<'_, '_> {
    fn in_stream_order(&mut self, records: &mut Substream<'_>) -> Flow {
        while let Some(record) = records.next() {
            if self.record(&record, records)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.no_result()
    }

    /// Reads the records of cells, each with the text of its formula behind it, by their rows.
    fn row_by_row(&mut self, sorted: &Sorted, all: &Substream<'_>) -> Flow {
        let mut hidden_rows = sorted.hidden_rows.iter().copied().peekable();
        for cell in &sorted.cells {
            while let Some(hidden) = hidden_rows.next_if(|hidden| *hidden <= cell.row()) {
                if self.visitor.hidden_row(hidden)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.ixfe = cell.ixfe;
            let mut records = all.from(cell.at);
            let mut flow = CONTINUE?;
            if let Some(record) = records.next() {
                flow = self.record(&record, &records)?;
            }
            while self.waiting.is_some()
                && let Some(record) = records.next()
                && !order::is_cell(record.kind, self.around.version)
            {
                if matches!(record.kind, kind::STRING | kind::STRING_2) {
                    flow = self.record(&record, &records)?;
                }
            }
            if flow.is_break() || self.no_result()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        CONTINUE
    }

    fn record(&mut self, record: &Record<'_>, behind: &Substream<'_>) -> Flow {
        let early = self.around.version <= Version::Biff4;
        match record.kind {
            kind::ROW | kind::ROW_2 => match layout::hidden_row(record) {
                Some(row) => self.visitor.hidden_row(row),
                None => CONTINUE,
            },
            kind::STRING | kind::STRING_2 => self.string(record, behind.joined(record)),
            kind::NUMBER => self.number(record, Layout::Xf),
            kind::NUMBER_2 if early => self.number(record, Layout::Attributes),
            kind::RK => self.rk(record),
            kind::MUL_RK => self.mul_rk(record),
            kind::INTEGER_2 if early => self.integer(record),
            kind::LABEL_SST => self.label_sst(record),
            kind::LABEL | kind::RICH_STRING => {
                self.label(record, Layout::Xf, behind.joined(record))
            }
            kind::LABEL_2 if early => self.label(record, Layout::Attributes, behind.joined(record)),
            kind::BOOL_ERR => self.bool_or_error(record, Layout::Xf),
            kind::BOOL_ERR_2 if early => self.bool_or_error(record, Layout::Attributes),
            kind::FORMULA if self.around.version == Version::Biff2 => {
                self.formula(record, Layout::Attributes)
            }
            kind::FORMULA | kind::FORMULA_3 | kind::FORMULA_4 => self.formula(record, Layout::Xf),
            kind::IXFE => {
                self.ixfe = u16_at(record.body, 0);
                CONTINUE
            }
            _ => CONTINUE,
        }
    }

    /// The head of the next cell, which ends the wait for the text of the one before.
    fn head(&mut self, record: &Record<'_>, layout: Layout) -> Result<CellHead> {
        let at = self.place(record)?;
        let body = record.body;
        let (format, xf) = match layout {
            Layout::Attributes => {
                let attributes = body.get(4..).and_then(|body| body.first_chunk());
                let attributes = attributes.ok_or_else(|| self.short(at))?;
                let format = self.around.styles.of_attributes(*attributes, self.ixfe);
                (format, None)
            }
            Layout::Xf => {
                let xf = u16_at(body, 4).ok_or_else(|| self.short(at))?;
                (self.around.styles.of_xf(xf), Some(xf))
            }
        };
        Ok(CellHead { at, format, xf })
    }

    fn place(&self, record: &Record<'_>) -> Result<CellAddress> {
        let place = (u16_at(record.body, 0), u16_at(record.body, 2));
        let (Some(row), Some(column)) = place else {
            return Err(broken(
                self.around.path,
                "the record of a cell is too short to say where it is",
            ));
        };
        address(self.around.path, u32::from(row), u32::from(column))
    }

    fn short(&self, at: CellAddress) -> crate::error::Error {
        let how = format!("the record of cell {at} is too short");
        broken(self.around.path, &how).at_cell(at.to_string())
    }

    /// Hands over a cell.
    fn give(&mut self, head: CellHead, content: Content<'_>) -> Flow {
        if self.no_result()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.visitor.cell(head.at, content, head.format)
    }

    /// Hands over the formula whose text never came.
    fn no_result(&mut self) -> Flow {
        match self.waiting.take() {
            Some(head) => self.visitor.cell(head.at, Content::Uncached, head.format),
            None => CONTINUE,
        }
    }

    /// Hands over the text at hand.
    fn give_scratch(&mut self, head: CellHead, extent: Extent, guessed: Option<u16>) -> Flow {
        if self.no_result()?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if self.scratch.is_empty() {
            return CONTINUE;
        }
        if extent == Extent::Whole(Fidelity::Replaced) {
            self.visitor.replaced();
        }
        if let Some(page) = guessed.and_then(CodePage::numbered) {
            self.visitor.guessed(page);
        }
        let text = Content::Text(&self.scratch);
        self.visitor.cell(head.at, text, head.format)
    }

    /// [MS-XLS] 2.4.180 Number.
    fn number(&mut self, record: &Record<'_>, layout: Layout) -> Flow {
        let head = self.head(record, layout)?;
        let bits = u64_at(record.body, layout.content()).ok_or_else(|| self.short(head.at))?;
        self.give(head, Content::Number(f64::from_bits(bits)))
    }

    /// A whole number of 16 bits (OpenOffice.org's documentation, 5.60).
    fn integer(&mut self, record: &Record<'_>) -> Flow {
        let head = self.head(record, Layout::Attributes)?;
        let number = u16_at(record.body, 7).ok_or_else(|| self.short(head.at))?;
        self.give(head, Content::Number(f64::from(number)))
    }

    /// [MS-XLS] 2.4.220 RK.
    fn rk(&mut self, record: &Record<'_>) -> Flow {
        let head = self.head(record, Layout::Xf)?;
        let packed = u32_at(record.body, 6).ok_or_else(|| self.short(head.at))?;
        self.give(head, Content::Number(unpacked(packed)))
    }

    /// Numbers side by side ([MS-XLS] 2.4.175 MulRk): as many as there are, whatever the last column is said to be.
    fn mul_rk(&mut self, record: &Record<'_>) -> Flow {
        const LAST_COLUMN_BYTES: usize = 2;
        let first = self.place(record)?;
        let cells = record.body.len() - LAST_COLUMN_BYTES.min(record.body.len());
        let cells = record.body.get(4..cells).unwrap_or_default();
        for (column, cell) in (first.column..).zip(cells.chunks_exact(6)) {
            let at = address(self.around.path, first.row, column)?;
            let (Some(xf), Some(packed)) = (u16_at(cell, 0), u32_at(cell, 2)) else {
                break;
            };
            let format = self.around.styles.of_xf(xf);
            let number = Content::Number(unpacked(packed));
            let xf = Some(xf);
            if self.give(CellHead { at, format, xf }, number)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        CONTINUE
    }

    /// [MS-XLS] 2.4.149 LabelSst.
    fn label_sst(&mut self, record: &Record<'_>) -> Flow {
        let head = self.head(record, Layout::Xf)?;
        let index = u32_at(record.body, 6).ok_or_else(|| self.short(head.at))?;
        let Some(text) = SharedText::find(self.around.strings, index) else {
            let how = format!(
                "cell {} has text number {index} of the shared texts, which is not there",
                head.at
            );
            return Err(broken(self.around.path, &how).at_cell(head.at.to_string()));
        };
        if text.bytes == 0 {
            return self.no_result();
        }
        self.give(head, Content::Shared(text))
    }

    /// A text in the cell itself ([MS-XLS] 2.4.148 Label; OpenOffice.org's documentation, 5.86 RSTRING).
    fn label(&mut self, record: &Record<'_>, layout: Layout, mut from: Joined<'_>) -> Flow {
        let head = self.head(record, layout)?;
        from.skip(layout.content())
            .ok_or_else(|| self.short(head.at))?;
        self.scratch.clear();
        // Programs have miscounted here; what there is of the text is the text.
        let text = self.around.text;
        let (extent, guessed) =
            text.read_in_cell(head.xf, &mut from, layout.length(), &mut self.scratch);
        self.give_scratch(head, extent, guessed)
    }

    /// [MS-XLS] 2.4.24 BoolErr.
    fn bool_or_error(&mut self, record: &Record<'_>, layout: Layout) -> Flow {
        let head = self.head(record, layout)?;
        let at = layout.content();
        let (Some(value), Some(is_error)) = (record.body.get(at), record.body.get(at + 1)) else {
            return Err(self.short(head.at));
        };
        let content = match is_error {
            0 => Content::Bool(*value != 0),
            _ => Content::Error(CellError::from_code(*value)),
        };
        self.give(head, content)
    }

    /// A formula's result ([MS-XLS] 2.4.127 Formula and 2.5.133 FormulaValue).
    fn formula(&mut self, record: &Record<'_>, layout: Layout) -> Flow {
        let head = self.head(record, layout)?;
        let at = layout.content();
        let result = record.body.get(at..).and_then(|body| body.first_chunk());
        let result: [u8; 8] = *result.ok_or_else(|| self.short(head.at))?;
        if result[6..] != [0xFF, 0xFF] {
            return self.give(head, Content::Number(f64::from_le_bytes(result)));
        }
        match result[0] {
            0 => {
                let flow = self.no_result()?;
                self.waiting = Some(head);
                Ok(flow)
            }
            1 => self.give(head, Content::Bool(result[2] != 0)),
            2 => self.give(head, Content::Error(CellError::from_code(result[2]))),
            // An empty text.
            3 => self.no_result(),
            _ => self.give(head, Content::Uncached),
        }
    }

    /// The text that is the result of the formula before ([MS-XLS] 2.4.268 String). The records of shared formulas,
    /// arrays and data tables may come in between.
    fn string(&mut self, record: &Record<'_>, mut from: Joined<'_>) -> Flow {
        let Some(head) = self.waiting.take() else {
            return CONTINUE;
        };
        let length = match record.kind {
            kind::STRING_2 => Length::Byte,
            _ => Length::Word,
        };
        self.scratch.clear();
        let text = self.around.text;
        let (extent, guessed) = text.read_in_cell(head.xf, &mut from, length, &mut self.scratch);
        if extent == Extent::CutOff {
            let how = format!("the text of cell {} is cut off", head.at);
            return Err(broken(self.around.path, &how).at_cell(head.at.to_string()));
        }
        self.give_scratch(head, extent, guessed)
    }
}

/// A number in 30 bits: the upper ones of a float, or a whole number, either of them a hundredfold or not ([MS-XLS]
/// 2.5.217 RkNumber).
fn unpacked(packed: u32) -> f64 {
    const HUNDREDFOLD: u32 = 0x01;
    const WHOLE: u32 = 0x02;
    let number = if packed & WHOLE == 0 {
        f64::from_bits(u64::from(packed & !0x03) << 32)
    } else {
        f64::from(packed.cast_signed() >> 2)
    };
    if packed & HUNDREDFOLD == 0 {
        number
    } else {
        number / 100.0
    }
}
