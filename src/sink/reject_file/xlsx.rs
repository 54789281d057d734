//! Rejected rows as a workbook, to be mended and loaded again.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use rust_xlsxwriter::{Color, Format as Style, Formula, Workbook, Worksheet, XlsxError};

use super::cell_text::{MAX_TEXT_UNITS, ambiguous, cut, fitting};
use super::place::Place;
use super::{Attempt, Format};
use crate::model::address::{CellAddress, MAX_COLUMNS, MAX_ROWS};
use crate::model::cell::CellError;
use crate::model::number_format::NumberFormat;
use crate::model::rejected_row::{REASON_TITLE, RejectedRow, RejectedSheet, StoredCell};
use crate::model::sheet::Titled;
use crate::model::value::{Decimal, MAX_EXACT_INTEGER};

const BUFFER_BYTES: usize = 1 << 16;
/// What a sheet's name holds at most, in UTF-16 units.
const MAX_NAME_UNITS: usize = 31;
/// The colours of Excel's style "Bad".
const FAULT_FILL: Color = Color::RGB(0x00FF_C7CE);
const FAULT_TEXT: Color = Color::RGB(0x009C_0006);
/// Widths of columns, in characters.
const WIDTHS: std::ops::RangeInclusive<usize> = 10..=40;
const REASON_WIDTH: f64 = 80.0;

/// A workbook with a sheet for each that rows were rejected of.
///
/// Each has the original's name, its titles in row 1, and its columns where they were; behind them is the column with
/// the reasons, which is no data when the file is loaded ([`REASON_TITLE`]). Cells have their values, types and number
/// formats, and those at fault are coloured. Texts are never formulas or links. Three things cannot be as they were:
/// days are counted from 1900 in every sheet, errors that the file format has not are `#VALUE!` (as Excel stores them,
/// too), and texts of more than 32,767 characters are cut, which the reason says.
pub(super) struct XlsxFile {
    place: Place,
    book: Book,
}

/// The workbook so far.
struct Book {
    workbook: Workbook,
    /// The names of its sheets, in small letters.
    names: HashSet<String>,
    /// The names of those that stay when the load begins again.
    kept: HashSet<String>,
    /// The sheets of the load that can go on, each where it was left.
    begun: Vec<Begun>,
    /// The one of them that rows are written to.
    current: Option<usize>,
    styles: Styles,
}

/// A sheet that rows were rejected of.
struct Begun {
    sheet: RejectedSheet,
    /// Its place in the workbook and the row that is written next; `None` when it is still to be made.
    next: Option<(usize, u32)>,
}

/// How a cell looks, by the code of its number format.
struct Styles {
    /// The code of cells that have no number.
    general: Arc<str>,
    plain: HashMap<Arc<str>, Style>,
    at_fault: HashMap<Arc<str>, Style>,
}

/// Whether a cell is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    AtFault,
}

impl XlsxFile {
    pub(super) fn open(place: Place) -> io::Result<Self> {
        if place.is_device() {
            return Err(io::Error::other("not a regular file"));
        }
        let book = Book::new(&place).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { place, book })
    }
}

impl Format for XlsxFile {
    fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Attempt {
        self.book.begin_sheet(sheet);
        Ok(())
    }

    fn row(&mut self, row: &RejectedRow) -> Attempt {
        Ok(self.book.row(row)?)
    }

    fn flush(&mut self) -> Attempt {
        Ok(())
    }

    fn keep(&mut self) -> Attempt {
        self.book.kept = self.book.names.clone();
        self.book.end_sheets();
        Ok(())
    }

    fn restart(&mut self) -> Attempt {
        // Each sheet has a name of its own.
        let kept = self.book.kept.len();
        self.book.workbook.worksheets_mut().truncate(kept);
        self.book.names = self.book.kept.clone();
        self.book.end_sheets();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Attempt<Option<PathBuf>> {
        let Self { place, mut book } = *self;
        if book.names.is_empty() {
            return Ok(None);
        }
        let mut file = place.create_unfinished()?;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file.as_file_mut());
        book.workbook.save_to_writer(&mut writer)?;
        writer.flush()?;
        drop(writer);
        Ok(Some(place.take(file)?))
    }
}

