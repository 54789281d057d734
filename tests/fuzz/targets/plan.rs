//! The settings of a load: documents, and the texts that they hold.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use sheetload::config::import::ImportConfig;
use sheetload::model::address::{CellAddress, CellRange};
use sheetload::model::selection::{Area, HeaderRows, SheetPattern};
use sheetload::model::sheet::Header;
use sheetload::model::sql_type::SqlType;
use sheetload::model::table::TableName;
use sheetload::transform::column_spec::ColumnSpec;
use sheetload::transform::date_format::DateFormat;

/// More lines say nothing new.
const MAX_LINES: usize = 20;

/// Takes a document, or lines of what users write.
pub(crate) fn run(data: &[u8]) {
    document(data);
    let text = String::from_utf8_lossy(data);
    for line in text.lines().take(MAX_LINES) {
        line_of_a_user(line);
    }
}

fn document(data: &[u8]) {
    let Ok(document) = serde_json::from_slice(data) else {
        return;
    };
    let Ok(config) = ImportConfig::from_document(&document) else {
        return;
    };
    let written = config.to_document().unwrap();
    let text = serde_json::to_vec(&written).unwrap();
    let read = ImportConfig::from_document(&serde_json::from_slice(&text).unwrap()).unwrap();
    assert_eq!(read, config, "written as {written}");
    assert!(read.read.password.is_none());
    // Whatever is asked of settings that were taken for good has an answer.
    let _names = (config.table_name(), config.table_of_sheet("Märkte 2024"));
    assert!(config.batch_limits().rows > 0 && config.first_batch_rows() > 0);
    let _several = config.is_several();
}

fn line_of_a_user(line: &str) {
    is_read_as_written::<SqlType>(line);
    is_read_as_written::<CellRange>(line);
    is_read_as_written::<CellAddress>(line);
    is_read_as_written::<TableName>(line);
    if let Some(HeaderRows::Rows { first, last }) = is_read_as_written(line) {
        assert!(first <= last);
    }
    if let Some(spec) = is_read_as_written::<ColumnSpec>(line) {
        let header = Header {
            first_column: 1,
            titles: vec![String::new(), spec.source.clone()],
            ..Header::default()
        };
        assert!(spec.find(&header).is_ok(), "{spec} is not its own title");
    }
    if let Some(format) = is_read_as_written::<DateFormat>(line) {
        for text in ["2024-01-31", "31.01.24 23:59", "Jan 1 2000 1:2:3 pm", line] {
            assert_eq!(format.parse(text), format.parse(text));
        }
    }
    let pattern: SheetPattern = line.parse().unwrap();
    let _place = pattern.place();
    let area: Area = line.parse().unwrap();
    assert!(!matches!(area, Area::Used));
}

/// What can be read is written so that it is read as the same.
fn is_read_as_written<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let read: T = text.parse().ok()?;
    let written = read.to_string();
    match written.parse::<T>() {
        Ok(again) => assert_eq!(again, read, "written as {written}"),
        Err(_) => panic!("{read:?} is written as {written}, which cannot be read"),
    }
    Some(read)
}
