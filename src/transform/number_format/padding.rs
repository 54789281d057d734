//! Formats that pad numbers with zeros: postcodes, article and insurance numbers.

use super::lexer::{Comparison, Section, Token};
use crate::model::number_format::{ZeroPadding, ZeroPattern};

/// Fewer zeros than this are a plain number: every integer format ends in one.
const LEAST_ZEROS: usize = 2;

/// The pattern of a section that shows whole numbers with zeros in front.
pub(super) fn pattern(section: &Section) -> Option<ZeroPattern> {
    let mut shown = String::new();
    let mut zeros = 0;
    for token in &section.tokens {
        match token {
            // In front of the zeros it adds nothing; behind one it is as good as one.
            Token::OptionalDigit if zeros == 0 => {}
            Token::Zero | Token::OptionalDigit => {
                zeros += 1;
                shown.push(ZeroPattern::DIGIT);
            }
            Token::Literal(text) => shown.extend(text.chars().filter(|c| *c != ZeroPattern::DIGIT)),
            _ => return None,
        }
    }
    if zeros < LEAST_ZEROS {
        return None;
    }
    let shown = shown.trim();
    // A pattern with more text around it than fits keeps the digits.
    ZeroPattern::new(shown).or_else(|| {
        let digits: String = shown.chars().filter(|c| *c == ZeroPattern::DIGIT).collect();
        ZeroPattern::new(&digits)
    })
}

/// How a code's sections pad numbers. A postcode's short and long form are often two sections with a limit:
/// `[<=99999]00000;00000-0000`.
pub(super) fn padding(sections: &[&Section]) -> Option<ZeroPadding> {
    let mut padded = sections
        .iter()
        .map(|section| pattern(section).map(|pattern| (section, pattern)));
    let (first, pattern) = padded.next()??;
    let second = padded.next().flatten();
    let split = match (first.condition, second) {
        (Some((comparison, limit)), Some((_, other))) => split(comparison, limit, pattern, other),
        _ => None,
    };
    Some(split.unwrap_or(ZeroPadding::always(pattern)))
}

fn split(
    comparison: Comparison,
    limit: f64,
    first: ZeroPattern,
    second: ZeroPattern,
) -> Option<ZeroPadding> {
    // Limits of codes are whole numbers far below 2^53.
    if limit.fract() != 0.0 || limit.abs() >= 1e15 {
        return None;
    }
    let limit = limit as i64;
    let (last_short, short, long) = match comparison {
        Comparison::LessOrEqual => (limit, first, second),
        Comparison::Less => (limit - 1, first, second),
        Comparison::Greater => (limit, second, first),
        Comparison::GreaterOrEqual => (limit - 1, second, first),
        Comparison::Equal | Comparison::NotEqual => return None,
    };
    Some(ZeroPadding::split(last_short, short, long))
}
