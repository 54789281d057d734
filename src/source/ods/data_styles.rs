//! Data styles as number format codes (OpenDocument 1.3 part 3, 16.29).

use super::digits::{Digits, fraction, scientific};
use super::tag::{Space, Tag};
use super::xml::{Node, Xml};
use crate::error::Result;
use crate::model::number_format::NumberFormat;

/// A style for one range of values, and others that take its place under conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DataStyle {
    /// The code of one section.
    pub(super) code: String,
    /// In the file's order.
    pub(super) maps: Vec<Map>,
}

/// A condition and the style for the values that meet it (`style:map`, 16.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    /// Such as `value()>=0`.
    pub(super) condition: String,
    /// The data style's name.
    pub(super) style: String,
}

/// The most conditions that a format has.
const MAX_MAPS: usize = 3;
/// The most bytes of a section's code. Excel has at most 255 characters for all sections.
const MAX_CODE_BYTES: usize = 255;

/// What a data style is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers.
    Number,
    /// Percentages.
    Percentage,
    /// Money.
    Currency,
    /// Dates and times.
    Moment,
    /// TRUE and FALSE.
    Boolean,
    /// Texts.
    Text,
}

impl Kind {
    /// The kind of the element with this local name, if it is a data style.
    pub(super) fn of_element(local_name: &str) -> Option<Self> {
        Some(match local_name {
            "number-style" => Self::Number,
            "percentage-style" => Self::Percentage,
            "currency-style" => Self::Currency,
            "date-style" | "time-style" => Self::Moment,
            "boolean-style" => Self::Boolean,
            "text-style" => Self::Text,
            _ => return None,
        })
    }
}

/// Reads the data style whose start was the last event, to its end. `elapsed` says that its hours go on beyond a day
/// (`number:truncate-on-overflow="false"`, 19.366).
///
/// # Errors
/// What is wrong with the XML.
pub(super) fn read(xml: &mut Xml<'_>, kind: Kind, elapsed: bool) -> Result<DataStyle> {
    let mut section = Section {
        kind,
        elapsed,
        code: String::new(),
        is_general: false,
    };
    let mut maps = Vec::new();
    let outside = xml.depth().saturating_sub(1);
    while xml.depth() > outside {
        let part = match xml.next()? {
            Node::Start(tag) => Part::of(&tag)?,
            _ => continue,
        };
        match part {
            Part::Number(mut digits) => {
                digits.read_embedded_texts(xml)?;
                section.number(&digits);
            }
            Part::Code(code) => {
                xml.skip_element()?;
                section.push(&code);
            }
            Part::Clock(code) => {
                xml.skip_element()?;
                section.clock(&code);
            }
            Part::Symbol => {
                let symbol = xml.text_of_element()?;
                section.symbol(symbol.trim());
            }
            Part::Literal => {
                let text = xml.text_of_element()?;
                section.literal(&text);
            }
            Part::Map(map) => {
                xml.skip_element()?;
                if maps.len() < MAX_MAPS {
                    maps.push(map);
                }
            }
            Part::Other => xml.skip_element()?,
        }
    }
    Ok(DataStyle {
        code: section.finish(),
        maps,
    })
}

/// A child of a data style.
enum Part {
    Number(Digits),
    /// Translated by itself.
    Code(String),
    /// A part of a time of day, which may be elapsed time.
    Clock(String),
    Symbol,
    Literal,
    Map(Map),
    Other,
}

impl Part {
    fn of(tag: &Tag<'_>) -> Result<Self> {
        let (mut digits, mut map) = (Digits::default(), (None, None));
        let (mut long, mut textual) = (false, false);
        for attribute in tag.attributes() {
            let attribute = attribute?;
            let (space, name) = attribute.name();
            if !matches!(space, Space::Number | Space::Style | Space::Loext) {
                continue;
            }
            let value = attribute.value()?;
            match name {
                "style" => long = value == "long",
                "textual" => textual = value == "true",
                "condition" => map.0 = Some(value.into_owned()),
                "apply-style-name" => map.1 = Some(value.into_owned()),
                name => digits.attribute(name, &value),
            }
        }
        let either = |one: &str, other: &str| (if long { other } else { one }).to_owned();
        let name = match tag.name() {
            (Space::Number | Space::Style | Space::Loext, name) => name,
            _ => return Ok(Self::Other),
        };
        Ok(match name {
            "number" => Self::Number(digits),
            "scientific-number" => Self::Code(scientific(&digits)),
            "fraction" => Self::Code(fraction(&digits)),
            "day" => Self::Code(either("d", "dd")),
            "month" if textual => Self::Code(either("mmm", "mmmm")),
            "month" => Self::Code(either("m", "mm")),
            "year" => Self::Code(either("yy", "yyyy")),
            "era" => Self::Code(either("g", "ggg")),
            "day-of-week" => Self::Code(either("ddd", "dddd")),
            "week-of-year" => Self::Code("ww".into()),
            "quarter" => Self::Code(either("q", "qq")),
            "hours" => Self::Clock(either("h", "hh")),
            "minutes" => Self::Clock(either("m", "mm")),
            "seconds" => {
                let mut code = either("s", "ss");
                if digits.decimals() > 0 {
                    code.push('.');
                    code.extend(std::iter::repeat_n('0', digits.decimals()));
                }
                Self::Clock(code)
            }
            "am-pm" => Self::Code("AM/PM".into()),
            "text-content" => Self::Code("@".into()),
            "currency-symbol" => Self::Symbol,
            "text" => Self::Literal,
            "map" => match map {
                (Some(condition), Some(style)) => Self::Map(Map { condition, style }),
                _ => Self::Other,
            },
            _ => Self::Other,
        })
    }
}

