//! Options that change how the server stores a load's rows, as the catalogs show it.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::import::{Run, rows, tables};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::{
    Cells, Started, add_gate, run, run_as, url_of, wait_for, wait_for_waiting, workbook,
    workbook_of,
};

/// Ids from 1 with a name and a city each.
fn people(directory: &Path, count: u32) -> PathBuf {
    let rows = (1..=count).map(|id| {
        vec![
            json!(id),
            json!(format!("name {}", id % 97)),
            json!(1 + id % 3),
        ]
    });
    workbook(directory, "people.xlsx", &["id", "name", "city"], rows)
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

fn count(database: &TestDatabase, table: &str) -> String {
    database.value(&format!("select count(*)::text from {table}"))
}

/// A table with every kind of index and foreign key that a load has to put back or leave alone.
const PEOPLE: &str = "\
    create table cities (id int primary key, name text); \
    insert into cities values (1, 'Bonn'), (2, 'Ulm'), (3, 'Hof'); \
    create table regions (id int primary key) partition by range (id); \
    create table regions_1 partition of regions for values from (0) to (10); \
    create table ambiguous (id int unique, twin int generated always as (id) stored); \
    create unique index ambiguous_again on ambiguous (id); \
    create table people ( \
        id int primary key, name text, city int, boss int references people, region int references regions, \
        tags text[], place box, code int, other int references ambiguous (id)); \
    insert into people (id, name, city) values (0, 'old', 1); \
    create index by_name on people (name); \
    create index by_name_backwards on people (name collate \"C\" text_pattern_ops desc nulls last) with (fillfactor = 71); \
    create index by_length on people (length(name), city, (city + 1)); \
    alter index by_length alter column 1 set statistics 321; \
    alter index by_length alter column 3 set statistics 7; \
    create index \"by Half\" on people (city) include (name) where city > 1; \
    create index by_tags on people using gin (tags) with (fastupdate = off); \
    create index by_city_hash on people using hash (city); \
    create index by_block on people using brin (id) with (pages_per_range = 8); \
    comment on index by_name is 'it''s a \\ comment'; \
    create unique index one_code on people (code); \
    create index clustered on people (city); \
    alter table people cluster on clustered; \
    create unique index identity on people (id); \
    alter table people replica identity using index identity; \
    create index of_extension on people (code); \
    alter index of_extension depends on extension plpgsql; \
    create index broken on people (code); \
    update pg_index set indisvalid = false where indexrelid = 'broken'::regclass; \
    alter table people add constraint apart exclude using gist (place with &&); \
    alter table people add constraint home foreign key (city) references cities on update cascade on delete set null \
        deferrable initially deferred; \
    comment on constraint home on people is 'where they live'; \
    alter table people add constraint later foreign key (code) references cities not valid";

/// The indexes and foreign keys of `people` with all that is said about them, and nothing that says which object it is.
fn definitions(database: &TestDatabase) -> Vec<String> {
    rows(
        database,
        "select 'index', pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class'), \
            i.indisunique, i.indisprimary, i.indisexclusion, i.indisclustered, i.indisvalid, i.indisready, i.indislive, \
            i.indisreplident, i.indimmediate, i.indnatts, i.indkey, i.indcollation, i.indclass, i.indoption, \
            c.relowner::regrole, c.reloptions, c.relpersistence, c.relam, \
            coalesce((select spcname from pg_tablespace t where t.oid = c.reltablespace), '-'), \
            (select string_agg(attname || ':' || coalesce(attstattarget, -1), ',' order by attnum) from pg_attribute \
             where attrelid = i.indexrelid), \
            (select string_agg(deptype::text || pg_describe_object(refclassid, refobjid, refobjsubid), ',' \
                 order by deptype::text || pg_describe_object(refclassid, refobjid, refobjsubid)) \
             from pg_depend where classid = 'pg_class'::regclass and objid = i.indexrelid) \
         from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = 'people'::regclass \
         order by 2",
    )
}

/// Likewise of the foreign keys.
fn keys(database: &TestDatabase) -> Vec<String> {
    rows(
        database,
        "select con.conname, pg_get_constraintdef(con.oid), obj_description(con.oid, 'pg_constraint'), \
            con.condeferrable, con.condeferred, con.convalidated, con.conislocal, con.coninhcount, con.conindid::regclass, \
            (select string_agg(tgenabled::text || ' ' || tgtype::text || ' ' || tgfoid::regproc::text || ' ' || tgrelid::regclass::text, ',' \
                 order by tgtype, tgfoid::regproc::text, tgrelid::regclass::text) from pg_trigger where tgconstraint = con.oid) \
         from pg_constraint con where con.conrelid = 'people'::regclass and con.contype = 'f' order by 1",
    )
}

/// Which objects the indexes and foreign keys are: `name oid`.
fn objects(database: &TestDatabase) -> Vec<String> {
    rows(
        database,
        "select c.relname || ' ' || c.oid from pg_index i join pg_class c on c.oid = i.indexrelid \
         where i.indrelid = 'people'::regclass \
         union all select conname || ' ' || oid from pg_constraint where conrelid = 'people'::regclass order by 1",
    )
}

fn names(value: &Value) -> Vec<&str> {
    let names = value.as_array().unwrap().iter();
    names
        .map(|part| part.as_str().or(part["name"].as_str()).unwrap())
        .collect()
}

const REBUILT: [&str; 7] = [
    "by Half",
    "by_block",
    "by_city_hash",
    "by_length",
    "by_name",
    "by_name_backwards",
    "by_tags",
];

const KEPT: [&str; 12] = [
    "apart",
    "broken",
    "clustered",
    "identity",
    "of_extension",
    "one_code",
    "people_pkey",
    "later",
    "people_boss_fkey",
    "people_other_fkey",
    "people_region_fkey",
    "people_region_fkey1",
];

#[test]
fn deferred_indexes_and_keys_are_what_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 3_000);
    for (if_exists, there) in [("append", "3001"), ("truncate", "3000")] {
        let database = TestDatabase::create();
        database.query(PEOPLE);
        let before = (definitions(&database), keys(&database), objects(&database));
        let expected = {
            let untouched = TestDatabase::create();
            untouched.query(PEOPLE);
            if if_exists == "truncate" {
                // Makes the broken index whole.
                untouched.query("truncate people");
            }
            definitions(&untouched)
        };
        let args = ["--defer-indexes", "--verify", "--if-exists", if_exists];
        let report = Run::import(&database, &file, &args).document(0);
        assert_eq!(report["success_count"], 3_000);
        assert_eq!(count(&database, "people"), there);
        let deferred = &report["deferred"];
        assert_eq!(deferred["outcome"], "rebuilt");
        assert_eq!(names(&deferred["indexes"]), REBUILT);
        assert_eq!(
            deferred["foreign_keys"],
            json!([{ "name": "home", "refers_to": "cities" }])
        );
        assert_eq!(names(&deferred["kept"]), KEPT);
        assert_eq!(definitions(&database), expected);
        assert_eq!(keys(&database), before.1);
        // Those that waited are others now, of the same names; those that stayed are the same.
        let (old, new) = (&before.2, objects(&database));
        for (old, new) in old.iter().zip(&new) {
            let name = old.rsplit_once(' ').unwrap().0;
            let waited = REBUILT.contains(&name) || name == "home";
            assert_eq!(old != new, waited, "{old} {new}");
        }
        let plan = "set enable_seqscan = off; set enable_bitmapscan = off; \
                    explain (costs off) select name from people where name = 'name 5'";
        let plan = rows(&database, plan).join(" ");
        assert!(plan.contains("by_name"), "{plan}");
    }
}

