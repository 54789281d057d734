//! A load's place in the ledger, from its beginning to its end.

use deadpool_postgres::Object;
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::fingerprint::Fingerprint;
use super::route::{Route, oid_of};
use super::target::Target;
use crate::config::commit::{OnConflict, SameFile, Verify};
use crate::config::import::{IfExists, ImportConfig};
use crate::db::ledger::{self, EarlierLoad, EarlierState, Ending, NewLoad, Unfinished};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::selection::Area;
use crate::model::table::TableName;
use crate::sink::ledger::{BatchLedger, Marks};
use crate::source::RowSource;

/// A load that is recorded. Its connection speaks for it: the load counts as alive as long as the server knows it.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) session: Object,
    pub(super) load_id: Uuid,
    pub(super) attempt: i32,
}

/// How a load begins.
#[derive(Debug)]
pub(super) enum Begun {
    /// With a record.
    Recorded(Box<Recording>),
    /// Without one.
    Unrecorded,
}

impl Begun {
    /// The record, if there is one.
    pub(super) fn into_option(self) -> Option<Recording> {
        match self {
            Self::Recorded(recording) => Some(*recording),
            Self::Unrecorded => None,
        }
    }
}

impl Recording {
    /// Records that the load begins. `None` if the table is another load's to create: nothing is recorded then.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn begin(
        mut session: Object,
        load_id: Uuid,
        config: &ImportConfig,
        fingerprint: &Fingerprint,
        target: &Target,
        sources: &[Box<dyn RowSource>],
    ) -> Result<Option<Self>> {
        let file = std::path::absolute(&config.file).unwrap_or_else(|_| config.file.clone());
        let mut absolute = config.clone();
        absolute.file.clone_from(&file);
        if let Some(rejects) = &mut absolute.rejects
            && let Ok(path) = std::path::absolute(&rejects.file)
        {
            rejects.file = path;
        }
        let table = target.name();
        let load = NewLoad {
            id: load_id,
            file: file.to_string_lossy().into_owned(),
            sha256: fingerprint.sha256,
            sheets: sheet_names(sources),
            selection: selection(config),
            table: table.clone(),
            table_oid: oid_of(&session, table).await?,
            staging: target.route.staging().map(|staging| staging.table.clone()),
            route: target.route.name(),
            effect: target.route.effect(),
            has_lineage: !target.lineage().is_empty(),
            mode: config.mode.name(),
            commit_mode: config.commit_mode().name(),
            options: absolute.to_document()?,
            columns: target.columns_document(sources)?,
        };
        // Two loads of one file that begin at the same time: the second one sees the first.
        let failed = |error| error_from_postgres(error, "write the ledger");
        let transaction = session.transaction().await.map_err(failed)?;
        ledger::lock_file(transaction.client(), &load).await?;
        refuse_same_file(transaction.client(), config, fingerprint, table, sources).await?;
        if target.is_new() && !is_free_to_create(transaction.client(), target, load_id).await? {
            transaction.rollback().await.map_err(failed)?;
            return Ok(None);
        }
        let attempt = ledger::begin(transaction.client(), &load).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Some(Self {
            session,
            load_id,
            attempt,
        }))
    }

    /// How its batches are recorded.
    pub(super) fn batch_ledger(&self, config: &ImportConfig, route: &Route) -> BatchLedger {
        let needs_marks = config.verify == Verify::Totals && !route.fills_the_table();
        BatchLedger {
            load_id: self.load_id,
            attempt: self.attempt,
            marks: if needs_marks {
                Marks::Savepoints
            } else {
                Marks::None
            },
        }
    }

    /// Records an end that left nothing to be put in place, or could not put it there. Whoever reads the ledger sees the
    /// load as killed where even this fails.
    pub(super) async fn end(&self, database: &Database, table: &TableName, ending: &Ending) {
        let ended = ledger::end(&self.session, self.load_id, self.attempt, table, ending).await;
        let Err(error) = ended else { return };
        tracing::debug!(%error, "the end of the load was not recorded at first");
        // The session may have been lost with the server.
        let again = match database.get().await {
            Ok(client) => ledger::end(&client, self.load_id, self.attempt, table, ending).await,
            Err(error) => Err(error),
        };
        if let Err(error) = again {
            tracing::warn!(%error, "the end of the load was not recorded");
        }
    }
}

impl Recording {
    /// The rows in the table, by the ledger's word; none where it cannot be asked.
    pub(super) async fn committed_rows(&self, database: &Database) -> Option<u64> {
        let rows = match ledger::committed_rows(&self.session, self.load_id).await {
            Ok(rows) => rows,
            // The session may have been lost with the server.
            Err(_lost) => {
                let client = database.get().await.ok()?;
                ledger::committed_rows(&client, self.load_id).await.ok()?
            }
        };
        u64::try_from(rows).ok()
    }
}

/// Whether the table is still to be created, and by nobody else.
async fn is_free_to_create(client: &Client, target: &Target, load_id: Uuid) -> Result<bool> {
    let table = target.name();
    Ok(ledger::claim_name(client, table).await?
        && !ledger::is_being_created(client, table, load_id).await?
        && oid_of(client, table).await?.is_none())
}

/// The sheets' names.
pub(super) fn sheet_names(sources: &[Box<dyn RowSource>]) -> Vec<String> {
    let sheets = sources.iter().map(|source| source.describe());
    sheets.map(|sheet| sheet.sheet.clone()).collect()
}

