//! How text cells are read, as far as the user decides.

use serde::{Deserialize, Serialize};

use super::date_format::DateFormat;
use super::parse;
use crate::model::time_zone::{TimeZone, UTC};

/// What the user says about text cells, and the zone of all. The default reads them as PostgreSQL does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextRules {
    /// Texts that stand for NULL, in every column.
    pub null_words: Vec<String>,
    /// Whether white space at both ends goes; a text of nothing else is NULL.
    pub trim: bool,
    /// Whether numbers have a comma for the decimal point, and points between thousands.
    pub decimal_comma: bool,
    /// How dates are written, besides ISO 8601.
    pub date_format: Option<DateFormat>,
    /// The zone of moments that are written without one, where the column has one; UTC if it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// Words for true, whatever their case; none for PostgreSQL's own.
    pub true_words: Vec<String>,
    /// Words for false, whatever their case; none for PostgreSQL's own.
    pub false_words: Vec<String>,
}

impl TextRules {
    /// The zone of moments that are written without one.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        self.time_zone.as_ref().unwrap_or(&UTC)
    }

    /// What a text cell holds; `None` for NULL.
    #[must_use]
    pub fn content<'a>(&self, text: &'a str) -> Option<&'a str> {
        let text = if self.trim { text.trim() } else { text };
        let is_null = text.is_empty() || self.null_words.iter().any(|word| word == text);
        (!is_null).then_some(text)
    }

    /// A text as a boolean.
    #[must_use]
    pub fn boolean(&self, text: &str) -> Option<bool> {
        let text = text.trim();
        let is_one_of = |words: &[String]| {
            words
                .iter()
                .any(|word| word.to_lowercase() == text.to_lowercase())
        };
        if is_one_of(&self.true_words) {
            return Some(true);
        }
        if is_one_of(&self.false_words) {
            return Some(false);
        }
        // A list of one's own replaces the words for that value, not those for the other.
        parse::boolean(text).filter(|truth| {
            let replaced = if *truth {
                &self.true_words
            } else {
                &self.false_words
            };
            replaced.is_empty()
        })
    }

    /// A text as a day since 2000-01-01: a date, or a date and time at midnight.
    #[must_use]
    pub fn date(&self, text: &str) -> Option<i32> {
        self.own_moment(text)
            .and_then(parse::whole_day)
            .or_else(|| parse::timestamp(text).and_then(parse::whole_day))
    }

    /// A text as microseconds since 2000-01-01 00:00.
    #[must_use]
    pub fn timestamp(&self, text: &str) -> Option<i64> {
        self.own_moment(text).or_else(|| parse::timestamp(text))
    }

    /// A moment as the user's format writes it.
    #[must_use]
    pub fn own_moment(&self, text: &str) -> Option<i64> {
        self.date_format.as_ref()?.parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn null_words_and_blanks_are_null_as_asked() {
        let plain = TextRules::default();
        assert_eq!(plain.content(" x "), Some(" x "));
        assert_eq!(plain.content("  "), Some("  "));
        let rules = TextRules {
            null_words: words(&["n/a", "-"]),
            ..TextRules::default()
        };
        assert_eq!(rules.content("n/a"), None);
        assert_eq!(rules.content("N/A"), Some("N/A"));
        assert_eq!(rules.content(" - "), Some(" - "));
        let rules = TextRules {
            trim: true,
            ..rules
        };
        assert_eq!(rules.content(" - "), None);
        assert_eq!(rules.content("\u{a0}x\t"), Some("x"));
        assert_eq!(rules.content(" \n"), None);
    }

    #[test]
    fn own_words_replace_the_servers() {
        let rules = TextRules {
            true_words: words(&["Ja", "✓"]),
            ..TextRules::default()
        };
        assert_eq!(rules.boolean("JA"), Some(true));
        assert_eq!(rules.boolean("✓"), Some(true));
        assert_eq!(rules.boolean("yes"), None);
        assert_eq!(rules.boolean("no"), Some(false));
        let rules = TextRules {
            false_words: words(&["ÄUSSERST FALSCH", "t"]),
            ..rules
        };
        assert_eq!(rules.boolean("äusserst falsch"), Some(false));
        assert_eq!(rules.boolean("t"), Some(false));
        assert_eq!(rules.boolean("no"), None);
    }

    #[test]
    fn dates_of_the_users_format_go_before_iso() {
        let rules = TextRules {
            date_format: Some("YYYY-DD-MM".parse().unwrap()),
            ..TextRules::default()
        };
        assert_eq!(rules.date("2000-03-01"), Some(2));
        assert_eq!(rules.date("2000-01-31"), Some(30));
        assert_eq!(rules.timestamp("2000-02-01"), Some(86_400_000_000));
        assert_eq!(rules.date("2000-01-31 00:00:00"), Some(30));
        assert_eq!(rules.date("2000-01-31 00:00:01"), None);
    }
}
