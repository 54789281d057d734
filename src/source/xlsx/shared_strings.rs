//! Reads the shared string table (ECMA-376 Part 1, §18.4.9 sst), as far as cells refer to it: on another thread where it is
//! long, so that rows can be read at the same time. Programs number strings in the order in which cells refer to them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use quick_xml::events::Event;

use super::plain_item::{front, plain_item};
use super::text;
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::Limits;
use crate::model::shared_strings::{SegmentState, SharedStrings, SharedStringsBuilder};
use crate::source::fidelity::Fidelity;
use crate::source::package::{Package, PartKind, read_error};
use crate::source::read_ahead::Ahead;
use crate::source::workbook::SharedText;
use crate::source::xml::XmlReader;

/// How many bytes of plain items are looked at in one go, at least and at most. Items that are longer are the parser's.
const LEAST_FRONT_BYTES: usize = 256;
const MOST_FRONT_BYTES: usize = 8 << 10;

/// The strings that cells refer to, of which more are read when they are asked for.
pub(super) struct SharedTexts {
    known: Arc<SharedStrings>,
    rest: Rest,
    ahead: Ahead,
}

/// Where the strings are that are not known yet.
enum Rest {
    /// There are no more.
    None,
    /// Still to be read.
    Unread(Box<StringsPart>),
    /// Another thread reads them.
    Coming(Coming),
}

impl SharedTexts {
    /// Opens the table; without that part there are no strings.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn open(package: &mut Package, part: &str, ahead: Ahead) -> Result<Self> {
        let limits = package.limits();
        let reader = package.xml(part, PartKind::Stream)?;
        let rest = reader.map(|reader| {
            Box::new(StringsPart {
                reader,
                limits,
                builder: SharedStringsBuilder::default(),
                scratch: String::new(),
                front_bytes: MOST_FRONT_BYTES,
            })
        });
        Ok(Self {
            known: Arc::default(),
            rest: rest.map_or(Rest::None, Rest::Unread),
            ahead,
        })
    }

    /// Strings that are all read.
    #[cfg(test)]
    pub(super) fn of(strings: SharedStrings) -> Self {
        Self {
            known: Arc::new(strings),
            rest: Rest::None,
            ahead: Ahead::No,
        }
    }

    /// Whether there is a string with this number; waits until it is read.
    ///
    /// # Errors
    /// What is wrong with the file.
    #[inline]
    pub(super) fn reach(&mut self, index: u32) -> Result<bool> {
        while index as usize >= self.known.len() {
            if let Rest::None = self.rest {
                return Ok(false);
            }
            self.grow()?;
        }
        Ok(true)
    }

    /// The string with this number, if it is read.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<SharedText<'_>> {
        SharedText::find(&self.known, index)
    }

    /// How many strings there are; all are read then.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read_all(&mut self) -> Result<usize> {
        while !matches!(self.rest, Rest::None) {
            self.grow()?;
        }
        Ok(self.known.len())
    }

    /// Reads a segment more, or has another thread read all others: of most tables the first segment is all.
    fn grow(&mut self) -> Result<()> {
        let next = match std::mem::replace(&mut self.rest, Rest::None) {
            Rest::None => return Ok(()),
            Rest::Unread(part) if self.ahead == Ahead::Yes && !self.known.is_empty() => {
                self.rest = Rest::Coming(Coming::start(part)?);
                return Ok(());
            }
            Rest::Unread(mut part) => match part.segment()? {
                Segment::Whole(strings) => {
                    self.rest = Rest::Unread(part);
                    strings
                }
                Segment::Last(strings) => strings,
            },
            Rest::Coming(coming) => match coming.next()? {
                Segment::Whole(strings) => {
                    self.rest = Rest::Coming(coming);
                    strings
                }
                Segment::Last(strings) => strings,
            },
        };
        Arc::make_mut(&mut self.known).append(next);
        Ok(())
    }
}

/// The part, read up to some segment.
struct StringsPart {
    reader: XmlReader<'static>,
    limits: Limits,
    builder: SharedStringsBuilder,
    scratch: String,
    front_bytes: usize,
}

/// The next strings.
enum Segment {
    Whole(SharedStrings),
    /// Behind them there are none.
    Last(SharedStrings),
}

