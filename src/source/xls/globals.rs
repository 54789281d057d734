//! What holds for the whole workbook: its sheets, formats and texts ([MS-XLS] 2.1.7.20.3, Globals Substream).

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::formats::{StyleRecords, Styles};
use super::kind;
use super::records::{Bof, Holds, Joined, Record, Records, Substream, Version, u16_at, u32_at};
use super::shared_strings;
use super::strings::{Length, TextReader};
use crate::error::Result;
use crate::model::limits::Limits;
use crate::model::shared_strings::SharedStrings;
use crate::model::sheet::{DateSystem, SheetEntry, SheetKind, Visibility};
use crate::source::format_list::FormatList;
use crate::source::workbook::{broken, over_limit};

/// What the globals say, and each sheet's place.
#[derive(Debug)]
pub(super) struct Globals {
    pub(super) version: Version,
    pub(super) text: TextReader,
    pub(super) date_system: DateSystem,
    pub(super) entries: Vec<SheetEntry>,
    /// Where each sheet's substream begins, in the order of the entries.
    pub(super) starts: Vec<usize>,
    known_starts: HashSet<usize>,
    /// The formats of each sheet, in the order of the entries; one for all from BIFF5 on.
    styles: Vec<Styles>,
    pub(super) formats: FormatList,
    pub(super) strings: Arc<SharedStrings>,
}

/// The name of the only sheet of a file that has no names of sheets.
const ONLY_SHEET: &str = "Sheet 1";

impl Globals {
    /// Reads the lists of a stream that is not encrypted.
    pub(super) fn read(
        path: &Path,
        stream: &[u8],
        limits: &Limits,
        asked_for: Option<u16>,
    ) -> Result<Self> {
        let (version, holds) = kind_of_stream(path, stream)?;
        let mut globals = Self {
            version,
            text: TextReader::new(version, asked_for, code_page(stream), stream),
            date_system: DateSystem::From1900,
            entries: Vec::new(),
            starts: Vec::new(),
            known_starts: HashSet::new(),
            styles: Vec::new(),
            formats: FormatList::default(),
            strings: Arc::default(),
        };
        match holds {
            Holds::Globals => globals.read_list(path, stream, limits)?,
            Holds::Globals4 => globals.read_bundle(path, stream)?,
            // Up to BIFF4 a file is a sheet; a sheet of a later version stands alone in files of other programs.
            Holds::Worksheet | Holds::Chart | Holds::Other => {
                let kind = kind_of_sheet(holds);
                globals.add_sheet_with_styles(stream, 0, ONLY_SHEET.to_owned(), kind);
            }
        }
        Ok(globals)
    }

    /// The formats of the cells of this sheet.
    pub(super) fn styles(&self, sheet: usize) -> Option<&Styles> {
        self.styles.get(sheet).or_else(|| self.styles.first())
    }

    fn read_list(&mut self, path: &Path, stream: &[u8], limits: &Limits) -> Result<()> {
        let mut styles = StyleRecords::default();
        let mut records = open(path, stream)?.without_inner();
        while let Some(record) = records.next() {
            match record.kind {
                kind::DATE_MODE => self.date_system = date_system(&record),
                kind::BOUND_SHEET => self.add_bound_sheet(path, stream, &record)?,
                kind::SST => {
                    self.strings = shared_strings::read(records.joined(&record), limits)
                        .map(Arc::new)
                        .map_err(|limit| over_limit(path, "", limit, limit.of(limits)))?;
                }
                _ => styles.note(&record, self.version, &self.text),
            }
        }
        if records.is_cut_off() {
            return Err(broken(path, "it ends in the middle of its lists"));
        }
        if self.entries.is_empty() {
            return Err(broken(path, "it has no list of sheets"));
        }
        self.styles = vec![styles.resolve(self.version, &mut self.formats)];
        Ok(())
    }

    /// A sheet of the list ([MS-XLS] 2.4.28).
    fn add_bound_sheet(&mut self, path: &Path, stream: &[u8], record: &Record<'_>) -> Result<()> {
        let mut from = Joined::alone(record.body);
        let fields = (from.u32(), from.u8(), from.u8());
        let (Some(start), Some(state), Some(kind)) = fields else {
            return Err(broken(path, "an entry of its list of sheets is cut off"));
        };
        let mut name = String::new();
        self.text.read(&mut from, Length::Byte, &mut name);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let listed = match kind {
            0 => SheetKind::Worksheet,
            2 => SheetKind::Chart,
            _ => SheetKind::Other,
        };
        // What begins there knows better: the figures behind a chart look like cells.
        let found = Substream::open(stream, start).map(|sheet| sheet.bof().holds);
        // A place in the stream is one sheet's. Thousands of sheets at the same would cost as if each had its own.
        let found = found.filter(|_| self.known_starts.insert(start));
        let kind = match (listed, found) {
            (SheetKind::Worksheet, Some(Holds::Chart)) => SheetKind::Chart,
            (SheetKind::Worksheet, None | Some(Holds::Globals)) => SheetKind::Missing,
            _ => listed,
        };
        let visibility = match state & 0x03 {
            0 => Visibility::Visible,
            1 => Visibility::Hidden,
            _ => Visibility::VeryHidden,
        };
        self.starts.push(start);
        self.entries.push(SheetEntry {
            name,
            kind,
            visibility,
        });
        Ok(())
    }

