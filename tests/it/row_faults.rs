//! Rows that only the table itself refuses: by triggers, policies, partitions and constraints that are checked late. A row that
//! alone is refused is rejected, in every mode; what refuses all rows ends the load.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::import::{Run, rows};
use crate::support::server::{TestDatabase, shared_server};
use crate::support::sheet::{run_as, url_of, workbook};

/// Each way to write rows and to commit them.
const WAYS: [&[&str]; 8] = [
    &["--commit", "all"],
    &["--commit", "all", "--no-ledger"],
    &["--commit", "batch"],
    &["--commit", "batch", "--no-ledger"],
    &["--mode", "sequential"],
    &["--mode", "sequential", "--no-ledger"],
    &["--mode", "concurrent"],
    &["--mode", "concurrent", "--no-ledger"],
];

/// Each rejected row as `cell sqlstate`.
fn rejected(report: &Value) -> Vec<String> {
    let rejects = report["rejects"].as_array().unwrap();
    let mut cells: Vec<String> = rejects
        .iter()
        .map(|reject| {
            let row = reject["row"].as_u64().unwrap();
            format!("{row} {}", reject["sqlstate"].as_str().unwrap())
        })
        .collect();
    cells.sort();
    cells
}

fn people(directory: &Path, names: &[&str]) -> PathBuf {
    let rows = (1..)
        .zip(names)
        .map(|(id, name)| vec![json!(id), json!(name)]);
    workbook(directory, "people.xlsx", &["id", "name"], rows)
}

/// Loads and holds that the report, the ledger-independent truth, says what is in the table.
#[track_caller]
fn load(database: &TestDatabase, file: &Path, table: &str, args: &[&str], code: i32) -> Value {
    let run = Run::import(database, file, &[&["--table", table], args].concat());
    let report = run.document(code);
    let count = database.value(&format!("select count(*)::text from {table}"));
    assert_eq!(
        report["success_count"].to_string(),
        count,
        "{args:?}: {}",
        run.stdout
    );
    report
}

/// A table of `create`, fresh for each way; rows that `refused` names are rejected and all others loaded.
fn each_way(create: &str, file: &Path, refused: &[&str], loaded: &[&str]) {
    in_ways(&WAYS, create, file, refused, loaded);
}

fn in_ways(ways: &[&[&str]], create: &str, file: &Path, refused: &[&str], loaded: &[&str]) {
    for way in ways {
        let database = TestDatabase::create();
        database.query(create);
        let report = load(&database, file, "t", way, 3);
        assert_eq!(rejected(&report), refused, "{way:?}");
        let found = rows(&database, "select id || ' ' || name from t order by id");
        assert_eq!(found, loaded, "{way:?}");
    }
}

#[test]
fn rows_that_are_refused_at_the_commit_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let twice = [[1, 10], [2, 20], [3, 20], [4, 40]];
    let twice = twice.map(|[id, name]| vec![json!(id), json!(format!("{name}"))]);
    let file = workbook(directory.path(), "twice.xlsx", &["id", "name"], twice);
    let unique = "create table t (id int, name text, unique (name) deferrable initially deferred)";
    each_way(unique, &file, &["4 23505"], &["1 10", "2 20", "4 40"]);
    let key = "create table known (name text primary key); insert into known values ('10'), ('40'); \
        create table t (id int, name text references known deferrable initially deferred)";
    each_way(key, &file, &["3 23503", "4 23503"], &["1 10", "4 40"]);
    let trigger = "create table t (id int, name text); \
        create function late() returns trigger language plpgsql as $$ begin \
          if new.id = 3 then raise exception 'too late' using errcode = 'UE001'; end if; return null; end $$; \
        create constraint trigger late after insert on t deferrable initially deferred \
          for each row execute function late()";
    each_way(trigger, &file, &["4 UE001"], &["1 10", "2 20", "4 40"]);
}

