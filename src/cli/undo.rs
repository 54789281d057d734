//! `sheetload undo`: takes back what a load put into its table.

use clap::Args;

use super::connection::{self, ConnectionArgs, Effort, InDatabase, RetryArgs, Unnamed};
use super::render;
use crate::db::ledger::history::find;
use crate::db::ledger::undo::undo;
use crate::error::Result;
use crate::exit;

/// Options of `sheetload undo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exactly, or not at all: a table that the load made is dropped if it still holds the loaded rows and no others, and \
nobody changed them; rows with the load's id (--lineage) are deleted if they are as many as were loaded; of a load \
that was killed or failed, what it left behind goes. Rows that were replaced or merged by a key can't be brought back. \
Afterwards the file can be loaded again.

Exit codes: 0 undone; 1 unexpected failure; 2 there is no such load, or it can't be undone, and nothing was changed; \
5 database.")]
pub(super) struct UndoArgs {
    /// The load: its id, or as much of it as no other load's id begins with (see `sheetload history`)
    load: String,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    retry: RetryArgs,
    /// Print what was done as one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: UndoArgs) -> Result<u8> {
    let effort = Effort {
        patience: args.retry.patience(),
        quiet: false,
    };
    let connected = connection::connect_one(&args.connection, Unnamed::MustRun, effort).await?;
    let mut client = connected.database.get().await?;
    let load = find(&client, &args.load).await?;
    let undone = undo(&mut client, &load).await?;
    if args.json {
        render::json(&InDatabase {
            document: &undone,
            database: connected.destination(),
        })?;
    } else {
        render::line(&render::history::undone(&load, &undone));
        render::line(&format!("Database: {}", connected.describe()));
    }
    Ok(exit::SUCCESS)
}
