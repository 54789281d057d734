//! The styles ([MS-XLSB] 2.1.7.50), as far as they tell number formats.

use std::collections::HashMap;
use std::io::BufRead;

use super::fields::{Fields, TooShort};
use super::record::{Records, id};
use crate::error::Result;
use crate::model::cell::FormatId;
use crate::model::number_format::NumberFormat;

/// The format of cells that have none.
const GENERAL: FormatId = FormatId(0);

/// Number formats, and which of them the cells' styles have.
#[derive(Debug)]
pub(super) struct Styles {
    /// The first is General.
    pub(super) formats: Vec<NumberFormat>,
    /// By style, as cells refer to it.
    by_style: Vec<FormatId>,
}

impl Default for Styles {
    fn default() -> Self {
        Self {
            formats: vec![NumberFormat::general()],
            by_style: Vec::new(),
        }
    }
}

impl Styles {
    /// Reads the part. Only the formats of cells count, not those that named styles are made of.
    ///
    /// # Errors
    /// `WorkbookBroken`.
    pub(super) fn read(mut records: Records<'_, impl BufRead>) -> Result<Self> {
        let place = records.place();
        let mut styles = Self::default();
        let mut custom = HashMap::new();
        let mut known = HashMap::from([(0, GENERAL)]);
        let mut is_of_cells = false;
        while let Some(record) = records.next(is_wanted)? {
            let mut fields = Fields::new(record.payload);
            match record.id {
                id::BEGIN_CELL_FORMATS => is_of_cells = true,
                id::END_CELL_FORMATS => is_of_cells = false,
                id::NUMBER_FORMAT => {
                    let (number, code) =
                        number_format(&mut fields).map_err(|fault| place.too_short(fault))?;
                    custom.insert(number, code);
                }
                _ if is_of_cells => {
                    let number =
                        cell_format(&mut fields).map_err(|fault| place.too_short(fault))?;
                    let format = *known
                        .entry(number)
                        .or_insert_with(|| styles.add(number, &custom));
                    styles.by_style.push(format);
                }
                _ => {}
            }
        }
        Ok(styles)
    }

    /// The format of cells with this style. Styles that are not there look like none at all.
    pub(super) fn format(&self, style: u32) -> FormatId {
        let index = usize::try_from(style).unwrap_or(usize::MAX);
        self.by_style.get(index).copied().unwrap_or(GENERAL)
    }

    /// A format that a workbook defines goes before the built-in one with its number.
    fn add(&mut self, number: u16, custom: &HashMap<u16, String>) -> FormatId {
        let format = match custom.get(&number) {
            Some(code) => Some(NumberFormat::new(code)),
            None => NumberFormat::built_in(number),
        };
        let (Some(format), Ok(id)) = (format, u16::try_from(self.formats.len())) else {
            return GENERAL;
        };
        self.formats.push(format);
        FormatId(id)
    }
}

fn is_wanted(id: u16) -> bool {
    matches!(
        id,
        id::NUMBER_FORMAT | id::CELL_FORMAT | id::BEGIN_CELL_FORMATS | id::END_CELL_FORMATS
    )
}

/// `BrtFmt` ([MS-XLSB] 2.4).
fn number_format(fields: &mut Fields<'_>) -> Result<(u16, String), TooShort> {
    Ok((fields.u16()?, fields.text()?))
}

/// The number of a `BrtXF`'s format ([MS-XLSB] 2.4.862).
fn cell_format(fields: &mut Fields<'_>) -> Result<u16, TooShort> {
    let _parent = fields.u16()?;
    fields.u16()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::source::xlsb::fields::tests::wide;
    use crate::source::xlsb::record::tests::{place, record};

    /// Formats by number and code, then the numbers that the cells' styles have.
    pub(in crate::source::xlsb) fn styles(formats: &[(u16, &str)], cells: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, code) in formats {
            let payload = [number.to_le_bytes().as_slice(), &wide(code)].concat();
            bytes.extend(record(id::NUMBER_FORMAT, &payload));
        }
        let format = |number: u16| {
            let mut payload = [0; 16];
            payload[2..4].copy_from_slice(&number.to_le_bytes());
            record(id::CELL_FORMAT, &payload)
        };
        bytes.extend(record(626, &[]));
        bytes.extend(format(10));
        bytes.extend(record(627, &[]));
        bytes.extend(record(id::BEGIN_CELL_FORMATS, &[]));
        bytes.extend(cells.iter().flat_map(|number| format(*number)));
        bytes.extend(record(id::END_CELL_FORMATS, &[]));
        bytes.extend(format(11));
        bytes
    }

    fn codes(bytes: &[u8], count: u32) -> Vec<String> {
        let styles = Styles::read(Records::new(place(), bytes)).unwrap();
        (0..count)
            .map(|style| styles.format(style))
            .map(|format| styles.formats[usize::from(format.0)].code.clone())
            .collect()
    }

    #[test]
    fn cells_have_built_in_formats_and_those_of_the_workbook() {
        let bytes = styles(
            &[(164, "yyyy"), (9, "0.0%"), (0, "0")],
            &[0, 164, 2, 9, 164, 165],
        );
        let wanted = [
            "General", "yyyy", "0.00", "0.0%", "yyyy", "General", "General",
        ];
        assert_eq!(codes(&bytes, 7), wanted);
        assert_eq!(codes(&[], 1), ["General"]);
    }

    #[test]
    fn as_many_formats_as_numbers_there_are() {
        let numbers: Vec<u16> = (0..=u16::MAX).collect();
        let formats: Vec<_> = numbers.iter().map(|number| (*number, "0")).collect();
        let codes = codes(&styles(&formats, &numbers), 65_537);
        assert_eq!(codes.iter().filter(|code| *code == "0").count(), 65_535);
    }
}
