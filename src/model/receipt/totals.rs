//! A column's totals of any type, and how they are written down.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::Number;
use super::float::FloatTotals;
use super::numeric::NumericTotals;
use crate::model::column::ColumnKind;
use crate::model::value::Value;

/// What a column holds: how many NULLs and values and, of numbers, their sum and extremes. In JSON, figures are texts:
/// programs read numbers with more than 15 digits as others.
#[derive(Debug, Clone)]
pub struct ColumnTotals {
    nulls: u64,
    values: u64,
    figures: Figures,
}

#[derive(Debug, Clone)]
enum Figures {
    /// No number type.
    None,
    Integer(IntegerTotals),
    Numeric(NumericTotals),
    /// real: values are rounded to it before they are added.
    Real(FloatTotals),
    Double(FloatTotals),
}

/// Totals of smallint, integer and bigint. 2^64 values of 64 bits do not fill 128.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct IntegerTotals {
    sum: i128,
    extremes: Option<(i64, i64)>,
}

impl IntegerTotals {
    fn widen(&mut self, number: i64) {
        self.extremes = Some(match self.extremes {
            None => (number, number),
            Some((min, max)) => (min.min(number), max.max(number)),
        });
    }
}

/// The sum of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Sum {
    /// Exact.
    Exact(Number),
    /// Of floating-point numbers.
    Float(f64),
}

/// The least and the greatest value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Extremes {
    /// Of integers and numerics.
    Exact(Number, Number),
    /// Of floating-point numbers.
    Float(f64, f64),
}

impl ColumnTotals {
    /// Nothing yet, for a column of this type.
    #[must_use]
    pub fn new(kind: ColumnKind) -> Self {
        let figures = match kind {
            ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => {
                Figures::Integer(IntegerTotals::default())
            }
            ColumnKind::Numeric => Figures::Numeric(NumericTotals::default()),
            ColumnKind::Float4 => Figures::Real(FloatTotals::default()),
            ColumnKind::Float8 => Figures::Double(FloatTotals::default()),
            _ => Figures::None,
        };
        Self {
            nulls: 0,
            values: 0,
            figures,
        }
    }

    /// Adds the value of a row. Coercion has made sure that it is of the column's type.
    #[inline]
    pub fn add(&mut self, value: &Value<'_>) {
        if matches!(value, Value::Null) {
            self.nulls += 1;
            return;
        }
        self.values += 1;
        match (&mut self.figures, *value) {
            (Figures::None, _) => {}
            (Figures::Integer(totals), Value::Int(number)) => {
                totals.sum = totals.sum.saturating_add(number.into());
                totals.widen(number);
            }
            (Figures::Numeric(totals), _) => totals.add(value),
            (Figures::Real(totals), Value::Float(number)) => totals.add((number as f32).into()),
            (Figures::Double(totals), Value::Float(number)) => totals.add(number),
            _ => {}
        }
    }

    /// Adds other rows of the column. In whatever order this is done, exact figures are the same, and a sum of
    /// floating-point numbers nearly so. When the column was of another type for them, what is left is the counts.
    pub fn absorb(&mut self, other: &Self) {
        self.nulls = self.nulls.saturating_add(other.nulls);
        self.values = self.values.saturating_add(other.values);
        match (&mut self.figures, &other.figures) {
            (Figures::Integer(ours), Figures::Integer(theirs)) => {
                ours.sum = ours.sum.saturating_add(theirs.sum);
                if let Some((min, max)) = theirs.extremes {
                    ours.widen(min);
                    ours.widen(max);
                }
            }
            (Figures::Numeric(ours), Figures::Numeric(theirs)) => ours.absorb(theirs),
            (Figures::Real(ours), Figures::Real(theirs))
            | (Figures::Double(ours), Figures::Double(theirs)) => ours.absorb(theirs),
            _ => self.figures = Figures::None,
        }
    }

    /// Leaves the counts.
    pub fn forget_figures(&mut self) {
        self.figures = Figures::None;
    }

    /// How many rows hold NULL.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// How many rows hold a value.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.values
    }

    /// The sum of a number column; 0 without values.
    #[must_use]
    pub fn sum(&self) -> Option<Sum> {
        Some(match &self.figures {
            Figures::None => return None,
            Figures::Integer(totals) => Sum::Exact(totals.sum.into()),
            Figures::Numeric(totals) => Sum::Exact(totals.sum()),
            Figures::Real(totals) | Figures::Double(totals) => Sum::Float(totals.sum()),
        })
    }

    /// The least and the greatest value of a number column with any.
    #[must_use]
    pub fn extremes(&self) -> Option<Extremes> {
        match &self.figures {
            Figures::None => None,
            Figures::Integer(totals) => totals
                .extremes
                .map(|(min, max)| Extremes::Exact(i128::from(min).into(), i128::from(max).into())),
            Figures::Numeric(totals) => totals
                .extremes()
                .map(|(min, max)| Extremes::Exact(min, max)),
            Figures::Real(totals) | Figures::Double(totals) => totals
                .extremes()
                .map(|(min, max)| Extremes::Float(min, max)),
        }
    }

    /// The figures of a column of floating-point numbers.
    #[must_use]
    pub fn floats(&self) -> Option<&FloatTotals> {
        match &self.figures {
            Figures::Real(totals) | Figures::Double(totals) => Some(totals),
            _ => None,
        }
    }
}

