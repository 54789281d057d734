//! Empty cells that take their column's default, where the user asks for it.

use std::fmt;
use std::sync::Arc;

use super::earlier::EarlierRows;
use super::import::Context;
use super::target::Target;
use crate::db::defaults::{ColumnDefault, DefaultValue, Forms, find_defaults};
use crate::db::pool::Database;
use crate::db::sequences::move_before_load;
use crate::error::Result;
use crate::model::batch::{Batch, Row};
use crate::model::cell::Cell;
use crate::model::column::{ColumnKind, TargetColumn};
use crate::model::table::TableName;
use crate::model::value::Value;
use crate::sink::retry::Retry;
use crate::transform::mapping::{EmptyCells, MappedColumn};
use crate::transform::text_rules::TextRules;

/// A column's default, and its value if that is the same for all rows.
#[derive(Debug, Clone)]
pub(super) struct FoundDefault {
    default: ColumnDefault,
    forms: Forms,
    same: Option<Option<DefaultValue>>,
}

/// The defaults of the columns of a sheet.
#[derive(Clone)]
pub(super) struct SheetDefaults {
    database: Database,
    retry: Retry,
    table: TableName,
    rules: TextRules,
    /// In the order of the values; none for columns that have no default.
    columns: Vec<Option<FoundDefault>>,
}

impl fmt::Debug for SheetDefaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SheetDefaults").field(&self.columns).finish()
    }
}

/// What the empty cells of a batch become.
#[derive(Debug)]
pub(super) struct Given {
    rules: TextRules,
    /// In the order of the values.
    columns: Vec<GivenColumn>,
}

#[derive(Debug)]
enum GivenColumn {
    /// They are NULL.
    Null,
    /// All the same.
    Same(DefaultValue),
    /// One for each row, by its index in the batch.
    Each(Vec<Option<DefaultValue>>),
}

/// The default that a cell takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taken<'g> {
    /// This value.
    Value(&'g DefaultValue),
    /// The one that an earlier attempt at the load gave it, which is not known.
    Before,
}

impl Context<'_> {
    /// Finds out what the table gives to empty cells, unless that was done before. A table that is created has no
    /// defaults.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn find_defaults(&self, target: &mut Target) -> Result<()> {
        let is_wanted = self.config.mapping.empty == EmptyCells::Default && !target.is_new();
        if !is_wanted || target.defaults.is_some() {
            return Ok(());
        }
        let written = target.written_columns();
        let names: Vec<String> = written.iter().map(|column| column.name.clone()).collect();
        let client = self.database.get().await?;
        let mut found = Vec::new();
        for default in find_defaults(&client, &target.name, &names).await? {
            let mut columns = written.iter();
            let column = columns.find(|column| column.name == default.column);
            let forms = match column.is_some_and(|column| column.kind.has_binary_form()) {
                true => Forms::Both,
                false => Forms::Text,
            };
            let same = if default.is_volatile {
                None
            } else {
                let values = default.evaluate(&client, &target.name, forms, 1).await?;
                Some(values.into_iter().next().flatten())
            };
            found.push(FoundDefault {
                default,
                forms,
                same,
            });
        }
        // No number is drawn that a row of the sheet brings.
        move_before_load(&client, &target.name, &target.brought).await?;
        target.defaults = Some(found);
        Ok(())
    }

    /// What empty cells of a sheet become; none if they are NULL.
    pub(super) fn defaults_of(
        &self,
        target: &Target,
        columns: &[MappedColumn],
    ) -> Option<Arc<SheetDefaults>> {
        let defaults = target.defaults.as_ref().filter(|found| !found.is_empty())?;
        let default_of = |column: &MappedColumn| {
            let name = &column.target.name;
            let mut found = defaults.iter();
            found.find(|one| one.default.column == *name).cloned()
        };
        Some(Arc::new(SheetDefaults {
            database: self.database.clone(),
            retry: self.retry(),
            table: target.name.clone(),
            rules: self.config.text_rules.clone(),
            columns: columns.iter().map(default_of).collect(),
        }))
    }

    /// The columns in which an earlier attempt gave values that nobody knows.
    pub(super) fn given_before(&self, target: &Target) -> Vec<String> {
        let defaults = target.defaults.as_deref().unwrap_or_default();
        let names = defaults.iter().map(|found| found.default.column.clone());
        names.filter(|_| self.goes_on()).collect()
    }
}

