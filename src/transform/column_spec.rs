//! What a user says about one column of the sheet: its name, its type, or that it is left out.

use std::fmt;
use std::str::FromStr;

use super::names::{MAX_IDENTIFIER_BYTES, is_system_column};
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::CellAddress;
use crate::model::sheet::Header;
use crate::model::sql_type::SqlType;
use crate::model::text_form::serde_as_text;
use crate::transform::names::snake_case;

/// A column of the sheet and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its title, or its letters where no title is so named.
    pub source: String,
    /// What becomes of it.
    pub action: ColumnAction,
}

/// What becomes of a column of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnAction {
    /// It is not loaded.
    LeaveOut,
    /// It is loaded.
    Load {
        /// The table's column; without one, it follows from the title.
        column: Option<String>,
        /// The column's type; without one, the table or the cells decide.
        sql_type: Option<SqlType>,
    },
}

/// What is said about a column of the sheet, if anything is.
pub(super) type Action<'s> = Option<&'s ColumnAction>;

/// The table's column that is named for it.
pub(super) fn specified_column(action: Action<'_>) -> Option<&str> {
    match action {
        Some(ColumnAction::Load { column, .. }) => column.as_deref(),
        _ => None,
    }
}

/// The type that is given to it.
pub(super) fn specified_type(action: Action<'_>) -> Option<&SqlType> {
    match action {
        Some(ColumnAction::Load { sql_type, .. }) => sql_type.as_ref(),
        _ => None,
    }
}

/// Why a source is none of the header's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// Neither a title nor the letters of a column.
    Unknown,
    /// Several columns have the title.
    Ambiguous,
}

impl ColumnSpec {
    /// The header's column, from 0: the one with this title, else with a title of the same words, else with these
    /// letters.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, header: &Header) -> Result<usize, NotFound> {
        let wanted = snake_case(&self.source);
        let by_words = |title: &String| !wanted.is_empty() && snake_case(title) == wanted;
        only(header, |title| *title == self.source)
            .or_else(|| only(header, by_words))
            .or_else(|| self.by_letters(header).map(Ok))
            .unwrap_or(Err(NotFound::Unknown))
    }

    fn by_letters(&self, header: &Header) -> Option<usize> {
        if !self.source.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let address: CellAddress = format!("{}1", self.source).parse().ok()?;
        let index = address.column.checked_sub(header.first_column)?;
        usize::try_from(index)
            .ok()
            .filter(|index| *index < header.width())
    }
}

/// The only column whose title fits; `None` if none does.
fn only(header: &Header, fits: impl Fn(&String) -> bool) -> Option<Result<usize, NotFound>> {
    let mut found = header
        .titles
        .iter()
        .enumerate()
        .filter(|(_, title)| fits(title));
    let (index, _) = found.next()?;
    Some(match found.next() {
        None => Ok(index),
        Some(_) => Err(NotFound::Ambiguous),
    })
}

/// Reads `Header=column`, `Header=column:type`, `Header=:type` and `-Header`. A header that holds `=`, `:` or begins with
/// `-` stands in double quotes, or has a backslash before them.
impl FromStr for ColumnSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix('-') {
            let (source, rest) = part(rest, &[])?;
            if source.is_empty() || !rest.is_empty() {
                return Err(invalid(text));
            }
            return Ok(Self {
                source,
                action: ColumnAction::LeaveOut,
            });
        }
        let (source, rest) = part(text, &['='])?;
        let rest = rest.strip_prefix('=').ok_or_else(|| invalid(text))?;
        let (column, rest) = part(rest, &[':'])?;
        let sql_type = match rest.strip_prefix(':') {
            Some(sql_type) => Some(sql_type.parse::<SqlType>()?),
            None => None,
        };
        let column = (!column.is_empty()).then_some(column);
        if source.is_empty() || column.is_none() && sql_type.is_none() {
            return Err(invalid(text));
        }
        if let Some(name) = &column {
            usable(name)?;
        }
        Ok(Self {
            source,
            action: ColumnAction::Load { column, sql_type },
        })
    }
}

/// Writes what [`FromStr`] reads, with backslashes where they are needed.
impl fmt::Display for ColumnSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            ColumnAction::LeaveOut => {
                f.write_str("-")?;
                write_part(&self.source, &['"'], &[], f)
            }
            ColumnAction::Load { column, sql_type } => {
                write_part(&self.source, &['"', '-'], &['='], f)?;
                f.write_str("=")?;
                write_part(column.as_deref().unwrap_or_default(), &['"'], &[':'], f)?;
                match sql_type {
                    Some(sql_type) => write!(f, ":{sql_type}"),
                    None => Ok(()),
                }
            }
        }
    }
}

serde_as_text!(ColumnSpec);

