use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use calamine::{Data, DataRef, ReaderRef as _};
use proptest::prelude::{any, prop_assert, proptest};
use proptest::sample::Index;
use zip::write::SimpleFileOptions;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::model::address::CellAddress;
use crate::model::cell::{CellError, FormatId};
use crate::model::shared_strings::{SharedStrings, SharedStringsBuilder};
use crate::model::sheet::Visibility;
use crate::source::workbook::{Content, Flow};
use crate::source::xml::XmlReader;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// Parts by name; a later one replaces an earlier one.
#[derive(Clone)]
struct Parts(Vec<(String, Vec<u8>)>);

impl Parts {
    /// One sheet with this in its root, and the shared strings `zero`, `one`.
    fn with_sheet(content: &str) -> Self {
        let parts = Self(Vec::new())
            .relations("_rels/.rels", &[("rId1", "officeDocument", "xl/workbook.xml")])
            .part(
                "xl/workbook.xml",
                &format!(
                    "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"S\" sheetId=\"1\" \
                     r:id=\"rId1\"/></sheets></workbook>"
                ),
            )
            .relations(
                "xl/_rels/workbook.xml.rels",
                &[
                    ("rId1", "worksheet", "worksheets/sheet1.xml"),
                    ("rId2", "sharedStrings", "sharedStrings.xml"),
                    ("rId3", "styles", "/xl/styles.xml"),
                ],
            )
            .strings("<si><t>zero</t></si><si><t>one</t></si>");
        parts.sheet(content)
    }

    fn with_cells(cells: &str) -> Self {
        Self::with_sheet(&format!(
            "<sheetData><row r=\"1\">{cells}</row></sheetData>"
        ))
    }

    fn part(self, name: &str, content: &str) -> Self {
        self.bytes(name, content.as_bytes())
    }

    fn bytes(mut self, name: &str, content: &[u8]) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_string(), content.to_vec()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    fn sheet(self, content: &str) -> Self {
        let content = format!("<worksheet xmlns=\"{MAIN}\">{content}</worksheet>");
        self.part("xl/worksheets/sheet1.xml", &content)
    }

    fn strings(self, items: &str) -> Self {
        let content = format!("<sst xmlns=\"{MAIN}\" count=\"9\" uniqueCount=\"9\">{items}</sst>");
        self.part("xl/sharedStrings.xml", &content)
    }

    fn styles(self, content: &str) -> Self {
        let content = format!("<styleSheet xmlns=\"{MAIN}\">{content}</styleSheet>");
        self.part("xl/styles.xml", &content)
    }

    fn relations(self, name: &str, all: &[(&str, &str, &str)]) -> Self {
        let mut content = format!("<Relationships xmlns=\"{PACKAGE}\">");
        for (id, kind, target) in all {
            content += &format!(
                "<Relationship Id=\"{id}\" Type=\"{RELATIONS}/{kind}\" Target=\"{target}\"/>"
            );
        }
        self.part(name, &(content + "</Relationships>"))
    }

    fn zipped(&self) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.0 {
            zip.start_file(name.as_str(), SimpleFileOptions::default())
                .unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn open(&self) -> Result<Box<dyn Workbook>> {
        open_bytes(self.zipped())
    }

    fn read(&self) -> Result<Seen> {
        read(&mut *self.open()?, 0)
    }

    fn kind_of_error(&self) -> Option<ErrorKind> {
        self.read().err().map(|error| error.kind())
    }
}

fn open_bytes(bytes: Vec<u8>) -> Result<Box<dyn Workbook>> {
    open(
        Path::new("a.xlsx"),
        Input::Decrypted(Cursor::new(bytes.into())),
        &Limits::default(),
        ReaderThreads::default(),
    )
}

fn read(workbook: &mut dyn Workbook, sheet: usize) -> Result<Seen> {
    let mut seen = Seen::default();
    workbook.read_sheet(sheet, &mut seen)?;
    Ok(seen)
}

/// A content that outlives its workbook.
#[derive(Debug, Clone, PartialEq)]
enum Held {
    Bool(bool),
    Number(f64),
    Digits(String),
    Text(String),
    Iso(String),
    Error(CellError),
    Uncached,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Seen {
    dimension: Option<String>,
    columns: Vec<(u32, u32)>,
    rows: Vec<u32>,
    cells: Vec<(String, Held)>,
    formats: Vec<u16>,
    most: Option<usize>,
}

impl Seen {
    fn shown(&self) -> Vec<(&str, Held)> {
        let cells = self.cells.iter();
        cells
            .map(|(at, held)| (at.as_str(), held.clone()))
            .collect()
    }
}

impl SheetVisitor for Seen {
    fn dimension(&mut self, range: CellRange) {
        self.dimension = Some(range.to_string());
    }

    fn hidden_columns(&mut self, first: u32, last: u32) {
        self.columns.push((first, last));
    }

    fn hidden_row(&mut self, row: u32) -> Flow {
        self.rows.push(row);
        Ok(ControlFlow::Continue(()))
    }

