//! A table that exists, joined to the headers of the sheets that go into it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::infer::{last_column, no_rows, require_rows, types_of_columns};
use super::lineage;
use super::progress::Progress;
use crate::config::import::{ImportConfig, NewTypes};
use crate::db::introspect::Table;
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::column_letters;
use crate::model::column::TargetColumn;
use crate::model::selection::Hidden;
use crate::model::sheet::{Header, SheetDescription, Titled};
use crate::model::table::TableName;
use crate::source::RowSource;
use crate::transform::column_spec::{ColumnAction, ColumnSpec};
use crate::transform::infer::InferredType;
use crate::transform::mapping::{
    MappedColumn, Mapping, MappingRules, Mismatch, NewColumn, map_to_table,
};
use crate::transform::positions::map_by_position;

/// A table and what goes into it.
pub(super) struct ExistingTable {
    pub(super) name: TableName,
    /// For each sheet, which of its columns goes where.
    pub(super) sheets: Vec<Vec<MappedColumn>>,
    pub(super) lineage: Vec<TargetColumn>,
    pub(super) constraint_columns: HashMap<String, Vec<String>>,
    /// For each sheet, its columns that are left out because they have no title.
    pub(super) untitled: Vec<Vec<usize>>,
    /// Columns that the table gets.
    pub(super) added: Vec<TargetColumn>,
    /// For each sheet, those of its columns that the table gets.
    new_columns: Vec<Vec<NewColumn>>,
}

impl ExistingTable {
    /// Joins the headers to the table's columns, makes sure that there are rows, and finds the types of columns that
    /// the table gets. Blocks.
    ///
    /// # Errors
    /// `ColumnMismatch` with everything that does not fit; `SheetEmpty`; what is wrong with the file; `Interrupted`.
    pub(super) fn join(
        mut found: Table,
        sources: &mut [Box<dyn RowSource>],
        config: &ImportConfig,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let extra = config.mapping.extra;
        let lineage =
            lineage::take_columns(config.lineage, extra, &found.name, &mut found.columns)?;
        let (mut sheets, mut new_columns, mut untitled) = (Vec::new(), Vec::new(), Vec::new());
        for source in &mut *sources {
            let filled = source.describe().header.width();
            if source.describe().header.titled == Titled::No {
                let rules = rules_without_hidden(source.describe(), config);
                let room = found.columns.len() + rules.specs.len();
                let look = |source: &mut dyn RowSource| last_column(source, interrupt, progress);
                widen_to_cells(source.as_mut(), room, look)?;
            }
            let sheet = source.describe();
            let mapping = map_sheet(sheet, filled, &found, config)
                .map_err(|mismatches| mismatch(&found, &sheet.sheet, &mismatches))?;
            if mapping.columns.is_empty() && mapping.new_columns.is_empty() {
                return Err(nothing_to_load(&found, &sheet.sheet));
            }
            untitled.push(untitled_columns(sheet, &mapping, config));
            sheets.push(mapping.columns);
            new_columns.push(mapping.new_columns);
        }
        let mut joined = Self {
            name: found.name,
            sheets,
            lineage: lineage.all,
            constraint_columns: found.constraint_columns,
            untitled,
            added: Vec::new(),
            new_columns,
        };
        joined.read_rows(sources, config, interrupt, progress)?;
        joined.added.extend(lineage.missing);
        Ok(joined)
    }

    fn read_rows(
        &mut self,
        sources: &mut [Box<dyn RowSource>],
        config: &ImportConfig,
        interrupt: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        if self.new_columns.iter().all(Vec::is_empty) {
            return require_rows(sources);
        }
        let (mut joined, mut rows) = (HashMap::<&str, InferredType>::new(), 0);
        for (source, new_columns) in sources.iter_mut().zip(&self.new_columns) {
            let (types, sheet_rows) =
                types_of_columns(source.as_mut(), config, interrupt, progress)?;
            rows += sheet_rows;
            for column in new_columns {
                let inferred = match config.types {
                    NewTypes::Inferred => types.get(column.source).copied().unwrap_or_default(),
                    NewTypes::Text => InferredType::Text,
                };
                let known = joined.entry(&column.name).or_default();
                *known = known.join(inferred);
            }
        }
        if rows == 0 {
            return Err(no_rows(sources));
        }
        for (columns, new_columns) in self.sheets.iter_mut().zip(&self.new_columns) {
            for new in new_columns {
                let inferred = joined.get(new.name.as_str()).copied();
                let column = new.to_mapped(inferred.unwrap_or_default());
                if self.added.iter().all(|known| known.name != new.name) {
                    self.added.push(column.target.clone());
                }
                columns.push(column);
            }
        }
        Ok(())
    }
}