    /// The sheets of a workbook of BIFF4, which lie in its globals one behind the other, each with its own formats
    /// (OpenOffice.org's documentation, 4.2 and 5.94 SHEETHDR).
    fn read_bundle(&mut self, path: &Path, stream: &[u8]) -> Result<()> {
        let opened = open(path, stream)?;
        let mut at = opened.position();
        for record in opened {
            match record.kind {
                kind::DATE_MODE => self.date_system = date_system(&record),
                kind::SHEETS_OFFSET => {
                    let offset = u32_at(record.body, 0).and_then(|at| usize::try_from(at).ok());
                    at = offset.unwrap_or(usize::MAX);
                    break;
                }
                _ => {}
            }
        }
        let mut headers = Records::from(stream, at);
        while let Some(header) = headers.next() {
            if header.kind == kind::EOF {
                break;
            }
            if header.kind != kind::SHEET_HEADER {
                continue;
            }
            let mut from = Joined::alone(header.body);
            let len = from.u32().and_then(|len| usize::try_from(len).ok());
            let mut name = String::new();
            self.text.read(&mut from, Length::Byte, &mut name);
            let start = headers.position();
            let Some(sheet) = Substream::open(stream, start) else {
                return Err(broken(path, "a sheet does not begin where it should"));
            };
            let kind = kind_of_sheet(sheet.bof().holds);
            let end = self.add_sheet_with_styles(stream, start, name, kind);
            let claimed = len.and_then(|len| start.checked_add(len));
            // Never back into the sheet: each byte is looked at once.
            headers = Records::from(stream, claimed.map_or(end, |claimed| claimed.max(end)));
        }
        if self.entries.is_empty() {
            return Err(broken(path, "it has no list of sheets"));
        }
        Ok(())
    }

    /// A sheet that brings its formats along; gives its end.
    fn add_sheet_with_styles(
        &mut self,
        stream: &[u8],
        start: usize,
        name: String,
        kind: SheetKind,
    ) -> usize {
        let mut styles = StyleRecords::default();
        let mut end = start;
        if let Some(mut records) = Substream::open(stream, start) {
            for record in records.by_ref() {
                if record.kind == kind::DATE_MODE {
                    self.date_system = date_system(&record);
                }
                styles.note(&record, self.version, &self.text);
            }
            end = records.position();
        }
        let styles = styles.resolve(self.version, &mut self.formats);
        self.styles.push(styles);
        self.starts.push(start);
        self.entries.push(SheetEntry {
            name,
            kind,
            visibility: Visibility::Visible,
        });
        end
    }
}

/// The version and the content of a stream, by its first record.
pub(super) fn kind_of_stream(path: &Path, stream: &[u8]) -> Result<(Version, Holds)> {
    let Bof { version, holds } = open(path, stream)?.bof();
    let version =
        version.ok_or_else(|| broken(path, "its first record is of an unknown version"))?;
    Ok((version, holds))
}

fn open<'a>(path: &Path, stream: &'a [u8]) -> Result<Substream<'a>> {
    Substream::open(stream, 0)
        .ok_or_else(|| broken(path, "its workbook stream does not begin as one"))
}

/// The number of the code page, wherever its record is ([MS-XLS] 2.4.52).
fn code_page(stream: &[u8]) -> Option<u16> {
    let mut records = Substream::open(stream, 0)?;
    if records.bof().holds == Holds::Globals {
        records = records.without_inner();
    }
    let record = records.find(|record| record.kind == kind::CODE_PAGE)?;
    u16_at(record.body, 0)
}

/// From which day dates count ([MS-XLS] 2.4.77).
fn date_system(record: &Record<'_>) -> DateSystem {
    match u16_at(record.body, 0) {
        Some(1) => DateSystem::From1904,
        _ => DateSystem::From1900,
    }
}

fn kind_of_sheet(holds: Holds) -> SheetKind {
    match holds {
        Holds::Worksheet => SheetKind::Worksheet,
        Holds::Chart => SheetKind::Chart,
        Holds::Globals | Holds::Globals4 | Holds::Other => SheetKind::Other,
    }
}
