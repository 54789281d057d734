//! All five formats through calamine: xlsx and xlsb cell by cell, xls and ods as a range of bounded size.

mod cells;
mod error;
mod limits;
mod ods_extent;
mod xls_extent;

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use calamine::{
    Data, DataRef, Dimensions, Ods, Range, Reader, Style, Xls, Xlsb, Xlsx, XlsxError, open_workbook,
};

use super::RowSource;
use super::assemble::RowAssembler;
use super::compound_file::CompoundFile;
use super::container::{Container, KNOWN_FORMATS};
use super::select::choose_sheet;
use super::workbook::address;
use cells::{GENERAL, borrowed, is_filled, restore_errors, title, to_cell};
use error::{SpreadsheetError, guarded};
use limits::{checked, refuse_huge_ods, refuse_huge_parts};
use ods_extent::refuse_unreadable_content;
use xls_extent::refuse_huge_sheets;

use crate::error::{Error, ErrorKind, Result};
use crate::model::address::CellAddress;
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::FormatId;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, Header, SheetDescription, SheetTotals};

/// A sheet that calamine reads.
pub(super) struct CalamineSource {
    workbook: Workbook,
    description: SheetDescription,
    /// For xlsx: the format of each style index (`cellXfs`).
    style_formats: Vec<FormatId>,
}

/// An open workbook, or what is left of it once its sheet is in memory.
enum Workbook {
    Xlsx(Xlsx<BufReader<File>>),
    Xlsb(Xlsb<BufReader<File>>),
    Range(Range<Data>),
}

impl CalamineSource {
    /// Opens a workbook of the given container and the sheet named, or its first visible worksheet.
    pub(super) fn open(path: &Path, container: Container, sheet: Option<&str>) -> Result<Self> {
        guarded(path, || match container {
            Container::Xlsx => {
                refuse_huge_parts(path)?;
                let workbook: Xlsx<_> =
                    open_workbook(path).map_err(|e: XlsxError| e.in_workbook(path))?;
                let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
                let date_system = date_system(workbook.has_1904_epoch());
                Self::prepare(path, Workbook::Xlsx(workbook), sheet, date_system)
            }
            Container::Xlsb => {
                refuse_huge_parts(path)?;
                let workbook: Xlsb<_> =
                    open_workbook(path).map_err(|e: calamine::XlsbError| e.in_workbook(path))?;
                let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
                let date_system = date_system(workbook.has_1904_epoch());
                Self::prepare(path, Workbook::Xlsb(workbook), sheet, date_system)
            }
            Container::CompoundFile | Container::Biff => Self::open_xls(path, sheet),
            Container::Ods => Self::open_ods(path, sheet),
        })
    }

    fn open_xls(path: &Path, sheet: Option<&str>) -> Result<Self> {
        refuse_unreadable_compound_file(path)?;
        let mut workbook: Xls<_> =
            open_workbook(path).map_err(|e: calamine::XlsError| e.in_workbook(path))?;
        let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
        let date_system = date_system(workbook.has_1904_epoch());
        let range = workbook
            .worksheet_range(&sheet)
            .map_err(|error| error.in_workbook(path))?;
        Self::prepare(
            path,
            Workbook::Range(checked(path, range)?),
            sheet,
            date_system,
        )
    }

    fn open_ods(path: &Path, sheet: Option<&str>) -> Result<Self> {
        refuse_huge_ods(path)?;
        refuse_unreadable_content(path)?;
        let mut workbook: Ods<_> =
            open_workbook(path).map_err(|e: calamine::OdsError| e.in_workbook(path))?;
        let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
        let mut range = workbook
            .worksheet_range(&sheet)
            .map_err(|error| error.in_workbook(path))?;
        let formulas = workbook
            .worksheet_formula(&sheet)
            .map_err(|error| error.in_workbook(path))?;
        restore_errors(&mut range, &formulas);
        // OpenDocument stores dates as ISO text; there is no epoch to know.
        Self::prepare(
            path,
            Workbook::Range(checked(path, range)?),
            sheet,
            DateSystem::From1900,
        )
    }

