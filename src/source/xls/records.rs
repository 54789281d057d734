//! Records and substreams of a BIFF stream ([MS-XLS] 2.1.2 and 2.1.4).

use super::kind;

/// The version of the records: Excel 2, 3, 4, 5 and 95, 97 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Biff2,
    Biff3,
    Biff4,
    Biff5,
    Biff8,
}

/// What a substream holds ([MS-XLS] 2.4.21 BOF, `dt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Globals,
    /// The globals of a workbook of version 4, with the sheets inside of it.
    Globals4,
    Worksheet,
    Chart,
    Other,
}

/// The record that begins a substream ([MS-XLS] 2.4.21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bof {
    /// `None` for a version that nobody has heard of.
    pub(super) version: Option<Version>,
    pub(super) holds: Holds,
}

impl Bof {
    fn parse(record: &Record<'_>) -> Self {
        let version = match (record.kind, u16_at(record.body, 0)) {
            (kind::BOF_2, _) => Some(Version::Biff2),
            (kind::BOF_3, _) => Some(Version::Biff3),
            (kind::BOF_4, _) => Some(Version::Biff4),
            (_, Some(0x0600)) => Some(Version::Biff8),
            (_, Some(0x0500)) => Some(Version::Biff5),
            // Programs other than Excel write the new record into files of the old versions.
            (_, Some(0x0400)) => Some(Version::Biff4),
            (_, Some(0x0300)) => Some(Version::Biff3),
            (_, Some(0x0000 | 0x0002 | 0x0007 | 0x0200)) => Some(Version::Biff2),
            _ => None,
        };
        let holds = match u16_at(record.body, 2) {
            Some(0x0005) => Holds::Globals,
            Some(0x0010) => Holds::Worksheet,
            Some(0x0020) => Holds::Chart,
            Some(0x0100) => Holds::Globals4,
            _ => Holds::Other,
        };
        Self { version, holds }
    }
}

/// Whether a record begins a substream, in any version.
pub(super) fn is_bof(kind: u16) -> bool {
    matches!(kind, kind::BOF_2 | kind::BOF_3 | kind::BOF_4 | kind::BOF)
}

/// A record: a type and up to 65535 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: u16,
    pub(super) body: &'a [u8],
}

/// The records of a stream, up to its end or to a record that is cut off.
#[derive(Debug, Clone)]
pub(super) struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// The records from this place on.
    pub(super) fn from(stream: &'a [u8], at: usize) -> Self {
        Self { stream, at }
    }

    /// Where the next record begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let rest = self.stream.get(self.at..)?;
        let kind = u16_at(rest, 0)?;
        let len = usize::from(u16_at(rest, 2)?);
        let body = rest.get(4..4 + len)?;
        self.at += 4 + len;
        Some(Record { kind, body })
    }
}

/// The records between a BOF and its EOF. Substreams inside of it, such as charts on a worksheet, are left out.
#[derive(Debug, Clone)]
pub(super) struct Substream<'a> {
    records: Records<'a>,
    begins: Bof,
    state: State,
    inner: Inner,
}

/// What a BOF inside of a substream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    /// The beginning of a substream with an end of its own.
    Substream,
    /// A record without a meaning.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Inside,
    Ended,
    CutOff,
}

impl<'a> Substream<'a> {
    /// The substream that begins here; `None` when none does.
    pub(super) fn open(stream: &'a [u8], at: usize) -> Option<Self> {
        let mut records = Records::from(stream, at);
        let first = records.next().filter(|record| is_bof(record.kind))?;
        Some(Self {
            records,
            begins: Bof::parse(&first),
            state: State::Inside,
            inner: Inner::Substream,
        })
    }

    /// The same in globals, which have no substreams inside ([MS-XLS] 2.1.7.20.3): a BOF there is one too many, or that
    /// of the first sheet behind globals that lack their end, and either way what follows goes up to the next EOF.
    pub(super) fn without_inner(mut self) -> Self {
        self.inner = Inner::Nothing;
        self
    }

