//! Types that are known by their names alone, because the server's own input of their texts takes too much.

use super::column::{ColumnKind, MONEY, Moment, TypeLimit};

/// Whether a type is one of the server's own. A name without a schema may be another's, of which nothing is known.
pub(super) fn is_catalog(schema: Option<&str>) -> bool {
    schema.is_none_or(|schema| schema == "pg_catalog")
}

/// How values are made for the types beyond those of the grammar whose texts are not left to the server, and their limits.
pub(super) fn kind_of_name(name: &str, is_array: bool) -> (ColumnKind, TypeLimit) {
    let moment = match name {
        "daterange" | "datemultirange" => Some(Moment::Date),
        "tsrange" | "tsmultirange" => Some(Moment::Timestamp),
        "tstzrange" | "tstzmultirange" => Some(Moment::TimestampTz),
        _ => None,
    };
    match (moment, name) {
        (Some(moment), _) => (ColumnKind::Moments(moment), TypeLimit::None),
        (None, "money") if !is_array => (ColumnKind::Money, MONEY),
        (None, "char") if !is_array => (ColumnKind::Other, TypeLimit::Bytes(1)),
        _ => (ColumnKind::Other, TypeLimit::None),
    }
}

/// How values are made for an array of a type.
pub(super) fn kind_of_array(element: ColumnKind) -> ColumnKind {
    match element {
        ColumnKind::Date => ColumnKind::Moments(Moment::Date),
        ColumnKind::Time => ColumnKind::Moments(Moment::Time),
        ColumnKind::TimeTz => ColumnKind::Moments(Moment::TimeTz),
        ColumnKind::Timestamp => ColumnKind::Moments(Moment::Timestamp),
        ColumnKind::TimestampTz => ColumnKind::Moments(Moment::TimestampTz),
        _ => ColumnKind::Other,
    }
}
