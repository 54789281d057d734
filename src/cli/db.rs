//! `sheetload db`: the private server by hand.

use clap::Args;

use crate::error::Result;
use crate::exit;

#[derive(Debug, Args)]
pub(super) struct DbArgs {}

#[expect(clippy::unused_async, reason = "the commands talk to a server")]
pub(super) async fn run(_args: DbArgs) -> Result<u8> {
    Ok(exit::SUCCESS)
}