/// Equal figures are equal totals, however they came about.
impl PartialEq for ColumnTotals {
    fn eq(&self, other: &Self) -> bool {
        let figures = match (&self.figures, &other.figures) {
            (Figures::None, Figures::None) => true,
            (Figures::Integer(a), Figures::Integer(b)) => a == b,
            (Figures::Numeric(a), Figures::Numeric(b)) => {
                a.sum() == b.sum() && a.extremes() == b.extremes()
            }
            (Figures::Real(a), Figures::Real(b)) | (Figures::Double(a), Figures::Double(b)) => {
                a == b
            }
            _ => false,
        };
        figures && self.nulls == other.nulls && self.values == other.values
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(number) => number.fmt(f),
            Self::Float(number) => f.write_str(&float_text(*number)),
        }
    }
}

/// A double in the fewest digits that read back as the same.
fn float_text(number: f64) -> String {
    Value::Float(number).to_string()
}

/// Totals as JSON has them.
#[derive(Serialize, Deserialize)]
struct Written {
    nulls: u64,
    values: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    figures: Option<WrittenFigures>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
enum WrittenFigures {
    Integer(WrittenNumbers),
    Numeric(WrittenNumbers),
    Real(WrittenFloats),
    Double(WrittenFloats),
}

#[derive(Serialize, Deserialize)]
struct WrittenNumbers {
    sum: String,
    min: Option<String>,
    max: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenFloats {
    #[serde(flatten)]
    numbers: WrittenNumbers,
    /// What rounding took from the sum.
    lost: String,
    magnitude: String,
    outsized: u64,
}

impl Serialize for ColumnTotals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let figures = match &self.figures {
            Figures::None => None,
            Figures::Integer(_) => Some(WrittenFigures::Integer(self.written_numbers())),
            Figures::Numeric(_) => Some(WrittenFigures::Numeric(self.written_numbers())),
            Figures::Real(totals) => Some(WrittenFigures::Real(written_floats(totals))),
            Figures::Double(totals) => Some(WrittenFigures::Double(written_floats(totals))),
        };
        let written = Written {
            nulls: self.nulls,
            values: self.values,
            figures,
        };
        written.serialize(serializer)
    }
}

impl ColumnTotals {
    fn written_numbers(&self) -> WrittenNumbers {
        let (min, max) = match self.extremes() {
            Some(Extremes::Exact(min, max)) => (Some(min.to_string()), Some(max.to_string())),
            _ => (None, None),
        };
        WrittenNumbers {
            sum: self.sum().map(|sum| sum.to_string()).unwrap_or_default(),
            min,
            max,
        }
    }
}

fn written_floats(totals: &FloatTotals) -> WrittenFloats {
    let [sum, lost, magnitude] = totals.parts();
    let (min, max) = totals.extremes().unzip();
    WrittenFloats {
        numbers: WrittenNumbers {
            sum: float_text(sum),
            min: min.map(float_text),
            max: max.map(float_text),
        },
        lost: float_text(lost),
        magnitude: float_text(magnitude),
        outsized: totals.outsized(),
    }
}

impl<'de> Deserialize<'de> for ColumnTotals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let figures = match &written.figures {
            None => Figures::None,
            Some(WrittenFigures::Integer(numbers)) => Figures::Integer(IntegerTotals {
                sum: read(&numbers.sum)?,
                extremes: read_extremes(numbers)?,
            }),
            Some(WrittenFigures::Numeric(numbers)) => {
                let extremes: Option<(Number, Number)> = read_extremes(numbers)?;
                Figures::Numeric(NumericTotals::restored(
                    &read(&numbers.sum)?,
                    extremes.as_ref(),
                ))
            }
            Some(WrittenFigures::Real(floats)) => {
                Figures::Real(read_floats(written.values, floats)?)
            }
            Some(WrittenFigures::Double(floats)) => {
                Figures::Double(read_floats(written.values, floats)?)
            }
        };
        Ok(Self {
            nulls: written.nulls,
            values: written.values,
            figures,
        })
    }
}

fn read<T, E>(text: &str) -> Result<T, E>
where
    T: std::str::FromStr<Err: fmt::Display>,
    E: serde::de::Error,
{
    text.parse().map_err(E::custom)
}

fn read_extremes<T, E>(numbers: &WrittenNumbers) -> Result<Option<(T, T)>, E>
where
    T: std::str::FromStr<Err: fmt::Display>,
    E: serde::de::Error,
{
    match (&numbers.min, &numbers.max) {
        (Some(min), Some(max)) => Ok(Some((read(min)?, read(max)?))),
        (None, None) => Ok(None),
        _ => Err(E::custom("one of min and max is missing")),
    }
}

fn read_floats<E: serde::de::Error>(values: u64, floats: &WrittenFloats) -> Result<FloatTotals, E> {
    let parts = [
        read(&floats.numbers.sum)?,
        read(&floats.lost)?,
        read(&floats.magnitude)?,
    ];
    let extremes = read_extremes(&floats.numbers)?;
    Ok(FloatTotals::restored(
        values,
        parts,
        floats.outsized,
        extremes,
    ))
}
