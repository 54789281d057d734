//! Profiles against plain models of the same cells, and a finding of each kind.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::model::address::CellRange;
use crate::model::batch::BatchLimits;
use crate::model::cell::{Cell, CellError, FormatId};
use crate::model::inspection::{Exactness, FindingKind as K};
use crate::model::number_format::NumberFormat;
use crate::model::sheet::{DateSystem, Header, SheetTotals, Titled, Visibility};
use crate::transform::text_rules::TextRules;

/// A cell with its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Empty,
    Bool(bool),
    /// A number and which of [`FORMATS`] it has.
    Number(f64, u16),
    Text(String),
    Iso(&'static str),
    Error,
}

const FORMATS: [&str; 5] = ["General", "0.00", "00000", "yyyy-mm-dd", "[h]:mm"];
const GENERAL: u16 = 0;
const FIXED: u16 = 1;
const PADDED: u16 = 2;
const DATE: u16 = 3;

pub(super) fn sheet(titles: &[&str]) -> SheetDescription {
    SheetDescription {
        file: "book.xlsx".into(),
        sheet: "Sheet1".into(),
        visibility: Visibility::Visible,
        date_system: DateSystem::From1900,
        formats: FORMATS.map(NumberFormat::new).into(),
        header: Header {
            first_row: 1,
            first_column: 0,
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
            titled: Titled::Yes,
        },
        hidden_columns: Vec::new(),
        declared_rows: None,
        declared_columns: None,
    }
}

/// A batch of rows, each with its number in the sheet.
pub(super) fn batch(rows: &[(u32, Vec<Given>)]) -> Batch {
    batch_of(rows, |batch, text| {
        Cell::Text(batch.push_text(text).unwrap())
    })
}

/// A batch whose texts are as asked for.
pub(super) fn batch_of(
    rows: &[(u32, Vec<Given>)],
    text_cell: impl Fn(&mut Batch, &str) -> Cell,
) -> Batch {
    let limits = BatchLimits {
        rows: usize::MAX,
        bytes: usize::MAX,
    };
    let width = rows.first().map_or(0, |(_, cells)| cells.len());
    let mut batch = Batch::new(width, limits);
    for (number, cells) in rows {
        batch.start_row(*number);
        for (column, given) in cells.iter().enumerate() {
            let cell = match given {
                Given::Empty => Cell::Empty,
                Given::Bool(truth) => Cell::Bool(*truth),
                Given::Number(value, format) => Cell::Number {
                    value: *value,
                    format: FormatId(*format),
                },
                Given::Text(text) => text_cell(&mut batch, text),
                Given::Iso(text) => Cell::Iso(batch.push_text(text).unwrap()),
                Given::Error => Cell::Error(CellError::NotAvailable),
            };
            batch.set(column, cell);
        }
    }
    batch
}

fn profile(titles: &[&str], rows: &[(u32, Vec<Given>)]) -> (SheetDescription, SheetProfile) {
    let sheet = sheet(titles);
    let mut profile = SheetProfile::of(&sheet);
    profile.observe(&batch(rows));
    (sheet, profile)
}

/// The column `Title` with these cells from row 2 on.
fn column(cells: &[Given]) -> (SheetDescription, SheetProfile) {
    let rows: Vec<_> = (1..)
        .zip(cells.iter().map(|cell| vec![cell.clone()]))
        .collect();
    profile(&["Title"], &rows)
}

fn inspected(cells: &[Given]) -> ColumnInspection {
    let (sheet, profile) = column(cells);
    profile.columns(&sheet).remove(0)
}

/// All findings as kind, count, cells and option.
fn found(cells: &[Given]) -> Vec<(K, u64, String, String)> {
    let (sheet, profile) = column(cells);
    let found = profile.findings(&sheet).into_iter();
    found
        .map(|finding| {
            let cells: Vec<_> = finding
                .cells
                .iter()
                .map(|cell| cell.replace("Sheet1!", ""))
                .collect();
            let flag = finding.flag.unwrap_or_default();
            (finding.kind, finding.count, cells.join(" "), flag)
        })
        .collect()
}

fn number(value: f64) -> Given {
    Given::Number(value, GENERAL)
}

fn texts(texts: &[&str]) -> Vec<Given> {
    texts
        .iter()
        .map(|text| Given::Text((*text).to_owned()))
        .collect()
}

