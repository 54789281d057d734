//! Pure functions between reading and writing: types, names, mapping, conversion.

pub mod coerce;
pub mod display;
pub mod fault;
pub mod infer;
pub mod mapping;
pub mod names;
pub mod number_format;
pub mod parse;
pub mod positions;
pub mod profile;
pub mod serial_date;
