//! Runs a load for people to watch: progress, signals, reports, what stays, the exit code.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::connection::{Connected, Destination};
use super::failure::Described;
use super::render;
use super::render::progress::ProgressView;
use crate::config::commit::{CommitMode, Ledger, Rehearsal};
use crate::config::import::{IfExists, ImportConfig};
use crate::db::pool::Database;
use crate::error::{Error, ErrorKind, QUERY_CANCELED, Result};
use crate::exit;
use crate::model::report::{LoadReport, LoadState};
use crate::model::selection::SheetChoice;
use crate::pipeline::Signals;
use crate::pipeline::import::{Imported, Run};
use crate::pipeline::progress::Progress;

/// How a load is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Showing {
    pub(super) json: bool,
    pub(super) quiet: bool,
}

/// Runs a load to its end and gives the exit code.
pub(super) async fn run_load<F: Future<Output = Result<Imported>>>(
    config: &ImportConfig,
    connected: &Connected,
    progress: &Arc<Progress>,
    showing: Showing,
    load: impl FnOnce(RunParts) -> F,
) -> Result<u8> {
    let interrupt = CancellationToken::new();
    let mut signals = Signals::listen()?;
    let view = ProgressView::new(progress, showing.quiet);
    let mut loading = Box::pin(load(RunParts {
        interrupt: interrupt.clone(),
        progress: Arc::clone(progress),
    }));
    let ended = tokio::select! {
        imported = &mut loading => Some(imported),
        () = view.show() => None,
        () = second_signal(&mut signals, &interrupt, &view) => {
            let stopped = stop_at_once(loading.as_mut(), &connected.database).await;
            stopped.map(without_cancelled)
        }
    };
    view.tell_notices();
    drop(view);
    let Some(imported) = ended else {
        return Err(Error::new(
            ErrorKind::Interrupted,
            "stopped at once; the server rolls back what is not committed",
        )
        .next_step(if config.rehearsal == Rehearsal::DryRun {
            "A dry run leaves nothing behind"
        } else if config.ledger == Ledger::Kept {
            "Go on with `sheetload resume`, or remove what is left over with `sheetload undo`"
        } else {
            "A staging table may be left over, named sheetload_staging_..."
        }));
    };
    let imported = imported?;
    show(&imported, config, showing, connected)?;
    Ok(conclude(&imported, config))
}

/// What a load is run with.
pub(super) struct RunParts {
    pub(super) interrupt: CancellationToken,
    pub(super) progress: Arc<Progress>,
}

impl RunParts {
    /// The same for the library.
    pub(super) fn on<'a>(&'a self, connected: &'a Connected) -> Run<'a> {
        Run {
            database: &connected.database,
            workers: connected.workers,
            interrupt: &self.interrupt,
            progress: &self.progress,
        }
    }
}

/// Prints the reports, and what was left out on stderr.
fn show(
    imported: &Imported,
    config: &ImportConfig,
    showing: Showing,
    connected: &Connected,
) -> Result<()> {
    let (hidden_sheets, empty_sheets) = (&imported.hidden_sheets, &imported.empty_sheets);
    let errors: Vec<String> = imported.errors.iter().map(ToString::to_string).collect();
    let rejects_file = imported.rejects.as_ref().map(|(file, _)| file.clone());
    if showing.json {
        match imported.reports.as_slice() {
            [report] if !config.is_several() => render::json(&OneReport {
                report,
                hidden_sheets,
                empty_sheets,
                rejects_file: rejects_file.as_ref(),
                errors: &errors,
                error: imported.errors.first().map(Described::of),
                database: connected.destination(),
            })?,
            loads => render::json(&SeveralReports {
                loads,
                hidden_sheets,
                empty_sheets,
                rejects_file: rejects_file.as_ref(),
                errors: &errors,
                error: imported.errors.first().map(Described::of),
                database: connected.destination(),
            })?,
        }
    } else {
        for (index, report) in imported.reports.iter().enumerate() {
            if index > 0 {
                render::line("");
            }
            print(report, config, connected);
        }
    }
    if let Some((file, rows)) = &imported.rejects {
        let rows = render::grouped(*rows);
        let wanted = config.rejects.as_ref().map(|to| &to.file);
        let because = match wanted.filter(|wanted| *wanted != file) {
            Some(wanted) => format!(" ({} exists)", wanted.display()),
            None => String::new(),
        };
        render::note(&format!(
            "sheetload: {rows} rejected rows were written to {}{because}",
            file.display()
        ));
    }
    // Who names no sheet wants the one that is seen first.
    if config.read.sheets != SheetChoice::FirstVisible {
        for sheet in hidden_sheets {
            render::note(&format!(
                "sheetload: hidden sheet \"{sheet}\" was not loaded (--hidden load)"
            ));
        }
    }
    for sheet in empty_sheets {
        render::note(&format!("sheetload: sheet \"{sheet}\" has no rows"));
    }
    Ok(())
}

