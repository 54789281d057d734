//! Tests: damaged workbooks give errors, or rows, and nothing else.

use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::write::SimpleFileOptions;

use super::open;
use crate::error::{ErrorKind, Result};
use crate::model::batch::{Batch, BatchExchange, BatchLimits};
use crate::model::selection::{ReadOptions, Reader};

/// Counts rows.
struct Discard;

impl BatchExchange for Discard {
    fn exchange(&mut self, mut full: Batch) -> Result<Batch> {
        full.clear();
        Ok(full)
    }
}

fn sample(extension: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sample_data")
        .join(format!("stock.{extension}"));
    std::fs::read(path).unwrap()
}

/// Reads a whole workbook and gives its number of rows.
fn read(bytes: &[u8]) -> Result<u64, ErrorKind> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let mut rows = Ok(0);
    for reader in [Reader::Calamine, Reader::Own] {
        rows = read_with(file.path(), reader);
        assert_is_about_the_file(rows, "each reader alone");
    }
    rows
}

fn read_with(path: &Path, reader: Reader) -> Result<u64, ErrorKind> {
    let options = ReadOptions {
        reader,
        ..ReadOptions::default()
    };
    let opened = open(path, &options, |value, _, _| value.to_string());
    let mut opened = opened.map_err(|error| error.kind())?;
    let source = &mut opened.sheets[0];
    let limits = BatchLimits {
        rows: 2,
        bytes: 1 << 20,
    };
    let batch = Batch::new(source.describe().header.width(), limits);
    let totals = source.read(batch, &mut Discard);
    totals
        .map(|totals| totals.rows)
        .map_err(|error| error.kind())
}

/// What a damaged workbook may be called.
fn assert_is_about_the_file(outcome: Result<u64, ErrorKind>, what: &str) {
    use ErrorKind as K;
    let fine = match outcome {
        Ok(_) => true,
        Err(kind) => matches!(
            kind,
            K::NotAWorkbook
                | K::WorkbookBroken
                | K::WorkbookEncrypted
                | K::WorkbookTooLarge
                | K::SheetNotFound
                | K::SheetEmpty
        ),
    };
    assert!(fine, "{what}: {outcome:?}");
}

/// Calls `try_damage` with changed copies: cut short, and with one byte or a 32-bit number overwritten.
fn damaged(bytes: &[u8], step: usize, mut try_damage: impl FnMut(&[u8], String)) {
    for at in (0..bytes.len()).step_by(step) {
        try_damage(&bytes[..at], format!("cut at {at}"));
        let mut changed = bytes.to_vec();
        changed[at] ^= 0x81;
        try_damage(&changed, format!("flipped at {at}"));
        let end = (at + 4).min(bytes.len());
        changed[at..end].fill(0xFF);
        try_damage(&changed, format!("filled at {at}"));
    }
}

fn assert_container_survives(extension: &str) {
    let bytes = sample(extension);
    assert_eq!(read(&bytes), Ok(4), "{extension}");
    damaged(&bytes, 37, |damaged, what| {
        assert_is_about_the_file(read(damaged), &format!("{extension} {what}"));
    });
}

/// Damages each part of a package by itself, so that no checksum of the zip file gives it away.
fn assert_parts_survive(extension: &str) {
    let bytes = sample(extension);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        part.read_to_end(&mut content).unwrap();
        parts.push((part.name().unwrap().to_string(), content));
    }
    for changed in 0..parts.len() {
        let (name, content) = &parts[changed];
        damaged(content, content.len() / 40 + 1, |damaged, what| {
            let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
            for (index, (name, content)) in parts.iter().enumerate() {
                let options = SimpleFileOptions::default();
                zip.start_file(name.as_str(), options).unwrap();
                let content = if index == changed { damaged } else { content };
                zip.write_all(content).unwrap();
            }
            let bytes = zip.finish().unwrap().into_inner();
            assert_is_about_the_file(read(&bytes), &format!("{extension} {name} {what}"));
        });
    }
}

#[test]
fn a_damaged_xls_gives_an_error_or_rows() {
    assert_container_survives("xls");
}

#[test]
fn a_damaged_package_gives_an_error_or_rows() {
    for extension in ["xlsx", "xlsb", "ods"] {
        assert_container_survives(extension);
    }
}

#[test]
fn damaged_parts_of_an_xlsx_give_an_error_or_rows() {
    assert_parts_survive("xlsx");
}

#[test]
fn damaged_parts_of_an_xlsb_give_an_error_or_rows() {
    assert_parts_survive("xlsb");
}

#[test]
fn damaged_parts_of_an_ods_give_an_error_or_rows() {
    assert_parts_survive("ods");
}
