//! Tests with streams of records made by hand.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::input::Input;
use super::super::workbook::{Content, Flow, SheetVisitor, Workbook};
use super::kind as k;
use crate::error::{ErrorKind, Result};
use crate::model::address::{CellAddress, CellRange};
use crate::model::cell::FormatId;
use crate::model::code_page::CodePage;
use crate::model::secret::Password;
use crate::model::selection::ReadOptions;
use crate::model::sheet::{DateSystem, SheetKind, Visibility};

fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
}

/// The bytes of numbers of 16 bits.
fn words(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    words(&text.encode_utf16().collect::<Vec<_>>())
}

/// A record of a cell with an XF record.
fn cell(kind: u16, [row, column, xf]: [u16; 3], content: &[u8]) -> Vec<u8> {
    record(kind, &[&words(&[row, column, xf]), content].concat())
}

fn number(row: u16, column: u16, xf: u16, value: f64) -> Vec<u8> {
    cell(k::NUMBER, [row, column, xf], &value.to_le_bytes())
}

/// A formula with this result, and flags and an empty expression.
fn formula(kind: u16, row: u16, column: u16, result: [u8; 8]) -> Vec<u8> {
    cell(kind, [row, column, 0], &[&result[..], &[0; 8]].concat())
}

const TEXT_RESULT: [u8; 8] = [0, 0, 0, 0, 0, 0, 0xFF, 0xFF];

fn bof(version: u16, holds: u16) -> Vec<u8> {
    let body = words(&[version, holds, 0, 0, 0, 0, 0, 0]);
    record(k::BOF, &body)
}

/// A sheet for the list: name as stored, state, kind, and the records of its substream.
struct Sheet {
    name: Vec<u8>,
    state: u8,
    kind: u8,
    records: Vec<u8>,
}

fn sheet(records: Vec<u8>) -> Sheet {
    Sheet {
        name: b"\x01\x00S".to_vec(),
        state: 0,
        kind: 0,
        records,
    }
}

/// A stream of globals and sheets.
fn stream(version: u16, globals: &[u8], sheets: &[Sheet]) -> Vec<u8> {
    let list: usize = sheets.iter().map(|sheet| 10 + sheet.name.len()).sum();
    let mut at = bof(version, 5).len() + globals.len() + list + 4;
    let mut all = [&bof(version, 5), globals].concat();
    let mut bodies = Vec::new();
    for sheet in sheets {
        let holds = if sheet.kind == 2 { 0x20 } else { 0x10 };
        let body = [
            bof(version, holds),
            sheet.records.clone(),
            record(k::EOF, &[]),
        ]
        .concat();
        let start = u32::try_from(at).unwrap().to_le_bytes();
        let entry = [&start[..], &[sheet.state, sheet.kind], &sheet.name].concat();
        all.extend(record(k::BOUND_SHEET, &entry));
        at += body.len();
        bodies.extend(body);
    }
    all.extend(record(k::EOF, &[]));
    [all, bodies].concat()
}

fn biff8(globals: &[u8], records: Vec<u8>) -> Vec<u8> {
    stream(0x0600, globals, &[sheet(records)])
}

fn open(bytes: &[u8]) -> Result<Box<dyn Workbook>> {
    open_with(bytes, &ReadOptions::default())
}

fn open_with(bytes: &[u8], options: &ReadOptions) -> Result<Box<dyn Workbook>> {
    let input = Input::Decrypted(Cursor::new(Arc::from(bytes)));
    super::open(Path::new("a.xls"), input, options)
}

