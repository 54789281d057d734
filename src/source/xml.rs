//! XML parts as events: any encoding, no document types, bounded depth, errors with the part's name.

mod attributes;
mod bounds;
mod standing;

use std::io::{self, BufRead, Cursor, Read};
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesRef, BytesText, Event};

pub(super) use attributes::{
    attribute, attributes, is_blank, is_of_relationships, is_true, relationship_id,
};
use bounds::{Fault, Metered};
pub(super) use bounds::{MIN_ATTRIBUTE_BYTES, MIN_PIECE_BYTES, check_tag};
use standing::{Standing, root_namespace, standing};

use super::namespaces::{Scopes, TooMany};
use super::package::read_error;
use super::workbook::broken;
use crate::error::{Error, Result};
use crate::model::limits::{Limit, Limits};

/// How far into a part its encoding may be declared.
const MAX_DECLARATION_BYTES: u64 = 256;
/// The byte order mark in UTF-8.
const UTF8_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The events of an XML part. Elements of foreign namespaces are left out with all that is in them. Of alternate content (ECMA-376 Part 3, §7.6 AlternateContent) it gives the fallback: the
/// choices are for programs that show what newer ones made.
pub(super) struct XmlReader<'a> {
    reader: Reader<Metered<'a>>,
    buffer: Vec<u8>,
    depth: u32,
    /// Everything is left out until this depth is reached again.
    skip_to: Option<u32>,
    /// The depths at which alternate content is open.
    alternates: Vec<u32>,
    scopes: Scopes<Standing>,
    /// The namespace of the root, whatever it is.
    root_namespace: String,
    /// Whether the last event was a tag, so that the parser holds nothing of what follows it.
    is_behind_tag: bool,
    path: PathBuf,
    part: String,
    limits: Limits,
}

impl<'a> XmlReader<'a> {
    /// Finds out the encoding (XML 1.0, appendix F).
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn open(
        path: &Path,
        part: &str,
        bytes: impl BufRead + Send + 'a,
        limits: &Limits,
    ) -> Result<Self> {
        let decoded = decoded(bytes).map_err(|error| read_error(path, part, error))?;
        Ok(Self {
            reader: Reader::from_reader(Metered {
                inner: decoded,
                left: 0,
                piece: limits.string_bytes.max(MIN_PIECE_BYTES),
            }),
            buffer: Vec::new(),
            depth: 0,
            skip_to: None,
            alternates: Vec::new(),
            scopes: Scopes::default(),
            root_namespace: String::new(),
            is_behind_tag: false,
            path: path.to_path_buf(),
            part: part.to_string(),
            limits: *limits,
        })
    }

