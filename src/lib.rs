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
//! | [`pipeline`] | reader, workers, supervision, progress, the report; inspection | the only place that spawns tasks |
//! | [`db`] | connections, TLS, migrations, what tables look like, the private server | |
//! | [`config`] | settings as plain data | no I/O but finding the connection's settings |
//! | [`source`] | workbooks to flat batches | the only place that knows file formats |
//! | [`transform`] | pure: types, names, mapping, cells to values | knows neither files nor servers |
//! | [`sink`] | values to bytes, COPY, INSERT, finding the bad row, files of rejected rows | never converts, never decides |
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
//!    cells are joined in a lattice ([`transform::infer`]); reading twice is the price of a table that holds all.
//!    With a sample of the rows instead, the reader looks at each batch before it hands it over: when a column does
//!    not hold a cell, it waits until the workers are done, has the column widened, and goes on.
//! 3. The reader, on a blocking thread of its own, fills a flat [`model::batch::Batch`]: 16-byte cells, one arena for
//!    texts, the sheet's row numbers. Batches are recycled; neither a cell nor a row costs an allocation.
//! 4. A batch closes at its rows (few at first, doubling, so that a small sheet keeps all workers busy) or its bytes,
//!    and goes into a bounded channel. A full channel stops the reader: that is
//!    all the back-pressure there is. Batches in memory are at most `queue + workers + 1`, with as many places in the
//!    queue as there are workers; on top come each worker's encoded batch and the workbook's shared strings.
//! 5. A worker makes a [`model::value::Value`] of each cell ([`transform::coerce`]) and encodes it
//!    ([`sink::encode`]). A cell that does not fit rejects its row, and only that, with sheet, cell, column and reason.
//! 6. The sink writes. `sequential` and `concurrent` run a prepared INSERT for each row, `batch` one COPY for the
//!    batch. When the server refuses a batch for what a row holds, the row is searched for under savepoints by the
//!    COPY's line or by halving, and the others are loaded.
//! 7. Counters go up as batches are committed ([`pipeline::progress`]); whoever listens draws bars or lines.
//! 8. [`pipeline::Pipeline::wait`] joins reader and workers, collects every error, and the report is written
//!    ([`model::report::LoadReport`]).
//!
//! # Invariants
//!
//! - `total_records = success_count + error_count` for every complete load; blank rows are counted apart.
//! - A batch is committed whole but for its rejected rows, or not at all.
//! - A text column takes what the sheet displays; no value is rounded, cut or guessed to make it fit.
//! - Names are quoted, values are never part of SQL text, passwords are in no message and no `Debug`.
//! - No task outlives its load. A stop, by a signal or a failure, lets every worker finish the batch in hand.
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