    fn prepare(
        path: &Path,
        mut workbook: Workbook,
        sheet: String,
        date_system: DateSystem,
    ) -> Result<Self> {
        let (formats, style_formats) = workbook.formats(path, &sheet)?;
        let (header, last_row) = workbook.header(path, &sheet)?;
        let declared_rows = last_row
            .and_then(|last| last.checked_sub(header.row))
            .map(u64::from);
        Ok(Self {
            workbook,
            description: SheetDescription {
                file: path.to_owned(),
                sheet,
                date_system,
                formats,
                header,
                declared_rows,
            },
            style_formats,
        })
    }
}

impl RowSource for CalamineSource {
    fn describe(&self) -> &SheetDescription {
        &self.description
    }

    fn read(&mut self, first: Batch, exchange: &mut dyn BatchExchange) -> Result<SheetTotals> {
        let SheetDescription {
            file,
            sheet,
            header,
            ..
        } = &self.description;
        let style_formats = &self.style_formats;
        let workbook = &mut self.workbook;
        guarded(file, || {
            let mut rows = RowAssembler::new(header, first, exchange);
            workbook.visit_cells(file, sheet, &mut |address, value, style| {
                let format = style.and_then(|style| style_formats.get(style).copied());
                rows.cell(address, |batch| to_cell(batch, value, format))?;
                Ok(ControlFlow::Continue(()))
            })?;
            rows.finish()
        })
    }

    fn widen(&mut self, first_column: u32, last_column: u32) {
        let header = &mut self.description.header;
        let missing = header.first_column.saturating_sub(first_column) as usize;
        header
            .titles
            .splice(0..0, std::iter::repeat_n(String::new(), missing));
        header.first_column = header.first_column.min(first_column);
        let width = last_column.saturating_sub(header.first_column) as usize + 1;
        if width > header.titles.len() {
            header.titles.resize(width, String::new());
        }
    }
}

