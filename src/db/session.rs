//! What is set on each connection before it is used, and how it is found out whose session that is.
//!
//! A role, a database, `PGOPTIONS` and the server's own configuration may set each of the settings that decide what a
//! text means to the server, and what the server writes; a value must not depend on that. They are set after connecting
//! and not with the start-up packet: poolers refuse connections whose start-up names a parameter that they do not know,
//! and what is set here goes before whatever came with the start-up.
//!
//! A pooler in transaction mode gives each transaction another of its sessions with the server. What is set on one would
//! reach other programs, and what a load relies on (its locks, prepared statements, the session that speaks for it) would
//! be somebody else's. So a load refuses such poolers: two connections that are open at once are served by one process of
//! the server only there. The settings go out with the question which process it is, and where it serves a connection
//! already, nothing is set.

use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use crate::config::commit::Patience;

/// The settings that decide what values mean (PostgreSQL documentation, "Client Connection Defaults" and "Version and
/// Platform Compatibility"). What has a type of its own (dates, times, moments with and without a zone, intervals,
/// numbers) is written so that no setting matters; these are for all other types.
///
/// - `DateStyle`: dates that have not the year in front are not of this order, so that the server refuses them and does
///   not guess.
/// - `TimeZone`: moments without a zone are in UTC, unless the load names a zone, which is part of each value then.
/// - `lc_monetary`: `1234.5` is that many units of money wherever the server stands.
/// - `array_nulls`: NULL in an array is NULL.
const VALUE_SETTINGS: &[(&str, &str)] = &[
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("timezone_abbreviations", "Default"),
    ("lc_monetary", "C"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("xmloption", "content"),
    ("array_nulls", "on"),
];

/// For a role that is named as the ledger's schema, `"$user"` leads the search path to the ledger. Its own tables are
/// still found there, but new ones are made where they would be without a ledger. The server reads all statements of a
/// text before it obeys the first, so that backslashes must mean the same whatever `standard_conforming_strings` is.
const BEHIND_THE_LEDGER: &str = "\
    select pg_catalog.set_config('search_path', pg_catalog.regexp_replace( \
               pg_catalog.current_setting('search_path'), \
               E'^\\\\s*\"\\\\$user\"\\\\s*,\\\\s*(.*)$', E'\\\\1, \"$user\"'), false) \
    where current_user = 'sheetload'";

/// A load's connections wait for rows, and one of them speaks for the load by being there: they are not idle.
const NEVER_IDLE: &str = "\
    select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings \
    where name in ('idle_session_timeout', 'idle_in_transaction_session_timeout')";

/// The longest timeout that the server takes.
const MAX_TIMEOUT_MILLIS: u128 = i32::MAX as u128;

/// A process of a server. Another server, or the same one started again, may have one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) number: i32,
    /// When its server was started, in seconds.
    pub(super) server_start: i64,
}

/// What the server says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionFacts {
    /// The process that serves it.
    pub(super) process: Process,
    /// The server's version as `server_version_num` has it.
    pub(super) server_version: u32,
    /// The server's port on which the connection came in; 0 for a socket of the file system.
    pub(super) port: i64,
}

/// The settings of the connections of one database.
#[derive(Debug, Clone)]
pub(super) struct SessionSettings(Vec<(&'static str, String)>);

impl SessionSettings {
    /// Those that decide what values mean, and the time limits.
    pub(super) fn new(patience: Patience) -> Self {
        let values = VALUE_SETTINGS.iter();
        let mut settings: Vec<_> = values
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        for (name, limit) in [
            ("statement_timeout", patience.statement_timeout),
            ("lock_timeout", patience.lock_timeout),
        ] {
            settings.extend(limit.map(|limit| (name, millis(limit))));
        }
        Self(settings)
    }

    /// Sets all on a connection, unless its session belongs to one of these processes. Gives the session's facts.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn set(
        &self,
        client: &Client,
        known: &[Process],
    ) -> Result<Option<SessionFacts>, tokio_postgres::Error> {
        facts_of(client, &self.set_sql(known)).await
    }

    fn set_sql(&self, known: &[Process]) -> String {
        let known = known
            .iter()
            .map(|process| format!("\"{} {}\"", process.number, process.server_start));
        let known: Vec<String> = known.collect();
        let is_ours = format!(
            "pg_catalog.concat(pg_catalog.pg_backend_pid(), ' ', {SERVER_START}) <> all ('{{{}}}'::pg_catalog.text[])",
            known.join(",")
        );
        let settings = self.0.iter().map(|(name, value)| {
            // Names and values of this file, and numbers.
            format!("pg_catalog.set_config('{name}', '{value}', false)")
        });
        let settings: Vec<String> = settings.collect();
        format!(
            "select {} where {is_ours}; {BEHIND_THE_LEDGER} and {is_ours}; {NEVER_IDLE} and {is_ours}; {FACTS}",
            settings.join(", ")
        )
    }

    /// Gives a session of this process what it had before [`Self::set`], if the connection has that session now.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn reset(
        &self,
        client: &Client,
        process: i32,
    ) -> Result<(), tokio_postgres::Error> {
        let names = self.0.iter().map(|(name, _)| format!("'{name}'"));
        let names: Vec<String> = names.collect();
        let sql = format!(
            "select pg_catalog.set_config(name, reset_val, false) from pg_catalog.pg_settings \
             where pg_catalog.lower(name) in ({}, 'search_path', 'idle_session_timeout', 'idle_in_transaction_session_timeout') \
               and source = 'session' and pg_catalog.pg_backend_pid() = {process}",
            names.join(", ")
        );
        client.simple_query(&sql).await.map(|_| ())
    }
}

const SERVER_START: &str =
    "extract(epoch from pg_catalog.pg_postmaster_start_time())::pg_catalog.int8";

const FACTS: &str = "\
    select pg_catalog.pg_backend_pid() as process, \
           extract(epoch from pg_catalog.pg_postmaster_start_time())::pg_catalog.int8 as server_start, \
           pg_catalog.current_setting('server_version_num') as server_version, \
           coalesce(pg_catalog.inet_server_port(), 0) as port";

/// Asks for a session's facts alone; `None` if the answer is not as expected.
///
/// # Errors
/// What the server says.
pub(super) async fn facts(client: &Client) -> Result<Option<SessionFacts>, tokio_postgres::Error> {
    facts_of(client, FACTS).await
}

async fn facts_of(
    client: &Client,
    sql: &str,
) -> Result<Option<SessionFacts>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let last_row = messages
        .into_iter()
        .rev()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
    Ok(last_row.as_ref().and_then(read_facts))
}

fn read_facts(row: &SimpleQueryRow) -> Option<SessionFacts> {
    let text = |column: &str| row.try_get(column).ok().flatten();
    Some(SessionFacts {
        process: Process {
            number: text("process")?.parse().ok()?,
            server_start: text("server_start")?.parse().ok()?,
        },
        server_version: text("server_version")?.parse().ok()?,
        port: text("port")?.parse().ok()?,
    })
}

fn millis(limit: Duration) -> String {
    limit.as_millis().clamp(1, MAX_TIMEOUT_MILLIS).to_string()
}