#[test]
fn a_tablespace_of_an_index_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 10);
    let database = TestDatabase::create();
    let space = format!("space_of_{}", database.name());
    database.query(&format!(
        "alter database {} set allow_in_place_tablespaces = on",
        database.name()
    ));
    database.query(&format!("create tablespace {space} location ''"));
    database.query(&format!(
        "create table people (id int, name text, city int); create index plain on people (id); \
         create index apart on people (name) tablespace {space}"
    ));
    // What the session would take for new indexes matters to none of them.
    database.query(&format!(
        "alter database {} set default_tablespace = {space}",
        database.name()
    ));
    let before = definitions(&database);
    assert!(before[0].contains(&space) != before[1].contains(&space));
    let report = Run::import(&database, &file, &["--defer-indexes"]).document(0);
    assert_eq!(names(&report["deferred"]["indexes"]), ["apart", "plain"]);
    assert_eq!(definitions(&database), before);
    drop(database);
    let other = TestDatabase::create();
    other.query(&format!("drop tablespace {space}"));
}

/// A text that no B-tree page holds, and cannot be compressed to one.
fn long_text() -> String {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from_digit(u32::try_from(state >> 33).unwrap() % 36, 36).unwrap()
    };
    (0..6_000).map(|_| next()).collect()
}