impl Book {
    fn new(place: &Place) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(place.directory())?;
        Ok(Self {
            workbook,
            names: HashSet::new(),
            kept: HashSet::new(),
            begun: Vec::new(),
            current: None,
            styles: Styles::default(),
        })
    }

    fn end_sheets(&mut self) {
        self.begun.clear();
        self.current = None;
    }

    /// Goes on with a sheet where it was left, so that each has one in the workbook however often it is begun.
    fn begin_sheet(&mut self, sheet: &RejectedSheet) {
        let known = self.begun.iter().position(|begun| begun.sheet == *sheet);
        self.current = Some(known.unwrap_or_else(|| {
            let sheet = sheet.clone();
            self.begun.push(Begun { sheet, next: None });
            self.begun.len() - 1
        }));
    }

    fn row(&mut self, row: &RejectedRow) -> Result<(), XlsxError> {
        let mut begun = std::mem::take(&mut self.begun);
        let current = self.current.and_then(|current| begun.get_mut(current));
        let written = match current {
            Some(current) => self.row_of(current, row),
            None => Err(XlsxError::ParameterError("a row without sheet".to_owned())),
        };
        self.begun = begun;
        written
    }

    fn row_of(&mut self, begun: &mut Begun, row: &RejectedRow) -> Result<(), XlsxError> {
        let (place, at) = match begun.next {
            Some((place, next)) if next < MAX_ROWS => (place, next),
            // A sheet that is full goes on in another.
            _ => {
                let first = self.add_sheet(&begun.sheet)?;
                (self.workbook.worksheets().len().saturating_sub(1), first)
            }
        };
        begun.next = Some((place, at + 1));
        let sheet = &begun.sheet;
        let worksheet = self.workbook.worksheet_from_index(place)?;
        let mut cut = Vec::new();
        for (index, cell) in row.cells.iter().enumerate() {
            let Some(column) = column(sheet, index) else {
                continue;
            };
            let mut mark = match row.faults.contains(&index) {
                true => Mark::AtFault,
                false => Mark::None,
            };
            if matches!(cell, StoredCell::Text(text) if fitting(text).len() < text.len()) {
                mark = Mark::AtFault;
                cut.push(address(row, sheet, index));
            }
            put(worksheet, (at, column), cell, mark, &mut self.styles)?;
        }
        let Some(column) = column(sheet, sheet.titles.len()) else {
            return Ok(());
        };
        let mut why = row.why();
        for cell in cut {
            why.push_str(&format!(
                "; {cell} is cut, it has more than {MAX_TEXT_UNITS} characters"
            ));
        }
        // Where no cell is at fault, the reason is marked, so that no row is without a mark.
        let mark = match row.faults.is_empty() {
            true => Mark::AtFault,
            false => Mark::None,
        };
        let style = self.styles.of(&StoredCell::Empty, mark);
        worksheet.write_string_with_format(at, column, fitting(&why), style)?;
        Ok(())
    }

    /// Makes the sheet, and gives the first row for data.
    fn add_sheet(&mut self, sheet: &RejectedSheet) -> Result<u32, XlsxError> {
        let name = self.free_name(&sheet.name);
        let worksheet = self.workbook.add_worksheet_with_constant_memory()?;
        worksheet.set_name(name)?;
        worksheet.set_freeze_panes(1, 0)?;
        let bold = Style::new().set_bold();
        for (index, title) in sheet.titles.iter().enumerate() {
            let Some(column) = column(sheet, index) else {
                continue;
            };
            let width = title.chars().count().clamp(*WIDTHS.start(), *WIDTHS.end());
            worksheet.set_column_width(column, width as f64)?;
            if sheet.hidden.contains(&index) {
                worksheet.set_column_hidden(column)?;
            }
            if sheet.titled == Titled::Yes && !title.is_empty() {
                worksheet.write_string_with_format(0, column, fitting(title), &bold)?;
            }
        }
        if let Some(column) = column(sheet, sheet.titles.len()) {
            worksheet.set_column_width(column, REASON_WIDTH)?;
            worksheet.write_string_with_format(0, column, REASON_TITLE, &bold)?;
        }
        Ok(1)
    }

    /// The name, as far as Excel takes it, or one like it if another sheet has it.
    fn free_name(&mut self, name: &str) -> String {
        let allowed = |c: char| match c {
            '*' | '?' | ':' | '[' | ']' | '\\' | '/' | '\u{FFFE}' | '\u{FFFF}' => '_',
            c if c.is_control() => '_',
            c => c,
        };
        let mut base: String = cut(name, MAX_NAME_UNITS).chars().map(allowed).collect();
        // An apostrophe at either end, and the name of the list of changes, are not allowed.
        if base.starts_with('\'') {
            base.replace_range(0..1, "_");
        }
        if base.ends_with('\'') {
            base.replace_range(base.len() - 1.., "_");
        }
        if base.is_empty() || base.eq_ignore_ascii_case("history") {
            base.push('_');
        }
        let mut free = base.clone();
        let mut number = 1_u64;
        while !self.names.insert(free.to_lowercase()) {
            number += 1;
            let suffix = format!(" ({number})");
            let room = MAX_NAME_UNITS.saturating_sub(suffix.len());
            free = format!("{}{suffix}", cut(&base, room));
        }
        free
    }
}

