//! Reads the shared string table (ECMA-376 Part 1, §18.4.9 sst).

use quick_xml::events::Event;

use super::text;
use crate::error::Result;
use crate::model::shared_strings::{SharedStrings, SharedStringsBuilder};
use crate::source::package::{Package, PartKind};

/// Reads the table; `None` without that part. The numbers it claims to hold are not believed.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(package: &mut Package, part: &str) -> Result<Option<SharedStrings>> {
    let limits = package.limits();
    let Some(mut reader) = package.xml(part, PartKind::Stream)? else {
        return Ok(None);
    };
    let mut strings = SharedStringsBuilder::default();
    let mut scratch = String::new();
    loop {
        match reader.next()? {
            Event::Start(tag) if tag.local_name().as_ref() == "si" => {
                text::read_item(&mut reader, &mut scratch, strings.text_mut())?;
            }
            Event::Empty(tag) if tag.local_name().as_ref() == "si" => {}
            Event::Start(tag) if tag.local_name().as_ref() == "extLst" => {
                reader.skip();
                continue;
            }
            Event::Eof => break,
            _ => continue,
        }
        strings
            .end_within(&limits)
            .map_err(|limit| reader.over(limit))?;
    }
    Ok(Some(strings.finish()))
}
