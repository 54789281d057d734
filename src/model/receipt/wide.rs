//! Exact sums of decimals of any length.

use super::decimal::{Digits, WideDecimal};

/// The base of a place, and how many decimal digits it has.
const BASE: i64 = 1_000_000_000;
const PLACE_DIGITS: i32 = 9;
/// How often a number below the base can be added to a place of less than the base before it may leave 64 bits.
const ADDITIONS: u32 = u32::MAX;

/// A sum as numbers to the base 10^9. Carries are left where they arise and made good when there are many, so that
/// adding costs as much as the value's own digits, however long the sum is.
#[derive(Debug, Clone, Default)]
pub(super) struct WideSum {
    /// The power of the base of the first place.
    lowest: i32,
    /// From the lowest on, each with a sign of its own.
    places: Vec<i64>,
    additions: u32,
}

impl WideSum {
    /// Adds a number that a table can hold.
    pub(super) fn add(&mut self, digits: Digits<'_>) {
        self.make_room_to_carry();
        let sign = if digits.is_negative() { -1 } else { 1 };
        let mut place = digits.exponent().div_euclid(PLACE_DIGITS);
        let mut worth = (0..digits.exponent().rem_euclid(PLACE_DIGITS)).fold(1, |ten, _| ten * 10);
        let mut group = 0;
        for digit in digits.reversed() {
            group += i64::from(digit) * worth;
            worth *= 10;
            if worth == BASE {
                self.add_to_place(place, sign * group);
                place += 1;
                (group, worth) = (0, 1);
            }
        }
        self.add_to_place(place, sign * group);
    }

    /// Adds another sum.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.make_room_to_carry();
        let mut place = other.lowest;
        let mut carry = 0;
        for amount in &other.places {
            let amount = amount + carry;
            carry = amount.div_euclid(BASE);
            self.add_to_place(place, amount.rem_euclid(BASE));
            place += 1;
        }
        while carry != 0 && carry != -1 {
            self.add_to_place(place, carry.rem_euclid(BASE));
            carry = carry.div_euclid(BASE);
            place += 1;
        }
        self.add_to_place(place, carry);
    }

    fn make_room_to_carry(&mut self) {
        if self.additions == ADDITIONS {
            let (places, carry) = carried(&self.places);
            self.places = places;
            self.places.push(carry);
            self.additions = 0;
        }
        self.additions += 1;
    }

    fn add_to_place(&mut self, place: i32, amount: i64) {
        if amount == 0 {
            return;
        }
        if self.places.is_empty() {
            self.lowest = place;
        }
        if place < self.lowest {
            // The lowest place of a storable number is bounded, so this is, too.
            let missing = usize::try_from(self.lowest - place).unwrap_or(0);
            self.places.splice(..0, std::iter::repeat_n(0, missing));
            self.lowest = place;
        }
        let index = usize::try_from(place - self.lowest).unwrap_or(0);
        if index >= self.places.len() {
            self.places.resize(index + 1, 0);
        }
        if let Some(sum) = self.places.get_mut(index) {
            *sum += amount;
        }
    }

    /// The sum.
    pub(super) fn to_decimal(&self) -> WideDecimal {
        let (mut places, mut carry) = carried(&self.places);
        let negative = carry < 0;
        if negative {
            let opposite: Vec<i64> = self.places.iter().map(|place| -place).collect();
            (places, carry) = carried(&opposite);
        }
        let mut digits = carry.to_string();
        for place in places.iter().rev() {
            digits.push_str(&format!("{place:09}"));
        }
        let exponent = self.lowest.saturating_mul(PLACE_DIGITS);
        Digits::new(negative, digits.as_bytes(), exponent).to_decimal()
    }
}

/// The same number with every place from 0 to below the base, and what is beyond the last one: below zero exactly when
/// the number is.
fn carried(places: &[i64]) -> (Vec<i64>, i64) {
    let mut carry = 0;
    let carried = places.iter().map(|place| {
        let amount = place + carry;
        carry = amount.div_euclid(BASE);
        amount.rem_euclid(BASE)
    });
    let carried = carried.collect();
    (carried, carry)
}
