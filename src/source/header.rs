//! Finds the titles of a sheet's columns, and with them the first row of data.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use super::first_rows::{FirstRows, Reasons, TitleCell};
use super::select::Selected;
use super::workbook::{Content, Flow, SheetVisitor, Workbook, broken, over_limit};
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS};
use crate::model::cell::FormatId;
use crate::model::limits::{Limit, Limits};
use crate::model::number_format::NumberFormat;
use crate::model::selection::{HeaderRows, Hidden, MergedCells, ReadOptions};
use crate::model::sheet::{DateSystem, Header, Titled};

/// A number as its format displays it, for titles that are years or dates.
pub type DisplayNumber = fn(f64, &NumberFormat, DateSystem) -> String;

/// How many rows are looked at for one that looks like titles.
const ROWS_LOOKED_AT: usize = 100;

/// What the start of a sheet tells.
#[derive(Debug)]
pub(super) struct SheetStart {
    pub(super) header: Header,
    /// The rows of the titles, first and last.
    pub(super) title_rows: Option<(u32, u32)>,
    /// In a file of rejected rows, the column that says why they were rejected. Its cells are no data.
    pub(super) reason_column: Option<u32>,
    pub(super) hidden_columns: Vec<(u32, u32)>,
    pub(super) dimension: Option<CellRange>,
}

/// Reads the start of a sheet, as far as the titles reach.
///
/// # Errors
/// `SheetEmpty` when there are no titles where they shall be; what is wrong with the file.
pub(super) fn read_start(
    path: &Path,
    workbook: &mut dyn Workbook,
    selected: &Selected,
    options: &ReadOptions,
    display: DisplayNumber,
) -> Result<SheetStart> {
    let name = workbook.sheets()[selected.sheet].name.clone();
    let place = Place {
        path,
        sheet: &name,
        limits: &options.limits,
    };
    let date_system = workbook.date_system();
    let formats = workbook.formats().to_vec();
    let mut peek = Peek {
        range: selected.range,
        wanted: selected.header,
        hidden: options.hidden,
        title: &|value, format: FormatId| {
            let format = formats.get(usize::from(format.0));
            let general = NumberFormat::general();
            display(value, format.unwrap_or(&general), date_system)
        },
        hidden_rows: HashSet::new(),
        hidden_columns: Vec::new(),
        dimension: None,
        rows: BTreeMap::new(),
        text_bytes: 0,
        place,
    };
    workbook.read_sheet(selected.sheet, &mut peek)?;
    let Peek {
        rows,
        hidden_columns,
        dimension,
        ..
    } = peek;
    let reasons = Reasons::find(&rows);
    let Some(titles) = title_rows(&rows, selected.header, reasons) else {
        return Err(no_titles(path, &name, selected));
    };
    let is_filled = matches!(titles, Titles::Rows(first, last) if first < last)
        || options.merged == MergedCells::Fill;
    let merged = if is_filled {
        workbook.merged_ranges(selected.sheet)?
    } else {
        Vec::new()
    };
    let mut header = titles
        .header(
            &rows,
            &merged,
            selected.range,
            options.limits.row_text_bytes,
        )
        .ok_or_else(|| place.too_much_text())?;
    if let Some(reasons) = reasons {
        reasons.leave_out(&mut header);
    }
    if header.titled == Titled::Yes && header.titles.iter().all(String::is_empty) {
        return Err(no_titles(path, &name, selected));
    }
    Ok(SheetStart {
        header,
        title_rows: match titles {
            Titles::Rows(first, last) => Some((first, last)),
            Titles::NoneFrom(_) => None,
        },
        reason_column: reasons.map(|reasons| reasons.column),
        hidden_columns,
        dimension,
    })
}

/// Keeps the first rows.
struct Peek<'a> {
    range: Option<CellRange>,
    wanted: HeaderRows,
    hidden: Hidden,
    title: &'a dyn Fn(f64, FormatId) -> String,
    hidden_rows: HashSet<u32>,
    hidden_columns: Vec<(u32, u32)>,
    dimension: Option<CellRange>,
    rows: FirstRows,
    /// Of all texts in the rows.
    text_bytes: u64,
    place: Place<'a>,
}

