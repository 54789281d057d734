//! What the reader knows about a sheet before, and after, it has read the rows.

use std::path::PathBuf;
use std::sync::Arc;

use super::address::{CellAddress, CellRange};
use super::code_page::CodePage;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SheetKind {
    /// Cells.
    Worksheet,
    /// A chart alone.
    Chart,
    /// Anything else: dialogs, macro sheets, Visual Basic modules.
    Other,
    /// A sheet that the workbook lists, but whose content the file does not have: it is damaged.
    Missing,
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

/// The header: the titles of the columns, and where the rows begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The first row of data, from 0. Rows above it are titles, or not part of the table.
    pub first_row: u32,
    /// The column of the first title, from 0.
    pub first_column: u32,
    /// The titles as displayed, empty where a column has none.
    pub titles: Vec<String>,
    /// Whether the sheet has titles at all.
    pub titled: Titled,
}

/// Whether a sheet has titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Titled {
    /// It has.
    #[default]
    Yes,
    /// All its rows are data, and columns are known by their place.
    No,
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

    /// Lets it reach from and to these columns (from 0) with empty titles.
    pub fn widen(&mut self, first_column: u32, last_column: u32) {
        let missing = self.first_column.saturating_sub(first_column) as usize;
        self.titles
            .splice(0..0, std::iter::repeat_n(String::new(), missing));
        self.first_column = self.first_column.min(first_column);
        let width = last_column.saturating_sub(self.first_column) as usize + 1;
        if width > self.titles.len() {
            self.titles.resize(width, String::new());
        }
    }
}

/// A sheet that is ready to be read.
#[derive(Debug, Clone)]
pub struct SheetDescription {
    /// The workbook.
    pub file: PathBuf,
    /// The sheet's name.
    pub sheet: String,
    /// Whether people see it.
    pub visibility: Visibility,
    /// Its epoch.
    pub date_system: DateSystem,
    /// Its number formats; cells refer to them by index.
    pub formats: Arc<[NumberFormat]>,
    /// Its header.
    pub header: Header,
    /// Hidden columns, first and last of each stretch, from 0.
    pub hidden_columns: Vec<(u32, u32)>,
    /// The first and last column by the file's own word, from 0. A hint, never trusted.
    pub declared_columns: Option<(u32, u32)>,
    /// How many rows the file says there are below the header. A hint for progress, never trusted.
    pub declared_rows: Option<u64>,
}

impl SheetDescription {
    /// Whether a column of the header is hidden in the sheet.
    #[must_use]
    pub fn is_hidden_column(&self, index: usize) -> bool {
        let column = self.header.sheet_column(index);
        let mut stretches = self.hidden_columns.iter();
        stretches.any(|(first, last)| (*first..=*last).contains(&column))
    }
}

/// What one reading of the rows found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SheetTotals {
    /// Rows with at least one cell under the header, all of them handed over.
    pub rows: u64,
    /// Rows between the first and the last of these without any cell.
    pub blank_rows: u64,
    /// Rows that are hidden and were handed over all the same.
    pub hidden_rows_read: u64,
    /// Rows that were left out because they are hidden.
    pub hidden_rows_skipped: u64,
    /// Rows with a cell above the first row of data that hold no titles.
    pub rows_above_header: u64,
    /// Filled cells left or right of the header's columns, which no column can take.
    pub cells_outside_header: u64,
    /// The first of them.
    pub first_outside_header: Option<CellAddress>,
    /// Formulas whose results the file does not hold.
    pub uncached_formulas: u64,
    /// The first of them.
    pub first_uncached: Option<CellAddress>,
    /// Cells with a text in which U+FFFD stands where the file has no character.
    pub replaced_texts: u64,
    /// The first of them.
    pub first_replaced: Option<CellAddress>,
    /// Cells with a text beyond ASCII in a code page that the file does not name.
    pub guessed_texts: u64,
    /// The first of them, and its code page.
    pub first_guessed: Option<(CellAddress, CodePage)>,
    /// The leftmost column with a filled cell below the header, from 0; `None` without such cells.
    pub first_column: Option<u32>,
    /// The rightmost column with a filled cell below the header, from 0.
    pub last_column: u32,
    /// The last row with a cell, from 0.
    pub last_row: Option<u32>,
}

impl SheetTotals {
    /// These and those of the next sheet. Places are the first sheet's that has one.
    #[must_use]
    pub fn plus(self, next: Self) -> Self {
        Self {
            rows: self.rows + next.rows,
            blank_rows: self.blank_rows + next.blank_rows,
            hidden_rows_read: self.hidden_rows_read + next.hidden_rows_read,
            hidden_rows_skipped: self.hidden_rows_skipped + next.hidden_rows_skipped,
            rows_above_header: self.rows_above_header + next.rows_above_header,
            cells_outside_header: self.cells_outside_header + next.cells_outside_header,
            first_outside_header: self.first_outside_header.or(next.first_outside_header),
            uncached_formulas: self.uncached_formulas + next.uncached_formulas,
            first_uncached: self.first_uncached.or(next.first_uncached),
            replaced_texts: self.replaced_texts + next.replaced_texts,
            first_replaced: self.first_replaced.or(next.first_replaced),
            guessed_texts: self.guessed_texts + next.guessed_texts,
            first_guessed: self.first_guessed.or(next.first_guessed),
            first_column: self.first_column.into_iter().chain(next.first_column).min(),
            last_column: self.last_column.max(next.last_column),
            last_row: self.last_row.max(next.last_row),
        }
    }
}
