//! A number as its format displays it, for titles.

use super::infer::InferredType;
use super::number_format::{FormatClass, classify};
use super::serial_date;
use crate::model::calendar::civil;
use crate::model::number_format::NumberFormat;
use crate::model::sheet::DateSystem;
use crate::model::value::MICROS_PER_DAY;

/// A number as text: dates and times as ISO 8601 writes them, padded zeros in place, all others in their shortest form.
#[must_use]
pub fn display_number(value: f64, format: &NumberFormat, system: DateSystem) -> String {
    use InferredType as T;
    let class = classify(format);
    let moment = match T::of_number(value, class, system) {
        T::Date => serial_date::date(value, system).map(date),
        T::Timestamp => serial_date::timestamp(value, system).map(|micros| {
            let days = micros.div_euclid(MICROS_PER_DAY);
            let date = date(i32::try_from(days).unwrap_or(i32::MAX));
            format!("{date} {}", clock(micros.rem_euclid(MICROS_PER_DAY)))
        }),
        T::Time => serial_date::time(value).map(clock),
        _ => None,
    };
    moment.unwrap_or_else(|| match class {
        FormatClass::ZeroPadded(width) if value.fract() == 0.0 && value.abs() < 1e15 => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!(
                "{sign}{:0width$}",
                value.abs() as u64,
                width = usize::from(width)
            )
        }
        // Adding zero makes -0 a plain 0.
        _ => format!("{}", value + 0.0),
    })
}

fn date(days: i32) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Hours, minutes and seconds, with a fraction if there is one.
fn clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    match micros % 1_000_000 {
        0 => clock,
        fraction => format!("{clock}.{fraction:06}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_what_the_sheet_displays() {
        let shown =
            |value, code| display_number(value, &NumberFormat::new(code), DateSystem::From1900);
        assert_eq!(shown(2024.0, "General"), "2024");
        assert_eq!(shown(0.5, "General"), "0.5");
        assert_eq!(shown(45_292.0, "yyyy-mm-dd"), "2024-01-01");
        assert_eq!(shown(45_292.5, "yyyy-mm-dd hh:mm"), "2024-01-01 12:00:00");
        assert_eq!(shown(0.25, "h:mm"), "06:00:00");
        assert_eq!(shown(42.0, "00000"), "00042");
    }
}
