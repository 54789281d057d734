//! One small workbook for each hazard: what lands in the database is what `sample_data/README.md` says.
//!
//! The expectations are read out of that page, so it cannot drift from what the program does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

/// One import and what it must give.
#[derive(Debug, Default)]
struct Case {
    file: String,
    options: Vec<String>,
    exit_code: i32,
    tables: Vec<ExpectedTable>,
}

/// A table with all that is in it.
#[derive(Debug, Default)]
struct ExpectedTable {
    name: String,
    /// Names and types.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Field>>,
}

#[derive(Debug)]
enum Field {
    Any,
    Null,
    Text(String),
}

fn sample_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data")
}

/// What stands between code marks, from the first mark on.
fn code(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// Reads the cases out of the page's part about hazards.
fn cases(page: &str) -> Vec<Case> {
    let (_, hazards) = page.split_once("\n# One hazard each\n").unwrap();
    let (mut cases, mut file): (Vec<Case>, _) = (Vec::new(), String::new());
    let mut is_in_table = false;
    for line in hazards.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.split(' ').next().unwrap().clone_into(&mut file);
        } else if line == "Import:"
            || line.starts_with("Import with `")
            || line.starts_with("Import, ")
        {
            cases.push(case(&file, line));
        } else if let Some(name) = line.strip_prefix("Table `") {
            cases.last_mut().unwrap().tables.push(ExpectedTable {
                name: name.strip_suffix("`:").unwrap().to_owned(),
                ..ExpectedTable::default()
            });
        } else if line.starts_with('|') {
            let case = cases.last_mut().unwrap();
            table_line(case, line, is_in_table);
        }
        is_in_table = line.starts_with('|');
    }
    cases
}

/// Reads the line that begins a case.
fn case(file: &str, line: &str) -> Case {
    let exit_code = line
        .split_once("exit code ")
        .map_or("0", |(_, code)| code.trim_end_matches([':', '.']));
    Case {
        file: file.to_owned(),
        options: code(line)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        exit_code: exit_code.parse().unwrap(),
        tables: Vec::new(),
    }
}

/// Reads a line of a table: the first one has the columns, the second one is a rule.
fn table_line(case: &mut Case, line: &str, is_in_table: bool) {
    let fields: Vec<&str> = line
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'))
        .unwrap()
        .split('|')
        .map(str::trim)
        .collect();
    if is_in_table {
        if !line.starts_with("|---") {
            let row = fields.into_iter().map(field).collect();
            case.tables.last_mut().unwrap().rows.push(row);
        }
        return;
    }
    if case
        .tables
        .last()
        .is_none_or(|table| !table.columns.is_empty())
    {
        case.tables.push(ExpectedTable {
            name: "loaded".to_owned(),
            ..ExpectedTable::default()
        });
    }
    case.tables.last_mut().unwrap().columns = fields
        .into_iter()
        .map(|column| {
            let (name, kind) = column.split_once(' ').unwrap();
            let kind = match kind {
                "time" | "timestamp" => format!("{kind} without time zone"),
                kind => kind.to_owned(),
            };
            (name.to_owned(), kind)
        })
        .collect();
}

fn field(text: &str) -> Field {
    match text {
        "" => Field::Null,
        "*" => Field::Any,
        plain if !plain.starts_with('`') => Field::Text(plain.to_owned()),
        marked => Field::Text(
            marked
                .trim_matches('`')
                .replace("\\r", "\r")
                .replace("\\n", "\n")
                .replace("\\t", "\t")
                .replace("\\u0001", "\u{1}"),
        ),
    }
}

/// Imports into a schema of its own, and gives what is not as it should be.
fn check(case: &Case, database: &TestDatabase, schema: &str) -> Vec<String> {
    database.query(&format!("create schema {schema}"));
    let is_single = case.tables.iter().all(|table| table.name == "loaded");
    let table = if is_single { "loaded" } else { "{sheet}" };
    let output = sheetload()
        .arg("import")
        .arg(sample_data().join(&case.file))
        .args(&case.options)
        .args(["--table", &format!("{schema}.{table}")])
        // One worker keeps the order of the rows.
        .args(["--workers", "1", "--quiet"])
        .args(["--database-url", &database.url()])
        .output()
        .unwrap();
    if output.status.code() != Some(case.exit_code) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return vec![format!("{}: {stderr}", output.status)];
    }
    let mut names: Vec<&str> = case
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    names.sort_unstable();
    let found = database.query(&format!(
        "select relname from pg_class where relkind = 'r' and relnamespace = '{schema}'::regnamespace \
         order by relname collate \"C\""
    ));
    let found: Vec<String> = found.into_iter().flatten().flatten().collect();
    if found != names {
        return vec![format!("the tables are {found:?}, not {names:?}")];
    }
    let tables = case.tables.iter();
    tables
        .flat_map(|table| differences(database, schema, table))
        .collect()
}

fn differences(database: &TestDatabase, schema: &str, table: &ExpectedTable) -> Vec<String> {
    let name = format!("{schema}.\"{}\"", table.name);
    let mut wrong = Vec::new();
    let columns: Vec<(String, String)> = database
        .query(&format!(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute \
             where attrelid = '{name}'::regclass and attnum > 0 order by attnum"
        ))
        .into_iter()
        .map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap()))
        .collect();
    if columns != table.columns {
        wrong.push(format!(
            "the columns are {columns:?}, not {:?}",
            table.columns
        ));
    }
    let rows = database.query(&format!("select * from {name} order by ctid"));
    if rows.len() != table.rows.len() {
        wrong.push(format!(
            "{} rows, not {}: {rows:?}",
            rows.len(),
            table.rows.len()
        ));
    }
    for (row, wanted) in rows.iter().zip(&table.rows) {
        let agrees = row.len() == wanted.len()
            && row.iter().zip(wanted).all(|(found, wanted)| match wanted {
                Field::Any => true,
                Field::Null => found.is_none(),
                Field::Text(text) => found.as_ref() == Some(text),
            });
        if !agrees {
            wrong.push(format!("a row is {row:?}, not {wanted:?}"));
        }
    }
    wrong
}

#[test]
fn every_hazard_gives_what_the_page_says() {
    let page = std::fs::read_to_string(sample_data().join("README.md")).unwrap();
    let cases = cases(&page);
    assert!(cases.len() > 40, "{}", cases.len());
    let database = TestDatabase::create();
    let mut wrong = String::new();
    for (index, case) in cases.iter().enumerate() {
        for what in check(case, &database, &format!("case_{index}")) {
            let options = case.options.join(" ");
            writeln!(wrong, "{} {options}\n  {what}", case.file).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_page_tells_of_every_file() {
    let page = std::fs::read_to_string(sample_data().join("README.md")).unwrap();
    for entry in std::fs::read_dir(sample_data()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_workbook = ["xlsx", "xlsm", "xlsb", "xls", "ods"]
            .iter()
            .any(|extension| name.ends_with(&format!(".{extension}")));
        assert!(!is_workbook || page.contains(&name), "{name}");
    }
}
