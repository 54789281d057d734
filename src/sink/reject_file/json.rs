//! Cells as JSON.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::model::rejected_row::{Meaning, StoredCell, StoredNumber};
use crate::model::value::MAX_EXACT_INTEGER;

/// A cell as a JSON value: numbers as numbers, dates and times and errors as the text that is shown.
struct JsonCell<'a>(&'a StoredCell);

impl Serialize for JsonCell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            StoredCell::Empty => serializer.serialize_unit(),
            StoredCell::Text(text) => serializer.serialize_str(text),
            StoredCell::Bool(truth) => serializer.serialize_bool(*truth),
            StoredCell::Error(error) => serializer.serialize_str(error.name()),
            StoredCell::Number(number) => match number.meaning {
                Meaning::Number => json_number(number, serializer),
                Meaning::Text => serializer.serialize_str(&number.shown),
            },
        }
    }
}

/// Of a decimal, what is shown: 0.1 + 0.2 is 0.3.
fn json_number<S: Serializer>(number: &StoredNumber, serializer: S) -> Result<S::Ok, S::Error> {
    let value: f64 = number.shown.parse().unwrap_or(number.value);
    if value.fract() == 0.0 && value.abs() < MAX_EXACT_INTEGER {
        serializer.serialize_i64(value as i64)
    } else {
        serializer.serialize_f64(value)
    }
}

/// Cells by name, in their order.
pub(super) struct JsonCells<'a>(pub(super) &'a [(&'a str, &'a StoredCell)]);

impl Serialize for JsonCells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, cell) in self.0 {
            map.serialize_entry(name, &JsonCell(cell))?;
        }
        map.end()
    }
}
