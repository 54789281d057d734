//! What a server's error means for the rows that were being written: by SQLSTATE and severity, never by words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::error::{DbError, Severity};

use super::Refusal;

/// The server's function that checks policies of row security, whose code is that of missing rights.
const CHECKS_OF_POLICIES: &str = "ExecWithCheckOptions";

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// A row.
    Row,
    /// A row, if the table takes any: whatever it is that refuses them, a right that a trigger lacks, say, may refuse all.
    Suspect,
    /// No row: the connection, the server's resources, whoever cancels statements or shuts the server down.
    Elsewhere,
}

/// Finds out what an error is about. A trigger raises what it likes, so whatever does not speak of the server's own state
/// may be a row's fault, and trying tells.
pub(crate) fn blame(error: &DbError) -> Blame {
    if !matches!(error.parsed_severity(), Some(Severity::Error) | None) {
        return Blame::Elsewhere;
    }
    if error.routine() == Some(CHECKS_OF_POLICIES) {
        return Blame::Row;
    }
    blame_by_code(error.code().code())
}

/// The same for a code alone, by class (PostgreSQL documentation, appendix A).
fn blame_by_code(code: &str) -> Blame {
    if is_row_fault_code(code) {
        return Blame::Row;
    }
    match code.get(..2) {
        // Connections, transactions, rollbacks, resources, operators, the system, the configuration.
        Some("08" | "25" | "2D" | "40" | "53" | "57" | "58" | "72" | "F0") | None => {
            Blame::Elsewhere
        }
        _ if matches!(code, "55P03" | "XX001" | "XX002") => Blame::Elsewhere,
        _ => Blame::Suspect,
    }
}

/// Whether nothing but a row can be at fault. Class 22 is a data exception, 23 an integrity constraint violation, 44 a WITH
/// CHECK OPTION violation, 54 a program limit exceeded (a value too large for an index); the others are what a trigger
/// raises: 09, 27, 38, 39, 45 and P0, and classes that the SQL standard leaves to whoever makes them up.
pub(crate) fn is_row_fault_code(code: &str) -> bool {
    code.get(..2).is_some_and(|class| {
        matches!(
            class,
            "09" | "22" | "23" | "27" | "38" | "39" | "44" | "45" | "54"
        ) || class.starts_with(|first: char| matches!(first, '5'..='9' | 'I'..='Z'))
            && !OF_POSTGRESQL.contains(&class)
    })
}

/// Classes that PostgreSQL has made up for something else.
const OF_POSTGRESQL: [&str; 6] = ["53", "55", "57", "58", "72", "XX"];

/// Whether a row may be at fault.
pub(crate) fn may_be_row_fault_code(code: &str) -> bool {
    blame_by_code(code) != Blame::Elsewhere
}

/// The server's error, if a row may be at fault.
pub(crate) fn row_fault(error: &tokio_postgres::Error) -> Option<&DbError> {
    let error = error.as_db_error()?;
    (blame(error) != Blame::Elsewhere).then_some(error)
}

/// Whether an error may come from the statement as a whole, from a trigger for each statement or a right that is missing,
/// so that no row at all brings it up as well.
pub(crate) fn may_be_of_statement(error: &DbError) -> bool {
    let of_a_value = matches!(
        error.code().code().get(..2),
        Some("22" | "23" | "44" | "54")
    );
    !of_a_value && error.routine() != Some(CHECKS_OF_POLICIES)
}

/// How many rows in a row are suspected before it is taken that all rows are refused.
pub(crate) const MOST_SUSPECTS: usize = 64;

/// Whether a load's table has taken any row. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Evidence(Arc<AtomicBool>);

impl Evidence {
    /// A row was taken.
    pub(crate) fn row_taken(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether one was.
    pub(crate) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the server says, with its detail.
pub(super) fn message(error: &DbError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.message()),
        None => error.message().to_owned(),
    }
}

/// The server's error as a refusal of one row.
pub(crate) fn refusal(row: usize, error: &DbError) -> Refusal {
    Refusal {
        row,
        sqlstate: error.code().code().to_owned(),
        message: message(error),
        column: error.column().map(str::to_owned),
        constraint: error.constraint().map(str::to_owned),
        cells: None,
    }
}

/// How many rows of the failed COPY came before the one that its context names, if it names one: `COPY t, line 12`.
///
/// Only a hint: an error at the end of the statement names the last line, and the words are in the server's language,
/// so the number is the first one behind the table's name. Who uses it checks what it says.
pub(super) fn rows_before_fault(error: &DbError, table: &str) -> Option<usize> {
    let context = error.where_()?;
    let (before, after) = context.split_once(table).unwrap_or(("", context));
    let row = |text: &str| line_number(text)?.0.checked_sub(1);
    row(after).or_else(|| row(before))
}

