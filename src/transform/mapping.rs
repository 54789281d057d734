//! Which of the header's columns goes into which of the table's.

use serde::{Deserialize, Serialize};

use super::column_spec::ColumnSpec;
use super::infer::InferredType;
pub use super::mismatch::Mismatch;
use super::names::NameStyle;
use crate::model::column::TargetColumn;
use crate::model::sql_type::SqlType;

/// A column of the sheet and the column it is loaded into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedColumn {
    /// The header's column, from 0.
    pub source: usize,
    /// The table's column.
    pub target: TargetColumn,
}

/// The table's columns that are written, in the order of the values.
#[must_use]
pub fn target_columns(columns: &[MappedColumn]) -> Vec<TargetColumn> {
    columns.iter().map(|column| column.target.clone()).collect()
}

/// What happens to columns of the sheet that the table lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraColumns {
    /// Nothing is loaded.
    #[default]
    Error,
    /// They are left out.
    Ignore,
    /// The table gets them.
    Add,
}

/// What empty cells become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyCells {
    /// NULL.
    #[default]
    Null,
    /// The default of their column, which is NULL where it has none.
    Default,
}

impl EmptyCells {
    /// Whether nothing is said.
    fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

/// What the user says about columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingRules {
    /// About single columns.
    pub specs: Vec<ColumnSpec>,
    /// About those that the table lacks.
    pub extra: ExtraColumns,
    /// About the names of new columns.
    pub names: NameStyle,
    /// About empty cells.
    #[serde(skip_serializing_if = "EmptyCells::is_null")]
    pub empty: EmptyCells,
}

/// A column that the table shall get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// The header's column, from 0.
    pub source: usize,
    /// Its name.
    pub name: String,
    /// Its type, if it is declared; otherwise the cells decide.
    pub declared: Option<SqlType>,
}

impl NewColumn {
    /// The column, of its declared type or else of the one that its cells have.
    #[must_use]
    pub fn to_mapped(&self, inferred: InferredType) -> MappedColumn {
        let target = match &self.declared {
            Some(declared) => declared.to_column(self.name.clone()),
            None => inferred.to_column(self.name.clone()),
        };
        MappedColumn {
            source: self.source,
            target,
        }
    }
}

/// How a sheet's columns go into a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// Into columns that the table has, in the sheet's order.
    pub columns: Vec<MappedColumn>,
    /// Into columns that it shall get, in the sheet's order.
    pub new_columns: Vec<NewColumn>,
    /// Columns of the table that the sheet has, too, and that the table computes itself: they are passed over.
    pub computed: Vec<String>,
}
