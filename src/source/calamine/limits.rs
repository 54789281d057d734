//! Bounds on what calamine takes into memory: the parts of a package that it reads when it opens it, and the formats
//! that it can only read as a whole.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use calamine::{Data, Range};
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use zip::ZipArchive;

use crate::error::{Error, ErrorKind, Result};

/// The most cells, empty ones included, that the sheets of an xls or a sheet of an ods may span: these are held in
/// memory as a whole, at 24 bytes a cell.
pub(super) const MAX_RANGE_CELLS: u64 = 40_000_000;
/// The most bytes that the content of an ods file may inflate to.
const MAX_ODS_CONTENT_BYTES: u64 = 2 << 30;
/// The most bytes that the shared strings of a package may inflate to; all of them are held in memory.
const MAX_SHARED_STRINGS_BYTES: u64 = 1 << 30;
/// The most bytes that the other parts may inflate to that are read before the sheets: styles, relationships, the list
/// of sheets. A full styles part (65,490 cell styles) has some 30 MB.
const MAX_SMALL_PART_BYTES: u64 = 256 << 20;
/// The most shared strings that calamine may be told to make room for, at 24 bytes each.
const MAX_DECLARED_STRINGS: u64 = 1 << 25;
/// The least bytes that a shared string takes: `<si/>`.
const MIN_STRING_BYTES: u64 = 5;
/// How far into the part the shared strings' first tag may be. Before it there are a declaration and comments.
const MAX_PROLOG_BYTES: u64 = 64 << 10;

/// A range of a size that memory bears.
pub(super) fn checked(path: &Path, range: Range<Data>) -> Result<Range<Data>> {
    let (height, width) = range.get_size();
    if height as u64 * width as u64 <= MAX_RANGE_CELLS {
        return Ok(range);
    }
    Err(too_large(
        path,
        &format!(
            "spans {height} x {width} cells; in this format at most {MAX_RANGE_CELLS} can be read"
        ),
    ))
}

/// Refuses an ods file by the size that its content says it inflates to. The zip reader holds it to that.
pub(super) fn refuse_huge_ods(path: &Path) -> Result<()> {
    let Some(mut archive) = package(path) else {
        return Ok(()); // calamine says what is wrong
    };
    match archive.by_name("content.xml") {
        Ok(content) if content.size() > MAX_ODS_CONTENT_BYTES => Err(too_large(
            path,
            &format!(
                "holds {} bytes of content.xml; at most {MAX_ODS_CONTENT_BYTES} can be read",
                content.size()
            ),
        )),
        _ => Ok(()),
    }
}

/// Refuses an Office Open XML package by the sizes of the parts that are held in memory, and when its shared strings
/// claim a number that they cannot have: calamine makes room for that number before it reads the first of them
/// (tafia/calamine issue 684).
pub(super) fn refuse_huge_parts(path: &Path) -> Result<()> {
    let Some(mut archive) = package(path) else {
        return Ok(()); // calamine says what is wrong
    };
    for index in 0..archive.len() {
        let Ok(part) = archive.by_index(index) else {
            continue;
        };
        let Some(limit) = part.name().ok().as_deref().and_then(part_limit) else {
            continue;
        };
        let size = part.size();
        if size > limit {
            return Err(Error::new(
                ErrorKind::WorkbookTooLarge,
                format!(
                    "{} holds {size} bytes in a part that must fit into memory; at most {limit} can be read",
                    path.display()
                ),
            )
            .in_file(path)
            .next_step("Split it into several workbooks"));
        }
        let is_xml_strings = limit == MAX_SHARED_STRINGS_BYTES
            && part.name().is_ok_and(|name| has_suffix(&name, ".xml"));
        if is_xml_strings {
            let count = declared_strings(BufReader::new(part.take(MAX_PROLOG_BYTES)));
            refuse_impossible_strings(path, count, size)?;
        }
    }
    Ok(())
}

/// Calls `look` with the content of an ods, if there is one; calamine says what is wrong otherwise.
pub(super) fn content_of_ods<T>(
    path: &Path,
    look: impl FnOnce(&mut dyn BufRead) -> T,
) -> Option<T> {
    let mut archive = package(path)?;
    let content = archive.by_name("content.xml").ok()?;
    Some(look(&mut BufReader::new(content)))
}

fn package(path: &Path) -> Option<ZipArchive<BufReader<File>>> {
    ZipArchive::new(BufReader::new(File::open(path).ok()?)).ok()
}

/// How large a part may be, for those that calamine reads when it opens the package.
fn part_limit(name: &str) -> Option<u64> {
    if has_suffix(name, "sharedStrings.xml") || has_suffix(name, "sharedStrings.bin") {
        return Some(MAX_SHARED_STRINGS_BYTES);
    }
    let small = [
        "styles.xml",
        "styles.bin",
        "workbook.xml",
        "workbook.bin",
        "theme1.xml",
        ".rels",
        "[Content_Types].xml",
    ];
    small
        .iter()
        .any(|suffix| has_suffix(name, suffix))
        .then_some(MAX_SMALL_PART_BYTES)
}

/// Names of parts have no case (ECMA-376 Part 2, §6.2.2.3).
fn has_suffix(name: &str, suffix: &str) -> bool {
    name.len()
        .checked_sub(suffix.len())
        .and_then(|at| name.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// The number of strings that the part claims in its first tag; 0 when it claims none or has no such tag.
fn declared_strings(part: impl BufRead) -> u64 {
    let mut reader = Reader::from_reader(part);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) if tag.local_name().as_ref() == "sst" => {
                return tag
                    .attributes()
                    .with_checks(false)
                    .flatten()
                    .filter(|attribute| attribute.key.as_ref() == "uniqueCount")
                    // Beyond 64 bits calamine, too, takes it for no number.
                    .filter_map(|attribute| attribute.value.trim().parse().ok())
                    .max()
                    .unwrap_or(0);
            }
            Ok(Event::Eof) | Err(_) => return 0,
            Ok(_) => {}
        }
    }
}

