//! Workbooks that are unlike those that Excel writes today, and files that are none: what is in the table, or what is said.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::support::import::{Run, columns, rows, tables};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

fn written(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn zipped(directory: &Path, name: &str, parts: &[(&str, &str)]) -> PathBuf {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (part, content) in parts {
        zip.start_file(*part, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    written(directory, name, &zip.finish().unwrap().into_inner())
}

/// What `sheetload inspect` says of a file.
fn inspected(file: &Path, args: &[&str]) -> Value {
    let output = sheetload()
        .arg("inspect")
        .arg(file)
        .args(["--json", "--quiet"])
        .args(args)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A BIFF8 record.
fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    [&kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
}

fn at(row: u16, column: u16) -> Vec<u8> {
    [row, column, 0]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect()
}

fn number(row: u16, column: u16, value: f64) -> Vec<u8> {
    record(
        0x0203,
        &[&at(row, column)[..], &value.to_le_bytes()].concat(),
    )
}

fn label(row: u16, column: u16, units: &[u16]) -> Vec<u8> {
    let len = u16::try_from(units.len()).unwrap().to_le_bytes();
    let text: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    record(0x0204, &[&at(row, column)[..], &len, &[1], &text].concat())
}

fn text(row: u16, column: u16, text: &str) -> Vec<u8> {
    label(row, column, &text.encode_utf16().collect::<Vec<_>>())
}

/// A BIFF8 workbook with one sheet that holds these records.
fn xls(records: &[Vec<u8>]) -> Vec<u8> {
    let bof = |holds: u16| {
        let mut body = [0x0600_u16.to_le_bytes(), holds.to_le_bytes()].concat();
        body.resize(16, 0);
        record(0x0809, &body)
    };
    let bound = |start: usize| {
        let start = u32::try_from(start).unwrap().to_le_bytes();
        record(0x0085, &[&start[..], &[0, 0, 1, 0], b"S"].concat())
    };
    let start = bof(5).len() + bound(0).len() + 4;
    let list = [bof(5), bound(start), record(0x000A, &[])].concat();
    [list, bof(0x10), records.concat(), record(0x000A, &[])].concat()
}

/// The cells of `id`, `name` and `price` in so many rows, sorted by this key of row and column.
fn price_list<K: Ord>(rows: u16, key: impl Fn(u16, u16) -> K) -> Vec<u8> {
    let mut cells = Vec::new();
    for (column, title) in (0..).zip(["id", "name", "price"]) {
        cells.push((key(0, column), text(0, column, title)));
    }
    for row in 1..=rows {
        let value = f64::from(row);
        cells.push((key(row, 0), number(row, 0, value)));
        cells.push((key(row, 1), text(row, 1, &format!("item {row}"))));
        cells.push((key(row, 2), number(row, 2, value + 0.5)));
    }
    cells.sort_by(|(one, _), (other, _)| one.cmp(other));
    let records: Vec<Vec<u8>> = cells.into_iter().map(|(_, record)| record).collect();
    xls(&records)
}

fn assert_price_list(bytes: &[u8], args: &[&str], loaded: u16) {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let file = written(directory.path(), "prices.xls", bytes);
    let report = Run::import(&database, &file, &[args, &["--table", "p"]].concat()).document(0);
    assert_eq!(report["warnings"], json!([]), "{report}");
    let wanted = ["id bigint", "name text", "price double precision"];
    assert_eq!(columns(&database, "p"), wanted);
    let query = "select count(*)::text, sum(id)::text, sum(price)::text, \
                 bool_and(name = 'item ' || id and price = id + 0.5)::text from p";
    let sum = u64::from(loaded) * u64::from(loaded + 1) / 2;
    let price = format!("{}", sum as f64 + f64::from(loaded) / 2.0);
    let row = format!("{loaded}|{sum}|{price}|true");
    assert_eq!(rows(&database, query), [row]);
}

#[test]
fn an_xls_written_column_by_column_loads_as_any_other() {
    let columns = price_list(6_000, |row, column| (column, row));
    assert_price_list(&columns, &["--batch-size", "500"], 6_000);
}

#[test]
fn an_xls_whose_titles_come_last_has_them_all_the_same() {
    let titles_last = price_list(700, |row, column| (row == 0, column, row));
    assert_price_list(&titles_last, &["--batch-size", "50"], 700);
}

#[test]
fn an_xls_written_upwards_loads_as_any_other() {
    let upwards = price_list(700, |row, column| (u16::MAX - row, column));
    assert_price_list(&upwards, &["--batch-size", "50", "--commit", "batch"], 700);
}

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// An xlsx with these sheets in its list, the rows of the part that has the id `rId1`, and no other.
fn xlsx(directory: &Path, sheets: &str, rows: &str) -> PathBuf {
    let relationship = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>\
             </Relationships>"
        )
    };
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    zipped(
        directory,
        "book.xlsx",
        &[
            (
                "_rels/.rels",
                &relationship("officeDocument", "xl/workbook.xml"),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                &relationship("worksheet", "worksheets/sheet1.xml"),
            ),
            (
                "xl/workbook.xml",
                &format!(
                    "<workbook xmlns=\"{main}\" xmlns:r=\"{OFFICE}\" xmlns:f=\"urn:foreign\"><sheets>{sheets}</sheets></workbook>"
                ),
            ),
            (
                "xl/worksheets/sheet1.xml",
                &format!(
                    "<worksheet xmlns=\"{main}\" xmlns:f=\"urn:foreign\"><sheetData>{rows}</sheetData></worksheet>"
                ),
            ),
        ],
    )
}

const DATA: &str = "<sheet name=\"Data\" sheetId=\"1\" r:id=\"rId1\"/>";
const TWO_ROWS: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a</t></is></c></row>\
                        <row r=\"2\"><c r=\"A2\"><v>1</v></c></row>";

#[test]
fn rows_that_come_too_late_are_refused_rather_than_lost() {
    let titles = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a</t></is></c></row>";
    let more_titles = titles.replace("A1", "B1");
    let data = "<row r=\"2\"><c r=\"A2\"><v>1</v></c><c r=\"B2\"><v>2</v></c></row>";
    for rows in [
        format!("{data}<row r=\"3\"><c r=\"A3\"><v>3</v></c></row>{titles}"),
        format!("{titles}{data}{more_titles}"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let database = TestDatabase::create();
        let file = xlsx(directory.path(), DATA, &rows);
        let run = Run::import(&database, &file, &["--table", "t"]);
        assert_eq!(run.code, 4, "{rows} {}", run.stderr);
        assert!(run.stderr.contains("row 1 comes after"), "{}", run.stderr);
        assert!(tables(&database).is_empty(), "{rows}");
    }
}

#[test]
fn elements_and_attributes_of_other_namespaces_are_not_the_workbooks() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let sheet = "<f:sheet name=\"No\" r:id=\"rId1\"/><sheet f:id=\"rId9\" name=\"Data\" sheetId=\"1\" r:id=\"rId1\"/>";
    let rows_of_part = "<f:row r=\"1\"><c r=\"A1\"><v>9</v></c></f:row>\
        <row r=\"1\" f:r=\"7\"><c f:r=\"C9\" r=\"A1\" t=\"inlineStr\" f:t=\"n\"><is><t>a</t></is></c></row>\
        <row r=\"2\"><f:c r=\"A2\"><v>8</v></f:c><c r=\"A2\"><f:v>7</f:v><v>1</v></c></row>";
    let file = xlsx(directory.path(), sheet, rows_of_part);
    Run::import(
        &database,
        &file,
        &["--table", "t", "--all-sheets", "--union"],
    )
    .document(0);
    assert_eq!(rows(&database, "select a::text from t"), ["1"]);
}

#[test]
fn a_module_among_the_sheets_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let sheets =
        format!("{DATA}<sheet name=\"Module1\" sheetId=\"2\" state=\"veryHidden\" r:id=\"\"/>");
    let file = xlsx(directory.path(), &sheets, TWO_ROWS);
    let found = inspected(&file, &["--hidden", "load"]);
    assert_eq!(found["sheets"][0]["content"]["rows"], json!(1), "{found}");
    assert_eq!(found["sheets"][1]["kind"], json!("other"), "{found}");
    let args = [
        "--all-sheets",
        "--union",
        "--hidden",
        "load",
        "--table",
        "t",
    ];
    Run::import(&database, &file, &args).document(0);
    assert_eq!(rows(&database, "select a::text from t"), ["1"]);
    let named = Run::import(&database, &file, &["--sheet", "Module1", "--table", "m"]);
    assert_eq!(named.code, 4, "{}", named.stderr);
    assert!(named.stderr.contains("Module1"), "{}", named.stderr);
}

#[test]
fn a_sheet_that_the_file_lost_is_told_apart_from_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let sheets = format!("{DATA}<sheet name=\"Lost\" sheetId=\"2\" r:id=\"rId2\"/>");
    let file = xlsx(directory.path(), &sheets, TWO_ROWS);
    let found = inspected(&file, &[]);
    assert_eq!(found["sheets"][0]["content"]["rows"], json!(1), "{found}");
    assert_eq!(found["sheets"][1]["kind"], json!("missing"), "{found}");
    let all = Run::import(
        &database,
        &file,
        &["--all-sheets", "--union", "--table", "t"],
    );
    assert_eq!(all.code, 4, "{}", all.stderr);
    assert!(all.stderr.contains("Lost") && all.stderr.contains("--sheet"));
    assert!(tables(&database).is_empty());
    Run::import(&database, &file, &["--table", "t"]).document(0);
    assert_eq!(rows(&database, "select a::text from t"), ["1"]);
}

