//! XML as a stream of events, held to what a file may cost.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use crate::error::{Error, ErrorKind, Result};
use crate::source::workbook::{broken, too_large};
use crate::source::xml::referred;

/// The most bytes that one tag, or one stretch of text between tags, may have: it is held in memory.
const MAX_TOKEN_BYTES: u64 = 64 << 20;
/// The most bytes of names and styles that are kept from one part.
const MAX_HELD_BYTES: u64 = 256 << 20;
/// How deep elements may lie in each other. Real workbooks stay below 30.
const MAX_DEPTH: u32 = 1_000;
/// How much is inflated at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// A part of the package, event by event. Empty elements come as a start and an end.
pub(super) struct Xml<'a> {
    path: &'a Path,
    reader: Reader<Bounded<'a>>,
    buffer: Vec<u8>,
    depth: u32,
    held: u64,
}

impl<'a> Xml<'a> {
    /// A part from its first byte. It may inflate to `limit` bytes.
    pub(super) fn new(path: &'a Path, part: impl Read + 'a, limit: u64) -> Self {
        let mut reader = Reader::from_reader(Bounded {
            inner: BufReader::with_capacity(CHUNK_BYTES, Box::new(part)),
            used: 0,
            token_start: 0,
            limit,
            excess: None,
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            path,
            reader,
            buffer: Vec::new(),
            depth: 0,
            held: 0,
        }
    }

    /// A part from behind the start tag of an element, whose end is the last event that makes sense.
    pub(super) fn inside(path: &'a Path, part: impl Read + 'a, limit: u64) -> Self {
        let mut xml = Self::new(path, part, limit);
        xml.reader.config_mut().allow_unmatched_ends = true;
        xml.depth = 1;
        xml
    }

    /// The workbook.
    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// How many bytes lie before the next event.
    pub(super) fn position(&self) -> u64 {
        self.reader.get_ref().used
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Accounts for something that is kept until the workbook is closed.
    ///
    /// # Errors
    /// `WorkbookTooLarge` when the part makes us keep too much.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<()> {
        /// What an entry of a table costs besides its text.
        const ENTRY_BYTES: u64 = 64;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.held = self.held.saturating_add(bytes).saturating_add(ENTRY_BYTES);
        if self.held <= MAX_HELD_BYTES {
            return Ok(());
        }
        let what = format!("holds over {MAX_HELD_BYTES} bytes of names and styles");
        Err(too_large(self.path, &what))
    }

    /// The next event.
    ///
    /// # Errors
    /// `WorkbookBroken` for what is not XML, for a document type that declares something, for an end that comes too
    /// early; `WorkbookTooLarge`; `FileUnreadable`.
    pub(super) fn next(&mut self) -> Result<Event<'_>> {
        self.buffer.clear();
        let bounds = self.reader.get_mut();
        bounds.token_start = bounds.used;
        let event = self.reader.read_event_into(&mut self.buffer);
        let event = match event {
            Ok(event) => event,
            Err(error) => return Err(failure(self.path, self.reader.get_ref().excess, error)),
        };
        match &event {
            Event::Start(_) => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(broken(self.path, "its elements are nested too deeply"));
                }
            }
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => {
                return Err(broken(self.path, "its content is cut off"));
            }
            Event::DocType(declarations) if declarations.contains('[') => {
                return Err(broken(self.path, "it declares XML entities of its own"));
            }
            _ => {}
        }
        Ok(event)
    }

    /// Goes behind the end of the element whose start was the last event.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn skip_element(&mut self) -> Result<()> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The characters directly in the element whose start was the last event; goes behind its end.
    ///
    /// # Errors
    /// As [`Xml::next`].
    pub(super) fn text_of_element(&mut self) -> Result<String> {
        let (path, outside) = (self.path, self.depth.saturating_sub(1));
        let mut text = String::new();
        while self.depth > outside {
            let direct = self.depth == outside + 1;
            match self.next()? {
                Event::Text(part) if direct => text.push_str(&part),
                Event::CData(part) if direct => text.push_str(&part),
                Event::GeneralRef(reference) if direct => text.push(character(path, &reference)?),
                _ => {}
            }
            if text.len() > MAX_TEXT_OF_ELEMENT {
                return Err(broken(path, "it has a style with a huge text"));
            }
        }
        Ok(text)
    }
}

