//! Number formats: how a number is displayed, which is what tells a date from a price.

use std::fmt;

/// A format code and what it makes of a number (ECMA-376 Part 1, §18.8.30 and §18.8.31).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// The code as the workbook has it.
    pub code: String,
}

impl NumberFormat {
    /// The format of cells that have none.
    pub const GENERAL_CODE: &'static str = "General";

    /// Stands for the code of a date that may have a time, where the reader only says "date".
    pub const ANY_DATE_CODE: &'static str = "date";

    /// A format with this code.
    #[must_use]
    pub fn new(code: impl Into<String>) -> Self {
        Self { code: code.into() }
    }

    /// The format of cells that have none.
    #[must_use]
    pub fn general() -> Self {
        Self::new(Self::GENERAL_CODE)
    }

    /// The built-in format with this id (ECMA-376 Part 1, §18.8.30 numFmt; [MS-XLS] 2.4.126 Format). Ids 27 to 36 and 50
    /// to 58 are dates or times, which differ from one East Asian language to another; where they differ, the value
    /// tells which.
    #[must_use]
    pub fn built_in(id: u16) -> Option<Self> {
        let code = match id {
            0 => Self::GENERAL_CODE,
            1 => "0",
            2 => "0.00",
            3 => "#,##0",
            4 => "#,##0.00",
            5 => "\"$\"#,##0_);\\(\"$\"#,##0\\)",
            6 => "\"$\"#,##0_);[Red]\\(\"$\"#,##0\\)",
            7 => "\"$\"#,##0.00_);\\(\"$\"#,##0.00\\)",
            8 => "\"$\"#,##0.00_);[Red]\\(\"$\"#,##0.00\\)",
            9 => "0%",
            10 => "0.00%",
            11 => "0.00E+00",
            12 => "# ?/?",
            13 => "# ??/??",
            14 => "mm-dd-yy",
            15 => "d-mmm-yy",
            16 => "d-mmm",
            17 => "mmm-yy",
            18 => "h:mm AM/PM",
            19 => "h:mm:ss AM/PM",
            20 => "h:mm",
            21 => "h:mm:ss",
            22 => "m/d/yy h:mm",
            37 => "#,##0_);(#,##0)",
            38 => "#,##0_);[Red](#,##0)",
            39 => "#,##0.00_);(#,##0.00)",
            40 => "#,##0.00_);[Red](#,##0.00)",
            41 => "_(* #,##0_);_(* \\(#,##0\\);_(* \"-\"_);_(@_)",
            42 => "_(\"$\"* #,##0_);_(\"$\"* \\(#,##0\\);_(\"$\"* \"-\"_);_(@_)",
            43 => "_(* #,##0.00_);_(* \\(#,##0.00\\);_(* \"-\"??_);_(@_)",
            44 => "_(\"$\"* #,##0.00_);_(\"$\"* \\(#,##0.00\\);_(\"$\"* \"-\"??_);_(@_)",
            45 => "mm:ss",
            46 => "[h]:mm:ss",
            47 => "mmss.0",
            48 => "##0.0E+0",
            49 => "@",
            27..=31 | 36 | 50..=54 | 57 | 58 => "yyyy-mm-dd",
            32..=35 | 55 | 56 => Self::ANY_DATE_CODE,
            _ => return None,
        };
        Some(Self::new(code))
    }
}

/// How a zero-padded format shows a whole number: places for digits with text between and around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZeroPattern {
    bytes: [u8; Self::MAX_BYTES],
    length: u8,
}

impl ZeroPattern {
    /// Stands for a place of a digit in the text that [`Self::new`] takes.
    pub const DIGIT: char = '\0';

    /// Formats are copied with each sheet, so a pattern has a fixed size.
    const MAX_BYTES: usize = 40;

    /// The pattern of a text with [`Self::DIGIT`] at the places of digits. `None` when it is longer than 40 bytes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_BYTES];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            length: u8::try_from(text.len()).ok()?,
        })
    }

    /// A pattern of digits alone; at most 40.
    #[must_use]
    pub fn digits(width: u8) -> Option<Self> {
        Self::new(&String::from(Self::DIGIT).repeat(usize::from(width)))
    }

    fn text(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// Writes a number with its digits at their places. Digits that have no place stand before the first.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, negative: bool, number: u64, out: &mut impl fmt::Write) -> fmt::Result {
        let text = self.text();
        let places = text.chars().filter(|c| *c == Self::DIGIT).count();
        let digits = format!("{number:0places$}");
        let (front, rest) = digits.split_at(digits.len().saturating_sub(places));
        let (mut front, mut rest) = (Some(front), rest.chars());
        if negative {
            out.write_char('-')?;
        }
        for c in text.chars() {
            if c != Self::DIGIT {
                out.write_char(c)?;
                continue;
            }
            if let Some(front) = front.take() {
                out.write_str(front)?;
            }
            if let Some(digit) = rest.next() {
                out.write_char(digit)?;
            }
        }
        Ok(())
    }
}

/// A zero-padded format: one pattern, or one for small and one for large numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZeroPadding {
    last_short: i64,
    short: ZeroPattern,
    long: ZeroPattern,
}

impl ZeroPadding {
    /// The same pattern for all numbers.
    #[must_use]
    pub fn always(pattern: ZeroPattern) -> Self {
        Self::split(i64::MAX, pattern, pattern)
    }

    /// `short` for numbers up to `last_short`, `long` beyond.
    #[must_use]
    pub fn split(last_short: i64, short: ZeroPattern, long: ZeroPattern) -> Self {
        Self {
            last_short,
            short,
            long,
        }
    }

    /// The pattern that shows a number.
    #[must_use]
    pub fn pattern(&self, number: i64) -> &ZeroPattern {
        if number <= self.last_short {
            &self.short
        } else {
            &self.long
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_to_their_places() {
        let shown = |pattern: &str, negative, number| {
            let pattern = ZeroPattern::new(&pattern.replace('0', "\0")).unwrap();
            let mut out = String::new();
            pattern.write(negative, number, &mut out).unwrap();
            out
        };
        assert_eq!(shown("00000", false, 1_234), "01234");
        assert_eq!(shown("000-00-0000", false, 12_345_678), "012-34-5678");
        assert_eq!(shown("000-00-0000", false, 12_345_678_901), "12345-67-8901");
        assert_eq!(shown("〒000-0000", false, 640_941), "〒064-0941");
        assert_eq!(shown("00", true, 7), "-07");
        assert_eq!(ZeroPattern::new(&"x".repeat(41)), None);
    }
}
