//! Workbooks of BIFF records, versions 2 to 8 ([MS-XLS]; for versions 2 to 5 OpenOffice.org's Documentation of the
//! Microsoft Excel File Format).
//!
//! The whole stream is in memory; each reading of a sheet walks over its records once. Texts are decoded one at a time.

mod cells;
mod ciphers;
mod code_pages;
mod fonts;
mod formats;
mod globals;
mod kind;
mod layout;
mod names;
mod order;
mod protection;
mod records;
mod shared_strings;
mod strings;
#[cfg(test)]
mod tests;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::compound_file::{CompoundFile, is_compound_file};
use super::container::unreadable;
use super::input::Input;
use super::other_files::KNOWN_FORMATS;
use super::workbook::{SheetVisitor, Workbook, missing_part, over_limit};
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::CellRange;
use crate::model::code_page::CodePage;
use crate::model::limits::Limit;
use crate::model::number_format::NumberFormat;
use crate::model::secret::Password;
use crate::model::selection::ReadOptions;
use crate::model::sheet::{DateSystem, NamedRange, SheetEntry, SheetKind, SheetTable};
use globals::Globals;
use records::Substream;

/// Opens a workbook and reads its lists.
///
/// # Errors
/// `NotAWorkbook`, `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `FileUnreadable`.
pub(super) fn open(path: &Path, input: Input, options: &ReadOptions) -> Result<Box<dyn Workbook>> {
    let limits = &options.limits;
    let mut bytes = Vec::new();
    let mut input = input.take(limits.whole_file_bytes.saturating_add(1));
    let read = input.read_to_end(&mut bytes);
    let read = read.map_err(|error| unreadable(path, error))?;
    if read as u64 > limits.whole_file_bytes {
        let limit = Limit::WholeFile;
        return Err(over_limit(path, "", limit, limit.of(limits)));
    }
    let mut stream = if is_compound_file(&bytes) {
        workbook_stream(path, bytes)?
    } else {
        bytes
    };
    let password = options.password.as_ref().map(Password::reveal);
    protection::remove(path, &mut stream, password)?;
    let asked_for = options.code_page.map(CodePage::number);
    let globals = Globals::read(path, &stream, limits, asked_for)?;
    Ok(Box::new(XlsWorkbook {
        path: path.to_owned(),
        stream,
        globals,
    }))
}

/// The stream of a compound file that has the records ([MS-XLS] 2.1.2). A file for old and new programs has both, the
/// newer one under the newer name; a stream of neither kind does not hide the other.
fn workbook_stream(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let file = CompoundFile::of_bytes(path, bytes)?;
    let mut other = None;
    for name in ["Workbook", "Book"] {
        let found = file.root_stream(path, name)?;
        match found {
            Some(stream) if Substream::open(&stream, 0).is_some() => return Ok(stream),
            found => other = other.or(found),
        }
    }
    if let Some(stream) = other {
        return Ok(stream);
    }
    // An encrypted Office Open XML package is a compound file, too ([MS-OFFCRYPTO] 2.3.4.4).
    if file.contains("EncryptedPackage") {
        return Err(protection::encrypted(path, "protected by a password"));
    }
    Err(Error::new(
        ErrorKind::NotAWorkbook,
        format!("{} is {}, not a workbook", path.display(), document(&file)),
    )
    .in_file(path)
    .next_step(KNOWN_FORMATS))
}

/// What a compound file is that is no workbook, by the stream that it has.
fn document(file: &CompoundFile) -> &'static str {
    let known = [
        ("WordDocument", "a document of Word"),
        ("PowerPoint Document", "a presentation of PowerPoint"),
        ("__properties_version1.0", "a message of Outlook"),
        ("WksSSWorkBook", "a spreadsheet of Microsoft Works"),
    ];
    let mut found = known.iter().filter(|(stream, _)| file.contains(stream));
    found
        .next()
        .map_or("a document of another program", |(_, what)| what)
}

/// A workbook whose stream is in memory.
struct XlsWorkbook {
    path: PathBuf,
    stream: Vec<u8>,
    globals: Globals,
}

impl XlsWorkbook {
    /// The records of a worksheet; `None` for a sheet of another kind.
    fn worksheet(&self, sheet: usize) -> Result<Option<Substream<'_>>> {
        let entry = self.globals.entries.get(sheet);
        let start = self.globals.starts.get(sheet);
        let (Some(entry), Some(start)) = (entry, start) else {
            return Ok(None);
        };
        if !matches!(entry.kind, SheetKind::Worksheet | SheetKind::Missing) {
            return Ok(None);
        }
        let found =
            Substream::open(&self.stream, *start).filter(|_| entry.kind != SheetKind::Missing);
        let missing = || {
            let how = format!("sheet {:?} is not where its list says", entry.name);
            missing_part(&self.path, &how, &entry.name)
        };
        found.map(Some).ok_or_else(missing)
    }
}

impl Workbook for XlsWorkbook {
    fn sheets(&self) -> &[SheetEntry] {
        &self.globals.entries
    }

    fn date_system(&self) -> DateSystem {
        self.globals.date_system
    }

    fn formats(&self) -> &[NumberFormat] {
        self.globals.formats.formats()
    }

    fn named_ranges(&mut self) -> Result<Vec<NamedRange>> {
        Ok(names::read(&self.globals, &self.stream))
    }

    /// Lists in xls files are no tables by name.
    fn tables(&mut self) -> Result<Vec<SheetTable>> {
        Ok(Vec::new())
    }

    fn merged_ranges(&mut self, sheet: usize) -> Result<Vec<CellRange>> {
        let records = self.worksheet(sheet)?;
        Ok(records.map_or_else(Vec::new, layout::merged))
    }

    fn read_sheet(&mut self, sheet: usize, visitor: &mut dyn SheetVisitor) -> Result<()> {
        let Some(records) = self.worksheet(sheet)? else {
            return Ok(());
        };
        let Some(styles) = self.globals.styles(sheet) else {
            return Ok(());
        };
        let around = cells::Surroundings {
            path: &self.path,
            version: self.globals.version,
            text: &self.globals.text,
            styles,
            strings: &self.globals.strings,
        };
        cells::read(around, records, visitor)
    }
}
