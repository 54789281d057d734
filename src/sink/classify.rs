//! What a server's error means for the rows that were being written: by SQLSTATE class, never by words.

use tokio_postgres::error::{DbError, SqlState};

use super::Refusal;

/// Whether the row is at fault, so that the others can be loaded without it. By class (PostgreSQL documentation,
/// appendix A): 22 data exception, 23 integrity constraint violation, 44 WITH CHECK OPTION violation, 54 program
/// limit exceeded (a value too large for an index), and what a trigger raises: 09, 27, 38, 39 and P0.
pub(super) fn is_row_fault(code: &SqlState) -> bool {
    is_row_fault_code(code.code())
}

/// The same for a code as text.
pub(crate) fn is_row_fault_code(code: &str) -> bool {
    code.get(..2).is_some_and(|class| {
        matches!(
            class,
            "09" | "22" | "23" | "27" | "38" | "39" | "44" | "54" | "P0"
        )
    })
}

/// The server's error, if the row is at fault.
pub(crate) fn row_fault(error: &tokio_postgres::Error) -> Option<&DbError> {
    error.as_db_error().filter(|e| is_row_fault(e.code()))
}

/// The server's error as a refusal of one row.
pub(crate) fn refusal(row: usize, error: &DbError) -> Refusal {
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.message()),
        None => error.message().to_owned(),
    };
    Refusal {
        row,
        sqlstate: error.code().code().to_owned(),
        message,
        column: error.column().map(str::to_owned),
        constraint: error.constraint().map(str::to_owned),
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
    fn only_faults_of_the_row_are_isolated() {
        for code in [
            "22003", "23505", "23502", "23514", "44000", "54000", "P0001",
        ] {
            assert!(is_row_fault(&SqlState::from_code(code)), "{code}");
        }
        for code in [
            "40001", "53300", "57014", "42501", "42P01", "08006", "0A000", "XX000", "55P03",
        ] {
            assert!(!is_row_fault(&SqlState::from_code(code)), "{code}");
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
