//! What is in a sample: counted while its rows are made, for the check of an import.

use serde::Serialize;

use super::calendar;
use super::column::{Column, Kind, Value};
use super::defects::Defect;
use crate::config::sample::Shape;

/// What a sample workbook holds. An import is right if the table gives the same figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Which columns.
    pub shape: Shape,
    /// The seed that the values come from.
    pub seed: u64,
    /// The sheet's name.
    pub sheet: String,
    /// Rows below the header, bad ones included.
    pub rows: u64,
    /// Rows that a table takes: all but the bad ones.
    pub loadable_rows: u64,
    /// One entry for each column, from A on, counted over the loadable rows.
    pub columns: Vec<ColumnFigures>,
    /// The bad rows, from the top down.
    pub defects: Vec<Defect>,
}

/// The figures of one column over the loadable rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnFigures {
    /// The text of the header cell.
    pub header: String,
    /// The name of the table's column: the header in lower case with underscores.
    pub column: String,
    /// The type of a table's column that takes the values without loss.
    pub sql_type: SqlType,
    /// Rows without a value: `count(*) - count(column)`.
    pub nulls: u64,
    /// What the values add up to.
    #[serde(flatten)]
    pub values: Values,
}

/// The type of a table's column, as SQL calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are those of SQL")]
pub enum SqlType {
    Text,
    Bigint,
    Numeric,
    #[serde(rename = "double precision")]
    DoublePrecision,
    Date,
    Timestamp,
    Time,
    Boolean,
}

impl SqlType {
    /// The name in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bigint => "bigint",
            Self::Numeric => "numeric",
            Self::DoublePrecision => "double precision",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Time => "time",
            Self::Boolean => "boolean",
        }
    }
}

/// What the values of a column add up to. `None` where there is no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Values {
    /// Numbers, as exact decimals without trailing zeros, in the unit of the cell: money in whole currency
    /// units, percentages as fractions (0.125 for 12.5 %).
    Numbers {
        /// `sum(column)`; for a column of type double precision `sum(column::numeric)`.
        sum: String,
        /// `min(column)`.
        min: Option<String>,
        /// `max(column)`.
        max: Option<String>,
    },
    /// Dates, timestamps or times in ISO 8601, as PostgreSQL prints them with `DateStyle` ISO.
    Moments {
        /// `min(column)`.
        min: Option<String>,
        /// `max(column)`.
        max: Option<String>,
    },
    /// Booleans.
    Booleans {
        /// `count(*) filter (where column)`.
        trues: u64,
    },
    /// Texts.
    Texts {
        /// Unicode code points: `sum(length(column))`.
        characters: u64,
        /// Bytes in UTF-8: `sum(octet_length(column))`.
        bytes: u64,
    },
}

/// Counts one column while its values are made.
pub(super) struct Tally {
    header: String,
    table_name: String,
    kind: Kind,
    nulls: u64,
    trues: u64,
    characters: u64,
    bytes: u64,
    sum: i128,
    min: Option<i64>,
    max: Option<i64>,
}

impl Tally {
    pub(super) fn new(column: &Column) -> Self {
        Self {
            header: column.header.to_owned(),
            table_name: column.table_name(),
            kind: column.kind,
            nulls: 0,
            trues: 0,
            characters: 0,
            bytes: 0,
            sum: 0,
            min: None,
            max: None,
        }
    }

    /// Counts a value of a loadable row.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::Empty => self.nulls += 1,
            Value::Text(text) => self.add_text(text),
            Value::Formula { result, .. } => self.add_text(result),
            Value::Whole(whole) => {
                self.sum += i128::from(*whole);
                self.min = Some(self.min.map_or(*whole, |least| least.min(*whole)));
                self.max = Some(self.max.map_or(*whole, |most| most.max(*whole)));
            }
            Value::Flag(flag) => self.trues += u64::from(*flag),
        }
    }

    fn add_text(&mut self, text: &str) {
        self.characters += text.chars().count() as u64;
        self.bytes += text.len() as u64;
    }

    pub(super) fn finish(self) -> ColumnFigures {
        let values = match self.kind {
            Kind::Text => Values::Texts {
                characters: self.characters,
                bytes: self.bytes,
            },
            Kind::Boolean => Values::Booleans { trues: self.trues },
            Kind::Number { denominator, .. } => Values::Numbers {
                sum: decimal(self.sum, denominator),
                min: self.min.map(|min| decimal(i128::from(min), denominator)),
                max: self.max.map(|max| decimal(i128::from(max), denominator)),
            },
            Kind::Date => self.moments(calendar::iso_date),
            Kind::Timestamp => self.moments(calendar::iso_timestamp),
            Kind::Time => self.moments(calendar::iso_time),
        };
        ColumnFigures {
            header: self.header,
            column: self.table_name,
            sql_type: self.kind.sql_type(),
            nulls: self.nulls,
            values,
        }
    }

    fn moments(&self, iso: fn(i64) -> String) -> Values {
        Values::Moments {
            min: self.min.map(iso),
            max: self.max.map(iso),
        }
    }
}

/// `numerator / denominator` as an exact decimal. The denominator has no prime factors but 2 and 5.
fn decimal(numerator: i128, denominator: i64) -> String {
    let denominator = i128::from(denominator);
    let mut places: usize = 0;
    let mut ten_to_places: i128 = 1;
    // 2^a * 5^b divides 10^max(a, b); the bound only keeps a wrong denominator from looping.
    while ten_to_places % denominator != 0 && places < 18 {
        places += 1;
        ten_to_places *= 10;
    }
    let scaled = numerator * (ten_to_places / denominator);
    let sign = if scaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", scaled.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal(0, 100), "0");
        assert_eq!(decimal(5, 100), "0.05");
        assert_eq!(decimal(-5, 100), "-0.05");
        assert_eq!(decimal(120, 100), "1.2");
        assert_eq!(decimal(-123_400, 100), "-1234");
        assert_eq!(decimal(3, 1024), "0.0029296875");
        assert_eq!(decimal(1_048_577, 1024), "1024.0009765625");
        assert_eq!(
            decimal(9_007_199_254_740_991 * 1_000_000, 1),
            "9007199254740991000000"
        );
    }

    #[test]
    fn a_column_without_values_has_no_least() {
        let column = Column::new("Shipped On", 10, Kind::Date);
        let mut tally = Tally::new(&column);
        tally.add(&Value::Empty);
        let figures = tally.finish();
        assert_eq!(figures.column, "shipped_on");
        assert_eq!(figures.nulls, 1);
        assert_eq!(
            figures.values,
            Values::Moments {
                min: None,
                max: None
            }
        );
    }

    #[test]
    fn texts_count_characters_and_bytes() {
        let mut tally = Tally::new(&Column::new("Name", 10, Kind::Text));
        tally.add(&Value::Text("né 🍞".to_owned()));
        let expected = Values::Texts {
            characters: 4,
            bytes: 8,
        };
        assert_eq!(tally.finish().values, expected);
    }
}
