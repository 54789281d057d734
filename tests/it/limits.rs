//! Hostile workbooks: each is refused with exit code 4 by an error that names the part and the limit, can be read with
//! the option that raises it, and never costs the program more memory than the README says.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// What the README promises, in KiB as `ulimit` takes it: an allocation beyond it ends the program, and not with code 4.
const LIMITED: &str = "ulimit -d 1048576 && exec \"$@\"";
const TYPE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const MIB: usize = 1 << 20;

/// How a run ended.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    stderr: String,
}

/// The program within its memory.
fn limited(arguments: &[&str], file: &Path) -> Run {
    let program = sheetload();
    let mut command = Command::new("sh");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command
        .args(["-c", LIMITED, "sh"])
        .arg(program.get_program())
        .arg(arguments[0])
        .arg(file)
        .args(&arguments[1..])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Checks that a workbook is refused with these words, by both readers if both read it so.
fn assert_refused(file: &Path, options: &[&str], words: &[&str]) {
    let run = limited(&[&["inspect", "--quiet"], options].concat(), file);
    assert_eq!(run.code, Some(4), "{options:?} {}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    for word in words {
        assert!(run.stderr.contains(word), "{word:?} in {}", run.stderr);
    }
}

fn assert_read(file: &Path, options: &[&str]) {
    let run = limited(&[&["inspect", "--quiet"], options].concat(), file);
    assert_eq!(run.code, Some(0), "{options:?} {}", run.stderr);
}

const OWN: &[&str] = &[];
const CALAMINE: &[&str] = &["--reader", "calamine"];

/// A workbook in the making. Parts are written as they come, so that the test needs little memory itself.
struct Hostile {
    directory: tempfile::TempDir,
    path: PathBuf,
    zip: ZipWriter<BufWriter<File>>,
}

impl Hostile {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        let file = BufWriter::new(File::create(&path).unwrap());
        let zip = ZipWriter::new(file);
        Self {
            directory,
            path,
            zip,
        }
    }

    /// The lists of an xlsx with one sheet, whose part and shared strings are still to come.
    fn xlsx() -> Self {
        let mut hostile = Self::new("hostile.xlsx");
        let relationship = |id: &str, kind: &str, target: &str| {
            format!("<Relationship Id=\"{id}\" Type=\"{TYPE}/{kind}\" Target=\"{target}\"/>")
        };
        let relationships = |entries: &[String]| {
            let xmlns = "http://schemas.openxmlformats.org/package/2006/relationships";
            format!(
                "<Relationships xmlns=\"{xmlns}\">{}</Relationships>",
                entries.concat()
            )
        };
        let root = [relationship("rId1", "officeDocument", "xl/workbook.xml")];
        hostile.part("_rels/.rels", &relationships(&root));
        let of_workbook = [
            relationship("rId1", "worksheet", "worksheets/sheet1.xml"),
            relationship("rId2", "sharedStrings", "sharedStrings.xml"),
            relationship("rId3", "styles", "styles.xml"),
        ];
        hostile.part("xl/_rels/workbook.xml.rels", &relationships(&of_workbook));
        hostile.part(
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns:r=\"{TYPE}\"><sheets><sheet name=\"Data\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
            ),
        );
        hostile.part(
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>",
        );
        hostile
    }

    /// An ods with this table.
    fn ods(table: &str) -> (tempfile::TempDir, PathBuf) {
        let mut hostile = Self::new("hostile.ods");
        hostile.part("mimetype", "application/vnd.oasis.opendocument.spreadsheet");
        hostile.begin("content.xml");
        hostile.write(b"<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
            xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
            xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet>\
            <table:table table:name=\"Data\">");
        hostile.write(table.as_bytes());
        hostile
            .write(b"</table:table></office:spreadsheet></office:body></office:document-content>");
        hostile.finish()
    }

    fn begin(&mut self, name: &str) {
        let options = SimpleFileOptions::default().large_file(true);
        self.zip.start_file(name, options).unwrap();
    }

    fn write(&mut self, bytes: &[u8]) {
        self.zip.write_all(bytes).unwrap();
    }

    fn part(&mut self, name: &str, content: &str) {
        self.begin(name);
        self.write(content.as_bytes());
    }

    /// A sheet with a title, a row, and this in front of them.
    fn sheet(&mut self, in_front: &str) {
        self.part("xl/worksheets/sheet1.xml", &sheet(in_front));
    }

    fn strings(&mut self, start: &str, texts: &[&str]) {
        let texts = texts.iter();
        let texts: String = texts
            .map(|text| format!("<si><t>{text}</t></si>"))
            .collect();
        let root = "sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
        self.part(
            "xl/sharedStrings.xml",
            &format!("<{root}{start}>{texts}</sst>"),
        );
    }

    fn finish(self) -> (tempfile::TempDir, PathBuf) {
        self.zip.finish().unwrap().flush().unwrap();
        (self.directory, self.path)
    }
}