#[test]
fn whatever_a_trigger_raises_for_one_row_rejects_that_row() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["ok", "boom", "fine"]);
    for code in [
        "P0001", "45000", "PT400", "UE001", "55000", "42501", "0A000", "XX000",
    ] {
        let table = format!(
            "create table t (id int, name text); \
             create function judge() returns trigger language plpgsql as $$ begin \
               if new.name = 'boom' then raise exception 'not %', new.id using errcode = '{code}'; end if; \
               return new; end $$; \
             create trigger judge before insert on t for each row execute function judge()"
        );
        let refused = format!("3 {code}");
        in_ways(&WAYS[..5], &table, &file, &[&refused], &["1 ok", "3 fine"]);
        for effect in ["replace", "truncate"] {
            let database = TestDatabase::create();
            database.query(&table);
            database.query("insert into t values (0, 'old')");
            let report = load(&database, &file, "t", &["--if-exists", effect], 3);
            assert_eq!(rejected(&report), [refused.as_str()], "{effect}");
            assert_eq!(
                rows(&database, "select name from t order by id"),
                ["ok", "fine"],
                "{effect}"
            );
        }
    }
}

#[test]
fn a_single_row_is_rejected_whatever_refuses_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["boom"]);
    let table = "create table t (id int, name text); \
        create function judge() returns trigger language plpgsql as $$ begin \
          raise exception 'no' using errcode = '55000'; end $$; \
        create trigger judge before insert on t for each row execute function judge()";
    each_way(table, &file, &["2 55000"], &[]);
}

#[test]
fn what_refuses_all_rows_ends_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "b", "c"]);
    let function = "create table t (id int, name text); insert into t values (0, 'old'); \
        create function judge() returns trigger language plpgsql as $$ begin";
    for (body, text) in [
        (
            "insert into gone values (1); return new; end $$; \
             create trigger judge before insert on t for each row execute function judge()",
            "gone",
        ),
        (
            "raise exception 'closed today'; end $$; \
             create trigger judge before insert on t for each statement execute function judge()",
            "closed today",
        ),
        (
            "raise exception 'closed today' using errcode = '55000'; end $$; \
             create trigger judge after insert on t for each row execute function judge()",
            "closed today",
        ),
    ] {
        let is_of_statement = body.contains("for each statement");
        for way in WAYS {
            // A row by itself is a statement.
            if is_of_statement && way.contains(&"--mode") {
                continue;
            }
            let effects = if way == WAYS[0] {
                &["append", "replace"][..]
            } else {
                &["append"]
            };
            for effect in effects {
                let database = TestDatabase::create();
                database.query(&format!("{function} {body}"));
                let args = [&["--table", "t", "--if-exists", *effect], way].concat();
                let run = Run::import(&database, &file, &args);
                run.assert_fails(5, &[text]);
                let left = rows(&database, "select name from t");
                assert_eq!(left, ["old"], "{args:?} {}", run.stderr);
            }
        }
    }
}

#[test]
fn a_statements_trigger_refuses_the_rows_that_are_too_many() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "b", "c", "d", "e", "f", "g"]);
    let table = "create table t (id int, name text); \
        create function judge() returns trigger language plpgsql as $$ begin \
          if (select count(*) from t) > 5 then raise exception 'too many rows'; end if; return null; end $$; \
        create trigger judge after insert on t for each statement execute function judge()";
    for args in [
        &["--commit", "all"][..],
        &["--commit", "batch", "--no-ledger"],
        &["--if-exists", "replace"],
        &["--mode", "sequential"],
    ] {
        let database = TestDatabase::create();
        database.query(table);
        let report = load(&database, &file, "t", args, 3);
        assert_eq!(rejected(&report), ["7 P0001", "8 P0001"], "{args:?}");
    }
}

const PARTITIONED: &str = "\
    create table t (id int, name text not null, day int) partition by range (day); \
    create table t_1 partition of t for values from (1) to (10); \
    insert into t values (0, 'old', 1)";

