//! No setting of the server, the database, the role or the connection changes what a value is.

use rust_xlsxwriter::{Format, Workbook};

use crate::support::import::{Run, rows};
use crate::support::server::TestDatabase;

/// Settings that people have, and that change what texts mean or what the server writes.
const FOREIGN: [(&str, &str); 10] = [
    ("datestyle", "'German, DMY'"),
    ("intervalstyle", "'sql_standard'"),
    ("timezone", "'America/New_York'"),
    ("extra_float_digits", "-10"),
    ("bytea_output", "'escape'"),
    ("xmloption", "'document'"),
    ("standard_conforming_strings", "off"),
    ("client_encoding", "'LATIN1'"),
    ("array_nulls", "off"),
    ("timezone_abbreviations", "'India'"),
];

/// Who has the settings.
#[derive(Debug, Clone, Copy)]
enum Holder {
    Database,
    Role,
    Options,
}

impl Holder {
    const ALL: [Self; 3] = [Self::Database, Self::Role, Self::Options];

    /// The text of `PGOPTIONS` that a program is to be run with, if that has them.
    fn set(self, database: &TestDatabase, settings: &[(&str, &str)]) -> Option<String> {
        match self {
            Self::Options => {
                let options = settings.iter().map(|(name, value)| {
                    let value = value.trim_matches('\'').replace(' ', "\\ ");
                    format!("-c {name}={value}")
                });
                Some(options.collect::<Vec<_>>().join(" "))
            }
            Self::Database | Self::Role => {
                let name = database.name();
                let whose = match self {
                    Self::Role => format!("role current_user in database {name}"),
                    _ => format!("database {name}"),
                };
                for (setting, value) in settings {
                    database.query(&format!("alter {whose} set {setting} = {value}"));
                }
                None
            }
        }
    }
}

/// Loads a file into a table under foreign settings.
fn import(database: &TestDatabase, holder: Holder, file: &std::path::Path, args: &[&str]) -> Run {
    let options = holder.set(database, &FOREIGN);
    let variables: Vec<(&str, &str)> = options
        .iter()
        .flat_map(|options| [("PGOPTIONS", options.as_str()), ("PGTZ", "Asia/Tokyo")])
        .chain([("PGDATESTYLE", "SQL, DMY")])
        .collect();
    Run::import_with(database, file, args, &variables)
}

/// Rows as the server writes them under settings that are the test's own.
fn read(database: &TestDatabase, query: &str) -> Vec<String> {
    let own = "set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set timezone = 'UTC'; \
               set bytea_output = 'hex'; set extra_float_digits = 1; set client_encoding = 'UTF8'; ";
    rows(database, &format!("{own}{query}"))
}

#[test]
fn values_of_types_that_the_server_reads_are_the_same_under_all_settings() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("values.xlsx");
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let cells = [
        ("spans", "{\"-1 2:03\",1:30}"),
        ("doc", "<a/>text"),
        ("bytes", "\\x00ff"),
        ("list", "{a,NULL}"),
        ("words", "äöü \\n"),
    ];
    for (column, (title, cell)) in (0..).zip(cells) {
        sheet.write(0, column, title).unwrap();
        sheet.write(1, column, cell).unwrap();
    }
    let plain = Format::new();
    sheet.write(0, 5, "ratio").unwrap();
    sheet.write_with_format(1, 5, 1.0 / 3.0, &plain).unwrap();
    book.save(&file).unwrap();
    for holder in Holder::ALL {
        for mode in ["batch", "sequential"] {
            let database = TestDatabase::create();
            database.query(
                "create table kept (spans interval[], doc xml, bytes bytea, list text[], words text, \
                 ratio double precision)",
            );
            import(
                &database,
                holder,
                &file,
                &["--table", "kept", "--mode", mode],
            )
            .document(0);
            assert_eq!(
                read(
                    &database,
                    "select spans::text, doc::text, bytes, list[2] is null, words, ratio from kept"
                ),
                ["{\"-1 days +02:03:00\",01:30:00}|<a/>text|\\x00ff|t|äöü \\n|0.3333333333333333"],
                "{holder:?} {mode}"
            );
        }
    }
}
