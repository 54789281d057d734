//! Loads that did not come to their end, and what the ledger has of them.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::begin::not_recorded;
use super::history::IS_ALIVE;
use crate::error::{Error, ErrorKind, Result};
use crate::model::reject::{Reject, RejectReason};
use crate::model::table::TableName;

/// A load that did not come to its end.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Its id.
    pub id: Uuid,
    /// The workbook's path.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// The sheets.
    pub sheets: Vec<String>,
    /// What of the file was asked for.
    pub selection: String,
    /// The table.
    pub table: TableName,
    /// The table's oid, once it is there.
    pub table_oid: Option<u32>,
    /// The staging table.
    pub staging: Option<TableName>,
    /// `in_place`, `one_transaction` or `staged`.
    pub route: String,
    /// `append`, `create`, `replace` or `upsert`.
    pub effect: String,
    /// The settings.
    pub options: Value,
    /// For each sheet, which of its columns goes where.
    pub columns: Value,
    /// The attempt that did not come to its end.
    pub attempt: i32,
    /// Whether the table is as the first row needs it.
    pub is_prepared: bool,
    /// Whether its connection is still there.
    pub is_alive: bool,
    /// Rows that are committed.
    pub rows: i64,
    /// Whether the server was started again since the load began.
    pub is_server_restarted: bool,
}

/// The query of the columns that [`unfinished_from`] reads.
fn unfinished_sql() -> String {
    format!(
        "\
    select l.id, l.file, l.file_sha256, l.table_schema, l.table_name, l.table_oid, l.staging_name, l.route, l.effect, \
           l.options, l.columns, l.attempt, \
           {IS_ALIVE}, \
           coalesce((select sum(b.rows_loaded) from sheetload.batches b where b.load_id = l.id), 0)::bigint, \
           pg_catalog.pg_postmaster_start_time() > l.started_at, l.is_prepared, l.sheets, l.selection \
    from sheetload.loads l where l.state in ('running', 'interrupted', 'failed')"
    )
}

fn unfinished_from(row: &Row) -> Unfinished {
    let schema: String = row.get(3);
    let in_schema = |table: String| TableName {
        schema: Some(schema.clone()),
        table,
    };
    Unfinished {
        id: row.get(0),
        file: row.get(1),
        sha256: row.get(2),
        table: in_schema(row.get(4)),
        table_oid: row.get(5),
        staging: row.get::<_, Option<String>>(6).map(in_schema),
        route: row.get(7),
        effect: row.get(8),
        options: row.get(9),
        columns: row.get(10),
        attempt: row.get(11),
        is_alive: row.get(12),
        rows: row.get(13),
        is_server_restarted: row.get(14),
        is_prepared: row.get(15),
        sheets: row.get(16),
        selection: row.get(17),
    }
}

/// The load whose id is this or begins with it.
///
/// # Errors
/// `LoadNotFound` when there is none, or more than one; `LoadSettled` for one that is complete or undone.
pub async fn find_unfinished(client: &Client, id: &str) -> Result<Unfinished> {
    let prefix = id.trim().to_lowercase();
    let found = all_unfinished(client, Some(&prefix)).await?;
    if found.is_empty() {
        return Err(settled_or_missing(client, &prefix).await?);
    }
    the_only_one(found)
}

/// The unfinished loads, or those whose id begins like this, the oldest first.
///
/// # Errors
/// What the server says.
pub async fn all_unfinished(client: &Client, prefix: Option<&str>) -> Result<Vec<Unfinished>> {
    let pattern = prefix.map(|prefix| format!("{}%", prefix.replace(['%', '_', '\\'], "")));
    let found = client
        .query(
            &format!(
                "{} and l.superseded_by is null and ($1::text is null or l.id::text like $1) order by l.started_at",
                unfinished_sql()
            ),
            &[&pattern],
        )
        .await
        .map_err(not_recorded)?;
    Ok(found.iter().map(unfinished_from).collect())
}

