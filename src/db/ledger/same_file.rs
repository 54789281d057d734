//! Whether a table has a file's rows already.

use tokio_postgres::Client;
use uuid::Uuid;

use super::begin::not_recorded;
use super::history::IS_ALIVE;
use crate::error::Result;

/// A load of the same file into the same table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierLoad {
    /// Its id.
    pub id: Uuid,
    /// What has become of it.
    pub state: EarlierState,
    /// Rows that are in the table.
    pub rows: i64,
    /// When it began, as the server shows it.
    pub started: String,
}

/// What has become of an earlier load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierState {
    /// It is complete.
    Complete,
    /// It runs.
    Running,
    /// It stopped, and some of its rows are in the table.
    Partly,
    /// It brought no row into the table, or stopped, and none of its rows stayed.
    Nothing,
}

/// The last load that brought rows of this file into this table and was not undone, but for one: of one of these sheets,
/// and of the same cells or of all.
///
/// # Errors
/// What the server says.
pub async fn find_same(
    client: &Client,
    sha256: &[u8; 32],
    table_oid: Option<u32>,
    sheets: &[String],
    selection: &str,
    except: Option<Uuid>,
) -> Result<Option<EarlierLoad>> {
    let found = client
        .query(
            &format!("select l.id, l.state, l.route, \
                    coalesce((select sum(b.rows_loaded) from sheetload.batches b where b.load_id = l.id), 0)::bigint, \
                    {IS_ALIVE}, \
                    pg_catalog.to_char(l.started_at, 'YYYY-MM-DD HH24:MI'), l.rows_loaded is distinct from 0 \
             from sheetload.loads l \
             where l.file_sha256 = $1 and l.table_oid = $2 and l.superseded_by is null and l.state <> 'undone' \
               and l.sheets && $3 and (l.selection = $4 or l.selection = '' or $4 = '') \
               and l.id is distinct from $5 \
             order by l.started_at desc"),
            &[&&sha256[..], &table_oid, &sheets, &selection, &except],
        )
        .await
        .map_err(not_recorded)?;
    let earlier = found.iter().map(|row| {
        let (state, route): (String, String) = (row.get(1), row.get(2));
        let (rows, is_alive, brought_rows): (i64, bool, bool) =
            (row.get(3), row.get(4), row.get(6));
        EarlierLoad {
            id: row.get(0),
            state: match (state.as_str(), is_alive, route.as_str()) {
                ("complete", _, _) if brought_rows => EarlierState::Complete,
                ("running", true, _) => EarlierState::Running,
                (_, _, "in_place") if rows > 0 => EarlierState::Partly,
                _ => EarlierState::Nothing,
            },
            rows,
            started: row.get(5),
        }
    });
    Ok(earlier
        .into_iter()
        .find(|earlier| earlier.state != EarlierState::Nothing))
}
