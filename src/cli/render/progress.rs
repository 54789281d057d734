//! Progress on stderr: a bar on a terminal, plain lines at intervals elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{MissedTickBehavior, interval};

use super::{grouped, note, notice, rounded};
use crate::pipeline::progress::{Phase, Progress, ReaderState, Snapshot};

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

    /// Says what there is to be told; nothing when quiet.
    pub(in crate::cli) fn tell_notices(&self) {
        for notice in self.progress.take_notices() {
            self.note(&notice::text(&notice));
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
        let mut phase_began = before.0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.progress.noticed() => {
                    self.tell_notices();
                    continue;
                }
            }
            let now = (Instant::now(), self.progress.snapshot());
            if now.1.phase != before.1.phase {
                phase_began = before.0;
            }
            match &self.medium {
                Medium::Bar(bar) => draw(bar, &now.1, now.0 - phase_began),
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

/// The message has a line's rest and is cut where the terminal ends; what matters most stands first.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:8} {wide_msg}")
        .unwrap_or_else(|_invalid| ProgressStyle::default_bar())
}

fn draw(bar: &ProgressBar, now: &Snapshot, in_phase: Duration) {
    let rows = rows_done(now);
    bar.set_prefix(describe(now.phase));
    bar.set_length(now.expected_rows.max(rows).max(1));
    bar.set_position(rows);
    bar.set_message(match now.phase {
        Phase::Opening | Phase::Publishing | Phase::Done => String::new(),
        Phase::Inferring | Phase::Loading => bar_text(rows, now, in_phase),
    });
}

/// Rows, rate and time left since the phase began, then what the stages do.
fn bar_text(rows: u64, now: &Snapshot, in_phase: Duration) -> String {
    let rate = rows as f64 / in_phase.as_secs_f64().max(f64::MIN_POSITIVE);
    let left = now.expected_rows.saturating_sub(rows);
    let eta = if rate >= 1.0 && now.expected_rows > 0 {
        format!(" ETA {:.0} s", left as f64 / rate)
    } else {
        String::new()
    };
    let of = match now.expected_rows {
        0 => String::new(),
        expected => format!("/{}", grouped(expected.max(rows))),
    };
    let stages = match stages(now) {
        stages if stages.is_empty() => stages,
        stages => format!(" | {stages}"),
    };
    format!(
        "{}{of} rows {}/s{eta}{stages}",
        grouped(rows),
        rounded(rate)
    )
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

/// What reader and workers are doing at the moment.
fn stages(now: &Snapshot) -> String {
    if now.phase != Phase::Loading {
        return String::new();
    }
    let reader = match now.reader {
        ReaderState::Reads => "reading",
        ReaderState::Waits => "queue full",
        ReaderState::Done => "all read",
    };
    let mut text = reader.to_owned();
    for (workers, doing) in [
        (now.encoding, "encoding"),
        (now.writing, "writing"),
        (now.waiting, "waiting"),
    ] {
        if workers > 0 {
            text.push_str(&format!(", {workers} {doing}"));
        }
    }
    if now.rejected_rows > 0 {
        text.push_str(&format!(", {} rejected", grouped(now.rejected_rows)));
    }
    text
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
    let stages = match stages(now) {
        stages if stages.is_empty() => stages,
        stages => format!("; {stages}"),
    };
    format!(
        "sheetload: {}: {}{of} rows, {} rows/s{eta}{stages}",
        describe(now.phase),
        grouped(rows),
        rounded(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_rows_rate_and_time_left() {
        let now = Snapshot {
            phase: Phase::Loading,
            expected_rows: 200_000,
            loaded_rows: 49_993,
            rejected_rows: 7,
            reader: ReaderState::Waits,
            writing: 2,
            ..Progress::default().snapshot()
        };
        let ten_seconds = Duration::from_secs(10);
        assert_eq!(
            bar_text(50_000, &now, ten_seconds),
            "50,000/200,000 rows 5,000/s ETA 30 s | queue full, 2 writing, 7 rejected"
        );
        let finding_types = Snapshot {
            phase: Phase::Inferring,
            expected_rows: 0,
            ..now
        };
        assert_eq!(bar_text(7, &finding_types, ten_seconds), "7 rows 1/s");
    }
}
