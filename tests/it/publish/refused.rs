//! Tables that are rewritten because something hangs on them, and those whose rows can't be replaced.

use sheetload::ErrorKind;
use sheetload::db::replace::plan;

use super::{assert_same, definitions, knows_version_15, replace, table};
use crate::support::import::rows;
use crate::support::server::{TestDatabase, shared_server};

/// The table of the tests below, with what hangs on it.
const TABLE: &str = "\
    create table t (id int generated always as identity primary key, v text unique, n serial); \
    insert into t (v) values ('old'), ('older')";

/// What hangs on it, or what a copy can't be given, and how it is named.
const HANGING: &[(&str, &str)] = &[
    ("create view w as select v from t", "view w depends on it"),
    (
        "create materialized view w as select v from t",
        "materialized view w depends on it",
    ),
    (
        "create view w as select 1 as x from t group by id",
        "view w depends on it",
    ),
    (
        "create function first_one(t) returns text language sql as 'select ($1).v'",
        "function first_one(t) depends on it",
    ),
    ("create table o (x t[])", "table o depends on it"),
    (
        "create table o (v text references t (v))",
        "foreign key o_v_fkey of o points to it",
    ),
    (
        "create function nothing() returns trigger language plpgsql as $$ begin return null; end $$; \
             create trigger after_all after insert on t execute function nothing()",
        "it has the trigger after_all",
    ),
    (
        "create rule r as on delete to t do also notify gone",
        "it has the rule r",
    ),
    (
        "alter table t enable row level security",
        "it has row security",
    ),
    (
        "create policy p on t using (true)",
        "policy p on table t depends on it",
    ),
    ("create publication p for table t", "publication p holds it"),
    (
        "create publication p for all tables",
        "publication p holds it",
    ),
    (
        "create publication p for tables in schema public",
        "publication p holds it",
    ),
    ("create table o () inherits (t)", "table o depends on it"),
    (
        "create table o (v text); alter table t inherit o",
        "it inherits from o",
    ),
    (
        "create statistics s on id, v from t",
        "statistics object s depends on it",
    ),
    (
        "alter table t replica identity full",
        "its replica identity is set",
    ),
    (
        "alter table t cluster on t_pkey",
        "it is clustered on t_pkey",
    ),
    (
        "alter table t alter v set statistics 500",
        "column v has settings for its statistics",
    ),
    (
        "alter table t alter v set (n_distinct = 5)",
        "column v has settings for its statistics",
    ),
    (
        "create index i on t ((v || 'x')); alter index i alter 1 set statistics 9",
        "index i has settings for its statistics",
    ),
    (
        "create role ann; grant select on t to ann with grant option; set role ann; grant select on t to public; \
             reset role",
        "ann has granted rights on it",
    ),
    (
        "grant usage on sequence t_id_seq to public",
        "sequence t_id_seq has rights, a comment or a type of its own",
    ),
    (
        "create table o (x int default nextval('t_id_seq'))",
        "default value for column x of table o depends on it",
    ),
    (
        "comment on type t is 'rows'",
        "its row type has rights or a comment of its own",
    ),
    (
        "alter table t add constraint c check (id > 0) not valid",
        "constraint c is not valid, not enforced or of a period",
    ),
    (
        "alter table t add parent int references t",
        "foreign key t_parent_fkey of t points to it",
    ),
    (
        "create table o (id int primary key); alter table t add o int references o; \
             alter table t disable trigger all",
        "triggers of its foreign keys are turned off",
    ),
    (
        "alter sequence t_id_seq as bigint",
        "sequence t_id_seq has rights, a comment or a type of its own",
    ),
];

#[tokio::test]
async fn what_hangs_on_a_table_is_kept_by_rewriting_it() {
    let database = TestDatabase::create();
    let version_15 = knows_version_15(&database);
    for (what, because) in HANGING {
        if what.contains("tables in schema") && !version_15 {
            continue;
        }
        database.query(&format!(
            "drop schema public cascade; create schema public; grant usage on schema public to public; \
             drop publication if exists p; {TABLE}"
        ));
        database.query(what);
        let before = definitions(&database);
        let oid = database.value("select 't'::regclass::oid::text");
        let mut client = database.connect().await;
        let rewritten = replace(&mut client, "t", &["v"], |staging| {
            format!("insert into {staging} (v) values ('old'), ('new'), ('newer')")
        });
        let rewritten = rewritten
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(rewritten.as_deref(), Some(*because), "{what}");
        assert_eq!(
            database.value("select 't'::regclass::oid::text"),
            oid,
            "{what}"
        );
        assert_same(&before, &definitions(&database));
        // Numbers go on from the table's own, and none are left out.
        assert_eq!(
            rows(&database, "select id, v, n from t order by id"),
            ["3|old|3", "4|new|4", "5|newer|5"],
            "{what}"
        );
        // What is no part of a database.
        database.query(
            "do $$ begin if exists (select from pg_roles where rolname = 'ann') \
             then drop owned by ann cascade; drop role ann; end if; end $$",
        );
    }
}

