//! Going on with a load that did not come to its end: exactly the rows that are missing, by the ledger's word.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use deadpool_postgres::Object;
use uuid::Uuid;

use super::earlier::EarlierRows;
use super::fingerprint::Fingerprint;
use super::groups::{Group, Prepared, prepare};
use super::import::{Imported, Run, import_or_resume, unless_interrupted};
use super::lineage;
use super::recorded_columns::SheetColumns;
use super::recording::{Recording, refuse_loaded_since};
use super::resume_choice::{PassedOver, choose};
use super::route::{Before, Publish, Route, oid_of};
use super::sampled_again::sampled_again;
use super::target::Target;
use super::watch::watched;
use crate::config::commit::{MaxErrors, PatienceChanges, RejectsTo};
use crate::config::import::ImportConfig;
use crate::config::storage::Persistence;
use crate::db::ddl;
use crate::db::introspect::{Table, find_table, is_unlogged};
use crate::db::ledger::{self, Unfinished};
use crate::db::replace;
use crate::error::{Error, ErrorKind, Result};
use crate::model::secret::Password;
use crate::model::selection::ReaderThreads;
use crate::model::table::TableName;
use crate::source::RowSource;

/// A load to go on with, as the ledger has it.
#[derive(Debug)]
pub struct Resumed {
    unfinished: Unfinished,
    pub(super) passed_over: Vec<PassedOver>,
    /// The rows that are done with, for each sheet.
    pub(super) earlier: HashMap<i32, Arc<EarlierRows>>,
    /// Whether there are rows to go on from; otherwise the load begins anew.
    pub(super) keeps_rows: bool,
}

/// What a resumed load may do otherwise.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The file is here now.
    pub file: Option<PathBuf>,
    /// The workbook's password, which the ledger does not have.
    pub password: Option<Password>,
    /// Connections that write.
    pub workers: Option<NonZeroUsize>,
    /// Rows of a batch.
    pub batch_rows: Option<NonZeroUsize>,
    /// Bytes of a batch.
    pub batch_bytes: Option<NonZeroUsize>,
    /// How many threads read the file.
    pub threads: ReaderThreads,
    /// How many rows may be rejected.
    pub max_errors: Option<MaxErrors>,
    /// Where rejected rows are written to.
    pub rejects: Option<RejectsTo>,
    /// How patient the load is with the server.
    pub patience: PatienceChanges,
}

/// Finds the load and its settings. Changes nothing.
///
/// # Errors
/// `LoadNotFound`, `LoadSettled` for one that runs or is done; `InvalidOptions` for settings that cannot be read.
pub async fn find(
    client: &mut Object,
    id: Option<&str>,
    changes: Changes,
) -> Result<(Resumed, ImportConfig)> {
    if !ledger::is_installed(client).await? {
        return Err(Error::new(
            ErrorKind::LoadNotFound,
            "there is no load to go on with: nothing was loaded into this database yet",
        )
        .next_step("Begin with `sheetload import`"));
    }
    ledger::install(client).await?;
    let (unfinished, passed_over) = match id {
        Some(id) => (ledger::find_unfinished(client, id).await?, Vec::new()),
        None => choose(client, changes.file.as_deref()).await?,
    };
    if unfinished.is_alive {
        return Err(Error::new(
            ErrorKind::LoadSettled,
            format!("load {} is running", unfinished.id),
        )
        .next_step("Wait until it is done, or stop it; `sheetload history` shows it"));
    }
    let mut config = ImportConfig::from_document(&unfinished.options)?;
    if let Some(file) = changes.file {
        config.file = file;
    }
    config.read.password = changes.password;
    config.workers = changes.workers.or(config.workers);
    config.batch_rows = changes.batch_rows.or(config.batch_rows);
    config.batch_bytes = changes.batch_bytes.or(config.batch_bytes);
    config.read.threads = changes.threads;
    config.max_errors = changes.max_errors.or(config.max_errors);
    config.rejects = changes.rejects.or(config.rejects);
    config.patience = changes.patience.over(config.patience);
    config.validate()?;
    let resumed = Resumed {
        unfinished,
        passed_over,
        earlier: HashMap::new(),
        keeps_rows: false,
    };
    Ok((resumed, config))
}

/// Goes on with a load.
///
/// # Errors
/// `FileChanged` when the file is not the one that the load began with; as [`super::import::import`].
pub async fn resume(resumed: Resumed, config: &ImportConfig, run: Run<'_>) -> Result<Imported> {
    let resuming = Box::pin(go_on(resumed, config, run));
    let imported = watched(run, config.patience.retry_for, resuming).await;
    imported.map_err(|error| unless_interrupted(error, run))
}

