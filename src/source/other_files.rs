//! What a file is that is no workbook, by its first bytes: programs give the names of workbooks to all kinds of files.

use std::io::Read;

/// How much of a file is looked at.
const LOOKED_AT_BYTES: u64 = 16 << 10;

/// Something that is no workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherFile {
    /// What it is, such as `is a web page`.
    pub(super) what: &'static str,
    /// What to do with it.
    pub(super) advice: &'static str,
}

const CONVERT: &str = "Open it in a spreadsheet program and save it as .xlsx";
const CONVERT_TEXT: &str =
    "Open it in a spreadsheet program and save it as .xlsx, or load it with psql's \\copy";
const CONVERT_FLAT: &str = "Open it in LibreOffice and save it as .ods";
const UNPACK: &str = "Unpack it and name the workbook in it";
const EXPORT: &str = "Ask for the data as a workbook, or export it from its program as .xlsx";
/// The formats in words.
pub(super) const KNOWN_FORMATS: &str = "Name a workbook: xlsx, xlsm, xlsb, xls or ods";

/// Files with a signature at their start, and what to do with them.
const SIGNATURES: [(&[u8], &str, &str); 20] = [
    (b"%PDF", "is a PDF document, not a workbook", EXPORT),
    (
        b"{\\rtf",
        "is a text document (RTF), not a workbook",
        EXPORT,
    ),
    (b"PK\x05\x06", "is an empty zip file", KNOWN_FORMATS),
    (b"\x1F\x8B", "is a gzip file, not a workbook", UNPACK),
    (b"BZh91AY&SY", "is a bzip2 file, not a workbook", UNPACK),
    (b"\xFD7zXZ", "is an xz file, not a workbook", UNPACK),
    (
        b"\x28\xB5\x2F\xFD",
        "is a zstd file, not a workbook",
        UNPACK,
    ),
    (
        b"7z\xBC\xAF\x27\x1C",
        "is a 7-Zip file, not a workbook",
        UNPACK,
    ),
    (b"Rar!\x1A\x07", "is a RAR file, not a workbook", UNPACK),
    (b"\x89PNG", "is a picture, not a workbook", EXPORT),
    (b"\xFF\xD8\xFF", "is a picture, not a workbook", EXPORT),
    (b"GIF8", "is a picture, not a workbook", EXPORT),
    (
        b"SQLite format 3\0",
        "is an SQLite database, not a workbook",
        EXPORT,
    ),
    (b"PAR1\x15", "is a Parquet file, not a workbook", EXPORT),
    (
        b"\0\0\x02\0",
        "is a Lotus 1-2-3 sheet, not a workbook of Excel",
        CONVERT,
    ),
    (
        b"\0\0\x1A\0",
        "is a Lotus 1-2-3 sheet, not a workbook of Excel",
        CONVERT,
    ),
    (b"ID;PWXL", "is a SYLK file, not a workbook", CONVERT),
    (b"ID;PSCALC", "is a SYLK file, not a workbook", CONVERT),
    (b"TABLE\r\n0,1", "is a DIF file, not a workbook", CONVERT),
    (b"TABLE\n0,1", "is a DIF file, not a workbook", CONVERT),
];

/// Text with tags, in lower case, that spreadsheet programs open, too.
const MARKUP: [(&str, &str, &str); 8] = [
    (
        "urn:oasis:names:tc:opendocument",
        "is a flat OpenDocument file, not a package",
        CONVERT_FLAT,
    ),
    (
        "<ss:workbook",
        "is an XML Spreadsheet 2003, not a workbook",
        CONVERT,
    ),
    (
        "<workbook",
        "is an XML Spreadsheet 2003, not a workbook",
        CONVERT,
    ),
    ("<html", "is a web page, not a workbook", CONVERT),
    ("<!doctype html", "is a web page, not a workbook", CONVERT),
    ("<table", "is a web page, not a workbook", CONVERT),
    ("<meta", "is a web page, not a workbook", CONVERT),
    ("<?xml", "is an XML document, not a workbook", EXPORT),
];

/// Looks at a file from its start.
pub(super) fn look(bytes: impl Read) -> OtherFile {
    let mut start = Vec::new();
    // What cannot be read is not looked at.
    let _read = bytes.take(LOOKED_AT_BYTES).read_to_end(&mut start);
    of_start(&start)
}

fn of_start(start: &[u8]) -> OtherFile {
    let mut signatures = SIGNATURES.iter();
    if let Some((_, what, advice)) = signatures.find(|(sign, ..)| start.starts_with(sign)) {
        return OtherFile { what, advice };
    }
    let (text, coding) = decoded(start);
    let lower = text.trim_start().to_lowercase();
    if lower.starts_with('<') {
        let mut markup = MARKUP.iter();
        if let Some((_, what, advice)) = markup.find(|(sign, ..)| lower.contains(sign)) {
            return OtherFile { what, advice };
        }
    }
    if lower.starts_with("mime-version:") || lower.starts_with("from: <saved by") {
        return OtherFile {
            what: "is a web archive (MHTML), not a workbook",
            advice: CONVERT,
        };
    }
    match text_kind(&text) {
        Some(kind) => of_text(kind, coding),
        None => OtherFile {
            what: "is not a workbook, whatever its name says: its first bytes are of no format that is read",
            advice: KNOWN_FORMATS,
        },
    }
}

/// How characters are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Bytes,
    Utf16,
}

