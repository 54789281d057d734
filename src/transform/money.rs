//! Amounts for columns of the type money, which the server reads by its locale.

use super::coerce::{Attempt, Coercion};
use super::fault::not_readable;
use super::parse;
use crate::model::column::TargetColumn;
use crate::model::value::Value;

impl Coercion {
    /// A text: a number as numeric columns take it, or dollars as a session in the locale C writes them.
    pub(super) fn amount<'a>(&self, text: &'a str, column: &TargetColumn) -> Attempt<'a> {
        let number = if self.text_rules.decimal_comma {
            parse::comma_decimal(text).map(Value::CommaDecimalText)
        } else {
            parse::decimal(text)
                .map(Value::DecimalText)
                .or_else(|| is_in_dollars(text).then_some(Value::Text(text)))
        };
        number.ok_or_else(|| not_readable(text, column))
    }
}

/// `$1,234.50`, `-$5`, `($0.25)`, `1,234`: commas between all thousands or none, and no more decimals than are kept.
fn is_in_dollars(text: &str) -> bool {
    let text = text.trim();
    let inner = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let unsigned = inner.unwrap_or_else(|| text.strip_prefix('-').unwrap_or(text));
    let unsigned = unsigned.strip_prefix('$').unwrap_or(unsigned);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut grouped = false;
    let well_grouped = groups.all(|group| {
        grouped = true;
        group.len() == 3 && digits(group)
    });
    let first_fits = digits(first) && !first.is_empty() && (!grouped || first.len() <= 3);
    well_grouped && first_fits && digits(fraction) && fraction.len() <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_have_whole_groups_and_cents() {
        for good in [
            "$1,234.50",
            "-$5",
            "($0.25)",
            "1,234",
            "$1234567",
            "$0.5",
            " $1 ",
        ] {
            assert!(is_in_dollars(good), "{good}");
        }
        for bad in [
            "", "$", "$1.005", "1.234,50", "$12,34", "€5", "5 $", "$1,2345", "now", "(5",
        ] {
            assert!(!is_in_dollars(bad), "{bad}");
        }
    }
}
