//! When rows are committed, when a load gives up, what is in the table then, and whom a constraint refuses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::import::{Run, columns, rows, tables};
use crate::support::server::TestDatabase;
use crate::support::sheet::{
    Cells, Started, add_gate, run, run_as, url_of, wait_for, wait_for_waiting, workbook,
    workbook_of,
};

/// Each way to write rows and to commit them.
const WAYS: [&[&str]; 5] = [
    &["--mode", "batch", "--commit", "all"],
    &["--mode", "batch", "--commit", "batch"],
    &["--mode", "batch", "--commit", "batch", "--workers", "1"],
    &["--mode", "sequential"],
    &["--mode", "concurrent"],
];

fn is_all(way: &[&str]) -> bool {
    way.contains(&"all")
}

/// Ids from 1 with a name each, but no id in every `bad`th row.
fn numbered(directory: &Path, count: u32, bad: u32) -> PathBuf {
    let rows = (1..=count).map(|id| {
        let is_bad = bad > 0 && id % bad == 0;
        let id_cell = if is_bad { Value::Null } else { json!(id) };
        vec![id_cell, json!(format!("row {id}"))]
    });
    workbook(directory, "numbered.xlsx", &["id", "name"], rows)
}

const NUMBERED: &str = "create table numbered (id int not null, name text)";

fn count(database: &TestDatabase, table: &str) -> u64 {
    database
        .value(&format!("select count(*)::text from {table}"))
        .parse()
        .unwrap()
}

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

/// Each rejected row as `cell sqlstate`.
fn rejected(report: &Value) -> Vec<String> {
    let rejects = report["rejects"].as_array().unwrap();
    rejects
        .iter()
        .map(|reject| {
            let text = |key: &str| reject[key].as_str().unwrap().to_owned();
            format!("{} {}", text("cell"), text("sqlstate"))
        })
        .collect()
}

#[test]
fn of_all_or_nothing_nothing_is_left_when_the_end_fails() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 900, 700);
    let stop = "create function stop() returns trigger language plpgsql as $$ begin \
        raise exception 'not in this house' using errcode = '58030'; end $$; \
        create trigger stop before insert on numbered for each row when (new.id = 650) execute function stop()";
    let too_many = [
        "more than 0 rows were rejected",
        "Sheet1",
        "Nothing was committed",
    ];
    let aborted = ["A701", "Nothing was committed", "--on-error skip"];
    let refused = ["not in this house", "Nothing was committed", "numbered"];
    for (trigger, args, code, texts) in [
        ("", &["--max-errors", "0"][..], 6, too_many),
        ("", &["--on-error", "abort"], 6, aborted),
        (stop, &["--retry-for", "0s"], 5, refused),
        (
            stop,
            &["--retry-for", "0s", "--if-exists", "truncate"],
            5,
            refused,
        ),
        (
            "",
            &["--max-errors", "0", "--if-exists", "truncate"],
            6,
            too_many,
        ),
        (
            "",
            &["--max-errors", "0", "--if-exists", "replace"],
            6,
            too_many,
        ),
    ] {
        let database = TestDatabase::create();
        database.query(&format!(
            "{NUMBERED}; insert into numbered values (0, 'old'); {trigger}"
        ));
        let args = with(&["--commit", "all", "--batch-size", "100"], args);
        let run = Run::import(&database, &file, &args);
        run.assert_fails(code, &texts);
        let report = run.document(code);
        assert_eq!(report["state"], "failed", "{args:?}");
        assert_eq!(report["success_count"], 0, "{args:?}");
        assert_eq!(
            rows(&database, "select * from numbered"),
            ["0|old"],
            "{args:?}"
        );
        assert_eq!(tables(&database), ["numbered"], "{args:?}");
        assert_eq!(
            rows(&database, "select state, rows_loaded from sheetload.loads"),
            ["failed|0"],
            "{args:?}"
        );
        assert_eq!(count(&database, "sheetload.batches"), 0, "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_see_all_rows_at_once_or_none() {
    let database = TestDatabase::create();
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 3_000, 0);
    database.query(&format!(
        "{NUMBERED}; insert into numbered values (0, 'old')"
    ));
    add_gate(&database, "numbered", 2_500);
    let gatekeeper = database.connect().await;
    gatekeeper
        .batch_execute("select pg_advisory_lock(1)")
        .await
        .unwrap();
    let load = Started::import(&database, &file, &["--batch-size", "100"]);
    wait_for_waiting(&database, 1);
    assert_eq!(count(&database, "numbered"), 1);
    let is_done = AtomicBool::new(false);
    let (run, seen) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            while !is_done.load(Ordering::Relaxed) {
                seen.push(count(&database, "numbered"));
            }
            seen.push(count(&database, "numbered"));
            seen
        });
        let opened = gatekeeper.batch_execute("select pg_advisory_unlock(1)");
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(opened)).unwrap();
        let run = load.end();
        is_done.store(true, Ordering::Relaxed);
        (run, watcher.join().unwrap())
    });
    run.document(0);
    assert!(
        seen.iter().all(|rows| [1, 3_001].contains(rows)),
        "{seen:?}"
    );
    assert_eq!(seen.last(), Some(&3_001));
}