const CHECKED: &str = "\
    create table cities (id int primary key); insert into cities values (1), (2), (3); \
    create table people (id int primary key, name text, city int constraint home references cities); \
    create index by_name on people (name); insert into people values (0, 'old', 1)";

#[test]
fn rows_that_an_index_or_a_key_refuses_are_found_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let cells = (1..=400).map(|id| {
        let name = match id {
            150 => long_text(),
            _ => format!("name {id}"),
        };
        let city = if id == 350 { 99 } else { 1 + id % 3 };
        vec![json!(id), json!(name), json!(city)]
    });
    let file = workbook(
        directory.path(),
        "people.xlsx",
        &["id", "name", "city"],
        cells,
    );
    let found = |report: &Value| {
        let rejects = report["rejects"].as_array().unwrap().iter();
        let text = |reject: &Value, key: &str| reject[key].as_str().unwrap().to_owned();
        rejects
            .map(|reject| format!("{} {}", text(reject, "cell"), text(reject, "sqlstate")))
            .collect::<Vec<_>>()
    };
    let mut without = Vec::new();
    for option in [&["--again"][..], &["--defer-indexes"]] {
        let rejects = directory.path().join(format!("rejects{}.csv", option[0]));
        let rejects = rejects.to_str().unwrap();
        let database = TestDatabase::create();
        database.query(CHECKED);
        let before = (definitions(&database), keys(&database), objects(&database));
        let args = with(&["--batch-size", "100", "--rejects", rejects], option);
        let run = Run::import(&database, &file, &args);
        let report = run.document(3);
        assert_eq!(report["success_count"], 398);
        assert_eq!(found(&report), ["Sheet1!B151 54000", "Sheet1!C351 23503"]);
        assert_eq!(std::fs::read_to_string(rejects).unwrap().lines().count(), 3);
        assert_eq!(count(&database, "people"), "399");
        assert_eq!(
            (definitions(&database), keys(&database), objects(&database)),
            before
        );
        let loaded = rows(&database, "select * from people order by id");
        if option == ["--defer-indexes"] {
            assert_eq!(loaded, without);
            assert_eq!(report["deferred"]["outcome"], "loaded_again_in_place");
            let warnings = report["warnings"].to_string();
            assert!(
                warnings.contains("by_name") && warnings.contains("once more"),
                "{warnings}"
            );
            assert_eq!(count(&database, "sheetload.rejects"), "2");
        } else {
            without = loaded;
        }
        let run = Run::import(
            &database,
            &file,
            &with(option, &["--on-error", "abort", "--if-exists", "truncate"]),
        );
        assert_eq!(run.code, 6, "{}", run.stderr);
        assert_eq!(count(&database, "people"), "399");
        assert_eq!(objects(&database), before.2);
    }
}

#[test]
fn a_load_that_fails_at_the_rebuild_leaves_all_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 200);
    let database = TestDatabase::create();
    database.query(CHECKED);
    // The ledger is there, with indexes of its own.
    database.query("create table other (id int, name text, city int)");
    Run::import(&database, &file, &["--table", "other"]).document(0);
    let before = objects(&database);
    database.query(
        "create function stop() returns event_trigger language plpgsql as $$ begin \
           raise exception 'no new indexes' using errcode = '0A000'; end $$; \
         create event trigger stop on ddl_command_end when tag in ('CREATE INDEX') execute function stop()",
    );
    for if_exists in ["append", "truncate"] {
        let args = [
            "--defer-indexes",
            "--retry-for",
            "0s",
            "--if-exists",
            if_exists,
        ];
        let run = Run::import(&database, &file, &args);
        run.assert_fails(5, &["no new indexes", "by_name", "Nothing was committed"]);
        let report = run.document(5);
        assert_eq!(report["deferred"]["outcome"], "left_in_place");
        assert_eq!(rows(&database, "select * from people"), ["0|old|1"]);
        assert_eq!(objects(&database), before);
        assert_eq!(tables(&database), ["cities", "other", "people"]);
    }
    // What puts an index back as another one than it was is found out.
    database.query(
        "drop event trigger stop; \
         create or replace function stop() returns event_trigger language plpgsql as $$ begin \
           if tg_tag = 'CREATE INDEX' then execute 'alter index by_name set (fillfactor = 50)'; end if; end $$; \
         create event trigger stop on ddl_command_end when tag in ('CREATE INDEX') execute function stop()",
    );
    let run = Run::import(&database, &file, &["--defer-indexes"]);
    run.assert_fails(
        1,
        &["index by_name of public.people would not be what it was"],
    );
    assert_eq!(objects(&database), before);
    assert_eq!(count(&database, "people"), "1");
}