/// An ods with one sheet that has a title and these cells below it.
fn ods(directory: &Path, title: &str, cells: &[&str]) -> PathBuf {
    let urn =
        |name: &str| format!("xmlns:{name}=\"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0\"");
    let rows: String = cells
        .iter()
        .map(|cell| {
            format!(
                "<table:table-row><table:table-cell {cell}</table:table-cell></table:table-row>"
            )
        })
        .collect();
    let content = format!(
        "<office:document-content {} {} {} \
         xmlns:calcext=\"urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0\">\
         <office:body><office:spreadsheet><table:table table:name=\"S\"><table:table-row>\
         <table:table-cell office:value-type=\"string\"><text:p>{title}</text:p></table:table-cell></table:table-row>\
         {rows}</table:table></office:spreadsheet></office:body></office:document-content>",
        urn("office"),
        urn("table"),
        urn("text")
    );
    let kind = "application/vnd.oasis.opendocument.spreadsheet";
    zipped(
        directory,
        "book.ods",
        &[("mimetype", kind), ("content.xml", &content)],
    )
}

#[test]
fn a_value_that_an_ods_says_twice_is_loaded_once() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let cells = [1, 20, 300].map(|value| {
        format!(
            "office:value-type=\"float\" calcext:value-type=\"float\" office:value=\"{value}\" calcext:value=\"{value}\">\
             <text:p>{value}</text:p>"
        )
    });
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    let file = ods(directory.path(), "n", &cells);
    Run::import(&database, &file, &["--table", "t"]).document(0);
    assert_eq!(columns(&database, "t"), ["n bigint"]);
    let loaded = rows(&database, "select n::text from t order by n");
    assert_eq!(loaded, ["1", "20", "300"]);
}

