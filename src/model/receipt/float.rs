//! Totals of real and double precision columns.

use std::cmp::Ordering;

/// Values of this magnitude and beyond, infinities and NaN are counted and left out of sums: one of them makes a sum
/// worthless, and the server refuses one that overflows. What is below adds up to a double however many rows there
/// are.
pub const OUTSIZED: f64 = 1e280;

/// Half a unit in the last place of 1: the relative error of one addition.
const ROUNDING: f64 = f64::EPSILON / 2.0;

/// Totals of a column of floating-point numbers. The extremes are exact. The sum is that of the doubles to the last
/// place or nearly so (Neumaier's compensation); the server's is not, and depends on the order in which it adds, so
/// the sum of the magnitudes says by how much that may be off.
#[derive(Debug, Clone, Copy, Default)]
pub struct FloatTotals {
    sum: f64,
    /// What rounding took from the sum.
    lost: f64,
    magnitude: f64,
    added: u64,
    outsized: u64,
    extremes: Option<(f64, f64)>,
}

impl FloatTotals {
    /// Adds a value.
    pub(super) fn add(&mut self, value: f64) {
        self.widen(value);
        if value.abs() < OUTSIZED {
            self.add_to_sum(value);
            self.magnitude += value.abs();
            self.added += 1;
        } else {
            self.outsized += 1;
        }
    }

    fn add_to_sum(&mut self, value: f64) {
        let (sum, lost) = exact_sum(self.sum, value);
        self.sum = sum;
        self.lost += lost;
    }

    fn widen(&mut self, value: f64) {
        // Most values are between others.
        if let Some((min, max)) = self.extremes
            && min <= value
            && value <= max
        {
            return;
        }
        self.extremes = Some(match self.extremes {
            None => (value, value),
            Some((min, max)) => (
                if order(value, min).is_lt() {
                    value
                } else {
                    min
                },
                if order(value, max).is_gt() {
                    value
                } else {
                    max
                },
            ),
        });
    }

    /// Adds the values of another.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.add_to_sum(other.sum);
        self.lost += other.lost;
        self.magnitude += other.magnitude;
        self.added = self.added.saturating_add(other.added);
        self.outsized = self.outsized.saturating_add(other.outsized);
        if let Some((min, max)) = other.extremes {
            self.widen(min);
            self.widen(max);
        }
    }

    /// The sum of all values but the outsized ones.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum + self.lost
    }

    /// The sum of the magnitudes of the same values.
    #[must_use]
    pub fn magnitude(&self) -> f64 {
        self.magnitude
    }

    /// How many values the sum leaves out, see [`OUTSIZED`].
    #[must_use]
    pub fn outsized(&self) -> u64 {
        self.outsized
    }

    /// The least and the greatest value; NaN is greater than all others, as for the server.
    #[must_use]
    pub fn extremes(&self) -> Option<(f64, f64)> {
        self.extremes
    }

    /// By how much a sum of the same values in any order may differ: each of the n additions rounds a partial sum,
    /// none of which exceeds the sum of the magnitudes, by at most 2^-53 of it. Twice that, for this sum's own part.
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        2.0 * ROUNDING * self.added as f64 * self.magnitude
    }

    /// Totals with these figures. All other values have been added to the sum.
    pub(super) fn restored(
        values: u64,
        [sum, lost, magnitude]: [f64; 3],
        outsized: u64,
        extremes: Option<(f64, f64)>,
    ) -> Self {
        Self {
            sum,
            lost,
            magnitude,
            added: values.saturating_sub(outsized),
            outsized,
            extremes,
        }
    }

    /// The sum, what rounding took from that, and the magnitude.
    pub(super) fn parts(&self) -> [f64; 3] {
        let (sum, lost) = exact_sum(self.sum, self.lost);
        [sum, lost, self.magnitude]
    }
}

/// The sum of two doubles, and what rounding took from it (Dekker's Fast2Sum).
fn exact_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let (greater, less) = if a.abs() >= b.abs() { (a, b) } else { (b, a) };
    (sum, (greater - sum) + less)
}

/// PostgreSQL's order: NaN equals itself and is greater than all others; the zeros are equal (documentation,
/// "Floating-Point Types").
#[must_use]
pub(super) fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Equal figures are equal totals, however they came about.
impl PartialEq for FloatTotals {
    fn eq(&self, other: &Self) -> bool {
        let equal = |a: f64, b: f64| order(a, b).is_eq();
        let extremes = match (self.extremes, other.extremes) {
            (Some(a), Some(b)) => equal(a.0, b.0) && equal(a.1, b.1),
            (None, None) => true,
            _ => false,
        };
        extremes
            && self.outsized == other.outsized
            && equal(self.sum(), other.sum())
            && equal(self.magnitude, other.magnitude)
    }
}
