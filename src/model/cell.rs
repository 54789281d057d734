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
    /// `#SPILL!`
    Spill,
    /// `#CALC!`
    Calculation,
    /// `#FIELD!`
    Field,
    /// `#BLOCKED!`
    Blocked,
    /// `#CONNECT!`
    Connect,
    /// `#BUSY!`
    Busy,
    /// `#EXTERNAL!`
    External,
    /// `#PYTHON!`
    Python,
    /// `Err:502` and the like, which LibreOffice writes for errors that Excel has not.
    Numbered(u16),
    /// `#UNKNOWN!`, and any that later programs may invent.
    Unknown,
}

/// The first number of [`NUMBERED`].
const FIRST_NUMBER: u16 = 500;
/// The names of LibreOffice's errors (FormulaError in its formula/errorcodes.hxx).
const NUMBERED: [&str; 40] = [
    "Err:500", "Err:501", "Err:502", "Err:503", "Err:504", "Err:505", "Err:506", "Err:507",
    "Err:508", "Err:509", "Err:510", "Err:511", "Err:512", "Err:513", "Err:514", "Err:515",
    "Err:516", "Err:517", "Err:518", "Err:519", "Err:520", "Err:521", "Err:522", "Err:523",
    "Err:524", "Err:525", "Err:526", "Err:527", "Err:528", "Err:529", "Err:530", "Err:531",
    "Err:532", "Err:533", "Err:534", "Err:535", "Err:536", "Err:537", "Err:538", "Err:539",
];

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
            Self::Spill => "#SPILL!",
            Self::Calculation => "#CALC!",
            Self::Field => "#FIELD!",
            Self::Blocked => "#BLOCKED!",
            Self::Connect => "#CONNECT!",
            Self::Busy => "#BUSY!",
            Self::External => "#EXTERNAL!",
            Self::Python => "#PYTHON!",
            Self::Numbered(number) => numbered(number).unwrap_or("#UNKNOWN!"),
            Self::Unknown => "#UNKNOWN!",
        }
    }

    /// The error with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.iter().find(|error| error.name() == name);
        let number = || {
            let number: u16 = name.strip_prefix("Err:")?.parse().ok()?;
            let is_known = numbered(number) == Some(name);
            is_known.then_some(Self::Numbered(number))
        };
        known.copied().or_else(number).unwrap_or(Self::Unknown)
    }

    /// The error with this code in a binary workbook ([MS-XLS] 2.5.10 BErr, [MS-XLSB] 2.5.97.2 BErr).
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            0x00 => Self::Null,
            0x07 => Self::DivisionByZero,
            0x0F => Self::Value,
            0x17 => Self::Reference,
            0x1D => Self::Name,
            0x24 => Self::Number,
            0x2A => Self::NotAvailable,
            0x2B => Self::GettingData,
            _ => Self::Unknown,
        }
    }

    const ALL: [Self; 17] = [
        Self::DivisionByZero,
        Self::NotAvailable,
        Self::Name,
        Self::Null,
        Self::Number,
        Self::Reference,
        Self::Value,
        Self::GettingData,
        Self::Spill,
        Self::Calculation,
        Self::Field,
        Self::Blocked,
        Self::Connect,
        Self::Busy,
        Self::External,
        Self::Python,
        Self::Unknown,
    ];
}

fn numbered(number: u16) -> Option<&'static str> {
    let place = usize::from(number.checked_sub(FIRST_NUMBER)?);
    NUMBERED.get(place).copied()
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
    /// A whole number that a double does not hold, in the digits that the file has, behind a sign if it is negative.
    Digits {
        /// The digits.
        text: TextSpan,
        /// How it is displayed.
        format: FormatId,
    },
    /// A text that is not empty.
    Text(TextSpan),
    /// A text that is not empty, by its number in the shared strings of the batch.
    Shared(u32),
    /// A date, time or duration stored as ISO 8601 text (ods, xlsx `t="d"`).
    Iso(TextSpan),
    /// An error value.
    Error(CellError),
}

const _: () = assert!(size_of::<Cell>() == 16);
