//! Number formats: how a number is displayed, which is what tells a date from a price.

/// A format code and what it makes of a number (ECMA-376 Part 1, §18.8.30 and §18.8.31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// The code as the workbook has it.
    pub code: String,
}

impl NumberFormat {
    /// The format of cells that have none.
    pub const GENERAL_CODE: &'static str = "General";

    /// Stands for the code of a date that may have a time, where the reader only says "date".
    pub const ANY_DATE_CODE: &'static str = "date";

    /// A format with this code.
    #[must_use]
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into() }
    }

    /// The format of cells that have none.
    #[must_use]
    pub fn general() -> Self {
        Self::new(Self::GENERAL_CODE)
    }
}