impl SheetDefaults {
    /// What the empty cells of a batch become. Values of which each row has its own are drawn from the server, for the
    /// rows that no earlier attempt is done with.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn for_batch(
        &self,
        batch: &Batch,
        columns: &[MappedColumn],
        earlier: &EarlierRows,
    ) -> Result<Given> {
        let mut given = Given {
            rules: self.rules.clone(),
            columns: Vec::with_capacity(columns.len()),
        };
        for (column, found) in columns.iter().zip(&self.columns) {
            let made = match found {
                None => GivenColumn::Null,
                Some(FoundDefault {
                    same: Some(value), ..
                }) => value.clone().map_or(GivenColumn::Null, GivenColumn::Same),
                Some(FoundDefault { default, forms, .. }) => {
                    let takes = |row: &Row<'_>| {
                        let cell = row.cells.get(column.source).copied();
                        !earlier.contains(row.sheet_row.saturating_add(1))
                            && shows_nothing(
                                cell.unwrap_or(Cell::Empty),
                                batch,
                                &column.target,
                                &self.rules,
                            )
                    };
                    let taking: Vec<bool> = batch.rows().map(|row| takes(&row)).collect();
                    let count = taking.iter().filter(|takes| **takes).count();
                    let mut drawn = self.draw(default, *forms, count).await?.into_iter();
                    let each = taking.into_iter();
                    let each = each.map(|takes| takes.then(|| drawn.next().flatten()).flatten());
                    GivenColumn::Each(each.collect())
                }
            };
            given.columns.push(made);
        }
        Ok(given)
    }

    async fn draw(
        &self,
        default: &ColumnDefault,
        forms: Forms,
        count: usize,
    ) -> Result<Vec<Option<DefaultValue>>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut tries = self.retry.tries();
        loop {
            let drawn = match self.database.get().await {
                Ok(client) => default.evaluate(&client, &self.table, forms, count).await,
                Err(error) => Err(error),
            };
            match drawn {
                Ok(drawn) => return Ok(drawn),
                Err(error) => tries.pause_after(error).await?,
            }
        }
    }
}

impl Given {
    /// Whether a cell is not taken for what it holds.
    pub(super) fn takes_default(
        &self,
        cell: Cell,
        batch: &Batch,
        column: &TargetColumn,
        field: usize,
    ) -> bool {
        let has_default = self
            .columns
            .get(field)
            .is_some_and(|given| !matches!(given, GivenColumn::Null));
        has_default && shows_nothing(cell, batch, column, &self.rules)
    }

    /// What a cell becomes instead of what it holds. `field` is the column's place among the values, `row` the row's in
    /// the batch; `is_done` says that an earlier attempt has loaded it.
    pub(super) fn instead_of(
        &self,
        cell: Cell,
        batch: &Batch,
        column: &TargetColumn,
        (field, row, is_done): (usize, usize, bool),
    ) -> Option<Taken<'_>> {
        if !self.takes_default(cell, batch, column, field) {
            return None;
        }
        match self.columns.get(field)? {
            _ if is_done => Some(Taken::Before),
            GivenColumn::Null => None,
            GivenColumn::Same(value) => Some(Taken::Value(value)),
            GivenColumn::Each(values) => values.get(row)?.as_ref().map(Taken::Value),
        }
    }
}

impl<'g> Taken<'g> {
    /// The value, as far as totals are made of it.
    pub(super) fn value(self, kind: ColumnKind) -> Value<'g> {
        /// A value of which nothing more is counted.
        const SOME: Value<'_> = Value::Bool(true);
        let Self::Value(DefaultValue { text, .. }) = self else {
            return SOME;
        };
        match kind {
            ColumnKind::Int2 | ColumnKind::Int4 | ColumnKind::Int8 => {
                text.parse().map_or(SOME, Value::Int)
            }
            ColumnKind::Float4 | ColumnKind::Float8 => text.parse().map_or(SOME, Value::Float),
            ColumnKind::Numeric => Value::DecimalText(text),
            _ => SOME,
        }
    }

    /// Its binary form and its text; those of a row that is not written again do not matter.
    pub(super) fn forms(self) -> (&'g [u8], &'g str) {
        match self {
            Self::Value(value) => (&value.binary, &value.text),
            Self::Before => (&[], ""),
        }
    }
}

/// Whether a cell has nothing to see in it. Where any text is a value of the column, white space is one, too.
fn shows_nothing(cell: Cell, batch: &Batch, column: &TargetColumn, rules: &TextRules) -> bool {
    match cell {
        Cell::Empty => true,
        Cell::Text(_) | Cell::Shared(_) | Cell::Iso(_) => {
            let keeps_blanks = column.kind.is_text() || column.kind == ColumnKind::Other;
            let text = batch.text_of(cell);
            if keeps_blanks && !rules.trim {
                text.is_empty()
            } else {
                text.trim().is_empty()
            }
        }
        Cell::Bool(_) | Cell::Number { .. } | Cell::Digits { .. } | Cell::Error(_) => false,
    }
}
