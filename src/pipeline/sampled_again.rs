//! The columns of a table that was made from a sample of the rows, when its load goes on.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::new_table::{Sampled, is_declared};
use super::recorded_columns::SheetColumns;
use super::widen::{ColumnState, SampledTable};
use crate::config::import::ImportConfig;
use crate::db::introspect::Table;
use crate::error::{Result, error_from_postgres};
use crate::model::column::TargetColumn;
use crate::model::table::{TableName, quote_identifier};
use crate::source::RowSource;
use crate::transform::infer::InferredType;

/// What it takes to widen the table further; none if its types are settled. What the cells have come to so far is what
/// the columns are.
///
/// # Errors
/// What the server says.
pub(super) async fn sampled_again(
    sources: &[Box<dyn RowSource>],
    recorded: &[SheetColumns],
    table: &Table,
    config: &ImportConfig,
    client: &Client,
) -> Result<Option<Sampled>> {
    let names = recorded.iter().map(|columns| columns.names.clone());
    let Some(names) = names.collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let mut states = HashMap::new();
    for (source, of_sheet) in sources.iter().zip(&names) {
        for (index, name) in of_sheet.iter().enumerate() {
            let Some(name) = name else { continue };
            let column = table
                .columns
                .iter()
                .find(|found| found.column.name == *name);
            let Some(column) = column.map(|found| &found.column) else {
                continue;
            };
            let state = match InferredType::of_kind(column.kind) {
                Some(inferred) if !is_declared(source.as_ref(), index, config) => {
                    ColumnState::Inferred(match inferred {
                        InferredType::Text if is_void(client, &table.name, column).await? => {
                            InferredType::Unknown
                        }
                        inferred => inferred,
                    })
                }
                _ => ColumnState::Declared(column.clone()),
            };
            states.insert(name.clone(), state);
        }
    }
    Ok(Some(Sampled {
        table: SampledTable::new(states),
        names,
        new_types: config.types,
    }))
}

/// Whether a text column has no value yet: then it is one because no cell has said what it is.
async fn is_void(client: &Client, table: &TableName, column: &TargetColumn) -> Result<bool> {
    let column = quote_identifier(&column.name);
    let found = client
        .query_one(
            &format!("select not exists (select from {table} where {column} is not null)"),
            &[],
        )
        .await;
    found
        .map(|row| row.get(0))
        .map_err(|error| error_from_postgres(error, &format!("look at table {}", table.plain())))
}
