//! The first rows of a sheet, among which the titles are, and the column of a file of rejected rows that is none of theirs.

use std::collections::BTreeMap;

use crate::model::rejected_row::REASON_TITLE;
use crate::model::sheet::{Header, Titled};

/// A filled cell of the first rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TitleCell {
    pub(super) column: u32,
    pub(super) text: String,
    pub(super) is_text: bool,
}

impl TitleCell {
    pub(super) fn is_reason(&self) -> bool {
        self.is_text && self.text == REASON_TITLE
    }
}

/// The filled cells of the first rows, by row.
pub(super) type FirstRows = BTreeMap<u32, Vec<TitleCell>>;

/// Where a file of rejected rows says why they were rejected. The file has one row of titles whatever the options for
/// the sheet that the rows come from were, so that it can be loaded with the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reasons {
    pub(super) row: u32,
    pub(super) column: u32,
    /// Whether the sheet that the rows come from had titles.
    pub(super) titled: Titled,
}

impl Reasons {
    /// The last title of the first filled row, if it is the one of such a column.
    pub(super) fn find(rows: &FirstRows) -> Option<Self> {
        let (row, cells) = rows.first_key_value()?;
        let last = cells.iter().max_by_key(|cell| cell.column)?;
        last.is_reason().then_some(Self {
            row: *row,
            column: last.column,
            titled: if cells.len() > 1 {
                Titled::Yes
            } else {
                Titled::No
            },
        })
    }

    /// Lets the header end before the column.
    pub(super) fn leave_out(self, header: &mut Header) {
        let index = self.column.checked_sub(header.first_column);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some(index) = index.filter(|index| *index < header.width()) else {
            return;
        };
        // Behind it there is no title; a header has one column at least.
        header.titles.truncate(index.max(1));
        if index == 0 {
            header.titles = vec![String::new()];
        }
    }
}
