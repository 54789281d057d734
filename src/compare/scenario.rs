//! What is compared: a sheet, the shape of a table, a server, and the settings.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::check;
use crate::config::compare::CompareConfig;
use crate::config::import::Mode;
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::pipeline::open_workbook;
use crate::pipeline::progress::Progress;
use crate::pipeline::target::{Place, Target, Wanted};
use crate::source::RowSource;

/// Everything that stays the same over all runs.
pub(super) struct Scenario<'a> {
    pub(super) config: &'a CompareConfig,
    pub(super) target: Target,
    /// Connections that write in the modes that may have several.
    pub(super) workers: usize,
    pub(super) sheet: String,
    pub(super) server_version: String,
}

impl<'a> Scenario<'a> {
    /// Opens the workbook and joins it to the table, or finds the types of one that an import would create. Changes
    /// nothing in the database. Opens as many connections as the runs need, so that no run pays for them.
    ///
    /// # Errors
    /// What is wrong with the file; `ColumnMismatch`; what the server says.
    pub(super) async fn prepare(
        config: &'a CompareConfig,
        database: &Database,
        workers: usize,
        interrupt: &CancellationToken,
    ) -> Result<(Self, Box<dyn RowSource>)> {
        let mut opened = open_workbook(&config.file, &config.read).await?;
        if opened.sheets.len() > 1 {
            return Err(several_sheets(&opened.sheets));
        }
        opened.sheets.truncate(1);
        let sheet = opened
            .sheets
            .first()
            .map(|source| source.describe().sheet.clone());
        let sheet = sheet.unwrap_or_default();
        check(interrupt)?;
        let client = database.get().await?;
        let server_version = client
            .query_one("select pg_catalog.current_setting('server_version')", &[])
            .await
            .map_err(|error| error_from_postgres(error, "read the server's version"))?
            .get(0);
        let import = config.import(Mode::Batch);
        let wanted = Wanted {
            table: &import.table_name(),
            config: &import,
            load_id: Uuid::nil(),
            interrupt,
            progress: &Arc::new(Progress::default()),
        };
        let place = Place::find(&client, &wanted).await?;
        let (target, mut sources) = Target::resolve(place, wanted, opened.sheets).await?;
        let mut clients = vec![client];
        while clients.len() < workers {
            clients.push(database.get().await?);
        }
        let scenario = Self {
            config,
            target,
            workers,
            sheet,
            server_version,
        };
        let source = sources.pop().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the workbook was opened without a sheet",
            )
        })?;
        Ok((scenario, source))
    }

    /// Connections that write in this mode.
    pub(super) fn workers_in(&self, mode: Mode) -> usize {
        match mode {
            Mode::Sequential => 1,
            Mode::Concurrent | Mode::Batch => self.workers,
        }
    }
}

fn several_sheets(sheets: &[Box<dyn RowSource>]) -> Error {
    let names = sheets
        .iter()
        .map(|sheet| format!("\"{}\"", sheet.describe().sheet));
    let names: Vec<String> = names.collect();
    Error::new(
        ErrorKind::InvalidOptions,
        format!("--sheet names several sheets: {}", names.join(", ")),
    )
    .next_step("Name one of them")
}
