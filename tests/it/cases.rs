//! Small inputs that once went wrong, with the tables that they must give.
//!
//! They lie beside the repository; without them there is nothing to try. What each of them showed is also held by a test
//! of the room at fault, on a workbook of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::import::{Run, columns, rows};
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::{run_as, url_of};

/// The folder of a case and a database to try it in.
struct Case {
    folder: PathBuf,
    database: TestDatabase,
}

impl Case {
    /// Nothing where the cases are not there.
    fn named(name: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/cases")
            .join(name);
        if !folder.is_dir() {
            note(&format!(
                "no case {name} beside the repository, nothing was tried"
            ));
            return None;
        }
        Some(Self {
            folder,
            database: TestDatabase::create(),
        })
    }

    /// Runs the case's own `setup.sql`.
    fn set_up(&self) {
        self.sql(&std::fs::read_to_string(self.folder.join("setup.sql")).unwrap());
    }

    fn sql(&self, statements: &str) {
        self.database.query(statements);
    }

    fn import(&self, file: &str, args: &[&str]) -> Run {
        Run::import(&self.database, &self.folder.join(file), args)
    }

    fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.database, query)
    }

    fn value(&self, query: &str) -> String {
        self.database.value(query)
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a test that had nothing to try says so"
)]
fn note(text: &str) {
    eprintln!("{text}");
}