/// Called for each filled cell in the file's order, with the style index where the format is known by style.
type CellVisitor<'v> =
    dyn FnMut(CellAddress, &DataRef<'_>, Option<usize>) -> Result<ControlFlow<()>> + 'v;

impl Workbook {
    /// Visits the filled cells of a sheet until the visitor breaks off.
    fn visit_cells(&mut self, path: &Path, sheet: &str, visit: &mut CellVisitor<'_>) -> Result<()> {
        match self {
            Self::Xlsx(workbook) => {
                let mut cells = workbook
                    .worksheet_cells_reader(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                while let Some((cell, style)) = cells
                    .next_cell_with_style_id()
                    .map_err(|error| error.in_workbook(path))?
                {
                    let value = cell.get_value();
                    if is_filled(value)
                        && visit(
                            {
                                let (row, column) = cell.get_position();
                                address(path, row, column)?
                            },
                            value,
                            Some(style),
                        )?
                        .is_break()
                    {
                        break;
                    }
                }
            }
            Self::Xlsb(workbook) => {
                let mut cells = workbook
                    .worksheet_cells_reader(sheet)
                    .map_err(|error| error.in_workbook(path))?;
                while let Some(cell) = cells.next_cell().map_err(|error| error.in_workbook(path))? {
                    let value = cell.get_value();
                    if is_filled(value)
                        && visit(
                            {
                                let (row, column) = cell.get_position();
                                address(path, row, column)?
                            },
                            value,
                            None,
                        )?
                        .is_break()
                    {
                        break;
                    }
                }
            }
            Self::Range(range) => {
                let (first_row, first_column) = range.start().unwrap_or_default();
                for (row, column, value) in range.used_cells() {
                    let position = (
                        first_row.saturating_add(u32::try_from(row).unwrap_or(u32::MAX)),
                        first_column.saturating_add(u32::try_from(column).unwrap_or(u32::MAX)),
                    );
                    let value = borrowed(value);
                    if is_filled(&value)
                        && visit(address(path, position.0, position.1)?, &value, None)?.is_break()
                    {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The first row with a filled cell, and the last row that the file declares.
    fn header(&mut self, path: &Path, sheet: &str) -> Result<(Header, Option<u32>)> {
        let mut titles: Vec<(CellAddress, String)> = Vec::new();
        self.visit_cells(path, sheet, &mut |address, value, _style| {
            if titles
                .first()
                .is_some_and(|(first, _)| first.row != address.row)
            {
                return Ok(ControlFlow::Break(()));
            }
            titles.push((address, title(value)));
            Ok(ControlFlow::Continue(()))
        })?;
        let Some(first) = titles.first().map(|(first, _)| *first) else {
            return Err(Error::new(
                ErrorKind::SheetEmpty,
                format!("sheet \"{sheet}\" of {} has no filled cell", path.display()),
            )
            .in_file(path)
            .in_sheet(sheet)
            .next_step("Name another sheet with --sheet"));
        };
        let mut header = Header {
            row: first.row,
            first_column: titles.iter().map(|(at, _)| at.column).min().unwrap_or(0),
            titles: Vec::new(),
        };
        for (at, text) in titles {
            let index = (at.column - header.first_column) as usize;
            if header.titles.len() <= index {
                header.titles.resize(index + 1, String::new());
            }
            header.titles[index] = text;
        }
        Ok((header, self.declared_last_row(path, sheet)?))
    }

    /// The last row by the sheet's own word. A missing dimension reads as a single cell.
    fn declared_last_row(&mut self, path: &Path, sheet: &str) -> Result<Option<u32>> {
        let Dimensions { end, .. } = match self {
            Self::Xlsx(workbook) => workbook
                .worksheet_cells_reader(sheet)
                .map_err(|error| error.in_workbook(path))?
                .dimensions(),
            Self::Xlsb(workbook) => workbook
                .worksheet_cells_reader(sheet)
                .map_err(|error| error.in_workbook(path))?
                .dimensions(),
            Self::Range(range) => return Ok(range.end().map(|(row, _)| row)),
        };
        Ok(Some(end.0).filter(|row| *row > 0))
    }

    /// The number formats, and for xlsx which style has which.
    fn formats(&mut self, path: &Path, sheet: &str) -> Result<(Vec<NumberFormat>, Vec<FormatId>)> {
        let mut formats = vec![
            NumberFormat::general(),
            NumberFormat::new(NumberFormat::ANY_DATE_CODE),
            NumberFormat::new("[h]:mm:ss"),
        ];
        let Self::Xlsx(workbook) = self else {
            return Ok((formats, Vec::new()));
        };
        let cells = workbook
            .worksheet_cells_reader(sheet)
            .map_err(|error| error.in_workbook(path))?;
        let mut known = HashMap::from([(NumberFormat::GENERAL_CODE, GENERAL)]);
        let mut style_formats = Vec::with_capacity(cells.styles().len());
        for style in cells.styles() {
            let code = format_code(style);
            let id = *known.entry(code).or_insert_with(|| {
                let Ok(id) = u16::try_from(formats.len()) else {
                    return GENERAL;
                };
                formats.push(NumberFormat::new(code));
                FormatId(id)
            });
            style_formats.push(id);
        }
        Ok((formats, style_formats))
    }
}

/// Looks into a compound file for what calamine does not survive or does not tell.
fn refuse_unreadable_compound_file(path: &Path) -> Result<()> {
    let file = CompoundFile::open(path)?;
    // An encrypted Office Open XML package is a compound file, too ([MS-OFFCRYPTO] 2.3.4.4).
    if file.contains("EncryptedPackage") {
        return Err(XlsxError::Password.in_workbook(path));
    }
    let mut is_workbook = false;
    for name in ["Workbook", "Book"] {
        if let Some(stream) = file.stream(path, name)? {
            is_workbook = true;
            refuse_huge_sheets(path, &stream)?;
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

fn date_system(is_1904: bool) -> DateSystem {
    if is_1904 {
        DateSystem::From1904
    } else {
        DateSystem::From1900
    }
}
