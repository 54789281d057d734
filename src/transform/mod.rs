//! Pure functions between reading and writing: types, names, mapping, conversion.

mod blocks;
pub mod coerce;
pub mod column_coercion;
pub mod column_spec;
pub mod date_format;
pub mod display;
pub mod fault;
mod from_text;
pub mod infer;
pub mod iso_cell;
mod joining;
pub mod mapping;
mod matching;
mod mismatch;
mod moments;
mod money;
pub mod names;
mod number_digits;
pub mod number_format;
pub mod parse;
pub mod positions;
pub mod profile;
pub mod serial_date;
pub mod text_rules;
pub mod titles;
pub mod widening;
mod within;
