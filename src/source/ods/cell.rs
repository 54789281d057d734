//! One cell: its attributes, and what they and its text make of it (OpenDocument 1.3 part 3, 9.1.4 and 19.385).

use super::styles::Formats;
use super::tag::{Space, Tag, TagAttribute};
use crate::error::Result;
use crate::model::cell::{CellError, FormatId};
use crate::source::whole_digits::number_content;
use crate::source::workbook::Content;

/// What a cell says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueType {
    /// It does not say.
    None,
    Number,
    Percentage,
    Currency,
    Bool,
    Date,
    Time,
    Text,
}

/// The attributes of the cell in hand. The texts are kept from cell to cell for their room.
#[derive(Debug)]
pub(super) struct CellHead {
    value_type: ValueType,
    is_error: bool,
    has_formula: bool,
    value: String,
    moment: String,
    truth: String,
    string: String,
    currency: String,
    style: Option<FormatId>,
    /// The style met last, as the file has it, and its format: neighbours often share one.
    known_style: (String, FormatId),
    /// How many cells it stands for, at least one.
    pub(super) repeated: u64,
    /// How many columns and rows it covers.
    pub(super) spanned: (u32, u32),
}

impl Default for CellHead {
    fn default() -> Self {
        Self {
            value_type: ValueType::None,
            is_error: false,
            has_formula: false,
            value: String::new(),
            moment: String::new(),
            truth: String::new(),
            string: String::new(),
            currency: String::new(),
            style: None,
            known_style: (String::new(), FormatId(0)),
            repeated: 1,
            spanned: (1, 1),
        }
    }
}