fn put(
    worksheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &StoredCell,
    mark: Mark,
    styles: &mut Styles,
) -> Result<(), XlsxError> {
    let style = styles.of(cell, mark);
    match cell {
        StoredCell::Empty if mark == Mark::None => worksheet,
        StoredCell::Empty => worksheet.write_blank(row, column, style)?,
        StoredCell::Number(number) if seems_exact(number.value) => {
            // The formula keeps the exponent, which says that there are no more digits.
            let written = format!("{:E}", number.value);
            let formula = Formula::new(format!("={written}")).set_result(written);
            worksheet.write_formula_with_format(row, column, formula, style)?
        }
        StoredCell::Number(number) => {
            worksheet.write_number_with_format(row, column, number.value, style)?
        }
        StoredCell::Text(text) => match ambiguous(fitting(text)) {
            None => worksheet.write_string_with_format(row, column, fitting(text), style)?,
            Some(escaped) => {
                let run = [(&Style::default(), escaped.as_str())];
                worksheet.write_rich_string_with_format(row, column, &run, style)?
            }
        },
        StoredCell::Bool(truth) => {
            worksheet.write_boolean_with_format(row, column, *truth, style)?
        }
        StoredCell::Error(error) => {
            // The formula is the error itself, so that it is the same after every calculation.
            let name = writable(*error).name();
            let formula = Formula::new(format!("={name}")).set_result(name);
            worksheet.write_formula_with_format(row, column, formula, style)?
        }
    };
    Ok(())
}

/// Whether a double in plain digits would pass for the whole number that it is only near to.
fn seems_exact(number: f64) -> bool {
    number.abs() >= MAX_EXACT_INTEGER && Decimal::of_large_double(number).is_none()
}

/// The error, or `#VALUE!` for those that a file without extensions has not (ECMA-376 Part 1, §18.17.3).
fn writable(error: CellError) -> CellError {
    match error {
        CellError::DivisionByZero
        | CellError::NotAvailable
        | CellError::Name
        | CellError::Null
        | CellError::Number
        | CellError::Reference
        | CellError::Value
        | CellError::GettingData => error,
        _ => CellError::Value,
    }
}

impl Default for Styles {
    fn default() -> Self {
        Self {
            general: Arc::from(NumberFormat::GENERAL_CODE),
            plain: HashMap::new(),
            at_fault: HashMap::new(),
        }
    }
}

impl Styles {
    /// The style of a cell.
    fn of(&mut self, cell: &StoredCell, mark: Mark) -> &Style {
        let code = match cell {
            StoredCell::Number(number) => &number.format,
            _ => &self.general,
        };
        let (styles, code) = match mark {
            Mark::None => (&mut self.plain, Arc::clone(code)),
            Mark::AtFault => (&mut self.at_fault, Arc::clone(code)),
        };
        styles
            .entry(code)
            .or_insert_with_key(|code| mark.style(code))
    }
}

impl Mark {
    fn style(self, code: &str) -> Style {
        let style = match code {
            NumberFormat::GENERAL_CODE => Style::new(),
            code => Style::new().set_num_format(code),
        };
        match self {
            Self::None => style,
            Self::AtFault => style
                .set_background_color(FAULT_FILL)
                .set_font_color(FAULT_TEXT),
        }
    }
}

/// The sheet's column of the header's `index`-th, if a sheet has so many.
fn column(sheet: &RejectedSheet, index: usize) -> Option<u16> {
    let column = sheet.sheet_column(index);
    u16::try_from(column).ok().filter(|_| column < MAX_COLUMNS)
}

/// Where the cell was.
fn address(row: &RejectedRow, sheet: &RejectedSheet, index: usize) -> CellAddress {
    CellAddress {
        row: row.reject.row.saturating_sub(1),
        column: sheet.sheet_column(index),
    }
}