impl StringsPart {
    /// Reads up to the end of a segment. The numbers of strings that the part claims to hold are not believed.
    fn segment(&mut self) -> Result<Segment> {
        loop {
            let state = match self.plain_items()? {
                SegmentState::Closed => SegmentState::Closed,
                SegmentState::Open => match self.reader.next()? {
                    Event::Start(tag) if tag.local_name().as_ref() == "si" => {
                        let into = self.builder.text_mut();
                        if text::read_item(&mut self.reader, &mut self.scratch, into)?
                            == Fidelity::Replaced
                        {
                            self.builder.mark_replaced();
                        }
                        self.end_string()?
                    }
                    Event::Empty(tag) if tag.local_name().as_ref() == "si" => self.end_string()?,
                    Event::Start(tag) if tag.local_name().as_ref() == "extLst" => {
                        self.reader.skip();
                        SegmentState::Open
                    }
                    Event::Eof => {
                        let last = std::mem::take(&mut self.builder).finish();
                        return Ok(Segment::Last(last));
                    }
                    _ => SegmentState::Open,
                },
            };
            if state == SegmentState::Closed {
                return Ok(Segment::Whole(self.builder.take()));
            }
        }
    }

    /// Reads items in the common shape, up to the first in another or the end of a segment.
    fn plain_items(&mut self) -> Result<SegmentState> {
        let Some(bytes) = self.reader.rest()? else {
            return Ok(SegmentState::Open);
        };
        let (mut taken, mut state) = (0, Ok(SegmentState::Open));
        while state == Ok(SegmentState::Open)
            && let Some(mut items) = front(bytes.get(taken..).unwrap_or_default(), self.front_bytes)
        {
            let before = taken;
            while state == Ok(SegmentState::Open)
                && let Some(item) = plain_item(items, self.builder.text_mut())
            {
                items = items.get(item..).unwrap_or_default();
                taken += item;
                state = self.builder.end_within(&self.limits);
            }
            // Where items in other shapes lie between, what was looked at behind them is looked at again.
            if taken == before {
                self.front_bytes = (self.front_bytes / 4).max(LEAST_FRONT_BYTES);
                break;
            }
            self.front_bytes = (self.front_bytes * 2).min(MOST_FRONT_BYTES);
        }
        self.reader.take(taken);
        state.map_err(|limit| self.reader.over(limit))
    }

    fn end_string(&mut self) -> Result<SegmentState> {
        let state = self.builder.end_within(&self.limits);
        state.map_err(|limit| self.reader.over(limit))
    }
}

/// A thread that reads strings. When it is dropped, the thread has ended.
struct Coming {
    /// None only while it is being dropped.
    strings: Option<Receiver<Result<Segment>>>,
    /// None only while it is being dropped.
    thread: Option<JoinHandle<()>>,
}

impl Coming {
    fn start(part: Box<StringsPart>) -> Result<Self> {
        let (path, name) = part.reader.place();
        let (path, name) = (path.to_owned(), name.to_owned());
        let (strings, coming) = channel();
        let thread = thread::Builder::new()
            .name("shared strings".into())
            .spawn(move || read_segments(part, &strings))
            .map_err(|error| read_error(&path, &name, error))?;
        Ok(Self {
            strings: Some(coming),
            thread: Some(thread),
        })
    }

    /// The next strings.
    fn next(&self) -> Result<Segment> {
        let next = self.strings.as_ref().map(Receiver::recv);
        match next {
            Some(Ok(segment)) => segment,
            // It says how it ends, unless it panics.
            Some(Err(_)) | None => Err(Error::new(
                ErrorKind::Internal,
                "the thread that reads the shared strings ended before they did",
            )),
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        // Its next strings find nobody who would take them.
        drop(self.strings.take());
        if let Some(thread) = self.thread.take() {
            // If it has panicked, whoever waited for strings knows.
            let _ended = thread.join();
        }
    }
}

/// Reads until there is nothing more, or nobody who wants it. What is read is held in memory anyway, so that nobody has
/// to wait with it.
fn read_segments(mut part: Box<StringsPart>, strings: &Sender<Result<Segment>>) {
    loop {
        let segment = part.segment();
        let goes_on = matches!(segment, Ok(Segment::Whole(_)));
        if strings.send(segment).is_err() || !goes_on {
            return;
        }
    }
}
