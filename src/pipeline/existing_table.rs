//! A table that exists, joined to the headers of the sheets that go into it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::brought_numbers::{find_brought, numbered_columns};
use super::infer::{filled_columns, no_rows, require_rows, types_of_columns};
use super::lineage;
use super::progress::Progress;
use super::untitled::find_filled;
use crate::config::import::{ImportConfig, NewTypes};
use crate::db::introspect::Table;
use crate::db::sequences::Brought;
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::column_letters;
use crate::model::column::TargetColumn;
use crate::model::selection::Hidden;
use crate::model::sheet::{SheetDescription, Titled};
use crate::model::table::TableName;
use crate::source::RowSource;
use crate::transform::column_spec::{ColumnAction, ColumnSpec};
use crate::transform::infer::InferredType;
use crate::transform::mapping::{
    EmptyCells, MappedColumn, Mapping, MappingRules, Mismatch, NewColumn,
};
use crate::transform::positions::map_by_position;
use crate::transform::profile::shell_argument;
use crate::transform::titles::{HeaderFacts, columns_named_by_letters, map_to_table};

/// A table and what goes into it.
pub(super) struct ExistingTable {
    pub(super) name: TableName,
    /// For each sheet, which of its columns goes where.
    pub(super) sheets: Vec<Vec<MappedColumn>>,
    pub(super) lineage: Vec<TargetColumn>,
    pub(super) constraint_columns: HashMap<String, Vec<String>>,
    /// For each sheet, its columns that are left out because they have no title.
    pub(super) untitled: Vec<Vec<usize>>,
    /// Which columns of the sheets it does not take, in a line each.
    pub(super) warnings: Vec<String>,
    /// Columns that the table gets.
    pub(super) added: Vec<TargetColumn>,
    /// The numbers of the sheets in columns whose empty cells may draw theirs.
    pub(super) brought: Vec<Brought>,
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
        let mut warnings = Vec::new();
        let pass = Passes {
            interrupt,
            progress,
        };
        for source in &mut *sources {
            let mapping = pass.map(source.as_mut(), &found, config)?;
            untitled.push(untitled_columns(source.describe(), &mapping, config));
            for column in &mapping.computed {
                let line = format!("column {column} was not loaded: the table computes it itself");
                if !warnings.contains(&line) {
                    warnings.push(line);
                }
            }
            sheets.push(mapping.columns);
            new_columns.push(mapping.new_columns);
        }
        let mut brought = Vec::new();
        if config.mapping.empty == EmptyCells::Default {
            for (source, columns) in sources.iter_mut().zip(&sheets) {
                let numbered = numbered_columns(columns, &found);
                if !numbered.is_empty() {
                    brought.extend(find_brought(
                        source.as_mut(),
                        numbered,
                        interrupt,
                        progress,
                    )?);
                }
            }
        }
        let mut joined = Self {
            name: found.name,
            sheets,
            lineage: lineage.all,
            constraint_columns: found.constraint_columns,
            untitled,
            warnings,
            added: Vec::new(),
            brought,
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

/// What it takes to look at the cells of a sheet before it is loaded.
struct Passes<'a> {
    interrupt: &'a CancellationToken,
    progress: &'a Progress,
}

impl Passes<'_> {
    /// Joins the header of one sheet to the table's columns.
    fn map(
        &self,
        source: &mut dyn RowSource,
        table: &Table,
        config: &ImportConfig,
    ) -> Result<Mapping> {
        let mapping = match source.describe().header.titled {
            Titled::No => self.map_by_position(source, table, config)?,
            Titled::Yes => self.map_by_titles(source, table, config)?,
        };
        let sheet = &source.describe().sheet;
        let mapping = mapping.map_err(|mismatches| mismatch(table, sheet, &mismatches))?;
        if mapping.columns.is_empty() && mapping.new_columns.is_empty() {
            return Err(nothing_to_load(table, sheet));
        }
        Ok(mapping)
    }

