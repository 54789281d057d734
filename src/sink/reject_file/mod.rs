//! Files of rejected rows: xlsx to be mended and loaded again, csv and jsonl to be read by people and scripts.
//!
//! The path holds nothing of an earlier load once the file is open, and nothing at all when no row was rejected: what
//! is there is of this load. csv and jsonl grow as rows are flushed. A workbook is one only when it is complete, so it
//! appears under its name with [`RejectFile::finish`].

mod csv;
mod json;
mod jsonl;
mod lines;
mod place;
mod xlsx;

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::model::rejected_row::{RejectedRow, RejectedSheet};
use place::Place;

/// The fields that csv and jsonl have for each row, before its cells.
const FIELDS: [&str; 9] = [
    "sheet", "row", "cell", "column", "stored", "expected", "sqlstate", "reason", "message",
];

type Attempt<T = ()> = std::result::Result<T, Box<dyn StdError + Send + Sync>>;

/// What a format does with rows. All of it blocks.
trait Format: Send {
    /// The rows that follow are this sheet's.
    fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Attempt;

    /// Takes the next row.
    fn row(&mut self, row: &RejectedRow) -> Attempt;

    /// Puts into the file what can be.
    fn flush(&mut self) -> Attempt;

    /// Takes back all rows.
    fn restart(&mut self) -> Attempt;

    /// Completes the file, or removes it when it has no rows.
    fn finish(self: Box<Self>) -> Attempt;
}

/// A file of rejected rows in the making.
pub struct RejectFile {
    path: PathBuf,
    format: Box<dyn Format>,
    rows: u64,
}

/// What became of a file of rejected rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The file; `None` when no row was rejected, and there is no file.
    pub file: Option<PathBuf>,
    /// How many rows it holds.
    pub rows: u64,
}

impl RejectFile {
    /// Opens a file of the format that its extension says. A file of that name is gone then. Blocks.
    ///
    /// # Errors
    /// `InvalidOptions` for another extension, and when the file is `source`, from which the rows come;
    /// `OutputUnwritable`.
    pub fn open(path: &Path, source: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase).unwrap_or_default();
        let open: fn(Place) -> std::io::Result<Box<dyn Format>> = match extension.as_str() {
            "xlsx" => |place| Ok(Box::new(xlsx::XlsxFile::open(place)?)),
            "csv" => |place| Ok(Box::new(csv::CsvFile::open(place)?)),
            "jsonl" => |place| Ok(Box::new(jsonl::JsonlFile::open(place)?)),
            _ => return Err(no_format(path)),
        };
        let place = Place::find(path).map_err(|cause| unwritable(path, cause))?;
        if place.is_file(source) {
            let message = format!(
                "{} is the file that is loaded: rejected rows cannot be written to it",
                path.display()
            );
            return Err(Error::new(ErrorKind::InvalidOptions, message)
                .in_file(path)
                .next_step("Name another file for the rejected rows"));
        }
        Ok(Self {
            path: path.to_owned(),
            format: open(place).map_err(|cause| unwritable(path, cause))?,
            rows: 0,
        })
    }

    /// The rows that follow are this sheet's.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Result<()> {
        self.attempt(|format| format.begin_sheet(sheet))
    }

    /// Takes the next row of the sheet that was begun last.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn row(&mut self, row: &RejectedRow) -> Result<()> {
        self.attempt(|format| format.row(row))?;
        self.rows += 1;
        Ok(())
    }

    /// Puts all rows into a file of text, so that they are there whatever becomes of this program.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn flush(&mut self) -> Result<()> {
        self.attempt(|format| format.flush())
    }

    /// Empties the file, for a load that begins again. Its sheets have to begin again, too.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn restart(&mut self) -> Result<()> {
        self.rows = 0;
        self.attempt(|format| format.restart())
    }

    /// Completes the file. One without rows is removed.
    ///
    /// # Errors
    /// `OutputUnwritable`
    pub fn finish(self) -> Result<Finished> {
        let Self { path, format, rows } = self;
        guarded(|| format.finish()).map_err(|cause| unwritable(&path, cause))?;
        Ok(Finished {
            file: (rows > 0).then_some(path),
            rows,
        })
    }

    fn attempt(&mut self, work: impl FnOnce(&mut dyn Format) -> Attempt) -> Result<()> {
        guarded(|| work(self.format.as_mut())).map_err(|cause| unwritable(&self.path, cause))
    }
}

/// rust_xlsxwriter panics when its scratch file cannot be written, most likely because the disk is full.
fn guarded(work: impl FnOnce() -> Attempt) -> Attempt {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(panic_message(panic.as_ref()).into()))
}

/// What a panic said: for a scratch file it names the system's error.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else {
        "the writer stopped without a reason".to_owned()
    }
}

fn no_format(path: &Path) -> Error {
    let message = format!(
        "{} has no extension of a format that rejected rows can be written in",
        path.display()
    );
    Error::new(ErrorKind::InvalidOptions, message)
        .in_file(path)
        .next_step("Name a file that ends with .xlsx, .csv or .jsonl")
}

/// The error for a file that cannot be written.
fn unwritable(path: &Path, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    let message = format!("cannot write rejected rows to {}", path.display());
    Error::new(ErrorKind::OutputUnwritable, message)
        .in_file(path)
        .caused_by(cause)
        .next_step("Name a file in a directory that exists, is yours to write to and has space")
}

#[cfg(test)]
mod tests;
