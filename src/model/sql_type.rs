//! A type that a user names. Only what the grammar here knows gets into a statement.

use std::fmt;
use std::str::FromStr;

use super::column::{ColumnKind, TargetColumn, TypeLimit};
use super::table::quote_identifier;
use super::text_form::serde_as_text;
use super::type_kinds::{is_catalog, kind_of_array, kind_of_name};
use crate::error::{Error, ErrorKind, Result};

/// The most bytes of a type as text, as read and as written: three identifiers and their quotes.
const MAX_BYTES: usize = 300;

/// A type of PostgreSQL (documentation, "Data Types"). [`fmt::Display`] writes it for SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SqlType {
    name: Name,
    modifier: Option<(u16, Option<i16>)>,
    is_array: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    /// One of [`BUILT_IN`].
    BuiltIn(&'static BuiltIn),
    /// A type of the user's or an extension's.
    Other {
        schema: Option<String>,
        name: String,
    },
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BuiltIn {
    /// As SQL writes it. Words after `(…)` stand behind the modifier.
    sql: &'static str,
    /// Other ways to write it.
    also: &'static [&'static str],
    kind: ColumnKind,
    modifier: Modifier,
}

/// What the number in brackets is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Modifier {
    None,
    Chars,
    Digits,
    SecondDecimals,
    Other,
}

const fn built_in(
    sql: &'static str,
    also: &'static [&'static str],
    kind: ColumnKind,
    modifier: Modifier,
) -> BuiltIn {
    BuiltIn {
        sql,
        also,
        kind,
        modifier,
    }
}

static BUILT_IN: [BuiltIn; 20] = [
    built_in("boolean", &["bool"], ColumnKind::Bool, Modifier::None),
    built_in("smallint", &["int2"], ColumnKind::Int2, Modifier::None),
    built_in(
        "integer",
        &["int", "int4"],
        ColumnKind::Int4,
        Modifier::None,
    ),
    built_in("bigint", &["int8"], ColumnKind::Int8, Modifier::None),
    built_in("real", &["float4"], ColumnKind::Float4, Modifier::None),
    built_in(
        "double precision",
        &["float8", "float"],
        ColumnKind::Float8,
        Modifier::None,
    ),
    built_in(
        "numeric",
        &["decimal", "dec"],
        ColumnKind::Numeric,
        Modifier::Digits,
    ),
    built_in("text", &[], ColumnKind::Text, Modifier::None),
    built_in(
        "character varying",
        &["varchar"],
        ColumnKind::Text,
        Modifier::Chars,
    ),
    built_in("character", &["char"], ColumnKind::Text, Modifier::Chars),
    built_in("date", &[], ColumnKind::Date, Modifier::None),
    built_in(
        "time without time zone",
        &["time"],
        ColumnKind::Time,
        Modifier::SecondDecimals,
    ),
    built_in(
        "time with time zone",
        &["timetz"],
        ColumnKind::TimeTz,
        Modifier::SecondDecimals,
    ),
    built_in(
        "timestamp without time zone",
        &["timestamp"],
        ColumnKind::Timestamp,
        Modifier::SecondDecimals,
    ),
    built_in(
        "timestamp with time zone",
        &["timestamptz"],
        ColumnKind::TimestampTz,
        Modifier::SecondDecimals,
    ),
    built_in(
        "interval",
        &[],
        ColumnKind::Interval,
        Modifier::SecondDecimals,
    ),
    built_in("uuid", &[], ColumnKind::Uuid, Modifier::None),
    built_in("jsonb", &[], ColumnKind::Other, Modifier::None),
    built_in(
        "bit varying",
        &["varbit"],
        ColumnKind::Other,
        Modifier::Other,
    ),
    built_in("bit", &[], ColumnKind::Other, Modifier::Other),
];

impl SqlType {
    /// The column of this type.
    #[must_use]
    pub fn to_column(&self, name: String) -> TargetColumn {
        let (kind, limit) = match &self.name {
            Name::BuiltIn(built_in) if !self.is_array => (built_in.kind, self.limit(built_in)),
            Name::BuiltIn(built_in) => (kind_of_array(built_in.kind), TypeLimit::None),
            Name::Other { schema, name } if is_catalog(schema.as_deref()) => {
                kind_of_name(name, self.is_array)
            }
            Name::Other { .. } => (ColumnKind::Other, TypeLimit::None),
        };
        TargetColumn {
            name,
            sql_type: self.to_string(),
            kind,
            not_null: false,
            limit,
        }
    }

    fn limit(&self, built_in: &BuiltIn) -> TypeLimit {
        match (built_in.modifier, self.modifier) {
            (Modifier::Chars, Some((length, _))) => TypeLimit::Chars(length.into()),
            // `character` alone is one character.
            (Modifier::Chars, None) if built_in.sql == "character" => TypeLimit::Chars(1),
            (Modifier::Digits, Some((precision, scale))) => TypeLimit::Digits {
                precision,
                scale: scale.unwrap_or(0),
            },
            (Modifier::SecondDecimals, Some((decimals, _)))
                if built_in.kind != ColumnKind::Other =>
            {
                u8::try_from(decimals).map_or(TypeLimit::None, TypeLimit::SecondDecimals)
            }
            _ => TypeLimit::None,
        }
    }

