//! calamine's cells as ours.

use calamine::{CellErrorType, Data, DataRef, Range};

use super::super::workbook::Content;
use crate::model::cell::{CellError, FormatId};

/// Formats that calamine does not hand out as codes (xlsb, xls, ods): it only says "date" or "duration".
pub(super) const GENERAL: FormatId = FormatId(0);
const DATE_TIME: FormatId = FormatId(1);
const DURATION: FormatId = FormatId(2);

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

/// A cell's content and format; `None` for an empty one. `format` is known for xlsx only.
pub(super) fn content<'a>(
    value: &'a DataRef<'_>,
    format: Option<FormatId>,
) -> Option<(Content<'a>, FormatId)> {
    let known = format.unwrap_or(GENERAL);
    Some(match value {
        DataRef::Empty => return None,
        DataRef::Bool(truth) => (Content::Bool(*truth), known),
        DataRef::Int(number) => (Content::Number(*number as f64), known),
        DataRef::Float(number) => (Content::Number(*number), known),
        DataRef::DateTime(serial) => {
            // A built-in date format of East Asian locales has no code in the file, only an id.
            let format =
                format
                    .filter(|format| *format != GENERAL)
                    .unwrap_or(if serial.is_duration() {
                        DURATION
                    } else {
                        DATE_TIME
                    });
            (Content::Number(serial.as_f64()), format)
        }
        DataRef::String(text) if text.is_empty() => return None,
        DataRef::SharedString("") => return None,
        DataRef::String(text) => (Content::Text(text), known),
        DataRef::SharedString(text) => (Content::Text(text), known),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => (Content::Iso(text), known),
        DataRef::Error(error) => (Content::Error(cell_error(error)), known),
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
