//! What most numbers are, told by their format and two comparisons.

use super::class::CellClass;
use super::lossy::LARGE_FRACTION;
use crate::model::cell::FormatId;
use crate::model::value::MAX_EXACT_INTEGER;
use crate::transform::number_format::FormatClass;
use crate::transform::serial_date::LAST_SERIAL;

/// Of numbers under one format: the whole ones and the others within these bounds are of these classes.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    whole: Range,
    fraction: Range,
}

/// From `from` up to, but not including, `below`.
#[derive(Debug, Clone, Copy)]
struct Range {
    from: f64,
    below: f64,
    class: CellClass,
}

/// Tells the classes of plain numbers, and leaves the others to [`CellClass::of_number`].
#[derive(Debug, Clone)]
pub(in crate::transform) struct QuickClasses {
    formats: Vec<Bounds>,
}

/// From here on the days of both epochs are plain ones: after the 29 February 1900 that never was.
const FIRST_PLAIN_DAY: f64 = 61.0;
/// Below this part of a day no rounding reaches midnight.
const NOT_MIDNIGHT: f64 = 0.999;

impl Range {
    fn of(from: f64, below: f64, class: CellClass) -> Self {
        Self { from, below, class }
    }

    /// No number.
    fn none() -> Self {
        Self::of(f64::INFINITY, f64::NEG_INFINITY, CellClass::NoDate)
    }

    /// Whole numbers that a double holds exactly.
    fn exact(class: CellClass) -> Self {
        Self::of(1.0 - MAX_EXACT_INTEGER, MAX_EXACT_INTEGER, class)
    }

    /// Numbers of which no digit is lost.
    fn small(class: CellClass) -> Self {
        Self::of(-LARGE_FRACTION, LARGE_FRACTION, class)
    }

    fn days(class: CellClass) -> Self {
        Self::of(FIRST_PLAIN_DAY, LAST_SERIAL, class)
    }
}

impl Bounds {
    const GENERAL: FormatClass = FormatClass::General;

    fn of(format: &FormatClass) -> Self {
        let (whole, fraction) = match format {
            FormatClass::General => (
                Range::exact(CellClass::Integer),
                Range::small(CellClass::Float),
            ),
            FormatClass::FixedDecimals | FormatClass::Money | FormatClass::Percent => (
                Range::exact(CellClass::Decimal),
                Range::small(CellClass::Decimal),
            ),
            FormatClass::ZeroPadded(_) => (
                Range::exact(CellClass::Padded),
                Range::small(CellClass::Padded),
            ),
            FormatClass::Timestamp => (
                Range::days(CellClass::Timestamp),
                Range::days(CellClass::Timestamp),
            ),
            FormatClass::Date => (Range::days(CellClass::Date), Range::none()),
            FormatClass::Time | FormatClass::DateOrTimestamp => (
                Range::days(CellClass::Date),
                Range::of(0.0, NOT_MIDNIGHT, CellClass::Time),
            ),
            FormatClass::Duration => {
                let within = Range::of(1.0 - LAST_SERIAL, LAST_SERIAL, CellClass::Interval);
                (within, within)
            }
        };
        Self { whole, fraction }
    }
}

impl QuickClasses {
    /// For numbers under formats of these classes.
    pub(in crate::transform) fn of(formats: &[FormatClass]) -> Self {
        // The last one is for numbers whose format the sheet does not have.
        let formats = formats.iter().chain([&Bounds::GENERAL]);
        Self {
            formats: formats.map(Bounds::of).collect(),
        }
    }

    /// The class of a number if it is a plain one: it is what [`CellClass::of_number`] says, a double holds it exactly,
    /// and it is no date before March 1900.
    #[inline]
    pub(in crate::transform) fn of_number(
        &self,
        value: f64,
        format: FormatId,
    ) -> Option<CellClass> {
        let bounds = match self.formats.get(usize::from(format.0)) {
            Some(bounds) => bounds,
            None => self.formats.last()?,
        };
        // Beyond what the cast holds, a number is in no range.
        let is_whole = value as i64 as f64 == value;
        let range = if is_whole {
            &bounds.whole
        } else {
            &bounds.fraction
        };
        (value >= range.from && value < range.below).then_some(range.class)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::number_format::{ZeroPadding, ZeroPattern};
    use crate::model::sheet::DateSystem;

    fn formats() -> Vec<FormatClass> {
        vec![
            FormatClass::General,
            FormatClass::FixedDecimals,
            FormatClass::Money,
            FormatClass::Percent,
            FormatClass::ZeroPadded(ZeroPadding::always(ZeroPattern::digits(5).unwrap())),
            FormatClass::Date,
            FormatClass::Timestamp,
            FormatClass::DateOrTimestamp,
            FormatClass::Time,
            FormatClass::Duration,
        ]
    }

    /// Numbers of all sizes, and those around the bounds.
    fn any_value() -> impl Strategy<Value = f64> {
        let bounds = [
            0.0,
            1.0,
            NOT_MIDNIGHT,
            60.0,
            FIRST_PLAIN_DAY,
            LAST_SERIAL,
            LARGE_FRACTION,
            MAX_EXACT_INTEGER,
            i64::MAX as f64,
        ];
        let near = (
            prop::sample::select(bounds.to_vec()),
            -3_i32..4,
            any::<bool>(),
        )
            .prop_map(|(bound, steps, negative)| {
                let value = (0..steps.abs()).fold(bound, |value, _| {
                    if steps < 0 {
                        value.next_down()
                    } else {
                        value.next_up()
                    }
                });
                if negative { -value } else { value }
            });
        prop_oneof![
            any::<f64>(),
            near,
            -1e6_f64..1e6,
            (-100_000_i32..3_000_000).prop_map(f64::from),
            (0_u32..2_958_466, 0_u64..=86_400_000_000)
                .prop_map(|(day, micro)| f64::from(day) + micro as f64 / 86_400e6),
        ]
    }

    proptest! {
        #[test]
        fn quick_classes_are_the_exact_ones(
            value in any_value(),
            format in 0..12_u16,
            from_1904 in any::<bool>(),
        ) {
            let formats = formats();
            let quick = QuickClasses::of(&formats);
            let system = if from_1904 { DateSystem::From1904 } else { DateSystem::From1900 };
            let class = formats.get(usize::from(format)).copied().unwrap_or(FormatClass::General);
            if let Some(found) = quick.of_number(value, FormatId(format)) {
                prop_assert_eq!(found, CellClass::of_number(value, class, system));
                prop_assert!(value.fract() == 0.0 || value.abs() < LARGE_FRACTION);
                prop_assert!(value.abs() < MAX_EXACT_INTEGER);
                let is_day = matches!(found, CellClass::Date | CellClass::Timestamp);
                prop_assert!(!is_day || value >= FIRST_PLAIN_DAY);
            }
        }
    }

    #[test]
    fn plain_numbers_are_quick() {
        let quick = QuickClasses::of(&formats());
        let of = |value, format| quick.of_number(value, FormatId(format));
        for (value, format, class) in [
            (-0.0, 0, CellClass::Integer),
            (9_007_199_254_740_991.0, 0, CellClass::Integer),
            (0.1, 0, CellClass::Float),
            (12.5, 1, CellClass::Decimal),
            (7.0, 4, CellClass::Padded),
            (45_292.0, 5, CellClass::Date),
            (45_292.25, 6, CellClass::Timestamp),
            (0.25, 8, CellClass::Time),
            (1.25, 9, CellClass::Interval),
            (5.0, 99, CellClass::Integer),
        ] {
            assert_eq!(of(value, format), Some(class), "{value} {format}");
        }
    }
}
