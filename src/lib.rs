//! Loads spreadsheets (xlsx, xlsm, xlsb, xls, ods) into PostgreSQL.
//!
//! The program `sheetload` is a thin shell over this library; its options are in `sheetload --help` and the README.
//!
//! # Map
//!
//! Imports point one way, from the top of this table to its foot; a test reads the `use` lines and holds it.
//!
//! | modules | what they do | what they do not |
//! |---|---|---|
//! | `main`, [`cli`] | arguments to settings, calls, what people see | the only place that knows clap, and that prints |
//! | [`compare`] | the modes against each other, in throw-away tables | never touches the target |
//! | [`sample`] | deterministic workbooks and the figures they must give | knows nothing of reading or loading |
//! | [`pipeline`] | reader, workers, attempts, putting in place, progress, report; inspection | the only place that spawns tasks |
//! | [`db`] | connections, what tables look like, replacing, merging, the ledger, the private server | |
//! | [`config`] | settings as plain data and as documents | no I/O but finding the connection's settings |
//! | [`source`] | workbooks to flat batches | the only place that knows file formats |
//! | [`transform`] | pure: types, names, mapping, cells to values | knows neither files nor servers |
//! | [`sink`] | bytes, COPY, INSERT, a batch's record, finding the bad row, files of them | never converts, never decides |
//! | [`model`], [`error`], [`exit`], [`telemetry`] | what all share | |
//!
//! # How a row travels
//!
//! 1. [`source::open`] looks at the file's bytes, opens the workbook, decrypts it if need be, chooses the sheets and
//!    their cells, and finds the titles. Each format has a reader of its own, which gives cells with their number
//!    formats as a stream; what they have in common, from hidden rows to merged cells, is done once above them.
//!    calamine is kept as a second opinion (`--reader calamine`).
//!    [`pipeline::groups`] says which sheets go into which table. All this is before a database is asked for.
//! 2. [`pipeline::target`] looks at the table. An existing one is joined to the header by name, and everything that
//!    does not fit is reported together. For a missing one all rows are read once and the types of each column's
//!    cells are joined in a lattice ([`transform::infer`]) on a second thread; reading twice is the price of a table
//!    that holds all.
//!    With a sample of the rows instead, the reader looks at each batch before it hands it over: when a column does
//!    not hold a cell, it waits until the workers are done, has the column widened, and goes on.
//! 3. A route is chosen, which says where rows are written and what becomes of them at the end. A table that is created
//!    or replaced, or merged into by a key, gets its rows by way of a staging table; rows that are added are written to
//!    it in one transaction, or, under `--commit batch` and `row`, batch by batch. Indexes and foreign keys that may wait
//!    for the rows are dropped and built in that transaction where this is asked for ([`db::deferral`]). Then the load is
//!    recorded ([`db::ledger`]): a connection of its own speaks for it as long as it runs.
//! 4. The reader, on a blocking thread of its own, fills a flat [`model::batch::Batch`]: 16-byte cells, one arena for
//!    texts, the sheet's row numbers. Batches are recycled; neither a cell nor a row costs an allocation. A large part of
//!    an xlsx or xlsb is inflated ahead of it by a second thread, and the shared strings of an xlsx are read by a third
//!    meanwhile: programs number them in the order in which cells refer to them. A cell that refers to one has its
//!    number; the batch holds the table. Rows and cells in the shapes that programs write are read from the bytes, all
//!    others by an XML parser, and both give the same. The threads end with the reading that started them.
//! 5. A batch closes at its rows (few at first, doubling, so that a small sheet keeps all workers busy) or its bytes,
//!    and goes into a bounded channel. A full channel stops the reader: that is
//!    all the back-pressure there is. Batches in memory are at most `queue + workers + 1`, with as many places in the
//!    queue as there are workers; on top come each worker's encoded batch, 1 MiB of inflated bytes, and the workbook's
//!    shared strings with 4 bytes for each.
//! 6. A worker makes a [`model::value::Value`] of each cell ([`transform::coerce`]) and encodes it
//!    ([`sink::encode`]). A cell that does not fit rejects its row, and only that, with sheet, cell, column and reason.
//!    What the columns hold is added up on the way, for the receipt ([`model::receipt`]).
//! 7. The sink writes. `sequential` and `concurrent` run a prepared INSERT for each row, `batch` one COPY for the
//!    batch. When the server refuses a batch for what a row holds, the row is searched for under savepoints by the
//!    COPY's line or by halving, and the others are loaded. The server names one cell of a row; the others are found in a
//!    temporary table of the same types ([`sink::suspects`]). The batch's record is written in the same transaction
//!    ([`sink::ledger`]). What may pass is tried again ([`sink::retry`]); after a connection was lost in the midst of a
//!    commit, the ledger knows whether the batch is in. A load that stands still looks over another connection what its
//!    sessions wait for ([`db::lookout`]): a lock is told, and connections on which nothing moves are given up.
//! 8. Counters go up as batches are written ([`pipeline::progress`]); whoever listens draws bars or lines.
//! 9. [`pipeline::Pipeline::wait`] joins reader and workers, and collects every error.
//! 10. A load that read all rows is put in place: in one transaction the rows are compared to the receipt if that is
//!     asked for, the staging table is renamed or merged ([`db::replace`], [`db::merge`]), and the ledger says that the
//!     load is complete. One that did not is taken back, as far as it may not stay. Then the report is written
//!     ([`model::report::LoadReport`]).
//! 11. `sheetload resume` ([`pipeline::resume`]) goes through the same steps with the settings from the ledger. All rows
//!     are read again; those that the ledger has are not written again, but counted for the receipt.
//!
//! # Invariants
//!
//! - For every complete load, rows read = loaded + rejected + left out, each with its reason: kept in the table, superseded
//!   by a row of the same key, left out by the table's triggers or rules. Blank rows are counted apart.
//! - Under `--commit all` the table holds all of a load's rows or what it held before, however the load ends.
//! - A batch is committed whole but for its rejected rows, or not at all, and together with its record: the ledger and
//!   the table never differ.
//! - A batch commits only under the attempt that the ledger names. Two programs cannot both write the rows of a load.
//! - What is refused before a load begins leaves nothing behind, no ledger either.
//! - A text column takes numbers in plain digits and moments in ISO 8601; no value is rounded, cut or guessed to make it
//!   fit, but that times in numbers have the milliseconds that spreadsheets show ([`transform::serial_date`]).
//! - No setting of the server, the role or the locale changes what a value is ([`db::pool`]).
//! - Names are quoted, values are never part of SQL text, passwords are in no message and no `Debug`.
//! - No task outlives its load. A stop, by a signal or a failure, lets every worker finish the batch in hand; in one
//!   transaction, of which nothing stays then, no further batch is begun.
//!
//! # As a library
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use sheetload::config::import::ImportConfig;
//! use sheetload::config::postgres::{DatabaseSettings, Environment};
//! use sheetload::db::pool::{Database, Workers};
//! use sheetload::pipeline::{import::import, progress::Progress};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn load() -> sheetload::Result<()> {
//! let environment = Environment::from_process();
//! let url = "postgresql://localhost/shop";
//! let Some(settings) = DatabaseSettings::resolve(Some(url), &environment)? else {
//!     return Ok(());
//! };
//! let database = Database::connect(&settings).await?;
//! let workers = database.size_for(Workers::Auto, 1).await?;
//! let config = ImportConfig::new("prices.xlsx".into());
//! let (interrupt, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
//! let imported = import(&config, &database, workers, &interrupt, &progress).await?;
//! assert!(imported.errors.is_empty());
//! for report in &imported.reports {
//!     println!("{}: {} rows", report.table, report.success_count);
//! }
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

pub mod cli;
pub mod compare;
pub mod config;
pub mod db;
pub mod error;
pub mod exit;
pub mod model;
pub mod pipeline;
pub mod sample;
pub mod sink;
pub mod source;
pub mod telemetry;
pub mod transform;

pub use error::{Error, ErrorKind, Result};
