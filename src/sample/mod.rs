//! Deterministic sample workbooks, with the figures that an import of them is checked against.
//!
//! Every value starts as an integer or a text from a ChaCha8 stream with a fixed way from bits to choices, so
//! that a seed means the same rows on every machine. [`Figures`] are counted from these integers and texts while
//! the rows are made, not from the file: no reader takes part.

mod businesses;
mod calendar;
mod column;
mod countries;
mod defects;
mod descriptions;
mod figures;
mod orders;
mod output;
mod random;
mod words;
mod workbook;

use tokio_util::sync::CancellationToken;

pub use defects::{Defect, DefectKind};
pub use figures::{ColumnFigures, Figures, SqlType, Values};

use crate::config::sample::{SampleConfig, Shape};
use crate::error::{Error, ErrorKind, Result};
use column::{Column, Value};

/// Writes the workbook and tells what is in it.
///
/// The file appears complete or not at all: it is written beside its place and renamed. Shared strings are kept
/// in memory until the end (a workbook holds them in one part behind the sheet); cells are not.
///
/// # Errors
/// [`ErrorKind::InvalidOptions`] as [`SampleConfig::validate`] says; [`ErrorKind::OutputUnwritable`].
pub fn write(config: &SampleConfig) -> Result<Figures> {
    write_until(config, &CancellationToken::new())
}

/// The same as [`write()`], but gives up soon after `stop` is cancelled and leaves no file then.
///
/// # Errors
/// As [`write()`], and [`ErrorKind::Interrupted`].
pub fn write_until(config: &SampleConfig, stop: &CancellationToken) -> Result<Figures> {
    config.validate()?;
    let mut rows: Box<dyn Rows> = match config.shape {
        Shape::Businesses => Box::new(businesses::Businesses::new(config.seed)),
        Shape::Orders => Box::new(orders::Orders::new(config.seed)),
    };
    let result = workbook::write(config, rows.as_mut(), stop);
    if result.is_err() && stop.is_cancelled() {
        return Err(Error::new(
            ErrorKind::Interrupted,
            format!("interrupted: {} was not written", config.output.display()),
        ));
    }
    result
}

/// Makes the rows of one shape, in their order.
trait Rows {
    /// The sheet's name.
    fn sheet(&self) -> &'static str;
    /// The columns, from A on.
    fn columns(&self) -> &'static [Column];
    /// Puts the values of the next row into `row`, one for each column.
    fn next(&mut self, row: &mut Vec<Value>);
}