fn with_password(password: &str) -> ReadOptions {
    ReadOptions {
        password: Some(Password::new(password)),
        ..ReadOptions::default()
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    formats: Vec<FormatId>,
    stop_after: Option<usize>,
}

impl Notes {
    fn note(&mut self, line: String) -> Flow {
        self.lines.push(line);
        Ok(match self.stop_after {
            Some(most) if self.lines.len() >= most => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }
}

impl SheetVisitor for Notes {
    fn dimension(&mut self, range: CellRange) {
        self.lines.push(format!("dimension {range}"));
    }

    fn hidden_columns(&mut self, first: u32, last: u32) {
        self.lines.push(format!("hidden columns {first}-{last}"));
    }

    fn hidden_row(&mut self, row: u32) -> Flow {
        self.note(format!("hidden row {row}"))
    }

    fn guessed(&mut self, page: CodePage) {
        self.lines.push(format!("guessed {page}"));
    }

    fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow {
        self.formats.push(format);
        self.note(match content {
            Content::Text(text) => format!("{at} {text}"),
            Content::Shared(shared) => format!("{at} {}", shared.text()),
            content => format!("{at} {content:?}"),
        })
    }
}

fn read(bytes: &[u8], sheet: usize) -> Result<Vec<String>> {
    let mut notes = Notes::default();
    open(bytes)?.read_sheet(sheet, &mut notes)?;
    Ok(notes.lines)
}

/// The lines of the first sheet of a BIFF8 workbook with these records.
fn lines(records: Vec<u8>) -> Vec<String> {
    read(&biff8(&[], records), 0).unwrap()
}

/// The format codes of the first sheet's cells.
fn codes(bytes: &[u8]) -> Vec<String> {
    let mut workbook = open(bytes).unwrap();
    let mut notes = Notes::default();
    workbook.read_sheet(0, &mut notes).unwrap();
    let code = |id: &FormatId| workbook.formats()[usize::from(id.0)].code.clone();
    notes.formats.iter().map(code).collect()
}

fn kind_of_error<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn numbers_are_read_in_every_packing() {
    let rk = |column, packed: u32| cell(k::RK, [0, column, 0], &packed.to_le_bytes());
    let mul = [
        words(&[1, 2, 0]),
        ((7_u32 << 2) | 2).to_le_bytes().to_vec(),
        words(&[0]),
        ((8_u32 << 2) | 3).to_le_bytes().to_vec(),
        words(&[3]),
    ];
    let records = [
        rk(0, (5 << 2) | 2),
        // -1 in 30 bits, and a hundredth of it.
        rk(1, 0xFFFF_FFFE),
        rk(2, 0xFFFF_FFFF),
        // 1.5 and 0.015.
        rk(3, 0x3FF8_0000),
        rk(4, 0x3FF8_0001),
        number(0, 5, 0, 1e300),
        record(k::MUL_RK, &mul.concat()),
        // No cells: MULBLANK and BLANK.
        record(0x00BE, &words(&[2, 0, 0, 0, 1])),
        cell(0x0201, [3, 0, 0], &[]),
    ];
    let wanted = [
        "A1 Number(5.0)",
        "B1 Number(-1.0)",
        "C1 Number(-0.01)",
        "D1 Number(1.5)",
        "E1 Number(0.015)",
        "F1 Number(1e300)",
        "C2 Number(7.0)",
        "D2 Number(0.08)",
    ];
    assert_eq!(lines(records.concat()), wanted);
}

#[test]
fn truths_and_errors_are_told_apart() {
    let records = [
        cell(k::BOOL_ERR, [0, 0, 0], &[1, 0]),
        cell(k::BOOL_ERR, [0, 1, 0], &[0, 0]),
        cell(k::BOOL_ERR, [0, 2, 0], &[0x2A, 1]),
        formula(k::FORMULA, 0, 3, [1, 0, 1, 0, 0, 0, 0xFF, 0xFF]),
        formula(k::FORMULA, 0, 4, [2, 0, 7, 0, 0, 0, 0xFF, 0xFF]),
        formula(k::FORMULA, 0, 5, [3, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
    ];
    let wanted = [
        "A1 Bool(true)",
        "B1 Bool(false)",
        "C1 Error(NotAvailable)",
        "D1 Bool(true)",
        "E1 Error(DivisionByZero)",
    ];
    assert_eq!(lines(records.concat()), wanted);
}

#[test]
fn formulas_have_one_layout_under_three_numbers() {
    let records: Vec<u8> = [k::FORMULA, k::FORMULA_3, k::FORMULA_4]
        .into_iter()
        .zip(0..)
        .flat_map(|(kind, row)| formula(kind, row, 0, 2.5_f64.to_le_bytes()))
        .collect();
    let wanted = ["A1 Number(2.5)", "A2 Number(2.5)", "A3 Number(2.5)"];
    assert_eq!(lines(records), wanted);
}

#[test]
fn texts_of_formulas_go_on_in_further_records() {
    let half = vec![b'x'; 8_000];
    let records = [
        formula(k::FORMULA, 0, 0, TEXT_RESULT),
        // The record of a shared formula comes in between.
        record(0x04BC, &[0; 10]),
        record(k::STRING, &[&words(&[16_002]), &[0][..], &half].concat()),
        record(k::CONTINUE, &[&[0][..], &half].concat()),
        record(k::CONTINUE, &[&[1][..], &utf16("é€")].concat()),
        number(0, 1, 0, 1.0),
    ];
    let wanted = format!("A1 {}é€", "x".repeat(16_000));
    assert_eq!(lines(records.concat()), [wanted.as_str(), "B1 Number(1.0)"]);
}

#[test]
fn a_formula_without_its_text_is_uncached() {
    let records = [
        formula(k::FORMULA, 0, 0, TEXT_RESULT),
        number(0, 1, 0, 1.0),
        formula(k::FORMULA, 0, 2, TEXT_RESULT),
        formula(k::FORMULA, 0, 3, TEXT_RESULT),
        record(k::STRING, &[&words(&[1]), &b"\0y"[..]].concat()),
        formula(k::FORMULA, 0, 4, TEXT_RESULT),
        // Empty, without flags.
        record(k::STRING, &words(&[0])),
        formula(k::FORMULA, 0, 5, TEXT_RESULT),
    ];
    let wanted = [
        "A1 Uncached",
        "B1 Number(1.0)",
        "C1 Uncached",
        "D1 y",
        "F1 Uncached",
    ];
    assert_eq!(lines(records.concat()), wanted);

    let cut = [
        formula(k::FORMULA, 0, 0, TEXT_RESULT),
        record(k::STRING, &[&words(&[5]), &b"\0y"[..]].concat()),
    ];
    let cut = read(&biff8(&[], cut.concat()), 0);
    assert_eq!(kind_of_error(cut), Some(ErrorKind::WorkbookBroken));
}

#[test]
fn texts_in_cells_are_read_with_what_hangs_on_them() {
    let rich = [&words(&[2]), &[0x08][..], &words(&[1]), b"hi", &[0; 4]].concat();
    let phonetic = [
        &words(&[2]),
        &[0x05][..],
        &[3, 0, 0, 0],
        &utf16("日本"),
        &[9; 3],
    ]
    .concat();
    let records = [
        cell(k::LABEL, [0, 0, 0], &rich),
        cell(k::RICH_STRING, [0, 1, 0], &phonetic),
        // The code page has no say in BIFF8, nor do halves of pairs have a meaning.
        cell(
            k::LABEL,
            [0, 2, 0],
            &[&words(&[1]), &[0, 0xE9][..]].concat(),
        ),
        cell(
            k::LABEL,
            [0, 3, 0],
            &[&words(&[3]), &[1][..], &words(&[0xDC00, 0x41, 0xD83D])].concat(),
        ),
        cell(k::LABEL, [0, 4, 0], &[&words(&[0]), &[0][..]].concat()),
        cell(
            k::LABEL,
            [0, 5, 0],
            &[&words(&[2]), &[1][..], &utf16("😀")].concat(),
        ),
    ];
    let globals = record(k::CODE_PAGE, &words(&[1251]));
    let lines = read(&biff8(&globals, records.concat()), 0).unwrap();
    assert_eq!(
        lines,
        ["A1 hi", "B1 日本", "C1 é", "D1 \u{FFFD}A\u{FFFD}", "F1 😀"]
    );
}

/// The texts of a table of shared strings in these records.
fn shared(records: &[Vec<u8>], count: u16) -> Vec<String> {
    let mut globals = Vec::new();
    for (index, body) in records.iter().enumerate() {
        if index == 0 {
            globals.extend(record(k::SST, &[&[0xFF; 8][..], body].concat()));
        } else {
            globals.extend(record(k::CONTINUE, body));
        }
    }
    let cells: Vec<u8> = (0..count)
        .flat_map(|n| cell(k::LABEL_SST, [n, 0, 0], &u32::from(n).to_le_bytes()))
        .collect();
    let lines = read(&biff8(&globals, cells), 0).unwrap();
    lines
        .iter()
        .map(|line| line.split_once(' ').unwrap().1.to_owned())
        .collect()
}

#[test]
fn shared_texts_are_split_anywhere() {
    // Characters of one byte that go on as characters of two, and back again.
    let one = [&words(&[6]), &b"\0ab"[..]].concat();
    let two = [&[1][..], &utf16("é€")].concat();
    let three = [b"\0yz".to_vec(), words(&[1]), b"\0!".to_vec()].concat();
    assert_eq!(shared(&[one, two, three], 2), ["abé€yz", "!"]);

    // Right behind the flags, with an empty record in between.
    let one = [&words(&[2]), &[0][..]].concat();
    assert_eq!(shared(&[one, vec![], b"\0ab".to_vec()], 1), ["ab"]);

    // In the middle of a pair of halves.
    let pair = words(&"😀".encode_utf16().collect::<Vec<_>>());
    let one = [&words(&[2]), &[1][..], &pair[..2]].concat();
    assert_eq!(shared(&[one, [&[1][..], &pair[2..]].concat()], 1), ["😀"]);

    // In what hangs on a text: fonts and phonetic text, without flags.
    let one = [
        &words(&[1]),
        &[0x0C][..],
        &words(&[2]),
        &[6, 0, 0, 0],
        b"a",
        &[7; 3],
    ]
    .concat();
    let two = [&[7; 5][..], &[7; 4]].concat();
    let three = [&[7; 2][..], &words(&[1]), b"\0b"].concat();
    assert_eq!(shared(&[one, two, three], 2), ["a", "b"]);

    // In the middle of the length.
    assert_eq!(shared(&[vec![2], b"\0\0ab".to_vec()], 1), ["ab"]);
}

#[test]
fn a_shared_text_that_is_not_there_is_named() {
    let globals = record(
        k::SST,
        &[&[9; 8][..], &words(&[1]), b"\0a", &words(&[9]), b"\0b"].concat(),
    );
    let at = |index: u32| cell(k::LABEL_SST, [4, 0, 0], &index.to_le_bytes());
    assert_eq!(read(&biff8(&globals, at(0)), 0).unwrap(), ["A5 a"]);
    for missing in [1, 2, u32::MAX] {
        let error = read(&biff8(&globals, at(missing)), 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        assert_eq!(error.facts().cell.as_deref(), Some("A5"));
    }
}

#[test]
fn the_cells_of_a_chart_on_a_sheet_are_not_the_sheets() {
    let records = [
        number(0, 0, 0, 1.0),
        bof(0x0600, 0x20),
        number(0, 0, 0, 2.0),
        bof(0x0600, 0x20),
        record(k::EOF, &[]),
        number(0, 0, 0, 3.0),
        record(k::EOF, &[]),
        number(1, 0, 0, 4.0),
    ];
    assert_eq!(
        lines(records.concat()),
        ["A1 Number(1.0)", "A2 Number(4.0)"]
    );
}

#[test]
fn extent_and_hidden_things_come_before_the_cells() {
    let row = |row: u16, flags: u16| record(k::ROW, &words(&[row, 0, 1, 255, 0, 0, flags, 0]));
    let columns = |first, last, width, flags| {
        record(k::COLUMN_INFO, &words(&[first, last, width, 0, flags, 0]))
    };
    let records = [
        row(0, 0x0020),
        row(1, 0x0100),
        number(0, 0, 0, 1.0),
        columns(0, 0, 9, 0),
        columns(1, 2, 9, 1),
        columns(5, 300, 0, 0),
        columns(4, 3, 0, 0),
        record(k::DIMENSIONS, &words(&[0, 0, 3, 0, 1, 4, 0])),
        record(k::DIMENSIONS, &words(&[0, 0, 0, 0, 0, 0, 0])),
    ];
    let wanted = [
        "hidden columns 1-2",
        "hidden columns 5-300",
        "dimension B1:D3",
        "hidden row 0",
        "A1 Number(1.0)",
    ];
    assert_eq!(lines(records.concat()), wanted);
}

fn hidden_row(row: u16) -> Vec<u8> {
    let body = [&words(&[row, 0, 3, 255, 0, 0])[..], &[0x20, 0, 0, 0]].concat();
    record(k::ROW, &body)
}

#[test]
fn cells_come_row_by_row_whatever_the_order_of_their_records() {
    let text = |text: &str| {
        let units = u16::try_from(text.len()).unwrap();
        record(
            k::STRING,
            &[&words(&[units])[..], &[1], &utf16(text)].concat(),
        )
    };
    let packed = |numbers: [u32; 2]| {
        let cells = numbers.map(|number| {
            let number = (number << 2 | 2).to_le_bytes();
            [&[0, 0][..], &number].concat()
        });
        let last_column = [2, 0];
        [&words(&[2, 1])[..], &cells.concat(), &last_column].concat()
    };
    let records = [
        // Column A, upwards, then the others; a formula's text stays with it, over what lies between.
        number(2, 0, 0, 3.0),
        formula(k::FORMULA, 1, 0, TEXT_RESULT),
        record(0x04BC, &[0; 8]),
        text("two"),
        number(0, 0, 0, 1.0),
        record(k::MUL_RK, &packed([7, 8])),
        formula(k::FORMULA, 1, 1, TEXT_RESULT),
        number(0, 1, 0, 10.0),
        hidden_row(1),
    ];
    let wanted = [
        "A1 Number(1.0)",
        "B1 Number(10.0)",
        "hidden row 1",
        "A2 two",
        "B2 Uncached",
        "A3 Number(3.0)",
        "B3 Number(7.0)",
        "C3 Number(8.0)",
    ];
    assert_eq!(lines(records.concat()), wanted);
}

#[test]
fn of_two_records_for_one_cell_the_later_one_counts_in_any_order() {
    let records = [
        number(1, 0, 0, 2.0),
        number(0, 0, 0, 1.0),
        number(1, 0, 0, 3.0),
    ];
    let wanted = ["A1 Number(1.0)", "A2 Number(2.0)", "A2 Number(3.0)"];
    assert_eq!(lines(records.concat()), wanted);
}

#[test]
fn a_row_that_is_hidden_behind_its_cells_is_hidden() {
    let records = [number(0, 0, 0, 1.0), number(1, 0, 0, 2.0), hidden_row(1)];
    let wanted = ["A1 Number(1.0)", "hidden row 1", "A2 Number(2.0)"];
    assert_eq!(lines(records.concat()), wanted);
}

#[test]
fn the_styles_of_biff2_stay_with_their_cells_in_any_order() {
    let formats: Vec<Vec<u8>> = ["General", "0.0", "0.00"]
        .iter()
        .map(|code| {
            let length = u8::try_from(code.len()).unwrap();
            record(k::FORMAT_2, &[&[length][..], code.as_bytes()].concat())
        })
        .collect();
    let xf = |format: u8| record(k::XF_2, &[0, 0, format, 0]);
    let in_row = |row: u16, attributes: [u8; 3]| {
        let value = 1_f64.to_le_bytes();
        record(
            k::NUMBER_2,
            &[&words(&[row, 0])[..], &attributes, &value].concat(),
        )
    };
    let records = [
        formats.concat(),
        xf(0),
        xf(1),
        xf(2),
        record(k::IXFE, &words(&[2])),
        in_row(2, [0x3F, 0, 0]),
        record(k::IXFE, &words(&[1])),
        in_row(1, [0x3F, 0, 0]),
        in_row(0, [0, 0, 0]),
    ];
    assert_eq!(
        codes(&early(k::BOF_2, &records)),
        ["General", "0.0", "0.00"]
    );
}

#[test]
fn merged_cells_are_listed_once() {
    let records = [
        record(
            k::MERGED_CELLS,
            &words(&[2, 0, 1, 0, 2, 5, 5, 1, 3, 9, 9, 9, 9]),
        ),
        record(k::MERGED_CELLS, &words(&[900, 0, 1, 0, 2, 4, 3, 0, 0])),
    ];
    let mut workbook = open(&biff8(&[], records.concat())).unwrap();
    let ranges = workbook.merged_ranges(0).unwrap();
    let shown: Vec<_> = ranges.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["A1:C2", "B6:D6"]);
    assert_eq!(workbook.merged_ranges(7).unwrap(), []);
}

#[test]
fn sheets_are_listed_with_kind_and_visibility() {
    let listed = |name: &[u8], state, kind| Sheet {
        name: name.to_vec(),
        state,
        kind,
        records: number(0, 0, 0, 1.0),
    };
    let sheets = [
        listed(b"\x02\x00ab", 0, 0),
        listed(&[&b"\x01\x01"[..], &utf16("日")].concat(), 1, 0),
        listed(b"\x01\x00c", 2, 2),
        listed(b"\x01\x00d", 0, 6),
    ];
    let globals = record(k::DATE_MODE, &words(&[1]));
    let mut workbook = open(&stream(0x0600, &globals, &sheets)).unwrap();
    let found: Vec<_> = workbook
        .sheets()
        .iter()
        .map(|entry| (entry.name.as_str(), entry.kind, entry.visibility))
        .collect();
    let wanted = [
        ("ab", SheetKind::Worksheet, Visibility::Visible),
        ("日", SheetKind::Worksheet, Visibility::Hidden),
        ("c", SheetKind::Chart, Visibility::VeryHidden),
        ("d", SheetKind::Other, Visibility::Visible),
    ];
    assert_eq!(found, wanted);
    assert_eq!(workbook.date_system(), DateSystem::From1904);
    let mut notes = Notes::default();
    workbook.read_sheet(2, &mut notes).unwrap();
    assert!(notes.lines.is_empty());
}

#[test]
fn formats_of_the_file_come_before_those_of_the_numbers() {
    let format = |id: u16, code: &str| {
        let len = u16::try_from(code.len()).unwrap();
        record(
            k::FORMAT,
            &[&words(&[id, len]), &[0][..], code.as_bytes()].concat(),
        )
    };
    let xf = |id: u16| record(k::XF, &words(&[0, id, 0, 0, 0, 0, 0, 0, 0, 0]));
    let globals = [
        format(0, "Standard"),
        format(50, "0.000"),
        format(164, "[h]:mm"),
        format(165, "GENERAL"),
        xf(0),
        xf(50),
        xf(164),
        xf(14),
        xf(165),
        xf(999),
        xf(51),
    ];
    let cells: Vec<u8> = (0..8).flat_map(|xf| number(0, xf, xf, 1.0)).collect();
    let wanted = [
        "General",
        "0.000",
        "[h]:mm",
        "mm-dd-yy",
        "General",
        "General",
        "yyyy-mm-dd",
        "General",
    ];
    assert_eq!(codes(&biff8(&globals.concat(), cells)), wanted);
}

#[test]
fn biff5_has_texts_of_its_code_page() {
    let label = |kind, column, text: &[u8]| {
        let len = u16::try_from(text.len()).unwrap();
        cell(kind, [0, column, 1], &[&words(&[len]), text].concat())
    };
    let format = [&words(&[164]), &b"\x06[h]:mm"[..]].concat();
    let globals = [
        record(k::CODE_PAGE, &words(&[1251])),
        record(k::FORMAT, &format),
        record(k::XF, &words(&[0, 0, 0, 0, 0, 0, 0, 0])),
        record(k::XF, &words(&[0, 164, 0, 0, 0, 0, 0, 0])),
    ];
    let records = [
        record(k::DIMENSIONS, &words(&[0, 1, 0, 4, 0])),
        label(k::LABEL, 0, b"\xCF\xF0"),
        // Changes of the font come behind.
        label(k::RICH_STRING, 1, b"ab"),
        formula(k::FORMULA, 0, 2, TEXT_RESULT),
        record(k::STRING, &[&words(&[4]), &b"\xCFx"[..]].concat()),
        record(k::CONTINUE, b"\xF0y"),
        // Longer by its own word than it is.
        cell(k::LABEL, [0, 3, 0], &[&words(&[9]), &b"ab"[..]].concat()),
    ];
    let list = Sheet {
        name: b"\x02\xCF\xF0".to_vec(),
        ..sheet(records.concat())
    };
    let bytes = stream(0x0500, &globals.concat(), &[list]);
    assert_eq!(open(&bytes).unwrap().sheets()[0].name, "Пр");
    assert_eq!(
        read(&bytes, 0).unwrap(),
        ["dimension A1:D1", "A1 Пр", "B1 ab", "C1 Пxрy", "D1 ab"]
    );
    assert_eq!(codes(&bytes)[..2], ["[h]:mm", "[h]:mm"]);
}

/// A file of version 2, 3 or 4, which is a sheet alone.
fn early(bof: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let begin = record(
        bof,
        &words(&[0, 0x10, 0])[..if bof == k::BOF_2 { 4 } else { 6 }],
    );
    [begin, records.concat(), record(k::EOF, &[])].concat()
}

/// A cell of BIFF2: row, column, attributes, content.
fn cell_2(kind: u16, column: u16, attributes: [u8; 3], content: &[u8]) -> Vec<u8> {
    record(
        kind,
        &[&words(&[0, column]), &attributes[..], content].concat(),
    )
}

#[test]
fn biff2_has_layouts_of_its_own() {
    let text = TEXT_RESULT;
    let records = [
        record(k::COLUMN_WIDTH_2, &[1, 2, 0, 0]),
        record(k::COLUMN_WIDTH_2, &[3, 3, 0, 9]),
        record(k::DIMENSIONS_2, &words(&[0, 1, 0, 6])),
        record(k::ROW_2, &words(&[0, 0, 6, 0, 0, 0])),
        record(k::ROW_2, &words(&[1, 0, 6, 0x00FF, 0, 0])),
        record(k::ROW_2, &words(&[2, 0, 6, 0x8000, 0, 0])),
        cell_2(k::INTEGER_2, 0, [0; 3], &words(&[65_535])),
        cell_2(k::NUMBER_2, 1, [0; 3], &1.5_f64.to_le_bytes()),
        cell_2(k::LABEL_2, 2, [0; 3], b"\x03abc"),
        cell_2(k::BOOL_ERR_2, 3, [0; 3], &[7, 1]),
        cell_2(k::FORMULA, 4, [0; 3], &[&text[..], &[0; 2]].concat()),
        record(k::STRING_2, b"\x02hi"),
        cell_2(
            k::FORMULA,
            5,
            [0; 3],
            &[&2.0_f64.to_le_bytes()[..], &[0; 2]].concat(),
        ),
    ];
    let bytes = early(k::BOF_2, &records);
    let wanted = [
        "hidden columns 1-2",
        "dimension A1:F1",
        "hidden row 0",
        "A1 Number(65535.0)",
        "B1 Number(1.5)",
        "C1 abc",
        "D1 Error(DivisionByZero)",
        "E1 hi",
        "F1 Number(2.0)",
    ];
    assert_eq!(read(&bytes, 0).unwrap(), wanted);
    let sheets = open(&bytes).unwrap().sheets().to_vec();
    assert_eq!((sheets.len(), sheets[0].name.as_str()), (1, "Sheet 1"));
}

#[test]
fn biff2_names_formats_in_attributes_or_records() {
    let integer = |column, attributes| cell_2(k::INTEGER_2, column, attributes, &words(&[1]));
    let formats = [
        record(k::FORMAT_2, b"\x07General"),
        record(k::FORMAT_2, b"\x04yyyy"),
    ];
    // Without XF records the second byte has the format; the two upper bits are the font.
    let plain = [
        integer(0, [0, 0x41, 0]),
        integer(1, [0, 0, 0]),
        integer(2, [0, 12, 0]),
    ];
    let bytes = early(k::BOF_2, &[&formats[..], &plain].concat());
    assert_eq!(codes(&bytes), ["yyyy", "General", "mm-dd-yy"]);

    let xf = |format: u8| record(k::XF_2, &[0, 0, 0x80 | format, 0]);
    let cells = [
        xf(0),
        xf(1),
        integer(0, [0x41, 0, 0]),
        record(k::IXFE, &words(&[1])),
        integer(1, [0x3F, 0, 0]),
        integer(2, [0, 1, 0]),
    ];
    let bytes = early(k::BOF_2, &[&formats[..], &cells].concat());
    assert_eq!(codes(&bytes), ["yyyy", "yyyy", "General"]);
}

#[test]
fn biff3_and_biff4_number_their_formats_by_order() {
    let cells = [
        number(0, 0, 1, 1.0),
        number(0, 1, 0, 1.0),
        number(0, 2, 2, 1.0),
    ];
    let xf = |kind, format| record(kind, &[0, format, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let three = [
        record(k::FORMAT_2, b"\x07General"),
        record(k::FORMAT_2, b"\x02yy"),
        xf(k::XF_3, 0),
        xf(k::XF_3, 1),
        xf(k::XF_3, 14),
    ];
    let bytes = early(k::BOF_3, &[&three[..], &cells].concat());
    assert_eq!(codes(&bytes), ["yy", "General", "mm-dd-yy"]);
    let four = [
        record(k::FORMAT, b"\0\0\x07General"),
        record(k::FORMAT, b"\0\0\x02yy"),
        xf(k::XF_4, 0),
        xf(k::XF_4, 1),
        xf(k::XF_4, 14),
    ];
    let bytes = early(k::BOF_4, &[&four[..], &cells].concat());
    assert_eq!(codes(&bytes), ["yy", "General", "mm-dd-yy"]);
}

#[test]
fn workbooks_of_biff4_have_their_sheets_inside() {
    let begin = |holds| record(k::BOF_4, &words(&[0, holds, 0]));
    let part = |code: &[u8], value| {
        let format = [&words(&[0])[..], &[2], code].concat();
        let xf = record(k::XF_4, &[0; 12]);
        let cell = number(0, 0, 0, value);
        [
            begin(0x10),
            record(k::FORMAT, &format),
            xf,
            cell,
            record(k::EOF, &[]),
        ]
        .concat()
    };
    let header = |name: &[u8], len: usize| {
        let len = u32::try_from(len).unwrap().to_le_bytes();
        record(k::SHEET_HEADER, &[&len[..], &[1], name].concat())
    };
    let (one, two) = (part(b"yy", 1.0), part(b"mm", 2.0));
    for lie in [0, 100_000] {
        let mut bytes = begin(0x100);
        bytes.extend(record(k::BOUND_SHEET, b"\x01a"));
        let at = u32::try_from(bytes.len() + 8).unwrap();
        bytes.extend(record(k::SHEETS_OFFSET, &at.to_le_bytes()));
        bytes.extend([header(b"a", one.len()), one.clone()].concat());
        bytes.extend([header(b"b", two.len() + lie), two.clone()].concat());
        bytes.extend(record(k::EOF, &[]));
        let workbook = open(&bytes).unwrap();
        let names: Vec<_> = workbook.sheets().iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(read(&bytes, 0).unwrap(), ["A1 Number(1.0)"]);
        assert_eq!(read(&bytes, 1).unwrap(), ["A1 Number(2.0)"]);
        let codes: Vec<_> = workbook.formats().iter().map(|f| f.code.as_str()).collect();
        assert_eq!(codes, ["General", "yy", "mm"]);
    }
}

/// A name in BIFF8 or BIFF5, with its formula.
fn name(flags: u16, scope: u16, name: &[u8], count: u8, formula: &[u8]) -> Vec<u8> {
    let len = u16::try_from(formula.len()).unwrap();
    let head = [
        &words(&[flags]),
        &[0, count][..],
        &words(&[len, 0, scope]),
        &[0; 4],
    ]
    .concat();
    record(k::NAME, &[&head, name, formula].concat())
}

fn named(bytes: &[u8]) -> Vec<String> {
    let names = open(bytes).unwrap().named_ranges().unwrap();
    let shown = names
        .iter()
        .map(|n| format!("{} {:?} {} {}", n.name, n.scope, n.sheet, n.range));
    shown.collect()
}

#[test]
fn names_of_one_range_of_this_workbook_are_found() {
    let area = |sheet: u16, rest: [u16; 4]| [&[0x3B][..], &words(&[sheet]), &words(&rest)].concat();
    let globals = [
        // Another workbook, and this one.
        record(k::SUP_BOOK, &words(&[1, 1, 0x61])),
        record(k::SUP_BOOK, &words(&[2, 0x0401])),
        record(
            k::EXTERN_SHEET,
            &words(&[4, 1, 1, 1, 0, 0, 0, 1, 0xFFFF, 0xFFFF, 1, 0, 1]),
        ),
        name(0, 0, b"\0one", 3, &area(0, [1, 4, 0, 2])),
        name(
            0x20,
            2,
            b"\0\x06",
            1,
            &[&[0x5A][..], &words(&[0, 9, 3])].concat(),
        ),
        name(0, 0, b"\0other", 5, &area(1, [1, 4, 0, 2])),
        name(0, 0, b"\0lost", 4, &area(2, [1, 4, 0, 2])),
        name(0, 0, b"\0both", 4, &area(3, [1, 4, 0, 2])),
        name(0, 0, b"\0relative", 8, &area(0, [1, 4, 0xC000, 2])),
        name(0, 0, b"\0number", 6, &[0x1E, 1, 0]),
        name(0, 9, b"\0nowhere", 7, &area(0, [1, 4, 0, 2])),
        name(0, 0, b"\0none", 4, &[]),
    ];
    let bytes = stream(0x0600, &globals.concat(), &[sheet(vec![]), sheet(vec![])]);
    assert_eq!(
        named(&bytes),
        ["one None 1 A2:C5", "_xlnm.Print_Area Some(1) 1 D10:D10"]
    );
}

#[test]
fn names_of_biff5_hold_their_sheets() {
    let area = |book: u16, sheet: u16, rest: [u16; 2]| {
        let sheets = words(&[sheet, sheet]);
        [
            &[0x3B][..],
            &words(&[book]),
            &[0; 8],
            &sheets,
            &words(&rest),
            &[0, 2],
        ]
        .concat()
    };
    let globals = [
        name(0, 0, b"one", 3, &area(0xFFFF, 0, [1, 4])),
        name(0, 0, b"other", 5, &area(1, 0, [1, 4])),
        name(0, 0, b"lost", 4, &area(0xFFFF, 0xFFFF, [1, 4])),
        name(0, 0, b"relative", 8, &area(0xFFFF, 0, [1, 0xC004])),
    ];
    let list = Sheet {
        name: b"\x01S".to_vec(),
        ..sheet(vec![])
    };
    assert_eq!(
        named(&stream(0x0500, &globals.concat(), &[list])),
        ["one None 0 A2:C5"]
    );
}

#[test]
fn the_reading_stops_when_the_visitor_has_enough() {
    let records = [
        number(0, 0, 0, 1.0),
        number(0, 1, 0, 2.0),
        number(0, 2, 0, 3.0),
    ];
    let mut workbook = open(&biff8(&[], records.concat())).unwrap();
    let mut notes = Notes {
        stop_after: Some(2),
        ..Notes::default()
    };
    workbook.read_sheet(0, &mut notes).unwrap();
    assert_eq!(notes.lines.len(), 2);
}

#[test]
fn files_that_are_cut_off_are_damaged() {
    let whole = biff8(&record(k::SST, &[0; 8]), number(0, 0, 0, 1.0));
    assert_eq!(read(&whole, 0).unwrap(), ["A1 Number(1.0)"]);
    for len in 0..whole.len() {
        let kind = kind_of_error(read(&whole[..len], 0));
        assert_eq!(kind, Some(ErrorKind::WorkbookBroken), "{len}");
    }
    // Too short for a cell, or outside of any sheet.
    for record in [
        record(k::NUMBER, &[0; 13]),
        record(k::RK, &[0; 3]),
        number(0, 16_384, 0, 1.0),
    ] {
        let kind = kind_of_error(read(&biff8(&[], record), 0));
        assert_eq!(kind, Some(ErrorKind::WorkbookBroken));
    }
    let none = stream(0x0600, &[], &[]);
    assert_eq!(kind_of_error(open(&none)), Some(ErrorKind::WorkbookBroken));
    let unknown = stream(0x0700, &[], &[sheet(vec![])]);
    assert_eq!(
        kind_of_error(open(&unknown)),
        Some(ErrorKind::WorkbookBroken)
    );
}

#[test]
fn a_sheet_that_is_elsewhere_is_named() {
    let mut bytes = biff8(&[], vec![]);
    let at = bof(0x0600, 5).len() + 4;
    bytes[at..at + 4].copy_from_slice(&3_u32.to_le_bytes());
    assert_eq!(open(&bytes).unwrap().sheets().len(), 1);
    let error = read(&bytes, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
    assert_eq!(error.facts().sheet.as_deref(), Some("S"));
}

/// Reads everything there is, and says how many cells that was.
fn read_all(bytes: &[u8]) -> Result<usize> {
    let mut workbook = open(bytes)?;
    workbook.named_ranges()?;
    let mut cells = 0;
    for sheet in 0..workbook.sheets().len().min(8) {
        workbook.merged_ranges(sheet)?;
        let mut notes = Notes::default();
        workbook.read_sheet(sheet, &mut notes)?;
        cells += notes.formats.len();
        let formats = workbook.formats().len();
        assert!(notes.formats.iter().all(|id| usize::from(id.0) < formats));
    }
    Ok(cells)
}

fn stock() -> Vec<u8> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/stock.xls");
    std::fs::read(sample).unwrap()
}

fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        k::NUMBER,
        k::RK,
        k::MUL_RK,
        k::LABEL,
        k::LABEL_SST,
        k::RICH_STRING,
        k::BOOL_ERR,
        k::FORMULA,
        k::STRING,
        k::CONTINUE,
        k::ROW,
        k::COLUMN_INFO,
        k::DIMENSIONS,
        k::MERGED_CELLS,
        k::SST,
        k::FORMAT,
        k::XF,
        k::NAME,
        k::EXTERN_SHEET,
        k::SUP_BOOK,
        k::BOUND_SHEET,
        k::BOF,
        k::EOF,
        k::INTEGER_2,
        k::NUMBER_2,
        k::LABEL_2,
        k::STRING_2,
        k::ROW_2,
        k::IXFE,
        k::XF_2,
        k::XF_3,
        k::XF_4,
        k::FORMAT_2,
        k::SHEET_HEADER,
        k::SHEETS_OFFSET,
        k::FILE_PASS,
        k::BOF_4,
    ]);
    // Small numbers are sound more often than large ones.
    let mask = prop::sample::select(vec![0x00, 0x01, 0x0F, 0xFF]);
    let bytes = (prop::collection::vec(any::<u8>(), 0..40), mask)
        .prop_map(|(bytes, mask)| bytes.iter().map(|byte| byte & mask).collect::<Vec<u8>>());
    (known, bytes).prop_map(|(kind, body)| record(kind, &body))
}

fn any_begin() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(bof(0x0600, 5)),
        Just(bof(0x0500, 5)),
        Just(bof(0x0600, 0x10)),
        Just(record(k::BOF_2, &words(&[2, 0x10]))),
        Just(record(k::BOF_3, &words(&[0, 0x10, 0]))),
        Just(record(k::BOF_4, &words(&[0, 0x10, 0]))),
        Just(record(k::BOF_4, &words(&[0, 0x100, 0]))),
    ]
}

proptest! {
    #[test]
    fn any_records_give_cells_or_an_error(
        begin in any_begin(),
        records in prop::collection::vec(any_record(), 0..30),
    ) {
        let bytes = [begin, records.concat()].concat();
        let _outcome = read_all(&bytes);
    }

    #[test]
    fn any_records_in_a_sheet_give_cells_or_an_error(
        globals in prop::collection::vec(any_record(), 0..10),
        records in prop::collection::vec(any_record(), 0..30),
    ) {
        let bytes = biff8(&globals.concat(), records.concat());
        let _outcome = read_all(&bytes);
    }

    #[test]
    fn a_changed_file_gives_cells_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = stock();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _outcome = read_all(&bytes);
    }

    #[test]
    fn shared_texts_survive_any_split(text in "\\PC{1,20}", at in any::<prop::sample::Index>(), wide in any::<bool>()) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let count = u16::try_from(units.len()).unwrap();
        let at = at.index(units.len());
        let fits = !wide && units.iter().all(|unit| *unit < 0x100);
        let bytes = |units: &[u16]| -> Vec<u8> {
            if fits {
                units.iter().map(|unit| unit.to_le_bytes()[0]).collect()
            } else {
                words(units)
            }
        };
        let flags = u8::from(!fits);
        let one = [words(&[count]), vec![flags], bytes(&units[..at])].concat();
        let two = [vec![flags], bytes(&units[at..])].concat();
        prop_assert_eq!(shared(&[one, two], 1), [text]);
    }
}

