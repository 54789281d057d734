//! What programs read of a command that fails.

use serde_json::{Value, json};

use crate::support::import::Run;
use crate::support::program::sheetload;
use crate::support::server::TestDatabase;
use crate::support::sheet::workbook;

#[test]
fn a_command_that_fails_prints_a_document_where_one_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    database.query("create table t (id int, n int)");
    let file = workbook(
        directory.path(),
        "t.xlsx",
        &["id", "other"],
        [vec![json!(1), json!(2)]],
    );
    let (file, url) = (file.to_str().unwrap(), database.url());
    let broken = directory.path().join("broken.xlsx");
    std::fs::write(&broken, "PK\x03\x04 and no more").unwrap();
    let broken = broken.to_str().unwrap();
    let missing = "no such file.xlsx";
    let dead = "postgresql://nobody:secret@127.0.0.1:1/nowhere";
    let cases = [
        (
            &["import", missing, "-d", &url][..],
            4,
            "file_unreadable",
            true,
        ),
        (
            &["import", broken, "-d", dead, "--retry-for", "0"],
            4,
            "workbook_broken",
            true,
        ),
        (
            &["import", file, "-d", dead, "--retry-for", "0"],
            5,
            "database_unreachable",
            true,
        ),
        (&["import", file, "-d", &url], 4, "column_mismatch", true),
        (
            &["import", file, "-d", &url, "--if-exists", "fail"],
            2,
            "table_exists",
            true,
        ),
        (
            &[
                "import",
                file,
                "-d",
                &url,
                "--freeze",
                "--mode",
                "sequential",
            ],
            2,
            "invalid_options",
            true,
        ),
        (&["resume", "-d", &url], 2, "load_not_found", true),
        (
            &["history", "-d", dead, "--retry-for", "0"],
            5,
            "database_unreachable",
            true,
        ),
        (&["undo", "12345678", "-d", &url], 2, "load_not_found", true),
        (
            &["compare", file, "-d", dead, "--retry-for", "0"],
            5,
            "database_unreachable",
            true,
        ),
        (&["inspect", missing], 4, "file_unreadable", false),
    ];
    for (args, code, kind, has_database) in cases {
        let output = sheetload().args(args).arg("--json").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?} {stderr}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        let document: Value = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {stdout}"));
        assert_eq!(document["error"]["kind"], kind, "{args:?} {stdout}");
        assert_eq!(document["exit_code"], code, "{args:?}");
        assert_eq!(document["state"], "failed", "{args:?}");
        let message = document["error"]["message"].as_str().unwrap();
        assert!(stderr.contains(message), "{stderr}");
        assert_eq!(document["errors"], json!([message]));
        let database = document["database"]["url"].as_str();
        assert_eq!(database.is_some(), has_database, "{args:?} {stdout}");
        assert!(
            database.is_none_or(|url| url.starts_with("postgresql://")),
            "{stdout}"
        );
        assert!(!stdout.contains("secret"), "{stdout}");
        // Without the option, stdout is for results alone.
        let output = sheetload().args(args).output().unwrap();
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_load_that_stops_names_the_error_in_its_report() {
    let directory = tempfile::tempdir().unwrap();
    let database = TestDatabase::create();
    database.query("create table t (n int)");
    let file = workbook(directory.path(), "t.xlsx", &["n"], [vec![json!("x")]]);
    let report = Run::import(&database, &file, &["--max-errors", "0"]).document(6);
    assert_eq!(report["error"]["kind"], "too_many_rejects");
    assert_eq!(report["error"]["cell"], "Sheet1!A2");
    assert_eq!(report["state"], "failed");
}
