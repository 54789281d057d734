//! `sheetload import`, end to end: what is in the table afterwards, over a connection of the test's own.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::program::sheetload;
use crate::support::server::TestDatabase;

const MODES: [&str; 3] = ["sequential", "concurrent", "batch"];
const TEXT_COLUMNS: &str =
    "name, category, phone, email, address, city, country, website, description";

fn sample_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/businesses.xlsx")
}

/// What the generator says about the sample file.
fn expected_sample() -> Value {
    let path = sample_file().with_extension("expected.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn run(database: &TestDatabase, args: &[&str]) -> Output {
    sheetload()
        .args(args)
        .args(["--database-url", &database.url()])
        .output()
        .unwrap()
}

/// Imports and gives the exit code and the report.
fn import(database: &TestDatabase, file: &Path, args: &[&str]) -> (i32, Value) {
    let mut all = vec!["import", file.to_str().unwrap(), "--json", "--quiet"];
    all.extend(args);
    let output = run(database, &all);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let report = serde_json::from_str(&stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {stdout}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), report)
}

fn migrate(database: &TestDatabase) {
    let output = run(database, &["migrate"]);
    assert!(output.status.success(), "{output:?}");
}

/// Compares every column of a table with the generator's figures, in SQL.
fn assert_figures(database: &TestDatabase, table: &str, figures: &Value) {
    let rows = figures["loadable_rows"].as_u64().unwrap();
    let count = database.value(&format!("select count(*) from {table}"));
    assert_eq!(count, rows.to_string());
    for column in figures["columns"].as_array().unwrap() {
        let name = column["column"].as_str().unwrap();
        let query = |expression: &str| {
            database
                .value(&format!("select {expression} from {table}"))
                .clone()
        };
        let nulls = query(&format!("count(*) - count({name})"));
        assert_eq!(nulls, column["nulls"].to_string(), "nulls of {name}");
        let number_or_text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        for (figure, expression) in [
            ("characters", format!("sum(length({name}))")),
            ("bytes", format!("sum(octet_length({name}))")),
            ("sum", format!("trim_scale(sum({name}::numeric))")),
            ("trues", format!("count(*) filter (where {name})")),
        ] {
            if let Some(value) = column.get(figure) {
                let wanted = number_or_text(value);
                let found = query(&format!("({expression})::text"));
                let same = database.value(&format!(
                    "select ('{found}'::numeric = '{wanted}'::numeric)::text"
                ));
                assert_eq!(
                    same, "true",
                    "{figure} of {name}: {found}, expected {wanted}"
                );
            }
        }
        let sql_type = column["sql_type"].as_str().unwrap();
        for figure in ["min", "max"] {
            if let Some(Value::String(wanted)) = column.get(figure) {
                let same = query(&format!(
                    "({figure}({name}) = '{wanted}'::{sql_type})::text"
                ));
                assert_eq!(same, "true", "{figure} of {name}, expected {wanted}");
            }
        }
        if table.contains("orders") {
            let found = database.value(&format!(
                "select format_type(atttypid, atttypmod) from pg_attribute \
                 where attrelid = '{table}'::regclass and attname = '{name}'"
            ));
            let found = found.replace(" without time zone", "");
            assert_eq!(found, sql_type, "type of {name}");
        }
    }
}

