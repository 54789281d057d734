//! What the reader knows about a sheet before, and after, it has read the rows.

use std::path::PathBuf;

use super::address::{CellAddress, CellRange};
use super::number_format::NumberFormat;

/// From which day the sheet counts its serial dates (ECMA-376 Part 1, §18.17.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateSystem {
    /// Day 1 is 1900-01-01, and day 60 is the 29 February 1900 that never was.
    #[default]
    From1900,
    /// Day 0 is 1904-01-01.
    From1904,
}

/// What a sheet is (ECMA-376 Part 1, §12.3; [MS-XLS] 2.4.28 BoundSheet8, `dt`). Only worksheets hold rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SheetKind {
    /// Cells.
    Worksheet,
    /// A chart alone.
    Chart,
    /// Anything else: dialogs, macro sheets, Visual Basic modules.
    Other,
}

/// Whether people see a sheet (ECMA-376 Part 1, §18.18.68 ST_SheetState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody sees it.
    Visible,
    /// The spreadsheet program can show it again.
    Hidden,
    /// Only a macro can show it again.
    VeryHidden,
}

/// A sheet by the workbook's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SheetKind,
    /// Whether people see it.
    pub visibility: Visibility,
}

/// A name for a range of one sheet (ECMA-376 Part 1, §18.2.5 definedName).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRange {
    /// The name.
    pub name: String,
    /// For a name of one sheet alone, that sheet's place in the workbook's list, from 0.
    pub scope: Option<usize>,
    /// The place of the sheet it points to, from 0.
    pub sheet: usize,
    /// The cells.
    pub range: CellRange,
}

/// A table of a worksheet (ECMA-376 Part 1, §18.5.1.2 table).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetTable {
    /// The name that formulas use (`displayName`).
    pub name: String,
    /// The place of its sheet in the workbook's list, from 0.
    pub sheet: usize,
    /// All its cells, with header and totals.
    pub range: CellRange,
    /// How many of its first rows are the header: 1 or 0.
    pub header_rows: u32,
    /// How many of its last rows are totals.
    pub totals_rows: u32,
}

/// The header: the first row with a cell in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Its row in the sheet, from 0.
    pub row: u32,
    /// The column of the first title, from 0.
    pub first_column: u32,
    /// The titles as displayed, empty where a column has none.
    pub titles: Vec<String>,
}

impl Header {
    /// How many columns the header spans.
    #[must_use]
    pub fn width(&self) -> usize {
        self.titles.len()
    }

    /// The sheet column of the header's `index`-th column, from 0.
    #[must_use]
    pub fn sheet_column(&self, index: usize) -> u32 {
        self.first_column
            .saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// A sheet that is ready to be read.
#[derive(Debug, Clone)]
pub struct SheetDescription {
    /// The workbook.
    pub file: PathBuf,
    /// The sheet's name.
    pub sheet: String,
    /// Its epoch.
    pub date_system: DateSystem,
    /// Its number formats; cells refer to them by index.
    pub formats: Vec<NumberFormat>,
    /// Its header.
    pub header: Header,
    /// How many rows the file says there are below the header. A hint for progress, never trusted.
    pub declared_rows: Option<u64>,
}

/// What one reading of the rows found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SheetTotals {
    /// Rows with at least one cell under the header, all of them handed over.
    pub rows: u64,
    /// Rows between the first and the last of these without any cell.
    pub blank_rows: u64,
    /// Filled cells left or right of the header's columns, which no column can take.
    pub cells_outside_header: u64,
    /// The first of them.
    pub first_outside_header: Option<CellAddress>,
    /// The leftmost column with a filled cell below the header, from 0; `None` without such cells.
    pub first_column: Option<u32>,
    /// The rightmost column with a filled cell below the header, from 0.
    pub last_column: u32,
}