fn days(directory: &Path) -> PathBuf {
    let rows = [
        vec![json!(1), json!("a"), json!(1)],
        vec![json!(2), json!("b"), json!(30)],
        vec![json!(3), json!("c"), json!(9)],
        vec![json!(4), Value::Null, json!(2)],
    ];
    workbook(directory, "days.xlsx", &["id", "name", "day"], rows)
}

#[test]
fn rows_without_a_partition_are_rejected_however_they_are_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let file = days(directory.path());
    for args in [
        &[][..],
        &["--commit", "batch", "--no-ledger"],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
        &["--mode", "sequential"],
        &["--mode", "concurrent", "--no-ledger"],
        &["--dry-run"],
        &["--dry-run", "--if-exists", "replace"],
        &["--dry-run", "--if-exists", "truncate"],
    ] {
        let database = TestDatabase::create();
        database.query(PARTITIONED);
        let run = Run::import(&database, &file, &[&["--table", "t"], args].concat());
        let report = run.document(3);
        assert_eq!(report["success_count"], 2, "{args:?}");
        assert_eq!(rejected(&report), ["3 23514", "5 23502"], "{args:?}");
        let expected = match args {
            ["--dry-run", ..] => "old",
            ["--if-exists", ..] => "a,c",
            _ => "old,a,c",
        };
        let found = "select string_agg(name, ',' order by id) from t";
        assert_eq!(database.value(found), expected, "{args:?}");
    }
}

#[test]
fn a_replaced_table_gets_the_rows_that_its_triggers_take() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "boom", "skip", "b"]);
    let table = "create table t (id int, name text); insert into t values (0, 'old'); \
        create function judge() returns trigger language plpgsql as $$ begin \
          if new.name = 'boom' then raise exception 'no boom'; end if; \
          if new.name = 'skip' then return null; end if; return new; end $$; \
        create trigger judge before insert on t for each row execute function judge()";
    for args in [&[][..], &["--no-ledger"]] {
        let database = TestDatabase::create();
        database.query(table);
        let args = [&["--if-exists", "replace"], args].concat();
        let report = load(&database, &file, "t", &args, 3);
        assert_eq!(rejected(&report), ["3 P0001"]);
        assert_eq!(report["skipped"]["left_out_by_table"], 1, "{report}");
        assert_eq!(
            rows(&database, "select name from t order by id"),
            ["a", "b"]
        );
        let staged = "select count(*)::text from pg_class where relname like 'sheetload_staging%'";
        assert_eq!(database.value(staged), "0");
    }
    let database = TestDatabase::create();
    database.query(table);
    let args = [
        "--table",
        "t",
        "--if-exists",
        "replace",
        "--max-errors",
        "0",
    ];
    Run::import(&database, &file, &args).assert_fails(6, &["A3"]);
    assert_eq!(rows(&database, "select name from t"), ["old"]);
}

/// The names of 300 people of whom three are refused; the others are old ones and new ones.
fn many_names() -> Vec<&'static str> {
    let mut names = vec!["new"; 300];
    for refused in [3, 150, 151] {
        names[refused - 1] = "boom";
    }
    names
}

#[test]
fn a_table_that_others_refer_to_gets_the_rows_that_its_triggers_take() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &many_names());
    for (when, key) in [
        ("before", "primary key (id)"),
        ("after", "primary key (id)"),
        ("before", "unique (id) deferrable"),
    ] {
        let create = format!(
            "create table t (id int, name text, unique (name, id), {key}, note text default 'n'); \
             insert into t select n, 'old' from generate_series(1, 200) n; \
             create table child (t int {}); insert into child values (1), (200); \
             create function judge() returns trigger language plpgsql as $$ begin \
               if new.name = 'boom' then raise exception 'no boom'; end if; return new; end $$; \
             create trigger judge {when} insert on t for each row execute function judge()",
            // A deferrable key cannot be referred to.
            if key.ends_with("deferrable") {
                ""
            } else {
                "references t (id)"
            },
        );
        for args in [&[][..], &["--no-ledger"], &["--commit", "batch"]] {
            let database = TestDatabase::create();
            database.query(&create);
            let args = [&["--if-exists", "replace"], args].concat();
            let rehearsal = [&args[..], &["--dry-run", "--table", "t"]].concat();
            let rehearsal = Run::import(&database, &file, &rehearsal).document(3);
            let refused = ["151 P0001", "152 P0001", "4 P0001"];
            assert_eq!(rejected(&rehearsal), refused, "{when} {args:?}");
            let old = "select count(*)::text from t where name = 'old'";
            assert_eq!(database.value(old), "200");
            let report = load(&database, &file, "t", &args, 3);
            assert_eq!(rejected(&report), refused, "{when} {args:?}");
            let there =
                "select count(*) || ' ' || min(id) || ' ' || max(id) from t where name = 'new'";
            assert_eq!(database.value(there), "297 1 300");
        }
    }
}

