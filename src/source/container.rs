//! What kind of file the bytes are, whatever the name says.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::directory::{self, Archive, Fault};
use super::other_files::{self, KNOWN_FORMATS};
use super::workbook::over_limit;
use crate::error::{Error, ErrorKind, Result};
use crate::model::inspection::WorkbookFormat;
use crate::model::limits::{Limit, Limits};

/// The format of a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// Office Open XML with XML parts: xlsx, xlsm.
    Xlsx,
    /// Office Open XML with binary parts: xlsb.
    Xlsb,
    /// A compound file: xls, or an encrypted Office Open XML package ([MS-CFB] 2.2).
    CompoundFile,
    /// Records of Excel 2 to 4, or later ones that no compound file is around of: xls ([MS-XLS] 2.1.4).
    Biff,
    /// OpenDocument.
    Ods,
}

impl Container {
    /// The format that it usually holds.
    pub(super) fn format(self) -> WorkbookFormat {
        match self {
            Self::Xlsx => WorkbookFormat::Xlsx,
            Self::Xlsb => WorkbookFormat::Xlsb,
            Self::CompoundFile | Self::Biff => WorkbookFormat::Xls,
            Self::Ods => WorkbookFormat::Ods,
        }
    }
}

/// The first bytes of a compound file ([MS-CFB] 2.2).
const COMPOUND_FILE_MAGIC: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
/// The first bytes of a zip file with members (APPNOTE.TXT 4.3.7).
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// A file that the system does not let us read.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::FileUnreadable,
        format!("{} cannot be read", path.display()),
    )
    .in_file(path)
    .caused_by(error)
    .next_step("Check the path and the file's permissions")
}

/// Looks at a file's bytes.
pub(super) fn detect(path: &Path, limits: &Limits) -> Result<Container> {
    let unreadable = |error| unreadable(path, error);
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(not_a_workbook(path, "is a folder, not a workbook"));
    }
    detect_in(path, file, limits)
}

/// Looks at bytes that are, or were in, the file with this path.
pub(super) fn detect_in(
    path: &Path,
    mut bytes: impl Read + Seek,
    limits: &Limits,
) -> Result<Container> {
    let unreadable = |error| unreadable(path, error);
    let mut magic = [0_u8; 8];
    let mut filled = 0;
    while filled < magic.len() {
        match bytes.read(&mut magic[filled..]).map_err(unreadable)? {
            0 => break,
            n => filled += n,
        }
    }
    match &magic[..filled] {
        [] => Err(not_a_workbook(path, "is an empty file")),
        start if start == COMPOUND_FILE_MAGIC => Ok(Container::CompoundFile),
        start if is_bof(start) => Ok(Container::Biff),
        start if start.starts_with(&ZIP_MAGIC) => {
            bytes.seek(SeekFrom::Start(0)).map_err(unreadable)?;
            detect_in_zip(path, bytes, limits)
        }
        _ if is_zip_behind_other_bytes(&mut bytes, limits) => detect_in_zip(path, bytes, limits),
        start => {
            let other = other_files::look(start.chain(bytes));
            Err(not_a_workbook(path, other.what).next_step(other.advice))
        }
    }
}

/// Whether a stream of BIFF records begins here: the record's type, by version, and its length, which is never far
/// from 8 ([MS-XLS] 2.4.21; OpenOffice.org's Documentation of the Microsoft Excel File Format, 5.8 BOF).
fn is_bof(start: &[u8]) -> bool {
    matches!(
        start,
        [0x09, 0x00 | 0x02 | 0x04 | 0x08, 4..=20, 0x00, _, _, _, _]
    )
}

/// Whether a zip file follows other bytes, such as the blank line that a web page leaves: it is read from its end, and
/// readers of zip files bear that (APPNOTE.TXT 4.1.9).
fn is_zip_behind_other_bytes(mut bytes: impl Read + Seek, limits: &Limits) -> bool {
    let is_zip = directory::open(&mut bytes, limits).is_ok_and(|archive| !archive.is_empty());
    // Whoever looks next begins anew.
    bytes.seek(SeekFrom::Start(0)).is_ok() && is_zip
}

