//! A table's name.

use std::fmt;

/// A table, with or without its schema. The parts are the plain names; [`fmt::Display`] quotes them for SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema; without one, the server's search path decides.
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

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quote_identifier(schema))?;
        }
        f.write_str(&quote_identifier(&self.table))
    }
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