#[test]
fn a_row_that_others_refer_to_is_not_given_up_for_its_successor_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "boom", "b"]);
    let database = TestDatabase::create();
    database.query(
        "create table t (id int primary key, name text); insert into t values (2, 'old'); \
         create table child (t int references t); insert into child values (2); \
         create function judge() returns trigger language plpgsql as $$ begin \
           if new.name = 'boom' then raise exception 'no boom'; end if; return new; end $$; \
         create trigger judge before insert on t for each row execute function judge()",
    );
    let args = ["--table", "t", "--if-exists", "replace"];
    Run::import(&database, &file, &args).assert_fails(5, &["child", "--key"]);
    assert_eq!(
        rows(&database, "select id || ' ' || name from t"),
        ["2 old"]
    );
}

#[test]
fn a_foreign_table_gets_the_rows_that_its_server_takes() {
    let database = TestDatabase::create();
    let known = "select count(*)::text from pg_available_extensions where name = 'postgres_fdw'";
    if database.value(known) == "0" {
        return;
    }
    let server = shared_server();
    database.query(&format!(
        "create extension postgres_fdw; create schema away; \
         create table away.t (id int, name text check (name <> 'boom')); \
         insert into away.t values (1, 'old'); \
         create server here foreign data wrapper postgres_fdw options (host '{}', port '{}', dbname '{}'); \
         create user mapping for current_user server here options (user '{}', password '{}'); \
         create foreign table t (id int, name text) server here options (schema_name 'away', table_name 't')",
        server.host(),
        server.port(),
        database.name(),
        server.user(),
        server.password().expose(),
    ));
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "boom", "b"]);
    let report = load(&database, &file, "t", &["--if-exists", "replace"], 3);
    assert_eq!(rejected(&report), ["3 23514"]);
    let found = "select id || ' ' || name from away.t order by id";
    assert_eq!(rows(&database, found), ["1 a", "3 b"]);
}

