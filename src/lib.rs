//! Loads spreadsheets into PostgreSQL.
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