/// The recorded batches of the only load, as `first-last loaded`.
fn batches(database: &TestDatabase) -> Vec<String> {
    rows(
        database,
        "select first_row || '-' || last_row || ' ' || rows_loaded from sheetload.batches order by first_row",
    )
}

#[test]
fn committed_batches_stay_and_are_recorded_with_their_rows() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 1_000, 350);
    let database = TestDatabase::create();
    database.query(NUMBERED);
    let args = ["--commit", "batch", "--batch-size", "100", "--workers", "1"];
    let run = Run::import(&database, &file, &with(&args, &["--on-error", "abort"]));
    run.assert_fails(
        6,
        &[
            "A351",
            "300 rows were committed to public.numbered and stay there",
        ],
    );
    let report = run.document(6);
    let load = report["load_id"].as_str().unwrap();
    assert!(
        run.stderr.contains(&format!("sheetload resume {load}")),
        "{}",
        run.stderr
    );
    assert_eq!(report["success_count"], 300);
    assert_eq!(
        batches(&database),
        ["2-101 100", "102-201 100", "202-301 100"]
    );
    assert_eq!(
        rows(&database, "select count(*), min(id), max(id) from numbered"),
        ["300|1|300"]
    );

    let database = TestDatabase::create();
    database.query(NUMBERED);
    for workers in ["1", "2"] {
        database.query("truncate numbered; drop schema if exists sheetload cascade");
        let args = [
            "--commit",
            "batch",
            "--batch-size",
            "300",
            "--workers",
            workers,
        ];
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(report["commit"], "batch");
        assert_eq!(report["success_count"], 998);
        assert_eq!(
            rejected(&report),
            ["Sheet1!A351 23502", "Sheet1!A701 23502"]
        );
        assert_eq!(
            batches(&database),
            ["2-301 300", "302-601 299", "602-901 299", "902-1001 100"]
        );
        assert_eq!(
            rows(
                &database,
                "select state, rows_read, rows_loaded, rows_rejected from sheetload.loads"
            ),
            ["complete|1000|998|2"]
        );
        assert_eq!(
            rows(
                &database,
                "select row, cell, sqlstate from sheetload.rejects order by row"
            ),
            ["351|Sheet1!A351|23502", "701|Sheet1!A701|23502"]
        );
    }
}

#[test]
fn options_that_contradict_each_other_touch_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 3, 0);
    let database = TestDatabase::create();
    for (args, texts) in [
        (
            &["--mode", "batch", "--commit", "row"][..],
            ["--commit row", "--mode batch"],
        ),
        (
            &["--mode", "sequential", "--commit", "all"],
            ["--commit all", "--mode sequential"],
        ),
        (
            &["--mode", "concurrent", "--commit", "batch"],
            ["--commit batch", "--mode concurrent"],
        ),
        (
            &["--key", "id", "--if-exists", "replace"],
            ["--key", "--if-exists replace"],
        ),
        (
            &["--key", "id", "--if-exists", "truncate"],
            ["--key", "truncate"],
        ),
        (&["--key", "id,id"], ["id,id", "Name each column"]),
        (&["--key", ""], ["--key", "Name each column"]),
    ] {
        Run::import(&database, &file, args).assert_fails(2, &texts);
    }
    for args in [
        &["--on-conflict", "update"][..],
        &["--commit", "never"],
        &["--max-errors", "1,5"],
        &["--max-errors", "101%"],
        &["--lock-timeout", "soon"],
        &["--retry-for", "1 day"],
    ] {
        let run = Run::import(&database, &file, args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.stderr);
        assert!(
            run.stderr.contains(args[0].trim_start_matches('-')),
            "{}",
            run.stderr
        );
    }
    assert_eq!(
        rows(
            &database,
            "select nspname from pg_namespace where nspname = 'sheetload'"
        ),
        [""; 0]
    );
    assert_eq!(tables(&database), [""; 0]);
}