fn one(kind: K, count: u64, cells: &str, flag: &str) -> Vec<(K, u64, String, String)> {
    vec![(kind, count, cells.to_owned(), flag.to_owned())]
}

#[test]
fn numbers_of_more_than_15_digits_are_named() {
    let cells = [
        123_456_789_012_345.0,
        1_234_567_890_123_456.0,
        1_234_567_890_123_450.0,
        1e16,
        -1e300,
        1.0 / 3.0,
        1_234_567_890_123.456_7,
    ];
    assert_eq!(
        found(&cells.map(number)),
        one(
            K::MoreThan15Digits,
            4,
            "A3 A5 A6",
            "--map \"Title=title:text\""
        )
    );
    assert!(found(&texts(&["x1234567890123456789"])).is_empty());
}

#[test]
fn the_rarer_kind_of_cells_makes_a_column_mixed() {
    let cells = [
        number(1.0),
        Given::Text("n. a. until May".into()),
        number(2.0),
        Given::Bool(true),
        number(3.5),
        Given::Empty,
    ];
    assert_eq!(
        found(&cells),
        one(K::MixedColumn, 2, "A3 A5", "--map \"Title=title:numeric\"")
    );
    let (sheet, profile) = column(&cells);
    let explanation = &profile.findings(&sheet)[0].explanation;
    assert_eq!(
        explanation,
        "1 boolean and 1 text among 3 numbers make the column text"
    );
    let mostly_text = [
        number(7.0),
        Given::Text("a".into()),
        Given::Text("b".into()),
    ];
    assert_eq!(found(&mostly_text), one(K::MixedColumn, 1, "A2", ""));
    // Days and days with a time share a type, and so do all numbers.
    let dates = [Given::Number(45_000.0, DATE), Given::Number(45_000.5, DATE)];
    assert!(found(&dates).is_empty());
    assert!(found(&[number(1.0), Given::Number(1.5, FIXED)]).is_empty());
}

#[test]
fn dates_before_march_1900_and_impossible_ones_are_named() {
    let date = |serial| Given::Number(serial, DATE);
    let cells = [date(1.0), date(59.0), date(61.0), date(45_000.0)];
    assert_eq!(
        found(&cells),
        one(
            K::DateBeforeMarch1900,
            2,
            "A2 A3",
            "--map \"Title=title:text\""
        )
    );
    let kinds: Vec<_> = found(&[date(45_000.0), date(-1.0), date(45_001.0)])
        .into_iter()
        .map(|(kind, _, cells, _)| (kind, cells))
        .collect();
    assert_eq!(
        kinds,
        [
            (K::MixedColumn, "A3".to_owned()),
            (K::ImpossibleDate, "A3".to_owned())
        ]
    );
}

#[test]
fn ambiguous_dates_are_named_with_the_order_that_others_prove() {
    let flag = |cells: &[&str]| {
        let found = found(&texts(cells));
        let ambiguous = found.into_iter().find(|found| found.0 == K::AmbiguousDate);
        ambiguous.map(|(_, count, cells, flag)| (count, cells, flag))
    };
    let expected =
        |count, cells: &str, flag: &str| Some((count, cells.to_owned(), flag.to_owned()));
    assert_eq!(
        flag(&["03/04/2024", "25/04/2024", "04/04/2024"]),
        expected(
            1,
            "A2",
            "--date-format \"DD/MM/YYYY\" --map \"Title=title:date\""
        )
    );
    assert_eq!(
        flag(&["04-25-24", "03-04-24"]),
        expected(
            1,
            "A3",
            "--date-format \"MM-DD-YY\" --map \"Title=title:date\""
        )
    );
    assert_eq!(
        flag(&["25.4.2024", "4.25.2024", "3.4.2024"]),
        expected(1, "A4", "")
    );
    assert_eq!(flag(&["25/04/2024"]), None);
}

