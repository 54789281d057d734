//! The fields of a record: numbers, texts, rectangles ([MS-XLSB] 2.5).

use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS, MAX_ROWS};
use crate::source::fidelity::Fidelity;

/// A record has fewer bytes than its fields need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooShort;

/// The fields of a record that are not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'r>(&'r [u8]);

impl<'r> Fields<'r> {
    /// All fields of a record.
    pub(super) fn new(payload: &'r [u8]) -> Self {
        Self(payload)
    }

    /// The next bytes as they are.
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'r [u8], TooShort> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(TooShort)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TooShort> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(TooShort)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// A byte.
    pub(super) fn u8(&mut self) -> Result<u8, TooShort> {
        self.array().map(u8::from_le_bytes)
    }

    /// A number of 16 bits.
    pub(super) fn u16(&mut self) -> Result<u16, TooShort> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number of 32 bits.
    pub(super) fn u32(&mut self) -> Result<u32, TooShort> {
        self.array().map(u32::from_le_bytes)
    }

    /// An `Xnum` ([MS-XLSB] 2.5.172).
    pub(super) fn f64(&mut self) -> Result<f64, TooShort> {
        self.array().map(f64::from_le_bytes)
    }

    /// An `RkNumber` ([MS-XLSB] 2.5.123): 30 bits of a whole number or the upper 30 bits of any, perhaps a hundredfold.
    pub(super) fn rk(&mut self) -> Result<f64, TooShort> {
        const HUNDREDFOLD: u32 = 1;
        const WHOLE: u32 = 2;
        let bits = self.u32()?;
        let number = if bits & WHOLE != 0 {
            f64::from(bits.cast_signed() >> 2)
        } else {
            f64::from_bits(u64::from(bits & !(HUNDREDFOLD | WHOLE)) << 32)
        };
        Ok(if bits & HUNDREDFOLD != 0 {
            number / 100.0
        } else {
            number
        })
    }

    /// The UTF-16 bytes of an `XLWideString` ([MS-XLSB] 2.5.169). Nothing in it is escaped.
    pub(super) fn wide(&mut self) -> Result<&'r [u8], TooShort> {
        let characters = usize::try_from(self.u32()?).map_err(|_| TooShort)?;
        self.bytes(characters.checked_mul(2).ok_or(TooShort)?)
    }

    /// An `XLWideString` as a text.
    pub(super) fn text(&mut self) -> Result<String, TooShort> {
        let mut text = String::new();
        let _of_a_name = append_utf16(self.wide()?, &mut text);
        Ok(text)
    }

    /// An `XLNullableWideString` ([MS-XLSB] 2.5).
    pub(super) fn nullable_text(&mut self) -> Result<Option<String>, TooShort> {
        const NULL: [u8; 4] = [0xFF; 4];
        if let Some(rest) = self.0.strip_prefix(&NULL) {
            self.0 = rest;
            return Ok(None);
        }
        self.text().map(Some)
    }

    /// The UTF-16 bytes of a `RichStr` ([MS-XLSB] 2.5); its runs and its phonetic reading stay where they are.
    pub(super) fn rich(&mut self) -> Result<&'r [u8], TooShort> {
        let _has_runs_or_phonetics = self.u8()?;
        self.wide()
    }

    /// An `UncheckedRfX` ([MS-XLSB] 2.5.154): four numbers.
    pub(super) fn rectangle(&mut self) -> Result<Rectangle, TooShort> {
        Ok(Rectangle {
            rows: (self.u32()?, self.u32()?),
            columns: (self.u32()?, self.u32()?),
        })
    }
}

/// Rows and columns by a file's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rectangle {
    /// First and last, from 0.
    pub(super) rows: (u32, u32),
    /// First and last, from 0.
    pub(super) columns: (u32, u32),
}

