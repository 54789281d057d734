//! A column of the target table.

/// What a column holds, as far as loading treats types differently. All others go in through their text input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// real
    Float4,
    /// double precision
    Float8,
    /// numeric, with or without precision
    Numeric,
    /// text, varchar, char, name
    Text,
    /// date
    Date,
    /// time without time zone
    Time,
    /// timestamp without time zone
    Timestamp,
    /// interval
    Interval,
    /// Any other type
    Other,
}

impl ColumnKind {
    /// Whether sheetload writes this type's binary form (PostgreSQL documentation, "COPY", "Binary Format").
    /// One column without makes the whole COPY a text one.
    #[must_use]
    pub fn has_binary_form(self) -> bool {
        self != Self::Other
    }
}

/// A column that values are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetColumn {
    /// Its name, not quoted.
    pub name: String,
    /// Its type as SQL writes it, such as `character varying(20)`.
    pub sql_type: String,
    /// How values are made for it.
    pub kind: ColumnKind,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// The most characters a text may have, for varchar(n).
    pub max_chars: Option<u32>,
}

/// A column of an existing table, with what decides whether a load must, may or can't write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// The column.
    pub column: TargetColumn,
    /// Whether the table fills it itself when a row leaves it out: a default or an identity.
    pub has_default: bool,
    /// Whether it is computed from other columns and can't be written.
    pub generated: bool,
}
