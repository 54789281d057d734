//! All five formats through calamine: xlsx and xlsb cell by cell, xls and ods as a range of bounded size.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use calamine::{
    CellErrorType, Data, DataRef, DataType as _, Dimensions, Ods, Range, Reader, SheetType,
    SheetVisible, Style, Xls, Xlsb, Xlsx, XlsxError, open_workbook,
};

use super::RowSource;
use super::assemble::RowAssembler;
use super::container::Container;
use super::spreadsheet_error::{SpreadsheetError, guarded};
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::CellAddress;
use crate::model::batch::{Batch, BatchExchange};
use crate::model::cell::{Cell, CellError, FormatId};
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, Header, SheetDescription, SheetTotals};

/// Formats that calamine does not hand out as codes (xlsb, xls, ods): it only says "date" or "duration".
const GENERAL: FormatId = FormatId(0);
const DATE_TIME: FormatId = FormatId(1);
const DURATION: FormatId = FormatId(2);

/// The most cells, empty ones included, that an xls or ods sheet may span: these are held in memory as a whole, at
/// 24 bytes a cell.
const MAX_RANGE_CELLS: u64 = 40_000_000;
/// The most bytes that the content of an ods file may inflate to.
const MAX_ODS_CONTENT_BYTES: u64 = 2 << 30;

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
                let workbook: Xlsx<_> =
                    open_workbook(path).map_err(|e: XlsxError| e.in_workbook(path))?;
                let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
                let date_system = date_system(workbook.has_1904_epoch());
                Self::prepare(path, Workbook::Xlsx(workbook), sheet, date_system)
            }
            Container::Xlsb => {
                let workbook: Xlsb<_> =
                    open_workbook(path).map_err(|e: calamine::XlsbError| e.in_workbook(path))?;
                let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
                let date_system = date_system(workbook.has_1904_epoch());
                Self::prepare(path, Workbook::Xlsb(workbook), sheet, date_system)
            }
            Container::CompoundFile => Self::open_xls(path, sheet),
            Container::Ods => Self::open_ods(path, sheet),
        })
    }

    fn open_xls(path: &Path, sheet: Option<&str>) -> Result<Self> {
        let mut workbook: Xls<_> = open_workbook(path).map_err(|error: calamine::XlsError| {
            // An encrypted xlsx is a compound file too ([MS-OFFCRYPTO] 1.3.3); calamine tells only from there.
            match open_workbook::<Xlsx<_>, _>(path) {
                Err(XlsxError::Password) => XlsxError::Password.in_workbook(path),
                _ => error.in_workbook(path),
            }
        })?;
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
        let mut workbook: Ods<_> =
            open_workbook(path).map_err(|e: calamine::OdsError| e.in_workbook(path))?;
        let sheet = choose_sheet(path, workbook.sheets_metadata(), sheet)?;
        let range = workbook
            .worksheet_range(&sheet)
            .map_err(|error| error.in_workbook(path))?;
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
                        && visit(address(cell.get_position()), value, Some(style))?.is_break()
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
                        && visit(address(cell.get_position()), value, None)?.is_break()
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
                    if is_filled(&value) && visit(address(position), &value, None)?.is_break() {
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
            .next_step("name another sheet with --sheet"));
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
        let mut known: HashMap<&str, FormatId> = HashMap::new();
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

/// The sheet asked for, by name, or else the first visible worksheet.
fn choose_sheet(path: &Path, sheets: &[calamine::Sheet], wanted: Option<&str>) -> Result<String> {
    let worksheets = || {
        sheets
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
    };
    let found = match wanted {
        Some(name) => worksheets().find(|sheet| sheet.name == name),
        None => worksheets().find(|sheet| sheet.visible == SheetVisible::Visible),
    };
    if let Some(sheet) = found {
        return Ok(sheet.name.clone());
    }
    let names: Vec<String> = worksheets()
        .map(|sheet| format!("\"{}\"", sheet.name))
        .collect();
    let (message, next_step) = match wanted {
        _ if names.is_empty() => (
            format!("{} has no worksheet", path.display()),
            "choose another workbook".to_owned(),
        ),
        Some(name) => (
            format!("{} has no sheet named \"{name}\"", path.display()),
            format!("the sheets there are: {}", names.join(", ")),
        ),
        None => (
            format!("{} has no visible worksheet", path.display()),
            format!("name a hidden one with --sheet: {}", names.join(", ")),
        ),
    };
    Err(Error::new(ErrorKind::SheetNotFound, message)
        .in_file(path)
        .in_sheet(wanted.unwrap_or_default())
        .next_step(next_step))
}

fn checked(path: &Path, range: Range<Data>) -> Result<Range<Data>> {
    let (height, width) = range.get_size();
    if height as u64 * width as u64 <= MAX_RANGE_CELLS {
        return Ok(range);
    }
    Err(too_large(
        path,
        &format!(
            "spans {height} x {width} cells; in this format at most {MAX_RANGE_CELLS} can be read"
        ),
    ))
}

fn refuse_huge_ods(path: &Path) -> Result<()> {
    let Ok(file) = File::open(path) else {
        return Ok(()); // calamine says what is wrong
    };
    let Ok(mut archive) = zip::ZipArchive::new(BufReader::new(file)) else {
        return Ok(());
    };
    match archive.by_name("content.xml") {
        Ok(content) if content.size() > MAX_ODS_CONTENT_BYTES => Err(too_large(
            path,
            &format!(
                "holds {} bytes of content.xml; at most {MAX_ODS_CONTENT_BYTES} can be read",
                content.size()
            ),
        )),
        _ => Ok(()),
    }
}

fn too_large(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookTooLarge,
        format!("{} {what}", path.display()),
    )
    .in_file(path)
    .next_step("save it as .xlsx, which is read as a stream")
}

