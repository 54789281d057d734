//! A comparison of the modes for people.

use comfy_table::{CellAlignment, Table, presets};

use super::{grouped, one_line, rounded, seconds};
use crate::compare::{CompareEvent, CompareReport, ModeReport};

/// What happened, in a line.
pub(in crate::cli) fn progress(event: CompareEvent<'_>) -> String {
    match event {
        CompareEvent::Prepared { rows } => {
            format!(
                "sheetload: {} rows, throw-away tables are ready",
                grouped(rows)
            )
        }
        CompareEvent::Measured { sample, runs } => format!(
            "sheetload: round {}/{runs} {:<10} {}",
            sample.run,
            sample.mode,
            seconds(sample.seconds)
        ),
        CompareEvent::Verifying => "sheetload: comparing the tables".to_owned(),
    }
}

/// The report as text of at most 80 columns, but for long names of files, sheets and tables.
pub(in crate::cli) fn describe(report: &CompareReport) -> String {
    let shape = if report.table_exists {
        format!("Tables like {}", report.table)
    } else {
        format!("Tables as an import into {} creates them", report.table)
    };
    format!(
        "{}\n{}\n\n{}\n\n{}",
        one_line(&format!(
            "{} ({}): {} rows, {} loaded, {} rejected",
            report.file,
            report.sheet,
            grouped(report.rows),
            grouped(report.loaded),
            grouped(report.rejected)
        )),
        one_line(&format!("{shape}, PostgreSQL {}", report.server_version)),
        table(report),
        footer(report)
    )
}

fn table(report: &CompareReport) -> Table {
    let mut table = Table::new();
    let mut header = vec!["Mode", "Workers", "Runs", "Time", "Rows/s", "Speed-up"];
    if report.runs > 1 {
        header.insert(4, "Min … max");
    }
    let columns = header.len();
    table.load_style(presets::NOTHING).set_header(header);
    for mode in &report.modes {
        table.add_row(row(mode));
    }
    for number in 1..columns {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(mode: &ModeReport) -> Vec<String> {
    let mut row = vec![
        mode.mode.to_owned(),
        mode.workers.to_string(),
        mode.runs.to_string(),
        seconds(mode.seconds.median),
        mode.records_per_second.map_or_else(String::new, rounded),
        mode.speed_up
            .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
    ];
    if mode.runs > 1 {
        row.insert(
            4,
            format!(
                "{} … {}",
                seconds(mode.seconds.min),
                seconds(mode.seconds.max)
            ),
        );
    }
    row
}

fn footer(report: &CompareReport) -> &'static str {
    if report.runs > 1 {
        "Time is the median. All runs loaded and rejected the same rows, and the tables\nwere equal."
    } else {
        "All modes loaded and rejected the same rows, and the tables were equal."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Summary;

    fn mode(mode: &'static str, runs: usize, median: f64, speed_up: f64) -> ModeReport {
        ModeReport {
            mode,
            workers: 2,
            batch_size: 100,
            runs,
            seconds: Summary {
                median,
                min: median * 0.9,
                max: median * 1.1,
            },
            records_per_second: Some(9_987.0 / median),
            speed_up: Some(speed_up),
        }
    }

    fn report(runs: usize) -> CompareReport {
        CompareReport {
            file: "sample_data/businesses.xlsx".into(),
            sheet: "Businesses".into(),
            table: "public.businesses".into(),
            table_exists: true,
            server_version: "15.4".into(),
            sheetload_version: "1.0.0",
            rows: 10_000,
            loaded: 9_987,
            rejected: 13,
            runs,
            modes: vec![
                mode("sequential", runs, 45.2, 1.0),
                mode("concurrent", runs, 8.7, 5.2),
                mode("batch", runs, 0.5, 90.4),
            ],
            samples: Vec::new(),
        }
    }

    #[test]
    fn the_table_says_how_much_faster_each_mode_is() {
        let text = describe(&report(3));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        let row = text.lines().find(|line| line.contains("batch")).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "batch", "2", "3", "0.500", "s", "0.450", "s", "…", "0.550", "s", "19,974", "90.40"
            ]
        );
    }

    #[test]
    fn one_run_has_no_spread() {
        let text = describe(&report(1));
        assert!(!text.contains('…'), "{text}");
        assert!(text.contains("45.20 s"), "{text}");
    }
}
