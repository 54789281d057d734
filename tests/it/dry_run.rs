//! A rehearsal tells what a load would do, and leaves nothing behind.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::import::{Run, rows};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::{Cells, run_as, url_of, workbook};

/// Each way to write rows.
const MODES: [&str; 3] = ["batch", "sequential", "concurrent"];

/// All that the catalogs and the tables hold, but for what the server keeps about its own work.
fn everything(database: &TestDatabase) -> Vec<String> {
    let mut found = Vec::new();
    for catalog in [
        "pg_class",
        "pg_attribute",
        "pg_attrdef",
        "pg_constraint",
        "pg_index",
        "pg_depend",
        "pg_namespace",
        "pg_proc",
        "pg_trigger",
        "pg_type",
        "pg_description",
        "pg_sequence",
        "pg_rewrite",
    ] {
        // Statistics and the horizon of old transactions change by themselves.
        let without = "- 'relpages' - 'reltuples' - 'relallvisible' - 'relallfrozen' - 'relfrozenxid' - 'relminmxid'";
        found.extend(rows(
            database,
            &format!(
                "select '{catalog}', (to_jsonb(c) {without})::text from {catalog} c order by 2"
            ),
        ));
    }
    let relations = rows(
        database,
        "select oid::regclass::text from pg_class where relkind in ('r', 'S') \
         and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) \
         order by 1",
    );
    for relation in relations {
        // A sequence is no type.
        let whole = database.value(&format!(
            "select case relkind when 'S' then '(r.last_value, r.is_called)::text' else 'to_jsonb(r)::text' end \
             from pg_class where oid = '{relation}'::regclass"
        ));
        found.extend(rows(
            database,
            &format!("select '{relation}', {whole} from {relation} r order by 2"),
        ));
    }
    found
}

fn assert_unchanged(database: &TestDatabase, before: &[String], what: &str) {
    let after = everything(database);
    let known: HashSet<&String> = before.iter().collect();
    let differ: Vec<&String> = after.iter().filter(|line| !known.contains(line)).collect();
    assert!(differ.is_empty(), "{what}: {differ:?}");
    assert_eq!(after.len(), before.len(), "{what}");
}

/// Runs the load as a rehearsal, which must change nothing, and then in earnest, which must do what was told. Gives the
/// report of the load.
fn foretold(database: &TestDatabase, file: &Path, args: &[&str], code: i32) -> Value {
    let before = everything(database);
    let rehearsed = Run::import(database, file, &[args, &["--dry-run"]].concat()).document(code);
    assert_unchanged(database, &before, &format!("{args:?}"));
    assert_eq!(rehearsed["dry_run"], true, "{args:?}");
    let loaded = Run::import(database, file, args).document(code);
    assert_eq!(loaded["dry_run"], false, "{args:?}");
    assert_eq!(faults(&rehearsed), faults(&loaded), "{args:?}");
    for key in [
        "total_records",
        "success_count",
        "error_count",
        "skipped",
        "upserted",
        "rejected_by_reason",
        "table",
        "table_created",
        "mode",
        "error_cells_as_null",
        "commit",
        "state",
    ] {
        assert_eq!(rehearsed[key], loaded[key], "{key} {args:?}");
    }
    loaded
}

/// The rejected rows, without words that name the copy that they were tried in.
fn faults(report: &Value) -> Vec<String> {
    let rejects = report["rejects"].as_array().unwrap();
    rejects
        .iter()
        .map(|reject| {
            format!(
                "{} {} {} {}",
                reject["cell"], reject["column"], reject["stored"], reject["sqlstate"]
            )
        })
        .collect()
}

fn cells(report: &Value) -> Vec<&str> {
    let rejects = report["rejects"].as_array().unwrap();
    rejects
        .iter()
        .map(|reject| reject["cell"].as_str().unwrap())
        .collect()
}

const SHOP: &str = "\
    create table regions (name text primary key); insert into regions values ('n'), ('s'); \
    create table items (no serial, id int primary key, code text unique, region text references regions, \
                        qty int check (qty >= 0), note text not null default 'none', \
                        changed int generated always as identity); \
    insert into items (id, code, region, qty) values (1, 'one', 'n', 1), (2, 'two', 's', 2), (3, 'three', 'n', 3)";

