//! Which of the header's columns goes into which of the table's.

use std::collections::HashMap;

use super::names::{snake_case, untitled};
use crate::model::address::column_letters;
use crate::model::column::{TableColumn, TargetColumn};
use crate::model::sheet::Header;

/// A column of the sheet and the column it is loaded into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedColumn {
    /// The header's column, from 0.
    pub source: usize,
    /// The table's column.
    pub target: TargetColumn,
}

/// The table's columns that are written, in the order of the values.
#[must_use]
pub fn target_columns(columns: &[MappedColumn]) -> Vec<TargetColumn> {
    columns.iter().map(|column| column.target.clone()).collect()
}

/// Why header and table do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The table lacks a column.
    NoSuchColumn {
        /// The title.
        title: String,
        /// The sheet's column.
        letters: String,
    },
    /// Two titles are the same column.
    Duplicate {
        /// The title that comes second.
        title: String,
        /// The sheet's column.
        letters: String,
        /// The table's column.
        column: String,
    },
    /// The table computes the column itself.
    Generated {
        /// The title.
        title: String,
        /// The table's column.
        column: String,
    },
    /// The sheet lacks a column that every row needs.
    Required {
        /// The table's column.
        column: String,
    },
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSuchColumn { title, letters } => {
                write!(f, "no column for \"{title}\" (sheet column {letters})")
            }
            Self::Duplicate {
                title,
                letters,
                column,
            } => write!(
                f,
                "\"{title}\" (sheet column {letters}) is a second title for column {column}"
            ),
            Self::Generated { title, column } => {
                write!(
                    f,
                    "\"{title}\" is column {column}, which the table computes itself"
                )
            }
            Self::Required { column } => write!(
                f,
                "column {column} must have a value, and the sheet lacks it"
            ),
        }
    }
}

/// Joins the header to a table's columns by normalised name; an exact name goes first. Columns without title are
/// left out; so are the table's columns that the sheet lacks, if the table can fill them.
///
/// # Errors
/// Every mismatch there is, not just the first.
pub fn match_columns(
    header: &Header,
    table: &[TableColumn],
) -> Result<Vec<MappedColumn>, Vec<Mismatch>> {
    let mut mapped: Vec<MappedColumn> = Vec::new();
    let mut mismatches = Vec::new();
    let mut taken: HashMap<&str, ()> = HashMap::new();
    for (source, title) in header.titles.iter().enumerate() {
        if title.trim().is_empty() {
            continue;
        }
        let letters = column_letters(header.sheet_column(source));
        let title = title.clone();
        let Some(found) = find(&title, header, source, table) else {
            mismatches.push(Mismatch::NoSuchColumn { title, letters });
            continue;
        };
        let column = found.column.name.clone();
        if taken.insert(&found.column.name, ()).is_some() {
            mismatches.push(Mismatch::Duplicate {
                title,
                letters,
                column,
            });
        } else if found.generated {
            mismatches.push(Mismatch::Generated { title, column });
        } else {
            mapped.push(MappedColumn {
                source,
                target: found.column.clone(),
            });
        }
    }
    for column in table {
        let needed = column.column.not_null && !column.has_default && !column.generated;
        if needed && !taken.contains_key(column.column.name.as_str()) {
            mismatches.push(Mismatch::Required {
                column: column.column.name.clone(),
            });
        }
    }
    if mismatches.is_empty() {
        Ok(mapped)
    } else {
        Err(mismatches)
    }
}

fn find<'t>(
    title: &str,
    header: &Header,
    source: usize,
    table: &'t [TableColumn],
) -> Option<&'t TableColumn> {
    let exact = table.iter().find(|column| column.column.name == title);
    exact.or_else(|| {
        let mut wanted = snake_case(title);
        if wanted.is_empty() {
            wanted = untitled(header, source);
        }
        table
            .iter()
            .find(|column| snake_case(&column.column.name) == wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::{ColumnKind, TypeLimit};

    fn column(name: &str, not_null: bool, has_default: bool, generated: bool) -> TableColumn {
        TableColumn {
            column: TargetColumn {
                name: name.into(),
                sql_type: "text".into(),
                kind: ColumnKind::Text,
                not_null,
                limit: TypeLimit::None,
            },
            has_default,
            generated,
        }
    }

    fn header(titles: &[&str]) -> Header {
        Header {
            first_column: 0,
            titles: titles.iter().map(ToString::to_string).collect(),
            ..Header::default()
        }
    }

    #[test]
    fn titles_find_their_columns_whatever_their_case() {
        let table = [
            column("id", true, true, false),
            column("First Name", false, false, false),
            column("city", false, false, false),
        ];
        let mapped = match_columns(&header(&["CITY", "", "first_name"]), &table).unwrap();
        let pairs: Vec<_> = mapped
            .iter()
            .map(|m| (m.source, m.target.name.as_str()))
            .collect();
        assert_eq!(pairs, [(0, "city"), (2, "First Name")]);
    }

    #[test]
    fn all_mismatches_come_together() {
        let table = [
            column("name", true, false, false),
            column("total", false, false, true),
            column("city", false, false, false),
        ];
        let found = match_columns(&header(&["City", "city", "Total", "Colour"]), &table);
        let text: Vec<String> = found.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "\"city\" (sheet column B) is a second title for column city",
                "\"Total\" is column total, which the table computes itself",
                "no column for \"Colour\" (sheet column D)",
                "column name must have a value, and the sheet lacks it",
            ]
        );
    }
}
