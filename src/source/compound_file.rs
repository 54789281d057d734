//! Compound files: the file system inside of an xls ([MS-CFB]).
//!
//! calamine follows the chains of sectors without a limit, so that a chain that leads back into itself is read until
//! the memory is full. Here every chain that it will follow is walked first, with a bound.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::container::unreadable;
use super::workbook::over_limit;
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::{Limit, Limits};

/// Bytes before the first sector, apart from the padding to a whole sector ([MS-CFB] 2.2).
const HEADER_BYTES: usize = 512;
/// Marks the end of a chain ([MS-CFB] 2.1).
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
/// Sector numbers from here on are marks, not sectors ([MS-CFB] 2.1).
const FIRST_MARK: u32 = 0xFFFF_FFFA;
/// FAT sectors listed in the header ([MS-CFB] 2.2, DIFAT).
const DIFAT_IN_HEADER: std::ops::Range<usize> = 76..HEADER_BYTES;
/// No sector has two to the power of this many bytes.
const LARGEST_SHIFT: u16 = 21;
/// A directory entry's bytes ([MS-CFB] 2.6.1).
const ENTRY_BYTES: usize = 128;
/// In place of the number of an entry ([MS-CFB] 2.6.1).
const NO_ENTRY: u32 = 0xFFFF_FFFF;
/// Types of entries ([MS-CFB] 2.6.1).
const STORAGE: u8 = 1;
const ROOT_STORAGE: u8 = 5;
/// Streams below this length lie in the mini stream, unless the header names another ([MS-CFB] 2.2).
const MINI_CUTOFF: u32 = 4096;
const MINI_SECTOR_BYTES: usize = 64;

/// A compound file whose tables hold together.
pub(super) struct CompoundFile {
    sectors: Sectors,
    fat: Vec<u32>,
    mini_sectors: Sectors,
    mini_fat: Vec<u32>,
    /// Streams below this length lie in the mini stream.
    mini_cutoff: u64,
    directory: Vec<Entry>,
    /// What is wrong with tables that not every stream needs.
    fault: Option<Fault>,
}

/// A stream or storage by the directory's word.
struct Entry {
    name: String,
    start: u32,
    len: u64,
    is_stream: bool,
    /// Entries of the same storage, to the left and right in their tree ([MS-CFB] 2.6.4).
    siblings: [u32; 2],
    /// The root of the tree of entries inside.
    child: u32,
}

/// Whether these are the first bytes of a compound file ([MS-CFB] 2.2).
pub(super) fn is_compound_file(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1])
}

/// Bytes in sectors of one size.
struct Sectors {
    bytes: Vec<u8>,
    first_at: usize,
    size: usize,
}

/// What becomes of a stream whose sectors lead out of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Refused,
    LeftOut,
}

/// Why a chain cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    TooShort,
    UnknownSectorSize,
    Loop,
    OutOfFile,
    NoDirectory,
}

impl Fault {
    fn words(self) -> &'static str {
        match self {
            Self::TooShort => "it is cut off",
            Self::UnknownSectorSize => "its header is not one of a compound file",
            Self::Loop => "its sectors lead round in a loop",
            Self::OutOfFile => "it is cut off, or its sectors lead out of the file",
            Self::NoDirectory => "its directory is empty",
        }
    }
}

