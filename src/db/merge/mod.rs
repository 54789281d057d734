//! Upserts: staged rows find their rows in the table by a key.
//!
//! The load writes to a staging table that refuses what no row of the table may be, but not keys that come twice. The
//! merge then puts the rows into the table in the order of the sheet, in one transaction. Keys are compared as the
//! table's unique index compares them: NULL equals nothing, so that a row with a NULL in its key is refused, unless the index
//! says NULLS NOT DISTINCT.

mod key;
mod run;
mod statements;

use tokio_postgres::Client;

pub use key::{check_key, check_rights};
pub use run::merge;

use crate::config::commit::OnConflict;
use crate::db::ddl;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::{ColumnKind, TargetColumn, TypeLimit};
use crate::model::table::TableName;
use crate::sink::Refusal;

/// The staging table's column for a row's place: the sheet's place among the sheets in the upper 32 bits, the row in the
/// sheet in the lower ones. The load writes it, each value once.
pub const ORDINAL_COLUMN: &str = "sheetload_row";

/// The staging table's column that marks rows which another one of the same key goes before. NULL during the load.
const BEHIND_COLUMN: &str = "sheetload_behind";

/// What is merged how.
#[derive(Debug, Clone)]
pub struct Merge<'a> {
    /// The table.
    pub table: &'a TableName,
    /// The staging table, made by [`create_staging`].
    pub staging: &'a TableName,
    /// The columns of the key, which [`check_key`] has seen.
    pub key: &'a [String],
    /// The columns that the load wrote, with those of the key, without [`ORDINAL_COLUMN`]. New rows have their defaults
    /// in the others; rows that are updated keep theirs there.
    pub columns: &'a [String],
    /// What happens to a row whose key is in the table already.
    pub on_conflict: OnConflict,
}

/// What became of the staged rows: the numbers and the refused rows add up to all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Rows that are new in the table.
    pub inserted: u64,
    /// Rows whose values a row in the table has now, be they others than before or not.
    pub updated: u64,
    /// Rows whose key the table has, and whose row there was left as it was; also rows that a trigger of the table left
    /// out.
    pub kept: u64,
    /// Rows that another one of the same key went before: a later one when updating, an earlier one when ignoring.
    pub superseded: u64,
    /// Rows that were refused, by their [`ORDINAL_COLUMN`], in its order.
    pub refused: Vec<(i64, Refusal)>,
}

impl Merged {
    /// What became of so many staged rows that were put into a table in pieces: what is neither there nor refused, a
    /// trigger of the table left out.
    pub(in crate::db) fn of_staged(
        staged: u64,
        inserted: u64,
        mut refused: Vec<(i64, Refusal)>,
    ) -> Self {
        refused.sort_by_key(|(ordinal, _)| *ordinal);
        Self {
            inserted,
            kept: staged
                .saturating_sub(inserted)
                .saturating_sub(refused.len() as u64),
            refused,
            ..Self::default()
        }
    }
}

/// The columns beside those of the rows in a staging table that is made for a table that there is not yet.
#[must_use]
pub fn staging_columns() -> [TargetColumn; 2] {
    let column = |name: &str, sql_type: &str, kind, not_null| TargetColumn {
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
        kind,
        not_null,
        limit: TypeLimit::None,
    };
    [
        column(ORDINAL_COLUMN, "bigint", ColumnKind::Int8, true),
        column(BEHIND_COLUMN, "boolean", ColumnKind::Bool, false),
    ]
}

/// Creates the staging table: with the table's types, defaults, generated columns, NOT NULL and checks, so that a row is
/// refused when it is loaded; without its unique indexes and foreign keys, and with sequences of its own, so that the
/// table's numbers are not drawn. Unlogged if the table is.
///
/// # Errors
/// `TableUnusable` if the table has a column of the name that is needed; what the server says.
pub async fn create_staging(client: &Client, staging: &TableName, table: &TableName) -> Result<()> {
    let doing = format!("create a table shaped like {}", table.plain());
    let failed = |error| error_from_postgres(error, &doing).in_table(table.plain());
    let row = client
        .query_opt(
            "select relpersistence = 'u', exists ( \
                        select from pg_catalog.pg_attribute a \
                        where a.attrelid = c.oid and a.attname = any ($2::text[]) and not a.attisdropped) \
             from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass($1)::oid",
            &[
                &table.to_string(),
                &[ORDINAL_COLUMN, BEHIND_COLUMN].as_slice(),
            ],
        )
        .await
        .map_err(failed)?;
    let (unlogged, taken) = row.map_or((false, false), |row| (row.get(0), row.get(1)));
    if taken {
        let message = format!(
            "table {} has a column {ORDINAL_COLUMN} or {BEHIND_COLUMN}, which rows are merged by",
            table.plain()
        );
        return Err(Error::new(ErrorKind::TableUnusable, message)
            .in_table(table.plain())
            .next_step("Rename the column for the time of the load"));
    }
    let unlogged = if unlogged { "unlogged " } else { "" };
    let sql = format!(
        "create {unlogged}table {staging} (like {table} including all excluding indexes excluding statistics \
         excluding comments, {ORDINAL_COLUMN} bigint not null, {BEHIND_COLUMN} boolean)"
    );
    client.batch_execute(&sql).await.map_err(failed)?;
    ddl::give_own_sequences(client, staging).await
}