    /// Whether the numbers in brackets are ones that the type takes.
    fn modifier_fits(&self) -> bool {
        let Some((first, second)) = self.modifier else {
            return true;
        };
        let Name::BuiltIn(built_in) = &self.name else {
            return true;
        };
        match built_in.modifier {
            Modifier::None => false,
            Modifier::Chars | Modifier::Other => first > 0 && second.is_none(),
            Modifier::Digits => {
                (1..=1_000).contains(&first)
                    && second.is_none_or(|scale| (-1_000..=1_000).contains(&scale))
            }
            Modifier::SecondDecimals => first <= 6 && second.is_none(),
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modifier = match self.modifier {
            None => String::new(),
            Some((first, None)) => format!("({first})"),
            Some((first, Some(second))) => format!("({first},{second})"),
        };
        match &self.name {
            Name::BuiltIn(built_in) => match built_in.sql.split_once(' ') {
                Some((first, zone)) if zone.ends_with("zone") => {
                    write!(f, "{first}{modifier} {zone}")?;
                }
                _ => write!(f, "{}{modifier}", built_in.sql)?,
            },
            Name::Other { schema, name } => {
                if let Some(schema) = schema {
                    write!(f, "{}.", quote_identifier(schema))?;
                }
                write!(f, "{}{modifier}", quote_identifier(name))?;
            }
        }
        f.write_str(if self.is_array { "[]" } else { "" })
    }
}

/// Reads `numeric(10,2)`, `timestamp(3) with time zone`, `my_schema.my_type`, `text[]`. Names without quotes are folded
/// to lower case, as in SQL.
impl FromStr for SqlType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOptions,
                format!("\"{}\" is not a type", text.chars().take(60).collect::<String>()),
            )
            .next_step("Write it like integer, numeric(10,2), varchar(20), timestamptz, text[] or schema.type")
        })
    }
}

serde_as_text!(SqlType);

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Number(i32),
    Symbol(char),
}

fn parse(text: &str) -> Option<SqlType> {
    let mut tokens = tokens(text)?;
    let is_array = tokens.ends_with(&[Token::Symbol('['), Token::Symbol(']')]);
    if is_array {
        tokens.truncate(tokens.len() - 2);
    }
    let (before, modifier, after) = split_modifier(&tokens)?;
    let words = |tokens: &[Token]| -> Option<Vec<String>> {
        tokens
            .iter()
            .map(|token| match token {
                Token::Word(word) => Some(word.clone()),
                _ => None,
            })
            .collect()
    };
    let spelled = words(before)
        .zip(words(after))
        .map(|(before, after)| [before, after].concat().join(" "));
    let found = spelled.and_then(|spelled| {
        BUILT_IN
            .iter()
            .find(|known| known.sql == spelled || known.also.contains(&spelled.as_str()))
            // `time(3) with time zone`, but `double (3) precision` is nothing.
            .filter(|known| after.is_empty() || known.sql.ends_with("zone") && before.len() == 1)
    });
    let name = match found {
        Some(known) => Name::BuiltIn(known),
        None if after.is_empty() => other_name(before)?,
        None => return None,
    };
    let parsed = SqlType {
        name,
        modifier,
        is_array,
    };
    // Quotes and lower-case letters can be longer than what was read; what is written must be readable again.
    (parsed.modifier_fits() && parsed.to_string().len() <= MAX_BYTES).then_some(parsed)
}

/// The words before a modifier, the modifier, and the words behind it.
type Parts<'t> = (&'t [Token], Option<(u16, Option<i16>)>, &'t [Token]);

fn split_modifier(tokens: &[Token]) -> Option<Parts<'_>> {
    let Some(open) = tokens.iter().position(|t| *t == Token::Symbol('(')) else {
        return Some((tokens, None, &[]));
    };
    let close = tokens.iter().position(|t| *t == Token::Symbol(')'))?;
    let modifier = match tokens.get(open + 1..close)? {
        [Token::Number(first)] => (u16::try_from(*first).ok()?, None),
        [
            Token::Number(first),
            Token::Symbol(','),
            Token::Number(second),
        ] => (
            u16::try_from(*first).ok()?,
            Some(i16::try_from(*second).ok()?),
        ),
        _ => return None,
    };
    Some((
        tokens.get(..open)?,
        Some(modifier),
        tokens.get(close + 1..)?,
    ))
}