#[test]
fn texts_that_are_something_else_are_named_with_the_type() {
    for (kind, cells, flag) in [
        (
            K::IntegersAsText,
            &["1", "N/A", "-20"][..],
            "--map \"Title=title:bigint\"",
        ),
        (
            K::DecimalsAsText,
            &["1", "2.5"],
            "--map \"Title=title:numeric\"",
        ),
        (
            K::DecimalCommaAsText,
            &["1,5", "1.234,50", "1,234"],
            "--decimal-comma --map \"Title=title:numeric\"",
        ),
        (
            K::DatesAsText,
            &["2024-01-31"],
            "--map \"Title=title:date\"",
        ),
        (
            K::TimestampsAsText,
            &["2024-01-31", "2024-01-31 12:00"],
            "--map \"Title=title:timestamp\"",
        ),
        (K::TimesAsText, &["08:30"], "--map \"Title=title:time\""),
        (
            K::BooleansAsText,
            &["yes", "No"],
            "--map \"Title=title:boolean\"",
        ),
        (
            K::DatesAsText,
            &["25/12/2024"],
            "--date-format \"DD/MM/YYYY\" --map \"Title=title:date\"",
        ),
    ] {
        let found = found(&texts(cells));
        let found = found.iter().find(|found| found.0 != K::NullWord).unwrap();
        assert_eq!((found.0, found.1), (kind, cells.len() as u64), "{cells:?}");
        assert_eq!(found.3, flag, "{cells:?}");
    }
    for cells in [
        &["1", "x"][..],
        &["007", "1"],
        &["1,234"],
        &["1.5", "1,5"],
        &["-"],
    ] {
        let found = found(&texts(cells));
        assert!(
            found.iter().all(|found| found.0 == K::NullWord),
            "{cells:?}"
        );
    }
}

#[test]
fn the_rest_is_named_too() {
    assert_eq!(found(&texts(&["a\0"])), one(K::NulCharacter, 1, "A2", ""));
    assert_eq!(
        found(&texts(&["a\u{7}"])),
        one(K::ControlCharacter, 1, "A2", "")
    );
    assert_eq!(
        found(&texts(&["a", " b", "c\u{a0}"])),
        one(K::OuterWhiteSpace, 2, "A3 A4", "--trim")
    );
    assert_eq!(
        found(&texts(&["a", "N/A", "-", "N/A"])),
        one(K::NullWord, 3, "A3 A4 A5", "--null \"N/A,-\"")
    );
    assert_eq!(
        found(&[number(1.0), Given::Error]),
        one(K::ErrorCell, 1, "A3", "--on-cell-error reject")
    );
    assert_eq!(
        found(&[Given::Number(42.0, PADDED)]),
        one(
            K::ZeroPaddedNumbers,
            1,
            "A2",
            "--map \"Title=title:bigint\""
        )
    );
}

#[test]
fn columns_are_named_so_that_the_shell_and_the_program_understand() {
    let flags = |titles: &[&str]| -> Vec<String> {
        let cells = titles.iter().map(|_| Given::Text("1".into())).collect();
        let (sheet, profile) = profile(titles, &[(1, cells)]);
        let found = profile.findings(&sheet).into_iter();
        found.map(|finding| finding.flag.unwrap()).collect()
    };
    assert_eq!(
        flags(&["Unit Price (€)", "a=b", "", "Dup", "dup", "\"$x\""]),
        [
            "--map \"Unit Price (€)=unit_price:bigint\"",
            "--map \"a_b=a_b:bigint\"",
            "--map \"C=column_c:bigint\"",
            "--map \"D=dup:bigint\"",
            "--map \"E=dup_2:bigint\"",
            "--map \"x=x:bigint\"",
        ]
    );
}