async fn go_on(mut resumed: Resumed, config: &ImportConfig, run: Run<'_>) -> Result<Imported> {
    let mut prepared = prepare(config, run.progress).await?;
    resumed.same_file(config, prepared.fingerprint.as_ref())?;
    prepared.keep_table(&resumed.unfinished.table, config)?;
    let sheets = prepared.sheet_names();
    let mut client = run.database.get().await?;
    if let Some(fingerprint) = &prepared.fingerprint {
        let sources = prepared
            .groups
            .first()
            .map_or(&[][..], |group| &group.sources);
        let load = (&resumed.unfinished.table, resumed.unfinished.id);
        refuse_loaded_since(&client, config, fingerprint, load, sources).await?;
    }
    let attempt = resumed.unfinished.attempt;
    resumed.unfinished.attempt =
        ledger::begin_again(&mut client, resumed.unfinished.id, attempt).await?;
    resumed.look_up(&client, &sheets).await?;
    drop(client);
    import_or_resume(config, prepared, run, Some(&resumed)).await
}

impl Resumed {
    /// The load's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.unfinished.id
    }

    /// What the ledger says about it.
    #[must_use]
    pub fn unfinished(&self) -> &Unfinished {
        &self.unfinished
    }

    fn same_file(&self, config: &ImportConfig, fingerprint: Option<&Fingerprint>) -> Result<()> {
        let is_same = fingerprint.is_some_and(|now| now.sha256[..] == self.unfinished.sha256[..]);
        if is_same {
            return Ok(());
        }
        let load = self.unfinished.id;
        Err(Error::new(
            ErrorKind::FileChanged,
            format!(
                "{} is not the file that load {load} began with",
                config.file.display()
            ),
        )
        .in_file(&config.file)
        .next_step(format!(
            "Put the old file back, or name it with --file; or take the rows back with `sheetload undo {load}` and load the new one"
        )))
    }

    /// Finds out where the rows of the attempts before are, and which.
    async fn look_up(&mut self, client: &Object, sheets: &[String]) -> Result<()> {
        let Unfinished {
            id,
            route,
            table,
            table_oid,
            staging,
            is_prepared,
            ..
        } = &self.unfinished;
        let now = oid_of(client, table).await?;
        let is_same_table = now.is_some() && now == *table_oid;
        self.keeps_rows = match (route.as_str(), staging) {
            _ if !*is_prepared => false,
            ("in_place", _) if is_same_table => true,
            ("in_place", _) => return Err(self.table_is_gone()),
            ("staged", Some(staging)) => oid_of(client, staging).await?.is_some(),
            _ => false,
        };
        if self.keeps_rows && self.unfinished.is_server_restarted {
            self.keeps_rows = self.survived(client).await?;
        }
        if !self.keeps_rows {
            if let Some(staging) = &self.unfinished.staging {
                ddl::drop_table(client, staging).await?;
            }
            return ledger::forget_batches(client, *id).await;
        }
        let mut rejects = ledger::rejected(client, *id, sheets).await?;
        for (sheet, ranges) in ledger::committed(client, *id).await? {
            let rejects: BTreeMap<_, _> = rejects.remove(&sheet).unwrap_or_default();
            let rows = EarlierRows {
                ranges,
                rejects,
                load: id.to_string(),
                table: table.plain(),
            };
            self.earlier.insert(sheet, Arc::new(rows));
        }
        Ok(())
    }

    /// Whether the rows are still there after the server was started again: a crash empties unlogged tables.
    async fn survived(&self, client: &Object) -> Result<bool> {
        let written = self.unfinished.staging.as_ref();
        let written = written.unwrap_or(&self.unfinished.table);
        let is_lost = is_unlogged(client, written).await?;
        if is_lost && self.unfinished.staging.is_none() {
            return Err(Error::new(
                ErrorKind::LoadSettled,
                format!(
                    "table {} is unlogged, and the server was started again since load {} began: a crash empties such tables",
                    written.plain(),
                    self.unfinished.id
                ),
            )
            .in_table(written.plain())
            .next_step("Look what the table holds, empty it, and load the file with --again"));
        }
        Ok(!is_lost)
    }

    fn table_is_gone(&self) -> Error {
        let table = self.unfinished.table.plain();
        Error::new(
            ErrorKind::LoadSettled,
            format!(
                "table {table} is not the one that load {} began with",
                self.unfinished.id
            ),
        )
        .in_table(&table)
        .next_step("Load the file anew with `sheetload import`")
    }

    /// The target as the attempt before had it.
    pub(super) async fn target(
        &self,
        client: &Object,
        config: &ImportConfig,
        mut sources: Vec<Box<dyn RowSource>>,
    ) -> Result<(Target, Vec<Box<dyn RowSource>>)> {
        let Unfinished { table, staging, .. } = &self.unfinished;
        let written = staging.as_ref().unwrap_or(table);
        let Some(mut found) = find_table(client, written).await? else {
            return Err(self.table_is_gone());
        };
        let recorded = SheetColumns::from_document(&self.unfinished.columns)?;
        if recorded.len() != sources.len() {
            return Err(self.table_is_gone());
        }
        let extra = config.mapping.extra;
        let lineage =
            lineage::take_columns(config.lineage, extra, &found.name, &mut found.columns)?;
        let mut sheets = Vec::with_capacity(sources.len());
        for (source, columns) in sources.iter_mut().zip(&recorded) {
            sheets.push(columns.join(source.as_mut(), &found)?);
        }
        let sampled = sampled_again(&sources, &recorded, &found, config, client).await?;
        let Table {
            constraint_columns, ..
        } = found;
        let persistence = match (self.unfinished.effect.as_str(), staging) {
            ("create", Some(_)) => config.storage.persistence,
            _ => Persistence::of_table(is_unlogged(client, table).await?),
        };
        let target = Target {
            name: table.clone(),
            sheets,
            lineage: lineage.all,
            constraint_columns,
            route: self.route(client, config).await?,
            sampled,
            added: Vec::new(),
            warnings: Vec::new(),
            unsupplied: None,
            defaults: None,
            brought: Vec::new(),
            untitled: recorded
                .into_iter()
                .map(|columns| columns.untitled)
                .collect(),
            index_names: Vec::new(),
            persistence,
            deferral: None,
        };
        Ok((target, sources))
    }

    async fn route(&self, client: &Object, config: &ImportConfig) -> Result<Route> {
        let Unfinished {
            staging, effect, ..
        } = &self.unfinished;
        Ok(match (staging, effect.as_str()) {
            (Some(staging), effect) => Route::Staged {
                staging: staging.clone(),
                publish: match (effect, &config.upsert) {
                    (effect, Some(upsert)) => Publish::Merge {
                        upsert: upsert.clone(),
                        creates: effect == "create",
                    },
                    ("create", None) => Publish::Create,
                    (_, None) => {
                        let table = &self.unfinished.table;
                        Publish::Replace(Box::new(
                            replace::plan_again(client, table, staging).await?,
                        ))
                    }
                },
            },
            (None, "create") => Route::InPlace(Before::Create),
            (None, "replace") => Route::InPlace(Before::Truncate),
            (None, _) => Route::InPlace(Before::Nothing),
        })
    }

    /// Takes up the record; its attempt has begun already. A load that begins anew is recorded as it is now.
    pub(super) async fn begin(
        &self,
        session: Object,
        target: &Target,
        sources: &[Box<dyn RowSource>],
    ) -> Result<Recording> {
        let (id, attempt) = (self.unfinished.id, self.unfinished.attempt);
        if !self.keeps_rows {
            let columns = target.columns_document(sources)?;
            let staging = target.route.staging().map(|staging| staging.table.clone());
            let again = ledger::NewRoute {
                route: target.route.name(),
                effect: target.route.effect(),
                staging,
                columns,
            };
            ledger::set_route(&session, id, &again).await?;
        }
        ledger::speak_for(&session, id, attempt).await?;
        Ok(Recording {
            session,
            load_id: id,
            attempt,
        })
    }
}

impl Prepared {
    /// Lets the one table of these sheets be the one that the load began with: a search path may have changed, or the
    /// name of the file that it is named after.
    fn keep_table(&mut self, table: &TableName, config: &ImportConfig) -> Result<()> {
        let is_only = self.groups.len() == 1;
        let wanted = |group: &Group| is_only || group.table.table == table.table;
        let groups = std::mem::take(&mut self.groups);
        self.groups = groups.into_iter().filter(wanted).collect();
        match self.groups.as_mut_slice() {
            [group] => {
                group.table = table.clone();
                Ok(())
            }
            _ => Err(Error::new(
                ErrorKind::LoadSettled,
                format!(
                    "the settings of the load lead from {} to other tables than {}",
                    config.file.display(),
                    table.plain()
                ),
            )
            .next_step("Load the file anew with `sheetload import`")),
        }
    }

    fn sheet_names(&self) -> Vec<String> {
        let sources = self.groups.iter().flat_map(|group| &group.sources);
        sources
            .map(|source| source.describe().sheet.clone())
            .collect()
    }
}