/// A sheet, for errors.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a Path,
    sheet: &'a str,
    limits: &'a Limits,
}

impl Place<'_> {
    fn too_much_text(&self) -> Error {
        let place = format!("its sheet {:?}", self.sheet);
        let limit = Limit::RowText;
        over_limit(self.path, &place, limit, limit.of(self.limits)).in_sheet(self.sheet)
    }

    fn crowded(&self, row: u32) -> Error {
        let row = u64::from(row) + 1;
        let how = format!("its row {row} has more cells than a sheet has columns");
        broken(self.path, &how).in_sheet(self.sheet)
    }
}

impl Peek<'_> {
    /// Whether a row is beyond all that are looked at.
    fn has_enough(&self, row: u32) -> bool {
        let mut rows = self.rows.iter();
        if let Some((_, [cell])) = rows.next().map(|(row, cells)| (row, cells.as_slice()))
            && cell.is_reason()
        {
            // The sheet that the rows come from has no titles: the next row says how wide it is.
            return rows.next().is_some_and(|(first, _)| row > *first);
        }
        match self.wanted {
            HeaderRows::Rows { last, .. } => row > last,
            HeaderRows::FirstFilled | HeaderRows::None => {
                self.rows.keys().next().is_some_and(|first| row > *first)
            }
            HeaderRows::Auto => self.rows.len() >= ROWS_LOOKED_AT && !self.rows.contains_key(&row),
        }
    }

    /// Whether a row is not among those that shall hold the titles. The first filled one may be of a file of rejected
    /// rows.
    fn is_above_titles(&self, row: u32) -> bool {
        let is_first = self.rows.keys().next().is_none_or(|first| row == *first);
        !is_first && matches!(self.wanted, HeaderRows::Rows { first, .. } if row < first)
    }
}