/// New items and known ones, and faults that a table alone can tell.
fn items(directory: &Path) -> PathBuf {
    let row = |id: i32, code: &str, region: &str, qty: i32| -> Cells {
        vec![json!(id), json!(code), json!(region), json!(qty)]
    };
    let rows = [
        row(10, "ten", "n", 1),
        // The table has this id.
        row(2, "zwei", "n", 5),
        // The table has this code.
        row(11, "three", "n", 1),
        row(12, "twelve", "nowhere", 1),
        row(13, "thirteen", "s", -1),
        row(14, "fourteen", "s", 1),
        // The sheet has this id already.
        row(14, "vierzehn", "n", 2),
        row(15, "fifteen", "s", 0),
        // And this code.
        row(16, "fifteen", "n", 0),
    ];
    workbook(
        directory,
        "items.xlsx",
        &["id", "code", "region", "qty"],
        rows,
    )
}

#[test]
fn what_is_in_the_table_already_is_told_for_rows_that_are_added() {
    let directory = tempfile::tempdir().unwrap();
    let file = items(directory.path());
    for mode in ["batch", "sequential"] {
        let database = TestDatabase::create();
        database.query(SHOP);
        let report = foretold(&database, &file, &["--mode", mode], 3);
        assert_eq!(
            cells(&report),
            [
                "Sheet1!A3",
                "Sheet1!B4",
                "Sheet1!C5",
                "Sheet1!D6",
                "Sheet1!A8",
                "Sheet1!B10"
            ],
            "{mode}"
        );
        assert_eq!(report["success_count"], 3, "{mode}");
    }
    // Which of two rows is the second one is a matter of luck over several connections.
    let database = TestDatabase::create();
    database.query(SHOP);
    let before = everything(&database);
    let report = Run::import(&database, &file, &["--mode", "concurrent", "--dry-run"]).document(3);
    assert_eq!(
        (&report["success_count"], &report["error_count"]),
        (&json!(3), &json!(6))
    );
    assert_unchanged(&database, &before, "");
}

#[test]
fn rows_that_take_the_place_of_others_conflict_with_none_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let file = items(directory.path());
    for how in ["replace", "truncate"] {
        let database = TestDatabase::create();
        database.query(SHOP);
        let report = foretold(&database, &file, &["--if-exists", how], 3);
        assert_eq!(
            cells(&report),
            ["Sheet1!C5", "Sheet1!D6", "Sheet1!A8", "Sheet1!B10"],
            "{how}"
        );
        assert_eq!(
            database.value("select count(*)::text from items"),
            "5",
            "{how}"
        );
    }
}

#[test]
fn merged_rows_are_told_by_what_becomes_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let file = items(directory.path());
    for (how, inserted, updated, code) in
        [("update", 3, 1, 3), ("ignore", 3, 0, 3), ("fail", 3, 0, 3)]
    {
        let database = TestDatabase::create();
        database.query(SHOP);
        let args = ["--key", "id", "--on-conflict", how];
        let report = foretold(&database, &file, &args, code);
        assert_eq!(report["upserted"]["inserted"], inserted, "{how} {report}");
        assert_eq!(report["upserted"]["updated"], updated, "{how} {report}");
        let at = database
            .value("select string_agg(id || code, ',' order by id) from items where id in (2, 14)");
        let expected = match how {
            "update" => "2zwei,14vierzehn",
            _ => "2two,14fourteen",
        };
        assert_eq!(at, expected, "{how}");
    }
}

#[test]
fn new_tables_are_rehearsed_in_every_mode() {
    let directory = tempfile::tempdir().unwrap();
    let file = items(directory.path());
    for mode in MODES {
        for args in [
            &["--mode", mode][..],
            &["--mode", mode, "--map", "qty=qty:smallint", "--lineage"],
            &["--mode", mode, "--infer-rows", "2"],
        ] {
            let database = TestDatabase::create();
            let report = foretold(&database, &file, args, 0);
            assert_eq!(report["success_count"], 9, "{args:?}");
            assert_eq!(report["table_created"], true);
        }
    }
    let database = TestDatabase::create();
    let report = foretold(
        &database,
        &file,
        &["--key", "id", "--on-conflict", "update"],
        0,
    );
    assert_eq!(report["upserted"]["inserted"], 8);
    assert_eq!(report["skipped"]["superseded"], 1);
}

