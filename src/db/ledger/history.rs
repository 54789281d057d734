//! The loads that a database knows of.

use serde::Serialize;
use tokio_postgres::{Client, Row};

use super::install::is_installed;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::table::TableName;

/// The fewest characters of a load's id that are taken for one.
const SHORTEST_PREFIX: usize = 4;
/// The fewest characters of an id that are shown.
const SHORTEST_SHOWN: usize = 8;

/// How a load ended, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadStanding {
    /// It goes on.
    Running,
    /// Every row was read, and loaded or rejected.
    Complete,
    /// The user stopped it.
    Interrupted,
    /// It failed.
    Failed,
    /// It had no time to say how it ended: its connection is gone.
    Killed,
    /// What it loaded has been taken back.
    Undone,
}

impl LoadStanding {
    /// Its name, as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Undone => "undone",
        }
    }

    /// From the ledger's word, and whether the server knows the load's connection.
    fn of(state: &str, is_alive: bool) -> Option<Self> {
        Some(match (state, is_alive) {
            ("running", true) => Self::Running,
            ("running", false) => Self::Killed,
            ("complete", _) => Self::Complete,
            ("interrupted", _) => Self::Interrupted,
            ("failed", _) => Self::Failed,
            ("undone", _) => Self::Undone,
            _ => return None,
        })
    }
}

/// A load, as the ledger has it. Moments are ISO 8601 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordedLoad {
    /// Its id.
    pub id: String,
    /// As much of the id as no other load's begins with, and eight characters at least.
    #[serde(skip)]
    pub short_id: String,
    /// The file.
    pub file: String,
    /// The sheets that went into the table.
    pub sheets: Vec<String>,
    /// The table, as it was called then: `schema.table`.
    pub table: String,
    /// The mode: `sequential`, `concurrent` or `batch`.
    pub mode: String,
    /// When rows were committed: `all`, `batch` or `row`.
    pub commit: String,
    /// How it ended.
    pub state: LoadStanding,
    /// Rows read; not known before the end.
    pub rows_read: Option<i64>,
    /// Rows loaded, so far if it has not ended.
    pub rows_loaded: i64,
    /// Rows rejected, so far if it has not ended.
    pub rows_rejected: i64,
    /// When it began.
    pub started: String,
    /// When it ended.
    pub finished: Option<String>,
    /// From its beginning to its end, in seconds; to now if it goes on, to the last batch if it was killed.
    pub duration: f64,
    /// 1, and one more for each resume.
    pub attempt: i32,
    /// Why it failed.
    pub error: Option<String>,
    /// A later load that took its rows out of the table.
    pub superseded_by: Option<String>,
}

/// Which loads are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those into this table; without a schema, of that name in any.
    pub table: Option<TableName>,
    /// The newest ones only.
    pub limit: Option<u32>,
}

/// The server knows a connection by its process and when that began: numbers of processes come again. A role without
/// the right to look at another's connection is not told the latter.
pub(super) const IS_ALIVE: &str = "exists (select from pg_catalog.pg_stat_activity a where a.pid = l.session_pid \
     and (a.backend_start = l.session_start or a.backend_start is null))";