impl SheetVisitor for Peek<'_> {
    fn dimension(&mut self, range: CellRange) {
        self.dimension = Some(range);
    }

    fn hidden_columns(&mut self, first: u32, last: u32) {
        // Those of a real sheet do not overlap.
        if self.hidden_columns.len() < MAX_COLUMNS as usize {
            self.hidden_columns.push((first, last));
        }
    }

    fn hidden_row(&mut self, row: u32) -> Flow {
        if self.has_enough(row) {
            return Ok(ControlFlow::Break(()));
        }
        self.hidden_rows.insert(row);
        Ok(ControlFlow::Continue(()))
    }

    fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow {
        if self.range.is_some_and(|range| !range.contains(at)) {
            let below = self.range.is_some_and(|range| at.row > range.last.row);
            return Ok(if below {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            });
        }
        let is_named = matches!(self.wanted, HeaderRows::Rows { .. });
        if self.hidden == Hidden::Skip && !is_named && self.hidden_rows.contains(&at.row) {
            return Ok(ControlFlow::Continue(()));
        }
        if self.has_enough(at.row) {
            return Ok(ControlFlow::Break(()));
        }
        if self.is_above_titles(at.row) {
            return Ok(ControlFlow::Continue(()));
        }
        let text = match content {
            Content::Bool(true) => "TRUE".to_owned(),
            Content::Bool(false) => "FALSE".to_owned(),
            Content::Number(value) => (self.title)(value, format),
            Content::Text(text) | Content::Iso(text) | Content::Digits(text) => text.to_owned(),
            Content::Shared(shared) => shared.text().to_owned(),
            Content::Error(error) => error.to_string(),
            Content::Uncached => String::new(),
        };
        self.text_bytes = self.text_bytes.saturating_add(text.len() as u64);
        if self.text_bytes > self.place.limits.row_text_bytes {
            return Err(self.place.too_much_text());
        }
        let cells = self.rows.entry(at.row).or_default();
        if cells.len() >= MAX_COLUMNS as usize {
            return Err(self.place.crowded(at.row));
        }
        let cell = TitleCell {
            column: at.column,
            text,
            is_text: matches!(content, Content::Text(_) | Content::Shared(_)),
        };
        match cells.last_mut() {
            // Of two values of one cell the later counts, as in the rows below.
            Some(last) if last.column == at.column => *last = cell,
            _ => cells.push(cell),
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Where the titles are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Titles {
    Rows(u32, u32),
    NoneFrom(u32),
}

/// Decides where the titles are; `None` when there is no filled cell to decide by.
fn title_rows(rows: &FirstRows, wanted: HeaderRows, reasons: Option<Reasons>) -> Option<Titles> {
    let first = *rows.keys().next()?;
    match reasons {
        Some(Reasons {
            titled: Titled::No, ..
        }) => return rows.keys().nth(1).map(|row| Titles::NoneFrom(*row)),
        Some(Reasons { row, .. }) if wanted != HeaderRows::None => {
            return Some(Titles::Rows(row, row));
        }
        _ => {}
    }
    Some(match wanted {
        HeaderRows::None => Titles::NoneFrom(first),
        HeaderRows::FirstFilled => Titles::Rows(first, first),
        HeaderRows::Rows { first, last } => Titles::Rows(first, last),
        HeaderRows::Auto => {
            let found = looks_like_titles(rows).unwrap_or(first);
            Titles::Rows(found, found)
        }
    })
}

/// The first row of different texts that reaches over most of the table's columns and has a row below it.
fn looks_like_titles(rows: &FirstRows) -> Option<u32> {
    let widest = rows.values().map(Vec::len).max()?;
    let last = *rows.keys().next_back()?;
    let mut candidates = rows.iter().filter(|(row, cells)| {
        let distinct: HashSet<&str> = cells.iter().map(|cell| cell.text.trim()).collect();
        **row < last
            && cells.len() * 3 >= widest * 2
            && distinct.len() == cells.len()
            && cells.iter().all(|cell| cell.is_text)
    });
    candidates.next().map(|(row, _)| *row)
}

impl Titles {
    /// The header; `None` for titles of more than `most` bytes, which merged cells repeat.
    fn header(
        self,
        rows: &FirstRows,
        merged: &[CellRange],
        range: Option<CellRange>,
        most: u64,
    ) -> Option<Header> {
        let (shown, first_row) = match self {
            Self::Rows(first, last) => (first..=last, last.saturating_add(1)),
            Self::NoneFrom(row) => (row..=row, row),
        };
        let (mut titles, mut bytes) = (BTreeMap::<u32, String>::new(), 0_u64);
        let merged = merged.iter().rev();
        let merged = merged.filter(|merged| shown.contains(&merged.first.row));
        let covering: HashMap<CellAddress, u32> = merged
            .map(|merged| (merged.first, merged.last.column))
            .collect();
        for (row, cells) in rows.range(shown) {
            for cell in cells {
                let at = CellAddress {
                    row: *row,
                    column: cell.column,
                };
                let last = covering.get(&at).copied().unwrap_or(cell.column);
                let columns = u64::from(last.saturating_sub(cell.column)) + 1;
                bytes = bytes.saturating_add(columns.saturating_mul(cell.text.len() as u64));
                if bytes > most {
                    return None;
                }
                for column in cell.column..=last {
                    let title = titles.entry(column).or_default();
                    if !title.is_empty() && !cell.text.is_empty() {
                        title.push(' ');
                    }
                    title.push_str(&cell.text);
                }
            }
        }
        let mut first_column = titles.keys().next().copied().unwrap_or_default();
        let mut last_column = titles.keys().next_back().copied().unwrap_or_default();
        if let Some(range) = range {
            first_column = range.first.column;
            // Whole rows are as wide as their titles.
            if range.last.column + 1 < MAX_COLUMNS {
                last_column = range.last.column;
            }
        }
        let mut header = Header {
            first_row,
            first_column,
            titles: vec![String::new()],
            titled: Titled::No,
        };
        header.widen(first_column, last_column);
        if matches!(self, Self::Rows(..)) {
            header.titled = Titled::Yes;
            for (column, title) in titles {
                let index = column.checked_sub(first_column).map(|index| index as usize);
                if let Some(place) = index.and_then(|index| header.titles.get_mut(index)) {
                    *place = title;
                }
            }
        }
        Some(header)
    }
}

fn no_titles(path: &Path, sheet: &str, selected: &Selected) -> Error {
    let place = match (selected.header, selected.range) {
        (HeaderRows::Rows { first, last }, Some(range))
            if first < range.first.row || last > range.last.row =>
        {
            format!("has its row of titles outside of {range}")
        }
        (HeaderRows::Rows { first, last }, _) if first == last => {
            format!("has no title in row {}", first + 1)
        }
        (HeaderRows::Rows { first, last }, _) => {
            format!("has no title in rows {} to {}", first + 1, last + 1)
        }
        (_, Some(range)) => format!("has no filled cell in {range}"),
        _ => "has no filled cell".to_owned(),
    };
    let next_step = match (selected.header, selected.range) {
        (HeaderRows::Rows { .. }, _) => "Name the row of the titles with --header-row",
        (_, Some(_)) => "Name other cells with --range",
        _ => "Name another sheet with --sheet",
    };
    Error::new(
        ErrorKind::SheetEmpty,
        format!("sheet \"{sheet}\" of {} {place}", path.display()),
    )
    .in_file(path)
    .in_sheet(sheet)
    .next_step(next_step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rejected_row::REASON_TITLE;

    /// Rows of texts from row 2, column B.
    fn rows(rows: &[&[&str]]) -> FirstRows {
        let cells = |texts: &[&str]| {
            let filled = (1..).zip(texts).filter(|(_, text)| !text.is_empty());
            let cell = |(column, text): (u32, &&str)| TitleCell {
                column,
                text: (*text).to_owned(),
                is_text: true,
            };
            filled.map(cell).collect()
        };
        (1..).zip(rows.iter().map(|row| cells(row))).collect()
    }

    /// The titles that are left, whether there are any, and the first row of data.
    fn header(texts: &[&[&str]], wanted: HeaderRows) -> (Vec<String>, Titled, u32) {
        let rows = rows(texts);
        let reasons = Reasons::find(&rows);
        let titles = title_rows(&rows, wanted, reasons).unwrap();
        let mut header = titles.header(&rows, &[], None, u64::MAX).unwrap();
        if let Some(reasons) = reasons {
            reasons.leave_out(&mut header);
        }
        (header.titles, header.titled, header.first_row)
    }

    #[test]
    fn the_title_of_reasons_is_none_where_it_is_the_last() {
        let texts: &[&[&str]] = &[&["a", "", "b", REASON_TITLE], &["1", "", "2", "why"]];
        let left = vec!["a".to_owned(), String::new(), "b".to_owned()];
        for wanted in [
            HeaderRows::FirstFilled,
            HeaderRows::Auto,
            HeaderRows::Rows { first: 7, last: 8 },
        ] {
            assert_eq!(header(texts, wanted), (left.clone(), Titled::Yes, 2));
        }
        let untitled = header(texts, HeaderRows::None);
        assert_eq!(untitled, (vec![String::new(); 3], Titled::No, 1));
    }

    #[test]
    fn a_column_of_that_title_elsewhere_is_one_like_any_other() {
        let almost = format!("{REASON_TITLE} ");
        for texts in [&["a", REASON_TITLE, "b"][..], &["a", &almost]] {
            let (titles, ..) = header(&[texts], HeaderRows::FirstFilled);
            assert_eq!(titles, texts);
        }
        let (titles, ..) = header(
            &[&["a", "b"], &["a", REASON_TITLE]],
            HeaderRows::FirstFilled,
        );
        assert_eq!(titles, ["a", "b"]);
    }

    #[test]
    fn rejected_rows_of_a_sheet_without_titles_have_none() {
        let texts: &[&[&str]] = &[&["", "", REASON_TITLE], &["1", "2", "why"]];
        for wanted in [HeaderRows::None, HeaderRows::FirstFilled] {
            let (titles, titled, first_row) = header(texts, wanted);
            assert_eq!(titles, ["", ""]);
            assert_eq!((titled, first_row), (Titled::No, 2));
        }
        let alone = rows(&[&[REASON_TITLE]]);
        assert_eq!(
            title_rows(&alone, HeaderRows::None, Reasons::find(&alone)),
            None
        );
    }
}
