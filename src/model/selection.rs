//! Which part of a workbook is loaded.

use std::convert::Infallible;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::address::CellRange;
use super::code_page::CodePage;
use super::limits::Limits;
use super::secret::Password;

/// How a workbook is read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The sheets.
    pub sheets: SheetChoice,
    /// The cells of each sheet.
    pub area: Area,
    /// The rows that hold the titles.
    pub header: HeaderRows,
    /// What becomes of what people do not see.
    pub hidden: Hidden,
    /// Whether all cells of a merged range get its value, or the upper left one alone.
    pub merged: MergedCells,
    /// The password of an encrypted workbook; documents never hold it.
    #[serde(skip)]
    pub password: Option<Password>,
    /// The code page of texts in workbooks that are older than Unicode; without one, what the file says, or its fonts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_page: Option<CodePage>,
    /// Which reader.
    pub reader: Reader,
    /// What the file may cost.
    pub limits: Limits,
    /// How many threads read it; whoever goes on with a load may have others.
    #[serde(skip)]
    pub threads: ReaderThreads,
}

/// How many threads read a workbook. One makes rows; a second inflates ahead of it; a third reads the shared strings of an
/// xlsx meanwhile. More have nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReaderThreads(NonZeroUsize);

impl ReaderThreads {
    /// So many threads.
    #[must_use]
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self(threads)
    }

    /// Whether bytes are inflated on a thread of their own.
    #[must_use]
    pub const fn inflates_ahead(self) -> bool {
        self.0.get() >= 2
    }

    /// Whether shared strings are read on a thread of their own.
    #[must_use]
    pub const fn reads_strings_ahead(self) -> bool {
        self.0.get() >= 3
    }
}

impl Default for ReaderThreads {
    /// All three where there is more than one processor: they wait for each other most of the time.
    fn default() -> Self {
        let is_alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        let most = NonZeroUsize::MIN.saturating_add(2);
        Self(if is_alone { NonZeroUsize::MIN } else { most })
    }
}

/// The sheets to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SheetChoice {
    /// The first visible worksheet.
    #[default]
    FirstVisible,
    /// All worksheets; hidden ones only with [`Hidden::Load`].
    All,
    /// Those that one of the patterns names, in the workbook's order.
    Matching(Vec<SheetPattern>),
}

/// A sheet by its name, its place or a glob: whichever fits first.
///
/// A place counts from 1, or from the end: -1 is the last worksheet. In a glob `*` stands for any text, `?` for a
/// character, `[ab]` for one of them; spreadsheet programs allow none of these in a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SheetPattern(String);

impl SheetPattern {
    /// The text as the user wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place, if the text is a number.
    #[must_use]
    pub fn place(&self) -> Option<i32> {
        self.0.parse().ok()
    }
}

impl FromStr for SheetPattern {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// The cells of a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// All that are filled.
    #[default]
    Used,
    /// Those of a range.
    Range(CellRange),
    /// Those of a named range or a table.
    Named(String),
}

impl FromStr for Area {
    type Err = Infallible;

    /// A range such as `A3:F200`; anything else is a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text
            .parse()
            .map_or_else(|_| Self::Named(text.to_owned()), Self::Range))
    }
}

/// The rows that hold the titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderRows {
    /// The first row with a filled cell.
    #[default]
    FirstFilled,
    /// The first row that looks like titles above a table.
    Auto,
    /// There are none: all rows are data.
    None,
    /// These rows, from 0, both included; the titles of several are joined.
    Rows {
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
}

/// What a text that shall name header rows lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHeaderRows;

impl fmt::Display for NotHeaderRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row number from 1, \"none\" or \"auto\" is needed; several rows as 2-3")
    }
}

impl std::error::Error for NotHeaderRows {}

impl FromStr for HeaderRows {
    type Err = NotHeaderRows;

    /// Reads `3`, `2-3`, `none` and `auto`; rows count from 1.
    fn from_str(text: &str) -> Result<Self, NotHeaderRows> {
        let row = |text: &str| -> Result<u32, NotHeaderRows> {
            let row: u32 = text.parse().map_err(|_| NotHeaderRows)?;
            row.checked_sub(1)
                .filter(|row| *row < super::address::MAX_ROWS)
                .ok_or(NotHeaderRows)
        };
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let (first, last) = (row(first)?, row(last)?);
                if first > last {
                    return Err(NotHeaderRows);
                }
                Ok(Self::Rows { first, last })
            }
        }
    }
}

/// What documents call [`HeaderRows::FirstFilled`], which the command line has no word for.
const FIRST_FILLED: &str = "first_filled";

impl fmt::Display for HeaderRows {
    /// Rows count from 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstFilled => f.write_str(FIRST_FILLED),
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Rows { first, last } if first == last => write!(f, "{}", u64::from(*first) + 1),
            Self::Rows { first, last } => {
                write!(f, "{}-{}", u64::from(*first) + 1, u64::from(*last) + 1)
            }
        }
    }
}

impl Serialize for HeaderRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HeaderRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            FIRST_FILLED => Ok(Self::FirstFilled),
            text => text.parse().map_err(de::Error::custom),
        }
    }
}

/// What becomes of hidden sheets, rows and columns. They are counted either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// Rows and columns are loaded, sheets only when they are named.
    #[default]
    LoadRowsAndColumns,
    /// All are loaded.
    Load,
    /// None are loaded but sheets that are named.
    Skip,
}

/// Which cells of a merged range have its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergedCells {
    /// The upper left one, as in the file.
    #[default]
    UpperLeft,
    /// All, up to the last row that has a cell of its own.
    Fill,
}

/// Which code reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// sheetload's own readers.
    #[default]
    Own,
    /// The crate calamine: a second opinion on a file. It knows neither hidden rows nor, apart from xlsx, formats.
    Calamine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_rows_are_read_as_people_write_them() {
        let rows = |first, last| Ok(HeaderRows::Rows { first, last });
        assert_eq!("1".parse(), rows(0, 0));
        assert_eq!("2-3".parse(), rows(1, 2));
        assert_eq!("none".parse(), Ok(HeaderRows::None));
        assert_eq!("auto".parse(), Ok(HeaderRows::Auto));
        for text in ["", "0", "3-2", "-1", "1-", "1-2-3", "x", "1048577"] {
            assert_eq!(text.parse::<HeaderRows>(), Err(NotHeaderRows), "{text}");
        }
        for text in ["1", "2-3", "none", "auto"] {
            assert_eq!(text.parse::<HeaderRows>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_area_is_a_range_or_a_name() {
        let range = "A3:F200".parse().unwrap();
        assert_eq!("A3:F200".parse(), Ok(Area::Range(range)));
        assert_eq!("Prices".parse(), Ok(Area::Named("Prices".into())));
    }
}
