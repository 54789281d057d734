//! Bounds on what calamine takes into memory: all parts of a package are read once, within the limits, before it sees them.

use std::fs::File;
use std::io;
use std::path::Path;

use calamine::{Data, Range};
use quick_xml::events::{BytesStart, Event};

use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::{Limit, Limits};
use crate::source::container::Container;
use crate::source::inflate::Passed;
use crate::source::input::Input;
use crate::source::package::{Package, PartKind, read_error};
use crate::source::workbook::{broken, over_limit};
use crate::source::xml;

/// How many bytes calamine needs for a shared string, for each that we do: 24 and an allocation, not 4.
const STRING_WEIGHT: u64 = 8;
/// How many empty shared strings of an xlsb may lie in as many bytes as an average one of an xlsx has.
const BINARY_WEIGHT: u64 = 4;
/// The least bytes that a shared string takes: `<si/>`.
const MIN_STRING_BYTES: u64 = 5;

/// A range of a size that memory bears.
pub(super) fn checked(path: &Path, range: Range<Data>, limits: &Limits) -> Result<Range<Data>> {
    let (height, width) = range.get_size();
    if (height as u64).saturating_mul(width as u64) <= limits.grid_cells {
        return Ok(range);
    }
    Err(over_grid(path, limits))
}

/// The error of a workbook whose sheets span more cells than are laid out.
pub(super) fn over_grid(path: &Path, limits: &Limits) -> Error {
    over_limit(path, "", Limit::Grid, limits.grid_cells)
}

/// Refuses a package whose parts pass a limit. Whatever else is wrong with them, calamine says.
///
/// # Errors
/// `WorkbookTooLarge`, and `WorkbookBroken` for an impossible number of shared strings.
pub(super) fn refuse_hostile_package(
    path: &Path,
    container: Container,
    limits: &Limits,
) -> Result<()> {
    let Some(mut package) = package(path, limits) else {
        return Ok(());
    };
    for name in package.names() {
        let use_of_it = Use::of(&name, container);
        let bytes = inflated(&mut package, &name, use_of_it)?;
        let held = match use_of_it {
            Use::Strings => limits.shared_text_bytes,
            Use::BinaryStrings => limits.shared_text_bytes / BINARY_WEIGHT,
            Use::Held | Use::Streamed => u64::MAX,
        };
        if bytes > held {
            let place = format!("its part {name}");
            return Err(over_limit(path, &place, Limit::SharedText, held));
        }
        if !has_suffix(&name, ".bin") {
            let strings = ignore_damage(walked(&mut package, &name))?;
            if let (Use::Strings, Some(strings)) = (use_of_it, strings) {
                strings.check(path, &name, bytes, limits)?;
            }
        }
    }
    Ok(())
}

/// The package, unless it cannot be opened.
pub(super) fn package(path: &Path, limits: &Limits) -> Option<Package> {
    let file = File::open(path).ok()?;
    Package::open(path, Input::of_file(file), limits).ok()
}

/// What calamine does with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Keeps each text.
    Strings,
    /// The same in an xlsb.
    BinaryStrings,
    /// Keeps most of it.
    Held,
    /// Reads it piece by piece.
    Streamed,
}

impl Use {
    fn of(name: &str, container: Container) -> Self {
        let held = [
            "styles.xml",
            "styles.bin",
            "workbook.xml",
            "workbook.bin",
            "theme1.xml",
            ".rels",
            "[Content_Types].xml",
        ];
        if has_suffix(name, "sharedStrings.xml") {
            Self::Strings
        } else if has_suffix(name, "sharedStrings.bin") {
            Self::BinaryStrings
        } else if container == Container::Ods || held.iter().any(|held| has_suffix(name, held)) {
            Self::Held
        } else {
            Self::Streamed
        }
    }

    fn kind(self) -> PartKind {
        match self {
            Self::Held => PartKind::List,
            Self::Strings | Self::BinaryStrings | Self::Streamed => PartKind::Stream,
        }
    }
}

/// How many bytes a part has, as far as it inflates.
fn inflated(package: &mut Package, name: &str, use_of_it: Use) -> Result<u64> {
    let path = package.path().to_path_buf();
    let Some(Some(mut part)) = ignore_damage(package.part(name, use_of_it.kind()))? else {
        return Ok(0);
    };
    match io::copy(&mut part, &mut io::sink()) {
        Ok(bytes) => Ok(bytes),
        Err(error) if Passed::of(&error).is_some() => Err(read_error(&path, name, error)),
        Err(_damage) => Ok(0),
    }
}

