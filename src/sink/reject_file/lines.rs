//! A text file that grows as rows are flushed.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};

use super::place::Place;

const BUFFER_BYTES: usize = 1 << 16;

/// A text file.
pub(super) struct Lines {
    place: Place,
    file: BufWriter<File>,
    holds: Holds,
    /// How many bytes stay when the load begins again.
    kept: u64,
}

/// Whether a text file has anything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    Text,
}

impl Lines {
    /// An empty file.
    pub(super) fn open(place: Place) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, place.create()?);
        Ok(Self {
            place,
            file,
            holds: Holds::Nothing,
            kept: 0,
        })
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.holds == Holds::Nothing
    }

    /// Writes a whole line, with its end.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.holds = Holds::Text;
        self.file.write_all(line)
    }

    /// Hands all lines over to the system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Lets all lines so far stay.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        self.flush()?;
        let file = self.file.get_mut();
        if file.metadata()?.is_file() {
            self.kept = file.stream_position()?;
        }
        Ok(())
    }

    /// Takes back all lines but those that stay. What a pipe has taken is gone.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.flush()?;
        let file = self.file.get_mut();
        if file.metadata()?.is_file() {
            file.set_len(self.kept)?;
            file.seek(SeekFrom::Start(self.kept))?;
        }
        if self.kept == 0 {
            self.holds = Holds::Nothing;
        }
        Ok(())
    }

    /// Completes the file, or removes an empty one.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        if self.is_empty() {
            self.place.remove()?;
        }
        Ok(())
    }
}
