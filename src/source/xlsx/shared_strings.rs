//! The shared string table (ECMA-376 Part 1, §18.4.9 sst), in one piece of memory.

use quick_xml::events::Event;

use super::text;
use crate::error::Result;
use crate::source::package::{Package, PartKind};
use crate::source::workbook::{MAX_SHARED_TEXT_BYTES, too_large};
use crate::source::xml::XmlReader;

/// The most strings: their places take 4 bytes each, and the table is held in memory.
const MAX_STRINGS: usize = 1 << 26;

/// All shared strings, one after the other.
#[derive(Debug, Default)]
pub(super) struct SharedStrings {
    arena: String,
    /// Where each ends in the arena.
    ends: Vec<u32>,
}

impl SharedStrings {
    /// Reads the table; `None` without that part. The numbers it claims to hold are not believed.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read(package: &mut Package, part: &str) -> Result<Option<Self>> {
        let path = package.path().to_path_buf();
        let Some(bytes) = package.part(part, PartKind::SharedStrings)? else {
            return Ok(None);
        };
        let mut reader = XmlReader::open(&path, part, bytes)?;
        let mut strings = Self::default();
        let mut scratch = String::new();
        loop {
            match reader.next()? {
                Event::Start(tag) if tag.local_name().as_ref() == "si" => {
                    text::read_item(&mut reader, &mut scratch, &mut strings.arena)?;
                }
                Event::Empty(tag) if tag.local_name().as_ref() == "si" => {}
                Event::Start(tag) if tag.local_name().as_ref() == "extLst" => {
                    reader.skip();
                    continue;
                }
                Event::Eof => break,
                _ => continue,
            }
            let is_held =
                strings.arena.len() <= MAX_SHARED_TEXT_BYTES && strings.ends.len() < MAX_STRINGS;
            let end = u32::try_from(strings.arena.len()).ok();
            let Some(end) = end.filter(|_| is_held) else {
                return Err(too_large(&path, "has more shared strings than can be read"));
            };
            strings.ends.push(end);
        }
        strings.arena.shrink_to_fit();
        strings.ends.shrink_to_fit();
        Ok(Some(strings))
    }

    /// The string at this place, from 0.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.arena.get(start..end)
    }

    /// How many strings there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}
