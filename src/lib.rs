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
pub mod sample;
pub mod telemetry;

pub use error::{Error, ErrorKind, Result};
