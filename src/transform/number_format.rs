//! What a number format makes of a number: a date, a price, a postcode.

use crate::model::number_format::NumberFormat;

/// The class of a number format, as far as types follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatClass {
    /// Displayed as it comes.
    General,
    /// A fixed number of decimals, currency, accounting, percent.
    FixedDecimals,
    /// Padded with zeros to this many digits: postcodes, article numbers.
    ZeroPadded(u8),
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

/// Classifies a format by its first section, which is the one for positive numbers (ECMA-376 Part 1, §18.8.31).
#[must_use]
pub fn classify(format: &NumberFormat) -> FormatClass {
    if format.code == NumberFormat::ANY_DATE_CODE {
        return FormatClass::DateOrTimestamp;
    }
    let symbols = Symbols::of_first_section(&format.code);
    if symbols.elapsed {
        FormatClass::Duration
    } else if symbols.date && symbols.time {
        FormatClass::Timestamp
    } else if symbols.date {
        FormatClass::Date
    } else if symbols.time {
        FormatClass::Time
    } else {
        symbols.number_class()
    }
}

/// What the unquoted characters of a section ask for.
#[derive(Debug, Default)]
struct Symbols {
    date: bool,
    time: bool,
    elapsed: bool,
    general: bool,
    percent: bool,
    decimals: bool,
    scientific: bool,
    fraction: bool,
    grouping: bool,
    zeros: u8,
    optional_digits: bool,
    currency: bool,
}

impl Symbols {
    fn of_first_section(code: &str) -> Self {
        let mut symbols = Self::default();
        let mut months_or_minutes = false;
        let mut chars = code.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                ';' => break,
                '\\' | '_' | '*' => {
                    chars.next();
                }
                '"' => {
                    let quoted: String = chars.by_ref().take_while(|c| *c != '"').collect();
                    symbols.currency |= is_currency(&quoted);
                }
                '[' => {
                    let bracket: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    symbols.bracket(&bracket);
                }
                'G' | 'g' if symbols.general(&mut chars) => {}
                'y' | 'Y' | 'd' | 'D' | 'e' | 'b' | 'B' | 'g' => symbols.date = true,
                'h' | 'H' | 's' | 'S' => symbols.time = true,
                'm' | 'M' => months_or_minutes = true,
                'E' => symbols.scientific = true,
                'A' | 'a' if symbols.day_half(&mut chars) => {}
                _ => symbols.digit(c),
            }
        }
        // `m` alone, or beside a date, is a month; beside hours or seconds only, minutes.
        if months_or_minutes && !symbols.time && !symbols.elapsed {
            symbols.date = true;
        }
        symbols
    }

    fn bracket(&mut self, bracket: &str) {
        let lower = bracket.to_ascii_lowercase();
        let elapsed = !lower.is_empty()
            && ["h", "m", "s"]
                .iter()
                .any(|unit| lower.trim_matches(|c| unit.contains(c)).is_empty());
        if elapsed {
            self.elapsed = true;
        } else if let Some(symbol) = bracket.strip_prefix('$') {
            // `[$€-407]`: a currency and a locale; `[$-409]`: a locale alone.
            self.currency |= !symbol.starts_with('-') && !symbol.is_empty();
        }
    }

    /// Takes `General` when the rest of the word is there.
    fn general(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
        let is_general = chars
            .clone()
            .take(6)
            .collect::<String>()
            .eq_ignore_ascii_case("eneral");
        if is_general {
            chars.by_ref().take(6).for_each(drop);
            self.general = true;
        }
        is_general
    }

    /// Takes the rest of `AM/PM` or `A/P`.
    fn day_half(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
        let rest: String = chars.clone().take(4).collect();
        let taken = if rest.eq_ignore_ascii_case("m/pm") {
            4
        } else if rest.len() >= 2
            && rest.is_char_boundary(2)
            && rest[..2].eq_ignore_ascii_case("/p")
        {
            2
        } else {
            return false;
        };
        chars.by_ref().take(taken).for_each(drop);
        self.time = true;
        true
    }

    fn digit(&mut self, c: char) {
        match c {
            '0' if !self.decimals => self.zeros = self.zeros.saturating_add(1),
            '#' | '?' => self.optional_digits = true,
            '.' => self.decimals = true,
            ',' => self.grouping = true,
            '%' => self.percent = true,
            '/' => self.fraction = true,
            _ => self.currency |= is_currency(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn number_class(&self) -> FormatClass {
        if self.general || self.scientific || self.fraction {
            FormatClass::General
        } else if self.percent || self.currency || self.decimals {
            FormatClass::FixedDecimals
        } else if self.zeros >= 2 && !self.grouping && !self.optional_digits {
            FormatClass::ZeroPadded(self.zeros)
        } else {
            FormatClass::General
        }
    }
}

fn is_currency(text: &str) -> bool {
    text.chars()
        .any(|c| matches!(c, '$' | '¢' | '£' | '¤' | '¥' | '฿') || ('₠'..='₿').contains(&c))
}

#[cfg(test)]
mod tests {
    use FormatClass as F;

    use super::*;

    #[test]
    fn real_codes_are_classified() {
        for (code, class) in [
            ("General", F::General),
            ("", F::General),
            ("0", F::General),
            ("#,##0", F::General),
            ("0.00", F::FixedDecimals),
            ("#,##0.00;[Red]-#,##0.00", F::FixedDecimals),
            ("0%", F::FixedDecimals),
            ("[$€-407] #,##0.00", F::FixedDecimals),
            ("\"$\"#,##0", F::FixedDecimals),
            (
                "_(* #,##0.00_);_(* \\(#,##0.00\\);_(* \"-\"??_);_(@_)",
                F::FixedDecimals,
            ),
            ("0.00E+00", F::General),
            ("# ?/?", F::General),
            ("@", F::General),
            ("00000", F::ZeroPadded(5)),
            ("000\\-00\\-0000", F::ZeroPadded(9)),
            ("yyyy-mm-dd", F::Date),
            ("m/d/yy", F::Date),
            ("mmm", F::Date),
            ("[$-409]d\\-mmm\\-yy;@", F::Date),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", F::Date),
            ("yyyy-mm-dd hh:mm:ss", F::Timestamp),
            ("m/d/yy h:mm AM/PM", F::Timestamp),
            ("h:mm", F::Time),
            ("hh:mm:ss AM/PM", F::Time),
            ("mm:ss.0", F::Time),
            ("[h]:mm", F::Duration),
            ("[mm]:ss", F::Duration),
            ("0 \"days\"", F::General),
            ("0.0\" ms\"", F::FixedDecimals),
            ("[Red]0.0", F::FixedDecimals),
            ("date", F::DateOrTimestamp),
        ] {
            assert_eq!(classify(&NumberFormat::new(code)), class, "{code}");
        }
    }
}