impl CellHead {
    /// Reads a cell's tag. What it holds is in the namespace of documents; OpenOffice.org had it in that of tables before
    /// there was a standard. Other namespaces have attributes of the same names, which say the same or something else.
    ///
    /// # Errors
    /// `WorkbookBroken` for what is no attribute.
    pub(super) fn read(&mut self, tag: &Tag<'_>, formats: &Formats) -> Result<()> {
        self.clear();
        for attribute in tag.attributes() {
            let attribute = attribute?;
            match attribute.name() {
                (Space::Table, "formula") => self.has_formula = true,
                (Space::Calcext, "value-type") => self.is_error |= attribute.raw() == "error",
                (Space::Office | Space::Table, "value-type") => {
                    self.value_type = value_type(attribute.raw());
                }
                (Space::Table, "style-name") => {
                    self.style = Some(self.format_of_style(&attribute, formats)?);
                }
                (Space::Table, "number-columns-repeated") => {
                    self.repeated = count(attribute.raw());
                }
                (Space::Table, "number-columns-spanned") => {
                    self.spanned.0 = saturated(count(attribute.raw()));
                }
                (Space::Table, "number-rows-spanned") => {
                    self.spanned.1 = saturated(count(attribute.raw()));
                }
                (Space::Office | Space::Table, name) => self.value(name, &attribute)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes an attribute that has a value of the cell.
    fn value(&mut self, name: &str, attribute: &TagAttribute<'_>) -> Result<()> {
        let text = match name {
            "value" => &mut self.value,
            "date-value" | "time-value" => &mut self.moment,
            "boolean-value" => &mut self.truth,
            "string-value" => &mut self.string,
            "currency" => &mut self.currency,
            _ => return Ok(()),
        };
        text.clear();
        text.push_str(attribute.value()?.trim_matches(is_blank(name)));
        Ok(())
    }

    fn format_of_style(
        &mut self,
        attribute: &TagAttribute<'_>,
        formats: &Formats,
    ) -> Result<FormatId> {
        if self.known_style.0.is_empty() || self.known_style.0 != attribute.raw() {
            self.known_style.1 = formats.of_style(&attribute.value()?);
            self.known_style.0.clear();
            self.known_style.0.push_str(attribute.raw());
        }
        Ok(self.known_style.1)
    }

    fn clear(&mut self) {
        self.value_type = ValueType::None;
        self.is_error = false;
        self.has_formula = false;
        self.style = None;
        self.repeated = 1;
        self.spanned = (1, 1);
        for text in [
            &mut self.value,
            &mut self.moment,
            &mut self.truth,
            &mut self.string,
            &mut self.currency,
        ] {
            text.clear();
        }
    }

    /// The cell's number format; `inherited` is the one that cells without a style have here.
    pub(super) fn format(
        &self,
        formats: &Formats,
        inherited: impl FnOnce() -> FormatId,
    ) -> FormatId {
        let own = self.style.unwrap_or_else(inherited);
        match self.value_type {
            ValueType::Percentage => formats.of_percentage(own),
            ValueType::Currency => formats.of_amount(own, &self.currency),
            _ => own,
        }
    }

    /// Whether the attributes alone say what the cell holds. A formula's result may be an error that only the text tells:
    /// OpenOffice writes 0 as the value of `#DIV/0!`.
    pub(super) fn needs_no_text(&self) -> bool {
        !self.is_error && !self.has_formula && self.typed().is_some()
    }

    /// What the cell holds, with this text.
    pub(super) fn content<'a>(&'a self, text: &'a str) -> Option<Content<'a>> {
        let shown = || (self.has_formula || self.is_error).then(|| shown_error(text))?;
        if let Some(error) = shown() {
            return Some(Content::Error(error));
        }
        if self.is_error {
            // In the language of the program that wrote it.
            return Some(Content::Error(CellError::Unknown));
        }
        if let Some(content) = self.typed() {
            return Some(content);
        }
        // A value that is none of its type is better kept as it is than lost.
        let raw = match self.value_type {
            ValueType::Text => "",
            ValueType::Date | ValueType::Time => &self.moment,
            ValueType::Bool => &self.truth,
            _ => &self.value,
        };
        let kept = [text, &self.string, raw];
        if let Some(text) = kept.into_iter().find(|text| !text.is_empty()) {
            return Some(Content::Text(text));
        }
        let is_uncached = self.has_formula && self.value_type != ValueType::Text;
        is_uncached.then_some(Content::Uncached)
    }

    /// The value that the attributes have, if it is one of the cell's type.
    fn typed(&self) -> Option<Content<'_>> {
        match self.value_type {
            // The paragraphs are how the cell displays it (19.389). An empty one is what writers leave that have nothing to
            // say there.
            ValueType::None | ValueType::Text => {
                (!self.string.is_empty()).then_some(Content::Text(&self.string))
            }
            ValueType::Number | ValueType::Percentage | ValueType::Currency => {
                let number: f64 = self.value.parse().ok()?;
                // Beyond what a number can be, or what a program made of an error.
                Some(match number.is_finite() {
                    true => number_content(&self.value, number),
                    false => Content::Error(CellError::Number),
                })
            }
            ValueType::Bool => match self.truth.as_str() {
                "true" | "TRUE" | "1" => Some(Content::Bool(true)),
                "false" | "FALSE" | "0" => Some(Content::Bool(false)),
                _ => None,
            },
            ValueType::Date | ValueType::Time => {
                (!self.moment.is_empty()).then_some(Content::Iso(&self.moment))
            }
        }
    }
}

/// White space around a value means nothing, but around a text it does.
fn is_blank(name: &str) -> fn(char) -> bool {
    match name {
        "string-value" => |_| false,
        _ => char::is_whitespace,
    }
}

fn value_type(name: &str) -> ValueType {
    match name {
        "float" => ValueType::Number,
        "percentage" => ValueType::Percentage,
        "currency" => ValueType::Currency,
        "boolean" => ValueType::Bool,
        "date" => ValueType::Date,
        "time" => ValueType::Time,
        "string" => ValueType::Text,
        _ => ValueType::None,
    }
}

/// A repetition: 1 where the attribute is no number, and at least that.
pub(super) fn count(text: &str) -> u64 {
    let text = text.trim();
    let too_long = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let otherwise = if too_long { u64::MAX } else { 1 };
    text.parse().unwrap_or(otherwise).max(1)
}

/// A count as far as rows and columns go.
pub(super) fn saturated(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The error whose text a cell shows (OpenFormula 1.3, 5.12, and LibreOffice, "Error Codes in LibreOffice Calc"). Those
/// that have a code instead of a name are what other programs show for them: `#VALUE!`.
fn shown_error(text: &str) -> Option<CellError> {
    if let Some(code) = text.strip_prefix("Err:") {
        let is_code = code.len() == 3 && code.bytes().all(|digit| digit.is_ascii_digit());
        return is_code.then_some(CellError::Value);
    }
    let known = text.starts_with('#').then(|| CellError::from_name(text));
    known.filter(|error| *error != CellError::Unknown || text == CellError::Unknown.name())
}