fn detect_in_zip(path: &Path, bytes: impl Read + Seek, limits: &Limits) -> Result<Container> {
    let mut archive = directory::open(bytes, limits).map_err(|fault| {
        match fault {
            Fault::TooManyParts => return over_limit(path, "", Limit::Parts, limits.parts),
            Fault::Damaged(error) => tracing::debug!(%error, "no zip directory"),
        }
        Error::new(
            ErrorKind::WorkbookBroken,
            format!(
                "{} is damaged: its zip directory is missing or cut off",
                path.display()
            ),
        )
        .in_file(path)
        .next_step("Copy or download the file again, or save it anew with a spreadsheet program")
    })?;
    if is_another_document(&mut archive) {
        return Err(not_a_workbook(
            path,
            "is a text or a presentation, not a workbook",
        ));
    }
    let mut found = None;
    for name in archive.file_names().flatten() {
        let name = name.to_ascii_lowercase();
        let name = name.replace('\\', "/");
        match name.trim_start_matches("./").trim_start_matches('/') {
            // A package that is encrypted as a whole has nothing else (OpenDocument 1.4 part 2, 3.4.2).
            "content.xml" | "encrypted-package" => found = Some(Container::Ods),
            "[content_types].xml" | "xl/workbook.xml" if found.is_none() => {
                found = Some(Container::Xlsx);
            }
            name if name.ends_with("workbook.bin") => return Ok(Container::Xlsb),
            _ => {}
        }
    }
    found.ok_or_else(|| not_a_workbook(path, "is a zip file, but not a workbook"))
}

/// Whether a zip file is a text or a presentation: OpenDocument says so in its `mimetype` member (OpenDocument 1.3
/// part 2, 3.3), Office Open XML by where its main part is by custom.
fn is_another_document(archive: &mut Archive<impl Read + Seek>) -> bool {
    /// Long enough for every media type of OpenDocument.
    const MEDIA_TYPE_BYTES: u64 = 128;
    let other_part = ["word/document.xml", "ppt/presentation.xml"];
    if other_part
        .iter()
        .any(|part| archive.index_for_name(part).is_some())
    {
        return true;
    }
    let Ok(member) = archive.by_name("mimetype") else {
        return false;
    };
    let mut media_type = String::new();
    let read = member
        .take(MEDIA_TYPE_BYTES)
        .read_to_string(&mut media_type);
    read.is_ok()
        && media_type.starts_with("application/vnd.oasis.opendocument.")
        && !media_type.contains("spreadsheet")
}