fn sheet(in_front: &str) -> String {
    format!(
        "<worksheet>{in_front}<sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>\
         <row r=\"2\"><c r=\"A2\" t=\"s\"><v>1</v></c></row></sheetData></worksheet>"
    )
}

#[test]
fn a_part_that_blows_up_is_refused() {
    // 80 MiB of blanks in 80 KiB.
    let blanks = vec![b' '; 80 * MIB];
    for part in [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/styles.xml",
    ] {
        let mut hostile = Hostile::xlsx();
        hostile.begin(part);
        hostile.write(if part.contains("sheet1") {
            b"<worksheet>"
        } else if part.contains("styles") {
            b"<styleSheet>"
        } else {
            b"<sst>"
        });
        hostile.write(&blanks);
        let plain = sheet("");
        hostile.write(match part {
            "xl/worksheets/sheet1.xml" => &plain.as_bytes()["<worksheet>".len()..],
            "xl/styles.xml" => b"</styleSheet>",
            _ => b"<si><t>title</t></si><si><t>text</t></si></sst>",
        });
        if part != "xl/worksheets/sheet1.xml" {
            hostile.sheet("");
        }
        if part != "xl/sharedStrings.xml" {
            hostile.strings("", &["title", "text"]);
        }
        let (_directory, file) = hostile.finish();
        let words = [part, "200 times its compressed size", "--max-ratio"];
        assert_refused(&file, OWN, &words);
        assert_refused(&file, CALAMINE, &words);
        let string = ["--max-string", "128MiB"];
        assert_read(&file, &[&["--max-ratio", "2000"][..], &string].concat());
        assert_read(
            &file,
            &[&["--max-ratio-floor", "100MiB"][..], &string].concat(),
        );
    }
}

#[test]
fn more_bytes_than_allowed_are_refused_by_part_and_in_all() {
    let mut hostile = Hostile::xlsx();
    hostile.sheet("");
    hostile.strings("", &["title", &"x".repeat(100_000)]);
    let (_directory, file) = hostile.finish();
    let strings = "its part xl/sharedStrings.xml";
    assert_refused(
        &file,
        &["--max-part-size", "64KiB"],
        &[strings, "64 KiB", "--max-part-size"],
    );
    assert_refused(
        &file,
        &["--max-total-size", "80KiB"],
        &[strings, "80 KiB", "--max-total-size"],
    );
    assert_refused(
        &file,
        &["--max-list-size", "64"],
        &["_rels/.rels", "64 bytes", "--max-list-size"],
    );
    assert_read(&file, OWN);
}

