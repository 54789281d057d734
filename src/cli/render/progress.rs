//! Progress on stderr: a bar on a terminal, plain lines at intervals elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};

use super::{grouped, note, rounded};
use crate::pipeline::progress::{Phase, Progress, Snapshot};

/// How often the bar is drawn.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows a load's progress until it is dropped.
pub(in crate::cli) struct ProgressView<'p> {
    progress: &'p Progress,
    medium: Medium,
}

enum Medium {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl<'p> ProgressView<'p> {
    /// A bar on a terminal, lines elsewhere, nothing when quiet.
    pub(in crate::cli) fn new(progress: &'p Progress, quiet: bool) -> Self {
        let medium = if quiet {
            Medium::Nothing
        } else if stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style());
            Medium::Bar(bar)
        } else {
            Medium::Lines
        };
        Self { progress, medium }
    }

    /// Says something between two looks at the progress; nothing when quiet.
    pub(in crate::cli) fn note(&self, text: &str) {
        match &self.medium {
            Medium::Bar(bar) => bar.suspend(|| note(text)),
            Medium::Lines => note(text),
            Medium::Nothing => {}
        }
    }

    /// Shows the progress again and again; never returns, so it is raced against the load.
    pub(in crate::cli) async fn show(&self) {
        let mut ticks = interval(match self.medium {
            Medium::Bar(_) => BAR_INTERVAL,
            Medium::Lines | Medium::Nothing => LINE_INTERVAL,
        });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut before = (Instant::now(), self.progress.snapshot());
        loop {
            ticks.tick().await;
            let now = (Instant::now(), self.progress.snapshot());
            match &self.medium {
                Medium::Bar(bar) => draw(bar, &before.1, &now.1),
                Medium::Lines => note(&plain_line(&now.1, now.0 - before.0, &before.1)),
                Medium::Nothing => {}
            }
            before = now;
        }
    }
}

impl Drop for ProgressView<'_> {
    fn drop(&mut self) {
        if let Medium::Bar(bar) = &self.medium {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{prefix} {wide_bar} {human_pos}/{human_len} rows {per_sec} ETA {eta} {msg}",
    )
    .unwrap_or_else(|_invalid| ProgressStyle::default_bar())
}

fn draw(bar: &ProgressBar, before: &Snapshot, now: &Snapshot) {
    let rows = rows_done(now);
    if now.phase != before.phase {
        bar.reset();
    }
    bar.set_prefix(describe(now.phase));
    bar.set_length(now.expected_rows.max(rows));
    bar.set_position(rows);
    bar.set_message(stages(before, now));
}

/// Rows through the stage that the load is in.
fn rows_done(now: &Snapshot) -> u64 {
    match now.phase {
        Phase::Opening | Phase::Inferring => now.inferred_rows,
        Phase::Loading | Phase::Publishing | Phase::Done => now.loaded_rows + now.rejected_rows,
    }
}

fn describe(phase: Phase) -> &'static str {
    match phase {
        Phase::Opening => "opening",
        Phase::Inferring => "finding types",
        Phase::Loading => "loading",
        Phase::Publishing => "putting in place",
        Phase::Done => "done",
    }
}

/// What reader and workers were mostly doing since the last look.
fn stages(before: &Snapshot, now: &Snapshot) -> String {
    if now.phase != Phase::Loading {
        return String::new();
    }
    let since = |now: Duration, before: Duration| now.saturating_sub(before);
    let reader_waited = since(now.reader_wait, before.reader_wait);
    let encoded = since(now.encode, before.encode);
    let written = since(now.write, before.write);
    let waited = since(now.worker_wait, before.worker_wait);
    // The reader's time is counted at its end, so its waiting is held against that of the workers.
    let reader = if reader_waited > waited {
        "reader waits"
    } else {
        "reading"
    };
    let workers = if waited > encoded + written {
        "workers wait"
    } else if encoded > written {
        "encoding"
    } else {
        "writing"
    };
    let rejected = match now.rejected_rows {
        0 => String::new(),
        count => format!(", {} rejected", grouped(count)),
    };
    format!("| {reader}, {workers}{rejected}")
}

fn plain_line(now: &Snapshot, elapsed: Duration, before: &Snapshot) -> String {
    let rows = rows_done(now);
    // Each phase counts its rows from the start.
    let rows_before = if before.phase == now.phase {
        rows_done(before)
    } else {
        0
    };
    let new_rows = rows.saturating_sub(rows_before);
    let rate = new_rows as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    let of = match now.expected_rows {
        0 => String::new(),
        expected => format!(" of {}", grouped(expected.max(rows))),
    };
    let left = now.expected_rows.saturating_sub(rows);
    let eta = if rate >= 1.0 && left > 0 {
        format!(", {:.0} s left", left as f64 / rate)
    } else {
        String::new()
    };
    let stages = stages(before, now);
    format!(
        "sheetload: {}: {}{of} rows, {} rows/s{eta}{}",
        describe(now.phase),
        grouped(rows),
        rounded(rate),
        stages.replacen("|", ";", 1).replacen(" ;", ";", 1)
    )
}
