//! The settings of a connection that decide what a text means to the server, and what the server writes.
//!
//! A role, a database, `PGOPTIONS` and the server's own configuration may set each of them, and a value must not depend on
//! that. They are set after connecting and not with the start-up packet: poolers refuse connections whose start-up names
//! a parameter that they do not know, and what is set here goes before whatever came with the start-up. Poolers that
//! give each transaction another connection may lose them, so what has a type of its own (dates, times, moments with
//! and without a zone, intervals, numbers) is written so that no setting matters; these are for all other types.

/// Sets them (PostgreSQL documentation, "Client Connection Defaults" and "Version and Platform Compatibility").
///
/// - `DateStyle`: dates that have not the year in front are not of this order, so that the server refuses them and does
///   not guess.
/// - `TimeZone`: moments without a zone are in UTC, unless the load names a zone, which is part of each value then.
/// - `lc_monetary`: `1234.5` is that many units of money wherever the server stands.
/// - `array_nulls`: NULL in an array is NULL.
pub(super) const VALUE_SETTINGS: &str = "\
    set client_encoding = 'UTF8'; \
    set standard_conforming_strings = on; \
    set datestyle = 'ISO, YMD'; \
    set intervalstyle = 'postgres'; \
    set timezone = 'UTC'; \
    set timezone_abbreviations = 'Default'; \
    set lc_monetary = 'C'; \
    set extra_float_digits = 1; \
    set bytea_output = 'hex'; \
    set xmloption = 'content'; \
    set array_nulls = on";