#[test]
fn a_policy_rejects_the_rows_that_it_forbids() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["theirs", "mine", "theirs", "mine"]);
    let database = TestDatabase::create();
    let role = format!("writer_{}", database.name());
    database.query(&format!(
        "create role {role} login password 'w'; grant create on database {} to {role}; \
         grant create on schema public to {role}; \
         create table t (id int, name text); grant insert, select, truncate, delete on t to {role}; \
         alter table t enable row level security; create policy own on t using (true) with check (name = 'mine')",
        database.name()
    ));
    let url = url_of(&database, &role, "w");
    let import = |args: &[&str]| {
        let file = file.to_str().unwrap();
        let first = [
            "import", file, "--table", "t", "--json", "--quiet", "--again",
        ];
        run_as(&url, &[&first[..], args].concat())
    };
    import(&["--no-ledger"]).assert_fails(5, &["row security", "--mode sequential"]);
    import(&["--dry-run"]).assert_fails(5, &["row security", "--mode sequential"]);
    for args in [
        &["--mode", "sequential"][..],
        &["--mode", "concurrent", "--no-ledger"],
        &["--mode", "sequential", "--dry-run"],
    ] {
        let report = import(args).document(3);
        assert_eq!(report["success_count"], 2, "{args:?}");
        assert_eq!(rejected(&report), ["2 42501", "4 42501"], "{args:?}");
        let count = if args.contains(&"--dry-run") {
            "0"
        } else {
            "2"
        };
        assert_eq!(database.value("select count(*)::text from t"), count);
        database.query("delete from t");
    }
    database.query(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn views_take_rows_by_insert_and_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "b", "c"]);
    let views = "create table behind (id int, name text); \
        create view plain as select * from behind; \
        create view checked as select * from behind where id < 3 with check option; \
        create view instead as select id, upper(name) as name from behind; \
        create function put() returns trigger language plpgsql as $$ begin \
          insert into behind values (new.id, new.name); return new; end $$; \
        create trigger put instead of insert on instead for each row execute function put()";
    let database = TestDatabase::create();
    database.query(views);
    for (view, args, code, count) in [
        ("plain", &["--mode", "sequential"][..], 0, "3"),
        ("plain", &["--mode", "sequential", "--dry-run"], 0, "0"),
        ("plain", &["--mode", "concurrent", "--no-ledger"], 0, "3"),
        ("checked", &["--mode", "sequential"], 3, "2"),
        ("checked", &["--mode", "sequential", "--dry-run"], 3, "0"),
        ("instead", &["--mode", "sequential", "--no-ledger"], 0, "3"),
        ("instead", &[], 0, "3"),
        ("instead", &["--commit", "batch"], 0, "3"),
    ] {
        let args = [&["--table", view, "--again"], args].concat();
        let report = Run::import(&database, &file, &args).document(code);
        assert_eq!(
            database.value("select count(*)::text from behind"),
            count,
            "{args:?}"
        );
        if code == 3 {
            assert_eq!(rejected(&report), ["4 44000"], "{args:?}");
        }
        database.query("truncate behind");
    }
    let run = Run::import(&database, &file, &["--table", "plain", "--again"]);
    run.assert_fails(5, &["view", "--mode sequential"]);
}

#[test]
fn identities_take_the_sheets_numbers_and_rules_are_fired_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), &["a", "b", "c"]);
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(
            "create table t (id int generated always as identity (start with 50), name text); \
             create table r (id int, name text); create table log (id int); \
             create rule keep as on insert to r where new.id = 3 do instead nothing; \
             create rule tell as on insert to r do also insert into log values (new.id)",
        );
        load(&database, &file, "t", way, 0);
        assert_eq!(
            rows(&database, "select id || name from t order by 1"),
            ["1a", "2b", "3c"],
            "{way:?}"
        );
        let is_copied = !way.contains(&"--mode");
        let args = [way, &["--again"]].concat();
        let report = load(&database, &file, "r", &args, 0);
        let (kept, told) = if is_copied { (3, "0") } else { (2, "3") };
        assert_eq!(report["success_count"], kept, "{way:?}");
        assert_eq!(
            database.value("select count(*)::text from log"),
            told,
            "{way:?}"
        );
        let warnings = report["warnings"].to_string();
        assert_eq!(
            warnings.contains("--mode sequential") && warnings.contains("keep, tell"),
            is_copied,
            "{warnings}"
        );
    }
}

#[test]
fn upserts_reject_thousands_of_rows_without_a_partition() {
    let directory = tempfile::tempdir().unwrap();
    let cells = (1..=3_000).map(|id| {
        vec![
            json!(id),
            json!("n"),
            json!(if id == 2_000 { 1 } else { 30 }),
        ]
    });
    let file = workbook(directory.path(), "many.xlsx", &["id", "name", "day"], cells);
    let database = TestDatabase::create();
    database.query(&format!(
        "{PARTITIONED}; create unique index on t (id, day)"
    ));
    let report = Run::import(&database, &file, &["--table", "t", "--key", "id,day"]).document(3);
    assert_eq!(report["success_count"], 1);
    assert_eq!(report["error_count"], 2_999);
    assert_eq!(
        rows(&database, "select id from t order by id"),
        ["0", "2000"]
    );
}
