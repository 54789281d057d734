//! What a sample workbook shall hold.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Most rows below the header: a sheet has 1,048,576 rows (Excel specifications and limits), one is the header.
pub const MAX_ROWS: u64 = 1_048_575;

/// Fewest rows that [`Defects::Showcase`] fits into: one for each bad row.
pub const SHOWCASE_MIN_ROWS: u64 = 13;

/// What a sample workbook shall hold and where it goes.
///
/// The same `rows`, `seed`, `shape` and `defects` give the same bytes from the same build of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleConfig {
    /// Rows below the header, up to [`MAX_ROWS`].
    pub rows: u64,
    /// Chooses the values; every number is good.
    pub seed: u64,
    /// Which columns.
    pub shape: Shape,
    /// Which rows no table will take.
    #[serde(default)]
    pub defects: Defects,
    /// The file to write. An existing one is replaced when the new one is complete, not before.
    pub output: PathBuf,
}

/// The columns of a sample workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Shape {
    /// Listings of a business directory: nine text columns, most of the texts different from each other.
    Businesses,
    /// Orders of a shop: 20 columns of every type.
    Orders,
}

/// Rows that cannot go into the table they are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Defects {
    /// Every row is good.
    #[default]
    None,
    /// 13 bad rows of five kinds, see [`crate::sample::DefectKind`]; [`Shape::Businesses`] only.
    Showcase,
}

impl SampleConfig {
    /// Checks that a workbook like this can exist.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOptions`]: more rows than a sheet has, or bad rows in a shape or a number of rows
    /// that has no place for them.
    pub fn validate(&self) -> Result<()> {
        if self.rows > MAX_ROWS {
            let message = format!(
                "{} rows do not fit into a sheet, which has {MAX_ROWS} below its header",
                self.rows
            );
            return Err(Error::new(ErrorKind::InvalidOptions, message)
                .next_step("Ask for fewer rows, or write several workbooks with different seeds"));
        }
        if self.defects == Defects::None {
            return Ok(());
        }
        if self.shape != Shape::Businesses {
            let message = "only the shape businesses has bad rows";
            return Err(Error::new(ErrorKind::InvalidOptions, message)
                .next_step("Leave the bad rows out, or ask for the shape businesses"));
        }
        if self.rows < SHOWCASE_MIN_ROWS {
            let message = format!(
                "{} rows have no place for {SHOWCASE_MIN_ROWS} bad ones",
                self.rows
            );
            return Err(Error::new(ErrorKind::InvalidOptions, message)
                .next_step(format!("Ask for at least {SHOWCASE_MIN_ROWS} rows")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(rows: u64, shape: Shape, defects: Defects) -> SampleConfig {
        SampleConfig {
            rows,
            seed: 0,
            shape,
            defects,
            output: PathBuf::from("sample.xlsx"),
        }
    }

    #[test]
    fn a_sheet_takes_a_million_rows_and_a_bit() {
        assert!(config(0, Shape::Orders, Defects::None).validate().is_ok());
        assert!(
            config(1_048_575, Shape::Orders, Defects::None)
                .validate()
                .is_ok()
        );
        let error = config(1_048_576, Shape::Orders, Defects::None)
            .validate()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOptions);
    }

    #[test]
    fn bad_rows_need_businesses_and_room() {
        for (rows, shape) in [(100, Shape::Orders), (12, Shape::Businesses)] {
            let error = config(rows, shape, Defects::Showcase)
                .validate()
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidOptions);
        }
        assert!(
            config(13, Shape::Businesses, Defects::Showcase)
                .validate()
                .is_ok()
        );
    }
}