impl CompoundFile {
    /// Opens a file and follows the chains of its tables and its directory. Blocks.
    ///
    /// # Errors
    /// `FileUnreadable`, `WorkbookBroken` when a chain is a loop or leaves the file, `WorkbookTooLarge`.
    pub(super) fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let unreadable = |error| unreadable(path, error);
        let mut file = File::open(path).map_err(unreadable)?;
        let len = file.metadata().map_err(unreadable)?.len();
        if len > limits.whole_file_bytes {
            let limit = Limit::WholeFile;
            return Err(over_limit(path, "", limit, limit.of(limits)));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreadable)?;
        let opened = Self::of_bytes(path, bytes)?;
        match opened.fault {
            Some(fault) => Err(broken(path, fault)),
            None => Ok(opened),
        }
    }

    /// A compound file that is in memory already.
    ///
    /// # Errors
    /// `WorkbookBroken` when a chain is a loop or leaves the file.
    pub(super) fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        Self::parse(bytes).map_err(|fault| broken(path, fault))
    }

    /// Whether the directory has this name, in any case.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// A stream's bytes; `None` when the directory has no such name.
    ///
    /// # Errors
    /// `WorkbookBroken` when the stream's chain is a loop or leaves the file.
    pub(super) fn stream(&self, path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        self.entry(name)
            .map(|entry| self.content(entry, Missing::Refused))
            .transpose()
            .map_err(|fault| broken(path, fault))
    }

    /// The bytes of a stream of the root storage, not of one of the documents inside of this one; `None` when there is
    /// no such stream. Of a file that is cut off, as far as it goes: what is needed of the stream may all be there.
    ///
    /// # Errors
    /// `WorkbookBroken` when the stream's chain is a loop, or nothing of it is there.
    pub(super) fn root_stream(&self, path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        self.root_entry(name)
            .map(|entry| self.content(entry, Missing::LeftOut))
            .transpose()
            .map_err(|fault| broken(path, fault))
    }

    fn content(&self, entry: &Entry, missing: Missing) -> Result<Vec<u8>, Fault> {
        let (sectors, table) = if entry.len < self.mini_cutoff {
            (&self.mini_sectors, &self.mini_fat)
        } else {
            (&self.sectors, &self.fat)
        };
        let mut bytes = Vec::new();
        match sectors.follow(entry.start, table, entry.len, &mut bytes) {
            Err(Fault::OutOfFile) if missing == Missing::LeftOut && !bytes.is_empty() => {}
            outcome => outcome?,
        }
        Ok(bytes)
    }

    /// A stream of the root storage. Its tree is searched as a whole: programs have sorted it in orders of their own.
    /// Where it is broken, all of the directory is.
    fn root_entry(&self, name: &str) -> Option<&Entry> {
        let mut visited = vec![false; self.directory.len()];
        let mut open = vec![self.directory.first()?.child];
        let mut is_sound = false;
        while let Some(id) = open.pop() {
            let Some(index) = usize::try_from(id).ok().filter(|_| id != NO_ENTRY) else {
                continue;
            };
            let (Some(entry), Some(visited)) = (self.directory.get(index), visited.get_mut(index))
            else {
                is_sound = false;
                break;
            };
            if std::mem::replace(visited, true) {
                is_sound = false;
                break;
            }
            if entry.is_stream && entry.name.eq_ignore_ascii_case(name) {
                return Some(entry);
            }
            is_sound = true;
            open.extend(entry.siblings);
        }
        let mut streams = self.directory.iter().filter(|entry| entry.is_stream);
        streams.find(|entry| !is_sound && entry.name.eq_ignore_ascii_case(name))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        let mut entries = self.directory.iter();
        entries.find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, Fault> {
        let header: [u8; HEADER_BYTES] = *bytes.first_chunk().ok_or(Fault::TooShort)?;
        // Sizes that cannot be are those of nearly all files, as with other readers (python-excel/xlrd, CompDoc).
        let size = match (u16_at(&header, 30), u16_at(&header, 32)) {
            (9 | LARGEST_SHIFT.., 6 | 10..) => 512,
            (12, 6 | 13..) => 4096,
            _ => return Err(Fault::UnknownSectorSize),
        };
        let sectors = Sectors {
            bytes,
            first_at: size,
            size,
        };
        let (fat, mut fault) = sectors.fat(&header)?;
        let entries = sectors.chain(u32_at(&header, 48), &fat, u64::MAX)?;
        let directory: Vec<Entry> = entries
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| Entry::parse(entry, size))
            .collect();
        let root = directory.first().ok_or(Fault::NoDirectory)?;
        let (mut mini_stream, mut mini_table) = (Vec::new(), Vec::new());
        let mini_fat_sectors = u64::from(u32_at(&header, 64));
        // Programs that keep all streams in whole sectors say so by another length than the usual, or by none.
        let mini_cutoff = match u32_at(&header, 56) {
            0 if mini_fat_sectors > 0 => MINI_CUTOFF,
            said => said,
        };
        if mini_fat_sectors > 0 {
            let len = mini_fat_sectors * size as u64;
            let table = sectors.follow(u32_at(&header, 60), &fat, len, &mut mini_table);
            let stream = sectors.follow(root.start, &fat, root.len, &mut mini_stream);
            fault = fault.or(table.and(stream).err());
        }
        Ok(Self {
            sectors,
            fat,
            mini_sectors: Sectors {
                bytes: mini_stream,
                first_at: 0,
                size: MINI_SECTOR_BYTES,
            },
            mini_fat: numbers(&mini_table).collect(),
            mini_cutoff: u64::from(mini_cutoff),
            directory,
            fault,
        })
    }
}

