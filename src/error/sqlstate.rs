//! Errors of the PostgreSQL driver as errors of sheetload: by SQLSTATE and type, never by words.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::{DbError, SqlState};

use super::{Error, ErrorKind};

/// The SQLSTATE of a statement that was cancelled (PostgreSQL documentation, appendix A: query_canceled).
pub const QUERY_CANCELED: &str = "57014";

/// What an error of the driver says about sheetload's own: the kind follows from the SQLSTATE, or from
/// the type of the cause if the server did not speak. `doing` completes "cannot …": `create table x`.
///
/// The message holds the server's message and detail; the server's hint is the next step if the kind has
/// none of its own. The failure to open a connection is another matter, told by
/// [`Database::connect`](crate::db::pool::Database::connect), which knows the address.
#[must_use]
pub fn error_from_postgres(error: tokio_postgres::Error, doing: &str) -> Error {
    if let Some(refusal) = error.as_db_error() {
        return error_from_server(refusal, doing);
    }
    if error.is_closed() {
        return connection_lost(doing);
    }
    let io = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    if io.is_some_and(|cause| is_of_the_network(cause.kind())) {
        let lost = connection_lost(doing);
        return match error.into_source() {
            Some(cause) => lost.caused_by(cause),
            None => lost,
        };
    }
    let message =
        format!("cannot {doing}: the driver and the server did not understand each other");
    Error::new(ErrorKind::Internal, message).caused_by(error)
}

/// The kind that an SQLSTATE means (PostgreSQL documentation, appendix A).
#[must_use]
pub fn kind_of_sqlstate(code: &SqlState) -> ErrorKind {
    const CONNECTION_EXCEPTION: &str = "08";
    const INVALID_AUTHORIZATION: &str = "28";
    if *code == SqlState::TOO_MANY_CONNECTIONS {
        ErrorKind::TooFewConnections
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        ErrorKind::PermissionDenied
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        ErrorKind::DatabaseNotFound
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        ErrorKind::DatabaseUnreachable
    } else if ends_the_session(code) || code.code().starts_with(CONNECTION_EXCEPTION) {
        ErrorKind::ConnectionLost
    } else if code.code().starts_with(INVALID_AUTHORIZATION) {
        ErrorKind::AuthenticationFailed
    } else {
        ErrorKind::DatabaseRefused
    }
}

/// Whether the server says with this code that it closes the connection.
fn ends_the_session(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::DATABASE_DROPPED,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IDLE_SESSION_TIMEOUT,
    ]
    .contains(code)
}

fn error_from_server(refusal: &DbError, doing: &str) -> Error {
    let kind = kind_of_sqlstate(refusal.code());
    let mut message = format!("cannot {doing}: {}", one_line(refusal.message()));
    if let Some(detail) = refusal.detail() {
        message.push_str(&format!(" ({})", one_line(detail)));
    }
    let mut error = Error::new(kind, message).with_sqlstate(refusal.code().code());
    if let Some(table) = refusal.table() {
        error = error.in_table(match refusal.schema() {
            Some(schema) => format!("{schema}.{table}"),
            None => table.to_owned(),
        });
    }
    if let Some(column) = refusal.column() {
        error = error.in_column(column);
    }
    match refusal.hint().or(advice(refusal.code(), kind)) {
        Some(step) => error.next_step(one_line(step)),
        None => error,
    }
}

fn advice(code: &SqlState, kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::PermissionDenied => {
            Some("Ask the owner to grant the right, or connect as another user")
        }
        ErrorKind::TooFewConnections => {
            Some("Use fewer --workers, or raise max_connections on the server")
        }
        ErrorKind::ConnectionLost => Some("Look into the server's log, then run the load again"),
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            Some("Connect to the primary server, or set default_transaction_read_only to off")
        }
        // Its own statements are prepared once for each connection, and nobody else's are on it.
        _ if *code == SqlState::INVALID_SQL_STATEMENT_NAME
            || *code == SqlState::DUPLICATE_PSTATEMENT =>
        {
            Some(
                "A pooler in transaction mode seems to stand between: connect to the server's own port, or to a pooler in session mode",
            )
        }
        _ if *code == SqlState::INVALID_SCHEMA_NAME => {
            Some("Create the schema, or name another with --table schema.table")
        }
        _ => None,
    }
}

fn connection_lost(doing: &str) -> Error {
    let message = format!("cannot {doing}: the connection to the server was lost");
    let error = Error::new(ErrorKind::ConnectionLost, message);
    error.next_step("Look into the server's log, then run the load again")
}

/// The driver gives its own mistakes, such as a NUL in a text, the kinds of a bad argument.
fn is_of_the_network(kind: io::ErrorKind) -> bool {
    !matches!(
        kind,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Unsupported
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_are_not_where_they_were_prepared_speak_of_a_pooler() {
        for code in ["26000", "42P05"] {
            let code = SqlState::from_code(code);
            let advice = advice(&code, kind_of_sqlstate(&code)).unwrap();
            assert!(advice.contains("pooler in transaction mode"), "{advice}");
        }
    }

    #[test]
    fn a_code_decides_the_kind() {
        let expected = [
            ("08006", ErrorKind::ConnectionLost),
            ("22P02", ErrorKind::DatabaseRefused),
            ("28000", ErrorKind::AuthenticationFailed),
            ("28P01", ErrorKind::AuthenticationFailed),
            ("3D000", ErrorKind::DatabaseNotFound),
            ("42501", ErrorKind::PermissionDenied),
            ("53300", ErrorKind::TooFewConnections),
            ("57P01", ErrorKind::ConnectionLost),
            ("57P03", ErrorKind::DatabaseUnreachable),
            ("57014", ErrorKind::DatabaseRefused),
        ];
        for (code, kind) in expected {
            assert_eq!(kind_of_sqlstate(&SqlState::from_code(code)), kind, "{code}");
        }
    }
}