fn refuse_impossible_strings(path: &Path, count: u64, part_bytes: u64) -> Result<()> {
    if count > part_bytes / MIN_STRING_BYTES {
        return Err(Error::new(
            ErrorKind::WorkbookBroken,
            format!(
                "{} is damaged: it claims {count} shared strings in {part_bytes} bytes",
                path.display()
            ),
        )
        .in_file(path)
        .next_step("Save it anew with a spreadsheet program"));
    }
    if count > MAX_DECLARED_STRINGS {
        return Err(Error::new(
            ErrorKind::WorkbookTooLarge,
            format!(
                "{} holds {count} different texts; at most {MAX_DECLARED_STRINGS} can be read",
                path.display()
            ),
        )
        .in_file(path)
        .next_step("Split it into several workbooks"));
    }
    Ok(())
}

/// The error of a workbook whose format has to be read as a whole.
pub(super) fn too_large(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookTooLarge,
        format!("{} {what}", path.display()),
    )
    .in_file(path)
    .next_step("Save it as .xlsx, which is read as a stream")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::model::selection::ReadOptions;
    use crate::source;

    /// A workbook whose part of this name is replaced.
    fn workbook_with(part: &str, content: &[u8]) -> tempfile::NamedTempFile {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet.write(0, 0, "title").unwrap();
        sheet.write(1, 0, "text").unwrap();
        let original = workbook.save_to_buffer().unwrap();
        let mut original = ZipArchive::new(std::io::Cursor::new(original)).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut changed = zip::ZipWriter::new(file.reopen().unwrap());
        for index in 0..original.len() {
            let old = original.by_index(index).unwrap();
            let name = old.name().unwrap().to_string();
            if name == part {
                let options = SimpleFileOptions::default();
                changed.start_file(name, options).unwrap();
                changed.write_all(content).unwrap();
            } else {
                changed.raw_copy_file(old).unwrap();
            }
        }
        changed.finish().unwrap();
        file
    }

    fn strings(count: &str) -> Vec<u8> {
        format!(
            "<?xml version=\"1.0\"?><!-- <sst uniqueCount=\"1\"> --><x:sst xmlns:x=\"http://schemas.openxmlformats.org/\
             spreadsheetml/2006/main\" count=\"2\" uniqueCount=\"{count}\"><x:si><x:t>title</x:t></x:si>\
             <x:si><x:t>text</x:t></x:si></x:sst>"
        )
        .into_bytes()
    }

    fn verdict(file: &tempfile::NamedTempFile) -> Option<ErrorKind> {
        let options = ReadOptions {
            reader: crate::model::selection::Reader::Calamine,
            ..ReadOptions::default()
        };
        source::open(file.path(), &options, |value, _, _| value.to_string())
            .err()
            .map(|error| error.kind())
    }

    #[test]
    fn a_claim_of_strings_that_cannot_be_there_is_refused() {
        let broken = Some(ErrorKind::WorkbookBroken);
        for (count, wanted) in [
            ("2", None),
            ("not a number", None),
            ("1000", broken),
            ("4000000000", broken),
            ("18446744073709551615", broken),
        ] {
            let file = workbook_with("xl/sharedStrings.xml", &strings(count));
            assert_eq!(verdict(&file), wanted, "{count}");
        }
    }

    #[test]
    fn more_strings_than_memory_bears_are_too_large() {
        let path = Path::new("a.xlsx");
        let kind = |count, bytes| {
            refuse_impossible_strings(path, count, bytes)
                .err()
                .map(|error| error.kind())
        };
        assert_eq!(kind(0, 0), None);
        assert_eq!(kind(2, 10), None);
        assert_eq!(kind(2, 9), Some(ErrorKind::WorkbookBroken));
        assert_eq!(kind(MAX_DECLARED_STRINGS, 1 << 30), None);
        let too_many = kind(MAX_DECLARED_STRINGS + 1, 1 << 30);
        assert_eq!(too_many, Some(ErrorKind::WorkbookTooLarge));
    }

    #[test]
    fn parts_in_memory_have_limits_whatever_their_folder_and_case() {
        for name in [
            "xl/sharedStrings.xml",
            "XL/SHAREDSTRINGS.XML",
            "a\\sharedStrings.bin",
        ] {
            assert_eq!(part_limit(name), Some(MAX_SHARED_STRINGS_BYTES), "{name}");
        }
        for name in ["xl/styles.xml", "_rels/.rels", "xl/workbook.bin"] {
            assert_eq!(part_limit(name), Some(MAX_SMALL_PART_BYTES), "{name}");
        }
        for name in ["xl/worksheets/sheet1.xml", "xl/media/é.png", "s.xml", ""] {
            assert_eq!(part_limit(name), None, "{name}");
        }
    }

    #[test]
    fn a_huge_styles_part_is_refused() {
        let padding = vec![b' '; usize::try_from(MAX_SMALL_PART_BYTES).unwrap() + 1];
        let file = workbook_with("xl/styles.xml", &padding);
        assert_eq!(verdict(&file), Some(ErrorKind::WorkbookTooLarge));
    }
}
