//! The grammar of number formats: any code has a class, and any number is shown under it.

use sheetload::model::cell::{Cell, FormatId};
use sheetload::model::number_format::NumberFormat;
use sheetload::model::sheet::DateSystem;
use sheetload::transform::coerce::{Coercion, OnCellError};
use sheetload::transform::display::display_number;
use sheetload::transform::infer::InferredType;
use sheetload::transform::number_format::{FormatClass, classify};
use sheetload::transform::text_rules::TextRules;

use super::input::Input;

/// Numbers at which formats change their mind.
const NUMBERS: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.999_999_999_999,
    59.5,
    60.0,
    45_292.25,
    2_958_466.0,
    1e15,
    f64::NAN,
    f64::INFINITY,
];

/// Takes eight bytes of a number, and a format code.
pub(crate) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let number = input.double();
    let format = NumberFormat::new(input.rest());
    let class = classify(&format);
    assert_eq!(class, classify(&format), "the same code, another class");
    for system in [DateSystem::From1900, DateSystem::From1904] {
        for value in NUMBERS.into_iter().chain([number]) {
            let shown = display_number(value, &format, system);
            assert!(!shown.is_empty(), "{value} is shown as nothing");
            assert_eq!(shown, display_number(value, &format, system));
            fits_its_own_column(value, class, system);
        }
    }
}

/// The column that would be made for a number takes it.
fn fits_its_own_column(value: f64, class: FormatClass, system: DateSystem) {
    let coercion = Coercion {
        date_system: system,
        formats: vec![class],
        on_cell_error: OnCellError::Null,
        text_rules: TextRules::default(),
    };
    let cell = Cell::Number {
        value,
        format: FormatId(0),
    };
    for inferred in [
        coercion.type_of(cell, ""),
        coercion.type_of(cell, "").join(InferredType::Text),
    ] {
        let column = inferred.to_column("c".to_owned());
        let coerced = coercion.coerce(cell, "", &column);
        assert!(coerced.is_ok(), "{value} as {inferred:?}: {coerced:?}");
    }
}
