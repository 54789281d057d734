//! What a column's values become when the column is widened.

use super::infer::InferredType;
use crate::model::table::quote_identifier;

impl InferredType {
    /// Whether a column of this type holds everything that one of another type holds.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.join(other) == self
    }
}

/// The expression for `ALTER COLUMN … TYPE … USING` that makes of each value of a column what
/// [`Coercion::coerce`](super::coerce::Coercion::coerce) makes of its cell for the wider type. It depends on no setting
/// of the session such as `DateStyle`. `None` if `to` is not wider than `from`.
///
/// A double becomes the text with the fewest digits that reads back as the same double. For a few doubles there are two
/// such texts, and the server may choose the other.
#[must_use]
pub fn widening(from: InferredType, to: InferredType, column: &str) -> Option<String> {
    use InferredType as T;
    if from == to || !to.holds(from) {
        return None;
    }
    let c = quote_identifier(column);
    Some(match (from, to) {
        // Nothing but NULLs.
        (T::Unknown, _) => format!("{c}::{}", to.sql_type()),
        (T::Bool, T::Text) => format!("case when {c} then 'TRUE' when not {c} then 'FALSE' end"),
        (T::Integer, T::Text) | (T::Time, T::Text) => format!("{c}::text"),
        (T::Decimal, T::Text) => number_text(&format!("{c}::double precision")),
        (T::Float, T::Text) => number_text(&c),
        (T::Date, T::Text) => format!("pg_catalog.to_char({c}, 'YYYY-MM-DD')"),
        (T::Timestamp, T::Text) => format!(
            "pg_catalog.to_char({c}, 'YYYY-MM-DD') || \
             case when {c}::time = '00:00' then '' else ' ' || {c}::time::text end"
        ),
        (T::Interval, T::Text) => format!(
            "case when {c} < interval '0' then '-' else '' end || {}",
            positive_interval_text(&format!(
                "(case when {c} < interval '0' then -{c} else {c} end)"
            ))
        ),
        _ => format!("{c}::{}", to.sql_type()),
    })
}

/// Plain digits, however long. By way of numeric, which has no exponents.
fn number_text(double: &str) -> String {
    format!("({double})::text::numeric::text")
}

/// Hours without a limit, minutes, seconds, and as many decimals as are not zero.
fn positive_interval_text(interval: &str) -> String {
    format!(
        "pg_catalog.to_char({interval}, 'HH24:MI:SS') || pg_catalog.rtrim(pg_catalog.rtrim(\
         '.' || pg_catalog.to_char({interval}, 'US'), '0'), '.')"
    )
}

#[cfg(test)]
mod tests {
    use InferredType as T;

    use super::*;

    const ALL: [T; 10] = [
        T::Unknown,
        T::Bool,
        T::Integer,
        T::Decimal,
        T::Float,
        T::Date,
        T::Timestamp,
        T::Time,
        T::Interval,
        T::Text,
    ];

    #[test]
    fn there_is_a_way_to_each_wider_type_and_no_other() {
        for from in ALL {
            for to in ALL {
                let wider = from != to && from.join(to) == to;
                assert_eq!(widening(from, to, "c").is_some(), wider, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn names_are_quoted() {
        let sql = widening(T::Integer, T::Text, "a\"b").unwrap();
        assert_eq!(sql, "\"a\"\"b\"::text");
    }
}
