//! All five formats through calamine, as a second opinion on a file: xlsx and xlsb cell by cell, xls and ods as a range
//! of bounded size.
//!
//! calamine tells neither hidden rows and columns nor, apart from xlsx, number formats.

mod cells;
mod error;
mod limits;
mod ods_extent;
mod xls_extent;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use calamine::{
    Data, Dimensions, HeaderRow, Ods, Range, Reader, SheetType, SheetVisible, Style, Xls, Xlsb,
    Xlsx, XlsxError, open_workbook,
};

use super::compound_file::CompoundFile;
use super::container::Container;
use super::other_files::KNOWN_FORMATS;
use super::workbook::{SheetVisitor, Workbook, address};
use cells::{GENERAL, borrowed, content, restore_errors};
use error::{SpreadsheetError, guarded};
use limits::{checked, refuse_hostile_package};
use ods_extent::refuse_unreadable_content;
use xls_extent::refuse_huge_sheets;

use crate::error::{Error, ErrorKind, Result};
use crate::model::address::{CellAddress, CellRange};
use crate::model::cell::FormatId;
use crate::model::limits::Limits;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetKind, SheetTable, Visibility};

/// A workbook that calamine reads.
struct CalamineWorkbook {
    path: PathBuf,
    limits: Limits,
    book: Book,
    sheets: Vec<SheetEntry>,
    date_system: DateSystem,
    formats: Vec<NumberFormat>,
    /// For xlsx: the format of each style index (`cellXfs`).
    style_formats: Vec<FormatId>,
}

/// One of calamine's readers.
enum Book {
    Xlsx(Xlsx<BufReader<File>>),
    Xlsb(Xlsb<BufReader<File>>),
    Xls(Xls<BufReader<File>>),
    Ods(Ods<BufReader<File>>),
}

/// Opens a workbook of the given container.
///
/// # Errors
/// As [`super::open`].
pub(super) fn open(
    path: &Path,
    container: Container,
    limits: &Limits,
) -> Result<Box<dyn Workbook>> {
    guarded(path, || {
        let book = match container {
            Container::Xlsx => {
                refuse_hostile_package(path, container, limits)?;
                Book::Xlsx(open_workbook(path).map_err(|e: XlsxError| e.in_workbook(path))?)
            }
            Container::Xlsb => {
                refuse_hostile_package(path, container, limits)?;
                Book::Xlsb(
                    open_workbook(path).map_err(|e: calamine::XlsbError| e.in_workbook(path))?,
                )
            }
            // calamine refuses a stream of records outside of a compound file.
            Container::CompoundFile | Container::Biff => {
                refuse_unreadable_compound_file(path, limits)?;
                Book::Xls(open_workbook(path).map_err(|e: calamine::XlsError| e.in_workbook(path))?)
            }
            Container::Ods => {
                refuse_hostile_package(path, container, limits)?;
                refuse_unreadable_content(path, limits)?;
                Book::Ods(open_workbook(path).map_err(|e: calamine::OdsError| e.in_workbook(path))?)
            }
        };
        let mut workbook = CalamineWorkbook {
            path: path.to_owned(),
            limits: *limits,
            sheets: book.sheets(),
            date_system: book.date_system(),
            book,
            formats: vec![
                NumberFormat::general(),
                NumberFormat::new(NumberFormat::ANY_DATE_CODE),
                NumberFormat::new("[h]:mm:ss"),
            ],
            style_formats: Vec::new(),
        };
        workbook.read_formats()?;
        Ok(Box::new(workbook) as Box<dyn Workbook>)
    })
}

impl Workbook for CalamineWorkbook {
    fn sheets(&self) -> &[SheetEntry] {
        &self.sheets
    }

    fn date_system(&self) -> DateSystem {
        self.date_system
    }

    fn formats(&self) -> &[NumberFormat] {
        &self.formats
    }

    fn named_ranges(&mut self) -> Result<Vec<NamedRange>> {
        Ok(Vec::new())
    }

    fn tables(&mut self) -> Result<Vec<SheetTable>> {
        Ok(Vec::new())
    }

    fn merged_ranges(&mut self, _sheet: usize) -> Result<Vec<CellRange>> {
        Ok(Vec::new())
    }

    fn read_sheet(&mut self, sheet: usize, visitor: &mut dyn SheetVisitor) -> Result<()> {
        let path = self.path.clone();
        guarded(&path, || {
            let name = self.sheets[sheet].name.clone();
            self.visit(&name, visitor)
        })
    }
}

