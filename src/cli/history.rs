//! `sheetload history`: the loads that a database knows of.

use clap::Args;

use super::connection::{self, ConnectionArgs, Effort, RetryArgs, Unnamed};
use super::render;
use crate::db::ledger::history::{Wanted, loads};
use crate::error::Result;
use crate::exit;
use crate::model::table::TableName;

/// Options of `sheetload history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Loads are recorded in the schema `sheetload` of the database they go to. A load that is `killed` had no time to say \
how it ended: its connection is gone. What it committed is there, and `sheetload undo` takes it back.

Exit codes: 0 listed, even if there is none; 1 unexpected failure; 2 usage; 5 database.")]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    retry: RetryArgs,
    /// Only loads into this table: table or schema.table
    #[arg(short, long, value_name = "T")]
    table: Option<TableName>,
    /// List so many loads, the newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Print the loads as one JSON list
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(args: HistoryArgs) -> Result<u8> {
    let effort = Effort {
        patience: args.retry.patience(),
        quiet: false,
    };
    let connected = connection::connect_one(&args.connection, Unnamed::MustRun, effort).await?;
    let client = connected.database.get().await?;
    let wanted = Wanted {
        table: args.table,
        limit: Some(args.limit),
    };
    let loads = loads(&client, &wanted).await?;
    if args.json {
        render::json(&loads)?;
    } else if !loads.is_empty() {
        render::line(&render::history::describe(&loads));
    } else if let Some(table) = &wanted.table {
        render::line(&format!(
            "Nothing was loaded into table {} of {} yet.",
            table.plain(),
            connected.describe()
        ));
    } else {
        render::line(&format!(
            "Nothing was loaded into {} yet.",
            connected.describe()
        ));
    }
    Ok(exit::SUCCESS)
}
