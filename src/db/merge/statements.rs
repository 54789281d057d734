//! The statements of a merge.

use super::key::Key;
use super::{BEHIND_COLUMN, Merge, ORDINAL_COLUMN};
use crate::config::commit::OnConflict;
use crate::model::table::quote_identifier;

/// Which staged rows a statement takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Those between two ordinals, `$1` and `$2`, that no other row goes before.
    Between,
    /// Those whose ordinals are in `$1`.
    Listed,
}

impl Taken {
    fn condition(self) -> String {
        match self {
            Self::Between => {
                format!("{ORDINAL_COLUMN} between $1 and $2 and {BEHIND_COLUMN} is null")
            }
            Self::Listed => format!("{ORDINAL_COLUMN} = any ($1)"),
        }
    }
}

/// The statement that merges staged rows and gives the numbers of inserted and of updated rows.
pub(super) fn merge_rows(merge: &Merge<'_>, key: &Key, set: &[&String], taken: Taken) -> String {
    let (table, staging) = (merge.table, merge.staging);
    let names: Vec<String> = merge
        .columns
        .iter()
        .map(|name| quote_identifier(name))
        .collect();
    let names = names.join(", ");
    let condition = taken.condition();
    let insert = format!(
        "insert into {table} as sheetload_target ({names}) overriding system value \
         select {names} from {staging} where {condition} order by {ORDINAL_COLUMN}"
    );
    let list = key.list();
    let inserted = "select pg_catalog.count(*), 0::bigint from merged";
    match merge.on_conflict {
        OnConflict::Fail => format!("with merged as ({insert} returning 1) {inserted}"),
        OnConflict::Ignore => format!(
            "with merged as ({insert} on conflict ({list}) do nothing returning 1) {inserted}"
        ),
        // There is nothing to update but the key, which is equal.
        OnConflict::Update if set.is_empty() => format!(
            "with merged as ({insert} on conflict ({list}) do nothing returning 1) {inserted}"
        ),
        OnConflict::Update => {
            let set: Vec<String> = set
                .iter()
                .map(|name| quote_identifier(name))
                .map(|name| format!("{name} = excluded.{name}"))
                .collect();
            let upsert = format!(
                "{insert} on conflict ({list}) do update set {}",
                set.join(", ")
            );
            if key.partitioned {
                // The server does not say which rows it inserted, when it has to find a partition for them.
                let equal = key.equal("known", "staged");
                format!(
                    "with merged as ({upsert} returning 1), known as ( \
                         select pg_catalog.count(*) as rows from {staging} staged where {condition} \
                         and exists (select from {table} known where {equal})) \
                     select (select pg_catalog.count(*) from merged) - known.rows, known.rows from known"
                )
            } else {
                // A row that was updated has been locked before by this transaction, and says so in xmax.
                format!(
                    "with merged as ({upsert} returning sheetload_target.xmax = 0 as fresh) \
                     select pg_catalog.count(*) filter (where fresh), \
                            pg_catalog.count(*) filter (where not fresh) from merged"
                )
            }
        }
    }
}

/// The order in which rows of the same key go before each other.
fn order(on_conflict: OnConflict) -> &'static str {
    match on_conflict {
        OnConflict::Update => "desc",
        OnConflict::Ignore | OnConflict::Fail => "asc",
    }
}

/// Marks the rows that another one of the same key goes before, and gives their ordinals and keys.
pub(super) fn mark_behind(merge: &Merge<'_>, key: &Key) -> String {
    let staging = merge.staging;
    let (list, comparable, order) = (key.list(), key.comparable(), order(merge.on_conflict));
    format!(
        "update {staging} marked set {BEHIND_COLUMN} = true from ( \
             select {ORDINAL_COLUMN} as ordinal, pg_catalog.row_number() over ( \
                 partition by {list} order by {ORDINAL_COLUMN} {order}) as place \
             from {staging} where {comparable} and {BEHIND_COLUMN} is null) ranked \
         where marked.{ORDINAL_COLUMN} = ranked.ordinal and ranked.place > 1 \
         returning marked.{ORDINAL_COLUMN}"
    )
}

/// Marks the rows whose key has a NULL that equals no other, and gives their ordinals and the places of the first such
/// columns in the key, from 1.
pub(super) fn mark_without_key(merge: &Merge<'_>, key: &Key) -> String {
    let (staging, place) = (merge.staging, key.first_null());
    format!(
        "update {staging} marked set {BEHIND_COLUMN} = true where {place} is not null \
         returning marked.{ORDINAL_COLUMN}, {place}"
    )
}

/// Marks the rows whose key the table has, and gives their ordinals.
pub(super) fn mark_known(merge: &Merge<'_>, key: &Key) -> String {
    let (table, staging, equal) = (merge.table, merge.staging, key.equal("known", "marked"));
    // The key's index knows nothing of tables that inherit from its own.
    let only = if key.partitioned { "" } else { "only " };
    format!(
        "update {staging} marked set {BEHIND_COLUMN} = true \
         where {BEHIND_COLUMN} is null and exists (select from {only}{table} known where {equal}) returning marked.{ORDINAL_COLUMN}"
    )
}

/// The ordinals and keys of the rows whose ordinals are in `$1`.
pub(super) fn keys_of(merge: &Merge<'_>, key: &Key) -> String {
    let (staging, values) = (merge.staging, key.values());
    format!(
        "select {ORDINAL_COLUMN}, {values} from {staging} where {ORDINAL_COLUMN} = any ($1) order by 1"
    )
}

/// For each row whose ordinal is in `$1`, the ordinals of those behind it, the next one first.
pub(super) fn chains(merge: &Merge<'_>, key: &Key) -> String {
    let (staging, order, equal) = (
        merge.staging,
        order(merge.on_conflict),
        key.equal("behind", "first"),
    );
    format!(
        "select pg_catalog.array_agg(behind.{ORDINAL_COLUMN} order by behind.{ORDINAL_COLUMN} {order}) \
         from {staging} first join {staging} behind on {equal} \
         where first.{ORDINAL_COLUMN} = any ($1) and behind.{BEHIND_COLUMN} \
         group by first.{ORDINAL_COLUMN} order by first.{ORDINAL_COLUMN}"
    )
}

/// The ordinals of the rows to merge, in their order.
pub(super) fn ordinals(merge: &Merge<'_>) -> String {
    let staging = merge.staging;
    format!(
        "select {ORDINAL_COLUMN} from {staging} where {BEHIND_COLUMN} is null order by {ORDINAL_COLUMN}"
    )
}

/// The number of the rows to merge.
pub(super) fn count(merge: &Merge<'_>) -> String {
    let staging = merge.staging;
    format!("select pg_catalog.count(*) from {staging} where {BEHIND_COLUMN} is null")
}
