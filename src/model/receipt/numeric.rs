//! Exact totals of numeric columns: by integer arithmetic as long as that will do, which is nearly always.

use super::decimal::{Digits, EMPTY, Number, Scanned, Special, WideDecimal, integer_digits, scan};
use super::wide::WideSum;
use crate::model::value::{Decimal, Value};

/// Totals of a numeric column. The sum and the extremes are those of both parts together.
#[derive(Debug, Clone, Default)]
pub(super) struct NumericTotals {
    small: Small,
    /// What integers do not hold. Boxed: nearly no column has it.
    wide: Option<Box<Wide>>,
    special: Specials,
}

/// Values as multiples of the finest unit so far.
#[derive(Debug, Clone, Copy, Default)]
struct Small {
    /// The unit's power of ten, once there is a value.
    unit: Option<i32>,
    sum: i128,
    extremes: Option<(i128, i128)>,
}

#[derive(Debug, Clone, Default)]
struct Wide {
    sum: WideSum,
    extremes: Option<(WideDecimal, WideDecimal)>,
}

/// Which values that are no numbers there are.
#[derive(Debug, Clone, Copy, Default)]
struct Specials {
    below: bool,
    above: bool,
    nan: bool,
}

/// Exponents of values that integers are tried for.
const USUAL_EXPONENTS: std::ops::Range<i32> = -400..400;

/// Powers of ten that 128 bits hold.
const TENS: [u128; 39] = {
    let mut tens = [1; 39];
    let mut power = 1;
    while power < tens.len() {
        tens[power] = tens[power - 1] * 10;
        power += 1;
    }
    tens
};

/// The first of them.
const FEW_TENS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

fn ten_to(power: i32) -> Option<u128> {
    TENS.get(usize::try_from(power).ok()?).copied()
}

impl Small {
    /// A value as a multiple of the unit, which is made finer if need be. `None` when integers will not do.
    fn multiple(&mut self, negative: bool, coefficient: u64, exponent: i32) -> Option<i128> {
        let unit = match self.unit {
            Some(unit) if unit <= exponent => unit,
            Some(unit) => {
                *self = self.in_unit(exponent, unit)?;
                exponent
            }
            None => {
                self.unit = Some(exponent);
                exponent
            }
        };
        let power = exponent.checked_sub(unit)?;
        // Nearly always the value has few digits behind the point, and so do all others.
        let few = usize::try_from(power)
            .ok()
            .and_then(|power| FEW_TENS.get(power));
        if let Some(product) = few.and_then(|worth| coefficient.checked_mul(*worth)) {
            let product = i128::from(product);
            return Some(if negative { -product } else { product });
        }
        let worth = ten_to(power)?;
        let bits = (u64::BITS - coefficient.leading_zeros()) + (u128::BITS - worth.leading_zeros());
        if bits >= u128::BITS {
            return None;
        }
        // So few bits that neither the product nor its sign can be lost.
        let product = (u128::from(coefficient) * worth) as i128;
        Some(if negative { -product } else { product })
    }

    /// The same amounts in a finer unit.
    fn in_unit(self, unit: i32, from: i32) -> Option<Self> {
        let worth = i128::try_from(ten_to(from.checked_sub(unit)?)?).ok()?;
        let extremes = match self.extremes {
            Some((min, max)) => Some((min.checked_mul(worth)?, max.checked_mul(worth)?)),
            None => None,
        };
        Some(Self {
            unit: Some(unit),
            sum: self.sum.checked_mul(worth)?,
            extremes,
        })
    }

    fn widen(&mut self, value: i128) {
        self.extremes = Some(match self.extremes {
            None => (value, value),
            Some((min, max)) => (min.min(value), max.max(value)),
        });
    }

    fn exponent(&self) -> i32 {
        self.unit.unwrap_or(0)
    }
}

impl Wide {
    fn widen(&mut self, value: Digits<'_>) {
        match &mut self.extremes {
            None => self.extremes = Some((value.to_decimal(), value.to_decimal())),
            Some((min, _)) if value.compare(&min.as_digits()).is_lt() => *min = value.to_decimal(),
            Some((_, max)) if value.compare(&max.as_digits()).is_gt() => *max = value.to_decimal(),
            Some(_) => {}
        }
    }
}

/// What a value adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    SumAndExtremes,
    Sum,
    Extremes,
}

