//! Options that say which part of a workbook is read, and how.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::limits::LimitArgs;
use crate::error::{Error, ErrorKind, Result};
use crate::model::code_page::CodePage;
use crate::model::secret::Password;
use crate::model::selection::{
    Area, HeaderRows, Hidden, MergedCells, ReadOptions, Reader, SheetChoice, SheetPattern,
};

/// Where the password of a workbook is looked for, besides `--password-file`.
const PASSWORD_VARIABLE: &str = "SHEETLOAD_PASSWORD";
/// The longest password that Excel takes is 255 characters; a longer file is not one.
const MAX_PASSWORD_BYTES: u64 = 4096;

/// Which part of a workbook is read, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is read")]
pub(super) struct ReadArgs {
    /// A sheet by its name, its place (1, or -1 for the last) or a glob such as "Sales *"; repeatable;
    /// default: the first visible one
    #[arg(short, long, value_name = "S", allow_hyphen_values = true)]
    sheet: Vec<SheetPattern>,
    /// All worksheets that are not hidden
    #[arg(long, conflicts_with = "sheet")]
    all_sheets: bool,
    /// Cells such as A3:F200, B:D or 3:20, or the name of a range or of a table
    #[arg(long, value_name = "CELLS")]
    range: Option<Area>,
    /// The row of the titles, counted from 1; "none": there are none; "auto": the first that looks like titles;
    /// default: the first filled row
    #[arg(long, value_name = "N|none|auto")]
    header_row: Option<HeaderRows>,
    /// Several rows of titles, which are joined, such as 2-3
    #[arg(long, value_name = "N-M", conflicts_with = "header_row")]
    header_rows: Option<HeaderRows>,
    /// Give all cells of a merged range its value
    #[arg(long)]
    fill_merged: bool,
    /// What becomes of hidden rows, columns and sheets; default: rows and columns are loaded, sheets only when named
    #[arg(long, value_name = "WHAT", value_enum)]
    hidden: Option<HiddenArg>,
    /// The code page of texts in an xls older than Excel 97, such as 1251, windows-1251 or cp437; default: what the file
    /// says, or its fonts
    #[arg(long, value_name = "NAME")]
    codepage: Option<CodePage>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Which code reads the file; calamine gives a second opinion, without formats other than those of xlsx
    #[arg(long, value_enum, default_value_t = ReaderArg::Own, hide = true)]
    reader: ReaderArg,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Where an encrypted workbook's password is.
#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// A file with the password of an encrypted workbook; or set SHEETLOAD_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HiddenArg {
    /// All are loaded
    Load,
    /// None are loaded, but sheets that are named
    Skip,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReaderArg {
    /// sheetload's own readers
    Own,
    /// The crate calamine
    Calamine,
}

impl ReadArgs {
    /// The options, with the password read.
    ///
    /// # Errors
    /// `FileUnreadable` for a password file that cannot be read.
    pub(super) fn to_options(&self) -> Result<ReadOptions> {
        let sheets = match (self.all_sheets, self.sheet.as_slice()) {
            (true, _) => SheetChoice::All,
            (false, []) => SheetChoice::FirstVisible,
            (false, patterns) => SheetChoice::Matching(patterns.to_vec()),
        };
        Ok(ReadOptions {
            sheets,
            area: self.range.clone().unwrap_or_default(),
            header: self.header_row.or(self.header_rows).unwrap_or_default(),
            hidden: match self.hidden {
                None => Hidden::LoadRowsAndColumns,
                Some(HiddenArg::Load) => Hidden::Load,
                Some(HiddenArg::Skip) => Hidden::Skip,
            },
            merged: if self.fill_merged {
                MergedCells::Fill
            } else {
                MergedCells::UpperLeft
            },
            password: self.password.read()?,
            code_page: self.codepage,
            reader: match self.reader {
                ReaderArg::Own => Reader::Own,
                ReaderArg::Calamine => Reader::Calamine,
            },
            limits: self.limits.to_limits(),
            ..ReadOptions::default()
        })
    }
}

impl PasswordArgs {
    /// The password, if there is one.
    ///
    /// # Errors
    /// `FileUnreadable`.
    pub(super) fn read(&self) -> Result<Option<Password>> {
        if let Some(file) = &self.password_file {
            return read_password(file).map(Some);
        }
        let password = std::env::var(PASSWORD_VARIABLE).ok();
        Ok(password
            .filter(|password| !password.is_empty())
            .map(Password::new))
    }
}

/// The first line of a file.
fn read_password(file: &Path) -> Result<Password> {
    let unreadable = |what: &str| {
        Error::new(
            ErrorKind::FileUnreadable,
            format!("the password file {} {what}", file.display()),
        )
        .in_file(file)
        .next_step("Give a file whose first line is the password")
    };
    let size = std::fs::metadata(file).map(|metadata| metadata.len());
    if size.is_ok_and(|size| size > MAX_PASSWORD_BYTES) {
        return Err(unreadable("is too long to be one"));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| unreadable("cannot be read").caused_by(error))?;
    let first = text.lines().next().unwrap_or_default();
    if first.is_empty() {
        return Err(unreadable("has an empty first line"));
    }
    Ok(Password::new(first))
}
