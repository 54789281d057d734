//! Number formats of cells: FORMAT records, XF records, and which cell has which ([MS-XLS] 2.4.126 and 2.4.353).

use std::collections::HashMap;

use super::kind;
use super::records::{Joined, Record, Version, u16_at};
use super::strings::{Length, TextReader};
use crate::model::cell::FormatId;
use crate::model::number_format::NumberFormat;
use crate::source::format_list::{FormatList, GENERAL};

/// The format with this code; General too where a workbook has more than can be told apart.
fn id_of(code: &str, table: &mut FormatList) -> FormatId {
    if code.is_empty() || code.eq_ignore_ascii_case(NumberFormat::GENERAL_CODE) {
        return GENERAL;
    }
    table.id(code).unwrap_or(GENERAL)
}

/// What the records of one substream say about formats.
#[derive(Debug, Default)]
pub(super) struct StyleRecords {
    /// Codes by the number that XF records use.
    codes: HashMap<u16, String>,
    /// How many FORMAT records there were: up to BIFF4 their order is their number.
    counted: u16,
    /// The format's number in each XF record.
    xfs: Vec<u16>,
}

impl StyleRecords {
    /// Takes note of a record if it is about formats.
    pub(super) fn note(&mut self, record: &Record<'_>, version: Version, text: &TextReader) {
        let body = record.body;
        let xf = match record.kind {
            kind::FORMAT | kind::FORMAT_2 => {
                self.note_format(record, version, text);
                return;
            }
            kind::XF_2 => body.get(2).map(|format| u16::from(format & 0x3F)),
            kind::XF_3 | kind::XF_4 => body.get(1).map(|format| u16::from(*format)),
            // What a cell's record says about its parent's format only matters to a program that changes styles: the
            // cell's own number is always the one in use.
            kind::XF => u16_at(body, 2),
            _ => return,
        };
        self.xfs.push(xf.unwrap_or(0));
    }

    /// A number format ([MS-XLS] 2.4.126; OpenOffice.org's documentation, 5.49).
    fn note_format(&mut self, record: &Record<'_>, version: Version, text: &TextReader) {
        let by_order = version < Version::Biff5;
        let mut from = Joined::alone(record.body);
        let stored = match record.kind {
            kind::FORMAT => from.u16(),
            _ => Some(0),
        };
        let id = if by_order { Some(self.counted) } else { stored };
        self.counted = self.counted.saturating_add(1);
        let length = match version {
            Version::Biff8 => Length::Word,
            _ => Length::Byte,
        };
        let mut code = String::new();
        text.read(&mut from, length, &mut code);
        if let Some(id) = id {
            self.codes.insert(id, code);
        }
    }

    /// The formats that cells can have.
    pub(super) fn resolve(&self, version: Version, table: &mut FormatList) -> Styles {
        let xfs: Vec<FormatId> = self
            .xfs
            .iter()
            .map(|id| self.format(*id, version, table))
            .collect();
        // Cells of Excel 2.0 name their format without an XF record.
        let direct = if version == Version::Biff2 && xfs.is_empty() {
            (0..64).map(|id| self.format(id, version, table)).collect()
        } else {
            Vec::new()
        };
        Styles { xfs, direct }
    }

    /// The format with this number. What the file says comes before what the number means by itself: programs other
    /// than Excel use the numbers of East Asian formats for their own.
    fn format(&self, id: u16, version: Version, table: &mut FormatList) -> FormatId {
        let code = self.codes.get(&id);
        // Number 0 is General even where a file names it in another language, such as "Standard"; it is not where a
        // program other than Excel made a code of it.
        let is_word = |code: &String| code.chars().all(char::is_alphabetic);
        if id == 0 && version >= Version::Biff5 && code.is_none_or(is_word) {
            return GENERAL;
        }
        if let Some(code) = code {
            return id_of(code, table);
        }
        // Excel 2 had no fractions, which later came in at numbers 12 and 13.
        let modern = match version {
            Version::Biff2 if id >= 12 => id.saturating_add(2),
            _ => id,
        };
        match NumberFormat::built_in(modern) {
            Some(format) => id_of(&format.code, table),
            None => GENERAL,
        }
    }
}

/// Which formats the cells of a sheet have.
#[derive(Debug, Default)]
pub(super) struct Styles {
    xfs: Vec<FormatId>,
    direct: Vec<FormatId>,
}

impl Styles {
    /// The format of a cell with this XF record; General when there is none.
    pub(super) fn of_xf(&self, index: u16) -> FormatId {
        let format = self.xfs.get(usize::from(index));
        format.copied().unwrap_or(GENERAL)
    }

    /// The format of a cell of BIFF2, by its three bytes of attributes and the last IXFE record, which holds the index
    /// that the first byte has no room for.
    pub(super) fn of_attributes(&self, attributes: [u8; 3], ixfe: Option<u16>) -> FormatId {
        const IN_IXFE: u8 = 0x3F;
        if self.xfs.is_empty() {
            let direct = self.direct.get(usize::from(attributes[1] & 0x3F));
            return direct.copied().unwrap_or(GENERAL);
        }
        match (attributes[0] & 0x3F, ixfe) {
            (IN_IXFE, Some(index)) => self.of_xf(index),
            (index, _) => self.of_xf(u16::from(index)),
        }
    }
}
