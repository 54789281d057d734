//! What a workbook holds and what would become of it, found without a database.

use std::fmt;

use serde::Serialize;

use super::sheet::{SheetKind, Visibility};

/// A workbook's sheets. Its field names are the JSON document's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The file as it was named.
    pub file: String,
    /// Its format by its content, whatever its name.
    pub format: WorkbookFormat,
    /// The sheets in the workbook's order.
    pub sheets: Vec<SheetInspection>,
    /// Worksheets that the options leave out because they are hidden.
    pub left_out: Vec<String>,
}

/// The format of a workbook's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkbookFormat {
    /// Office Open XML with XML parts: xlsx, xlsm.
    Xlsx,
    /// Office Open XML with binary parts.
    Xlsb,
    /// The binary format of Excel before 2007, or an encrypted workbook of a later one.
    Xls,
    /// OpenDocument.
    Ods,
}

impl WorkbookFormat {
    /// Its usual extension.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Xls => "xls",
            Self::Ods => "ods",
        }
    }
}

/// A sheet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SheetInspection {
    /// Its name.
    pub sheet: String,
    /// What it is.
    pub kind: SheetKind,
    /// Whether people see it.
    pub visibility: Visibility,
    /// What is in it; `None` for an empty sheet and for one that holds no cells at all, such as a chart.
    pub content: Option<SheetContent>,
}

/// The cells of a sheet, and the table that they would become.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SheetContent {
    /// The cells from the first title to the last filled one, such as `A1:F200`.
    pub cells: String,
    /// The row of the titles, or the last of several, counted from 1; `None` without titles.
    pub title_row: Option<u32>,
    /// Rows with at least one cell below the titles.
    pub rows: u64,
    /// Rows between these without any cell. They are skipped.
    pub blank_rows: u64,
    /// What people do not see.
    pub hidden: HiddenContent,
    /// The columns from left to right.
    pub columns: Vec<ColumnInspection>,
    /// What would be lost, changed or surprising.
    pub findings: Vec<Finding>,
    /// The table's name as an import chooses it.
    pub table: String,
    /// The statement that would create the table; `None` where a table cannot have as many columns.
    pub ddl: Option<String>,
}

/// What people do not see of a sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HiddenContent {
    /// Hidden rows that an import with the same options loads.
    pub rows_read: u64,
    /// Hidden rows that it leaves out.
    pub rows_skipped: u64,
    /// The letters of the hidden columns.
    pub columns: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnInspection {
    /// Its letters in the sheet.
    pub letters: String,
    /// Its title as displayed, empty without one.
    pub title: String,
    /// Its name in the table.
    pub name: String,
    /// Its type in the table, as SQL writes it.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// Whether it is hidden in the sheet.
    pub hidden: bool,
    /// Cells with a value that is no error.
    pub values: u64,
    /// Empty cells in rows that have others.
    pub nulls: u64,
    /// Cells with an error, such as #N/A.
    pub errors: u64,
    /// How many different values there are.
    pub distinct: u64,
    /// Whether that was counted or estimated.
    pub distinct_is: Exactness,
    /// The least number, first date or first text by its bytes.
    pub min: Option<String>,
    /// The greatest.
    pub max: Option<String>,
    /// The characters of its longest text; `None` without texts.
    pub longest_text: Option<u64>,
    /// The first different values.
    pub samples: Vec<String>,
    /// The number formats of its numbers, the most frequent first.
    pub formats: Vec<FormatSeen>,
}

/// How well a count is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exactness {
    /// Counted.
    Exact,
    /// Estimated, within some percent.
    Estimate,
}

/// A number format and how many cells have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormatSeen {
    /// The code as the workbook has it.
    pub code: String,
    /// Numbers that have it.
    pub cells: u64,
}

/// Something about the cells that a load would lose or change, or that people do not expect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The column's name in the table; `None` for what concerns the sheet.
    pub column: Option<String>,
    /// How many cells, columns or ranges.
    pub count: u64,
    /// The first of them, at most three, such as `Sheet1!C17`.
    pub cells: Vec<String>,
    /// What it means for a load, in few words.
    pub explanation: String,
    /// The option of `sheetload import` that settles it, if one does.
    pub flag: Option<String>,
}

