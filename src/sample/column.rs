//! A sample's columns and values, before they become cells.

use super::calendar;
use super::figures::SqlType;

/// One column of a sample.
pub(super) struct Column {
    /// The text of the header cell.
    pub(super) header: &'static str,
    /// What [`Value::Whole`] counts here, and how the cells are shown.
    pub(super) kind: Kind,
    /// Width in characters.
    pub(super) width: u8,
}

/// What kind of values a column has.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Texts.
    Text,
    /// Numbers: wholes divided by `denominator`, shown by a number format or as General.
    Number {
        denominator: i64,
        format: Option<&'static str>,
    },
    /// Dates: days since 1970-01-01.
    Date,
    /// Dates with time: seconds since 1970-01-01 00:00:00.
    Timestamp,
    /// Times of day: seconds since midnight.
    Time,
    /// Yes or no.
    Boolean,
}

/// One value of a sample. Numbers are exact until the cell is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// No cell.
    Empty,
    /// A text.
    Text(String),
    /// A whole number of what the column's [`Kind`] says.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// A formula with the result that the workbook remembers: an error such as `#N/A`, or a text.
    Formula {
        formula: &'static str,
        result: &'static str,
    },
}

impl Column {
    pub(super) const fn new(header: &'static str, width: u8, kind: Kind) -> Self {
        Self {
            header,
            kind,
            width,
        }
    }

    /// The name a table's column has for this header.
    pub(super) fn table_name(&self) -> String {
        self.header.to_lowercase().replace(' ', "_")
    }
}

impl Kind {
    /// The number format code of the cells; `None` for General.
    pub(super) fn number_format(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Boolean => None,
            Self::Number { format, .. } => format,
            Self::Date => Some("yyyy-mm-dd"),
            Self::Timestamp => Some("yyyy-mm-dd hh:mm:ss"),
            Self::Time => Some("hh:mm:ss"),
        }
    }

    /// The number that a cell holds for `whole`. Both operands are exact, so it is the nearest double.
    pub(super) fn cell_number(self, whole: i64) -> f64 {
        let (numerator, denominator) = match self {
            Self::Text | Self::Boolean => (whole, 1),
            Self::Number { denominator, .. } => (whole, denominator),
            Self::Date => (whole + calendar::SERIAL_OF_1970, 1),
            Self::Timestamp => (
                whole + calendar::SERIAL_OF_1970 * calendar::DAY,
                calendar::DAY,
            ),
            Self::Time => (whole, calendar::DAY),
        };
        numerator as f64 / denominator as f64
    }

    /// The type of a table's column that takes the values without loss.
    pub(super) fn sql_type(self) -> SqlType {
        match self {
            Self::Text => SqlType::Text,
            Self::Number { denominator: 1, .. } => SqlType::Bigint,
            Self::Number {
                format: Some(_), ..
            } => SqlType::Numeric,
            Self::Number { format: None, .. } => SqlType::DoublePrecision,
            Self::Date => SqlType::Date,
            Self::Timestamp => SqlType::Timestamp,
            Self::Time => SqlType::Time,
            Self::Boolean => SqlType::Boolean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_numbers_are_what_excel_stores() {
        let money = Kind::Number {
            denominator: 100,
            format: Some("0.00"),
        };
        assert_eq!(money.cell_number(-1999), -19.99);
        // 2024-02-29 is serial 45351 in Excel.
        assert_eq!(Kind::Date.cell_number(19_782), 45_351.0);
        assert_eq!(
            Kind::Timestamp.cell_number(19_782 * 86_400 + 43_200),
            45_351.5
        );
        assert_eq!(Kind::Time.cell_number(64_800), 0.75);
    }
}