/// The code of a section, as it grows.
struct Section {
    kind: Kind,
    elapsed: bool,
    code: String,
    is_general: bool,
}

impl Section {
    fn push(&mut self, code: &str) {
        if self.code.len() + code.len() <= MAX_CODE_BYTES {
            self.code.push_str(code);
        }
    }

    fn number(&mut self, digits: &Digits) {
        if self.kind == Kind::Number && digits.is_general() {
            self.is_general = true;
            self.push(NumberFormat::GENERAL_CODE);
        } else {
            self.push(&digits.code());
        }
    }

    /// The first part of elapsed time is the one that grows without bound.
    fn clock(&mut self, code: &str) {
        if std::mem::take(&mut self.elapsed) {
            let whole = code.trim_end_matches(['.', '0']);
            self.push(&format!("[{whole}]{}", &code[whole.len()..]));
        } else {
            self.push(code);
        }
    }

    /// In the notation that says that it is a currency, whatever its letters.
    fn symbol(&mut self, symbol: &str) {
        let symbol: String = symbol
            .chars()
            .filter(|c| !matches!(c, '[' | ']' | '"' | ';') && !c.is_control())
            .collect();
        let symbol = symbol.trim_start_matches('-');
        if !symbol.is_empty() {
            self.push(&format!("[${symbol}]"));
        }
    }

    fn literal(&mut self, text: &str) {
        let mut code = String::new();
        for c in text.chars() {
            match c {
                '%' if self.kind == Kind::Percentage => code.push('%'),
                ' ' | '-' | '+' | '(' | ')' => code.push(c),
                '/' | ':' if self.kind == Kind::Moment => code.push(c),
                c if c.is_control() => {}
                c if c.is_alphanumeric() => {
                    let in_quotes = code.ends_with('"') && !code.ends_with("\\\"");
                    if in_quotes {
                        code.pop();
                    } else {
                        code.push('"');
                    }
                    code.push(c);
                    code.push('"');
                }
                c => {
                    code.push('\\');
                    code.push(c);
                }
            }
        }
        self.push(&code);
    }

    fn finish(mut self) -> String {
        match self.kind {
            Kind::Boolean => self.code = "\"TRUE\";\"TRUE\";\"FALSE\"".into(),
            Kind::Percentage if !self.code.contains('%') && !self.code.is_empty() => {
                self.push("%");
            }
            Kind::Text if self.code.is_empty() => self.code = "@".into(),
            _ => {}
        }
        self.code
    }
}

/// The codes of a style and those that its conditions name, as one code. Sections for positive and negative numbers need
/// no condition where they are the first and the second of the code (ECMA-376 Part 1, §18.8.31).
pub(super) fn joined<'a>(
    style: &'a DataStyle,
    find: impl Fn(&str) -> Option<&'a DataStyle>,
) -> String {
    let mut sections = Vec::new();
    for map in &style.maps {
        let Some(mapped) = find(&map.style) else {
            continue;
        };
        let condition: String = map
            .condition
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        let Some(condition) = condition.strip_prefix("value()") else {
            continue;
        };
        let is_implied = match sections.len() {
            0 => condition == ">0" || condition == ">=0",
            1 => condition == "<0",
            _ => condition == "=0",
        };
        let is_plain = condition
            .bytes()
            .all(|b| b"<>=!.-+eE".contains(&b) || b.is_ascii_digit());
        match is_implied || !is_plain {
            true => sections.push(mapped.code.clone()),
            false => sections.push(format!("[{condition}]{}", mapped.code)),
        }
    }
    sections.push(style.code.clone());
    sections.join(";")
}
