//! Reading workbooks. The only module that knows file formats.

mod assemble;
mod calamine;
mod compound_file;
mod container;
#[cfg(test)]
mod damage;
mod encryption;
mod header;
mod input;
mod merged;
mod ods;
mod package;
mod select;
mod sheet;
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
use workbook::Workbook;

use crate::error::{ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange};
use crate::model::secret::Password;
use crate::model::selection::{ReadOptions, Reader};
use crate::model::sheet::{SheetDescription, SheetTotals};

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
    let mut workbook = open_workbook(file, options)?;
    let selection = select(file, workbook.as_mut(), options)?;
    let workbook = Arc::new(Mutex::new(workbook));
    let mut opened = Opened {
        sheets: Vec::new(),
        hidden: selection.hidden,
        empty: Vec::new(),
    };
    let is_alone = selection.selected.len() == 1;
    let mut last_empty = None;
    for selected in selection.selected {
        match SheetSource::open(file, &workbook, selected, options, display) {
            Ok(sheet) => opened.sheets.push(Box::new(sheet)),
            Err(error) if error.kind() == ErrorKind::SheetEmpty && !is_alone => {
                opened.empty.extend(error.facts().sheet.clone());
                last_empty = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match last_empty {
        Some(error) if opened.sheets.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

/// Opens a workbook of any format and reads its lists, with the password if it is encrypted. Blocks.
fn open_workbook(path: &Path, options: &ReadOptions) -> Result<Box<dyn Workbook>> {
    let container = container::detect(path)?;
    if options.reader == Reader::Calamine {
        return calamine::open(path, container);
    }
    // What is wrong with a compound file that is no package, its own reader says.
    if container == Container::CompoundFile
        && let Ok(file) = CompoundFile::open(path)
        && encryption::is_encrypted_package(&file)
    {
        let password = options.password.as_ref().map(Password::reveal);
        return open_decrypted(path, encryption::decrypt(path, &file, password)?);
    }
    let file = File::open(path).map_err(|error| container::unreadable(path, error))?;
    let input = Input::File(file);
    match container {
        Container::Xlsx => xlsx::open(path, input),
        Container::Xlsb => xlsb::open(path, input),
        Container::CompoundFile | Container::Biff => xls::open(path, input),
        Container::Ods => ods::open(path, input),
    }
}

/// Opens what was in an encrypted package: by what it is, since the file's name may say anything.
fn open_decrypted(path: &Path, bytes: Arc<[u8]>) -> Result<Box<dyn Workbook>> {
    let container = container::detect_in(path, Cursor::new(&bytes))?;
    let input = Input::Decrypted(Cursor::new(bytes));
    match container {
        Container::Xlsx => xlsx::open(path, input),
        Container::Xlsb => xlsb::open(path, input),
        Container::CompoundFile | Container::Biff | Container::Ods => Err(
            container::not_a_workbook(path, "is encrypted, but not a workbook of Excel"),
        ),
    }
}

/// Looks whether a file is there, can be read, and is a workbook by its first bytes.
///
/// # Errors
/// `FileUnreadable`, `NotAWorkbook`, `WorkbookBroken`.
pub fn check(file: &Path) -> Result<()> {
    container::detect(file).map(drop)
}
