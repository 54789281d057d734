//! `sheetload sample`: writes a sample workbook.

use clap::Args;

use crate::error::Result;
use crate::exit;

#[derive(Debug, Args)]
pub(super) struct SampleArgs {}

#[expect(clippy::unnecessary_wraps, reason = "writing can fail")]
pub(super) fn run(_args: &SampleArgs) -> Result<u8> {
    Ok(exit::SUCCESS)
}