#[test]
fn the_sample_loads_alike_in_every_mode_and_names_each_bad_cell() {
    let database = TestDatabase::create();
    migrate(&database);
    let expected = expected_sample();
    let defects: Vec<(String, String)> = expected["defects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|defect| {
            (
                format!("Businesses!{}", defect["cell"].as_str().unwrap()),
                defect["sqlstate"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(defects.len(), 13);
    for mode in MODES {
        let table = format!("businesses_{mode}");
        database.query(&format!(
            "create table {table} (like businesses including all)"
        ));
        let (code, report) = import(
            &database,
            &sample_file(),
            &["--mode", mode, "--table", &table],
        );
        assert_eq!(code, 3, "{mode}");
        assert_eq!(report["total_records"], 10_000, "{mode}");
        assert_eq!(report["success_count"], 9_987, "{mode}");
        assert_eq!(report["error_count"], 13, "{mode}");
        assert_eq!(report["state"], "complete", "{mode}");
        let rejects: Vec<(String, String)> = report["rejects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reject| {
                (
                    reject["cell"].as_str().unwrap().to_owned(),
                    reject["sqlstate"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        assert_eq!(rejects, defects, "{mode}");
        assert_figures(&database, &table, &expected);
    }
    for (one, other) in [
        ("sequential", "concurrent"),
        ("concurrent", "batch"),
        ("batch", "sequential"),
    ] {
        let differing = database.value(&format!(
            "select count(*)::text from (select {TEXT_COLUMNS} from businesses_{one} \
             except all select {TEXT_COLUMNS} from businesses_{other}) d"
        ));
        assert_eq!(differing, "0", "{one} has rows that {other} lacks");
    }
}

/// Enough rows that all threads have something to do: more than one segment of shared strings, and many buffers.
#[test]
fn however_a_workbook_is_read_the_table_has_the_generators_figures() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders.xlsx");
    let output = sheetload()
        .args([
            "sample", "--rows", "12000", "--shape", "orders", "--json", "-o",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (number, options) in [
        &["--reader-threads", "1"][..],
        &["--reader-threads", "2", "--batch-bytes", "64 KiB"],
        &["--reader-threads", "3", "--batch-bytes", "8KiB"],
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("orders_{number}");
        let (code, report) = import(
            &database,
            &file,
            &[options, &["--table", &table, "--batch-size", "4000"]].concat(),
        );
        assert_eq!((code, &report["total_records"]), (0, &12_000.into()));
        assert_figures(&database, &table, &figures);
        let batches = report["batches"].as_u64().unwrap();
        let wanted = [3..=3, 60..=100, 450..=800];
        assert!(wanted[number].contains(&batches), "{options:?} {batches}");
    }
}

#[test]
fn orders_make_a_table_of_their_types_with_the_generators_figures() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders.xlsx");
    let output = sheetload()
        .args([
            "sample", "--rows", "3000", "--shape", "orders", "--json", "-o",
        ])
        .arg(&file)
        .output()
        .unwrap();
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (mode, batch_size) in [
        ("batch", "700"),
        ("concurrent", "64"),
        ("sequential", "100"),
    ] {
        let table = format!("orders_{mode}");
        let (code, report) = import(
            &database,
            &file,
            &[
                "--mode",
                mode,
                "--table",
                &table,
                "--batch-size",
                batch_size,
            ],
        );
        assert_eq!(code, 0, "{report}");
        assert_eq!(report["table_created"], true);
        // The last batch is a partial one.
        let batches = 3_000_u64.div_ceil(batch_size.parse().unwrap());
        assert_eq!(report["batches"], batches);
        assert_eq!(report["success_count"], 3_000);
        assert_figures(&database, &table, &figures);
    }
}

#[test]
fn a_text_copy_gives_what_a_binary_one_gives() {
    let database = TestDatabase::create();
    migrate(&database);
    // One column without a binary form makes the whole COPY a text one.
    database.query(
        "create extension citext; create table in_text (like businesses including all); \
         alter table in_text alter column city type citext",
    );
    import(&database, &sample_file(), &["--table", "businesses"]);
    let (code, report) = import(&database, &sample_file(), &["--table", "in_text"]);
    assert_eq!(code, 3);
    assert_eq!(report["success_count"], 9_987);
    let differing = database.value(&format!(
        "select count(*)::text from (select {TEXT_COLUMNS} from businesses \
         except all select {} from in_text) d",
        TEXT_COLUMNS.replace("city", "city::text")
    ));
    assert_eq!(differing, "0");
}

#[test]
fn existing_rows_are_kept_replaced_or_removed_as_asked() {
    let database = TestDatabase::create();
    migrate(&database);
    let count = || database.value("select count(*)::text from businesses");
    let file = sample_file();
    import(&database, &file, &[]);
    let path = file.to_str().unwrap();
    for args in [&[][..], &["--if-exists", "append"]] {
        let output = run(&database, &[&["import", path], args].concat());
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("--again"), "{stderr}");
        assert_eq!(count(), "9987");
    }
    let (code, _) = import(&database, &file, &["--again"]);
    assert_eq!(code, 3);
    assert_eq!(count(), "19974");
    database.query(
        "create view names as select name from businesses; \
         comment on table businesses is 'ours'; grant select on businesses to public",
    );
    let output = run(&database, &["import", path, "--if-exists", "replace"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(count(), "9987");
    assert_eq!(database.value("select count(*)::text from names"), "9987");
    assert_eq!(
        database.value("select obj_description('businesses'::regclass)"),
        "ours"
    );
    import(&database, &file, &["--if-exists", "truncate"]);
    assert_eq!(count(), "9987");
    let output = run(
        &database,
        &["import", file.to_str().unwrap(), "--if-exists", "fail"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(count(), "9987");
    let leftovers = database
        .value("select count(*)::text from pg_class where relname like 'sheetload_staging%'");
    assert_eq!(leftovers, "0");
}

/// A sheet of names with their countries.
fn countries(directory: &Path, rows: &[[&str; 2]]) -> PathBuf {
    let file = directory.join("businesses.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["name", "country"]).unwrap();
    sheet.write_row_matrix(1, 0, rows.iter().copied()).unwrap();
    workbook.save(&file).unwrap();
    file
}

#[test]
fn a_replacement_leaves_out_rows_that_a_foreign_key_refuses() {
    let database = TestDatabase::create();
    migrate(&database);
    database.query(
        "create table countries (name text primary key); \
         alter table businesses add foreign key (country) references countries; \
         insert into countries values ('Atlantis'); \
         insert into businesses (name, country) values ('Old Ltd', 'Atlantis')",
    );
    let directory = tempfile::tempdir().unwrap();
    let rows = [
        ["One", "Atlantis"],
        ["Two", "Lemuria"],
        ["Three", "Atlantis"],
    ];
    let file = countries(directory.path(), &rows);
    let all = "select string_agg(name, ',' order by name) from businesses";
    let abort = ["--if-exists", "replace", "--on-error", "abort"];
    let (code, report) = import(&database, &file, &abort);
    assert_eq!((code, &report["success_count"]), (6, &0.into()), "{report}");
    assert_eq!(database.value(all), "Old Ltd");
    let (code, report) = import(&database, &file, &["--if-exists", "replace"]);
    assert_eq!(code, 3, "{report}");
    assert_eq!(report["success_count"], 2);
    assert_eq!(report["rejects"][0]["cell"], "Sheet1!B3");
    assert_eq!(report["rejects"][0]["sqlstate"], "23503");
    assert_eq!(database.value(all), "One,Three");
}

#[test]
fn a_replacement_that_fails_leaves_the_rows_there_were() {
    let database = TestDatabase::create();
    migrate(&database);
    // What others refer to may not go, which shows when the rows are put in place.
    database.query(
        "insert into businesses (name) values ('Old Ltd'); \
         create table notes (business bigint references businesses (id)); \
         insert into notes select id from businesses; \
         alter table businesses alter id set default 1000",
    );
    let directory = tempfile::tempdir().unwrap();
    let file = countries(directory.path(), &[["New Ltd", "Lemuria"]]);
    let (code, report) = import(&database, &file, &["--if-exists", "replace"]);
    assert_eq!(code, 5, "{report}");
    assert_eq!(report["success_count"], 0);
    assert_eq!(report["state"], "failed");
    assert_eq!(
        database.value("select string_agg(name, ',') from businesses"),
        "Old Ltd"
    );
    assert_eq!(
        database.value("select state || ' ' || rows_loaded from sheetload.loads"),
        "failed 0"
    );
    let leftovers = database
        .value("select count(*)::text from pg_class where relname like 'sheetload_staging%'");
    assert_eq!(leftovers, "0");
}

#[test]
fn rows_that_only_the_server_can_refuse_are_found() {
    let database = TestDatabase::create();
    migrate(&database);
    database.query(
        "alter table businesses add check (category <> 'Bakery'); \
         create function no_emails() returns trigger language plpgsql as $$ begin \
           if new.email like '%7@%' then raise exception 'no sevens'; end if; return new; end $$; \
         create trigger no_emails before insert on businesses \
           for each row execute function no_emails()",
    );
    let mut loaded = Vec::new();
    for mode in MODES {
        database.query("truncate businesses");
        let (code, report) = import(&database, &sample_file(), &["--mode", mode, "--again"]);
        assert_eq!(code, 3, "{mode}: {report}");
        let (success, errors) = (
            report["success_count"].as_u64().unwrap(),
            report["error_count"].as_u64().unwrap(),
        );
        assert_eq!(success + errors, 10_000, "{mode}");
        assert!(
            errors > 200,
            "{mode}: the trigger and the check refuse rows: {errors}"
        );
        let count = database.value("select count(*)::text from businesses");
        assert_eq!(count, success.to_string(), "{mode}");
        loaded.push((success, report["rejected_by_reason"].clone()));
    }
    assert_eq!(loaded[0], loaded[1]);
    assert_eq!(loaded[1], loaded[2]);
}

#[test]
fn abort_stops_at_the_first_bad_row_and_says_what_stays() {
    let database = TestDatabase::create();
    migrate(&database);
    let output = run(
        &database,
        &[
            "import",
            sample_file().to_str().unwrap(),
            "--on-error",
            "abort",
        ],
    );
    assert_eq!(output.status.code(), Some(6));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("Businesses!A2"), "{stderr}");
    assert_eq!(database.value("select count(*)::text from businesses"), "0");
}

#[test]
fn cells_without_a_title_are_loaded_into_a_new_table() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("Untitled Columns.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(1, 1, "Only Title").unwrap();
    sheet.write(2, 0, 7).unwrap();
    sheet.write(2, 1, "x").unwrap();
    sheet.write(4, 3, true).unwrap();
    workbook.save(&file).unwrap();
    let (code, report) = import(&database, &file, &[]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["table"], "public.untitled_columns");
    assert_eq!(report["skipped"]["blank_rows"], 1);
    let rows = database.query(
        "select column_a, only_title, column_c, column_d from untitled_columns order by column_a",
    );
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(
        rows,
        [
            [text("7"), text("x"), None, None],
            [None, None, None, text("t")]
        ]
    );
}

#[test]
fn error_cells_follow_their_option() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("errors.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "n").unwrap();
    sheet.write(1, 0, 7).unwrap();
    let error = rust_xlsxwriter::Formula::new("1/0").set_result("#DIV/0!");
    sheet.write(2, 0, error).unwrap();
    workbook.save(&file).unwrap();
    for (option, code, values, sql_type) in [
        ("null", 0, "7,-", "bigint"),
        ("reject", 3, "7", "bigint"),
        ("text", 0, "#DIV/0!,7", "text"),
    ] {
        let args = ["--on-cell-error", option, "--table", option];
        let (exit_code, report) = import(&database, &file, &args);
        assert_eq!(exit_code, code, "{option}: {report}");
        let found = database.value(&format!(
            "select string_agg(coalesce(n::text, '-'), ',' order by n) from \"{option}\""
        ));
        assert_eq!(found, values, "{option}");
        let found = database.value(&format!(
            "select pg_typeof(n)::text from \"{option}\" limit 1"
        ));
        assert_eq!(found, sql_type, "{option}");
    }
}

#[test]
fn built_in_date_formats_without_a_code_are_dates() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dates.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    // ECMA-376 Part 1, section 18.8.30: 31 is a date in Japanese locales, and has no code in the file.
    let format = rust_xlsxwriter::Format::new().set_num_format_index(31);
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "day").unwrap();
    sheet.write(0, 1, "mixed").unwrap();
    for row in 1..3 {
        sheet.write_with_format(row, 0, 46_094, &format).unwrap();
    }
    sheet.write_with_format(1, 1, 46_094, &format).unwrap();
    sheet.write(2, 1, "later").unwrap();
    workbook.save(&file).unwrap();
    let (code, report) = import(&database, &file, &[]);
    assert_eq!(code, 0, "{report}");
    let found = database.value(
        "select string_agg(pg_typeof(day) || ' ' || day || ' ' || mixed, ',' order by mixed) from dates",
    );
    assert_eq!(found, "date 2026-03-13 2026-03-13,date 2026-03-13 later");
}

#[test]
fn rows_of_nothing_but_errors_are_loaded_whatever_is_sampled() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("errors.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for row in 0..3 {
        let error = rust_xlsxwriter::Formula::new("1/0").set_result("#DIV/0!");
        sheet.write(row, 1, error).unwrap();
    }
    workbook.save(&file).unwrap();
    for mode in MODES {
        let database = TestDatabase::create();
        let args = ["--mode", mode, "--infer-rows", "1", "--header-row", "none"];
        let (code, report) = import(&database, &file, &args);
        assert_eq!(code, 0, "{mode}: {report}");
        assert_eq!(
            database.value("select count(*) - count(column_b) from errors"),
            "3"
        );
    }
}

#[test]
fn values_that_a_new_table_loses_are_warned_of_unless_the_column_is_declared() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lossy.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["Price", "Id"]).unwrap();
    sheet.write(1, 0, 1.5).unwrap();
    sheet.write(2, 0, "on request").unwrap();
    sheet.write(1, 1, 1e17).unwrap();
    workbook.save(&file).unwrap();
    let warnings = |args: &[&str]| {
        let database = TestDatabase::create();
        let (_, report) = import(&database, &file, args);
        let warnings = report["warnings"].as_array().unwrap().clone();
        let text = |warning: &serde_json::Value| warning.as_str().unwrap().to_owned();
        warnings.iter().map(text).collect::<Vec<String>>()
    };
    let warned = warnings(&[]);
    assert_eq!(
        warned,
        [
            "mixed column in price: 1 (Sheet1!A3): 1 text among 1 number makes the column text (--map \
             \"Price=price:numeric\")",
            "more than 15 digits in id: 1 (Sheet1!B2): spreadsheets keep 15 digits of a number: the others may be wrong \
             in the file already (--map \"Id=id:text\")"
        ]
    );
    let declared = warnings(&["--map", "Price=price:text", "--map", "Id=id:text"]);
    assert_eq!(declared, Vec::<String>::new());
    assert_eq!(warnings(&["--types", "text"]), Vec::<String>::new());
}

#[test]
fn the_same_rows_are_refused_for_the_same_table_alone() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("book.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    for name in ["one", "two"] {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).unwrap();
        sheet.write_row(0, 0, ["id", "name"]).unwrap();
        for row in 1..=4_u32 {
            sheet.write(row, 0, row).unwrap();
            sheet.write(row, 1, name).unwrap();
        }
    }
    workbook.save(&file).unwrap();
    let path = file.to_str().unwrap();
    let code = |args: &[&str]| {
        let output = run(&database, &[&["import", path], args].concat());
        output.status.code().unwrap()
    };
    let count = |table: &str| database.value(&format!("select count(*)::text from {table}"));
    let into_all = |args: &[&str]| code(&[&["--table", "everything"], args].concat());
    assert_eq!(into_all(&["--sheet", "one"]), 0);
    assert_eq!(into_all(&["--sheet", "one"]), 7);
    // The cells may be the same ones.
    assert_eq!(into_all(&["--sheet", "one", "--range", "A1:B2"]), 7);
    assert_eq!(into_all(&["--all-sheets", "--union"]), 7);
    assert_eq!(count("everything"), "4");
    assert_eq!(into_all(&["--sheet", "two"]), 0);
    assert_eq!(count("everything"), "8");
    assert_eq!(code(&["--sheet", "one", "--table", "another"]), 0);
    // Other bytes under the same name are another file.
    let other = directory.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let renamed = other.join("renamed.xlsx");
    std::fs::copy(&file, &renamed).unwrap();
    let args = ["import", renamed.to_str().unwrap(), "--table", "everything"];
    assert_eq!(run(&database, &args).status.code(), Some(7));
    // What may be repeated leaves the table as it was after the first time.
    for _ in 0..2 {
        assert_eq!(into_all(&["--sheet", "one", "--if-exists", "replace"]), 0);
        assert_eq!(count("everything"), "4");
        assert_eq!(into_all(&["--sheet", "two", "--if-exists", "truncate"]), 0);
        assert_eq!(count("everything"), "4");
    }
    // Its rows made way for others.
    assert_eq!(into_all(&["--sheet", "one"]), 0);
    assert_eq!(count("everything"), "8");
    for _ in 0..2 {
        for what in ["update", "ignore"] {
            let args = ["--table", "keyed", "--key", "id", "--on-conflict", what];
            assert_eq!(code(&args), 0);
            assert_eq!(count("keyed"), "4");
        }
    }
    assert_eq!(code(&["--table", "keyed", "--key", "id"]), 7);
    // A table of the same name is another one.
    database.query("drop table another");
    assert_eq!(code(&["--sheet", "one", "--table", "another"]), 0);
    // Nobody knows of what is not recorded.
    for rows in ["4", "8"] {
        assert_eq!(code(&["--table", "unknown", "--no-ledger"]), 0);
        assert_eq!(count("unknown"), rows);
    }
}

#[test]
fn a_load_of_which_no_row_was_taken_does_not_count_as_one() {
    let database = TestDatabase::create();
    database.query("create table countries (name text check (name <> 'Lemuria'), country text)");
    let directory = tempfile::tempdir().unwrap();
    let file = countries(directory.path(), &[["Lemuria", "nowhere"]]);
    for _ in 0..2 {
        let (code, report) = import(&database, &file, &["--table", "countries"]);
        assert_eq!(code, 3, "{report}");
        assert_eq!(report["success_count"], 0);
    }
    database.query("alter table countries drop constraint countries_name_check");
    let (code, report) = import(&database, &file, &["--table", "countries"]);
    assert_eq!((code, &report["success_count"]), (0, &1.into()), "{report}");
    let path = file.to_str().unwrap();
    let again = run(&database, &["import", path, "--table", "countries"]);
    assert_eq!(again.status.code(), Some(7));
}

#[test]
fn an_aborted_load_keeps_what_was_committed_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("numbered.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "id").unwrap();
    for row in 1..=300_u32 {
        sheet.write(row, 0, row).unwrap();
    }
    sheet.write(251, 0, "not a number").unwrap();
    workbook.save(&file).unwrap();
    for (args, kept) in [
        (&["--mode", "batch"][..], 0),
        (&["--commit", "batch"], 200),
        (&["--mode", "sequential"], 200),
    ] {
        let database = TestDatabase::create();
        database.query("create table numbered (id integer)");
        let always = [
            "--on-error",
            "abort",
            "--batch-size",
            "100",
            "--workers",
            "1",
        ];
        let (code, report) = import(&database, &file, &[&always[..], args].concat());
        assert_eq!(code, 6, "{report}");
        assert_eq!(report["success_count"], kept, "{args:?}");
        assert_eq!(report["rejects"][0]["cell"], "Sheet1!A252");
        let found = database.value("select count(*)::text from numbered");
        assert_eq!(found, kept.to_string(), "{args:?}");
        let recorded =
            database.value("select format('%s %s', state, rows_loaded) from sheetload.loads");
        assert_eq!(recorded, format!("failed {kept}"));
    }
}