#[test]
fn a_load_gives_up_at_one_more_rejected_row_than_allowed() {
    let directory = tempfile::tempdir().unwrap();
    // 50 rows, of which 5 are bad.
    let file = numbered(directory.path(), 50, 10);
    for way in WAYS {
        for (limit, code) in [
            ("5", 3),
            ("4", 6),
            ("10%", 3),
            ("9.999%", 6),
            ("0%", 6),
            ("100%", 3),
        ] {
            let database = TestDatabase::create();
            database.query(NUMBERED);
            let args = with(way, &["--max-errors", limit, "--batch-size", "7"]);
            let run = Run::import(&database, &file, &args);
            let report = run.document(code);
            let loaded = count(&database, "numbered");
            assert_eq!(report["success_count"], loaded, "{args:?}");
            if code == 3 {
                assert_eq!(report["error_count"], 5, "{args:?}");
                assert_eq!(loaded, 45, "{args:?}");
                continue;
            }
            run.assert_fails(6, &["more than", limit, "were rejected"]);
            assert_eq!(report["state"], "failed");
            match (is_all(way), limit) {
                (true, _) => assert_eq!(loaded, 0, "{args:?}"),
                // A share counts at the end, when all is committed.
                (false, "9.999%" | "0%") => assert_eq!(loaded, 45, "{args:?}"),
                (false, _) => assert!(loaded <= 45, "{args:?}"),
            }
        }
    }
}

#[test]
fn a_share_of_rejected_rows_stops_a_load_while_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    // The first 1,500 of 8,000 rows are bad.
    let bad_first = (1..=8_000).map(|id| {
        let id_cell = if id <= 1_500 { Value::Null } else { json!(id) };
        vec![id_cell, json!("x")]
    });
    let file = workbook(
        directory.path(),
        "numbered.xlsx",
        &["id", "name"],
        bad_first,
    );
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        let args = with(way, &["--max-errors", "20%", "--batch-size", "100"]);
        let run = Run::import(&database, &file, &args);
        run.assert_fails(6, &["more than 20% of the rows were rejected"]);
        let report = run.document(6);
        // At the end they would have been less than a fifth.
        let read = report["total_records"].as_u64().unwrap();
        assert!((1_000..=8_000).contains(&read), "{args:?}: {read}");
        assert_eq!(
            count(&database, "numbered"),
            report["success_count"].as_u64().unwrap()
        );
        database.query("truncate numbered; drop schema sheetload cascade");
        let args = with(way, &["--max-errors", "100%", "--batch-size", "1000"]);
        let report = Run::import(&database, &file, &args).document(3);
        assert_eq!(report["success_count"], 6_500, "{args:?}");
        assert_eq!(count(&database, "numbered"), 6_500, "{args:?}");
    }
}

#[test]
fn a_new_table_is_there_when_rows_are() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300, 0);
    for way in WAYS {
        let database = TestDatabase::create();
        let report = Run::import(&database, &file, way).document(0);
        assert_eq!(report["table_created"], true);
        assert_eq!(
            columns(&database, "numbered"),
            ["id bigint", "name text"],
            "{way:?}"
        );
        assert_eq!(
            rows(
                &database,
                "select count(*), sum(id), count(distinct name) from numbered"
            ),
            ["300|45150|300"],
            "{way:?}"
        );
        assert_eq!(tables(&database), ["numbered"], "{way:?}");
        assert_eq!(
            database.value("select obj_description('numbered'::regclass) is null"),
            "t",
            "{way:?}"
        );
    }
    // 1e300 is no number that a smallint holds.
    let bad = (1..=300).map(|id| vec![json!(id), if id == 250 { json!(1e300) } else { json!(7) }]);
    let file = workbook(directory.path(), "bad.xlsx", &["id", "n"], bad);
    for way in WAYS {
        let database = TestDatabase::create();
        let args = [
            "--map",
            "n=n:smallint",
            "--on-error",
            "abort",
            "--batch-size",
            "100",
        ];
        let run = Run::import(&database, &file, &with(way, &args));
        run.assert_fails(6, &["B251"]);
        let report = run.document(6);
        let loaded = report["success_count"].as_u64().unwrap();
        if is_all(way) {
            assert_eq!(tables(&database), [""; 0], "{way:?}");
            assert_eq!(loaded, 0, "{way:?}");
        } else {
            assert_eq!(count(&database, "bad"), loaded, "{way:?}");
            assert!(loaded < 300, "{way:?}");
        }
        let database = TestDatabase::create();
        let args = with(way, &["--map", "n=n:smallint", "--max-errors", "0.1%"]);
        Run::import(&database, &file, &args).document(6);
        let left = if is_all(way) { vec![] } else { vec!["bad"] };
        assert_eq!(tables(&database), left, "{way:?}");
    }
}

