//! Column types for a table to be created, from all cells of the sheet.
//!
//! Types form a lattice: joining two gives the narrowest that holds both without loss. The order of the rows does not
//! matter.

use super::coerce::{Coercion, OnCellError};
use super::number_format::FormatClass;
use super::{parse, serial_date};
use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn, TypeLimit};
use crate::model::sheet::DateSystem;
use crate::model::value::MAX_EXACT_INTEGER;

/// What a column has held so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InferredType {
    /// No value yet.
    #[default]
    Unknown,
    /// TRUE and FALSE.
    Bool,
    /// Whole numbers below 2^53.
    Integer,
    /// Numbers that are displayed with fixed decimals.
    Decimal,
    /// Other numbers.
    Float,
    /// Days.
    Date,
    /// Days with a time.
    Timestamp,
    /// Times of day.
    Time,
    /// Elapsed times.
    Interval,
    /// Anything.
    Text,
}

impl Coercion {
    /// The narrowest type of a cell: [`Coercion::coerce`] loads it into a column of that type, and of every wider one,
    /// without loss. `text` is the cell's text if it has one.
    #[must_use]
    pub fn type_of(&self, cell: Cell, text: &str) -> InferredType {
        match cell {
            // An error that shall be loaded by its name needs a text column.
            Cell::Error(_) if self.on_cell_error == OnCellError::Text => InferredType::Text,
            Cell::Empty | Cell::Error(_) => InferredType::Unknown,
            Cell::Bool(_) => InferredType::Bool,
            Cell::Number { value, format } => {
                InferredType::of_number(value, *self.class(format), self.date_system)
            }
            Cell::Text(_) => match self.text_rules.content(text) {
                Some(_) => InferredType::Text,
                None => InferredType::Unknown,
            },
            Cell::Iso(_) => InferredType::of_iso(text),
        }
    }
}

impl InferredType {
    /// The type of one number under its format.
    #[must_use]
    pub fn of_number(value: f64, class: FormatClass, system: DateSystem) -> Self {
        let day_or_moment = || {
            if serial_date::date(value, system).is_some() {
                Self::Date
            } else if serial_date::timestamp(value, system).is_some() {
                Self::Timestamp
            } else {
                Self::Text
            }
        };
        match class {
            FormatClass::General if value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER => {
                Self::Integer
            }
            FormatClass::General => Self::Float,
            FormatClass::FixedDecimals | FormatClass::Money | FormatClass::Percent => Self::Decimal,
            FormatClass::ZeroPadded(_) => Self::Text,
            // Day 0 is no day that anybody means: a serial below 1 is a time of day.
            FormatClass::DateOrTimestamp if serial_date::time(value).is_some() => Self::Time,
            FormatClass::Date | FormatClass::DateOrTimestamp => day_or_moment(),
            FormatClass::Timestamp => match day_or_moment() {
                Self::Date => Self::Timestamp,
                other => other,
            },
            FormatClass::Time if serial_date::time(value).is_some() => Self::Time,
            FormatClass::Time => day_or_moment(),
            FormatClass::Duration => match serial_date::duration(value) {
                Some(_) => Self::Interval,
                None => Self::Text,
            },
        }
    }

    /// The type of a date, time or duration stored as ISO 8601 text.
    #[must_use]
    pub fn of_iso(text: &str) -> Self {
        if parse::day(text).is_some() {
            Self::Date
        } else if parse::cell_timestamp(text).is_some() {
            Self::Timestamp
        } else {
            match parse::duration(text) {
                Some(micros) if (0..serial_date::MICROS_PER_DAY).contains(&micros) => Self::Time,
                Some(_) => Self::Interval,
                None => Self::Text,
            }
        }
    }

