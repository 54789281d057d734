//! The columns of a table to be created, for one sheet or several that go into it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::infer::{Inferred, infer_types, no_rows};
use super::lineage;
use super::progress::{Phase, Progress};
use super::widen::{ColumnState, SampledTable};
use crate::config::import::{ImportConfig, NewTypes};
use crate::db::ddl::MAX_COLUMNS;
use crate::error::{Error, ErrorKind, Result};
use crate::model::column::TargetColumn;
use crate::model::selection::Hidden;
use crate::model::sheet::SheetDescription;
use crate::source::RowSource;
use crate::transform::column_spec::ColumnAction;
use crate::transform::infer::InferredType;
use crate::transform::mapping::MappedColumn;
use crate::transform::titles::map_to_new_table;

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
    /// The types of columns that are added later.
    pub(super) new_types: NewTypes,
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
    let (mut inferred, mut rows) = (Vec::with_capacity(sources.len()), 0);
    for source in &mut *sources {
        let of_sheet = infer_types(source.as_mut(), config, interrupt, progress)?;
        rows += of_sheet.rows;
        inferred.push(of_sheet);
    }
    if rows == 0 {
        return Err(no_rows(sources));
    }
    if config.infer_rows.is_none() {
        progress.expect_rows(rows);
    }
    let mut sheets = Vec::with_capacity(sources.len());
    for (source, inferred) in sources.iter().zip(&inferred) {
        let mut columns = columns_of(source.as_ref(), &inferred.types, config)?;
        // A few cells far to the right make a sheet wider than any table, but need few columns.
        if columns.len() > MAX_COLUMNS {
            retain_some(&mut columns, |column| {
                !is_void(source.as_ref(), column.source, &inferred.types)
                    || is_declared(source.as_ref(), column.source, config)
            });
        }
        sheets.push(columns);
    }
    same_columns(sources, &sheets)?;
    let joined = join_types(&sheets, &inferred, config.types);
    for (source, columns) in sources.iter().zip(&mut sheets) {
        for column in columns {
            if let Some(inferred) = joined.get(&column.target.name)
                && !is_declared(source.as_ref(), column.source, config)
            {
                column.target = inferred.to_column(column.target.name.clone());
            }
        }
    }
    let warnings = warnings(sources, &sheets, &inferred, config);
    let sampled = config
        .infer_rows
        .map(|_rows| sampled(sources, &mut sheets, &inferred, &joined, config));
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
    inferred: &[Inferred],
    config: &ImportConfig,
) -> Vec<String> {
    if config.types == NewTypes::Text {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    for ((source, columns), of_sheet) in sources.iter().zip(sheets).zip(inferred) {
        let undeclared = columns.iter().map(|column| column.source);
        let undeclared: HashSet<usize> = undeclared
            .filter(|column| !is_declared(source.as_ref(), *column, config))
            .collect();
        let lossy = &of_sheet.lossy;
        let found = lossy.warnings(source.describe(), |index| undeclared.contains(&index));
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

/// Whether a column of the header has neither a title nor a value.
fn is_void(source: &dyn RowSource, column: usize, types: &[InferredType]) -> bool {
    let title = source.describe().header.titles.get(column);
    title.is_none_or(String::is_empty)
        && types
            .get(column)
            .is_none_or(|seen| *seen == InferredType::Unknown)
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
    let unfit = |message: String, next_step: &str| {
        Err(Error::new(ErrorKind::ColumnMismatch, message)
            .in_sheet(&sheet.sheet)
            .next_step(next_step))
    };
    if columns.is_empty() {
        return unfit(
            "all columns are left out".to_owned(),
            "Leave fewer of them out",
        );
    }
    for lineage in lineage::new_columns(config.lineage) {
        if columns
            .iter()
            .any(|column| column.target.name == lineage.name)
        {
            return unfit(
                format!(
                    "a column is named {}, as one of the lineage is",
                    lineage.name
                ),
                "Name it otherwise with --map \"Title=column\", or leave --lineage out",
            );
        }
    }
    Ok(columns)
}

/// The type that all sheets' cells of a column come to, by the column's name.
fn join_types(
    sheets: &[Vec<MappedColumn>],
    inferred: &[Inferred],
    new_types: NewTypes,
) -> HashMap<String, InferredType> {
    let mut joined: HashMap<String, InferredType> = HashMap::new();
    for (columns, inferred) in sheets.iter().zip(inferred) {
        for column in columns {
            let of_cells = match new_types {
                NewTypes::Inferred => inferred.types.get(column.source).copied(),
                NewTypes::Text => Some(InferredType::Text),
            };
            let known = joined.entry(column.target.name.clone()).or_default();
            *known = known.join(of_cells.unwrap_or_default());
        }
    }
    joined
}

/// Whether the user said of which type a column is.
pub(super) fn is_declared(source: &dyn RowSource, column: usize, config: &ImportConfig) -> bool {
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

/// Leaves columns out beside the titled ones that have no cell in the sample, as they would be left out if all rows
/// were read and had none; the first cell adds them.
fn sampled(
    sources: &[Box<dyn RowSource>],
    sheets: &mut [Vec<MappedColumn>],
    inferred: &[Inferred],
    joined: &HashMap<String, InferredType>,
    config: &ImportConfig,
) -> Sampled {
    let (mut states, mut names) = (HashMap::new(), Vec::with_capacity(sheets.len()));
    for ((source, columns), inferred) in sources.iter().zip(sheets).zip(inferred) {
        let declared = |index: usize| is_declared(source.as_ref(), index, config);
        let mut of_sheet = vec![None; inferred.types.len()];
        for column in &*columns {
            if let Some(place) = of_sheet.get_mut(column.source) {
                *place = Some(column.target.name.clone());
            }
        }
        let is_there = |index: &usize| {
            inferred.settled.contains(index)
                || declared(*index)
                || inferred.filled.get(*index) == Some(&true)
        };
        let first = (0..inferred.types.len()).find(is_there).unwrap_or_default();
        let last = (0..inferred.types.len())
            .rfind(is_there)
            .unwrap_or_default();
        retain_some(columns, |column| (first..=last).contains(&column.source));
        for MappedColumn { source: at, target } in &*columns {
            let state = if declared(*at) {
                ColumnState::Declared(TargetColumn::clone(target))
            } else {
                ColumnState::Inferred(joined.get(&target.name).copied().unwrap_or_default())
            };
            states.insert(target.name.clone(), state);
        }
        names.push(of_sheet);
    }
    Sampled {
        table: SampledTable::new(states),
        names,
        new_types: config.types,
    }
}

/// Makes sure that all sheets have the same titles, in any order. Columns without a title agree with none.
fn same_columns(sources: &[Box<dyn RowSource>], sheets: &[Vec<MappedColumn>]) -> Result<()> {
    let titled: Vec<(&SheetDescription, HashSet<&str>)> = sources
        .iter()
        .zip(sheets)
        .map(|(source, columns)| (source.describe(), titled_names(source.describe(), columns)))
        .collect();
    let [(first, first_names), others @ ..] = titled.as_slice() else {
        return Ok(());
    };
    for (other, other_names) in others {
        let names_without = |names: &HashSet<&str>, others: &HashSet<&str>| {
            let mut names: Vec<String> =
                names.difference(others).map(|n| (*n).to_owned()).collect();
            names.sort_unstable();
            names
        };
        let more = names_without(other_names, first_names);
        let less = names_without(first_names, other_names);
        if !more.is_empty() || !less.is_empty() {
            return Err(headers_differ(&first.sheet, &other.sheet, &more, &less));
        }
    }
    Ok(())
}

/// The names of the columns that have a title.
fn titled_names<'c>(sheet: &SheetDescription, columns: &'c [MappedColumn]) -> HashSet<&'c str> {
    let is_titled = |column: &&MappedColumn| {
        let title = sheet.header.titles.get(column.source);
        title.is_some_and(|title| !title.trim().is_empty())
    };
    let titled = columns.iter().filter(is_titled);
    titled.map(|column| column.target.name.as_str()).collect()
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