    /// The next event; `Eof` after the last, when all elements are closed.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn next(&mut self) -> Result<Event<'_>> {
        if let Some(depth) = self.skip_to.take() {
            self.skip_until(depth)?;
        }
        self.buffer.clear();
        self.reader.get_mut().begin_piece();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(malformed(&self.path, &self.part, error)),
        };
        self.is_behind_tag = matches!(event, Event::Start(_) | Event::End(_) | Event::Empty(_));
        match &event {
            Event::Start(tag) => {
                self.depth += 1;
                check_tag(tag, self.depth, &self.limits)
                    .map_err(|fault| fault.in_part(&self.path, &self.part))?;
                if self.depth == 1 {
                    self.root_namespace = root_namespace(tag);
                }
                let standing = standing(&mut self.scopes, &self.root_namespace, tag, self.depth);
                if standing.map_err(|fault| too_many(fault, &self.path, &self.part))?
                    == Standing::Foreign
                {
                    self.skip_to = Some(self.depth - 1);
                    return Ok(nothing());
                }
                if tag.local_name().as_ref() == "AlternateContent" {
                    self.alternates.push(self.depth);
                } else if self.alternates.last() == Some(&(self.depth - 1))
                    && tag.local_name().as_ref() == "Choice"
                {
                    self.skip_to = Some(self.depth - 1);
                }
            }
            Event::End(_) => {
                if self.alternates.last() == Some(&self.depth) {
                    self.alternates.pop();
                }
                self.depth = self.depth.saturating_sub(1);
                self.scopes.leave(self.depth);
            }
            Event::Empty(tag) => {
                check_tag(tag, self.depth, &self.limits)
                    .map_err(|fault| fault.in_part(&self.path, &self.part))?;
                if self.depth == 0 {
                    self.root_namespace = root_namespace(tag);
                }
                let inside = self.depth.saturating_add(1);
                let standing = standing(&mut self.scopes, &self.root_namespace, tag, inside);
                let standing = standing.map_err(|fault| too_many(fault, &self.path, &self.part))?;
                self.scopes.leave(self.depth);
                if standing == Standing::Foreign {
                    return Ok(nothing());
                }
            }
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

    /// Leaves out the rest of the element that has just started, its end included.
    pub(super) fn skip(&mut self) {
        self.skip_to = Some(self.depth.saturating_sub(1));
    }

    fn skip_until(&mut self, depth: u32) -> Result<()> {
        self.alternates.retain(|open| *open <= depth);
        while self.depth > depth {
            self.buffer.clear();
            self.reader.get_mut().begin_piece();
            match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Start(tag)) => {
                    self.depth = self.depth.saturating_add(1);
                    check_tag(&tag, self.depth, &self.limits)
                        .map_err(|fault| fault.in_part(&self.path, &self.part))?;
                }
                Ok(Event::End(_)) => self.depth = self.depth.saturating_sub(1),
                Ok(Event::Eof) => return Err(self.broken("is cut off")),
                Ok(_) => {}
                Err(error) => return Err(malformed(&self.path, &self.part, error)),
            }
        }
        self.scopes.leave(depth);
        Ok(())
    }

    /// The bytes behind the tag just read, as many as are at hand: for whoever reads whole elements from them by himself,
    /// and says with [`XmlReader::take`] how far. `None` when the parser has read on, or an element is to be left out.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn rest(&mut self) -> Result<Option<&[u8]>> {
        let is_foreign = || self.scopes.meaning("") == Some(Standing::Foreign);
        if self.skip_to.is_some() || !self.is_behind_tag || is_foreign() {
            return Ok(None);
        }
        let source = self.reader.get_mut();
        source.begin_piece();
        match source.fill_buf() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => Err(read_error(&self.path, &self.part, error)),
        }
    }

    /// Goes on behind whole elements that were read from [`XmlReader::rest`].
    pub(super) fn take(&mut self, bytes: usize) {
        self.reader.get_mut().consume(bytes);
    }

    /// The file and the part in it.
    pub(super) fn place(&self) -> (&Path, &str) {
        (&self.path, &self.part)
    }

    /// What the part may cost.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> u32 {
        self.depth
    }

    /// Appends the text of the element that has just started, up to its end. Elements in it are left out.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn text(&mut self, into: &mut String) -> Result<()> {
        let outer = self.depth;
        loop {
            match self.next()? {
                Event::Text(text) if text.contains('\r') => push_lines(&text, into),
                Event::Text(text) => into.push_str(&text),
                Event::CData(text) => push_lines(&text, into),
                Event::GeneralRef(reference) => match referred(&reference) {
                    Some(c) => into.push(c),
                    None => return Err(self.broken("has an unknown entity")),
                },
                Event::Start(_) => self.skip(),
                _ => {}
            }
            if self.depth < outer {
                return Ok(());
            }
            self.check_text(into.len())?;
        }
    }

    /// Refuses a text of so many bytes if it is too long.
    ///
    /// # Errors
    /// `WorkbookTooLarge`.
    pub(super) fn check_text(&self, bytes: usize) -> Result<()> {
        if bytes as u64 > self.limits.string_bytes {
            return Err(self.over(Limit::String));
        }
        Ok(())
    }

    /// The error of a part that passes a limit.
    pub(super) fn over(&self, limit: Limit) -> Error {
        Fault::Over(limit, limit.of(&self.limits)).in_part(&self.path, &self.part)
    }

    /// Reads the bytes that are left, so that the package checks the part's sum.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn drain(&mut self) -> Result<()> {
        let rest = io::copy(&mut self.reader.get_mut().inner, &mut io::sink());
        rest.map(drop)
            .map_err(|error| read_error(&self.path, &self.part, error))
    }

    /// An error at this place of the part.
    pub(super) fn broken(&self, how: &str) -> Error {
        damaged(&self.path, &self.part, how)
    }
}

/// What stands for an element that is left out.
fn nothing() -> Event<'static> {
    Event::Comment(BytesText::new(""))
}

fn too_many(_: TooMany, path: &Path, part: &str) -> Error {
    damaged(path, part, "declares more namespaces than anybody needs")
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
fn decoded<'a>(mut bytes: impl BufRead + Send + 'a) -> io::Result<Box<dyn BufRead + Send + 'a>> {
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

/// Appends text with its line ends normalised (XML 1.0, 2.11).
fn push_lines(text: &str, into: &mut String) {
    for (index, part) in text.split("\r\n").enumerate() {
        if index > 0 {
            into.push('\n');
        }
        let start = into.len();
        into.push_str(part);
        if part.contains('\r') {
            let lines = part.replace('\r', "\n");
            into.truncate(start);
            into.push_str(&lines);
        }
    }
}

/// What a reference in text stands for. Entities of a document's own are not expanded.
pub(super) fn referred(reference: &BytesRef<'_>) -> Option<char> {
    match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}