#[test]
fn the_text_that_an_ods_says_outright_goes_before_its_display() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let cells = [
        "table:formula=\"of:=A1\" office:value-type=\"string\" office:string-value=\"abc&#x0d;&#x0a;def\">\
         <text:p>abc&#x0d;</text:p><text:p>def</text:p>",
        "office:value-type=\"string\" office:string-value=\"two  spaces\"><text:p>two  spaces</text:p>",
        "office:value-type=\"string\" office:string-value=\"A-1\"><text:p>No. A-1</text:p>",
    ];
    let file = ods(directory.path(), "v", &cells);
    Run::import(&database, &file, &["--table", "t"]).document(0);
    let query = "select replace(replace(v, chr(13), '<CR>'), chr(10), '<LF>') from t order by 1";
    assert_eq!(
        rows(&database, query),
        ["A-1", "abc<CR><LF>def", "two  spaces"]
    );
}

/// Checks that a file whose third cell has half of a character says so.
fn assert_half_is_told(file: &Path, wanted: [&str; 2]) {
    let database = TestDatabase::create();
    let report = Run::import(&database, file, &["--table", "t"]).document(0);
    let warning = report["warnings"][0].as_str().unwrap_or_default();
    assert!(
        warning.starts_with("1 texts have characters that are damaged") && warning.contains("A3"),
        "{report}"
    );
    assert_eq!(rows(&database, "select a from t order by a"), wanted);
    let found = inspected(file, &[]);
    let findings = found["sheets"][0]["content"]["findings"]
        .as_array()
        .unwrap();
    let of_half = |finding: &&Value| finding["kind"] == json!("damaged_character");
    let finding = findings.iter().find(of_half).expect("a finding");
    assert_eq!(finding["count"], json!(1));
}