/// A file that is something else.
pub(super) fn not_a_workbook(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::NotAWorkbook,
        format!("{} {what}", path.display()),
    )
    .in_file(path)
    .next_step(KNOWN_FORMATS)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn sample(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("sample_data")
            .join(name)
    }

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn zip_of(names: &[&str]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = zip::ZipWriter::new(file.reopen().unwrap());
        for name in names {
            let options = SimpleFileOptions::default();
            zip.start_file(*name, options).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    fn kind_of(path: &Path) -> Result<Container, ErrorKind> {
        detect(path, &Limits::default()).map_err(|error| error.kind())
    }

    #[test]
    fn each_format_is_told_by_its_content() {
        for (name, wanted) in [
            ("stock.xlsx", Container::Xlsx),
            ("stock.xlsm", Container::Xlsx),
            ("stock.xlsb", Container::Xlsb),
            ("stock.xls", Container::CompoundFile),
            ("stock.ods", Container::Ods),
            ("really-xlsx.xls", Container::Xlsx),
        ] {
            assert_eq!(kind_of(&sample(name)), Ok(wanted), "{name}");
        }
    }

    #[test]
    fn names_of_parts_have_no_case_and_any_separator() {
        let file = zip_of(&["[CONTENT_TYPES].XML", "XL\\Workbook.XML"]);
        assert_eq!(kind_of(file.path()), Ok(Container::Xlsx));
        let file = zip_of(&["/[Content_Types].xml", "/xl/WorkBook.bin"]);
        assert_eq!(kind_of(file.path()), Ok(Container::Xlsb));
    }

    #[test]
    fn a_package_may_follow_other_bytes_and_lack_its_content_types() {
        let whole = std::fs::read(sample("stock.xlsx")).unwrap();
        for before in [b"\r\n".as_slice(), b"a,b\n1,2\n", &[b'x'; 100_000]] {
            let file = file_of(&[before, &whole].concat());
            assert_eq!(kind_of(file.path()), Ok(Container::Xlsx));
        }
        let file = zip_of(&["./_rels/.rels", "./xl/workbook.xml"]);
        assert_eq!(kind_of(file.path()), Ok(Container::Xlsx));
    }

    #[test]
    fn records_without_a_compound_file_are_told_by_the_first() {
        for start in [
            b"\x09\0\x04\0\x02\0\x10\0".as_slice(),
            b"\x09\x02\x06\0\0\0\x10\0\0\0",
            b"\x09\x04\x06\0\0\0\x10\0\0\0",
            b"\x09\x08\x10\0\0\x06\x05\0",
        ] {
            assert_eq!(kind_of(file_of(start).path()), Ok(Container::Biff));
        }
        for start in [
            b"\x09\0\x04\0\x02\0\x10".as_slice(),
            b"\x09\x01\x04\0\x02\0\x10\0",
            b"\x09\0\x04\x01\x02\0\x10\0",
            b"\tA\tB\nC\tD\n",
        ] {
            let kind = kind_of(file_of(start).path());
            assert_eq!(kind, Err(ErrorKind::NotAWorkbook));
        }
    }

    #[test]
    fn other_files_are_no_workbooks() {
        let other = zip_of(&["word.txt"]);
        for path in [
            file_of(b"").path(),
            file_of(b"a,b\n1,2\n").path(),
            file_of(b"PK").path(),
            file_of(&COMPOUND_FILE_MAGIC[..7]).path(),
            other.path(),
            &sample(""),
        ] {
            assert_eq!(kind_of(path), Err(ErrorKind::NotAWorkbook), "{path:?}");
        }
        let missing = kind_of(&sample("there-is-none.xlsx"));
        assert_eq!(missing, Err(ErrorKind::FileUnreadable));
    }

    #[test]
    fn flat_documents_and_encrypted_packages_are_told() {
        let flat = "<?xml version=\"1.0\"?><office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"/>";
        let error = detect(file_of(flat.as_bytes()).path(), &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAWorkbook);
        assert!(error.advice().unwrap().contains(".ods"), "{error}");
        for (text, named) in [
            ("<?xml version=\"1.0\"?><html/>", "web page"),
            ("\r\n <!DOCTYPE HTML><TABLE><TR>", "web page"),
            (
                "<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\">",
                "web page",
            ),
            (
                "<?xml version=\"1.0\"?><?mso-application progid=\"Excel.Sheet\"?><Workbook>",
                "XML Spreadsheet",
            ),
        ] {
            let error = detect(file_of(text.as_bytes()).path(), &Limits::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotAWorkbook);
            assert!(error.message().contains(named), "{error}");
            assert!(error.advice().unwrap().contains(".xlsx"), "{error}");
        }
        let file = zip_of(&["mimetype", "encrypted-package", "META-INF/manifest.xml"]);
        assert_eq!(kind_of(file.path()), Ok(Container::Ods));
    }

    #[test]
    fn a_zip_without_its_end_is_damaged() {
        let whole = std::fs::read(sample("stock.xlsx")).unwrap();
        let half = file_of(&whole[..whole.len() / 2]);
        assert_eq!(kind_of(half.path()), Err(ErrorKind::WorkbookBroken));
    }
}
