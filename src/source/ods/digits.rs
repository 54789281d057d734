//! The digits of a number in a format code (OpenDocument 1.3 part 3, 16.29.3 to 16.29.6).

use std::iter::repeat_n;

use super::tag::Space;
use super::xml::{Node, Xml};
use crate::error::Result;

/// More digits than any number shows.
const MAX_DIGITS: usize = 60;
/// The most texts in a number that are kept.
const MAX_EMBEDDED: usize = 20;

/// How many digits a number has where.
#[derive(Debug, Default)]
pub(super) struct Digits {
    decimal_places: Option<usize>,
    min_decimal_places: Option<usize>,
    min_integer: Option<usize>,
    min_exponent: Option<usize>,
    min_numerator: Option<usize>,
    min_denominator: Option<usize>,
    denominator: Option<u32>,
    grouping: bool,
    thousands: usize,
    /// Texts, each with the number of integer digits right of it.
    embedded: Vec<(usize, String)>,
}

impl Digits {
    /// Takes an attribute for what it says, if it says something about digits.
    pub(super) fn attribute(&mut self, local_name: &str, value: &str) {
        let count = || {
            let count = value.trim().parse::<usize>().ok();
            count.map(|count| count.min(MAX_DIGITS))
        };
        match local_name {
            "decimal-places" => self.decimal_places = count(),
            "min-decimal-places" => self.min_decimal_places = count(),
            "min-integer-digits" => self.min_integer = count(),
            "min-exponent-digits" => self.min_exponent = count(),
            "min-numerator-digits" => self.min_numerator = count(),
            "min-denominator-digits" => self.min_denominator = count(),
            "denominator-value" => self.denominator = value.trim().parse().ok(),
            "grouping" => self.grouping = value == "true",
            "display-factor" => {
                self.thousands = match value.trim().parse::<f64>() {
                    Ok(factor) if factor >= 1e9 => 3,
                    Ok(factor) if factor >= 1e6 => 2,
                    Ok(factor) if factor >= 1e3 => 1,
                    _ => 0,
                };
            }
            _ => {}
        }
    }

    /// Reads the texts among the digits, to the end of the number whose start was the last event (16.29.4).
    pub(super) fn read_embedded_texts(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            let position = match xml.next()? {
                Node::Start(tag) if tag.name() == (Space::Number, "embedded-text") => {
                    let position = tag.attribute(Space::Number, "position")?;
                    position.and_then(|position| position.trim().parse::<usize>().ok())
                }
                _ => continue,
            };
            let text = xml.text_of_element()?;
            if let Some(position) = position.filter(|position| *position < MAX_DIGITS)
                && self.embedded.len() < MAX_EMBEDDED
            {
                self.embedded.push((position, text));
            }
        }
        Ok(())
    }

    /// Digits behind the point.
    pub(super) fn decimals(&self) -> usize {
        self.decimal_places.unwrap_or(0)
    }

    /// Whether it asks for nothing in particular: as many decimals as the number has.
    pub(super) fn is_general(&self) -> bool {
        self.decimal_places.is_none()
            && self.min_integer.unwrap_or(0) <= 1
            && !self.grouping
            && self.embedded.is_empty()
    }

    /// The code.
    pub(super) fn code(&self) -> String {
        let mut code = self.integer();
        code.extend(repeat_n(',', self.thousands));
        let decimals = self.decimals();
        if decimals > 0 {
            let certain = self.min_decimal_places.unwrap_or(decimals).min(decimals);
            code.push('.');
            code.extend(repeat_n('0', certain));
            code.extend(repeat_n('#', decimals - certain));
        }
        code
    }

    fn integer(&self) -> String {
        let certain = self.min_integer.unwrap_or(0);
        let texts = self.embedded.iter().map(|(position, _)| *position + 1);
        let count = [certain, if self.grouping { 4 } else { 1 }]
            .into_iter()
            .chain(texts)
            .max()
            .unwrap_or(1);
        let mut code = String::new();
        // How many digits are right of this one.
        for place in (0..count).rev() {
            code.push(if place < certain { '0' } else { '#' });
            if self.grouping && place > 0 && place % 3 == 0 {
                code.push(',');
            }
            for (_, text) in self.embedded.iter().filter(|(at, _)| *at == place) {
                for c in text.chars().filter(|c| !c.is_control()) {
                    code.push('\\');
                    code.push(c);
                }
            }
        }
        code
    }
}

/// A number with an exponent.
pub(super) fn scientific(digits: &Digits) -> String {
    let mut code = digits.code();
    code.push_str("E+");
    code.extend(repeat_n('0', digits.min_exponent.unwrap_or(2).max(1)));
    code
}

/// A fraction.
pub(super) fn fraction(digits: &Digits) -> String {
    let mut code = String::new();
    if digits.min_integer.is_some() {
        code.push_str("# ");
    }
    code.extend(repeat_n('?', digits.min_numerator.unwrap_or(1).max(1)));
    code.push('/');
    match digits.denominator {
        Some(denominator) => code.push_str(&denominator.to_string()),
        None => code.extend(repeat_n('?', digits.min_denominator.unwrap_or(1).max(1))),
    }
    code
}