fn loads_sql() -> String {
    let moment = |column: &str| {
        format!("to_char({column} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    };
    format!(
        "select l.id::text, l.before, l.after, l.file, l.sheets, l.table_schema, l.table_name, l.mode, l.commit_mode, \
                l.state, {IS_ALIVE} as is_alive, l.rows_read, \
                coalesce(l.rows_loaded, b.loaded, 0) as rows_loaded, \
                coalesce(l.rows_rejected, r.rejected) as rows_rejected, \
                {} as started, {} as finished, \
                extract(epoch from coalesce(l.finished_at, case when {IS_ALIVE} then now() else b.last end, \
                        l.started_at) - l.started_at)::float8 as duration, \
                l.attempt, l.error, l.superseded_by::text \
         from (select *, lag(id::text) over (order by id) as before, lead(id::text) over (order by id) as after \
               from sheetload.loads) l \
         cross join lateral (select sum(rows_loaded)::int8 as loaded, max(committed_at) as last \
                             from sheetload.batches where load_id = l.id) b \
         cross join lateral (select count(*) as rejected from sheetload.rejects where load_id = l.id) r",
        moment("l.started_at"),
        moment("l.finished_at")
    )
}

/// The loads, newest first; none where nothing was ever recorded.
///
/// # Errors
/// What the server says, such as a missing right to read the ledger.
pub async fn loads(client: &Client, wanted: &Wanted) -> Result<Vec<RecordedLoad>> {
    if !is_installed(client).await? {
        return Ok(Vec::new());
    }
    let schema = wanted.table.as_ref().and_then(|table| table.schema.clone());
    let table = wanted.table.as_ref().map(|table| table.table.clone());
    let sql = format!(
        "{} where ($1::text is null or l.table_schema = $1) and ($2::text is null or l.table_name = $2) \
         order by l.started_at desc, l.id desc limit $3",
        loads_sql()
    );
    let limit = wanted.limit.map(i64::from);
    let rows = client
        .query(&sql, &[&schema, &table, &limit])
        .await
        .map_err(unreadable)?;
    rows.iter().map(recorded).collect()
}

/// The load with this id, or whose id alone begins like this.
///
/// # Errors
/// `LoadNotFound` if there is none or more than one, or the text is too short; what the server says.
pub async fn find(client: &Client, id: &str) -> Result<RecordedLoad> {
    let prefix = id.trim().to_ascii_lowercase();
    let is_prefix = prefix
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if !is_prefix || prefix.len() < SHORTEST_PREFIX {
        return Err(not_found(format!(
            "{id:?} is no load's id: those are hexadecimal, and {SHORTEST_PREFIX} characters are needed at least"
        )));
    }
    if !is_installed(client).await? {
        return Err(not_found(
            "nothing was loaded into this database yet".to_owned(),
        ));
    }
    let sql = format!(
        "{} where l.id::text like $1 || '%' order by l.id limit 2",
        loads_sql()
    );
    let rows = client.query(&sql, &[&prefix]).await.map_err(unreadable)?;
    match rows.as_slice() {
        [] => Err(not_found(format!("there is no load {id}"))),
        [row] => recorded(row),
        [first, second, ..] => {
            let (first, second) = (recorded(first)?, recorded(second)?);
            Err(not_found(format!(
                "more than one load's id begins with {id}, such as {} and {}",
                first.short_id, second.short_id
            )))
        }
    }
}

fn not_found(message: String) -> Error {
    let error = Error::new(ErrorKind::LoadNotFound, message);
    error.next_step("See the loads and their ids with: sheetload history")
}

fn unreadable(error: tokio_postgres::Error) -> Error {
    error_from_postgres(error, "read the ledger in schema sheetload")
}

fn recorded(row: &Row) -> Result<RecordedLoad> {
    let (state, is_alive): (String, bool) = (row.get("state"), row.get("is_alive"));
    let id: String = row.get("id");
    let neighbours: [Option<String>; 2] = [row.get("before"), row.get("after")];
    let table = TableName {
        schema: Some(row.get("table_schema")),
        table: row.get("table_name"),
    };
    let state = LoadStanding::of(&state, is_alive).ok_or_else(|| {
        let message = format!("load {id} is {state:?} in the ledger, which is no state of a load");
        Error::new(ErrorKind::Internal, message)
            .next_step("Update sheetload: a newer release may have written it")
    })?;
    Ok(RecordedLoad {
        short_id: short_id(&id, neighbours.iter().flatten()),
        id,
        file: row.get("file"),
        sheets: row.get("sheets"),
        table: table.plain(),
        mode: row.get("mode"),
        commit: row.get("commit_mode"),
        state,
        rows_read: row.get("rows_read"),
        rows_loaded: row.get("rows_loaded"),
        rows_rejected: row.get("rows_rejected"),
        started: row.get("started"),
        finished: row.get("finished"),
        duration: row.get("duration"),
        attempt: row.get("attempt"),
        error: row.get("error"),
        superseded_by: row.get("superseded_by"),
    })
}

/// The beginning of an id that tells it from those before and after it, and so from all.
fn short_id<'a>(id: &str, neighbours: impl Iterator<Item = &'a String>) -> String {
    let shared = |other: &String| {
        let pairs = id.bytes().zip(other.bytes());
        pairs.take_while(|(ours, theirs)| ours == theirs).count()
    };
    let length = neighbours.map(|other| shared(other) + 1).max().unwrap_or(0);
    id.chars().take(length.max(SHORTEST_SHOWN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_where_they_differ_from_all_others() {
        let id = "0193f5a2-1111-7000-8000-000000000001";
        let short = |others: &[&str]| {
            let others: Vec<String> = others.iter().map(|id| (*id).to_owned()).collect();
            short_id(id, others.iter())
        };
        assert_eq!(short(&[]), "0193f5a2");
        assert_eq!(short(&["0193f5a1-1111-7000-8000-000000000001"]), "0193f5a2");
        assert_eq!(
            short(&[
                "0193f5a2-1112-7000-8000-000000000001",
                "0193ffff-1112-7000-8000-000000000001"
            ]),
            "0193f5a2-1111"
        );
        assert_eq!(
            short(&["0193f5a2-2111-7000-8000-000000000001"]),
            "0193f5a2-1"
        );
        assert_eq!(short(&["0193f5a2-1111-7000-8000-000000000002"]), id);
    }
}
