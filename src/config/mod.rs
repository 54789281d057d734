//! Settings as plain data: no clap, no I/O but what [`postgres`] reads to find the server.

pub mod commit;
pub mod compare;
pub mod document;
pub mod import;
pub mod postgres;
pub mod sample;
pub mod storage;
