//! One cell as the reader found it, before it has a database type.

use std::fmt;

/// An error value (ECMA-376 Part 1, §18.18.11 ST_CellType `e`; [MS-XLS] 2.5.10 BErr).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellError {
    /// `#DIV/0!`
    DivisionByZero,
    /// `#N/A`
    NotAvailable,
    /// `#NAME?`
    Name,
    /// `#NULL!`
    Null,
    /// `#NUM!`
    Number,
    /// `#REF!`
    Reference,
    /// `#VALUE!`
    Value,
    /// `#GETTING_DATA`
    GettingData,
}

impl CellError {
    /// The error as a spreadsheet displays it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DivisionByZero => "#DIV/0!",
            Self::NotAvailable => "#N/A",
            Self::Name => "#NAME?",
            Self::Null => "#NULL!",
            Self::Number => "#NUM!",
            Self::Reference => "#REF!",
            Self::Value => "#VALUE!",
            Self::GettingData => "#GETTING_DATA",
        }
    }
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A stretch of a batch's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextSpan {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

/// Which of the sheet's number formats a number has: an index into [`crate::model::sheet::SheetDescription::formats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FormatId(pub u16);

/// A cell. Texts lie in the batch's arena, so that a cell is plain 16 bytes and a row costs no allocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Nothing, or an empty text.
    Empty,
    /// TRUE or FALSE.
    Bool(bool),
    /// A number, a serial date, a duration: the format tells which.
    Number {
        /// The stored number; for dates, days since the sheet's epoch.
        value: f64,
        /// How it is displayed.
        format: FormatId,
    },
    /// A text that is not empty.
    Text(TextSpan),
    /// A date, time or duration stored as ISO 8601 text (ods, xlsx `t="d"`).
    Iso(TextSpan),
    /// An error value.
    Error(CellError),
}

const _: () = assert!(size_of::<Cell>() == 16);
