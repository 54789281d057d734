//! Which sheets of a workbook are read, and which of their cells.

use std::path::Path;

use super::workbook::Workbook;
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::CellRange;
use crate::model::selection::{Area, HeaderRows, Hidden, ReadOptions, SheetChoice, SheetPattern};
use crate::model::sheet::{SheetEntry, SheetKind, Visibility};

/// A part of one sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    /// The sheet's place in the workbook's list.
    pub(super) sheet: usize,
    /// The cells, if not all that are filled.
    pub(super) range: Option<CellRange>,
    /// Which rows of them hold titles.
    pub(super) header: HeaderRows,
}

/// What is read, and the worksheets that are not because they are hidden.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) selected: Vec<Selected>,
    pub(super) hidden: Vec<String>,
}

/// Finds what the options name.
///
/// # Errors
/// `SheetNotFound`, whose next step lists what there is; what is wrong with the file.
pub(super) fn select(
    path: &Path,
    workbook: &mut dyn Workbook,
    options: &ReadOptions,
) -> Result<Selection> {
    if let Area::Named(name) = &options.area {
        let part = named_part(path, workbook, name, options)?;
        return Ok(Selection {
            selected: vec![part],
            hidden: Vec::new(),
        });
    }
    let entries = workbook.sheets();
    let range = match options.area {
        Area::Range(range) => Some(range),
        _ => None,
    };
    let (sheets, hidden) = choose_sheets(path, entries, &options.sheets, options.hidden)?;
    let selected = sheets.into_iter().map(|sheet| Selected {
        sheet,
        range,
        header: options.header,
    });
    Ok(Selection {
        selected: selected.collect(),
        hidden,
    })
}

/// The worksheets that the choice names, by their places in the list, and the names of those left out as hidden.
fn choose_sheets(
    path: &Path,
    entries: &[SheetEntry],
    choice: &SheetChoice,
    hidden: Hidden,
) -> Result<(Vec<usize>, Vec<String>)> {
    let worksheets: Vec<usize> = (0..entries.len())
        .filter(|index| {
            // One that is missing is an error to whoever needs it, and never as if it were not in the list.
            let kind = entries[*index].kind;
            matches!(kind, SheetKind::Worksheet | SheetKind::Missing)
        })
        .collect();
    let is_visible = |index: &usize| entries[*index].visibility == Visibility::Visible;
    let names = |indexes: &[usize]| -> Vec<String> {
        let names = indexes.iter().map(|index| entries[*index].name.clone());
        names.collect()
    };
    let unnamed = |indexes: Vec<usize>| -> (Vec<usize>, Vec<usize>) {
        indexes
            .into_iter()
            .partition(|index| hidden == Hidden::Load || is_visible(index))
    };
    let (chosen, left_out) = match choice {
        SheetChoice::FirstVisible => {
            let first = worksheets.iter().copied().find(is_visible);
            let others = worksheets.iter().copied();
            (
                first.into_iter().collect(),
                others.filter(|index| !is_visible(index)).collect(),
            )
        }
        SheetChoice::All => unnamed(worksheets.clone()),
        SheetChoice::Matching(patterns) => {
            let (mut chosen, mut left_out) = (Vec::new(), Vec::new());
            for pattern in patterns {
                let mut is_hidden = false;
                let found = match find_one(entries, &worksheets, pattern) {
                    Some(index) => vec![index],
                    None => {
                        let (found, hidden) = unnamed(matching(entries, &worksheets, pattern));
                        is_hidden = !hidden.is_empty();
                        left_out.extend(hidden);
                        found
                    }
                };
                if found.is_empty() && !is_hidden {
                    return Err(not_found(
                        path,
                        entries,
                        pattern.as_str(),
                        &names(&worksheets),
                    ));
                }
                chosen.extend(found);
            }
            chosen.sort_unstable();
            chosen.dedup();
            left_out.sort_unstable();
            left_out.dedup();
            left_out.retain(|index| !chosen.contains(index));
            (chosen, left_out)
        }
    };
    if chosen.is_empty() {
        return Err(none_visible(path, choice, &names(&worksheets)));
    }
    Ok((chosen, names(&left_out)))
}