#[test]
fn half_of_a_character_is_replaced_and_told_in_an_xls() {
    let directory = tempfile::tempdir().unwrap();
    let records = [
        text(0, 0, "a"),
        text(1, 0, "whole \u{1F600} \u{FFFD}"),
        label(2, 0, &[0x78, 0xD83D, 0x79]),
    ];
    let file = written(directory.path(), "half.xls", &xls(&records));
    assert_half_is_told(&file, ["whole \u{1F600} \u{FFFD}", "x\u{FFFD}y"]);
}

#[test]
fn half_of_a_character_is_replaced_and_told_in_an_xlsx() {
    let directory = tempfile::tempdir().unwrap();
    let inline = |row: u32, text: &str| {
        format!("<row r=\"{row}\"><c t=\"inlineStr\"><is><t>{text}</t></is></c></row>")
    };
    let cells = [
        inline(1, "a"),
        inline(2, "whole _xD83D__xDE00_ \u{FFFD}"),
        inline(3, "x_xD800_y"),
    ];
    let file = xlsx(directory.path(), DATA, &cells.concat());
    assert_half_is_told(&file, ["whole \u{1F600} \u{FFFD}", "x\u{FFFD}y"]);
}

#[test]
fn half_of_a_character_is_told_for_each_cell_that_shares_the_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared.xlsx");
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, text) in (0..).zip(["a", "LONE", "fine", "LONE"]) {
        sheet.write(row, 0, text).unwrap();
    }
    workbook.save(&path).unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let (mut content, name) = (String::new(), part.name().unwrap().to_string());
        std::io::Read::read_to_string(&mut part, &mut content).unwrap();
        parts.push((name, content.replace("LONE", "_xDC00_")));
    }
    let parts: Vec<(&str, &str)> = parts
        .iter()
        .map(|(n, c)| (n.as_str(), c.as_str()))
        .collect();
    let file = zipped(directory.path(), "half.xlsx", &parts);
    let database = TestDatabase::create();
    let report = Run::import(&database, &file, &["--table", "t"]).document(0);
    let warning = report["warnings"][0].as_str().unwrap_or_default();
    assert!(
        warning.starts_with("2 texts") && warning.contains("A2"),
        "{report}"
    );
    let query = "select count(*)::text from t where a = U&'\\FFFD'";
    assert_eq!(rows(&database, query), ["2"]);
}

