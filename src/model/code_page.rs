//! Code pages: how bytes become text in workbooks that are older than Unicode.

use std::fmt;
use std::str::FromStr;

use super::text_form::serde_as_text;
use crate::error::{Error, ErrorKind, Result};

/// A code page by its number in Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodePage(u16);

/// Those that texts can be read in.
const KNOWN: [u16; 60] = [
    437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874, 932,
    936, 949, 950, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258, 1361, 10_000, 10_001,
    10_002, 10_003, 10_006, 10_007, 10_008, 10_010, 10_029, 10_079, 10_081, 10_082, 20_866, 21_866,
    28_592, 28_593, 28_594, 28_595, 28_596, 28_597, 28_598, 28_600, 28_603, 28_604, 28_605, 28_606,
    54_936, 65_001,
];
/// Names that are no numbers.
const NAMES: [(&str, u16); 18] = [
    ("ascii", 1252),
    ("ansi", 1252),
    ("latin1", 1252),
    ("iso88591", 1252),
    ("macintosh", 10_000),
    ("macroman", 10_000),
    ("mac", 10_000),
    ("xmaccyrillic", 10_007),
    ("utf8", 65_001),
    ("koi8r", 20_866),
    ("koi8u", 21_866),
    ("shiftjis", 932),
    ("sjis", 932),
    ("gbk", 936),
    ("gb2312", 936),
    ("gb18030", 54_936),
    ("big5", 950),
    ("euckr", 949),
];

impl CodePage {
    /// The page with this number, if texts can be read in it.
    #[must_use]
    pub fn numbered(number: u16) -> Option<Self> {
        KNOWN.contains(&number).then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// All that texts can be read in.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.into_iter().map(Self)
    }
}

/// Writes what [`FromStr`] reads, as people call it: `windows-1251`, `cp437`.
impl fmt::Display for CodePage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ 1250..=1258 => write!(f, "windows-{number}"),
            number => write!(f, "cp{number}"),
        }
    }
}

/// Reads a number with or without what usually stands before it, or a name.
impl FromStr for CodePage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name: String = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let of_iso = || {
            let part: u16 = name.strip_prefix("iso8859")?.parse().ok()?;
            28_590_u16.checked_add(part)
        };
        let named = NAMES.iter().find(|(known, _)| *known == name);
        let prefixes = ["windows", "win", "cp", "ibm", "oem", "dos", ""];
        let mut numbers = prefixes
            .iter()
            .filter_map(|prefix| name.strip_prefix(prefix));
        let number = named
            .map(|(_, number)| *number)
            .or_else(of_iso)
            .or_else(|| numbers.find_map(|digits| digits.parse().ok()));
        number.and_then(Self::numbered).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOptions,
                format!("\"{text}\" is no code page that can be read"),
            )
            .next_step("Name one such as 1251, windows-1251, cp437, 866 or koi8-r")
        })
    }
}

serde_as_text!(CodePage);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_have_many_names() {
        for (text, number) in [
            ("1251", 1251),
            ("windows-1251", 1251),
            ("CP1251", 1251),
            ("cp437", 437),
            ("IBM 866", 866),
            ("koi8-r", 20_866),
            ("ISO-8859-5", 28_595),
            ("latin1", 1252),
            ("MacRoman", 10_000),
            ("utf-8", 65_001),
        ] {
            assert_eq!(text.parse::<CodePage>().unwrap().number(), number, "{text}");
        }
        for text in ["", "7", "windows", "1200", "cp", "99999999"] {
            assert!(text.parse::<CodePage>().is_err(), "{text}");
        }
        for page in CodePage::all() {
            assert_eq!(page.to_string().parse::<CodePage>().unwrap(), page);
        }
    }
}
