//! Text cells, and cells that hold ISO 8601, become values of their column's type.

use super::coerce::{Attempt, Coercion, float, integer_in_range};
use super::fault::{not_readable, out_of_range};
use super::infer::InferredType;
use super::{iso_cell, parse};
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::value::Value;

impl Coercion {
    /// A text cell for any column.
    pub(super) fn text_value<'a>(&'a self, text: &'a str, column: &TargetColumn) -> Attempt<'a> {
        let rules = &self.text_rules;
        let Some(text) = rules.content(text) else {
            return Ok(Value::Null);
        };
        match column.kind {
            ColumnKind::Text | ColumnKind::OtherText | ColumnKind::Other => {
                return Ok(Value::Text(text));
            }
            _ if text.trim().is_empty() => return Ok(Value::Null),
            ColumnKind::TimestampTz => return self.text_with_zone(text, column),
            ColumnKind::TimeTz => return self.time_with_zone(text, column),
            ColumnKind::Moments(of) => return self.moments(text, of, column),
            ColumnKind::Money => return self.amount(text, column),
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
            _ => None,
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

impl Coercion {
    /// A date, time or duration stored as ISO 8601 text. Text columns take it as they take a number with such a format.
    pub(super) fn iso_value<'a>(&'a self, text: &'a str, column: &TargetColumn) -> Attempt<'a> {
        match column.kind {
            ColumnKind::TimestampTz => self.iso_with_zone(text, column),
            ColumnKind::TimeTz if self.text_rules.zone().is_utc() => {
                time_of_iso(text).ok_or_else(|| not_readable(text, column))
            }
            _ => from_iso(text, column),
        }
    }
}

fn time_of_iso(text: &str) -> Option<Value<'static>> {
    let micros = iso_cell::duration(text)?;
    iso_cell::is_time_of_day(micros).then_some(Value::Time(micros))
}

fn from_iso<'a>(text: &'a str, column: &TargetColumn) -> Attempt<'a> {
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
        ColumnKind::Date => iso_cell::timestamp(text)
            .and_then(parse::whole_day)
            .map(Value::Date),
        ColumnKind::Timestamp => iso_cell::timestamp(text).map(Value::Timestamp),
        ColumnKind::Time => time_of_iso(text),
        ColumnKind::Interval => iso_cell::duration(text).map(Value::Interval),
        _ => None,
    };
    made.ok_or_else(|| not_readable(text, column))
}