#[tokio::test]
async fn a_user_who_does_not_own_the_table_rewrites_it() {
    let database = TestDatabase::create();
    database.query(TABLE);
    database.query(
        "create role loader; grant create, usage on schema public to loader; \
         grant select, insert, truncate on t to loader; grant usage on sequence t_n_seq to loader",
    );
    let mut client = database.connect().await;
    client.batch_execute("set role loader").await.unwrap();
    let because = replace(&mut client, "t", &["v"], |staging| {
        format!("insert into {staging} (v) values ('new')")
    });
    assert_eq!(
        because.await.unwrap().as_deref(),
        Some("it belongs to sheetload")
    );
    assert_eq!(rows(&database, "select v from t"), ["new"]);
    drop(client);
    database.query("drop owned by loader; drop role loader");
}

#[tokio::test]
async fn partitioned_tables_and_partitions_are_rewritten() {
    let database = TestDatabase::create();
    database.query(
        "create table p (k int, v text, unique (k)) partition by range (k); \
         create table p1 partition of p for values from (0) to (10); \
         create table p2 partition of p for values from (10) to (20); \
         insert into p values (1, 'old'), (11, 'old')",
    );
    let mut client = database.connect().await;
    let because = replace(&mut client, "p", &["k", "v"], |staging| {
        format!("insert into {staging} values (2, 'new'), (12, 'new')")
    });
    assert_eq!(because.await.unwrap().as_deref(), Some("it is partitioned"));
    assert_eq!(
        rows(&database, "select * from p order by k"),
        ["2|new", "12|new"]
    );
    let because = replace(&mut client, "p1", &["k", "v"], |staging| {
        // A row beyond the partition's bounds is refused when it is staged.
        format!(
            "do $$ begin insert into {staging} values (10, 'no'); exception when check_violation then \
             insert into {staging} values (3, 'newer'); end $$"
        )
    });
    assert_eq!(because.await.unwrap().as_deref(), Some("it is a partition"));
    assert_eq!(
        rows(&database, "select * from p order by k"),
        ["3|newer", "12|new"]
    );
}

#[tokio::test]
async fn tables_that_inherit_keep_their_rows() {
    let database = TestDatabase::create();
    database.query(
        "create table t (k int primary key); create table child () inherits (t); \
         insert into t values (1); insert into child values (2); \
         create table o (k int references t); insert into o values (1)",
    );
    let mut client = database.connect().await;
    for (rows_left, drop) in [("2", "drop table o"), ("2", "select 1")] {
        replace(&mut client, "t", &["k"], |staging| {
            format!("insert into {staging} values (1), (3)")
        })
        .await
        .unwrap();
        assert_eq!(
            rows(&database, "select k from only t order by k"),
            ["1", "3"]
        );
        assert_eq!(rows(&database, "select k from child"), [rows_left]);
        database.query(drop);
    }
}

#[tokio::test]
async fn foreign_tables_are_emptied_with_delete() {
    let database = TestDatabase::create();
    let known = "select count(*)::text from pg_available_extensions where name = 'postgres_fdw'";
    if database.value(known) == "0" {
        return;
    }
    let server = shared_server();
    database.query(&format!(
        "create extension postgres_fdw; create schema away; create table away.t (k int, v text); \
         insert into away.t values (1, 'old'); \
         create server here foreign data wrapper postgres_fdw options (host '{}', port '{}', dbname '{}'); \
         create user mapping for current_user server here options (user '{}', password '{}'); \
         create foreign table t (k int, v text) server here options (schema_name 'away', table_name 't')",
        server.host(),
        server.port(),
        database.name(),
        server.user(),
        server.password().expose(),
    ));
    let mut client = database.connect().await;
    let because = replace(&mut client, "t", &["k", "v"], |staging| {
        format!("insert into {staging} values (1, 'new'), (2, 'new')")
    });
    assert_eq!(
        because.await.unwrap().as_deref(),
        Some("it is a foreign table")
    );
    assert_eq!(
        rows(&database, "select * from away.t order by k"),
        ["1|new", "2|new"]
    );
}

