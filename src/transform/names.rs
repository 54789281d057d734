//! Column and table names from titles.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::model::address::column_letters;
use crate::model::sheet::Header;

/// The most bytes of an identifier that PostgreSQL keeps (documentation, "Lexical Structure", NAMEDATALEN).
pub const MAX_IDENTIFIER_BYTES: usize = 63;

/// A title as a column name: lower case, words joined by `_`, at most 63 bytes. Empty when the title has neither
/// letters nor digits.
///
/// ```
/// assert_eq!(sheetload::transform::names::snake_case("Unit Price (€)"), "unit_price");
/// assert_eq!(sheetload::transform::names::snake_case("orderID"), "order_id");
/// ```
#[must_use]
pub fn snake_case(title: &str) -> String {
    let mut name = String::with_capacity(title.len());
    let mut previous: Option<char> = None;
    let mut chars = title.chars().peekable();
    while let Some(c) = chars.next() {
        if is_word_part(c) {
            let starts_word = is_capital(c)
                && previous.is_some_and(|p| {
                    p.is_lowercase()
                        || p.is_numeric()
                        || (is_capital(p) && chars.peek().is_some_and(|n| n.is_lowercase()))
                });
            if starts_word && !name.ends_with('_') {
                name.push('_');
            }
            name.extend(c.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') && c != '\'' && c != '’' {
            name.push('_');
        }
        previous = Some(c);
    }
    truncate(name.trim_end_matches('_'), MAX_IDENTIFIER_BYTES).to_owned()
}

/// Letters, digits, and the marks that follow a letter where an accent is not part of it.
fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

/// Capitals that have a small form; mathematical letters have none and stay as they are.
fn is_capital(c: char) -> bool {
    c.is_uppercase() && c.to_lowercase().ne([c])
}

/// How titles become names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameStyle {
    /// Lower case, words joined by `_`.
    #[default]
    SnakeCase,
    /// As the title is, without white space at its ends, cut to the length of an identifier.
    AsIs,
}

impl NameStyle {
    /// The one that it is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::SnakeCase => Self::AsIs,
            Self::AsIs => Self::SnakeCase,
        }
    }

    /// The name of a title; empty when it has none.
    #[must_use]
    pub fn name(self, title: &str) -> String {
        match self {
            Self::SnakeCase => snake_case(title),
            Self::AsIs => {
                let title = title.replace('\0', "");
                let mut end = title.trim().len().min(MAX_IDENTIFIER_BYTES);
                while !title.trim().is_char_boundary(end) {
                    end -= 1;
                }
                title.trim()[..end].trim_end().to_owned()
            }
        }
    }
}

/// A column name for each of the header's columns: unique, never empty. A column without title is named after its
/// letter, a name that was there before gets a number.
#[must_use]
pub fn column_names(header: &Header) -> Vec<String> {
    styled_names(header, NameStyle::SnakeCase, &HashSet::new())
}

