//! The ledger, in the schema `sheetload` of the database that rows are loaded into: which load put which rows of which
//! file into which table.
//!
//! A batch is recorded in the transaction that writes it ([`crate::sink::ledger`]); what concerns the whole load is
//! here. No task writes to a load's row while the load runs but the one that begins and ends it, because each batch
//! locks that row to make sure that its attempt is the one that counts.

mod begin;
mod creation;
pub mod history;
mod install;
mod leftovers;
mod own_schema;
mod same_file;
pub mod undo;
mod unfinished;

pub use begin::{
    Ending, NewLoad, NewRoute, begin, begin_again, end, forget_batches, is_complete, is_prepared,
    lock_file, set_prepared, set_route, speak_for,
};
pub use creation::{claim_name, is_being_created};
pub use install::{install, is_installed, telling_rights};
pub use leftovers::drop_leftovers;
pub use own_schema::outside_of_the_ledger;
pub use same_file::{EarlierLoad, EarlierState, find_same};
pub use unfinished::{
    Unfinished, all_unfinished, committed, committed_rows, find_unfinished, rejected, the_only_one,
};