#[test]
fn the_sample_is_read_whole() {
    assert!(read_all(&stock()).unwrap() >= 20);
}
/// Bodies of records that another program encrypted by the specification with Excel's default password, in hexadecimal.
struct Encrypted {
    version: u16,
    words: &'static str,
    file_pass: &'static str,
    sheet: &'static str,
    label: &'static str,
    number: &'static str,
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

impl Encrypted {
    /// The records where the encryption expects them, the sheet in another block than the globals.
    fn stream(&self, file_pass: &[u8]) -> Vec<u8> {
        [
            bof(self.version, 5),
            record(k::FILE_PASS, file_pass),
            record(0x1234, &[0; 1280]),
            record(k::BOUND_SHEET, &unhex(self.sheet)),
            record(k::EOF, &[]),
            bof(self.version, 0x10),
            record(k::LABEL, &unhex(self.label)),
            record(k::NUMBER, &unhex(self.number)),
            record(k::EOF, &[]),
        ]
        .concat()
    }
}

#[test]
fn the_password_that_excel_tries_by_itself_is_tried() {
    let cases = [
        Encrypted {
            version: 0x0600,
            words: "RC4)",
            file_pass: "0100010001000102030405060708090a0b0c0d0e0f10c327238d18c0c09960c6bd7be0243ea7aa0066f8d7cf160ded8f08c23c4b78e0",
            sheet: "6305000079beb7881d",
            label: "8ed8ee7d691ac3c1efa8527dbbfbcfd0de0a293fb5ae20",
            number: "74b905ac2d3e456429c601b7c9de",
        },
        Encrypted {
            version: 0x0600,
            words: "RC4 CryptoAPI)",
            file_pass: "010002000200040000004600000004000000000000000168000004800000800000000100000000000000000000004d006900630072006f0073006f0066007400200045006e00680061006e006300650064000000100000000102030405060708090a0b0c0d0e0f1002fe47417e9de03de42b7381516cd38414000000850af7a9498805cbb98b81626c08d6a8a3013209",
            sheet: "bd05000034a6c2e79d",
            label: "e3e414eeed6dd44b34aa93d8641680be7c719e9507c200",
            number: "c99712c89b7056fec9cfb8fdaffc",
        },
        Encrypted {
            version: 0x0600,
            words: "RC4 CryptoAPI)",
            file_pass: "010002000200040000004600000004000000000000000168000004800000000000000100000000000000000000004d006900630072006f0073006f0066007400200045006e00680061006e006300650064000000100000000102030405060708090a0b0c0d0e0f10889b112f27d22c676b9336df5530dce114000000960d29ae3c62e52b28fd9fe295286fa89d21165d",
            sheet: "bd050000160d69d448",
            label: "3284b0627396ed115869843f7eab48954da1b25ac6c192",
            number: "43898e2ffce9b52342271d54bbb5",
        },
        Encrypted {
            version: 0x0600,
            words: "XOR",
            file_pass: "000059b30a9a",
            sheet: "33050000e21ec30508",
            label: "9ae21ee30562df6996ee34611a006aa79ece1a8fa9ef93",
            number: "3ee345621e699660986e94040773",
        },
        Encrypted {
            version: 0x0500,
            words: "XOR",
            file_pass: "59b30a9a",
            sheet: "30050000876bba88",
            label: "9404876b9ae2dfe38bce11e7928d546ab800ebc7176f",
            number: "a76bdae21ee305621e6996601876",
        },
    ];
    for case in cases {
        let file_pass = unhex(case.file_pass);
        let bytes = case.stream(&file_pass);
        assert_eq!(open(&bytes).unwrap().sheets()[0].name, "S");
        let wanted = ["A1 text of a cell", "C2 Number(-2.5)"];
        assert_eq!(read(&bytes, 0).unwrap(), wanted, "{}", case.words);

        // Another password.
        let mut other = file_pass;
        *other.last_mut().unwrap() ^= 1;
        let error = open(&case.stream(&other)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::WorkbookEncrypted);
        assert!(error.message().contains(case.words), "{error}");
    }
}

/// Workbooks behind passwords of their own, encrypted by msoffcrypto-tool's functions.
fn encrypted_with_passwords() -> Vec<(&'static str, Encrypted)> {
    vec![
        (
            "secret",
            Encrypted {
                version: 0x0600,
                words: "RC4)",
                file_pass: "0100010001000102030405060708090a0b0c0d0e0f10eda4d69704b9fbb4a657e9d3896ab9251df1e901a86d2933885ced96cf7191e2",
                sheet: "630500003050fd09a4",
                label: "dd849038491e0333cb7dc366c843f713f0a0ef40f30279",
                number: "1ed177368bc3f9c7480bca795a1e",
            },
        ),
        (
            "Пароль 1",
            Encrypted {
                version: 0x0600,
                words: "RC4)",
                file_pass: "0100010001000102030405060708090a0b0c0d0e0f108564fe925db6d3fabbbfefd58ad63c923b0a630d3063823a6b95c5151f607305",
                sheet: "63050000a95fcc1e26",
                label: "09594ad1ba0ea95126306487637a5ca758cdd499cb92bc",
                number: "e9f0e05486de86453454837ceb76",
            },
        ),
        (
            "secret",
            Encrypted {
                version: 0x0600,
                words: "RC4 CryptoAPI)",
                file_pass: "010002000200040000004600000004000000000000000168000004800000280000000100000000000000000000004d006900630072006f0073006f0066007400200045006e00680061006e006300650064000000100000000102030405060708090a0b0c0d0e0f10925d9b197c717026cc19b8b9bc6d4a67140000001b2c904afbedfd4796f63ba060179d3ae70528c6",
                sheet: "bd0500003816ccc4af",
                label: "efb8faf4bb69f2cc29c3ca14e66ee5f6f54f5353d5b395",
                number: "4b8136399eaa77cf1eab6dd2125e",
            },
        ),
        (
            "Пароль 1",
            Encrypted {
                version: 0x0600,
                words: "RC4 CryptoAPI)",
                file_pass: "010002000200040000004600000004000000000000000168000004800000800000000100000000000000000000004d006900630072006f0073006f0066007400200045006e00680061006e006300650064000000100000000102030405060708090a0b0c0d0e0f1059742af3a29c8befb4f04ed483ebdef114000000ee65fdb7585c4a271154d9c3e4310b4a534d5006",
                sheet: "bd05000005986d9127",
                label: "9c6ab2fcaf565b55efa6906d7dc5c3ecdd4b38119463cb",
                number: "27fa4370496748e7acefc5269ef6",
            },
        ),
        (
            "secret",
            Encrypted {
                version: 0x0600,
                words: "XOR",
                file_pass: "00004d01a7da",
                sheet: "33050000b9149a7b15",
                label: "17b914ba7b7f98dd59f1d6cf28dbf2fe139510d6d7f2d4",
                number: "34ba3b7f59dd597f7ac0a6df9f2a",
            },
        ),
        (
            "passw0rd!",
            Encrypted {
                version: 0x0500,
                words: "XOR",
                file_pass: "23bd6ed6",
                sheet: "30050000a96e080d",
                label: "6e02a96e2867ebc626400e8d6acc00254206c5c2a5ea",
                number: "896e68672ac6a8ec01036e214c39",
            },
        ),
    ]
}

#[test]
fn a_password_opens_what_was_encrypted_with_it() {
    for (password, case) in encrypted_with_passwords() {
        let bytes = case.stream(&unhex(case.file_pass));
        let mut workbook = open_with(&bytes, &with_password(password)).unwrap();
        assert_eq!(workbook.sheets()[0].name, "S");
        let mut notes = Notes::default();
        workbook.read_sheet(0, &mut notes).unwrap();
        let wanted = ["A1 text of a cell", "C2 Number(-2.5)"];
        assert_eq!(notes.lines, wanted, "{} {password}", case.words);
        for (given, words) in [(None, "is protected by"), (Some("wrong"), "does not open")] {
            let options = given.map_or_else(ReadOptions::default, with_password);
            let error = open_with(&bytes, &options).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::WorkbookEncrypted);
            let message = error.message();
            assert!(
                message.contains(words) && message.contains(case.words),
                "{error}"
            );
            assert!(
                error.advice().unwrap().contains("--password-file"),
                "{error}"
            );
        }
    }
}