#[test]
fn the_report_says_how_rows_were_replaced_and_judges_options_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(directory.path(), "v.xlsx", &["v"], [vec![json!("new")]]);
    let database = TestDatabase::create();
    let option = |text: &str| {
        format!(
            "set allow_system_table_mods = on; update pg_attribute set attoptions = '{{{text}}}' \
             where attrelid = 't'::regclass and attname = 'v'"
        )
    };
    let known_to_users = "column v has settings for its statistics";
    for (statement, because) in [
        (
            "create view w as select v from t",
            Some("view w depends on it"),
        ),
        (
            "alter table t alter v set (n_distinct = 3)",
            Some(known_to_users),
        ),
        // A mark of the server's own, which no user set.
        (&option("pg_attver=22158952"), None),
        (
            &option("pg_attver=22158952,n_distinct=3"),
            Some(known_to_users),
        ),
        (
            &option("made_up=1"),
            Some("column v has the option made_up, which sheetload does not know"),
        ),
    ] {
        database.query("drop table if exists t cascade; create table t (v text)");
        database.query("insert into t values ('old')");
        database.query(statement);
        let args = ["--table", "t", "--if-exists", "replace"];
        let report = Run::import(&database, &file, &args).document(0);
        let expected = match because {
            None => json!({"how": "swapped"}),
            Some(because) => json!({"how": "rewritten", "because": because}),
        };
        assert_eq!(report["replaced"], expected, "{statement}");
        assert_eq!(rows(&database, "select v from t"), ["new"], "{statement}");
    }
    let report = Run::import(&database, &file, &["--table", "t", "--again"]).document(0);
    assert_eq!(report["replaced"], json!(null));
}

#[test]
fn a_replaced_table_keeps_all_that_is_not_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    let file = workbook(
        directory.path(),
        "new.xlsx",
        &["name", "price"],
        (1..=5).map(|n| vec![json!(format!("new {n}")), json!(n)]),
    );
    let database = TestDatabase::create();
    let reader = format!("reader_of_{}", database.name());
    let make = format!(
        "create role {reader}; \
         create table items (id int generated by default as identity primary key, name text not null, \
                             price numeric constraint cheap check (price < 100)); \
         create index items_by_name on items (lower(name)) include (price); \
         create unique index one_price on items (price) where price > 3; \
         comment on table items is 'ours'; comment on column items.price is 'in euros'; \
         comment on index items_by_name is 'to find them'; \
         insert into items (name, price) select 'old ' || n, n from generate_series(1, 7) n; \
         grant select on items to {reader}; grant update (price) on items to {reader}"
    );
    database.query(&make);
    let kept = "select relacl::text, obj_description(oid, 'pg_class'), col_description(oid, 3), \
                       (select attacl::text from pg_attribute where attrelid = c.oid and attname = 'price'), \
                       (select string_agg(pg_get_indexdef(indexrelid) || coalesce(obj_description(indexrelid), ''), ';' \
                                          order by indexrelid::regclass::text) \
                        from pg_index where indrelid = c.oid), \
                       (select string_agg(conname || pg_get_constraintdef(k.oid), ';' order by conname) \
                        from pg_constraint k where conrelid = c.oid), \
                       pg_get_serial_sequence('items', 'id') \
                from pg_class c where oid = 'items'::regclass";
    let before = rows(&database, kept);
    let id = "select oid::text from pg_class where oid = 'items'::regclass";
    let oid = database.value(id);
    let args = ["--table", "items", "--if-exists", "replace"];
    let report = Run::import(&database, &file, &args).document(0);
    assert_eq!(report["success_count"], 5);
    assert_eq!(report["replaced"], json!({"how": "swapped"}));
    assert_eq!(rows(&database, kept), before);
    assert_ne!(database.value(id), oid, "the staging table took its place");
    let names = "select string_agg(name, ',' order by name) from items";
    assert_eq!(database.value(names), "new 1,new 2,new 3,new 4,new 5");
    // The identity goes on behind all rows, old and new.
    assert_eq!(
        database.value("select (min(id) > 7 and max(id) = min(id) + 4)::text from items"),
        "true"
    );
    database.query("insert into items (name) values ('next')");
    assert_eq!(
        database.value("select (max(id) = min(id) + 5)::text from items"),
        "true"
    );

    // A view refers to the table itself: that one has to stay.
    database.query("create view names as select name from items");
    let oid = database.value(id);
    let report = Run::import(&database, &file, &args).document(0);
    assert_eq!(report["success_count"], 5);
    assert_eq!(database.value(id), oid);
    assert_eq!(rows(&database, kept), before);
    assert_eq!(count(&database, "names"), 5);
    database.query(&format!("drop owned by {reader}; drop role {reader}"));
}

