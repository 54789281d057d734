//! Orders of a shop: 20 columns of every type.

use super::Rows;
use super::calendar::{self, DAY};
use super::column::{Column, Kind, Value};
use super::countries;
use super::random::{Purpose, Random};
use super::words;

const INTEGER: Kind = Kind::Number {
    denominator: 1,
    format: None,
};
const MONEY: Kind = Kind::Number {
    denominator: 100,
    format: Some("#,##0.00"),
};
const CURRENCY: Kind = Kind::Number {
    denominator: 100,
    format: Some("\"$\"#,##0.00"),
};
const PERCENT: Kind = Kind::Number {
    denominator: 1000,
    format: Some("0.0%"),
};
/// Whole 1024ths: exact in binary, so that even sums of doubles are exact in any order.
const BINARY_FRACTION: Kind = Kind::Number {
    denominator: 1024,
    format: None,
};
const TENTHS: Kind = Kind::Number {
    denominator: 10,
    format: None,
};

const COLUMNS: [Column; 20] = [
    Column::new("Order ID", 10, INTEGER),
    Column::new("Order Code", 12, Kind::Text),
    Column::new("Transaction ID", 18, INTEGER),
    Column::new("Customer", 22, Kind::Text),
    Column::new("Country", 8, Kind::Text),
    Column::new("SKU", 10, Kind::Text),
    Column::new("Quantity", 8, INTEGER),
    Column::new("Unit Price", 12, MONEY),
    Column::new("Discount", 8, PERCENT),
    Column::new("Shipping", 10, MONEY),
    Column::new("Total", 14, CURRENCY),
    Column::new("Weight", 14, BINARY_FRACTION),
    Column::new("Rating", 7, TENTHS),
    Column::new("Order Date", 11, Kind::Date),
    Column::new("Created At", 19, Kind::Timestamp),
    Column::new("Shipped At", 19, Kind::Timestamp),
    Column::new("Delivery Time", 13, Kind::Time),
    Column::new("Paid", 7, Kind::Boolean),
    Column::new("Gift", 7, Kind::Boolean),
    Column::new("Note", 30, Kind::Text),
];

/// 16 digits, the most a double holds without loss: below 2^53.
const TRANSACTIONS: (i64, i64) = (1_000_000_000_000_000, 9_007_199_254_740_991);

const FIRST_DAY: i64 = calendar::days(2015, 1, 1);
const LAST_DAY: i64 = calendar::days(2025, 12, 31);

/// Makes orders.
pub(super) struct Orders {
    random: Random,
    number: i64,
}

impl Orders {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, Purpose::Orders),
            number: 0,
        }
    }

    /// Text keys: the leading zeros and the short texts.
    fn push_keys(&mut self, row: &mut Vec<Value>) {
        let random = &mut self.random;
        row.push(Value::Whole(100_000 + self.number));
        row.push(Value::Text(format!("{:010}", self.number * 7)));
        row.push(Value::Whole(random.between(TRANSACTIONS.0, TRANSACTIONS.1)));
        let country = countries::country(random);
        let customer = format!(
            "{} {}",
            random.word(words::GIVEN_NAMES),
            random.word(country.owners)
        );
        row.push(Value::Text(customer));
        row.push(Value::Text(country.code.to_owned()));
        let (letters, digits) = (random.below(26 * 26), random.below(10_000));
        let first = char::from(b'A' + (letters / 26) as u8);
        let second = char::from(b'A' + (letters % 26) as u8);
        row.push(Value::Text(format!("{first}{second}-{digits:04}")));
    }

    /// Quantity, prices in cents, discount in thousandths.
    fn push_amounts(&mut self, row: &mut Vec<Value>) {
        let random = &mut self.random;
        let quantity = random.between(1, 40);
        let unit_price = random.between(49, 250_000);
        let discount = if random.percent(30) {
            random.between(1, 80) * 5
        } else {
            0
        };
        let shipping = (!random.percent(12)).then(|| random.between(0, 4_999));
        let goods = quantity * unit_price * (1000 - discount) / 1000;
        let total = goods + shipping.unwrap_or(0);
        // Refunds are negative.
        let total = if random.percent(3) { -total } else { total };
        row.push(Value::Whole(quantity));
        row.push(Value::Whole(unit_price));
        row.push(Value::Whole(discount));
        row.push(shipping.map_or(Value::Empty, Value::Whole));
        row.push(Value::Whole(total));
    }

    fn push_measures(&mut self, row: &mut Vec<Value>) {
        let random = &mut self.random;
        row.push(Value::Whole(random.between(1, 60 * 1024)));
        let rating = (!random.percent(35)).then(|| random.between(10, 50));
        row.push(rating.map_or(Value::Empty, Value::Whole));
    }

    fn push_moments(&mut self, row: &mut Vec<Value>) {
        let random = &mut self.random;
        let day = random.between(FIRST_DAY, LAST_DAY);
        let created = day * DAY + random.between(0, DAY - 1);
        let shipped = (!random.percent(15)).then(|| created + random.between(600, 6 * DAY));
        row.push(Value::Whole(day));
        row.push(Value::Whole(created));
        row.push(shipped.map_or(Value::Empty, Value::Whole));
        row.push(Value::Whole(random.between(0, DAY - 1)));
    }

    fn push_flags_and_note(&mut self, row: &mut Vec<Value>) {
        let random = &mut self.random;
        row.push(Value::Flag(random.percent(85)));
        let gift = (!random.percent(20)).then(|| random.percent(10));
        row.push(gift.map_or(Value::Empty, Value::Flag));
        let note = random.percent(25).then(|| random.word(words::NOTES));
        row.push(note.map_or(Value::Empty, |note| Value::Text(note.to_owned())));
    }
}

impl Rows for Orders {
    fn sheet(&self) -> &'static str {
        "Orders"
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn next(&mut self, row: &mut Vec<Value>) {
        self.number += 1;
        self.push_keys(row);
        self.push_amounts(row);
        self.push_measures(row);
        self.push_moments(row);
        self.push_flags_and_note(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_value_for_each_column() {
        let mut orders = Orders::new(3);
        for _ in 0..1000 {
            let mut row = Vec::new();
            orders.next(&mut row);
            assert_eq!(row.len(), COLUMNS.len());
            let fits = row.iter().zip(&COLUMNS).all(|(value, column)| match value {
                Value::Empty => true,
                Value::Text(text) => matches!(column.kind, Kind::Text) && !text.is_empty(),
                Value::Flag(_) => matches!(column.kind, Kind::Boolean),
                Value::Whole(whole) => {
                    !matches!(column.kind, Kind::Text | Kind::Boolean)
                        && whole.unsigned_abs() < 1 << 53
                }
                Value::Formula { .. } => false,
            });
            assert!(fits, "{row:?}");
        }
    }
}
