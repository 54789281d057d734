//! A text file that grows as rows are flushed.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use super::place::{Place, remove_own};

const BUFFER_BYTES: usize = 1 << 16;

/// A text file, which is made for its first line.
pub(super) struct Lines {
    place: Place,
    open: Option<Open>,
    holds: Holds,
    /// How many bytes stay when the load begins again.
    kept: u64,
}

/// The file that was made.
struct Open {
    file: BufWriter<File>,
    path: PathBuf,
}

/// Whether a text file has anything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    Text,
}

impl Lines {
    /// No file yet.
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            open: None,
            holds: Holds::Nothing,
            kept: 0,
        }
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.holds == Holds::Nothing
    }

    /// Writes a whole line, with its end.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.holds = Holds::Text;
        if self.open.is_none() {
            let (file, path) = self.place.create()?;
            let file = BufWriter::with_capacity(BUFFER_BYTES, file);
            self.open = Some(Open { file, path });
        }
        match &mut self.open {
            Some(open) => open.file.write_all(line),
            None => Ok(()),
        }
    }

    /// Hands all lines over to the system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.flush())
    }

    /// Lets all lines so far stay.
    pub(super) fn keep(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(open) = self.open.as_mut().filter(|_| !self.place.is_device()) {
            self.kept = open.file.get_mut().stream_position()?;
        }
        Ok(())
    }

    /// Takes back all lines but those that stay. What a device has taken is gone.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(open) = self.open.as_mut().filter(|_| !self.place.is_device()) {
            let file = open.file.get_mut();
            file.set_len(self.kept)?;
            file.seek(SeekFrom::Start(self.kept))?;
        }
        if self.kept == 0 {
            self.holds = Holds::Nothing;
        }
        Ok(())
    }

    /// Completes the file and gives its path. One that was made and holds nothing is removed.
    pub(super) fn finish(mut self) -> io::Result<Option<PathBuf>> {
        self.flush()?;
        match self.open {
            Some(open) if self.holds == Holds::Text => Ok(Some(open.path)),
            Some(open) if !self.place.is_device() => {
                remove_own(open.file.get_ref(), &open.path).map(|()| None)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Lines of which none stays in the end.
    fn emptied(path: &std::path::Path) -> Lines {
        let mut lines = Lines::new(Place::find(path).unwrap());
        lines.line(b"a\n").unwrap();
        lines.restart().unwrap();
        lines
    }

    #[test]
    fn a_file_that_holds_nothing_in_the_end_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.csv");
        let lines = emptied(&path);
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(lines.finish().unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_somebody_put_in_its_place_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r.csv");
        let lines = emptied(&path);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "somebody's").unwrap();
        assert_eq!(lines.finish().unwrap(), None);
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
        let lines = emptied(&path);
        fs::remove_file(directory.path().join("r-2.csv")).unwrap();
        assert_eq!(lines.finish().unwrap(), None);
    }
}
