//! Files of rejected rows: xlsx to be mended and loaded again, csv and jsonl to be read by people and scripts.
//!
//! A file appears when a row was rejected, under the path if nothing is there, else under the next free number: what is
//! there is never touched. csv and jsonl grow as rows are flushed. A workbook is one only when it is complete, so it
//! appears under its name with [`RejectFile::finish`].

mod cell_text;
mod csv;
mod json;
mod jsonl;
mod lines;
mod place;
mod xlsx;

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::model::rejected_row::{RejectedRow, RejectedSheet};
use place::Place;

/// The fields that csv and jsonl have for each row, before its cells.
const FIELDS: [&str; 9] = [
    "sheet", "row", "cell", "column", "stored", "expected", "sqlstate", "reason", "message",
];

type Attempt<T = ()> = std::result::Result<T, Box<dyn StdError + Send + Sync>>;

/// What a format does with rows. All of it blocks.
trait Format: Send {
    /// The rows that follow are this sheet's.
    fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Attempt;

    /// Takes the next row.
    fn row(&mut self, row: &RejectedRow) -> Attempt;

    /// Puts into the file what can be.
    fn flush(&mut self) -> Attempt;

    /// Lets all rows so far stay for good.
    fn keep(&mut self) -> Attempt;

    /// Takes back all rows but those that stay for good.
    fn restart(&mut self) -> Attempt;

    /// Completes the file and gives its path, or removes it when it has no rows.
    fn finish(self: Box<Self>) -> Attempt<Option<PathBuf>>;
}

/// A file of rejected rows in the making.
pub struct RejectFile {
    path: PathBuf,
    format: Box<dyn Format>,
    rows: u64,
    kept_rows: u64,
}

/// What became of a file of rejected rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The file, perhaps with a number behind its name; `None` when no row was rejected, and there is no file.
    pub file: Option<PathBuf>,
    /// How many rows it holds.
    pub rows: u64,
}

impl RejectFile {
    /// Prepares a file of the format that its extension says. Nothing is changed or made yet. Blocks.
    ///
    /// # Errors
    /// `InvalidOptions` for another extension, and when the file is `source`, from which the rows come;
    /// `OutputUnwritable` for a directory that is not there or cannot be written to, and for pipes.
    pub fn open(path: &Path, source: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase).unwrap_or_default();
        let open: fn(Place) -> std::io::Result<Box<dyn Format>> = match extension.as_str() {
            "xlsx" => |place| Ok(Box::new(xlsx::XlsxFile::open(place)?)),
            "csv" => |place| Ok(Box::new(csv::CsvFile::new(place))),
            "jsonl" => |place| Ok(Box::new(jsonl::JsonlFile::new(place))),
            _ => return Err(no_format(path)),
        };
        let place = Place::find(path).map_err(|cause| unwritable(path, cause))?;
        if place.is_file(source) {
            let message = format!(
                "{} is the file that is loaded: rejected rows cannot be written to it",
                path.display()
            );
            return Err(Error::new(ErrorKind::InvalidOptions, message)
                .in_file(path)
                .next_step("Name another file for the rejected rows"));
        }
        Ok(Self {
            path: path.to_owned(),
            format: open(place).map_err(|cause| unwritable(path, cause))?,
            rows: 0,
            kept_rows: 0,
        })
    }

    /// The rows that follow are this sheet's.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn begin_sheet(&mut self, sheet: &RejectedSheet) -> Result<()> {
        self.attempt(|format| format.begin_sheet(sheet))
    }

    /// Takes the next row of the sheet that was begun last.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn row(&mut self, row: &RejectedRow) -> Result<()> {
        self.attempt(|format| format.row(row))?;
        self.rows += 1;
        Ok(())
    }

    /// Puts all rows into a file of text, so that they are there whatever becomes of this program.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn flush(&mut self) -> Result<()> {
        self.attempt(|format| format.flush())
    }

    /// Lets all rows so far stay when a load begins again: they are of another one, which is done. The next sheet has to
    /// be begun.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn keep(&mut self) -> Result<()> {
        self.kept_rows = self.rows;
        self.attempt(|format| format.keep())
    }

    /// Takes back the rows of a load that begins again. Its sheets have to begin again, too.
    ///
    /// # Errors
    /// `OutputUnwritable`. The file is of no use then.
    pub fn restart(&mut self) -> Result<()> {
        self.rows = self.kept_rows;
        self.attempt(|format| format.restart())
    }

    /// Completes the file. One without rows is removed.
    ///
    /// # Errors
    /// `OutputUnwritable`
    pub fn finish(self) -> Result<Finished> {
        let Self {
            path, format, rows, ..
        } = self;
        let file = guarded(|| format.finish()).map_err(|cause| unwritable(&path, cause))?;
        Ok(Finished { file, rows })
    }

    fn attempt(&mut self, work: impl FnOnce(&mut dyn Format) -> Attempt) -> Result<()> {
        guarded(|| work(self.format.as_mut())).map_err(|cause| unwritable(&self.path, cause))
    }
}

