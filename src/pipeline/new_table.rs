//! The columns of a table to be created, for one sheet or several that go into it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::infer::{infer_types, no_rows};
use super::progress::{Phase, Progress};
use super::widen::{ColumnState, SampledTable};
use crate::config::import::{ImportConfig, NewTypes};
use crate::db::ddl::MAX_COLUMNS;
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::selection::Hidden;
use crate::source::RowSource;
use crate::transform::column_spec::ColumnAction;
use crate::transform::infer::InferredType;
use crate::transform::mapping::{MappedColumn, map_to_new_table};
use crate::transform::profile::LossyValues;

/// The columns of a new table.
pub(super) struct NewTable {
    /// For each sheet, which of its columns goes where.
    pub(super) sheets: Vec<Vec<MappedColumn>>,
    /// What it takes to widen them later, if they come from a sample.
    pub(super) sampled: Option<Sampled>,
    /// What its cells lose, in a line each.
    pub(super) warnings: Vec<String>,
}

/// A table whose types come from a sample.
#[derive(Debug, Clone)]
pub(super) struct Sampled {
    pub(super) table: SampledTable,
    /// For each sheet and each of its header's columns its name in the table, if it is loaded.
    pub(super) names: Vec<Vec<Option<String>>>,
}

/// Reads the rows and gives the columns. Blocks.
///
/// # Errors
/// `ColumnMismatch` when the sheets' headers differ, or for specifications that fit no column; `SheetEmpty` without
/// rows; what is wrong with the file.
pub(super) fn new_table(
    sources: &mut [Box<dyn RowSource>],
    config: &ImportConfig,
    interrupt: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<NewTable> {
    progress.enter(Phase::Inferring);
    let (mut types, mut lossy, mut rows) = (Vec::new(), Vec::new(), 0);
    let mut void = Vec::with_capacity(sources.len());
    for source in &mut *sources {
        let inferred = infer_types(source.as_mut(), config, interrupt, progress)?;
        rows += inferred.rows;
        void.push(void_columns(source.as_ref(), &inferred.types));
        types.push(match config.types {
            NewTypes::Inferred => inferred.types,
            NewTypes::Text => vec![InferredType::Text; inferred.types.len()],
        });
        lossy.push(inferred.lossy);
    }
    if rows == 0 {
        return Err(no_rows(sources));
    }
    if config.infer_rows.is_none() {
        progress.expect_rows(rows);
    }
    let mut sheets = Vec::with_capacity(sources.len());
    for ((source, types), void) in sources.iter().zip(&types).zip(&void) {
        let mut columns = columns_of(source.as_ref(), types, config)?;
        // A few cells far to the right make a sheet wider than any table, but need few columns.
        if columns.len() > MAX_COLUMNS {
            retain_some(&mut columns, |column| {
                void.get(column.source) == Some(&false)
                    || is_declared(source.as_ref(), column.source, config)
            });
        }
        sheets.push(columns);
    }
    same_columns(sources, &sheets)?;
    let joined = join_types(&sheets, &types);
    for (source, columns) in sources.iter().zip(&mut sheets) {
        for column in columns {
            if let Some(inferred) = joined.get(&column.target.name)
                && !is_declared(source.as_ref(), column.source, config)
            {
                column.target = inferred.to_column(column.target.name.clone());
            }
        }
    }
    let warnings = warnings(sources, &sheets, &lossy, config);
    let sampled = config
        .infer_rows
        .map(|_rows| sampled(sources, &mut sheets, &types, config));
    Ok(NewTable {
        sheets,
        sampled,
        warnings,
    })
}

/// What the cells of columns lose whose types the user left to the program.
fn warnings(
    sources: &[Box<dyn RowSource>],
    sheets: &[Vec<MappedColumn>],
    lossy: &[LossyValues],
    config: &ImportConfig,
) -> Vec<String> {
    if config.types == NewTypes::Text {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    for ((source, columns), lossy) in sources.iter().zip(sheets).zip(lossy) {
        let inferred = columns.iter().map(|column| column.source);
        let inferred: HashSet<usize> = inferred
            .filter(|column| !is_declared(source.as_ref(), *column, config))
            .collect();
        let found = lossy.warnings(source.describe(), |index| inferred.contains(&index));
        warnings.extend(found.iter().map(ToString::to_string));
    }
    warnings
}

/// Leaves columns out, but not all: no row goes into a table without columns. Errors that become NULL are no values, and
/// yet their rows are loaded.
fn retain_some(columns: &mut Vec<MappedColumn>, is_kept: impl Fn(&MappedColumn) -> bool) {
    if columns.iter().any(&is_kept) {
        columns.retain(is_kept);
    } else {
        columns.truncate(1);
    }
}

/// Which of the header's columns have neither a title nor a value.
fn void_columns(source: &dyn RowSource, types: &[InferredType]) -> Vec<bool> {
    let titles = &source.describe().header.titles;
    let titled = |index: usize| titles.get(index).is_some_and(|title| !title.is_empty());
    let types = types.iter().enumerate();
    types
        .map(|(index, inferred)| *inferred == InferredType::Unknown && !titled(index))
        .collect()
}

/// The columns of one sheet by its own cells.
fn columns_of(
    source: &dyn RowSource,
    types: &[InferredType],
    config: &ImportConfig,
) -> Result<Vec<MappedColumn>> {
    let sheet = source.describe();
    let mut columns = map_to_new_table(&sheet.header, types, &config.mapping).map_err(|found| {
        let list: Vec<String> = found.iter().map(ToString::to_string).collect();
        Error::new(
            ErrorKind::ColumnMismatch,
            format!("the columns do not fit: {}", list.join("; ")),
        )
        .in_sheet(&sheet.sheet)
        .next_step("Name columns by their titles or letters: --map \"Title=column:type\"")
    })?;
    if config.read.hidden == Hidden::Skip {
        columns.retain(|column| !sheet.is_hidden_column(column.source));
    }
    Ok(columns)
}

/// The type that all sheets' cells of a column come to, by the column's name.
fn join_types(
    sheets: &[Vec<MappedColumn>],
    types: &[Vec<InferredType>],
) -> HashMap<String, InferredType> {
    let mut joined: HashMap<String, InferredType> = HashMap::new();
    for (columns, types) in sheets.iter().zip(types) {
        for column in columns {
            let inferred = types.get(column.source).copied().unwrap_or_default();
            let known = joined.entry(column.target.name.clone()).or_default();
            *known = known.join(inferred);
        }
    }
    joined
}

fn is_declared(source: &dyn RowSource, column: usize, config: &ImportConfig) -> bool {
    let header = &source.describe().header;
    config.mapping.specs.iter().any(|spec| {
        let declares = matches!(
            spec.action,
            ColumnAction::Load {
                sql_type: Some(_),
                ..
            }
        );
        declares && spec.find(header) == Ok(column)
    })
}

/// Leaves columns out that have neither a title nor a cell in the sample; the first cell adds them.
fn sampled(
    sources: &[Box<dyn RowSource>],
    sheets: &mut [Vec<MappedColumn>],
    types: &[Vec<InferredType>],
    config: &ImportConfig,
) -> Sampled {
    let (mut states, mut names) = (HashMap::new(), Vec::with_capacity(sheets.len()));
    let joined = join_types(sheets, types);
    for (source, columns) in sources.iter().zip(sheets) {
        let header = &source.describe().header;
        let mut of_sheet = vec![None; header.width()];
        for column in &*columns {
            if let Some(place) = of_sheet.get_mut(column.source) {
                *place = Some(column.target.name.clone());
            }
        }
        let is_kept = |column: &MappedColumn| {
            let title = header.titles.get(column.source);
            title.is_some_and(|title| !title.trim().is_empty())
                || joined.get(&column.target.name) != Some(&InferredType::Unknown)
                || is_declared(source.as_ref(), column.source, config)
        };
        retain_some(columns, is_kept);
        for MappedColumn { source: at, target } in &*columns {
            let state = if is_declared(source.as_ref(), *at, config) {
                ColumnState::Declared(TargetColumn::clone(target))
            } else {
                let inferred = match config.types {
                    NewTypes::Text => InferredType::Text,
                    NewTypes::Inferred => joined.get(&target.name).copied().unwrap_or_default(),
                };
                ColumnState::Inferred(inferred)
            };
            states.insert(target.name.clone(), state);
        }
        names.push(of_sheet);
    }
    Sampled {
        table: SampledTable::new(states),
        names,
    }
}

/// Makes sure that all sheets have the same columns, in any order.
fn same_columns(sources: &[Box<dyn RowSource>], sheets: &[Vec<MappedColumn>]) -> Result<()> {
    let [first, others @ ..] = sheets else {
        return Ok(());
    };
    for (index, other) in others.iter().enumerate() {
        let (more, less) = (names_without(other, first), names_without(first, other));
        if !more.is_empty() || !less.is_empty() {
            let name = |index: usize| -> &str {
                let source = sources.get(index);
                source.map_or("", |source| &source.describe().sheet)
            };
            return Err(headers_differ(name(0), name(index + 1), &more, &less));
        }
    }
    Ok(())
}

/// The names of the columns that others lack.
fn names_without(columns: &[MappedColumn], others: &[MappedColumn]) -> Vec<String> {
    let others: HashSet<&str> = others.iter().map(|c| c.target.name.as_str()).collect();
    let names = columns.iter().map(|column| column.target.name.clone());
    names
        .filter(|name| !others.contains(name.as_str()))
        .collect()
}

fn headers_differ(first: &str, other: &str, more: &[String], less: &[String]) -> Error {
    let mut differences = Vec::new();
    if !more.is_empty() {
        differences.push(format!("has also {}", more.join(", ")));
    }
    if !less.is_empty() {
        differences.push(format!("lacks {}", less.join(", ")));
    }
    Error::new(
        ErrorKind::ColumnMismatch,
        format!(
            "the headers differ: sheet \"{other}\" {}, compared with \"{first}\"",
            differences.join(" and ")
        ),
    )
    .in_sheet(other)
    .next_step("Load them into a table each, without --union")
}
