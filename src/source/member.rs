//! A member of a zip file (APPNOTE 6.3.10, section 4.3), inflated as a stream that borrows nothing: several can be read at
//! once, each on a thread of its own.

use std::io::{self, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use zip::CompressionMethod;

use super::input::Input;

/// Compressed bytes read at once.
const COMPRESSED_PIECE: usize = 64 << 10;

/// What the zip directory says of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MemberEntry {
    /// Where its bytes begin in the file.
    pub(super) start: u64,
    /// How many there are.
    pub(super) compressed: u64,
    /// How many they inflate to.
    pub(super) inflated: u64,
    /// The CRC-32 of the inflated bytes.
    pub(super) crc: u32,
    /// How they are packed.
    pub(super) packing: Packing,
}

/// How a member's bytes are packed: in the only two ways that ECMA-376 Part 2 (annex B) knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflated,
}

impl Packing {
    /// The one of a compression method, if it is one of the two.
    pub(super) fn of(method: CompressionMethod) -> Option<Self> {
        match method {
            CompressionMethod::Stored => Some(Self::Stored),
            CompressionMethod::Deflated => Some(Self::Deflated),
            _ => None,
        }
    }
}

/// The inflated bytes. The end is an error when they are more or others than the directory says.
#[derive(Debug)]
pub(super) struct Member {
    input: Input,
    entry: MemberEntry,
    /// Where the next compressed bytes are, and how many are still to be read.
    place: u64,
    left: u64,
    piece: Vec<u8>,
    /// What is not used yet of the piece.
    unused: std::ops::Range<usize>,
    inflater: Option<Decompress>,
    crc: Crc,
    inflated: u64,
    is_ended: bool,
}

impl Member {
    pub(super) fn new(input: Input, entry: MemberEntry) -> Self {
        Self {
            input,
            entry,
            place: entry.start,
            left: entry.compressed,
            piece: Vec::new(),
            unused: 0..0,
            inflater: match entry.packing {
                Packing::Stored => None,
                Packing::Deflated => Some(Decompress::new(false)),
            },
            crc: Crc::new(),
            inflated: 0,
            is_ended: false,
        }
    }

    /// Has compressed bytes at hand, if there are any.
    fn refill(&mut self) -> io::Result<()> {
        if !self.unused.is_empty() || self.left == 0 {
            return Ok(());
        }
        let size = usize::try_from(self.left).unwrap_or(usize::MAX);
        self.piece.resize(size.min(COMPRESSED_PIECE), 0);
        let read = loop {
            match self.input.read_at(self.place, &mut self.piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.unused = 0..read;
        self.place = self.place.saturating_add(read as u64);
        // A file that ends before its directory says has no more.
        self.left = if read == 0 {
            0
        } else {
            self.left.saturating_sub(read as u64)
        };
        Ok(())
    }

    /// Unpacks some bytes; none at the end.
    fn unpack(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_ended && !buffer.is_empty() {
            self.refill()?;
            let packed = self.piece.get(self.unused.clone()).unwrap_or_default();
            let (used, made) = match &mut self.inflater {
                None => {
                    let made = packed.len().min(buffer.len());
                    buffer[..made].copy_from_slice(&packed[..made]);
                    self.is_ended = made == 0;
                    (made, made)
                }
                Some(inflater) => {
                    let before = (inflater.total_in(), inflater.total_out());
                    let status = inflater
                        .decompress(packed, buffer, FlushDecompress::None)
                        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                    self.is_ended = status == Status::StreamEnd;
                    let used = usize::try_from(inflater.total_in() - before.0);
                    let made = usize::try_from(inflater.total_out() - before.1);
                    let (used, made) = (used.unwrap_or(usize::MAX), made.unwrap_or(usize::MAX));
                    if used == 0 && made == 0 && !self.is_ended && self.unused.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    (used, made)
                }
            };
            self.unused.start = self.unused.start.saturating_add(used).min(self.unused.end);
            if made > 0 {
                return Ok(made);
            }
        }
        Ok(0)
    }
}

impl Read for Member {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let made = self.unpack(buffer)?;
        self.crc.update(buffer.get(..made).unwrap_or_default());
        self.inflated = self.inflated.saturating_add(made as u64);
        if self.inflated > self.entry.inflated {
            return Err(damaged("it is larger than the directory says"));
        }
        if made == 0 && !buffer.is_empty() && self.crc.sum() != self.entry.crc {
            return Err(damaged("its checksum is wrong"));
        }
        Ok(made)
    }
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, how.to_owned())
}