impl Sectors {
    fn count(&self) -> usize {
        self.bytes.len() / self.size
    }

    /// A sector's bytes; the last sector of a file may be cut short.
    fn get(&self, id: u32) -> Result<&[u8], Fault> {
        let start = usize::try_from(id)
            .ok()
            .and_then(|id| id.checked_mul(self.size)?.checked_add(self.first_at))
            .ok_or(Fault::OutOfFile)?;
        let end = start.saturating_add(self.size).min(self.bytes.len());
        self.bytes.get(start..end).ok_or(Fault::OutOfFile)
    }

    /// The file's allocation table: which sector follows which ([MS-CFB] 2.3 and 2.5), and what is wrong with it.
    fn fat(&self, header: &[u8; HEADER_BYTES]) -> Result<(Vec<u32>, Option<Fault>), Fault> {
        let mut ids: Vec<u32> = numbers(&header[DIFAT_IN_HEADER]).collect();
        // Some programs write 0 instead of the mark for a list that ends in the header.
        let mut next = match (u32_at(header, 68), u32_at(header, 72)) {
            (0, 0) => END_OF_CHAIN,
            (next, _) => next,
        };
        let mut visited = 0;
        while next < FIRST_MARK {
            ids.extend(numbers(self.get(next)?));
            visited += 1;
            if visited > self.count() {
                return Err(Fault::Loop);
            }
            next = ids.pop().ok_or(Fault::OutOfFile)?;
        }
        ids.retain(|id| *id < FIRST_MARK);
        // Each sector once; else a small file could ask for a table of any size.
        if ids.len() > self.count() {
            return Err(Fault::OutOfFile);
        }
        let per_sector = self.size / 4;
        let mut fat = Vec::with_capacity(ids.len() * per_sector);
        let mut fault = None;
        for (index, id) in ids.into_iter().enumerate() {
            match self.get(id) {
                Ok(sector) => fat.extend(numbers(sector)),
                Err(missing) => fault = Some(missing),
            }
            // What is missing leads nowhere.
            fat.resize((index + 1) * per_sector, FIRST_MARK);
        }
        Ok((fat, fault))
    }

    /// The first `len` bytes of the chain that begins with this sector ([MS-CFB] 2.3).
    fn chain(&self, start: u32, table: &[u32], len: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        self.follow(start, table, len, &mut bytes)?;
        Ok(bytes)
    }