    fn cell(&mut self, at: CellAddress, content: Content<'_>, format: FormatId) -> Flow {
        let held = match content {
            Content::Bool(truth) => Held::Bool(truth),
            Content::Number(number) => Held::Number(number),
            Content::Digits(digits) => Held::Digits(digits.to_string()),
            Content::Text(text) => Held::Text(text.to_string()),
            Content::Shared(shared) => Held::Text(shared.text().to_string()),
            Content::Iso(text) => Held::Iso(text.to_string()),
            Content::Error(error) => Held::Error(error),
            Content::Uncached => Held::Uncached,
        };
        self.cells.push((at.to_string(), held));
        self.formats.push(format.0);
        Ok(match self.most {
            Some(most) if self.cells.len() >= most => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }
}

fn text(text: &str) -> Held {
    Held::Text(text.to_string())
}

/// The only cell of a sheet with this cell in it.
fn only(cell: &str) -> Option<Held> {
    let seen = Parts::with_cells(cell).read().unwrap();
    assert!(seen.cells.len() < 2, "{cell}");
    seen.cells.into_iter().next().map(|(_, held)| held)
}

fn inline(item: &str) -> Option<Held> {
    let inline = only(&format!("<c r=\"A1\" t=\"inlineStr\"><is>{item}</is></c>"));
    let shared = Parts::with_cells("<c r=\"A1\" t=\"s\"><v>0</v></c>")
        .strings(&format!("<si>{item}</si>"))
        .read()
        .unwrap();
    let shared = shared.cells.into_iter().next().map(|(_, held)| held);
    assert_eq!(inline, shared, "{item}");
    inline
}

#[test]
fn each_type_of_cell_gives_its_content() {
    for (cell, wanted) in [
        ("<c><v>17</v></c>", Some(Held::Number(17.0))),
        (
            "<c t=\"n\"><v> \n-1.5E-3 </v></c>",
            Some(Held::Number(-0.0015)),
        ),
        ("<c><v>0.1</v></c>", Some(Held::Number(0.1))),
        (
            "<c><v>123456789012345678</v></c>",
            Some(Held::Digits("123456789012345678".into())),
        ),
        ("<c><v>+.5</v></c>", Some(Held::Number(0.5))),
        (
            "<c><v>4.9406564584124654E-324</v></c>",
            Some(Held::Number(5e-324)),
        ),
        ("<c><v>1e999</v></c>", Some(text("1e999"))),
        ("<c><v>inf</v></c>", Some(text("inf"))),
        ("<c><v>NaN</v></c>", Some(text("NaN"))),
        ("<c><v>12 Mar</v></c>", Some(text("12 Mar"))),
        ("<c><v></v></c>", None),
        ("<c><v/></c>", None),
        ("<c/>", None),
        ("<c t=\"s\"><v>1</v></c>", Some(text("one"))),
        ("<c t=\"s\"><v>\n1 </v></c>", Some(text("one"))),
        ("<c t=\"s\"><v/></c>", None),
        (
            "<c t=\"str\"><f>A2</f><v> a &amp; b </v></c>",
            Some(text(" a & b ")),
        ),
        ("<c t=\"str\"><v>a_x000D_b</v></c>", Some(text("a\rb"))),
        ("<c t=\"str\"><f>A2</f><v></v></c>", None),
        ("<c t=\"str\"><f>A2</f></c>", Some(Held::Uncached)),
        ("<c t=\"b\"><v>1</v></c>", Some(Held::Bool(true))),
        ("<c t=\"b\"><v>0</v></c>", Some(Held::Bool(false))),
        ("<c t=\"b\"><v> true</v></c>", Some(Held::Bool(true))),
        ("<c t=\"b\"><v>false</v></c>", Some(Held::Bool(false))),
        ("<c t=\"b\"><v>maybe</v></c>", Some(text("maybe"))),
        (
            "<c t=\"e\"><v>#DIV/0!</v></c>",
            Some(Held::Error(CellError::DivisionByZero)),
        ),
        (
            "<c t=\"e\"><v>#WHAT?</v></c>",
            Some(Held::Error(CellError::Unknown)),
        ),
        (
            "<c t=\"e\"><v>Err:502</v></c>",
            Some(Held::Error(CellError::Numbered(502))),
        ),
        (
            "<c t=\"e\"><v>Err:0502</v></c>",
            Some(Held::Error(CellError::Unknown)),
        ),
        (
            "<c t=\"d\"><v> 2024-02-29T12:00:00Z</v></c>",
            Some(Held::Iso("2024-02-29T12:00:00Z".into())),
        ),
        ("<c><f>1+1</f><v>2</v></c>", Some(Held::Number(2.0))),
        ("<c><f>1+1</f></c>", Some(Held::Uncached)),
        (
            "<c><f t=\"shared\" si=\"0\"/><v/></c>",
            Some(Held::Uncached),
        ),
        ("<c t=\"inlineStr\"><is><t>a</t></is></c>", Some(text("a"))),
        (
            "<c t=\"inlineStr\"><is><t>a</t></is><v>9</v></c>",
            Some(text("a")),
        ),
        ("<c t=\"inlineStr\"><v>a</v></c>", Some(text("a"))),
        ("<c t=\"inlineStr\"><is/></c>", None),
        ("<c><is><t>a</t></is></c>", Some(text("a"))),
        ("<c t=\"later\"><v>1</v></c>", Some(Held::Number(1.0))),
        (
            "<c><v>1<!-- not 2 --><?x 3?>4</v><extLst><v>5</v></extLst></c>",
            Some(Held::Number(14.0)),
        ),
    ] {
        assert_eq!(only(cell), wanted, "{cell}");
    }
}

#[test]
fn texts_are_what_people_see() {
    for (item, wanted) in [
        (
            "<t>a&lt;b&gt;&amp;&apos;&quot;&#65;&#x1F600;</t>",
            "a<b>&'\"A\u{1F600}",
        ),
        ("<t>a<![CDATA[<b> & ]]>c</t>", "a<b> & c"),
        ("<t> \t\na b\n </t>", "a b"),
        ("<t xml:space=\"preserve\"> a </t>", " a "),
        ("<t>\u{A0}a\u{A0}</t>", "\u{A0}a\u{A0}"),
        ("<t>a\r\nb\rc\n&#13;d</t>", "a\nb\nc\n\rd"),
        (
            "<r><rPr><b/></rPr><t>a</t></r><r><t xml:space=\"preserve\"> b</t></r>",
            "a b",
        ),
        (
            "<t>\u{8AB2}</t><rPh sb=\"0\" eb=\"1\"><t>\u{30AB}</t></rPh><phoneticPr fontId=\"1\"/>",
            "\u{8AB2}",
        ),
        ("<t>_x0041__x0009_b</t>", "A\tb"),
        ("<t>_x005F_x0041_</t>", "_x0041_"),
        (
            "<t>_x00e4_ _X0041_ _x41_ _x004G_ _</t>",
            "\u{E4} _X0041_ _x41_ _x004G_ _",
        ),
        ("<t>_xD83D__xDE00_</t>", "\u{1F600}"),
        ("<t>_xD83D_a_xDE00__xD83D_</t>", "\u{FFFD}a\u{FFFD}\u{FFFD}"),
        ("<t>_xD83D__xD83D__xDE00_</t>", "\u{FFFD}\u{1F600}"),
        ("<t>_xD83D__x0041_</t>", "\u{FFFD}A"),
        ("<t>_x0020_a_x0020_</t>", " a "),
        (
            "<mc:AlternateContent><mc:Choice Requires=\"x\"><t>new</t></mc:Choice>\
             <mc:Fallback><t>old</t></mc:Fallback></mc:AlternateContent><x:no><t>other</t></x:no>",
            "old",
        ),
    ] {
        assert_eq!(inline(item), Some(text(wanted)), "{item}");
    }
    assert_eq!(inline("<t> \n</t>"), None);
}

#[test]
fn cells_without_a_reference_follow_the_one_before() {
    let rows = "<sheetData><row><c><v>1</v></c><c r=\"D1\"><v>2</v></c><c><v>3</v></c><c/><c r=\"\"><v>4</v></c></row>\
         <row r=\"5\"><c><v>5</v></c></row><row><c><v>6</v></c></row><row r=\"2.0\"><c r=\"b2\"><v>7</v></c></row>\
         <row r=\"1\"><c r=\"B1\"><v>8</v></c><c r=\"A1\"><v>9</v></c></row></sheetData>";
    let seen = Parts::with_sheet(rows).read().unwrap();
    let at: Vec<_> = seen.cells.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(at, ["A1", "D1", "E1", "G1", "A5", "A6", "B2", "B1", "A1"]);
}

#[test]
fn dimension_and_hidden_columns_and_rows_are_told() {
    let sheet = "<dimension ref=\"B2:C9\"/><cols><col min=\"2\" max=\"3\" hidden=\"1\"/><col min=\"5\" max=\"5\"/>\
         <col min=\"7\" max=\"99999\" hidden=\"true\"/><col min=\"0\" max=\"1\" hidden=\"1\"/></cols><sheetData>\
         <row r=\"2\" hidden=\"1\"><c><v>1</v></c></row><row r=\"3\" hidden=\"0\"/><row hidden=\"true\"/></sheetData>";
    let seen = Parts::with_sheet(sheet).read().unwrap();
    assert_eq!(seen.dimension.as_deref(), Some("B2:C9"));
    assert_eq!(seen.columns, [(1, 2), (6, 16_383)]);
    assert_eq!(seen.rows, [1, 3]);
}

#[test]
fn a_visitor_can_break_off() {
    let cells = "<c><v>1</v></c><c><v>2</v></c><c><v>3</v></c>";
    let mut workbook = Parts::with_cells(cells).open().unwrap();
    let mut seen = Seen {
        most: Some(2),
        ..Seen::default()
    };
    workbook.read_sheet(0, &mut seen).unwrap();
    assert_eq!(seen.cells.len(), 2);
    assert_eq!(read(&mut *workbook, 0).unwrap().cells.len(), 3);
}

#[test]
fn what_no_sheet_has_is_an_error() {
    let broken = Some(ErrorKind::WorkbookBroken);
    for cells in [
        "<c r=\"XFE1\"><v>1</v></c>",
        "<c r=\"A1048577\"><v>1</v></c>",
        "<c r=\"A0\"><v>1</v></c>",
        "<c r=\"17\"><v>1</v></c>",
        "<c r=\"A1:B2\"><v>1</v></c>",
        "<c r=\"A99999999999999999999\"><v>1</v></c>",
        "<c t=\"s\"><v>2</v></c>",
        "<c t=\"s\"><v>-1</v></c>",
        "<c t=\"s\"><v>1.0</v></c>",
        "<c><v>1</c></v>",
        "<c t=\"str\"><v>&custom;</v></c>",
        "<c t=\"str\"><v>&#xD83D;</v></c>",
        "</row><row r=\"x\"><c><v>1</v></c>",
        "</row><row r=\"1048577\"><c><v>1</v></c>",
        "</row><row r=\"0\"><c><v>1</v></c>",
    ] {
        assert_eq!(Parts::with_cells(cells).kind_of_error(), broken, "{cells}");
    }
    let last = Parts::with_cells("<c r=\"XFD1048576\"><v>1</v></c>").read();
    assert_eq!(last.unwrap().shown(), [("XFD1048576", Held::Number(1.0))]);
}

fn message(parts: &Parts) -> String {
    parts.read().unwrap_err().to_string()
}

#[test]
fn missing_parts_are_named_and_never_an_empty_sheet() {
    let whole = Parts::with_cells("<c t=\"s\"><v>0</v></c><c s=\"3\"><v>1</v></c>");
    let no_sheet = whole.clone().without("xl/worksheets/sheet1.xml");
    assert_eq!(no_sheet.open().unwrap().sheets().len(), 1);
    assert!(message(&no_sheet).contains("xl/worksheets/sheet1.xml"));
    let no_strings = whole.clone().without("xl/sharedStrings.xml");
    assert!(
        message(&no_strings).contains("A1"),
        "{}",
        message(&no_strings)
    );
    let no_relation = whole.clone().relations("xl/_rels/workbook.xml.rels", &[]);
    assert!(message(&no_relation).contains("no part"));
    for other in ["<html/>", "", "<?xml version=\"1.0\"?>"] {
        let other = whole.clone().part("xl/worksheets/sheet1.xml", other);
        assert_eq!(other.kind_of_error(), Some(ErrorKind::WorkbookBroken));
    }
    let unused = Parts::with_cells("<c s=\"3\"><v>1</v></c>").without("xl/sharedStrings.xml");
    assert_eq!(unused.read().unwrap().formats, [0]);
    assert!(read(&mut *whole.open().unwrap(), 1).is_err());
}

#[test]
fn xml_that_ends_early_is_broken_wherever_it_ends() {
    let whole = Parts::with_cells("<c t=\"s\"><v>0</v></c>");
    for name in [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/workbook.xml",
    ] {
        let content = whole.0.iter().find(|(known, _)| known == name).unwrap();
        let content = content.1.clone();
        let data = b"</sheetData>";
        let end = content.windows(data.len()).position(|end| end == data);
        for length in 0..end.map_or(content.len(), |end| end + data.len() - 1) {
            let cut = whole.clone().bytes(name, &content[..length]);
            let kind = cut.kind_of_error();
            assert_eq!(kind, Some(ErrorKind::WorkbookBroken), "{name} {length}");
        }
    }
}

#[test]
fn document_types_and_deep_nesting_are_refused() {
    let sheet = "<worksheet><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>";
    for (start, kind) in [
        ("<?xml version=\"1.0\"?><!-- a -->", None),
        (
            "<!DOCTYPE worksheet [<!ENTITY a \"b\">]>",
            Some(ErrorKind::WorkbookBroken),
        ),
        (
            "<!DOCTYPE worksheet SYSTEM \"file:///etc/passwd\">",
            Some(ErrorKind::WorkbookBroken),
        ),
    ] {
        let parts =
            Parts::with_sheet("").part("xl/worksheets/sheet1.xml", &format!("{start}{sheet}"));
        assert_eq!(parts.kind_of_error(), kind, "{start}");
    }
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(
        Parts::with_sheet(&deep).kind_of_error(),
        Some(ErrorKind::WorkbookTooLarge)
    );
}

#[test]
fn parts_may_be_in_any_encoding_and_with_any_prefix() {
    let body = "<x:worksheet xmlns:x=\"http://purl.oclc.org/ooxml/spreadsheetml/main\"><x:sheetData><x:row x14ac:r=\"9\">\
         <x:c t=\"inlineStr\"><x:is><x:t>\u{E4}\u{20AC}</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>";
    let wanted = [("A1", text("\u{E4}\u{20AC}"))];
    let declared =
        |encoding: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{body}");
    let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    };
    let marked = format!("\u{FEFF}{}", declared("UTF-16"));
    let mut windows = declared("windows-1252")
        .replace('\u{E4}', "\u{1}")
        .replace('\u{20AC}', "\u{2}")
        .into_bytes();
    for byte in &mut windows {
        *byte = match *byte {
            1 => 0xE4,
            2 => 0x80,
            other => other,
        };
    }
    for (index, bytes) in [
        body.as_bytes().to_vec(),
        declared("UTF-8").into_bytes(),
        format!("\u{FEFF}{}", declared("utf-8")).into_bytes(),
        declared("UTF-16").into_bytes(),
        wide(&marked, u16::to_le_bytes),
        wide(&marked, u16::to_be_bytes),
        wide(&declared("UTF-16"), u16::to_le_bytes),
        wide(&declared("UTF-16"), u16::to_be_bytes),
        wide(&marked, u16::to_le_bytes),
        windows,
    ]
    .into_iter()
    .enumerate()
    {
        let parts = Parts::with_sheet("").bytes("xl/worksheets/sheet1.xml", &bytes);
        assert_eq!(parts.read().unwrap().shown(), wanted, "{index}");
    }
    let invalid = declared("UTF-8").replace('\u{E4}', "\u{1}").into_bytes();
    let invalid: Vec<u8> = invalid
        .into_iter()
        .map(|byte| if byte == 1 { 0xE4 } else { byte })
        .collect();
    let parts = Parts::with_sheet("").bytes("xl/worksheets/sheet1.xml", &invalid);
    assert_eq!(parts.kind_of_error(), Some(ErrorKind::WorkbookBroken));
}

#[test]
fn styles_lead_to_format_codes() {
    let styles = "<numFmts><numFmt numFmtId=\"164\" formatCode=\"0.0&quot; kg&quot;\"/>\
         <numFmt numFmtId=\"14\" formatCode=\"dd.mm.yyyy\"/><numFmt numFmtId=\"165\" formatCode=\"\"/></numFmts>\
         <cellStyleXfs><xf numFmtId=\"9\"/></cellStyleXfs>\
         <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\" applyNumberFormat=\"0\"><alignment/></xf><xf numFmtId=\"14\"/>\
         <xf numFmtId=\"22\"/><xf numFmtId=\"999\"/><xf xfId=\"0\"/><xf xfId=\"7\"/><xf numFmtId=\"165\"/></cellXfs>\
         <dxfs><dxf><numFmt numFmtId=\"164\" formatCode=\"wrong\"/></dxf></dxfs>";
    let cells: String = (0..9)
        .map(|style| format!("<c s=\"{style}\"><v>1</v></c>"))
        .collect();
    let mut workbook = Parts::with_cells(&cells).styles(styles).open().unwrap();
    let seen = read(&mut *workbook, 0).unwrap();
    let formats = workbook.formats();
    let codes = seen
        .formats
        .iter()
        .map(|id| formats[usize::from(*id)].code.as_str());
    let codes: Vec<_> = codes.collect();
    let general = NumberFormat::GENERAL_CODE;
    let wanted = [
        general,
        "0.0\" kg\"",
        "dd.mm.yyyy",
        "m/d/yy h:mm",
        general,
        "0%",
        general,
        general,
        general,
    ];
    assert_eq!(codes, wanted);
    assert_eq!(formats[0].code, general);
}

fn full_workbook() -> Parts {
    let workbook = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:q=\"{RELATIONS}\"><workbookPr date1904=\"true\"/><sheets>\
         <sheet name=\"One &amp; only\" sheetId=\"7\" q:id=\"rId1\"/>\
         <sheet name=\"C\" sheetId=\"8\" state=\"hidden\" q:id=\"rId4\"/>\
         <sheet name=\"Bob's\" sheetId=\"9\" state=\"veryHidden\" q:id=\"rId5\"/>\
         <sheet name=\"M\" sheetId=\"10\" q:id=\"rId6\"/></sheets><definedNames>\
         <definedName name=\"area\">'One &amp; only'!$A$1:$B$9</definedName>\
         <definedName name=\"local\" localSheetId=\"2\">'bob''s'!$C:$D</definedName>\
         <definedName name=\"cell\">C!$E$5</definedName>\
         <definedName name=\"constant\">17</definedName><definedName name=\"two\">C!$A$1,C!$B$2</definedName>\
         <definedName name=\"lost\">C!#REF!</definedName><definedName name=\"other\">[1]C!$A$1</definedName>\
         <definedName name=\"formula\">OFFSET(C!$A$1,1,1)</definedName><definedName name=\"gone\">Gone!$A$1</definedName>\
         <definedName name=\"no scope\" localSheetId=\"9\">C!$A$1</definedName>\
         </definedNames></workbook>"
    );
    let table = |name: &str, rest: &str| {
        format!("<table xmlns=\"{MAIN}\" id=\"1\" name=\"{name}\" {rest}/>")
    };
    Parts::with_sheet(
        "<sheetData><row><c><v>1</v></c></row></sheetData><mergeCells count=\"4\"><mergeCell ref=\"A1:B2\"/>\
         <mergeCell ref=\"nonsense\"/><mergeCell ref=\"C3:C4\"/><mergeCell ref=\"A1:B2\"/></mergeCells>",
    )
    .part("xl/workbook.xml", &workbook)
    .relations(
        "xl/_rels/workbook.xml.rels",
        &[
            ("rId1", "worksheet", "worksheets/sheet1.xml"),
            ("rId4", "chartsheet", "chartsheets/sheet1.xml"),
            ("rId5", "worksheet", "worksheets/sheet2.xml"),
            ("rId6", "xlMacrosheet", "macrosheets/sheet1.xml"),
        ],
    )
    .relations(
        "xl/worksheets/_rels/sheet1.xml.rels",
        &[
            ("rId1", "table", "../tables/table1.xml"),
            ("rId2", "table", "../tables/table2.xml"),
            ("rId3", "table", "../tables/table3.xml"),
            ("rId4", "table", "../tables/missing.xml"),
        ],
    )
    .part("xl/tables/table1.xml", &table("a", "displayName=\"shown\" ref=\"A1:B9\" totalsRowCount=\"1\""))
    .part("xl/tables/table2.xml", &table("b", "ref=\"D1:D2\" headerRowCount=\"0\" totalsRowCount=\"77\""))
    .part("xl/tables/table3.xml", &table("c", "ref=\"#REF!\""))
}

#[test]
fn the_lists_of_a_workbook_are_read() {
    let mut workbook = full_workbook().open().unwrap();
    assert_eq!(workbook.date_system(), DateSystem::From1904);
    let sheets = workbook.sheets().iter();
    let sheets: Vec<_> = sheets
        .map(|one| (one.name.clone(), one.kind, one.visibility))
        .collect();
    let wanted = [
        ("One & only", SheetKind::Worksheet, Visibility::Visible),
        ("C", SheetKind::Chart, Visibility::Hidden),
        ("Bob's", SheetKind::Missing, Visibility::VeryHidden),
        ("M", SheetKind::Other, Visibility::Visible),
    ];
    assert_eq!(
        sheets,
        wanted.map(|(name, kind, seen)| (name.to_string(), kind, seen))
    );
    let names = workbook.named_ranges().unwrap().into_iter();
    let names: Vec<_> = names
        .map(|one| (one.name, one.scope, one.sheet, one.range.to_string()))
        .collect();
    let wanted = [
        ("area", None, 0, "A1:B9"),
        ("local", Some(2), 2, "C1:D1048576"),
        ("cell", None, 1, "E5:E5"),
    ];
    let wanted = wanted
        .map(|(name, scope, sheet, range)| (name.to_string(), scope, sheet, range.to_string()));
    assert_eq!(names, wanted);
    let tables = workbook.tables().unwrap().into_iter();
    let tables: Vec<_> = tables
        .map(|one| {
            (
                one.name,
                one.sheet,
                one.range.to_string(),
                one.header_rows,
                one.totals_rows,
            )
        })
        .collect();
    let wanted = [
        ("shown".to_string(), 0, "A1:B9".to_string(), 1, 1),
        ("b".to_string(), 0, "D1:D2".to_string(), 0, 2),
    ];
    assert_eq!(tables, wanted);
    let merged = workbook.merged_ranges(0).unwrap();
    let merged: Vec<_> = merged.iter().map(ToString::to_string).collect();
    assert_eq!(merged, ["A1:B2", "C3:C4"]);
}

fn sample(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sample_data")
        .join(name)
}

/// Cells as calamine gives them, in our words; `None` when it refuses the sheet.
fn by_calamine(file: &Path, sheet: &str) -> Option<Vec<(String, Held)>> {
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(file).ok()?;
    let range = workbook.worksheet_range_ref(sheet).ok()?;
    let first = range.start().unwrap_or_default();
    let mut cells = Vec::new();
    for (row, column, value) in range.used_cells() {
        let value = match Data::from(DataRef::clone(value)) {
            Data::Bool(truth) => Held::Bool(truth),
            Data::Int(number) => Held::Number(number as f64),
            Data::Float(number) => Held::Number(number),
            Data::DateTime(serial) => Held::Number(serial.as_f64()),
            Data::String(text) if text.is_empty() => continue,
            Data::String(text) => Held::Text(text),
            Data::DateTimeIso(text) | Data::DurationIso(text) => Held::Iso(text),
            Data::Error(error) => Held::Error(CellError::from_name(&error.to_string())),
            other => panic!("{other:?}"),
        };
        let at = CellAddress {
            row: first.0 + u32::try_from(row).unwrap(),
            column: first.1 + u32::try_from(column).unwrap(),
        };
        cells.push((at.to_string(), value));
    }
    Some(cells)
}

#[test]
fn samples_read_as_calamine_reads_them() {
    let mut compared = 0;
    // The other samples hold what calamine reads otherwise.
    for name in [
        "stock.xlsx",
        "stock.xlsm",
        "epoch-1904.xlsx",
        "businesses.xlsx",
    ] {
        let path = sample(name);
        let file = Input::of_file(std::fs::File::open(&path).unwrap());
        let mut workbook = open(&path, file, &Limits::default(), ReaderThreads::default()).unwrap();
        for (index, sheet) in workbook.sheets().to_vec().iter().enumerate() {
            if sheet.kind != SheetKind::Worksheet {
                continue;
            }
            let mut seen = read(&mut *workbook, index).unwrap();
            seen.cells.retain(|(_, held)| *held != Held::Uncached);
            assert_eq!(
                Some(seen.cells.clone()),
                by_calamine(&path, &sheet.name),
                "{path:?} {}",
                sheet.name
            );
            compared += seen.cells.len();
        }
    }
    assert!(compared > 100, "{compared}");
}

/// Cells, rows and what may stand between them: in the shapes that programs write, and in others.
const SHAPES: &[&str] = &[
    "<c r=\"A3\"><v>1</v></c>",
    "<c r=\"B3\" s=\"1\" t=\"s\"><v>1</v></c>",
    "<c r=\"C3\" t=\"s\" s=\"0\"><v>0</v></c>",
    "<c r=\"D3\" t=\"s\"><v>2</v></c>",
    "<c r=\"D3\" t=\"s\"><v>7</v></c>",
    "<c r=\"D3\" t=\"s\"><v>99999999999</v></c>",
    "<c t=\"s\"><v>-1</v></c>",
    "<c t=\"s\"><v>001</v></c>",
    "<c t=\"s\"><v> 1</v></c>",
    "<c t=\"s\"><v></v></c>",
    "<c t=\"b\" r=\"E2\"><v>1</v></c>",
    "<c t=\"b\"><v>TRUE</v></c>",
    "<c t=\"b\"><v>maybe</v></c>",
    "<c><v>2.5E-3</v></c>",
    "<c><v>45518.289456018516</v></c>",
    "<c><v>-0</v></c>",
    "<c><v>1e999</v></c>",
    "<c><v>+1</v></c>",
    "<c><v>12345678901234567890123</v></c>",
    "<c><v>x</v></c>",
    "<c><v></v></c>",
    "<c><v/></c>",
    "<c s=\"1\"/>",
    "<c s=\"123456789012\"><v>1</v></c>",
    "<c s=\"x\" r=\"\"><v>1</v></c>",
    "<c r=\"A3\" r=\"B3\"><v>1</v></c>",
    "<c r=\"G1\" t=\"e\"><v>#N/A</v></c>",
    "<c r=\"G3\" t=\"e\"><v>Err:502</v></c>",
    "<c t=\"d\"><v>2024-02-29</v></c>",
    "<c t=\"n\"><v>7</v></c>",
    "<c t=\"later\"><v>7</v></c>",
    "<c r=\"H3\" t=\"str\"><v>a_x0041_</v></c>",
    "<c r=\"H3\" t=\"str\"><v>a_b \u{E9}\n</v></c>",
    "<c r=\"H3\" t=\"str\"><v>a &amp; b</v></c>",
    "<c r=\"H3\" t=\"str\"><v>a\r\nb</v></c>",
    "<c r=\"H3\" t=\"str\"><v>a<!-- b -->c</v></c>",
    "<c r=\"H3\" t=\"str\"><v></v></c>",
    "<c r=\"H3\" t=\"str\"><f>A1</f><v xml:space=\"preserve\"> </v></c>",
    "<c r=\"H3\" t=\"str\"><f>A1&amp;\"x\"</f><v>ax</v></c>",
    "<c r=\"H3\" t=\"str\"><f>A1</f></c>",
    "<c r=\"H9\" t=\"inlineStr\"><is><t>a</t></is></c>",
    "<c r=\"AA3\" t=\"inlineStr\"><is><t> \u{E9}_b\t</t></is></c>",
    "<c t=\"inlineStr\"><is><t xml:space=\"preserve\"> a </t></is></c>",
    "<c t=\"inlineStr\"><is><t xml:space=\"default\"> a </t></is></c>",
    "<c t=\"inlineStr\"><is><t> </t></is></c>",
    "<c t=\"inlineStr\"><is><t>_x0041_&lt;</t></is></c>",
    "<c t=\"inlineStr\"><is><r><t>a</t></r></is></c>",
    "<c t=\"inlineStr\"><is><t>a</t></is><v>9</v></c>",
    "<c t=\"inlineStr\"><v>a</v></c>",
    "<c t=\"inlineStr\"><f>A1</f><is><t>a</t></is></c>",
    "<c r=\"I3\"><f>1+1</f><v>2</v></c>",
    "<c r=\"I3\"><f t=\"shared\" ref=\"I3:I9\" si=\"0\">1+1</f><v>2</v></c>",
    "<c r=\"I3\"><f t=\"shared\" si=\"0\"/><v>2</v></c>",
    "<c r=\"I3\"><f>1+1</f><v></v></c>",
    "<c r=\"I3\"><f>1+1</f></c>",
    "<c r=\"I3\"><f/></c>",
    "<c r=\"I3\"><v>2</v><f>1+1</f></c>",
    "<c r=\"I3\" t=\"b\"><f aca=\"false\">TRUE()</f><v>1</v></c>",
    "<c r=\"j3\"><v>1</v></c>",
    "<c r=\"L1\"><v>&#50;</v></c>",
    "<c r=\"ZZ3\"><v>3</v></c>",
    "<c r=\"XFD3\"><v>3</v></c>",
    "<c r=\"B03\"><v>3</v></c>",
    "<c r=\"B33\"><v>3</v></c>",
    "<x:c r=\"M3\"><x:v>3</x:v></x:c>",
    "<!-- c -->",
    " ",
    "\n\t",
    "<![CDATA[ ]]>",
    "</row><row r=\"4\">",
    "</row><row r=\"4\" spans=\"1:9\" ht=\"15.75\" customHeight=\"1\" x14ac:dyDescent=\"0.25\">",
    "</row>\n<row r=\"5\"/>\n <row r=\"6\" s=\"1\" customFormat=\"1\"/><row r=\"7\">\n",
    "</row><row r=\"8\" hidden=\"1\">",
    "</row><row hidden=\"0\">",
    "</row><row r=\"9\" hidden=\"true\"/><row>",
    "</row><row/><row>",
    "</row><row>",
    "</row><row r=\"2.0\">",
    "</row><row r=\"1\" r=\"3\">",
    "</row><row  r='3'>",
    "</row><row spans=\"&lt;\">",
    "</row><x:row r=\"3\">",
    "</x:row><row r=\"3\">",
    "</row><extra a=\"1\"><row r=\"3\"/></extra><row>",
    "</row><!-- row --><row>",
    "<mc:AlternateContent><mc:Choice><c><v>1</v></c></mc:Choice><mc:Fallback><c><v>2</v></c></mc:Fallback></mc:AlternateContent>",
    "<extLst><c><v>1</v></c></extLst>",
];

/// Cells that are errors wherever they stand, and rows that are.
const FAULTS: &[&str] = &[
    "<c r=\"XFE3\"><v>3</v></c>",
    "<c r=\"A1048577\"><v>3</v></c>",
    "<c r=\"A1048577\"/>",
    "<c r=\"3\"><v>3</v></c>",
    "<c r=\"A0\"><v>3</v></c>",
    "<c t=\"s\"><v>3</v></c>",
    "<c t=\"s\"><v>4294967296</v></c>",
    "<c t=\"s\"><v>x</v></c>",
    "<c><v>1</c></v>",
    "<c t=\"str\"><v>&custom;</v></c>",
    "</row><row r=\"0\"><c/>",
    "</row><row r=\"x\"><c/>",
    "</row><row r=\"99999999\"><c><v>1</v></c>",
    "</row><row",
    "</row></row>",
];

/// What reads a sheet's cells.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Bytes,
    Parser,
}

/// A sheet part that ends as sheets do. What the reader of its encoding holds at first is behind its first rows.
fn sheet_of_rows(rows: &str) -> Vec<u8> {
    let space = " ".repeat(300);
    format!(
        "<worksheet xmlns=\"{MAIN}\"><!--{space}--><sheetData>{rows}</row></sheetData></worksheet>"
    )
    .into_bytes()
}

/// What a visitor is told of a sheet part that comes in slices of so many bytes, and how it ends.
fn scan(sheet: &[u8], slice: usize, by: By) -> String {
    scan_within(sheet, slice, by, &Limits::default())
}

fn scan_within(sheet: &[u8], slice: usize, by: By, limits: &Limits) -> String {
    let texts = ["zero", "one", ""].map(str::to_string);
    scan_with(&shared_texts(texts), sheet, slice, by, limits)
}

fn shared_texts(texts: impl IntoIterator<Item = String>) -> SharedStrings {
    let mut strings = SharedStringsBuilder::default();
    for text in texts {
        strings.text_mut().push_str(&text);
        strings.end_within(&Limits::default()).unwrap();
    }
    strings.finish()
}

fn scan_with(
    strings: &SharedStrings,
    sheet: &[u8],
    slice: usize,
    by: By,
    limits: &Limits,
) -> String {
    let path = Path::new("a.xlsx");
    let mut strings = SharedTexts::of(strings.clone());
    let around = Surroundings {
        path,
        sheet: "S",
        strings: &mut strings,
        styles: &Styles::default(),
    };
    let mut seen = Seen::default();
    let bytes = std::io::BufReader::with_capacity(slice, sheet);
    let reader = XmlReader::open(path, "sheet1.xml", bytes, limits).unwrap();
    let scan = SheetScan::new(reader, around, &mut seen);
    let end = match by {
        By::Bytes => scan.run(),
        By::Parser => scan.by_parser_alone().run(),
    };
    let end = end.map(|_flow| ()).map_err(|error| error.to_string());
    format!("{seen:?} {end:?}")
}

#[test]
fn faults_are_told_as_the_parser_tells_them_wherever_they_are_cut() {
    for fault in FAULTS {
        let sheet = sheet_of_rows(&format!(
            "<row r=\"3\"><c r=\"A3\"><v>1</v></c>{fault}<c><v>2</v></c>"
        ));
        let wanted = scan(&sheet, 1 << 16, By::Parser);
        assert!(wanted.contains("Err"), "{fault} {wanted}");
        for slice in [1, 2, 3, 5, 7, 11, 16, 31, 1 << 16] {
            assert_eq!(scan(&sheet, slice, By::Bytes), wanted, "{fault} {slice}");
        }
    }
}

#[test]
fn every_shape_reads_as_the_parser_reads_it_at_every_cut() {
    for shape in SHAPES {
        let sheet = sheet_of_rows(&format!(
            "<row r=\"3\"><c r=\"A3\"><v>1</v></c>{shape}<c><v>2</v></c></row><row r=\"4\"><c r=\"B4\"><v>5</v></c>"
        ));
        let wanted = scan(&sheet, 1 << 16, By::Parser);
        for slice in (1..130).chain([1 << 16]) {
            assert_eq!(scan(&sheet, slice, By::Bytes), wanted, "{shape} {slice}");
        }
    }
}

#[test]
fn limits_hold_for_what_the_parser_does_not_see() {
    let long = "x".repeat(300);
    let attributes = |most| Limits {
        xml_attributes: most,
        ..Limits::default()
    };
    let text = |most| Limits {
        string_bytes: most,
        ..Limits::default()
    };
    let deep = |most| Limits {
        xml_depth: most,
        ..Limits::default()
    };
    let row = "<row r=\"3\"><c><v>1</v></c></row><row r=\"4\" spans=\"1:9\" ht=\"15\" s=\"1\"><c><v>2</v></c>";
    let formula = "<row><c><f t=\"shared\" ref=\"A1:A2\" ca=\"1\" si=\"0\"/><v>1</v></c>";
    let inline = format!("<row><c t=\"inlineStr\"><is><t>{long}</t></is></c>");
    for (limits, rows) in [
        (attributes(3), row),
        (attributes(3), formula),
        (
            attributes(2),
            "<row><c r=\"A1\" s=\"1\" t=\"n\"><v>1</v></c>",
        ),
        (text(299), &*format!("<row><c t=\"str\"><v>{long}</v></c>")),
        (text(299), &*inline),
        (text(3), "<row><c><v>1234</v></c>"),
        (
            text(200),
            &*format!("<row><c><v>{}</v></c>", "0".repeat(201)),
        ),
        (
            text(200),
            &*format!("<row><c><v>1e{}</v></c>", "0".repeat(201)),
        ),
        (deep(4), "<row><c><v>1</v></c>"),
        (deep(5), &*inline),
    ] {
        let sheet = sheet_of_rows(rows);
        let found = scan_within(&sheet, 1 << 16, By::Bytes, &limits);
        assert!(found.contains(" Err("), "{rows} {found}");
        assert_eq!(found, scan_within(&sheet, 1 << 16, By::Parser, &limits));
        assert!(scan(&sheet, 1 << 16, By::Bytes).ends_with("Ok(())"));
    }
}

/// The corpus of real workbooks, if it lies beside the repository, and the samples.
fn real_workbooks() -> Vec<std::path::PathBuf> {
    let directories = ["../shared/corpus/files", "sample_data"];
    let files = directories.into_iter().flat_map(|directory| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        std::fs::read_dir(directory).into_iter().flatten()
    });
    let files = files.map(|file| file.unwrap().path());
    let is_xlsx = |file: &std::path::PathBuf| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("xlsx" | "xlsm"))
    };
    files.filter(is_xlsx).collect()
}