/// rust_xlsxwriter panics when its scratch file cannot be written, most likely because the disk is full.
fn guarded<T>(work: impl FnOnce() -> Attempt<T>) -> Attempt<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(panic_message(panic.as_ref()).into()))
}

/// What a panic said: for a scratch file it names the system's error.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else {
        "the writer stopped without a reason".to_owned()
    }
}

fn no_format(path: &Path) -> Error {
    let message = format!(
        "{} has no extension of a format that rejected rows can be written in",
        path.display()
    );
    Error::new(ErrorKind::InvalidOptions, message)
        .in_file(path)
        .next_step("Name a file that ends with .xlsx, .csv or .jsonl")
}

/// The error for a file that cannot be written.
fn unwritable(path: &Path, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    let message = format!("cannot write rejected rows to {}", path.display());
    Error::new(ErrorKind::OutputUnwritable, message)
        .in_file(path)
        .caused_by(cause)
        .next_step("Name a file in a directory that exists, is yours to write to and has space")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use calamine::{Data, Reader as _};
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;
    use crate::model::cell::CellError;
    use crate::model::reject::{Reject, RejectReason};
    use crate::model::rejected_row::{Meaning, REASON_TITLE, StoredCell, StoredNumber};
    use crate::model::sheet::Titled;

    fn reject(sheet: &str, cell: &str) -> Reject {
        Reject {
            sheet: sheet.into(),
            row: 17,
            cell: format!("{sheet}!{cell}17"),
            column: Some("price".into()),
            stored: Some("1e99".into()),
            expected: Some("integer".into()),
            sqlstate: "22003".into(),
            reason: RejectReason::OutOfRange,
            message: "too large".into(),
            cells: Vec::new(),
        }
    }

    fn sheet(name: &str, titles: &[&str]) -> RejectedSheet {
        RejectedSheet {
            name: name.into(),
            titled: Titled::Yes,
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
            first_column: 0,
            hidden: Vec::new(),
        }
    }

    fn text(text: &str) -> StoredCell {
        StoredCell::Text(text.into())
    }

    fn number(value: f64, format: &str, shown: &str, meaning: Meaning) -> StoredCell {
        StoredCell::Number(StoredNumber {
            value,
            format: Arc::from(format),
            shown: shown.into(),
            meaning,
        })
    }

    /// Writes rows of sheets to a file of this name, and gives the directory and the path.
    fn written(
        name: &str,
        sheets: &[(RejectedSheet, Vec<Vec<StoredCell>>)],
    ) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        let mut file = RejectFile::open(&path, Path::new("book.xlsx")).unwrap();
        for (sheet, rows) in sheets {
            file.begin_sheet(sheet).unwrap();
            for cells in rows {
                let reject = reject(&sheet.name, "B");
                file.row(&RejectedRow::new(reject, sheet, cells.clone()))
                    .unwrap();
            }
            file.flush().unwrap();
        }
        file.finish().unwrap();
        (directory, path)
    }

    /// The cells of a sheet by another reader, from A1.
    fn calamine_rows(path: &Path, sheet: &str) -> Vec<Vec<Data>> {
        let mut book: calamine::Xlsx<_> = calamine::open_workbook(path).unwrap();
        let range = book.worksheet_range(sheet).unwrap();
        assert_eq!(range.start(), Some((0, 0)));
        range.rows().map(<[Data]>::to_vec).collect()
    }

    fn part(path: &Path, name: &str) -> String {
        let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
        let mut part = archive.by_name(name).unwrap();
        std::io::read_to_string(&mut part).unwrap()
    }

    fn csv_records(path: &Path) -> Vec<Vec<String>> {
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .from_path(path)
            .unwrap();
        let record = |record: ::csv::StringRecord| record.iter().map(str::to_owned).collect();
        reader.records().map(|r| record(r.unwrap())).collect()
    }

    fn json_lines(path: &Path) -> Vec<Json> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_workbook_has_the_cells_their_formats_a_mark_and_the_reason() {
        let cells = vec![
            text("=1+1"),
            number(1e99, "00000", "1e99", Meaning::Text),
            number(45_292.0, "yyyy-mm-dd", "2024-01-01", Meaning::Text),
            StoredCell::Bool(true),
            StoredCell::Error(CellError::NotAvailable),
            StoredCell::Empty,
        ];
        let titles = ["id", "price", "day", "ok", "bad", ""];
        let (_directory, path) = written("r.XLSX", &[(sheet("My sheet", &titles), vec![cells])]);
        let rows = calamine_rows(&path, "My sheet");
        let strings = |row: &[Data]| row.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            strings(&rows[0]),
            ["id", "price", "day", "ok", "bad", "", REASON_TITLE]
        );
        assert_eq!(rows[1][0], Data::String("=1+1".into()));
        assert_eq!(rows[1][1], Data::Float(1e99));
        assert!(matches!(&rows[1][2], Data::DateTime(day) if day.as_f64() == 45_292.0));
        assert_eq!(rows[1][3], Data::Bool(true));
        assert_eq!(rows[1][4], Data::Error(calamine::CellErrorType::NA));
        assert_eq!(rows[1][5], Data::Empty);
        assert_eq!(rows[1][6], Data::String("B17: too large (22003)".into()));

        let styles = part(&path, "xl/styles.xml");
        assert!(styles.contains("formatCode=\"00000\""));
        assert!(styles.contains("FFFFC7CE"), "the colour of the mark");
        // The cell at fault has another style than the others.
        let cells = part(&path, "xl/worksheets/sheet1.xml");
        let style = |cell: &str| {
            let at = cells.find(&format!("<c r=\"{cell}\"")).unwrap();
            let tag = &cells[at..at + cells[at..].find('>').unwrap()];
            tag.split("s=\"")
                .nth(1)
                .map(|s| s.split('"').next().unwrap().to_owned())
        };
        assert!(style("B2").is_some());
        assert_eq!(style("A2"), None);
        assert_ne!(style("B2"), style("C2"));
    }

    #[test]
    fn texts_are_texts_in_a_workbook_whatever_they_look_like() {
        let texts = [
            "=cmd|'/c calc'!A0",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "http://example.org/",
            "mailto:a@b.c",
            "internal:Sheet1!A1",
            "{=1}",
            "1e5",
            "TRUE",
            "#N/A",
            " spaces ",
            "_x0041_",
            "line\nbreak\r\n",
            "<b>&amp;</b>",
            "bell\u{7}",
            "'quoted",
        ];
        let cells = texts.map(text).to_vec();
        let titles = texts;
        let (_directory, path) = written("r.xlsx", &[(sheet("s", &titles), vec![cells])]);
        let rows = calamine_rows(&path, "s");
        // calamine drops white space in front of and behind texts of some cells, and it decodes escapes: what is meant
        // here is that all are texts. That they are the same is tested with the own reader.
        assert!(rows[1].iter().all(|cell| matches!(cell, Data::String(_))));
        assert_eq!(rows[1][0], Data::String(texts[0].into()));
        let cells = part(&path, "xl/worksheets/sheet1.xml");
        assert!(!cells.contains("<f>") && !cells.contains("hyperlink"));
    }

    #[test]
    fn a_text_beyond_what_a_cell_holds_is_cut_and_that_is_said() {
        let long = "é".repeat(40_000);
        // Of two units each: the limit is in the midst of one.
        let wide = "\u{1F600}".repeat(20_000);
        let rows = vec![vec![text(&long), text(&wide), text("short")]];
        let sheets = [(sheet("s", &["a", "b", "c"]), rows)];
        let (_directory, path) = written("r.xlsx", &sheets);
        let rows = calamine_rows(&path, "s");
        assert_eq!(rows[1][0], Data::String("é".repeat(32_767)));
        assert_eq!(rows[1][1], Data::String("\u{1F600}".repeat(16_383)));
        assert_eq!(rows[1][2], Data::String("short".into()));
        let why = rows[1][3].to_string();
        assert!(
            why.contains("; A17 is cut") && why.contains("; B17 is cut"),
            "{why}"
        );

        let (_directory, path) = written("r.jsonl", &sheets);
        assert_eq!(json_lines(&path)[0]["values"]["a"], long);
        let (_directory, path) = written("r.csv", &sheets);
        assert_eq!(csv_records(&path)[1][9], long);
    }

    #[test]
    fn errors_that_the_format_has_not_stay_errors() {
        let all = [
            (CellError::DivisionByZero, "#DIV/0!"),
            (CellError::Name, "#NAME?"),
            (CellError::Null, "#NULL!"),
            (CellError::Number, "#NUM!"),
            (CellError::Reference, "#REF!"),
            (CellError::Value, "#VALUE!"),
            (CellError::Spill, "#VALUE!"),
            (CellError::Numbered(502), "#VALUE!"),
            (CellError::Unknown, "#VALUE!"),
        ];
        let rows = all
            .map(|(error, _)| vec![StoredCell::Error(error)])
            .to_vec();
        let (_directory, path) = written("r.xlsx", &[(sheet("s", &["a"]), rows)]);
        for (row, (error, name)) in calamine_rows(&path, "s")[1..].iter().zip(all) {
            assert!(matches!(&row[0], Data::Error(_)), "{error}");
            assert_eq!(row[0].to_string(), name, "{error}");
        }
    }

    #[test]
    fn sheets_keep_their_names_as_far_as_they_can() {
        let names = [
            "a",
            "A",
            "a/b",
            "'x'",
            "",
            "History",
            "a",
            &"n".repeat(40),
            &"n".repeat(31),
            "é\u{1}",
        ];
        let sheets = names.map(|name| (sheet(name, &["t"]), vec![vec![text(name)]]));
        // A sheet that comes again goes on where it was left.
        let (_directory, path) = written("r.xlsx", &sheets);
        let book: calamine::Xlsx<_> = calamine::open_workbook(&path).unwrap();
        assert_eq!(
            book.sheet_names(),
            [
                "a",
                "A (2)",
                "a_b",
                "_x_",
                "_",
                "History_",
                &"n".repeat(31),
                &format!("{} (2)", "n".repeat(27)),
                "é_",
            ]
        );
    }

    #[test]
    fn a_sheet_without_rejected_rows_is_not_in_the_workbook() {
        let one = (sheet("one", &["t"]), vec![]);
        let two = (sheet("two", &["t"]), vec![vec![text("x")], vec![text("y")]]);
        let (_directory, path) = written("r.xlsx", &[one, two]);
        let book: calamine::Xlsx<_> = calamine::open_workbook(&path).unwrap();
        assert_eq!(book.sheet_names(), ["two"]);
        assert_eq!(calamine_rows(&path, "two").len(), 3);
    }

    #[test]
    fn columns_stay_where_they_were_and_hidden_ones_hidden() {
        let mut moved = sheet("s", &["a", "b"]);
        moved.first_column = 2;
        moved.hidden = vec![1];
        let mut untitled = sheet("u", &["", ""]);
        untitled.titled = Titled::No;
        let mut full = sheet("f", &["last"]);
        full.first_column = 16_383;
        let row = || vec![vec![text("x"), text("y")]];
        let sheets = [
            (moved, row()),
            (untitled, row()),
            (full, vec![vec![text("z")]]),
        ];
        let (_directory, path) = written("r.xlsx", &sheets);
        let cells = part(&path, "xl/worksheets/sheet1.xml");
        for cell in ["C1", "D1", "E1", "C2", "D2", "E2"] {
            assert!(cells.contains(&format!("<c r=\"{cell}\"")), "{cell}");
        }
        assert!(!cells.contains("<c r=\"A") && !cells.contains("<c r=\"B"));
        assert!(cells.contains("<col min=\"4\" max=\"4\"") && cells.contains("hidden=\"1\""));
        let cells = part(&path, "xl/worksheets/sheet2.xml");
        assert!(!cells.contains("<c r=\"A1\"") && cells.contains("<c r=\"C1\""));
        // There is no room for reasons.
        let cells = part(&path, "xl/worksheets/sheet3.xml");
        assert!(cells.contains("<c r=\"XFD2\""));
    }

    #[test]
    fn csv_has_the_same_columns_for_all_sheets_and_no_formula() {
        let first = sheet("one", &["row", "price", "price", ""]);
        let second = sheet("two", &["price", "new", "none"]);
        let rows = vec![vec![
            text("=1+1"),
            number(-0.5, "General", "-0.5", Meaning::Number),
            number(45_292.0, "yyyy-mm-dd", "2024-01-01", Meaning::Text),
            StoredCell::Bool(false),
        ]];
        let others = vec![vec![
            text("a \"b\",\r\nc"),
            number(7.0, "General", "7", Meaning::Number),
            StoredCell::Empty,
        ]];
        let (_directory, path) = written("r.Csv", &[(first, rows), (second, others)]);
        let records = csv_records(&path);
        let mut header = FIELDS.to_vec();
        header.extend(["row (A)", "price", "price (C)", "column D"]);
        header.extend(["other_cells", "other_bad_cells"]);
        assert_eq!(records[0], header);
        assert_eq!(
            records[1],
            [
                "one",
                "17",
                "one!B17",
                "price",
                "1e99",
                "integer",
                "22003",
                "out_of_range",
                "too large",
                "'=1+1",
                "-0.5",
                "2024-01-01",
                "FALSE",
                "",
                "",
            ]
        );
        assert_eq!(
            records[2][9..14],
            ["", "a \"b\",\r\nc", "", "", "{\"new\":7}"]
        );
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.ends_with(b"\r\n") && bytes.starts_with(b"sheet,row,"));
    }

    #[test]
    fn no_field_of_csv_is_a_formula() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.csv");
        let starts = ["=", "+", "-", "@", "\t", "\r", "\n", "\u{FF1D}", "\u{FF0B}"];
        let evil: Vec<String> = starts.iter().map(|start| format!("{start}1|x")).collect();
        let titles: Vec<&str> = evil.iter().map(String::as_str).collect();
        let sheet = sheet("=s", &titles);
        let mut file = RejectFile::open(&path, Path::new("b")).unwrap();
        file.begin_sheet(&sheet).unwrap();
        for text in &evil {
            let reject = Reject {
                column: Some(text.clone()),
                stored: Some(text.clone()),
                expected: Some(text.clone()),
                message: text.clone(),
                ..reject("=s", "A")
            };
            let cells = evil.iter().map(|text| StoredCell::Text(text.clone()));
            let mut row = RejectedRow::new(reject, &sheet, cells.collect());
            row.cells[8] = number(1.0, "x", text, Meaning::Text);
            file.row(&row).unwrap();
        }
        file.finish().unwrap();
        for record in csv_records(&path) {
            for field in record {
                assert!(
                    !starts.iter().any(|start| field.starts_with(start)),
                    "{field}"
                );
            }
        }
    }

    #[test]
    fn json_lines_have_values_by_title() {
        let sheet = sheet("s", &["b", "a", "b", "", "n", "t", "e", "d"]);
        let cells = vec![
            text("=1\u{0}\n"),
            number(7.0, "General", "7", Meaning::Number),
            number(0.1 + 0.2, "0.00", "0.3", Meaning::Number),
            StoredCell::Empty,
            number(1_234.0, "00000", "01234", Meaning::Text),
            StoredCell::Bool(true),
            StoredCell::Error(CellError::NotAvailable),
            number(45_292.0, "yyyy-mm-dd", "2024-01-01", Meaning::Text),
        ];
        let (_directory, path) = written("r.jsonl", &[(sheet, vec![cells])]);
        let lines = json_lines(&path);
        assert_eq!(
            lines[0],
            serde_json::json!({
                "sheet": "s", "row": 17, "cell": "s!B17", "column": "price", "stored": "1e99",
                "expected": "integer", "sqlstate": "22003", "reason": "out_of_range",
                "message": "too large", "cells": [],
                "values": {
                    "b": "=1\u{0}\n", "a": 7, "b (C)": 0.3, "column D": null, "n": "01234", "t": true,
                    "e": "#N/A", "d": "2024-01-01",
                },
            })
        );
        let line = fs::read_to_string(&path).unwrap();
        assert!(
            line.find("\"b\":") < line.find("\"a\":"),
            "the sheet's order"
        );
    }

    /// Writes a row to the file of this path, and gives the path that it got.
    fn one_row(path: &Path) -> PathBuf {
        let mut file = RejectFile::open(path, Path::new("b")).unwrap();
        let sheet = sheet("s", &["a"]);
        file.begin_sheet(&sheet).unwrap();
        file.row(&RejectedRow::new(reject("s", "A"), &sheet, vec![text("x")]))
            .unwrap();
        file.finish().unwrap().file.unwrap()
    }

    #[test]
    fn what_is_there_stays_and_the_new_file_gets_a_number() {
        for name in ["r.xlsx", "r.csv", "r.jsonl"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            fs::write(&path, "mine").unwrap();
            let mut file = RejectFile::open(&path, Path::new("b")).unwrap();
            file.begin_sheet(&sheet("s", &["a"])).unwrap();
            let nothing = Finished {
                file: None,
                rows: 0,
            };
            assert_eq!(file.finish().unwrap(), nothing);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{name}");

            for number in [2, 3] {
                let expected = directory
                    .path()
                    .join(name.replace('.', &format!("-{number}.")));
                assert_eq!(one_row(&path), expected);
                assert!(fs::metadata(&expected).unwrap().len() > 10, "{name}");
            }
            assert_eq!(fs::read(&path).unwrap(), b"mine", "{name}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "{name}");
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_stays() {
        for name in ["r.xlsx", "r.csv", "r.jsonl"] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            let mut file = RejectFile::open(&path, Path::new("b")).unwrap();
            fs::write(&path, "mine").unwrap();
            let sheet = sheet("s", &["a"]);
            file.begin_sheet(&sheet).unwrap();
            file.row(&RejectedRow::new(reject("s", "A"), &sheet, vec![text("x")]))
                .unwrap();
            let finished = file.finish().unwrap().file.unwrap();
            assert_eq!(finished, directory.path().join(name.replace('.', "-2.")));
            assert_eq!(fs::read(&path).unwrap(), b"mine", "{name}");
        }
    }

    #[test]
    fn nothing_is_written_through_links() {
        for name in ["r.xlsx", "r.csv", "r.jsonl"] {
            let directory = tempfile::tempdir().unwrap();
            let (path, other) = (directory.path().join(name), directory.path().join("other"));
            std::os::unix::fs::symlink(&other, &path).unwrap();
            assert_eq!(
                one_row(&path),
                directory.path().join(name.replace('.', "-2."))
            );
            assert!(!other.exists(), "{name}: the link led to nothing");
            fs::write(&other, "mine").unwrap();
            assert_eq!(
                one_row(&path),
                directory.path().join(name.replace('.', "-3."))
            );
            assert_eq!(fs::read(&other).unwrap(), b"mine", "{name}");
        }
    }

    #[test]
    fn a_workbook_that_is_not_finished_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.xlsx");
        let mut file = RejectFile::open(&path, Path::new("b")).unwrap();
        let sheet = sheet("s", &["a"]);
        file.begin_sheet(&sheet).unwrap();
        file.row(&RejectedRow::new(reject("s", "A"), &sheet, vec![text("x")]))
            .unwrap();
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_workbook_that_is_loaded_is_not_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.xlsx");
        let link = directory.path().join("link.xlsx");
        fs::write(&path, "rows").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for name in [&path, &link] {
            let error = RejectFile::open(name, &path).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidOptions);
            assert!(error.advice().is_some());
        }
        assert_eq!(fs::read(&path).unwrap(), b"rows");
    }

    #[test]
    fn what_is_no_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["d.xlsx", "d.csv", "d.jsonl"] {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            let error = RejectFile::open(&path, Path::new("b")).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::OutputUnwritable, "{name}");
            assert!(path.is_dir());
        }
        for name in ["p.xlsx", "p.csv", "p.jsonl"] {
            let path = directory.path().join(name);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            let error = RejectFile::open(&path, Path::new("b")).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::OutputUnwritable, "{name}");
        }
        let link = directory.path().join("null.csv");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        RejectFile::open(&link, Path::new("b"))
            .unwrap()
            .finish()
            .unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert!(Path::new("/dev/null").exists());
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            ".{0,20}",
            "[=+@'\"\t\r\n,;-]{1,3}[a-z]{0,3}",
            "(_x[0-9a-f]{0,4}_?){1,3}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn texts_survive_csv_but_for_the_apostrophe(texts in proptest::collection::vec(any_text(), 1..5)) {
            let titles: Vec<String> = (0..texts.len()).map(|at| format!("t{at}")).collect();
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let cells = texts.iter().map(|text| StoredCell::Text(text.clone())).collect();
            let (_directory, path) = written("r.csv", &[(sheet("s", &titles), vec![cells])]);
            let records = csv_records(&path);
            for (field, text) in records[1][9..].iter().zip(&texts) {
                let marked = field.strip_prefix('\'').filter(|rest| rest == text);
                prop_assert_eq!(marked.unwrap_or(field), text);
            }
        }
    }
}