/// The cells of all rejects in a report, sorted.
fn rejected_cells(document: &Value) -> Vec<String> {
    let mut cells: Vec<String> = document["rejects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| reject["cell"].as_str().unwrap_or("-").to_owned())
        .collect();
    cells.sort();
    cells
}

/// The three ways in which a sheet is loaded a second time.
const AGAIN: [&[&str]; 3] = [&[], &["--again"], &["--if-exists", "replace"]];

#[test]
fn duplicate_titles_are_found_again() {
    let Some(case) = Case::named("05-duplicate-headers") else {
        return;
    };
    for (args, expected) in AGAIN.into_iter().zip([1, 2, 1]) {
        case.import("dup.xlsx", &[&["--table", "t05"], args].concat())
            .document(0);
        assert_eq!(
            case.value("select count(*)::text from t05"),
            expected.to_string()
        );
        assert_eq!(
            case.rows("select distinct * from t05"),
            ["a|b|c|d|e|f|g|h|i@x"],
            "{args:?}"
        );
    }
    let names: Vec<String> = columns(&case.database, "t05");
    let names: Vec<&str> = names
        .iter()
        .map(|column| column.split(' ').next().unwrap())
        .collect();
    let expected = "name,name_2,name_2_2,name_3,name_4,column_f,column_g,column_h,email";
    assert_eq!(names.join(","), expected);
}

#[test]
fn odd_titles_are_found_again() {
    let Some(case) = Case::named("07-odd-headers") else {
        return;
    };
    let mut first = None;
    for (args, count) in AGAIN.into_iter().zip([1, 2, 1]) {
        case.import("odd.xlsx", &[&["--table", "t07"], args].concat())
            .document(0);
        assert_eq!(
            case.value("select count(*)::text from t07"),
            count.to_string()
        );
        let distinct = case.rows("select distinct * from t07");
        assert_eq!(distinct.len(), 1, "{args:?}: {distinct:?}");
        let row = first.get_or_insert(distinct[0].clone());
        assert_eq!(*row, distinct[0], "{args:?}");
    }
    let expected: Vec<String> = (1..=29).map(|number| number.to_string()).collect();
    assert_eq!(first.unwrap(), expected.join("|"));
    assert_eq!(
        case.rows("select ctid_2, xmin_2, tableoid_2, a_b, a_b_2, a_b_3 from t07"),
        ["15|16|17|21|22|23"]
    );
}

#[test]
fn generated_columns_are_passed_over_when_asked() {
    let Some(case) = Case::named("09-identity-generated") else {
        return;
    };
    case.set_up();
    case.import("gen.xlsx", &["--table", "gen"])
        .assert_fails(4, &["total", "-total"]);
    case.import("gen.xlsx", &["--table", "gen", "--extra-columns", "ignore"])
        .document(0);
    let expected = ["10|a|2.5|2|5.0", "11|b|1.5|4|6.0"];
    assert_eq!(case.rows("select * from gen order by id"), expected);
}

#[test]
fn all_cells_that_only_the_server_refuses_are_named() {
    let Some(case) = Case::named("10-types-enum-array-json") else {
        return;
    };
    case.set_up();
    let document = case.import("types.xlsx", &["--table", "ty"]).document(3);
    assert_eq!(case.rows("select id from ty"), ["1"]);
    let text = document["rejects"].to_string();
    for cell in [
        "B3", "C3", "D3", "E3", "G3", "H3", "I3", "J3", "K3", "L3", "M3", "N3", "O3",
    ] {
        assert!(text.contains(&format!("!{cell}\"")), "{cell} in {text}");
    }
    assert_eq!(document["error_count"], 1);
}

#[test]
fn rows_without_a_partition_are_rejected_alone() {
    let Some(case) = Case::named("11-view-partition-foreign") else {
        return;
    };
    let setup = std::fs::read_to_string(case.folder.join("setup.sql")).unwrap();
    // Its last lines make foreign tables, which need an extension and a server at a fixed port.
    case.sql(setup.split("create extension").next().unwrap());
    for args in [
        &[][..],
        &["--dry-run", "--again"],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
    ] {
        let document = case
            .import("v.xlsx", &[&["--table", "part"], args].concat())
            .document(3);
        assert_eq!(document["success_count"], 2, "{args:?}");
        assert_eq!(document["error_count"], 2, "{args:?}");
        let days = case.rows("select id, day from part order by id");
        assert_eq!(days, ["1|2024-01-01", "2|2024-02-01"], "{args:?}");
    }
    let run = case.import("v.xlsx", &["--table", "v_simple"]);
    if run.code == 0 {
        assert_eq!(case.value("select count(*)::text from vbase"), "4");
    } else {
        assert!(run.stderr.contains("--mode sequential"), "{}", run.stderr);
    }
}

#[test]
fn only_texts_of_one_meaning_become_dates() {
    let Some(case) = Case::named("13-date-texts") else {
        return;
    };
    let ambiguous = "'03/04/2024', 'now', 'today', 'yesterday', 'epoch', 'J2451187', '45351', \
        '20240229', '12:30', '8:30 PM', '1/1/24', '31.12.1899'";
    case.sql("create table dt3 (txt text, tz timestamptz)");
    for column in ["d date", "ts timestamp", "tz timestamptz"] {
        let name = column.split(' ').next().unwrap();
        case.sql(&format!(
            "drop table dt3; create table dt3 (txt text, {column})"
        ));
        let args = ["--table", "dt3", "--extra-columns", "ignore", "--again"];
        case.import("dates.xlsx", &args).document(3);
        let wrong =
            format!("select txt from dt3 where txt in ({ambiguous}) and {name} is not null");
        assert_eq!(case.rows(&wrong), [""; 0], "{column}");
        assert_eq!(
            case.rows(&format!(
                "select {name}::date from dt3 where txt = '2024-02-29'"
            )),
            ["2024-02-29"]
        );
        case.sql("truncate dt3");
        let with_format = [&args[..], &["--date-format", "DD/MM/YYYY"]].concat();
        case.import("dates.xlsx", &with_format).document(3);
        assert_eq!(
            case.rows(&format!(
                "select {name}::date from dt3 where txt = '03/04/2024'"
            )),
            ["2024-04-03"],
            "{column}"
        );
        assert_eq!(
            case.rows("select txt from dt3 where txt in ('now', 'today', '02/29/2024')"),
            [""; 0]
        );
    }
}

#[test]
fn settings_of_the_role_do_not_change_what_a_value_is() {
    let Some(case) = Case::named("14-timestamptz-role-settings") else {
        return;
    };
    let mut seen = Vec::new();
    for style in ["ISO, MDY", "German, DMY", "SQL, YMD"] {
        case.sql("drop table if exists one; create table one (txt text, tz timestamptz)");
        case.sql(&format!(
            "alter role current_user set datestyle = '{style}'"
        ));
        case.import(
            "tz.xlsx",
            &["--table", "one", "--extra-columns", "ignore", "--again"],
        )
        .document(3);
        case.sql("alter role current_user reset datestyle");
        seen.push(case.rows("set datestyle = 'ISO'; select txt, tz from one order by txt"));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert!(
        !seen[0]
            .iter()
            .any(|row| row.starts_with("03/04") || row.starts_with("now")),
        "{seen:?}"
    );
}

#[test]
fn whole_seconds_stay_whole() {
    let Some(case) = Case::named("15-microseconds") else {
        return;
    };
    for file in ["opx", "xw", "d14", "d15", "d16", "d17"] {
        case.sql("drop table if exists us");
        case.import(&format!("{file}.xlsx"), &["--table", "us", "--no-ledger"])
            .document(0);
        let wrong = "select count(*)::text from us where ts <> txt::timestamp \
            or tm <> (txt::timestamp)::time or tm is null or ts is null";
        assert_eq!(case.value(wrong), "0", "{file}");
        assert_eq!(
            case.value("select count(*)::text from us"),
            "5000",
            "{file}"
        );
        case.sql("drop table us; create table us (txt text, ts timestamp(0), tm time(0), dur interval(0))");
        let args = ["--table", "us", "--no-ledger", "--extra-columns", "ignore"];
        case.import(&format!("{file}.xlsx"), &args).document(0);
        assert_eq!(case.value(wrong), "0", "{file} without fractions");
        assert_eq!(
            case.value(
                "select count(*)::text from us where dur <> (txt::timestamp)::time::interval"
            ),
            "0",
            "{file}"
        );
    }
}

#[test]
fn sequences_are_moved_behind_explicit_ids() {
    let Some(case) = Case::named("20-sequence-not-advanced") else {
        return;
    };
    for args in [
        &[][..],
        &["--mode", "sequential"],
        &["--mode", "concurrent"],
        &["--commit", "batch"],
    ] {
        case.set_up();
        for table in ["s_ident", "s_serial"] {
            case.import("ids.xlsx", &[&["--table", table, "--again"], args].concat())
                .document(0);
            case.sql(&format!("insert into {table} (name) values ('new')"));
            assert_eq!(
                case.value(&format!("select max(id)::text from {table}")),
                "6"
            );
            let replace = ["--table", table, "--if-exists", "replace"];
            case.import("ids.xlsx", &replace).document(0);
            case.sql(&format!("insert into {table} (name) values ('new')"));
            let count = case.value(&format!("select count(distinct id)::text from {table}"));
            assert_eq!(count, "6", "{table} {args:?}");
        }
    }
}

#[test]
fn rows_refused_at_the_commit_are_counted_and_named() {
    let Some(case) = Case::named("23-constraints") else {
        return;
    };
    case.set_up();
    for args in [
        &["--commit", "batch", "--no-ledger"][..],
        &["--commit", "batch"],
        &["--no-ledger"],
        &["--mode", "sequential", "--no-ledger"],
        &["--mode", "concurrent", "--no-ledger"],
        &["--if-exists", "replace"],
        &["--if-exists", "truncate"],
    ] {
        case.sql("truncate c_def");
        let document = case
            .import("c.xlsx", &[&["--table", "c_def", "--again"], args].concat())
            .document(3);
        let count = case.value("select count(*)::text from c_def");
        assert_eq!(count, "6", "{args:?}");
        assert_eq!(document["success_count"], 6, "{args:?}");
        assert_eq!(document["error_count"], 1, "{args:?}");
    }
    let args = ["--table", "c_trg", "--if-exists", "replace"];
    let document = case.import("c.xlsx", &args).document(3);
    assert_eq!(case.value("select count(*)::text from c_trg"), "5");
    assert!(
        document["rejects"].to_string().contains("Sheet!A6"),
        "{}",
        document["rejects"]
    );
}

#[test]
fn long_ids_keep_the_digits_of_the_file_or_are_told() {
    let Some(case) = Case::named("33-long-ids") else {
        return;
    };
    for kind in ["bigint", "numeric", "text"] {
        case.sql(&format!(
            "drop table if exists t33; create table t33 (txt text, n {kind})"
        ));
        let run = case.import("ids.xlsx", &["--table", "t33", "--no-ledger"]);
        assert!([0, 3].contains(&run.code), "{}", run.stderr);
        let document = run.document(run.code);
        let changed = case.rows("select txt from t33 where n::text <> txt");
        let told = document["warnings"]
            .to_string()
            .contains("more than 15 digits");
        assert!(changed.is_empty() || told, "{kind}: {changed:?}");
        assert!(
            !document["rejects"].to_string().contains("out of range for"),
            "{document}"
        );
    }
}

#[test]
fn all_bad_cells_of_a_row_are_named() {
    let Some(case) = Case::named("43-all-bad-cells-of-a-row") else {
        return;
    };
    case.sql("create table t43 (id int, qty int, price numeric, day date, flag boolean)");
    let document = case
        .import("m.xlsx", &["--table", "t43", "--dry-run"])
        .document(3);
    let text = document["rejects"].to_string();
    for cell in ["A3", "B3", "C3", "D3", "E3"] {
        assert!(text.contains(&format!("!{cell}\"")), "{cell} in {text}");
    }
}

#[test]
fn money_is_the_same_in_every_locale() {
    let Some(case) = Case::named("45-money-lc-monetary") else {
        return;
    };
    let locale =
        case.rows("select collname from pg_collation where collname in ('de_DE.utf8', 'de_DE')");
    case.sql("create table t45 (what text, m money)");
    if !locale.is_empty() {
        case.sql("alter role current_user set lc_monetary = 'de_DE.UTF-8'");
    }
    case.import("m.xlsx", &["--table", "t45"]);
    case.sql("alter role current_user reset lc_monetary");
    let wrong = "set lc_monetary = 'C'; select what from t45 where m::numeric <> what::numeric and what <> '1.005'";
    assert_eq!(case.rows(wrong), [""; 0]);
    assert_eq!(case.value("select (count(*) >= 3)::text from t45"), "true");
}

#[test]
fn rows_with_an_empty_key_do_not_double() {
    let Some(case) = Case::named("51-upsert-keys") else {
        return;
    };
    for conflict in ["update", "ignore", "fail"] {
        case.sql("drop table if exists k1; create table k1 (id int, code text unique, name text)");
        let mut counts = Vec::new();
        for _ in 0..3 {
            let args = [
                "--table",
                "k1",
                "--key",
                "code",
                "--on-conflict",
                conflict,
                "--again",
            ];
            let run = case.import("k.xlsx", &args);
            assert!(
                run.code == 0 || run.code == 3 || run.code == 7,
                "{}",
                run.stderr
            );
            counts.push(case.value("select count(*)::text from k1"));
        }
        assert_eq!(counts[0], counts[1], "{conflict}");
        assert_eq!(counts[0], counts[2], "{conflict}");
    }
}

#[test]
fn numbers_do_not_become_dates_and_times() {
    let Some(case) = Case::named("61-numbers-into-other-types") else {
        return;
    };
    for kind in ["timestamptz", "timetz", "timestamp", "date", "time"] {
        case.sql(&format!(
            "drop table if exists t61; create table t61 (n int, v {kind})"
        ));
        let document = case
            .import("n.xlsx", &["--table", "t61", "--again"])
            .document(3);
        assert_eq!(
            case.rows("select n from t61 where v is not null"),
            [""; 0],
            "{kind}"
        );
        assert_eq!(document["error_count"], 7, "{kind}");
    }
    case.sql("drop table t61; create table t61 (n int, v \"char\")");
    case.import("n.xlsx", &["--table", "t61", "--again"])
        .document(3);
    assert_eq!(
        case.rows("select n from t61 where n in (1, 2, 3, 5, 7)"),
        [""; 0]
    );
}

#[test]
fn whatever_a_trigger_raises_is_the_fault_of_its_row() {
    let Some(case) = Case::named("62-trigger-errcodes") else {
        return;
    };
    for code in [
        "P0001", "45000", "PT400", "UE001", "55000", "42501", "P0004", "0A000", "23505", "XX000",
    ] {
        case.sql(&format!(
            "drop table if exists t62; create table t62 (id int, code text); \
             create or replace function f62() returns trigger language plpgsql as $$ begin \
             if new.code = 'boom' then raise exception 'not allowed: %', new.id using errcode = '{code}'; end if; \
             return new; end $$; \
             create trigger t before insert on t62 for each row execute function f62()"
        ));
        for args in [
            &["--no-ledger"][..],
            &["--mode", "sequential"],
            &["--mode", "concurrent"],
            &["--if-exists", "replace"],
            &["--commit", "batch"],
            &["--dry-run"],
        ] {
            case.sql("truncate t62");
            let document = case
                .import("t.xlsx", &[&["--table", "t62", "--again"], args].concat())
                .document(3);
            assert_eq!(document["success_count"], 2, "{code} {args:?}");
            let text = document["rejects"].to_string();
            assert!(
                text.contains("Sheet!A3") && text.contains(code),
                "{code} {args:?}: {text}"
            );
            let expected: &[&str] = if args == ["--dry-run"] {
                &[]
            } else {
                &["1", "3"]
            };
            assert_eq!(
                case.rows("select id from t62 order by id"),
                expected,
                "{code} {args:?}"
            );
        }
    }
}

#[test]
fn rows_of_child_tables_are_kept() {
    let Some(case) = Case::named("63-inheritance-children") else {
        return;
    };
    for action in ["truncate", "replace"] {
        case.sql(
            "drop table if exists p63 cascade; create table p63 (id int, name text); \
             create table c63 (more text) inherits (p63); insert into p63 values (1, 'old'); \
             insert into c63 values (2, 'kept', 'x')",
        );
        let run = case.import(
            "p.xlsx",
            &["--table", "p63", "--if-exists", action, "--again"],
        );
        assert_eq!(
            case.rows("select id, name from c63"),
            ["2|kept"],
            "{action}"
        );
        if run.code == 0 {
            assert_eq!(case.rows("select name from only p63"), ["new"], "{action}");
        } else {
            assert!(run.stderr.contains("c63"), "{}", run.stderr);
        }
    }
}

#[test]
fn columns_without_a_title_are_found_again() {
    let Some(case) = Case::named("66-untitled-columns-append") else {
        return;
    };
    for (args, count) in AGAIN.into_iter().zip([1, 2, 1]) {
        case.import("u.xlsx", &[&["--table", "t66"], args].concat())
            .document(0);
        assert_eq!(
            case.rows("select distinct id, column_b, name from t66 order by id"),
            ["1|lost?|a", "2|lost2?|b"],
            "{args:?}"
        );
        assert_eq!(
            case.value("select count(*)::text from t66"),
            (2 * count).to_string()
        );
        case.import("sym.xlsx", &[&["--table", "s66"], args].concat())
            .document(0);
        assert_eq!(
            case.rows("select distinct * from s66"),
            ["1|p|d|e|b"],
            "{args:?}"
        );
    }
}

#[test]
fn each_mode_names_the_cell_that_the_server_refuses() {
    let Some(case) = Case::named("69-server-side-cell-naming") else {
        return;
    };
    case.sql(
        "create type e69 as enum ('ok'); create domain d69 as text check (value like '%@%'); \
         create table t69 (id int, en e69, dom d69, arr int[], js jsonb, rng int4range, bits bit(3), \
             ck int check (ck > 0), rx text check (rx ~ '^[a-z]+$'), ip inet)",
    );
    let expected = ["B3", "C4", "D5", "E6", "F7", "G8", "H9", "I10", "J11"];
    for mode in ["batch", "sequential", "concurrent"] {
        case.sql("truncate t69");
        let document = case
            .import("s.xlsx", &["--table", "t69", "--mode", mode, "--again"])
            .document(3);
        assert_eq!(case.rows("select id from t69"), ["0"], "{mode}");
        let mut expected: Vec<String> = expected
            .iter()
            .map(|cell| format!("Sheet!{cell}"))
            .collect();
        expected.sort();
        assert_eq!(rejected_cells(&document), expected, "{mode}");
    }
}

#[test]
fn workbooks_that_readers_got_wrong_are_read_right() {
    let Some(case) = Case::named("70-readers") else {
        return;
    };
    let load = |file: &str, args: &[&str]| {
        case.sql("drop table if exists t");
        case.import(file, &[&["--table", "t", "--again"], args].concat())
            .document(0);
    };
    load("ods_two_values.ods", &[]);
    assert_eq!(case.rows("select n from t order by n"), ["1", "20", "300"]);
    for file in ["column_major_5.xls", "column_major_title_last.xls"] {
        load(file, &[]);
        assert_eq!(
            case.value("select count(id || name || price)::text from t"),
            "5",
            "{file}"
        );
    }
    load("biff5_no_codepage.xls", &[]);
    assert!(
        columns(&case.database, "t")[0].starts_with("товар"),
        "{:?}",
        columns(&case.database, "t")
    );
    assert_eq!(case.rows("select * from t"), ["Хлеб"]);
    load("ods_string_value.ods", &["--header-row", "none"]);
    let texts = case.rows("select t::text from t").join("\n");
    for text in ["abc\r\ndef", "two  spaces", "A-1"] {
        assert!(texts.contains(text), "{text:?} in {texts:?}");
    }
    load("double_rounded.xlsx", &[]);
    let expected = [
        "0.30000000000000004",
        "0.30000000000000004",
        "790.7936267415464",
        "0.6666666666666666",
        "142857.14285714287",
    ];
    let doubles = case.rows("select (to_jsonb(t) - 'what')::text from t");
    for (row, value) in doubles.iter().zip(expected) {
        assert!(row.contains(value), "{value} in {doubles:?}");
    }
    let module = ["--all-sheets", "--hidden", "load"];
    case.import("module_sheet.xlsx", &module).document(0);
    assert_eq!(case.rows("select * from data"), ["1|2"]);
}

#[test]
fn empty_cells_take_defaults_where_they_are_asked_to() {
    let Some(case) = Case::named("35-defaults-for-empty-cells") else {
        return;
    };
    case.sql(
        "create table d (id serial primary key, name text, status text not null default 'new', \
                         created_at timestamptz not null default now(), qty int not null default 1)",
    );
    let rejected = case.import("d.xlsx", &["--table", "d", "--dry-run"]);
    assert_eq!(rejected.document(3)["error_count"], 2);
    case.import("d.xlsx", &["--table", "d", "--empty", "default"])
        .document(0);
    assert_eq!(
        case.rows(
            "select name, status, qty, created_at > now() - interval '1 hour' from d order by name"
        ),
        ["a|open|5|f", "b|new|1|t", "c|x|1|t"]
    );
    assert_eq!(case.value("select count(distinct id)::text from d"), "3");
}

#[test]
fn a_dry_run_needs_no_more_rights_than_the_load() {
    let Some(case) = Case::named("21-roles-and-rights") else {
        return;
    };
    let (app, inserts) = (
        format!("app_{}", case.database.name()),
        format!("ins_{}", case.database.name()),
    );
    case.sql(&format!(
        "create role {app} login password 'r'; create role {inserts} login password 'r'; \
         revoke create on schema public from public; \
         create table app (id int, name text); grant select, insert on app to {app}; grant insert on app to {inserts}; \
         create table rls (id int, name text); alter table rls enable row level security; \
         create policy p on rls for insert to {app} with check (id < 4); grant select, insert on rls to {app}"
    ));
    let file = case.folder.join("ids.xlsx");
    let import = |role: &str, args: &[&str]| {
        let first = [
            "import",
            file.to_str().unwrap(),
            "--no-ledger",
            "--json",
            "--quiet",
        ];
        run_as(
            &url_of(&case.database, role, "r"),
            &[&first[..], args].concat(),
        )
    };
    for role in [&app, &inserts] {
        let tried = import(role, &["--table", "app", "--dry-run"]).document(0);
        assert_eq!(tried["success_count"], 5, "{role}");
        assert_eq!(case.value("select count(*)::text from app"), "0");
        import(role, &["--table", "app"]).document(0);
        case.sql("truncate app");
    }
    import(&app, &["--table", "rls"]).assert_fails(5, &["row security", "--mode sequential"]);
    for (args, count) in [(&["--dry-run"][..], "0"), (&[], "3")] {
        let report = import(
            &app,
            &[&["--table", "rls", "--mode", "sequential"], args].concat(),
        );
        assert_eq!(report.document(3)["success_count"], 3);
        assert_eq!(case.value("select count(*)::text from rls"), count);
    }
    case.sql(&format!(
        "drop owned by {app}, {inserts}; drop role {app}; drop role {inserts}"
    ));
}

#[test]
fn a_sheet_without_a_part_does_not_hide_the_others() {
    let Some(case) = Case::named("70-readers") else {
        return;
    };
    let output = sheetload()
        .args(["inspect", "--json"])
        .arg(case.folder.join("module_sheet.xlsx"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("Data"));
}