#[tokio::test]
async fn rows_that_others_refer_to_are_replaced_if_their_keys_come_back() {
    for timing in ["", "deferrable initially deferred"] {
        let database = TestDatabase::create();
        database.query(&format!(
            "create table t (k int primary key, v text); insert into t values (1, 'old'), (2, 'old'); \
             create table o (k int references t {timing}); insert into o values (1)"
        ));
        let mut client = database.connect().await;
        replace(&mut client, "t", &["k", "v"], |staging| {
            format!("insert into {staging} values (1, 'new'), (3, 'new')")
        })
        .await
        .unwrap();
        assert_eq!(
            rows(&database, "select * from t order by k"),
            ["1|new", "3|new"]
        );
        let error = replace(&mut client, "t", &["k", "v"], |staging| {
            format!("insert into {staging} values (3, 'newer')")
        })
        .await
        .unwrap_err();
        assert_eq!(error.facts().sqlstate.as_deref(), Some("23503"));
        assert!(error.advice().unwrap().contains("--on-conflict update"));
        assert_eq!(
            rows(&database, "select * from t order by k"),
            ["1|new", "3|new"]
        );
        client
            .batch_execute("drop table sheetload_staging_4711_1763718392000000000; truncate o")
            .await
            .unwrap();
        replace(&mut client, "t", &["k", "v"], |_| String::new())
            .await
            .unwrap();
        assert_eq!(database.value("select count(*)::text from t"), "0");
    }
}

#[tokio::test]
async fn rows_of_other_tables_are_never_deleted_or_changed() {
    for (action, text) in [
        ("on delete cascade", "would delete or change them"),
        ("on delete set null", "would delete or change them"),
        ("on delete set default", "would delete or change them"),
        (
            "on delete restrict",
            "keep the rows here from being replaced",
        ),
    ] {
        let database = TestDatabase::create();
        database.query(&format!(
            "create table t (k int primary key); insert into t values (1); \
             create table o (x int, k int constraint refers references t {action}); insert into o values (1, null)"
        ));
        let mut client = database.connect().await;
        // Nothing refers to the table yet.
        let planned = plan(&client, &table("t")).await.unwrap();
        assert_eq!(
            planned.because(),
            Some("foreign key refers of o points to it")
        );
        replace(&mut client, "t", &["k"], |staging| {
            format!("insert into {staging} values (1)")
        })
        .await
        .unwrap();
        // A row that refers to it while the load runs, and one from the beginning.
        let error = replace(&mut client, "t", &["k"], |staging| {
            format!("insert into {staging} values (1); insert into o values (2, 1)")
        })
        .await
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TableUnusable);
        assert!(error.message().contains(text), "{error}");
        let error = plan(&client, &table("t")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TableUnusable);
        assert!(error.message().contains(text), "{error}");
        assert!(error.message().contains("foreign key refers"), "{error}");
        assert!(error.advice().is_some());
        assert_eq!(
            rows(&database, "select * from o order by x"),
            ["1|~", "2|1"]
        );
    }
}

#[tokio::test]
async fn what_cannot_be_replaced_is_told_before_anything_is_done() {
    let database = TestDatabase::create();
    database.query(
        "create table t (k int); create view v as select * from t; create sequence s; \
         create materialized view m as select * from t; create index i on t (k); \
         create table ruled (k int); create rule elsewhere as on insert to ruled do instead insert into t values (new.k); \
         create table kept (k int primary key); create table o (k int references kept); \
         create rule not_gone as on delete to kept do instead nothing",
    );
    let client = database.connect().await;
    for (name, text) in [
        ("v", "v is a view"),
        ("s", "not a table"),
        ("m", "not a table"),
        ("i", "not a table"),
        ("nothing", "there is no table nothing"),
        (
            "ruled",
            "rule elsewhere of public.ruled puts rows elsewhere",
        ),
        ("kept", "rule not_gone of public.kept"),
    ] {
        let error = plan(&client, &table(name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TableUnusable, "{name}: {error}");
        assert!(error.message().contains(text), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_trigger_that_keeps_rows_makes_the_replacement_fail() {
    let database = TestDatabase::create();
    database.query(
        "create table t (k int primary key); insert into t values (1); create table o (k int references t); \
         create function stay() returns trigger language plpgsql as $$ begin return null; end $$; \
         create trigger stay before delete on t for each row execute function stay()",
    );
    let mut client = database.connect().await;
    let error = replace(&mut client, "t", &["k"], |staging| {
        format!("insert into {staging} values (2)")
    })
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TableUnusable);
    assert_eq!(rows(&database, "select * from t"), ["1"]);
}
