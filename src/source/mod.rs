//! Reading workbooks. The only module that knows file formats.

mod assemble;
mod calamine;
mod compound_file;
mod container;
#[cfg(test)]
mod damage;
mod directory;
mod encryption;
mod fidelity;
mod first_rows;
mod format_list;
mod header;
#[cfg(test)]
mod hostile;
mod inflate;
mod input;
mod member;
mod merged;
mod namespaces;
mod ods;
mod other_files;
mod package;
mod read_ahead;
mod select;
mod sheet;
mod whole_digits;
mod workbook;
mod xls;
mod xlsb;
mod xlsx;
mod xml;

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use compound_file::CompoundFile;
use container::Container;
pub use header::DisplayNumber;
use input::Input;
use select::select;
use sheet::SheetSource;
use workbook::{Workbook, over_limit};

use crate::error::{Error, ErrorKind, Result};
use crate::model::address::CellRange;
use crate::model::batch::{Batch, BatchExchange};
use crate::model::inspection::WorkbookFormat;
use crate::model::limits::{Limit, Limits};
use crate::model::secret::Password;
use crate::model::selection::{Area, HeaderRows, ReadOptions, Reader, SheetChoice};
use crate::model::sheet::{SheetDescription, SheetEntry, SheetKind, SheetTotals};

/// A sheet whose rows can be read, as often as needed, each time from the first to the last.
pub trait RowSource: Send {
    /// The sheet.
    fn describe(&self) -> &SheetDescription;

    /// Reads all rows below the header into batches, blocking. `first` is the batch to start with; each time it is
    /// full, and at the end when it holds rows, it goes through `exchange`.
    ///
    /// # Errors
    /// Whatever `exchange` returns, and what is wrong with the file.
    fn read(&mut self, first: Batch, exchange: &mut dyn BatchExchange) -> Result<SheetTotals>;

    /// Lets the header reach from and to these columns (from 0) with empty titles, for cells that have none above.
    fn widen(&mut self, first_column: u32, last_column: u32);

    /// The sheet's merged cells, each rectangle once. May read the sheet to its end.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn merged_ranges(&mut self) -> Result<Vec<CellRange>> {
        Ok(Vec::new())
    }
}

/// A workbook's sheets that shall be read, and those left out.
pub struct Opened {
    /// The sheets in the workbook's order, each with a header. They share the open file: one is read at a time.
    pub sheets: Vec<Box<dyn RowSource>>,
    /// The names of worksheets that were left out because they are hidden.
    pub hidden: Vec<String>,
    /// The names of worksheets that were left out because they are empty. A sheet that was chosen alone is not left
    /// out but an error.
    pub empty: Vec<String>,
}

