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
    /// timestamp with time zone
    TimestampTz,
    /// time with time zone
    TimeTz,
    /// Ranges and arrays of dates and times
    Moments(Moment),
    /// money
    Money,
    /// uuid
    Uuid,
    /// A string type of an extension, such as citext
    OtherText,
    /// Any other type
    Other,
}

/// What a range or an array of dates or times is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// date
    Date,
    /// timestamp without time zone
    Timestamp,
    /// timestamp with time zone
    TimestampTz,
    /// time without time zone
    Time,
    /// time with time zone
    TimeTz,
}

impl ColumnKind {
    /// Whether sheetload writes this type's binary form (PostgreSQL documentation, "COPY", "Binary Format").
    /// One column without makes the whole COPY a text one.
    #[must_use]
    pub fn has_binary_form(self) -> bool {
        !matches!(
            self,
            Self::OtherText
                | Self::Other
                | Self::TimestampTz
                | Self::TimeTz
                | Self::Moments(_)
                | Self::Money
        )
    }

    /// Whether any text is a value of the type, so that cells are shown in it and never parsed.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::OtherText)
    }
}

/// What a type's modifier allows. Values beyond it are refused here, where the cell is known, and because the server
/// would round some of them in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TypeLimit {
    /// Whatever the type holds.
    #[default]
    None,
    /// The most characters: varchar(n), char(n).
    Chars(u32),
    /// The most bytes: name.
    Bytes(u32),
    /// numeric(p, s): digits in all, and how many of them behind the point; below zero, that many before it are 0.
    Digits {
        /// Digits in all.
        precision: u16,
        /// Digits behind the point.
        scale: i16,
    },
    /// Decimals of a second: time(p), timestamp(p), interval(p), with a time zone or without.
    SecondDecimals(u8),
}

/// What money holds: cents in 64 bits. The server would round to them.
pub const MONEY: TypeLimit = TypeLimit::Digits {
    precision: 19,
    scale: 2,
};

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
    /// What the type's modifier allows.
    pub limit: TypeLimit,
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