#[test]
fn what_cannot_be_deferred_is_refused_before_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 20);
    let database = TestDatabase::create();
    database.query(CHECKED);
    for (args, text) in [
        (&["--mode", "sequential"][..], "--mode sequential"),
        (&["--mode", "concurrent"], "--mode concurrent"),
        (&["--commit", "batch"], "--commit batch"),
        (&["--key", "id", "--on-conflict", "update"], "--key"),
        (&["--if-exists", "replace"], "--if-exists replace"),
        (&["--table", "fresh"], "there is no table public.fresh"),
    ] {
        let run = Run::import(&database, &file, &with(&["--defer-indexes"], args));
        run.assert_fails(2, &["--defer-indexes", text]);
    }
    let name = format!("loader_{}", database.name());
    database.query(&format!(
        "create role {name} login password 'secret'; grant all on people, cities to {name}; grant all on schema public to {name}"
    ));
    let url = url_of(&database, &name, "secret");
    let import = |args: &[&str]| {
        let args = with(
            &[
                "import",
                file.to_str().unwrap(),
                "--no-ledger",
                "--defer-indexes",
                "--quiet",
            ],
            args,
        );
        run_as(&url, &args)
    };
    import(&[]).assert_fails(5, &["owner of table public.people", &name]);
    database.query(&format!(
        "alter table people owner to {name}; revoke all on schema public from {name}, public; grant usage on schema public to {name}"
    ));
    import(&[]).assert_fails(5, &["right to create indexes in schema \"public\""]);
    assert_eq!(count(&database, "people"), "1");
    database.query(&format!(
        "grant create on schema public to {name}; revoke all on cities from {name}"
    ));
    // Whoever may not refer to the other table leaves the foreign key alone.
    let run = import(&["--json"]);
    let report = run.document(0);
    assert_eq!(names(&report["deferred"]["indexes"]), ["by_name"]);
    assert_eq!(
        report["deferred"]["kept"][1]["because"],
        "there is no right to refer to cities"
    );
    database.query(&format!("drop owned by {name} cascade; drop role {name}"));
}

#[test]
fn a_rehearsal_tells_the_plan_and_touches_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 200);
    let database = TestDatabase::create();
    database.query(CHECKED);
    let before = objects(&database);
    let report = Run::import(&database, &file, &["--defer-indexes", "--dry-run"]).document(0);
    assert_eq!(report["success_count"], 200);
    assert_eq!(names(&report["deferred"]["indexes"]), ["by_name"]);
    assert_eq!(names(&report["deferred"]["foreign_keys"]), ["home"]);
    assert_eq!(report["deferred"]["outcome"], "left_in_place");
    assert_eq!(objects(&database), before);
    assert_eq!(count(&database, "people"), "1");
}

