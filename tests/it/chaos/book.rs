//! Workbooks for chaos, and what a table must hold of them, as text that never came near the program.

use std::path::{Path, PathBuf};

use rust_xlsxwriter::{Format, Workbook, Worksheet};
use tempfile::TempDir;

/// The columns of a table that is there before the load.
pub(super) const COLUMNS: &str = "id bigint, code text, name text, amount numeric(12,2), day date, ready boolean, \
                                  weight double precision";

/// A table's rows as [`Row::line`] has them, once cells are joined by `|` and NULL is `~`.
pub(super) fn query(table: &str) -> String {
    format!(
        "select id::text, code, name, \
           case when amount * 100 = trunc(amount * 100) then trunc(amount * 100)::bigint::text else amount::text end, \
           (day::date - date '2000-01-01')::text, ready::text, (weight::float8 * 8)::text from {table}"
    )
}

/// What texts of real sheets have in them.
const WORDS: [&str; 7] = [
    "plain",
    "comma, \"quotes\" and 'more'",
    "a tab\tinside",
    "two\nlines",
    "back\\slash \\N \\. \\x41",
    "Zoë 東京 \u{1f6a2}",
    "=SUM(A1)",
];

/// The first row after this one, by its id, whose weight can have decimals.
const WHOLE_WEIGHTS: i64 = 60;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Its amount is no number: the program sees that.
    Cell,
    /// Its weight is negative: only the server knows that a constraint forbids it.
    Constraint,
}

/// One row, by its id alone.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: i64,
    code: String,
    name: Option<String>,
    cents: i64,
    /// From 2000-01-01.
    day: Option<i64>,
    ready: bool,
    eighths: i64,
    pub(super) fault: Fault,
}

impl Row {
    /// As the workbook has it.
    fn of_source(id: i64, fault: Fault) -> Self {
        let word = WORDS[usize::try_from(id).unwrap() % WORDS.len()];
        // Any fixed mixture: neighbours must differ in each column.
        let mixed = id * 7_919 % 100_003;
        Self {
            id,
            code: format!("{:06}", 1_000_000 - id),
            name: (id % 11 != 4).then(|| format!("{word} {id}")),
            cents: mixed * 31 - 1_000_000,
            day: (id % 13 != 5).then_some(mixed % 9_000),
            ready: mixed % 3 == 0,
            eighths: match fault {
                Fault::Constraint => -1,
                // Whole numbers, so that whoever looks at the first rows only takes all for such.
                _ if id <= WHOLE_WEIGHTS => mixed / 8 * 8,
                _ => mixed,
            },
            fault,
        }
    }

    /// As a table can have it before the load, distinct from the source's row with the same id.
    pub(super) fn old(id: i64) -> Self {
        Self {
            id,
            code: format!("old {id}"),
            name: None,
            cents: 1,
            day: None,
            ready: false,
            eighths: 1,
            fault: Fault::None,
        }
    }

    /// As [`query`] gives it.
    pub(super) fn line(&self) -> String {
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "~".to_owned());
        let (id, code, cents, ready, eighths) =
            (self.id, &self.code, self.cents, self.ready, self.eighths);
        let (name, day) = (
            or_null(self.name.clone()),
            or_null(self.day.map(|day| day.to_string())),
        );
        format!("{id}|{code}|{name}|{cents}|{day}|{ready}|{eighths}")
    }

    /// As an element of VALUES, for a row that [`old`](Self::old) made.
    pub(super) fn old_values(&self) -> String {
        format!(
            "({}, '{}', null, 0.01, null, false, 0.125)",
            self.id, self.code
        )
    }
}

/// A workbook with ids from 1.
pub(super) struct Book {
    path: PathBuf,
    rows: Vec<Row>,
    _directory: TempDir,
}

impl Book {
    /// A workbook without faults.
    pub(super) fn new(rows: u32) -> Self {
        Self::with_faults(rows, |_| Fault::None)
    }

    /// A workbook whose rows have these faults, by their ids.
    pub(super) fn with_faults(rows: u32, fault: impl Fn(i64) -> Fault) -> Self {
        Self::make(rows, 1, fault)
    }

    /// A workbook without faults, with its rows over several sheets.
    pub(super) fn in_sheets(rows: u32, sheets: usize) -> Self {
        Self::make(rows, sheets, |_| Fault::None)
    }

    fn make(rows: u32, sheets: usize, fault: impl Fn(i64) -> Fault) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chaos.xlsx");
        let rows: Vec<Row> = (1..=i64::from(rows))
            .map(|id| Row::of_source(id, fault(id)))
            .collect();
        let mut workbook = Workbook::new();
        for rows in rows.chunks(rows.len().div_ceil(sheets)) {
            write(workbook.add_worksheet(), rows);
        }
        workbook.save(&path).unwrap();
        Self {
            path,
            rows,
            _directory: directory,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Those that can be loaded.
    pub(super) fn good(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.fault == Fault::None)
    }

    /// How many can't.
    pub(super) fn bad(&self) -> usize {
        self.rows.len() - self.good().count()
    }

    /// All there are.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }
}

fn write(sheet: &mut Worksheet, rows: &[Row]) {
    let money = Format::new().set_num_format("0.00");
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let titles = ["id", "code", "name", "amount", "day", "ready", "weight"];
    sheet.write_row(0, 0, titles).unwrap();
    for (number, row) in (1..).zip(rows) {
        sheet.write(number, 0, row.id).unwrap();
        sheet.write_string(number, 1, &row.code).unwrap();
        if let Some(name) = &row.name {
            sheet.write_string(number, 2, name).unwrap();
        }
        if row.fault == Fault::Cell {
            sheet.write_string(number, 3, "unknown").unwrap();
        } else {
            let amount = row.cents as f64 / 100.0;
            sheet.write_with_format(number, 3, amount, &money).unwrap();
        }
        if let Some(day) = row.day {
            // The serial number of 2000-01-01 (ECMA-376 Part 1 §18.17.4.1).
            let serial = (36_526 + day) as f64;
            sheet.write_with_format(number, 4, serial, &date).unwrap();
        }
        sheet.write_boolean(number, 5, row.ready).unwrap();
        sheet.write(number, 6, row.eighths as f64 / 8.0).unwrap();
    }
}
