//! Rejected rows as comma-separated values (RFC 4180), in UTF-8.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;

use csv::{Terminator, Writer, WriterBuilder};

use super::json::JsonCells;
use super::lines::Lines;
use super::place::Place;
use super::{Attempt, FIELDS, Format};
use crate::model::reject::Reject;
use crate::model::rejected_row::{Meaning, RejectedRow, RejectedSheet, StoredCell};

/// The title of the column behind the sheet's.
const OTHER_CELLS: &str = "other_cells";
/// The title of the last column.
const OTHER_BAD_CELLS: &str = "other_bad_cells";

/// A file of comma-separated values.
///
/// The columns are what is wrong ([`FIELDS`]), the titles of the first sheet with a rejected row, `other_cells`, and
/// `other_bad_cells`: the cells at fault beside the one that the fields name, each with its reason.
/// A later sheet's cells go under the same titles; those whose titles the first sheet has not are in `other_cells`, as
/// a JSON object by title. So every line has as many fields as the header, whatever the sheets.
///
/// A spreadsheet program takes a text that begins with `=`, `+`, `-`, `@`, a tab or a line break for a formula when it
/// opens such a file. An apostrophe is put before these texts, and no others: it has to go when the text is put back.
pub(super) struct CsvFile {
    lines: Lines,
    /// The sheet's titles.
    titles: Vec<String>,
    /// The columns of the file that hold cells, by title. Empty until the header is written.
    columns: HashMap<String, usize>,
}

impl CsvFile {
    pub(super) fn new(place: Place) -> Self {
        Self {
            lines: Lines::new(place),
            titles: Vec::new(),
            columns: HashMap::new(),
        }
    }

    fn header(&mut self) -> Attempt {
        self.columns = self.titles.iter().cloned().zip(0..).collect();
        let titles = self.titles.iter().map(|title| harmless(title));
        let fields = FIELDS.into_iter().map(Cow::Borrowed);
        let last = [OTHER_CELLS, OTHER_BAD_CELLS].map(Cow::Borrowed);
        let line = line(fields.chain(titles).chain(last))?;
        Ok(self.lines.line(&line)?)
    }
}

impl Format for CsvFile {
    fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Attempt {
        let mut taken = FIELDS.to_vec();
        taken.extend([OTHER_CELLS, OTHER_BAD_CELLS]);
        self.titles = sheet.distinct_titles(&taken);
        Ok(())
    }

    fn row(&mut self, row: &RejectedRow) -> Attempt {
        if self.lines.is_empty() {
            self.header()?;
        }
        let mut cells = vec![Cow::Borrowed(""); self.columns.len()];
        let mut others = Vec::new();
        for (title, cell) in self.titles.iter().zip(&row.cells) {
            let column = self.columns.get(title).copied();
            match column.and_then(|column| cells.get_mut(column)) {
                Some(place) => *place = field(cell),
                None if *cell == StoredCell::Empty => {}
                None => others.push((title.as_str(), cell)),
            }
        }
        let others = match others.as_slice() {
            [] => String::new(),
            others => serde_json::to_string(&JsonCells(others))?,
        };
        let fields = fields(&row.reject)?;
        let last = [others.into(), row.why_beside_first().into()];
        let line = line(fields.into_iter().chain(cells).chain(last))?;
        Ok(self.lines.line(&line)?)
    }

    fn flush(&mut self) -> Attempt {
        Ok(self.lines.flush()?)
    }

    fn keep(&mut self) -> Attempt {
        Ok(self.lines.keep()?)
    }

    fn restart(&mut self) -> Attempt {
        // The next header, if the one there is goes, too, makes them anew.
        Ok(self.lines.restart()?)
    }

    fn finish(self: Box<Self>) -> Attempt<Option<PathBuf>> {
        Ok(self.lines.finish()?)
    }
}

/// What is wrong, in the order of [`FIELDS`].
fn fields(reject: &Reject) -> Attempt<[Cow<'_, str>; FIELDS.len()]> {
    let optional =
        |text: &'_ Option<String>| harmless(text.as_deref().unwrap_or_default()).into_owned();
    let stored = reject.stored.as_deref().unwrap_or_default();
    Ok([
        harmless(&reject.sheet),
        reject.row.to_string().into(),
        harmless(&reject.cell),
        optional(&reject.column).into(),
        // A number is no formula, whatever its sign.
        match stored.parse::<f64>() {
            Ok(_) => stored.into(),
            Err(_) => harmless(stored),
        },
        optional(&reject.expected).into(),
        reject.sqlstate.as_str().into(),
        name(reject)?.into(),
        harmless(&reject.message),
    ])
}

/// The reason's name, as in JSON.
fn name(reject: &Reject) -> Attempt<String> {
    let name = serde_json::to_value(reject.reason)?;
    Ok(name.as_str().unwrap_or_default().to_owned())
}

fn field(cell: &StoredCell) -> Cow<'_, str> {
    match cell {
        StoredCell::Empty => "".into(),
        StoredCell::Text(text) => harmless(text),
        StoredCell::Bool(true) => "TRUE".into(),
        StoredCell::Bool(false) => "FALSE".into(),
        StoredCell::Error(error) => error.name().into(),
        StoredCell::Number(number) => match number.meaning {
            Meaning::Number => number.shown.as_str().into(),
            Meaning::Text => harmless(&number.shown),
        },
    }
}

/// The text as one that no spreadsheet program takes for a formula. The wide forms are those of Chinese, Japanese and
/// Korean keyboards.
fn harmless(text: &str) -> Cow<'_, str> {
    const STARTS: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}',
    ];
    if text.starts_with(STARTS) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

fn line<'a>(fields: impl Iterator<Item = Cow<'a, str>>) -> Attempt<Vec<u8>> {
    let mut writer: Writer<Vec<u8>> = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(fields.map(|field| field.into_owned().into_bytes()))?;
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}
