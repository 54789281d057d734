//! What the profile of a column means for a load.

use super::class::{CellClass, Family};
use super::column::ColumnProfile;
use super::lossy::{DayMonths, LossyColumn};
use super::place::{ColumnPlace, shell_argument};
use super::tally::Tally;
use super::text::TextLook;
use crate::model::inspection::{Finding, FindingKind};
use crate::transform::infer::InferredType;

/// Values that do not survive; `digits` are the numbers with too many digits to be told of.
pub(super) fn lossy(
    column: &LossyColumn,
    digits: &Tally,
    place: &ColumnPlace<'_>,
    found: &mut Vec<Finding>,
) {
    if digits.count() > 0 {
        found.push(place.finding(
            FindingKind::MoreThan15Digits,
            digits,
            "spreadsheets keep 15 digits of a number: the others may be wrong in the file already",
            Some(place.map_to("text")),
        ));
    }
    found.extend(mixed(column, place));
    if column.early_dates.count() > 0 {
        found.push(place.finding(
            FindingKind::DateBeforeMarch1900,
            &column.early_dates,
            "spreadsheets count a 29 February 1900 that never was; programs differ by a day before it",
            Some(place.map_to("text")),
        ));
    }
    let no_dates = column.of_class(CellClass::NoDate);
    if no_dates.count() > column.early_dates.count() {
        found.push(place.finding(
            FindingKind::ImpossibleDate,
            no_dates,
            "a number with a date's format that is no date makes the column text",
            Some(place.map_to("date")),
        ));
    }
    found.extend(ambiguous(&column.days, place));
    if column.nul.count() > 0 {
        found.push(place.finding(
            FindingKind::NulCharacter,
            &column.nul,
            "PostgreSQL stores no NUL character in a text: the rows would be rejected",
            None,
        ));
    }
}

/// Cells of different kinds, of which the rarer ones are at fault.
fn mixed(column: &LossyColumn, place: &ColumnPlace<'_>) -> Option<Finding> {
    let families = Family::ALL.map(|family| (family, column.of_family(family)));
    let (most, of_most) = families.iter().reduce(|most, next| {
        if next.1.count() > most.1.count() {
            next
        } else {
            most
        }
    })?;
    let others = families
        .iter()
        .filter(|(family, tally)| family != most && tally.count() > 0);
    let rest = others
        .clone()
        .fold(Tally::default(), |sum, (_, tally)| sum.plus(tally));
    if rest.count() == 0 || column.inferred() != InferredType::Text {
        return None;
    }
    let parts: Vec<String> = others
        .map(|(family, tally)| counted(tally.count(), family.words()))
        .collect();
    let explanation = format!(
        "{} among {} {} the column text",
        parts.join(" and "),
        counted(of_most.count(), most.words()),
        if rest.count() == 1 { "makes" } else { "make" }
    );
    let flag = type_of(*most, column).map(|sql_type| place.map_to(sql_type));
    Some(place.finding(FindingKind::MixedColumn, &rest, explanation, flag))
}

/// The type of a column if all its cells were of this family. None for texts: that is what it becomes anyway.
fn type_of(family: Family, column: &LossyColumn) -> Option<&'static str> {
    let has = |class: CellClass| column.of_class(class).count() > 0;
    match family {
        Family::Booleans => Some("boolean"),
        Family::Numbers if has(CellClass::Decimal) || has(CellClass::Float) => Some("numeric"),
        Family::Numbers => Some("bigint"),
        Family::Dates if has(CellClass::Timestamp) => Some("timestamp"),
        Family::Dates => Some("date"),
        Family::Times if has(CellClass::Interval) => Some("interval"),
        Family::Times => Some("time"),
        Family::Texts | Family::Padded | Family::NoDates => None,
    }
}

fn counted(count: u64, (one, several): (&str, &str)) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

fn ambiguous(days: &DayMonths, place: &ColumnPlace<'_>) -> Option<Finding> {
    if days.ambiguous.count() == 0 {
        return None;
    }
    let example = |tally: &Tally| tally.rows().next().map(|row| place.cell(row));
    let (explanation, order) = match (example(&days.day_first), example(&days.month_first)) {
        (None, None) => (
            "nothing in the column tells which number is the day, which the month".to_owned(),
            Some(Order::DayFirst),
        ),
        (Some(proof), None) => (
            format!("other values prove that the day stands first, such as {proof}"),
            Some(Order::DayFirst),
        ),
        (None, Some(proof)) => (
            format!("other values prove that the month stands first, such as {proof}"),
            Some(Order::MonthFirst),
        ),
        (Some(day), Some(month)) => (
            format!("the column has both orders: day first in {day}, month first in {month}"),
            None,
        ),
    };
    let flag = order.and_then(|order| date_flag(days, order, place));
    Some(place.finding(
        FindingKind::AmbiguousDate,
        &days.ambiguous,
        explanation,
        flag,
    ))
}