/// The most bytes of a literal in a style.
const MAX_TEXT_OF_ELEMENT: usize = 64 << 10;

/// The character that a reference stands for. Only XML's own entities are known (XML 1.0, 4.6).
///
/// # Errors
/// `WorkbookBroken` for any other.
pub(super) fn character(path: &Path, reference: &BytesRef<'_>) -> Result<char> {
    referred(reference).ok_or_else(|| broken(path, "it has a reference to an unknown character"))
}

/// The attributes of a tag.
///
/// # Errors
/// `WorkbookBroken` for what is no attribute.
pub(super) fn attributes<'t>(
    path: &Path,
    tag: &'t BytesStart<'_>,
) -> impl Iterator<Item = Result<Attribute<'t>>> {
    let mut attributes = tag.attributes();
    attributes.with_checks(false);
    attributes.map(move |attribute| {
        attribute.map_err(|error| broken(path, "a tag has no proper attributes").caused_by(error))
    })
}

/// An attribute's prefix (empty without one) and local name.
pub(super) fn name_of<'t>(attribute: &Attribute<'t>) -> (&'t str, &'t str) {
    let name = attribute.key.0;
    name.split_once(':').unwrap_or(("", name))
}

/// An attribute's value as XML defines it (XML 1.0, 3.3.3).
///
/// # Errors
/// `WorkbookBroken` for an unknown reference.
pub(super) fn value_of<'t>(path: &Path, attribute: &Attribute<'t>) -> Result<Cow<'t, str>> {
    let is_special = |byte: &u8| matches!(byte, b'&' | b'\t' | b'\n' | b'\r');
    if !attribute.value.as_bytes().iter().any(is_special) {
        return Ok(attribute.value.clone());
    }
    attribute
        .normalized_value(XmlVersion::Implicit1_0)
        .map_err(|error| broken(path, "an attribute has no proper value").caused_by(error))
}

/// The value of the attribute with this local name.
///
/// # Errors
/// As [`attributes`] and [`value_of`].
pub(super) fn attribute<'t>(
    path: &Path,
    tag: &'t BytesStart<'_>,
    local_name: &str,
) -> Result<Option<Cow<'t, str>>> {
    for attribute in attributes(path, tag) {
        let attribute = attribute?;
        if name_of(&attribute).1 == local_name {
            return value_of(path, &attribute).map(Some);
        }
    }
    Ok(None)
}

fn failure(path: &Path, excess: Option<Excess>, error: quick_xml::Error) -> Error {
    match (excess, &error) {
        (Some(Excess::Part), _) => too_large(path, "inflates to more bytes than can be read"),
        (Some(Excess::Token), _) => too_large(
            path,
            &format!("holds a text or a tag of over {MAX_TOKEN_BYTES} bytes"),
        ),
        // An error of the operating system has its code; the rest come from cut-off or corrupt content.
        (None, quick_xml::Error::Io(io)) if io.raw_os_error().is_some() => Error::new(
            ErrorKind::FileUnreadable,
            format!("{} cannot be read", path.display()),
        )
        .in_file(path)
        .caused_by(error)
        .next_step("Check the disk"),
        (None, quick_xml::Error::Io(_)) => {
            broken(path, "its content does not inflate").caused_by(error)
        }
        _ => broken(path, "its content is cut off or is not XML").caused_by(error),
    }
}

/// What a part has too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    Part,
    Token,
}

/// Inflated bytes, counted.
struct Bounded<'a> {
    inner: BufReader<Box<dyn Read + 'a>>,
    used: u64,
    token_start: u64,
    limit: u64,
    excess: Option<Excess>,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.inner.fill_buf()?;
        let excess = if bytes.is_empty() {
            None
        } else if self.used >= self.limit {
            Some(Excess::Part)
        } else if self.used - self.token_start > MAX_TOKEN_BYTES {
            Some(Excess::Token)
        } else {
            None
        };
        if excess.is_some() {
            self.excess = excess;
            return Err(io::Error::other("too many bytes"));
        }
        Ok(bytes)
    }

    fn consume(&mut self, count: usize) {
        self.used = self
            .used
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        self.inner.consume(count);
    }
}
