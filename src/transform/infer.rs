//! Column types for a table to be created, from all cells of the sheet.
//!
//! Types form a lattice: joining two gives the narrowest that holds both without loss. The order of the rows does not
//! matter.

use super::blocks::for_each_block;
use super::coerce::{Coercion, OnCellError};
use super::number_format::FormatClass;
use super::profile::class::CellClass;
use super::profile::quick::QuickClasses;
use super::{iso_cell, serial_date};
use crate::model::batch::Batch;
use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn, TypeLimit};
use crate::model::sheet::DateSystem;
use crate::model::value::{MAX_EXACT_INTEGER, MICROS_PER_DAY};

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

/// What the cells of a sheet's columns have come to so far.
#[derive(Debug, Clone)]
pub struct SeenColumns {
    /// The joined type of each column's cells.
    pub types: Vec<InferredType>,
    /// Whether a column has any cell. An error that becomes NULL has no type, and yet its column is there.
    pub filled: Vec<bool>,
}

impl SeenColumns {
    /// Columns without a cell.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self {
            types: vec![InferredType::Unknown; width],
            filled: vec![false; width],
        }
    }

    /// Takes in all rows of a batch.
    pub fn observe(&mut self, batch: &Batch, coercion: &Coercion) {
        let quick = QuickClasses::of(&coercion.formats);
        for_each_block(batch, |rows| {
            let columns = self.types.iter_mut().zip(&mut self.filled).enumerate();
            for (index, (inferred, filled)) in columns {
                let cells = rows.iter().filter_map(|row| row.cells.get(index));
                let mut last = InferredType::Unknown;
                for cell in cells.filter(|cell| !matches!(cell, Cell::Empty)) {
                    *filled = true;
                    // No cell makes it anything else.
                    if *inferred == InferredType::Text {
                        break;
                    }
                    let own = match *cell {
                        Cell::Number { value, format } => {
                            quick.of_number(value, format).map(CellClass::inferred)
                        }
                        _ => None,
                    };
                    let own = own.unwrap_or_else(|| coercion.type_of(*cell, batch.text_of(*cell)));
                    if own != last {
                        *inferred = inferred.join(own);
                        last = own;
                    }
                }
            }
        });
    }
}

impl Coercion {
    /// The narrowest type of a cell: [`Coercion::coerce`] loads it into a column of that type, and of every wider one,
    /// without loss. `text` is the cell's text if it has one.
    #[must_use]
    pub fn type_of(&self, cell: Cell, text: &str) -> InferredType {
        match cell {
            Cell::Empty => InferredType::Unknown,
            Cell::Error(_) => InferredType::of_error(self.on_cell_error),
            Cell::Bool(_) => InferredType::Bool,
            Cell::Number { value, format } => {
                InferredType::of_number(value, *self.class(format), self.date_system)
            }
            // A column of them is one of doubles, and what that changes is told.
            Cell::Digits { format, .. } => InferredType::of_number(
                text.parse().unwrap_or(f64::INFINITY),
                *self.class(format),
                self.date_system,
            ),
            Cell::Text(_) | Cell::Shared(_) => match self.text_rules.content(text) {
                Some(_) => InferredType::Text,
                None => InferredType::Unknown,
            },
            Cell::Iso(_) => InferredType::of_iso(text),
        }
    }
}

impl InferredType {
    /// The type of an error: one that shall be loaded by its name needs a text column.
    pub(super) fn of_error(on_cell_error: OnCellError) -> Self {
        match on_cell_error {
            OnCellError::Text => Self::Text,
            OnCellError::Null | OnCellError::Reject => Self::Unknown,
        }
    }