fn other_name(tokens: &[Token]) -> Option<Name> {
    let identifier = |token: &Token| match token {
        Token::Word(name) | Token::Quoted(name) => Some(name.clone()),
        _ => None,
    };
    match tokens {
        [name] => Some(Name::Other {
            schema: None,
            name: identifier(name)?,
        }),
        [schema, Token::Symbol('.'), name] => Some(Name::Other {
            schema: Some(identifier(schema)?),
            name: identifier(name)?,
        }),
        _ => None,
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            _ if c.is_whitespace() => continue,
            '(' | ')' | ',' | '.' | '[' | ']' => Token::Symbol(c),
            '"' => Token::Quoted(quoted(&mut chars)?),
            '-' | '0'..='9' => {
                let mut digits = String::from(c);
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                Token::Number(digits.parse().ok()?)
            }
            _ if c.is_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                while let Some(part) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(part);
                }
                Token::Word(word.to_lowercase())
            }
            _ => return None,
        });
    }
    Some(tokens)
}

/// The rest of an identifier in double quotes; two of them stand for one.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' if chars.next_if_eq(&'"').is_none() => return (!name.is_empty()).then_some(name),
            '\0' => return None,
            _ => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::column::Moment;

    fn read(text: &str) -> Option<String> {
        text.parse::<SqlType>().ok().map(|t| t.to_string())
    }

    #[test]
    fn types_are_read_as_sql_writes_them() {
        for (text, sql) in [
            ("int", "integer"),
            (" Numeric ( 10 , 2 ) ", "numeric(10,2)"),
            ("numeric(5,-2)", "numeric(5,-2)"),
            ("DOUBLE  PRECISION", "double precision"),
            ("varchar(20)", "character varying(20)"),
            ("character varying (20)", "character varying(20)"),
            ("timestamptz", "timestamp with time zone"),
            ("timestamp(3) with time zone", "timestamp(3) with time zone"),
            ("timestamptz(3)", "timestamp(3) with time zone"),
            ("time", "time without time zone"),
            ("text[]", "text[]"),
            ("numeric(10,2)[]", "numeric(10,2)[]"),
            ("Citext", "\"citext\""),
            ("my_schema.Mood", "\"my_schema\".\"mood\""),
            ("\"My\"\"Schema\".\"Mood\"", "\"My\"\"Schema\".\"Mood\""),
            ("vector(3)", "\"vector\"(3)"),
        ] {
            assert_eq!(read(text).as_deref(), Some(sql), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_a_type() {
        for text in [
            "",
            "(",
            "numeric(",
            "numeric()",
            "numeric(a)",
            "numeric(0)",
            "numeric(1001)",
            "numeric(10,2,3)",
            "int(3)",
            "text(3)",
            "varchar(0)",
            "varchar(-1)",
            "timestamp(7)",
            "double (3) precision",
            "int; drop table t",
            "int -- x",
            "int default 1",
            "int not null",
            "text collate \"C\"",
            "a.b.c",
            ".a",
            "a.",
            "\"\"",
            "\"a",
            "text[3]",
            "text[][]",
            "[]",
            "interval hour",
            "int,int",
            "numeric(10)(2)",
            "'int'",
            "int/**/",
            "99999999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"a".repeat(1_000)), None);
        // Quotes would make it longer than what can be read again.
        assert_eq!(read(&"a".repeat(300)), None);
        assert_eq!(read(&"a".repeat(298)).map(|sql| sql.len()), Some(300));
    }

    #[test]
    fn limits_follow_from_the_modifier() {
        let column = |text: &str| text.parse::<SqlType>().unwrap().to_column("c".into());
        assert_eq!(column("varchar(20)").limit, TypeLimit::Chars(20));
        assert_eq!(column("char").limit, TypeLimit::Chars(1));
        assert_eq!(column("numeric").limit, TypeLimit::None);
        let digits = TypeLimit::Digits {
            precision: 10,
            scale: 2,
        };
        assert_eq!(column("numeric(10,2)").limit, digits);
        assert_eq!(column("timestamp(0)").limit, TypeLimit::SecondDecimals(0));
        assert_eq!(column("numeric(10,2)[]").kind, ColumnKind::Other);
        assert_eq!(column("mood").kind, ColumnKind::Other);
        assert_eq!(column("timestamptz(3)").kind, ColumnKind::TimestampTz);
        assert_eq!(column("timestamptz(3)").limit, TypeLimit::SecondDecimals(3));
        assert_eq!(column("date[]").kind, ColumnKind::Moments(Moment::Date));
        assert_eq!(
            column("tstzrange").kind,
            ColumnKind::Moments(Moment::TimestampTz)
        );
        assert_eq!(column("money").kind, ColumnKind::Money);
        assert_eq!(column("\"char\"").limit, TypeLimit::Bytes(1));
    }

    proptest! {
        /// What is written is read as the same type, and outside of quotes holds nothing that could end a statement.
        #[test]
        fn what_is_read_is_written_safely(text in "[a-zA-Z0-9_ .,()\\[\\]\";'-]{0,40}") {
            if let Ok(read) = text.parse::<SqlType>() {
                let sql = read.to_string();
                prop_assert_eq!(sql.parse::<SqlType>().unwrap(), read);
                let outside: String = sql.split('"').step_by(2).collect();
                prop_assert!(!outside.contains([';', '\'', '-']) || sql.contains(",-"), "{}", sql);
            }
        }
    }
}