impl NumericTotals {
    /// Adds a value of a numeric column.
    pub(super) fn add(&mut self, value: &Value<'_>) {
        match *value {
            Value::Decimal(Decimal {
                negative,
                coefficient,
                exponent,
            }) => self.add_short(
                negative,
                coefficient,
                exponent.into(),
                Share::SumAndExtremes,
            ),
            Value::DecimalText(text) => self.add_text(text, b'.', Share::SumAndExtremes),
            Value::CommaDecimalText(text) => self.add_text(text, b',', Share::SumAndExtremes),
            Value::Int(number) => {
                self.add_short(number < 0, number.unsigned_abs(), 0, Share::SumAndExtremes);
            }
            // Coercion makes no other values for numeric columns.
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str, point: u8, share: Share) {
        match scan(text, point) {
            Scanned::Short {
                negative,
                coefficient,
                exponent,
            } => self.add_short(negative, coefficient, exponent, share),
            // A number that no table holds is in none.
            Scanned::Long(digits) if digits.is_storable() => self.add_wide(digits, share),
            Scanned::Long(_) => {}
            Scanned::Special(Special::Below) => self.special.below = true,
            Scanned::Special(Special::Above) => self.special.above = true,
            Scanned::Special(Special::Nan) => self.special.nan = true,
        }
    }

    fn add_short(&mut self, negative: bool, coefficient: u64, exponent: i32, share: Share) {
        // A zero has no digits, whatever its exponent; it must not make the unit finer.
        let exponent = match (coefficient, self.small.unit) {
            (0, unit) => unit.unwrap_or(0),
            _ => exponent,
        };
        if USUAL_EXPONENTS.contains(&exponent)
            && let Some(amount) = self.small.multiple(negative, coefficient, exponent)
        {
            self.add_small(amount, share);
            return;
        }
        let mut buffer = EMPTY;
        let digits = integer_digits(coefficient.into(), exponent, &mut buffer);
        if digits.is_storable() {
            self.add_wide(if negative { digits.negated() } else { digits }, share);
        }
    }

    /// Adds a multiple of the small part's unit.
    fn add_small(&mut self, amount: i128, share: Share) {
        if share != Share::Extremes {
            if let Some(sum) = self.small.sum.checked_add(amount) {
                self.small.sum = sum;
            } else {
                let full = std::mem::replace(&mut self.small.sum, amount);
                self.add_integer_wide(full, self.small.exponent(), Share::Sum);
            }
        }
        if share != Share::Sum {
            self.small.widen(amount);
        }
    }

    fn add_integer_wide(&mut self, number: i128, exponent: i32, share: Share) {
        let mut buffer = EMPTY;
        self.add_wide(integer_digits(number, exponent, &mut buffer), share);
    }

    /// Adds to the wide part. The exponents of all digits are bounded, and so is its size.
    fn add_wide(&mut self, digits: Digits<'_>, share: Share) {
        let wide = self.wide.get_or_insert_default();
        if share != Share::Extremes {
            wide.sum.add(digits);
        }
        if share != Share::Sum {
            wide.widen(digits);
        }
    }

    /// Adds the values of another.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.absorb_small(&other.small);
        if let Some(theirs) = &other.wide {
            let wide = self.wide.get_or_insert_default();
            wide.sum.absorb(&theirs.sum);
            if let Some((min, max)) = &theirs.extremes {
                wide.widen(min.as_digits());
                wide.widen(max.as_digits());
            }
        }
        self.special.below |= other.special.below;
        self.special.above |= other.special.above;
        self.special.nan |= other.special.nan;
    }

    fn absorb_small(&mut self, other: &Small) {
        let Some(theirs) = other.unit else { return };
        let ours = *self.small.unit.get_or_insert(theirs);
        // Both in the finer of the two units, if integers hold them there.
        let both = if theirs < ours {
            self.small.in_unit(theirs, ours).map(|ours| (ours, *other))
        } else {
            other
                .in_unit(ours, theirs)
                .map(|theirs| (self.small, theirs))
        };
        if let Some((ours, theirs)) = both {
            self.small = ours;
            self.add_small(theirs.sum, Share::Sum);
            for extreme in theirs.extremes.into_iter().flat_map(<[i128; 2]>::from) {
                self.small.widen(extreme);
            }
        } else {
            self.add_integer_wide(other.sum, theirs, Share::Sum);
            for extreme in other.extremes.into_iter().flat_map(<[i128; 2]>::from) {
                self.add_integer_wide(extreme, theirs, Share::Extremes);
            }
        }
    }

    /// The sum as PostgreSQL has it: not a number with a NaN, or with both infinities.
    pub(super) fn sum(&self) -> Number {
        match self.special {
            Specials { nan: true, .. }
            | Specials {
                below: true,
                above: true,
                ..
            } => Number::NAN,
            Specials { below: true, .. } => Number::BELOW,
            Specials { above: true, .. } => Number::ABOVE,
            _ => {
                let mut sum = self
                    .wide
                    .as_ref()
                    .map_or_else(WideSum::default, |wide| wide.sum.clone());
                let mut buffer = EMPTY;
                sum.add(integer_digits(
                    self.small.sum,
                    self.small.exponent(),
                    &mut buffer,
                ));
                Number::finite(sum.to_decimal())
            }
        }
    }

    /// The least and the greatest value.
    pub(super) fn extremes(&self) -> Option<(Number, Number)> {
        let mut values = Vec::new();
        for amount in self.small.extremes.into_iter().flat_map(<[i128; 2]>::from) {
            let mut buffer = EMPTY;
            let digits = integer_digits(amount, self.small.exponent(), &mut buffer);
            values.push(Number::finite(digits.to_decimal()));
        }
        if let Some((min, max)) = self.wide.as_ref().and_then(|wide| wide.extremes.as_ref()) {
            values.extend([min, max].map(|extreme| Number::finite(extreme.clone())));
        }
        let specials = [
            (self.special.below, Number::BELOW),
            (self.special.above, Number::ABOVE),
            (self.special.nan, Number::NAN),
        ];
        values.extend(
            specials
                .into_iter()
                .filter(|(is_there, _)| *is_there)
                .map(|(_, value)| value),
        );
        Some((values.iter().min()?.clone(), values.iter().max()?.clone()))
    }

    /// Totals with this sum and these extremes. What a sum or an extreme that is no number hides does not matter: it
    /// stays hidden, whatever is added.
    pub(super) fn restored(sum: &Number, extremes: Option<&(Number, Number)>) -> Self {
        let mut totals = Self::default();
        totals.restore(sum, Share::Sum);
        if let Some((min, max)) = extremes {
            totals.restore(min, Share::Extremes);
            totals.restore(max, Share::Extremes);
        }
        totals
    }

    fn restore(&mut self, number: &Number, share: Share) {
        match number.as_finite() {
            Some(decimal) => self.add_wide(decimal.as_digits(), share),
            // The extremes say which there are, but for a sum that both infinities made.
            None if share == Share::Extremes => {
                self.special.below |= *number == Number::BELOW;
                self.special.above |= *number == Number::ABOVE;
                self.special.nan |= *number == Number::NAN;
            }
            None => {}
        }
    }
}