/// The finding in a line, for warnings.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.words())?;
        if let Some(column) = &self.column {
            write!(f, " in {column}")?;
        }
        write!(f, ": {}", self.count)?;
        if !self.cells.is_empty() {
            let more = self.count > self.cells.len() as u64;
            let more = if more { ", …" } else { "" };
            write!(f, " ({}{more})", self.cells.join(", "))?;
        }
        write!(f, ": {}", self.explanation)?;
        match &self.flag {
            Some(flag) => write!(f, " ({flag})"),
            None => Ok(()),
        }
    }
}

/// What a finding is about. The names are the JSON document's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Numbers with more digits than a spreadsheet keeps.
    #[serde(rename = "more_than_15_digits")]
    MoreThan15Digits,
    /// Cells of different kinds, so that the column becomes text.
    MixedColumn,
    /// Dates before 1 March 1900, which the 29 February 1900 that never was moved by a day.
    #[serde(rename = "date_before_march_1900")]
    DateBeforeMarch1900,
    /// Numbers with a date's format that are no date.
    ImpossibleDate,
    /// Texts such as 03/04/2024.
    AmbiguousDate,
    /// Texts with a NUL character.
    NulCharacter,
    /// Texts with other control characters.
    ControlCharacter,
    /// Texts that all are whole numbers.
    IntegersAsText,
    /// Texts that all are numbers.
    DecimalsAsText,
    /// Texts that all are numbers with a decimal comma.
    DecimalCommaAsText,
    /// Texts that all are dates.
    DatesAsText,
    /// Texts that all are dates with a time of day.
    TimestampsAsText,
    /// Texts that all are times of day.
    TimesAsText,
    /// Texts that all are yes or no, true or false.
    BooleansAsText,
    /// Numbers that are displayed with zeros in front.
    ZeroPaddedNumbers,
    /// Formulas without a result in the file.
    UncachedFormula,
    /// Texts with characters that the file has only half of.
    DamagedCharacter,
    /// Texts in a code page that the file does not name.
    GuessedCodePage,
    /// Cells with an error.
    ErrorCell,
    /// Filled cells beside the titles.
    CellsWithoutTitle,
    /// Columns without title.
    BlankTitle,
    /// Columns whose names would be the same.
    DuplicateTitle,
    /// Titles that are longer than a column's name can be.
    LongTitle,
    /// More columns than a table can have.
    TooManyColumns,
    /// Merged cells.
    MergedCells,
    /// More than one row seems to hold titles.
    SeveralTitleRows,
    /// White space at the ends of texts.
    OuterWhiteSpace,
    /// Words such as N/A that may stand for nothing.
    NullWord,
}

impl FindingKind {
    /// What it is in words, for lists.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::MoreThan15Digits => "more than 15 digits",
            Self::MixedColumn => "mixed column",
            Self::DateBeforeMarch1900 => "date before March 1900",
            Self::ImpossibleDate => "impossible date",
            Self::AmbiguousDate => "ambiguous date",
            Self::NulCharacter => "NUL character",
            Self::ControlCharacter => "control character",
            Self::IntegersAsText => "whole numbers as text",
            Self::DecimalsAsText => "numbers as text",
            Self::DecimalCommaAsText => "decimal comma",
            Self::DatesAsText => "dates as text",
            Self::TimestampsAsText => "dates with time as text",
            Self::TimesAsText => "times as text",
            Self::BooleansAsText => "yes or no as text",
            Self::ZeroPaddedNumbers => "zeros in front",
            Self::UncachedFormula => "formula without result",
            Self::DamagedCharacter => "damaged character",
            Self::GuessedCodePage => "code page not named",
            Self::ErrorCell => "error cell",
            Self::CellsWithoutTitle => "cells without title",
            Self::BlankTitle => "blank title",
            Self::DuplicateTitle => "duplicate title",
            Self::LongTitle => "long title",
            Self::TooManyColumns => "too many columns",
            Self::MergedCells => "merged cells",
            Self::SeveralTitleRows => "several rows of titles",
            Self::OuterWhiteSpace => "white space at the ends",
            Self::NullWord => "words for nothing",
        }
    }
}
