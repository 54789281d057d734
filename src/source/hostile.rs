//! Tests: each limit holds where it says. At its figure a workbook is read, one below it is refused, and the error names
//! the place, the figure and the option.

use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::ZipArchive;
use zip::write::SimpleFileOptions;

use super::open;
use crate::error::{Error, ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::limits::{Limit, Limits};
use crate::model::selection::{ReadOptions, Reader};

/// Forgets rows.
struct Discard;

impl BatchExchange for Discard {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        full.clear();
        Ok(full)
    }
}

/// Reads a whole workbook.
fn read(bytes: &[u8], limits: Limits, reader: Reader) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let options = ReadOptions {
        reader,
        limits,
        ..ReadOptions::default()
    };
    let opened = open(file.path(), &options, |value, _, _| value.to_string())?;
    for mut source in opened.sheets {
        let limits = BatchLimits {
            rows: 100,
            bytes: 1 << 20,
        };
        let batch = Batch::new(source.describe().header.width(), limits);
        source.read(batch, &mut Discard)?;
    }
    Ok(())
}

fn with(limit: Limit, figure: u64) -> Limits {
    let mut limits = Limits::default();
    *limit.of_mut(&mut limits) = figure;
    limits
}

fn zip_of(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const TYPE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const ROOT: &str = "<Relationships><Relationship Id=\"a\" Type=\"T/officeDocument\" Target=\"xl/workbook.xml\"/>\
                    </Relationships>";
const WORKBOOK: &str = "<workbook><sheets><sheet name=\"Data\" r:id=\"a\"/></sheets></workbook>";
const OF_WORKBOOK: &str = "<Relationships><Relationship Id=\"a\" Type=\"T/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
                           </Relationships>";
const STRINGS: &str = "<sst><si><t>abcd</t></si><si><t>ef</t></si><si><t>0123456789</t></si></sst>";
const SHEET: &str = "<worksheet><a><b><c><d></d></c></b></a><sheetData>\
                     <row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c></row>\
                     <row><c t=\"s\"><v>2</v></c><c><v>1</v></c></row></sheetData></worksheet>";

/// The parts of a workbook of two titles and a row.
fn xlsx_parts() -> Vec<(&'static str, String)> {
    let attributes: String = (0..20).map(|n| format!(" a{n}=\"\"")).collect();
    let sheet = SHEET.replace("<b>", &format!("<b{attributes}>"));
    vec![
        ("_rels/.rels", ROOT.replace('T', TYPE)),
        ("xl/workbook.xml", WORKBOOK.to_owned()),
        (
            "xl/_rels/workbook.xml.rels",
            OF_WORKBOOK.replace("T/", &format!("{TYPE}/")),
        ),
        (
            "xl/styles.xml",
            format!("<styleSheet>{}</styleSheet>", " ".repeat(500)),
        ),
        ("xl/sharedStrings.xml", STRINGS.to_owned()),
        (
            "xl/worksheets/sheet1.xml",
            format!("{sheet}{}", " ".repeat(1_000)),
        ),
    ]
}

fn zipped(parts: &[(&'static str, String)]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(|(name, text)| (*name, &**text)).collect();
    zip_of(&parts)
}

fn ods_parts() -> Vec<(&'static str, String)> {
    let attributes: String = (0..20).map(|n| format!(" a{n}=\"\"")).collect();
    let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
    let content = format!(
        "<office:document-content><office:body><office:spreadsheet><table:table table:name=\"Data\"><table:table-row>{}{}\
         </table:table-row><table:table-row table:number-rows-repeated=\"2\">{}<table:table-cell \
         office:value-type=\"float\" office:value=\"1\"{attributes}/></table:table-row></table:table>\
         </office:spreadsheet></office:body></office:document-content>{}",
        cell("abcd"),
        cell("ef"),
        cell("0123456789"),
        " ".repeat(1_000)
    );
    vec![
        (
            "mimetype",
            "application/vnd.oasis.opendocument.spreadsheet".to_owned(),
        ),
        (
            "styles.xml",
            format!(
                "<office:document-styles>{}</office:document-styles>",
                " ".repeat(300)
            ),
        ),
        ("content.xml", content),
    ]
}

fn size(parts: &[(&'static str, String)], name: &str) -> u64 {
    let part = parts.iter().find(|(part, _)| *part == name).unwrap();
    part.1.len() as u64
}

/// Checks that the figure is the least at which the workbook is read.
fn assert_least(bytes: &[u8], limit: Limit, figure: u64, place: &str) {
    read(bytes, with(limit, figure), Reader::Own).unwrap();
    assert_refused(
        &read(bytes, with(limit, figure - 1), Reader::Own).unwrap_err(),
        limit,
        figure - 1,
        place,
    );
}

fn assert_refused(error: &Error, limit: Limit, most: u64, place: &str) {
    assert_eq!(error.kind(), ErrorKind::WorkbookTooLarge, "{error}");
    let message = error.to_string();
    assert!(message.contains(place), "{limit:?}: {message}");
    assert!(
        message.ends_with(&limit.passed(most)),
        "{limit:?}: {message}"
    );
    let advice = format!("Raise it with {} if you trust the file", limit.flag());
    assert_eq!(error.advice(), Some(&*advice));
}

#[test]
fn an_xlsx_is_held_to_each_limit() {
    let parts = xlsx_parts();
    let bytes = zipped(&parts);
    let total = parts.iter().map(|(_, text)| text.len() as u64).sum();
    let sheet = "its part xl/worksheets/sheet1.xml";
    let strings = "its part xl/sharedStrings.xml";
    for (limit, figure, place) in [
        (Limit::Total, total, sheet),
        (Limit::Part, size(&parts, "xl/worksheets/sheet1.xml"), sheet),
        (
            Limit::List,
            size(&parts, "xl/styles.xml"),
            "its part xl/styles.xml",
        ),
        (Limit::Cells, 4, "its sheet \"Data\""),
        (Limit::SharedStrings, 3, strings),
        (Limit::SharedText, 16, strings),
        (Limit::String, 10, strings),
        (Limit::RowText, 10, "its sheet \"Data\""),
        (Limit::XmlDepth, 5, sheet),
        (Limit::XmlAttributes, 20, sheet),
        (Limit::Parts, 6, ""),
        (Limit::Columns, 2, "its sheet \"Data\""),
    ] {
        assert_least(&bytes, limit, figure, place);
    }
}

#[test]
fn an_ods_is_held_to_each_limit() {
    let parts = ods_parts();
    let bytes = zipped(&parts);
    let content = "its part content.xml";
    for (limit, figure, place) in [
        (
            Limit::Total,
            size(&parts, "content.xml") + size(&parts, "styles.xml"),
            content,
        ),
        (Limit::Part, size(&parts, "content.xml"), content),
        (
            Limit::List,
            size(&parts, "styles.xml"),
            "its part styles.xml",
        ),
        (Limit::Cells, 6, "its sheet \"Data\""),
        (Limit::String, 10, content),
        (Limit::RowText, 10, content),
        (Limit::XmlDepth, 7, content),
        (Limit::XmlAttributes, 22, content),
        (Limit::Parts, 3, ""),
        (Limit::Columns, 2, "its sheet \"Data\""),
    ] {
        assert_least(&bytes, limit, figure, place);
    }
}

#[test]
fn a_file_in_memory_is_held_to_its_limit() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/stock.xls");
    let bytes = std::fs::read(path).unwrap();
    let figure = bytes.len() as u64;
    for reader in [Reader::Own, Reader::Calamine] {
        read(&bytes, with(Limit::WholeFile, figure), reader).unwrap();
        let error = read(&bytes, with(Limit::WholeFile, figure - 1), reader).unwrap_err();
        assert_refused(&error, Limit::WholeFile, figure - 1, "");
    }
}

#[test]
fn a_part_that_blows_up_is_refused_above_the_floor() {
    let mut parts = xlsx_parts();
    parts[5].1.push_str(&" ".repeat(1 << 20));
    let bytes = zipped(&parts);
    let inflated = size(&parts, "xl/worksheets/sheet1.xml");
    let mut archive = ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let compressed = archive.by_index(5).unwrap().compressed_size();
    let ratio = inflated.div_ceil(compressed);
    let limits = |ratio, floor| Limits {
        ratio_floor_bytes: floor,
        ..with(Limit::Ratio, ratio)
    };
    let sheet = "its part xl/worksheets/sheet1.xml";
    read(&bytes, limits(ratio, 0), Reader::Own).unwrap();
    read(&bytes, limits(1, 2 << 20), Reader::Own).unwrap();
    for reader in [Reader::Own, Reader::Calamine] {
        let error = read(&bytes, limits(ratio - 1, 0), reader).unwrap_err();
        assert_refused(&error, Limit::Ratio, ratio - 1, sheet);
        let error = read(&bytes, limits(1, inflated - 1), reader).unwrap_err();
        assert_refused(&error, Limit::Ratio, 1, sheet);
    }
}

#[test]
fn calamine_sees_no_workbook_that_passes_a_limit() {
    let parts = xlsx_parts();
    let bytes = zipped(&parts);
    let refused = |bytes: &[u8], limit, figure| {
        let outcome = read(bytes, with(limit, figure), Reader::Calamine);
        outcome.is_err_and(|error| error.advice().is_some_and(|it| it.contains(limit.flag())))
    };
    for (limit, figure) in [
        (Limit::Total, 2_000),
        (Limit::Part, 1_000),
        (Limit::List, 300),
        (Limit::SharedStrings, 16),
        (Limit::SharedText, 20),
        (Limit::XmlDepth, 4),
        (Limit::XmlAttributes, 19),
        (Limit::Parts, 5),
    ] {
        assert!(refused(&bytes, limit, figure), "{limit:?}");
    }
    let ods = ods_parts();
    let grid = zipped(&ods);
    assert!(!refused(&grid, Limit::Grid, 100));
    let grid = zip_of(&[("mimetype", &ods[0].1), ("content.xml", &ods[2].1)]);
    assert!(refused(&grid, Limit::Grid, 2));
}

#[test]
fn texts_in_pieces_and_names_of_any_length_are_not_held() {
    let mut parts = xlsx_parts();
    // Runs are joined, each of them below the limit.
    parts[4].1 = STRINGS.replace("<t>abcd</t>", &"<r><t>abcd</t></r>".repeat(3));
    let error = read(&zipped(&parts), with(Limit::String, 11), Reader::Own).unwrap_err();
    assert_refused(&error, Limit::String, 11, "its part xl/sharedStrings.xml");
    // Also in the cell.
    let mut parts = xlsx_parts();
    let runs = "<r><t>abcd</t></r>".repeat(3);
    let inline = format!("<c t=\"inlineStr\"><is>{runs}</is></c>");
    parts[5].1 = SHEET.replace("<c><v>1</v></c>", &inline);
    let error = read(&zipped(&parts), with(Limit::String, 11), Reader::Own).unwrap_err();
    assert_refused(
        &error,
        Limit::String,
        11,
        "its part xl/worksheets/sheet1.xml",
    );
    // Open elements of long names.
    let mut parts = xlsx_parts();
    let name = "n".repeat(1_025);
    parts[5].1 = SHEET.replace("<d></d>", &format!("<{name}></{name}>"));
    let error = read(&zipped(&parts), Limits::default(), Reader::Own).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WorkbookBroken, "{error}");
    // Deep inside of what is left out.
    let mut parts = xlsx_parts();
    let deep = format!("<x>{}{}</x>", "<y>".repeat(300), "</y>".repeat(300));
    parts[5].1 = SHEET.replace("<sheetData>", &format!("<sheetData>{deep}"));
    let error = read(&zipped(&parts), Limits::default(), Reader::Own).unwrap_err();
    assert_refused(
        &error,
        Limit::XmlDepth,
        256,
        "its part xl/worksheets/sheet1.xml",
    );
}

#[test]
fn a_row_of_cells_without_end_is_refused() {
    let mut parts = xlsx_parts();
    let cells = "<c r=\"A1\"><v>1</v></c><c r=\"B1\"><v>1</v></c>".repeat(8_193);
    parts[5].1 = SHEET.replace("<row><c t=\"s\"><v>0</v></c>", &format!("<row>{cells}"));
    let error = read(&zipped(&parts), Limits::default(), Reader::Own).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WorkbookBroken, "{error}");
    assert!(error.to_string().contains("row 1 "), "{error}");
}