/// The cells that are asked for, as the ledger compares them.
fn selection(config: &ImportConfig) -> String {
    match &config.read.area {
        Area::Used => String::new(),
        Area::Range(range) => range.to_string(),
        Area::Named(name) => name.clone(),
    }
}

/// Makes sure that the table does not get a file's rows twice.
///
/// # Errors
/// `AlreadyLoaded`, with the way on.
pub(super) async fn refuse_same_file(
    client: &Client,
    config: &ImportConfig,
    fingerprint: &Fingerprint,
    table: &TableName,
    sources: &[Box<dyn RowSource>],
) -> Result<()> {
    if config.same_file == SameFile::Again || !adds_rows(config) {
        return Ok(());
    }
    let is_installed = ledger::is_installed(client).await;
    if !is_installed.map_err(ledger::telling_rights)? {
        return Ok(());
    }
    let Some(oid) = oid_of(client, table).await? else {
        return Ok(());
    };
    let found = find_same(client, config, fingerprint, oid, sources, None);
    let Some(earlier) = found.await.map_err(ledger::telling_rights)? else {
        return Ok(());
    };
    let file = config.file.display();
    let (id, rows, started) = (earlier.id, earlier.rows, &earlier.started);
    let (message, step) = match earlier.state {
        EarlierState::Complete => (
            format!("{file} is in table {} already, loaded on {started} (load {id})", table.plain()),
            "Say --again to load it once more, or --if-exists replace to put it in place of what is there".to_owned(),
        ),
        EarlierState::Running => (
            format!("{file} is being loaded into table {} right now (load {id})", table.plain()),
            "Wait until that load is done; `sheetload history` shows it".to_owned(),
        ),
        EarlierState::Partly | EarlierState::Nothing => (
            format!(
                "{rows} rows of {file} are in table {} already: load {id} of {started} did not come to its end",
                table.plain()
            ),
            format!("Go on with `sheetload resume {id}`, or say --again to load all rows once more"),
        ),
    };
    Err(Error::new(ErrorKind::AlreadyLoaded, message)
        .in_file(&config.file)
        .in_table(table.plain())
        .next_step(step))
}

async fn find_same(
    client: &Client,
    config: &ImportConfig,
    fingerprint: &Fingerprint,
    table_oid: u32,
    sources: &[Box<dyn RowSource>],
    except: Option<Uuid>,
) -> Result<Option<EarlierLoad>> {
    let (sheets, selection) = (sheet_names(sources), selection(config));
    let (sha256, oid) = (&fingerprint.sha256, Some(table_oid));
    ledger::find_same(client, sha256, oid, &sheets, &selection, except).await
}

/// Makes sure that no other load brought the rows of an unfinished one into the table since.
///
/// # Errors
/// `AlreadyLoaded`, with the way on.
pub(super) async fn refuse_loaded_since(
    client: &Client,
    config: &ImportConfig,
    fingerprint: &Fingerprint,
    (table, load_id): (&TableName, Uuid),
    sources: &[Box<dyn RowSource>],
) -> Result<()> {
    if config.same_file == SameFile::Again || !adds_rows(config) {
        return Ok(());
    }
    let Some(oid) = oid_of(client, table).await? else {
        return Ok(());
    };
    let found = find_same(client, config, fingerprint, oid, sources, Some(load_id));
    let Some(other) = found.await? else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::AlreadyLoaded,
        format!(
            "load {} of {} brought rows of {} into table {} besides load {load_id}",
            other.id,
            other.started,
            config.file.display(),
            table.plain()
        ),
    )
    .in_file(&config.file)
    .in_table(table.plain())
    .next_step(format!(
        "Take back what load {load_id} left with `sheetload undo {load_id}`; to load all rows once more nevertheless, say `sheetload import --again`"
    )))
}

/// Another load that brought rows of an unfinished one into its table, so that this one is not resumed.
pub(super) async fn loaded_since(
    client: &Client,
    config: &ImportConfig,
    load: &Unfinished,
    table_oid: u32,
) -> Result<Option<EarlierLoad>> {
    let is_counted = config.same_file != SameFile::Again && adds_rows(config);
    let sha256: Option<&[u8; 32]> = load.sha256.as_slice().try_into().ok();
    let Some(sha256) = sha256.filter(|_| is_counted) else {
        return Ok(None);
    };
    let (sheets, selection) = (&load.sheets, &load.selection);
    ledger::find_same(
        client,
        sha256,
        Some(table_oid),
        sheets,
        selection,
        Some(load.id),
    )
    .await
}

/// Whether a second load of the same rows would add to those of the first. One that needs a table of its own finds that
/// it is there.
fn adds_rows(config: &ImportConfig) -> bool {
    let replaces = config.if_exists != IfExists::Append;
    let merges = config
        .upsert
        .as_ref()
        .is_some_and(|upsert| upsert.on_conflict != OnConflict::Fail);
    !replaces && !merges
}

/// How a load ended, for the ledger.
pub(super) fn ending(
    state: &'static str,
    errors: &[Error],
    rows: [u64; 3],
    receipt: Value,
    route: &Route,
) -> Ending {
    Ending {
        state,
        error: errors.first().map(ToString::to_string),
        rows,
        receipt,
        replaces: route.effect() == "replace",
    }
}