/// Shared strings by the part's word, and by its elements.
#[derive(Debug, Default, PartialEq, Eq)]
struct Strings {
    declared: u64,
    found: u64,
}

/// Reads an XML part to its end.
fn walked(package: &mut Package, name: &str) -> Result<Strings> {
    let mut strings = Strings::default();
    let Some(mut reader) = package.xml(name, PartKind::Stream)? else {
        return Ok(strings);
    };
    loop {
        match reader.next()? {
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "sst" => strings.declared = strings.declared.max(declared(&tag)),
                "si" => strings.found += 1,
                _ => {}
            },
            Event::Eof => return Ok(strings),
            _ => {}
        }
    }
}

/// The largest number of strings that the tag claims; beyond 64 bits calamine, too, takes it for no number.
fn declared(tag: &BytesStart<'_>) -> u64 {
    let counts = xml::attributes(tag).filter(|(name, _)| *name == "uniqueCount");
    let counts = counts.filter_map(|(_, value)| value.trim().parse().ok());
    counts.max().unwrap_or(0)
}

impl Strings {
    /// calamine makes room for the number that is claimed before it reads the first string (tafia/calamine#684).
    fn check(&self, path: &Path, part: &str, bytes: u64, limits: &Limits) -> Result<()> {
        let most = limits.shared_strings / STRING_WEIGHT;
        if self.declared > bytes / MIN_STRING_BYTES {
            let declared = self.declared;
            let how = format!("its part {part} claims {declared} shared strings in {bytes} bytes");
            return Err(broken(path, &how));
        }
        if self.declared.max(self.found) > most {
            let place = format!("its part {part}");
            return Err(over_limit(path, &place, Limit::SharedStrings, most));
        }
        Ok(())
    }
}

/// Damage is for calamine to find.
fn ignore_damage<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::WorkbookTooLarge => Err(error),
        outcome => Ok(outcome.ok()),
    }
}

/// Names of parts have no case (ECMA-376 Part 2, §6.2.2.3).
fn has_suffix(name: &str, suffix: &str) -> bool {
    name.len()
        .checked_sub(suffix.len())
        .and_then(|at| name.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipArchive;
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
        let limits = Limits {
            shared_strings: 800,
            ..Limits::default()
        };
        let kind = |declared, found, bytes| {
            let strings = Strings { declared, found };
            let checked = strings.check(Path::new("a.xlsx"), "a.xml", bytes, &limits);
            checked.err().map(|error| error.kind())
        };
        assert_eq!(kind(0, 0, 0), None);
        assert_eq!(kind(2, 2, 10), None);
        assert_eq!(kind(2, 2, 9), Some(ErrorKind::WorkbookBroken));
        assert_eq!(kind(100, 100, 1 << 30), None);
        let too_many = Some(ErrorKind::WorkbookTooLarge);
        assert_eq!(kind(101, 0, 1 << 30), too_many);
        assert_eq!(kind(0, 101, 1 << 30), too_many);
    }

    #[test]
    fn parts_have_uses_whatever_their_folder_and_case() {
        let of = |name| Use::of(name, Container::Xlsx);
        for name in ["xl/sharedStrings.xml", "XL/SHAREDSTRINGS.XML"] {
            assert_eq!(of(name), Use::Strings, "{name}");
        }
        assert_eq!(of("a\\sharedStrings.bin"), Use::BinaryStrings);
        for name in ["xl/styles.xml", "_rels/.rels", "xl/workbook.bin"] {
            assert_eq!(of(name), Use::Held, "{name}");
        }
        for name in ["xl/worksheets/sheet1.xml", "xl/media/é.png", "s.xml", ""] {
            assert_eq!(of(name), Use::Streamed, "{name}");
        }
        assert_eq!(Use::of("content.xml", Container::Ods), Use::Held);
    }

    #[test]
    fn a_huge_styles_part_is_refused() {
        let padding = vec![b' '; usize::try_from(Limits::default().list_bytes).unwrap() + 1];
        let file = workbook_with("xl/styles.xml", &padding);
        assert_eq!(verdict(&file), Some(ErrorKind::WorkbookTooLarge));
    }
}