/// The same in a style, and without names that are taken.
#[must_use]
pub fn styled_names(header: &Header, style: NameStyle, taken: &HashSet<String>) -> Vec<String> {
    let mut taken = taken.clone();
    let mut last_numbers = HashMap::new();
    let mut names = Vec::with_capacity(header.width());
    for (index, title) in header.titles.iter().enumerate() {
        let mut name = style.name(title);
        if name.is_empty() {
            name = untitled(header, index);
        }
        let name = unique(name, &taken, &mut last_numbers);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// A table name from a file's name, without its folder and extension.
#[must_use]
pub fn table_name(file_stem: &str) -> String {
    let name = snake_case(file_stem);
    if name.is_empty() {
        "sheet".to_owned()
    } else {
        name
    }
}

/// The name of a column without title: `column_c` for the sheet's third.
#[must_use]
pub fn untitled(header: &Header, index: usize) -> String {
    let letters = column_letters(header.sheet_column(index)).to_ascii_lowercase();
    format!("column_{letters}")
}

/// A name that is not taken. `last_numbers` knows up to which number the names made of one are taken, so that thousands of
/// equal titles are numbered in one go.
fn unique(
    name: String,
    taken: &HashSet<String>,
    last_numbers: &mut HashMap<String, u32>,
) -> String {
    if !taken.contains(&name) && !is_system_column(&name) {
        return name;
    }
    let mut number = last_numbers.get(&name).copied().unwrap_or(1);
    loop {
        number += 1;
        let candidate = numbered(&name, number);
        if !taken.contains(&candidate) {
            last_numbers.insert(name, number);
            return candidate;
        }
    }
}

/// A name with a number behind it, within the length that PostgreSQL keeps.
#[must_use]
pub fn numbered(name: &str, number: u32) -> String {
    let suffix = format!("_{number}");
    let base = truncate(name, MAX_IDENTIFIER_BYTES - suffix.len());
    format!("{base}{suffix}")
}

/// Columns that every table has (PostgreSQL documentation, "System Columns"); CREATE TABLE refuses them.
pub(super) fn is_system_column(name: &str) -> bool {
    matches!(
        name,
        "tableoid" | "xmin" | "cmin" | "xmax" | "cmax" | "ctid"
    )
}

fn truncate(name: &str, max_bytes: usize) -> &str {
    let mut end = name.len().min(max_bytes);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].trim_end_matches('_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(titles: &[&str]) -> Header {
        Header {
            first_column: 1,
            titles: titles.iter().map(ToString::to_string).collect(),
            ..Header::default()
        }
    }

    #[test]
    fn titles_become_names_that_sql_writers_expect() {
        for (title, name) in [
            ("Name", "name"),
            ("First Name", "first_name"),
            ("  E-mail  address ", "e_mail_address"),
            ("orderID", "order_id"),
            ("HTTPServer", "http_server"),
            ("CustomerNo.", "customer_no"),
            ("Zip / City", "zip_city"),
            ("Größe", "größe"),
            ("Cafe\u{301}", "cafe\u{301}"),
            ("İl", "i\u{307}l"),
            ("価格", "価格"),
            ("Bob's", "bobs"),
            ("2024", "2024"),
            ("Q1 2024", "q1_2024"),
            ("---", ""),
        ] {
            assert_eq!(snake_case(title), name, "{title}");
        }
    }

    #[test]
    fn names_are_unique_and_never_empty() {
        let names = column_names(&header(&["Name", "", "name", "NAME", "ctid", "name_2"]));
        assert_eq!(
            names,
            ["name", "column_c", "name_2", "name_3", "ctid_2", "name_2_2"]
        );
    }

    #[test]
    fn names_stay_as_they_are_where_asked() {
        let titles = ["Unit Price (€)", " Name ", "Name", "", "xmin", "a\0b"];
        let names = styled_names(
            &header(&titles),
            NameStyle::AsIs,
            &HashSet::from(["ab".into()]),
        );
        assert_eq!(
            names,
            [
                "Unit Price (€)",
                "Name",
                "Name_2",
                "column_e",
                "xmin_2",
                "ab_2"
            ]
        );
    }

    #[test]
    fn equal_titles_are_numbered_as_one_by_one() {
        // Sixteen thousand squared would be felt.
        let titles = vec!["Amount"; 16_384];
        let names = column_names(&header(&titles));
        assert_eq!(names[0], "amount");
        let numbered = (2..).zip(&names[1..]);
        assert!(
            numbered
                .into_iter()
                .all(|(number, name)| *name == format!("amount_{number}"))
        );
    }

    proptest! {
        #[test]
        fn names_as_they_are_fit_and_differ(titles in prop::collection::vec(".{0,90}", 0..12)) {
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let names = styled_names(&header(&titles), NameStyle::AsIs, &HashSet::new());
            let distinct: HashSet<&String> = names.iter().collect();
            prop_assert_eq!(distinct.len(), titles.len());
            for name in &names {
                prop_assert!(!name.is_empty() && name.len() <= MAX_IDENTIFIER_BYTES);
            }
        }

        #[test]
        fn names_always_fit_and_differ(titles in prop::collection::vec(".{0,90}", 0..12)) {
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let names = column_names(&header(&titles));
            prop_assert_eq!(names.len(), titles.len());
            let distinct: HashSet<&String> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
            for name in &names {
                prop_assert!(!name.is_empty() && name.len() <= MAX_IDENTIFIER_BYTES);
            }
        }

        #[test]
        fn normalising_twice_changes_nothing(title in ".{0,90}") {
            let once = snake_case(&title);
            prop_assert_eq!(snake_case(&once), once);
        }
    }
}