    /// Appends the bytes of a chain as far as it can be followed.
    fn follow(
        &self,
        start: u32,
        table: &[u32],
        len: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut visited = 0;
        let mut id = start;
        while id != END_OF_CHAIN && (bytes.len() as u64) < len {
            let missing = usize::try_from(len - bytes.len() as u64).unwrap_or(usize::MAX);
            let sector = self.get(id)?;
            visited += 1;
            // A chain that visits more sectors than there are has been somewhere twice.
            if visited > self.count() + 1 {
                return Err(Fault::Loop);
            }
            bytes.extend_from_slice(&sector[..sector.len().min(missing)]);
            if (bytes.len() as u64) < len {
                let index = usize::try_from(id).map_err(|_| Fault::OutOfFile)?;
                id = *table.get(index).ok_or(Fault::OutOfFile)?;
            }
        }
        Ok(())
    }
}

impl Entry {
    /// A directory entry ([MS-CFB] 2.6.1). Files with small sectors have lengths of 32 bits; the rest may be garbage.
    fn parse(entry: &[u8], sector_size: usize) -> Self {
        let units = entry[..64]
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .take_while(|unit| *unit != 0);
        let low = u64::from(u32_at(entry, 120));
        let high = u64::from(u32_at(entry, 124));
        Self {
            name: char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
            // Some programs leave the type out of everything but storages.
            is_stream: !matches!(entry[66], STORAGE | ROOT_STORAGE),
            siblings: [u32_at(entry, 68), u32_at(entry, 72)],
            child: u32_at(entry, 76),
            start: u32_at(entry, 116),
            len: if sector_size == 512 {
                low
            } else {
                high << 32 | low
            },
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|number| u32_at(number, 0))
}

fn broken(path: &Path, fault: Fault) -> Error {
    Error::new(
        ErrorKind::WorkbookBroken,
        format!("{} is damaged: {}", path.display(), fault.words()),
    )
    .in_file(path)
    .next_step("Copy or download the file again, or save it anew with a spreadsheet program")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 512-byte sectors: FAT in sector 0, directory in sector 1, the stream "Book" from sector 2 on.
    fn file(fat: &[u32], book_len: u32) -> Vec<u8> {
        let mut bytes = vec![0_u8; 512 * (fat.len() + 1)];
        bytes[..8].copy_from_slice(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]);
        let mut put = |at: usize, value: u32| {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        };
        put(30, 9 | 6 << 16);
        put(48, 1);
        put(68, END_OF_CHAIN);
        put(76, 0);
        for free in 1..109 {
            put(76 + 4 * free, u32::MAX);
        }
        for (index, next) in fat.iter().enumerate() {
            put(512 + 4 * index, *next);
        }
        let book = 2 * 512 + ENTRY_BYTES;
        put(book, u32::from(b'B') | u32::from(b'o') << 16);
        put(book + 4, u32::from(b'o') | u32::from(b'k') << 16);
        put(book + 116, 2);
        put(book + 120, book_len);
        for sector in 2..fat.len() {
            bytes[512 * (sector + 1)..][..512].fill(u8::try_from(sector).unwrap());
        }
        bytes
    }

    const FAT_SECTOR: u32 = 0xFFFF_FFFD;

    fn sound() -> Vec<u32> {
        let mut fat = vec![FAT_SECTOR, END_OF_CHAIN];
        fat.extend(3..=9);
        fat.push(END_OF_CHAIN);
        fat
    }

    fn read(bytes: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let path = Path::new("a.xls");
        CompoundFile::parse(bytes)
            .map_err(|fault| broken(path, fault))?
            .stream(path, "bOOK")
    }

    #[test]
    fn a_stream_is_read_along_its_chain() {
        let stream = read(file(&sound(), 4097)).unwrap().unwrap();
        let wanted: Vec<u8> = (2..=9)
            .flat_map(|sector| [sector; 512])
            .take(4097)
            .collect();
        assert_eq!(stream, wanted);
    }

