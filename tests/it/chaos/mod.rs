//! Chaos: whatever happens to the program, the server or the network in the middle of a load, the table is untouched,
//! or a resume makes it exactly the source. Every test compares the table row by row with what the workbook was made
//! of, and so finds rows that are lost as well as rows that are there twice.
//!
//! `make chaos` runs it long. `SHEETLOAD_CHAOS_KILLS` says how often the program is killed over all ways to load, and
//! `SHEETLOAD_CHAOS_SEED` where; a failed test tells its seed. What a seed chooses is a place in the conversation with
//! the server, counted in messages and bytes. How far the other connections have got by then, it does not choose: a
//! failure can need a few runs to show again.

mod book;
mod connections;
mod content;
mod crashes;
mod full_disk;
mod kills;
mod late_commits;
mod random;
mod refusals;
mod rivals;
mod routes;
mod stage;
mod stalls;
