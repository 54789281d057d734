//! Which of a sheet's columns goes into which of the table's, where the sheet has no titles.

use super::mapping::{MappedColumn, Mismatch};
use crate::model::column::TableColumn;
use crate::model::sheet::Header;

/// Joins the sheet's first column to the table's first that can be written, the second to the second, and so on.
///
/// # Errors
/// The table's columns that must have a value and get none.
pub fn match_positions(
    header: &Header,
    table: &[TableColumn],
) -> Result<Vec<MappedColumn>, Vec<Mismatch>> {
    let written = table.iter().filter(|column| !column.generated);
    let (mut mapped, mut mismatches) = (Vec::new(), Vec::new());
    for (source, column) in written.enumerate() {
        if source < header.width() {
            mapped.push(MappedColumn {
                source,
                target: column.column.clone(),
            });
        } else if column.column.not_null && !column.has_default {
            mismatches.push(Mismatch::Required {
                column: column.column.name.clone(),
            });
        }
    }
    if mismatches.is_empty() {
        Ok(mapped)
    } else {
        Err(mismatches)
    }
}
