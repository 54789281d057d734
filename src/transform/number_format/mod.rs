//! What a number format makes of a number: a date, a price, a postcode.

mod lexer;
mod padding;

use lexer::{Section, Token};

use crate::model::number_format::{NumberFormat, ZeroPadding};

/// The class of a number format, as far as types follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatClass {
    /// Displayed as it comes.
    General,
    /// A number of decimals that is the same for all numbers.
    FixedDecimals,
    /// An amount of a currency, with or without decimals.
    Money,
    /// Hundredths. The number stays a fraction.
    Percent,
    /// Padded with zeros: postcodes, article numbers.
    ZeroPadded(ZeroPadding),
    /// Year, month or day, no time of day.
    Date,
    /// Year, month or day, and a time of day.
    Timestamp,
    /// A date, with or without a time of day: the reader could not tell.
    DateOrTimestamp,
    /// A time of day.
    Time,
    /// Elapsed time: `[h]:mm`.
    Duration,
}

impl FormatClass {
    /// Whether its numbers are decimals at the 15 digits that a spreadsheet shows, and not doubles.
    #[must_use]
    pub fn is_decimal(self) -> bool {
        matches!(self, Self::FixedDecimals | Self::Money | Self::Percent)
    }
}

/// The most sections that are for numbers; the fourth is for text (ECMA-376 Part 1, §18.8.31).
const NUMBER_SECTIONS: usize = 3;

/// General in the languages whose word for it has letters of dates and times. Some programs, and the versions of Excel
/// up to 4, write the word of their user's language.
const GENERAL_WORDS: [&str; 12] = [
    "standard",
    "standaard",
    "standardowy",
    "estándar",
    "allgemein",
    "algemeen",
    "generale",
    "geral",
    "genel",
    "ogólny",
    "yleinen",
    "allmänt",
];

/// Classifies a format by all of its sections for numbers.
///
/// Which section shows a value depends on the value, but a column's type must not change with a sign: in
/// `[=0]?;[hh]:mm` zero is no less a duration, and in `[<0]"";0%` the first section shows nothing at all. So a date or
/// time in any section makes the format one, then decimals in any section do, since they hold whole numbers, too. Only
/// zero padding must be what the first section asks for.
#[must_use]
pub fn classify(format: &NumberFormat) -> FormatClass {
    if format.code == NumberFormat::ANY_DATE_CODE {
        return FormatClass::DateOrTimestamp;
    }
    if GENERAL_WORDS.contains(&format.code.to_lowercase().as_str()) {
        return FormatClass::General;
    }
    let sections = lexer::sections(&format.code);
    let numeric: Vec<&Section> = sections
        .iter()
        .take(NUMBER_SECTIONS)
        .filter(|section| !section.tokens.contains(&Token::Text))
        .collect();
    if let Some(moment) = numeric.iter().find_map(|section| moment_class(section)) {
        return moment;
    }
    if let Some(decimal) = numeric.iter().find_map(|section| decimal_class(section)) {
        return decimal;
    }
    let with_digits: Vec<&Section> = numeric
        .into_iter()
        .filter(|section| section.tokens.iter().any(is_digit))
        .collect();
    padding::padding(&with_digits).map_or(FormatClass::General, FormatClass::ZeroPadded)
}

/// What a section shows of a date or a time, if it does.
fn moment_class(section: &Section) -> Option<FormatClass> {
    let fields: Vec<&Token> = section
        .tokens
        .iter()
        .filter(|token| is_time_field(token))
        .collect();
    let has_digits = section.tokens.iter().any(is_digit);
    let (mut date, mut time) = (false, false);
    for (index, field) in fields.iter().enumerate() {
        match field {
            Token::Elapsed => return Some(FormatClass::Duration),
            Token::Date => date = true,
            // Beside digits it is the letter of a unit that somebody forgot to quote.
            Token::EraYear => date |= !has_digits,
            // Minutes stand after hours or before seconds; anywhere else `m` is a month.
            Token::MonthOrMinute => {
                let after_hours = index > 0 && matches!(fields[index - 1], Token::Hour);
                let before_seconds = matches!(fields.get(index + 1), Some(Token::Second));
                if after_hours || before_seconds {
                    time = true;
                } else {
                    date = true;
                }
            }
            _ => time = true,
        }
    }
    match (date, time) {
        (true, true) => Some(FormatClass::Timestamp),
        (true, false) => Some(FormatClass::Date),
        (false, true) => Some(FormatClass::Time),
        (false, false) if section.tokens.contains(&Token::SystemDate) => Some(FormatClass::Date),
        (false, false) if section.tokens.contains(&Token::SystemTime) => Some(FormatClass::Time),
        (false, false) => None,
    }
}

/// What a section shows of a decimal, if it does.
fn decimal_class(section: &Section) -> Option<FormatClass> {
    let has = |token: &Token| section.tokens.contains(token);
    if has(&Token::General) || has(&Token::Exponent) || !section.tokens.iter().any(is_digit) {
        return None;
    }
    // A slash is a fraction's, unless it is quoted.
    if has(&Token::Slash) {
        return None;
    }
    let is_money = section.tokens.iter().any(|token| match token {
        Token::Currency(_) => true,
        Token::Literal(text) => is_currency(text),
        _ => false,
    });
    if has(&Token::Percent) {
        Some(FormatClass::Percent)
    } else if is_money {
        Some(FormatClass::Money)
    } else if has(&Token::Point) {
        Some(FormatClass::FixedDecimals)
    } else {
        None
    }
}

fn is_digit(token: &Token) -> bool {
    matches!(token, Token::Zero | Token::OptionalDigit)
}

fn is_time_field(token: &Token) -> bool {
    matches!(
        token,
        Token::Date
            | Token::EraYear
            | Token::MonthOrMinute
            | Token::Hour
            | Token::Second
            | Token::HalfDay
            | Token::Elapsed
    )
}

/// Unicode's currency symbols (general category Sc) that codes hold.
fn is_currency(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(
            c,
            '$' | '¢' | '£' | '¤' | '¥' | '฿' | '﷼' | '＄' | '￡' | '￥' | '￦'
        ) || ('₠'..='₿').contains(&c)
    })
}

#[cfg(test)]
mod tests;