/// A tree whose rows refer to rows that come later, each with a code, in an order of the test's own.
fn tree(directory: &Path, rows: u32, change: impl Fn(u32, &mut Cells)) -> PathBuf {
    let cells = (1..=rows).map(|id| {
        // The last row is its own parent.
        let mut cells = vec![
            json!(id),
            json!((id + 1).min(rows)),
            json!(format!("c{id}")),
        ];
        change(id, &mut cells);
        cells
    });
    workbook(directory, "tree.xlsx", &["id", "parent", "code"], cells)
}

const TREE: &str = "create table tree (id int primary key, \
    parent int references tree deferrable initially deferred, \
    code text unique deferrable initially deferred)";

#[test]
fn rows_may_refer_to_later_ones_where_the_table_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let good = tree(directory.path(), 2_000, |_, _| {});
    for args in [
        &["--batch-size", "100"][..],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
    ] {
        let database = TestDatabase::create();
        database.query(TREE);
        let report = Run::import(&database, &good, args).document(0);
        assert_eq!(report["success_count"], 2_000, "{args:?}");
        assert_eq!(count(&database, "tree"), 2_000, "{args:?}");
    }
}

#[test]
fn a_row_that_a_late_constraint_refuses_is_named_alone() {
    let directory = tempfile::tempdir().unwrap();
    // Rows refer to earlier ones, and only row 700 to one that there is not.
    let file = tree(directory.path(), 2_000, |id, cells| {
        cells[1] = json!(if id == 700 {
            99_999
        } else {
            (id % 100).min(id - 1).max(1)
        });
        if id == 900 {
            cells[2] = json!("c850");
        }
    });
    for way in WAYS {
        // Committed in an order of their own, rows would come before those they refer to.
        if way.contains(&"concurrent") || way.ends_with(&["batch"]) {
            continue;
        }
        let database = TestDatabase::create();
        database.query(TREE);
        let report = Run::import(&database, &file, way).document(3);
        assert_eq!(
            rejected(&report),
            ["Sheet1!B701 23503", "Sheet1!C901 23505"],
            "{way:?}"
        );
        assert_eq!(report["success_count"], 1_998, "{way:?}");
        assert_eq!(count(&database, "tree"), 1_998, "{way:?}");
    }
}

#[test]
fn rows_that_the_table_leaves_out_without_a_word_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 400, 100);
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(&format!(
            "{NUMBERED}; \
             create function left_out() returns trigger language plpgsql as $$ begin return null; end $$; \
             create trigger left_out before insert on numbered for each row when (new.id % 40 = 1) \
               execute function left_out()"
        ));
        let report = Run::import(&database, &file, &with(way, &["--batch-size", "90"])).document(3);
        // 1, 41, 81, ..., 361
        assert_eq!(report["skipped"]["left_out_by_table"], 10, "{way:?}");
        assert_eq!(report["error_count"], 4, "{way:?}");
        assert_eq!(report["success_count"], 386, "{way:?}");
        assert_eq!(report["total_records"], 400, "{way:?}");
        assert_eq!(count(&database, "numbered"), 386, "{way:?}");
        assert_eq!(
            rows(
                &database,
                "select state, rows_read, rows_loaded, rows_rejected from sheetload.loads"
            ),
            ["complete|400|386|4"],
            "{way:?}"
        );
    }
}

