//! calamine's cells as ours.

use calamine::{CellErrorType, Data, DataRef, DataType as _, Range};

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

/// Makes the error cells of an ods errors again. calamine gives the text that they show (tafia/calamine, `get_datatype`
/// in ods.rs); but only a formula can have an error for a result, and hardly one has its name for a text.
pub(super) fn restore_errors(values: &mut Range<Data>, formulas: &Range<String>) {
    let (Some((top, left)), Some(origin)) = (formulas.start(), values.start()) else {
        return;
    };
    for (row, column, _formula) in formulas.used_cells() {
        let at = |first: u32, index: usize| {
            first.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
        };
        let position = (at(top, row), at(left, column));
        if position.0 >= origin.0
            && position.1 >= origin.1
            && let Some(Data::String(text)) = values.get_value(position)
            && let Some(error) = shown_error(text)
        {
            values.set_value(position, Data::Error(error));
        }
    }
}

/// The error whose text an OpenDocument cell shows (OpenFormula 1.2, §5.12). Errors of LibreOffice's own (`Err:502`)
/// are what it makes of them in other formats: `#VALUE!`.
fn shown_error(text: &str) -> Option<CellErrorType> {
    Some(match text {
        "#DIV/0!" => CellErrorType::Div0,
        "#N/A" => CellErrorType::NA,
        "#NAME?" => CellErrorType::Name,
        "#NULL!" => CellErrorType::Null,
        "#NUM!" => CellErrorType::Num,
        "#REF!" => CellErrorType::Ref,
        "#VALUE!" => CellErrorType::Value,
        _ => {
            let digits = text.strip_prefix("Err:")?;
            let is_code = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
            return is_code.then_some(CellErrorType::Value);
        }
    })
}

/// A header cell as the column's title.
pub(super) fn title(value: &DataRef<'_>) -> String {
    match value {
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => cell_error(error).to_string(),
        other => other.as_string().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(cells: &[(u32, u32, &str)]) -> Range<Data> {
        let cells = cells.iter().map(|(row, column, text)| {
            calamine::Cell::new((*row, *column), Data::String((*text).to_owned()))
        });
        Range::from_sparse(cells.collect())
    }

    #[test]
    fn texts_of_errors_are_errors_where_a_formula_is() {
        let mut values = range(&[
            (1, 1, "#N/A"),
            (1, 2, "#N/A"),
            (2, 2, "Err:502"),
            (3, 2, "fine"),
        ]);
        let formula = |row, column| calamine::Cell::new((row, column), "of:=NA()".to_owned());
        // One of them left of, one below the values.
        let formulas = [(0, 0), (1, 2), (2, 2), (3, 2), (9, 9)];
        let formulas = formulas.map(|(row, column)| formula(row, column)).to_vec();
        restore_errors(&mut values, &Range::from_sparse(formulas));
        let at = |row, column| values.get_value((row, column)).cloned();
        assert_eq!(at(1, 1), Some(Data::String("#N/A".into())));
        assert_eq!(at(1, 2), Some(Data::Error(CellErrorType::NA)));
        assert_eq!(at(2, 2), Some(Data::Error(CellErrorType::Value)));
        assert_eq!(at(3, 2), Some(Data::String("fine".into())));
        assert_eq!(values.end(), Some((3, 2)));
    }

    #[test]
    fn no_formulas_change_nothing() {
        let mut values = range(&[(0, 0, "#REF!")]);
        restore_errors(&mut values, &Range::default());
        let value = values.get_value((0, 0)).cloned();
        assert_eq!(value, Some(Data::String("#REF!".into())));
    }
}
