//! Workbooks whose cells a test writes itself: digits, types and texts as other programs write them.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// A cell of an xlsx that holds a text.
pub(crate) fn text(text: &str) -> String {
    format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

/// A cell of an xlsx that holds a number in these digits. Style 0 is General, others are the codes' places from 1.
pub(crate) fn number(digits: &str, style: usize) -> String {
    format!("<c s=\"{style}\"><v>{digits}</v></c>")
}

/// A cell of an xlsx that holds ISO 8601.
pub(crate) fn iso(text: &str) -> String {
    format!("<c t=\"d\"><v>{text}</v></c>")
}

/// Writes an xlsx of one sheet with these number formats; each row is its cells.
pub(crate) fn xlsx(directory: &Path, name: &str, codes: &[&str], rows: &[Vec<String>]) -> PathBuf {
    let rows: String = rows
        .iter()
        .map(|cells| format!("<row>{}</row>", cells.concat()))
        .collect();
    let formats: String = (200..)
        .zip(codes)
        .map(|(id, code)| format!("<numFmt numFmtId=\"{id}\" formatCode=\"{code}\"/>"))
        .collect();
    let styles: String = (200..)
        .zip(codes)
        .map(|(id, _)| format!("<xf numFmtId=\"{id}\" applyNumberFormat=\"1\"/>"))
        .collect();
    let count = codes.len();
    let relations =
        |relations: &str| format!("<Relationships xmlns=\"{PACKAGE}\">{relations}</Relationships>");
    let to = |id: &str, kind: &str, target: &str| {
        format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" \
             ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" \
             ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/></Types>"
                .to_owned(),
        ),
        ("_rels/.rels", relations(&to("r1", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/_rels/workbook.xml.rels",
            relations(&[to("r1", "worksheet", "worksheets/sheet1.xml"), to("r2", "styles", "styles.xml")].concat()),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/>\
                 </sheets></workbook>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"{count}\">{formats}</numFmts>\
                 <cellXfs><xf numFmtId=\"0\"/>{styles}</cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ];
    write(directory.join(name), &parts)
}

/// A cell of an ods with these attributes.
pub(crate) fn ods_cell(attributes: &str, text: &str) -> String {
    format!("<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>")
}

/// Writes an ods of one sheet; each row is its cells.
pub(crate) fn ods(directory: &Path, name: &str, rows: &[Vec<String>]) -> PathBuf {
    let names = "urn:oasis:names:tc:opendocument:xmlns";
    let rows: String = rows
        .iter()
        .map(|cells| format!("<table:table-row>{}</table:table-row>", cells.concat()))
        .collect();
    let content = format!(
        "<office:document-content xmlns:office=\"{names}:office:1.0\" xmlns:table=\"{names}:table:1.0\" \
         xmlns:text=\"{names}:text:1.0\" office:version=\"1.3\"><office:body><office:spreadsheet>\
         <table:table table:name=\"S\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    let manifest = format!(
        "<manifest:manifest xmlns:manifest=\"{names}:manifest:1.0\"><manifest:file-entry manifest:full-path=\"/\" \
         manifest:media-type=\"application/vnd.oasis.opendocument.spreadsheet\"/></manifest:manifest>"
    );
    let parts = [
        (
            "mimetype",
            "application/vnd.oasis.opendocument.spreadsheet".to_owned(),
        ),
        ("content.xml", content),
        ("META-INF/manifest.xml", manifest),
    ];
    write(directory.join(name), &parts)
}

fn write(path: PathBuf, parts: &[(&str, String)]) -> PathBuf {
    let mut archive = ZipWriter::new(File::create(&path).unwrap());
    for (name, content) in parts {
        archive
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    path
}
