//! Rejected rows as JSON, one object a line: what is wrong, and under `values` the cells by their titles.

use std::path::PathBuf;

use serde::Serialize;

use super::json::JsonCells;
use super::lines::Lines;
use super::place::Place;
use super::{Attempt, Format};
use crate::model::reject::Reject;
use crate::model::rejected_row::{RejectedRow, RejectedSheet, StoredCell};

/// A file of JSON lines.
///
/// The keys of `values` are the sheet's titles. A column without title is `column C`, and the second of the same title
/// has its letters behind it: `Price (D)`. Numbers are numbers; dates, times and what has zeros in front are texts, as
/// they are shown; an empty cell is null.
pub(super) struct JsonlFile {
    lines: Lines,
    titles: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    reject: &'a Reject,
    values: JsonCells<'a>,
}

impl JsonlFile {
    pub(super) fn new(place: Place) -> Self {
        Self {
            lines: Lines::new(place),
            titles: Vec::new(),
        }
    }
}

impl Format for JsonlFile {
    fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Attempt {
        self.titles = sheet.distinct_titles(&[]);
        Ok(())
    }

    fn row(&mut self, row: &RejectedRow) -> Attempt {
        let titles = self.titles.iter().map(String::as_str);
        let cells: Vec<(&str, &StoredCell)> = titles.zip(&row.cells).collect();
        let mut line = serde_json::to_vec(&Line {
            reject: &row.reject,
            values: JsonCells(&cells),
        })?;
        line.push(b'\n');
        Ok(self.lines.line(&line)?)
    }

    fn flush(&mut self) -> Attempt {
        Ok(self.lines.flush()?)
    }

    fn keep(&mut self) -> Attempt {
        Ok(self.lines.keep()?)
    }

    fn restart(&mut self) -> Attempt {
        Ok(self.lines.restart()?)
    }

    fn finish(self: Box<Self>) -> Attempt<Option<PathBuf>> {
        Ok(self.lines.finish()?)
    }
}