    /// Its first record.
    pub(super) fn bof(&self) -> Bof {
        self.begins
    }

    /// Where the next record begins.
    pub(super) fn position(&self) -> usize {
        self.records.position()
    }

    /// Where the record that was read last begins.
    pub(super) fn place_of(&self, record: &Record<'_>) -> usize {
        /// Type and length.
        const HEAD_BYTES: usize = 4;
        let bytes = HEAD_BYTES + record.body.len();
        self.position().saturating_sub(bytes)
    }

    /// The same substream, to be read from the record at this place on.
    pub(super) fn from(&self, at: usize) -> Self {
        Self {
            records: Records::from(self.records.stream, at),
            state: State::Inside,
            ..self.clone()
        }
    }

    /// Whether the stream ended before the substream did. Known once all records are read.
    pub(super) fn is_cut_off(&self) -> bool {
        self.state == State::CutOff
    }

    /// The body of the record that was read last, together with those of the CONTINUE records behind it.
    pub(super) fn joined(&self, record: &Record<'a>) -> Joined<'a> {
        Joined {
            body: record.body,
            behind: self.records.clone(),
        }
    }

    /// Goes past the end of a substream whose BOF was just read.
    fn skip_inner(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.records.next() {
                None => return,
                Some(record) if is_bof(record.kind) => depth += 1,
                Some(record) if record.kind == kind::EOF => depth -= 1,
                Some(_) => {}
            }
        }
    }
}

impl<'a> Iterator for Substream<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        while self.state == State::Inside {
            match self.records.next() {
                None => self.state = State::CutOff,
                Some(record) if record.kind == kind::EOF => self.state = State::Ended,
                Some(record) if is_bof(record.kind) => match self.inner {
                    Inner::Substream => self.skip_inner(),
                    Inner::Nothing => {}
                },
                Some(record) => return Some(record),
            }
        }
        None
    }
}

/// A record's body that goes on in CONTINUE records ([MS-XLS] 2.4.58).
#[derive(Debug, Clone)]
pub(super) struct Joined<'a> {
    /// What is left of the record at hand.
    body: &'a [u8],
    /// The records behind it.
    behind: Records<'a>,
}

impl<'a> Joined<'a> {
    /// A body that does not go on.
    pub(super) fn alone(body: &'a [u8]) -> Self {
        Self {
            body,
            behind: Records::from(&[], 0),
        }
    }

    /// Goes on to the next CONTINUE record.
    pub(super) fn advance(&mut self) -> Option<()> {
        let next = self.behind.next()?;
        if next.kind != kind::CONTINUE {
            self.behind = Records::from(&[], 0);
            return None;
        }
        self.body = next.body;
        Some(())
    }

    /// Takes up to `most` bytes of the record at hand, which may have none left.
    pub(super) fn take_here(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.body.split_at(most.min(self.body.len()));
        self.body = rest;
        taken
    }

    /// How many bytes the record at hand has left.
    pub(super) fn left_here(&self) -> usize {
        self.body.len()
    }

    /// The next byte, of whichever record.
    pub(super) fn u8(&mut self) -> Option<u8> {
        loop {
            if let Some((byte, rest)) = self.body.split_first() {
                self.body = rest;
                return Some(*byte);
            }
            self.advance()?;
        }
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.u8()?, self.u8()?]))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from(self.u16()?) | u32::from(self.u16()?) << 16)
    }

    /// Goes past this many bytes, of whichever records.
    pub(super) fn skip(&mut self, mut count: usize) -> Option<()> {
        loop {
            count -= self.take_here(count).len();
            if count == 0 {
                return Some(());
            }
            self.advance()?;
        }
    }
}

/// The two bytes at this place as a number.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

/// The four bytes at this place as a number.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

/// The eight bytes at this place.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}
