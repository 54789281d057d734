//! Loads that find no table and would create the same one: one does, the others wait for its end and look again.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};

use super::import::{Context, interrupted_early};
use super::recording::{self, Recording};
use super::target::{Place, Target, Wanted};
use super::{verification, zones};
use crate::config::commit::{Ledger, Rehearsal};
use crate::db::ledger;
use crate::error::{Result, error_from_postgres};
use crate::model::table::TableName;
use crate::source::RowSource;

/// How often is looked whether the other load is done.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A target that is this load's alone to create, if it is one to create.
pub(super) struct Settled {
    pub(super) target: Target,
    pub(super) sources: Vec<Box<dyn RowSource>>,
    pub(super) recording: Option<Recording>,
    /// The connection whose transaction holds the claim to the table's name, where no ledger tells of it.
    pub(super) _claim: Option<ClientWrapper>,
}

impl Context<'_> {
    /// Finds the target and records the beginning; again after another load that creates the table is over.
    pub(super) async fn settle(
        &self,
        table: &TableName,
        mut sources: Vec<Box<dyn RowSource>>,
    ) -> Result<Settled> {
        let mut claim = None;
        loop {
            self.patiently(async |client| match (self.fingerprint, self.resumed) {
                (Some(fingerprint), None) => {
                    let config = self.config;
                    recording::refuse_same_file(client, config, fingerprint, table, &sources).await
                }
                _ => Ok(()),
            })
            .await?;
            let mut target;
            (target, sources) = match self.resumed {
                Some(resumed) if resumed.keeps_rows => {
                    let client = self.database.get().await?;
                    resumed.target(&client, self.config, sources).await?
                }
                _ => {
                    let wanted = self.wanted(table);
                    let place = self
                        .patiently(async |client| Place::find(client, &wanted).await)
                        .await?;
                    if let Place::New { name, .. } = &place
                        && claim.is_none()
                        && self.is_unrecorded()
                    {
                        claim = Some(self.claim(name).await?);
                        continue;
                    }
                    Target::resolve(place, wanted, sources).await?
                }
            };
            let rules = &self.config.text_rules;
            let zone = self.patiently(async |client| zones::check(client, rules, &target).await);
            let zone = zone.await?;
            target.warnings.extend(zone);
            verification::require_verifiable(&target, self.config)?;
            if let Some(recording) = self.begin_recording(&target, &sources).await? {
                return Ok(Settled {
                    target,
                    sources,
                    recording: recording.into_option(),
                    _claim: claim,
                });
            }
            self.wait_for_creation(target.name()).await?;
        }
    }

    fn wanted<'w>(&'w self, table: &'w TableName) -> Wanted<'w> {
        Wanted {
            table,
            config: self.config,
            load_id: self.load_id,
            interrupt: self.interrupt,
            progress: self.progress,
        }
    }

    /// Whether rows come to stay and no ledger tells others of it.
    fn is_unrecorded(&self) -> bool {
        self.config.ledger == Ledger::None && self.config.rehearsal == Rehearsal::No
    }

    /// Waits until the name is this load's, by a transaction that is open as long as the connection is held.
    async fn claim(&self, table: &TableName) -> Result<ClientWrapper> {
        // Detached, so that the claim ends with it.
        let client = Object::take(self.database.get().await?);
        client
            .batch_execute("begin")
            .await
            .map_err(|error| error_from_postgres(error, "begin a transaction"))?;
        while !ledger::claim_name(&client, table).await? {
            self.pause().await?;
        }
        Ok(client)
    }

    async fn wait_for_creation(&self, table: &TableName) -> Result<()> {
        while self
            .patiently(async |client| ledger::is_being_created(client, table, self.load_id).await)
            .await?
        {
            self.pause().await?;
        }
        Ok(())
    }

    async fn pause(&self) -> Result<()> {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN_AFTER) => Ok(()),
            () = self.interrupt.cancelled() => Err(interrupted_early()),
        }
    }
}
