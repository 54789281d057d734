//! What a cell is, as far as its column's type follows from it.

use crate::model::sheet::DateSystem;
use crate::transform::infer::InferredType;
use crate::transform::number_format::FormatClass;

/// What a cell is. Texts, zeros in front and dates that are none make a column text, each for a reason of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transform) enum CellClass {
    Bool,
    Integer,
    Decimal,
    Float,
    Date,
    Timestamp,
    Time,
    Interval,
    Text,
    Padded,
    NoDate,
}

/// Cells of one family fit one column that is not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Booleans,
    Numbers,
    Dates,
    Times,
    Texts,
    Padded,
    NoDates,
}

impl Family {
    pub(super) const ALL: [Self; 7] = [
        Self::Booleans,
        Self::Numbers,
        Self::Dates,
        Self::Times,
        Self::Texts,
        Self::Padded,
        Self::NoDates,
    ];

    /// One of them, and several.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Booleans => ("boolean", "booleans"),
            Self::Numbers => ("number", "numbers"),
            Self::Dates => ("date", "dates"),
            Self::Times => ("time", "times"),
            Self::Texts => ("text", "texts"),
            Self::Padded => ("number with zeros in front", "numbers with zeros in front"),
            Self::NoDates => ("impossible date", "impossible dates"),
        }
    }
}

impl CellClass {
    pub(in crate::transform) const ALL: [Self; 11] = [
        Self::Bool,
        Self::Integer,
        Self::Decimal,
        Self::Float,
        Self::Date,
        Self::Timestamp,
        Self::Time,
        Self::Interval,
        Self::Text,
        Self::Padded,
        Self::NoDate,
    ];

    /// A number under its format.
    #[inline]
    pub(in crate::transform) fn of_number(
        value: f64,
        class: FormatClass,
        system: DateSystem,
    ) -> Self {
        if let FormatClass::ZeroPadded(_) = class {
            return Self::Padded;
        }
        Self::of_inferred(InferredType::of_number(value, class, system)).unwrap_or(Self::NoDate)
    }

    /// A date, time or duration stored as ISO 8601 text.
    pub(in crate::transform) fn of_iso(text: &str) -> Self {
        Self::of_inferred(InferredType::of_iso(text)).unwrap_or(Self::NoDate)
    }

    fn of_inferred(inferred: InferredType) -> Option<Self> {
        Some(match inferred {
            InferredType::Bool => Self::Bool,
            InferredType::Integer => Self::Integer,
            InferredType::Decimal => Self::Decimal,
            InferredType::Float => Self::Float,
            InferredType::Date => Self::Date,
            InferredType::Timestamp => Self::Timestamp,
            InferredType::Time => Self::Time,
            InferredType::Interval => Self::Interval,
            InferredType::Unknown | InferredType::Text => return None,
        })
    }

    /// The type of a column of such cells.
    pub(in crate::transform) fn inferred(self) -> InferredType {
        match self {
            Self::Bool => InferredType::Bool,
            Self::Integer => InferredType::Integer,
            Self::Decimal => InferredType::Decimal,
            Self::Float => InferredType::Float,
            Self::Date => InferredType::Date,
            Self::Timestamp => InferredType::Timestamp,
            Self::Time => InferredType::Time,
            Self::Interval => InferredType::Interval,
            Self::Text | Self::Padded | Self::NoDate => InferredType::Text,
        }
    }

    /// Whether its cells are numbers with digits that can be lost.
    pub(super) fn has_digits(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Decimal | Self::Float | Self::Padded
        )
    }

    pub(super) fn family(self) -> Family {
        match self {
            Self::Bool => Family::Booleans,
            Self::Integer | Self::Decimal | Self::Float => Family::Numbers,
            Self::Date | Self::Timestamp => Family::Dates,
            Self::Time | Self::Interval => Family::Times,
            Self::Text => Family::Texts,
            Self::Padded => Family::Padded,
            Self::NoDate => Family::NoDates,
        }
    }
}
