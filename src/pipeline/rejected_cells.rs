//! Keeps a rejected row's cells as they can be written again.

use std::sync::Arc;

use crate::model::batch::{Batch, Row};
use crate::model::cell::{Cell, FormatId};
use crate::model::number_format::NumberFormat;
use crate::model::reject::Reject;
use crate::model::rejected_row::{Meaning, RejectedRow, RejectedSheet, StoredCell, StoredNumber};
use crate::model::sheet::{DateSystem, SheetDescription};
use crate::model::value::MICROS_PER_DAY;
use crate::transform::coerce::{Coercion, OnCellError};
use crate::transform::infer::InferredType;
use crate::transform::number_format::FormatClass;
use crate::transform::text_rules::TextRules;
use crate::transform::{iso_cell, serial_date};

/// Days from the first of the 1900 system to the first of the 1904 system (ECMA-376 Part 1, §18.17.4.1).
const DAYS_TO_1904: f64 = 1_462.0;
/// The serial of 2000-01-01 in the 1900 system.
const EPOCH_2000: f64 = 36_526.0;
/// The longest format code, in UTF-16 units (Excel's specifications and limits).
const MAX_CODE_UNITS: usize = 255;

const DATE: &str = "yyyy-mm-dd";
const TIMESTAMP: &str = "yyyy-mm-dd hh:mm:ss";
const TIME: &str = "hh:mm:ss";
const DURATION: &str = "[h]:mm:ss";

/// Makes rejected rows of one sheet's batches.
#[derive(Debug, Clone)]
pub(super) struct CellKeeper {
    sheet: RejectedSheet,
    /// What displays cells.
    coercion: Coercion,
    /// The codes of the sheet's formats as they can be written; `None` for those that cannot.
    codes: Vec<Option<Arc<str>>>,
}

impl CellKeeper {
    /// For the rows of a sheet.
    pub(super) fn new(sheet: &SheetDescription) -> Self {
        let codes = sheet.formats.iter();
        Self {
            sheet: RejectedSheet::of(sheet),
            coercion: Coercion::for_sheet(sheet, OnCellError::Null, TextRules::default()),
            codes: codes.map(|format| writable(&format.code)).collect(),
        }
    }

    /// The sheet.
    pub(super) fn sheet(&self) -> &RejectedSheet {
        &self.sheet
    }

    /// A row of a batch that was rejected.
    pub(super) fn keep(&self, reject: Reject, batch: &Batch, row: Row<'_>) -> RejectedRow {
        let cells = row.cells.iter().map(|cell| self.cell(*cell, batch));
        RejectedRow::new(reject, &self.sheet, cells.collect())
    }

    fn cell(&self, cell: Cell, batch: &Batch) -> StoredCell {
        match cell {
            Cell::Empty => StoredCell::Empty,
            Cell::Bool(truth) => StoredCell::Bool(truth),
            Cell::Error(error) => StoredCell::Error(error),
            Cell::Text(_) | Cell::Shared(_) => StoredCell::Text(batch.text_of(cell).to_owned()),
            Cell::Iso(_) => self.iso(cell, batch.text_of(cell)),
            Cell::Number { value, format } => self.number(value, format),
            // As a number it would lose digits.
            Cell::Digits { .. } => StoredCell::Text(self.shown(cell, batch.text_of(cell))),
        }
    }

    fn number(&self, value: f64, format: FormatId) -> StoredCell {
        let system = self.coercion.date_system;
        let shown = self.shown(Cell::Number { value, format }, "");
        // No file can hold it as a number.
        if !value.is_finite() {
            return StoredCell::Text(shown);
        }
        let index = usize::from(format.0);
        let class = self.coercion.formats.get(index).copied();
        let class = class.unwrap_or(FormatClass::General);
        let kind = InferredType::of_number(value, class, system);
        let is_moment = matches!(kind, InferredType::Date | InferredType::Timestamp);
        let code = match self.codes.get(index) {
            Some(Some(code)) => Arc::clone(code),
            Some(None) if matches!(class, FormatClass::ZeroPadded(_)) => {
                return StoredCell::Text(shown);
            }
            Some(None) => Arc::from(stand_in(class, kind)),
            None => Arc::from(NumberFormat::GENERAL_CODE),
        };
        StoredCell::Number(StoredNumber {
            value: match system {
                DateSystem::From1904 if is_moment => from_1900(value),
                _ => value,
            },
            format: code,
            shown,
            meaning: meaning(kind),
        })
    }