/// Where calamine reads another value than we do, and why ours is right. Columns: file, sheet, cell or `*`, reason.
const ARGUED: &str = include_str!("calamine_differences.tsv");

#[test]
fn real_workbooks_read_as_calamine_reads_them() {
    let argued: Vec<Vec<&str>> = ARGUED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').collect())
        .collect();
    let mut differences = Vec::new();
    for path in real_workbooks() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = Input::of_file(std::fs::File::open(&path).unwrap());
        let Ok(mut workbook) = open(&path, file, &Limits::default(), ReaderThreads::default())
        else {
            continue;
        };
        for (index, sheet) in workbook.sheets().to_vec().iter().enumerate() {
            let Some(theirs) = by_calamine(&path, &sheet.name) else {
                continue;
            };
            let Ok(seen) = read(&mut *workbook, index) else {
                continue;
            };
            // A later cell in the same place replaces an earlier one.
            let mut ours: BTreeMap<String, Held> = seen.cells.into_iter().collect();
            ours.retain(|_, held| *held != Held::Uncached);
            for held in ours.values_mut() {
                // It knows doubles only.
                if let Held::Digits(digits) = held {
                    *held = Held::Number(digits.parse().unwrap());
                }
            }
            let theirs: BTreeMap<String, Held> = theirs.into_iter().collect();
            let places: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for at in places {
                let is_argued = argued.iter().any(|line| {
                    line[0] == name && line[1] == sheet.name && (line[2] == "*" || line[2] == *at)
                });
                if ours.get(at) != theirs.get(at) && !is_argued {
                    let (ours, theirs) = (ours.get(at), theirs.get(at));
                    differences.push(format!("{name}\t{}\t{at}\t{ours:?} {theirs:?}", sheet.name));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn sheets_of_real_workbooks_read_as_the_parser_reads_them() {
    let strings = shared_texts((0..100_000).map(|number| format!("text {number}")));
    let limits = Limits::default();
    let mut cells = 0;
    for file in real_workbooks() {
        let Ok(mut archive) = zip::ZipArchive::new(std::fs::File::open(&file).unwrap()) else {
            continue;
        };
        for index in 0..archive.len() {
            let Ok(mut part) = archive.by_index(index) else {
                continue;
            };
            let mut sheet = Vec::new();
            let is_sheet = part.name().unwrap_or_default().contains("sheets/");
            if !is_sheet || part.read_to_end(&mut sheet).is_err() {
                continue;
            }
            let by_parser = scan_with(&strings, &sheet, 1 << 16, By::Parser, &limits);
            for slice in [97, 1 << 16] {
                let by_bytes = scan_with(&strings, &sheet, slice, By::Bytes, &limits);
                assert!(by_bytes == by_parser, "{file:?} {index} {slice}");
            }
            cells += by_parser.matches("(\"").count();
        }
    }
    assert!(cells > 10_000, "{cells}");
}

/// Everything that can be asked of a workbook.
fn ask_all(bytes: Vec<u8>) -> Result<(), Error> {
    let mut workbook = open_bytes(bytes)?;
    let _ = workbook.named_ranges()?;
    let _ = workbook.tables();
    for sheet in 0..workbook.sheets().len().min(5) {
        let _ = workbook.merged_ranges(sheet);
        read(&mut *workbook, sheet)?;
    }
    Ok(())
}

/// A damaged workbook may read as something else, but only with errors that say so.
fn is_sound(outcome: &Result<(), Error>) -> bool {
    let kind = outcome.as_ref().err().map(Error::kind);
    matches!(
        kind,
        None | Some(
            ErrorKind::WorkbookBroken | ErrorKind::WorkbookEncrypted | ErrorKind::WorkbookTooLarge
        )
    )
}

fn unzipped(bytes: &[u8]) -> Parts {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut parts = Parts(Vec::new());
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().to_string();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        parts.0.push((name, content));
    }
    parts
}

proptest! {
    #[test]
    fn any_damage_to_the_package_is_survived(at in any::<Index>(), bytes in proptest::collection::vec(any::<u8>(), 1..9)) {
        let mut whole = std::fs::read(sample("stock.xlsx")).unwrap();
        let at = at.index(whole.len() - bytes.len());
        whole[at..at + bytes.len()].copy_from_slice(&bytes);
        prop_assert!(is_sound(&ask_all(whole)));
    }

    #[test]
    fn cells_in_the_common_shape_read_as_the_parser_reads_them(
        cells in proptest::collection::vec(
            proptest::sample::select(vec![
                "<c r=\"A1\"><v>1</v></c>",
                "<c r=\"B1\" s=\"1\" t=\"s\"><v>1</v></c>",
                "<c r=\"C1\" t=\"s\"><v>0</v></c>",
                "<c r=\"D1\" t=\"s\"><v>7</v></c>",
                "<c t=\"b\" r=\"E2\"><v>1</v></c>",
                "<c><v>2.5E-3</v></c>",
                "<c s=\"1\"/>",
                "<c r=\"G1\" t=\"e\"><v>#N/A</v></c>",
                "<c r=\"H1\" t=\"str\"><v>a_x0041_</v></c>",
                "<c r=\"H9\" t=\"inlineStr\"><is><t>a</t></is></c>",
                "<c r=\"I1\"><f>1+1</f><v>2</v></c>",
                "<c r=\"J1\"><v>x</v></c>",
                "<c r=\"K1\"><v></v></c>",
                "<c r=\"L1\"><v>&#50;</v></c>",
                "<!-- c --><c r=\"M1\"><v>3</v></c>",
                "</row> <row r=\"7\">",
                "</row><row>",
                "<c r=\"XFE1\"><v>3</v></c>",
            ]),
            0..40,
        ),
    ) {
        let cells = cells.concat();
        // The second blank in each tag is nothing to XML, but the shape is another.
        let other = cells.replace("<c ", "<c  ").replace("<c>", "<c >");
        let read = |cells: &str| match Parts::with_cells(cells).read() {
            Ok(seen) => format!("{seen:?}"),
            Err(error) => error.to_string(),
        };
        proptest::prop_assert_eq!(read(&cells), read(&other));
    }

    #[test]
    fn plain_shapes_read_as_the_parser_reads_them_wherever_they_are_cut(
        pieces in proptest::collection::vec(proptest::sample::select(SHAPES), 0..40),
        prefix in proptest::sample::select(vec!["<row>", "<row r=\"3\">", "<row r=\"3\" hidden=\"1\">", "<x:row>", ""]),
        slice in 1_usize..200,
        damage in proptest::option::weighted(0.3, (any::<Index>(), "[<>/&;\"'= a-z0-9\r]{0,3}", 0..3_usize)),
    ) {
        let mut data = prefix.to_string() + &pieces.concat();
        if let Some((at, new, length)) = damage {
            let at = at.index(data.len() + 1);
            let end = data.len().min(at + length);
            if data.is_char_boundary(at) && data.is_char_boundary(end) {
                data.replace_range(at..end, &new);
            }
        }
        let sheet = sheet_of_rows(&data);
        let wanted = scan(&sheet, 1 << 16, By::Parser);
        proptest::prop_assert_eq!(&scan(&sheet, slice, By::Bytes), &wanted, "{}", data);
        proptest::prop_assert_eq!(&scan(&sheet, 1 << 16, By::Bytes), &wanted, "{}", data);
    }

    #[test]
    fn any_damage_to_a_part_is_survived(
        part in any::<Index>(), at in any::<Index>(), length in 0_usize..40,
        new in "[<>/&;\"'= a-z0-9]{0,12}|</?(c|v|row|is|t|sheetData|si|xf)( r=\"[A-Z]{1,4}[0-9]{1,9}\")?/?>",
    ) {
        let mut parts = unzipped(&std::fs::read(sample("stock.xlsx")).unwrap());
        let part = part.index(parts.0.len());
        let content = &mut parts.0[part].1;
        let at = at.index(content.len());
        let end = content.len().min(at + length);
        content.splice(at..end, new.into_bytes());
        prop_assert!(is_sound(&ask_all(parts.zipped())));
    }

    #[test]
    fn any_text_comes_back_from_its_escapes(wanted in any::<String>()) {
        let mut escaped = String::new();
        for unit in wanted.encode_utf16() {
            escaped += &format!("_x{unit:04X}_");
        }
        let mut decoded = String::new();
        text::unescape(&escaped, &mut decoded);
        prop_assert!(decoded == wanted);
    }

    #[test]
    fn any_number_comes_back_from_its_text(wanted in any::<f64>(), whole in any::<i64>()) {
        let same = |text: String, wanted: f64| value::number(&text) == Some(wanted);
        let scientific = format!("{wanted:E}");
        prop_assert!(!wanted.is_finite() || same(wanted.to_string(), wanted) && same(scientific, wanted));
        prop_assert!(same(whole.to_string(), whole as f64));
        prop_assert!(same((whole % 1_000_000_000).to_string(), (whole % 1_000_000_000) as f64));
    }
}

#[test]
fn lists_that_no_relationship_names_are_where_they_are_by_custom() {
    let cells = "<c s=\"0\"><v>44197</v></c><c t=\"s\"><v>1</v></c>";
    let styles = "<cellXfs><xf numFmtId=\"14\"/></cellXfs>";
    let sheet = ("rId1", "worksheet", "worksheets/sheet1.xml");
    let elsewhere = [
        sheet,
        ("rId2", "sharedStrings", "lost/strings.xml"),
        ("rId3", "styles", "lost/styles.xml"),
    ];
    for relations in [&[sheet][..], &elsewhere] {
        let parts = Parts::with_cells(cells)
            .styles(styles)
            .relations("xl/_rels/workbook.xml.rels", relations);
        let mut workbook = parts.open().unwrap();
        let seen = read(&mut *workbook, 0).unwrap();
        let wanted = [("A1", Held::Number(44197.0)), ("B1", text("one"))];
        assert_eq!(seen.shown(), wanted);
        let date = usize::from(seen.formats[0]);
        assert_ne!(workbook.formats()[date], NumberFormat::general());
    }
}

#[test]
fn the_id_of_a_sheet_may_lack_its_prefix_but_goes_after_one_that_has_it() {
    for id in ["id=\"rId1\"", "id=\"rId9\" r:id=\"rId1\""] {
        let workbook = format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"S\" sheetId=\"1\" {id}/></sheets></workbook>"
        );
        let parts = Parts::with_cells("<c><v>1</v></c>").part("xl/workbook.xml", &workbook);
        assert_eq!(parts.read().unwrap().cells.len(), 1, "{id}");
    }
}
