//! Listings of a business directory: nine text columns.

use super::Rows;
use super::column::{Column, Kind, Value};
use super::countries::{self, Country};
use super::descriptions;
use super::random::{Purpose, Random};
use super::words;

/// Where [`Value`]s of a row that defects touch are found.
pub(super) const NAME: usize = 0;
pub(super) const EMAIL: usize = 3;
pub(super) const ADDRESS: usize = 4;
pub(super) const CITY: usize = 5;
pub(super) const DESCRIPTION: usize = 8;

pub(super) const COLUMNS: [Column; 9] = [
    Column::new("Name", 28, Kind::Text),
    Column::new("Category", 16, Kind::Text),
    Column::new("Phone", 18, Kind::Text),
    Column::new("Email", 32, Kind::Text),
    Column::new("Address", 34, Kind::Text),
    Column::new("City", 18, Kind::Text),
    Column::new("Country", 16, Kind::Text),
    Column::new("Website", 34, Kind::Text),
    Column::new("Description", 60, Kind::Text),
];

/// Makes listings.
pub(super) struct Businesses {
    random: Random,
}

impl Businesses {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, Purpose::Businesses),
        }
    }
}

impl Rows for Businesses {
    fn sheet(&self) -> &'static str {
        "Businesses"
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn next(&mut self, row: &mut Vec<Value>) {
        let random = &mut self.random;
        let country = countries::country(random);
        let site = site(random, country);
        let mailbox = random.word(words::MAILBOXES);
        row.push(Value::Text(name(random, country)));
        row.push(Value::Text(random.word(words::CATEGORIES).to_owned()));
        let phone = phone(random, country);
        row.push(optional(random, 90, phone));
        row.push(optional(random, 85, format!("{mailbox}@{site}")));
        let address = address(random, country);
        row.push(optional(random, 97, address));
        row.push(Value::Text(random.word(country.cities).to_owned()));
        row.push(Value::Text(country.name.to_owned()));
        row.push(optional(random, 50, format!("https://www.{site}/")));
        let description = descriptions::description(random, country);
        row.push(optional(random, 100, description));
    }
}

/// The text in `percent` of 100 calls, if there is any.
fn optional(random: &mut Random, percent: u32, text: String) -> Value {
    let present = random.percent(percent);
    if present && !text.is_empty() {
        Value::Text(text)
    } else {
        Value::Empty
    }
}

fn name(random: &mut Random, country: &Country) -> String {
    let owner = random.word(country.owners);
    let firm = random.word(country.firms);
    let adjective = random.word(words::ADJECTIVES);
    let noun = random.word(words::NOUNS);
    let mut name = match random.below(4) {
        0 => format!("{owner} {firm}"),
        1 => format!("The {adjective} {noun}"),
        2 => format!("{owner} {noun} {firm}"),
        _ => format!("{adjective} {noun} {firm}"),
    };
    if random.per_mille(5) {
        name.push(' ');
        name.push_str(random.word(words::EMOJI));
    }
    name
}

/// A domain that hardly any other listing has.
fn site(random: &mut Random, country: &Country) -> String {
    let adjective = random.word(words::ADJECTIVES);
    let noun = random.word(words::NOUNS);
    let number = random.below(100_000);
    format!("{adjective}-{noun}{number}{}", country.domain)
}

/// Three of four as dialled from abroad, the others with the leading zero of a call from inside.
fn phone(random: &mut Random, country: &Country) -> String {
    let area = random.between(20, 989);
    let (first, last) = (random.below(1000), random.below(10_000));
    if random.percent(75) {
        format!("{} {area} {first:03} {last:04}", country.dial)
    } else {
        format!("0{area}{first:03}{last:04}")
    }
}

fn address(random: &mut Random, country: &Country) -> String {
    let street = random.word(country.streets);
    let number = random.between(1, 299);
    let postcode = random.below(100_000);
    if country.number_first {
        format!("{number} {street}, {postcode:05}")
    } else {
        format!("{street} {number}, {postcode:05}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_no_table_does_without_are_never_empty() {
        let mut businesses = Businesses::new(11);
        let mut empty = [0; COLUMNS.len()];
        for _ in 0..2000 {
            let mut row = Vec::new();
            businesses.next(&mut row);
            assert_eq!(row.len(), COLUMNS.len());
            for (count, value) in empty.iter_mut().zip(&row) {
                *count += usize::from(*value == Value::Empty);
            }
        }
        assert_eq!((empty[NAME], empty[CITY]), (0, 0));
        // Half of the websites; one description of 20.
        assert!((900..1100).contains(&empty[7]), "{empty:?}");
        assert!((60..140).contains(&empty[DESCRIPTION]), "{empty:?}");
    }
}
