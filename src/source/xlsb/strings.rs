//! The shared strings ([MS-XLSB] 2.1.7.45): texts that cells refer to by number.

use std::io::BufRead;

use super::fields::{Fields, append_utf16};
use super::record::{Records, id};
use crate::error::Result;
use crate::model::limits::Limits;
use crate::model::shared_strings::{SharedStrings, SharedStringsBuilder};
use crate::source::fidelity::Fidelity;

/// Reads the part. Runs of rich text are joined, phonetic readings are left out.
///
/// # Errors
/// `WorkbookBroken`, `WorkbookTooLarge` for more text or strings than are held in memory.
pub(super) fn read(
    mut records: Records<'_, impl BufRead>,
    limits: &Limits,
) -> Result<SharedStrings> {
    let place = records.place();
    let mut strings = SharedStringsBuilder::default();
    while let Some(record) = records.next(|id| id == id::SHARED_STRING)? {
        let units = Fields::new(record.payload)
            .rich()
            .map_err(|fault| place.too_short(fault))?;
        if append_utf16(units, strings.text_mut()) == Fidelity::Replaced {
            strings.mark_replaced();
        }
        strings
            .end_within(limits)
            .map_err(|limit| place.over(limit, limits))?;
    }
    Ok(strings.finish())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::source::xlsb::fields::tests::wide;
    use crate::source::xlsb::record::tests::{place, record};

    pub(in crate::source::xlsb) fn shared(texts: &[&str]) -> Vec<u8> {
        let mut bytes = record(159, &[1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        for text in texts {
            let rich = [&[1_u8], wide(text).as_slice(), &[1, 0, 0, 0, 0, 0, 1, 0]].concat();
            bytes.extend(record(id::SHARED_STRING, &rich));
        }
        bytes.extend(record(160, &[]));
        bytes
    }

    #[test]
    fn strings_are_found_by_number() {
        let bytes = shared(&["", "é", "_x000D_", "", "last"]);
        let strings = read(Records::new(place(), bytes.as_slice()), &Limits::default()).unwrap();
        let found: Vec<_> = (0..6).map(|index| strings.get(index)).collect();
        let wanted = [
            Some(""),
            Some("é"),
            Some("_x000D_"),
            Some(""),
            Some("last"),
            None,
        ];
        assert_eq!(found, wanted);
        assert_eq!(strings.get(u32::MAX), None);
        assert_eq!(SharedStrings::default().get(0), None);
    }

    #[test]
    fn a_string_longer_than_its_record_is_broken() {
        let bytes = record(id::SHARED_STRING, &[0, 2, 0, 0, 0, 65, 0]);
        let error = read(Records::new(place(), bytes.as_slice()), &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
    }
}