/// Writes a name with a backslash before one of `first` at its start and each of `ends` in it.
fn write_part(
    name: &str,
    first: &[char],
    ends: &[char],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (at, c) in name.char_indices() {
        if c == '\\' || ends.contains(&c) || at == 0 && first.contains(&c) {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    Ok(())
}

fn usable(column: &str) -> Result<()> {
    let reason = if column.len() > MAX_IDENTIFIER_BYTES {
        format!("is longer than {MAX_IDENTIFIER_BYTES} bytes")
    } else if is_system_column(column) {
        "is the name of a column that every table has".to_owned()
    } else if column.contains('\0') {
        "holds a NUL character".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::InvalidOptions,
        format!("column name \"{}\" {reason}", column.replace('\0', "")),
    )
    .next_step("Choose another name"))
}

fn invalid(text: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOptions,
        format!("\"{text}\" says nothing about a column"),
    )
    .next_step("Write Header=column, Header=column:type, Header=:type, or -Header to leave it out")
}

/// A name up to one of some characters, quoted or with backslashes, and what follows.
fn part<'t>(text: &'t str, ends: &[char]) -> Result<(String, &'t str)> {
    let mut name = String::new();
    let mut in_quotes = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, escaped)) => name.push(escaped),
                None => return Err(invalid(text)),
            },
            // Quotes count only around the whole name, so that 3" pipes need none.
            '"' if at == 0 => in_quotes = true,
            '"' if in_quotes => {
                let rest = &text[at + 1..];
                let ended = rest.is_empty() || rest.starts_with(ends);
                return if ended {
                    Ok((name, rest))
                } else {
                    Err(invalid(text))
                };
            }
            c if !in_quotes && ends.contains(&c) => return Ok((name, &text[at..])),
            c => name.push(c),
        }
    }
    if in_quotes {
        return Err(invalid(text));
    }
    Ok((name, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        let spec: ColumnSpec = text.parse().ok()?;
        let action = match spec.action {
            ColumnAction::LeaveOut => "-".to_owned(),
            ColumnAction::Load { column, sql_type } => format!(
                "{}:{}",
                column.unwrap_or_default(),
                sql_type.map(|t| t.to_string()).unwrap_or_default()
            ),
        };
        Some((spec.source, action))
    }

    #[test]
    fn specifications_are_read() {
        for (text, source, action) in [
            ("Price=price", "Price", "price:"),
            ("Price=price:numeric(10,2)", "Price", "price:numeric(10,2)"),
            ("Price=:numeric", "Price", ":numeric"),
            ("Unit Price (€)=Price", "Unit Price (€)", "Price:"),
            ("-Notes", "Notes", "-"),
            ("-A", "A", "-"),
            ("\\-5 °C=cold", "-5 °C", "cold:"),
            ("a\\=b=c", "a=b", "c:"),
            ("\"a=b:c\"=d", "a=b:c", "d:"),
            ("a:b=c", "a:b", "c:"),
            ("x=\"a:b\":text", "x", "a:b:text"),
            ("3\" pipes=pipes", "3\" pipes", "pipes:"),
            ("-\"-x\"", "-x", "-"),
        ] {
            let expected = Some((source.to_owned(), action.to_owned()));
            assert_eq!(read(text), expected, "{text}");
        }
        for text in [
            "",
            "-",
            "=",
            "Price",
            "Price=",
            "=price",
            "Price=:",
            "Price=price:",
            "Price=price:drop table",
            "\"a=b",
            "\"a\"b=c",
            "x=ctid",
            "a\\",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("x={}", "y".repeat(64))), None);
    }

    #[test]
    fn a_title_goes_before_letters() {
        let header = Header {
            first_column: 1,
            titles: ["Name", "B", "Unit Price", "twice", "twice"]
                .map(String::from)
                .to_vec(),
            ..Header::default()
        };
        let find = |text: &str| text.parse::<ColumnSpec>().unwrap().find(&header);
        assert_eq!(find("Name=x"), Ok(0));
        assert_eq!(find("unit_price=x"), Ok(2));
        assert_eq!(find("B=x"), Ok(1));
        assert_eq!(find("D=x"), Ok(2));
        assert_eq!(find("A=x"), Err(NotFound::Unknown));
        assert_eq!(find("G=x"), Err(NotFound::Unknown));
        assert_eq!(find("twice=x"), Err(NotFound::Ambiguous));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in prop_oneof!["\\PC{0,40}", "[-ab=:\"\\\\]{0,12}"]) {
            if let Ok(spec) = text.parse::<ColumnSpec>() {
                let written = spec.to_string();
                prop_assert_eq!(written.parse::<ColumnSpec>().unwrap(), spec, "{}", written);
            }
        }

        #[test]
        fn a_quoted_header_is_any_header(header in "[^\"\\\\]{1,20}") {
            prop_assert_eq!(read(&format!("\"{header}\"=c")), Some((header, "c:".to_owned())));
        }
    }
}