/// A workbook of BIFF5 without a code page, with fonts of these character sets, and a cell in each: the XF records have
/// one font after the other.
fn without_code_page(character_sets: &[u8], text: &[u8]) -> Vec<u8> {
    let fonts = character_sets.iter().map(|set| {
        let body = [
            &words(&[200, 0, 0x7FFF, 400, 0])[..],
            &[0, 0, *set, 0],
            b"\x01F",
        ]
        .concat();
        record(k::FONT, &body)
    });
    let places = (0..).take(character_sets.len());
    // There is no font number 4.
    let xfs = places.clone().map(|font: u16| {
        let font = if font < 4 { font } else { font + 1 };
        record(k::XF, &words(&[font, 0, 0, 0, 0, 0, 0, 0]))
    });
    let globals: Vec<u8> = fonts.chain(xfs).flatten().collect();
    let len = u16::try_from(text.len()).unwrap();
    let labels =
        places.map(|xf: u16| cell(k::LABEL, [0, xf, xf], &[&words(&[len]), text].concat()));
    let list = Sheet {
        name: [&[u8::try_from(text.len()).unwrap()], text].concat(),
        ..sheet(labels.flatten().collect())
    };
    stream(0x0500, &globals, &[list])
}

#[test]
fn without_a_code_page_texts_are_in_that_of_their_fonts() {
    for (sets, name, wanted) in [
        (
            &[204, 204, 204, 204, 204][..],
            "Пр",
            &["Пр", "Пр", "Пр", "Пр", "Пр"][..],
        ),
        (&[0, 0, 204], "Пр", &["Ïð", "Ïð", "Пр"]),
        (
            &[1, 2, 238, 204, 1, 238],
            "Ďđ",
            &["Ďđ", "Ďđ", "Ďđ", "Пр", "Ďđ", "Ďđ"],
        ),
        (&[0, 1], "Ïð", &["Ïð", "Ïð"]),
        (&[1], "Ïð", &["Ïð"]),
    ] {
        let bytes = without_code_page(sets, b"\xCF\xF0");
        assert_eq!(open(&bytes).unwrap().sheets()[0].name, name, "{sets:?}");
        let lines = read(&bytes, 0).unwrap();
        let guessed = lines
            .iter()
            .filter(|line| line.starts_with("guessed"))
            .count();
        assert_eq!(guessed, sets.len(), "{lines:?}");
        let texts = lines.iter().filter(|line| !line.starts_with("guessed"));
        let texts: Vec<&str> = texts.map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(texts, wanted, "{sets:?}");
    }
    // ASCII is the same everywhere.
    let plain = read(&without_code_page(&[204], b"ab"), 0).unwrap();
    assert_eq!(plain, ["A1 ab"]);
}