    #[test]
    fn a_chain_that_leads_into_itself_is_refused() {
        let mut fat = sound();
        fat[9] = 4;
        let error = read(file(&fat, u32::MAX)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        assert!(error.message().contains("loop"), "{error}");
        // As long as the stream's length stops the reader, no harm is done.
        assert!(read(file(&fat, 4096)).is_ok());

        let mut fat = sound();
        fat[1] = 1;
        let directory = CompoundFile::parse(file(&fat, 4096)).err();
        assert_eq!(directory, Some(Fault::Loop));
    }

    #[test]
    fn the_list_of_fat_sectors_is_bounded_too() {
        let mut bytes = file(&sound(), 4096);
        bytes[68..72].copy_from_slice(&2_u32.to_le_bytes());
        let difat = 512 * 3;
        bytes[difat..difat + 508].fill(0xFF);
        bytes[difat + 508..difat + 512].copy_from_slice(&2_u32.to_le_bytes());
        assert_eq!(CompoundFile::parse(bytes).err(), Some(Fault::Loop));
        let mut bytes = file(&sound(), 4096);
        for entry in 1..109 {
            bytes[76 + 4 * entry..][..4].fill(0);
        }
        assert_eq!(CompoundFile::parse(bytes).err(), Some(Fault::OutOfFile));
    }

    #[test]
    fn sectors_outside_of_the_file_are_refused() {
        let mut fat = sound();
        fat[5] = 4000;
        let error = read(file(&fat, 4096)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        let mut fat = sound();
        fat[5] = u32::MAX;
        assert!(read(file(&fat, 4096)).is_err());
        let mut bytes = file(&sound(), 4096);
        bytes.truncate(512 * 4);
        assert!(read(bytes).is_err());
        for len in [0, 8, 511, 512, 600, 1100] {
            let mut bytes = file(&sound(), 4096);
            bytes.truncate(len);
            assert!(CompoundFile::parse(bytes).is_err(), "{len}");
        }
    }

    #[test]
    fn what_is_left_of_a_cut_off_file_is_read() {
        let path = Path::new("a.xls");
        let mut bytes = file(&sound(), 4096);
        bytes.truncate(512 * 6);
        let left = CompoundFile::of_bytes(path, bytes.clone()).unwrap();
        let left = left.root_stream(path, "Book").unwrap().unwrap();
        let wanted: Vec<u8> = (2..=4).flat_map(|sector| [sector; 512]).collect();
        assert_eq!(left, wanted);
        assert!(read(bytes.clone()).is_err());
        // Nothing of the stream is left.
        bytes.truncate(512 * 3);
        let left = CompoundFile::of_bytes(path, bytes).unwrap();
        assert!(left.root_stream(path, "Book").is_err());

        // A second FAT sector that is not there, and that nothing needs.
        let mut bytes = file(&sound(), 4096);
        bytes[80..84].copy_from_slice(&4000_u32.to_le_bytes());
        let parsed = CompoundFile::parse(bytes.clone()).unwrap();
        assert_eq!(parsed.fault, Some(Fault::OutOfFile));
        let whole = parsed.root_stream(path, "Book").unwrap().unwrap();
        assert_eq!(whole.len(), 4096);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        assert!(CompoundFile::open(file.path(), &Limits::default()).is_err());
    }

    #[test]
    fn short_streams_lie_in_the_mini_stream() {
        // The root's chain (sectors 2 to 9) is the mini stream; sector 10 is the mini FAT.
        let mut fat = sound();
        fat.push(END_OF_CHAIN);
        let mut bytes = file(&fat, 100);
        let mut put = |at: usize, value: u32| {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        };
        put(60, 10);
        put(64, 1);
        put(1024 + 116, 2);
        put(1024 + 120, 4096);
        put(512 * 11 + 4 * 2, 9);
        put(512 * 11 + 4 * 9, END_OF_CHAIN);
        let stream = read(bytes.clone()).unwrap().unwrap();
        // Mini sector 2 lies in sector 2, mini sector 9 in sector 3.
        assert_eq!(stream, [[2; 64].as_slice(), &[3; 36]].concat());
        bytes[512 * 11 + 4 * 9..][..4].copy_from_slice(&5000_u32.to_le_bytes());
        bytes[512 * 2 + ENTRY_BYTES + 120] = 200;
        assert!(read(bytes).is_err());
    }

    #[test]
    fn what_the_header_leaves_out_has_a_usual_meaning() {
        // No more of the FAT's list, by a 0 in place of the mark, while sector 0 is the FAT itself.
        let mut bytes = file(&sound(), 4096);
        bytes[68..76].fill(0);
        assert_eq!(read(bytes).unwrap().unwrap().len(), 4096);
        // A short stream in whole sectors, in a file without a mini stream.
        let stream = read(file(&sound(), 700)).unwrap().unwrap();
        assert_eq!(stream, [[2; 512].as_slice(), &[3; 188]].concat());
        let mut bytes = file(&sound(), 700);
        bytes[56..60].copy_from_slice(&512_u32.to_le_bytes());
        assert_eq!(read(bytes).unwrap().unwrap(), stream);
        // Sizes of sectors that cannot be.
        for (at, shift) in [(30, 0xFFFF_u16), (32, 0x0A00)] {
            let mut bytes = file(&sound(), 4096);
            bytes[at..at + 2].copy_from_slice(&shift.to_le_bytes());
            assert_eq!(read(bytes).unwrap().unwrap().len(), 4096, "{at}");
        }
        let mut bytes = file(&sound(), 4096);
        bytes[30] = 10;
        assert!(read(bytes).is_err());
    }

    /// The start of the root's stream "Book" in a directory of the root, "Book", a storage, and another "Book".
    fn found_in(children: [(u32, u32, u32, u8); 4]) -> Option<u32> {
        let bytes = file(&sound(), 4096);
        let mut parsed = CompoundFile::parse(bytes).unwrap();
        parsed.directory.truncate(4);
        let named = ["Root Entry", "Book", "Storage", "Book"];
        for (index, entry) in parsed.directory.iter_mut().enumerate() {
            let (left, right, child, kind) = children[index];
            entry.siblings = [left, right];
            entry.child = child;
            entry.name = named[index].to_owned();
            entry.is_stream = kind == 2;
            entry.start = u32::try_from(index).unwrap();
        }
        parsed.root_entry("BOOK").map(|entry| entry.start)
    }

    #[test]
    fn the_streams_of_documents_inside_are_not_the_roots() {
        const NO: u32 = NO_ENTRY;
        let storage = |child| (NO, NO, child, 1);
        let stream = (NO, NO, NO, 2);
        // The root has the storage, which has the first of the two; the other one is the storage's sibling.
        let inside = [(NO, NO, 2, 5), stream, (3, NO, 1, 1), stream];
        assert_eq!(found_in(inside), Some(3));
        let inside = [(NO, NO, 2, 5), stream, (NO, 3, 1, 1), stream];
        assert_eq!(found_in(inside), Some(3));
        // Only documents inside have it.
        let only_inside = [(NO, NO, 2, 5), (NO, 3, NO, 2), storage(1), stream];
        assert_eq!(found_in(only_inside), None);
        // A tree that is not there, leads out of the directory or round in a loop.
        let none = [(NO, NO, NO, 5), stream, storage(3), stream];
        assert_eq!(found_in(none), Some(1));
        let outside = [(NO, NO, 2, 5), stream, (77, NO, NO, 1), stream];
        assert_eq!(found_in(outside), Some(1));
        let round = [(NO, NO, 2, 5), stream, (2, 2, NO, 1), stream];
        assert_eq!(found_in(round), Some(1));
    }

    #[test]
    fn a_name_that_is_not_there_is_no_error() {
        let parsed = CompoundFile::parse(file(&sound(), 4096)).unwrap();
        assert!(parsed.contains("book"));
        assert!(!parsed.contains("Workbook"));
        let stream = parsed.stream(Path::new("a.xls"), "Workbook").unwrap();
        assert!(stream.is_none());
    }
}
