//! Loads of the past, for people: at most 80 columns wide, whatever the names.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::report::wrapped;
use super::{grouped, one_line};
use crate::db::ledger::history::{LoadStanding, RecordedLoad};
use crate::db::ledger::undo::{Removed, Undone};

/// The longest line, in columns of a terminal.
const WIDTH: u16 = 80;

/// The loads, two lines for each, and why some failed.
pub(in crate::cli) fn describe(loads: &[RecordedLoad]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header([
            "Load",
            "Started\n(UTC)",
            "State",
            "Loaded",
            "Rejected",
            "File\nTable",
        ]);
    for load in loads {
        table.add_row(row(load));
    }
    for number in 3..5 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    let mut lines: Vec<String> = lines.collect();
    for load in loads {
        if let Some(error) = &load.error {
            let reason = format!("{} failed: {}", load.short_id, one_line(error));
            lines.push(wrapped(&reason, 2));
        }
    }
    lines.join("\n")
}

fn row(load: &RecordedLoad) -> [String; 6] {
    let state = match (load.state, &load.superseded_by) {
        // Its rows are not in the table any more.
        (LoadStanding::Complete, Some(_)) => "replaced",
        (state, _) => state.name(),
    };
    let file = load.file.rsplit(['/', '\\']).next().unwrap_or(&load.file);
    let count = |rows: i64| grouped(u64::try_from(rows).unwrap_or(0));
    [
        load.short_id.clone(),
        load.started.replace('T', "\n").replace('Z', ""),
        state.to_owned(),
        count(load.rows_loaded),
        count(load.rows_rejected),
        format!("{}\n{}", one_line(file), one_line(&load.table)),
    ]
}

/// What taking back a load did.
pub(in crate::cli) fn undone(load: &RecordedLoad, undone: &Undone) -> String {
    let rows = match undone.rows {
        1 => "1 row".to_owned(),
        rows => format!("{} rows", grouped(u64::try_from(rows).unwrap_or(0))),
    };
    let what = match undone.removed {
        Removed::Rows => format!("{rows} deleted from table {}", undone.table),
        Removed::Table => format!(
            "table {}, which it had made, dropped with {rows}",
            undone.table
        ),
        Removed::Nothing => format!("nothing of it is in table {}", undone.table),
    };
    let mut lines = vec![format!("Load {} is undone: {what}.", load.short_id)];
    if let Some(staging) = &undone.staging_dropped {
        lines.push(format!("Its staging table {staging} was dropped."));
    }
    if let Some(note) = &undone.note {
        lines.push(format!("Note: {note}."));
    }
    lines.push(format!("{} can be loaded again.", undone.file));
    let lines: Vec<String> = lines.iter().map(|line| one_line(line)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(short_id: &str, state: LoadStanding, table: &str) -> RecordedLoad {
        RecordedLoad {
            id: format!("{short_id}-0000-7000-8000-000000000001"),
            short_id: short_id.to_owned(),
            file: "/home/me/sheets/businesses.xlsx".to_owned(),
            sheets: vec!["Sheet1".to_owned()],
            table: table.to_owned(),
            mode: "batch".to_owned(),
            commit: "all".to_owned(),
            state,
            rows_read: Some(12_345_678),
            rows_loaded: 12_345_678,
            rows_rejected: 3,
            started: "2026-11-21T16:48:02Z".to_owned(),
            finished: None,
            duration: 1.5,
            attempt: 1,
            error: None,
            superseded_by: None,
        }
    }

    #[test]
    fn loads_are_a_table_of_80_columns() {
        let mut failed = load(
            "0193f5a3",
            LoadStanding::Failed,
            "a_long_schema_name.a_very_long_name_of_a_table",
        );
        failed.error = Some("cannot write a batch: the connection to the server was lost, and no other could be made".to_owned());
        let mut replaced = load("0193f5a2", LoadStanding::Complete, "public.businesses");
        replaced.superseded_by = Some(failed.id.clone());
        let text = describe(&[failed, replaced]);
        insta::assert_snapshot!(text, @r"
         Load      Started     State         Loaded  Rejected  File
                   (UTC)                                       Table
         0193f5a3  2026-11-21  failed    12,345,678         3  businesses.xlsx
                   16:48:02                                    a_long_schema_name.a_ver
                                                               y_long_name_of_a_table
         0193f5a2  2026-11-21  replaced  12,345,678         3  businesses.xlsx
                   16:48:02                                    public.businesses
        0193f5a3 failed: cannot write a batch: the connection to the server was lost,
          and no other could be made
        ");
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= usize::from(WIDTH))
        );
    }
}
