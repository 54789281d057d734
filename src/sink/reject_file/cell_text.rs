//! What an xlsx cell can hold of a text, and how it is escaped there.

/// What a cell holds at most, in UTF-16 units (Excel's specifications and limits).
pub(super) const MAX_TEXT_UNITS: usize = 32_767;

/// A text with a piece such as `_x0041` before a character that is written as an escape (ECMA-376 Part 1, §22.9.2.19
/// ST_Xstring): `_x0041_x0001_` would be read as another text. It comes with the underscore escaped, which
/// rust_xlsxwriter does for whole escapes only, and for none in the runs of a rich text.
pub(super) fn ambiguous(text: &str) -> Option<String> {
    const ESCAPED_UNDERSCORE: &str = "_x005F_";
    let is_escaped =
        |c: char| c < ' ' && !matches!(c, '\t' | '\n') || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let after_digits = |from: &str| {
        let (digits, rest) = from.strip_prefix("_x")?.split_at_checked(4)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hex.then(|| rest.chars().next())?
    };
    let mut escaped = String::new();
    let (mut done, mut found) = (0, None);
    for (at, _) in text.match_indices("_x") {
        let next = text.get(at..).and_then(after_digits);
        if next.is_some_and(|c| c == '_' || is_escaped(c)) {
            found = next.filter(|c| *c != '_').or(found);
            escaped.push_str(text.get(done..at)?);
            escaped.push_str(ESCAPED_UNDERSCORE);
            done = at + 1;
        }
    }
    escaped.push_str(text.get(done..)?);
    found.map(|_| escaped)
}

/// As much of the text as a cell holds.
pub(super) fn fitting(text: &str) -> &str {
    cut(text, MAX_TEXT_UNITS)
}

/// The text up to so many UTF-16 units.
pub(super) fn cut(text: &str, units: usize) -> &str {
    // No character has more units than bytes.
    if text.len() <= units {
        return text;
    }
    let mut left = units;
    let end = text.char_indices().find(|(_, c)| {
        let fits = left.checked_sub(c.len_utf16());
        left = fits.unwrap_or_default();
        fits.is_none()
    });
    end.map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_an_escape_is_escaped_before_a_character_that_becomes_one() {
        for (text, escaped) in [
            ("_x0041\u{1}", Some("_x005F_x0041\u{1}")),
            ("a_x0041_x00e9\r", Some("a_x005F_x0041_x005F_x00e9\r")),
            ("_x0041\u{FFFF}é", Some("_x005F_x0041\u{FFFF}é")),
            ("_x0041_", None),
            ("_x0041\t", None),
            ("_x004\u{1}", None),
            ("_x004é\u{1}", None),
            ("_x", None),
        ] {
            assert_eq!(ambiguous(text).as_deref(), escaped, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("aé\u{1F600}b", 3), "aé");
        assert_eq!(cut("aé\u{1F600}b", 4), "aé\u{1F600}");
        assert_eq!(cut("aé\u{1F600}b", 5), "aé\u{1F600}b");
        assert_eq!(cut("abc", 0), "");
    }
}