/// The same where nobody can check it: only by what COPY itself says, which is the last line of the context and begins with
/// its name. An error that a trigger raises at the start or the end of the statement has none.
pub(super) fn row_named_by_copy(error: &DbError, table: &str) -> Option<usize> {
    row_in_context(error.where_()?, table)
}

fn row_in_context(context: &str, table: &str) -> Option<usize> {
    let of_copy = context.lines().last()?.strip_prefix("COPY ")?;
    let place = of_copy.strip_prefix(table)?.strip_prefix(',')?;
    line_number(place)?.0.checked_sub(1)
}

/// The column that the context of a failed COPY names, if it names one of these: `COPY t, line 12, column c: "x"`. A type
/// whose input function refuses a value says no more about where it was.
///
/// The words are in the server's language, so it is the name that stands between the line's number and the value.
pub(super) fn column_of_fault<'c>(
    error: &DbError,
    table: &str,
    columns: &'c [String],
) -> Option<&'c String> {
    column_in_context(error.where_()?, table, columns)
}

fn column_in_context<'c>(context: &str, table: &str, columns: &'c [String]) -> Option<&'c String> {
    let line = context.lines().find(|line| line.contains(table))?;
    let (_, after_table) = line.split_once(table)?;
    let (_, place) = line_number(after_table)?;
    columns
        .iter()
        .filter(|name| {
            place
                .find(&format!(" {name}: "))
                .is_some_and(|at| !place[..at].contains(':'))
                || place.ends_with(&format!(" {name}")) && !place.contains(": ")
        })
        .max_by_key(|name| name.len())
}

/// The first number of a text, and what follows it.
fn line_number(text: &str) -> Option<(usize, &str)> {
    let digits = &text[text.find(|c: char| c.is_ascii_digit())?..];
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_state_is_no_fault_of_a_row() {
        for (code, expected) in [
            ("22003", Blame::Row),
            ("23505", Blame::Row),
            ("44000", Blame::Row),
            ("45000", Blame::Row),
            ("54000", Blame::Row),
            ("P0001", Blame::Row),
            ("PT400", Blame::Row),
            ("UE001", Blame::Row),
            ("0A000", Blame::Suspect),
            ("42501", Blame::Suspect),
            ("42P01", Blame::Suspect),
            ("55000", Blame::Suspect),
            ("XX000", Blame::Suspect),
            ("08006", Blame::Elsewhere),
            ("25006", Blame::Elsewhere),
            ("40001", Blame::Elsewhere),
            ("53100", Blame::Elsewhere),
            ("53300", Blame::Elsewhere),
            ("55P03", Blame::Elsewhere),
            ("57014", Blame::Elsewhere),
            ("57P01", Blame::Elsewhere),
            ("58030", Blame::Elsewhere),
            ("XX001", Blame::Elsewhere),
        ] {
            assert_eq!(blame_by_code(code), expected, "{code}");
        }
    }

    #[test]
    fn a_row_is_named_by_copy_alone() {
        for (context, row) in [
            ("COPY t1, line 12, column v: \"soon\"", Some(11)),
            ("COPY t1, Zeile 3", Some(2)),
            (
                "PL/pgSQL function t1() line 3 at RAISE\nCOPY t1, line 12",
                Some(11),
            ),
            ("PL/pgSQL function t1() line 3 at RAISE", None),
            ("COPY t10, line 12", None),
            ("COPY t1, line 0", None),
            ("COPY t1", None),
            ("", None),
        ] {
            assert_eq!(row_in_context(context, "t1"), row, "{context}");
        }
    }

    #[test]
    fn the_context_of_a_copy_names_the_column_in_any_language() {
        let columns = ["v", "Name", "First Name", "a: b"].map(String::from);
        let named = |context: &str| column_in_context(context, "t1", &columns).map(String::as_str);
        for (context, column) in [
            ("COPY t1, line 12, column v: \"soon\"", Some("v")),
            (
                "COPY t1, Zeile 3, Spalte First Name: »x«",
                Some("First Name"),
            ),
            ("COPY t1, line 1, column Name", Some("Name")),
            (
                "SQL function \"f\" statement 1\nCOPY t1, line 1, column v",
                Some("v"),
            ),
            ("COPY t1, line 1, column a: b: \"x\"", Some("a: b")),
            ("COPY t1, line 1: \"5\t v: x\"", None),
            ("COPY t1, line 1, column other: \" v: x\"", None),
            ("COPY t1", None),
            ("", None),
        ] {
            assert_eq!(named(context), column, "{context}");
        }
    }
}