    fn map_by_titles(
        &self,
        source: &mut dyn RowSource,
        table: &Table,
        config: &ImportConfig,
    ) -> Result<Result<Mapping, Vec<Mismatch>>> {
        let rules = &config.mapping;
        let mut facts = HeaderFacts {
            hidden: hidden_columns(source.describe(), config.read.hidden),
            ..HeaderFacts::default()
        };
        let header = &source.describe().header;
        let wanted = columns_named_by_letters(header, &table.columns, rules, &facts);
        if !wanted.is_empty() {
            find_filled(source, &wanted, &mut facts, self.interrupt, self.progress)?;
            // The header may reach further to the left now.
            facts.hidden = hidden_columns(source.describe(), config.read.hidden);
        }
        let header = &source.describe().header;
        Ok(map_to_table(header, &table.columns, rules, &facts))
    }

    fn map_by_position(
        &self,
        source: &mut dyn RowSource,
        table: &Table,
        config: &ImportConfig,
    ) -> Result<Result<Mapping, Vec<Mismatch>>> {
        let room = table.columns.len() + config.mapping.specs.len();
        let filled = self.widen_to_cells(source, room)?;
        let sheet = source.describe();
        let rules = rules_without_hidden(sheet, config);
        let columns = &table.columns;
        Ok(map_by_position(&sheet.header, filled, columns, &rules))
    }

    /// Lets the header of a sheet without titles reach over all its cells, as far as there is room for them: rows may be
    /// longer than the first one, or begin further to the left. No further, so that columns that the sheet lacks keep
    /// their defaults. Gives how many of its columns are known to hold cells.
    fn widen_to_cells(&self, source: &mut dyn RowSource, room: usize) -> Result<usize> {
        let header = &source.describe().header;
        let (filled, start) = (header.width(), header.first_column);
        if filled >= room {
            return Ok(filled);
        }
        let (first_cell, last_cell) = filled_columns(source, self.interrupt, self.progress)?;
        let last = start.saturating_add(u32::try_from(filled).unwrap_or(u32::MAX)) - 1;
        let least = last.saturating_sub(u32::try_from(room).unwrap_or(u32::MAX) - 1);
        let first = start.min(first_cell.max(least));
        let last_room = first.saturating_add(u32::try_from(room).unwrap_or(u32::MAX) - 1);
        source.widen(first, last_cell.min(last_room).max(last));
        Ok(filled + (start - first) as usize)
    }
}

/// The header's columns that are left out because they are hidden.
fn hidden_columns(sheet: &SheetDescription, hidden: Hidden) -> HashSet<usize> {
    let all = match hidden {
        Hidden::Skip => 0..sheet.header.width(),
        Hidden::Load | Hidden::LoadRowsAndColumns => 0..0,
    };
    all.filter(|index| sheet.is_hidden_column(*index)).collect()
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

fn mismatch(table: &Table, sheet: &str, mismatches: &[Mismatch]) -> Error {
    let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    let any = |is: fn(&Mismatch) -> bool| mismatches.iter().any(is);
    let mut more = String::new();
    if any(|mismatch| matches!(mismatch, Mismatch::NoSuchColumn { .. })) {
        more.push_str("; --extra-columns ignore leaves others out, add adds them to the table");
    }
    let computed = mismatches.iter().find_map(|mismatch| match mismatch {
        Mismatch::Generated { title, .. } => Some(title),
        _ => None,
    });
    if let Some(title) = computed {
        let spec = ColumnSpec {
            source: title.clone(),
            action: ColumnAction::LeaveOut,
        };
        more.push_str("; --map ");
        more.push_str(&shell_argument(&spec.to_string()));
        more.push_str(" leaves it out, and so does --extra-columns ignore");
    }
    if any(|mismatch| {
        matches!(
            mismatch,
            Mismatch::Duplicate { .. } | Mismatch::Ambiguous { .. }
        )
    }) {
        more.push_str(
            "; --map \"B=column\" says where the sheet's column B goes, \"-B\" leaves it out",
        );
    }
    if any(|mismatch| matches!(mismatch, Mismatch::Nameless { .. })) {
        more.push_str(
            "; --map \"B=column\" says where the sheet's column B goes, --extra-columns ignore leaves such cells out",
        );
    }
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
