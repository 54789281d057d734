//! XML parts as events: any encoding, no document types, bounded depth, errors with the part's name.

use std::borrow::Cow;
use std::io::{self, BufRead, Cursor, Read};
use std::path::{Path, PathBuf};

use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::package::read_error;
use super::workbook::broken;
use crate::error::{Error, Result};

/// How deep elements may be nested. Sheets need some 10 levels, extensions a few more.
const MAX_DEPTH: u32 = 256;
/// How far into a part its encoding may be declared.
const MAX_DECLARATION_BYTES: u64 = 256;
/// The byte order mark in UTF-8.
const UTF8_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The events of an XML part.
pub(super) struct XmlReader<'a> {
    reader: Reader<Box<dyn BufRead + 'a>>,
    buffer: Vec<u8>,
    depth: u32,
    path: PathBuf,
    part: String,
}

impl<'a> XmlReader<'a> {
    /// Finds out the encoding (XML 1.0, appendix F).
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn open(path: &Path, part: &str, bytes: impl BufRead + 'a) -> Result<Self> {
        let decoded = decoded(bytes).map_err(|error| read_error(path, part, error))?;
        Ok(Self {
            reader: Reader::from_reader(decoded),
            buffer: Vec::new(),
            depth: 0,
            path: path.to_path_buf(),
            part: part.to_string(),
        })
    }

    /// The next event; `Eof` after the last, when all elements are closed.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn next(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(malformed(&self.path, &self.part, error)),
        };
        match &event {
            Event::Start(_) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(damaged(&self.path, &self.part, "is nested too deeply"));
                }
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => {
                return Err(damaged(&self.path, &self.part, "has a document type"));
            }
            Event::Eof if self.depth > 0 => {
                return Err(damaged(&self.path, &self.part, "is cut off"));
            }
            _ => {}
        }
        Ok(event)
    }

    /// An error at this place of the part.
    pub(super) fn broken(&self, how: &str) -> Error {
        damaged(&self.path, &self.part, how)
    }
}

fn damaged(path: &Path, part: &str, how: &str) -> Error {
    broken(path, &format!("its part {part} {how}"))
}

fn malformed(path: &Path, part: &str, error: quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(error) => match std::sync::Arc::try_unwrap(error) {
            Ok(error) => read_error(path, part, error),
            Err(error) => damaged(path, part, "cannot be read").caused_by(error),
        },
        error => damaged(path, part, "is no well-formed XML").caused_by(error),
    }
}

/// The bytes as UTF-8.
fn decoded<'a>(mut bytes: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut start = Vec::new();
    (&mut bytes)
        .take(MAX_DECLARATION_BYTES)
        .read_to_end(&mut start)?;
    let is_wide = start.starts_with(&[0xFF, 0xFE])
        || start.starts_with(&[0xFE, 0xFF])
        || start.starts_with(b"<\0")
        || start.starts_with(b"\0<");
    let other = if is_wide { None } else { declared(&start) };
    if start.starts_with(&UTF8_MARK) {
        start.drain(..UTF8_MARK.len());
    }
    let whole = Cursor::new(start).chain(bytes);
    if !is_wide && other.is_none() {
        return Ok(Box::new(whole));
    }
    let mut decoding = DecodingReader::new(whole);
    if let Some(encoding) = other {
        decoding.set_encoding(encoding);
    }
    Ok(Box::new(decoding))
}

/// The encoding that the XML declaration names, if it is one of 8 bits and not UTF-8. A part in 8 bits that claims 16 is
/// wrong, and in UTF-8.
fn declared(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let start = start.strip_prefix(&UTF8_MARK).unwrap_or(start);
    let Ok(Event::Decl(declaration)) = Reader::from_reader(start).read_event() else {
        return None;
    };
    declaration
        .encoder()
        .filter(|encoding| encoding.is_ascii_compatible() && encoding.name() != "UTF-8")
}

/// The value of an attribute by its local name, decoded. Values that do not decode count as missing.
pub(super) fn attribute<'t>(tag: &'t BytesStart<'_>, name: &str) -> Option<Cow<'t, str>> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok()
}