impl Rectangle {
    /// The cells, if a sheet has them.
    pub(super) fn range(self) -> Option<CellRange> {
        let is_within = self.rows.0 <= self.rows.1
            && self.columns.0 <= self.columns.1
            && self.rows.1 < MAX_ROWS
            && self.columns.1 < MAX_COLUMNS;
        is_within.then_some(CellRange {
            first: CellAddress {
                row: self.rows.0,
                column: self.columns.0,
            },
            last: CellAddress {
                row: self.rows.1,
                column: self.columns.1,
            },
        })
    }
}

/// Appends UTF-16 bytes to a text. Half a surrogate pair becomes U+FFFD.
pub(super) fn append_utf16(bytes: &[u8], text: &mut String) -> Fidelity {
    let units = bytes.chunks_exact(2).map(|unit| match unit {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    text.reserve(bytes.len() / 2);
    let mut fidelity = Fidelity::Exact;
    text.extend(char::decode_utf16(units).map(|decoded| {
        decoded.unwrap_or_else(|_half| {
            fidelity = Fidelity::Replaced;
            char::REPLACEMENT_CHARACTER
        })
    }));
    fidelity
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes of an `XLWideString`.
    pub(in crate::source::xlsb) fn wide(text: &str) -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut bytes = u32::try_from(units.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes
    }

    #[test]
    fn rk_numbers_are_whole_or_not_and_perhaps_a_hundredfold() {
        // Worked out by hand from the layout: 1.0 is 0x3FF00000 in its upper half.
        for (bits, number) in [
            (0x3FF0_0000_u32, 1.0),
            (0x3FF0_0001, 0.01),
            (0b1_1010, 6.0),
            (0b1_1011, 0.06),
            (0xFFFF_FFFE, -1.0),
            (0xFFFF_FFFF, -0.01),
            (0x8000_0002, -536_870_912.0),
            (0x7FFF_FFFE, 536_870_911.0),
            (0, 0.0),
            (0xC008_0000, -3.0),
        ] {
            let bytes = bits.to_le_bytes();
            assert_eq!(Fields::new(&bytes).rk(), Ok(number), "{bits:#x}");
        }
    }

    #[test]
    fn texts_keep_escapes_and_lose_only_half_surrogates() {
        let bytes = wide("_x0041_ é 😀");
        assert_eq!(Fields::new(&bytes).text().unwrap(), "_x0041_ é 😀");
        let lone = [2, 0, 0, 0, 0x3D, 0xD8, b'a', 0];
        assert_eq!(Fields::new(&lone).text().unwrap(), "\u{FFFD}a");
        assert_eq!(Fields::new(&lone[..7]).text(), Err(TooShort));
        let lie = [0xFE, 0xFF, 0xFF, 0xFF, 0, 0];
        assert_eq!(Fields::new(&lie).text(), Err(TooShort));
        assert_eq!(Fields::new(&[0xFF; 4]).nullable_text(), Ok(None));
        assert_eq!(Fields::new(&[0xFF; 4]).text(), Err(TooShort));
        let rich = [&[3_u8], wide("ab").as_slice(), &[1, 0, 0, 0, 9, 9, 9, 9]].concat();
        assert_eq!(Fields::new(&rich).rich(), Ok(b"a\0b\0".as_slice()));
    }

    #[test]
    fn rectangles_that_no_sheet_has_are_none() {
        let rectangle = |rows, columns| Rectangle { rows, columns }.range();
        let range = rectangle((2, 3), (0, 16_383)).unwrap();
        assert_eq!(range.to_string(), "A3:XFD4");
        for (rows, columns) in [
            ((3, 2), (0, 0)),
            ((0, 0), (1, 0)),
            ((0, MAX_ROWS), (0, 0)),
            ((0, 0), (0, MAX_COLUMNS)),
            ((u32::MAX, u32::MAX), (u32::MAX, u32::MAX)),
        ] {
            assert_eq!(rectangle(rows, columns), None);
        }
    }

    proptest! {
        #[test]
        fn a_text_survives(text: String) {
            prop_assert_eq!(Fields::new(&wide(&text)).text(), Ok(text));
        }
    }
}