/// The one sheet that a name or a place means. Names have no case (ECMA-376 Part 1, §18.2.19), so that a name in
/// another case is found when no sheet has the very one.
fn find_one(entries: &[SheetEntry], worksheets: &[usize], pattern: &SheetPattern) -> Option<usize> {
    let wanted = pattern.as_str();
    let by = |matches: &dyn Fn(&str) -> bool| {
        let mut found = worksheets.iter().copied();
        found.find(|index| matches(&entries[*index].name))
    };
    by(&|name| name == wanted)
        .or_else(|| by(&|name| name.to_lowercase() == wanted.to_lowercase()))
        .or_else(|| {
            let place = pattern.place()?;
            let from_start = match place {
                1.. => usize::try_from(place).ok()?.checked_sub(1),
                0 => None,
                _ => worksheets
                    .len()
                    .checked_sub(usize::try_from(place.unsigned_abs()).ok()?),
            };
            worksheets.get(from_start?).copied()
        })
}

/// The sheets that a glob names.
fn matching(entries: &[SheetEntry], worksheets: &[usize], pattern: &SheetPattern) -> Vec<usize> {
    let options = glob::MatchOptions {
        case_sensitive: false,
        require_literal_separator: false,
        require_literal_leading_dot: false,
    };
    glob::Pattern::new(pattern.as_str()).map_or_else(
        |_not_a_glob| Vec::new(),
        |glob| {
            let matching = worksheets
                .iter()
                .filter(|index| glob.matches_with(&entries[**index].name, options));
            matching.copied().collect()
        },
    )
}

/// A named range or a table, which says itself in which sheet it is.
fn named_part(
    path: &Path,
    workbook: &mut dyn Workbook,
    wanted: &str,
    options: &ReadOptions,
) -> Result<Selected> {
    let same = |name: &str| name.to_lowercase() == wanted.to_lowercase();
    let within = match &options.sheets {
        SheetChoice::FirstVisible | SheetChoice::All => None,
        choice @ SheetChoice::Matching(_) => {
            Some(choose_sheets(path, workbook.sheets(), choice, options.hidden)?.0)
        }
    };
    let allowed = |sheet: usize| within.as_ref().is_none_or(|sheets| sheets.contains(&sheet));
    let tables = workbook.tables()?;
    if let Some(table) = tables.iter().find(|t| same(&t.name) && allowed(t.sheet)) {
        let mut range = table.range;
        // Totals are not rows of the table; they would be added up once more.
        range.last.row = range
            .last
            .row
            .saturating_sub(table.totals_rows)
            .max(range.first.row);
        let header = match (options.header, table.header_rows) {
            (HeaderRows::FirstFilled, 0) => HeaderRows::None,
            (HeaderRows::FirstFilled, rows) => HeaderRows::Rows {
                first: range.first.row,
                last: range.first.row.saturating_add(rows - 1).min(range.last.row),
            },
            (asked_for, _) => asked_for,
        };
        return Ok(Selected {
            sheet: table.sheet,
            range: Some(range),
            header,
        });
    }
    let ranges = workbook.named_ranges()?;
    let of_workbook = ranges.iter().filter(|range| range.scope.is_none());
    let of_sheets = ranges.iter().filter(|range| range.scope.is_some());
    let mut candidates = of_workbook.chain(of_sheets);
    if let Some(found) = candidates.find(|range| same(&range.name) && allowed(range.sheet)) {
        return Ok(Selected {
            sheet: found.sheet,
            range: Some(found.range),
            header: options.header,
        });
    }
    let tables = tables.iter().map(|table| table.name.as_str());
    let names: Vec<String> = tables
        .chain(ranges.iter().map(|range| range.name.as_str()))
        .map(|name| format!("\"{name}\""))
        .collect();
    Err(Error::new(
        ErrorKind::SheetNotFound,
        format!(
            "{} has no range or table named \"{wanted}\"",
            path.display()
        ),
    )
    .in_file(path)
    .next_step(if names.is_empty() {
        "It has none at all; name cells as in --range A3:F200".to_owned()
    } else {
        format!("Those there are: {}", listed(&names))
    }))
}

fn not_found(path: &Path, entries: &[SheetEntry], wanted: &str, names: &[String]) -> Error {
    if names.is_empty() {
        return no_worksheet(path);
    }
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let is_listed = entries.iter().any(|entry| entry.name == wanted);
    let how = match is_listed {
        true => format!("sheet \"{wanted}\" of {} is no worksheet", path.display()),
        false => format!("{} has no sheet named \"{wanted}\"", path.display()),
    };
    Error::new(ErrorKind::SheetNotFound, how)
        .in_file(path)
        .in_sheet(wanted)
        .next_step(format!("The sheets there are: {}", listed(&names)))
}

