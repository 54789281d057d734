//! A workbook's number formats, each once.

use std::collections::HashMap;

use crate::model::cell::FormatId;
use crate::model::number_format::NumberFormat;

/// The format of cells that have none.
pub(super) const GENERAL: FormatId = FormatId(0);

/// The most bytes of codes. Each sheet that is read has a copy of all; Excel writes some 250, of up to 255 characters.
const MAX_CODE_BYTES: usize = 1 << 20;

/// Number formats by their codes; the first is General.
#[derive(Debug)]
pub(super) struct FormatList {
    code_bytes: usize,
    formats: Vec<NumberFormat>,
    by_code: HashMap<String, FormatId>,
}

impl Default for FormatList {
    fn default() -> Self {
        let general = NumberFormat::general();
        Self {
            code_bytes: 0,
            by_code: HashMap::from([(general.code.clone(), GENERAL)]),
            formats: vec![general],
        }
    }
}

impl FormatList {
    /// The format with this code, which is added if it is new; `None` when there are too many different ones, or their
    /// codes are too long.
    pub(super) fn id(&mut self, code: &str) -> Option<FormatId> {
        if let Some(known) = self.by_code.get(code) {
            return Some(*known);
        }
        self.code_bytes = self.code_bytes.saturating_add(code.len());
        if self.code_bytes > MAX_CODE_BYTES {
            return None;
        }
        let id = FormatId(u16::try_from(self.formats.len()).ok()?);
        self.formats.push(NumberFormat::new(code));
        self.by_code.insert(code.to_owned(), id);
        Some(id)
    }

    /// The formats in the order of their ids.
    pub(super) fn formats(&self) -> &[NumberFormat] {
        &self.formats
    }
}
