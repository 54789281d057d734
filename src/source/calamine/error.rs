//! calamine's errors as ours.

use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{OdsError, XlsError, XlsbError, XlsxError};

use crate::error::{Error, ErrorKind, Result};

/// An error of one of calamine's readers.
pub(super) trait SpreadsheetError: StdError + Send + Sync + Sized + 'static {
    /// What it means for us.
    fn kind(&self) -> ErrorKind;

    /// The error with the workbook's name and the next step.
    fn in_workbook(self, path: &Path) -> Error {
        let kind = self.kind();
        let file = path.display();
        let error = match kind {
            ErrorKind::WorkbookEncrypted => {
                return Error::new(kind, format!("{file} is protected by a password"))
                    .in_file(path)
                    .next_step("Remove the password in a spreadsheet program and save it again");
            }
            ErrorKind::WorkbookTooLarge => Error::new(
                kind,
                format!("{file} has a sheet that spans too many cells for its format"),
            )
            .next_step("Save it as .xlsx, which is read as a stream"),
            ErrorKind::FileUnreadable => {
                Error::new(kind, format!("{file} cannot be read")).next_step("Check the disk")
            }
            _ => Error::new(kind, format!("{file} is damaged")).next_step(
                "Copy or download the file again, or save it anew with a spreadsheet program",
            ),
        };
        error.in_file(path).caused_by(self)
    }
}

/// An I/O error below a reader: one of the operating system has its code; the rest come from cut-off or corrupt content.
fn io_kind(error: &std::io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(_) => ErrorKind::FileUnreadable,
        None => ErrorKind::WorkbookBroken,
    }
}

impl SpreadsheetError for XlsxError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Password => ErrorKind::WorkbookEncrypted,
            Self::Io(error) => io_kind(error),
            _ => ErrorKind::WorkbookBroken,
        }
    }
}

impl SpreadsheetError for XlsbError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Password => ErrorKind::WorkbookEncrypted,
            Self::Io(error) => io_kind(error),
            _ => ErrorKind::WorkbookBroken,
        }
    }
}

impl SpreadsheetError for XlsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Password => ErrorKind::WorkbookEncrypted,
            Self::Io(error) => io_kind(error),
            _ => ErrorKind::WorkbookBroken,
        }
    }
}

impl SpreadsheetError for OdsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::CellLimitExceeded { .. } => ErrorKind::WorkbookTooLarge,
            Self::Password => ErrorKind::WorkbookEncrypted,
            Self::Io(error) => io_kind(error),
            _ => ErrorKind::WorkbookBroken,
        }
    }
}

/// Runs a reader and turns a panic in it into an error of this file: some damaged workbooks make calamine index out
/// of bounds.
pub(super) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_panic| {
        Err(Error::new(
            ErrorKind::WorkbookBroken,
            format!(
                "{} is damaged in a way that its reader does not survive",
                path.display()
            ),
        )
        .in_file(path)
        .next_step("Save it anew with a spreadsheet program"))
    })
}
