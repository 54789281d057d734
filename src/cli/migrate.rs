//! `sheetload migrate`: creates the sample's table.

use clap::Args;

use super::connection::{self, ConnectionArgs, Effort, RetryArgs, Unnamed};
use super::render;
use crate::db::migrate::apply_sample;
use crate::error::Result;
use crate::exit;

/// Options of `sheetload migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    retry: RetryArgs,
}

pub(super) async fn run(args: MigrateArgs) -> Result<u8> {
    let effort = Effort {
        patience: args.retry.patience(),
        quiet: false,
    };
    let connected = connection::connect_one(&args.connection, Unnamed::MayStart, effort).await?;
    let mut client = connected.database.get().await?;
    let applied = Box::pin(apply_sample(&mut client)).await?;
    if applied.is_empty() {
        render::line(&format!(
            "{} has all migrations already",
            connected.describe()
        ));
    }
    for migration in applied {
        render::line(&format!(
            "applied migration {} {} to {}",
            migration.version,
            migration.name,
            connected.describe()
        ));
    }
    Ok(exit::SUCCESS)
}