#[test]
fn the_plan_is_told_before_the_load_and_again_in_the_report() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 200);
    let database = TestDatabase::create();
    database.query(CHECKED);
    let file = file.to_str().unwrap();
    let loaded = run(&database, &["import", file, "--defer-indexes"]);
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    let plan = "sheetload: until the load ends, nobody else can read or write public.people, cities\n  \
        dropped, and built after the last row: by_name\n  \
        dropped, and checked for all rows after the last one: home\n  \
        kept: index people_pkey, because it is the primary key\n";
    assert_eq!(loaded.stderr, plan);
    assert!(
        loaded
            .stdout
            .contains("1 index built and 1 foreign key checked after the rows"),
        "{}",
        loaded.stdout
    );
    // Nothing to wait for, and nobody kept away.
    database.query("create table bare (id int, name text, city int)");
    let loaded = run(
        &database,
        &["import", file, "--defer-indexes", "--table", "bare"],
    );
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    assert_eq!(
        loaded.stderr,
        "sheetload: no index or foreign key of public.bare can wait for the rows\n"
    );
    assert_eq!(count(&database, "bare"), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_the_table_while_its_indexes_are_gone() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 300);
    database.query(CHECKED);
    add_gate(&database, "people", 250);
    let gatekeeper = database.connect().await;
    gatekeeper
        .batch_execute("select pg_advisory_lock(1)")
        .await
        .unwrap();
    let load = Started::import(&database, &file, &["--defer-indexes"]);
    wait_for_waiting(&database, 1);
    for table in ["people", "cities"] {
        let look = format!("set lock_timeout = '1ms'; select * from {table}");
        let refused = gatekeeper.batch_execute(&look).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "55P03");
    }
    gatekeeper
        .batch_execute("select pg_advisory_unlock(1)")
        .await
        .unwrap();
    assert_eq!(load.end().document(0)["success_count"], 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changed_since_the_plan_is_refused_and_locks_are_tried_again() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 300);
    database.query(CHECKED);
    let mut other = database.connect().await;
    let transaction = other.transaction().await.unwrap();
    transaction
        .batch_execute("select * from people")
        .await
        .unwrap();
    let load = Started::import(&database, &file, &["--defer-indexes"]);
    wait_for_waiting(&database, 1);
    transaction
        .batch_execute("create index more on people (city)")
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    load.end().assert_fails(
        5,
        &["were changed since the load began", "Run the load again"],
    );
    assert_eq!(count(&database, "people"), "1");
    let transaction = other.transaction().await.unwrap();
    transaction
        .batch_execute("select * from people")
        .await
        .unwrap();
    let load = Started::import(
        &database,
        &file,
        &["--defer-indexes", "--lock-timeout", "50ms"],
    );
    // Its wait has an end, and is tried again: the load's transaction is rolled back in between.
    wait_for("a lock timeout", || {
        let lost = "select (xact_rollback > 0)::text from pg_stat_database where datname = current_database()";
        database.value(lost) == "true"
    });
    transaction.commit().await.unwrap();
    let report = load.end().document(0);
    assert_eq!(report["deferred"]["outcome"], "rebuilt");
    assert_eq!(names(&report["deferred"]["indexes"]), ["by_name", "more"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_interrupted_leaves_all_as_it_was_and_is_resumed() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 300);
    database.query(CHECKED);
    // The ledger is there, with indexes of its own.
    database.query("create table other (id int, name text, city int)");
    Run::import(&database, &file, &["--table", "other"]).document(0);
    let before = (definitions(&database), keys(&database), objects(&database));
    database.query(
        "create function wait() returns event_trigger language plpgsql as $$ begin \
           perform pg_advisory_xact_lock_shared(1); end $$; \
         create event trigger wait on ddl_command_end when tag in ('CREATE INDEX') execute function wait()",
    );
    let gatekeeper = database.connect().await;
    gatekeeper
        .batch_execute("select pg_advisory_lock(1)")
        .await
        .unwrap();
    let load = Started::import(&database, &file, &["--defer-indexes"]);
    wait_for_waiting(&database, 1);
    kill(
        Pid::from_raw(i32::try_from(load.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let interrupted = load.end();
    let report = interrupted.document(130);
    assert_eq!(report["state"], "interrupted");
    assert_eq!(report["deferred"]["outcome"], "left_in_place");
    assert_eq!(count(&database, "people"), "1");
    assert_eq!(
        (definitions(&database), keys(&database), objects(&database)),
        before
    );
    gatekeeper
        .batch_execute("select pg_advisory_unlock(1)")
        .await
        .unwrap();
    let load = report["load_id"].as_str().unwrap();
    let resumed = run(&database, &["resume", load, "--json", "--quiet"]).document(0);
    assert_eq!(resumed["deferred"]["outcome"], "rebuilt");
    assert_eq!(count(&database, "people"), "301");
    assert_eq!(
        (definitions(&database), keys(&database)),
        (before.0, before.1)
    );
}

/// Whether a table is unlogged, with its indexes and its TOAST table.
fn persistence(database: &TestDatabase, table: &str) -> String {
    let found = rows(
        database,
        &format!(
            "select distinct relpersistence from pg_class where oid = '{table}'::regclass \
             or oid in (select indexrelid from pg_index where indrelid = '{table}'::regclass) \
             or oid = (select reltoastrelid from pg_class where oid = '{table}'::regclass)"
        ),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn a_created_table_is_unlogged_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 300);
    for way in [
        &["--commit", "all"][..],
        &["--commit", "batch"],
        &["--mode", "sequential"],
        &["--mode", "concurrent"],
        &["--key", "id"],
        &["--infer-rows", "5"],
        &["--if-exists", "replace"],
    ] {
        let database = TestDatabase::create();
        let report = Run::import(&database, &file, &with(way, &["--unlogged"])).document(0);
        assert_eq!(report["table_unlogged"], true, "{way:?}");
        assert_eq!(report["success_count"], 300, "{way:?}");
        assert_eq!(persistence(&database, "people"), "u", "{way:?}");
        let warning = "public.people is unlogged: a crash of the server empties it, and it is not replicated; \
                       alter table \"public\".\"people\" set logged makes it safe";
        assert_eq!(report["warnings"], json!([warning]), "{way:?}");
        // It can be said again of a table that is unlogged, and one that is replaced stays so.
        for again in [&["--unlogged", "--again"][..], &["--if-exists", "replace"]] {
            if way.contains(&"--key") {
                continue;
            }
            let report =
                Run::import(&database, &file, &with(&["--table", "people"], again)).document(0);
            assert_eq!(report["table_unlogged"], true, "{way:?} {again:?}");
            assert_eq!(persistence(&database, "people"), "u", "{way:?} {again:?}");
        }
        let logged = database
            .query("alter table \"public\".\"people\" set logged; select count(*) from people");
        assert_ne!(logged[0][0].as_deref(), Some("0"));
    }
}

#[test]
fn a_table_that_exists_stays_logged_and_a_rehearsal_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 20);
    let database = TestDatabase::create();
    let report = Run::import(&database, &file, &["--unlogged", "--dry-run"]).document(0);
    assert_eq!(report["warnings"], json!([]));
    assert!(tables(&database).is_empty());
    database
        .query("create table people (id int, name text, city int); insert into people values (0)");
    for args in [
        &["--if-exists", "append"][..],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
        &["--if-exists", "append", "--dry-run"],
    ] {
        let run = Run::import(&database, &file, &with(args, &["--unlogged"]));
        run.assert_fails(
            2,
            &[
                "--unlogged",
                "public.people exists",
                "alter table \"public\".\"people\" set unlogged",
            ],
        );
        assert_eq!(rows(&database, "select * from people"), ["0|~|~"]);
        assert_eq!(persistence(&database, "people"), "p");
    }
    let report = Run::import(&database, &file, &[]).document(0);
    assert_eq!(report["table_unlogged"], false);
    assert_eq!(report["warnings"], json!([]));
}

#[test]
fn the_options_are_told_by_the_help() {
    let help = sheetload().args(["import", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in ["--unlogged", "--defer-indexes", "--freeze"] {
        assert!(help.contains(option), "{option}");
    }
}

/// A transaction that began before a load, and sees of the rows that it brings those alone that count as older than any
/// transaction.
struct Before(tokio_postgres::Client);

impl Before {
    async fn begin(database: &TestDatabase) -> Self {
        let client = database.connect().await;
        client
            .batch_execute("begin isolation level repeatable read; select 1")
            .await
            .unwrap();
        Self(client)
    }

    async fn sees(&self, table: &str) -> i64 {
        let counted = format!("select count(*) from {table}");
        self.0.query_one(&counted, &[]).await.unwrap().get(0)
    }
}

/// How many pages of a table nobody needs to write again, of how many; none where the server cannot say.
fn frozen_pages(database: &TestDatabase, table: &str) -> Option<(String, String)> {
    let known =
        "select (count(*) > 0)::text from pg_available_extensions where name = 'pg_visibility'";
    if database.major_version() < 14 || database.value(known) == "false" {
        return None;
    }
    database.query("create extension if not exists pg_visibility");
    let damaged = database.value(&format!(
        "select count(*)::text from pg_check_frozen('{table}')"
    ));
    assert_eq!(damaged, "0");
    let pages = format!("from pg_visibility_map('{table}')");
    Some((
        database.value(&format!(
            "select count(*)::text {pages} where all_frozen and all_visible"
        )),
        database.value(&format!("select count(*)::text {pages}")),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_stored_frozen_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 3_000);
    let full = "create table people (id int primary key, name text, city int); create index by_name on people (name); \
                insert into people values (0, 'old', 1)";
    for (setup, args) in [
        ("select 1", &[][..]),
        ("select 1", &["--unlogged"]),
        (full, &["--if-exists", "truncate"]),
        (full, &["--if-exists", "truncate", "--defer-indexes"]),
    ] {
        for (option, seen) in [("--freeze", 3_000), ("--verify", 0)] {
            let database = TestDatabase::create();
            database.query(setup);
            let before = Before::begin(&database).await;
            let args = with(args, &[option, "--batch-size", "400", "--workers", "3"]);
            let report = Run::import(&database, &file, &args).document(0);
            assert_eq!(report["frozen"], option == "--freeze", "{args:?}");
            assert_eq!(report["success_count"], 3_000, "{args:?}");
            assert_eq!(report["batches"], 8, "{args:?}");
            assert_eq!(count(&database, "people"), "3000", "{args:?}");
            assert_eq!(before.sees("people").await, seen, "{args:?}");
            if let Some((frozen, all)) = frozen_pages(&database, "people") {
                assert_eq!(
                    frozen == all,
                    option == "--freeze",
                    "{args:?}: {frozen} of {all}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sheets_and_rows_that_are_rejected_here_are_frozen_and_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let titles: &[&str] = &["id", "name"];
    let sheet = |first: i32| -> Vec<Cells> {
        let row = |id: i32| match id % 50 {
            0 => vec![json!("none"), json!("a")],
            _ => vec![json!(id), json!("b")],
        };
        (first..first + 200).map(row).collect()
    };
    let sheets = vec![("One", titles, sheet(1)), ("Two", titles, sheet(1_001))];
    let file = workbook_of(directory.path(), "both.xlsx", sheets);
    let database = TestDatabase::create();
    let before = Before::begin(&database).await;
    let args = [
        "--freeze",
        "--all-sheets",
        "--union",
        "--table",
        "joined",
        "--map",
        "id=:int",
        "--lineage",
    ];
    let report = Run::import(&database, &file, &args).document(3);
    assert_eq!(
        (&report["success_count"], &report["error_count"]),
        (&json!(392), &json!(8))
    );
    assert_eq!(before.sees("joined").await, 392);
    assert_eq!(report["table_created"], true);
    let load = report["load_id"].as_str().unwrap();
    assert_eq!(
        rows(
            &database,
            "select state, route, effect, rows_loaded from sheetload.loads"
        ),
        ["complete|one_transaction|create|392"]
    );
    // It holds a lock on the table.
    drop(before);
    let undone = run(&database, &["undo", load]);
    assert_eq!(undone.code, 0, "{}", undone.stderr);
    assert!(tables(&database).is_empty());
}

#[test]
fn a_row_that_the_server_refuses_ends_a_frozen_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 2_000);
    let database = TestDatabase::create();
    database.query(
        "create table people (id int, name text, city int, constraint few check (id <> 1234), constraint less check (id <> 9)); \
         insert into people values (0, 'old', 1)",
    );
    let args = [
        "--freeze",
        "--if-exists",
        "truncate",
        "--batch-size",
        "100",
        "--workers",
        "4",
    ];
    for (drop, cell, constraint) in [("less", "A1235", "few"), ("few", "A10", "less")] {
        database.query(&format!(
            "begin; alter table people drop constraint {drop}; commit"
        ));
        let run = Run::import(&database, &file, &args);
        run.assert_fails(
            6,
            &[
                cell,
                constraint,
                "Nothing was committed",
                "without --freeze",
            ],
        );
        assert_eq!(run.document(6)["frozen"], false);
        assert_eq!(rows(&database, "select * from people"), ["0|old|1"]);
        if drop == "less" {
            database.query("alter table people add constraint less check (id <> 9)");
        }
    }
    // A rehearsal finds it, and without the option it is left out.
    for args in [with(&args, &["--dry-run"]), args[1..].to_vec()] {
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(report["success_count"], 1_999, "{args:?}");
        assert_eq!(report["frozen"], false, "{args:?}");
    }
}

#[test]
fn a_table_that_takes_no_rows_at_all_ends_a_frozen_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 500);
    let database = TestDatabase::create();
    database.query(
        "create table people (id int, name text, city int); insert into people values (0, 'old', 1); \
         create function never() returns trigger language plpgsql as $$ begin raise exception 'never'; end $$; \
         create trigger never before insert on people for each statement execute function never()",
    );
    let args = [
        "--freeze",
        "--if-exists",
        "truncate",
        "--batch-size",
        "100",
        "--workers",
        "3",
    ];
    let run = Run::import(&database, &file, &args);
    run.assert_fails(
        6,
        &["a row cannot be loaded: never", "Nothing was committed"],
    );
    assert_eq!(rows(&database, "select * from people"), ["0|old|1"]);
    assert_eq!(
        rows(
            &database,
            "select state, rows_loaded, error like '%never%' from sheetload.loads"
        ),
        ["failed|0|t"]
    );
    assert_eq!(count(&database, "sheetload.batches"), "0");
}

#[test]
fn a_deferred_key_that_a_row_violates_ends_a_frozen_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 200);
    let database = TestDatabase::create();
    database.query(
        "create table cities (id int primary key); insert into cities values (1), (2); \
         create table people (id int, name text, city int references cities deferrable initially deferred); \
         insert into people values (0, 'old', 1)",
    );
    for more in [&[][..], &["--defer-indexes"]] {
        let run = Run::import(
            &database,
            &file,
            &with(&["--freeze", "--if-exists", "truncate"], more),
        );
        run.assert_fails(
            6,
            &["people_city_fkey", "(city)=(3)", "Nothing was committed"],
        );
        assert_eq!(rows(&database, "select * from people"), ["0|old|1"]);
    }
}

#[test]
fn what_cannot_be_frozen_is_refused_before_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 20);
    let database = TestDatabase::create();
    database.query(
        "create table people (id int primary key, name text, city int); insert into people values (0, 'old', 1); \
         create table parts (id int, name text, city int) partition by range (id); \
         create table part partition of parts for values from (0) to (100); \
         create view seen as select * from people",
    );
    for (args, text) in [
        (&["--mode", "sequential"][..], "--mode sequential"),
        (&["--mode", "concurrent"], "--mode concurrent"),
        (&["--commit", "batch"], "--commit batch"),
        (&["--key", "id"], "--key"),
        (&["--if-exists", "replace"], "--if-exists truncate"),
        (&["--if-exists", "append"], "--if-exists truncate"),
        (&["--table", "fresh", "--infer-rows", "5"], "--infer-rows"),
        (
            &["--table", "parts", "--if-exists", "truncate"],
            "public.parts",
        ),
        (
            &["--table", "seen", "--if-exists", "truncate"],
            "public.seen",
        ),
    ] {
        let run = Run::import(&database, &file, &with(&["--freeze"], args));
        run.assert_fails(2, &["--freeze", text]);
    }
    assert_eq!(count(&database, "people"), "1");
    assert_eq!(tables(&database), ["part", "people"]);
    let report = Run::import(
        &database,
        &file,
        &["--freeze", "--table", "part", "--if-exists", "truncate"],
    )
    .document(0);
    assert_eq!(report["frozen"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_load_that_loses_its_connection_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = people(directory.path(), 500);
    for patience in ["30s", "0s"] {
        let database = TestDatabase::create();
        database.query("create table people (id int, name text, city int); insert into people values (0, 'old', 1)");
        add_gate(&database, "people", 450);
        let gatekeeper = database.connect().await;
        gatekeeper
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        let args = [
            "--freeze",
            "--if-exists",
            "truncate",
            "--batch-size",
            "100",
            "--retry-for",
            patience,
        ];
        let load = Started::import(&database, &file, &args);
        wait_for_waiting(&database, 1);
        let before = Before::begin(&database).await;
        database.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sheetload' \
             and wait_event_type = 'Lock' and datname = current_database()",
        );
        gatekeeper
            .batch_execute("select pg_advisory_unlock(1)")
            .await
            .unwrap();
        let ended = load.end();
        if patience == "0s" {
            let failed = ended.document(5);
            assert_eq!(rows(&database, "select * from people"), ["0|old|1"]);
            let load = failed["load_id"].as_str().unwrap();
            let resumed = run(&database, &["resume", load, "--json", "--quiet"]);
            assert_eq!(resumed.document(0)["frozen"], true);
        } else {
            let report = ended.document(0);
            assert_eq!(report["frozen"], true);
            assert_ne!(report["retries"], 0);
        }
        assert_eq!(count(&database, "people"), "500");
        assert_eq!(before.sees("people").await, 500);
    }
}
