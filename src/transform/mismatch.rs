//! Why a header and a table do not fit each other.

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
    /// Several of the table's columns may be meant.
    Ambiguous {
        /// The title.
        title: String,
        /// The sheet's column.
        letters: String,
        /// The table's columns.
        columns: Vec<String>,
    },
    /// Cells without title may belong to one of the table's columns that were made for such cells.
    Nameless {
        /// The sheet's column.
        letters: String,
        /// The table's columns.
        columns: Vec<String>,
    },
    /// The table computes the column itself.
    Generated {
        /// The title.
        title: String,
        /// The table's column.
        column: String,
    },
    /// A specification is for a column that the sheet lacks.
    NoSuchTitle {
        /// What the specification names.
        source: String,
        /// The titles there are.
        titles: Vec<String>,
    },
    /// A specification is for a title that several columns have.
    AmbiguousTitle {
        /// The title.
        title: String,
    },
    /// Two specifications are for the same column of the sheet.
    SpecifiedTwice {
        /// The sheet's column.
        letters: String,
    },
    /// A specification names a column that the table lacks.
    NoSuchTarget {
        /// The title.
        title: String,
        /// What the specification names.
        column: String,
    },
    /// A specification gives a type to a column that has another.
    OtherType {
        /// The table's column.
        column: String,
        /// Its type.
        actual: String,
        /// The type of the specification.
        specified: String,
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
            Self::NoSuchColumn { title, letters } if title.trim().is_empty() => {
                write!(f, "no column for sheet column {letters}")
            }
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
            Self::Ambiguous {
                title,
                letters,
                columns,
            } => write!(
                f,
                "\"{title}\" (sheet column {letters}) may be column {}",
                columns.join(" or ")
            ),
            Self::Nameless { letters, columns } => write!(
                f,
                "sheet column {letters} has cells and no title, and nothing of the sheet goes into column {}",
                columns.join(", ")
            ),
            Self::Generated { title, column } => {
                write!(
                    f,
                    "\"{title}\" is column {column}, which the table computes itself"
                )
            }
            Self::NoSuchTitle { source, titles } => write!(
                f,
                "the sheet has no column \"{source}\"; it has {}",
                listed(titles)
            ),
            Self::AmbiguousTitle { title } => write!(
                f,
                "several columns are titled \"{title}\", so name it by its letters"
            ),
            Self::SpecifiedTwice { letters } => {
                write!(f, "sheet column {letters} is specified twice")
            }
            Self::NoSuchTarget { title, column } => write!(
                f,
                "\"{title}\" shall go into column {column}, which the table lacks"
            ),
            Self::OtherType {
                column,
                actual,
                specified,
            } => write!(f, "column {column} is of type {actual}, not {specified}"),
            Self::Required { column } => write!(
                f,
                "column {column} must have a value, and the sheet lacks it"
            ),
        }
    }
}

/// The titles in quotes, or how many there are besides.
fn listed(titles: &[String]) -> String {
    const MOST: usize = 30;
    let mut shown: Vec<String> = titles
        .iter()
        .filter(|title| !title.trim().is_empty())
        .take(MOST)
        .map(|title| format!("\"{title}\""))
        .collect();
    if titles.len() > MOST {
        shown.push(format!("{} columns in all", titles.len()));
    }
    shown.join(", ")
}