impl CalamineWorkbook {
    fn visit(&mut self, sheet: &str, visitor: &mut dyn SheetVisitor) -> Result<()> {
        let path = self.path.as_path();
        let limits = self.limits;
        let formats = &self.style_formats;
        match &mut self.book {
            Book::Xlsx(book) => {
                let mut cells = book
                    .worksheet_cells_reader(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                announce(path, cells.dimensions(), visitor);
                while let Some((cell, style)) = cells
                    .next_cell_with_style_id()
                    .map_err(|error| error.in_workbook(path))?
                {
                    let format = formats.get(style).copied();
                    let (row, column) = cell.get_position();
                    let Some((content, format)) = content(cell.get_value(), format) else {
                        continue;
                    };
                    if visitor
                        .cell(address(path, row, column)?, content, format)?
                        .is_break()
                    {
                        break;
                    }
                }
            }
            Book::Xlsb(book) => {
                let mut cells = book
                    .worksheet_cells_reader(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                announce(path, cells.dimensions(), visitor);
                while let Some(cell) = cells.next_cell().map_err(|error| error.in_workbook(path))? {
                    let (row, column) = cell.get_position();
                    let Some((content, format)) = content(cell.get_value(), None) else {
                        continue;
                    };
                    if visitor
                        .cell(address(path, row, column)?, content, format)?
                        .is_break()
                    {
                        break;
                    }
                }
            }
            Book::Xls(book) => {
                let range = book
                    .with_header_row(HeaderRow::FirstNonEmptyRow)
                    .worksheet_range(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                visit_range(path, &checked(path, range, &limits)?, visitor)?;
            }
            Book::Ods(book) => {
                let mut range = book
                    .worksheet_range(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                let formulas = book
                    .worksheet_formula(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                restore_errors(&mut range, &formulas);
                visit_range(path, &checked(path, range, &limits)?, visitor)?;
            }
        }
        Ok(())
    }

    /// For xlsx, the number formats and which style has which.
    fn read_formats(&mut self) -> Result<()> {
        let Self { path, book, .. } = self;
        let Book::Xlsx(book) = book else {
            return Ok(());
        };
        let worksheets = self.sheets.iter();
        let mut worksheets = worksheets.filter(|sheet| sheet.kind == SheetKind::Worksheet);
        let Some(sheet) = worksheets.next() else {
            return Ok(());
        };
        let cells = book
            .worksheet_cells_reader(&sheet.name)
            .map_err(|error| error.in_workbook(path))?;
        let mut known = HashMap::from([(NumberFormat::GENERAL_CODE.to_owned(), GENERAL)]);
        for style in cells.styles() {
            let code = format_code(style);
            let id = match known.get(code) {
                Some(id) => *id,
                None => match u16::try_from(self.formats.len()) {
                    Ok(id) => {
                        self.formats.push(NumberFormat::new(code));
                        known.insert(code.to_owned(), FormatId(id));
                        FormatId(id)
                    }
                    Err(_too_many) => GENERAL,
                },
            };
            self.style_formats.push(id);
        }
        Ok(())
    }
}

impl Book {
    fn sheets(&self) -> Vec<SheetEntry> {
        let sheets = match self {
            Self::Xlsx(book) => book.sheets_metadata(),
            Self::Xlsb(book) => book.sheets_metadata(),
            Self::Xls(book) => book.sheets_metadata(),
            Self::Ods(book) => book.sheets_metadata(),
        };
        let entry = |sheet: &calamine::Sheet| SheetEntry {
            name: sheet.name.clone(),
            kind: match sheet.typ {
                SheetType::WorkSheet => SheetKind::Worksheet,
                SheetType::ChartSheet => SheetKind::Chart,
                _ => SheetKind::Other,
            },
            visibility: match sheet.visible {
                SheetVisible::Visible => Visibility::Visible,
                SheetVisible::Hidden => Visibility::Hidden,
                SheetVisible::VeryHidden => Visibility::VeryHidden,
            },
        };
        sheets.iter().map(entry).collect()
    }

    fn date_system(&self) -> DateSystem {
        let is_1904 = match self {
            Self::Xlsx(book) => book.has_1904_epoch(),
            Self::Xlsb(book) => book.has_1904_epoch(),
            Self::Xls(book) => book.has_1904_epoch(),
            // OpenDocument stores dates as ISO text; there is no epoch to know.
            Self::Ods(_) => false,
        };
        if is_1904 {
            DateSystem::From1904
        } else {
            DateSystem::From1900
        }
    }
}

/// Hands on the used range by the sheet's own word. A missing one reads as a single cell.
fn announce(path: &Path, dimensions: Dimensions, visitor: &mut dyn SheetVisitor) {
    let corner = |(row, column)| address(path, row, column);
    if let (Ok(first), Ok(last)) = (corner(dimensions.start), corner(dimensions.end))
        && last.row > 0
    {
        visitor.dimension(CellRange { first, last });
    }
}

fn visit_range(path: &Path, range: &Range<Data>, visitor: &mut dyn SheetVisitor) -> Result<()> {
    let (Some(start), Some(end)) = (range.start(), range.end()) else {
        return Ok(());
    };
    let dimensions = Dimensions { start, end };
    announce(path, dimensions, visitor);
    let at =
        |first: u32, index: usize| first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX));
    for (row, column, value) in range.used_cells() {
        let at: CellAddress = address(path, at(start.0, row), at(start.1, column))?;
        let value = borrowed(value);
        let Some((content, format)) = content(&value, None) else {
            continue;
        };
        if visitor.cell(at, content, format)?.is_break() {
            break;
        }
    }
    Ok(())
}
/// Looks into a compound file for what calamine does not survive or does not tell.
fn refuse_unreadable_compound_file(path: &Path, limits: &Limits) -> Result<()> {
    let file = CompoundFile::open(path, limits)?;
    // An encrypted Office Open XML package is a compound file, too ([MS-OFFCRYPTO] 2.3.4.4).
    if file.contains("EncryptedPackage") {
        return Err(XlsxError::Password.in_workbook(path));
    }
    let mut is_workbook = false;
    for name in ["Workbook", "Book"] {
        if let Some(stream) = file.stream(path, name)? {
            is_workbook = true;
            refuse_huge_sheets(path, &stream, limits)?;
        }
    }
    if is_workbook {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotAWorkbook,
        format!("{} is a document of another program", path.display()),
    )
    .in_file(path)
    .next_step(KNOWN_FORMATS))
}

fn format_code(style: &Style) -> &str {
    style
        .number_format
        .as_ref()
        .map_or(NumberFormat::GENERAL_CODE, |format| &format.format_code)
}