#[test]
fn every_rejected_row_is_told_and_written() {
    let directory = tempfile::tempdir().unwrap();
    let count = 3_300;
    let cells = (1..=count).map(|id| {
        let qty = if id % 2 == 0 { json!("many") } else { json!(1) };
        vec![json!(id + 100), qty]
    });
    let file = workbook(directory.path(), "items.xlsx", &["id", "qty"], cells);
    let bad = (1..=count)
        .filter(|id| id % 2 == 0)
        .map(|id| format!("Sheet1!B{}", id + 1));
    let bad: Vec<String> = bad.collect();
    let database = TestDatabase::create();
    database.query(SHOP);
    let before = everything(&database);
    for mode in MODES {
        let jsonl = directory.path().join(format!("{mode}.jsonl"));
        let args = [
            "--mode",
            mode,
            "--dry-run",
            "--again",
            "--rejects",
            jsonl.to_str().unwrap(),
        ];
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(report["error_count"], bad.len(), "{mode}");
        let mut told = self::cells(&report);
        told.sort_by_key(|cell| cell["Sheet1!B".len()..].parse::<u32>().unwrap());
        assert_eq!(told.len(), bad.len(), "{mode}");
        assert_eq!(told, bad, "{mode}");
        let text = std::fs::read_to_string(&jsonl).unwrap();
        assert_eq!(text.lines().count(), bad.len(), "{mode}");
        assert_eq!(report["rejects_file"], jsonl.to_str().unwrap(), "{mode}");
    }
    // For people, too.
    let output = sheetload()
        .arg("import")
        .arg(&file)
        .args(["--dry-run", "--quiet", "--database-url", &database.url()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    for cell in &bad {
        assert!(
            text.split(|c: char| c.is_whitespace() || c == '│' || c == ',' || c == ':')
                .any(|word| word == cell)
                || text.contains(cell.as_str()),
            "{cell}"
        );
    }
    assert!(
        text.contains("dry run") || text.contains("would"),
        "{}",
        &text[..400.min(text.len())]
    );
    assert_unchanged(&database, &before, "");
}

#[test]
fn a_rehearsal_ends_as_the_load_would() {
    let directory = tempfile::tempdir().unwrap();
    let file = items(directory.path());
    let database = TestDatabase::create();
    database.query(SHOP);
    let before = everything(&database);
    for mode in MODES {
        for (args, code) in [
            (&["--max-errors", "5"][..], 6),
            (&["--max-errors", "6"], 3),
            (&["--max-errors", "0%"], 6),
            (&["--on-error", "abort"], 6),
            (&["--if-exists", "fail"], 2),
            (&["--sheet", "none"], 4),
            (&["--key", "nothing"], 4),
            (&["--map", "id=nothing"], 4),
            (
                &[
                    "--key",
                    "id",
                    "--on-conflict",
                    "update",
                    "--max-errors",
                    "0",
                ],
                6,
            ),
            (&["--statement-timeout", "20s", "--lock-timeout", "20s"], 3),
            (&["--no-ledger"], 3),
            (&["--verify"], 3),
            (&["--lineage"], 4),
        ] {
            let args = [args, &["--mode", mode, "--dry-run"]].concat();
            let run = Run::import(&database, &file, &args);
            assert_eq!(run.code, code, "{args:?} {}{}", run.stderr, run.stdout);
        }
        assert_unchanged(&database, &before, mode);
    }
    // A file that is in the table already.
    let code = Run::import(&database, &file, &[]).code;
    assert_eq!(code, 3);
    let before = everything(&database);
    assert_eq!(Run::import(&database, &file, &["--dry-run"]).code, 7);
    assert_eq!(
        Run::import(&database, &file, &["--dry-run", "--again"]).code,
        3
    );
    assert_unchanged(&database, &before, "");
}

#[test]
fn columns_that_would_be_added_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let cells = (10..40).map(|id| vec![json!(id), json!(format!("t{id}"))]);
    let file = workbook(directory.path(), "items.xlsx", &["id", "Tint"], cells);
    for args in [
        &["--extra-columns", "add"][..],
        &["--extra-columns", "add", "--if-exists", "replace"],
        &[
            "--extra-columns",
            "add",
            "--key",
            "id",
            "--on-conflict",
            "update",
        ],
        &["--extra-columns", "add", "--lineage"],
    ] {
        let database = TestDatabase::create();
        database.query(SHOP);
        let report = foretold(&database, &file, args, 0);
        assert_eq!(report["success_count"], 30, "{args:?}");
        assert_eq!(
            database.value("select count(tint)::text from items"),
            "30",
            "{args:?}"
        );
    }
}

#[test]
fn a_dry_run_needs_no_right_that_the_load_does_not_need() {
    let directory = tempfile::tempdir().unwrap();
    let cells = [
        vec![json!(1), json!("a")],
        vec![json!(7), json!("taken")],
        vec![json!("x"), json!("b")],
        vec![json!(3), json!("no parent")],
        vec![json!(4), json!("a")],
        vec![json!(4), json!("twice")],
    ];
    let file = workbook(directory.path(), "t.xlsx", &["id", "name"], cells);
    let file = file.to_str().unwrap();
    for (grants, args, rejected) in [
        ("insert", &[][..], 4),
        ("insert (id, name)", &[], 4),
        ("insert, select", &[], 4),
        ("insert, select", &["--mode", "sequential"], 4),
        ("insert", &["--mode", "concurrent"], 4),
        ("insert, truncate", &["--if-exists", "truncate"], 3),
        ("no temporary tables", &[], 4),
        ("no temporary tables", &["--mode", "concurrent"], 4),
        ("row security", &["--mode", "sequential"], 5),
    ] {
        let database = TestDatabase::create();
        let (role, name) = (format!("tries_{}", database.name()), database.name());
        database.query(&format!(
            "create role {role} login password 't'; revoke create on schema public from public; \
             create table parents (name text primary key); insert into parents values ('a'), ('b'), ('taken'), ('twice'); \
             create table t (number serial, id int primary key, name text references parents); \
             insert into t (id, name) values (7, 'a'); grant usage on sequence t_number_seq to {role}"
        ));
        match grants {
            "no temporary tables" => database.query(&format!(
                "revoke temporary on database {name} from public; grant insert on t to {role}"
            )),
            "row security" => database.query(&format!(
                "grant insert on t to {role}; alter table t enable row level security; \
                 create policy few on t for insert to {role} with check (id <> 1)"
            )),
            grants => database.query(&format!("grant {grants} on t to {role}")),
        };
        let url = url_of(&database, &role, "t");
        let load = |more: &[&str]| {
            let first = [
                "import",
                file,
                "--table",
                "t",
                "--json",
                "--quiet",
                "--no-ledger",
            ];
            run_as(&url, &[&first[..], args, more].concat()).document(3)
        };
        let all = "select id, name from t order by id";
        let tried = load(&["--dry-run"]);
        assert_eq!(rows(&database, all), ["7|a"], "{grants} {args:?}");
        assert_eq!(tried["error_count"], rejected, "{grants} {args:?} {tried}");
        let loaded = load(&[]);
        let cells = |report: &Value| {
            let rejects = report["rejects"].as_array().unwrap();
            let mut cells: Vec<String> = rejects
                .iter()
                .map(|reject| format!("{} {}", reject["cell"], reject["sqlstate"]))
                .collect();
            cells.sort();
            cells
        };
        assert_eq!(cells(&tried), cells(&loaded), "{grants} {args:?}");
        assert_eq!(
            tried["success_count"], loaded["success_count"],
            "{grants} {args:?}"
        );
        database.query(&format!("drop owned by {role}; drop role {role}"));
    }
}