#[test]
fn databases_with_a_stricter_isolation_are_loaded_alike() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 2_000, 500);
    for isolation in ["serializable", "repeatable read"] {
        for way in WAYS {
            let database = TestDatabase::create();
            database.query(&format!("{NUMBERED}; create unique index on numbered (id)"));
            database.query(&format!(
                "alter database {} set default_transaction_isolation to '{isolation}'",
                database.name()
            ));
            let args = with(way, &["--batch-size", "100"]);
            let report = Run::import(&database, &file, &args).document(3);
            assert_eq!(report["success_count"], 1_996, "{isolation} {way:?}");
            assert_eq!(
                rows(
                    &database,
                    "select count(*), count(distinct id) from numbered"
                ),
                ["1996|1996"],
                "{isolation} {way:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_statement_or_a_lock_that_takes_too_long_ends_the_load() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 500, 0);
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        add_gate(&database, "numbered", 450);
        let holder = database.connect().await;
        holder
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        for (args, text) in [
            (["--statement-timeout", "300ms"], "statement timeout"),
            (["--lock-timeout", "300ms"], "lock timeout"),
        ] {
            let args = [
                way,
                &args[..],
                &["--retry-for", "0s", "--batch-size", "100", "--again"],
            ]
            .concat();
            let before = count(&database, "numbered");
            let run = Run::import(&database, &file, &args);
            run.assert_fails(5, &[text]);
            let report = run.document(5);
            let loaded = report["success_count"].as_u64().unwrap();
            assert_eq!(count(&database, "numbered") - before, loaded, "{args:?}");
            assert_eq!(loaded == 0, is_all(way), "{args:?}: {loaded}");
        }
    }
}

#[tokio::test]
async fn a_lock_that_goes_away_is_waited_for_as_long_as_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 500, 0);
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        add_gate(&database, "numbered", 450);
        let holder = database.connect().await;
        holder
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        let args = with(way, &["--lock-timeout", "50ms", "--batch-size", "100"]);
        let load = Started::import(&database, &file, &args);
        wait_for_waiting(&database, 1);
        // At least once in vain.
        let waiting = "select pid::text || coalesce(query_start::text, '') from pg_stat_activity \
                       where application_name = 'sheetload' and wait_event_type = 'Lock' \
                         and datname = current_database()";
        let first = rows(&database, waiting);
        wait_for("another try", || {
            let now = rows(&database, waiting);
            !now.is_empty() && now.iter().all(|one| !first.contains(one))
        });
        holder
            .batch_execute("select pg_advisory_unlock(1)")
            .await
            .unwrap();
        let report = load.end().document(0);
        assert_eq!(report["success_count"], 500, "{way:?}");
        assert!(report["retries"].as_u64().unwrap() > 0, "{way:?}");
        assert_eq!(
            rows(
                &database,
                "select count(*), count(distinct id) from numbered"
            ),
            ["500|500"],
            "{way:?}"
        );
    }
}