    /// A moment or time that is stored as text becomes a number, as most files have it, where that is the same moment
    /// to the microsecond.
    fn iso(&self, cell: Cell, text: &str) -> StoredCell {
        let shown = self.shown(cell, text);
        let kind = InferredType::of_iso(text);
        let days = |micros: i64| micros as f64 / MICROS_PER_DAY as f64;
        let number = match kind {
            InferredType::Date => iso_cell::day(text).and_then(|day| {
                let serial = f64::from(day) + EPOCH_2000;
                let same = serial_date::date(serial, DateSystem::From1900) == Some(day);
                same.then_some((serial, DATE))
            }),
            InferredType::Timestamp => iso_cell::timestamp(text).and_then(|micros| {
                let serial = days(micros) + EPOCH_2000;
                let same = serial_date::timestamp(serial, DateSystem::From1900) == Some(micros);
                same.then_some((serial, TIMESTAMP))
            }),
            InferredType::Time | InferredType::Interval => {
                iso_cell::duration(text).and_then(|micros| {
                    let code = match kind {
                        InferredType::Time => TIME,
                        _ => DURATION,
                    };
                    let same = serial_date::duration(days(micros)) == Some(micros);
                    same.then_some((days(micros), code))
                })
            }
            _ => None,
        };
        match number {
            Some((value, code)) => StoredCell::Number(StoredNumber {
                value,
                format: Arc::from(code),
                shown,
                meaning: Meaning::Text,
            }),
            None => StoredCell::Text(shown),
        }
    }

    /// A cell as a text column would have it.
    fn shown(&self, cell: Cell, text: &str) -> String {
        let column = InferredType::Text.to_column(String::new());
        let coerced = self.coercion.coerce(cell, text, &column);
        match (coerced, cell) {
            (Ok(coerced), _) => coerced.value.to_string(),
            (Err(_fault), Cell::Number { value, .. }) => value.to_string(),
            (Err(_fault), _) => text.to_owned(),
        }
    }
}

/// The serial of the 1900 system for one of the 1904 system: among those that are nearest, one of the same microsecond.
fn from_1900(serial: f64) -> f64 {
    let moment = serial_date::timestamp(serial, DateSystem::From1904);
    let nearest = serial + DAYS_TO_1904;
    let mut near = [nearest, nearest.next_down(), nearest.next_up()].into_iter();
    near.find(|serial| serial_date::timestamp(*serial, DateSystem::From1900) == moment)
        .unwrap_or(nearest)
}

fn meaning(kind: InferredType) -> Meaning {
    match kind {
        InferredType::Integer | InferredType::Float | InferredType::Decimal => Meaning::Number,
        _ => Meaning::Text,
    }
}

/// The code without characters that XML cannot have. None when it only stands for others, or is too long.
fn writable(code: &str) -> Option<Arc<str>> {
    let no_xml = |c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
    let code = code.replace(no_xml, "");
    let is_long = code.encode_utf16().nth(MAX_CODE_UNITS).is_some();
    (!is_long && code != NumberFormat::ANY_DATE_CODE).then(|| Arc::from(code))
}