/// Opens a workbook and finds the sheets, cells and titles that the options name. Blocks.
///
/// # Errors
/// `FileUnreadable`, `NotAWorkbook`, `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `SheetNotFound` (its
/// next step lists the sheets there are), `SheetEmpty`.
pub fn open(file: &Path, options: &ReadOptions, display: DisplayNumber) -> Result<Opened> {
    let workbook = open_workbook(file, options)?;
    let (survey, last_empty) = survey_workbook(file, workbook, options, display, Missing::Error)?;
    for sheet in survey.sheets.iter().filter_map(|sheet| sheet.rows.as_ref()) {
        refuse_wide(sheet.describe(), &options.limits)?;
    }
    let mut opened = Opened {
        sheets: Vec::new(),
        hidden: survey.hidden,
        empty: Vec::new(),
    };
    for sheet in survey.sheets {
        match sheet.rows {
            Some(rows) => opened.sheets.push(rows),
            None if sheet.entry.kind == SheetKind::Worksheet => opened.empty.push(sheet.entry.name),
            None => {}
        }
    }
    match last_empty {
        Some(error) if opened.sheets.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

/// Refuses a sheet with more titles than a table has columns. Columns without titles may be as many as a sheet has: those
/// that hold nothing do not become columns of a table.
fn refuse_wide(sheet: &SheetDescription, limits: &Limits) -> Result<()> {
    let titles = sheet.header.titles.iter();
    let columns = titles.filter(|title| !title.is_empty()).count();
    if columns as u64 <= limits.columns {
        return Ok(());
    }
    let place = format!("its sheet {:?}", sheet.sheet);
    let error = over_limit(&sheet.file, &place, Limit::Columns, limits.columns);
    Err(error.in_sheet(sheet.sheet.as_str()))
}

/// All that a workbook has of what the options name.
pub struct Survey {
    /// The workbook's format.
    pub format: WorkbookFormat,
    /// The sheets in the workbook's order; with [`SheetChoice::All`] also those that are no worksheets.
    pub sheets: Vec<SurveyedSheet>,
    /// The names of worksheets that were left out because they are hidden.
    pub hidden: Vec<String>,
}

/// A sheet, with or without rows.
pub struct SurveyedSheet {
    /// The sheet by the workbook's list.
    pub entry: SheetEntry,
    /// Its rows; `None` for an empty sheet and for one that is no worksheet.
    pub rows: Option<Box<dyn RowSource>>,
}

/// Opens a workbook as [`open`] does, and lists what is empty rather than to call it an error. Blocks.
///
/// # Errors
/// As [`open`], but no `SheetEmpty` unless the options name a part of the sheets.
pub fn survey(file: &Path, options: &ReadOptions, display: DisplayNumber) -> Result<Survey> {
    let workbook = open_workbook(file, options)?;
    let (survey, last_empty) = survey_workbook(file, workbook, options, display, Missing::Listed)?;
    let names_cells =
        options.area != Area::Used || matches!(options.header, HeaderRows::Rows { .. });
    match last_empty {
        Some(error) if names_cells && survey.sheets.iter().all(|sheet| sheet.rows.is_none()) => {
            Err(error)
        }
        _ => Ok(survey),
    }
}

/// What becomes of sheets that are meant with others, but are not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Error,
    /// They are without rows.
    Listed,
}

/// What a workbook has, and why the last of its empty sheets is empty.
fn survey_workbook(
    file: &Path,
    mut workbook: Box<dyn Workbook>,
    options: &ReadOptions,
    display: DisplayNumber,
    missing: Missing,
) -> Result<(Survey, Option<Error>)> {
    let format = container::detect(file, &options.limits)?.format();
    let selection = select(file, workbook.as_mut(), options)?;
    let entries = workbook.sheets().to_vec();
    let formats = workbook.formats().into();
    let (mut titles, mut first_missing) = (TitleBytes::default(), None);
    let workbook = Arc::new(Mutex::new(workbook));
    let (mut sheets, mut last_empty) = (Vec::new(), None);
    for selected in selection.selected {
        let index = selected.sheet;
        let is_missing = entries
            .get(index)
            .is_some_and(|entry| entry.kind == SheetKind::Missing);
        if is_missing && missing == Missing::Listed && options.sheets == SheetChoice::All {
            sheets.push((index, None));
            first_missing.get_or_insert(selected);
            continue;
        }
        let rows: Option<Box<dyn RowSource>> =
            match SheetSource::open(file, &workbook, selected, options, display, &formats) {
                Ok(sheet) => {
                    titles.add(sheet.describe(), &options.limits)?;
                    Some(Box::new(sheet))
                }
                Err(error) if error.kind() == ErrorKind::SheetEmpty => {
                    last_empty = Some(error);
                    None
                }
                Err(error) => return Err(error),
            };
        sheets.push((index, rows));
    }
    let has_rows = sheets.iter().any(|(_, rows)| rows.is_some());
    if let Some(selected) = first_missing.filter(|_| !has_rows) {
        // Nothing else is there to tell of; opening it says what is wrong.
        SheetSource::open(file, &workbook, selected, options, display, &formats)?;
    }
    if options.sheets == SheetChoice::All && options.area == Area::Used {
        let others = entries.iter().enumerate();
        let is_other = |kind| !matches!(kind, SheetKind::Worksheet | SheetKind::Missing);
        let others = others.filter(|(_, entry)| is_other(entry.kind));
        sheets.extend(others.map(|(index, _)| (index, None)));
        sheets.sort_by_key(|(index, _)| *index);
    }
    let sheets = sheets.into_iter().filter_map(|(index, rows)| {
        let entry = entries.get(index)?.clone();
        Some(SurveyedSheet { entry, rows })
    });
    let survey = Survey {
        format,
        sheets: sheets.collect(),
        hidden: selection.hidden,
    };
    Ok((survey, last_empty))
}

/// What the titles of all sheets come to, which are held in memory until the sheets are read.
#[derive(Debug, Default)]
struct TitleBytes(u64);

impl TitleBytes {
    fn add(&mut self, sheet: &SheetDescription, limits: &Limits) -> Result<()> {
        /// What a column's title costs besides its text.
        const TITLE_BYTES: usize = size_of::<String>();
        let titles = sheet.header.titles.iter();
        let bytes: usize = titles.map(|title| TITLE_BYTES + title.len()).sum();
        self.0 = self.0.saturating_add(bytes as u64);
        if self.0 <= limits.list_bytes {
            return Ok(());
        }
        let place = "the list of the titles of all its sheets";
        Err(over_limit(
            &sheet.file,
            place,
            Limit::List,
            limits.list_bytes,
        ))
    }
}

/// Opens a workbook of any format and reads its lists, with the password if it is encrypted. Blocks.
fn open_workbook(path: &Path, options: &ReadOptions) -> Result<Box<dyn Workbook>> {
    let limits = &options.limits;
    let container = container::detect(path, limits)?;
    if options.reader == Reader::Calamine {
        return calamine::open(path, container, limits);
    }
    // What is wrong with a compound file that is no package, its own reader says.
    if container == Container::CompoundFile
        && let Ok(file) = CompoundFile::open(path, limits)
        && encryption::is_encrypted_package(&file)
    {
        let password = options.password.as_ref().map(Password::reveal);
        let package = encryption::decrypt(path, file, password)?;
        return open_decrypted(path, package, options);
    }
    let password = options.password.as_ref().map(Password::reveal);
    let file = File::open(path).map_err(|error| container::unreadable(path, error))?;
    let input = Input::of_file(file);
    match container {
        Container::Xlsx => xlsx::open(path, input, limits, options.threads),
        Container::Xlsb => xlsb::open(path, input, limits, options.threads),
        Container::CompoundFile | Container::Biff => xls::open(path, input, options),
        Container::Ods => ods::open(path, input, limits, password),
    }
}

/// Opens what was in an encrypted package: by what it is, since the file's name may say anything.
fn open_decrypted(
    path: &Path,
    bytes: Arc<[u8]>,
    options: &ReadOptions,
) -> Result<Box<dyn Workbook>> {
    let limits = &options.limits;
    let container = container::detect_in(path, Cursor::new(&bytes), limits)?;
    let input = Input::Decrypted(Cursor::new(bytes));
    match container {
        Container::Xlsx => xlsx::open(path, input, limits, options.threads),
        Container::Xlsb => xlsb::open(path, input, limits, options.threads),
        Container::CompoundFile | Container::Biff | Container::Ods => Err(
            container::not_a_workbook(path, "is encrypted, but not a workbook of Excel"),
        ),
    }
}

/// Looks whether a file is there, can be read, and is a workbook by its first bytes.
///
/// # Errors
/// `FileUnreadable`, `NotAWorkbook`, `WorkbookBroken`, `WorkbookTooLarge`.
pub fn check(file: &Path, limits: &Limits) -> Result<()> {
    container::detect(file, limits).map(drop)
}