#[test]
fn a_code_page_that_is_asked_for_goes_before_all_others() {
    let options = ReadOptions {
        code_page: Some("1253".parse().unwrap()),
        ..ReadOptions::default()
    };
    let text = |bytes: &[u8]| {
        let mut notes = Notes::default();
        let mut workbook = open_with(bytes, &options).unwrap();
        workbook.read_sheet(0, &mut notes).unwrap();
        notes.lines
    };
    assert_eq!(text(&without_code_page(&[204], b"\xCF\xF0")), ["A1 Οπ"]);
    let label = cell(
        k::LABEL,
        [0, 0, 0],
        &[&words(&[2]), &b"\xCF\xF0"[..]].concat(),
    );
    let recorded = record(k::CODE_PAGE, &words(&[1251]));
    assert_eq!(text(&stream(0x0500, &recorded, &[sheet(label)])), ["A1 Οπ"]);
    // Unicode has none.
    let unicode = cell(
        k::LABEL,
        [0, 0, 0],
        &[&words(&[1]), &[0, 0xCF][..]].concat(),
    );
    assert_eq!(text(&biff8(&recorded, unicode)), ["A1 Ï"]);
}

#[test]
fn number_0_is_general_unless_a_file_makes_a_code_of_it() {
    for (code, wanted) in [
        ("Standard", "General"),
        ("yyyy\\-mm\\-dd", "yyyy\\-mm\\-dd"),
        ("", "General"),
    ] {
        let len = u16::try_from(code.len()).unwrap();
        let globals = [
            record(
                k::FORMAT,
                &[&words(&[0, len]), &[0][..], code.as_bytes()].concat(),
            ),
            record(k::XF, &words(&[0; 10])),
        ];
        let bytes = biff8(&globals.concat(), number(0, 0, 0, 1.0));
        assert_eq!(codes(&bytes), [wanted], "{code}");
    }
}

#[test]
fn lists_without_an_end_go_on_to_the_first_sheet() {
    let whole = biff8(&[], number(0, 0, 0, 1.5));
    let eof = bof(0x0600, 5).len() + record(k::BOUND_SHEET, &[0; 9]).len();
    assert_eq!(whole[eof..eof + 4], record(k::EOF, &[]));
    // In place of the end, a record that says nothing.
    let mut without = whole.clone();
    without[eof] = 0xFE;
    assert_eq!(read(&without, 0).unwrap(), read(&whole, 0).unwrap());
    // One BOF too many, in globals that do have an end.
    let twice = biff8(&bof(0x0600, 5), number(0, 0, 0, 1.5));
    assert_eq!(read(&twice, 0).unwrap(), read(&whole, 0).unwrap());
    without.truncate(eof + 4);
    let error = open(&without).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
}