/// A code for numbers whose own cannot be written: it makes the same of the number.
fn stand_in(class: FormatClass, kind: InferredType) -> &'static str {
    match kind {
        InferredType::Date => DATE,
        InferredType::Timestamp => TIMESTAMP,
        InferredType::Time => TIME,
        InferredType::Interval => DURATION,
        _ => match class {
            FormatClass::FixedDecimals => "0.00",
            FormatClass::Money => "\"$\"#,##0.00",
            FormatClass::Percent => "0.00%",
            _ => NumberFormat::GENERAL_CODE,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::*;
    use crate::error::Result;
    use crate::model::batch::{BatchExchange, BatchLimits};
    use crate::model::cell::CellError;
    use crate::model::column::{ColumnKind, TargetColumn, TypeLimit};
    use crate::model::reject::RejectReason;
    use crate::model::secret::Password;
    use crate::model::selection::{HeaderRows, ReadOptions, SheetChoice};
    use crate::model::sheet::{Header, SheetTotals, Titled, Visibility};
    use crate::sink::reject_file::RejectFile;
    use crate::source::{self, RowSource};
    use crate::transform::coerce::CellNote;
    use crate::transform::display::display_number;

    const LIMITS: BatchLimits = BatchLimits {
        rows: usize::MAX,
        bytes: usize::MAX,
    };
    const KINDS: [ColumnKind; 18] = [
        ColumnKind::Bool,
        ColumnKind::Int2,
        ColumnKind::Int4,
        ColumnKind::Int8,
        ColumnKind::Float4,
        ColumnKind::Float8,
        ColumnKind::Numeric,
        ColumnKind::Text,
        ColumnKind::Date,
        ColumnKind::Time,
        ColumnKind::Timestamp,
        ColumnKind::Interval,
        ColumnKind::Uuid,
        ColumnKind::TimestampTz,
        ColumnKind::TimeTz,
        ColumnKind::Money,
        ColumnKind::OtherText,
        ColumnKind::Other,
    ];

    /// Takes the one batch that a sheet is read into.
    #[derive(Default)]
    struct Collect(Option<Batch>);

    impl BatchExchange for Collect {
        fn exchange(&mut self, full: Batch) -> Result<Batch> {
            let empty = Batch::new(full.width(), LIMITS);
            self.0 = Some(full);
            Ok(empty)
        }
    }

    fn read(sheet: &mut dyn RowSource) -> (SheetDescription, Batch, SheetTotals) {
        let first = Batch::new(sheet.describe().header.width(), LIMITS);
        let mut out = Collect::default();
        let totals = sheet.read(first, &mut out).unwrap();
        let empty = Batch::new(sheet.describe().header.width(), LIMITS);
        (sheet.describe().clone(), out.0.unwrap_or(empty), totals)
    }

    fn reject(sheet: &str, row: Row<'_>) -> Reject {
        Reject {
            sheet: sheet.into(),
            row: row.sheet_row + 1,
            cell: format!("{sheet}!A{}", row.sheet_row + 1),
            column: Some("a".into()),
            stored: None,
            expected: None,
            sqlstate: "22003".into(),
            reason: RejectReason::OutOfRange,
            message: "too large".into(),
            cells: Vec::new(),
        }
    }

    /// Enough of a sheet's rows.
    const ROWS: usize = 200;

    /// Rejects the first rows of the sheets into a file.
    fn reject_all(
        sheets: &[(SheetDescription, Batch, SheetTotals)],
    ) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.xlsx");
        let mut file = RejectFile::open(&path, Path::new("b")).unwrap();
        for (sheet, batch, _) in sheets {
            let keeper = CellKeeper::new(sheet);
            file.begin_sheet(keeper.sheet()).unwrap();
            for row in batch.rows().take(ROWS) {
                file.row(&keeper.keep(reject(&sheet.sheet, row), batch, row))
                    .unwrap();
            }
        }
        file.finish().unwrap();
        (directory, path)
    }

    /// What a cell becomes in a column of each kind.
    fn values(sheet: &SheetDescription, batch: &Batch, cell: Cell) -> Vec<String> {
        let coercion = Coercion::for_sheet(sheet, OnCellError::Null, TextRules::default());
        let value = |kind| {
            let column = TargetColumn {
                name: "c".into(),
                sql_type: "t".into(),
                kind,
                not_null: false,
                limit: TypeLimit::None,
            };
            match coercion.coerce(cell, batch.text_of(cell), &column) {
                Ok(coerced) => format!(
                    "{} {}",
                    coerced.value,
                    coerced.note == CellNote::ErrorAsNull
                ),
                Err(_fault) => "refused".to_owned(),
            }
        };
        KINDS.map(value).to_vec()
    }

    /// Holds that a sheet's rows are worth the same after they were rejected and read again.
    fn assert_same(
        (sheet, batch, _): &(SheetDescription, Batch, SheetTotals),
        (again, batch_again, totals): &(SheetDescription, Batch, SheetTotals),
    ) {
        assert_eq!(again.sheet, sheet.sheet);
        let place = format!("{} {}", sheet.file.display(), sheet.sheet);
        assert_eq!(totals.cells_outside_header, 0, "{place}");
        let trimmed = |titles: &[String]| {
            let end = titles.iter().rposition(|title| !title.is_empty());
            titles[..end.map_or(0, |last| last + 1)].to_vec()
        };
        assert_eq!(trimmed(&again.header.titles), trimmed(&sheet.header.titles));
        assert_eq!(
            batch_again.row_count(),
            batch.row_count().min(ROWS),
            "{}",
            sheet.sheet
        );
        for (row, row_again) in batch.rows().zip(batch_again.rows()) {
            for (index, cell) in row.cells.iter().enumerate() {
                let cell_again = row_again.cells.get(index).copied().unwrap_or(Cell::Empty);
                let (was, is) = (
                    values(sheet, batch, *cell),
                    values(again, batch_again, cell_again),
                );
                assert_eq!(
                    is, was,
                    "{} row {} column {index}: {cell:?}",
                    sheet.sheet, row.sheet_row
                );
            }
        }
    }

    #[test]
    fn every_sample_is_worth_the_same_when_it_is_rejected_and_loaded_again() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data");
        let (mut books, mut cells) = (0, 0);
        for entry in std::fs::read_dir(samples).unwrap() {
            let path = entry.unwrap().path();
            for header in [HeaderRows::FirstFilled, HeaderRows::None] {
                let options = ReadOptions {
                    header,
                    sheets: SheetChoice::All,
                    password: Some(Password::new("secret")),
                    ..ReadOptions::default()
                };
                let Ok(opened) = source::open(&path, &options, display_number) else {
                    continue;
                };
                let read_sheet = |mut sheet: Box<dyn RowSource>| read(sheet.as_mut());
                let sheets: Vec<_> = opened.sheets.into_iter().map(read_sheet).collect();
                let (_directory, rejected) = reject_all(&sheets);
                let with_rows: Vec<_> = sheets
                    .iter()
                    .filter(|(_, batch, _)| batch.row_count() > 0)
                    .collect();
                if with_rows.is_empty() {
                    continue;
                }
                let again = source::open(&rejected, &options, display_number).unwrap();
                assert_eq!(again.sheets.len(), with_rows.len(), "{}", path.display());
                for (sheet, mut again) in with_rows.into_iter().zip(again.sheets) {
                    assert_same(sheet, &read(again.as_mut()));
                    cells += sheet.1.row_count() * sheet.1.width();
                }
                books += 1;
            }
        }
        assert!(books > 50 && cells > 1_000, "{books} books, {cells} cells");
    }

    /// A cell of no batch yet.
    #[derive(Debug, Clone)]
    enum Made {
        Cell(Cell),
        Text(String),
        Iso(String),
    }

    const CODES: [&str; 13] = [
        "General",
        "0.00",
        "00000",
        "yyyy-mm-dd",
        "yyyy-mm-dd hh:mm",
        "h:mm",
        "[h]:mm:ss",
        "0%",
        "#,##0.00 \u{20ac}",
        "date",
        "dd/mm/yyyy\u{1}",
        "000-00-0000",
        "m/d/yyyy",
    ];

    fn any_cell() -> impl Strategy<Value = Made> {
        let number = prop_oneof![
            any::<f64>(),
            (-10_000_000_i32..10_000_000).prop_map(f64::from),
            0.0..60_000.0,
            0.0..1.0,
            // Ids of which a double does not hold all digits, and some of few digits that it holds.
            (9.0e15..1e24).prop_map(f64::trunc),
            (1_i32..1_000_000).prop_map(|few| f64::from(few) * 1e15),
            (0_u32..60_000, 0_u32..86_400)
                .prop_map(|(day, second)| f64::from(day) + f64::from(second) / 86_400.0),
        ];
        let code = 0..u16::try_from(CODES.len()).unwrap() + 1;
        let text = prop_oneof![
            "\\PC{1,12}",
            "[ -~\t\n\r]{1,12}",
            "([\x00-\x20]|_?x[0-9A-Fa-f]{4}|_|\u{FFFF}){1,8}",
            "[=+@'-][A-Z0-9()!|]{1,8}",
            "[0-9]{1,8}",
        ];
        let moment = (
            0_i32..9_999,
            1_u8..13,
            1_u8..29,
            0_u8..24,
            0_u8..60,
            0_u32..60_000_000,
        );
        let iso = moment.prop_map(|(year, month, day, hour, minute, micros)| {
            let seconds = format!("{:02}.{:06}", micros / 1_000_000, micros % 1_000_000);
            match micros % 4 {
                0 => format!("{year:04}-{month:02}-{day:02}"),
                1 => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{seconds}"),
                2 => format!("PT{hour}H{minute}M{seconds}S"),
                _ => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:01Z"),
            }
        });
        prop_oneof![
            1 => Just(Made::Cell(Cell::Empty)),
            1 => any::<bool>().prop_map(|truth| Made::Cell(Cell::Bool(truth))),
            1 => any::<u8>().prop_map(|code| Made::Cell(Cell::Error(CellError::from_code(code)))),
            6 => (number, code).prop_map(|(value, code)| {
                Made::Cell(Cell::Number { value, format: FormatId(code) })
            }),
            4 => text.prop_map(Made::Text),
            3 => iso.prop_map(Made::Iso),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn cells_are_worth_the_same_when_they_are_rejected_and_loaded_again(
            rows in proptest::collection::vec(proptest::collection::vec(any_cell(), 3), 1..8),
            from_1904 in any::<bool>(),
        ) {
            let mut batch = Batch::new(4, LIMITS);
            for (row, cells) in rows.iter().enumerate() {
                batch.start_row(u32::try_from(row).unwrap() + 1);
                for (column, made) in cells.iter().enumerate() {
                    let cell = match made {
                        Made::Cell(cell) => *cell,
                        Made::Text(text) => Cell::Text(batch.push_text(text).unwrap()),
                        Made::Iso(text) => Cell::Iso(batch.push_text(text).unwrap()),
                    };
                    batch.set(column, cell);
                }
                // No row is blank.
                batch.set(3, Cell::Bool(true));
            }
            let sheet = SheetDescription {
                file: "b".into(),
                sheet: "s".into(),
                visibility: Visibility::Visible,
                date_system: if from_1904 { DateSystem::From1904 } else { DateSystem::From1900 },
                formats: CODES.iter().map(|code| NumberFormat::new(*code)).collect(),
                header: Header {
                    first_row: 1,
                    first_column: 1,
                    titles: ["a", "", "a", "full"].map(str::to_owned).to_vec(),
                    titled: Titled::Yes,
                },
                hidden_columns: Vec::new(),
                declared_columns: None,
                declared_rows: None,
            };
            let sheet = (sheet, batch, SheetTotals::default());
            let (_directory, path) = reject_all(std::slice::from_ref(&sheet));
            let mut again = source::open(&path, &ReadOptions::default(), display_number).unwrap();
            let again = read(again.sheets.remove(0).as_mut());
            prop_assert_eq!(again.0.header.width(), 4);
            prop_assert_eq!(again.0.header.first_column, 1);
            assert_same(&sheet, &again);
        }
    }
}
