//! All integration tests, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod altered_tables;
mod bad_cells;
mod bad_input;
mod bench_reports;
mod cases;
mod chaos;
mod columns;
mod commits;
mod compare;
mod conformance;
mod defaults;
mod dry_run;
mod encoding;
mod exactly_once;
mod failures;
mod formats;
mod found_again;
mod fuzz_smoke;
mod hazards;
mod history;
mod import;
mod inspect;
mod interrupt;
mod limits;
mod load_options;
mod long_numbers;
mod moments;
mod outages;
mod output;
mod poolers;
mod private_server;
mod publish;
mod readers;
mod rejects;
mod resume;
mod resume_choice;
mod row_faults;
mod sample;
mod selection;
mod sequences;
mod settings;
mod structure;
mod support;
mod targets;
mod tls;
mod types;
mod unsupplied;
mod upsert;
mod verify;
mod waits;
mod widening;
