//! Dates and times that have a zone, and ranges and arrays of dates and times.
//!
//! The server's own input takes `now`, `03/04/2024` and `J2451187` for moments, by its settings and by the day of the load.
//! These columns take what a date and a timestamp take: ISO 8601, with an offset where the type keeps one, and what
//! `--date-format` says.

use super::coerce::{Attempt, Coercion};
use super::fault::{fault, not_readable, sqlstate};
use super::{iso_cell, parse, within};
use crate::model::column::{Moment, TargetColumn};
use crate::model::reject::{Fault, RejectReason};
use crate::model::time_zone::UTC;
use crate::model::value::Value;

impl Coercion {
    /// A moment without a zone, by the clocks of the zone that such moments have.
    pub(super) fn zoned(&self, micros: i64) -> Value<'_> {
        let zone = self.text_rules.zone();
        Value::Zoned { micros, zone }
    }

    /// A text for a timestamp with time zone.
    pub(super) fn text_with_zone<'a>(&'a self, text: &str, column: &TargetColumn) -> Attempt<'a> {
        let rules = &self.text_rules;
        let without = || rules.timestamp(text).map(|micros| self.zoned(micros));
        instant(text)
            .or_else(without)
            .ok_or_else(|| not_readable(text, column))
    }

    /// A cell's ISO 8601 for a timestamp with time zone.
    pub(super) fn iso_with_zone<'a>(&'a self, text: &str, column: &TargetColumn) -> Attempt<'a> {
        let without = || iso_cell::timestamp(text).map(|micros| self.zoned(micros));
        instant(text)
            .or_else(without)
            .ok_or_else(|| not_readable(text, column))
    }

    /// A text for a time with time zone. Without an offset it has that of UTC: in another zone it would depend on the
    /// day.
    pub(super) fn time_with_zone<'a>(&self, text: &'a str, column: &TargetColumn) -> Attempt<'a> {
        if let Some(micros) = iso_cell::time_with_offset(text) {
            within::check(Value::Time(micros), column)?;
            return Ok(Value::Text(text));
        }
        match parse::time(text) {
            Some(micros) if self.text_rules.zone().is_utc() => Ok(Value::Time(micros)),
            Some(_) => Err(without_offset(text, column)),
            None => Err(not_readable(text, column)),
        }
    }

    /// A text for a range or an array of dates or times. What stands between the delimiters must be such; the rest is the
    /// server's to judge.
    pub(super) fn moments<'a>(
        &self,
        text: &'a str,
        of: Moment,
        column: &TargetColumn,
    ) -> Attempt<'a> {
        let parts = text.split(['{', '}', '[', ']', '(', ')', ',', '"', '\\']);
        let mut parts = parts.map(str::trim).filter(|part| !part.is_empty());
        if parts.all(|part| is_delimited_word(part) || self.is_moment(part, of)) {
            Ok(Value::Text(text))
        } else {
            Err(not_readable(text, column))
        }
    }

    fn is_moment(&self, text: &str, of: Moment) -> bool {
        let zone_is_known = self.text_rules.zone().is_utc();
        match of {
            Moment::Date => parse::date(text).is_some(),
            Moment::Timestamp => parse::timestamp(text).is_some(),
            Moment::TimestampTz => {
                instant(text).is_some() || zone_is_known && parse::timestamp(text).is_some()
            }
            Moment::Time => parse::time(text).is_some(),
            Moment::TimeTz => {
                iso_cell::time_with_offset(text).is_some()
                    || zone_is_known && parse::time(text).is_some()
            }
        }
    }
}

fn instant(text: &str) -> Option<Value<'static>> {
    let micros = iso_cell::instant(text)?;
    Some(Value::Zoned { micros, zone: &UTC })
}

/// Words among the bounds of a range and the elements of an array that mean one thing only.
fn is_delimited_word(text: &str) -> bool {
    let words = ["empty", "null", "infinity", "-infinity"];
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn without_offset(text: &str, column: &TargetColumn) -> Fault {
    fault(
        RejectReason::WrongType,
        sqlstate::INVALID_DATETIME_FORMAT,
        format!(
            "the time {text} has no offset from UTC, as {} needs where --time-zone is another",
            column.sql_type
        ),
    )
}
