//! Text cells, and cells that hold ISO 8601, become values of their column's type.

use super::coerce::{Attempt, Coercion, float, integer_in_range};
use super::fault::{not_readable, out_of_range};
use super::infer::InferredType;
use super::parse;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::value::{MICROS_PER_DAY, Value};

impl Coercion {
    /// A text cell for any column.
    pub(super) fn text_value<'a>(&self, text: &'a str, column: &TargetColumn) -> Attempt<'a> {
        let rules = &self.text_rules;
        let Some(text) = rules.content(text) else {
            return Ok(Value::Null);
        };
        match column.kind {
            // The server would read the day and the month in its own order.
            ColumnKind::Other if column.is_moment_with_zone() => {
                return Ok(rules
                    .own_moment(text)
                    .map_or(Value::Text(text), Value::Timestamp));
            }
            ColumnKind::Text | ColumnKind::OtherText | ColumnKind::Other => {
                return Ok(Value::Text(text));
            }
            _ if text.trim().is_empty() => return Ok(Value::Null),
            _ => {}
        }
        let parsed = match column.kind {
            ColumnKind::Bool => rules.boolean(text).map(Value::Bool),
            ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => {
                return self.whole_number(text, column);
            }
            ColumnKind::Float4 | ColumnKind::Float8 => {
                let value = if rules.decimal_comma {
                    parse::comma_decimal(text)
                        .and_then(|text| parse::float(&Value::CommaDecimalText(text).to_string()))
                } else {
                    parse::float(text)
                };
                return value.map_or_else(
                    || Err(not_readable(text, column)),
                    |value| float(value, column),
                );
            }
            ColumnKind::Numeric if rules.decimal_comma => {
                parse::comma_decimal(text).map(Value::CommaDecimalText)
            }
            ColumnKind::Numeric => parse::decimal(text).map(Value::DecimalText),
            ColumnKind::Date => rules.date(text).map(Value::Date),
            ColumnKind::Time => parse::time(text).map(Value::Time),
            ColumnKind::Timestamp => rules.timestamp(text).map(Value::Timestamp),
            ColumnKind::Interval => parse::duration(text).map(Value::Interval),
            ColumnKind::Uuid => parse::uuid(text).map(Value::Uuid),
            ColumnKind::Text | ColumnKind::OtherText | ColumnKind::Other => None,
        };
        parsed.ok_or_else(|| not_readable(text, column))
    }

    fn whole_number<'a>(&self, text: &'a str, column: &TargetColumn) -> Attempt<'a> {
        let digits_only = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+'))
        };
        let plain = if self.text_rules.decimal_comma {
            parse::comma_decimal(text).map(|text| Value::CommaDecimalText(text).to_string())
        } else {
            parse::decimal(text).map(str::to_owned)
        };
        match plain.filter(|plain| digits_only(plain)) {
            Some(plain) => match parse::integer(&plain) {
                Some(value) => integer_in_range(Some(value), column),
                None => Err(out_of_range(column)),
            },
            None => Err(not_readable(text, column)),
        }
    }
}

/// A date, time or duration stored as ISO 8601 text. Text columns take it as they take a number with such a format.
pub(super) fn from_iso<'a>(text: &'a str, column: &TargetColumn) -> Attempt<'a> {
    let kind = match column.kind {
        ColumnKind::Text | ColumnKind::OtherText | ColumnKind::Other => {
            match InferredType::of_iso(text) {
                InferredType::Date => ColumnKind::Date,
                InferredType::Timestamp => ColumnKind::Timestamp,
                InferredType::Time => ColumnKind::Time,
                InferredType::Interval => ColumnKind::Interval,
                _ => return Ok(Value::Text(text)),
            }
        }
        kind => kind,
    };
    let made = match kind {
        ColumnKind::Date => parse::cell_timestamp(text)
            .and_then(parse::whole_day)
            .map(Value::Date),
        ColumnKind::Timestamp => parse::cell_timestamp(text).map(Value::Timestamp),
        ColumnKind::Time => parse::duration(text)
            .filter(|micros| (0..MICROS_PER_DAY).contains(micros))
            .map(Value::Time),
        ColumnKind::Interval => parse::duration(text).map(Value::Interval),
        _ => None,
    };
    made.ok_or_else(|| not_readable(text, column))
}
