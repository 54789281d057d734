//! A number as its format displays it, for titles.

use super::coerce::{Coercion, OnCellError};
use super::infer::InferredType;
use super::number_format::classify;
use super::text_rules::TextRules;
use crate::model::cell::{Cell, FormatId};
use crate::model::number_format::NumberFormat;
use crate::model::sheet::DateSystem;

/// A number as text: what a text column would hold of it.
#[must_use]
pub fn display_number(value: f64, format: &NumberFormat, system: DateSystem) -> String {
    let coercion = Coercion {
        date_system: system,
        formats: vec![classify(format)],
        on_cell_error: OnCellError::Null,
        text_rules: TextRules::default(),
    };
    let cell = Cell::Number {
        value,
        format: FormatId(0),
    };
    let column = InferredType::Text.to_column(String::new());
    coercion.coerce(cell, "", &column).map_or_else(
        |_no_text| value.to_string(),
        |coerced| coerced.value.to_string(),
    )
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