#[derive(Debug, Clone, Copy)]
enum Order {
    DayFirst,
    MonthFirst,
}

/// The options that make dates of the column's texts.
fn date_flag(days: &DayMonths, order: Order, place: &ColumnPlace<'_>) -> Option<String> {
    let (_, shape) = days.first?;
    let (first, second) = match order {
        Order::DayFirst => ("DD", "MM"),
        Order::MonthFirst => ("MM", "DD"),
    };
    let year = if shape.year_digits == 2 { "YY" } else { "YYYY" };
    let separator = shape.separator;
    let pattern = format!("{first}{separator}{second}{separator}{year}");
    let format = shell_argument(&pattern);
    Some(format!("--date-format {format} {}", place.map_to("date")))
}

/// What else there is to say.
pub(super) fn others(column: &ColumnProfile, place: &ColumnPlace<'_>, found: &mut Vec<Finding>) {
    if column.controls.count() > 0 {
        found.push(place.finding(
            FindingKind::ControlCharacter,
            &column.controls,
            "they are loaded as they are",
            None,
        ));
    }
    found.extend(looks_like_something_else(column, place));
    let padded = column.lossy.of_class(CellClass::Padded);
    if padded.count() > 0 {
        found.push(place.finding(
            FindingKind::ZeroPaddedNumbers,
            padded,
            "they are loaded as text, as displayed",
            Some(place.map_to("bigint")),
        ));
    }
    if column.errors.count() > 0 {
        found.push(place.finding(
            FindingKind::ErrorCell,
            &column.errors,
            "they become NULL",
            Some("--on-cell-error reject".to_owned()),
        ));
    }
    if column.outer_white_space.count() > 0 {
        found.push(place.finding(
            FindingKind::OuterWhiteSpace,
            &column.outer_white_space,
            "texts begin or end with white space, and are loaded so",
            Some("--trim".to_owned()),
        ));
    }
    if column.null_words.count() > 0 {
        let words = column.null_word_list.join(", ");
        found.push(place.finding(
            FindingKind::NullWord,
            &column.null_words,
            format!("{words} may stand for nothing; such cells are loaded as text"),
            Some(format!(
                "--null {}",
                shell_argument(&column.null_word_list.join(","))
            )),
        ));
    }
}

/// Texts of which all, but for words for nothing, are of one other type.
fn looks_like_something_else(column: &ColumnProfile, place: &ColumnPlace<'_>) -> Option<Finding> {
    let texts = column.lossy.of_class(CellClass::Text);
    let real = texts.count() - column.look(TextLook::Null);
    let all = |looks: &[TextLook]| {
        let sum: u64 = looks.iter().map(|look| column.look(*look)).sum();
        sum == real
    };
    if real == 0 {
        return None;
    }
    let (kind, what, flag) = if all(&[TextLook::Integer]) {
        let flag = place.map_to("bigint");
        (FindingKind::IntegersAsText, "a whole number", Some(flag))
    } else if all(&[TextLook::Integer, TextLook::Decimal]) {
        let flag = place.map_to("numeric");
        (FindingKind::DecimalsAsText, "a number", Some(flag))
    } else if column.look(TextLook::DecimalComma) > 0
        && all(&[
            TextLook::Integer,
            TextLook::DecimalComma,
            TextLook::CommaThousand,
        ])
    {
        (
            FindingKind::DecimalCommaAsText,
            "a number with a decimal comma",
            Some(format!("--decimal-comma {}", place.map_to("numeric"))),
        )
    } else if all(&[TextLook::Boolean]) {
        let flag = place.map_to("boolean");
        (FindingKind::BooleansAsText, "yes or no", Some(flag))
    } else if all(&[TextLook::IsoDate]) {
        let flag = place.map_to("date");
        (FindingKind::DatesAsText, "a date", Some(flag))
    } else if all(&[TextLook::IsoDate, TextLook::IsoTimestamp]) {
        let flag = place.map_to("timestamp");
        (
            FindingKind::TimestampsAsText,
            "a date with a time",
            Some(flag),
        )
    } else if all(&[TextLook::Time]) {
        let flag = place.map_to("time");
        (FindingKind::TimesAsText, "a time of day", Some(flag))
    } else if column.day_months() == real && column.lossy.days.ambiguous.count() == 0 {
        let days = &column.lossy.days;
        let flag = proven_order(days).and_then(|order| date_flag(days, order, place));
        (FindingKind::DatesAsText, "a date", flag)
    } else {
        return None;
    };
    let explanation = format!("each text is {what}, and is loaded as text");
    Some(place.finding(kind, texts, explanation, flag))
}

/// The order that the column's dates have, if they prove it.
fn proven_order(days: &DayMonths) -> Option<Order> {
    match (days.day_first.count(), days.month_first.count()) {
        (1.., 0) => Some(Order::DayFirst),
        (0, 1..) => Some(Order::MonthFirst),
        _ => None,
    }
}
