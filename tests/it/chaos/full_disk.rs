//! A table that cannot grow any more, for the server just as if its tablespace were full.
//!
//! A file system of a test's own would need root. A limit on the size of the server's files does not, and the server
//! meets it in the same place: a write that comes out too short when it adds a page to the table, which it reports as
//! SQLSTATE 53100, `disk_full`. Room is made by a vacuum.

use std::process::Command;

use super::book::Book;
use super::routes;
use super::stage::{Stage, run};
use crate::support::server::{TestDatabase, block_on, private_server, server_directory};

/// Bytes of a page of a table.
const PAGE: u64 = 8_192;
/// Pages that a file can have: more than a segment of the write-ahead log, which is a file, too.
const PAGES: u64 = 2_100;
/// Pages that the load finds free; it needs more.
const FREE: u64 = 6;
/// What the shell counts file sizes in.
const BLOCK: u64 = 512;

#[test]
fn a_table_that_can_t_grow_ends_the_load_which_can_be_resumed() {
    let base = server_directory();
    // Half a page more, so that the write that comes upon the limit is short rather than refused.
    let limit = (PAGES * PAGE + PAGE / 2) / BLOCK;
    let started = Command::new("/bin/sh")
        .args(["-c", &format!("ulimit -f {limit} && exec \"$0\" db start")])
        .arg(env!("CARGO_BIN_EXE_sheetload"))
        .env("SHEETLOAD_HOME", &base)
        .output()
        .unwrap();
    assert!(started.status.success(), "{started:?}");
    let server = private_server(&base);
    let running = block_on(server.start()).unwrap();
    for route in [
        routes::APPEND_ALL,
        routes::APPEND_BATCH,
        routes::SEQUENTIAL,
        routes::CONCURRENT,
    ] {
        let book = Book::new(1_000);
        let stage = Stage::over(TestDatabase::create_in(&running), &book, route);
        // Rows that fill a page each, that nobody sees, but that are there until a vacuum.
        let rows = PAGES - FREE - 1;
        stage.database.query(&format!(
            "alter table chaos set (autovacuum_enabled = off); \
             alter table chaos alter code set storage plain; \
             insert into chaos (code) select repeat('x', 8050) from generate_series(1, {rows})"
        ));
        stage.database.query("delete from chaos where id is null");
        let size = stage
            .database
            .value("select pg_relation_size('chaos')::text");
        assert_eq!(size, ((PAGES - FREE) * PAGE).to_string());
        let mut import = stage.import_in_batches(running.port());
        let ended = run(import.args(["--retry-for", "0s"]));
        assert_eq!(ended.code, Some(5), "{}: {ended:?}", route.name);
        stage.wait_for_sessions_to_end();
        let loaded = stage.assert_legal();
        assert!(loaded < 1_000, "{}", route.name);
        stage.database.query("vacuum chaos");
        stage.finish(&[]);
    }
    block_on(server.destroy()).unwrap();
}
