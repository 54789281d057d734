//! Coercion for the cells of one column, with a short way for those that are what the column is for.

use super::coerce::{CellNote, Coercion};
use super::number_format::FormatClass;
use super::profile::LARGE_FRACTION;
use super::text_rules::TextRules;
use super::{serial_date, within};
use crate::model::batch::Batch;
use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn, TypeLimit};
use crate::model::reject::Fault;
use crate::model::value::{Decimal, MAX_EXACT_INTEGER, Value};

/// What is settled about a column before its first cell.
#[derive(Debug, Clone, Copy)]
pub struct ColumnCoercion<'p> {
    coercion: &'p Coercion,
    column: &'p TargetColumn,
    usual: Usual,
    not_null: bool,
    has_limit: bool,
}

/// Which cells of a column go the short way. All others, and those whose value is in any doubt, go the long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usual {
    /// None but empty ones.
    Empty,
    /// Texts that need no reading.
    Text,
    /// Whole numbers from the first to the last.
    Integer { least: i64, most: i64 },
    /// Numbers without a format.
    Double,
    /// Numbers with decimals or without.
    Numeric,
    /// Numbers with the format of a date.
    Date,
    /// The same, with a time or without.
    Timestamp,
    /// Numbers with the format of a time.
    Time,
    /// TRUE and FALSE.
    Bool,
}

impl Usual {
    fn of(column: &TargetColumn, coercion: &Coercion) -> Self {
        let integer = |least: i64, most: i64| Self::Integer { least, most };
        match column.kind {
            ColumnKind::Text | ColumnKind::OtherText if keep_all(&coercion.text_rules) => {
                Self::Text
            }
            ColumnKind::Int2 => integer(i16::MIN.into(), i16::MAX.into()),
            ColumnKind::Int4 => integer(i32::MIN.into(), i32::MAX.into()),
            ColumnKind::Int8 => integer(1 - MAX_EXACT_INTEGER as i64, MAX_EXACT_INTEGER as i64 - 1),
            ColumnKind::Float8 => Self::Double,
            ColumnKind::Numeric => Self::Numeric,
            ColumnKind::Date => Self::Date,
            ColumnKind::Timestamp => Self::Timestamp,
            ColumnKind::Time => Self::Time,
            ColumnKind::Bool => Self::Bool,
            _ => Self::Empty,
        }
    }
}

/// Whether a number is so small that it has no digits of which there is something to say, and no infinity or NaN.
#[inline(always)]
fn is_small(value: f64) -> bool {
    value.abs() < LARGE_FRACTION
}

/// Whether every text but the empty one is kept as it is.
fn keep_all(rules: &TextRules) -> bool {
    !rules.trim && rules.null_words.is_empty()
}

impl Coercion {
    /// For the cells of a column.
    #[must_use]
    pub fn of_column<'p>(&'p self, column: &'p TargetColumn) -> ColumnCoercion<'p> {
        ColumnCoercion {
            coercion: self,
            column,
            usual: Usual::of(column, self),
            not_null: column.not_null,
            has_limit: column.limit != TypeLimit::None,
        }
    }
}

/// Takes a column's values.
pub trait ValueTaker<'a> {
    /// Takes the next one.
    fn take(&mut self, value: Value<'a>);
}

