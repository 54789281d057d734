//! The ledger: which load put which rows of which file into which table.

pub mod history;
pub mod undo;
