//! Sample workbooks: the same from the same seed, and what their figures say, as another reader sees them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use calamine::{Data, DataType as _, Range, Reader as _, Xlsx, open_workbook};
use sheetload::config::sample::{Defects, SampleConfig, Shape};
use sheetload::sample::{self, ColumnFigures, DefectKind, Figures, SqlType, Values};
use sheetload::{ErrorKind, exit};
use tokio_util::sync::CancellationToken;

/// Ten decimal places, enough for whole 1024ths.
const SCALE: usize = 10;

fn config(shape: Shape, rows: u64, output: &Path) -> SampleConfig {
    SampleConfig {
        rows,
        seed: 42,
        shape,
        defects: Defects::None,
        output: output.to_owned(),
    }
}

fn sheet(path: &Path, figures: &Figures) -> Range<Data> {
    let mut workbook: Xlsx<_> = open_workbook(path).unwrap();
    assert_eq!(workbook.sheet_names(), [figures.sheet.as_str()]);
    workbook.worksheet_range(&figures.sheet).unwrap()
}

#[test]
fn the_same_options_give_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (
        directory.path().join("1.xlsx"),
        directory.path().join("2.xlsx"),
    );
    for shape in [Shape::Businesses, Shape::Orders] {
        let one = sample::write(&config(shape, 700, &first)).unwrap();
        let two = sample::write(&config(shape, 700, &second)).unwrap();
        assert_eq!(one, two);
        assert!(
            fs::read(&first).unwrap() == fs::read(&second).unwrap(),
            "{shape:?}"
        );

        let mut other = config(shape, 700, &second);
        other.seed += 1;
        assert_ne!(sample::write(&other).unwrap().columns, one.columns);
    }
}

#[test]
fn the_committed_sample_is_what_its_command_writes() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data");
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("businesses.xlsx");
    // The options of the command in sample_data/README.md.
    let figures = sample::write(&SampleConfig {
        rows: 10_000,
        seed: 1,
        shape: Shape::Businesses,
        defects: Defects::Showcase,
        output: output.clone(),
    })
    .unwrap();
    let json = serde_json::to_string_pretty(&figures).unwrap() + "\n";
    assert_eq!(
        json,
        fs::read_to_string(committed.join("businesses.expected.json")).unwrap()
    );
    let written = fs::read(&output).unwrap();
    assert!(written == fs::read(committed.join("businesses.xlsx")).unwrap());
    assert!(written.len() < 2_000_000, "{} bytes", written.len());
}

#[test]
fn the_figures_are_those_of_the_cells() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sample.xlsx");
    for (shape, defects) in [
        (Shape::Businesses, Defects::Showcase),
        (Shape::Orders, Defects::None),
    ] {
        let mut config = config(shape, 2500, &path);
        config.defects = defects;
        let figures = sample::write(&config).unwrap();
        let range = sheet(&path, &figures);
        assert_eq!(range.height(), 2501);
        assert_eq!(range.width(), figures.columns.len());
        for (number, column) in figures.columns.iter().enumerate() {
            assert_eq!(range[(0, number)], Data::String(column.header.clone()));
            check_column(column, &good_cells(&range, number, &figures));
        }
    }
}

/// The cells of a column in the rows that are not bad.
fn good_cells<'a>(range: &'a Range<Data>, column: usize, figures: &Figures) -> Vec<&'a Data> {
    let bad = |row: usize| {
        figures
            .defects
            .iter()
            .any(|defect| defect.row == row as u64 + 1)
    };
    let cells: Vec<&Data> = (1..range.height())
        .filter(|row| !bad(*row))
        .map(|row| &range[(row, column)])
        .collect();
    assert_eq!(cells.len() as u64, figures.loadable_rows);
    cells
}

fn check_column(column: &ColumnFigures, cells: &[&Data]) {
    let header = &column.header;
    let present: Vec<&Data> = cells
        .iter()
        .filter(|cell| !cell.is_empty())
        .copied()
        .collect();
    assert_eq!(
        column.nulls as usize,
        cells.len() - present.len(),
        "{header}"
    );
    match &column.values {
        Values::Numbers { sum, min, max } => {
            let numbers: Vec<i128> = present
                .iter()
                .map(|cell| scaled(&cell.get_float().unwrap().to_string()))
                .collect();
            assert_eq!(scaled(sum), numbers.iter().sum::<i128>(), "{header}");
            assert_eq!(
                min.as_deref().map(scaled),
                numbers.iter().min().copied(),
                "{header}"
            );
            assert_eq!(
                max.as_deref().map(scaled),
                numbers.iter().max().copied(),
                "{header}"
            );
        }
        Values::Moments { min, max } => {
            let seconds: Vec<i64> = present.iter().map(|cell| serial_seconds(cell)).collect();
            let expected = |text: &Option<String>| text.as_deref().map(iso_seconds);
            assert_eq!(expected(min), seconds.iter().min().copied(), "{header}");
            assert_eq!(expected(max), seconds.iter().max().copied(), "{header}");
            if column.sql_type == SqlType::Date {
                assert!(
                    seconds.iter().all(|seconds| seconds % 86_400 == 0),
                    "{header}"
                );
            }
        }
        Values::Booleans { trues } => {
            let count = present
                .iter()
                .filter(|cell| cell.get_bool().unwrap())
                .count();
            assert_eq!(*trues as usize, count, "{header}");
        }
        Values::Texts { characters, bytes } => {
            let texts: Vec<&str> = present
                .iter()
                .map(|cell| cell.get_string().unwrap())
                .collect();
            let counted: usize = texts.iter().map(|text| text.chars().count()).sum();
            assert_eq!(*characters as usize, counted, "{header}");
            assert_eq!(
                *bytes as usize,
                texts.iter().map(|text| text.len()).sum::<usize>()
            );
        }
        other => panic!("{header}: {other:?}"),
    }
}