/// The bytes as text. Of a code page, ASCII is enough to tell what it is.
fn decoded(start: &[u8]) -> (String, Coding) {
    let zeros = |first: usize| {
        let bytes = start.iter().skip(first).step_by(2).take(64);
        bytes.clone().count() > 1
            && bytes.clone().filter(|byte| **byte == 0).count() * 2 > bytes.count()
    };
    let wide = match start {
        [0xFF, 0xFE, rest @ ..] => Some((encoding_rs::UTF_16LE, rest)),
        [0xFE, 0xFF, rest @ ..] => Some((encoding_rs::UTF_16BE, rest)),
        _ if zeros(1) && !zeros(0) => Some((encoding_rs::UTF_16LE, start)),
        _ if zeros(0) && !zeros(1) => Some((encoding_rs::UTF_16BE, start)),
        _ => None,
    };
    match wide {
        Some((encoding, rest)) => {
            let (text, _malformed) = encoding.decode_without_bom_handling(rest);
            (text.into_owned(), Coding::Utf16)
        }
        None => {
            let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
            (
                start.iter().map(|byte| char::from(*byte)).collect(),
                Coding::Bytes,
            )
        }
    }
}

/// Kinds of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextKind {
    Tabs,
    Semicolons,
    Commas,
    Json,
    Plain,
}

/// What a text is, by what is in its first lines; `None` for what is none.
fn text_kind(text: &str) -> Option<TextKind> {
    const LINES: usize = 20;
    let is_of_text = |c: char| !c.is_ascii_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    if text.trim().is_empty()
        || !text
            .trim_end_matches(['\u{1a}', '\0'])
            .chars()
            .all(is_of_text)
    {
        return None;
    }
    if text.trim_start().starts_with(['{', '[']) {
        return Some(TextKind::Json);
    }
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(LINES)
        .collect();
    let separated = |by: char| {
        let with = lines.iter().filter(|line| line.contains(by)).count();
        with * 2 > lines.len()
    };
    Some(match () {
        () if separated('\t') => TextKind::Tabs,
        () if separated(';') => TextKind::Semicolons,
        () if separated(',') => TextKind::Commas,
        () => TextKind::Plain,
    })
}

fn of_text(kind: TextKind, coding: Coding) -> OtherFile {
    let what = match (kind, coding) {
        (TextKind::Tabs, Coding::Bytes) => "is tab-separated text, not a workbook",
        (TextKind::Tabs, Coding::Utf16) => "is tab-separated text in UTF-16, not a workbook",
        (TextKind::Commas, Coding::Bytes) => "is comma-separated text (CSV), not a workbook",
        (TextKind::Commas, Coding::Utf16) => {
            "is comma-separated text (CSV) in UTF-16, not a workbook"
        }
        (TextKind::Semicolons, Coding::Bytes) => {
            "is semicolon-separated text (CSV), not a workbook"
        }
        (TextKind::Semicolons, Coding::Utf16) => {
            "is semicolon-separated text (CSV) in UTF-16, not a workbook"
        }
        (TextKind::Json, _) => "is a JSON text, not a workbook",
        (TextKind::Plain, Coding::Bytes) => "is plain text, not a workbook",
        (TextKind::Plain, Coding::Utf16) => "is plain text in UTF-16, not a workbook",
    };
    let advice = match kind {
        TextKind::Json => EXPORT,
        _ => CONVERT_TEXT,
    };
    OtherFile { what, advice }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn files_are_told_by_what_they_hold() {
        for (bytes, wanted) in [
            (b"Country\tSubject\t2019\nAlbania\tGDP\t3.7\n".to_vec(), "tab-separated text,"),
            (b"\xEF\xBB\xBFa\tb\n".to_vec(), "tab-separated text,"),
            (b"\xB3\xC9\xBD\xBB\t\xB3\xC9\n15:00\t8.10\n".to_vec(), "tab-separated text,"),
            ([b"\xFF\xFE".to_vec(), utf16("a\tb\n1\t2\n")].concat(), "tab-separated text in UTF-16"),
            (utf16("a\tb\n1\t2\n"), "tab-separated text in UTF-16"),
            (b"id,name\n1,a\n".to_vec(), "comma-separated text (CSV),"),
            (b"ID;Product\n1,5;a\n".to_vec(), "semicolon-separated"),
            (b"just a note\nof two lines".to_vec(), "plain text,"),
            (b"[{\"a\": 1}]".to_vec(), "JSON"),
            (b"%PDF-1.7\n%\xE2".to_vec(), "PDF"),
            (b"\n<table><tr><td>1".to_vec(), "web page"),
            ([b"\xFF\xFE".to_vec(), utf16("<html><body>")].concat(), "web page"),
            (b"<?xml version=\"1.0\"?><rss/>".to_vec(), "XML document"),
            (b"<?xml version=\"1.0\"?>\n<Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">".to_vec(), "XML Spreadsheet 2003"),
            (b"MIME-Version: 1.0\r\nX-Document-Type: Workbook\r\n".to_vec(), "MHTML"),
            (b"ID;PWXL;N;E\r\n".to_vec(), "SYLK"),
            (b"\x1F\x8B\x08\0".to_vec(), "gzip"),
            (b"\0\x01\x02\x03\x04\x05\x06\x07\x08".to_vec(), "first bytes"),
            (b"PK".to_vec(), "plain text"),
            (b"\n \n".to_vec(), "first bytes"),
        ] {
            let told = of_start(&bytes).what;
            assert!(told.contains(wanted), "{bytes:?}: {told}");
        }
    }
}