#[test]
fn a_file_that_is_no_workbook_is_called_what_it_is() {
    let utf16: Vec<u8> = "\u{FEFF}Country\t2019\nAlbania\t3.7\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    for (name, bytes, words) in [
        (
            "weo.xls",
            b"Country\tSubject\nAlbania\tGDP\n".to_vec(),
            "tab-separated text",
        ),
        ("weo16.xls", utf16, "UTF-16"),
        (
            "sina.xls",
            b"\xB3\xC9\xBD\xBB\t\xB3\xC9\n15:00:00\t8.10\n".to_vec(),
            "tab-separated text",
        ),
        ("plain.xlsx", b"id,name\n1,a\n".to_vec(), "CSV"),
        (
            "page.xls",
            b"<html><table><tr><td>1</td></tr></table></html>".to_vec(),
            "web page",
        ),
        ("paper.xlsx", b"%PDF-1.4\n".to_vec(), "PDF"),
    ] {
        let file = written(directory.path(), name, &bytes);
        let run = Run::import(&database, &file, &["--table", "t"]);
        run.assert_fails(4, &[name, words, ".xlsx"]);
        assert!(!run.stderr.contains("is not a workbook"), "{}", run.stderr);
    }
    assert!(tables(&database).is_empty());
}

/// An Excel 5 workbook without a code page, whose only font has this character set, with these texts below each other.
fn biff5(character_set: u8, texts: &[&[u8]]) -> Vec<u8> {
    let words =
        |numbers: &[u16]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_le_bytes()).collect() };
    let bof = |holds: u16| record(0x0809, &words(&[0x0500, holds, 0, 0]));
    let font = [
        &words(&[200, 0, 0x7FFF, 400, 0])[..],
        &[0, 0, character_set, 0],
        b"\x05Arial",
    ];
    let lists = [
        record(0x0031, &font.concat()),
        record(0x00E0, &words(&[0, 0, 1, 0x20, 0, 0, 0, 0])),
    ];
    let bound = |start: usize| {
        let start = u32::try_from(start).unwrap().to_le_bytes();
        record(0x0085, &[&start[..], &[0, 0], b"\x01S"].concat())
    };
    let start = bof(5).len() + lists.concat().len() + bound(0).len() + 4;
    let label = |(row, text): (u16, &&[u8])| {
        let len = u16::try_from(text.len()).unwrap();
        record(0x0204, &[&words(&[row, 0, 0, len])[..], text].concat())
    };
    let labels: Vec<u8> = (0..).zip(texts).flat_map(label).collect();
    let end = record(0x000A, &[]);
    [
        bof(5),
        lists.concat(),
        bound(start),
        end.clone(),
        bof(0x10),
        labels,
        end,
    ]
    .concat()
}

/// What is loaded of an Excel 5 workbook in Russian, with these options, and the report.
fn loaded_in_russian(args: &[&str]) -> (Vec<String>, Value, TestDatabase) {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    let texts: [&[u8]; 3] = [b"a", b"\xD5\xEB\xE5\xE1", b"plain"];
    let file = written(directory.path(), "old.xls", &biff5(204, &texts));
    let report = Run::import(&database, &file, &[args, &["--table", "t"]].concat()).document(0);
    let loaded = rows(&database, "select a from t order by a collate \"C\"");
    (loaded, report, database)
}

#[test]
fn an_old_xls_without_a_code_page_is_read_in_that_of_its_fonts_and_says_so() {
    let (loaded, report, _database) = loaded_in_russian(&[]);
    assert_eq!(loaded, ["plain", "Хлеб"]);
    let warning = report["warnings"][0].as_str().unwrap_or_default();
    assert!(
        warning.starts_with("1 texts") && warning.contains("windows-1251"),
        "{report}"
    );
    assert!(
        warning.contains("A2") && warning.contains("--codepage"),
        "{report}"
    );
}

#[test]
fn a_code_page_by_name_is_used_without_a_word_and_recorded() {
    for (name, wanted) in [("cp1251", "Хлеб"), ("windows-1252", "Õëåá")] {
        let (loaded, report, database) = loaded_in_russian(&["--codepage", name]);
        assert_eq!(loaded, ["plain", wanted], "{name}");
        assert_eq!(report["warnings"], json!([]), "{name}");
        let recorded = "select options->'read'->>'code_page' from sheetload.loads";
        let number = &name[name.len() - 4..];
        assert_eq!(rows(&database, recorded), [format!("windows-{number}")]);
    }
    let output = sheetload()
        .args(["import", "none.xls", "--codepage", "1200"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