impl<'p> ColumnCoercion<'p> {
    /// Makes the value of a batch's cell, as [`Coercion::coerce`] does, and hands it over. Gives what there is to say
    /// about the cell.
    ///
    /// Values are handed over where it is known what they are, and all of this is compiled into the caller: putting a
    /// value together and asking it for its type again costs more than making it.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn coerce<'a>(
        &self,
        cell: Cell,
        batch: &'a Batch,
        taker: &mut impl ValueTaker<'a>,
    ) -> Result<CellNote, Fault>
    where
        'p: 'a,
    {
        let short = match (self.usual, cell) {
            (_, Cell::Empty) if !self.not_null => {
                taker.take(Value::Null);
                true
            }
            (Usual::Text, Cell::Text(_) | Cell::Shared(_)) => {
                let text = batch.text_of(cell);
                let plain = !text.is_empty() && !within::holds_nul(text);
                self.hand_over(plain.then_some(text), Value::Text, taker)
            }
            (Usual::Bool, Cell::Bool(truth)) => self.hand_over(Some(truth), Value::Bool, taker),
            (usual, Cell::Number { value, format }) => {
                self.number(usual, value, self.coercion.class(format), taker)
            }
            _ => false,
        };
        if short {
            return Ok(CellNote::None);
        }
        let coerced = self
            .coercion
            .coerce(cell, batch.text_of(cell), self.column)?;
        taker.take(coerced.value);
        Ok(coerced.note)
    }

    /// The same for a number. Says whether it went the short way.
    #[inline(always)]
    fn number<'a>(
        &self,
        usual: Usual,
        value: f64,
        class: &FormatClass,
        taker: &mut impl ValueTaker<'a>,
    ) -> bool {
        use FormatClass as F;
        let system = self.coercion.date_system;
        match (usual, class) {
            (
                Usual::Integer { least, most },
                F::General | F::FixedDecimals | F::Money | F::Percent | F::ZeroPadded(_),
            ) => {
                let whole = value as i64;
                // The nearest i64 of another number is not the number.
                let fits = whole as f64 == value && (least..=most).contains(&whole);
                self.hand_over(fits.then_some(whole), Value::Int, taker)
            }
            (Usual::Double, F::General) => {
                // There is one zero only, whatever its sign.
                let small = is_small(value).then_some(value + 0.0);
                self.hand_over(small, Value::Float, taker)
            }
            (Usual::Numeric, F::General | F::FixedDecimals | F::Money | F::Percent) => {
                let small = is_small(value).then_some(value);
                self.hand_over(small.and_then(Decimal::from_f64), Value::Decimal, taker)
            }
            (Usual::Date, F::Date | F::Timestamp) => {
                self.hand_over(serial_date::date(value, system), Value::Date, taker)
            }
            (Usual::Timestamp, F::Date | F::Timestamp) => self.hand_over(
                serial_date::timestamp(value, system),
                Value::Timestamp,
                taker,
            ),
            (Usual::Time, F::Time) => self.hand_over(serial_date::time(value), Value::Time, taker),
            _ => false,
        }
    }

    /// Hands a value over if there is one and it is within the column's limit. Says whether it did.
    #[inline(always)]
    fn hand_over<'a, T>(
        &self,
        found: Option<T>,
        value: impl FnOnce(T) -> Value<'a>,
        taker: &mut impl ValueTaker<'a>,
    ) -> bool {
        let Some(value) = found.map(value) else {
            return false;
        };
        let fits = !self.has_limit || within::check(value, self.column).is_ok();
        if fits {
            taker.take(value);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::batch::BatchLimits;
    use crate::model::cell::{CellError, FormatId};
    use crate::model::column::Moment;
    use crate::model::limits::Limits;
    use crate::model::number_format::NumberFormat;
    use crate::model::shared_strings::SharedStringsBuilder;
    use crate::model::sheet::DateSystem;
    use crate::transform::coerce::{Coerced, OnCellError};
    use crate::transform::number_format::classify;

    const KINDS: [ColumnKind; 19] = [
        ColumnKind::Bool,
        ColumnKind::Int2,
        ColumnKind::Int4,
        ColumnKind::Int8,
        ColumnKind::Float4,
        ColumnKind::Float8,
        ColumnKind::Numeric,
        ColumnKind::Text,
        ColumnKind::Date,
        ColumnKind::Time,
        ColumnKind::Timestamp,
        ColumnKind::Interval,
        ColumnKind::Uuid,
        ColumnKind::TimestampTz,
        ColumnKind::TimeTz,
        ColumnKind::Moments(Moment::Date),
        ColumnKind::Money,
        ColumnKind::OtherText,
        ColumnKind::Other,
    ];
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

    #[derive(Debug, Clone)]
    enum Given {
        Text(String),
        Shared(String),
        Digits(String, FormatId),
        Other(Cell),
    }

    fn cells() -> impl Strategy<Value = Given> {
        let number = prop_oneof![
            any::<f64>(),
            prop::sample::select(vec![
                0.0,
                -0.0,
                1.0,
                60.0,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                32_767.0,
                32_768.0,
                -2_147_483_648.0,
                2_147_483_648.0,
                9_007_199_254_740_992.0,
                -9_007_199_254_740_994.0,
                9_223_372_036_854_775_808.0,
                9_007_199_254_740_991.0,
                1e12,
                1_234_567_890_123.456_7,
                2_958_465.999_999_999_9,
                2_958_466.0,
            ]),
            -1e6_f64..1e6,
            (-100_000_i32..3_000_000).prop_map(f64::from),
            (0_u32..2_958_465, 0_u32..86_400)
                .prop_map(|(day, second)| f64::from(day) + f64::from(second) / 86_400.0),
            (0_i64..1_000_000_000, 0..6)
                .prop_map(|(digits, places)| { digits as f64 / 10_f64.powi(places) }),
        ];
        // One format more than there are.
        let format = 0..=CODES.len();
        let text = "[a-zäöü0-9., \\x00]{0,20}|n/a|yes|2024-01-02| 12\\.5 ";
        prop_oneof![
            1 => Just(Given::Other(Cell::Empty)),
            1 => any::<bool>().prop_map(|truth| Given::Other(Cell::Bool(truth))),
            1 => Just(Given::Other(Cell::Error(CellError::NotAvailable))),
            8 => (number, format).prop_map(|(value, format)| {
                Given::Other(Cell::Number { value, format: FormatId(format as u16) })
            }),
            1 => ("-?[1-9][0-9]{15,20}", 0..CODES.len())
                .prop_map(|(digits, format)| Given::Digits(digits, FormatId(format as u16))),
            2 => text.prop_map(Given::Text),
            2 => text.prop_map(Given::Shared),
        ]
    }

    fn columns() -> impl Strategy<Value = TargetColumn> {
        let limit = prop_oneof![
            3 => Just(TypeLimit::None),
            1 => (0_u32..8).prop_map(TypeLimit::Chars),
            1 => (0_u32..8).prop_map(TypeLimit::Bytes),
            1 => (1_u16..9, -2_i16..6)
                .prop_map(|(precision, scale)| TypeLimit::Digits { precision, scale }),
            1 => (0_u8..6).prop_map(TypeLimit::SecondDecimals),
        ];
        (prop::sample::select(KINDS.to_vec()), any::<bool>(), limit).prop_map(
            |(kind, not_null, limit)| TargetColumn {
                name: "c".into(),
                sql_type: "t".into(),
                kind,
                not_null,
                limit,
            },
        )
    }

    fn coercions() -> impl Strategy<Value = Coercion> {
        let rules = TextRules::default();
        let rules = vec![
            TextRules {
                null_words: vec!["n/a".into()],
                ..rules.clone()
            },
            TextRules {
                trim: true,
                ..rules.clone()
            },
            TextRules {
                decimal_comma: true,
                ..rules.clone()
            },
            rules,
        ];
        let policies = vec![OnCellError::Null, OnCellError::Reject, OnCellError::Text];
        let systems = vec![DateSystem::From1900, DateSystem::From1904];
        (
            prop::sample::select(policies),
            prop::sample::select(rules),
            prop::sample::select(systems),
        )
            .prop_map(|(on_cell_error, text_rules, date_system)| Coercion {
                date_system,
                formats: CODES
                    .iter()
                    .map(|code| classify(&NumberFormat::new(*code)))
                    .collect(),
                on_cell_error,
                text_rules,
            })
    }

    /// What there is to tell values apart: the zeros are equal but not the same.
    fn told(coerced: &Result<Coerced<'_>, Fault>) -> (String, Option<u64>) {
        let bits = match coerced {
            Ok(Coerced {
                value: Value::Float(number),
                ..
            }) => Some(number.to_bits()),
            _ => None,
        };
        (format!("{coerced:?}"), bits)
    }

    struct Last<'a>(Option<Value<'a>>);

    impl<'a> ValueTaker<'a> for Last<'a> {
        fn take(&mut self, value: Value<'a>) {
            assert!(self.0.is_none());
            self.0 = Some(value);
        }
    }

    fn by_column<'a>(
        column: ColumnCoercion<'a>,
        cell: Cell,
        batch: &'a Batch,
    ) -> Result<Coerced<'a>, Fault> {
        let mut taken = Last(None);
        let note = column.coerce(cell, batch, &mut taken)?;
        let value = taken.0.unwrap();
        Ok(Coerced { value, note })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn both_ways_give_the_same(
            given in prop::collection::vec(cells(), 1..8),
            column in columns(),
            coercion in coercions(),
        ) {
            let mut batch = Batch::new(1, BatchLimits { rows: 100, bytes: 10_000 });
            let (mut placed, mut shared) = (Vec::new(), SharedStringsBuilder::default());
            for given in &given {
                if let Given::Shared(text) = given {
                    shared.text_mut().push_str(text);
                    shared.end_within(&Limits::default()).unwrap();
                }
            }
            let (shared, mut next) = (Arc::new(shared.finish()), 0..);
            for given in given {
                placed.push(match given {
                    Given::Text(text) => Cell::Text(batch.push_text(&text).unwrap()),
                    Given::Digits(digits, format) => Cell::Digits {
                        text: batch.push_text(&digits).unwrap(),
                        format,
                    },
                    Given::Shared(text) => {
                        batch.refer(next.next().unwrap(), text.len(), &shared)
                    }
                    Given::Other(cell) => cell,
                });
            }
            for cell in placed {
                let short = by_column(coercion.of_column(&column), cell, &batch);
                let long = coercion.coerce(cell, batch.text_of(cell), &column);
                prop_assert_eq!(told(&short), told(&long), "{:?} {:?}", cell, column);
            }
        }
    }
}