fn none_visible(path: &Path, choice: &SheetChoice, names: &[String]) -> Error {
    if names.is_empty() {
        return no_worksheet(path);
    }
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    Error::new(
        ErrorKind::SheetNotFound,
        match choice {
            SheetChoice::Matching(_) => {
                format!("the sheets of {} that are meant are hidden", path.display())
            }
            _ => format!("{} has no visible worksheet", path.display()),
        },
    )
    .in_file(path)
    .next_step(format!(
        "Say --hidden load, or name one of them with --sheet: {}",
        listed(&names)
    ))
}

fn no_worksheet(path: &Path) -> Error {
    Error::new(
        ErrorKind::SheetNotFound,
        format!("{} has no worksheet", path.display()),
    )
    .in_file(path)
    .next_step("Choose another workbook")
}

/// Names in a row, of which a message holds only so many.
fn listed(names: &[String]) -> String {
    const MOST: usize = 40;
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().checked_sub(MOST) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<SheetEntry> {
        let entry = |name: &str, kind, visibility| SheetEntry {
            name: name.to_owned(),
            kind,
            visibility,
        };
        vec![
            entry("Secret", SheetKind::Worksheet, Visibility::Hidden),
            entry("Chart", SheetKind::Chart, Visibility::Visible),
            entry("Sales 2023", SheetKind::Worksheet, Visibility::Visible),
            entry("Sales 2024", SheetKind::Worksheet, Visibility::Visible),
            entry("3", SheetKind::Worksheet, Visibility::Visible),
            entry("Sales old", SheetKind::Worksheet, Visibility::VeryHidden),
        ]
    }

    fn chosen(patterns: &[&str], hidden: Hidden) -> Result<(Vec<usize>, Vec<String>)> {
        let patterns = patterns.iter().map(|text| text.parse().unwrap()).collect();
        let choice = SheetChoice::Matching(patterns);
        choose_sheets(Path::new("a.xlsx"), &entries(), &choice, hidden)
    }

    #[test]
    fn a_sheet_is_found_by_name_place_or_glob() {
        let default = Hidden::default();
        for (patterns, indexes) in [
            (&["Sales 2024"][..], &[3][..]),
            (&["sales 2024"], &[3]),
            (&["3"], &[4]),
            (&["1"], &[0]),
            (&["2"], &[2]),
            (&["-1"], &[5]),
            (&["-5"], &[0]),
            (&["Sales*"], &[2, 3]),
            (&["sales 202?"], &[2, 3]),
            (&["Sales 202[4-9]"], &[3]),
            (&["-1", "Sales 2023"], &[2, 5]),
            (&["Sales 2023", "Sales*"], &[2, 3]),
            (&["Secret"], &[0]),
        ] {
            assert_eq!(
                chosen(patterns, default).unwrap().0,
                indexes,
                "{patterns:?}"
            );
        }
        assert_eq!(chosen(&["Sales*"], default).unwrap().1, ["Sales old"]);
        assert_eq!(chosen(&["Sales*"], Hidden::Load).unwrap().0, [2, 3, 5]);
        for missing in ["Chart", "0", "6", "-6", "Sale", "[", "Sec*"] {
            let error = chosen(&[missing], default).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SheetNotFound, "{missing}");
            assert!(error.advice().unwrap().contains("\"Sales 2023\""));
        }
    }

    #[test]
    fn all_sheets_are_all_visible_worksheets() {
        let all = |hidden| choose_sheets(Path::new("a"), &entries(), &SheetChoice::All, hidden);
        let (sheets, left_out) = all(Hidden::default()).unwrap();
        assert_eq!(sheets, [2, 3, 4]);
        assert_eq!(left_out, ["Secret", "Sales old"]);
        assert_eq!(all(Hidden::Load).unwrap().0, [0, 2, 3, 4, 5]);
        let first = SheetChoice::FirstVisible;
        let first = choose_sheets(Path::new("a"), &entries(), &first, Hidden::Skip).unwrap();
        assert_eq!(first.0, [2]);
    }
}