fn address((row, column): (u32, u32)) -> CellAddress {
    CellAddress { row, column }
}

/// Whether a cell holds something; an empty text is an empty cell.
fn is_filled(value: &DataRef<'_>) -> bool {
    match value {
        DataRef::Empty => false,
        DataRef::String(text) => !text.is_empty(),
        DataRef::SharedString(text) => !text.is_empty(),
        _ => true,
    }
}

/// A cell of a range in the shape that the streaming readers give. Copies no text but ISO dates.
fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(truth) => DataRef::Bool(*truth),
        Data::DateTime(serial) => DataRef::DateTime(*serial),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::DurationIso(text) => DataRef::DurationIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

fn to_cell(batch: &mut Batch, value: &DataRef<'_>, format: Option<FormatId>) -> Result<Cell> {
    Ok(match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Bool(truth) => Cell::Bool(*truth),
        DataRef::Int(number) => Cell::Number {
            value: *number as f64,
            format: format.unwrap_or(GENERAL),
        },
        DataRef::Float(number) => Cell::Number {
            value: *number,
            format: format.unwrap_or(GENERAL),
        },
        DataRef::DateTime(serial) => Cell::Number {
            value: serial.as_f64(),
            // A built-in date format of East Asian locales has no code in the file, only an id.
            format: format
                .filter(|format| *format != GENERAL)
                .unwrap_or(if serial.is_duration() {
                    DURATION
                } else {
                    DATE_TIME
                }),
        },
        DataRef::String(text) => Cell::Text(batch.push_text(text)?),
        DataRef::SharedString(text) => Cell::Text(batch.push_text(text)?),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cell::Iso(batch.push_text(text)?)
        }
        DataRef::Error(error) => Cell::Error(cell_error(error)),
    })
}

fn cell_error(error: &CellErrorType) -> CellError {
    match error {
        CellErrorType::Div0 => CellError::DivisionByZero,
        CellErrorType::NA => CellError::NotAvailable,
        CellErrorType::Name => CellError::Name,
        CellErrorType::Null => CellError::Null,
        CellErrorType::Num => CellError::Number,
        CellErrorType::Ref => CellError::Reference,
        CellErrorType::Value => CellError::Value,
        CellErrorType::GettingData => CellError::GettingData,
    }
}

/// A header cell as the column's title.
fn title(value: &DataRef<'_>) -> String {
    match value {
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => cell_error(error).to_string(),
        other => other.as_string().unwrap_or_default(),
    }
}
