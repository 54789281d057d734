//! Tables ([MS-XLSB] 2.1.7.51).

use std::io::BufRead;

use super::fields::{Fields, TooShort};
use super::record::{Records, id};
use crate::error::Result;
use crate::model::sheet::SheetTable;

/// Reads a table part of the sheet at this place; `None` when it has no table that a sheet can have.
///
/// # Errors
/// `WorkbookBroken`.
pub(super) fn read(
    mut records: Records<'_, impl BufRead>,
    sheet: usize,
) -> Result<Option<SheetTable>> {
    let place = records.place();
    let Some(record) = records.next(|id| id == id::TABLE)? else {
        return Ok(None);
    };
    table(Fields::new(record.payload), sheet).map_err(|fault| place.too_short(fault))
}

/// `BrtBeginList` ([MS-XLSB] 2.4.100).
fn table(mut fields: Fields<'_>, sheet: usize) -> Result<Option<SheetTable>, TooShort> {
    /// Flags, formats of its regions, and its connection.
    const UNREAD_BYTES: usize = 4 + 6 * 4 + 4;
    let range = fields.rectangle()?.range();
    let (_kind, _id) = (fields.u32()?, fields.u32()?);
    let (header, totals) = (fields.u32()?, fields.u32()?);
    fields.bytes(UNREAD_BYTES)?;
    let name = fields.nullable_text()?;
    let display_name = fields.nullable_text()?;
    let name = display_name.filter(|name| !name.is_empty()).or(name);
    Ok(range.zip(name).map(|(range, name)| SheetTable {
        name,
        sheet,
        range,
        header_rows: header.min(1),
        totals_rows: totals.min(1),
    }))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::source::xlsb::fields::tests::wide;
    use crate::source::xlsb::record::tests::{place, record};

    pub(in crate::source::xlsb) fn part(numbers: [u32; 8], names: &[u8]) -> Vec<u8> {
        let mut payload: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        payload.extend([0xFF; 32]);
        payload.extend(names);
        record(id::TABLE, &payload)
    }

    fn read_part(bytes: &[u8]) -> Result<Option<SheetTable>> {
        read(Records::new(place(), bytes), 3)
    }

    #[test]
    fn a_table_has_its_range_and_its_special_rows() {
        let names = [wide("Table1"), wide("Prices")].concat();
        let bytes = part([2, 9, 1, 4, 0, 1, 1, 1], &names);
        let table = read_part(&bytes).unwrap().unwrap();
        assert_eq!((table.name.as_str(), table.sheet), ("Prices", 3));
        assert_eq!(table.range.to_string(), "B3:E10");
        assert_eq!((table.header_rows, table.totals_rows), (1, 1));
        let names = [wide("Table1"), vec![0xFF; 4]].concat();
        let table = read_part(&part([0, 1, 0, 0, 0, 1, 0, 0], &names)).unwrap();
        let table = table.unwrap();
        assert_eq!(table.name, "Table1");
        assert_eq!((table.header_rows, table.totals_rows), (0, 0));
    }

    #[test]
    fn what_is_no_table_is_left_out() {
        assert_eq!(read_part(&record(1, &[])).unwrap(), None);
        let outside = part([9, 2, 0, 0, 0, 1, 1, 0], &[wide("A"), wide("A")].concat());
        assert_eq!(read_part(&outside).unwrap(), None);
        assert!(read_part(&part([0; 8], &[1, 0, 0, 0])).is_err());
    }
}