#[test]
fn a_role_that_may_not_make_schemas_loads_without_a_ledger_or_with_anothers() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300, 100);
    let database = TestDatabase::create();
    let role = format!("clerk_of_{}", database.name());
    database.query(&format!(
        "{NUMBERED}; create role {role} login password 'clerk'; grant insert, select on numbered to {role}; \
         revoke create on database {} from public",
        database.name()
    ));
    let url = url_of(&database, &role, "clerk");
    let path = file.to_str().unwrap();
    let import = |more: &[&str]| run_as(&url, &with(&["import", path, "--json", "--quiet"], more));
    import(&[]).assert_fails(5, &["sheetload", "--no-ledger"]);
    assert_eq!(count(&database, "numbered"), 0);
    let schema = "select count(*)::text from pg_namespace where nspname = 'sheetload'";
    assert_eq!(database.value(schema), "0");
    for way in WAYS {
        database.query("truncate numbered");
        let report = import(&with(way, &["--no-ledger"])).document(3);
        assert_eq!(report["success_count"], 297, "{way:?}");
        assert_eq!(count(&database, "numbered"), 297, "{way:?}");
        assert_eq!(database.value(schema), "0", "{way:?}");
    }

    // The ledger of another one.
    database.query("create table other (id int, name text)");
    Run::import(&database, &file, &["--table", "other"]).document(0);
    for args in [&[][..], &["--again"]] {
        import(args).assert_fails(5, &["schema sheetload", "--no-ledger"]);
    }
    database.query(&format!("grant usage on schema sheetload to {role}"));
    for args in [&[][..], &["--again"]] {
        import(args).assert_fails(5, &["permission denied", "schema sheetload", "--no-ledger"]);
    }
    database.query(&format!(
        "grant usage on schema sheetload to {role}; \
         grant select, insert, update, delete on all tables in schema sheetload to {role}"
    ));
    for way in WAYS {
        database.query("truncate numbered");
        let report = import(&with(way, &["--again"])).document(3);
        assert_eq!(report["success_count"], 297, "{way:?}");
        assert_eq!(count(&database, "numbered"), 297, "{way:?}");
    }
    let by_state = "select state, count(*) from sheetload.loads group by 1 order by 1";
    assert_eq!(rows(&database, by_state), ["complete|6"]);
    database.query(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn a_file_is_loaded_once_unless_it_is_said_again_or_it_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let sheet = |name, from: u32| {
        let titles: &[&str] = &["id", "name"];
        let rows: Vec<Cells> = (from..from + 10)
            .map(|id| vec![json!(id), json!("x")])
            .collect();
        (name, titles, rows)
    };
    let sheets = vec![sheet("One", 1), sheet("Two", 11)];
    let file = workbook_of(directory.path(), "numbered.xlsx", sheets);
    let database = TestDatabase::create();
    database.query(NUMBERED);
    let import = |args: &[&str]| Run::import(&database, &file, args);
    let refused = |args: &[&str]| {
        let before = count(&database, "numbered");
        import(args).assert_fails(7, &["numbered already", "--again"]);
        assert_eq!(count(&database, "numbered"), before);
    };
    import(&["--range", "A1:B5"]).document(0);
    assert_eq!(count(&database, "numbered"), 4);
    refused(&["--range", "A1:B5"]);
    // A part of it is in the table.
    refused(&[]);
    refused(&["--mode", "sequential"]);
    refused(&["--dry-run"]);
    import(&["--range", "A1:B3"]).document(0);
    import(&["--sheet", "Two"]).document(0);
    refused(&["--sheet", "Two"]);
    refused(&["--sheet", "2"]);
    assert_eq!(count(&database, "numbered"), 16);
    let report = import(&["--sheet", "Two", "--again"]).document(0);
    assert_eq!(count(&database, "numbered"), 26);
    // Another table is another one.
    import(&["--table", "other", "--sheet", "Two"]).document(0);

    // Rows with lineage can be taken back, and the file is loaded again then.
    let report_of = |args: &[&str]| import(args).document(0);
    let lineage = ["--table", "traced", "--sheet", "Two", "--lineage"];
    let traced = report_of(&lineage);
    import(&lineage).assert_fails(7, &["traced already"]);
    let undone = run(&database, &["undo", traced["load_id"].as_str().unwrap()]);
    assert_eq!(undone.code, 0, "{}", undone.stderr);
    report_of(&lineage);
    database.query("drop table numbered");
    assert_eq!(report["state"], "complete");
    report_of(&["--sheet", "Two"]);
    assert_eq!(count(&database, "numbered"), 10);
    refused(&["--sheet", "Two"]);

    // Rows of another file took their place.
    let other = workbook(
        directory.path(),
        "other.xlsx",
        &["id", "name"],
        [vec![json!(1), json!("y")]],
    );
    Run::import(
        &database,
        &other,
        &["--table", "numbered", "--if-exists", "replace"],
    )
    .document(0);
    report_of(&["--sheet", "Two"]);
    assert_eq!(count(&database, "numbered"), 11);
    refused(&["--sheet", "Two"]);
    for how in ["replace", "truncate"] {
        report_of(&["--sheet", "Two", "--if-exists", how]);
        assert_eq!(count(&database, "numbered"), 10, "{how}");
        refused(&["--sheet", "Two"]);
    }
    // Nothing of a load that left nothing.
    database.query("truncate numbered; alter table numbered alter id set not null");
    let bad = numbered(directory.path(), 10, 10);
    Run::import(
        &database,
        &bad,
        &["--on-error", "abort", "--table", "numbered"],
    )
    .document(6);
    Run::import(&database, &bad, &["--table", "numbered"]).document(3);
}

#[tokio::test]
async fn of_two_loads_of_one_file_at_the_same_time_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = numbered(directory.path(), 300, 0);
    for way in WAYS {
        let database = TestDatabase::create();
        database.query(NUMBERED);
        add_gate(&database, "numbered", 200);
        let holder = database.connect().await;
        holder
            .batch_execute("select pg_advisory_lock(1)")
            .await
            .unwrap();
        let first = Started::import(&database, &file, way);
        wait_for_waiting(&database, 1);
        Run::import(&database, &file, way)
            .assert_fails(7, &["is being loaded into table", "numbered", "right now"]);
        holder
            .batch_execute("select pg_advisory_unlock(1)")
            .await
            .unwrap();
        first.end().document(0);
        assert_eq!(count(&database, "numbered"), 300, "{way:?}");
        // Both begin at once.
        database.query("truncate numbered; drop schema sheetload cascade");
        let both = [(); 2].map(|()| Started::import(&database, &file, way));
        let mut codes = both.map(|load| load.end().code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 7], "{way:?}");
        assert_eq!(count(&database, "numbered"), 300, "{way:?}");
    }
}

/// A table with a constraint of every kind, and a trigger that raises.
const GUARDED: &str = "\
    create table kinds (name text primary key); insert into kinds values ('a'), ('b'); \
    create domain even as int check (value % 2 = 0); \
    create table guarded (id int primary key, code text unique, kind text references kinds, \
                          qty int check (qty > 0), two even, note text, name text not null); \
    create index on guarded (note); \
    create function no_13() returns trigger language plpgsql as $$ begin \
        if new.qty = 13 then raise exception 'no thirteens'; end if; return new; end $$; \
    create trigger no_13 before insert on guarded for each row execute function no_13(); \
    insert into guarded values (100000, 'taken', 'a', 1, 2, '', 'there')";