    /// The narrowest type that holds both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        use InferredType as T;
        match (self, other) {
            (a, b) if a == b => a,
            (T::Unknown, known) | (known, T::Unknown) => known,
            (T::Integer, T::Decimal) | (T::Decimal, T::Integer) => T::Decimal,
            (T::Integer | T::Decimal, T::Float) | (T::Float, T::Integer | T::Decimal) => T::Float,
            (T::Date, T::Timestamp) | (T::Timestamp, T::Date) => T::Timestamp,
            (T::Time, T::Interval) | (T::Interval, T::Time) => T::Interval,
            _ => T::Text,
        }
    }

    /// The type of a column for it, as SQL writes it.
    #[must_use]
    pub fn sql_type(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Integer => "bigint",
            Self::Decimal => "numeric",
            Self::Float => "double precision",
            Self::Date => "date",
            Self::Timestamp => "timestamp without time zone",
            Self::Time => "time without time zone",
            Self::Interval => "interval",
            Self::Unknown | Self::Text => "text",
        }
    }

    /// How values are made for a column of it.
    #[must_use]
    pub fn kind(self) -> ColumnKind {
        match self {
            Self::Bool => ColumnKind::Bool,
            Self::Integer => ColumnKind::Int8,
            Self::Decimal => ColumnKind::Numeric,
            Self::Float => ColumnKind::Float8,
            Self::Date => ColumnKind::Date,
            Self::Timestamp => ColumnKind::Timestamp,
            Self::Time => ColumnKind::Time,
            Self::Interval => ColumnKind::Interval,
            Self::Unknown | Self::Text => ColumnKind::Text,
        }
    }

    /// The column for it. A column without any value becomes text.
    #[must_use]
    pub fn to_column(self, name: String) -> TargetColumn {
        TargetColumn {
            name,
            sql_type: self.sql_type().to_owned(),
            kind: self.kind(),
            not_null: false,
            limit: TypeLimit::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use InferredType as T;
    use proptest::prelude::*;

    use super::*;
    use crate::model::number_format::{ZeroPadding, ZeroPattern};

    const ALL: [T; 10] = [
        T::Unknown,
        T::Bool,
        T::Integer,
        T::Decimal,
        T::Float,
        T::Date,
        T::Timestamp,
        T::Time,
        T::Interval,
        T::Text,
    ];

    #[test]
    fn join_is_a_semilattice() {
        for a in ALL {
            assert_eq!(a.join(a), a);
            assert_eq!(a.join(T::Unknown), a);
            assert_eq!(a.join(T::Text), T::Text);
            for b in ALL {
                assert_eq!(a.join(b), b.join(a));
                for c in ALL {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_follow_their_format() {
        let of = |value, class| T::of_number(value, class, DateSystem::From1900);
        assert_eq!(of(42.0, FormatClass::General), T::Integer);
        assert_eq!(of(9_007_199_254_740_992.0, FormatClass::General), T::Float);
        assert_eq!(of(0.5, FormatClass::General), T::Float);
        assert_eq!(of(42.0, FormatClass::FixedDecimals), T::Decimal);
        let padding = ZeroPadding::always(ZeroPattern::digits(5).unwrap());
        assert_eq!(of(1_234.0, FormatClass::ZeroPadded(padding)), T::Text);
        assert_eq!(of(45_292.0, FormatClass::Date), T::Date);
        assert_eq!(of(45_292.25, FormatClass::Date), T::Timestamp);
        assert_eq!(of(45_292.0, FormatClass::Timestamp), T::Timestamp);
        assert_eq!(of(-1.0, FormatClass::Date), T::Text);
        assert_eq!(of(0.25, FormatClass::Time), T::Time);
        assert_eq!(of(1.25, FormatClass::Duration), T::Interval);
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(mut column in prop::collection::vec(prop::sample::select(ALL.to_vec()), 0..20), seed in any::<u64>()) {
            let join = |types: &[T]| types.iter().fold(T::Unknown, |a, b| a.join(*b));
            let before = join(&column);
            let len = column.len().max(1);
            column.rotate_left(seed as usize % len);
            column.reverse();
            prop_assert_eq!(join(&column), before);
        }
    }
}