/// The JSON document of a load into one table.
#[derive(Debug, Serialize)]
struct OneReport<'a> {
    #[serde(flatten)]
    report: &'a LoadReport,
    /// Worksheets that were left out because they are hidden.
    hidden_sheets: &'a [String],
    /// Worksheets that were left out because they have no rows.
    empty_sheets: &'a [String],
    /// The file that the rejected rows were written to; none when there were none, or no file was named.
    rejects_file: Option<&'a PathBuf>,
    /// Why it did not come to its end; empty when it did.
    errors: &'a [String],
    /// The first of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Described<'a>>,
    /// The database.
    database: Destination,
}

/// The JSON document of loads into several tables.
#[derive(Debug, Serialize)]
struct SeveralReports<'a> {
    loads: &'a [LoadReport],
    hidden_sheets: &'a [String],
    empty_sheets: &'a [String],
    /// The file that the rejected rows were written to; none when there were none, or no file was named.
    rejects_file: Option<&'a PathBuf>,
    /// Why it did not come to its end; empty when it did.
    errors: &'a [String],
    /// The first of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Described<'a>>,
    /// The database.
    database: Destination,
}

fn print(report: &LoadReport, config: &ImportConfig, connected: &Connected) {
    if report.state != LoadState::Complete && report.success_count == 0 {
        return;
    }
    render::report::print(report, &connected.describe());
    let is_there = report.state == LoadState::Complete && config.rehearsal == Rehearsal::No;
    if is_there && report.success_count > 0 {
        render::line("");
        render::line(&format!(
            "Look at the rows: {}",
            connected.psql_command(&report.table_sql)
        ));
    }
}

/// Asks for a stop at the first signal, says so, and returns at the second.
async fn second_signal(
    signals: &mut Signals,
    interrupt: &CancellationToken,
    view: &ProgressView<'_>,
) {
    signals.next().await;
    interrupt.cancel();
    view.note("sheetload: stopping after the batches in hand; once more to stop at once");
    signals.next().await;
}

/// How long a load may take to clean up behind itself once its statements are cancelled.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(3);

/// Cancels what some work has running on the server and lets it clean up; `None` if it does not come to an end.
pub(super) async fn stop_at_once<T, F: Future<Output = Result<T>>>(
    working: Pin<&mut F>,
    database: &Database,
) -> Option<Result<T>> {
    let stopping = async {
        let ((), result) = tokio::join!(database.cancel_statements(), working);
        result
    };
    tokio::time::timeout(CLEAN_UP_TIMEOUT, stopping).await.ok()
}

/// The reason why nothing was loaded: a statement that was cancelled to stop at once is none.
fn without_cancelled(imported: Result<Imported>) -> Result<Imported> {
    imported.map_err(|error| match error.facts().sqlstate.as_deref() {
        Some(QUERY_CANCELED) => Error::new(
            ErrorKind::Interrupted,
            "interrupted before anything was loaded",
        ),
        _ => error,
    })
}

/// Prints the errors with what stays in the table, and gives the exit code.
fn conclude(imported: &Imported, config: &ImportConfig) -> u8 {
    let reports = &imported.reports;
    let Some(first) = imported.errors.first() else {
        return if reports.iter().any(|report| report.error_count > 0) {
            exit::LOADED_WITH_REJECTS
        } else {
            exit::SUCCESS
        };
    };
    let stays = match reports
        .iter()
        .rfind(|report| report.state != LoadState::Complete)
    {
        Some(report) => what_stays(report, config, first),
        None => "the tables loaded before stay".to_owned(),
    };
    if first.kind() == ErrorKind::Interrupted {
        let advice = first
            .advice()
            .map_or_else(String::new, |advice| format!("\n  {advice}"));
        render::note(&format!("sheetload: interrupted: {stays}{advice}"));
    } else {
        render::failures(&imported.errors, &stays);
    }
    exit::code_for(first.kind())
}

/// What a load that did not come to its end left in the table, and how to go on.
fn what_stays(report: &LoadReport, config: &ImportConfig, first: &Error) -> String {
    let emptied = config.if_exists == IfExists::Truncate && config.commit_mode() != CommitMode::All;
    let resume = match (config.ledger, config.rehearsal) {
        (Ledger::Kept, Rehearsal::No) => {
            format!("; go on with `sheetload resume {}`", report.load_id)
        }
        // What is not recorded cannot be resumed.
        (Ledger::Kept, Rehearsal::DryRun) | (Ledger::None, _) => String::new(),
    };
    match (report.success_count, report.table_created) {
        (0, _) if first.kind() == ErrorKind::OutcomeUnknown => {
            "no row is known to be committed".to_owned()
        }
        (0, _) if first.is_transient() && !emptied => {
            format!("nothing was committed to the table{resume}")
        }
        (0, true) => "nothing was committed, and no table was created".to_owned(),
        (0, false) if emptied => {
            "nothing was committed; the rows that were there were removed before".to_owned()
        }
        (0, false) => "nothing was committed".to_owned(),
        (1, _) => format!(
            "1 row was committed to {} and stays there{resume}",
            report.table
        ),
        (count, _) => format!(
            "{} rows were committed to {} and stay there{resume}",
            render::grouped(count),
            report.table
        ),
    }
}
