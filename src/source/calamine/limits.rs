//! Bounds for the formats that calamine can only read as a whole.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, Range};

use crate::error::{Error, ErrorKind, Result};

/// The most cells, empty ones included, that an xls or ods sheet may span: these are held in memory as a whole, at
/// 24 bytes a cell.
const MAX_RANGE_CELLS: u64 = 40_000_000;
/// The most bytes that the content of an ods file may inflate to.
const MAX_ODS_CONTENT_BYTES: u64 = 2 << 30;

/// A range of a size that memory bears.
pub(super) fn checked(path: &Path, range: Range<Data>) -> Result<Range<Data>> {
    let (height, width) = range.get_size();
    if height as u64 * width as u64 <= MAX_RANGE_CELLS {
        return Ok(range);
    }
    Err(too_large(
        path,
        &format!(
            "spans {height} x {width} cells; in this format at most {MAX_RANGE_CELLS} can be read"
        ),
    ))
}

/// Refuses an ods file by the size that its content says it inflates to. The zip reader holds it to that.
pub(super) fn refuse_huge_ods(path: &Path) -> Result<()> {
    let Ok(file) = File::open(path) else {
        return Ok(()); // calamine says what is wrong
    };
    let Ok(mut archive) = zip::ZipArchive::new(BufReader::new(file)) else {
        return Ok(());
    };
    match archive.by_name("content.xml") {
        Ok(content) if content.size() > MAX_ODS_CONTENT_BYTES => Err(too_large(
            path,
            &format!(
                "holds {} bytes of content.xml; at most {MAX_ODS_CONTENT_BYTES} can be read",
                content.size()
            ),
        )),
        _ => Ok(()),
    }
}

fn too_large(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::WorkbookTooLarge,
        format!("{} {what}", path.display()),
    )
    .in_file(path)
    .next_step("Save it as .xlsx, which is read as a stream")
}
