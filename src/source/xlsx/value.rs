//! What a cell's type and text make of it (ECMA-376 Part 1, §18.18.11 ST_CellType).

use crate::model::cell::CellError;
use crate::source::whole_digits::number_content;
use crate::source::workbook::Content;
use crate::source::xml::is_blank;

/// The attribute `t` of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellType {
    /// `b`
    Boolean,
    /// `d`
    Date,
    /// `e`
    Error,
    /// `inlineStr`
    InlineString,
    /// `n`, or none, or one that does not exist.
    Number,
    /// `s`
    SharedString,
    /// `str`
    FormulaString,
}

impl CellType {
    /// The type that the attribute's value stands for.
    pub(super) fn of(value: &str) -> Self {
        match value {
            "b" => Self::Boolean,
            "d" => Self::Date,
            "e" => Self::Error,
            "inlineStr" => Self::InlineString,
            "s" => Self::SharedString,
            "str" => Self::FormulaString,
            _ => Self::Number,
        }
    }
}

/// The content of a cell whose value stands in it; `None` when it is empty. What is not as its type demands is a text,
/// so that it is not lost. Texts are decoded already.
pub(super) fn content(cell_type: CellType, value: &str) -> Option<Content<'_>> {
    let bare = value.trim_matches(is_blank);
    let otherwise = Content::Text(value);
    if bare.is_empty() {
        let is_text = matches!(
            cell_type,
            CellType::FormulaString | CellType::InlineString | CellType::SharedString
        );
        return (is_text && !value.is_empty()).then_some(otherwise);
    }
    Some(match cell_type {
        CellType::Number => number(bare).map_or(otherwise, |number| number_content(bare, number)),
        CellType::Boolean => boolean(bare).map_or(otherwise, Content::Bool),
        CellType::Error => Content::Error(CellError::from_name(bare)),
        CellType::Date => Content::Iso(bare),
        CellType::InlineString | CellType::SharedString | CellType::FormulaString => otherwise,
    })
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "TRUE" => Some(true),
        "0" | "false" | "FALSE" => Some(false),
        _ => number(text).map(|number| number != 0.0),
    }
}

/// A finite decimal number (XML Schema, double, without INF and NaN).
pub(super) fn number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let unsigned = bytes.strip_prefix(b"-").or(bytes.strip_prefix(b"+"));
    let first = *unsigned.unwrap_or(bytes).first()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None; // words such as "inf" are numbers for the standard library
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A count from 0 in decimal digits, with white space around it.
pub(super) fn index(text: &str) -> Option<usize> {
    let text = text.trim_matches(is_blank);
    let is_plain = text.len() <= 10 && text.bytes().all(|digit| digit.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}
