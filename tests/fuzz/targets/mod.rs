//! What each fuzz target does with its input. The binaries of cargo-fuzz call it, and so does the smoke run among the
//! integration tests. A target panics when what it was given breaks a promise.

pub(crate) mod copy_encoder;
mod copy_format;
mod input;
pub(crate) mod number_format;
pub(crate) mod plan;
pub(crate) mod reader;
