//! Writes the rows of a sample as an .xlsx file.

use std::any::Any;
use std::io::{BufWriter, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError,
};
use tokio_util::sync::CancellationToken;

use super::Rows;
use super::column::{Column, Value};
use super::defects::{Defect, Plan};
use super::figures::{Figures, Tally};
use super::output::{Output, unwritable};
use crate::config::sample::SampleConfig;
use crate::error::{Error, ErrorKind, Result};

const BUFFER_BYTES: usize = 1 << 20;

/// Writes the workbook to its place and tells what is in it.
pub(super) fn write(
    config: &SampleConfig,
    rows: &mut dyn Rows,
    stop: &CancellationToken,
) -> Result<Figures> {
    let mut output = Output::create(&config.output)?;
    // rust_xlsxwriter panics when its scratch file cannot be written, most likely because the disk is full.
    let written = catch_unwind(AssertUnwindSafe(|| {
        write_into(config, rows, &mut output, stop)
    }));
    let counts = match written {
        Ok(result) => result.map_err(|error| unwritable(&config.output, error))?,
        Err(panic) => return Err(unwritable(&config.output, panic_message(panic.as_ref()))),
    };
    if stop.is_cancelled() {
        return Err(Error::new(ErrorKind::Interrupted, "interrupted"));
    }
    output.finish()?;
    Ok(Figures {
        shape: config.shape,
        seed: config.seed,
        sheet: rows.sheet().to_owned(),
        rows: config.rows,
        loadable_rows: config.rows - counts.defects.len() as u64,
        columns: counts.tallies.into_iter().map(Tally::finish).collect(),
        defects: counts.defects,
    })
}

/// What a panic said: for a scratch file it names the system's error.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(message) = panic.downcast_ref::<String>() {
        message.clone()
    } else if let Some(message) = panic.downcast_ref::<&str>() {
        (*message).to_owned()
    } else {
        "the writer stopped without a reason".to_owned()
    }
}

/// What was counted on the way.
struct Counts {
    tallies: Vec<Tally>,
    defects: Vec<Defect>,
}

fn write_into(
    config: &SampleConfig,
    rows: &mut dyn Rows,
    output: &mut Output,
    stop: &CancellationToken,
) -> Result<Counts, XlsxError> {
    let mut workbook = Workbook::new();
    // Otherwise the time of writing would be in the file.
    let created = ExcelDateTime::from_ymd(2024, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    if let Some(directory) = output.scratch_directory() {
        workbook.set_tempdir(directory)?;
    }
    let sheet = workbook.add_worksheet_with_low_memory()?;
    sheet.set_name(rows.sheet())?;
    write_header(sheet, rows.columns())?;
    let counts = write_rows(config, rows, sheet, stop)?;
    if !stop.is_cancelled() {
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, output.writer(stop));
        workbook.save_to_writer(&mut writer)?;
        writer.flush()?;
    }
    Ok(counts)
}

fn write_header(sheet: &mut Worksheet, columns: &[Column]) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    sheet.set_freeze_panes(1, 0)?;
    // Otherwise an empty result would be stored as the number 0.
    sheet.set_formula_result_default("");
    for (column, number) in columns.iter().zip(0..) {
        sheet.set_column_width(number, f64::from(column.width))?;
        if let Some(code) = column.kind.number_format() {
            sheet.set_column_format(number, &Format::new().set_num_format(code))?;
        }
        sheet.write_with_format(0, number, column.header, &bold)?;
    }
    Ok(())
}

fn write_rows(
    config: &SampleConfig,
    rows: &mut dyn Rows,
    sheet: &mut Worksheet,
    stop: &CancellationToken,
) -> Result<Counts, XlsxError> {
    let columns = rows.columns();
    let mut plan = Plan::new(config);
    let mut counts = Counts {
        tallies: columns.iter().map(Tally::new).collect(),
        defects: Vec::new(),
    };
    let mut row = Vec::with_capacity(columns.len());
    for (number, sheet_row) in (0..config.rows).zip(1..) {
        if stop.is_cancelled() {
            break;
        }
        row.clear();
        rows.next(&mut row);
        match plan.apply(number, &mut row) {
            Some(defect) => counts.defects.push(defect),
            None => {
                for (tally, value) in counts.tallies.iter_mut().zip(&row) {
                    tally.add(value);
                }
            }
        }
        for ((column, value), sheet_column) in columns.iter().zip(row.drain(..)).zip(0..) {
            write_cell(sheet, (sheet_row, sheet_column), column, value)?;
        }
    }
    Ok(counts)
}

fn write_cell(
    sheet: &mut Worksheet,
    (row, number): (u32, u16),
    column: &Column,
    value: Value,
) -> Result<(), XlsxError> {
    match value {
        Value::Empty => return Ok(()),
        Value::Text(text) => sheet.write_string(row, number, text)?,
        Value::Whole(whole) => sheet.write_number(row, number, column.kind.cell_number(whole))?,
        Value::Flag(flag) => sheet.write_boolean(row, number, flag)?,
        Value::Formula { formula, result } => {
            sheet.write_formula(row, number, Formula::new(formula).set_result(result))?
        }
    };
    Ok(())
}