/// A decimal as a whole number of 10^-10.
fn scaled(decimal: &str) -> i128 {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    assert!(fraction.len() <= SCALE, "{decimal}");
    format!("{whole}{fraction:0<SCALE$}").parse().unwrap()
}

/// Seconds since the serial number 0 (1899-12-30, for days from March 1900 on) of a cell with a date format.
fn serial_seconds(cell: &Data) -> i64 {
    let seconds = cell.get_datetime().unwrap().as_f64() * 86_400.0;
    // Rounding to the second hides at most what a double cannot hold.
    assert!((seconds - seconds.round()).abs() < 1e-5, "{cell:?}");
    seconds.round() as i64
}

/// The same for ISO 8601 text: a date, a time, or both. Counts years one by one.
fn iso_seconds(text: &str) -> i64 {
    let mut seconds = 0;
    for part in text.split(' ') {
        let numbers: Vec<i64> = part.split(['-', ':']).map(|n| n.parse().unwrap()).collect();
        if part.contains(':') {
            seconds += numbers[0] * 3600 + numbers[1] * 60 + numbers[2];
            continue;
        }
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        // 1899-12-30 is two days before the year 1900.
        let mut days = 1 + numbers[2];
        days += (1900..numbers[0])
            .map(|year| 365 + i64::from(leap(year)))
            .sum::<i64>();
        let february = 28 + i64::from(leap(numbers[0]));
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        days += months[..numbers[1] as usize - 1].iter().sum::<i64>();
        seconds += days * 86_400;
    }
    seconds
}

#[test]
fn bad_rows_hold_what_the_plan_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bad.xlsx");
    let mut config = config(Shape::Businesses, 400, &path);
    config.defects = Defects::Showcase;
    let figures = sample::write(&config).unwrap();
    let range = sheet(&path, &figures);
    let mut kinds: HashMap<String, u32> = HashMap::new();
    for defect in &figures.defects {
        let column = usize::from(defect.cell.as_bytes()[0] - b'A');
        assert_eq!(defect.cell[1..], defect.row.to_string());
        let cell = &range[(defect.row as usize - 1, column)];
        match defect.kind {
            DefectKind::Missing => assert_eq!(cell, &Data::Empty),
            DefectKind::EmptyText => assert_eq!(cell.get_string().unwrap_or_default(), ""),
            DefectKind::ErrorValue => assert!(cell.is_error(), "{cell:?}"),
            DefectKind::NulCharacter => assert!(cell.get_string().unwrap().contains('\0')),
            DefectKind::TooLongForIndex => assert!(cell.get_string().unwrap().len() > 2704),
            other => panic!("{other:?}"),
        }
        *kinds.entry(format!("{:?}", defect.kind)).or_default() += 1;
    }
    assert_eq!(figures.defects.len(), 13);
    assert_eq!(figures.loadable_rows, 387);
    assert!(
        kinds.len() == 5 && kinds.values().all(|count| *count >= 2),
        "{kinds:?}"
    );
}

#[test]
fn texts_come_with_everything_a_cell_can_hold() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("texts.xlsx");
    let figures = sample::write(&config(Shape::Businesses, 5000, &path)).unwrap();
    let range = sheet(&path, &figures);
    let texts: Vec<&str> = range
        .used_cells()
        .filter_map(|cell| cell.2.get_string())
        .collect();
    for part in [
        "&",
        "<b>",
        ">",
        "\"",
        "'",
        "&amp;",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "\\N",
        "é",
        "ß",
        "İ",
        "東京",
        "𠮷",
        "القاهرة",
        "חיפה",
        "जयपुर",
        "👩‍🍳",
        "_x0041_",
        "\u{200b}",
    ] {
        assert!(texts.iter().any(|text| text.contains(part)), "{part:?}");
    }
    for check in [
        |text: &str| text.starts_with(' '),
        |text: &str| text.ends_with(' '),
        |text: &str| text.ends_with('\n'),
        |text: &str| text.starts_with('0'),
        |text: &str| text.starts_with('+'),
    ] {
        assert!(texts.iter().any(|text| check(text)));
    }
    assert!(!texts.iter().any(|text| text.contains('\0')));
}

#[test]
fn nothing_is_left_when_writing_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stopped.xlsx");
    let stop = CancellationToken::new();
    stop.cancel();
    let error = sample::write_until(&config(Shape::Orders, 100, &path), &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    for path in [
        directory.path().to_owned(),
        directory.path().join("no/such/dir.xlsx"),
    ] {
        let error = sample::write(&config(Shape::Orders, 1, &path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutputUnwritable);
        assert!(error.message().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn the_command_prints_the_figures_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("orders.xlsx");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sheetload"))
        .args([
            "sample", "--rows", "25", "--seed", "42", "--shape", "orders", "--json", "-o",
        ])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(i32::from(exit::SUCCESS)));
    assert!(output.stderr.is_empty());
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let again = directory.path().join("again.xlsx");
    let figures = sample::write(&config(Shape::Orders, 25, &again)).unwrap();
    assert_eq!(printed, serde_json::to_value(figures).unwrap());
    assert!(fs::read(&path).unwrap() == fs::read(&again).unwrap());
}

#[test]
fn too_many_rows_are_a_usage_error() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sheetload"))
        .args(["sample", "--rows", "1048576", "-o", "/nowhere/never.xlsx"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("1048575")
    );
}
