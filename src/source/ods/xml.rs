//! XML as a stream of events, held to what a file may cost.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;

use super::package::MANIFEST;
use super::tag::{Namespaces, Space, Tag, declare};
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::{Limit, Limits};
use crate::source::inflate::Passed;
use crate::source::namespaces::Scopes;
use crate::source::workbook::{broken, over_limit};
use crate::source::xml::{MIN_PIECE_BYTES, check_tag, referred};

/// How much is inflated at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// What the parser has come to.
pub(super) enum Node<'x> {
    Start(Tag<'x>),
    /// Characters as they are written.
    Text(Cow<'x, str>),
    Reference(BytesRef<'x>),
    Eof,
    /// An end, or what has no meaning.
    Other,
}

/// A part, for errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    path: &'a Path,
    part: &'static str,
}

impl<'a> Place<'a> {
    /// A part of this workbook, by its name.
    pub(super) fn of(path: &'a Path, part: &'static str) -> Self {
        Self { path, part }
    }

    /// `WorkbookTooLarge`, naming the part and the limit.
    pub(super) fn over(self, Passed { limit, most }: Passed) -> Error {
        over_limit(self.path, &format!("its part {}", self.part), limit, most)
    }
}

/// A part of the package, event by event. Empty elements come as a start and an end.
pub(super) struct Xml<'a> {
    place: Place<'a>,
    limits: Limits,
    reader: Reader<Bounded<'a>>,
    buffer: Vec<u8>,
    depth: u32,
    held: u64,
    namespaces: Namespaces,
}

impl<'a> Xml<'a> {
    /// A part from its first byte.
    pub(super) fn new(place: Place<'a>, part: impl Read + 'a, limits: Limits) -> Self {
        let mut reader = Reader::from_reader(Bounded {
            inner: BufReader::with_capacity(CHUNK_BYTES, Box::new(part)),
            used: 0,
            token_start: 0,
            piece: limits.string_bytes.max(MIN_PIECE_BYTES),
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            place,
            limits,
            reader,
            buffer: Vec::new(),
            depth: 0,
            held: 0,
            namespaces: Scopes::with_defaults(&Space::CUSTOMARY),
        }
    }

    /// A part from behind the start tag of an element, whose end is the last event that makes sense. These namespaces are
    /// known there.
    pub(super) fn inside(
        place: Place<'a>,
        part: impl Read + 'a,
        limits: Limits,
        namespaces: Namespaces,
    ) -> Self {
        let mut xml = Self::new(place, part, limits);
        xml.reader.config_mut().allow_unmatched_ends = true;
        xml.depth = 1;
        xml.namespaces = namespaces.outermost();
        xml
    }

    /// What the prefixes stand for in the element whose start was the last event.
    pub(super) fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// The workbook.
    pub(super) fn path(&self) -> &'a Path {
        self.place.path
    }

    /// What the workbook may cost.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The error of a part that passes a limit.
    pub(super) fn over(&self, limit: Limit) -> Error {
        let most = limit.of(&self.limits);
        self.place.over(Passed { limit, most })
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
        if self.held <= self.limits.list_bytes {
            return Ok(());
        }
        Err(self.over(Limit::List))
    }

    /// The next event.
    ///
    /// # Errors
    /// `WorkbookBroken` for what is not XML, for a document type that declares something, for an end that comes too
    /// early; `WorkbookTooLarge`; `FileUnreadable`.
    pub(super) fn next(&mut self) -> Result<Node<'_>> {
        self.buffer.clear();
        let bounds = self.reader.get_mut();
        bounds.token_start = bounds.used;
        let Place { path, part } = self.place;
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(failure(self.place, error)),
        };
        Ok(match event {
            Event::Start(tag) => {
                self.depth += 1;
                check_tag(&tag, self.depth, &self.limits)
                    .map_err(|fault| fault.in_part(path, part))?;
                declare(&mut self.namespaces, &tag, self.depth)
                    .map_err(|_| broken(path, "it declares more namespaces than anybody needs"))?;
                let namespaces = &self.namespaces;
                Node::Start(Tag {
                    tag,
                    namespaces,
                    path,
                })
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                self.namespaces.leave(self.depth);
                Node::Other
            }
            Event::Text(text) => Node::Text(text.into_inner()),
            Event::CData(text) => Node::Text(text.into_inner()),
            Event::GeneralRef(reference) => Node::Reference(reference),
            Event::Eof if self.depth > 0 => {
                return Err(broken(path, "its content is cut off"));
            }
            Event::Eof => Node::Eof,
            // OpenOffice.org 2 wrote one into the list of parts; what it points to is not looked for.
            Event::DocType(declared) if part != MANIFEST || declared.contains('[') => {
                return Err(broken(
                    path,
                    &format!("its part {part} has a document type"),
                ));
            }
            _ => Node::Other,
        })
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
        let (path, outside) = (self.place.path, self.depth.saturating_sub(1));
        let mut text = String::new();
        while self.depth > outside {
            let direct = self.depth == outside + 1;
            match self.next()? {
                Node::Text(part) if direct => text.push_str(&part),
                Node::Reference(reference) if direct => text.push(character(path, &reference)?),
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

fn failure(place: Place<'_>, error: quick_xml::Error) -> Error {
    let path = place.path;
    if let quick_xml::Error::Io(io) = &error
        && let Some(passed) = Passed::of(io)
    {
        return place.over(passed);
    }
    match &error {
        // An error of the operating system has its code; the rest come from cut-off or corrupt content.
        quick_xml::Error::Io(io) if io.raw_os_error().is_some() => Error::new(
            ErrorKind::FileUnreadable,
            format!("{} cannot be read", path.display()),
        )
        .in_file(path)
        .caused_by(error)
        .next_step("Check the disk"),
        quick_xml::Error::Io(_) => broken(path, "its content does not inflate").caused_by(error),
        _ => broken(path, "its content is cut off or is not XML").caused_by(error),
    }
}

/// Inflated bytes, counted.
struct Bounded<'a> {
    inner: BufReader<Box<dyn Read + 'a>>,
    used: u64,
    token_start: u64,
    /// The most bytes that one tag, or one stretch of text between tags, may have: it is held in memory.
    piece: u64,
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
        if !bytes.is_empty() && self.used.saturating_sub(self.token_start) > self.piece {
            let (limit, most) = (Limit::String, self.piece);
            return Err(io::Error::other(Passed { limit, most }));
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