/// The header's columns that nothing is said about and that have no title.
fn untitled_columns(
    sheet: &SheetDescription,
    mapping: &Mapping,
    config: &ImportConfig,
) -> Vec<usize> {
    let header = &sheet.header;
    let is_left_out = |index: usize| {
        let skipped = config.read.hidden == Hidden::Skip && sheet.is_hidden_column(index);
        let mut specs = config.mapping.specs.iter();
        skipped || specs.any(|spec| spec.find(header) == Ok(index))
    };
    let is_mapped = |index: usize| {
        mapping.columns.iter().any(|column| column.source == index)
            || mapping
                .new_columns
                .iter()
                .any(|column| column.source == index)
    };
    let titles = header.titles.iter().enumerate();
    titles
        .filter(|(index, title)| {
            header.titled == Titled::Yes
                && title.trim().is_empty()
                && !is_mapped(*index)
                && !is_left_out(*index)
        })
        .map(|(index, _)| index)
        .collect()
}

/// Lets the header of a sheet without titles reach over all its cells, as far as there is room for them: rows may be
/// longer than the first one. No further, so that columns that the sheet lacks keep their defaults.
fn widen_to_cells(
    source: &mut dyn RowSource,
    room: usize,
    last_column: impl FnOnce(&mut dyn RowSource) -> Result<u32>,
) -> Result<()> {
    if source.describe().header.width() >= room {
        return Ok(());
    }
    let last_cell = last_column(source)?;
    let header = &source.describe().header;
    let (first, last_room) = (
        header.first_column,
        header.sheet_column(room.saturating_sub(1)),
    );
    source.widen(first, last_cell.min(last_room).max(first));
    Ok(())
}

fn map_sheet(
    sheet: &SheetDescription,
    filled: usize,
    table: &Table,
    config: &ImportConfig,
) -> Result<Mapping, Vec<Mismatch>> {
    if sheet.header.titled == Titled::No {
        let rules = rules_without_hidden(sheet, config);
        return map_by_position(&sheet.header, filled, &table.columns, &rules);
    }
    let header = visible_header(sheet, config.read.hidden);
    map_to_table(&header, &table.columns, &config.mapping)
}

/// The user's rules, with columns left out that are hidden.
fn rules_without_hidden(sheet: &SheetDescription, config: &ImportConfig) -> MappingRules {
    let mut rules = config.mapping.clone();
    if config.read.hidden == Hidden::Skip {
        let hidden = (0..sheet.header.width()).filter(|index| sheet.is_hidden_column(*index));
        for index in hidden {
            if rules
                .specs
                .iter()
                .any(|spec| spec.find(&sheet.header) == Ok(index))
            {
                continue;
            }
            rules.specs.push(ColumnSpec {
                source: column_letters(sheet.header.sheet_column(index)),
                action: ColumnAction::LeaveOut,
            });
        }
    }
    rules
}

/// The header without the titles of columns that shall be left out because they are hidden.
fn visible_header(sheet: &SheetDescription, hidden: Hidden) -> Header {
    let mut header = sheet.header.clone();
    if hidden == Hidden::Skip {
        for (index, title) in header.titles.iter_mut().enumerate() {
            if sheet.is_hidden_column(index) {
                title.clear();
            }
        }
    }
    header
}

fn mismatch(table: &Table, sheet: &str, mismatches: &[Mismatch]) -> Error {
    let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    let is_extra = |mismatch: &Mismatch| matches!(mismatch, Mismatch::NoSuchColumn { .. });
    let more = if mismatches.iter().any(is_extra) {
        "; --extra-columns ignore leaves others out, add adds them to the table"
    } else {
        ""
    };
    let message = format!(
        "the header does not fit table {}: {}",
        table.name.plain(),
        list.join("; ")
    );
    Error::new(ErrorKind::ColumnMismatch, message)
        .in_sheet(sheet)
        .in_table(table.name.plain())
        .next_step(format!(
            "The table's columns are: {}{more}",
            columns_of(table)
        ))
}

fn nothing_to_load(table: &Table, sheet: &str) -> Error {
    let message = format!(
        "table {} has none of the sheet's columns",
        table.name.plain()
    );
    Error::new(ErrorKind::ColumnMismatch, message)
        .in_sheet(sheet)
        .in_table(table.name.plain())
        .next_step(format!("The table's columns are: {}", columns_of(table)))
}

fn columns_of(table: &Table) -> String {
    let names = table
        .columns
        .iter()
        .map(|column| column.column.name.as_str());
    names.collect::<Vec<&str>>().join(", ")
}
