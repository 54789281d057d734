//! Reading workbooks. The only module that knows file formats.

mod assemble;
mod calamine;
mod compound_file;
mod container;
#[cfg(test)]
mod damage;
mod encryption;
mod input;
mod ods;
#[cfg(test)]
mod oracle;
mod package;
mod select;
mod workbook;
mod xls;
mod xlsb;
mod xlsx;
mod xml;

use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use compound_file::CompoundFile;
use container::Container;
use input::Input;
use workbook::Workbook;

use crate::error::Result;
use crate::model::batch::{Batch, BatchExchange};
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

/// Opens a workbook and a sheet in it: the one named, or the first visible worksheet. Blocks.
///
/// # Errors
/// `FileUnreadable`, `NotAWorkbook`, `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `SheetNotFound` (its
/// next step lists the sheets there are), `SheetEmpty`.
pub fn open(file: &Path, sheet: Option<&str>) -> Result<Box<dyn RowSource>> {
    let container = container::detect(file)?;
    calamine::CalamineSource::open(file, container, sheet)
        .map(|source| Box::new(source) as Box<dyn RowSource>)
}

/// Opens a workbook of any format and reads its lists, with the password if it is encrypted. Blocks.
fn open_workbook(path: &Path, password: Option<&str>) -> Result<Box<dyn Workbook>> {
    let container = container::detect(path)?;
    // What is wrong with a compound file that is no package, its own reader says.
    if container == Container::CompoundFile
        && let Ok(file) = CompoundFile::open(path)
        && encryption::is_encrypted_package(&file)
    {
        return open_decrypted(path, encryption::decrypt(path, &file, password)?);
    }
    let file = File::open(path).map_err(|error| container::unreadable(path, error))?;
    let input = Input::File(file);
    match container {
        Container::Xlsx => xlsx::open(path, input),
        Container::Xlsb => xlsb::open(path, input),
        Container::CompoundFile => xls::open(path, input),
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
        Container::CompoundFile | Container::Ods => Err(container::not_a_workbook(
            path,
            "is encrypted, but not a workbook of Excel",
        )),
    }
}

/// Looks whether a file is there, can be read, and is a workbook by its first bytes.
///
/// # Errors
/// `FileUnreadable`, `NotAWorkbook`, `WorkbookBroken`.
pub fn check(file: &Path) -> Result<()> {
    container::detect(file).map(drop)
}