/// A sheet for it, with the faults of these rows, each with what names it.
fn guarded(directory: &Path, count: u32, faults: &BTreeMap<u32, usize>) -> (PathBuf, Vec<String>) {
    // No index holds so much, even compressed.
    let mut state = 7_u64;
    let long: String = (0..5_000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
        })
        .collect();
    let kinds: [(usize, Value, &str, &str); 8] = [
        (0, json!(100_000), "A", "23505"),
        (1, json!("taken"), "B", "23505"),
        (2, json!("z"), "C", "23503"),
        (3, json!(-1), "D", "23514"),
        (4, json!(3), "E", "23514"),
        (5, json!(long), "F", "54000"),
        (6, Value::Null, "G", "23502"),
        (3, json!(13), "?", "P0001"),
    ];
    let cells = (1..=count).map(|id| {
        let mut cells = vec![
            json!(id),
            json!(format!("c{id}")),
            json!(if id % 3 == 0 { "a" } else { "b" }),
            json!(id % 5 + 1),
            json!(id * 2),
            json!("short"),
            json!("n"),
        ];
        if let Some(kind) = faults.get(&id) {
            let (column, value, ..) = &kinds[*kind];
            cells[*column] = value.clone();
        }
        cells
    });
    let titles = ["id", "code", "kind", "qty", "two", "note", "name"];
    let file = workbook(directory, "guarded.xlsx", &titles, cells);
    let expected = faults
        .iter()
        .map(|(id, kind)| format!("{}{} {}", kinds[*kind].2, id + 1, kinds[*kind].3))
        .collect();
    (file, expected)
}

/// The rejected rows, as the faults are named: what no cell is at fault for has the row alone.
fn named(report: &Value) -> Vec<String> {
    let rejects = report["rejects"].as_array().unwrap();
    rejects
        .iter()
        .map(|reject| {
            let sqlstate = reject["sqlstate"].as_str().unwrap();
            let cell = match sqlstate {
                "P0001" => format!("?{}", reject["row"]),
                _ => reject["cell"].as_str().unwrap().replace("Sheet1!", ""),
            };
            format!("{cell} {sqlstate}")
        })
        .collect()
}

#[test]
fn every_fault_is_found_at_its_cell_and_all_other_rows_are_loaded() {
    let directory = tempfile::tempdir().unwrap();
    for (total, faults) in [
        // One of each kind, and at both ends.
        (
            1_000,
            (0..8)
                .map(|kind| (u32::try_from(kind).unwrap() * 142 + 1, kind))
                .collect::<BTreeMap<_, _>>(),
        ),
        // 200 of 2,000.
        (
            2_000,
            (0..200).map(|n| (n * 10 + 3, n as usize % 8)).collect(),
        ),
        // All of them.
        (120, (1..=120).map(|id| (id, id as usize % 8)).collect()),
    ] {
        let (file, expected) = guarded(directory.path(), total, &faults);
        for way in WAYS {
            let database = TestDatabase::create();
            database.query(GUARDED);
            let args = with(way, &["--batch-size", "300"]);
            let report = Run::import(&database, &file, &args).document(3);
            let good = u64::from(total) - faults.len() as u64;
            assert_eq!(
                named(&report),
                expected,
                "{way:?} {total} {}",
                report["rejects"]
            );
            assert_eq!(report["error_count"], expected.len(), "{way:?} {total}");
            assert_eq!(report["success_count"], good, "{way:?} {total}");
            let ids = rows(
                &database,
                "select id from guarded where id <> 100000 order by id",
            );
            let wanted = (1..=total).filter(|id| !faults.contains_key(id));
            assert_eq!(
                ids,
                wanted.map(|id| id.to_string()).collect::<Vec<_>>(),
                "{way:?} {total}"
            );
        }
    }
}

#[test]
fn one_bad_row_of_twenty_thousand_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (file, expected) = guarded(directory.path(), 20_000, &[(13_007, 2)].into());
    for way in &WAYS[..2] {
        let database = TestDatabase::create();
        database.query(GUARDED);
        let report = Run::import(&database, &file, way).document(3);
        assert_eq!(named(&report), expected, "{way:?}");
        assert_eq!(
            rows(
                &database,
                "select count(*), sum(id::bigint) from guarded where id <= 20000"
            ),
            [format!("19999|{}", 20_000_u64 * 20_001 / 2 - 13_007)],
            "{way:?}"
        );
    }
}
