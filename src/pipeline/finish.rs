//! The end of a load: the rows are put in place and recorded together, or nothing is.

use super::attempt::Attempt;
use super::import::{Context, SheetFacts, display_name, is_cancelled_statement};
use super::merged::MergedRows;
use super::progress::{Phase, Snapshot};
use super::recording::{Recording, ending};
use super::report::{self, Milestones};
use super::route::Route;
use super::row_plan::too_many_rejects;
use super::storage::stored_rows;
use super::target::Target;
use crate::config::commit::Rehearsal;
use crate::db::ledger;
use crate::db::lookout::is_out_of_reach;
use crate::error::{Error, ErrorKind, Result};
use crate::model::report::{LoadReport, LoadState};
use crate::sink::classify::may_be_row_fault_code;

/// How many requests to cancel may come late.
const LATE_CANCELS: usize = 3;

impl Context<'_> {
    /// Puts the rows of an attempt in place, if it is complete. What keeps it from being so is among its errors then.
    pub(super) async fn place(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        attempt: &mut Attempt,
    ) {
        let counters = self.progress.snapshot();
        let all_accounted = attempt.end.accounts_for_all_rows(&counters);
        let interrupted = self.interrupt.is_cancelled() && !all_accounted;
        self.check(attempt, &counters, all_accounted || interrupted);
        attempt.receipt.columns = std::mem::take(&mut attempt.end.columns);
        attempt.receipt.unknown = self.given_before(target);
        if !attempt.end.errors.is_empty() || interrupted {
            return;
        }
        self.progress.enter(Phase::Publishing);
        match self
            .put_in_place(target, recording, attempt, &counters)
            .await
        {
            Ok(placed) => attempt.placed = Some(placed),
            Err(error) => attempt.end.errors.push(error),
        }
        target.tell(&mut attempt.end.errors);
        if let (Some(transaction), Rehearsal::DryRun) =
            (&attempt.transaction, self.config.rehearsal)
        {
            // A connection that is lost has rolled back by itself.
            let _rolled_back = transaction.roll_back().await;
        }
    }

    /// Takes rows back that are not in place, and writes the report.
    pub(super) async fn finish(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        sheets: SheetFacts,
        mut attempt: Attempt,
        milestones: Milestones,
    ) -> Result<(LoadReport, Vec<Error>)> {
        let counters = self.progress.snapshot();
        let all_accounted = attempt.end.accounts_for_all_rows(&counters);
        let mut interrupted = self.interrupt.is_cancelled() && !all_accounted;
        let placed = attempt.placed.take();
        let is_published = placed.is_some();
        let placed = placed.unwrap_or_default();
        let (merged_rows, mut sequences) = (placed.merged, placed.sequences);
        if let Some(merged) = &merged_rows {
            self.account_for(merged, &mut attempt).await;
        }
        self.hurry_after(&attempt.end.errors);
        let was_silent = self.forget_silent_server(&mut attempt.end.errors);
        interrupted |= was_silent | self.forget_cancelled_statements(&mut attempt.end.errors);
        if !is_published && !interrupted {
            require_reason(&mut attempt.end.errors);
        }
        let is_kept = is_published || !target.route.is_all_or_nothing();
        let written = if is_kept { counters.loaded_rows } else { 0 };
        let mut loaded_rows = merged_rows.as_ref().map_or(written, MergedRows::loaded);
        let state = state_of(&attempt.end.errors, interrupted);
        if !is_published {
            loaded_rows = self
                .take_back_rows(target, recording, &mut attempt, state, &counters)
                .await;
            sequences = self.sequences_of_kept(target, &attempt.receipt).await;
            if was_silent {
                // It was so while its rows were taken back, too.
                self.forget_silent_server(&mut attempt.end.errors);
            }
        }
        if is_published && recording.is_some() {
            self.drop_leftovers(target).await;
        }
        self.progress.enter(Phase::Done);
        let facts = report::Facts {
            state,
            file: display_name(&self.config.file),
            sheet: sheets.names,
            target,
            mode: self.config.mode,
            workers: self.workers,
            load_id: self.load_id.to_string(),
            hidden_columns: sheets.hidden_columns,
            receipt: attempt.receipt.known(),
            rebuild: attempt.rebuild,
            rows: stored_rows(self.config),
            sequences,
            commit: self.config.commit_mode(),
            rehearsal: self.config.rehearsal,
            // A rehearsal has one without a key, too.
            merged: merged_rows
                .as_ref()
                .filter(|_| self.config.upsert.is_some())
                .map(|rows| rows.merged.clone()),
        };
        let mut errors = std::mem::take(&mut attempt.end.errors);
        if state == LoadState::Interrupted {
            errors.push(self.interrupted(was_silent, recording));
        }
        let refused = merged_rows.as_ref().map_or(0, MergedRows::rejected);
        let snapshot = Snapshot {
            loaded_rows,
            rejected_rows: counters.rejected_rows + refused,
            ..self.progress.snapshot()
        };
        let mut report = report::write(facts, &attempt.end, snapshot, milestones);
        report
            .warnings
            .splice(0..0, self.warnings_of_columns(target, state));
        Ok((report, errors))
    }

    /// What is to be known of the table and its columns.
    fn warnings_of_columns(&self, target: &Target, state: LoadState) -> Vec<String> {
        let mut told = target.warnings().to_vec();
        // Of a new table's columns they are told by the cells that its types come from.
        if !target.is_new() {
            told.extend(self.progress.long_numbers().warnings());
        }
        if state == LoadState::Complete {
            told.extend(target.unsupplied.iter().flatten().cloned());
        }
        told
    }

    /// After an interrupt, leaves out that connections were lost which were given up since the server was silent, and says
    /// whether there were any: who interrupts a load that waits for such a server has asked for that.
    fn forget_silent_server(&self, errors: &mut Vec<Error>) -> bool {
        let before = errors.len();
        if self.interrupt.is_cancelled() && self.database.has_given_up_connections() {
            errors.retain(|error| !is_out_of_reach(error));
        }
        errors.len() < before
    }

    /// Where the server was out of reach for as long as that is tried, nothing waits for it as long again.
    fn hurry_after(&self, errors: &[Error]) {
        if errors.iter().any(Error::is_transient) {
            self.database.hurry();
        }
    }

    /// That the load was interrupted, and what is not known where the server was silent then.
    fn interrupted(&self, was_silent: bool, recording: Option<&Recording>) -> Error {
        let interrupted = Error::new(ErrorKind::Interrupted, "interrupted");
        match was_silent {
            true => interrupted.next_step(self.unanswered(recording)),
            false => interrupted,
        }
    }

    /// Counts and tells what became of rows when they were put in place.
    async fn account_for(&self, merged: &MergedRows, attempt: &mut Attempt) {
        merged.add_to(&mut attempt.end.rejects);
        let told = self.tell_refused(merged).await;
        attempt.end.errors.extend(told.err());
        if self.config.upsert.is_none() {
            self.progress.left_out(merged.merged.kept);
        }
    }

    /// What is not known where the server did not answer to the last that it was sent.
    fn unanswered(&self, recording: Option<&Recording>) -> String {
        match recording {
            Some(recording) => format!(
                "The server does not answer, so it is not known whether the rows sent last are committed: the ledger has it, \
                 and `sheetload resume {}` goes by that",
                recording.load_id
            ),
            None => "The server does not answer; look which rows the table has before you load the file again".to_owned(),
        }
    }

    /// After an interrupt, leaves out the statements that were cancelled to stop at once, and says whether there were any:
    /// they are not a failure, but what was asked for.
    fn forget_cancelled_statements(&self, errors: &mut Vec<Error>) -> bool {
        let before = errors.len();
        if self.interrupt.is_cancelled() {
            errors.retain(|error| !is_cancelled_statement(error));
        }
        errors.len() < before
    }

    /// What is wrong with an attempt of which no stage failed.
    fn check(&self, attempt: &mut Attempt, counters: &Snapshot, is_explained: bool) {
        let errors = &mut attempt.end.errors;
        if !errors.is_empty() {
            return;
        }
        if !is_explained {
            errors.push(Error::new(
                ErrorKind::Internal,
                "the load ended without an error, but not all rows are accounted for",
            ));
            return;
        }
        let (rejected, read) = (counters.rejected_rows, counters.read_rows);
        if let Some(max_errors) = self.config.max_errors
            && max_errors.is_exceeded(rejected, read, true)
        {
            errors.push(too_many_rejects(
                max_errors,
                rejected,
                &format!("of {read}"),
            ));
        }
        if let Some(fingerprint) = self.fingerprint
            && let Err(error) = fingerprint.still_holds(&self.config.file)
        {
            errors.push(error);
        }
    }

    /// Whether all rows were taken, and yet a constraint that is checked at the end refuses them. What is no row's fault
    /// is among the attempt's errors then: the transaction has failed.
    pub(super) async fn violates_late_constraints(&self, attempt: &mut Attempt) -> bool {
        let Some(transaction) = &attempt.transaction else {
            return false;
        };
        let Err(error) = transaction.check_late_constraints().await else {
            return false;
        };
        let sqlstate = error.facts().sqlstate.as_deref();
        let is_row_fault = sqlstate.is_some_and(may_be_row_fault_code);
        if !is_row_fault {
            attempt.end.errors.push(error);
        }
        is_row_fault
    }

    /// Takes back what an incomplete load leaves, as far as it may not stay, and records its end. Gives the rows that
    /// stay.
    async fn take_back_rows(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        attempt: &mut Attempt,
        state: LoadState,
        counters: &Snapshot,
    ) -> u64 {
        let errors = &mut attempt.end.errors;
        if let Some(transaction) = &attempt.transaction {
            // A connection that is lost has rolled back by itself.
            let _rolled_back = transaction.roll_back().await;
        }
        // What may pass is gone on with by `sheetload resume`, from the rows that are staged.
        let in_doubt = |error: &Error| error.kind() == ErrorKind::OutcomeUnknown;
        let may_go_on = recording.is_some()
            && errors
                .iter()
                .any(|error| error.is_transient() || in_doubt(error));
        let is_staged = matches!(target.route, Route::Staged { .. });
        if !(is_staged && may_go_on) {
            self.clean_up(target, recording, errors).await;
        }
        let is_kept = !target.route.is_all_or_nothing();
        let counted = if is_kept { counters.loaded_rows } else { 0 };
        let Some(recording) = recording else {
            return counted;
        };
        // Those of attempts before, and of batches whose commits were not answered, are not all counted here.
        let loaded = match is_kept {
            true => recording
                .committed_rows(self.database)
                .await
                .unwrap_or(counted),
            false => 0,
        };
        let rows = [counters.read_rows, loaded, counters.rejected_rows];
        let name = match state {
            LoadState::Interrupted => "interrupted",
            LoadState::Complete | LoadState::Failed => "failed",
        };
        let ending = ending(name, errors, rows, serde_json::Value::Null, &target.route);
        recording.end(self.database, &target.name, &ending).await;
        loaded
    }

    /// Removes what loads before this one left behind, and nobody can ask for any more.
    async fn drop_leftovers(&self, target: &Target) {
        // The load is complete whether or not there is a connection for this.
        if let Ok(mut client) = self.database.get().await {
            ledger::drop_leftovers(&mut client, &target.name).await;
        }
    }

    async fn clean_up(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        errors: &mut Vec<Error>,
    ) {
        let cleaned = self.remove_made(target, recording).await;
        // A lost server is named once, by the error that ended the load.
        if let Err(error) = cleaned
            && errors.is_empty()
        {
            errors.push(error);
        }
    }

    /// Removes the table that was made for the load, as far as it may not stay, and the records of its rows.
    pub(super) async fn remove_made(
        &self,
        target: &Target,
        recording: Option<&Recording>,
    ) -> Result<()> {
        let mut removed = self.remove_made_once(target, recording).await;
        // Requests to cancel go to one connection after the other: the last ones may come when this runs already.
        for _ in 0..LATE_CANCELS {
            match &removed {
                Err(error) if is_cancelled_statement(error) => {
                    removed = self.remove_made_once(target, recording).await;
                }
                _ => break,
            }
        }
        removed
    }

    async fn remove_made_once(&self, target: &Target, recording: Option<&Recording>) -> Result<()> {
        let mut client = self.database.get().await?;
        match (target.clean_up(&mut client).await?, recording) {
            (true, Some(recording)) => ledger::forget_batches(&client, recording.load_id).await,
            _ => Ok(()),
        }
    }

    /// Records that a load did not get as far as its first row.
    pub(super) async fn record_failure(
        &self,
        target: &Target,
        recording: Option<&Recording>,
        error: &Error,
    ) {
        let Some(recording) = recording else { return };
        let state = match error.kind() {
            ErrorKind::Interrupted => "interrupted",
            _ => "failed",
        };
        let errors = std::slice::from_ref(error);
        let ending = ending(
            state,
            errors,
            [0; 3],
            serde_json::Value::Null,
            &target.route,
        );
        recording.end(self.database, &target.name, &ending).await;
    }
}

/// A load whose rows are not in place is never complete by the mere absence of errors.
fn require_reason(errors: &mut Vec<Error>) {
    if errors.is_empty() {
        errors.push(Error::new(
            ErrorKind::Internal,
            "the load ended without an error, but its rows were not put in place",
        ));
    }
}

/// How a load ended: an error weighs more than an interrupt.
fn state_of(errors: &[Error], interrupted: bool) -> LoadState {
    match (errors.is_empty(), interrupted) {
        (false, _) => LoadState::Failed,
        (true, true) => LoadState::Interrupted,
        (true, false) => LoadState::Complete,
    }
}
