//! Runs of `sheetload import`, and tables read back over a connection of the tests' own.

use std::path::Path;

use serde_json::Value;

use super::program::sheetload;
use super::server::TestDatabase;

/// What a run left.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Imports a file with these options and `--json`.
    pub(crate) fn import(database: &TestDatabase, file: &Path, args: &[&str]) -> Self {
        Self::import_with(database, file, args, &[])
    }

    /// The same with variables of the environment.
    pub(crate) fn import_with(
        database: &TestDatabase,
        file: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let output = sheetload()
            .arg("import")
            .arg(file)
            .args(["--json", "--quiet", "--database-url", &database.url()])
            .args(args)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The JSON document, of a run that ended so.
    pub(crate) fn document(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "{}{}", self.stderr, self.stdout);
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Checks that the run failed with this code, in one or two lines that hold these texts, with a next step.
    pub(crate) fn assert_fails(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.stderr, self.stdout);
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "one line and a next step: {}", self.stderr);
        assert!(lines[0].starts_with("sheetload: "), "{}", self.stderr);
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} in: {}", self.stderr);
        }
    }
}

/// The rows of a query as text, cells separated by `|`, NULL as `~`.
pub(crate) fn rows(database: &TestDatabase, query: &str) -> Vec<String> {
    let rows = database.query(query);
    rows.into_iter()
        .map(|row| {
            let cells = row.into_iter().map(|cell| cell.unwrap_or("~".to_owned()));
            cells.collect::<Vec<_>>().join("|")
        })
        .collect()
}

/// The columns of a table in its order, as `name type`.
pub(crate) fn columns(database: &TestDatabase, table: &str) -> Vec<String> {
    let query = format!(
        "select attname || ' ' || format_type(atttypid, atttypmod) from pg_attribute \
         where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped order by attnum"
    );
    rows(database, &query)
}

/// The names of all tables but those of the ledger, in alphabetical order.
pub(crate) fn tables(database: &TestDatabase) -> Vec<String> {
    rows(
        database,
        "select relname::text from pg_class where relkind = 'r' \
         and relnamespace not in (select oid from pg_namespace \
             where nspname in ('pg_catalog', 'information_schema', 'sheetload')) \
         order by relname",
    )
}