/// The only one of some unfinished loads.
///
/// # Errors
/// `LoadNotFound` when there is none, or more than one.
pub fn the_only_one(mut found: Vec<Unfinished>) -> Result<Unfinished> {
    let loads: Vec<String> = found
        .iter()
        .map(|load| format!("{} ({} into {})", load.id, load.file, load.table.plain()))
        .collect();
    match found.pop() {
        None => Err(not_found("there is no load to go on with".to_owned())),
        Some(only) if found.is_empty() => Ok(only),
        Some(_) => Err(Error::new(
            ErrorKind::LoadNotFound,
            format!("{} loads may be meant: {}", loads.len(), loads.join(", ")),
        )
        .next_step("Name one by its id")),
    }
}

async fn settled_or_missing(client: &Client, prefix: &str) -> Result<Error> {
    let pattern = format!("{}%", prefix.replace(['%', '_', '\\'], ""));
    let found = client
        .query_opt(
            "select id::text, state from sheetload.loads where id::text like $1 limit 1",
            &[&pattern],
        )
        .await
        .map_err(not_recorded)?;
    Ok(match found {
        None => not_found(format!("no load has the id {prefix}")),
        Some(row) => {
            let (id, state): (String, String) = (row.get(0), row.get(1));
            let what = match state.as_str() {
                "complete" => "is complete",
                "undone" => "was undone",
                _ => "was given up for a later one",
            };
            Error::new(ErrorKind::LoadSettled, format!("load {id} {what}"))
                .next_step("See all loads with `sheetload history`")
        }
    })
}

fn not_found(message: String) -> Error {
    Error::new(ErrorKind::LoadNotFound, message).next_step("See all loads with `sheetload history`")
}

/// The rows that are done with, for each sheet: ranges from the first row to the last, in order and apart.
///
/// # Errors
/// What the server says.
pub async fn committed(client: &Client, id: Uuid) -> Result<HashMap<i32, Vec<(u32, u32)>>> {
    let rows = client
        .query(
            "select sheet, first_row, last_row from sheetload.batches \
             where load_id = $1 and last_row >= first_row order by sheet, first_row",
            &[&id],
        )
        .await
        .map_err(not_recorded)?;
    let mut ranges: HashMap<i32, Vec<(u32, u32)>> = HashMap::new();
    for row in rows {
        let (sheet, first, last): (i32, i32, i32) = (row.get(0), row.get(1), row.get(2));
        let number = |row: i32| u32::try_from(row).unwrap_or_default();
        let (first, last) = (number(first), number(last));
        let of_sheet = ranges.entry(sheet).or_default();
        match of_sheet.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => of_sheet.push((first, last)),
        }
    }
    Ok(ranges)
}

/// The number of rows that are committed.
///
/// # Errors
/// What the server says.
pub async fn committed_rows(client: &Client, id: Uuid) -> Result<i64> {
    let found = client
        .query_one(
            "select coalesce(sum(rows_loaded), 0)::bigint from sheetload.batches where load_id = $1",
            &[&id],
        )
        .await;
    found.map(|row| row.get(0)).map_err(not_recorded)
}

/// The rows that were rejected, for each sheet by their number.
///
/// # Errors
/// What the server says.
pub async fn rejected(
    client: &Client,
    id: Uuid,
    sheets: &[String],
) -> Result<HashMap<i32, BTreeMap<u32, Reject>>> {
    let rows = client
        .query(
            "select sheet, row, cell, column_name, stored, expected, sqlstate, reason, message \
             from sheetload.rejects where load_id = $1",
            &[&id],
        )
        .await
        .map_err(not_recorded)?;
    let mut rejects: HashMap<i32, BTreeMap<u32, Reject>> = HashMap::new();
    for row in rows {
        let (sheet, number): (i32, i32) = (row.get(0), row.get(1));
        let place = usize::try_from(sheet).unwrap_or_default();
        let number = u32::try_from(number).unwrap_or_default();
        let reason: String = row.get(7);
        let reject = Reject {
            sheet: sheets.get(place).cloned().unwrap_or_default(),
            row: number,
            cell: row.get(2),
            column: row.get(3),
            stored: row.get(4),
            expected: row.get(5),
            sqlstate: row.get(6),
            reason: RejectReason::from_name(&reason),
            message: row.get(8),
            cells: Vec::new(),
        };
        let reject = reject.by_first_cell();
        rejects.entry(sheet).or_default().insert(number, reject);
    }
    Ok(rejects)
}
