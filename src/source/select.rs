//! Which sheet of a workbook is read.

use std::path::Path;

use calamine::{SheetType, SheetVisible};

use crate::error::{Error, ErrorKind, Result};

/// The sheet asked for, by name, or else the first visible worksheet.
pub(super) fn choose_sheet(
    path: &Path,
    sheets: &[calamine::Sheet],
    wanted: Option<&str>,
) -> Result<String> {
    let worksheets = || {
        sheets
            .iter()
            .filter(|sheet| sheet.typ == SheetType::WorkSheet)
    };
    let found = match wanted {
        Some(name) => worksheets().find(|sheet| sheet.name == name),
        None => worksheets().find(|sheet| sheet.visible == SheetVisible::Visible),
    };
    if let Some(sheet) = found {
        return Ok(sheet.name.clone());
    }
    let names: Vec<String> = worksheets()
        .map(|sheet| format!("\"{}\"", sheet.name))
        .collect();
    let (message, next_step) = match wanted {
        _ if names.is_empty() => (
            format!("{} has no worksheet", path.display()),
            "Choose another workbook".to_owned(),
        ),
        Some(name) => (
            format!("{} has no sheet named \"{name}\"", path.display()),
            format!("The sheets there are: {}", names.join(", ")),
        ),
        None => (
            format!("{} has no visible worksheet", path.display()),
            format!("Name a hidden one with --sheet: {}", names.join(", ")),
        ),
    };
    Err(Error::new(ErrorKind::SheetNotFound, message)
        .in_file(path)
        .in_sheet(wanted.unwrap_or_default())
        .next_step(next_step))
}
