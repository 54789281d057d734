//! A table's name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// A table, with or without its schema. The parts are the plain names; [`fmt::Display`] quotes them for SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct TableName {
    /// The schema; without one, the server's search path decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

impl TableName {
    /// A table on the search path.
    pub fn unqualified(table: impl Into<String>) -> Self {
        Self {
            schema: None,
            table: table.into(),
        }
    }

    /// The name for people: `schema.table`, not quoted.
    #[must_use]
    pub fn plain(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }
}

/// A table's name in a document, not yet checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    #[serde(default)]
    schema: Option<String>,
    table: String,
}

impl TryFrom<Parts> for TableName {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        for name in parts.schema.iter().chain([&parts.table]) {
            if name.is_empty() || name.contains('\0') {
                return Err(Error::new(
                    ErrorKind::InvalidOptions,
                    "the name of a table is empty or holds a NUL character",
                ));
            }
        }
        Ok(Self {
            schema: parts.schema,
            table: parts.table,
        })
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quote_identifier(schema))?;
        }
        f.write_str(&quote_identifier(&self.table))
    }
}

/// Reads `table` or `schema.table`. Names are taken as they are, without folding; one that holds a dot goes in double
/// quotes.
impl FromStr for TableName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || {
            Error::new(
                ErrorKind::InvalidOptions,
                "write table or schema.table, a name with a dot in double quotes",
            )
        };
        let (first, rest) = identifier(text).ok_or_else(invalid)?;
        let Some(rest) = rest.strip_prefix('.') else {
            return if rest.is_empty() {
                Ok(Self::unqualified(first))
            } else {
                Err(invalid())
            };
        };
        match identifier(rest) {
            Some((table, "")) => Ok(Self {
                schema: Some(first),
                table,
            }),
            _ => Err(invalid()),
        }
    }
}

/// The identifier at the start of a text, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (!name.is_empty() && !name.contains('"')).then(|| (name.to_owned(), rest));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            name.push('"');
            chars.next();
        } else {
            return (!name.is_empty()).then(|| (name, &quoted[at + 1..]));
        }
    }
    None
}

/// An identifier for SQL, always quoted (PostgreSQL documentation, "Lexical Structure", "Identifiers and Key Words").
#[must_use]
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are() {
        let read = |text: &str| {
            text.parse::<TableName>()
                .map(|name| (name.schema, name.table))
        };
        assert_eq!(read("Orders").unwrap(), (None, "Orders".into()));
        assert_eq!(read("a.b").unwrap(), (Some("a".into()), "b".into()));
        assert_eq!(
            read("\"a.b\".\"c\"\"d\"").unwrap(),
            (Some("a.b".into()), "c\"d".into())
        );
        for bad in [
            "", ".", "a.", ".b", "a.b.c", "\"a", "\"\"", "a\"b", "\"a\"b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_always_quoted() {
        assert_eq!(TableName::unqualified("select").to_string(), "\"select\"");
        let name = TableName {
            schema: Some("my schema".into()),
            table: "a\"; drop table b; --".into(),
        };
        assert_eq!(
            name.to_string(),
            "\"my schema\".\"a\"\"; drop table b; --\""
        );
        assert_eq!(name.plain(), "my schema.a\"; drop table b; --");
    }
}