#[test]
fn titles_and_merged_cells_are_named() {
    let long = "x".repeat(64);
    let titles = ["Id", "", "Price", "price", &long];
    let cells = |cells: [Given; 5]| cells.to_vec();
    let unit = Given::Text("EUR".into());
    let rows = [
        (
            1,
            cells([number(0.0), number(0.0), unit, number(0.0), number(0.0)]),
        ),
        (
            2,
            cells([
                number(1.0),
                number(2.0),
                number(3.0),
                number(4.0),
                number(5.0),
            ]),
        ),
    ];
    let (sheet, profile) = profile(&titles, &rows);
    let ranges = ["A1:B1", "A4:A5"].map(|range| range.parse::<CellRange>().unwrap());
    let totals = SheetTotals {
        uncached_formulas: 2,
        first_uncached: Some("D7".parse().unwrap()),
        cells_outside_header: 1,
        first_outside_header: Some("G2".parse().unwrap()),
        ..SheetTotals::default()
    };
    let facts = SheetFacts {
        sheet: &sheet,
        totals: &totals,
        merged: &ranges,
        max_columns: 4,
    };
    let found: Vec<_> = sheet_findings(&facts, &profile)
        .into_iter()
        .map(|found| {
            (
                found.kind,
                found.count,
                found.cells.join(" ").replace("Sheet1!", ""),
            )
        })
        .collect();
    let expected = [
        (K::TooManyColumns, 1, "E1"),
        (K::CellsWithoutTitle, 1, "G2"),
        (K::BlankTitle, 1, "B1"),
        (K::DuplicateTitle, 1, "D1"),
        (K::LongTitle, 1, "E1"),
        (K::SeveralTitleRows, 2, "A1 C2"),
        (K::MergedCells, 1, "A4"),
        (K::UncachedFormula, 2, "D7"),
    ];
    let expected = expected.map(|(kind, count, cells)| (kind, count, cells.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn what_an_import_warns_of_is_what_an_inspection_finds() {
    let cells = [
        number(1e17),
        Given::Text(" 03/04/2024".into()),
        Given::Text("a\0".into()),
        Given::Number(3.0, DATE),
        Given::Error,
    ];
    let rows: Vec<_> = (1..).zip(cells.map(|cell| vec![cell])).collect();
    let sheet = sheet(&["Title"]);
    let mut lossy = LossyValues::of(&sheet, TextRules::default());
    lossy.observe(&batch(&rows));
    let warned = lossy.warnings(&sheet, |_| true);
    assert!(lossy.warnings(&sheet, |index| index > 0).is_empty());
    let kinds: Vec<K> = warned.iter().map(|finding| finding.kind).collect();
    assert_eq!(
        kinds,
        [
            K::MoreThan15Digits,
            K::MixedColumn,
            K::DateBeforeMarch1900,
            K::AmbiguousDate,
            K::NulCharacter
        ]
    );
    let (sheet, profile) = profile(&["Title"], &rows);
    assert_eq!(profile.findings(&sheet)[..5], warned);
    assert_eq!(lossy.types().collect::<Vec<_>>(), [InferredType::Text]);
}

#[test]
fn values_are_shown_as_people_see_them() {
    let column = inspected(&[
        Given::Number(45_293.0, DATE),
        Given::Number(45_292.0, DATE),
        Given::Empty,
        Given::Error,
        Given::Number(45_293.0, DATE),
    ]);
    assert_eq!((column.values, column.nulls, column.errors), (3, 1, 1));
    assert_eq!((column.distinct, column.distinct_is), (2, Exactness::Exact));
    assert_eq!(column.min.as_deref(), Some("2024-01-01"));
    assert_eq!(column.max.as_deref(), Some("2024-01-02"));
    assert_eq!(column.samples, ["2024-01-02", "2024-01-01"]);
    assert_eq!(column.sql_type, "date");
    let iso = inspected(&[
        Given::Iso("PT100H00M00S"),
        Given::Iso("PT26H15M00S"),
        Given::Iso("PT100H"),
    ]);
    assert_eq!((iso.distinct, iso.sql_type.as_str()), (2, "interval"));
    assert_eq!(iso.max.as_deref(), Some("100:00:00"));
    let booleans = inspected(&[Given::Bool(true)]);
    assert_eq!(booleans.min.as_deref(), Some("true"));
    let empty = inspected(&[]);
    assert_eq!(
        (empty.values, empty.min, empty.sql_type.as_str()),
        (0, None, "text")
    );
    let text = inspected(&texts(&["éé", "a"]));
    assert_eq!(text.longest_text, Some(2));
}

#[test]
fn words_that_stand_for_null_make_no_column_mixed() {
    let sheet = sheet(&["Title"]);
    let rows = [(1, vec![number(1.0)]), (2, texts(&["N/A"]))];
    let warned = |null_words: &[&str]| {
        let null_words = null_words.iter().map(|word| (*word).to_owned()).collect();
        let rules = TextRules {
            null_words,
            ..TextRules::default()
        };
        let mut lossy = LossyValues::of(&sheet, rules);
        lossy.observe(&batch(&rows));
        lossy.warnings(&sheet, |_| true)
    };
    assert!(warned(&["N/A"]).is_empty());
    let warned: Vec<String> = warned(&[]).iter().map(Finding::to_string).collect();
    assert_eq!(
        warned,
        [
            "mixed column in title: 1 (Sheet1!A3): 1 text among 1 number makes the column text \
             (--map \"Title=title:bigint\")"
        ]
    );
}

pub(super) fn any_given() -> impl Strategy<Value = Given> {
    prop_oneof![
        Just(Given::Empty),
        any::<bool>().prop_map(Given::Bool),
        (any::<f64>(), 0..5_u16).prop_map(|(value, format)| Given::Number(value, format)),
        (-50_i32..50, 0..5_u16).prop_map(|(value, format)| Given::Number(value.into(), format)),
        ".{0,12}".prop_map(Given::Text),
        "[0-9]{1,2}[/.,-][0-9]{1,2}([/.-][0-9]{2,4})?".prop_map(Given::Text),
        Just(Given::Iso("2024-02-29")),
        Just(Given::Iso("never")),
        Just(Given::Error),
    ]
}

proptest! {
    /// Nothing that a file can hold is a reason to panic, and whatever the order of the rows, the figures are the same.
    #[test]
    fn the_order_of_rows_does_not_matter(
        cells in prop::collection::vec(any_given(), 1..60),
        turn in 0_usize..60,
    ) {
        let rows: Vec<_> = (1..).zip(cells.into_iter().map(|cell| vec![cell])).collect();
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len());
        turned.reverse();
        let (sheet, one) = profile(&["Title"], &rows);
        let (_, other) = profile(&["Title"], &turned);
        let ordered = |mut findings: Vec<Finding>| {
            // Words for nothing are named in the order of the rows.
            findings.retain(|finding| finding.kind != K::NullWord);
            findings
        };
        prop_assert_eq!(ordered(one.findings(&sheet)), ordered(other.findings(&sheet)));
        let (one, other) = (one.columns(&sheet).remove(0), other.columns(&sheet).remove(0));
        prop_assert_eq!(one.values + one.nulls + one.errors, rows.len() as u64);
        let figures = |column: ColumnInspection| (
            (column.values, column.nulls, column.errors, column.distinct, column.longest_text),
            (column.sql_type, column.formats),
        );
        prop_assert_eq!(figures(one), figures(other));
    }

    #[test]
    fn numbers_are_profiled_as_a_plain_model_does(
        values in prop::collection::vec(prop_oneof![-1e6..1e6, (-20_i32..20).prop_map(f64::from)], 1..200),
    ) {
        let cells: Vec<_> = values.iter().map(|value| number(*value)).collect();
        let column = inspected(&cells);
        let distinct: HashSet<u64> = values.iter().map(|value| (value + 0.0).to_bits()).collect();
        prop_assert_eq!(column.distinct, distinct.len() as u64);
        let shown = |value: f64| number_shown(value);
        let (min, max) = values.iter().fold((f64::MAX, f64::MIN), |(min, max), value| {
            (min.min(*value), max.max(*value))
        });
        prop_assert_eq!(column.min, Some(shown(min)));
        prop_assert_eq!(column.max, Some(shown(max)));
        prop_assert_eq!(&column.formats[0].cells, &(values.len() as u64));
        let all_whole = values.iter().all(|value| value.fract() == 0.0);
        prop_assert_eq!(column.sql_type == "bigint", all_whole);
    }

    #[test]
    fn texts_are_profiled_as_a_plain_model_does(
        texts in prop::collection::vec("[a-cé数]{1,4}", 1..200),
    ) {
        let cells: Vec<_> = texts.iter().cloned().map(Given::Text).collect();
        let column = inspected(&cells);
        let distinct: HashSet<&String> = texts.iter().collect();
        prop_assert_eq!(column.distinct, distinct.len() as u64);
        prop_assert_eq!(column.min.as_ref(), texts.iter().min());
        prop_assert_eq!(column.max.as_ref(), texts.iter().max());
        let longest = texts.iter().map(|text| text.chars().count() as u64).max();
        prop_assert_eq!(column.longest_text, longest);
    }
}

/// A number under General, as the display of titles shows it.
fn number_shown(value: f64) -> String {
    let general = NumberFormat::general();
    crate::transform::display::display_number(value, &general, DateSystem::From1900)
}