    /// The type of one number under its format.
    #[must_use]
    pub fn of_number(value: f64, class: FormatClass, system: DateSystem) -> Self {
        let day_or_moment = || match serial_date::timestamp(value, system) {
            Some(micros) if micros.rem_euclid(MICROS_PER_DAY) == 0 => Self::Date,
            Some(_) => Self::Timestamp,
            None => Self::Text,
        };
        match class {
            // A sheet shows them as errors; of the types of columns, only a text holds them beside every number.
            _ if !value.is_finite() => Self::Text,
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
        if iso_cell::day(text).is_some() {
            Self::Date
        } else if iso_cell::timestamp(text).is_some() {
            Self::Timestamp
        } else {
            match iso_cell::duration(text) {
                Some(micros) if iso_cell::is_time_of_day(micros) => Self::Time,
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

    /// What a column of this kind in a table made by the program has come to; none for kinds that it does not make.
    #[must_use]
    pub fn of_kind(kind: ColumnKind) -> Option<Self> {
        let all = [
            Self::Bool,
            Self::Integer,
            Self::Decimal,
            Self::Float,
            Self::Date,
            Self::Timestamp,
            Self::Time,
            Self::Interval,
            Self::Text,
        ];
        all.into_iter().find(|inferred| inferred.kind() == kind)
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
    use crate::model::cell::{CellError, FormatId, TextSpan};
    use crate::model::number_format::{NumberFormat, ZeroPadding, ZeroPattern};
    use crate::model::value::Value;
    use crate::transform::number_format::classify;
    use crate::transform::text_rules::TextRules;

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
    fn iso_cells_are_what_they_say() {
        for (text, inferred) in [
            ("2024-01-02", T::Date),
            ("2024-01-02T00:00:00", T::Date),
            ("2024-01-02T10:00:00", T::Timestamp),
            ("2024-01-02T10:00:00Z", T::Timestamp),
            ("2024-01-02T23:59:59.999999", T::Timestamp),
            ("2024-01-02T23:59:59.999999497", T::Date),
            ("2024-01-02T23:59:59.999999999", T::Date),
            ("2024-01-02T24:00:00", T::Date),
            ("2024-01-02T24:00:01", T::Text),
            ("10:30:00", T::Time),
            ("PT02H30M00S", T::Time),
            ("PT24H00M00S", T::Interval),
            ("PT26H30M00.5S", T::Interval),
            ("-PT1H", T::Interval),
            ("P1Y", T::Text),
        ] {
            assert_eq!(T::of_iso(text), inferred, "{text}");
        }
    }

    #[test]
    fn numbers_follow_their_format() {
        let of = |value, class| T::of_number(value, class, DateSystem::From1900);
        assert_eq!(of(42.0, FormatClass::General), T::Integer);
        assert_eq!(of(9_007_199_254_740_992.0, FormatClass::General), T::Float);
        assert_eq!(of(0.5, FormatClass::General), T::Float);
        assert_eq!(of(42.0, FormatClass::FixedDecimals), T::Decimal);
        assert_eq!(of(f64::NAN, FormatClass::General), T::Text);
        assert_eq!(of(f64::INFINITY, FormatClass::FixedDecimals), T::Text);
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

        /// A column's type takes each of its cells, and no two values become one.
        #[test]
        fn a_wider_column_takes_every_cell_and_loses_nothing(
            cells in prop::collection::vec(any_cell(), 1..12),
        ) {
            let coercion = all_formats();
            let types: Vec<T> = cells.iter().map(|(cell, text)| coercion.type_of(*cell, text)).collect();
            let joined = types.iter().fold(T::Unknown, |a, b| a.join(*b));
            let column = joined.to_column("c".into());
            let mut values = Vec::new();
            for ((cell, text), own) in cells.iter().zip(&types) {
                prop_assert!(joined.holds(*own));
                let narrow = coercion.coerce(*cell, text, &own.to_column("c".into()));
                let wide = coercion.coerce(*cell, text, &column);
                prop_assert!(narrow.is_ok() && wide.is_ok(), "{cell:?} {text} {own:?} {joined:?} {wide:?}");
                let (narrow, wide) = (narrow.unwrap().value, wide.unwrap().value);
                prop_assert_eq!(narrow == Value::Null, wide == Value::Null);
                values.push((*own, narrow.to_string(), wide.to_string()));
            }
            for (own, narrow, wide) in &values {
                for (other_own, other_narrow, other_wide) in &values {
                    if own == other_own && narrow != other_narrow {
                        prop_assert_ne!(wide, other_wide, "{:?} in {:?}", own, joined);
                    }
                }
            }
        }

        #[test]
        fn adding_a_cell_never_narrows_a_column(a in prop::sample::select(ALL.to_vec()), b in prop::sample::select(ALL.to_vec())) {
            prop_assert!(a.join(b).holds(a) && a.join(b).holds(b));
        }
    }

    const CODES: [&str; 9] = [
        "General",
        "0.00",
        "$0.00",
        "0%",
        "00000",
        "yyyy-mm-dd",
        "yyyy-mm-dd hh:mm",
        "hh:mm",
        "[h]:mm",
    ];

    fn all_formats() -> Coercion {
        Coercion {
            date_system: DateSystem::From1900,
            formats: CODES
                .iter()
                .map(|code| classify(&NumberFormat::new(*code)))
                .collect(),
            on_cell_error: OnCellError::Text,
            text_rules: TextRules {
                null_words: vec!["n/a".into()],
                trim: true,
                ..TextRules::default()
            },
        }
    }

    fn any_cell() -> impl Strategy<Value = (Cell, String)> {
        let span = TextSpan { start: 0, len: 0 };
        let number = prop_oneof![
            any::<f64>(),
            prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
            -1e6_f64..1e6,
            (-100_000_i32..3_000_000).prop_map(f64::from),
            (0_u32..2_958_465, 0_u32..86_400_000)
                .prop_map(|(day, milli)| f64::from(day) + f64::from(milli) / 86_400_000.0),
        ];
        prop_oneof![
            1 => Just((Cell::Empty, String::new())),
            2 => any::<bool>().prop_map(|truth| (Cell::Bool(truth), String::new())),
            9 => (number, 0..CODES.len()).prop_map(|(value, format)| {
                (Cell::Number { value, format: FormatId(format as u16) }, String::new())
            }),
            2 => "[ a-z0-9./-]{1,12}|n/a| ".prop_map(move |text| (Cell::Text(span), text)),
            2 => prop::sample::select(vec![
                "2024-01-02", "2024-01-02T00:00:00", "2024-01-02T10:00:00Z", "PT02H30M00S", "PT26H30M00.5S", "-PT1H",
                "10:30:00", "P1Y", "soon",
            ]).prop_map(move |text| (Cell::Iso(span), text.to_owned())),
            1 => Just((Cell::Error(CellError::NotAvailable), String::new())),
        ]
    }
}
