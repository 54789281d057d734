//! Pure data that travels between the stages: no tokio, no PostgreSQL, no calamine.

pub mod address;
pub mod batch;
pub mod calendar;
pub mod cell;
pub mod code_page;
pub mod column;
pub mod deferred;
pub mod inspection;
pub mod limits;
pub mod notice;
pub mod number_format;
pub mod receipt;
pub mod reject;
pub mod rejected_row;
pub mod report;
pub mod secret;
pub mod selection;
pub mod sequences;
pub mod shared_strings;
pub mod sheet;
pub mod sql_type;
pub mod table;
pub(crate) mod text_form;
pub mod time_zone;
mod type_kinds;
pub mod value;
mod value_text;
