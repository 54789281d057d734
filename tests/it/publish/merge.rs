//! Upserts.

use sheetload::ErrorKind;
use sheetload::config::commit::OnConflict;
use sheetload::db::merge::{Merge, Merged, check_key, create_staging, merge};
use tokio_postgres::Client;

use super::{names, staging_of, table};
use crate::support::import::rows;
use crate::support::server::TestDatabase;

/// Stages rows, given as values with their place in the sheet first, and merges them.
async fn merged(
    client: &mut Client,
    name: &str,
    (key, on_conflict): (&[&str], OnConflict),
    columns: &[&str],
    values: &str,
) -> Merged {
    let name = table(name);
    let staging = staging_of(&name);
    let key = names(key);
    check_key(client, &name, &key).await.unwrap();
    create_staging(client, &staging, &name).await.unwrap();
    let list: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
    let insert = format!(
        "insert into {staging} (sheetload_row, {}) {values}",
        list.join(", ")
    );
    client.batch_execute(&insert).await.unwrap();
    let mut transaction = client.transaction().await.unwrap();
    let columns = names(columns);
    let merge_of = Merge {
        table: &name,
        staging: &staging,
        key: &key,
        columns: &columns,
        on_conflict,
    };
    let merged = merge(&mut transaction, &merge_of).await.unwrap();
    transaction
        .batch_execute(&format!("drop table {staging}"))
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    merged
}

/// Inserted, updated, kept, superseded, refused.
fn counts(merged: &Merged) -> [u64; 5] {
    let Merged {
        inserted,
        updated,
        kept,
        superseded,
        refused,
    } = merged;
    [
        *inserted,
        *updated,
        *kept,
        *superseded,
        refused.len() as u64,
    ]
}

/// Each refused row with the code and the constraint.
fn refusals(merged: &Merged) -> Vec<String> {
    merged
        .refused
        .iter()
        .map(|(ordinal, refusal)| {
            let constraint = refusal.constraint.as_deref().unwrap_or("~");
            format!("{ordinal} {} {constraint}", refusal.sqlstate)
        })
        .collect()
}

/// The table that most tests merge into.
const PRICES: &str = "\
    create table prices (sku text, region text, price numeric, note text default 'new', seen serial, \
                         unique (sku, region)); \
    insert into prices (sku, region, price, note) values \
        ('a', 'n', 1, 'old'), ('b', 'n', 2, 'old'), ('c', null, 3, 'old')";

/// New, known, known twice, new twice, and one with NULL in its key.
const SHEET: &str = "values (11, 'n', 'x', 10), (12, 'n', 'a', 11), (13, 'n', 'b', 12), (14, 'n', 'b', 13), \
    (15, 's', 'y', 14), (16, 's', 'y', 15), (17, null, 'c', 16), (18, null, 'c', 17)";

const ROWS: &str = "select sku, region, price, note from prices order by sku, region, price";

#[tokio::test]
async fn the_last_row_of_a_key_updates() {
    let database = TestDatabase::create();
    database.query(PRICES);
    let mut client = database.connect().await;
    let key = (["sku", "region"].as_slice(), OnConflict::Update);
    let columns = ["region", "sku", "price"];
    let merged = merged(&mut client, "prices", key, &columns, SHEET).await;
    assert_eq!(counts(&merged), [4, 2, 0, 2, 0]);
    assert_eq!(
        rows(&database, ROWS),
        [
            "a|n|11|old",
            "b|n|13|old",
            "c|~|3|old",
            "c|~|16|new",
            "c|~|17|new",
            "x|n|10|new",
            "y|s|15|new",
        ]
    );
    // An update draws a number for the row that it would have inserted, as the server does it; the staging drew none.
    assert_eq!(
        database.value("select last_value::text from prices_seen_seq"),
        "9"
    );
}

#[tokio::test]
async fn the_first_row_of_a_key_counts_when_known_ones_are_ignored() {
    let database = TestDatabase::create();
    database.query(PRICES);
    let mut client = database.connect().await;
    let key = (["region", "sku"].as_slice(), OnConflict::Ignore);
    let columns = ["region", "sku", "price"];
    let merged = merged(&mut client, "prices", key, &columns, SHEET).await;
    assert_eq!(counts(&merged), [4, 0, 2, 2, 0]);
    assert_eq!(
        rows(&database, ROWS),
        [
            "a|n|1|old",
            "b|n|2|old",
            "c|~|3|old",
            "c|~|16|new",
            "c|~|17|new",
            "x|n|10|new",
            "y|s|14|new",
        ]
    );
}

#[tokio::test]
async fn known_keys_and_keys_that_come_twice_are_refused() {
    let database = TestDatabase::create();
    database.query(PRICES);
    let mut client = database.connect().await;
    let key = (["sku", "region"].as_slice(), OnConflict::Fail);
    let columns = ["region", "sku", "price"];
    let merged = merged(&mut client, "prices", key, &columns, SHEET).await;
    assert_eq!(counts(&merged), [4, 0, 0, 0, 4]);
    let messages: Vec<String> = merged
        .refused
        .iter()
        .map(|(ordinal, refusal)| {
            assert_eq!(refusal.sqlstate, "23505");
            assert_eq!(refusal.constraint.as_deref(), Some("prices_sku_region_key"));
            format!("{ordinal}: {}", refusal.message)
        })
        .collect();
    assert_eq!(
        messages,
        [
            "12: duplicate key: (sku, region)=(a, n) is in the table already",
            "13: duplicate key: (sku, region)=(b, n) is in the table already",
            "14: duplicate key: (sku, region)=(b, n) is in the table already",
            "16: duplicate key: (sku, region)=(y, s) is in the sheet more than once",
        ]
    );
    assert_eq!(
        rows(
            &database,
            "select sku, price from prices where note = 'new' order by 1, 2"
        ),
        ["c|16", "c|17", "x|10", "y|14"]
    );
}
