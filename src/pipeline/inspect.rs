//! What is in a workbook, and what would become of it: read once, without a database.

use std::collections::HashSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::blocking;
use super::observe::{Observer, Pass};
use super::progress::{Phase, Progress};
use crate::config::import::ImportConfig;
use crate::db::ddl::{MAX_COLUMNS, create_table_sql};
use crate::error::Result;
use crate::model::address::{CellAddress, CellRange, column_letters};
use crate::model::batch::Batch;
use crate::model::column::TargetColumn;
use crate::model::inspection::{
    ColumnInspection, HiddenContent, Inspection, SheetContent, SheetInspection,
};
use crate::model::selection::Hidden;
use crate::model::sheet::{SheetDescription, SheetTotals, Titled};
use crate::model::table::TableName;
use crate::source::{self, RowSource, Survey, SurveyedSheet};
use crate::transform::display::display_number;
use crate::transform::names::column_names;
use crate::transform::profile::{SheetFacts, SheetProfile, sheet_findings};

/// Merged cells stand behind all others in most formats, so that looking for them reads a sheet once more. Sheets of
/// more rows than this are data, which nobody merges by hand.
const ROWS_LOOKED_AT_FOR_MERGED: u64 = 100_000;

/// Looks at all sheets that the options name. Cancelling `interrupt` ends it at the next rows.
///
/// Each sheet is read once, and once more when it has cells beside its titles, for these become columns, too.
///
/// # Errors
/// What is wrong with the file; `Interrupted`.
pub async fn inspect(
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<Inspection> {
    let inspection = Inspecting {
        config: config.clone(),
        interrupt: interrupt.clone(),
        progress: Arc::clone(progress),
    };
    blocking(move || inspection.run()).await
}

struct Inspecting {
    config: ImportConfig,
    interrupt: CancellationToken,
    progress: Arc<Progress>,
}

impl Inspecting {
    fn run(&self) -> Result<Inspection> {
        self.progress.enter(Phase::Opening);
        let Survey {
            format,
            sheets,
            hidden,
        } = source::survey(&self.config.file, &self.config.read, display_number)?;
        self.progress.enter(Phase::Inferring);
        let expected = sheets.iter().filter_map(|sheet| sheet.rows.as_ref());
        let expected = expected.filter_map(|rows| rows.describe().declared_rows);
        self.progress
            .expect_rows(expected.fold(0, u64::saturating_add));
        let tables = sheets.iter().filter(|sheet| sheet.rows.is_some()).count();
        let mut inspected = Vec::with_capacity(sheets.len());
        for SurveyedSheet { entry, rows } in sheets {
            let content = match rows {
                Some(rows) => Some(self.sheet(rows, tables)?),
                None => None,
            };
            inspected.push(SheetInspection {
                sheet: entry.name,
                kind: entry.kind,
                visibility: entry.visibility,
                content,
            });
        }
        self.progress.enter(Phase::Done);
        Ok(Inspection {
            file: self.config.file.display().to_string(),
            format,
            sheets: inspected,
            left_out: hidden,
        })
    }

    /// Reads one of so many sheets.
    fn sheet(&self, mut rows: Box<dyn RowSource>, tables: usize) -> Result<SheetContent> {
        let (mut profile, totals) = self.profile(rows.as_mut())?;
        let mut final_totals = totals;
        if totals.cells_outside_header > 0 {
            rows.widen(totals.first_column.unwrap_or_default(), totals.last_column);
            (profile, final_totals) = self.profile(rows.as_mut())?;
        }
        let merged = if final_totals.rows <= ROWS_LOOKED_AT_FOR_MERGED {
            rows.merged_ranges()?
        } else {
            Vec::new()
        };
        let sheet = rows.describe();
        let facts = SheetFacts {
            sheet,
            totals: &totals,
            merged: &merged,
            max_columns: MAX_COLUMNS,
        };
        let mut findings = sheet_findings(&facts, &profile);
        findings.extend(profile.findings(sheet));
        let table = self.table_of(sheet, tables)?;
        Ok(SheetContent {
            cells: cells(sheet, &final_totals).to_string(),
            title_row: match sheet.header.titled {
                Titled::Yes => Some(sheet.header.first_row),
                Titled::No => None,
            },
            rows: final_totals.rows,
            blank_rows: final_totals.blank_rows,
            hidden: HiddenContent {
                rows_read: final_totals.hidden_rows_read,
                rows_skipped: final_totals.hidden_rows_skipped,
                columns: hidden_columns(sheet),
            },
            columns: columns(sheet, &profile),
            findings,
            ddl: self.ddl(sheet, &table, &profile),
            table: table.plain(),
        })
    }

    /// Reads all rows.
    fn profile(&self, rows: &mut dyn RowSource) -> Result<(SheetProfile, SheetTotals)> {
        let pass = Pass {
            interrupt: &self.interrupt,
            progress: &self.progress,
            interrupted: "interrupted",
        };
        let profile = SheetProfile::of(rows.describe());
        pass.show(rows, profile)
    }

    /// The table as an import of all these sheets names it.
    fn table_of(&self, sheet: &SheetDescription, tables: usize) -> Result<TableName> {
        match tables {
            1 => Ok(self.config.table_name()),
            _ => self.config.table_of_sheet(&sheet.sheet),
        }
    }

    /// The statement; in a sheet wider than any table, columns without title and value are left out.
    fn ddl(
        &self,
        sheet: &SheetDescription,
        table: &TableName,
        profile: &SheetProfile,
    ) -> Option<String> {
        let leaves_out_hidden = self.config.read.hidden == Hidden::Skip;
        let columns = profile.types().zip(column_names(&sheet.header)).enumerate();
        let columns = columns
            .filter(|(index, _)| !leaves_out_hidden || !sheet.is_hidden_column(*index))
            .map(|(index, (inferred, name))| (index, inferred.to_column(name)));
        let mut columns: Vec<(usize, TargetColumn)> = columns.collect();
        if columns.len() > MAX_COLUMNS {
            let used: HashSet<usize> = profile.used_columns(sheet).collect();
            columns.retain(|(index, _)| used.contains(index));
        }
        let columns: Vec<TargetColumn> = columns.into_iter().map(|(_, column)| column).collect();
        (columns.len() <= MAX_COLUMNS).then(|| create_table_sql(table, &columns))
    }
}

/// The columns; in a sheet wider than any table, only those with a title or a value.
fn columns(sheet: &SheetDescription, profile: &SheetProfile) -> Vec<ColumnInspection> {
    let columns = profile.columns(sheet);
    if columns.len() <= MAX_COLUMNS {
        return columns;
    }
    let used: HashSet<usize> = profile.used_columns(sheet).collect();
    let columns = columns.into_iter().enumerate();
    columns
        .filter(|(index, _)| used.contains(index))
        .map(|(_, column)| column)
        .collect()
}

/// From the first title to the last cell.
fn cells(sheet: &SheetDescription, totals: &SheetTotals) -> CellRange {
    let header = &sheet.header;
    let first_row = match header.titled {
        Titled::Yes => header.first_row.saturating_sub(1),
        Titled::No => header.first_row,
    };
    CellRange {
        first: CellAddress {
            row: first_row,
            column: header.first_column,
        },
        last: CellAddress {
            row: totals.last_row.unwrap_or(first_row).max(first_row),
            column: header.sheet_column(header.width().saturating_sub(1)),
        },
    }
}

fn hidden_columns(sheet: &SheetDescription) -> Vec<String> {
    let columns = (0..sheet.header.width()).filter(|index| sheet.is_hidden_column(*index));
    columns
        .map(|index| column_letters(sheet.header.sheet_column(index)))
        .collect()
}

impl Observer for SheetProfile {
    fn observe(&mut self, batch: &Batch) {
        Self::observe(self, batch);
    }
}