#[test]
fn a_million_parts_are_refused_before_they_are_listed() {
    let mut hostile = Hostile::xlsx();
    hostile.sheet("");
    hostile.strings("", &["title", "text"]);
    let (_directory, file) = hostile.finish();
    let whole = std::fs::read(&file).unwrap();
    // The end record says so, with 64 bits.
    let end = whole.len() - 22;
    let (rest, end_record) = whole.split_at(end);
    let directory_at = u64::from(u32::from_le_bytes(end_record[16..20].try_into().unwrap()));
    let mut bytes = rest.to_vec();
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(20_000_000_u64.to_le_bytes());
    bytes.extend(20_000_000_u64.to_le_bytes());
    bytes.extend((end as u64 - directory_at).to_le_bytes());
    bytes.extend(directory_at.to_le_bytes());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend((end as u64).to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(&end_record[..8]);
    bytes.extend([0xFF; 4]);
    bytes.extend(&end_record[12..]);
    std::fs::write(&file, bytes).unwrap();
    let words = ["hostile.xlsx has more than 65,536 parts", "--max-parts"];
    assert_refused(&file, OWN, &words);
    assert_refused(&file, CALAMINE, &words);
    // And some that are there.
    std::fs::write(&file, whole).unwrap();
    assert_refused(&file, &["--max-parts", "5"], &["5 parts", "--max-parts"]);
    assert_read(&file, &["--max-parts", "6"]);
}

#[test]
fn deep_and_wide_elements_are_refused() {
    let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
    let attributes: String = (0..100_000).fold(String::new(), |mut all, n| {
        let _ = write!(all, " a{n}=\"\"");
        all
    });
    let wide = format!("<a{attributes}/>");
    for (in_front, words, raised) in [
        (
            &deep,
            ["more than 256 deep", "--max-xml-depth"],
            ["--max-xml-depth", "301"],
        ),
        (
            &wide,
            ["1,024 attributes", "--max-xml-attributes"],
            ["--max-xml-attributes", "100000"],
        ),
    ] {
        let mut hostile = Hostile::xlsx();
        hostile.sheet(in_front);
        hostile.strings("", &["title", "text"]);
        let (_directory, file) = hostile.finish();
        let words = ["xl/worksheets/sheet1.xml", words[0], words[1]];
        assert_refused(&file, OWN, &words);
        assert_refused(&file, CALAMINE, &words);
        assert_read(&file, &raised);
        let (_directory, file) = Hostile::ods(&format!("{in_front}{}", ods_row("text")));
        let words = ["content.xml", words[1], words[2]];
        assert_refused(&file, OWN, &words);
        assert_refused(&file, CALAMINE, &words);
        let raised_for_ods = [
            raised[0],
            if raised[1] == "301" { "304" } else { raised[1] },
        ];
        assert_read(&file, &raised_for_ods);
    }
}

#[test]
fn elements_nested_without_end_take_no_memory() {
    let mut hostile = Hostile::xlsx();
    hostile.begin("xl/worksheets/sheet1.xml");
    hostile.write(b"<worksheet><sheetData><x>");
    // They would be passed over; each would leave its name behind.
    let open = "<element>".repeat(MIB / 9);
    for _ in 0..60 {
        hostile.write(open.as_bytes());
    }
    hostile.strings("", &["title", "text"]);
    let (_directory, file) = hostile.finish();
    assert_refused(&file, OWN, &["xl/worksheets/sheet1.xml", "256 deep"]);
    assert_refused(&file, CALAMINE, &["xl/worksheets/sheet1.xml", "256 deep"]);
}

fn ods_row(text: &str) -> String {
    format!(
        "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>{text}</text:p></table:table-cell></table:table-row>"
    )
}

#[test]
fn a_number_of_strings_that_is_a_lie_reserves_no_memory() {
    for count in ["3000000000", "18446744073709551615"] {
        let mut hostile = Hostile::xlsx();
        hostile.sheet("");
        hostile.strings(
            &format!(" count=\"2\" uniqueCount=\"{count}\""),
            &["title", "text"],
        );
        let (_directory, file) = hostile.finish();
        // sheetload does not believe it, and needs it for nothing.
        assert_read(&file, OWN);
        let words = ["xl/sharedStrings.xml", count, "shared strings in"];
        assert_refused(&file, CALAMINE, &words);
    }
    let mut hostile = Hostile::xlsx();
    hostile.sheet("");
    hostile.strings("", &["title", "text", "more"]);
    let (_directory, file) = hostile.finish();
    let options = ["--max-shared-strings", "2"];
    let words = [
        "xl/sharedStrings.xml",
        "2 shared strings",
        "--max-shared-strings",
    ];
    assert_refused(&file, &options, &words);
    let options = ["--max-shared-text", "12"];
    let words = [
        "xl/sharedStrings.xml",
        "12 bytes of shared strings",
        "--max-shared-text",
    ];
    assert_refused(&file, &options, &words);
}

#[test]
fn many_short_strings_are_counted() {
    // 70 million empty ones: no byte of text, but a place each.
    let mut hostile = Hostile::xlsx();
    hostile.begin("xl/sharedStrings.xml");
    hostile.write(b"<sst>");
    let some = "<si/>".repeat(1_000_000);
    for _ in 0..12 {
        hostile.write(some.as_bytes());
    }
    hostile.write(b"</sst>");
    hostile.sheet("");
    let (_directory, file) = hostile.finish();
    let words = ["xl/sharedStrings.xml", "10,000,000 shared strings"];
    let raised = ["--max-ratio", "2000", "--max-shared-strings", "10000000"];
    assert_refused(&file, &raised, &words);
    // calamine needs more for each.
    let raised = ["--max-ratio", "2000", "--reader", "calamine"];
    assert_refused(
        &file,
        &raised,
        &["xl/sharedStrings.xml", "8,388,608 shared strings"],
    );
}

#[test]
fn a_dimension_of_all_cells_costs_nothing() {
    let mut hostile = Hostile::xlsx();
    hostile.sheet("<dimension ref=\"A1:XFD1048576\"/>");
    hostile.strings("", &["title", "text"]);
    let (_directory, file) = hostile.finish();
    assert_read(&file, OWN);
    // calamine wants more of a workbook than this one has; it is to survive it.
    let run = limited(&["inspect", "--quiet", "--reader", "calamine"], &file);
    assert!(matches!(run.code, Some(0 | 4)), "{}", run.stderr);
}

#[test]
fn a_huge_text_is_refused() {
    let huge = "0123456789abcdef".repeat(17 << 16);
    let mut hostile = Hostile::xlsx();
    hostile.sheet("");
    hostile.strings("", &["title", &huge]);
    let (_directory, file) = hostile.finish();
    let words = ["xl/sharedStrings.xml", "16 MiB", "--max-string"];
    assert_refused(&file, OWN, &words);
    assert_read(&file, &["--max-string", "17MiB", "--max-ratio", "1000"]);
    let inline = sheet("").replace(
        "<c r=\"A2\" t=\"s\"><v>1</v></c>",
        &format!("<c r=\"A2\" t=\"inlineStr\"><is><t>{huge}</t></is></c>"),
    );
    let mut hostile = Hostile::xlsx();
    hostile.part("xl/worksheets/sheet1.xml", &inline);
    hostile.strings("", &["title"]);
    let (_directory, file) = hostile.finish();
    let words = ["xl/worksheets/sheet1.xml", "16 MiB", "--max-string"];
    assert_refused(&file, OWN, &words);
    let (_directory, file) = Hostile::ods(&[ods_row("title"), ods_row(&huge)].concat());
    let words = ["content.xml", "16 MiB", "--max-string"];
    assert_refused(&file, OWN, &words);
    assert_read(&file, &["--max-string", "17MiB"]);
}

#[test]
fn a_row_of_large_texts_is_refused() {
    let text = "x".repeat(1_000_000);
    let cells: String = (0..40).map(|_| "<c t=\"s\"><v>1</v></c>").collect();
    let rows = format!(
        "<worksheet><sheetData><row><c t=\"s\"><v>0</v></c></row><row>{cells}</row></sheetData></worksheet>"
    );
    let mut hostile = Hostile::xlsx();
    hostile.part("xl/worksheets/sheet1.xml", &rows);
    hostile.strings("", &["title", &text]);
    let (_directory, file) = hostile.finish();
    assert_read(&file, &["--range", "A:A"]);
    let words = ["its sheet \"Data\"", "32 MiB of text", "--max-row-text"];
    assert_refused(&file, &["--header-row", "2"], &words);
    // The same cell again and again is no way round it.
    let cells = "<c r=\"A2\" t=\"s\"><v>1</v></c>".repeat(100);
    let rows = rows.replace(&"<c t=\"s\"><v>1</v></c>".repeat(40), &cells);
    let mut hostile = Hostile::xlsx();
    hostile.part("xl/worksheets/sheet1.xml", &rows);
    hostile.strings("", &["title", &text]);
    let (_directory, file) = hostile.finish();
    assert_refused(&file, OWN, &words);
    assert_read(&file, &["--max-row-text", "128MiB"]);
}

#[test]
fn cells_are_counted_also_where_one_stands_for_many() {
    let rows: String = (0..100).map(|_| "<row><c><v>1</v></c></row>").collect();
    let mut hostile = Hostile::xlsx();
    hostile.part(
        "xl/worksheets/sheet1.xml",
        &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
    );
    let (_directory, file) = hostile.finish();
    let words = ["its sheet \"Data\"", "99 cells", "--max-cells"];
    assert_refused(&file, &["--max-cells", "99"], &words);
    assert_read(&file, &["--max-cells", "100"]);
    let cell = "<table:table-cell office:value-type=\"float\" office:value=\"1\" table:number-columns-repeated=\"1000\"/>";
    let row =
        format!("<table:table-row table:number-rows-repeated=\"1000000\">{cell}</table:table-row>");
    let (_directory, file) = Hostile::ods(&row);
    let words = [
        "content.xml repeats filled cells",
        "4 GiB",
        "--max-repeated-size",
    ];
    assert_refused(&file, OWN, &words);
    let ratio = ["--max-repeated-size", "1TiB"];
    assert_refused(&file, &ratio, &["content.xml", "200 times", "--max-ratio"]);
    let raised = [
        "--max-repeated-size",
        "1TiB",
        "--max-ratio-floor",
        "1TiB",
        "--max-cells",
        "100000",
    ];
    assert_refused(&file, &raised, &["100,000 cells", "--max-cells"]);
    assert_refused(&file, CALAMINE, &["16,777,216 cells", "--max-grid-cells"]);
}

#[test]
fn a_few_bytes_do_not_stand_for_millions_of_cells() {
    let row = |rows: u32| {
        format!(
            "<table:table-row table:number-rows-repeated=\"{rows}\"><table:table-cell office:value-type=\"float\" \
             office:value=\"1\" table:number-columns-repeated=\"16384\"/></table:table-row>"
        )
    };
    let words = ["content.xml", "200 times", "--max-ratio"];
    let (_directory, file) = Hostile::ods(&row(700));
    assert_refused(&file, OWN, &words);
    // In as many sheets as well as in one.
    let sheets = vec![row(20); 35].join("</table:table><table:table>");
    let (_directory, file) = Hostile::ods(&sheets);
    assert_refused(&file, OWN, &words);
    // A column of a whole sheet is nothing unusual.
    let column = row(1_048_576).replace("16384", "1");
    let (_directory, file) = Hostile::ods(&column);
    assert_read(&file, &["--header-row", "none"]);
}

#[test]
fn sheets_without_end_of_one_part_are_one_sheet() {
    let sheets: String = (0..20_000)
        .map(|n| format!("<sheet name=\"S{n}\" sheetId=\"{}\" r:id=\"rId1\"/>", n + 1))
        .collect();
    let cells: String = (0..16_384).map(|_| "<c><v>1</v></c>").collect();
    let mut hostile = Hostile::new("hostile.xlsx");
    let xmlns = "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"";
    let one = |kind: &str, target: &str| {
        format!(
            "<Relationships {xmlns}><Relationship Id=\"rId1\" Type=\"{TYPE}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    hostile.part("_rels/.rels", &one("officeDocument", "xl/workbook.xml"));
    hostile.part(
        "xl/_rels/workbook.xml.rels",
        &one("worksheet", "worksheets/sheet1.xml"),
    );
    hostile.part(
        "xl/workbook.xml",
        &format!("<workbook xmlns:r=\"{TYPE}\"><sheets>{sheets}</sheets></workbook>"),
    );
    hostile.part(
        "xl/worksheets/sheet1.xml",
        &format!("<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>"),
    );
    let (_directory, file) = hostile.finish();
    assert_read(&file, OWN);
    let words = ["\"S1\" has no part of its own", "--sheet"];
    assert_refused(&file, &["--sheet", "S1"], &words);
}

#[test]
fn document_types_and_entities_are_refused() {
    let laughs: String = (1..10).fold("<!ENTITY a0 \"ha\">".to_owned(), |mut all, n| {
        let one = format!("&a{};", n - 1);
        let _ = write!(all, "<!ENTITY a{n} \"{}\">", one.repeat(10));
        all
    });
    for declared in [
        format!("<!DOCTYPE worksheet [{laughs}]>"),
        "<!DOCTYPE worksheet SYSTEM \"file:///etc/passwd\">".to_owned(),
        "<!DOCTYPE worksheet [<!ENTITY a9 SYSTEM \"file:///etc/passwd\">]>".to_owned(),
    ] {
        let mut hostile = Hostile::xlsx();
        let inline = sheet("").replace("t=\"s\"><v>1</v>", "t=\"str\"><v>&a9;</v>");
        hostile.part("xl/worksheets/sheet1.xml", &format!("{declared}{inline}"));
        hostile.strings("", &["title"]);
        let (_directory, file) = hostile.finish();
        assert_refused(
            &file,
            OWN,
            &["xl/worksheets/sheet1.xml has a document type"],
        );
        let run = limited(&["inspect", "--quiet", "--reader", "calamine"], &file);
        assert_eq!(run.code, Some(4), "{}", run.stderr);
        assert!(!run.stderr.contains("root:"), "{}", run.stderr);
    }
    // Without a declaration, too.
    let (_directory, file) = Hostile::ods(&ods_row("&a9;"));
    assert_refused(&file, OWN, &["unknown"]);
}

#[test]
fn a_part_outside_of_the_file_is_not_looked_for() {
    let mut hostile = Hostile::new("hostile.xlsx");
    let xmlns = "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"";
    hostile.part("_rels/.rels", &format!(
        "<Relationships {xmlns}><Relationship Id=\"a\" Type=\"{TYPE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    ));
    hostile.part("xl/_rels/workbook.xml.rels", &format!(
        "<Relationships {xmlns}><Relationship Id=\"a\" Type=\"{TYPE}/worksheet\" TargetMode=\"External\" \
         Target=\"file:///etc/passwd\"/></Relationships>"
    ));
    hostile.part(
        "xl/workbook.xml",
        &format!("<workbook xmlns:r=\"{TYPE}\"><sheets><sheet name=\"Data\" r:id=\"a\"/></sheets></workbook>"),
    );
    let (_directory, file) = hostile.finish();
    assert_refused(&file, OWN, &["its sheet \"Data\" has no part"]);
}

/// Records of a BIFF8 workbook with one sheet that holds these.
fn xls(globals: &[u8], cells: &[u8]) -> Vec<u8> {
    let record = |kind: u16, body: &[u8]| {
        let len = u16::try_from(body.len()).unwrap();
        [&kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
    };
    let bof = |holds: u16| {
        let mut body = [0x0600_u16.to_le_bytes(), holds.to_le_bytes()].concat();
        body.resize(16, 0);
        record(0x0809, &body)
    };
    let bound = |start: usize| {
        let start = u32::try_from(start).unwrap().to_le_bytes();
        record(0x0085, &[&start[..], &[0, 0, 4, 0], b"Data"].concat())
    };
    let start = bof(5).len() + bound(0).len() + globals.len() + 4;
    let list = [bof(5), bound(start), globals.to_vec(), record(0x000A, &[])].concat();
    [list, bof(0x10), cells.to_vec(), record(0x000A, &[])].concat()
}

#[test]
fn an_xls_is_held_to_its_size_and_its_strings() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hostile.xls");
    let number = |row: u16, column: u16| {
        let mut body = [row.to_le_bytes(), column.to_le_bytes()].concat();
        body.resize(14, 0);
        [&[0x03, 0x02, 14, 0], &body[..]].concat()
    };
    // Three strings, and a claim of billions.
    let mut table = [
        [0xFF_u8; 8].as_slice(),
        &[1, 0, 0, b'a', 1, 0, 0, b'b', 1, 0, 0, b'c'],
    ]
    .concat();
    let mut strings = vec![0xFC, 0, u8::try_from(table.len()).unwrap(), 0];
    strings.append(&mut table);
    let bytes = xls(&strings, &[number(0, 0), number(1, 0)].concat());
    std::fs::write(&file, &bytes).unwrap();
    assert_read(&file, OWN);
    assert_read(
        &file,
        &["--max-shared-strings", "3", "--max-shared-text", "3"],
    );
    for (option, words) in [
        ("--max-shared-strings", "2 shared strings"),
        ("--max-shared-text", "2 bytes of shared strings"),
    ] {
        assert_refused(&file, &[option, "2"], &["hostile.xls", words, option]);
    }
    let size = bytes.len().to_string();
    assert_read(&file, &["--max-whole-file", &size]);
    let below = (bytes.len() - 1).to_string();
    assert_refused(
        &file,
        &["--max-whole-file", &below],
        &["hostile.xls", "--max-whole-file"],
    );
    // A file that is not there but for its size.
    let sparse = File::options().write(true).open(&file).unwrap();
    sparse.set_len(3 << 30).unwrap();
    assert_refused(&file, OWN, &["256 MiB", "--max-whole-file"]);
}

#[test]
fn an_xlsb_is_held_to_its_bytes() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/stock.xlsb");
    let mut archive = zip::ZipArchive::new(Cursor::new(std::fs::read(source).unwrap())).unwrap();
    let mut hostile = Hostile::new("hostile.xlsb");
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        hostile.begin(&name);
        std::io::copy(&mut part, &mut hostile.zip).unwrap();
        if name.ends_with("sharedStrings.bin") {
            // Records without a meaning.
            let some = [0xFF, 0x7F, 0xFF, 0x7F].into_iter().chain([0; 0x3FFF]);
            let some: Vec<u8> = some.collect();
            for _ in 0..80 * MIB / some.len() {
                hostile.write(&some);
            }
        }
    }
    let (_directory, file) = hostile.finish();
    let words = [
        "xl/sharedStrings.bin",
        "200 times its compressed size",
        "--max-ratio",
    ];
    assert_refused(&file, OWN, &words);
    assert_refused(&file, CALAMINE, &words);
    assert_read(&file, &["--max-ratio", "2000"]);
    let words = [
        "xl/sharedStrings.bin",
        "1 shared strings",
        "--max-shared-strings",
    ];
    assert_refused(&file, &["--max-shared-strings", "1"], &words);
}

#[test]
fn more_columns_than_a_table_has_are_refused_before_the_table_is_made() {
    let mut titles = String::new();
    for column in 0..2_000 {
        let _ = write!(titles, "<c t=\"str\"><v>c{column}</v></c>");
    }
    let rows = format!("<row>{titles}</row><row><c><v>1</v></c></row>");
    let mut hostile = Hostile::xlsx();
    hostile.part(
        "xl/worksheets/sheet1.xml",
        &format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
    );
    let (_directory, file) = hostile.finish();
    let database = TestDatabase::create();
    let import = |options: &[&str]| {
        let url = database.url();
        let arguments = [
            "import",
            "--quiet",
            "--table",
            "wide",
            "--database-url",
            &url,
        ];
        limited(&[&arguments, options].concat(), &file)
    };
    let run = import(&[]);
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    for word in ["its sheet \"Data\"", "1,600 columns", "--max-columns"] {
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    // PostgreSQL itself has no more.
    let run = import(&["--max-columns", "2000"]);
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(
        run.stderr.contains("a table at most 1600"),
        "{}",
        run.stderr
    );
    let run = import(&["--range", "A:BH"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // They can be looked at.
    assert_read(&file, OWN);
}
