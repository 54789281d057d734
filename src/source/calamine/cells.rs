//! calamine's cells as ours.

use calamine::{CellErrorType, Data, DataRef, DataType as _};

use crate::error::Result;
use crate::model::batch::Batch;
use crate::model::cell::{Cell, CellError, FormatId};

/// Formats that calamine does not hand out as codes (xlsb, xls, ods): it only says "date" or "duration".
pub(super) const GENERAL: FormatId = FormatId(0);
const DATE_TIME: FormatId = FormatId(1);
const DURATION: FormatId = FormatId(2);

/// Whether a cell holds something; an empty text is an empty cell.
pub(super) fn is_filled(value: &DataRef<'_>) -> bool {
    match value {
        DataRef::Empty => false,
        DataRef::String(text) => !text.is_empty(),
        DataRef::SharedString(text) => !text.is_empty(),
        _ => true,
    }
}

/// A cell of a range in the shape that the streaming readers give. Copies no text but ISO dates.
pub(super) fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(truth) => DataRef::Bool(*truth),
        Data::DateTime(serial) => DataRef::DateTime(*serial),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::DurationIso(text) => DataRef::DurationIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

/// Puts a cell's text into the batch and gives the cell. `format` is known for xlsx only.
pub(super) fn to_cell(
    batch: &mut Batch,
    value: &DataRef<'_>,
    format: Option<FormatId>,
) -> Result<Cell> {
    Ok(match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Bool(truth) => Cell::Bool(*truth),
        DataRef::Int(number) => Cell::Number {
            value: *number as f64,
            format: format.unwrap_or(GENERAL),
        },
        DataRef::Float(number) => Cell::Number {
            value: *number,
            format: format.unwrap_or(GENERAL),
        },
        DataRef::DateTime(serial) => Cell::Number {
            value: serial.as_f64(),
            // A built-in date format of East Asian locales has no code in the file, only an id.
            format: format
                .filter(|format| *format != GENERAL)
                .unwrap_or(if serial.is_duration() {
                    DURATION
                } else {
                    DATE_TIME
                }),
        },
        DataRef::String(text) => Cell::Text(batch.push_text(text)?),
        DataRef::SharedString(text) => Cell::Text(batch.push_text(text)?),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cell::Iso(batch.push_text(text)?)
        }
        DataRef::Error(error) => Cell::Error(cell_error(error)),
    })
}

fn cell_error(error: &CellErrorType) -> CellError {
    match error {
        CellErrorType::Div0 => CellError::DivisionByZero,
        CellErrorType::NA => CellError::NotAvailable,
        CellErrorType::Name => CellError::Name,
        CellErrorType::Null => CellError::Null,
        CellErrorType::Num => CellError::Number,
        CellErrorType::Ref => CellError::Reference,
        CellErrorType::Value => CellError::Value,
        CellErrorType::GettingData => CellError::GettingData,
    }
}

/// A header cell as the column's title.
pub(super) fn title(value: &DataRef<'_>) -> String {
    match value {
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => cell_error(error).to_string(),
        other => other.as_string().unwrap_or_default(),
    }
}
