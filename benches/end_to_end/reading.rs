//! Reading alone, by one reader, in a process of its own.

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::path::Path;

use calamine::{DataRef, Reader as _, Xlsx, open_workbook};
use clap::ValueEnum;
use sheetload::config::import::ImportConfig;
use sheetload::model::batch::{Batch, BatchExchange};
use sheetload::source;
use sheetload::transform::display::display_number;

use crate::failure::{Result, While as _};

/// Who reads.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Reader {
    /// This library: all rows into batches that nobody wants.
    Sheetload,
    /// calamine, cell by cell, the least that its users pay.
    Calamine,
}

/// Reads the first sheet and gives the number of its rows below the header.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn read_one(reader: Reader, file: &Path) -> Result<u64> {
    match reader {
        Reader::Sheetload => with_sheetload(file),
        Reader::Calamine => with_calamine(file),
    }
}

/// Empties batches as they come.
struct Emptied;

impl BatchExchange for Emptied {
    fn exchange(&mut self, mut full: Batch) -> sheetload::Result<Batch> {
        black_box(&full);
        full.clear();
        Ok(full)
    }
}

fn with_sheetload(file: &Path) -> Result<u64> {
    let config = ImportConfig::new(file.to_path_buf());
    let mut opened = source::open(file, &config.read, display_number)?;
    let sheet = opened.sheets.first_mut().ok_or("it has no sheet")?;
    let width = sheet.describe().header.width();
    let first = Batch::new(width, config.batch_limits());
    Ok(sheet.read(first, &mut Emptied)?.rows)
}

fn with_calamine(file: &Path) -> Result<u64> {
    let mut workbook: Xlsx<BufReader<File>> =
        open_workbook(file).doing(format_args!("open {}", file.display()))?;
    let names = workbook.sheet_names();
    let name = names.first().ok_or("it has no sheet")?;
    let mut cells = workbook.worksheet_cells_reader(name)?;
    let (mut rows, mut last_row, mut touched) = (0_u64, None, 0_usize);
    while let Some(cell) = cells.next_cell()? {
        let row = cell.get_position().0;
        if last_row != Some(row) {
            last_row = Some(row);
            rows += 1;
        }
        touched ^= match cell.get_value() {
            DataRef::String(text) => text.len(),
            DataRef::SharedString(text) => text.len(),
            DataRef::Float(number) => number.to_bits() as usize,
            other => usize::from(black_box(other) != &DataRef::Empty),
        };
    }
    black_box(touched);
    // The first one is the header.
    Ok(rows.saturating_sub(1))
}
