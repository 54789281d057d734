//! The sample workbooks, written once and kept.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use quick_xml::Reader;
use quick_xml::events::Event;
use sheetload::config::sample::{Defects, SampleConfig, Shape};

use crate::failure::{Result, While as _};

/// All workbooks are made from it.
const SEED: u64 = 1;

/// The name of a shape in files and reports.
pub(crate) fn name_of(shape: Shape) -> &'static str {
    match shape {
        Shape::Businesses => "businesses",
        _ => "orders",
    }
}

/// The directory of workbooks and text files, below the build's own.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("end_to_end")
}

/// A file of that directory, named after what it holds.
pub(crate) fn file_for(shape: Shape, rows: u64, extension: &str) -> PathBuf {
    directory().join(format!("{}-{rows}-seed{SEED}.{extension}", name_of(shape)))
}

/// A sample workbook, written if there is none like it.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn workbook(shape: Shape, rows: u64) -> Result<PathBuf> {
    let output = file_for(shape, rows, "xlsx");
    if output.exists() {
        return Ok(output);
    }
    std::fs::create_dir_all(directory()).doing("make a directory for workbooks")?;
    eprintln!("writing {}", output.display());
    // It appears complete or not at all.
    sheetload::sample::write(&SampleConfig {
        rows,
        seed: SEED,
        shape,
        defects: Defects::None,
        output: output.clone(),
    })?;
    Ok(output)
}

/// The bytes of all shared strings' text in UTF-8, counted by other means than the library's reader.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn shared_text_bytes(workbook: &Path) -> Result<u64> {
    let file = File::open(workbook).doing(format_args!("open {}", workbook.display()))?;
    let mut package = zip::ZipArchive::new(BufReader::new(file))?;
    let part = package.by_name("xl/sharedStrings.xml")?;
    let mut xml = Reader::from_reader(BufReader::with_capacity(1 << 20, part.take(u64::MAX)));
    let (mut buffer, mut is_text, mut bytes) = (Vec::new(), false, 0_u64);
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Start(tag) => is_text = tag.name().into_inner() == "t",
            Event::End(_) => is_text = false,
            Event::Text(text) if is_text => bytes += text.len() as u64,
            Event::GeneralRef(reference) if is_text => {
                // The five entities that XML knows by itself stand for one byte each.
                let character = reference.resolve_char_ref()?;
                bytes += character.map_or(1, char::len_utf8) as u64;
            }
            Event::Eof => return Ok(bytes),
            _ => {}
        }
    }
}
